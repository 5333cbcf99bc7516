/* SPDX-License-Identifier: Apache-2.0 */
/* store: digests of files, trees and databases, fingerprints, and what is remembered
 * of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "helpers.h"

static struct digest
digest_of(struct store *s, const char *path)
{
	struct error e = {0};
	struct digest d = {{0}};

	assert_int_equal(store_file_digest(s, path, &d, &e), 0);
	return d;
}

static void
refuses_what_is_no_file(void **state)
{
	struct store *s = open_store(*state);
	struct error e = {0};
	struct digest d;
	char *fifo = path_join(*state, "fifo");

	assert_int_equal(store_file_digest(s, "/does/not/exist", &d, &e), -1);
	assert_non_null(strstr(e.text, "/does/not/exist"));
	error_clear(&e);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	assert_int_equal(store_file_digest(s, fifo, &d, &e), -1);
	assert_string_not_equal(e.text, "");
	store_close(s);
	free(fifo);
}

static void
a_fresh_file_is_hashed_each_time(void **state)
{
	struct store *s = open_store(*state);
	char *file = path_join(*state, "file");
	struct digest d, want;
	struct stat st;

	write_text(file, "one");
	digest_bytes("one", 3, &want);
	d = digest_of(s, file);
	assert_true(digest_equal(&d, &want));
	assert_int_equal(stat(file, &st), 0);
	/* Same inode, size and mtime. */
	write_text(file, "two");
	set_mtime(file, &st);
	digest_bytes("two", 3, &want);
	d = digest_of(s, file);
	assert_true(digest_equal(&d, &want));
	store_close(s);
	free(file);
}

/* An old mtime does not make a file old: its ctime is new. */
static void
a_file_copied_over_with_its_mtime(void **state)
{
	struct store *s = open_store(*state);
	char *file = path_join(*state, "file");
	struct digest d, want;

	write_text(file, "one");
	make_old(file);
	digest_of(s, file);
	write_text(file, "two");
	make_old(file);
	digest_bytes("two", 3, &want);
	d = digest_of(s, file);
	assert_true(digest_equal(&d, &want));
	store_close(s);
	free(file);
}

/* Remembered lines as the cache holds them; the digests in them are replaced by a
 * mark, so that a look-up shows where it came from. */
static void
mark_cache(const char *store, const char *was, const char *mark)
{
	char *path = xasprintf("%s/cache/digests", store), *text = read_text(path), *at,
	     *line;
	struct str out = {0};

	for (line = text; *line;) {
		size_t n = strcspn(line, "\n");
		char *body = xstrndup(line + 9, n - 9);

		at = strstr(body, was);
		if (at)
			memcpy(at, mark, strlen(mark));
		line_seal(&out, body, strlen(body));
		free(body);
		line += n + (line[n] == '\n');
	}
	write_text(path, out.s);
	str_free(&out);
	free(text);
	free(path);
}

static void
a_settled_file_is_remembered(void **state)
{
	struct store *s = open_store(*state);
	char *file = path_join(*state, "file"), *folder = path_join(*state, "folder");
	char *inner = path_join(folder, "inner"), was[DIGEST_HEX + 1],
	     mark[DIGEST_HEX + 1];
	char *path = xstrdup(store_path(s));
	struct digest d, of_file, of_folder, marked;

	write_text(file, "settled");
	assert_int_equal(mkdir(folder, 0755), 0);
	write_text(inner, "settled too");
	usleep(2300000);
	of_file = digest_of(s, file);
	of_folder = digest_of(s, folder);
	assert_int_equal(digest_tree(folder, &d, NULL, NULL), 0);
	assert_true(digest_equal(&d, &of_folder));
	store_close(s);
	memset(&marked, 0xab, sizeof marked);
	digest_hex(&marked, mark);
	mark_cache(path, digest_hex(&of_file, was), mark);
	mark_cache(path, digest_hex(&of_folder, was), mark);
	s = open_store(*state);
	d = digest_of(s, file);
	assert_true(digest_equal(&d, &marked));
	d = digest_of(s, folder);
	assert_true(digest_equal(&d, &marked));
	/* A change within the folder, which leaves the folder's own mtime as it is. */
	write_text(inner, "changed now!");
	d = digest_of(s, folder);
	assert_false(digest_equal(&d, &marked));
	assert_false(digest_equal(&d, &of_folder));
	write_text(file, "changed");
	d = digest_of(s, file);
	assert_false(digest_equal(&d, &marked));
	store_close(s);
	free(path);
	free(inner);
	free(folder);
	free(file);
}

static void
a_damaged_cache_is_only_slower(void **state)
{
	struct store *s = open_store(*state);
	char *path = xasprintf("%s/cache/digests", store_path(s));
	char *file = path_join(*state, "file");
	struct digest d, want;

	store_close(s);
	write_text(path, "12345678 f-1-2 3 4 5 rubbish\n\n\377torn");
	write_text(file, "x");
	digest_bytes("x", 1, &want);
	s = open_store(*state);
	d = digest_of(s, file);
	assert_true(digest_equal(&d, &want));
	store_close(s);
	/* Written anew without the rubbish. */
	assert_content(path, "");
	free(file);
	free(path);
}

/* --- databases -------------------------------------------------------------------- */

static struct digest
database(struct store *s, const char *prefix, const char *suffixes)
{
	struct words w = {0};
	struct error e = {0};
	struct digest d = {{0}};

	if (suffixes)
		words_split(&w, suffixes);
	assert_int_equal(store_database_digest(s, prefix, suffixes ? &w : NULL, &d, &e),
			 0);
	words_free(&w);
	return d;
}

static void
bad_databases(void **state)
{
	struct store *s = open_store(*state);
	char *empty = path_join(*state, "empty"), *db = path_join(*state, "db");
	char *declared = path_join(*state, "db.sha256");
	struct words w = {0};
	struct error e = {0};
	struct digest d;

	assert_int_equal(store_database_digest(s, db, NULL, &d, &e), -1);
	assert_non_null(strstr(e.text, db));
	error_clear(&e);
	words_add(&w, "_a3m.ffdata");
	assert_int_equal(store_database_digest(s, db, &w, &d, &e), -1);
	assert_non_null(strstr(e.text, "db_a3m.ffdata"));
	error_clear(&e);
	assert_int_equal(mkdir(empty, 0755), 0);
	assert_int_equal(store_database_digest(s, empty, NULL, &d, &e), -1);
	assert_non_null(strstr(e.text, "empty"));
	error_clear(&e);
	write_text(db, "x");
	write_text(declared, "no digest here\n");
	assert_int_equal(store_database_digest(s, db, NULL, &d, &e), -1);
	assert_non_null(strstr(e.text, "line 1"));
	words_free(&w);
	store_close(s);
	free(declared);
	free(db);
	free(empty);
}

static void
a_database_is_known_by_content_not_place(void **state)
{
	struct store *s = open_store(*state);
	char *one = path_join(*state, "one"), *two = path_join(*state, "two"), *moved,
	     *file;
	struct digest a, b;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(mkdir(i ? two : one, 0755), 0);
		file = path_join(i ? two : one, "bfd_a3m");
		write_text(file, "data");
		if (i)
			make_old(file);
		free(file);
		file = path_join(i ? two : one, "bfd_hhm");
		write_text(file, "more");
		free(file);
	}
	a = database(s, one, NULL);
	b = database(s, two, NULL);
	assert_true(digest_equal(&a, &b));
	file = path_join(one, "bfd");
	moved = path_join(two, "bfd");
	a = database(s, file, "_a3m _hhm");
	b = database(s, moved, "_a3m _hhm");
	assert_true(digest_equal(&a, &b));
	b = database(s, moved, "_a3m");
	assert_false(digest_equal(&a, &b));
	free(file);
	file = path_join(two, "bfd_a3m");
	write_text(file, "dat.");
	b = database(s, moved, "_a3m _hhm");
	assert_false(digest_equal(&a, &b));
	free(file);
	/* Through a link. */
	file = path_join(*state, "link");
	assert_int_equal(symlink(one, file), 0);
	a = database(s, one, NULL);
	b = database(s, file, NULL);
	assert_true(digest_equal(&a, &b));
	store_close(s);
	free(file);
	free(moved);
	free(two);
	free(one);
}

static void
a_large_database_is_sampled(void **state)
{
	enum { SIZE = 20 * 1024 * 1024 };
	struct store *s = open_store(*state);
	char *file = path_join(*state, "large");
	struct digest a, b;

	write_text(file, "start");
	assert_int_equal(truncate(file, SIZE), 0);
	a = database(s, file, NULL);
	/* Within the first block, the last block, the size. */
	flip_bit(file, 100);
	b = database(s, file, NULL);
	assert_false(digest_equal(&a, &b));
	a = b;
	flip_bit(file, SIZE - 1);
	b = database(s, file, NULL);
	assert_false(digest_equal(&a, &b));
	a = b;
	assert_int_equal(truncate(file, SIZE + 1), 0);
	b = database(s, file, NULL);
	assert_false(digest_equal(&a, &b));
	store_close(s);
	free(file);
}

static void
a_declared_digest_is_taken(void **state)
{
	static const char sum[] =
		"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08";
	struct store *s = open_store(*state);
	char *db = path_join(*state, "db"), *declared = path_join(*state, "db.sha256"),
	     *text;
	struct digest a, b;

	write_text(db, "x");
	text = xasprintf("%s  /somewhere/db\n", sum);
	write_text(declared, text);
	a = database(s, db, NULL);
	free(text);
	text = xasprintf("%s *elsewhere/db\r\n\n", sum);
	write_text(declared, text);
	write_text(db, "not looked at");
	b = database(s, db, NULL);
	assert_true(digest_equal(&a, &b));
	text[0] = '0';
	write_text(declared, text);
	b = database(s, db, NULL);
	assert_false(digest_equal(&a, &b));
	store_close(s);
	free(text);
	free(declared);
	free(db);
}

/* --- fingerprints ----------------------------------------------------------------- */

static void
fingerprints_last_as_long_as_their_files(void **state)
{
	struct store *s = open_store(*state);
	char *tool = path_join(*state, "tool"), *absent = path_join(*state, "absent"),
	     *text;
	const char *files[] = {tool, absent};
	struct digest id, other;

	digest_bytes("id", 2, &id);
	digest_bytes("other", 5, &other);
	assert_null(store_fingerprint(s, &id));
	write_text(tool, "v1");
	/* Changed just now: not remembered. */
	store_fingerprint_put(s, &id, "tool 1", files, 2);
	assert_null(store_fingerprint(s, &id));
	usleep(2300000);
	store_fingerprint_put(s, &id, "tool 1", files, 2);
	store_fingerprint_put(s, &other, "no files", NULL, 0);
	text = store_fingerprint(s, &id);
	assert_string_equal(text, "tool 1");
	free(text);
	store_close(s);
	s = open_store(*state);
	text = store_fingerprint(s, &id);
	assert_string_equal(text, "tool 1");
	free(text);
	text = store_fingerprint(s, &other);
	assert_string_equal(text, "no files");
	free(text);
	store_close(s);
	write_text(absent, "not any more");
	s = open_store(*state);
	assert_null(store_fingerprint(s, &id));
	unlink(absent);
	text = store_fingerprint(s, &id);
	assert_string_equal(text, "tool 1");
	free(text);
	store_close(s);
	write_text(tool, "v2");
	s = open_store(*state);
	assert_null(store_fingerprint(s, &id));
	store_close(s);
	free(absent);
	free(tool);
}

/* Files that the kernel makes up have the time of their reading: content decides. */
static void
fingerprints_of_kernel_files(void **state)
{
	struct store *s = open_store(*state);
	const char *boot = "/proc/sys/kernel/random/boot_id",
		   *other = "/proc/sys/kernel/random/uuid", *cpus = "/sys/devices/system/cpu/possible";
	struct digest id, changing;
	char *text, *link = path_join(*state, "link");

	digest_bytes("id", 2, &id);
	digest_bytes("changing", 8, &changing);
	assert_int_equal(symlink(boot, link), 0);
	store_fingerprint_put(s, &id, "this boot", (const char *[]){boot, cpus, link}, 3);
	store_fingerprint_put(s, &changing, "new each time", &other, 1);
	store_close(s);
	s = open_store(*state);
	text = store_fingerprint(s, &id);
	assert_non_null(text);
	assert_string_equal(text, "this boot");
	free(text);
	assert_null(store_fingerprint(s, &changing));
	store_close(s);
	free(link);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(refuses_what_is_no_file),
		TEST(bad_databases),
		TEST(a_fresh_file_is_hashed_each_time),
		TEST(a_file_copied_over_with_its_mtime),
		TEST(a_settled_file_is_remembered),
		TEST(a_damaged_cache_is_only_slower),
		TEST(a_database_is_known_by_content_not_place),
		TEST(a_large_database_is_sampled),
		TEST(a_declared_digest_is_taken),
		TEST(fingerprints_last_as_long_as_their_files),
		TEST(fingerprints_of_kernel_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SHA-256 of bytes, files and trees. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/fs.h"
#include "base/mem.h"

static char *scratch;

static int
setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	scratch = xasprintf("%s/af2-digest-XXXXXX", tmp ? tmp : "/tmp");
	umask(022);
	return mkdtemp(scratch) && chdir(scratch) == 0 ? 0 : -1;
}

static int
teardown(void **state)
{
	int rc;

	(void)state;
	rc = chdir("/") < 0 ? -1 : fs_remove_tree(scratch, NULL);
	free(scratch);
	return rc;
}

static void
put(const char *path, const char *text)
{
	assert_int_equal(fs_write_file(path, text, strlen(text), 0, NULL), 0);
}

static void
expect_hex(const struct digest *d, const char *want)
{
	char hex[DIGEST_HEX + 1];

	assert_string_equal(digest_hex(d, hex), want);
}

static const char empty_hex[] =
	"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
static const char abc_hex[] =
	"ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";

static void
test_hex(void **state)
{
	struct digest d, same;
	char text[DIGEST_HEX + 2];

	(void)state;
	memset(&d, 7, sizeof d);
	same = d;
	assert_int_equal(digest_parse("", &d), -1);
	assert_int_equal(digest_parse("abc", &d), -1);
	strcpy(text, abc_hex);
	text[63] = '\0';
	assert_int_equal(digest_parse(text, &d), -1);
	strcpy(text, abc_hex);
	strcat(text, "0");
	assert_int_equal(digest_parse(text, &d), -1);
	strcpy(text, abc_hex);
	text[10] = 'g';
	assert_int_equal(digest_parse(text, &d), -1);
	text[10] = 'A';
	assert_int_equal(digest_parse(text, &d), -1);
	assert_true(digest_equal(&d, &same));
	assert_int_equal(digest_parse(abc_hex, &d), 0);
	expect_hex(&d, abc_hex);
	assert_false(digest_equal(&d, &same));
}

static void
test_bytes(void **state)
{
	struct digest d, e;
	struct hash *h;

	(void)state;
	digest_bytes(NULL, 0, &d);
	expect_hex(&d, empty_hex);
	digest_bytes("abc", 3, &d);
	expect_hex(&d, abc_hex);
	h = hash_new();
	hash_add(h, "a", 1);
	hash_add(h, NULL, 0);
	hash_add(h, "bc", 2);
	hash_end(h, &e);
	assert_true(digest_equal(&d, &e));
	hash_end(hash_new(), &e);
	expect_hex(&e, empty_hex);
}

/* A field is its length in 8 bytes and its text; two fields never look like one. */
static void
test_fields(void **state)
{
	struct digest a, b;
	struct hash *h = hash_new();

	(void)state;
	hash_add_field(h, "ab");
	hash_add_field(h, "");
	hash_end(h, &a);
	digest_bytes("\2\0\0\0\0\0\0\0ab\0\0\0\0\0\0\0\0", 18, &b);
	assert_true(digest_equal(&a, &b));
	h = hash_new();
	hash_add_field(h, "a");
	hash_add_field(h, "b");
	hash_end(h, &b);
	assert_false(digest_equal(&a, &b));
}

static void *
hash_often(void *arg)
{
	struct digest d;

	for (int i = 0; i < 2000; i++)
		digest_bytes("abc", 3, &d);
	*(struct digest *)arg = d;
	return NULL;
}

static void
test_threads(void **state)
{
	pthread_t threads[4];
	struct digest results[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		assert_int_equal(
			pthread_create(&threads[i], NULL, hash_often, &results[i]), 0);
	for (int i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		expect_hex(&results[i], abc_hex);
	}
}

static void
test_file(void **state)
{
	struct error e = {0};
	struct digest d, want;
	uint64_t size = 9;
	char *data = xmalloc(1000000);

	(void)state;
	assert_int_equal(digest_file("absent", &d, &size, &e), -1);
	assert_string_equal(e.text, "cannot open 'absent': No such file or directory");
	error_clear(&e);
	assert_int_equal(digest_file(".", &d, &size, &e), -1);
	assert_string_equal(e.text, "cannot hash '.': it is a folder");
	error_clear(&e);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_int_equal(digest_file("fifo", &d, &size, &e), -1);
	assert_string_equal(e.text, "cannot hash 'fifo': it is not a regular file");
	assert_int_equal(size, 9);
	put("empty", "");
	assert_int_equal(digest_file("empty", &d, &size, NULL), 0);
	expect_hex(&d, empty_hex);
	assert_int_equal(size, 0);
	for (int i = 0; i < 1000000; i++)
		data[i] = (char)(i * 2654435761u >> 11);
	assert_int_equal(fs_write_file("large", data, 1000000, 0, NULL), 0);
	digest_bytes(data, 1000000, &want);
	free(data);
	assert_int_equal(digest_file("large", &d, NULL, NULL), 0);
	assert_int_equal(digest_file("large", &d, &size, NULL), 0);
	assert_true(digest_equal(&d, &want));
	assert_int_equal(size, 1000000);
}

/* A tree in folder `root`; its parts are made in the order given by `backwards`. */
static void
make_tree(const char *root, int backwards)
{
	static const char *const names[] = {"b/x", "a", "b.c", "b/y/deep", "Z", "\xff"};

	for (int i = 0; i < 6; i++) {
		const char *name = names[backwards ? 5 - i : i];
		char *path = path_join(root, name), *dir = path_dir(path);

		assert_int_equal(fs_mkdirs(dir, NULL), 0);
		put(path, name);
		free(dir);
		free(path);
	}
}

static struct digest
tree_of(const char *path)
{
	struct digest d;

	assert_int_equal(digest_tree(path, &d, NULL, NULL), 0);
	return d;
}

static void
test_tree_bad(void **state)
{
	struct error e = {0};
	struct digest d;
	uint64_t size = 9;

	(void)state;
	assert_int_equal(digest_tree("absent", &d, &size, &e), -1);
	assert_string_equal(e.text, "cannot open 'absent': No such file or directory");
	error_clear(&e);
	assert_int_equal(fs_mkdirs("odd/sub", NULL), 0);
	assert_int_equal(mkfifo("odd/sub/fifo", 0600), 0);
	assert_int_equal(digest_tree("odd", &d, &size, &e), -1);
	assert_string_equal(
		e.text,
		"cannot hash 'odd/sub/fifo': it is not a file, folder or symlink");
	assert_int_equal(size, 9);
}

static void
test_tree_same(void **state)
{
	struct digest a, b;
	uint64_t size;

	(void)state;
	make_tree("t1", 0);
	make_tree("t2", 1);
	a = tree_of("t1");
	b = tree_of("t2");
	assert_true(digest_equal(&a, &b));
	/* Neither the path, nor times, nor what the mode says to others. */
	assert_int_equal(chmod("t2/a", 0400), 0);
	assert_int_equal(chmod("t2/b", 0700), 0);
	assert_int_equal(symlink("t2", "t-link"), 0);
	b = tree_of("t-link");
	assert_true(digest_equal(&a, &b));
	assert_int_equal(digest_tree("t1", &b, &size, NULL), 0);
	assert_int_equal(size, 3 + 1 + 3 + 8 + 1 + 1);
	/* A regular file counts by its content. */
	a = tree_of("t1/a");
	digest_bytes("a", 1, &b);
	assert_true(digest_equal(&a, &b));
	/* Fixed for ever: it is part of keys. */
	assert_int_equal(fs_mkdirs("t0/d", NULL), 0);
	put("t0/d/f", "abc");
	a = tree_of("t0");
	expect_hex(&a,
		   "47d926c3c5533ecda21f6511af57fb840d9893813f8103eebff513d5f986ea80");
}

/* Each change gives another digest, different from all before. */
static void
test_tree_changes(void **state)
{
	struct digest seen[12];
	int n = 0;

	(void)state;
	make_tree("c", 0);
	seen[n++] = tree_of("c");
	put("c/a", "A");
	seen[n++] = tree_of("c");
	assert_int_equal(chmod("c/a", 0755), 0);
	seen[n++] = tree_of("c");
	assert_int_equal(rename("c/a", "c/a2"), 0);
	seen[n++] = tree_of("c");
	assert_int_equal(mkdir("c/empty", 0755), 0);
	seen[n++] = tree_of("c");
	assert_int_equal(rename("c/a2", "c/empty/a2"), 0);
	seen[n++] = tree_of("c");
	assert_int_equal(symlink("b/x", "c/link"), 0);
	seen[n++] = tree_of("c");
	assert_int_equal(unlink("c/link"), 0);
	assert_int_equal(symlink("b/y", "c/link"), 0);
	seen[n++] = tree_of("c");
	assert_int_equal(unlink("c/link"), 0);
	put("c/link", "b/y");
	seen[n++] = tree_of("c");
	assert_int_equal(unlink("c/link"), 0);
	assert_int_equal(mkdir("c/link", 0755), 0);
	seen[n++] = tree_of("c");
	for (int i = 0; i < n; i++)
		for (int j = 0; j < i; j++)
			assert_false(digest_equal(&seen[i], &seen[j]));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hex),       cmocka_unit_test(test_bytes),
		cmocka_unit_test(test_fields),    cmocka_unit_test(test_threads),
		cmocka_unit_test(test_file),      cmocka_unit_test(test_tree_bad),
		cmocka_unit_test(test_tree_same), cmocka_unit_test(test_tree_changes),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

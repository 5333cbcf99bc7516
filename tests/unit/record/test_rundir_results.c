/* SPDX-License-Identifier: Apache-2.0 */
/* rundir: published results. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "helpers.h"
#include "record/rundir.h"
#include "record/tree.h"

static struct rundir
open_run(const char *folder)
{
	struct error e = {0};
	struct rundir d;
	char *path = path_join(folder, "run");

	assert_int_equal(rundir_open(&d, path, &e), 0);
	assert_string_equal(e.text, "");
	free(path);
	return d;
}

static void
publish(struct rundir *d, const char *from, const char *to, const char *content)
{
	struct digest digest;
	struct error e = {0};

	digest_bytes(content, strlen(content), &digest);
	assert_int_equal(rundir_publish(d, from, to, 0, &digest, &e), 0);
	assert_string_equal(e.text, "");
}

static void
publishing_refuses(void **state)
{
	static const char *const bad[] = {"", "../x", "/x", "a/../../x", ".published"};
	struct rundir d = open_run(*state);
	char *from = path_join(*state, "from"), *results = path_join(d.path, "results");
	char *away = path_join(*state, "away"), *link = path_join(*state, "link");
	struct digest digest = {{0}};

	write_text(from, "x");
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct error e = {0};

		assert_int_equal(rundir_publish(&d, from, bad[i], 0, &digest, &e), -1);
		assert_string_not_equal(e.text, "");
		assert_int_equal(rundir_result_text(&d, bad[i], "x", NULL), -1);
	}
	assert_int_equal(symlink(from, link), 0);
	assert_int_equal(rundir_publish(&d, link, "l", 0, &digest, NULL), -1);
	assert_int_equal(rundir_publish(&d, *state, "f", 0, &digest, NULL), -1);
	assert_int_equal(rundir_publish(&d, from, "f", 1, &digest, NULL), -1);
	/* results/ as a symlink to elsewhere. */
	assert_int_equal(mkdir(away, 0755), 0);
	assert_int_equal(fs_remove_tree(results, NULL), 0);
	assert_int_equal(symlink(away, results), 0);
	assert_int_equal(rundir_publish(&d, from, "f", 0, &digest, NULL), -1);
	assert_int_equal(rundir_result_text(&d, "t", "x", NULL), -1);
	assert_int_equal(count_entries(away), 0);
	rundir_close(&d);
	free(link);
	free(away);
	free(results);
	free(from);
}

static void
publishing_once(void **state)
{
	struct rundir d = open_run(*state);
	char *from = path_join(*state, "from"),
	     *to = path_join(d.path, "results/a/b.txt");
	char *notes = path_join(d.path, "results/.published");
	struct stat before, after;

	write_text(from, "one");
	publish(&d, from, "a/b.txt", "one");
	assert_content(to, "one");
	assert_int_equal(rundir_flush(&d, NULL), 0);
	assert_int_equal(stat(to, &before), 0);
	assert_int_equal(before.st_mode & 0200, 0200);
	rundir_close(&d);
	/* The source is not even looked at when all is there. */
	unlink(from);
	d = open_run(*state);
	publish(&d, from, "a/b.txt", "one");
	assert_int_equal(stat(to, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	/* Other content, or a file that is gone or of another size: anew. */
	write_text(from, "two");
	publish(&d, from, "a/b.txt", "two");
	assert_content(to, "two");
	write_text(to, "spoilt");
	publish(&d, from, "a/b.txt", "two");
	assert_content(to, "two");
	unlink(to);
	publish(&d, from, "a/b.txt", "two");
	assert_content(to, "two");
	assert_int_equal(rundir_flush(&d, NULL), 0);
	rundir_close(&d);
	/* Damaged notes only cost a copy. */
	flip_bit(notes, 20);
	write_text(to, "own");
	d = open_run(*state);
	publish(&d, from, "a/b.txt", "two");
	assert_content(to, "two");
	rundir_close(&d);
	free(notes);
	free(to);
	free(from);
}

static void
publishing_folders(void **state)
{
	struct rundir d = open_run(*state);
	struct error e = {0};
	char *from = path_join(*state, "from"), *sub = path_join(from, "sub");
	char *file = path_join(sub, "f"), *link = path_join(from, "l"), *to, *own;
	struct digest digest = {{1}};

	assert_int_equal(fs_mkdirs(sub, &e), 0);
	write_text(file, "deep");
	assert_int_equal(symlink("sub/f", link), 0);
	own = path_join(d.path, "results/dir");
	assert_int_equal(fs_mkdirs(own, &e), 0);
	free(own);
	own = path_join(d.path, "results/dir/own");
	write_text(own, "kept");
	assert_int_equal(rundir_publish(&d, from, "dir", 1, &digest, &e), 0);
	to = path_join(d.path, "results/dir/l");
	assert_content(to, "deep");
	assert_content(own, "kept");
	/* A link that leads out is refused. */
	unlink(link);
	assert_int_equal(symlink("../outside", link), 0);
	digest.b[0] = 2;
	assert_int_equal(rundir_publish(&d, from, "dir2", 1, &digest, &e), -1);
	assert_non_null(strstr(e.text, "leads out"));
	rundir_close(&d);
	free(own);
	free(to);
	free(link);
	free(file);
	free(sub);
	free(from);
}

static void
large_files_are_hard_links(void **state)
{
	struct rundir d = open_run(*state);
	char *from = path_join(*state, "large"),
	     *to = path_join(d.path, "results/large");
	struct stat a, b;

	write_text(from, "x");
	assert_int_equal(truncate(from, 64 * 1024 * 1024 + 1), 0);
	publish(&d, from, "large", "large");
	assert_int_equal(stat(from, &a), 0);
	assert_int_equal(stat(to, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	/* Again over itself, and nothing temporary stays. */
	publish(&d, from, "large", "other digest");
	assert_int_equal(rundir_flush(&d, NULL), 0);
	assert_int_equal(stat(from, &a), 0);
	assert_int_equal(a.st_nlink, 2);
	free(to);
	to = path_join(d.path, "results");
	assert_int_equal(count_entries(to), 2);
	rundir_close(&d);
	free(to);
	free(from);
}

static void
texts_are_written_if_they_differ(void **state)
{
	struct rundir d = open_run(*state);
	char *path = path_join(d.path, "results/timings.json");
	struct stat a, b;

	assert_int_equal(rundir_result_text(&d, "timings.json", "{}\n", NULL), 0);
	assert_int_equal(stat(path, &a), 0);
	assert_int_equal(rundir_result_text(&d, "timings.json", "{}\n", NULL), 0);
	assert_int_equal(stat(path, &b), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_int_equal(rundir_result_text(&d, "timings.json", "{1}\n", NULL), 0);
	assert_content(path, "{1}\n");
	rundir_close(&d);
	free(path);
}

/* Pretend that all notes were written under another boot. */
static void
pretend_reboot(const char *notes)
{
	char *text = read_text(notes), *save = NULL;
	struct str out = {0};

	for (char *line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		char *body = strchr(line, ' ') + 1, *p = body;

		for (int field = 0; field < 3; field++)
			p = strchr(p, ' ') + 1;
		memcpy(p, "00000000", 8);
		line_seal(&out, body, strlen(body));
	}
	write_text(notes, out.s);
	str_free(&out);
	free(text);
}

/* Zeros behind an intact size and mtime, as a power loss leaves them. */
static void
looked_at_again_after_a_reboot(void **state)
{
	struct rundir d = open_run(*state);
	char *from = path_join(*state, "from"), *tree = path_join(*state, "tree");
	char *in_tree = path_join(tree, "f");
	char *file = path_join(d.path, "results/file"),
	     *deep = path_join(d.path, "results/tree/f");
	char *notes = path_join(d.path, "results/.published");
	struct digest digest = {{7}};
	struct stat st[2], after;

	write_text(from, "one");
	assert_int_equal(mkdir(tree, 0755), 0);
	write_text(in_tree, "deep");
	for (int round = 0; round < 3; round++) {
		publish(&d, from, "file", "one");
		assert_int_equal(rundir_publish(&d, tree, "tree", 1, &digest, NULL), 0);
		assert_content(file, round == 1 ? "" : "one");
		assert_content(deep, round == 1 ? "" : "deep");
		assert_int_equal(rundir_flush(&d, NULL), 0);
		rundir_close(&d);
		if (round == 0) {
			assert_int_equal(stat(file, &st[0]), 0);
			assert_int_equal(stat(deep, &st[1]), 0);
			zero_fill(file, 0);
			zero_fill(deep, 0);
			set_mtime(file, &st[0]);
			set_mtime(deep, &st[1]);
		} else {
			pretend_reboot(notes);
		}
		d = open_run(*state);
	}
	/* Looked at once, and nothing had to be written. */
	assert_int_equal(stat(file, &st[0]), 0);
	publish(&d, from, "file", "one");
	assert_int_equal(rundir_changed(&d), 0);
	assert_int_equal(rundir_flush(&d, NULL), 0);
	assert_int_equal(stat(file, &after), 0);
	assert_int_equal(st[0].st_ino, after.st_ino);
	rundir_close(&d);
	free(notes);
	free(deep);
	free(file);
	free(in_tree);
	free(tree);
	free(from);
}

/* A file in a published folder, changed in place: the folder's own mtime tells nothing. */
static void
a_spoilt_file_in_a_folder(void **state)
{
	struct rundir d = open_run(*state);
	char *tree = path_join(*state, "tree"), *in_tree = path_join(tree, "f");
	char *deep = path_join(d.path, "results/tree/f");
	struct digest digest = {{7}};

	assert_int_equal(mkdir(tree, 0755), 0);
	write_text(in_tree, "deep");
	assert_int_equal(rundir_publish(&d, tree, "tree", 1, &digest, NULL), 0);
	for (int i = 0; i < 3; i++) {
		if (i == 0)
			write_text(deep, "torn");
		else if (i == 1)
			write_text(deep, "");
		else
			unlink(deep);
		assert_int_equal(rundir_publish(&d, tree, "tree", 1, &digest, NULL), 0);
		assert_content(deep, "deep");
	}
	rundir_close(&d);
	free(deep);
	free(in_tree);
	free(tree);
}

/* Something else in the place of a result: it is kept, aside. */
static void
what_is_in_the_way_is_set_aside(void **state)
{
	struct rundir d = open_run(*state);
	char *from = path_join(*state, "from"), *to = path_join(d.path, "results/x"),
	     *log = path_join(*state, "log"), *text;
	int saved;

	write_text(from, "one");
	assert_int_equal(fs_mkdirs(to, NULL), 0);
	saved = catch_stderr(log);
	publish(&d, from, "x", "one");
	text = caught_stderr(log, saved);
	assert_content(to, "one");
	assert_int_equal(count_lines(text), 1);
	assert_non_null(strstr(text, "results/x.damaged-"));
	rundir_close(&d);
	free(text);
	free(log);
	free(to);
	free(from);
}

static void
links_inside_and_out(void **state)
{
	(void)state;
	assert_true(link_stays_inside("a", "b"));
	assert_true(link_stays_inside("d/a", "../b"));
	assert_true(link_stays_inside("d/a", "./../x/y"));
	/* x may be a symlink to ".": then this leads out. */
	assert_false(link_stays_inside("d/a", "./x/../../b"));
	assert_false(link_stays_inside("a", "x/../b"));
	assert_false(link_stays_inside("a", "../b"));
	assert_false(link_stays_inside("d/a", "../../b"));
	assert_false(link_stays_inside("d/a", "x/../../../d/b"));
	assert_false(link_stays_inside("a", "/etc/passwd"));
	assert_false(link_stays_inside("a", ""));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

/* What an earlier run published and this one has not goes; what a person changed stays. */
static void
gone_branches_are_pruned(void **state)
{
	struct rundir d = open_run(*state);
	char *from = path_join(*state, "from");
	char *gone = path_join(d.path, "results/n/k=3/o");
	char *kept = path_join(d.path, "results/n/k=1/o");
	char *changed = path_join(d.path, "results/changed");
	char *folder = path_join(d.path, "results/n/k=3");

	write_text(from, "x");
	publish(&d, from, "n/k=1/o", "x");
	publish(&d, from, "n/k=3/o", "x");
	publish(&d, from, "changed", "x");
	assert_int_equal(rundir_prune(&d), 0);
	assert_int_equal(rundir_flush(&d, NULL), 0);
	rundir_close(&d);
	assert_int_equal(unlink(changed), 0);
	write_text(changed, "by hand");
	d = open_run(*state);
	publish(&d, from, "n/k=1/o", "x");
	assert_int_equal(rundir_prune(&d), 1);
	assert_int_equal(access(gone, F_OK), -1);
	assert_int_equal(access(folder, F_OK), -1);
	assert_int_equal(access(kept, F_OK), 0);
	assert_int_equal(access(changed, F_OK), 0);
	/* It is forgotten too. */
	assert_int_equal(rundir_flush(&d, NULL), 0);
	rundir_close(&d);
	d = open_run(*state);
	publish(&d, from, "n/k=1/o", "x");
	assert_int_equal(rundir_prune(&d), 0);
	rundir_close(&d);
	free(folder);
	free(changed);
	free(kept);
	free(gone);
	free(from);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(publishing_refuses),
		TEST(publishing_once),
		TEST(publishing_folders),
		TEST(large_files_are_hard_links),
		TEST(texts_are_written_if_they_differ),
		TEST(looked_at_again_after_a_reboot),
		TEST(a_spoilt_file_in_a_folder),
		TEST(what_is_in_the_way_is_set_aside),
		cmocka_unit_test(links_inside_and_out),
		TEST(gone_branches_are_pruned),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

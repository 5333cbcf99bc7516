/* SPDX-License-Identifier: Apache-2.0 */
/* rundir: what a crash left, and what it must not cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/digest.h"
#include "helpers.h"
#include "record/rundir.h"

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
put(const struct rundir *d, const char *relative)
{
	char *path = path_join(d->path, relative), *dir = path_dir(path);

	assert_int_equal(fs_mkdirs(dir, NULL), 0);
	write_text(path, "x");
	free(dir);
	free(path);
}

static int
has(const char *folder, const char *relative)
{
	char *path = xasprintf("%s/run/%s", folder, relative);
	int there = access(path, F_OK) == 0;

	free(path);
	return there;
}

/* Names that are not quite those of a half-written file are somebody's. */
static const char *const others[] = {
	"results/a/.tmp-0123456789abcde",   "results/a/.tmp-0123456789abcdef0",
	"results/a/.tmp-0123456789abcdeg",  "results/a/tmp-0123456789abcdef",
	"results/.tmp-0123456789abcdef/in", "results/a/b",
};
static const char *const ours[] = {
	".tmp-0123456789abcdef",
	"results/a/.tmp-00000000deadbeef",
	"results/dir/sub/.tmp-0123456789abcdef",
	"tasks/n/i=1/.tmp-0123456789abcdef",
};
#define COUNT(list) (sizeof list / sizeof *list)

static void
half_written_files_go_after_a_crash(void **state)
{
	struct rundir d = open_run(*state);

	for (size_t i = 0; i < COUNT(others); i++)
		put(&d, others[i]);
	for (size_t i = 0; i < COUNT(ours); i++)
		put(&d, ours[i]);
	/* An engine that ends leaves none of its own: nothing is looked for. */
	rundir_close(&d);
	d = open_run(*state);
	for (size_t i = 0; i < COUNT(ours); i++)
		assert_true(has(*state, ours[i]));
	/* One that is killed cannot take its note away. */
	rundir_close(&d);
	d.path = path_join(*state, "run");
	put(&d, "lock.holder");
	free(d.path);
	d = open_run(*state);
	for (size_t i = 0; i < COUNT(ours); i++)
		assert_false(has(*state, ours[i]));
	for (size_t i = 0; i < COUNT(others); i++)
		assert_true(has(*state, others[i]));
	rundir_close(&d);
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

/* Make all notes those of another boot: BOOT stands before each path. */
static void
change_boot(const struct rundir *d)
{
	enum { BODY = 9, BOOT = 8 }; /* behind the checksum; digits */
	char *path = path_join(d->path, "results/.published"), *text = read_text(path);
	struct str out = {0};

	for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
		char *name = strrchr(line, ' ');

		memset(name - BOOT, '5', BOOT);
		line_seal(&out, line + BODY, strlen(line + BODY));
	}
	assert_true(out.len > 0);
	assert_int_equal(fs_write_file(path, out.s, out.len, 0, NULL), 0);
	str_free(&out);
	free(text);
	free(path);
}

/* Results are not synced: after a power loss they may be zeros in the right size. */
static void
results_of_another_boot_are_published_again(void **state)
{
	struct rundir d = open_run(*state);
	char *from = path_join(*state, "from"), *run = path_join(*state, "run");
	char *a = path_join(d.path, "results/a"), *b = path_join(d.path, "results/b");

	write_text(from, "good");
	publish(&d, from, "a", "good");
	publish(&d, from, "b", "good");
	assert_int_equal(rundir_flush(&d, NULL), 0);
	change_boot(&d);
	rundir_close(&d);
	zero_fill(a, 0);
	zero_fill(b, 0);
	put(&(struct rundir){.path = run}, "results/.tmp-0123456789abcdef");
	/* A run that gets to one of them alone does not vouch for the other. */
	d = open_run(*state);
	publish(&d, from, "a", "good");
	assert_content(a, "good");
	/* The power loss may have brought a name back, too. */
	assert_false(has(*state, "results/.tmp-0123456789abcdef"));
	assert_int_equal(rundir_flush(&d, NULL), 0);
	rundir_close(&d);
	d = open_run(*state);
	publish(&d, from, "b", "good");
	assert_content(b, "good");
	assert_int_equal(rundir_flush(&d, NULL), 0);
	rundir_close(&d);
	/* Now both are of this boot: not touched again. */
	d = open_run(*state);
	publish(&d, from, "a", "good");
	publish(&d, from, "b", "good");
	assert_int_equal(rundir_changed(&d), 0);
	rundir_close(&d);
	free(a);
	free(b);
	free(run);
	free(from);
}

static void
its_names_are_synced(void **state)
{
	struct rundir d = open_run(*state);
	struct error e = {0};

	assert_int_equal(rundir_sync(&d, &e), 0);
	assert_int_equal(rundir_sync(&d, &e), 0);
	/* Once is enough: its folder need not even be there the second time. */
	assert_int_equal(fs_remove_tree(d.path, NULL), 0);
	assert_int_equal(rundir_sync(&d, &e), 0);
	d.synced = 0;
	assert_int_equal(rundir_sync(&d, &e), -1);
	assert_non_null(strstr(e.text, d.path));
	rundir_close(&d);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(half_written_files_go_after_a_crash),
		TEST(results_of_another_boot_are_published_again),
		TEST(its_names_are_synced),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

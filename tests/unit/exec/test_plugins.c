/* SPDX-License-Identifier: Apache-2.0
 * Tests of exec/plugins: order of folders, bad plugins, the cache, who may write. The host is
 * a shell that runs the "plugin" as a script, so a plugin can do here whatever it likes.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/mem.h"
#include "exec/plugins.h"
#include "exec/plugins_private.h"

/* Scripts note that they were run: the number of scans is the size of this file. */
#define COUNTED "printf x >>\"$AF2_TEST_COUNT\"\n"
#define GOOD(id) COUNTED "echo '{\"id\":\"" id "\",\"version\":\"1\"}'\n"

struct room {
	char dir[64];
	char *host, *count, *a, *b;
	struct words dirs;
	struct diags diags;
	struct registry *r;
};

static char *
write_script(const char *dir, const char *name, const char *text)
{
	char *path = path_join(dir, name);
	struct error e = { 0 };

	assert_int_equal(fs_write_file(path, text, strlen(text), 0, &e), 0);
	assert_int_equal(chmod(path, 0755), 0);
	return path;
}

static void
plugin(const char *dir, const char *name, const char *text)
{
	free(write_script(dir, name, text));
}

static char *
folder(const struct room *t, const char *name)
{
	char *path = path_join(t->dir, name);

	assert_int_equal(mkdir(path, 0755), 0);
	assert_int_equal(chmod(path, 0755), 0);
	return path;
}

static int
setup(void **state)
{
	struct room *t = xcalloc(1, sizeof *t);
	const char *tmp = getenv("TMPDIR");

	snprintf(t->dir, sizeof t->dir, "%s/af2-plugins-XXXXXX",
	         tmp && strlen(tmp) < 30 ? tmp : "/tmp");
	assert_non_null(mkdtemp(t->dir));
	t->host = write_script(t->dir, "host",
	                       "#!/bin/sh\n[ \"$1\" = --scan ] || exit 9\n. \"$2\"\n");
	t->count = path_join(t->dir, "count");
	t->a = folder(t, "a");
	t->b = folder(t, "b");
	words_add(&t->dirs, t->a);
	words_add(&t->dirs, t->b);
	setenv("AF2_TEST_COUNT", t->count, 1);
	setenv("XDG_CACHE_HOME", t->dir, 1);
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	struct room *t = *state;

	registry_free(t->r);
	diags_free(&t->diags);
	words_free(&t->dirs);
	fs_remove_tree(t->dir, NULL);
	free(t->host);
	free(t->count);
	free(t->a);
	free(t->b);
	free(t);
	return 0;
}

/* Open the registry anew; the old one is gone. */
static struct registry *
open_registry(struct room *t, size_t explicit_count)
{
	registry_free(t->r);
	diags_free(&t->diags);
	memset(&t->diags, 0, sizeof t->diags);
	return t->r = registry_open(&t->dirs, explicit_count, t->host, &t->diags);
}

static long
scans(const struct room *t)
{
	struct stat st;

	return stat(t->count, &st) == 0 ? (long)st.st_size : 0;
}

static void
assert_problem(struct room *t, const char *id, const char *text)
{
	const char *problem = registry_problem(t->r, id);

	assert_null(registry_find(t->r, id));
	assert_non_null(problem);
	if (!strstr(problem, text))
		fail_msg("'%s' has no '%s'", problem, text);
}

/* --- folders ------------------------------------------------------------------------------- */

static void
unknown_id(void **state)
{
	struct room *t = *state;
	struct stage_source source;
	const char *nearest = "?";

	plugin(t->a, "relax.so", GOOD("relax"));
	source = registry_source(open_registry(t, 0));
	assert_null(registry_find(t->r, "nothing"));
	assert_null(registry_problem(t->r, "nothing"));
	assert_null(source.find(source.arg, "relaxx", &nearest));
	assert_string_equal(nearest, "relax");
	assert_null(source.find(source.arg, "completely_other", &nearest));
	assert_null(nearest);
	assert_null(source.find(source.arg, "relaxx", NULL));
	assert_non_null(source.find(source.arg, "relax", &nearest));
}

static void
missing_folder(void **state)
{
	struct room *t = *state;

	assert_int_equal(rmdir(t->b), 0);
	open_registry(t, 1);
	assert_int_equal(t->diags.errors, 0);
	assert_int_equal(t->diags.count, 1);
	assert_non_null(strstr(t->diags.items[0].text, "no plugins found in '"));
	plugin(t->a, "x.so", GOOD("x"));
	open_registry(t, 1);
	assert_int_equal(t->diags.count, 0);
	open_registry(t, 2);
	assert_int_equal(t->diags.errors, 1);
	assert_non_null(strstr(t->diags.items[0].text, t->b));
	assert_non_null(strstr(t->diags.items[0].text, "No such file or directory"));
}

static void
file_for_folder(void **state)
{
	struct room *t = *state;

	assert_int_equal(rmdir(t->b), 0);
	plugin(t->dir, "b", "");
	open_registry(t, 2);
	assert_int_equal(t->diags.errors, 1);
	assert_non_null(strstr(t->diags.items[0].text, "Not a directory"));
}

static void
first_folder_wins(void **state)
{
	struct room *t = *state;
	const struct registry_entry *all;
	const struct stage *s;

	plugin(t->a, "x.so", GOOD("x"));
	plugin(t->b, "x.so", GOOD("x"));
	plugin(t->b, "y.so", GOOD("y"));
	plugin(t->b, "notes.txt", "exit 1\n");
	plugin(t->b, ".hidden.so", "exit 1\n");
	open_registry(t, 0);
	s = registry_find(t->r, "x");
	assert_non_null(s);
	assert_true(starts_with(s->path, t->a));
	assert_int_equal(scans(t), 1); /* nothing but the file of that name */
	assert_int_equal(registry_all(t->r, &all), 3);
	assert_int_equal(all[0].shadowed, 0);
	assert_int_equal(all[1].shadowed, 1);
	assert_int_equal(all[2].shadowed, 0);
	assert_string_equal(all[2].stage->id, "y");
	assert_string_equal(all[2].problem, "");
	assert_ptr_equal(registry_find(t->r, "x"), s);
}

static void
same_folder_twice(void **state)
{
	struct room *t = *state;
	const struct registry_entry *all;

	plugin(t->a, "x.so", GOOD("x"));
	assert_int_equal(rmdir(t->b), 0);
	assert_int_equal(symlink(t->a, t->b), 0);
	open_registry(t, 0);
	assert_int_equal(registry_all(t->r, &all), 1);
}

static void
file_with_another_name(void **state)
{
	struct room *t = *state;

	plugin(t->a, "x.so", GOOD("y"));
	plugin(t->b, "z.so", GOOD("x"));
	open_registry(t, 0);
	assert_true(ends_with(registry_find(t->r, "x")->path, "/b/z.so"));
	assert_true(ends_with(registry_find(t->r, "y")->path, "/a/x.so"));
}

/* --- bad plugins --------------------------------------------------------------------------- */

static void
bad_plugins(void **state)
{
	struct room *t = *state;
	const struct registry_entry *all;

	plugin(t->a, "abi.so", "echo 'abi major 9, this is 1'; exit 1\n");
	plugin(t->a, "crash.so", "ulimit -c 0; kill -SEGV $$\n");
	plugin(t->a, "quits.so", "exit 0\n");
	plugin(t->a, "status.so", "echo 'first' >&2; echo 'so it goes' >&2; exit 7\n");
	plugin(t->a, "garbage.so", "echo 'hello { world'\n");
	plugin(t->a, "number.so", "echo 5\n");
	plugin(t->a, "good.so", GOOD("good"));
	open_registry(t, 0);
	assert_problem(t, "abi", "abi major 9, this is 1");
	assert_problem(t, "crash", "crashed on load: SIGSEGV");
	assert_problem(t, "quits", "ended the process while it was loaded");
	assert_problem(t, "status", "status 7 while it was loaded: so it goes");
	assert_problem(t, "garbage", "bad descriptor: ");
	assert_problem(t, "number", "bad descriptor: ");
	assert_non_null(registry_find(t->r, "good"));
	assert_null(registry_problem(t->r, "good"));
	assert_int_equal(registry_all(t->r, &all), 7);
	assert_null(all[0].stage);
	assert_string_equal(all[0].problem, "abi major 9, this is 1");
}

/* A broken plugin in an earlier folder is not passed over silently. */
static void
bad_one_hides_good_one(void **state)
{
	struct room *t = *state;

	plugin(t->a, "x.so", "echo 'no entry symbol'; exit 1\n");
	plugin(t->b, "x.so", GOOD("x"));
	open_registry(t, 0);
	assert_problem(t, "x", "no entry symbol");
}

static void
problems_are_not_remembered(void **state)
{
	struct room *t = *state;

	plugin(t->a, "x.so", COUNTED "echo 'libfoo.so is missing'; exit 1\n");
	open_registry(t, 0);
	assert_problem(t, "x", "libfoo");
	assert_problem(t, "x", "libfoo");
	assert_int_equal(scans(t), 1);
	open_registry(t, 0);
	assert_problem(t, "x", "libfoo");
	assert_int_equal(scans(t), 2);
}

static void
host_is_missing(void **state)
{
	struct room *t = *state;

	plugin(t->a, "x.so", GOOD("x"));
	assert_int_equal(unlink(t->host), 0);
	open_registry(t, 0);
	assert_problem(t, "x", "No such file or directory");
	assert_problem(t, "x", t->host);
}

/* A hanging and a flooding plugin end, with all they have started. */
static void
hang_and_flood(void **state)
{
	struct room *t = *state;
	struct scan_job jobs[2] = { { 0 }, { 0 } };
	struct timespec t0, t1;
	char *hang = write_script(t->dir, "hang.so",
	                          "trap '' TERM; sleep 60 & sleep 60; sleep 60\n");
	char *flood = write_script(t->dir, "flood.so", "exec cat /dev/zero\n");

	jobs[0].path = hang;
	jobs[1].path = flood;
	clock_gettime(CLOCK_MONOTONIC, &t0);
	plugins_scan(t->host, jobs, 2, 1.0);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	assert_true(t1.tv_sec - t0.tv_sec < 20);
	assert_null(jobs[0].stage);
	assert_null(jobs[1].stage);
	assert_string_equal(jobs[0].problem, "hung on load");
	assert_string_equal(jobs[1].problem, "printed too much while it was loaded");
	free(jobs[0].problem);
	free(jobs[1].problem);
	free(hang);
	free(flood);
}

/* More plugins than are scanned at a time; what is left running holds no pipe open. */
static void
many_at_once(void **state)
{
	struct room *t = *state;
	const struct registry_entry *all;
	char name[32], text[128];

	for (int i = 0; i < 30; i++) {
		snprintf(name, sizeof name, "p%02d.so", i);
		snprintf(text, sizeof text, "sleep 60 & echo '{\"id\":\"p%02d\"}'\n", i);
		plugin(t->a, name, text);
	}
	open_registry(t, 0);
	assert_int_equal(registry_all(t->r, &all), 30);
	for (int i = 0; i < 30; i++) {
		snprintf(name, sizeof name, "p%02d", i);
		assert_non_null(all[i].stage);
		assert_string_equal(all[i].stage->id, name);
	}
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* all reaped */
}

/* --- the cache ----------------------------------------------------------------------------- */

static void
cache_saves_scans(void **state)
{
	struct room *t = *state;

	plugin(t->a, "x.so", GOOD("x"));
	for (int i = 0; i < 3; i++) {
		open_registry(t, 0);
		assert_non_null(registry_find(t->r, "x"));
	}
	assert_int_equal(scans(t), 1);
	plugin(t->a, "x.so", GOOD("x") "# another file now\n");
	open_registry(t, 0);
	assert_non_null(registry_find(t->r, "x"));
	assert_int_equal(scans(t), 2);
	/* another host may read plugins in another way */
	free(write_script(t->dir, "host", "#!/bin/sh\n. \"$2\"\n"));
	open_registry(t, 0);
	assert_non_null(registry_find(t->r, "x"));
	assert_int_equal(scans(t), 3);
}

static void
damaged_cache(void **state)
{
	static const char *const texts[] = {
		"", "{", "[]", "{\"version\":1,\"plugins\":5}", "{\"version\":99}",
	};
	struct room *t = *state;
	char *file = path_join(t->dir, "af2flow/plugins.json");

	free(folder(t, "af2flow"));
	plugin(t->a, "x.so", GOOD("x"));
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
		assert_int_equal(fs_write_file(file, texts[i], strlen(texts[i]), 0, NULL), 0);
		open_registry(t, 0);
		assert_non_null(registry_find(t->r, "x"));
		assert_int_equal(scans(t), (long)i + 1);
	}
	free(file);
}

static void
cache_without_a_place(void **state)
{
	struct room *t = *state;

	plugin(t->a, "x.so", GOOD("x"));
	setenv("XDG_CACHE_HOME", "/dev/null/no", 1);
	open_registry(t, 0);
	assert_non_null(registry_find(t->r, "x"));
	setenv("XDG_CACHE_HOME", "relative", 1);
	unsetenv("HOME");
	open_registry(t, 0);
	assert_non_null(registry_find(t->r, "x"));
	assert_int_equal(t->diags.count, 0);
}

/* --- who may write ------------------------------------------------------------------------- */

static void
writable_by_all(void **state)
{
	struct room *t = *state;
	char *x = write_script(t->a, "x.so", GOOD("x"));

	assert_int_equal(chmod(x, 0757), 0);
	open_registry(t, 0);
	assert_problem(t, "x", "everybody can write it");
	assert_int_equal(chmod(x, 0755), 0);
	assert_int_equal(chmod(t->a, 01777), 0);
	open_registry(t, 0);
	assert_null(registry_find(t->r, "x"));
	assert_int_equal(t->diags.count, 1);
	assert_int_equal(t->diags.errors, 0);
	open_registry(t, 1);
	assert_int_equal(t->diags.errors, 1);
	assert_non_null(strstr(t->diags.items[0].text, "everybody can write it"));
	assert_int_equal(scans(t), 0);
	free(x);
}

static void
of_another_user(void **state)
{
	struct room *t = *state;
	char *x = write_script(t->a, "x.so", GOOD("x"));

	if (geteuid() != 0) {
		free(x);
		skip();
	}
	assert_int_equal(chown(x, 12345, 12345), 0);
	open_registry(t, 0);
	assert_problem(t, "x", "belongs to another user");
	free(x);
}

int
main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(unknown_id, setup, teardown),
		cmocka_unit_test_setup_teardown(missing_folder, setup, teardown),
		cmocka_unit_test_setup_teardown(file_for_folder, setup, teardown),
		cmocka_unit_test_setup_teardown(first_folder_wins, setup, teardown),
		cmocka_unit_test_setup_teardown(same_folder_twice, setup, teardown),
		cmocka_unit_test_setup_teardown(file_with_another_name, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_plugins, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_one_hides_good_one, setup, teardown),
		cmocka_unit_test_setup_teardown(problems_are_not_remembered, setup, teardown),
		cmocka_unit_test_setup_teardown(host_is_missing, setup, teardown),
		cmocka_unit_test_setup_teardown(hang_and_flood, setup, teardown),
		cmocka_unit_test_setup_teardown(many_at_once, setup, teardown),
		cmocka_unit_test_setup_teardown(cache_saves_scans, setup, teardown),
		cmocka_unit_test_setup_teardown(damaged_cache, setup, teardown),
		cmocka_unit_test_setup_teardown(cache_without_a_place, setup, teardown),
		cmocka_unit_test_setup_teardown(writable_by_all, setup, teardown),
		cmocka_unit_test_setup_teardown(of_another_user, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

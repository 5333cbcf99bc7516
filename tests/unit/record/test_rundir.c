/* SPDX-License-Identifier: Apache-2.0 */
/* rundir: lock, id, descriptions, links, published results. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

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
refuses_bad_arguments(void **state)
{
	struct error e = {0};
	char *file = path_join(*state, "file"), *none = path_join(*state, "none");
	struct rundir d;

	assert_int_equal(rundir_open(&d, "", &e), -1);
	write_text(file, "x");
	error_clear(&e);
	assert_int_equal(rundir_open(&d, file, &e), -1);
	assert_non_null(strstr(e.text, file));
	error_clear(&e);
	assert_int_equal(rundir_open_read(&d, none, &e), -1);
	assert_non_null(strstr(e.text, none));
	error_clear(&e);
	assert_int_equal(rundir_open_read(&d, *state, &e), -1);
	assert_non_null(strstr(e.text, "no run directory"));
	free(none);
	free(file);
}

static void
names_differ_by_parameters(void **state)
{
	const struct name_value a[] = {{"x", "1", 1}, {"y", "2", 0}};
	const struct name_value b[] = {{"x", "1", 1}, {"y", "3", 0}};
	char *one = rundir_name("flow", "/w.dot", a, 2),
	     *again = rundir_name("flow", "/w.dot", a, 2);
	char *two = rundir_name("flow", "/w.dot", b, 2),
	     *three = rundir_name("flow", "/v.dot", a, 2);
	char *odd = rundir_name("a/../b", "/w.dot", NULL, 0);

	(void)state;
	assert_string_equal(one, again);
	assert_string_not_equal(one, two);
	assert_string_not_equal(one, three);
	assert_int_equal(strlen(one), strlen("flow-12345678"));
	assert_true(starts_with(one, "flow-"));
	assert_true(path_component_ok(odd));
	free(one);
	free(again);
	free(two);
	free(three);
	free(odd);
}

static void
one_engine_at_a_time(void **state)
{
	struct rundir d = open_run(*state), other;
	struct error e = {0};
	char *id = xstrdup(d.id), *path = xstrdup(d.path),
	     *pid = xasprintf("pid %d", getpid());

	assert_int_equal(strlen(d.id), 16);
	assert_int_equal(rundir_is_held(path), 1);
	assert_int_equal(rundir_open(&other, path, &e), -1);
	assert_non_null(strstr(e.text, path));
	assert_non_null(strstr(e.text, pid));
	assert_non_null(strstr(e.text, " since 20"));
	assert_string_not_equal(e.hint, "");
	/* The refused one left everything as it was. */
	error_clear(&e);
	assert_int_equal(rundir_open(&other, path, &e), -1);
	assert_non_null(strstr(e.text, pid));
	/* Readers need no lock. */
	assert_int_equal(rundir_open_read(&other, path, &e), 0);
	assert_string_equal(other.id, id);
	rundir_close(&other);
	assert_int_equal(rundir_is_held(path), 1);
	rundir_close(&d);
	assert_int_equal(rundir_is_held(path), 0);
	d = open_run(*state);
	assert_string_equal(d.id, id);
	rundir_close(&d);
	free(pid);
	free(path);
	free(id);
}

/* The lock ends with the process, whatever files it leaves. */
static void
a_dead_holder_holds_nothing(void **state)
{
	pid_t pid = fork();
	struct rundir d;
	int status;

	if (pid == 0) {
		d = open_run(*state);
		_exit(d.lock_fd >= 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	d = open_run(*state);
	rundir_close(&d);
}

static void
a_damaged_id_is_made_anew(void **state)
{
	struct rundir d = open_run(*state);
	char *file = path_join(d.path, "id"), *was = xstrdup(d.id);

	rundir_close(&d);
	write_text(file, "");
	d = open_run(*state);
	assert_int_equal(strlen(d.id), 16);
	assert_string_not_equal(d.id, was);
	rundir_close(&d);
	free(was);
	free(file);
}

static void
describes_itself(void **state)
{
	const struct name_value params[] = {{"fasta", "/a b/x.fasta", 1},
					    {"empty", "", 0},
					    {"note", "two\nlines; \"x\"", 0}};
	struct rundir d = open_run(*state);
	struct error e = {0};
	char *dot = path_join(d.path, "workflow.dot"),
	     *ini = path_join(d.path, "params.ini");
	char *xml = path_join(d.path, "topology.xml");
	struct stat before, after;
	js *meta;

	assert_null(rundir_meta(&d));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(rundir_describe(&d, "digraph {}", 10, "/w.dot", "w",
						 "/store", params, 3,
						 i ? "<xml/>" : NULL, &e),
				 0);
		if (i == 0)
			assert_int_equal(stat(dot, &before), 0);
	}
	assert_int_equal(stat(dot, &after), 0);
	assert_int_equal(before.st_ino, after.st_ino);
	assert_content(dot, "digraph {}");
	assert_content(xml, "<xml/>");
	assert_content(ini, "[params]\nfasta = /a b/x.fasta\nempty = \n"
			    "note = \"two\\nlines\\u003b \\\"x\\\"\"\n");
	meta = rundir_meta(&d);
	assert_string_equal(js_get_text(meta, "store", ""), "/store");
	assert_string_equal(js_get_text(meta, "workflow", ""), "/w.dot");
	assert_string_equal(js_get_text(meta, "name", ""), "w");
	/* What the user gave, to give it again; defaults are the file's. */
	assert_int_equal(js_count(js_get(meta, "params")), 1);
	assert_string_equal(js_get_text(js_get(meta, "params"), "fasta", ""),
			    "/a b/x.fasta");
	assert_true(js_get_text(meta, "cwd", "")[0] == '/');
	js_free(meta);
	rundir_close(&d);
	free(xml);
	free(ini);
	free(dot);
}

static void
paths_of_tasks(void **state)
{
	struct rundir d = open_run(*state);
	char *plain = rundir_task(&d, "rank", ""),
	     *branch = rundir_task(&d, "predict", "model=3");
	char *odd = rundir_task(&d, "..", "t=a/b"),
	     *attempt = rundir_attempt(&d, "rank", "", 2);
	char *want = path_join(d.path, "tasks/rank");

	assert_string_equal(plain, want);
	assert_true(ends_with(branch, "/tasks/predict/model=3"));
	assert_null(strstr(odd, "/../"));
	assert_null(strstr(odd, "a/b"));
	assert_true(ends_with(attempt, "/tasks/rank/attempt-2"));
	assert_int_equal(access(plain, F_OK), -1);
	rundir_close(&d);
	free(plain);
	free(branch);
	free(odd);
	free(attempt);
	free(want);
}

static void
links_to_objects(void **state)
{
	struct rundir d = open_run(*state);
	struct error e = {0};
	char *real = realpath(*state, NULL),
	     *object = path_join(real, "store/objects/ab/cd");
	char *other = path_join(real, "store/objects/ab/ce"), *task, *out, text[512];
	char *tasks = path_join(d.path, "tasks"), *file = path_join(object, "f");
	ssize_t n;

	assert_int_equal(fs_mkdirs(object, &e), 0);
	assert_int_equal(fs_mkdirs(other, &e), 0);
	write_text(file, "content");
	assert_int_equal(rundir_link(&d, "n", "m=1", object, &e), 0);
	assert_int_equal(rundir_link(&d, "n", "m=1", object, &e), 0);
	task = rundir_task(&d, "n", "m=1");
	out = path_join(task, "out");
	n = readlink(out, text, sizeof text - 1);
	assert_true(n > 0);
	text[n] = '\0';
	assert_string_equal(text, "../../../../store/objects/ab/cd");
	free(file);
	file = path_join(out, "f");
	assert_content(file, "content");
	assert_int_equal(rundir_link(&d, "n", "m=1", other, &e), 0);
	assert_int_equal(access(file, F_OK), -1);
	assert_int_equal(count_entries(task), 1);
	/* Nothing is made behind a symlink. */
	assert_int_equal(fs_remove_tree(tasks, NULL), 0);
	assert_int_equal(symlink(other, tasks), 0);
	assert_int_equal(rundir_link(&d, "n", "m=1", object, &e), -1);
	assert_string_not_equal(e.text, "");
	assert_int_equal(count_entries(other), 0);
	rundir_close(&d);
	free(tasks);
	free(out);
	free(task);
	free(file);
	free(other);
	free(object);
	free(real);
}

/* Anything in the place of a file is set aside; what a symlink leads to is not touched. */
static void
what_is_no_file_gives_way(void **state)
{
	static const char *const names[] = {"id", "lock", "lock.holder", "workflow.dot",
					    "params.ini", "meta.json", "topology.xml"};
	char *victim = path_join(*state, "victim"), *log = path_join(*state, "log"), *text;
	struct rundir d = open_run(*state);
	int saved;

	write_text(victim, "precious");
	for (size_t i = 0; i < 3 * sizeof names / sizeof *names; i++) {
		char *path = path_join(d.path, names[i / 3]);
		struct stat st;

		rundir_close(&d);
		fs_remove_tree(path, NULL);
		if (i % 3 == 0)
			assert_int_equal(mkdir(path, 0755), 0);
		else
			assert_int_equal(i % 3 == 1 ? symlink(victim, path)
						    : mkfifo(path, 0600),
					 0);
		saved = catch_stderr(log);
		d = open_run(*state);
		assert_int_equal(rundir_describe(&d, "digraph {}", 10, "/w.dot", "w",
						 "/store", NULL, 0, "<xml/>", NULL),
				 0);
		text = caught_stderr(log, saved);
		assert_int_equal(count_lines(text), 1);
		assert_non_null(strstr(text, "is no file: moved to"));
		assert_int_equal(lstat(path, &st), 0);
		assert_true(S_ISREG(st.st_mode));
		assert_content(victim, "precious");
		free(text);
		free(path);
	}
	rundir_close(&d);
	free(log);
	free(victim);
}

/* A run writes nothing behind a symlink. */
static void
folders_that_are_symlinks_are_refused(void **state)
{
	static const char *const names[] = {"tasks", "results"};
	char *away = path_join(*state, "away"), *run = path_join(*state, "run");

	assert_int_equal(mkdir(away, 0755), 0);
	for (size_t i = 0; i < 2; i++) {
		char *path = path_join(run, names[i]);
		struct error e = {0};
		struct rundir d = open_run(*state);

		rundir_close(&d);
		assert_int_equal(symlink(away, path), 0);
		assert_int_equal(rundir_open(&d, run, &e), -1);
		assert_non_null(strstr(e.text, names[i]));
		assert_non_null(strstr(e.text, "symlink"));
		assert_int_equal(unlink(path), 0);
		free(path);
	}
	free(run);
	free(away);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(refuses_bad_arguments),
		TEST(names_differ_by_parameters),
		TEST(one_engine_at_a_time),
		TEST(a_dead_holder_holds_nothing),
		TEST(a_damaged_id_is_made_anew),
		TEST(what_is_no_file_gives_way),
		TEST(folders_that_are_symlinks_are_refused),
		TEST(describes_itself),
		TEST(paths_of_tasks),
		TEST(links_to_objects),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* store: runs that are there, gone, or not to be seen. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "helpers.h"
#include "record/store_note.h"
#include "record/store_runs.h"

/* The state of the only run of the store; *why (caller frees) unless NULL. */
static enum run_state
state_of(const char *folder, char **why, char **path)
{
	struct store *s = open_store(folder);
	struct store_runs runs;
	struct error e = {0};
	enum run_state state;

	assert_int_equal(store_runs_read(s, &runs, &e), 0);
	assert_int_equal(runs.count, 1);
	state = runs.v[0].state;
	assert_int_equal(runs.in_doubt, state == RUN_IN_DOUBT);
	if (why)
		*why = xstrdup(runs.v[0].why);
	if (path)
		*path = xstrdup(runs.v[0].path);
	store_runs_free(&runs);
	store_close(s);
	return state;
}

static void
assert_doubt(const char *folder, const char *want)
{
	char *why;

	assert_int_equal(state_of(folder, &why, NULL), RUN_IN_DOUBT);
	if (!strstr(why, want))
		fail_msg("'%s' does not say '%s'", why, want);
	free(why);
}

/* Put a note of our own into the store's runs/. */
static void
put_note(const char *folder, const struct note *n)
{
	char *path = path_join(folder, "store/runs/0123456789abcdef");
	struct str text = {0};

	note_write(n, &text);
	write_text(path, text.s);
	str_free(&text);
	free(path);
}

static void
notes_are_read_as_written(void **state)
{
	struct note n = {.path = (char *)"/a b/%41\n\t\x7f/\xff",
			 .id = (char *)"0123456789abcdef",
			 .host = (char *)"h"},
		    got;
	struct str text = {0};

	(void)state;
	note_write(&n, &text);
	assert_int_equal(note_parse(&got, text.s, text.len), 0);
	assert_string_equal(got.path, n.path);
	assert_string_equal(got.id, n.id);
	assert_string_equal(got.host, n.host);
	assert_null(got.mount);
	note_free(&got);
	/* Any change is noticed. */
	for (size_t i = 0; i < text.len; i++) {
		text.s[i] ^= 1;
		assert_int_equal(note_parse(&got, text.s, text.len), -1);
		assert_null(got.path);
		text.s[i] ^= 1;
	}
	assert_int_equal(note_parse(&got, text.s, text.len - 1), -1);
	assert_int_equal(note_parse(&got, "", 0), -1);
	assert_int_equal(note_parse(&got, "/old/one\n", 9), 0);
	assert_string_equal(got.path, "/old/one");
	note_free(&got);
	str_free(&text);
}

static void
there_then_gone(void **state)
{
	char *run = make_run(*state, "r"), *path;
	struct store *s = open_for_run(*state, run);

	store_close(s);
	assert_int_equal(state_of(*state, NULL, &path), RUN_SEEN);
	assert_string_equal(path_base(path), "r");
	assert_int_equal(fs_remove_tree(run, NULL), 0);
	assert_int_equal(state_of(*state, NULL, NULL), RUN_GONE);
	free(path);
	free(run);
}

static void
renamed(void **state)
{
	char *run = make_run(*state, "r"), *other = make_run(*state, "other");
	char *new = path_join(*state, "new"), *path;
	struct store *s = open_for_run(*state, run);

	store_close(s);
	assert_int_equal(rename(run, new), 0);
	assert_int_equal(state_of(*state, NULL, &path), RUN_SEEN);
	assert_string_equal(path_base(path), "new");
	free(path);
	free(new);
	free(other);
	free(run);
}

static void
another_run_at_the_place(void **state)
{
	char *run = make_run(*state, "r"), *id = path_join(run, "id");
	struct store *s = open_for_run(*state, run);

	store_close(s);
	write_text(id, "ffffffffffffffff\n");
	assert_int_equal(state_of(*state, NULL, NULL), RUN_GONE);
	free(id);
	free(run);
}

static void
a_missing_parent_is_a_doubt(void **state)
{
	char *parent = path_join(*state, "mnt"), *run = make_run(parent, "r");
	struct store *s = open_for_run(*state, run);

	store_close(s);
	assert_int_equal(fs_remove_tree(parent, NULL), 0);
	assert_doubt(*state, "No such file");
	free(parent);
	free(run);
}

static void
a_damaged_note_is_a_doubt(void **state)
{
	char *run = make_run(*state, "r"), *command;
	struct store *s = open_for_run(*state, run);

	store_close(s);
	command = xasprintf("for f in '%s'/store/runs/*; do : >\"$f\"; done",
			    (char *)*state);
	assert_int_equal(system(command), 0);
	assert_doubt(*state, "is damaged");
	/* The run's next start mends it. */
	s = open_for_run(*state, run);
	store_close(s);
	assert_int_equal(state_of(*state, NULL, NULL), RUN_SEEN);
	free(command);
	free(run);
}

static void
what_another_host_saw_is_a_doubt(void **state)
{
	char *run = path_join(*state, "r");
	struct note n = {.path = run, .host = (char *)"elsewhere"};

	store_close(open_store(*state));
	put_note(*state, &n);
	assert_doubt(*state, "host 'elsewhere'");
	/* On the store's file system it does not matter who looks. */
	n.beside = (char *)"yes";
	put_note(*state, &n);
	assert_int_equal(state_of(*state, NULL, NULL), RUN_GONE);
	free(run);
}

static void
an_unmounted_disk_is_a_doubt(void **state)
{
	char *run = path_join(*state, "r"), host[256] = "";
	struct note n = {.path = run, .mount = (char *)"/no/such/mount"};
	char *safe;

	assert_int_equal(gethostname(host, sizeof host - 1), 0);
	safe = path_component_from(host);
	n.host = safe;
	store_close(open_store(*state));
	put_note(*state, &n);
	assert_doubt(*state, "nothing is mounted on '/no/such/mount'");
	free(safe);
	free(run);
}

static int
nobody_looks(const char *folder)
{
	char *path = path_join(folder, "store");
	struct store *s = store_open(path, NULL);
	struct store_runs runs;
	int ok = s && store_runs_read(s, &runs, NULL) == 0 && runs.in_doubt == 1;

	return ok ? 0 : 1;
}

static void
a_forbidden_folder_is_a_doubt(void **state)
{
	char *parent = path_join(*state, "mine"), *run = make_run(parent, "r");
	struct store *s = open_for_run(*state, run);

	store_close(s);
	assert_int_equal(chmod(*state, 0755), 0);
	assert_int_equal(chmod(parent, 0), 0);
	assert_int_equal(as_nobody(nobody_looks, *state), 0);
	assert_int_equal(chmod(parent, 0755), 0);
	free(parent);
	free(run);
}

/* The whole project moves; the note still has the old paths. */
static void
a_moved_project_is_found(void **state)
{
	char *old = path_join(*state, "old"), *new = path_join(*state, "new"), *path;
	char *run = make_run(old, "runs/r"), *want = path_join(new, "runs/r");
	struct store *s = open_for_run(old, run);

	store_close(s);
	assert_int_equal(rename(old, new), 0);
	assert_int_equal(state_of(new, NULL, &path), RUN_SEEN);
	assert_string_equal(path, want);
	free(path);
	/* Deleted there: gone there, and where it was nobody can tell. */
	assert_int_equal(fs_remove_tree(want, NULL), 0);
	assert_doubt(new, "No such file");
	free(want);
	free(run);
	free(new);
	free(old);
}

static void
a_run_that_did_not_come_about(void **state)
{
	char *run = make_run(*state, "r"), *runs = path_join(*state, "store/runs");
	struct store *s = open_for_run(*state, run);

	assert_int_equal(count_entries(runs), 1);
	store_unregister_run(s);
	assert_int_equal(count_entries(runs), 0);
	store_close(s);
	/* What stood before stays. */
	store_close(open_for_run(*state, run));
	s = open_for_run(*state, run);
	store_unregister_run(s);
	assert_int_equal(count_entries(runs), 1);
	store_close(s);
	free(runs);
	free(run);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(notes_are_read_as_written),
		cmocka_unit_test_setup_teardown(there_then_gone, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(renamed, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(another_run_at_the_place, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(a_missing_parent_is_a_doubt, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(a_damaged_note_is_a_doubt, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(what_another_host_saw_is_a_doubt,
						make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(an_unmounted_disk_is_a_doubt,
						make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(a_forbidden_folder_is_a_doubt,
						make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(a_moved_project_is_found, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(a_run_that_did_not_come_about,
						make_folder, remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* run_names: the index, the links and the journal of a run directory. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "helpers.h"
#include "record/journal.h"
#include "record/run_names.h"

enum { MOST = 16 };

/* Which of tasks 0..MOST-1 are named. */
struct named {
	int task[MOST], others;
};

static void
note(void *arg, const struct digest *key)
{
	struct named *n = arg;
	struct digest d;

	for (int i = 0; i < MOST; i++) {
		number_key(i, &d);
		if (digest_equal(&d, key)) {
			n->task[i] = 1;
			return;
		}
	}
	n->others++;
}

/* The named ones as a text, "1 2 5 ". Caller frees. */
static char *
names_of(const char *run)
{
	struct named n = {0};
	struct error e = {0};
	struct str out = {0};

	assert_int_equal(run_names(run, note, &n, &e), 0);
	assert_int_equal(n.others, 0);
	for (int i = 0; i < MOST; i++)
		if (n.task[i])
			str_printf(&out, "%d ", i);
	return str_take(&out);
}

static void
assert_names(const char *run, const char *want)
{
	char *text = names_of(run);

	assert_string_equal(text, want);
	free(text);
}

static void
add_event(struct journal *j, const char *name, int task)
{
	js *event = js_object();
	char hex[DIGEST_HEX + 1];
	struct digest d;

	js_set_text(event, "event", name);
	number_key(task, &d);
	if (task >= 0)
		js_set_text(event, "key", digest_hex(&d, hex));
	journal_add(j, event);
}

static void
an_empty_folder_names_nothing(void **state)
{
	char *run = make_run(*state, "r"), *none = path_join(*state, "none");

	assert_names(run, "");
	assert_names(none, "");
	free(none);
	free(run);
}

static void
the_index_names_objects_and_records(void **state)
{
	char *run = make_run(*state, "r"), *index = path_join(run, "index");
	struct store *s = open_for_run(*state, run);

	publish_file(s, 1, "x", 0);
	publish_record(s, 2);
	/* With the group commit, not only at the end. */
	assert_int_equal(store_flush(s, 0, NULL), 0);
	assert_names(run, "1 2 ");
	store_close(s);
	assert_names(run, "1 2 ");
	/* A damaged line names nothing; the others still do. */
	flip_bit(index, 30);
	assert_names(run, "2 ");
	free(index);
	free(run);
}

/* Only what a complete run asked for stays in its index. */
static void
a_complete_run_names_what_it_asked_for(void **state)
{
	char *run = make_run(*state, "r");
	struct store *s = open_for_run(*state, run);

	for (int i = 1; i <= 3; i++) {
		publish_file(s, i, "x", 0);
		publish_record(s, 10 + i);
	}
	store_close(s);
	s = open_for_run(*state, run);
	assert_int_equal(has_result(s, 2), 1);
	store_close(s);
	assert_names(run, "1 2 3 11 12 13 ");
	s = open_for_run(*state, run);
	assert_int_equal(has_result(s, 1), 1);
	assert_int_equal(has_result(s, 13), 1);
	publish_record(s, 5);
	store_index_complete(s);
	store_close(s);
	assert_names(run, "1 5 13 ");
	free(run);
}

static void
looking_names_nothing(void **state)
{
	char *run = make_run(*state, "r"), *index = path_join(run, "index");
	struct store *s = open_store(*state);

	publish_file(s, 1, "x", 0);
	publish_record(s, 2);
	store_close(s);
	s = open_store(*state);
	store_use_index(s, index);
	store_only_looks(s);
	assert_int_equal(has_result(s, 1), 1);
	assert_int_equal(has_result(s, 2), 1);
	store_close(s);
	assert_names(run, "");
	free(index);
	free(run);
}

static void
links_name_objects(void **state)
{
	char *run = make_run(*state, "r"), hex[DIGEST_HEX + 1];
	char *task = path_join(run, "tasks/n/model=1");
	char *out = path_join(task, "out"), *other = path_join(task, "other");
	char *target;
	struct digest d;

	number_key(3, &d);
	digest_hex(&d, hex);
	target = xasprintf("../../../../store/objects/%.2s/%s", hex, hex + 2);
	assert_int_equal(fs_mkdirs(task, NULL), 0);
	assert_int_equal(symlink(target, out), 0);
	assert_int_equal(symlink("/somewhere/else", other), 0);
	assert_names(run, "3 ");
	free(target);
	free(other);
	free(out);
	free(task);
	free(run);
}

/* An engine that was killed leaves no index of its last minutes. */
static void
the_journal_names_what_a_killed_engine_made(void **state)
{
	char *run = make_run(*state, "r"), *path = path_join(run, "journal");
	char *index = path_join(run, "index");
	struct journal *j = journal_open(path, NULL);

	add_event(j, "run-start", -1);
	add_event(j, "end", 1);
	add_event(j, "run-end", -1);
	add_event(j, "run-start", -1);
	add_event(j, "end", 2);
	assert_int_equal(journal_flush(j, 0, NULL), 0);
	/* No index: whatever it ever made. */
	assert_names(run, "1 2 ");
	write_text(index, "");
	assert_names(run, "2 ");
	journal_close(j);
	free(index);
	free(path);
	free(run);
}

static int
cannot_read(const char *run)
{
	struct named n = {0};
	struct error e = {0};

	return run_names(run, note, &n, &e) == -1 && strstr(e.text, "cannot read") ? 0 : 1;
}

static void
what_cannot_be_read_is_told(void **state)
{
	static const char *const parts[] = {"index", "tasks", NULL};
	char *run = make_run(*state, "r");

	assert_int_equal(chmod(*state, 0755), 0);
	for (int i = 0; parts[i]; i++) {
		char *path = path_join(run, parts[i]);

		if (i == 0)
			write_text(path, "x");
		else
			assert_int_equal(mkdir(path, 0755), 0);
		assert_int_equal(chmod(path, 0), 0);
		assert_int_equal(as_nobody(cannot_read, run), 0);
		assert_int_equal(chmod(path, 0755), 0);
		assert_int_equal(fs_remove_tree(path, NULL), 0);
		/* No regular file. */
		assert_int_equal(i == 0 ? mkdir(path, 0755) : 0, 0);
		if (i == 0)
			assert_int_equal(cannot_read(run), 0);
		rmdir(path);
		free(path);
	}
	free(run);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_empty_folder_names_nothing,
						make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(the_index_names_objects_and_records,
						make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(a_complete_run_names_what_it_asked_for,
						make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(looking_names_nothing, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(links_name_objects, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(
			the_journal_names_what_a_killed_engine_made, make_folder,
			remove_folder),
		cmocka_unit_test_setup_teardown(what_cannot_be_read_is_told, make_folder,
						remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

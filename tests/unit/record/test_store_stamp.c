/* SPDX-License-Identifier: Apache-2.0 */
/* store: the use of a result is noted where gc could not know of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "helpers.h"

static int
days_since_use(struct store *s, int i)
{
	char *path = object_path(store_path(s), i);
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	free(path);
	return (int)((time(NULL) - st.st_mtim.tv_sec) / (24 * 3600));
}

static void
who_only_looks_notes_nothing(void **state)
{
	struct store *s = open_store(*state);

	publish_file(s, 1, "x", 0);
	age_object(s, 1, 9);
	assert_int_equal(has_result(s, 1), 1);
	assert_int_equal(days_since_use(s, 1), 9);
	store_close(s);
}

static void
a_run_stamps_what_it_finds(void **state)
{
	char *run = make_run(*state, "r");
	struct store *s = open_store(*state);
	struct stat before, after;
	char *object = object_path(store_path(s), 2);

	publish_file(s, 1, "x", 0);
	publish_file(s, 2, "x", 0);
	age_object(s, 1, 9);
	make_old(object); /* an hour: good enough */
	assert_int_equal(stat(object, &before), 0);
	store_close(s);
	s = open_for_run(*state, run);
	assert_int_equal(has_result(s, 1), 1);
	assert_int_equal(has_result(s, 2), 1);
	assert_int_equal(days_since_use(s, 1), 0);
	assert_int_equal(stat(object, &after), 0);
	assert_int_equal(before.st_mtim.tv_sec, after.st_mtim.tv_sec);
	store_close(s);
	free(object);
	free(run);
}

/* gc reads the index of a run that it knows. */
static void
what_the_index_names_is_not_stamped(void **state)
{
	char *run = make_run(*state, "r");
	struct store *s = open_for_run(*state, run);

	publish_file(s, 1, "x", 0);
	store_close(s);
	s = open_for_run(*state, run);
	age_object(s, 1, 9);
	assert_int_equal(has_result(s, 1), 1);
	assert_int_equal(days_since_use(s, 1), 9);
	store_close(s);
	free(run);
}

/* ... but it may not know one that was moved and is registered only now. */
static void
a_run_that_is_new_to_the_store_stamps_all(void **state)
{
	char *run = make_run(*state, "r"), *moved = path_join(*state, "moved");
	struct store *s = open_for_run(*state, run);

	publish_file(s, 1, "x", 0);
	store_close(s);
	assert_int_equal(rename(run, moved), 0);
	s = open_for_run(*state, moved);
	age_object(s, 1, 9);
	assert_int_equal(has_result(s, 1), 1);
	assert_int_equal(days_since_use(s, 1), 0);
	store_close(s);
	free(moved);
	free(run);
}

static void
an_object_that_vanished_is_absent(void **state)
{
	char *run = make_run(*state, "r"), *object;
	struct store *s = open_for_run(*state, run);

	object = object_path(store_path(s), 1);
	publish_file(s, 1, "x", 0);
	assert_int_equal(has_result(s, 1), 1);
	assert_int_equal(fs_remove_tree(object, NULL), 0);
	assert_int_equal(has_result(s, 1), 0);
	store_close(s);
	free(object);
	free(run);
}

/* Number of segments with a record of task i. */
static size_t
copies(struct store *s, int i)
{
	char hex[DIGEST_HEX + 1], *command;
	struct digest d;
	size_t n = 0;
	FILE *p;

	number_key(i, &d);
	command = xasprintf("cat '%s'/segments/* | grep -c '^........ %s'",
			    store_path(s), digest_hex(&d, hex));
	p = popen(command, "r");
	assert_non_null(p);
	assert_int_equal(fscanf(p, "%zu", &n), 1);
	pclose(p);
	free(command);
	return n;
}

static void
an_old_record_is_written_again(void **state)
{
	char *run = make_run(*state, "r");
	struct store *s = open_store(*state);
	struct str text = {0};

	add_record_line(&text, 1, 9);
	add_record_line(&text, 2, 0);
	write_segment(store_path(s), "merged-0", &text);
	store_close(s);
	for (int round = 0; round < 3; round++) {
		/* Looked at; used; used by a run that gc knows. */
		s = round ? open_for_run(*state, run) : open_store(*state);
		assert_int_equal(has_result(s, 1), 1);
		assert_int_equal(has_result(s, 2), 1);
		assert_int_equal(store_flush(s, 0, NULL), 0);
		assert_int_equal(copies(s, 1), round ? 2 : 1);
		assert_int_equal(copies(s, 2), 1);
		store_close(s);
	}
	str_free(&text);
	free(run);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(who_only_looks_notes_nothing,
						make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(a_run_stamps_what_it_finds, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(what_the_index_names_is_not_stamped,
						make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(
			a_run_that_is_new_to_the_store_stamps_all, make_folder,
			remove_folder),
		cmocka_unit_test_setup_teardown(an_object_that_vanished_is_absent,
						make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(an_old_record_is_written_again,
						make_folder, remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

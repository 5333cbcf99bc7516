/* SPDX-License-Identifier: Apache-2.0 */
/* store: records under damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/resource.h>

#include "helpers.h"
#include "record/engine_note.h"

enum { SEGMENTS = 20 };

/* Of ten records in a dead engine's segment, those that were not hit are there. */
static void
check_segment(const char *folder, int kind, int want)
{
	char *command = xasprintf("mv '%s/store/segments/'* '%s/seg'", folder, folder);
	char *seg = path_join(folder, "seg"), *log = path_join(folder, "log"), *text;
	char *back = xasprintf("mv '%s' '%s/store/segments/merged-0'", seg, folder);
	struct store *s = open_store(folder);
	int saved, found = 0;
	struct stat st;

	for (int i = 0; i < 10; i++)
		publish_record(s, i);
	store_close(s);
	assert_int_equal(system(command), 0);
	assert_int_equal(stat(seg, &st), 0);
	if (kind == 0)
		flip_bit(seg, 150);
	else if (kind == 1)
		assert_int_equal(truncate(seg, st.st_size - 1), 0);
	else if (kind == 2)
		zero_fill(seg, st.st_size - 40);
	else if (kind == 3)
		assert_int_equal(truncate(seg, 0), 0);
	else
		zero_fill(seg, 0);
	assert_int_equal(system(back), 0);
	s = open_store(folder);
	saved = catch_stderr(log);
	for (int i = 0; i < 10; i++)
		found += has_result(s, i);
	assert_int_equal(found, want);
	/* What is missing is made again. */
	for (int i = 0; i < 10; i++)
		publish_record(s, i);
	store_close(s);
	text = caught_stderr(log, saved);
	assert_int_equal(count_lines(text), kind == 3 ? 0 : 1);
	free(text);
	s = open_store(folder);
	saved = catch_stderr(log);
	for (int i = 0; i < 10; i++)
		assert_int_equal(has_result(s, i), 1);
	text = caught_stderr(log, saved);
	/* The damaged segment was written anew: nothing more to say. */
	assert_string_equal(text, "");
	store_close(s);
	free(text);
	free(back);
	free(log);
	free(seg);
	free(command);
}

static void
damaged_segments(void **state)
{
	static const int want[] = {9, 9, 9, 0, 0};

	for (int kind = 0; kind < 5; kind++) {
		char *folder = xasprintf("%s/%d", (char *)*state, kind);

		assert_int_equal(mkdir(folder, 0755), 0);
		check_segment(folder, kind, want[kind]);
		free(folder);
	}
}

/* Told once: a run that has nothing to write mends it all the same, one that may not write
 * lets it be. */
static void
damage_is_mended_by_who_may(void **state)
{
	char *seg = path_join(*state, "store/segments/merged-0"), *text;
	char *log = path_join(*state, "log");
	struct store *s = open_store(*state);
	int saved;

	store_close(s);
	write_text(seg, "damaged\n");
	for (int turn = 0; turn < 3; turn++) {
		s = open_store(*state);
		saved = catch_stderr(log);
		assert_int_equal(has_result(s, 1), 0);
		if (turn == 1)
			store_mend(s);
		store_close(s);
		text = caught_stderr(log, saved);
		assert_int_equal(count_lines(text), turn < 2);
		free(text);
	}
	free(log);
	free(seg);
}

/* The same key twice: the first one stands. */
static void
the_first_record_stands(void **state)
{
	struct store *s = open_store(*state);
	char *path = xasprintf("%s/segments/merged-1", store_path(s));
	struct str lines = {0}, text = {0}, body = {0};
	char hex[DIGEST_HEX + 1];
	struct digest key;
	struct result *r;

	for (int i = 1; i <= 2; i++) {
		r = record_result(1);
		js_set_int(r->values, "n", i);
		str_reset(&text);
		str_reset(&body);
		result_write(r, &text);
		str_printf(&body, "%s %s", digest_hex(&r->key, hex), text.s);
		line_seal(&lines, body.s, body.len);
		result_free(r);
	}
	write_text(path, lines.s);
	number_key(1, &key);
	assert_int_equal(store_lookup(s, &key, &r, NULL), 1);
	assert_int_equal(js_get_int(r->values, "n", 0), 1);
	result_free(r);
	store_close(s);
	str_free(&lines);
	str_free(&text);
	str_free(&body);
	free(path);
}

/* Record i alone, in a segment of its own. */
static void
make_segment(const char *folder, int i, const char *name)
{
	char *command = xasprintf("mv '%s/store/segments/'*-*-* '%s/new'", folder, folder);
	char *back = xasprintf("mv '%s/new' '%s/%s'", folder, folder, name);
	struct store *s = open_store(folder);

	publish_record(s, i);
	store_close(s);
	assert_int_equal(system(command), 0);
	assert_int_equal(system(back), 0);
	free(back);
	free(command);
}

/* As many segments as are joined, each with one record, in the store. */
static void
make_segments(const char *folder)
{
	char name[32], *command;

	for (int i = 0; i < SEGMENTS; i++) {
		snprintf(name, sizeof name, "merged-%d", i);
		make_segment(folder, i, name);
	}
	command = xasprintf("mv '%s'/merged-* '%s/store/segments'", folder, folder);
	assert_int_equal(system(command), 0);
	free(command);
}

static int
records_found(const char *folder)
{
	struct store *s = open_store(folder);
	int found = 0;

	for (int i = 0; i < SEGMENTS; i++)
		found += has_result(s, i);
	store_close(s);
	return found;
}

/* With no more descriptors than a few segments take, others cannot be read. They stay where
 * they are: who joins segments knows nothing of what is in them. */
static void
what_cannot_be_read_is_not_joined(void **state)
{
	struct rlimit all, few;
	char *log = path_join(*state, "log");
	struct store *s;
	int found = 0, saved;

	make_segments(*state);
	s = open_store(*state);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &all), 0);
	saved = catch_stderr(log);
	few = all;
	few.rlim_cur = (rlim_t)dup(0) + SEGMENTS / 2;
	close((int)few.rlim_cur - SEGMENTS / 2);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
	for (int i = 0; i < SEGMENTS; i++)
		found += has_result(s, i);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &all), 0);
	free(caught_stderr(log, saved));
	assert_in_range(found, 1, SEGMENTS - 1);
	publish_record(s, SEGMENTS);
	store_close(s);
	assert_int_equal(records_found(*state), SEGMENTS);
	free(log);
}

/* The segment of an engine that we do not see (in a container of this machine, with a table of
 * processes of its own), but that holds the lock on its note. */
static void
a_living_engine_keeps_its_segment(void **state)
{
	char *name, *path, *note;
	struct engine_id id;
	struct error e = {0};
	struct store *s;
	int fd;

	engine_self(&id);
	name = xasprintf("%s-%d-1-00000001", id.host, INT32_MAX);
	make_segment(*state, SEGMENTS, "its");
	make_segments(*state);
	path = xasprintf("%s/store/segments/%s", (char *)*state, name);
	note = xasprintf("mv '%s/its' '%s'", (char *)*state, path);
	assert_int_equal(system(note), 0);
	free(note);
	note = xasprintf("%s/store/engines/%s", (char *)*state, name);
	fd = engine_note_make(note, &id, 0, &e);
	assert_true(fd >= 0);
	s = open_store(*state);
	publish_record(s, SEGMENTS + 1);
	store_close(s);
	assert_int_equal(access(path, F_OK), 0);
	close(fd);
	assert_int_equal(records_found(*state), SEGMENTS);
	free(note);
	free(path);
	free(name);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(damaged_segments),
		TEST(damage_is_mended_by_who_may),
		TEST(the_first_record_stands),
		TEST(what_cannot_be_read_is_not_joined),
		TEST(a_living_engine_keeps_its_segment),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* store: several engines at once, and engines that died. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>

#include <cmocka.h>

#include "helpers.h"

/* Publish keys 0..59 in a child. */
static pid_t
start_publisher(const char *folder, int files)
{
	pid_t pid = fork();

	if (pid == 0) {
		struct store *s = open_store(folder);

		for (int i = 0; i < 60; i++)
			if (files)
				publish_file(s, i, "same", 0);
			else
				publish_record(s, i);
		store_close(s);
		_exit(0);
	}
	return pid;
}

static void
publishers_at_once(void **state)
{
	enum { PUBLISHERS = 4 };
	struct store *s;
	char *tmp;

	for (int files = 0; files < 2; files++) {
		pid_t pids[PUBLISHERS];
		int status;

		for (int i = 0; i < PUBLISHERS; i++)
			pids[i] = start_publisher(*state, files);
		for (int i = 0; i < PUBLISHERS; i++) {
			assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
			assert_int_equal(status, 0);
		}
		s = open_store(*state);
		for (int i = 0; i < 60; i++)
			assert_int_equal(has_result(s, i), 1);
		store_close(s);
	}
	s = open_store(*state);
	tmp = path_join(store_path(s), "tmp");
	assert_int_equal(count_entries(tmp), 0);
	store_close(s);
	free(tmp);
}

/* Ask for each until it is there. */
static int
look_for_all(const char *folder, int count)
{
	struct store *s = open_store(folder);

	for (int i = 0; i < count; i++)
		while (!has_result(s, i))
			;
	store_close(s);
	return 0;
}

/* An object that comes while it is looked for is whole: nobody takes it for one that
 * lost its result.json, and moves it away. */
static void
objects_come_whole(void **state)
{
	enum { COUNT = 1500, READERS = 3 };
	char *said = path_join(*state, "said"), *text;
	int saved = catch_stderr(said), status;
	struct store *s = open_store(*state);
	pid_t pids[READERS];

	for (int i = 0; i < READERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			_exit(look_for_all(*state, COUNT));
		}
	}
	for (int i = 0; i < COUNT; i++)
		publish_file(s, i, "text", 0);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(has_result(s, i), 1);
	for (int i = 0; i < READERS; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	text = caught_stderr(said, saved);
	assert_string_equal(text, "");
	store_close(s);
	free(text);
	free(said);
}

/* Look for each, and make it where it is not there, as engines do. */
static int
heal_all(const char *folder, int count)
{
	struct store *s = open_store(folder);

	for (int i = 0; i < count; i++)
		if (!has_result(s, i))
			publish_file(s, i, "text", 0);
	store_close(s);
	return 0;
}

/* Who finds a damaged object moves that one away, never the new one that another
 * engine has put in its place. */
static void
damage_is_healed_once(void **state)
{
	enum { COUNT = 200, HEALERS = 4 };
	char *said = path_join(*state, "said"), *text, *path;
	int saved = catch_stderr(said), status;
	struct store *s = open_store(*state);
	pid_t pids[HEALERS];

	for (int i = 0; i < COUNT; i++) {
		publish_file(s, i, "text", 0);
		text = object_path(store_path(s), i);
		path = path_join(text, "out.txt");
		flip_bit(path, 1);
		make_old(path);
		free(path);
		free(text);
	}
	store_close(s);
	for (int i = 0; i < HEALERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			prctl(PR_SET_PDEATHSIG, SIGKILL);
			_exit(heal_all(*state, COUNT));
		}
	}
	for (int i = 0; i < HEALERS; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	text = caught_stderr(said, saved);
	assert_int_equal(count_lines(text), COUNT);
	free(text);
	s = open_store(*state);
	for (int i = 0; i < COUNT; i++)
		assert_int_equal(has_result(s, i), 1);
	path = path_join(store_path(s), "tmp");
	assert_int_equal(count_entries(path), COUNT);
	store_close(s);
	free(path);
	free(said);
}

/* What another engine appends is found by a miss, a second later at most. */
static void
records_of_a_living_engine_appear(void **state)
{
	struct store *a = open_store(*state), *b = open_store(*state);
	int found = 0;

	assert_int_equal(has_result(b, 1), 0);
	publish_record(a, 1);
	assert_int_equal(store_flush(a, 0, NULL), 0);
	for (int i = 0; i < 30 && !found; i++) {
		usleep(100000);
		found = has_result(b, 1);
	}
	assert_int_equal(found, 1);
	publish_record(a, 2);
	assert_int_equal(store_flush(a, 0, NULL), 0);
	for (int i = 0; i < 30 && !has_result(b, 2); i++)
		usleep(100000);
	assert_int_equal(has_result(b, 2), 1);
	store_close(a);
	store_close(b);
}

/* A child that leaves its tmp behind, as kill -9 would. */
static void
dead_engines_are_swept(void **state)
{
	struct store *s = open_store(*state);
	char *tmp = path_join(store_path(s), "tmp"), *foreign;
	char *engines = path_join(store_path(s), "engines"), *out, *work;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct store *child = open_store(*state);

		file_result(child, 1, "half", &out);
		publish_record(child, 2);
		store_flush(child, 0, NULL);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(count_entries(tmp), 1);
	assert_int_equal(count_entries(engines), 1);
	foreign = path_join(tmp, "elsewhere-1-1-00000000");
	assert_int_equal(mkdir(foreign, 0755), 0);
	/* Looking does not sweep; the first write does, but not what is of another
	 * host. */
	assert_int_equal(has_result(s, 2), 1);
	assert_int_equal(count_entries(engines), 1);
	assert_int_equal(store_attempt_dirs(s, 0, &out, &work, NULL), 0);
	assert_int_equal(count_entries(engines), 1);
	assert_int_equal(count_entries(tmp), 2);
	assert_int_equal(access(foreign, F_OK), 0);
	store_close(s);
	assert_int_equal(count_entries(tmp), 1);
	free(out);
	free(work);
	free(foreign);
	free(engines);
	free(tmp);
}

/* Segments of many engines are joined; nothing is lost. */
static void
segments_are_joined(void **state)
{
	enum { ENGINES = 20 };
	struct store *s;
	char *segments;

	for (int i = 0; i < ENGINES; i++) {
		pid_t pid = fork();
		int status;

		if (pid == 0) {
			s = open_store(*state);
			publish_record(s, i);
			store_flush(s, 0, NULL);
			_exit(0); /* not closed */
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
	}
	s = open_store(*state);
	segments = path_join(store_path(s), "segments");
	assert_int_equal(count_entries(segments), ENGINES);
	publish_record(s, 100);
	store_close(s);
	/* The joined one, our own, the lock. */
	assert_int_equal(count_entries(segments), 3);
	s = open_store(*state);
	for (int i = 0; i < ENGINES; i++)
		assert_int_equal(has_result(s, i), 1);
	assert_int_equal(has_result(s, 100), 1);
	store_close(s);
	free(segments);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(publishers_at_once),
		TEST(objects_come_whole),
		TEST(damage_is_healed_once),
		TEST(records_of_a_living_engine_appear),
		TEST(dead_engines_are_swept),
		TEST(segments_are_joined),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

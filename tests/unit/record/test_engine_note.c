/* SPDX-License-Identifier: Apache-2.0 */
/* engine_note: what an engine says of itself, and what is concluded of its life. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "helpers.h"
#include "record/engine_note.h"

static void
says_who_it_is(void **state)
{
	char *path = path_join(*state, "note");
	struct engine_note n, again;
	struct engine_id self;
	struct error e = {0};
	int fd;

	engine_self(&self);
	assert_int_equal(engine_note_read(path, &n), 0);
	fd = engine_note_make(path, &self, 1, &e);
	assert_true(fd >= 0);
	assert_int_equal(engine_note_make(path, &self, 1, &e), -1);
	assert_non_null(strstr(e.text, path));
	assert_int_equal(engine_note_read(path, &n), 1);
	assert_string_equal(n.id.name, self.name);
	assert_string_equal(n.id.host, self.host);
	assert_string_equal(n.id.boot, self.boot);
	assert_int_equal(n.id.pid, getpid());
	assert_true(n.id.start == self.start);
	assert_true(n.since > 0);
	assert_int_equal(n.alive, 1);
	assert_int_equal(n.dead, 0);
	make_old(path);
	assert_int_equal(engine_note_read(path, &n), 1);
	engine_note_beat(fd);
	assert_int_equal(engine_note_read(path, &again), 1);
	assert_true(again.stamp != n.stamp);
	assert_true(again.ino == n.ino);
	close(fd);
	free(path);
}

/* A note as another engine would have left it. */
static void
write_note(const char *path, const struct engine_id *id)
{
	char *text = engine_note_text(id);

	write_text(path, text);
	free(text);
}

static void
death_is_seen_where_it_can_be(void **state)
{
	char *path = path_join(*state, "note");
	struct engine_note n;
	struct engine_id id;
	int fd;

	/* Our pid, but another process. */
	engine_self(&id);
	id.start++;
	write_note(path, &id);
	assert_int_equal(engine_note_read(path, &n), 1);
	assert_int_equal(n.dead, 1);
	assert_int_equal(n.alive, 0);
	/* In another container, where we see no pids, somebody holds its lock. */
	fd = open(path, O_RDWR | O_CLOEXEC);
	assert_int_equal(engine_lock(fd), 0);
	assert_int_equal(engine_note_read(path, &n), 1);
	assert_int_equal(n.dead, 0);
	assert_int_equal(n.alive, 0);
	close(fd);
	/* Of another machine, or before a boot, nothing is known. */
	strcpy(id.boot, "00000000-0000-0000-0000-000000000000");
	write_note(path, &id);
	assert_int_equal(engine_note_read(path, &n), 1);
	assert_int_equal(n.dead, 0);
	engine_self(&id);
	id.start++;
	strcpy(id.host, "elsewhere");
	write_note(path, &id);
	assert_int_equal(engine_note_read(path, &n), 1);
	assert_int_equal(n.dead, 0);
	assert_int_equal(n.alive, 0);
	free(path);
}

static void
damaged_ones_say_nothing(void **state)
{
	static const char *const texts[] = {
		"", "{", "[]", "7", "{\"pid\":\"x\",\"host\":[],\"engine\":7,\"start\":{}}",
		"{\"pid\":99999999999999}",
	};
	char *path = path_join(*state, "note"), *folder = path_join(*state, "folder"),
	     *link = path_join(*state, "link"), *big;
	struct engine_note n;

	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		write_text(path, texts[i]);
		assert_int_equal(engine_note_read(path, &n), 1);
		assert_string_equal(n.id.name, "");
		assert_int_equal(n.id.pid, 0);
		assert_int_equal(n.dead, 0);
		assert_true(n.ino != 0);
	}
	big = xasprintf("{\"engine\":\"%0300d\",\"host\":\"%0300d\",\"pid\":7}", 1, 2);
	write_text(path, big);
	assert_int_equal(engine_note_read(path, &n), 1);
	assert_string_equal(n.id.name, "");
	assert_string_equal(n.id.host, "");
	assert_int_equal(n.id.pid, 7);
	assert_int_equal(mkdir(folder, 0755), 0);
	assert_int_equal(engine_note_read(folder, &n), -1);
	assert_int_equal(symlink(path, link), 0);
	assert_int_equal(engine_note_read(link, &n), -1);
	assert_true(n.stamp != 0 && n.ino != 0);
	free(big);
	free(link);
	free(folder);
	free(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(says_who_it_is),
		TEST(death_is_seen_where_it_can_be),
		TEST(damaged_ones_say_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

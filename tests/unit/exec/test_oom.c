/* SPDX-License-Identifier: Apache-2.0 */
/* Signs that memory ran out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/mem.h"
#include "exec/oom.h"

static char room[200];

static int
open_room(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(room, sizeof(room), "%s/af2flow-oom-XXXXXX", tmp ? tmp : "/tmp");
	return mkdtemp(room) ? 0 : -1;
}

static int
close_room(void **state)
{
	(void)state;
	return fs_remove_tree(room, NULL);
}

static void
put(const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", room, name), *dir = path_dir(path);
	FILE *f;

	/* In place: the counter keeps it open. */
	assert_int_equal(fs_mkdirs(dir, NULL), 0);
	f = fopen(path, "we");
	assert_non_null(f);
	fputs(text, f);
	fclose(f);
	free(path);
	free(dir);
}

static void
test_said(void **state)
{
	static const char *const said[] = {
		"terminate called after throwing an instance of 'std::bad_alloc'",
		"Traceback...\nMemoryError",
		"RESOURCE_EXHAUSTED: Out of memory while trying to allocate 12 bytes",
		"sort: cannot allocate memory",
		"OSError: [Errno 12] Cannot allocate memory",
		"Fatal: OUT OF MEMORY (malloc of 5)",
	};
	static const char *const not_said[] = {"", "memory", "allocated 5 bytes",
					       "out of disk"};

	(void)state;
	for (size_t i = 0; i < sizeof(said) / sizeof(*said); i++)
		assert_true(oom_said(said[i]));
	for (size_t i = 0; i < sizeof(not_said) / sizeof(*not_said); i++)
		assert_false(oom_said(not_said[i]));
}

static void
test_near(void **state)
{
	(void)state;
	assert_false(oom_is_near(1000, 0));
	assert_false(oom_is_near(89, 100));
	assert_true(oom_is_near(90, 100));
	assert_true(oom_is_near(UINT64_MAX, 100));
	assert_false(oom_is_near(0, UINT64_MAX));
}

static void
test_text(void **state)
{
	char *text = oom_text((uint64_t)3 << 30, (uint64_t)2 << 30);

	(void)state;
	assert_string_equal(text, "used 3G of 2G declared");
	free(text);
	text = oom_text(1 << 20, 0);
	assert_string_equal(text, "used 1M, none declared");
	free(text);
}

static void
test_no_counter(void **state)
{
	struct oom_counter c;

	(void)state;
	oom_open(&c, room);
	assert_int_equal(oom_mark(&c), 0);
	assert_false(oom_rose(&c, 0));
	oom_close(&c);
	oom_close(&c);
}

/* Each time: the file of a machine, which grows. */
static void
counts(const char *file, const char *format)
{
	struct oom_counter c;
	char text[200];
	uint64_t mark;

	snprintf(text, sizeof(text), format, 3);
	put(file, text);
	oom_open(&c, room);
	mark = oom_mark(&c);
	assert_int_equal(mark, 3);
	assert_false(oom_rose(&c, mark));
	snprintf(text, sizeof(text), format, 4);
	put(file, text);
	assert_true(oom_rose(&c, mark));
	assert_int_equal(oom_mark(&c), 4);
	oom_close(&c);
}

static void
test_version_1(void **state)
{
	(void)state;
	put("proc/self/cgroup", "4:memory:/m\n0::/\n");
	put("proc/self/mountinfo", "1 2 0:3 / /c rw - cgroup cgroup rw,memory\n");
	put("proc/vmstat", "oom_kill 77\n");
	counts("c/m/memory.oom_control",
	       "oom_kill_disable 0\nunder_oom 0\noom_kill %d\n");
}

static void
test_version_2(void **state)
{
	(void)state;
	put("proc/self/cgroup", "0::/m\n");
	put("proc/self/mountinfo", "1 2 0:3 / /c rw - cgroup2 cgroup2 rw\n");
	counts("c/m/memory.events",
	       "low 0\nhigh 0\nmax 5\noom 9\noom_kill %d\noom_group_kill 0\n");
	/* A group that the controller does not know: the one above it counts. */
	put("proc/self/cgroup", "0::/m/host/below\n");
	counts("c/m/memory.events", "oom_kill %d\n");
}

/* The last resort: looked at only when something was killed. */
static void
test_whole_machine(void **state)
{
	struct oom_counter c;

	(void)state;
	counts("proc/vmstat", "nr_free_pages 8\noom_kill %d\nx 1\n");
	put("proc/vmstat", "oom_kill 5\n");
	oom_open(&c, room);
	put("proc/vmstat", "oom_kill 6\n");
	assert_int_equal(oom_mark(&c), 5);
	assert_true(oom_rose(&c, 5));
	assert_int_equal(oom_mark(&c), 6);
	oom_close(&c);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_room, close_room)
	const struct CMUnitTest tests[] = {
		T(test_said),          T(test_near),      T(test_text),
		T(test_no_counter),    T(test_version_1), T(test_version_2),
		T(test_whole_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

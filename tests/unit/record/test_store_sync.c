/* SPDX-License-Identifier: Apache-2.0 */
/* store: the order of syncs, renames and removals, on which a power loss depends. The
 * calls are ours here: each does its work and notes "CALL PATH". */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <limits.h>
#include <sys/syscall.h>

#include "helpers.h"

static struct words calls;

static void
note(const char *call, const char *path)
{
	char *line = xasprintf("%s %s", call, path);

	words_add(&calls, line);
	free(line);
}

static void
note_fd(const char *call, int fd)
{
	char link[40], path[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path - 1);
	path[n > 0 ? n : 0] = '\0';
	note(call, path);
}

int
fsync(int fd)
{
	note_fd("fsync", fd);
	return 0;
}

int
fdatasync(int fd)
{
	note_fd("fsync", fd);
	return 0;
}

int
renameat2(int a, const char *from, int b, const char *to, unsigned flags)
{
	int rc = (int)syscall(SYS_renameat2, a, from, b, to, flags);

	if (rc == 0)
		note("rename", to);
	return rc;
}

int
rename(const char *from, const char *to)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
unlink(const char *path)
{
	int rc = (int)syscall(SYS_unlinkat, AT_FDCWD, path, 0);

	if (rc == 0)
		note("unlink", path);
	return rc;
}

static void
forget_calls(void)
{
	words_free(&calls);
	calls = (struct words){0};
}

static int
end_calls(void **state)
{
	forget_calls();
	return remove_folder(state);
}

/* Index of the first such call from `from` on, or -1. */
static int
find_call(int from, const char *call, const char *path)
{
	char *line = xasprintf("%s %s", call, path);
	int at = -1;

	for (size_t i = (size_t)from; at < 0 && i < calls.count; i++)
		if (strcmp(calls.v[i], line) == 0)
			at = (int)i;
	free(line);
	return at;
}

static size_t
count_calls(const char *call)
{
	size_t n = 0;

	for (size_t i = 0; i < calls.count; i++)
		n += strncmp(calls.v[i], call, strlen(call)) == 0;
	return n;
}

static void
a_cheap_result_is_not_synced(void **state)
{
	struct store *s = open_store(*state);

	publish_file(s, 1, "x", 0);
	publish_record(s, 2);
	assert_int_equal(store_flush(s, 0, NULL), 0);
	assert_int_equal(count_calls("fsync"), 0);
	store_close(s);
}

/* Its files, then its place, then every name above it; where another result has made
 * objects/ab before, too. */
static void
a_synced_object(void **state)
{
	struct store *s = open_store(*state);
	char *object = object_path(store_path(s), 1), *shard = path_dir(object);
	char *objects = path_dir(shard), *above = path_dir(store_path(s));
	int renamed;

	assert_int_equal(mkdir(shard, 0755), 0);
	publish_file(s, 1, "x", 1);
	renamed = find_call(0, "rename", object);
	assert_true(renamed >= 3); /* out.txt, result.json, their folder */
	assert_int_equal(count_calls("rename"), 1);
	for (int i = 0; i < renamed; i++)
		assert_int_equal(strncmp(calls.v[i], "fsync", 5), 0);
	assert_true(find_call(renamed, "fsync", shard) > 0);
	assert_true(find_call(renamed, "fsync", objects) > 0);
	assert_true(find_call(renamed, "fsync", store_path(s)) > 0);
	assert_true(find_call(renamed, "fsync", above) > 0);
	/* What is known to be on the disk is not synced again. */
	forget_calls();
	for (int i = 2; i < 40; i++)
		publish_file(s, i, "x", 1);
	assert_int_equal(find_call(0, "fsync", store_path(s)), -1);
	assert_int_equal(find_call(0, "fsync", above), -1);
	store_close(s);
	free(above);
	free(objects);
	free(shard);
	free(object);
}

static void
a_synced_record(void **state)
{
	struct store *s = open_store(*state);
	char *segments = path_join(store_path(s), "segments");
	char *above = path_dir(store_path(s));
	struct error e = {0};
	struct result *r = store_publish(s, record_result(1), NULL, 1, &e);

	assert_non_null(r);
	assert_true(strstr(calls.v[0], "/segments/") != NULL);
	assert_int_equal(find_call(0, "fsync", segments), 1);
	assert_true(find_call(1, "fsync", store_path(s)) > 0);
	assert_true(find_call(1, "fsync", above) > 0);
	result_free(r);
	forget_calls();
	r = store_publish(s, record_result(2), NULL, 1, &e);
	assert_non_null(r);
	assert_int_equal(calls.count, 1);
	result_free(r);
	store_close(s);
	free(above);
	free(segments);
}

/* The joined segment has its name on the disk before the others lose theirs. */
static void
joined_segments(void **state)
{
	char *segments = path_join(*state, "store/segments"), *real, *from, *to;
	struct store *s;
	int renamed = -1, unlinked = -1, synced;

	for (int i = 0; i < 20; i++) {
		char *aside = xasprintf("%s/aside", (char *)*state);
		char *command = xasprintf("mv '%s'/* '%s'", segments, aside);

		s = open_store(*state);
		publish_record(s, i);
		store_close(s);
		/* Under the name of a segment that is surely finished. */
		assert_int_equal(system(command), 0);
		to = xasprintf("%s/../../old-%d", segments, i);
		assert_int_equal(rename(aside, to), 0);
		free(to);
		free(command);
		free(aside);
	}
	for (int i = 0; i < 20; i++) {
		from = xasprintf("%s/old-%d", (char *)*state, i);
		to = xasprintf("%s/merged-%016x", segments, (unsigned)i);
		assert_int_equal(rename(from, to), 0);
		free(from);
		free(to);
	}
	forget_calls();
	s = open_store(*state);
	real = path_join(store_path(s), "segments");
	publish_record(s, 20);
	store_close(s);
	for (size_t i = 0; i < calls.count; i++) {
		if (renamed < 0 && strstr(calls.v[i], "rename ") == calls.v[i])
			renamed = (int)i;
		if (unlinked < 0 && strstr(calls.v[i], "/segments/merged-") &&
		    strstr(calls.v[i], "unlink ") == calls.v[i])
			unlinked = (int)i;
	}
	synced = find_call(0, "fsync", real);
	assert_true(renamed >= 0 && unlinked >= 0);
	assert_true(renamed < synced && synced < unlinked);
	s = open_store(*state);
	for (int i = 0; i <= 20; i++)
		assert_int_equal(has_result(s, i), 1);
	store_close(s);
	free(real);
	free(segments);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, end_calls)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_cheap_result_is_not_synced),
		TEST(a_synced_object),
		TEST(a_synced_record),
		TEST(joined_segments),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Which folders are synced: fsync() is ours here, and notes their paths. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"

static struct words synced;
static int fails_at; /* the call that fails, from 1; 0: none */

int
fsync(int fd)
{
	char link[40], path[PATH_MAX];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path - 1);
	path[n > 0 ? n : 0] = '\0';
	words_add(&synced, path);
	if ((int)synced.count != fails_at)
		return 0;
	errno = EIO;
	return -1;
}

static char *scratch;

static int
setup(void **state)
{
	const char *tmp = getenv("TMPDIR");
	char *path = xasprintf("%s/af2-sync-XXXXXX", tmp ? tmp : "/tmp");

	(void)state;
	fails_at = 0;
	scratch = mkdtemp(path) ? realpath(path, NULL) : NULL;
	free(path);
	return scratch ? 0 : -1;
}

static int
teardown(void **state)
{
	int rc = fs_remove_tree(scratch, NULL);

	(void)state;
	words_free(&synced);
	synced = (struct words){0};
	free(scratch);
	return rc;
}

static void
a_folder(void **state)
{
	struct error e = {0};
	char *none = path_join(scratch, "none");

	(void)state;
	assert_int_equal(fs_sync_dir(scratch, &e), 0);
	assert_int_equal(synced.count, 1);
	assert_string_equal(synced.v[0], scratch);
	assert_int_equal(fs_sync_dir(none, &e), -1);
	assert_non_null(strstr(e.text, none));
	assert_int_equal(fs_sync_up(none, NULL), -1);
	free(none);
}

/* From the folder up, each once, as far as the file system goes. */
static void
a_folder_and_all_above(void **state)
{
	char *a = path_join(scratch, "a"), *b = path_join(a, "b"), *up;
	struct stat of, st;

	(void)state;
	assert_int_equal(fs_mkdirs(b, NULL), 0);
	assert_int_equal(stat(b, &of), 0);
	assert_int_equal(fs_sync_up(b, NULL), 0);
	assert_true(synced.count >= 3);
	assert_string_equal(synced.v[0], b);
	assert_string_equal(synced.v[1], a);
	assert_string_equal(synced.v[2], scratch);
	for (size_t i = 0; i < synced.count; i++) {
		assert_int_equal(stat(synced.v[i], &st), 0);
		assert_int_equal(st.st_dev, of.st_dev);
		if (i == 0)
			continue;
		up = path_dir(synced.v[i - 1]);
		assert_string_equal(synced.v[i], up);
		free(up);
	}
	free(a);
	free(b);
}

static void
a_failure_is_told(void **state)
{
	struct error e = {0};
	char *a = path_join(scratch, "a");

	(void)state;
	assert_int_equal(fs_mkdirs(a, NULL), 0);
	fails_at = 2;
	assert_int_equal(fs_sync_up(a, &e), -1);
	assert_non_null(strstr(e.text, scratch));
	assert_non_null(strstr(e.text, strerror(EIO)));
	free(a);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_folder),
		TEST(a_folder_and_all_above),
		TEST(a_failure_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

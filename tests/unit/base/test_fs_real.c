/* SPDX-License-Identifier: Apache-2.0 */
/* Files where somebody may have put something in the way. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"

static int
setup(void **state)
{
	char folder[] = "/tmp/af2flow-real-XXXXXX";

	*state = mkdtemp(folder) ? realpath(folder, NULL) : NULL;
	return *state && chdir(*state) == 0 ? 0 : -1;
}

static int
teardown(void **state)
{
	int rc = chdir("/") < 0 || fs_remove_tree(*state, NULL) < 0;

	free(*state);
	return rc;
}

static int
open_at(const char *folder, const char *name, int flags)
{
	char *path = path_join(folder, name);
	int fd = fs_open_real(path, flags, 0640);

	free(path);
	return fd;
}

static void
opens_what_is_there(void **state)
{
	struct stat st;
	int fd = open_at(*state, "file", O_WRONLY | O_CREAT | O_EXCL);

	assert_true(fd >= 0);
	assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	assert_int_equal(fstat(fd, &st), 0);
	assert_int_equal(st.st_mode & 0137, 0);
	close(fd);
	assert_int_equal(open_at(*state, "file", O_WRONLY | O_CREAT | O_EXCL), -1);
	assert_int_equal(errno, EEXIST);
	assert_int_equal(open_at(*state, "none/file", O_WRONLY | O_CREAT), -1);
	assert_int_equal(errno, ENOENT);
}

static void
follows_no_symlink(void **state)
{
	char *path = path_join(*state, "dir/link/sub");

	assert_int_equal(mkdir("dir", 0755), 0);
	assert_int_equal(mkdir("away", 0755), 0);
	assert_int_equal(symlink("../away", "dir/link"), 0);
	assert_int_equal(symlink("away/file", "last"), 0);
	assert_int_equal(open_at(*state, "last", O_WRONLY | O_CREAT), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(open_at(*state, "dir/link/file", O_WRONLY | O_CREAT), -1);
	assert_int_equal(errno, ELOOP);
	assert_int_equal(fs_mkdirs_real(path, UINT_MAX), -1);
	assert_int_equal(rmdir("away"), 0); /* still empty */
	free(path);
}

static void
makes_folders(void **state)
{
	char *path = path_join(*state, "a/b/c"), *file = path_join(*state, "file/x");
	struct stat st;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(fs_mkdirs_real(path, UINT_MAX), 0);
		assert_int_equal(stat(path, &st), 0);
		assert_true(S_ISDIR(st.st_mode));
	}
	close(open_at(*state, "file", O_WRONLY | O_CREAT));
	assert_int_equal(fs_mkdirs_real(file, UINT_MAX), -1);
	assert_int_equal(fs_has_entries(file), 0);
	assert_int_equal(fs_has_entries(*state), 1);
	assert_int_equal(errno, ENOTDIR);
	free(file);
	free(path);
}

static void
sets_aside(void **state)
{
	struct stat st;
	char *to;

	(void)state;
	assert_null(fs_set_aside("none"));
	assert_int_equal(errno, ENOENT);
	assert_int_equal(symlink("elsewhere", "link"), 0);
	to = fs_set_aside("link");
	assert_true(starts_with(to, "link.damaged-"));
	assert_int_equal(lstat(to, &st), 0);
	assert_true(S_ISLNK(st.st_mode));
	assert_int_equal(lstat("link", &st), -1);
	free(to);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(opens_what_is_there),
		TEST(follows_no_symlink),
		TEST(makes_folders),
		TEST(sets_aside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

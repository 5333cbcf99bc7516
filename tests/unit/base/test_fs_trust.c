/* SPDX-License-Identifier: Apache-2.0 */
/* Who may write a file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

static const char *
why(mode_t mode, uid_t uid, gid_t gid)
{
	struct stat st = {.st_mode = S_IFREG | mode, .st_uid = uid, .st_gid = gid};

	return fs_untrusted(&st);
}

static void
by_mode_and_owner(void **state)
{
	const uid_t other = 54321;
	struct stat self;

	(void)state;
	assert_int_equal(stat("/proc/self/exe", &self), 0);
	assert_null(why(0644, 0, 0));
	assert_null(why(0600, geteuid(), getegid()));
	assert_null(why(0644, self.st_uid, self.st_gid));
	assert_null(why(0664, geteuid(), 0));
	assert_string_equal(why(0644, other, 0), "it belongs to another user");
	assert_string_equal(why(0646, geteuid(), 0), "everybody can write it");
	assert_string_equal(why(0664, geteuid(), other), "its group can write it");
	assert_null(why(0644, geteuid(), other));
}

static void
files_with_their_folders(void **state)
{
	char folder[] = "/tmp/af2flow-trust-XXXXXX", *file, *link;
	struct error e = {0};

	(void)state;
	assert_non_null(mkdtemp(folder));
	file = path_join(folder, "file");
	link = path_join(folder, "link");
	assert_int_equal(fs_check_trust(file, "the file", &e), -1);
	assert_non_null(strstr(e.text, "cannot look at the file"));
	assert_int_equal(fs_write_file(file, "x", 1, 0, NULL), 0);
	assert_int_equal(symlink("file", link), 0);
	assert_int_equal(fs_check_trust(file, "the file", NULL), 0);
	assert_int_equal(fs_check_trust(link, "the file", NULL), 0);
	assert_int_equal(chmod(file, 0666), 0);
	for (int i = 0; i < 2; i++) {
		error_clear(&e);
		assert_int_equal(fs_check_trust(i ? link : file, "the file", &e), -1);
		assert_non_null(strstr(e.text, "everybody can write it"));
		assert_non_null(strstr(e.hint, file));
	}
	assert_int_equal(chmod(file, 0644), 0);
	assert_int_equal(chmod(folder, 0777), 0);
	error_clear(&e);
	assert_int_equal(fs_check_trust(file, "the file", &e), -1);
	assert_non_null(strstr(e.text, "its folder"));
	assert_int_equal(chmod(folder, 01777), 0);
	assert_int_equal(fs_check_trust(file, "the file", NULL), 0);
	assert_int_equal(fs_remove_tree(folder, NULL), 0);
	free(link);
	free(file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(by_mode_and_owner),
		cmocka_unit_test(files_with_their_folders),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

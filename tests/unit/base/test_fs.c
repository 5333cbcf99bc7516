/* SPDX-License-Identifier: Apache-2.0 */
/* Files and folders. All is done in a folder of its own, which is the current one.
 * Children in which system calls fail (by seccomp), the disk is "full" (RLIMIT_FSIZE)
 * or the user is not root show the errors. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"

/* --- helpers ---------------------------------------------------------------------- */

static char *scratch;

static int
setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	scratch = xasprintf("%s/af2-fs-XXXXXX", tmp ? tmp : "/tmp");
	umask(022);
	return mkdtemp(scratch) && chmod(scratch, 0777) == 0 && chdir(scratch) == 0
		       ? 0
		       : -1;
}

static int
teardown(void **state)
{
	int rc;

	(void)state;
	if (chdir("/") < 0)
		return -1;
	rc = fs_remove_tree(scratch, NULL);
	free(scratch);
	return rc;
}

static void
put(const char *path, const char *text)
{
	assert_int_equal(fs_write_file(path, text, strlen(text), 0, NULL), 0);
}

static void
expect_content(const char *path, const char *want)
{
	size_t len = 0;
	char *text = fs_read_file(path, 0, &len, NULL);

	assert_non_null(text);
	assert_int_equal(len, strlen(want));
	assert_string_equal(text, want);
	free(text);
}

static int
exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

/* Entries of the current folder whose name begins with ".tmp": left behind by a
 * failure. */
static int
leftovers(void)
{
	return system("ls -A | grep -q '^\\.tmp'") == 0;
}

/* Run `check` in a child; it returns 0 if all is as it should be. */
static void
in_child(int (*check)(void))
{
	int status;
	pid_t pid = fork();

	if (pid == 0)
		_exit(check());
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

/* From here on system call `number` fails with `error`. */
static int
break_call(unsigned number, unsigned error)
{
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, number, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
	};
	struct sock_fprog program = {sizeof code / sizeof *code, code};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
	       prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* --- folders ---------------------------------------------------------------------- */

/* What somebody took away is not made anew. */
static void
test_mkdirs_below(void **state)
{
	struct error e = {0};

	(void)state;
	assert_int_equal(fs_mkdirs_below("b1/b2/b3/b4", 3, &e), -1);
	assert_string_equal(e.text,
			    "cannot make folder 'b1/b2/b3/b4': No such file or directory");
	assert_int_equal(e.number, ENOENT);
	assert_false(exists("b1"));
	assert_int_equal(fs_mkdirs_below("b1", 1, NULL), 0);
	assert_int_equal(fs_mkdirs_below("b1/b2/b3/b4", 3, NULL), 0);
	assert_true(exists("b1/b2/b3/b4"));
	assert_int_equal(fs_mkdirs_below("b1/b2/b3/b4", 1, NULL), 0);
}

static void
test_mkdirs(void **state)
{
	struct error e = {0};
	struct stat st;

	(void)state;
	assert_int_equal(fs_mkdirs("", &e), -1);
	error_clear(&e);
	put("file", "x");
	assert_int_equal(fs_mkdirs("file", &e), -1);
	assert_string_equal(e.text, "cannot make folder 'file': Not a directory");
	error_clear(&e);
	assert_int_equal(fs_mkdirs("file/a/b", &e), -1);
	assert_string_equal(e.text, "cannot make folder 'file/a/b': Not a directory");
	error_clear(&e);
	assert_int_equal(fs_mkdirs("d1//d2/d3/", &e), 0);
	assert_int_equal(fs_mkdirs("d1/d2/d3", &e), 0);
	assert_int_equal(fs_mkdirs("/", &e), 0);
	assert_int_equal(fs_mkdirs(".", &e), 0);
	assert_int_equal(fs_mkdirs("d1/../d4/d5", &e), 0);
	assert_int_equal(stat("d1/d2/d3", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	assert_true(exists("d4/d5"));
	assert_int_equal(symlink("d1", "link"), 0);
	assert_int_equal(fs_mkdirs("link/d6", &e), 0);
	assert_true(exists("d1/d6"));
	assert_int_equal(symlink("nowhere", "dangling"), 0);
	assert_int_equal(fs_mkdirs("dangling", &e), -1);
	assert_false(error_is_set(NULL));
}

static void
test_sync_dir(void **state)
{
	struct error e = {0};

	(void)state;
	assert_int_equal(fs_sync_dir("absent", &e), -1);
	assert_string_equal(e.text,
			    "cannot open folder 'absent': No such file or directory");
	assert_int_equal(fs_sync_dir(".", NULL), 0);
}

static void
test_remove(void **state)
{
	struct error e = {0};

	(void)state;
	assert_int_equal(fs_remove_tree("absent", &e), 0);
	put("r-file", "x");
	assert_int_equal(fs_remove_tree("r-file/below", &e), 0);
	assert_true(exists("r-file"));
	/* Symlinks go, what they point at stays. */
	assert_int_equal(fs_mkdirs("r-target/sub", &e), 0);
	put("r-target/sub/kept", "x");
	assert_int_equal(fs_mkdirs("r-tree/a/b", &e), 0);
	assert_int_equal(symlink("../r-target", "r-tree/link"), 0);
	assert_int_equal(symlink("r-target", "r-link"), 0);
	assert_int_equal(symlink("/nonexistent", "r-tree/a/dangling"), 0);
	assert_int_equal(mkfifo("r-tree/a/fifo", 0600), 0);
	put("r-tree/a/b/f", "x");
	assert_int_equal(chmod("r-tree/a/b/f", 0444), 0);
	assert_int_equal(chmod("r-tree/a/b", 0555), 0);
	assert_int_equal(fs_remove_tree("r-tree", &e), 0);
	assert_false(exists("r-tree"));
	assert_int_equal(fs_remove_tree("r-link/", &e), 0);
	assert_false(exists("r-link"));
	assert_true(exists("r-target/sub/kept"));
	assert_int_equal(fs_remove_tree("r-target", &e), 0);
	assert_int_equal(fs_remove_tree("r-file", &e), 0);
	assert_false(exists("r-file"));
	assert_false(error_is_set(&e));
}

/* Deeper than there are descriptors, and names of the helper's own kind. */
static int
check_deep(void)
{
	struct rlimit few = {150, 150};
	int fd;

	if (mkdir("deep", 0755) < 0 || mkdir("deep/.deep-0", 0755) < 0)
		return 1;
	fd = open("deep", O_RDONLY | O_DIRECTORY);
	for (int i = 0; i < 1500; i++) {
		int next;

		if (mkdirat(fd, "d", 0755) < 0 || mkdirat(fd, "e", 0755) < 0)
			return 2;
		next = openat(fd, "d", O_RDONLY | O_DIRECTORY);
		close(fd);
		fd = next;
	}
	close(fd);
	setrlimit(RLIMIT_NOFILE, &few);
	if (fs_remove_tree("deep", NULL) < 0)
		return 3;
	return exists("deep") ? 4 : 0;
}

static void
test_remove_deep(void **state)
{
	(void)state;
	in_child(check_deep);
}

/* As a user whose permissions count. */
static int
check_as_user(void)
{
	struct error e = {0};

	int was_root = geteuid() == 0;

	if (was_root && (setgid(65534) < 0 || setuid(65534) < 0))
		return 1;
	if (fs_mkdirs("u/ro/x/deep", NULL) < 0 || fs_mkdirs("u/shut/x", NULL) < 0)
		return 2;
	if (fs_write_file("u/ro/x/f", "x", 1, 0, NULL) < 0)
		return 3;
	if (chmod("u/ro/x", 0555) < 0 || chmod("u/ro", 0555) < 0 ||
	    chmod("u/shut", 0) < 0)
		return 4;
	/* In a folder that may not be written. */
	if (fs_write_file("u/ro/g", "x", 1, 0, &e) != -1 ||
	    strcmp(e.text, "cannot write 'u/ro/g': Permission denied") != 0)
		return 5;
	error_clear(&e);
	if (fs_mkdirs("u/ro/y/z", &e) != -1 || !ends_with(e.text, "Permission denied"))
		return 6;
	error_clear(&e);
	if (fs_mkdirs("u/ro/x/deep", &e) != 0)
		return 7;
	if (fs_read_file("u/shut/x", 0, NULL, &e) ||
	    strcmp(e.text, "cannot open 'u/shut/x': Permission denied") != 0)
		return 8;
	error_clear(&e);
	if (fs_remove_tree("u", &e) != 0 || exists("u"))
		return 9;
	/* What lies in somebody else's folder stays, and is an error. */
	if (!was_root)
		return 0;
	if (fs_remove_tree("theirs", &e) != -1 || !exists("theirs/f"))
		return 10;
	return strcmp(e.text, "cannot remove 'theirs': Permission denied") != 0 ? 11
										: 0;
}

static void
test_as_user(void **state)
{
	(void)state;
	assert_int_equal(fs_mkdirs("theirs", NULL), 0);
	put("theirs/f", "x");
	in_child(check_as_user);
}

/* --- reading ---------------------------------------------------------------------- */

static void
test_read_bad(void **state)
{
	struct error e = {0};

	(void)state;
	assert_null(fs_read_file("absent", 0, NULL, &e));
	assert_string_equal(e.text, "cannot open 'absent': No such file or directory");
	error_clear(&e);
	assert_null(fs_read_file(".", 0, NULL, &e));
	assert_string_equal(e.text, "cannot read '.': it is a folder");
	error_clear(&e);
	assert_int_equal(mkfifo("fifo", 0600), 0);
	assert_null(fs_read_file("fifo", 0, NULL, &e)); /* and does not hang */
	assert_string_equal(e.text, "cannot read 'fifo': it is not a regular file");
	error_clear(&e);
	put("six", "123456");
	assert_null(fs_read_file("six", 5, NULL, &e));
	assert_string_equal(e.text, "cannot read 'six': it has more than 5 bytes");
	assert_null(fs_read_file("six", 1, NULL, NULL));
}

static void
test_read(void **state)
{
	size_t len = 99;
	char *text;

	(void)state;
	put("empty", "");
	text = fs_read_file("empty", 0, &len, NULL);
	assert_non_null(text);
	assert_int_equal(len, 0);
	assert_string_equal(text, "");
	free(text);
	assert_int_equal(fs_write_file("nul", "a\0b", 3, 0, NULL), 0);
	text = fs_read_file("nul", 3, &len, NULL);
	assert_int_equal(len, 3);
	assert_memory_equal(text, "a\0b", 4);
	free(text);
	text = fs_read_file("nul", SIZE_MAX, NULL, NULL);
	assert_non_null(text);
	free(text);
	/* A file that says it has no bytes. */
	text = fs_read_file("/proc/self/status", 0, &len, NULL);
	assert_non_null(text);
	assert_true(len > 100 && strlen(text) == len);
	free(text);
}

/* --- writing ---------------------------------------------------------------------- */

static void
test_write(void **state)
{
	struct error e = {0};
	struct stat st;

	(void)state;
	assert_int_equal(fs_write_file("no/such/folder", "x", 1, 0, &e), -1);
	assert_string_equal(e.text,
			    "cannot write 'no/such/folder': No such file or directory");
	error_clear(&e);
	assert_int_equal(fs_mkdirs("w-dir/full", NULL), 0);
	assert_int_equal(fs_write_file("w-dir", "x", 1, 0, &e), -1);
	assert_string_equal(e.text, "cannot write 'w-dir': Is a directory");
	assert_false(leftovers());
	put("w", "old");
	assert_int_equal(chmod("w", 0444), 0);
	assert_int_equal(fs_write_file("w", "new", 3, 1, NULL), 0);
	expect_content("w", "new");
	assert_int_equal(stat("w", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0644);
	umask(077);
	put("w2", "x");
	umask(022);
	assert_int_equal(stat("w2", &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(fs_write_all(-1, "x", 1), -1);
	assert_int_equal(errno, EBADF);
	assert_int_equal(fs_write_all(-1, "x", 0), 0);
}

/* A file may not grow beyond 1000 bytes: what fails leaves the old one and nothing
 * else. */
static int
check_full(void)
{
	struct rlimit small = {1000, 1000};
	struct error e = {0};
	char *data = xcalloc(5000, 1);

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &small);
	if (fs_write_file("full", data, 5000, 1, &e) != -1 ||
	    strcmp(e.text, "cannot write 'full': File too large") != 0)
		return 1;
	error_clear(&e);
	if (fs_copy_file("big", "full", &e) != -1 ||
	    strcmp(e.text, "cannot write 'full': File too large") != 0)
		return 2;
	free(data);
	data = fs_read_file("full", 0, NULL, NULL);
	if (!data || strcmp(data, "old") != 0)
		return 3;
	free(data);
	return leftovers() ? 4 : 0;
}

static void
test_full(void **state)
{
	char *data = xcalloc(5000, 1);

	(void)state;
	put("full", "old");
	assert_int_equal(fs_write_file("big", data, 5000, 0, NULL), 0);
	free(data);
	in_child(check_full);
}

/* --- copying ---------------------------------------------------------------------- */

enum { BIG = 3 * 1024 * 1024 + 17 };

static int
check_copy(void)
{
	struct stat st;
	char *a, *b;
	int same;

	if (fs_copy_file("c-big", "c-copy", NULL) < 0)
		return 1;
	a = fs_read_file("c-big", 0, NULL, NULL);
	b = fs_read_file("c-copy", BIG, NULL, NULL);
	same = a && b && memcmp(a, b, BIG + 1) == 0;
	free(a);
	free(b);
	if (!same || stat("c-copy", &st) < 0 || st.st_size != BIG)
		return 2;
	return (st.st_mode & 07777) != 0644 || unlink("c-copy") < 0;
}

static int
check_copy_no_range(void)
{
	return break_call(SYS_copy_file_range, ENOSYS) ? check_copy() : 90;
}

static int
check_copy_plain(void)
{
	return break_call(SYS_copy_file_range, EXDEV) &&
			       break_call(SYS_ioctl, EOPNOTSUPP)
		       ? check_copy()
		       : 90;
}

static int
check_copy_range_only(void)
{
	return break_call(SYS_ioctl, EOPNOTSUPP) ? check_copy() : 90;
}

static void
test_copy(void **state)
{
	struct error e = {0};
	char *data = xmalloc(BIG);

	(void)state;
	assert_int_equal(fs_copy_file("absent", "x", &e), -1);
	assert_string_equal(e.text, "cannot open 'absent': No such file or directory");
	error_clear(&e);
	assert_int_equal(fs_copy_file(".", "x", &e), -1);
	assert_string_equal(e.text, "cannot read '.': it is a folder");
	error_clear(&e);
	put("c-small", "text");
	assert_int_equal(fs_copy_file("c-small", "no/folder", &e), -1);
	assert_string_equal(e.text,
			    "cannot write 'no/folder': No such file or directory");
	for (int i = 0; i < BIG; i++)
		data[i] = (char)(i * 2654435761u >> 13);
	assert_int_equal(fs_write_file("c-big", data, BIG, 0, NULL), 0);
	free(data);
	assert_int_equal(chmod("c-big", 0400), 0);
	in_child(check_copy);
	in_child(check_copy_range_only);
	in_child(check_copy_no_range);
	in_child(check_copy_plain);
	/* Replacing, an empty file, and one that says it is empty. */
	put("c-to", "old and longer");
	assert_int_equal(fs_copy_file("c-small", "c-to", NULL), 0);
	expect_content("c-to", "text");
	put("c-empty", "");
	assert_int_equal(fs_copy_file("c-empty", "c-to", NULL), 0);
	expect_content("c-to", "");
	assert_int_equal(fs_copy_file("/proc/self/cmdline", "c-to", NULL), 0);
	data = fs_read_file("c-to", 0, NULL, NULL);
	assert_true(data && strlen(data) > 0);
	free(data);
	assert_false(leftovers());
}

/* --- renaming --------------------------------------------------------------------- */

static int
check_rename(void)
{
	if (fs_mkdirs("n1/full", NULL) < 0 || fs_mkdirs("n2/full2", NULL) < 0 ||
	    fs_write_file("nf", "f", 1, 0, NULL) < 0 ||
	    fs_write_file("ng", "g", 1, 0, NULL) < 0)
		return 1;
	errno = 0;
	if (fs_rename_noreplace("absent", "n9") != -1 || errno != ENOENT)
		return 2;
	if (fs_rename_noreplace("n1", "n2") != -1 || errno != EEXIST ||
	    !exists("n1/full"))
		return 3;
	if (fs_rename_noreplace("n1", "nf") != -1 || errno != EEXIST ||
	    !exists("n1/full"))
		return 4;
	if (fs_rename_noreplace("nf", "ng") != -1 || errno != EEXIST || !exists("nf"))
		return 5;
	if (fs_rename_noreplace("nf", "n1") != -1 || errno != EEXIST || !exists("nf"))
		return 6;
	if (fs_rename_noreplace("n1", "no/folder") != -1 || errno != ENOENT)
		return 7;
	if (fs_rename_noreplace("n1", "n3") != 0 || exists("n1") || !exists("n3/full"))
		return 8;
	if (fs_rename_noreplace("nf", "nh") != 0 || exists("nf") || !exists("nh"))
		return 9;
	for (int i = 0; i < 4; i++)
		if (fs_remove_tree(((const char *[]){"n2", "n3", "ng", "nh"})[i],
				   NULL) < 0)
			return 10;
	return 0;
}

static int
check_rename_without(void)
{
	return break_call(SYS_renameat2, EINVAL) ? check_rename() : 90;
}

static int
check_rename_old_kernel(void)
{
	return break_call(SYS_renameat2, ENOSYS) ? check_rename() : 90;
}

static void
test_rename(void **state)
{
	(void)state;
	in_child(check_rename);
	in_child(check_rename_without);
	in_child(check_rename_old_kernel);
}

/* --- stamps ----------------------------------------------------------------------- */

static void
test_stamp(void **state)
{
	struct stamp a, b;
	struct timespec times[2] = {{1000000000, 5}, {1000000000, 7}};

	(void)state;
	assert_int_equal(fs_stamp("absent", &a), -1);
	assert_int_equal(errno, ENOENT);
	put("s", "12");
	assert_int_equal(utimensat(AT_FDCWD, "s", times, 0), 0);
	assert_int_equal(fs_stamp("s", &a), 0);
	assert_int_equal(a.size, 2);
	assert_true(a.mtime_ns == 1000000000000000007);
	assert_int_equal(fs_stamp("s", &b), 0);
	assert_true(stamp_equal(&a, &b));
	times[1].tv_nsec = 8;
	assert_int_equal(utimensat(AT_FDCWD, "s", times, 0), 0);
	assert_int_equal(fs_stamp("s", &b), 0);
	assert_false(stamp_equal(&a, &b));
	/* The same content and time in another file. */
	assert_int_equal(fs_copy_file("s", "s2", NULL), 0);
	assert_int_equal(utimensat(AT_FDCWD, "s2", times, 0), 0);
	assert_int_equal(fs_stamp("s2", &a), 0);
	assert_false(stamp_equal(&a, &b));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_mkdirs),  cmocka_unit_test(test_sync_dir),
		cmocka_unit_test(test_mkdirs_below),  cmocka_unit_test(test_sync_dir),
		cmocka_unit_test(test_remove),  cmocka_unit_test(test_remove_deep),
		cmocka_unit_test(test_as_user), cmocka_unit_test(test_read_bad),
		cmocka_unit_test(test_read),    cmocka_unit_test(test_write),
		cmocka_unit_test(test_full),    cmocka_unit_test(test_copy),
		cmocka_unit_test(test_rename),  cmocka_unit_test(test_stamp),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* store: a store that cannot be written, a full disk. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/syscall.h>

#include "helpers.h"

/* Return values of the children; 0 is success. */
#define CHECK(what)                                                                    \
	do {                                                                           \
		if (!(what))                                                           \
			return __LINE__ % 250 + 1;                                     \
	} while (0)

/* Looking works in a store of others; writing says one line. */
static int
use_foreign_store(const char *folder)
{
	char *path = path_join(folder, "store"), *out = NULL, *work = NULL;
	struct error e = {0};
	struct store *s = store_open(path, &e);
	struct result *r;
	struct digest key;

	CHECK(s);
	for (int i = 0; i < 2; i++) {
		number_key(i, &key);
		CHECK(store_lookup(s, &key, &r, NULL) == 1);
		result_free(r);
	}
	CHECK(has_result(s, 5) == 0);
	CHECK(store_attempt_dirs(s, 1, &out, &work, &e) == -1);
	CHECK(strstr(e.text, path) && strstr(e.text, "Permission denied"));
	CHECK(!strchr(e.text, '\n') && !out && !work);
	error_clear(&e);
	CHECK(!store_publish(s, record_result(5), NULL, 0, &e));
	CHECK(strstr(e.text, "Permission denied"));
	CHECK(has_result(s, 5) == 0);
	store_register_run(s, folder);
	store_close(s);
	free(path);
	return 0;
}

static int
make_foreign_store(const char *folder)
{
	char *path = path_join(folder, "closed/store");
	struct error e = {0};

	CHECK(!store_open(path, &e));
	CHECK(strstr(e.text, "Permission denied") && strstr(e.text, path));
	free(path);
	return 0;
}

static void
unwritable_stores(void **state)
{
	char *closed = path_join(*state, "closed"), *parts;
	struct store *s = open_store(*state);

	publish_file(s, 0, "x", 0);
	publish_record(s, 1);
	store_close(s);
	assert_int_equal(mkdir(closed, 0555), 0);
	assert_int_equal(chmod(*state, 0755), 0);
	parts = xasprintf("chmod a-w '%s'/store/*", (char *)*state);
	assert_int_equal(system(parts), 0);
	assert_int_equal(as_nobody(use_foreign_store, *state), 0);
	assert_int_equal(as_nobody(make_foreign_store, *state), 0);
	free(parts);
	free(closed);
}

/* An object that may not be read is not damaged, and stays where it is. */
static int
look_at_secret(const char *folder)
{
	char *log = path_join("/tmp", "af2flow-unreadable-XXXXXX");
	struct store *s = open_store(folder);
	int fd = mkstemp(log), saved, found;
	char *text;

	CHECK(fd >= 0);
	saved = catch_stderr(log);
	found = has_result(s, 0) + has_result(s, 0);
	text = caught_stderr(log, saved);
	unlink(log);
	CHECK(found == 0);
	CHECK(count_lines(text) == 1 && strstr(text, "unreadable"));
	free(text);
	free(log);
	store_close(s);
	return 0;
}

static void
unreadable_objects(void **state)
{
	struct store *s = open_store(*state);
	char *object = object_path(store_path(s), 0);
	char *open_up = xasprintf("chmod -R a+rwX '%s'", (char *)*state);

	publish_file(s, 0, "x", 0);
	store_close(s);
	assert_int_equal(system(open_up), 0);
	/* The owner too, where this is not root. */
	assert_int_equal(chmod(object, 0), 0);
	assert_int_equal(as_nobody(look_at_secret, *state), 0);
	assert_int_equal(access(object, F_OK), 0);
	assert_int_equal(chmod(object, 0755), 0);
	free(open_up);
	free(object);
}

/* Whether there is a result is not known then; it is not made again. */
static void
out_of_files(void **state)
{
	struct store *s = open_store(*state);
	struct rlimit before, none;
	struct digest key;
	struct result *r;

	publish_file(s, 0, "x", 0);
	publish_record(s, 1);
	store_close(s);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
	for (int i = 0; i < 2; i++) {
		struct error e = {0};
		int fd, rc;

		s = open_store(*state);
		number_key(i, &key);
		fd = dup(STDERR_FILENO);
		none = before;
		none.rlim_cur = (rlim_t)fd; /* no file with this number, or a higher one */
		close(fd);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
		rc = store_lookup(s, &key, &r, &e);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
		assert_int_equal(rc, -1);
		assert_null(r);
		assert_true(error_passes(&e));
		assert_non_null(strstr(e.text, store_path(s)));
		store_expect_news(s);
		assert_int_equal(store_lookup(s, &key, &r, NULL), 1);
		result_free(r);
		store_close(s);
	}
}

/* --- a full disk: a small tmpfs in a mount namespace of its own ------------------- */

enum { CANNOT_MOUNT = 77 };

static int
fill(const char *folder)
{
	char *path = path_join(folder, "filler");
	int fd = open(path, O_WRONLY | O_CREAT | O_APPEND, 0600);
	static const char block[4096];

	CHECK(fd >= 0);
	while (write(fd, block, sizeof block) > 0)
		;
	close(fd);
	free(path);
	return 0;
}

static int
publish_when_full(const char *folder)
{
	struct store *s = open_store(folder);
	struct error e = {0};
	char *out, *filler = path_join(folder, "filler"), *big;
	struct result *r;
	int failed = 0;

	publish_record(s, 1);
	CHECK(store_flush(s, 1, &e) == 0);
	r = file_result(s, 0, "text", &out);
	CHECK(fill(folder) == 0);
	r = store_publish(s, r, out, 0, &e);
	CHECK(!r && strstr(e.text, "No space left") && strstr(e.text, "result.json"));
	CHECK(!strchr(e.text, '\n'));
	CHECK(has_result(s, 0) == 0);
	error_clear(&e);
	/* Records: refused once the buffer cannot be written; nothing is torn. */
	big = xmalloc(20001);
	memset(big, 'x', 20000);
	big[20000] = '\0';
	for (int i = 2; i < 12; i++) {
		r = record_result(i);
		js_set_text(r->values, "big", big);
		r = store_publish(s, r, NULL, i % 2, &e);
		failed += r == NULL;
		CHECK(r || strstr(e.text, "No space left"));
		CHECK(has_result(s, i) == (r != NULL));
		error_clear(&e);
		result_free(r);
	}
	CHECK(failed > 0);
	CHECK(store_flush(s, 0, &e) == -1 || failed == 10);
	/* With room again, what is pending goes out, and all works. */
	unlink(filler);
	error_clear(&e);
	CHECK(store_flush(s, 1, &e) == 0);
	publish_record(s, 20);
	publish_file(s, 21, "text", 1);
	store_close(s);
	s = open_store(folder);
	CHECK(has_result(s, 1) && has_result(s, 20) && has_result(s, 21));
	CHECK(!has_result(s, 0));
	CHECK(s && has_result(s, 3) == 0);
	store_close(s);
	free(big);
	free(filler);
	free(out);
	return 0;
}

/* Fork: a mount namespace is this child's alone. */
static int
in_small_disk(int (*fn)(const char *folder), const char *folder)
{
	pid_t pid = fork();
	int status = 0;

	if (pid == 0) {
		if (unshare(CLONE_NEWNS) < 0 ||
		    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
		    mount("tmpfs", folder, "tmpfs", 0, "size=512k") < 0)
			_exit(CANNOT_MOUNT);
		_exit(fn(folder));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void
a_full_disk(void **state)
{
	int rc = in_small_disk(publish_when_full, *state);

	if (rc == CANNOT_MOUNT) {
		print_message("skipped: no right to mount a tmpfs here\n");
		skip();
	}
	assert_int_equal(rc, 0);
}

/* --- disks that cannot keep what they were given ----------------------------------- */

/* The engine's own fsync comes here. */
static const char *unsyncable; /* end of the path for which it fails, NULL: none */

int
fsync(int fd)
{
	char link[40], path[4096];
	ssize_t n;

	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof path - 1);
	path[n > 0 ? n : 0] = '\0';
	if (unsyncable && ends_with(path, unsyncable)) {
		errno = ENOSPC;
		return -1;
	}
	return (int)syscall(SYS_fsync, fd);
}

/* The kernel has dropped what it could not write, so nobody may take it for a matter of
 * waiting for room. */
static void
unsynced_content(void **state)
{
	struct store *s = open_store(*state);
	struct error e = {0};
	char *out;
	struct result *r = file_result(s, 0, "x", &out);

	unsyncable = "/out.txt";
	assert_null(store_publish(s, r, out, 1, &e));
	unsyncable = NULL;
	assert_non_null(strstr(e.text, "cannot sync"));
	assert_non_null(strstr(e.text, "out.txt': No space left on device"));
	assert_int_equal(e.number, 0);
	assert_false(has_result(s, 0));
	store_close(s);
	free(out);
}

/* Its content is safe and it stands in its place: not to be refused, nor made again. */
static void
unsynced_name(void **state)
{
	struct store *s = open_store(*state);
	char *log = path_join(*state, "log"), *object = object_path(store_path(s), 0), *text;
	char *shard = path_dir(object);
	int saved = catch_stderr(log);

	unsyncable = strrchr(shard, '/');
	publish_file(s, 0, "x", 1);
	unsyncable = NULL;
	text = caught_stderr(log, saved);
	assert_int_equal(count_lines(text), 1);
	assert_non_null(strstr(text, "cannot sync folder"));
	assert_true(has_result(s, 0));
	store_close(s);
	free(text);
	free(shard);
	free(object);
	free(log);
}

/* What found no room is published, unchanged, when there is some. */
static int
publish_later(const char *folder)
{
	struct store *s = open_store(folder);
	struct error e = {0};
	char *out, *filler = path_join(folder, "filler");
	struct result *r, *kept;

	r = file_result(s, 0, "text", &out);
	kept = result_copy(r);
	CHECK(fill(folder) == 0);
	for (int i = 0; i < 3; i++) {
		CHECK(!store_publish(s, result_copy(kept), out, 1, &e));
		CHECK(error_passes(&e));
		error_clear(&e);
	}
	unlink(filler);
	r = store_publish(s, r, out, 1, &e);
	CHECK(r && !error_is_set(&e));
	CHECK(digest_equal(&r->outputs[0].digest, &kept->outputs[0].digest));
	CHECK(has_result(s, 0));
	result_free(r);
	result_free(kept);
	store_close(s);
	free(filler);
	free(out);
	return 0;
}

static void
room_again(void **state)
{
	int rc = in_small_disk(publish_later, *state);

	if (rc == CANNOT_MOUNT) {
		print_message("skipped: no right to mount a tmpfs here\n");
		skip();
	}
	assert_int_equal(rc, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(unwritable_stores),
		TEST(unreadable_objects),
		TEST(out_of_files),
		TEST(a_full_disk),
		TEST(room_again),
		TEST(unsynced_content),
		TEST(unsynced_name),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * helpers: what the tests of record share. Include after cmocka.h.
 */
#ifndef TESTS_RECORD_HELPERS_H
#define TESTS_RECORD_HELPERS_H

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"
#include "record/store.h"

/* Setup: *state is a new folder; teardown removes it. */
static inline int
make_folder(void **state)
{
	const char *tmp = getenv("TMPDIR");
	char *path = xasprintf("%s/af2flow-record-XXXXXX",
			       tmp && tmp[0] == '/' ? tmp : "/tmp");

	*state = mkdtemp(path);
	return *state ? 0 : -1;
}

static inline int
remove_folder(void **state)
{
	int rc = fs_remove_tree(*state, NULL);

	free(*state);
	return rc;
}

static inline void
write_text(const char *path, const char *text)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
	assert_int_equal(fclose(f), 0);
}

static inline char *
read_text(const char *path)
{
	size_t len;
	char *text = fs_read_file(path, 0, &len, NULL);

	assert_non_null(text);
	return text;
}

static inline void
assert_content(const char *path, const char *want)
{
	char *text = read_text(path);

	assert_string_equal(text, want);
	free(text);
}

/* Flip one bit of a file, which may be read-only. */
static inline void
flip_bit(const char *path, long offset)
{
	struct stat st;
	int fd;
	char c;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(chmod(path, 0644), 0);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(pread(fd, &c, 1, offset), 1);
	c ^= 1;
	assert_int_equal(pwrite(fd, &c, 1, offset), 1);
	close(fd);
	assert_int_equal(chmod(path, st.st_mode & 07777), 0);
}

static inline void
zero_fill(const char *path, off_t from)
{
	struct stat st;

	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(chmod(path, 0644), 0);
	assert_int_equal(truncate(path, from), 0);
	assert_int_equal(truncate(path, st.st_size), 0);
	assert_int_equal(chmod(path, st.st_mode & 07777), 0);
}

/* Put the mtime back to what it was. */
static inline void
set_mtime(const char *path, const struct stat *st)
{
	struct timespec t[2] = {st->st_atim, st->st_mtim};

	assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
}

/* An mtime of an hour ago. */
static inline void
make_old(const char *path)
{
	struct timespec t[2];

	clock_gettime(CLOCK_REALTIME, &t[0]);
	t[0].tv_sec -= 3600;
	t[1] = t[0];
	assert_int_equal(utimensat(AT_FDCWD, path, t, AT_SYMLINK_NOFOLLOW), 0);
}

/* An mtime of that many days ago. */
static inline void
make_days_old(const char *path, int days)
{
	struct timespec t[2];

	clock_gettime(CLOCK_REALTIME, &t[0]);
	t[0].tv_sec -= (time_t)days * 24 * 3600;
	t[1] = t[0];
	assert_int_equal(utimensat(AT_FDCWD, path, t, AT_SYMLINK_NOFOLLOW), 0);
}

static inline size_t
count_entries(const char *folder)
{
	char *command = xasprintf("ls -A '%s' 2>/dev/null | wc -l", folder);
	FILE *p = popen(command, "r");
	size_t n = 0;

	assert_non_null(p);
	assert_int_equal(fscanf(p, "%zu", &n), 1);
	pclose(p);
	free(command);
	return n;
}

/* stderr to a file, and back with its text. */
static inline int
catch_stderr(const char *file)
{
	int saved = dup(STDERR_FILENO);
	int fd = open(file, O_RDWR | O_CREAT | O_TRUNC, 0600);

	dup2(fd, STDERR_FILENO);
	close(fd);
	return saved;
}

static inline char *
caught_stderr(const char *file, int saved)
{
	dup2(saved, STDERR_FILENO);
	close(saved);
	return read_text(file);
}

static inline size_t
count_lines(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

static inline void
number_key(int i, struct digest *key)
{
	char text[32];

	snprintf(text, sizeof text, "task %d", i);
	digest_bytes(text, strlen(text), key);
}

/* A result without files and with one value. */
static inline struct result *
record_result(int i)
{
	struct result *r = xcalloc(1, sizeof *r);

	number_key(i, &r->key);
	r->values = js_object();
	js_set_int(r->values, "n", i);
	r->made = js_object();
	js_set_text(r->made, "host", "here");
	return r;
}

/* A result with the file "out.txt" of that text, in a new attempt folder. */
static inline struct result *
file_result(struct store *s, int i, const char *text, char **out_dir)
{
	struct result *r = record_result(i);
	struct error e = {0};
	char *work, *path;

	assert_int_equal(store_attempt_dirs(s, 1, out_dir, &work, &e), 0);
	free(work);
	path = path_join(*out_dir, "out.txt");
	write_text(path, text);
	r->outputs = xcalloc(1, sizeof *r->outputs);
	r->output_count = 1;
	r->outputs[0] = (struct result_output){.port = xstrdup("out"),
					       .element = xstrdup(""),
					       .file = xstrdup("out.txt"),
					       .type = xstrdup("text")};
	assert_int_equal(
		digest_file(path, &r->outputs[0].digest, &r->outputs[0].size, &e), 0);
	free(path);
	return r;
}

/* Publish it; fails the test if that fails. */
static inline void
publish_file(struct store *s, int i, const char *text, int sync)
{
	struct error e = {0};
	char *out;
	struct result *r = file_result(s, i, text, &out);

	r = store_publish(s, r, out, sync, &e);
	assert_string_equal(e.text, "");
	assert_non_null(r);
	result_free(r);
	free(out);
}

static inline void
publish_record(struct store *s, int i)
{
	struct error e = {0};
	struct result *r = store_publish(s, record_result(i), NULL, 0, &e);

	assert_non_null(r);
	result_free(r);
}

static inline int
has_result(struct store *s, int i)
{
	struct digest key;

	number_key(i, &key);
	return store_lookup(s, &key, NULL, NULL) == 1;
}

/* Folder of task i's object in the store at `store`. */
static inline char *
object_path(const char *store, int i)
{
	char hex[DIGEST_HEX + 1];
	struct digest key;

	number_key(i, &key);
	digest_hex(&key, hex);
	return xasprintf("%s/objects/%.2s/%s", store, hex, hex + 2);
}

static inline struct store *
open_store(const char *folder)
{
	struct error e = {0};
	char *path = path_join(folder, "store");
	struct store *s = store_open(path, &e);

	assert_string_equal(e.text, "");
	assert_non_null(s);
	free(path);
	return s;
}

/* Task i's object was last used that many days ago. */
static inline void
age_object(struct store *s, int i, int days)
{
	char *path = object_path(store_path(s), i);

	make_days_old(path, days);
	free(path);
}

/* A new run directory FOLDER/NAME with an id. Caller frees. */
static inline char *
make_run(const char *folder, const char *name)
{
	char *run = path_join(folder, name), *id = path_join(run, "id"), *text;
	char hex[DIGEST_HEX + 1];
	struct digest d;

	digest_bytes(run, strlen(run), &d);
	text = xasprintf("%.16s\n", digest_hex(&d, hex));
	assert_int_equal(fs_mkdirs(run, NULL), 0);
	write_text(id, text);
	free(text);
	free(id);
	return run;
}

/* Let a run use the store: a new one, registered, with the run's index. */
static inline struct store *
open_for_run(const char *folder, const char *run)
{
	struct store *s = open_store(folder);
	char *index = path_join(run, "index");

	store_use_index(s, index);
	store_register_run(s, run);
	free(index);
	return s;
}

/* Task i's record as it stands in a segment, last used that many days ago. */
static inline void
add_record_line(struct str *out, int i, int days)
{
	struct result *r = record_result(i);
	struct str line = {0};
	char hex[DIGEST_HEX + 1];

	r->time = (int64_t)time(NULL) - (int64_t)days * 24 * 3600;
	str_printf(&line, "%s ", digest_hex(&r->key, hex));
	result_write(r, &line);
	line_seal(out, line.s, line.len);
	str_free(&line);
	result_free(r);
}

/* Put the text into the store's segments under that name. */
static inline void
write_segment(const char *store, const char *name, const struct str *text)
{
	char *path = xasprintf("%s/segments/%s", store, name);

	write_text(path, text->s);
	free(path);
}

/* Run fn in a child as an unprivileged user; its return value. */
static inline int
as_nobody(int (*fn)(const char *folder), const char *folder)
{
	pid_t pid = fork();
	int status = 0;

	assert_true(pid >= 0);
	if (pid == 0) {
		if (geteuid() == 0 && (setgid(65534) < 0 || setuid(65534) < 0))
			_exit(99);
		_exit(fn(folder));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Files: folders, whole-file reads and writes, copies, renames, stamps. */
#include "base/fs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/mem.h"

/* close() that keeps errno. */
static void
close_quietly(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
}

/* --- folders ---------------------------------------------------------------------- */

static int
is_dir(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* mkdir() that is content with a folder that is there, even where making one is not
 * allowed. 0 or -1 with errno. */
static int
make_dir(const char *path)
{
	int why;

	if (mkdir(path, 0755) == 0)
		return 0;
	why = errno;
	if (why != ENOENT && why != ENOTDIR && is_dir(path))
		return 0;
	errno = why == EEXIST ? ENOTDIR : why;
	return -1;
}

/* Make `path` and its parents, at most `most` folders; it is changed and restored
 * meanwhile. 0 or -1 with errno. */
static int
make_dirs(char *path, unsigned most)
{
	char *slash;
	int rc;

	if (make_dir(path) == 0)
		return 0;
	slash = strrchr(path, '/');
	if (errno != ENOENT || !slash || slash == path || most <= 1)
		return -1;
	*slash = '\0';
	rc = make_dirs(path, most - 1);
	*slash = '/';
	return rc < 0 ? -1 : make_dir(path);
}

int
fs_mkdirs_below(const char *path, unsigned most, struct error *e)
{
	char *copy;
	size_t n = strlen(path);
	int rc;

	while (n > 1 && path[n - 1] == '/')
		n--;
	copy = xstrndup(path, n);
	rc = make_dirs(copy, most);
	free(copy);
	return rc < 0 ? error_set(e, "cannot make folder '%s':", path) : 0;
}

int
fs_mkdirs(const char *path, struct error *e)
{
	return fs_mkdirs_below(path, UINT_MAX, e);
}

/* --- reading ---------------------------------------------------------------------- */

/* Open a regular file. O_NONBLOCK: opening a FIFO must not hang. */
static int
open_regular(const char *path, struct stat *st, struct error *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return error_set(e, "cannot open '%s':", path);
	if (fstat(fd, st) < 0)
		error_set(e, "cannot read '%s':", path);
	else if (S_ISDIR(st->st_mode))
		error_set(e, "cannot read '%s': it is a folder", path);
	else if (!S_ISREG(st->st_mode))
		error_set(e, "cannot read '%s': it is not a regular file", path);
	else
		return fd;
	close_quietly(fd);
	return -1;
}

/* read(2), retrying on EINTR. */
static ssize_t
read_some(int fd, void *buf, size_t n)
{
	ssize_t got;

	do
		got = read(fd, buf, n);
	while (got < 0 && errno == EINTR);
	return got;
}

char *
fs_read_file(const char *path, size_t limit, size_t *len, struct error *e)
{
	struct stat st;
	int fd = open_regular(path, &st, e);
	size_t n = 0, cap;
	ssize_t got = 0;
	char *buf;

	if (fd < 0)
		return NULL;
	/* The size is a first guess: files in /proc have none, others grow. */
	cap = st.st_size > 0 ? (size_t)st.st_size + 1 : 4096;
	if (limit && cap - 1 > limit)
		cap = limit + 1;
	buf = xmalloc(cap + 1);
	while ((got = read_some(fd, buf + n, cap - n)) > 0) {
		n += (size_t)got;
		if (limit && n > limit)
			break;
		if (n == cap) {
			cap *= 2;
			buf = xrealloc(buf, cap + 1, 1);
		}
	}
	close_quietly(fd);
	if (got < 0)
		error_set(e, "cannot read '%s':", path);
	else if (limit && n > limit)
		error_set(e, "cannot read '%s': it has more than %zu bytes", path,
			  limit);
	if (got < 0 || (limit && n > limit)) {
		free(buf);
		return NULL;
	}
	buf[n] = '\0';
	if (len)
		*len = n;
	return buf;
}

/* --- writing ---------------------------------------------------------------------- */

int
fs_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -1;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

/* A new empty file in the folder of `path`, mode 0644 less the umask; its name in
 * *name. */
static int
open_temporary(const char *path, char **name)
{
	char *dir = path_dir(path);
	int fd;

	do {
		uint64_t r = 0;

		if (getrandom(&r, sizeof r, 0) < 0)
			r = (uint64_t)getpid();
		*name = xasprintf("%s/.tmp-%016" PRIx64, dir, r);
		fd = open(*name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
		if (fd < 0)
			free(*name);
	} while (fd < 0 && errno == EEXIST);
	free(dir);
	return fd;
}

/* Close the temporary and, if all went well, put it in the place of `path`. */
static int
finish_temporary(int fd, char *name, const char *path, int ok)
{
	int saved = errno;

	if (close(fd) < 0 && ok) {
		saved = errno;
		ok = 0;
	}
	if (ok && rename(name, path) < 0) {
		saved = errno;
		ok = 0;
	}
	if (!ok)
		unlink(name);
	free(name);
	errno = saved;
	return ok ? 0 : -1;
}

int
fs_write_file(const char *path, const void *data, size_t len, int sync, struct error *e)
{
	char *name;
	int fd = open_temporary(path, &name), ok;

	if (fd < 0)
		return error_set(e, "cannot write '%s':", path);
	ok = fs_write_all(fd, data, len) == 0 && (!sync || fdatasync(fd) == 0);
	if (finish_temporary(fd, name, path, ok) < 0)
		return error_set(e, "cannot write '%s':", path);
	return 0;
}

/* Copy all of `in` to the empty file `out`. -1 with errno; *bad_read tells which
 * side. */
static int
copy_content(int in, int out, off_t size, int *bad_read)
{
	enum { CHUNK = 256 * 1024 };
	ssize_t n;
	char *buf;

	*bad_read = 0;
	if (size > 0 && ioctl(out, FICLONE, in) == 0)
		return 0;
	do
		n = copy_file_range(in, NULL, out, NULL, 1u << 30, 0);
	while (n > 0 || (n < 0 && errno == EINTR));
	if (n < 0 && (errno == ENOSPC || errno == EDQUOT || errno == EFBIG))
		return -1;
	/* Whatever it did not do (another file system, an old kernel, a file without a
	 * size), from where it stopped. */
	buf = xmalloc(CHUNK);
	while ((n = read_some(in, buf, CHUNK)) > 0)
		if (fs_write_all(out, buf, (size_t)n) < 0)
			break;
	free(buf);
	*bad_read = n < 0;
	return n == 0 ? 0 : -1;
}

int
fs_copy_file(const char *from, const char *to, struct error *e)
{
	struct stat st;
	int in = open_regular(from, &st, e), out, ok, bad_read;
	char *name;

	if (in < 0)
		return -1;
	out = open_temporary(to, &name);
	if (out < 0) {
		close_quietly(in);
		return error_set(e, "cannot write '%s':", to);
	}
	ok = copy_content(in, out, st.st_size, &bad_read) == 0;
	close_quietly(in);
	if (finish_temporary(out, name, to, ok) < 0)
		return bad_read ? error_set(e, "cannot read '%s':", from)
				: error_set(e, "cannot write '%s':", to);
	return 0;
}

int
fs_rename_noreplace(const char *from, const char *to)
{
	struct stat st, other;

	if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOSYS)
		return -1;
	if (lstat(from, &st) < 0)
		return -1;
	if (!S_ISDIR(st.st_mode)) {
		/* link() never replaces. */
		if (link(from, to) < 0)
			return -1;
		return unlink(from);
	}
	if (rename(from, to) == 0)
		return 0;
	if (errno == ENOTEMPTY || (errno == ENOTDIR && lstat(to, &other) == 0))
		errno = EEXIST;
	return -1;
}

/* --- stamps ----------------------------------------------------------------------- */

int
fs_stamp(const char *path, struct stamp *s)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return -1;
	*s = (struct stamp){
		.dev = st.st_dev,
		.ino = st.st_ino,
		.size = (uint64_t)st.st_size,
		.mtime_ns =
			(int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec,
	};
	return 0;
}

int
stamp_equal(const struct stamp *a, const struct stamp *b)
{
	return a->dev == b->dev && a->ino == b->ino && a->size == b->size &&
	       a->mtime_ns == b->mtime_ns;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* recorder: preloaded into the engine, its hosts and their tools (LD_PRELOAD), it notes
 * every call that changes files below a folder, with its data, in order; `powerloss` makes
 * of that what a disk may hold after the power went.
 *
 *     AF2_RECORD        the log, appended to by all processes
 *     AF2_RECORD_ROOT   calls on other paths are not noted
 *     AF2_RECORD_BOOT   a file that is read instead of the kernel's boot id
 *
 * A record is a line of fields separated by tabs, and then as many bytes as its last field
 * says, and a newline. It is written in one piece, after the call succeeded and before it
 * returns, so what depends on a call stands behind it:
 *
 *     open DEV:INO PATH FLAGS LENGTH      a regular file, opened with O_CREAT or O_TRUNC
 *     write DEV:INO MTIME OFFSET LENGTH   the bytes follow
 *     size DEV:INO MTIME SIZE LENGTH
 *     sync DEV:INO LENGTH                 file or folder
 *     mode DEV:INO MODE LENGTH
 *     time DEV:INO MTIME LENGTH
 *     mkdir DEV:INO PATH LENGTH           rmdir PATH LENGTH       unlink PATH LENGTH
 *     rename FROM TO LENGTH               link FROM TO LENGTH
 *     symlink PATH LENGTH                 the target follows
 * MTIME is in nanoseconds. Files written through the C library's own buffers (fwrite) are
 * not seen; the replay compares its end with the real files, and so finds that out.
 *
 * The calls are made by syscall(): the wrappers of the C library are what is replaced here.
 * Nothing is kept in memory, since a child may share it until it executes a program. */
#undef _FILE_OFFSET_BITS /* open() and open64() are both replaced, as they are */
#undef _FORTIFY_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <linux/openat2.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#pragma GCC diagnostic ignored "-Wnonnull-compare"

/* --- the log ---------------------------------------------------------------------- */

static int
is_watched(const char *path)
{
	const char *root = getenv("AF2_RECORD_ROOT");
	size_t n = root ? strlen(root) : 0;

	return n > 0 && strncmp(path, root, n) == 0 &&
	       (path[n] == '/' || path[n] == '\0');
}

/* One record: the fields, then the data. */
static void
note(const char *data, size_t len, const char *format, ...)
{
	const char *log = getenv("AF2_RECORD");
	char line[3 * PATH_MAX];
	struct iovec parts[3] = {{.iov_base = line}};
	int saved = errno, fd, n;
	va_list ap;

	va_start(ap, format);
	n = vsnprintf(line, sizeof(line) - 40, format, ap);
	va_end(ap);
	n += snprintf(line + n, 40, "\t%zu\n", len);
	parts[0].iov_len = (size_t)n;
	parts[1] = (struct iovec){(char *)(uintptr_t)data, len};
	parts[2] = (struct iovec){(char[]){'\n'}, 1};
	fd = log ? (int)syscall(SYS_openat, AT_FDCWD, log,
				O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644)
		 : -1;
	if (fd < 0 || syscall(SYS_writev, fd, parts, 3) != n + (ssize_t)len + 1)
		abort(); /* half a record is worse than none */
	syscall(SYS_close, fd);
	errno = saved;
}

/* --- paths ------------------------------------------------------------------------ */

/* Of a descriptor; "" if it has none. */
static void
path_of(int fd, char out[PATH_MAX])
{
	char link[40];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = syscall(SYS_readlinkat, AT_FDCWD, link, out, PATH_MAX - 1);
	out[n > 0 ? n : 0] = '\0';
}

/* Absolute, of a path relative to the folder `at`. 0 if it is not watched. */
static int
absolute(int at, const char *path, char out[PATH_MAX])
{
	size_t n = 0;
	int saved = errno;

	if (path[0] != '/') {
		if (at == AT_FDCWD && !getcwd(out, PATH_MAX))
			out[0] = '\0';
		else if (at != AT_FDCWD)
			path_of(at, out);
		n = strlen(out);
		out[n++] = '/';
	}
	snprintf(out + n, PATH_MAX - n, "%s", path);
	errno = saved;
	return is_watched(out);
}

/* A regular file or folder below the root behind `fd`? "DEV:INO" and its state. */
static int
watched_fd(int fd, char id[48], struct stat *st)
{
	char path[PATH_MAX];
	int saved = errno, ok;

	ok = fstat(fd, st) == 0 && (S_ISREG(st->st_mode) || S_ISDIR(st->st_mode));
	if (ok) {
		path_of(fd, path);
		ok = is_watched(path);
		snprintf(id, 48, "%llx:%llx", (unsigned long long)st->st_dev,
			 (unsigned long long)st->st_ino);
	}
	errno = saved;
	return ok;
}

static long long
mtime_of(const struct stat *st)
{
	return (long long)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

/* --- content ---------------------------------------------------------------------- */

static void
note_open(int fd, int flags)
{
	struct stat st;
	char id[48], path[PATH_MAX];

	if (fd < 0 || !(flags & (O_CREAT | O_TRUNC)) || !watched_fd(fd, id, &st) ||
	    !S_ISREG(st.st_mode))
		return;
	path_of(fd, path);
	note("", 0, "open\t%s\t%s\t%o", id, path, (unsigned)flags);
	note("", 0, "mode\t%s\t%o", id, (unsigned)st.st_mode & 07777);
}

/* `len` bytes now stand before `end` (-1: the descriptor's offset) in the file. */
static void
note_write(int fd, const void *data, ssize_t len, off_t end)
{
	struct stat st;
	char id[48];
	int saved = errno;

	if (len <= 0 || !watched_fd(fd, id, &st) || !S_ISREG(st.st_mode))
		return;
	if (end < 0)
		end = lseek(fd, 0, SEEK_CUR);
	note(data, (size_t)len, "write\t%s\t%lld\t%lld", id, mtime_of(&st),
	     (long long)end - len);
	errno = saved;
}

/* The same for bytes that went there inside the kernel. */
static void
note_moved(int fd, ssize_t len, off_t end)
{
	enum { CHUNK = 64 * 1024 };
	char path[40], data[CHUNK];
	struct stat st;
	char id[48];
	int saved = errno, in;
	ssize_t n;

	if (len <= 0 || !watched_fd(fd, id, &st) || !S_ISREG(st.st_mode))
		return;
	if (end < 0)
		end = lseek(fd, 0, SEEK_CUR);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	in = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDONLY | O_CLOEXEC);
	for (off_t at = end - len; at < end; at += n) {
		size_t want = end - at < CHUNK ? (size_t)(end - at) : CHUNK;

		n = in < 0 ? -1 : pread(in, data, want, at);
		if (n <= 0)
			abort();
		note_write(fd, data, n, at + n);
	}
	syscall(SYS_close, in);
	errno = saved;
}

static void
note_size(int fd)
{
	struct stat st;
	char id[48];

	if (watched_fd(fd, id, &st))
		note("", 0, "size\t%s\t%lld\t%lld", id, mtime_of(&st),
		     (long long)st.st_size);
}

static void
note_sync(int fd)
{
	struct stat st;
	char id[48];

	if (watched_fd(fd, id, &st))
		note("", 0, "sync\t%s", id);
}

static void
note_mode(int fd)
{
	struct stat st;
	char id[48];

	if (watched_fd(fd, id, &st))
		note("", 0, "mode\t%s\t%o", id, (unsigned)st.st_mode & 07777);
}

static void
note_time(int fd)
{
	struct stat st;
	char id[48];

	if (watched_fd(fd, id, &st))
		note("", 0, "time\t%s\t%lld", id, mtime_of(&st));
}

/* By name: opened, without following a link, only to be looked at. */
static void
note_by_name(int at, const char *path, void (*fn)(int fd))
{
	char full[PATH_MAX];
	int saved = errno, fd;

	if (!path || !absolute(at, path, full))
		return;
	fd = (int)syscall(SYS_openat, at, path, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	if (fd >= 0)
		fn(fd);
	syscall(SYS_close, fd);
	errno = saved;
}

/* --- the calls: content ----------------------------------------------------------- */

static int
open_and_note(int at, const char *path, int flags, unsigned mode)
{
	const char *boot = getenv("AF2_RECORD_BOOT");
	int fd;

	if (boot && strcmp(path, BOOT_ID) == 0)
		path = boot;
	fd = (int)syscall(SYS_openat, at, path, flags, mode);
	note_open(fd, flags);
	return fd;
}

/* The engine opens some with openat2, for which there is no function. */
long
syscall(long number, ...)
{
	static long (*real)(long, ...);
	long a[6], rc;
	va_list ap;

	if (!real) {
		void *symbol = dlsym(RTLD_NEXT, "syscall");

		memcpy(&real, &symbol, sizeof(real));
	}
	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	rc = real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
	if (number == SYS_openat2)
		note_open((int)rc, (int)((const struct open_how *)a[2])->flags);
	return rc;
}

/* The mode of a variadic open(); read always, used only with O_CREAT. */
#define WITH_MODE(call)                                                                \
	do {                                                                           \
		va_list ap;                                                            \
		unsigned mode = 0;                                                     \
		if (flags & (O_CREAT | O_TMPFILE)) {                                   \
			va_start(ap, flags);                                           \
			mode = va_arg(ap, unsigned);                                   \
			va_end(ap);                                                    \
		}                                                                      \
		return call;                                                           \
	} while (0)

int
open(const char *path, int flags, ...)
{
	WITH_MODE(open_and_note(AT_FDCWD, path, flags, mode));
}

int
open64(const char *path, int flags, ...)
{
	WITH_MODE(open_and_note(AT_FDCWD, path, flags, mode));
}

int
openat(int at, const char *path, int flags, ...)
{
	WITH_MODE(open_and_note(at, path, flags, mode));
}

int
openat64(int at, const char *path, int flags, ...)
{
	WITH_MODE(open_and_note(at, path, flags, mode));
}

/* What open() is with fortified headers. */
int __open_2(const char *path, int flags);
int __open64_2(const char *path, int flags);
int __openat_2(int at, const char *path, int flags);
int __openat64_2(int at, const char *path, int flags);

int
__open_2(const char *path, int flags)
{
	return open_and_note(AT_FDCWD, path, flags, 0);
}

int
__open64_2(const char *path, int flags)
{
	return open_and_note(AT_FDCWD, path, flags, 0);
}

int
__openat_2(int at, const char *path, int flags)
{
	return open_and_note(at, path, flags, 0);
}

int
__openat64_2(int at, const char *path, int flags)
{
	return open_and_note(at, path, flags, 0);
}

int
creat(const char *path, mode_t mode)
{
	return open_and_note(AT_FDCWD, path, O_CREAT | O_WRONLY | O_TRUNC, mode);
}

int
creat64(const char *path, mode_t mode)
{
	return creat(path, mode);
}

ssize_t
write(int fd, const void *data, size_t len)
{
	ssize_t n = syscall(SYS_write, fd, data, len);

	note_write(fd, data, n, -1);
	return n;
}

ssize_t
pwrite(int fd, const void *data, size_t len, off_t at)
{
	ssize_t n = syscall(SYS_pwrite64, fd, data, len, at);

	note_write(fd, data, n, at + n);
	return n;
}

ssize_t
pwrite64(int fd, const void *data, size_t len, off_t at)
{
	return pwrite(fd, data, len, at);
}

ssize_t
writev(int fd, const struct iovec *parts, int count)
{
	ssize_t n = syscall(SYS_writev, fd, parts, count);

	note_moved(fd, n, -1);
	return n;
}

ssize_t
splice(int in, off_t *in_at, int out, off_t *out_at, size_t len, unsigned flags)
{
	ssize_t n = syscall(SYS_splice, in, in_at, out, out_at, len, flags);

	note_moved(out, n, out_at ? *out_at : -1);
	return n;
}

ssize_t
copy_file_range(int in, off_t *in_at, int out, off_t *out_at, size_t len,
		unsigned flags)
{
	ssize_t n = syscall(SYS_copy_file_range, in, in_at, out, out_at, len, flags);

	note_moved(out, n, out_at ? *out_at : -1);
	return n;
}

ssize_t
sendfile(int out, int in, off_t *at, size_t len)
{
	ssize_t n = syscall(SYS_sendfile, out, in, at, len);

	note_moved(out, n, -1);
	return n;
}

ssize_t
sendfile64(int out, int in, off64_t *at, size_t len)
{
	return sendfile(out, in, (off_t *)at, len);
}

int
ioctl(int fd, unsigned long request, ...)
{
	struct stat st;
	va_list ap;
	void *arg;
	int rc;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	rc = (int)syscall(SYS_ioctl, fd, request, arg);
	if (rc == 0 && request == FICLONE && fstat(fd, &st) == 0)
		note_moved(fd, st.st_size, st.st_size);
	return rc;
}

int
ftruncate(int fd, off_t size)
{
	int rc = (int)syscall(SYS_ftruncate, fd, size);

	if (rc == 0)
		note_size(fd);
	return rc;
}

int
ftruncate64(int fd, off_t size)
{
	return ftruncate(fd, size);
}

int
fallocate(int fd, int mode, off_t at, off_t len)
{
	int rc = (int)syscall(SYS_fallocate, fd, mode, at, len);

	if (rc == 0)
		note_size(fd);
	return rc;
}

int
fallocate64(int fd, int mode, off_t at, off_t len)
{
	return fallocate(fd, mode, at, len);
}

int
fsync(int fd)
{
	int rc = (int)syscall(SYS_fsync, fd);

	if (rc == 0)
		note_sync(fd);
	return rc;
}

int
fdatasync(int fd)
{
	int rc = (int)syscall(SYS_fdatasync, fd);

	if (rc == 0)
		note_sync(fd);
	return rc;
}

/* --- the calls: modes and times --------------------------------------------------- */

int
fchmod(int fd, mode_t mode)
{
	int rc = (int)syscall(SYS_fchmod, fd, mode);

	if (rc == 0)
		note_mode(fd);
	return rc;
}

int
fchmodat(int at, const char *path, mode_t mode, int flags)
{
	int rc;

	(void)flags;
	rc = (int)syscall(SYS_fchmodat, at, path, mode);
	if (rc == 0)
		note_by_name(at, path, note_mode);
	return rc;
}

int
chmod(const char *path, mode_t mode)
{
	return fchmodat(AT_FDCWD, path, mode, 0);
}

int
futimens(int fd, const struct timespec times[2])
{
	int rc = (int)syscall(SYS_utimensat, fd, NULL, times, 0);

	if (rc == 0)
		note_time(fd);
	return rc;
}

int
utimensat(int at, const char *path, const struct timespec times[2], int flags)
{
	int rc = (int)syscall(SYS_utimensat, at, path, times, flags);

	if (rc == 0 && path)
		note_by_name(at, path, note_time);
	else if (rc == 0)
		note_time(at);
	return rc;
}

/* --- the calls: names ------------------------------------------------------------- */

int
mkdirat(int at, const char *path, mode_t mode)
{
	char full[PATH_MAX], id[48];
	int rc = (int)syscall(SYS_mkdirat, at, path, mode);
	struct stat st;

	if (rc < 0 || !absolute(at, path, full))
		return rc;
	if (fstatat(at, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return rc; /* somebody was quicker in removing it */
	snprintf(id, sizeof(id), "%llx:%llx", (unsigned long long)st.st_dev,
		 (unsigned long long)st.st_ino);
	note("", 0, "mkdir\t%s\t%s", id, full);
	note("", 0, "mode\t%s\t%o", id, (unsigned)st.st_mode & 07777);
	return rc;
}

int
mkdir(const char *path, mode_t mode)
{
	return mkdirat(AT_FDCWD, path, mode);
}

int
unlinkat(int at, const char *path, int flags)
{
	char full[PATH_MAX];
	int watched = absolute(at, path, full);
	int rc = (int)syscall(SYS_unlinkat, at, path, flags);

	if (rc == 0 && watched)
		note("", 0, "%s\t%s", flags & AT_REMOVEDIR ? "rmdir" : "unlink", full);
	return rc;
}

int
unlink(const char *path)
{
	return unlinkat(AT_FDCWD, path, 0);
}

int
rmdir(const char *path)
{
	return unlinkat(AT_FDCWD, path, AT_REMOVEDIR);
}

int
remove(const char *path)
{
	int rc = unlink(path);

	return rc < 0 && errno == EISDIR ? rmdir(path) : rc;
}

int
renameat2(int from_at, const char *from, int to_at, const char *to, unsigned flags)
{
	char full_from[PATH_MAX], full_to[PATH_MAX];
	int watched = absolute(from_at, from, full_from) +
		      absolute(to_at, to, full_to);
	int rc = (int)syscall(SYS_renameat2, from_at, from, to_at, to, flags);

	if (rc == 0 && watched)
		note("", 0, "rename\t%s\t%s", full_from, full_to);
	return rc;
}

int
renameat(int from_at, const char *from, int to_at, const char *to)
{
	return renameat2(from_at, from, to_at, to, 0);
}

int
rename(const char *from, const char *to)
{
	return renameat2(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
linkat(int from_at, const char *from, int to_at, const char *to, int flags)
{
	char full_from[PATH_MAX], full_to[PATH_MAX];
	int rc = (int)syscall(SYS_linkat, from_at, from, to_at, to, flags);

	absolute(from_at, from, full_from);
	if (rc == 0 && absolute(to_at, to, full_to))
		note("", 0, "link\t%s\t%s", full_from, full_to);
	return rc;
}

int
link(const char *from, const char *to)
{
	return linkat(AT_FDCWD, from, AT_FDCWD, to, 0);
}

int
symlinkat(const char *target, int at, const char *path)
{
	char full[PATH_MAX];
	int rc = (int)syscall(SYS_symlinkat, target, at, path);

	if (rc == 0 && absolute(at, path, full))
		note(target, strlen(target), "symlink\t%s", full);
	return rc;
}

int
symlink(const char *target, const char *path)
{
	return symlinkat(target, AT_FDCWD, path);
}

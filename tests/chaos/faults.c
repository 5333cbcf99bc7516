/* SPDX-License-Identifier: Apache-2.0
 * faults: a library for LD_PRELOAD that makes system calls of af2flow and af2flow-host fail.
 *
 * AF2_FAULTS holds words NAME=VALUE:
 *     state=FILE   4096 bytes, shared by all processes: struct state below
 *     below=PATH   only calls on files below this folder (calls without files always count)
 *     only=TEXT    only those with TEXT in the path
 *     who=NAME     engine, host or both
 *     call=NAME    which calls, see `calls`; none: all are only counted
 *     errno=N      what they fail with
 *     at=N         the first one that fails, from 1, counted over all processes
 *     how=NAME     once: that one; ever: all from then on; third: every third from then on;
 *                  short: a write takes half of what it is given, the next one fails
 *     delay=MS     all calls take that much longer instead
 *
 * Other programs (the tools that tasks run) inherit it and are left alone. Not seen: writes that
 * the C library makes on its own behalf (stdio).
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sched.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum call {
	CREATE, /* open for writing or O_CREAT */
	OPEN,   /* open for reading, opendir */
	READ,
	WRITE,
	COPY,   /* copy_file_range, splice, reflinks */
	RENAME,
	LINK,   /* links and symlinks */
	MKDIR,
	UNLINK, /* and rmdir */
	SYNC,
	TRUNCATE,
	CHMOD,
	CLOSE,  /* of what was open for writing */
	PIPE,   /* pipes and sockets */
	SPAWN,
	CALLS
};
static const char *const calls[CALLS] = {"create", "open",   "read",     "write", "copy",
                                         "rename", "link",   "mkdir",    "unlink", "sync",
                                         "truncate", "chmod", "close",   "pipe",  "spawn"};

struct state {
	_Atomic uint64_t seen[2][CALLS]; /* by the engine, by hosts */
	_Atomic uint64_t counted;        /* those that were asked for */
	_Atomic uint64_t failed;
	char path[1024];                 /* of the first that failed */
};

static struct state *state;
static char below[PATH_MAX], only[256];
static int is_host, is_wanted, call_wanted = -1, error_wanted;
static unsigned long at_wanted;
static enum how { ONCE, EVER, THIRD, SHORT } how;
static long delay_ms;

/* --- what is asked for ---------------------------------------------------------------- */

static void
take_word(char *word)
{
	static const char *const hows[] = {"once", "ever", "third", "short"};
	char *value = strchr(word, '=');
	int fd;

	if (!value)
		return;
	*value++ = '\0';
	if (!strcmp(word, "below"))
		snprintf(below, sizeof below, "%s", value);
	else if (!strcmp(word, "only"))
		snprintf(only, sizeof only, "%s", value);
	else if (!strcmp(word, "who"))
		is_wanted = !strcmp(value, is_host ? "host" : "engine")
		            || !strcmp(value, "both");
	else if (!strcmp(word, "errno"))
		error_wanted = atoi(value);
	else if (!strcmp(word, "at"))
		at_wanted = strtoul(value, NULL, 10);
	else if (!strcmp(word, "delay"))
		delay_ms = atol(value);
	for (int i = 0; !strcmp(word, "call") && i < CALLS; i++)
		if (!strcmp(value, calls[i]))
			call_wanted = i;
	for (int i = 0; !strcmp(word, "how") && i < 4; i++)
		if (!strcmp(value, hows[i]))
			how = (enum how)i;
	if (!strcmp(word, "state") && (fd = open(value, O_RDWR | O_CLOEXEC)) >= 0) {
		void *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		close(fd);
		if (p != MAP_FAILED)
			state = p;
	}
}

static __attribute__((constructor)) void
start(void)
{
	const char *spec = getenv("AF2_FAULTS");
	char exe[PATH_MAX], *copy, *save;
	ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
	struct state *found;

	if (!spec || n < 0)
		return;
	exe[n] = '\0';
	is_host = n > 13 && !strcmp(exe + n - 13, "/af2flow-host");
	if (!is_host && !(n > 8 && !strcmp(exe + n - 8, "/af2flow")))
		return;
	copy = strdup(spec);
	for (char *word = strtok_r(copy, " ", &save); word; word = strtok_r(NULL, " ", &save))
		take_word(word);
	free(copy);
	/* Not before all is known: the lines above open files, too. */
	found = state;
	state = NULL;
	atomic_signal_fence(memory_order_seq_cst);
	state = found;
}

/* --- deciding ------------------------------------------------------------------------- */

static int
is_below(const char *path)
{
	size_t n = strlen(below);

	return !strncmp(path, below, n) && (path[n] == '/' || !path[n]);
}

/* The absolute path of NAME in the folder DIR, or of the descriptor DIR if NAME is NULL. */
static int
find_path(char *out, size_t size, int dir, const char *name)
{
	char link[64];
	ssize_t n;

	if (name && name[0] == '/')
		return snprintf(out, size, "%s", name) < (int)size;
	if (dir == AT_FDCWD)
		snprintf(link, sizeof link, "/proc/self/cwd");
	else
		snprintf(link, sizeof link, "/proc/self/fd/%d", dir);
	n = readlink(link, out, size - 1);
	if (n < 0)
		return 0;
	out[n] = '\0';
	return !name || snprintf(out + n, size - (size_t)n, "/%s", name) < (int)size - n;
}

static int
hits(enum call c, const char *path)
{
	unsigned long n;

	atomic_fetch_add(&state->seen[is_host][c], 1);
	if (delay_ms) {
		struct timespec t = {delay_ms / 1000, delay_ms % 1000 * 1000000};
		nanosleep(&t, NULL);
		return 0;
	}
	if (!is_wanted || (int)c != call_wanted || !strstr(path, only))
		return 0;
	n = atomic_fetch_add(&state->counted, 1) + 1;
	if (n < at_wanted || (how == ONCE && n > at_wanted) || (how == SHORT && n > at_wanted + 1)
	    || (how == THIRD && (n - at_wanted) % 3))
		return 0;
	if (atomic_fetch_add(&state->failed, 1) == 0)
		snprintf(state->path, sizeof state->path, "%s", path);
	errno = error_wanted;
	return 1;
}

/* 1: fail, errno is set. Else errno is as it was. */
static int
fails_at(enum call c, int dir, const char *name)
{
	int saved = errno;
	char path[PATH_MAX];

	if (state && find_path(path, sizeof path, dir, name) && is_below(path) && hits(c, path))
		return 1;
	errno = saved;
	return 0;
}

static int
fails(enum call c)
{
	int saved = errno;

	if (state && hits(c, ""))
		return 1;
	errno = saved;
	return 0;
}

/* 1: the write that is to be cut short. */
static int
is_cut(void)
{
	return how == SHORT && call_wanted == WRITE
	       && atomic_load(&state->counted) == at_wanted;
}

/* The C library's own of this name; the declaration gives its type. */
#define REAL(name) \
	static __typeof__(name) *real; \
	if (!real) { \
		void *symbol = dlsym(RTLD_NEXT, #name); \
		memcpy(&real, &symbol, sizeof real); \
	}

/* --- the calls ------------------------------------------------------------------------ */

#define OPENS(flags) (((flags) & O_ACCMODE) != O_RDONLY || ((flags) & O_CREAT) ? CREATE : OPEN)
#define MODE(flags) \
	mode_t mode = 0; \
	if ((flags) & (O_CREAT | O_TMPFILE)) { \
		va_list ap; \
		va_start(ap, flags); \
		mode = va_arg(ap, mode_t); \
		va_end(ap); \
	}

int
open(const char *path, int flags, ...)
{
	REAL(open)
	MODE(flags)
	return fails_at(OPENS(flags), AT_FDCWD, path) ? -1 : real(path, flags, mode);
}

int
openat(int dir, const char *path, int flags, ...)
{
	REAL(openat)
	MODE(flags)
	return fails_at(OPENS(flags), dir, path) ? -1 : real(dir, path, flags, mode);
}

/* The engine opens some with openat2, for which there is no function. */
long
syscall(long number, ...)
{
	REAL(syscall)
	long a[6];
	va_list ap;

	va_start(ap, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(ap, long);
	va_end(ap);
	if (number == SYS_openat2) {
		const struct open_how *wanted = (const void *)a[2];

		if (fails_at(OPENS(wanted->flags), (int)a[0], (const char *)a[1]))
			return -1;
	}
	return real(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

DIR *
opendir(const char *path)
{
	REAL(opendir)
	return fails_at(OPEN, AT_FDCWD, path) ? NULL : real(path);
}

ssize_t
read(int fd, void *buf, size_t n)
{
	REAL(read)
	return fails_at(READ, fd, NULL) ? -1 : real(fd, buf, n);
}

ssize_t
pread(int fd, void *buf, size_t n, off_t at)
{
	REAL(pread)
	return fails_at(READ, fd, NULL) ? -1 : real(fd, buf, n, at);
}

ssize_t
write(int fd, const void *buf, size_t n)
{
	REAL(write)
	if (!fails_at(WRITE, fd, NULL))
		return real(fd, buf, n);
	return is_cut() && n > 1 ? real(fd, buf, n / 2) : -1;
}

ssize_t
copy_file_range(int in, off64_t *in_at, int out, off64_t *out_at, size_t n, unsigned flags)
{
	REAL(copy_file_range)
	return fails_at(COPY, out, NULL) ? -1 : real(in, in_at, out, out_at, n, flags);
}

ssize_t
splice(int in, off64_t *in_at, int out, off64_t *out_at, size_t n, unsigned flags)
{
	REAL(splice)
	return fails_at(COPY, out, NULL) ? -1 : real(in, in_at, out, out_at, n, flags);
}

int
ioctl(int fd, unsigned long request, ...)
{
	REAL(ioctl)
	va_list ap;
	void *arg;

	va_start(ap, request);
	arg = va_arg(ap, void *);
	va_end(ap);
	return fails_at(COPY, fd, NULL) ? -1 : real(fd, request, arg);
}

int
rename(const char *from, const char *to)
{
	REAL(rename)
	return fails_at(RENAME, AT_FDCWD, to) ? -1 : real(from, to);
}

int
renameat(int a, const char *from, int b, const char *to)
{
	REAL(renameat)
	return fails_at(RENAME, b, to) ? -1 : real(a, from, b, to);
}

int
renameat2(int a, const char *from, int b, const char *to, unsigned flags)
{
	REAL(renameat2)
	return fails_at(RENAME, b, to) ? -1 : real(a, from, b, to, flags);
}

int
link(const char *from, const char *to)
{
	REAL(link)
	return fails_at(LINK, AT_FDCWD, to) ? -1 : real(from, to);
}

int
linkat(int a, const char *from, int b, const char *to, int flags)
{
	REAL(linkat)
	return fails_at(LINK, b, to) ? -1 : real(a, from, b, to, flags);
}

int
symlink(const char *target, const char *path)
{
	REAL(symlink)
	return fails_at(LINK, AT_FDCWD, path) ? -1 : real(target, path);
}

int
symlinkat(const char *target, int dir, const char *path)
{
	REAL(symlinkat)
	return fails_at(LINK, dir, path) ? -1 : real(target, dir, path);
}

int
mkdir(const char *path, mode_t mode)
{
	REAL(mkdir)
	return fails_at(MKDIR, AT_FDCWD, path) ? -1 : real(path, mode);
}

int
mkdirat(int dir, const char *path, mode_t mode)
{
	REAL(mkdirat)
	return fails_at(MKDIR, dir, path) ? -1 : real(dir, path, mode);
}

int
unlink(const char *path)
{
	REAL(unlink)
	return fails_at(UNLINK, AT_FDCWD, path) ? -1 : real(path);
}

int
unlinkat(int dir, const char *path, int flags)
{
	REAL(unlinkat)
	return fails_at(UNLINK, dir, path) ? -1 : real(dir, path, flags);
}

int
rmdir(const char *path)
{
	REAL(rmdir)
	return fails_at(UNLINK, AT_FDCWD, path) ? -1 : real(path);
}

int
fsync(int fd)
{
	REAL(fsync)
	return fails_at(SYNC, fd, NULL) ? -1 : real(fd);
}

int
fdatasync(int fd)
{
	REAL(fdatasync)
	return fails_at(SYNC, fd, NULL) ? -1 : real(fd);
}

int
ftruncate(int fd, off_t size)
{
	REAL(ftruncate)
	return fails_at(TRUNCATE, fd, NULL) ? -1 : real(fd, size);
}

int
chmod(const char *path, mode_t mode)
{
	REAL(chmod)
	return fails_at(CHMOD, AT_FDCWD, path) ? -1 : real(path, mode);
}

int
fchmod(int fd, mode_t mode)
{
	REAL(fchmod)
	return fails_at(CHMOD, fd, NULL) ? -1 : real(fd, mode);
}

int
fchmodat(int dir, const char *path, mode_t mode, int flags)
{
	REAL(fchmodat)
	return fails_at(CHMOD, dir, path) ? -1 : real(dir, path, mode, flags);
}

/* The descriptor is closed even so, as on Linux. */
int
close(int fd)
{
	REAL(close)
	int failed = 0, rc;

	if (state) {
		int saved = errno, flags = fcntl(fd, F_GETFL);
		failed = flags >= 0 && (flags & O_ACCMODE) != O_RDONLY
		         && fails_at(CLOSE, fd, NULL);
		errno = failed ? errno : saved;
	}
	int why = errno;
	rc = real(fd);
	if (!failed)
		return rc;
	errno = why;
	return -1;
}

/* libuv ends the process where it gets no pipe; the engine asks whether there are any before. */
static int
is_libuv(const void *caller)
{
	Dl_info info;

	return dladdr(caller, &info) && info.dli_fname && strstr(info.dli_fname, "libuv");
}

int
pipe2(int fds[2], int flags)
{
	REAL(pipe2)
	return !is_libuv(__builtin_return_address(0)) && fails(PIPE) ? -1 : real(fds, flags);
}

int
socketpair(int domain, int type, int protocol, int fds[2])
{
	REAL(socketpair)
	return fails(PIPE) ? -1 : real(domain, type, protocol, fds);
}

int
clone(int (*fn)(void *), void *stack, int flags, void *arg, ...)
{
	REAL(clone)
	return fails(SPAWN) ? -1 : real(fn, stack, flags, arg);
}

int
posix_spawn(pid_t *pid, const char *path, const posix_spawn_file_actions_t *actions,
            const posix_spawnattr_t *attr, char *const argv[], char *const env[])
{
	REAL(posix_spawn)
	return fails(SPAWN) ? errno : real(pid, path, actions, attr, argv, env);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Folders and links below a run directory. Nothing is made behind a symlink. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "record/own_file.h"
#include "record/rundir_private.h"

/* The usual case: all but the last folder stands, and no symlink is on the way. 0, or -1:
 * go step by step. */
static int
make_last(int run, const char *relative)
{
	const struct open_how how = {
		.flags = O_PATH | O_DIRECTORY | O_CLOEXEC,
		.resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS,
	};
	const char *last = strrchr(relative, '/');
	char *parent;
	int fd, rc = -1;

	if (!last)
		return -1;
	parent = xstrndup(relative, (size_t)(last - relative));
	fd = (int)syscall(SYS_openat2, run, parent, &how, sizeof how);
	free(parent);
	if (fd >= 0) {
		rc = mkdirat(fd, last + 1, 0755);
		close(fd);
	}
	return rc;
}

/* Open folder `name`, made if missing; a file in its place is set aside. */
__attribute__((nonnull)) static int
make_and_open(int at, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW;
	char aside[NAME_MAX + 32];
	struct stat st = {0};
	int fd;

	if (mkdirat(at, name, 0755) < 0 && errno != EEXIST)
		return -1;
	fd = openat(at, name, flags);
	if (fd >= 0 || errno != ENOTDIR ||
	    fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0 || S_ISLNK(st.st_mode)) {
		errno = fd < 0 && S_ISLNK(st.st_mode) ? ELOOP : errno;
		return fd;
	}
	snprintf(aside, sizeof aside, "%s.damaged-%lx", name,
		 (unsigned long)st.st_ino);
	if (renameat(at, name, at, aside) < 0 || mkdirat(at, name, 0755) < 0)
		return -1;
	log_warning("'%s' is no folder: moved to '%s'", name, aside);
	return openat(at, name, flags);
}

int
rundir_make_below(const char *run, const char *relative, struct error *e)
{
	int fd = open(run, O_RDONLY | O_DIRECTORY | O_CLOEXEC), next;
	char *copy, *save = NULL;

	if (fd >= 0 && make_last(fd, relative) == 0) {
		close(fd);
		return 0;
	}
	copy = xstrdup(relative);
	for (char *name = strtok_r(copy, "/", &save); name && fd >= 0;
	     name = strtok_r(NULL, "/", &save)) {
		next = make_and_open(fd, name);
		if (next < 0) {
			error_set(e, "cannot make folder '%s/%s':", run, relative);
			if (errno == ELOOP || errno == ENOTDIR)
				error_hint(e, "'%s' is a symlink: remove it", name);
		}
		close(fd);
		fd = next;
	}
	free(copy);
	if (fd < 0)
		return error_set(e, "cannot open folder '%s':", run);
	close(fd);
	return 0;
}

int
rundir_make_tasks(struct rundir *d, struct error *e)
{
	if (!d->has_tasks)
		d->has_tasks = rundir_make_below(d->path, "tasks", e) == 0;
	return d->has_tasks ? 0 : -1;
}

char *
rundir_temporary(const char *path)
{
	char *dir = path_dir(path), *out;
	uint64_t r = 0;

	if (getrandom(&r, sizeof r, 0) < 0)
		r = (uint64_t)getpid();
	out = xasprintf("%s/.tmp-%016" PRIx64, dir, r);
	free(dir);
	return out;
}

int
rundir_replace(char *temporary, const char *path, struct error *e)
{
	int rc = rename(temporary, path);

	if (rc < 0)
		error_set(e, "cannot write '%s':", path);
	/* Two names of one file: rename() does nothing. */
	unlink(temporary);
	return rc;
}

/* `to` as seen from the folder `from`; both absolute and without symlinks. */
static char *
relative_path(const char *from, const char *to)
{
	struct str out = {0};
	size_t common = 0;

	for (size_t i = 0;; i++) {
		int from_ends = from[i] == '\0' || from[i] == '/';
		int to_ends = to[i] == '\0' || to[i] == '/';

		if (from_ends && to_ends)
			common = i;
		if (from[i] != to[i] || from[i] == '\0')
			break;
	}
	for (const char *p = from + common; *p; p++)
		if (*p == '/')
			str_add(&out, "../");
	str_add(&out, to[common] == '/' ? to + common + 1 : to + common);
	return str_take(&out);
}

int
rundir_make_link(const char *path, const char *target, struct error *e)
{
	struct stat st;
	char *temporary;
	int rc;

	/* New ones need no temporary name. */
	if (symlink(target, path) == 0)
		return 0;
	if (lstat(path, &st) == 0 && S_ISDIR(st.st_mode))
		own_clear(path);
	temporary = rundir_temporary(path);
	if (symlink(target, temporary) < 0)
		rc = error_set(e, "cannot make link '%s':", path);
	else
		rc = rundir_replace(temporary, path, e);
	free(temporary);
	return rc;
}

int
rundir_link(const struct rundir *d, const char *node, const char *branch,
	    const char *object_dir, struct error *e)
{
	char *task = rundir_task(d, node, branch), now[PATH_MAX];
	char *path = path_join(task, "out"), *target = relative_path(task, object_dir);
	ssize_t n = readlink(path, now, sizeof now);
	int rc = 0;

	if (n < 0 || (size_t)n != strlen(target) ||
	    memcmp(now, target, (size_t)n) != 0) {
		rc = rundir_make_below(d->path, task + strlen(d->path) + 1, e);
		if (rc == 0)
			rc = rundir_make_link(path, target, e);
	}
	free(target);
	free(path);
	free(task);
	return rc;
}

int
rundir_linked(const struct rundir *d, const char *node, const char *branch,
	      struct digest *key)
{
	char *task = rundir_task(d, node, branch), *path = path_join(task, "out");
	char target[PATH_MAX], hex[DIGEST_HEX + 1];
	ssize_t n = readlink(path, target, sizeof target - 1);
	char *end;

	free(path);
	free(task);
	/* ".../objects/ab/cdef..." */
	if (n < DIGEST_HEX + 1)
		return -1;
	target[n] = '\0';
	end = target + n - (DIGEST_HEX - 2);
	if (end[-1] != '/')
		return -1;
	snprintf(hex, sizeof hex, "%.2s%s", end - 3, end);
	return digest_parse(hex, key);
}

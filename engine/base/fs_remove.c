/* SPDX-License-Identifier: Apache-2.0 */
/* Removing a tree (declared in base/fs.h).
 *
 * Every step is relative to an open folder and never follows a symlink, so nothing
 * outside the tree can be reached, even if somebody changes it meanwhile. Names that
 * vanish meanwhile are fine. A folder that lies too deep for one descriptor a level is
 * first moved up to the top.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

enum { DEPTH_MAX = 100, ROUNDS_MAX = 100 };

struct removal {
	int top;        /* descriptor of the tree's root */
	unsigned moved; /* folders moved up so far */
};

static int remove_entry(struct removal *r, int at, const char *name, int depth);

/* Open folder `name`, made readable and writable if it is not. */
static int
open_dir(int at, const char *name)
{
	const int flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int fd = openat(at, name, flags);

	if (fd >= 0 || errno != EACCES)
		return fd;
	if (fchmodat(at, name, 0700, AT_SYMLINK_NOFOLLOW) == 0)
		return openat(at, name, flags);
	errno = EACCES;
	return -1;
}

/* Remove all entries of the open folder. 0, or -1 with errno. */
static int
remove_entries(struct removal *r, DIR *dir, int depth)
{
	int fd = dirfd(dir), opened_up = 0;
	struct dirent *d;

	for (;;) {
		errno = 0;
		d = readdir(dir);
		if (!d)
			return errno ? -1 : 0;
		if (strcmp(d->d_name, ".") == 0 || strcmp(d->d_name, "..") == 0)
			continue;
		if (remove_entry(r, fd, d->d_name, depth + 1) == 0)
			continue;
		if (errno != EACCES || opened_up)
			return -1;
		if (fchmod(fd, 0700) < 0) {
			errno = EACCES; /* the cause */
			return -1;
		}
		opened_up = 1;
		if (remove_entry(r, fd, d->d_name, depth + 1) < 0)
			return -1;
	}
}

/* Move the folder to the root of the tree, under a name that is free there. */
static int
move_up(struct removal *r, int at, const char *name)
{
	char up[32];

	do
		snprintf(up, sizeof up, ".deep-%u", r->moved++);
	while (faccessat(r->top, up, F_OK, AT_SYMLINK_NOFOLLOW) == 0);
	return renameat(at, name, r->top, up);
}

/* Remove the entries and the folder itself. The root may need more than one round:
 * folders were moved into it, or something still writes there. */
static int
empty_and_remove(struct removal *r, DIR *dir, int at, const char *name, int depth)
{
	for (int round = 1;; round++) {
		unsigned moved = r->moved;

		if (remove_entries(r, dir, depth) < 0)
			return -1;
		if (unlinkat(at, name, AT_REMOVEDIR) == 0 || errno == ENOENT)
			return 0;
		if (depth > 0 || (errno != ENOTEMPTY && errno != EEXIST) ||
		    (moved == r->moved && round >= ROUNDS_MAX))
			return -1;
		rewinddir(dir);
	}
}

static int
remove_dir(struct removal *r, int at, const char *name, int depth)
{
	int fd, rc, saved;
	DIR *dir;

	if (depth > DEPTH_MAX)
		return move_up(r, at, name);
	fd = open_dir(at, name);
	if (fd < 0)
		return errno == ENOENT ? 0 : -1;
	if (depth == 0)
		r->top = fd;
	dir = fdopendir(fd);
	if (!dir)
		mem_exhausted();
	rc = empty_and_remove(r, dir, at, name, depth);
	saved = errno;
	closedir(dir);
	errno = saved;
	return rc;
}

static int
remove_entry(struct removal *r, int at, const char *name, int depth)
{
	struct stat st;
	int why;

	if (unlinkat(at, name, 0) == 0 || errno == ENOENT)
		return 0;
	/* EISDIR on Linux, but EACCES and EROFS come first. */
	why = errno;
	if (fstatat(at, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -1;
	if (!S_ISDIR(st.st_mode)) {
		errno = why;
		return -1;
	}
	return remove_dir(r, at, name, depth);
}

int
fs_remove_tree(const char *path, struct error *e)
{
	struct removal r = {.top = -1};
	size_t n = strlen(path);
	struct stat st;
	char *name;
	int rc = 0;

	/* "link/" would be what the link points at. */
	while (n > 1 && path[n - 1] == '/')
		n--;
	name = xstrndup(path, n);
	/* A path that goes through a file names nothing. */
	if (lstat(name, &st) < 0)
		rc = errno == ENOENT || errno == ENOTDIR ? 0 : -1;
	else
		rc = remove_entry(&r, AT_FDCWD, name, 0);
	if (rc < 0)
		error_set(e, "cannot remove '%s':", path);
	free(name);
	return rc;
}

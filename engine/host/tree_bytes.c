/* SPDX-License-Identifier: Apache-2.0 */
/* How much lies in a folder. Files count by their length, also sparse ones: that is what
 * hashing and copying them costs, and file systems that write late, or compress, tell
 * their blocks wrongly. Links are not followed; what vanishes meanwhile does not count.
 *
 * One descriptor is enough for any depth, and a path may be longer than a system call
 * takes. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "host/host.h"

enum { CLOCK_EVERY = 64 }; /* entries between looks at the clock */

/* Open a folder, step by step where the path is too long. -1 with errno. */
static int
open_folder(const char *path)
{
	const int flags = O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	int at = AT_FDCWD, fd;

	while (strlen(path) >= PATH_MAX) {
		size_t n = PATH_MAX - 1;
		char part[PATH_MAX];

		while (n > 0 && path[n] != '/')
			n--;
		memcpy(part, path, n);
		part[n] = '\0';
		fd = openat(at, part, O_PATH | flags);
		if (at >= 0)
			close(at);
		if (fd < 0 || n == 0)
			return fd;
		at = fd;
		path += n + 1;
	}
	fd = openat(at, path, O_RDONLY | flags);
	if (at >= 0)
		close(at);
	return fd;
}

void
tree_walk_add(struct tree_walk *w, const char *path)
{
	if (!w->is_begun)
		w->bytes = 0;
	w->is_begun = 1;
	if (*path)
		words_add(&w->todo, path);
}

/* Open the next folder. 0 if there is none. */
static int
next_folder(struct tree_walk *w)
{
	while (!w->dir && w->todo.count > 0) {
		int fd;

		free(w->path);
		w->path = w->todo.v[--w->todo.count];
		fd = open_folder(w->path);
		w->dir = fd >= 0 ? fdopendir(fd) : NULL;
		if (fd >= 0 && !w->dir)
			close(fd);
	}
	return w->dir != NULL;
}

static void
take_entry(struct tree_walk *w, const struct dirent *de)
{
	struct stat st;
	char *path;

	if (strcmp(de->d_name, ".") == 0 || strcmp(de->d_name, "..") == 0 ||
	    fstatat(dirfd(w->dir), de->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return;
	if (S_ISREG(st.st_mode)) {
		w->bytes += (uint64_t)st.st_size;
	} else if (S_ISDIR(st.st_mode)) {
		path = path_join(w->path, de->d_name);
		words_add(&w->todo, path);
		free(path);
	}
}

int
tree_walk_some(struct tree_walk *w, uint64_t enough, double until)
{
	const struct dirent *de;

	for (unsigned n = 1; w->bytes <= enough && next_folder(w); n++) {
		de = readdir(w->dir);
		if (de) {
			take_entry(w, de);
		} else {
			closedir(w->dir);
			w->dir = NULL;
		}
		if (until > 0 && n % CLOCK_EVERY == 0 && host_now() >= until)
			return 0;
	}
	tree_walk_free(w);
	return 1;
}

void
tree_walk_free(struct tree_walk *w)
{
	if (w->dir)
		closedir(w->dir);
	w->dir = NULL;
	free(w->path);
	w->path = NULL;
	words_free(&w->todo);
	w->is_begun = 0;
}

uint64_t
tree_bytes(const char *path, uint64_t enough)
{
	struct tree_walk w = {0};

	tree_walk_add(&w, path);
	tree_walk_some(&w, enough, 0);
	return w.bytes;
}

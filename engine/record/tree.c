/* SPDX-License-Identifier: Apache-2.0 */
/* Walking folders. */
#include "record/tree.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/str.h"

enum { DEEPEST = 256 };

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int
list_names(const char *path, struct words *names)
{
	DIR *d = opendir(path);
	struct dirent *entry;
	int saved;

	if (!d)
		return -1;
	while (errno = 0, (entry = readdir(d)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			words_add(names, entry->d_name);
	saved = errno;
	closedir(d);
	if (names->count > 1)
		qsort(names->v, names->count, sizeof *names->v, by_name);
	errno = saved;
	return saved ? -1 : 0;
}

static int
walk(const char *path, const char *relative, int depth, tree_fn *fn, void *arg)
{
	struct words names = {0};
	struct stat st;
	int rc;

	if (lstat(path, &st) < 0)
		return -1;
	rc = fn(arg, path, relative, &st, 0);
	if (rc != 0 || !S_ISDIR(st.st_mode))
		return rc;
	if (depth >= DEEPEST) {
		errno = ENAMETOOLONG;
		return -1;
	}
	rc = list_names(path, &names);
	for (size_t i = 0; rc == 0 && i < names.count; i++) {
		char *child = path_join(path, names.v[i]);
		char *below = path_join(relative, names.v[i]);
		int saved;

		rc = walk(child, below, depth + 1, fn, arg);
		saved = errno;
		free(child);
		free(below);
		errno = saved;
	}
	words_free(&names);
	return rc == 0 ? fn(arg, path, relative, &st, 1) : rc;
}

int
tree_walk(const char *path, tree_fn *fn, void *arg)
{
	return walk(path, "", 0, fn, arg);
}

struct state {
	uint64_t size;
	int64_t newest;
};

static int
add_state(void *arg, const char *path, const char *relative, const struct stat *st,
	  int after)
{
	struct state *s = arg;
	int64_t mtime =
		(int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;

	(void)path;
	(void)relative;
	if (after)
		return 0;
	if (!(st->st_mode & S_IRUSR)) {
		errno = EACCES;
		return -1;
	}
	if (S_ISREG(st->st_mode))
		s->size += (uint64_t)st->st_size;
	if (mtime > s->newest)
		s->newest = mtime;
	return 0;
}

int
tree_state(const char *path, uint64_t *size, int64_t *newest)
{
	struct state s = {.newest = INT64_MIN};
	int rc = tree_walk(path, add_state, &s);

	*size = s.size;
	*newest = s.newest;
	return rc;
}

int
link_stays_inside(const char *relative, const char *target)
{
	int depth = 0, named = 0;

	if (target[0] == '/' || target[0] == '\0')
		return 0;
	for (const char *p = relative; (p = strchr(p, '/')); p++)
		depth++;
	for (const char *p = target; *p;) {
		size_t n = strcspn(p, "/");

		if (n == 2 && memcmp(p, "..", 2) == 0) {
			if (named || --depth < 0)
				return 0;
		} else if (n > 0 && !(n == 1 && *p == '.')) {
			named = 1;
		}
		p += n + (p[n] == '/');
	}
	return 1;
}

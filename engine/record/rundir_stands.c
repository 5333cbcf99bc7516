/* SPDX-License-Identifier: Apache-2.0 */
/* Does what was published still stand in results/ as it was put there?
 *
 * The state of a file is its size and mtime; that of a folder a hash over the states of
 * those entries that its source has, since a folder may hold others of other tasks. A
 * state that is not the one noted, or was noted under another boot (a power loss can
 * leave zeros behind an intact size and mtime), means that contents are compared.
 */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/fs.h"
#include "base/mem.h"
#include "record/rundir_private.h"
#include "record/tree.h"

/* --- states ----------------------------------------------------------------------- */

static uint64_t
file_state(const struct stat *st)
{
	uint64_t mtime = (uint64_t)st->st_mtim.tv_sec * 1000000000u +
			 (uint64_t)st->st_mtim.tv_nsec;

	return mtime ^ ((uint64_t)st->st_size << 1);
}

struct comparison {
	const char *to;
	struct hash *hash; /* NULL: compare contents */
};

/* Is the entry of the source there, of its kind, readable and, a file, of its size? */
static int
look_at_entry(const char *to, const struct stat *from, struct stat *st)
{
	if (lstat(to, st) < 0 || (st->st_mode & S_IFMT) != (from->st_mode & S_IFMT) ||
	    !(st->st_mode & S_IRUSR))
		return -1;
	return S_ISREG(st->st_mode) && st->st_size != from->st_size ? -1 : 0;
}

static int
same_link(const char *a, const char *b)
{
	char x[PATH_MAX], y[PATH_MAX];
	ssize_t n = readlink(a, x, sizeof x), m = readlink(b, y, sizeof y);

	return n >= 0 && n == m && memcmp(x, y, (size_t)n) == 0;
}

static int
same_content(const char *a, const char *b)
{
	struct digest x, y;

	return digest_file(a, &x, NULL, NULL) == 0 && digest_file(b, &y, NULL, NULL) == 0 &&
	       digest_equal(&x, &y);
}

static int
visit(void *arg, const char *path, const char *relative, const struct stat *from,
      int after)
{
	struct comparison *c = arg;
	struct stat st;
	uint64_t state;
	char *to;
	int rc;

	if (after)
		return 0;
	to = path_join(c->to, relative);
	rc = look_at_entry(to, from, &st);
	if (rc == 0 && S_ISLNK(st.st_mode)) {
		rc = same_link(path, to) ? 0 : -1;
	} else if (rc == 0 && S_ISREG(st.st_mode) && c->hash) {
		state = file_state(&st);
		hash_add_field(c->hash, relative);
		hash_add(c->hash, &state, sizeof state);
	} else if (rc == 0 && S_ISREG(st.st_mode)) {
		rc = same_content(path, to) ? 0 : -1;
	}
	free(to);
	return rc;
}

int
published_state(const char *from, int at, const char *to, int is_dir,
		uint64_t *state)
{
	struct comparison c = {.to = to};
	struct digest d;
	struct stat st;
	int rc;

	if (fstatat(at, to, &st, AT_SYMLINK_NOFOLLOW) < 0 || !(st.st_mode & S_IRUSR) ||
	    (is_dir ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode)))
		return -1;
	*state = file_state(&st);
	if (!is_dir)
		return 0;
	c.hash = hash_new();
	rc = tree_walk(from, visit, &c);
	hash_end(c.hash, &d);
	memcpy(state, d.b, sizeof *state);
	return rc == 0 ? 0 : -1;
}

int
published_equals(const char *from, const char *to)
{
	struct comparison c = {.to = to};

	return tree_walk(from, visit, &c) == 0;
}

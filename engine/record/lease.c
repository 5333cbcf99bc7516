/* SPDX-License-Identifier: Apache-2.0 */
/* Leases: a lock is a hard link to its holder's note, so it says who holds it, and the
 * note's mtime, the heartbeat, is that of all leases of an engine.
 *
 * link() is atomic everywhere, NFS included, and never replaces. Its answer may be lost
 * on the way, so what counts is whose file stands there afterwards. Nobody removes a
 * lease that is not its own, but for one left by an engine that is gone or silent: those
 * that stand beside its own, or the last one where all levels are left (levels.c).
 */
#include "record/lease.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

char *
lease_name(const char *path, int level)
{
	return xasprintf("%s-%d", path, level);
}

int
lease_init(struct lease *l, const char *path, const char *note)
{
	struct stat st;

	if (lstat(note, &st) < 0)
		return -1;
	*l = (struct lease){path, note, st.st_dev, st.st_ino};
	return 0;
}

/* Is the file at `name` that one? */
static int
is_file(const char *name, uint64_t dev, uint64_t ino)
{
	struct stat st;

	return lstat(name, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
}

void
lease_remove(const char *name, uint64_t dev, uint64_t ino)
{
	if (is_file(name, dev, ino))
		unlink(name);
}

static void
remove_level(const struct lease *l, int level, uint64_t dev, uint64_t ino)
{
	char *name = lease_name(l->path, level);

	lease_remove(name, dev, ino);
	free(name);
}

int
lease_is_ours(const struct lease *l, int level)
{
	char *name = lease_name(l->path, level);
	int ours = is_file(name, l->dev, l->ino);

	free(name);
	return ours;
}

static int
take(void *arg, int level)
{
	const struct lease *l = arg;
	char *name = lease_name(l->path, level);
	int rc = 1, err;

	if (link(l->note, name) < 0) {
		err = errno;
		rc = is_file(name, l->dev, l->ino) ? 1 : err == EEXIST ? 0 : -1;
		errno = err;
	}
	free(name);
	return rc;
}

static int
look(void *arg, int level, struct engine_note *by)
{
	const struct lease *l = arg;
	char *name = lease_name(l->path, level);
	int rc = engine_note_read(name, by);

	/* What cannot be read is there, and as silent as can be. */
	if (rc != 0 && !by->id.name[0])
		snprintf(by->id.name, sizeof by->id.name, "%.100s", path_base(name));
	free(name);
	if (rc == 1 && by->dev == l->dev && by->ino == l->ino)
		return 0;
	return rc != 0;
}

static void
drop(void *arg, int level)
{
	const struct lease *l = arg;

	remove_level(l, level, l->dev, l->ino);
}

static void
clear(void *arg, int level, const struct engine_note *by)
{
	const struct lease *l = arg;

	if (by->ino)
		remove_level(l, level, by->dev, by->ino);
}

const struct level_ops lease_ops = {take, look, drop, clear, NULL};

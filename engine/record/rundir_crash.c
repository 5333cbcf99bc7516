/* SPDX-License-Identifier: Apache-2.0 */
/* What a crash must not cost, or leave, in a run directory.
 *
 * An engine that was killed while it wrote a file leaves a temporary name behind. One that
 * ends takes lock.holder away, so where it stands there may be such names: beside the files
 * of the run directory itself, below results/, and beside the links below tasks/. So there
 * may be after a power loss, which results/.published tells by its boot id. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "record/rundir_private.h"
#include "record/tree.h"

int
rundir_has_crashed(const struct rundir *d)
{
	char *holder = path_join(d->path, "lock.holder");
	int there = access(holder, F_OK) == 0;

	free(holder);
	return there;
}

/* ".tmp-" and 16 hex digits, as rundir_temporary and fs_write_file name them. */
static int
is_temporary(const char *name)
{
	enum { HEAD = 5, DIGITS = 16 };

	if (strlen(name) != HEAD + DIGITS || strncmp(name, ".tmp-", HEAD) != 0)
		return 0;
	for (name += HEAD; *name; name++)
		if (!isxdigit((unsigned char)*name))
			return 0;
	return 1;
}

static int
sweep(void *arg, const char *path, const char *relative, const struct stat *st,
      int after)
{
	(void)arg;
	(void)relative;
	if (!after && !S_ISDIR(st->st_mode) && is_temporary(path_base(path)))
		unlink(path);
	return 0;
}

void
rundir_sweep(const struct rundir *d)
{
	/* What cannot be read or removed does no harm. */
	(void)tree_walk(d->path, sweep, NULL);
}

int
rundir_sync(struct rundir *d, struct error *e)
{
	if (!d->synced)
		d->synced = fs_sync_up(d->path, e) == 0;
	return d->synced ? 0 : -1;
}

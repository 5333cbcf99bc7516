/* SPDX-License-Identifier: Apache-2.0 */
/* Files that only engines write. */
#include "record/own_file.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"

static int
set_aside(const char *path, const char *wanted)
{
	char *to = fs_set_aside(path);

	if (!to)
		return 0;
	log_warning("'%s' is no %s: moved to '%s'", path, wanted, to);
	free(to);
	return 1;
}

int
own_clear(const char *path)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return 0;
	if (!S_ISREG(st.st_mode))
		return set_aside(path, "file");
	if ((st.st_mode & 0600) != 0600 && st.st_uid == geteuid())
		(void)fchmodat(AT_FDCWD, path, 0644, AT_SYMLINK_NOFOLLOW);
	return 0;
}

void
own_clear_folder(const char *path, int keep_links)
{
	struct stat st;

	if (lstat(path, &st) == 0 && !S_ISDIR(st.st_mode) &&
	    !(keep_links && S_ISLNK(st.st_mode)))
		set_aside(path, "folder");
}

char *
own_read(const char *path, size_t limit, size_t *len)
{
	struct stat st;

	if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	return fs_read_file(path, limit, len, NULL);
}

int
own_write(const char *path, const void *data, size_t len, int sync, struct error *e)
{
	own_clear(path);
	return fs_write_file(path, data, len, sync, e);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Names on the disk (declared in base/fs.h): a file that is synced is lost all the same
 * if the name of a folder above it is not. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"

int
fs_sync_dir(const char *path, struct error *e)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC), rc, saved;

	if (fd < 0)
		return error_set(e, "cannot open folder '%s':", path);
	rc = fsync(fd);
	saved = errno;
	close(fd);
	errno = saved;
	return rc < 0 ? error_set(e, "cannot sync folder '%s':", path) : 0;
}

/* May it be one that we made: of that file system, and ours to read? */
static int
is_of(const char *path, dev_t dev)
{
	struct stat st;

	return stat(path, &st) == 0 && st.st_dev == dev && access(path, R_OK) == 0;
}

int
fs_sync_up(const char *path, struct error *e)
{
	char *dir = path_absolute(NULL, path), *up;
	struct stat st;
	int rc = fs_sync_dir(dir, e), top = rc < 0 || stat(dir, &st) < 0;

	while (!top && rc == 0) {
		up = path_dir(dir);
		top = strcmp(up, dir) == 0 || !is_of(up, st.st_dev);
		if (!top)
			rc = fs_sync_dir(up, e);
		free(dir);
		dir = up;
	}
	free(dir);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Files where somebody may have put something in the way (declared in base/fs.h).
 *
 * A path whose symlinks were resolved once holds none any more. Whoever plants one
 * later, in a folder that the engine or a host writes, must not lead them elsewhere:
 * so such paths are opened, and folders made, without following any.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

int
fs_open_real(const char *path, int flags, mode_t mode)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | O_CLOEXEC | O_NOFOLLOW),
		.mode = flags & O_CREAT ? mode : 0,
		.resolve = RESOLVE_NO_SYMLINKS,
	};
	long fd = syscall(SYS_openat2, AT_FDCWD, path, &how, sizeof how);

	/* Old kernels, and sandboxes that do not know the call. */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		return open(path, (int)how.flags, mode);
	return (int)fd;
}

/* Names between slashes. */
static unsigned
depth_of(const char *path)
{
	unsigned n = 0;

	for (const char *p = path; *p; p++)
		n += *p != '/' && (p == path || p[-1] == '/');
	return n;
}

int
fs_mkdirs_real(const char *path, unsigned most)
{
	const int flags = O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC;
	char *copy = xstrdup(path), *save = NULL;
	int fd = open("/", flags), next, saved;
	unsigned left = depth_of(path);

	for (char *name = strtok_r(copy, "/", &save); name && fd >= 0;
	     name = strtok_r(NULL, "/", &save), left--) {
		next = openat(fd, name, flags);
		if (next < 0 && errno == ENOENT && left <= most &&
		    (mkdirat(fd, name, 0755) == 0 || errno == EEXIST))
			next = openat(fd, name, flags);
		saved = errno;
		close(fd);
		errno = saved;
		fd = next;
	}
	free(copy);
	if (fd < 0)
		return -1;
	close(fd);
	return 0;
}

int
fs_has_entries(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *x = NULL;

	while (d && (x = readdir(d)) &&
	       (strcmp(x->d_name, ".") == 0 || strcmp(x->d_name, "..") == 0))
		;
	if (d)
		closedir(d);
	return x != NULL;
}

char *
fs_set_aside(const char *path)
{
	uint32_t r = 0;
	char *to;

	if (getrandom(&r, sizeof r, 0) < 0)
		r = (uint32_t)getpid();
	to = xasprintf("%s.damaged-%08" PRIx32, path, r);
	if (fs_rename_noreplace(path, to) == 0)
		return to;
	free(to);
	return NULL;
}

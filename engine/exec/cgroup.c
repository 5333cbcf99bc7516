/* SPDX-License-Identifier: Apache-2.0 */
/* Control groups of our own, by the files of version 2: a folder is a group, cgroup.procs
 * lists its processes and takes new ones, cgroup.kill ends them. */
#include "exec/cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"
#include "record/engine_id.h"

#define PREFIX "af2flow-"
enum { CGROUP2_MAGIC = 0x63677270 };

/* --- making groups ---------------------------------------------------------------- */

/* systemd keeps the groups below its own for itself, but for those that it delegates,
 * which it marks. A user can only write where that user owns, which is the same. */
static int
is_ours_to_divide(const char *dir)
{
	struct stat st;
	char value[8];

	if (geteuid() != 0)
		return stat(dir, &st) == 0 && st.st_uid == geteuid();
	return access("/run/systemd/system", F_OK) != 0 ||
	       getxattr(dir, "user.delegate", value, sizeof(value)) > 0 ||
	       getxattr(dir, "trusted.delegate", value, sizeof(value)) > 0;
}

char *
cgroup_home(void)
{
	char *dir = cgroup_own("", NULL);
	char *procs = dir ? path_join(dir, "cgroup.procs") : NULL;

	if (dir && (access(dir, W_OK | X_OK) < 0 || access(procs, W_OK) < 0 ||
		    !is_ours_to_divide(dir))) {
		free(dir);
		dir = NULL;
	}
	free(procs);
	return dir;
}

char *
cgroup_make(const char *home, unsigned n)
{
	char *group = xasprintf("%s/" PREFIX "%d-%llu-%u", home, (int)getpid(),
				(unsigned long long)engine_start((int)getpid()), n);
	int saved;

	if (mkdir(group, 0755) == 0 || errno == EEXIST)
		return group;
	saved = errno;
	free(group);
	errno = saved;
	return NULL;
}

/* Open the folder of a group, ours or below one of ours, without any detour. */
static int
open_group(int at, const char *path)
{
	int fd = openat(at, path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct statfs fs;

	if (fd >= 0 &&
	    (fstatfs(fd, &fs) < 0 || (unsigned long)fs.f_type != CGROUP2_MAGIC)) {
		close(fd);
		errno = EINVAL;
		return -1;
	}
	return fd;
}

static int
write_to(int group, const char *file, const char *text)
{
	int fd = openat(group, file, O_WRONLY | O_NOFOLLOW | O_CLOEXEC), rc, saved;

	if (fd < 0)
		return -1;
	rc = fs_write_all(fd, text, strlen(text));
	saved = errno;
	close(fd);
	errno = saved;
	return rc;
}

int
cgroup_enter(const char *group, pid_t pid)
{
	int fd = open_group(AT_FDCWD, group), rc, saved;
	char text[24];

	if (fd < 0)
		return -1;
	snprintf(text, sizeof(text), "%d", (int)pid);
	rc = write_to(fd, "cgroup.procs", text);
	saved = errno;
	close(fd);
	errno = saved;
	return rc;
}

/* --- what is in them -------------------------------------------------------------- */

static void
add_pids(int group, struct proc_list *out)
{
	int fd = openat(group, "cgroup.procs", O_RDONLY | O_CLOEXEC);
	FILE *f = fd >= 0 ? fdopen(fd, "re") : NULL;
	char line[32];

	/* 0: a process that our namespace does not show. */
	while (f && fgets(line, sizeof(line), f))
		if (atoi(line) > 0)
			proc_list_add(out, atoi(line));
	if (f)
		fclose(f);
}

/* Add the pids of the group and of those below it; or remove those below it, the lowest
 * first (`out` NULL). `fd` is closed. */
static void
walk(int fd, struct proc_list *out)
{
	DIR *d = fdopendir(fd);
	struct dirent *de;

	while (d && (de = readdir(d))) {
		int below = de->d_type == DT_DIR && de->d_name[0] != '.'
				    ? open_group(fd, de->d_name)
				    : -1;

		if (below >= 0)
			walk(below, out);
		if (below >= 0 && !out)
			unlinkat(fd, de->d_name, AT_REMOVEDIR);
	}
	if (d && out)
		add_pids(fd, out);
	if (d)
		closedir(d);
	else
		close(fd);
}

void
cgroup_pids(const char *group, struct proc_list *out)
{
	int fd = open_group(AT_FDCWD, group);

	if (fd >= 0)
		walk(fd, out);
}

int
cgroup_kill(const char *group)
{
	struct proc_list l = {0};
	int fd, rc;

	if (!starts_with(path_base(group), PREFIX)) {
		errno = EINVAL;
		return -1;
	}
	fd = open_group(AT_FDCWD, group);
	if (fd < 0)
		return -1;
	rc = write_to(fd, "cgroup.kill", "1");
	if (rc == 0 || errno != ENOENT) {
		close(fd);
		return rc;
	}
	/* Linux before 5.14: one by one; the caller looks again. */
	walk(fd, &l);
	for (size_t i = 0; i < l.count; i++)
		kill(l.v[i], SIGKILL);
	free(l.v);
	return 0;
}

int
cgroup_remove(const char *group)
{
	int fd;

	if (rmdir(group) == 0 || errno == ENOENT)
		return 0;
	fd = open_group(AT_FDCWD, group);
	if (fd < 0)
		return -1;
	walk(fd, NULL);
	return rmdir(group) == 0 || errno == ENOENT ? 0 : -1;
}

/* Is it the name of a group whose engine is dead? */
static int
is_stale(const char *name)
{
	unsigned long long start;
	unsigned n;
	int pid, used = 0;

	return sscanf(name, PREFIX "%d-%llu-%u%n", &pid, &start, &n, &used) == 3 &&
	       !name[used] && engine_start(pid) != start;
}

void
cgroup_tidy(const char *home)
{
	DIR *d = opendir(home);
	struct dirent *de;

	while (d && (de = readdir(d)))
		if (is_stale(de->d_name))
			/* Not while a process is in it. */
			unlinkat(dirfd(d), de->d_name, AT_REMOVEDIR);
	if (d)
		closedir(d);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The work directory of a task: made when it is first needed, gone afterwards.
 * Making and removing a folder costs 0.1 ms on a journalling file system. So a host uses
 * one of its own, "host-PID" beside the one that the engine named, for task after task,
 * as long as each leaves it empty. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/fs.h"
#include "host/host.h"

/* Does the host's own one, empty, stand beside this path? */
static int
has_spare(const struct host *h, const char *path)
{
	const char *end = strrchr(path, '/'), *own;

	if (!h->spare_dir)
		return 0;
	own = strrchr(h->spare_dir, '/');
	return end && end - path == own - h->spare_dir &&
	       memcmp(path, h->spare_dir, (size_t)(end - path)) == 0;
}

/* Make the host's own one; where remains of it are in the way, the named one, which does
 * not stay. NULL with errno. */
static const char *
make(af2_task *t)
{
	char *dir = path_dir(t->work_dir);
	const char *own = arena_printf(&t->mem, "%s/host-%d", dir, (int)getpid());
	struct stat st;
	int rc = mkdir(own, 0755);

	free(dir);
	t->host->spare_mode = rc == 0 && stat(own, &st) == 0 ? st.st_mode : 0;
	if (rc == 0)
		return own;
	rc = mkdir(t->work_dir, 0755);
	return rc == 0 || errno == EEXIST ? t->work_dir : NULL;
}

/* A tool seldom says more than that it failed: is it for lack of room? */
void
task_say_if_full(const af2_task *t, struct verdict *v)
{
	const char *dir = t->has_work_dir ? t->work_dir : t->out_dir;
	struct statvfs fs;
	size_t n = strlen(v->message);

	if (v->outcome != AF2_FAIL || v->cls == AF2_CLASS_CANCELLED || !*dir ||
	    statvfs(dir, &fs) < 0)
		return;
	if (fs.f_bavail == 0 || (fs.f_files > 0 && fs.f_favail == 0))
		snprintf(v->message + n, sizeof(v->message) - n,
			 " (the file system of '%s' is full)", dir);
}

int
task_need_work_dir(af2_task *t)
{
	struct host *h = t->host;
	const char *path;

	if (t->has_work_dir)
		return 0;
	if (has_spare(h, t->work_dir)) {
		path = arena_strdup(&t->mem, h->spare_dir);
		free(h->spare_dir);
		h->spare_dir = NULL;
	} else {
		workdir_end(h);
		path = make(t);
	}
	if (!path)
		return -1;
	t->work_dir = path;
	t->has_work_dir = 1;
	if (t->max_output) {
		pthread_mutex_lock(&h->lock);
		free(h->watch_work);
		h->watch_work = xstrdup(t->work_dir);
		pthread_mutex_unlock(&h->lock);
	}
	return 0;
}

/* Is it as good as new? */
static int
is_pristine(const struct host *h, const char *path)
{
	DIR *d = opendir(path);
	const struct dirent *de;
	struct stat st;
	int n = 0;

	if (!d)
		return 0;
	while (n <= 2 && (de = readdir(d)))
		n++;
	if (fstat(dirfd(d), &st) < 0 || st.st_mode != h->spare_mode)
		n = 3;
	closedir(d);
	return n == 2;
}

void
task_drop_work_dir(af2_task *t)
{
	if (!t->has_work_dir)
		return;
	if (is_pristine(t->host, t->work_dir))
		t->host->spare_dir = xstrdup(t->work_dir);
	else
		fs_remove_tree(t->work_dir, NULL);
}

void
workdir_end(struct host *h)
{
	if (h->spare_dir)
		rmdir(h->spare_dir);
	free(h->spare_dir);
	h->spare_dir = NULL;
}

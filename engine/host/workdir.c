/* SPDX-License-Identifier: Apache-2.0 */
/* The work directory of a task: made when it is first needed, gone afterwards.
 * Making and removing a folder costs 0.1 ms on a journalling file system, a rename 3
 * us: so one that was left empty waits as ".host-PID" beside it for the next task. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "host/host.h"

static int
make(struct host *h, const char *path)
{
	struct stat st;

	if (h->spare_dir && rename(h->spare_dir, path) == 0) {
		free(h->spare_dir);
		h->spare_dir = NULL;
		return 0;
	}
	if (mkdir(path, 0755) < 0 && errno != EEXIST &&
	    (errno != ENOENT || fs_mkdirs(path, NULL) < 0))
		return -1;
	if (stat(path, &st) == 0)
		h->spare_mode = st.st_mode;
	return 0;
}

int
task_need_work_dir(af2_task *t)
{
	struct host *h = t->host;

	if (t->has_work_dir)
		return 0;
	if (make(h, t->work_dir) < 0)
		return -1;
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
	struct host *h = t->host;
	char *dir, *spare;

	if (!t->has_work_dir)
		return;
	workdir_end(h);
	if (is_pristine(h, t->work_dir)) {
		dir = path_dir(t->work_dir);
		spare = xasprintf("%s/.host-%d", dir, (int)getpid());
		free(dir);
		if (rename(t->work_dir, spare) == 0) {
			h->spare_dir = spare;
			return;
		}
		free(spare);
	}
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

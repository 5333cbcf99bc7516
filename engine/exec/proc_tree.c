/* SPDX-License-Identifier: Apache-2.0 */
/* Trees of processes by /proc (declared in exec/proc.h). */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "exec/proc.h"

void
proc_list_add(struct proc_list *l, pid_t pid)
{
	GROW(l->v, l->count, l->cap);
	l->v[l->count++] = pid;
}

int
proc_list_has(const struct proc_list *l, pid_t pid)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->v[i] == pid)
			return 1;
	return 0;
}

static void
add_new(void *arg, pid_t pid)
{
	struct proc_list *l = arg;

	if (!proc_list_has(l, pid))
		proc_list_add(l, pid);
}

int
proc_knows_children(void)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task/%d/children", (int)getpid(),
		 (int)getpid());
	return access(path, R_OK) == 0;
}

/* All processes and their parents, in turn: one look at all of /proc. */
static struct proc_list
all_and_parents(void)
{
	struct proc_list all = {0};
	DIR *d = opendir("/proc");
	struct dirent *de;

	while (d && (de = readdir(d))) {
		pid_t pid = (pid_t)strtol(de->d_name, NULL, 10);

		if (pid > 0) {
			proc_list_add(&all, pid);
			proc_list_add(&all, proc_parent(pid));
		}
	}
	if (d)
		closedir(d);
	return all;
}

void
proc_tree(struct proc_list *l)
{
	struct proc_list all = {0};

	if (proc_knows_children()) {
		/* The list grows while we go along it. */
		for (size_t i = 0; i < l->count; i++)
			proc_children(l->v[i], add_new, l);
		return;
	}
	if (l->count)
		all = all_and_parents();
	for (size_t i = 0; i < l->count; i++)
		for (size_t k = 0; k < all.count; k += 2)
			if (all.v[k + 1] == l->v[i])
				add_new(l, all.v[k]);
	free(all.v);
}

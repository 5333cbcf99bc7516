/* SPDX-License-Identifier: Apache-2.0 */
/* The memory of a task: how much its processes use, and whether it ended for want of
 * it: the kernel killed one of them, or somebody did when it had used nearly all that
 * was declared. (What it said itself, service_check_exit and the workers judge; what is
 * above the limit, the engine ends.) */
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "exec/cgroup.h"
#include "exec/tree_memory.h"
#include "host/host.h"

enum { SHELL_KILLED = 128 + SIGKILL }; /* what a shell makes of it */

void
memory_begin(af2_task *t)
{
	struct host *h = t->host;

	atomic_store(&h->peak, 0);
	atomic_store(&h->saw_kill, 0);
	h->killed_worker = 0;
	t->oom_kills = oom_mark(&h->oom);
	if (!t->memory)
		return;
	pthread_mutex_lock(&h->lock);
	h->memory = t->memory;
	h->memory_limit = t->memory_limit;
	pthread_mutex_unlock(&h->lock);
}

void
memory_judge(af2_task *t, struct verdict *v)
{
	struct host *h = t->host;
	uint64_t used;
	char *text;

	t->peak_memory = atomic_load(&h->peak);
	used = t->peak_memory > t->max_rss ? t->peak_memory : t->max_rss;
	if (v->outcome != AF2_FAIL || h->killed_worker ||
	    (v->cls != AF2_CLASS_EXIT && v->cls != AF2_CLASS_SIGNAL) ||
	    !(t->signal == SIGKILL || t->status == SHELL_KILLED ||
	      atomic_load(&h->saw_kill)) ||
	    !(oom_rose(&h->oom, t->oom_kills) || oom_is_near(used, t->memory)))
		return;
	text = oom_text(used, t->memory);
	/* In front: a long message is cut at its end. */
	verdict_set(v, AF2_FAIL, AF2_CLASS_MEMORY, "out of memory (%s): %s", text,
		    arena_printf(&t->mem, "%s", v->message));
	free(text);
}

uint64_t
memory_used(const struct host *h, uint64_t exact_above)
{
	struct proc_list l = {0};
	uint64_t sum;

	if (h->group)
		cgroup_pids(h->group, &l);
	/* Told to be in a group, we may not have been let in. */
	if (!proc_list_has(&l, getpid())) {
		l.count = 0;
		proc_list_add(&l, getpid());
		proc_tree(&l);
	}
	sum = tree_memory(&l, exact_above);
	free(l.v);
	return sum;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Hosts in control groups of their own, where that is allowed: their ends are then those
 * of all that they started, in one step. Costs a folder and a write a host; without
 * groups the sweeps do the same by and by. */
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "exec/cgroup.h"
#include "exec/local_private.h"

char *
group_new(struct pool *p)
{
	char *group;

	if (!p->config.groups)
		return NULL;
	if (p->group_count++ == 0 && (p->group_home = cgroup_home()))
		cgroup_tidy(p->group_home);
	group = p->group_home ? cgroup_make(p->group_home, p->group_count) : NULL;
	if (!group)
		p->config.groups = 0;
	return group;
}

void
group_drop(struct pool *p, char *group)
{
	int saved = errno;

	if (group)
		words_add(&p->groups, group);
	free(group);
	groups_remove(p);
	errno = saved;
}

char *
group_enter(struct pool *p, char *group, pid_t pid)
{
	if (!group || cgroup_enter(group, pid) == 0)
		return group;
	/* Whoever manages the groups here has other plans. */
	p->config.groups = 0;
	group_drop(p, group);
	return NULL;
}

void
group_end(struct conn *c)
{
	if (!c->group)
		return;
	cgroup_kill(c->group);
	words_add(&c->pool->groups, c->group);
	free(c->group);
	c->group = NULL;
}

void
groups_remove(struct pool *p)
{
	struct words left = {0};

	for (size_t i = 0; i < p->groups.count; i++)
		if (cgroup_remove(p->groups.v[i]) < 0)
			words_add(&left, p->groups.v[i]);
	words_free(&p->groups);
	p->groups = left;
}

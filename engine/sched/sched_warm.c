/* SPDX-License-Identifier: Apache-2.0 */
/* Which of equal tasks goes first: one that shares something with the task that had the slot
 * before; and who shares nothing leaves such a GPU alone while there is another. The last slots
 * that were given back are remembered, one entry for each GPU. */
#include "sched/sched_internal.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define YIELD_LIMIT 16
#define LOOK_AT 256 /* waiters of a class, from its head on */

static void
forget(struct sched *s, unsigned i)
{
	s->warm_count--;
	memmove(s->warm + i, s->warm + i + 1, (s->warm_count - i) * sizeof *s->warm);
}

/* Whatever was warm there, another task had it since. */
static void
forget_gpu(struct sched *s, unsigned gpu)
{
	for (unsigned i = 0; i < s->warm_count; i++)
		if (s->warm[i].gpu == (int)gpu)
			forget(s, i--);
}

void
warm_add(struct sched *s, const struct slot *slot)
{
	for (unsigned i = 0; i < slot->gpu_count; i++)
		forget_gpu(s, slot->gpus[i]);
	if (!slot->affinity.text || slot->gpu_count > 1)
		return;
	if (s->warm_count == WARM_MOST)
		forget(s, 0);
	s->warm[s->warm_count++] = (struct warm){
		slot->affinity, slot->gpu_count ? (int)slot->gpus[0] : NO_GPU};
}

/* The warm place that serves a waiter best, of equal ones the newest; -1 if there is none.
 * *shared: how much it shares with what is there. */
static int
place_for(const struct sched *s, const struct class *c, const struct waiter *w, int *shared)
{
	int best = -1;

	*shared = 0;
	for (unsigned i = s->warm_count; i-- > 0;) {
		const struct warm *m = &s->warm[i];
		int has = affinity_shared(m->affinity, w->affinity);

		if (has <= *shared || (m->gpu != NO_GPU) != (c->q.gpus == 1))
			continue;
		if (m->gpu == NO_GPU || resources_gpu_is_free(s->r, (unsigned)m->gpu)) {
			best = (int)i;
			*shared = has;
		}
	}
	return best;
}

/* A free GPU where nothing is warm that another task may want, or NO_GPU. */
static int
cold_gpu(const struct sched *s)
{
	char *warm = xcalloc(s->m->gpu_count, 1);
	int found;

	for (unsigned i = 0; i < s->warm_count; i++)
		if (s->warm[i].gpu != NO_GPU)
			warm[s->warm[i].gpu] = 1;
	found = resources_free_gpu(s->r, warm);
	free(warm);
	return found;
}

struct waiter
warm_choose(struct sched *s, struct class *c, int *gpu)
{
	struct waiter best = c->queue.v[0];
	/* When the head has yielded often enough only its own places count. */
	size_t look = c->yielded < YIELD_LIMIT ? LOOK_AT : 1;
	int place = -1, most = 0;

	*gpu = NO_GPU;
	for (size_t i = 0; s->warm_count && i < look && i < c->queue.count && c->q.gpus < 2;
	     i++) {
		const struct waiter *w = &c->queue.v[i];
		int found, shared;

		if (w->priority < c->queue.v[0].priority)
			continue;
		found = place_for(s, c, w, &shared);
		if (shared < most || !shared || (shared == most && w->arrival > best.arrival))
			continue;
		place = found;
		most = shared;
		best = *w;
	}
	c->yielded = best.id == c->queue.v[0].id ? 0 : c->yielded + 1;
	if (place >= 0) {
		*gpu = s->warm[place].gpu;
		forget(s, (unsigned)place);
	} else if (s->warm_count && c->q.gpus == 1) {
		*gpu = cold_gpu(s);
	}
	return best;
}

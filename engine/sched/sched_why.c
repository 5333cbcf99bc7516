/* SPDX-License-Identifier: Apache-2.0 */
/* Why a task waits, and whether it could ever start, in words. */
#include "sched/sched_internal.h"

static void
why_lacks(const struct sched *s, const struct request *q, struct str *b)
{
	unsigned lack = sched_lacks(s, q), n;
	char need[32], have[32];

	if (lack & GPUS) {
		n = resources_free_gpus(s->r);
		str_printf(b, "needs %d GPU%s, %u %s free", q->gpus,
		           q->gpus == 1 ? "" : "s", n, n == 1 ? "is" : "are");
	} else if (lack & CORES) {
		unsigned want = sched_least_cores(s, q);

		n = resources_free_cores(s->r);
		str_printf(b, "needs %u core%s, %u %s free", want,
		           want == 1 ? "" : "s", n, n == 1 ? "is" : "are");
	} else if (lack & MEMORY) {
		str_printf(b, "needs %s of memory, %s is free",
		           format_size(q->memory, need),
		           format_size(resources_free_memory(s->r), have));
	} else {
		str_add(b, sched_choose(s) < 0
		                   ? "waits for a larger task that comes first"
		                   : "will start at the next chance");
	}
}

void
sched_why(const struct sched *s, uint32_t id, struct str *b)
{
	int64_t c = places_find(&s->places, id);
	const struct class *cl;
	size_t ahead;

	if (c < 0) {
		str_add(b, "is not waiting for a slot");
		return;
	}
	if (s->stopped) {
		str_add(b, "nothing new is started");
		return;
	}
	cl = &s->classes[c];
	ahead = queue_ahead(&cl->queue, &s->places, id);
	if (ahead > 0)
		str_printf(b, "behind %zu task%s of higher priority or earlier; "
		              "the first ", ahead, ahead == 1 ? "" : "s");
	why_lacks(s, &cl->q, b);
}

int
sched_class(const struct sched *s, size_t i, struct request *q, size_t *waiting, uint32_t *head)
{
	if (i >= s->class_count)
		return -1;
	*q = s->classes[i].q;
	*waiting = s->classes[i].queue.count;
	if (*waiting)
		*head = s->classes[i].queue.v[0].id;
	return 0;
}

int
sched_possible(const struct sched *s, const struct request *q, struct error *e)
{
	unsigned cores = sched_least_cores(s, q), gpus = sched_gpus(s, q);
	char need[32], have[32];

	if (resources_possible(s->r, cores, gpus, q->memory))
		return 0;
	if (cores > s->m->core_count)
		return error_set(e, "needs %u cores, the run may use %u", cores,
		                 s->m->core_count);
	if (gpus > s->m->gpu_count)
		return error_set(e, "needs %u GPU%s, the run may use %u", gpus,
		                 gpus == 1 ? "" : "s", s->m->gpu_count);
	return error_set(e, "needs %s of memory, the run may use %s",
	                 format_size(q->memory, need), format_size(s->m->memory, have));
}

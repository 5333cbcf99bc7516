/* SPDX-License-Identifier: Apache-2.0 */
/* The scheduler: classes of equal requests, each a queue, kept in the order of their
 * heads.
 *
 * A decision walks the classes in that order and starts the first head that fits. A
 * head that does not fit may be passed over PASS_LIMIT times by tasks that take what it
 * lacks; from then on what it lacks is kept for it. A head that lacks a GPU keeps only
 * GPUs: cores would lie idle for as long as the GPUs are busy.
 */
#include "sched/sched.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sched/sched_internal.h"

#define PASS_LIMIT 16

struct sched *
sched_new(const struct machine *m)
{
	struct sched *s = xcalloc(1, sizeof *s);

	s->m = m;
	s->r = resources_new(m);
	return s;
}

void
sched_free(struct sched *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->class_count; i++)
		queue_free(&s->classes[i].queue);
	free(s->classes);
	free(s->order);
	map_free(&s->by_request);
	places_free(&s->places);
	resources_free(s->r);
	free(s);
}

/* --- classes and their order ------------------------------------------------------ */

unsigned
sched_gpus(const struct sched *s, const struct request *q)
{
	if (q->gpus < 0)
		return s->m->gpu_count > 0;
	return (unsigned)q->gpus;
}

unsigned
sched_least_cores(const struct sched *s, const struct request *q)
{
	if (q->cpus == -2)
		return s->m->core_count;
	return q->cpus > 0 ? (unsigned)q->cpus : 1;
}

static uint32_t
class_for(struct sched *s, const struct request *q)
{
	uint64_t key[4] = {(uint64_t)(int64_t)q->cpus, q->cpus == -1 ? q->cpus_cap : 0,
	                   sched_gpus(s, q), q->memory};
	int added;
	uint64_t *number = map_put(&s->by_request, key, sizeof key, &added);

	if (added) {
		*number = s->class_count;
		GROW(s->classes, s->class_count, s->class_cap);
		s->classes[s->class_count++] = (struct class){
			.q = {.cpus = q->cpus, .cpus_cap = (unsigned)key[1],
			      .gpus = (int)key[2], .memory = q->memory},
		};
	}
	return (uint32_t)*number;
}

static int
class_before(const struct sched *s, uint32_t a, uint32_t b)
{
	return waiter_before(&s->classes[a].queue.v[0], &s->classes[b].queue.v[0]);
}

static void
order_put(struct sched *s, size_t i, uint32_t c)
{
	s->order[i] = c;
	s->classes[c].rank = (uint32_t)i;
}

static void
order_remove(struct sched *s, uint32_t c)
{
	s->order_count--;
	for (size_t i = s->classes[c].rank; i < s->order_count; i++)
		order_put(s, i, s->order[i + 1]);
}

/* Move a class with waiters to its place after its head changed. */
static void
order_fix(struct sched *s, uint32_t c)
{
	size_t i = s->classes[c].rank;

	for (; i > 0 && class_before(s, c, s->order[i - 1]); i--)
		order_put(s, i, s->order[i - 1]);
	for (; i + 1 < s->order_count && class_before(s, s->order[i + 1], c); i++)
		order_put(s, i, s->order[i + 1]);
	order_put(s, i, c);
}

/* --- events ----------------------------------------------------------------------- */

static void
take_out(struct sched *s, uint32_t c, uint32_t id)
{
	struct class *cl = &s->classes[c];

	queue_remove(&cl->queue, &s->places, id);
	s->waiting--;
	if (cl->queue.count > 0) {
		order_fix(s, c);
	} else {
		cl->passed = 0;
		order_remove(s, c);
	}
}

void
sched_ready(struct sched *s, uint32_t id, const struct request *q, double priority)
{
	struct waiter w = {.priority = priority == priority ? priority : 0, /* no NaN */
	                   .arrival = s->arrivals++, .id = id, .affinity = q->affinity};
	uint32_t c = class_for(s, q);

	sched_drop(s, id);
	queue_push(&s->classes[c].queue, c, &s->places, w);
	s->waiting++;
	if (s->classes[c].queue.count == 1) {
		GROW(s->order, s->order_count, s->order_cap);
		order_put(s, s->order_count++, c);
	}
	order_fix(s, c);
}

int
sched_drop(struct sched *s, uint32_t id)
{
	int64_t c = places_find(&s->places, id);

	if (c < 0)
		return -1;
	take_out(s, (uint32_t)c, id);
	return 0;
}

void
sched_done(struct sched *s, struct slot *slot)
{
	warm_add(s, slot);
	resources_give(s->r, slot);
}

void
sched_stop(struct sched *s)
{
	s->stopped = 1;
}

size_t
sched_waiting(const struct sched *s)
{
	return s->waiting;
}

struct resources *
sched_resources(struct sched *s)
{
	return s->r;
}

/* --- decisions -------------------------------------------------------------------- */

unsigned
sched_lacks(const struct sched *s, const struct request *q)
{
	unsigned what = 0;

	if ((unsigned)q->gpus > resources_free_gpus(s->r))
		return GPUS;
	if (sched_least_cores(s, q) > resources_free_cores(s->r))
		what |= CORES;
	if (q->memory > resources_free_memory(s->r))
		what |= MEMORY;
	return what;
}

static unsigned
uses(const struct request *q)
{
	return CORES | (q->gpus > 0 ? GPUS : 0) | (q->memory > 0 ? MEMORY : 0);
}

/* How many waiters of a class could start now, by what is free. */
static uint64_t
could_start(const struct sched *s, const struct class *c)
{
	uint64_t n = c->queue.count, k;

	if (sched_lacks(s, &c->q))
		return 0;
	k = resources_free_cores(s->r) / sched_least_cores(s, &c->q);
	n = k < n ? k : n;
	if (c->q.gpus > 0) {
		k = resources_free_gpus(s->r) / (unsigned)c->q.gpus;
		n = k < n ? k : n;
	}
	if (c->q.memory > 0) {
		k = resources_free_memory(s->r) / c->q.memory;
		n = k < n ? k : n;
	}
	return n;
}

static unsigned
capped(const struct request *q, uint64_t n)
{
	if (q->cpus_cap > 0 && n > q->cpus_cap)
		n = q->cpus_cap;
	return n > 0 ? (unsigned)n : 1;
}

/* Cores for an `auto` task with GPUs. */
static unsigned
gpu_task_cores(const struct sched *s, const struct request *q)
{
	return capped(q, resources_gpu_cores(s->r, (unsigned)q->gpus));
}

/* Cores that the tasks which could start beside `auto` ones will take. */
static uint64_t
fixed_demand(const struct sched *s)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < s->order_count; i++) {
		const struct class *c = &s->classes[s->order[i]];

		if (c->q.cpus > 0)
			sum += could_start(s, c) * sched_least_cores(s, &c->q);
		else if (c->q.cpus == -1 && c->q.gpus > 0)
			sum += could_start(s, c) * gpu_task_cores(s, &c->q);
	}
	return sum;
}

/* An equal part for every `auto` task without GPUs that could start; what a cap leaves
 * goes to the others. */
static uint64_t
equal_part(const struct sched *s)
{
	uint64_t left = resources_free_cores(s->r), fixed = fixed_demand(s);
	uint64_t part = 0, before;

	left = left > fixed ? left - fixed : 0;
	do {
		uint64_t rest = left, count = 0;

		before = part;
		for (size_t i = 0; i < s->order_count; i++) {
			const struct class *c = &s->classes[s->order[i]];
			uint64_t n, taken;

			if (c->q.cpus != -1 || c->q.gpus > 0)
				continue;
			n = could_start(s, c);
			taken = n * c->q.cpus_cap;
			if (c->q.cpus_cap > 0 && c->q.cpus_cap <= part)
				rest -= taken < rest ? taken : rest;
			else
				count += n;
		}
		if (count > 0 && rest / count > part)
			part = rest / count;
	} while (part > before);
	return part;
}

static unsigned
cores_for(const struct sched *s, const struct request *q)
{
	unsigned n = sched_least_cores(s, q), free_cores = resources_free_cores(s->r);

	if (q->cpus == -1 && q->gpus > 0)
		n = gpu_task_cores(s, q);
	else if (q->cpus == -1)
		n = capped(q, equal_part(s));
	return n < free_cores ? n : free_cores;
}

int64_t
sched_choose(const struct sched *s)
{
	unsigned kept = 0;

	for (size_t i = 0; i < s->order_count; i++) {
		const struct class *c = &s->classes[s->order[i]];
		unsigned lack = sched_lacks(s, &c->q);

		if (lack && c->passed >= PASS_LIMIT)
			kept |= lack;
		else if (!lack && !(uses(&c->q) & kept))
			return s->order[i];
	}
	return -1;
}

/* Count that the head of class `c` starts before those that it overtakes. */
static void
count_passing(struct sched *s, const struct class *c)
{
	for (size_t i = 0; i < c->rank; i++) {
		struct class *over = &s->classes[s->order[i]];

		over->passed += (sched_lacks(s, &over->q) & uses(&c->q)) != 0;
	}
}

int
sched_next(struct sched *s, uint32_t *id, struct slot *slot)
{
	int64_t found;
	struct waiter next;
	struct class *c;
	int gpu;

	if (s->stopped || s->waiting == 0 || resources_free_cores(s->r) == 0)
		return 0;
	found = sched_choose(s);
	if (found < 0)
		return 0;
	c = &s->classes[found];
	count_passing(s, c);
	next = warm_choose(s, c, &gpu);
	if (gpu != NO_GPU)
		resources_prefer_gpu(s->r, (unsigned)gpu);
	if (resources_take(s->r, cores_for(s, &c->q), (unsigned)c->q.gpus, c->q.memory,
	                   slot))
		return 0;
	c->passed = 0;
	slot->affinity = next.affinity;
	*id = next.id;
	take_out(s, (uint32_t)found, *id);
	return 1;
}

uint64_t
sched_wants_memory(const struct sched *s)
{
	if (s->stopped)
		return 0;
	for (size_t i = 0; i < s->order_count; i++) {
		const struct request *q = &s->classes[s->order[i]].q;
		uint64_t wanted = 0;

		if (sched_lacks(s, q) == MEMORY)
			wanted = resources_held_for(s->r, q->memory);
		if (wanted > 0)
			return wanted;
	}
	return 0;
}

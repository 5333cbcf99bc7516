/* SPDX-License-Identifier: Apache-2.0
 * queue: a heap of waiting tasks, highest priority first, then order of arrival, in
 * which any task can be found and removed by its id.
 */
#ifndef SCHED_QUEUE_H
#define SCHED_QUEUE_H

#include <stddef.h>
#include <stdint.h>

#include "model/affinity.h"

struct waiter {
	double priority;
	uint64_t arrival; /* a number that counts up */
	uint32_t id;
	struct affinity affinity;
};
/* Zero-initialise. */
struct queue {
	struct waiter *v; /* v[0] is the next */
	size_t count, cap;
};
/* Where each id waits, shared by all queues of a scheduler. Zero-initialise. */
struct places {
	struct place {
		uint32_t queue_plus_1; /* the queue's number; 0: waits nowhere */
		uint32_t pos;
	} *v;
	size_t cap;
};

/* Does `a` come before `b`? */
int waiter_before(const struct waiter *a, const struct waiter *b);
/* The number of the queue where `id` waits, or -1. */
int64_t places_find(const struct places *p, uint32_t id);
/* Add a waiter whose id waits nowhere. `number` is the queue's, for places_find. */
void queue_push(struct queue *q, uint32_t number, struct places *p, struct waiter w);
/* Remove `id`, which waits in this queue. */
void queue_remove(struct queue *q, struct places *p, uint32_t id);
/* How many come before `id`, which waits in this queue. Looks at every waiter. */
size_t queue_ahead(const struct queue *q, const struct places *p, uint32_t id);
void queue_free(struct queue *q);
void places_free(struct places *p);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * sched_internal: the scheduler's own data, for its decisions (sched.c) and its reasons
 * (sched_why.c).
 */
#ifndef SCHED_SCHED_INTERNAL_H
#define SCHED_SCHED_INTERNAL_H

#include "base/map.h"
#include "sched/queue.h"
#include "sched/sched.h"

/* What a request may lack or use; a set of bits. */
enum { CORES = 1, GPUS = 2, MEMORY = 4 };

enum { WARM_MOST = 64, NO_GPU = -1 };

/* A slot that was given back. */
struct warm {
	struct affinity affinity; /* of the task that had it */
	int gpu;
};

struct class {
	struct request q; /* gpus resolved: never -1 */
	struct queue queue;
	unsigned passed;  /* how often its head was passed over */
	unsigned yielded; /* how often it yielded to one of better affinity */
	uint32_t rank;    /* index in order, if it has waiters */
};

struct sched {
	const struct machine *m;
	struct resources *r;
	struct class *classes;
	size_t class_count, class_cap;
	struct map by_request;
	uint32_t *order; /* classes with waiters, by their heads */
	size_t order_count, order_cap;
	struct places places;
	uint64_t arrivals;
	size_t waiting;
	int stopped;
	struct warm warm[WARM_MOST]; /* the oldest first */
	unsigned warm_count;
};

/* GPUs that a request means on this machine. */
unsigned sched_gpus(const struct sched *s, const struct request *q);
/* The fewest cores that a request can start with. */
unsigned sched_least_cores(const struct sched *s, const struct request *q);
/* What a request (gpus resolved) lacks to start now. */
unsigned sched_lacks(const struct sched *s, const struct request *q);
/* --- sched_warm.c ------------------------------------------------------------------ */
/* A slot is given back. */
void warm_add(struct sched *s, const struct slot *slot);
/* The waiter of a class to start: its head, or one that what is warm serves better; then *gpu is the
 * GPU to have, or NO_GPU. */
struct waiter warm_choose(struct sched *s, struct class *c, int *gpu);

/* The class whose head starts next, or -1. */
int64_t sched_choose(const struct sched *s);

#endif

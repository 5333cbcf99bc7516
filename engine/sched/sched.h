/* SPDX-License-Identifier: Apache-2.0
 * sched: the scheduler. Pure: events in, decisions out; no clock, no process, no disk.
 * The same object serves run, tests and (later) simulation.
 *
 * Ready tasks with equal requests share a queue (a class), ordered by priority, then by
 * order of arrival, so a decision looks at one head per class, not at every task.
 *
 * Affinity: where a slot was given back by a task that shares something with one that waits (the
 * weights that its host has loaded, say), that one goes first among those of equal priority in
 * its class, on the same GPU; before all, one whose hints are the same, too (the programs that its
 * host has compiled). The head is passed over so a bounded number of times.
 */
#ifndef SCHED_SCHED_H
#define SCHED_SCHED_H

#include <stdint.h>

#include "sched/resources.h"

/* What a task asks for (words of struct task_options). */
struct request {
	int cpus;          /* N (at least 1), -1 auto, -2 all */
	unsigned cpus_cap; /* auto: most cores that help; 0: no cap */
	int gpus;          /* N, -1 auto: one if the machine has any */
	uint64_t memory;   /* bytes */
	struct affinity affinity;
};
struct sched;

/* `m` is borrowed and must outlive the scheduler. */
struct sched *sched_new(const struct machine *m);
void sched_free(struct sched *s);
/* Event: task `id` is ready. Higher priority first; equal: first come. An id that waits
 * already waits anew with these values. Tell all tasks that became ready together
 * before the next sched_next: `auto` shares the cores among those that wait. */
void sched_ready(struct sched *s, uint32_t id, const struct request *q,
                 double priority);
/* Decision: the next task to start now, with its slot (the caller keeps it until
 * sched_done). 1, or 0 if nothing fits. `auto` cores: the free cores shared among the
 * ready tasks that could start, capped by the class; with GPUs, no more than the GPU's
 * share of its nearest cores. A task that does not fit is passed over by smaller ones
 * only a bounded number of times (no starvation). */
int sched_next(struct sched *s, uint32_t *id, struct slot *slot);
/* Event: the attempt in this slot ended. */
void sched_done(struct sched *s, struct slot *slot);
/* Event: a ready task is wanted no more. 0, or -1 if it is not waiting here. */
int sched_drop(struct sched *s, uint32_t id);
/* Stop giving out (failure policy stop, interrupt): sched_next returns 0 from now
 * on. */
void sched_stop(struct sched *s);
size_t sched_waiting(const struct sched *s);
/* A reason why `id` waits ("needs 8 cores, 3 are free", "behind 12 tasks of higher
 * priority"); appended to b. */
void sched_why(const struct sched *s, uint32_t id, struct str *b);
/* Class `i` of equal requests, in no order: what its tasks ask for (gpus resolved), how many wait
 * (maybe none), and the one that is next (if any waits). 0, or -1: there are no more. */
int sched_class(const struct sched *s, size_t i, struct request *q, size_t *waiting,
                uint32_t *head);
/* Bytes of held memory (resources_hold) that a waiting task needs before it can start,
 * all else being free; 0: none. Ask when sched_next returned 0, to end idle hosts. */
uint64_t sched_wants_memory(const struct sched *s);
struct resources *sched_resources(struct sched *s);
/* Would it ever fit this machine? -1 with the error set: what is asked and what there
 * is. */
int sched_possible(const struct sched *s, const struct request *q, struct error *e);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * resources: which cores, GPUs and memory are free, and cutting slots out of them: near
 * each other and near their GPUs, in as few NUMA nodes as hold them, disjoint from
 * other slots.
 */
#ifndef SCHED_RESOURCES_H
#define SCHED_RESOURCES_H

#include <stdint.h>

#include "base/str.h"
#include "model/affinity.h"
#include "sched/machine.h"

struct slot {
	unsigned *cores; /* sorted indexes; owned */
	unsigned core_count;
	unsigned *gpus;
	unsigned gpu_count;
	uint64_t memory;
	struct affinity affinity; /* of the task that has it, for the scheduler */
};
struct resources;

/* `m` is borrowed and must outlive the object. */
struct resources *resources_new(const struct machine *m);
void resources_free(struct resources *r);
unsigned resources_free_cores(const struct resources *r);
unsigned resources_free_gpus(const struct resources *r);
uint64_t resources_free_memory(const struct resources *r);
/* Cut a slot. 0, or -1 if it does not fit now. */
int resources_take(struct resources *r, unsigned cores, unsigned gpus, uint64_t memory,
                   struct slot *out);
/* The next slot with one GPU gets this one, if it is free. */
void resources_prefer_gpu(struct resources *r, unsigned gpu);
int resources_gpu_is_free(const struct resources *r, unsigned gpu);
/* The free GPU with the most free cores near it; those with avoid[gpu] set do not count.
 * -1 if there is none. */
int resources_free_gpu(const struct resources *r, const char *avoid);
/* Give it back (frees the arrays). */
void resources_give(struct resources *r, struct slot *s);
/* Memory held outside slots (idle hosts). hold never fails; the free memory may be 0
 * then. */
void resources_hold(struct resources *r, uint64_t memory);
void resources_unhold(struct resources *r, uint64_t memory);
/* Bytes of held memory that must be given up before a slot can have `memory`; 0 if it
 * can have it now, or not even then. */
uint64_t resources_held_for(const struct resources *r, uint64_t memory);
/* Cores that belong to the `gpus` GPUs which a slot would get now: their share of the
 * cores near them, as far as these are free; at least 1 each. 0 if so many GPUs are not
 * free. */
unsigned resources_gpu_cores(const struct resources *r, unsigned gpus);
/* Could such a slot exist on an empty machine? */
int resources_possible(const struct resources *r, unsigned cores, unsigned gpus,
                       uint64_t memory);
/* "0-3,40": PUs of a slot (all hardware threads of its cores). Appended to b. */
void slot_pu_list(const struct machine *m, const struct slot *s, struct str *b);
/* "0,3": GPU ids of a slot. */
void slot_gpu_ids(const struct machine *m, const struct slot *s, struct str *b);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * cores: the free cores of a machine as bitmaps, and picking cores that lie close
 * together.
 */
#ifndef SCHED_CORES_H
#define SCHED_CORES_H

#include <stdint.h>

#include "sched/machine.h"

struct cores {
	unsigned count;       /* of the machine */
	unsigned words;       /* of a bitmap */
	uint64_t *free;
	unsigned free_count;
	uint64_t *numa;       /* numa_count bitmaps */
	uint64_t *package;    /* package_count bitmaps */
	unsigned numa_count, package_count;
	uint64_t *picked;     /* what cores_pick took since cores_begin */
	uint64_t *mask, *part; /* scratch */
};

void cores_init(struct cores *c, const struct machine *m);
void cores_clear(struct cores *c);
/* A new empty bitmap; caller frees. */
uint64_t *cores_bitmap(const struct cores *c);
void cores_set(uint64_t *bitmap, unsigned core);
/* Add all cores of a package to a bitmap. */
void cores_add_package(const struct cores *c, uint64_t *bitmap, unsigned package);
/* How many cores of a bitmap are free. */
unsigned cores_free_in(const struct cores *c, const uint64_t *bitmap);
/* Start a new pick: nothing is picked. */
void cores_begin(struct cores *c);
/* Take up to `n` free cores of `within` (NULL: of all): of the fullest package and NUMA
 * node that hold them all, else of as few as possible. Returns how many are still
 * missing. */
unsigned cores_pick(struct cores *c, const uint64_t *within, unsigned n);
/* Newly allocated sorted indexes of the `n` picked cores; NULL for none. */
unsigned *cores_picked(const struct cores *c, unsigned n);
/* Give a taken core back. */
void cores_give(struct cores *c, unsigned core);

#endif

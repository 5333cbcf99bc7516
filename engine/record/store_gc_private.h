/* SPDX-License-Identifier: Apache-2.0
 * store_gc_private: what the files of store gc share.
 */
#ifndef RECORD_STORE_GC_PRIVATE_H
#define RECORD_STORE_GC_PRIVATE_H

#include "record/store_gc.h"
#include "record/store_walk.h"

/* An object that may go if the store is too large. */
struct gc_candidate {
	struct digest key;
	int64_t used; /* last use */
	struct disk_use use;
};

struct gc {
	struct store *s;
	const struct gc_options *o;
	struct gc_report *out;
	int64_t now;
	int64_t young; /* used after that: stays */
	int64_t old;   /* used before that: goes, if nobody names it */
	struct map named;  /* short keys that runs name */
	struct gc_candidate *candidates;
	size_t count, cap;
	unsigned moved; /* objects in our tmp so far */
};

/* Does nobody need what was last used then? */
int gc_is_old(const struct gc *g, const struct digest *key, int64_t used);
/* Has the engine of that name died, also by 30 days of silence from another host? */
int gc_engine_dead(const struct gc *g, const char *name);

/* store_gc_segments.c: write finished segments anew without what is not needed. */
int gc_segments(struct gc *g, struct error *e);
/* store_gc_rest.c: tmp, engines, notes of runs, caches. */
int gc_rest(struct gc *g, struct error *e);

#endif

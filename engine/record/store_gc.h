/* SPDX-License-Identifier: Apache-2.0
 * store_gc: taking away what no run needs (the protocol with running engines: store_gc.c).
 */
#ifndef RECORD_STORE_GC_H
#define RECORD_STORE_GC_H

#include "record/store.h"
#include "record/store_runs.h"

#define GC_YOUNG (24 * 3600) /* seconds; what was used since stays, always */

struct gc_options {
	double older_than; /* seconds since the last use; negative: not given */
	uint64_t max_size; /* bytes that the store may take; 0: not given */
	int remove;        /* else only tell what would go */
	const struct words *forget; /* run directories in doubt that are gone for good */
};

struct gc_count {
	size_t count;
	uint64_t bytes;
};

struct gc_report {
	size_t named, young, in_doubt; /* objects that stay, and why */
	struct gc_count objects;       /* removed; bytes: what becomes free */
	size_t records, records_dropped, records_damaged; /* in finished segments: stay,
	                  without a need, and damaged or twice */
	struct gc_count tmp, damaged;  /* of dead engines; quarantined */
	size_t engines, notes, cache_lines;
	size_t used_meanwhile; /* stayed after all: an engine came for it */
	uint64_t size;         /* of the whole store afterwards, if max_size was given */
	int segments_busy;     /* an engine is joining them: left for the next time */
	struct store_runs runs;
};

/* Take away, or tell, what no registered run and no living engine needs. 0, or -1 with
 * the error set: the store cannot be read, or another gc is at work. The report is the
 * caller's, gc_report_free. */
int store_gc(struct store *s, const struct gc_options *o, struct gc_report *out,
	     struct error *e);
void gc_report_free(struct gc_report *r);

#endif

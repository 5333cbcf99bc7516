/* SPDX-License-Identifier: Apache-2.0
 * store_du: what takes the space of a store.
 */
#ifndef RECORD_STORE_DU_H
#define RECORD_STORE_DU_H

#include "record/store.h"
#include "record/store_runs.h"

struct du_sum {
	size_t count;
	uint64_t bytes; /* on the disk; hard links once */
};
struct du_plugin {
	char *name; /* "?" where the result does not say */
	struct du_sum results;
};
struct du_run {
	size_t run;            /* in `runs` */
	struct du_sum results; /* that it relies on and that are there */
	struct du_sum alone;   /* of these: no other run does */
};
struct du_report {
	struct du_sum objects, records, tmp, damaged, caches;
	struct du_sum unnamed; /* results that no run that is seen relies on */
	struct du_plugin *plugins; /* the largest first */
	size_t plugin_count;
	struct du_run *by_run; /* those that are seen, in the order of their notes */
	size_t run_count;
	struct store_runs runs;
};

/* Changes nothing. 0, or -1 with the error set. The report is the caller's. */
int store_du(struct store *s, struct du_report *out, struct error *e);
void du_report_free(struct du_report *r);

#endif

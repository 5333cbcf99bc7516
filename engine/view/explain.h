/* SPDX-License-Identifier: Apache-2.0
 * explain: why a task of a run is in the state that it is in, from the run's journal, its store
 * and its workflow.
 */
#ifndef VIEW_EXPLAIN_H
#define VIEW_EXPLAIN_H

#include "base/json.h"
#include "base/map.h"
#include "model/reasons.h"
#include "record/history.h"
#include "record/rundir.h"
#include "run/run_plan.h"

/* What is known of a run. All is borrowed. */
struct explain {
	const struct rundir *dir;
	const struct history *history;
	int held;                /* an engine works on it now */
	const js *waiting;       /* rundir_waiting, or NULL */
	struct run *run;         /* opened for reading; NULL: its workflow cannot be loaded */
	const struct plan *plan; /* of that */
	struct store *store;     /* of that; NULL: there is none */
	struct map by_label;     /* explain_index: label -> task of that */
};

/* Make `by_label`, once run, plan and history are set; map_free it. */
void explain_index(struct explain *x);

/* What there is to say of a task. Zero-initialise; explanation_free. */
struct explanation {
	const char *state;   /* a word of history.h; borrowed */
	double since;        /* Unix time; 0: not known */
	struct reasons why;  /* at least one */
	char *next;          /* what to do about it; NULL: nothing */
};

/* Is there such a task, by the journal or by the workflow? */
int explain_knows(const struct explain *x, const char *label);
void explain_task(const struct explain *x, const char *label, struct explanation *out);
/* Why a node has no task of this name: its branches are not known yet. 0, or -1: they are. */
int explain_unborn(const struct explain *x, const char *node, struct explanation *out);
void explanation_free(struct explanation *e);

/* The state of a task, and its labels by node (appended to `out`; NULL: all nodes). */
const char *explain_state(const struct explain *x, const char *label);
void explain_labels(const struct explain *x, const char *node, struct words *out);
/* The last lines that an attempt wrote to stderr, harmless to a terminal; NULL if there are none.
 * Caller frees. */
char *explain_tail(const struct rundir *d, const char *node, const char *branch, int attempt);
/* "2026-11-23 00:51:48", local time. Returns buf. */
char *explain_time(double t, char buf[32]);

#endif

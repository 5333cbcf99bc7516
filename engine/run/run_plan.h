/* SPDX-License-Identifier: Apache-2.0
 * run_plan: what a run would do, and why, from an opened run in which nothing was executed.
 */
#ifndef RUN_RUN_PLAN_H
#define RUN_RUN_PLAN_H

#include <stdint.h>

#include "model/reasons.h"
#include "run/run.h"

/* X(symbol, word): what would become of a task */
#define PLAN_KINDS(X)                                                                  \
	X(PLAN_DONE, "done")     /* its result stands in the store */                  \
	X(PLAN_RUN, "run")       /* it would run */                                    \
	X(PLAN_SHARED, "shared") /* the same work as another one of this plan */       \
	X(PLAN_MAYBE, "may run") /* its key is not known before others have run */     \
	X(PLAN_FAIL, "fail")     /* it fails by what is known already, or is blocked */\
	X(PLAN_SKIP, "skip")                                                           \
	X(PLAN_OFF, "off")
enum plan_kind {
#define X(symbol, word) symbol,
	PLAN_KINDS(X)
#undef X
	PLAN_KIND_COUNT
};
const char *plan_word(int kind);

/* A task that is not done. */
struct plan_task {
	uint32_t task;
	int kind;
	uint32_t with;      /* PLAN_SHARED: the task that does the work; else NONE */
	struct reasons why;
};
struct plan_node {
	size_t counts[PLAN_KIND_COUNT];
	size_t open;        /* walks that wait for a list: more tasks come */
	uint32_t list;      /* a task whose list they wait for, or NONE */
};
struct plan {
	struct plan_task *tasks; /* by their numbers */
	size_t count, cap;
	struct plan_node *nodes; /* by the workflow's */
	size_t counts[PLAN_KIND_COUNT];
	size_t open;             /* nodes that may get more tasks */
};

/* All of it. Reads the run's history if there are tasks without results. */
struct plan *run_plan(struct run *r, struct error *e);
/* The entry of a task, or NULL: its result stands. */
const struct plan_task *plan_of(const struct plan *p, uint32_t task);
void plan_free(struct plan *p);

/* Why a task is off: IS_OFF, IS_OFF_INPUT or IS_OFF_HINT. */
int run_why_off(struct run *r, uint32_t task);

/* What a task asks of the scheduler at its first attempt; GPUs may be -1 (auto). -1: it cannot be
 * told. */
struct request;
int run_request(struct run *r, uint32_t task, struct request *q);
/* The store of an opened run; NULL: there is none. */
struct store *run_store(const struct run *r);

/* A producer that a task waits for, and the port it is wanted on ("" for an order edge). */
struct plan_wait {
	uint32_t task;
	const char *port; /* borrowed */
};
/* The producers of a task that are not done, in edge and branch order: the first `max` into
 * `out`; returns how many there are. */
size_t run_unmet(const struct run *r, uint32_t task, struct plan_wait *out, size_t max);

#endif

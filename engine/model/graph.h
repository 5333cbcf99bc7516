/* SPDX-License-Identifier: Apache-2.0
 * graph: the tasks of a run as flat arrays. A task is an index; readiness is a counter of inputs
 * that are not settled, never a search.
 *
 *   waiting -> ready -> running -> done | failed | skipped | cancelled
 *      \-> off | skipped | blocked        (settled by what its inputs became)
 *
 * Producers tell consumers directly (link) or through a group, which stands for all the branches
 * that one many input gathers; a gate holds groups back while a list that may still add members
 * is unknown.
 */
#ifndef MODEL_GRAPH_H
#define MODEL_GRAPH_H

#include <stdint.h>

#include "base/map.h"
#include "base/str.h"
#include "model/workflow.h"

#define NONE UINT32_MAX
#define MAX_VARS 64 /* branch variables of one node */

/* X(symbol, name in status, journal and pictures) */
#define TASK_STATES(X)                                                                 \
	X(T_WAITING, "waiting")                                                        \
	X(T_READY, "ready")                                                            \
	X(T_RUNNING, "running")                                                        \
	X(T_DONE, "done")                                                              \
	X(T_FAILED, "failed")                                                          \
	X(T_SKIPPED, "skipped")                                                        \
	X(T_OFF, "off")         /* its `when` is false, or an input is off */          \
	X(T_BLOCKED, "blocked") /* an input it needs failed */                         \
	X(T_CANCELLED, "cancelled")
enum task_state {
#define X(symbol, name) symbol,
	TASK_STATES(X)
#undef X
	T_STATE_COUNT
};
const char *task_state_name(int state);

/* What an input that did not become done means for the task that wanted it. */
enum verdict { V_GO, V_OFF, V_SKIP, V_BLOCK };

struct task {
	uint32_t node;
	uint32_t values; /* into g->vals: one per variable of the node (all_vars order) */
	uint32_t unmet;  /* producers, groups and holds that are not settled */
	uint32_t hints;  /* groups of hint inputs that are not settled */
	uint32_t links;  /* first link to what waits for it */
	uint32_t cause;  /* the task whose end gave the verdict, or NONE */
	uint8_t state;
	uint8_t verdict;
};

/* A value of a branch variable as a task has it. */
struct branch_value {
	uint32_t id;  /* into g->texts */
	uint32_t pos; /* its place among the values it was listed with: the branch order */
};
struct value_text {
	const char *value; /* what ${x} gives */
	const char *name;  /* what the branch is called */
};

struct u32s {
	uint32_t *v;
	size_t count, cap;
};
void u32s_push(struct u32s *a, uint32_t x);

struct graph {
	const struct workflow *w;
	struct task *tasks;
	size_t task_count, task_cap;
	struct branch_value *vals;
	size_t val_count, val_cap;
	struct value_text *texts;
	size_t text_count, text_cap;
	struct interner text_ids;

	struct graph_node *nodes;   /* per node: index of its tasks, walk order, edges */
	struct graph_link *links;
	size_t link_count, link_cap;
	struct graph_group *groups;
	size_t group_count, group_cap;
	struct graph_gate *gates;
	size_t gate_count, gate_cap;
	struct map group_index, gate_index;
	struct graph_cont *conts;   /* walks that wait for a list */
	size_t cont_count, cont_cap;
	struct map cont_index, list_index;
	struct u32s list_names;     /* text ids of list elements */

	struct u32s fresh;   /* tasks made since the caller last emptied it */
	struct u32s ready;   /* became ready since the caller last emptied it */
	struct u32s hinted;  /* wait for hints alone: ready, but for a result that stands */
	struct u32s settled; /* settled by their inputs (off, skipped, blocked) */
	struct u32s work;
	size_t counts[T_STATE_COUNT];
	size_t *node_counts; /* node * T_STATE_COUNT + state */
};

/* An empty graph over an analysed workflow, which must outlive it. */
struct graph *graph_new(const struct workflow *w);
void graph_free(struct graph *g);

/* Let go of a fresh task (after looking at its `when`): it may become ready. */
void graph_release(struct graph *g, uint32_t task);
/* A ready task starts / goes back to ready. */
void graph_set_state(struct graph *g, uint32_t task, int state);
/* A task has reached a final state: tell what waits for it. Fills ready, settled and fresh. */
void graph_settle(struct graph *g, uint32_t task, int state);

/* The producers on one edge of a task, in branch order: appended to *out. `only_done`: those
 * that are done, which is what a task gets; else all, as pictures want. Plain edges give at
 * most one. */
void graph_producers(const struct graph *g, uint32_t task, int edge, int only_done,
                     struct u32s *out);
/* Edges into a node, in file order. */
const int *graph_in_edges(const struct graph *g, uint32_t node, size_t *count);
/* The value text of variable `name` in a task, or NULL. */
const char *graph_value(const struct graph *g, uint32_t task, const char *name);
/* "model=3,seed=1" (branch names), "" without variables; appended to b. */
void graph_branch(const struct graph *g, uint32_t task, struct str *b);
/* "node" or "node[model=3,seed=1]"; appended to b. */
void graph_label(const struct graph *g, uint32_t task, struct str *b);
/* The task of a node by its variables' text ids (all_vars order), or NONE. */
uint32_t graph_find(const struct graph *g, uint32_t node, const uint32_t *ids);
/* The task of a label, or NONE (slow: for the command line). */
uint32_t graph_by_label(const struct graph *g, const char *label);

/* --- for expand.c --- */
uint32_t graph_text(struct graph *g, uint32_t var, const char *value, const char *name);
uint32_t graph_add_task(struct graph *g, uint32_t node, const struct branch_value *values);
void graph_gate_open(struct graph *g, int edge, const struct branch_value *values);
void graph_gate_close(struct graph *g, int edge, const struct branch_value *values,
                      int verdict, uint32_t cause);
int graph_is_final(int state);

#endif

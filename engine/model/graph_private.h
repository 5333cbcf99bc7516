/* SPDX-License-Identifier: Apache-2.0
 * graph_private: what graph.c and expand.c share and nobody else needs.
 */
#ifndef MODEL_GRAPH_PRIVATE_H
#define MODEL_GRAPH_PRIVATE_H

#include "model/graph.h"

/* A place where a variable's values come from: a node's own `expand`. */
struct var_site {
	uint32_t node;
	uint32_t var; /* index into that node's vars */
};
/* One variable of a node. */
struct node_var {
	uint32_t name;          /* id in var_names */
	struct var_site *sites; /* owned */
	size_t site_count;
	int dynamic;            /* a site is VAR_IN */
};
struct graph_node {
	struct map index;       /* value ids -> task */
	struct node_var *vars;  /* all_vars order */
	uint32_t *order;        /* walk order: indexes into vars, static ones first */
	size_t var_count;
	int *in, *out;          /* edges */
	size_t in_count, out_count;
	uint32_t rank;          /* place in topo order */
	uint32_t single;        /* the task of a node without variables, or NONE */
};

/* Kinds of edges between tasks. */
enum edge_kind { E_PLAIN, E_OPTIONAL, E_MANY, E_HINT, E_ORDER };
int graph_edge_kind(const struct workflow *w, const struct wf_edge *e);

struct graph_link {
	uint32_t next;
	uint32_t target;  /* consumer task, or group */
	uint8_t to_group;
	uint8_t kind;     /* edge_kind */
	uint8_t alternative;
};
struct graph_group {
	uint32_t open;      /* members not settled, and one for an open gate */
	uint32_t members;   /* link list: target = task */
	uint32_t consumers; /* link list: target = task */
	uint32_t next;      /* next group of the same gate */
	uint32_t cause;
	uint8_t verdict;
	uint8_t hint;
};
struct graph_gate {
	uint32_t open;
	uint32_t groups;
};
/* A walk of a node's variables that waits for a source task. */
struct graph_cont {
	uint32_t node, depth;
	uint32_t values; /* copy of the values so far, into g->vals */
	uint32_t next;
};
/* A list output's element names: range of list_names. */
struct graph_list {
	uint32_t first, count;
};

/* A new link in front of `next`. */
uint32_t graph_link_new(struct graph *g, uint32_t next, uint32_t target, int to_group,
                        int kind);
/* A key of an edge and some of its producer's value ids; returns its bytes. */
size_t graph_edge_key(uint32_t *key, int edge, const uint32_t *ids, size_t count);
/* Is variable `name` of the producer kept: not gathered, and for a hint shared? */
int graph_edge_keeps(const struct graph *g, const struct wf_edge *e, uint32_t name);
/* Does the edge go through groups (many and hint inputs)? */
int graph_edge_grouped(const struct graph *g, const struct wf_edge *e);
/* The group of an edge for the kept values of its producer, in the producer's order. */
uint32_t graph_group_at(struct graph *g, int edge, const uint32_t *kept, size_t count);
/* What a producer's final state means on an input of this kind. */
int graph_verdict(int state, int kind, int alternative);
/* Change a task's state and the counts. */
void graph_move(struct graph *g, uint32_t t, int state);
/* The worst verdict counts. */
void graph_judge(struct task *t, int verdict, uint32_t cause);
/* One thing that a task, or a group, waited for is settled. */
void graph_met(struct graph *g, uint32_t t, int verdict, uint32_t cause);
void graph_group_met(struct graph *g, uint32_t group, int verdict, uint32_t cause);

/* Position of variable id `name` in a node's variables, or -1. */
int graph_var(const struct graph_node *n, uint32_t name);

#endif

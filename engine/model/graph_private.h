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

/* Position of variable id `name` in a node's variables, or -1. */
int graph_var(const struct graph_node *n, uint32_t name);

#endif

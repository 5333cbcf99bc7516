/* SPDX-License-Identifier: Apache-2.0
 * workflow_parts: what the files that load a workflow share; nobody else includes it.
 *
 * workflow_load.c goes through these steps, each adding its errors to loader.diags:
 * parameters (wf_params.c), nodes (wf_nodes.c, expand_parse.c), edges (join.c), order
 * and cycles (order.c), names in scope (scope.c).
 */
#ifndef MODEL_WORKFLOW_PARTS_H
#define MODEL_WORKFLOW_PARTS_H

#include "model/workflow.h"

/* "chain in NODE.PORT", resolved when all nodes are known. */
struct pending_in {
	int node;
	size_t var;
	char *source, *port;
};

struct loader {
	struct workflow *w;
	const struct dot_graph *g;
	const struct param_setting *settings;
	size_t setting_count;
	const struct stage_source *stages;
	char *cwd;
	struct diags *diags;
	struct map params;     /* name -> index in w->params */
	struct map nodes;      /* name -> index in w->nodes */
	unsigned char *visits; /* of parameters: 0 new, 1 under way, 2 done */
	struct pending_in *pending;
	size_t pending_count, pending_cap;
	/* Per node: an edge to it failed, so inputs may seem to lack one. */
	unsigned char *unjoined;
	int unsure;       /* an error hides names: unknown ones would be its echo */
};

/* An error at a line of the workflow file. */
#define load_error(l, line, token, hint, ...)                                          \
	diags_add((l)->diags, SEV_ERROR, (l)->w->given, line, token, hint, __VA_ARGS__)
/* An owned hint "did you mean 'x'?", or NULL if nothing is near. */
char *did_you_mean(const char *word, const char *const *candidates);
/* The names of a set as a NULL-terminated list that borrows them; free() the list. */
const char **map_names(const struct map *m);

/* wf_params.c: workflow parameters from graph attributes and -p. */
void load_params(struct loader *l);
/* Substitute workflow parameters in an attribute's text. NULL with an error added; the
 * caller frees. `flags` as subst(). */
char *load_text(struct loader *l, int line, const char *attr, const char *text,
		unsigned flags);
/* Index of the workflow parameter that a text begins with, or -1. */
int load_leading(const struct loader *l, const char *text);
/* The folder that a relative path written as `text` is against. */
const char *load_base(const struct loader *l, const char *text);

/* wf_nodes.c: nodes, their plugins, attributes and ports. */
void load_nodes(struct loader *l);
/* wf_ports.c */
void load_ports(struct loader *l, struct wf_node *n);
/* expand_parse.c: a node's own variables from its expand attribute. */
void load_expand(struct loader *l, int node, int line, const char *text);
/* Resolve "in NODE.PORT" of all nodes. */
void load_expand_sources(struct loader *l);

/* join.c: edges; then inputs.c: inputs that lack an edge or have too many. */
void load_edges(struct loader *l);
void load_inputs(struct loader *l);
/* order.c: fills w->topo; names cycles. */
void load_order(struct loader *l);
/* scope.c: every ${name} and gather is a variable that can be known there. */
void load_scope(struct loader *l);
/* options.c: options that do not vary resolve. */
void load_options(struct loader *l);

/* Shared by tasks. */
const struct wf_param *workflow_param(const struct workflow *w, const char *name);
/* when="${x}", "${x} == v", "${x} != v": the pieces of a text (name owned by the
 * caller's buffer of 128). op: 0, '=' or '!'. -1 with the error set. */
int when_parse(const char *text, char name[128], int *op, const char **value,
	       struct error *e);
/* Free what a node owns. */
void wf_node_clear(struct wf_node *n);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * attributes: the names that nodes, edges and graphs of a workflow may carry: the
 * engine's own, those of later versions, and Graphviz's, in one place.
 */
#ifndef MODEL_ATTRIBUTES_H
#define MODEL_ATTRIBUTES_H

/* What a node attribute is, by its name alone. */
enum attr_kind {
	ATTR_OTHER,    /* a plugin parameter, or unknown */
	ATTR_ENGINE,   /* node attribute of the engine */
	ATTR_RETRY,    /* retry.NAME */
	ATTR_LATER,    /* known, not in this version */
	ATTR_GRAPHVIZ, /* Graphviz's, of nodes, edges, clusters or graphs */
	ATTR_PRIVATE   /* x_...: ignored */
};
enum attr_kind attr_kind(const char *name);

/* Engine attributes whose text is resolved for each task (all but plugin, expand,
 * gather). */
int attr_is_option(const char *name);
/* Options that retry.NAME may change. */
int attr_is_retryable(const char *name);
/* Is it a Graphviz attribute of graphs (so never a workflow parameter)? */
int attr_is_graphviz_graph(const char *name);
/* Is it one of edges: output, input, order? */
int attr_is_edge(const char *name);
/* May a plugin call a parameter so? NULL if it may, else why not. */
const char *attr_reserved(const char *name);

/* Names of the engine's node attributes, NULL-terminated, for did-you-mean. */
extern const char *const attr_engine_names[];
extern const char *const attr_edge_names[];

#endif

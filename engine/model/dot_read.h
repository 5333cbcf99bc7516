/* SPDX-License-Identifier: Apache-2.0
 * dot_read: a Graphviz DOT file as plain data with a line number for every node and edge.
 * The only file that includes cgraph.h.
 */
#ifndef MODEL_DOT_READ_H
#define MODEL_DOT_READ_H

#include <stddef.h>

#include "base/error.h"
#include "base/mem.h"

/* Bounds, so that a bad file ends with an error and not with the machine's memory. */
#define DOT_MAX_BYTES (64u << 20)
#define DOT_MAX_NODES 1000000u
#define DOT_MAX_EDGES 4000000u

struct dot_attr {
	const char *name, *value; /* nodes, edges: "" values are not listed */
};
struct dot_node {
	const char *name;
	int line; /* first mention */
	struct dot_attr *attrs;
	size_t attr_count;
};
struct dot_edge {
	int from, to; /* indexes into nodes */
	int line;
	struct dot_attr *attrs;
	size_t attr_count;
};
/* All strings live in `arena`. Nodes in order of first mention, edges in file order. */
struct dot_graph {
	const char *path, *name; /* graph name, "" if anonymous */
	struct dot_attr *attrs;  /* root graph attributes, in order of declaration, "" ones too:
	                          * a parameter may be declared unset */
	size_t attr_count;
	struct dot_attr *inner_attrs; /* graph attributes that a subgraph sets for itself */
	size_t inner_count;
	struct dot_node *nodes;
	size_t node_count;
	struct dot_edge *edges;
	size_t edge_count;
	char *text;              /* the file's bytes */
	size_t text_len;
	struct arena arena;
};

/* Read a file. NULL with all problems added to `diags` (and with warnings possibly added on
 * success). Handles: unreadable, folder, empty, NUL byte, BOM (skipped), too large, syntax
 * errors (with "quote it" hints), truncated parses, trailing text, a second graph, undirected
 * and strict graphs, HTML values, a:x ports, nodes named like DOT keywords, line directives. */
struct dot_graph *dot_read(const char *path, struct diags *diags);
/* The same from memory (`text` is copied). */
struct dot_graph *dot_read_text(const char *path, const char *text, size_t len,
                                struct diags *diags);
void dot_free(struct dot_graph *g);

/* Fill in columns (and correct lines) of the diagnostics that lack them, by a small tokenizer
 * over the same bytes: finds `token` at or after the line; unsure: leaves the line alone. */
void dot_place(const char *text, size_t len, struct diags *diags);

#endif

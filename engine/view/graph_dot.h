/* SPDX-License-Identifier: Apache-2.0
 * graph_dot: the DOT text of a picture of a workflow or a run, from plain data.
 */
#ifndef VIEW_GRAPH_DOT_H
#define VIEW_GRAPH_DOT_H

#include <stddef.h>

#include "base/str.h"

struct pic_node {
	const char *id;     /* unique in the picture */
	const char *label;  /* what stands in the box; NULL or "": the id */
	const char *state;  /* waiting ready running done cached failed skipped off
	                     * blocked cancelled; NULL or "": none */
	const char *detail; /* beside the state: "3 of 5", "1m05s"; NULL or "": none */
};
struct pic_edge {
	size_t from, to; /* indexes of nodes */
	int dashed;      /* order edges and hints */
};

/* Append a whole digraph. States show as colour (told apart by the colour-blind),
 * outline and word. Control characters and bytes that are no UTF-8 become '?'; a
 * newline in a label or detail stays a line break. Edges whose ends are out of range
 * are left out. */
void graph_dot(struct str *out, const char *title, const struct pic_node *nodes,
               size_t n, const struct pic_edge *edges, size_t m);

#endif

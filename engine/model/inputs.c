/* SPDX-License-Identifier: Apache-2.0 */
/* Inputs that lack an edge, or have more than they can take; lists that nothing
 * delivers. */
#include <stdlib.h>
#include <string.h>

#include "model/workflow_parts.h"

/* Edges into one input: how many, and how many of their producers are always on. */
struct taken {
	unsigned edges, always;
	int line, last;
};

static int
has_when(const struct wf_node *n)
{
	for (size_t i = 0; i < n->option_count; i++)
		if (strcmp(n->options[i].name, "when") == 0)
			return 1;
	return 0;
}

static void
check_input(struct loader *l, const struct wf_node *n, const struct stage_port *p,
	    const struct taken *t)
{
	int needed =
		p->cardinality == AF2_ONE || (p->cardinality == AF2_MANY && p->min > 0);

	if (needed && t->edges == 0 && !(p->flags & AF2_PORT_HINT) &&
	    !l->unjoined[n - l->w->nodes])
		load_error(l, n->line, n->name, NULL,
			   "input '%s' (%s%s) of '%s' has no edge", p->name,
			   p->types.v[0], p->types.count > 1 ? " or another" : "",
			   n->name);
	/* Alternatives: at most one of them is there unless switches say so. */
	if (p->cardinality != AF2_MANY && t->edges > 1 && t->always > 1)
		load_error(l, t->line, n->name,
			   "alternatives need a when on all but one of their producers",
			   "input '%s' of '%s' takes one file, but %u edges lead to it",
			   p->name, n->name, t->edges);
}

/* "v in A.port" needs the edge that brings the element. */
static void
check_sources(struct loader *l, int node, const unsigned char *delivered)
{
	const struct wf_node *n = &l->w->nodes[node];

	for (size_t i = 0; i < n->var_count; i++) {
		const struct wf_var *v = &n->vars[i];
		const struct wf_node *from =
			v->in_node >= 0 ? &l->w->nodes[v->in_node] : NULL;

		if (from && v->in_port >= 0 && !delivered[i])
			load_error(l, n->line, "expand",
				   "draw the edge, with output=PORT if needed",
				   "'%s in %s.%s' needs an edge '%s' -> '%s' that "
				   "carries it",
				   v->name, from->name, from->outputs[v->in_port].name,
				   from->name, n->name);
	}
}

/* Edges by their consumer: list heads and links. */
static int *
chain_edges(const struct workflow *w, int **next)
{
	int *head = xmalloc((w->node_count + 1) * sizeof *head);

	*next = xmalloc((w->edge_count + 1) * sizeof **next);
	for (size_t i = 0; i < w->node_count; i++)
		head[i] = -1;
	for (size_t i = w->edge_count; i-- > 0;) {
		(*next)[i] = head[w->edges[i].to];
		head[w->edges[i].to] = (int)i;
	}
	return head;
}

static void
check_node(struct loader *l, int node, int first, const int *next)
{
	const struct workflow *w = l->w;
	const struct wf_node *n = &w->nodes[node];
	struct taken *taken = xcalloc(n->input_count + 1, sizeof *taken);
	unsigned char *delivered = xcalloc(n->var_count + 1, 1);

	for (size_t i = 0; i < n->input_count; i++)
		taken[i].last = -1;
	for (int k = first; k >= 0; k = next[k]) {
		const struct wf_edge *e = &w->edges[k];
		struct taken *t;

		if (e->order)
			continue;
		t = &taken[e->to_port];
		t->edges++;
		/* Two files of one producer meet, whatever its switch says. */
		t->always += t->last == e->from ? 2 : !has_when(&w->nodes[e->from]);
		t->last = e->from;
		t->line = e->line;
		for (size_t v = 0; v < n->var_count; v++)
			if (n->vars[v].in_node == e->from &&
			    n->vars[v].in_port == e->from_port)
				delivered[v] = 1;
	}
	for (size_t i = 0; i < n->input_count; i++)
		check_input(l, n, &n->inputs[i], &taken[i]);
	check_sources(l, node, delivered);
	free(delivered);
	free(taken);
}

void
load_inputs(struct loader *l)
{
	const struct workflow *w = l->w;
	int *next, *head = chain_edges(w, &next);

	for (size_t i = 0; i < w->node_count; i++)
		if (w->nodes[i].stage)
			check_node(l, (int)i, head[i], next);
	free(head);
	free(next);
}

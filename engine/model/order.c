/* SPDX-License-Identifier: Apache-2.0 */
/* The order of nodes, producers first, and the cycles that leave none. */
#include <stdlib.h>

#include "base/str.h"
#include "model/workflow_parts.h"

/* Edges of the DOT file: a cycle is one even where its ports do not join. */
struct adjacency {
	size_t *start; /* per node, into to; node_count + 1 entries */
	int *to;
};

static void
adjacency_init(struct adjacency *a, const struct dot_graph *g, int reverse)
{
	size_t n = g->node_count, *fill;

	a->start = xcalloc(n + 2, sizeof *a->start);
	a->to = xmalloc((g->edge_count + 1) * sizeof *a->to);
	for (size_t i = 0; i < g->edge_count; i++)
		a->start[(reverse ? g->edges[i].to : g->edges[i].from) + 1]++;
	for (size_t i = 0; i < n; i++)
		a->start[i + 1] += a->start[i];
	fill = xmalloc((n + 1) * sizeof *fill);
	for (size_t i = 0; i < n; i++)
		fill[i] = a->start[i];
	for (size_t i = 0; i < g->edge_count; i++) {
		int from = reverse ? g->edges[i].to : g->edges[i].from;

		a->to[fill[from]++] = reverse ? g->edges[i].from : g->edges[i].to;
	}
	free(fill);
}

static void
adjacency_free(struct adjacency *a)
{
	free(a->start);
	free(a->to);
}

/* Kahn's algorithm, first come, first served. Returns how many nodes have a place;
 * waiting[i] stays above 0 for the others. */
static size_t
sort_nodes(const struct dot_graph *g, int *topo, int *waiting)
{
	struct adjacency out;
	size_t tail = 0;

	adjacency_init(&out, g, 0);
	for (size_t i = 0; i < g->edge_count; i++)
		waiting[g->edges[i].to]++;
	for (size_t i = 0; i < g->node_count; i++)
		if (waiting[i] == 0)
			topo[tail++] = (int)i;
	for (size_t head = 0; head < tail; head++) {
		int n = topo[head];

		for (size_t k = out.start[n]; k < out.start[n + 1]; k++)
			if (--waiting[out.to[k]] == 0)
				topo[tail++] = out.to[k];
	}
	adjacency_free(&out);
	return tail;
}

/* A producer of `node` that has no place either: every node without one has such. */
static int
waiting_producer(const struct adjacency *in, int node, const int *waiting)
{
	for (size_t k = in->start[node]; k < in->start[node + 1]; k++)
		if (waiting[in->to[k]] > 0)
			return in->to[k];
	return -1;
}

static int
edge_line(const struct dot_graph *g, int from, int to)
{
	for (size_t i = 0; i < g->edge_count; i++)
		if (g->edges[i].from == from && g->edges[i].to == to)
			return g->edges[i].line;
	return 0;
}

/* path[first..count-1] goes against the edges; written along them. */
static void
report_cycle(struct loader *l, const int *path, size_t first, size_t count)
{
	const struct dot_graph *g = l->g;
	struct str s = {0};

	for (size_t i = count; i-- > first && s.len < 600;)
		str_printf(&s, "%s -> ", g->nodes[path[i]].name);
	if (s.len >= 600)
		str_add(&s, "... -> ");
	str_add(&s, g->nodes[path[count - 1]].name);
	load_error(l, edge_line(g, path[first], path[count - 1]),
		   g->nodes[path[count - 1]].name, NULL, "a cycle: %s", s.s);
	str_free(&s);
}

static void
find_cycles(struct loader *l, const int *waiting)
{
	size_t n = l->g->node_count, count;
	int *path = xmalloc((n + 1) * sizeof *path);
	size_t *seen = xcalloc(
		n + 1, sizeof *seen); /* 0: not yet, else start of its walk + 1 */
	size_t *depth = xcalloc(n + 1, sizeof *depth);
	struct adjacency in;

	adjacency_init(&in, l->g, 1);
	for (size_t i = 0; i < n; i++) {
		int at = (int)i;

		if (waiting[i] <= 0 || seen[i])
			continue;
		for (count = 0; at >= 0 && !seen[at];
		     at = waiting_producer(&in, at, waiting)) {
			seen[at] = i + 1;
			depth[at] = count;
			path[count++] = at;
		}
		if (at >= 0 && seen[at] == i + 1)
			report_cycle(l, path, depth[at], count);
	}
	adjacency_free(&in);
	free(path);
	free(seen);
	free(depth);
}

void
load_order(struct loader *l)
{
	size_t n = l->g->node_count;
	int *waiting = xcalloc(n + 1, sizeof *waiting);

	l->w->topo = xcalloc(n + 1, sizeof *l->w->topo);
	if (sort_nodes(l->g, l->w->topo, waiting) < n) {
		find_cycles(l, waiting);
		l->unsure = 1;
	}
	free(waiting);
}

/* SPDX-License-Identifier: Apache-2.0
 * expand: the walk over a node's variables that makes its tasks (see expand.h).
 *
 * A walk is (node, values so far, depth). Static variables come first; a run-time variable asks
 * its source task for the list. If that task is open, the walk is kept beside it and the gates of
 * the node's many consumers stay open; when the task ends, the walk goes on, in the order in
 * which the walks were kept: producers before consumers, since nodes are walked in that order.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/expand.h"
#include "model/graph_private.h"



static void walk(struct graph *g, uint32_t node, struct branch_value *values, size_t depth);

/* Where a walk stands with a run-time variable. */
enum list_state { LIST_KNOWN, LIST_OPEN, LIST_NONE };

struct value_list {
	uint32_t *ids;
	size_t count;
};

static uint64_t
list_key(uint32_t task, int port)
{
	return (uint64_t)task << 16 | (uint64_t)port;
}

/* The task that lists the values of site `s`, for the values of a walk of `node`. */
static uint32_t
source_task(const struct graph *g, uint32_t node, const struct branch_value *values,
            struct var_site s)
{
	const struct wf_var *var = &g->w->nodes[s.node].vars[s.var];
	const struct graph_node *n = &g->nodes[node], *src = &g->nodes[var->in_node];
	uint32_t ids[MAX_VARS];

	for (size_t i = 0; i < src->var_count; i++) {
		int at = graph_var(n, src->vars[i].name);
		if (at < 0)
			return NONE;
		ids[i] = values[at].id;
	}
	return graph_find(g, (uint32_t)var->in_node, ids);
}

/* The values of one site: ids in order. A static site's are made once per call (interned). */
static enum list_state
site_values(struct graph *g, uint32_t node, const struct branch_value *values, uint32_t name,
            struct var_site s, struct value_list *out, uint32_t *source)
{
	const struct wf_var *var = &g->w->nodes[s.node].vars[s.var];

	*out = (struct value_list){0};
	*source = NONE;
	if (var->kind != VAR_IN) {
		out->ids = xcalloc(var->values.count + 1, sizeof *out->ids);
		for (size_t i = 0; i < var->values.count; i++)
			out->ids[out->count++] =
				graph_text(g, name, var->values.v[i], var->names.v[i]);
		return LIST_KNOWN;
	}
	uint32_t t = source_task(g, node, values, s);
	*source = t;
	if (t == NONE)
		return LIST_NONE;
	if (!graph_is_final(g->tasks[t].state))
		return LIST_OPEN;
	uint64_t key = list_key(t, var->in_port);
	uint64_t *at = map_get(&g->list_index, &key, sizeof key);
	if (g->tasks[t].state != T_DONE || !at)
		return LIST_NONE;
	uint32_t first = (uint32_t)(*at >> 32), count = (uint32_t)*at;
	out->ids = xcalloc(count + 1u, sizeof *out->ids);
	for (uint32_t i = 0; i < count; i++) {
		const char *text = g->texts[g->list_names.v[first + i]].value;
		out->ids[out->count++] = graph_text(g, name, text, text);
	}
	return LIST_KNOWN;
}

static uint32_t
keep_values(struct graph *g, const struct branch_value *values, size_t count)
{
	uint32_t at = (uint32_t)g->val_count;

	for (size_t i = 0; i < count; i++) {
		GROW(g->vals, g->val_count, g->val_cap);
		g->vals[g->val_count++] = values[i];
	}
	return at;
}

/* Keep a walk beside the open source task. Appended at the end: first kept, first continued. */
static void
keep_walk(struct graph *g, uint32_t node, const struct branch_value *values, size_t depth,
          uint32_t source)
{
	const struct graph_node *n = &g->nodes[node];
	uint32_t cont = (uint32_t)g->cont_count;
	int added;

	GROW(g->conts, g->cont_count, g->cont_cap);
	g->conts[g->cont_count++] = (struct graph_cont){
		.node = node, .depth = (uint32_t)depth,
		.values = keep_values(g, values, n->var_count), .next = NONE};
	/* value: last << 32 | first */
	uint64_t *at = map_put(&g->cont_index, &source, sizeof source, &added);
	if (added) {
		*at = (uint64_t)cont << 32 | cont;
	} else {
		g->conts[*at >> 32].next = cont;
		*at = (uint64_t)cont << 32 | (*at & UINT32_MAX);
	}
	for (size_t k = 0; k < n->out_count; k++)
		graph_gate_open(g, n->out[k], values);
}

static int
list_has(const struct value_list *l, uint32_t id)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->ids[i] == id)
			return 1;
	return 0;
}

/* Walk on with each value that all sites of the variable agree on. */
static void
walk_values(struct graph *g, uint32_t node, struct branch_value *values, size_t depth,
            uint32_t var, const struct value_list *lists, size_t count)
{
	/* Membership tests are linear: only nodes that expand the same name twice pay them. */
	for (size_t i = 0; i < lists[0].count; i++) {
		int everywhere = 1;
		for (size_t k = 1; k < count && everywhere; k++)
			everywhere = list_has(&lists[k], lists[0].ids[i]);
		if (!everywhere)
			continue;
		values[var] = (struct branch_value){lists[0].ids[i], (uint32_t)i};
		walk(g, node, values, depth + 1);
	}
}

static void
walk(struct graph *g, uint32_t node, struct branch_value *values, size_t depth)
{
	const struct graph_node *n = &g->nodes[node];

	if (depth == n->var_count) {
		graph_add_task(g, node, values);
		return;
	}
	uint32_t var = n->order[depth];
	const struct node_var *v = &n->vars[var];
	struct value_list *lists = xcalloc(v->site_count + 1, sizeof *lists);
	enum list_state state = LIST_KNOWN;
	uint32_t source = NONE;

	for (size_t i = 0; i < v->site_count && state == LIST_KNOWN; i++)
		state = site_values(g, node, values, v->name, v->sites[i], &lists[i], &source);
	if (state == LIST_OPEN)
		keep_walk(g, node, values, depth, source);
	else if (state == LIST_KNOWN)
		walk_values(g, node, values, depth, var, lists, v->site_count);
	for (size_t i = 0; i < v->site_count; i++)
		free(lists[i].ids);
	free(lists);
}

void
expand_start(struct graph *g)
{
	struct branch_value values[MAX_VARS];

	for (size_t i = 0; i < g->w->node_count; i++) {
		uint32_t node = (uint32_t)g->w->topo[i];
		memset(values, 0xff, sizeof values); /* not known yet */
		if (g->w->nodes[node].selected)
			walk(g, node, values, 0);
	}
}

void
expand_list(struct graph *g, uint32_t task, int port, const char *const *names, size_t count)
{
	uint64_t key = list_key(task, port);
	uint64_t first = g->list_names.count;

	for (size_t i = 0; i < count; i++)
		u32s_push(&g->list_names, graph_text(g, NONE, names[i], names[i]));
	*map_put(&g->list_index, &key, sizeof key, NULL) = first << 32 | count;
}

size_t
expand_open(const struct graph *g, uint32_t node, uint32_t *source)
{
	size_t count = 0;

	*source = NONE;
	for (size_t i = 0; i < g->cont_index.count; i++) {
		const struct map_entry *at = &g->cont_index.entries[i];
		if (!at->key)
			continue;
		for (uint32_t c = (uint32_t)at->value; c != NONE; c = g->conts[c].next) {
			if (g->conts[c].node != node)
				continue;
			if (!count++)
				memcpy(source, at->key, sizeof *source);
		}
	}
	return count;
}

/* Kept walks: by their node's place in the workflow, then in the order of keeping. */
static int
by_rank(const void *a, const void *b, void *arg)
{
	const struct graph *g = arg;
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	uint32_t p = g->nodes[g->conts[x].node].rank, q = g->nodes[g->conts[y].node].rank;

	return p != q ? (p < q ? -1 : 1) : x < y ? -1 : x > y;
}

void
expand_continue(struct graph *g, uint32_t task)
{
	uint64_t *at = map_get(&g->cont_index, &task, sizeof task);
	struct branch_value values[MAX_VARS];

	if (!at)
		return;
	uint32_t first = (uint32_t)*at;
	map_del(&g->cont_index, &task, sizeof task);
	int state = g->tasks[task].state;
	int verdict = state == T_DONE || state == T_SKIPPED || state == T_OFF ? V_GO : V_BLOCK;
	/* All walks first, then the gates: what one walk adds may be gathered with another's.
	 * Producers before consumers, whatever the order in which the walks were kept. */
	struct u32s order = {0};
	for (uint32_t c = first; c != NONE; c = g->conts[c].next)
		u32s_push(&order, c);
	qsort_r(order.v, order.count, sizeof *order.v, by_rank, g);
	for (size_t i = 0; i < order.count; i++) {
		struct graph_cont k = g->conts[order.v[i]];
		memcpy(values, g->vals + k.values,
		       g->nodes[k.node].var_count * sizeof *values);
		walk(g, k.node, values, k.depth);
	}
	free(order.v);
	for (uint32_t c = first; c != NONE; c = g->conts[c].next) {
		struct graph_cont k = g->conts[c];
		const struct graph_node *n = &g->nodes[k.node];
		memcpy(values, g->vals + k.values, n->var_count * sizeof *values);
		for (size_t i = 0; i < n->out_count; i++)
			graph_gate_close(g, n->out[i], values, verdict, task);
	}
}

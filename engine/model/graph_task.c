/* SPDX-License-Identifier: Apache-2.0
 * graph_task: adding a task, settling one, and what stands on its inputs.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/expand.h"
#include "model/graph_private.h"

/* --- adding a task ----------------------------------------------------------------------- */

/* Make the new task a member of the groups that its node's many consumers gather. */
static void
join_groups(struct graph *g, uint32_t t)
{
	const struct graph_node *n = &g->nodes[g->tasks[t].node];

	for (size_t k = 0; k < n->out_count; k++) {
		const struct wf_edge *e = &g->w->edges[n->out[k]];
		uint32_t kept[MAX_VARS];
		size_t count = 0;
		if (!graph_edge_grouped(g, e))
			continue;
		for (size_t i = 0; i < n->var_count; i++)
			if (graph_edge_keeps(g, e, n->vars[i].name))
				kept[count++] = g->vals[g->tasks[t].values + i].id;
		uint32_t group = graph_group_at(g, n->out[k], kept, count);
		g->groups[group].open++;
		g->groups[group].members = graph_link_new(g, g->groups[group].members, t, 0, 0);
		g->tasks[t].links = graph_link_new(g, g->tasks[t].links, group, 1,
		                             graph_edge_kind(g->w, e));
	}
}

/* The kept values of edge e's producer as the consumer t has them. 0, or -1 if t lacks one. */
static int
consumer_values(const struct graph *g, uint32_t t, const struct wf_edge *e, uint32_t *ids,
                size_t *count)
{
	const struct graph_node *from = &g->nodes[e->from], *to = &g->nodes[e->to];

	*count = 0;
	for (size_t i = 0; i < from->var_count; i++) {
		if (graph_edge_grouped(g, e) && !graph_edge_keeps(g, e, from->vars[i].name))
			continue;
		int at = graph_var(to, from->vars[i].name);
		if (at < 0)
			return -1;
		ids[(*count)++] = g->vals[g->tasks[t].values + (uint32_t)at].id;
	}
	return 0;
}

/* Several edges into one single input: alternatives, of which the absent ones do not count. */
static int
edge_alternative(const struct graph *g, const struct wf_edge *e)
{
	const struct graph_node *to = &g->nodes[e->to];
	int count = 0;

	if (e->order)
		return 0;
	for (size_t k = 0; k < to->in_count; k++)
		count += g->w->edges[to->in[k]].to_port == e->to_port;
	return count > 1;
}

/* Make the new task wait for its inputs, or take what they have become already. */
static void
wait_for_inputs(struct graph *g, uint32_t t)
{
	const struct graph_node *n = &g->nodes[g->tasks[t].node];

	for (size_t k = 0; k < n->in_count; k++) {
		const struct wf_edge *e = &g->w->edges[n->in[k]];
		int kind = graph_edge_kind(g->w, e);
		uint32_t ids[MAX_VARS];
		size_t count;
		if (!g->w->nodes[e->from].selected || consumer_values(g, t, e, ids, &count))
			continue;
		if (graph_edge_grouped(g, e)) {
			uint32_t group = graph_group_at(g, n->in[k], ids, count);
			if (g->groups[group].open) {
				g->groups[group].consumers =
					graph_link_new(g, g->groups[group].consumers, t, 0, kind);
				if (kind == E_HINT)
					g->tasks[t].hints++;
				else
					g->tasks[t].unmet++;
			} else {
				graph_judge(&g->tasks[t], g->groups[group].verdict,
				      g->groups[group].cause);
			}
			continue;
		}
		uint32_t p = graph_find(g, (uint32_t)e->from, ids);
		int alternative = edge_alternative(g, e);
		if (p == NONE)
			continue;
		if (graph_is_final(g->tasks[p].state)) {
			graph_judge(&g->tasks[t], graph_verdict(g->tasks[p].state, kind, alternative), p);
			continue;
		}
		g->tasks[p].links = graph_link_new(g, g->tasks[p].links, t, 0, kind);
		g->links[g->tasks[p].links].alternative = (uint8_t)alternative;
		g->tasks[t].unmet++;
	}
}

uint32_t
graph_add_task(struct graph *g, uint32_t node, const struct branch_value *values)
{
	struct graph_node *n = &g->nodes[node];
	uint32_t t = (uint32_t)g->task_count, ids[MAX_VARS];

	GROW(g->tasks, g->task_count, g->task_cap);
	g->tasks[g->task_count++] = (struct task){
		.node = node, .values = (uint32_t)g->val_count, .unmet = 1, .links = NONE,
		.cause = NONE, .state = T_WAITING};
	for (size_t i = 0; i < n->var_count; i++) {
		GROW(g->vals, g->val_count, g->val_cap);
		g->vals[g->val_count++] = values[i];
		ids[i] = values[i].id;
	}
	if (n->var_count == 0)
		n->single = t;
	else
		*map_put(&n->index, ids, n->var_count * sizeof *ids, NULL) = t;
	g->counts[T_WAITING]++;
	g->node_counts[(size_t)node * T_STATE_COUNT + T_WAITING]++;
	join_groups(g, t);
	wait_for_inputs(g, t);
	u32s_push(&g->fresh, t);
	return t;
}

/* --- settling ---------------------------------------------------------------------------- */

/* Links are pushed in front; told in the order in which they were made. */
static uint32_t
reversed(struct graph *g, uint32_t l)
{
	uint32_t back = NONE;

	while (l != NONE) {
		uint32_t next = g->links[l].next;
		g->links[l].next = back;
		back = l;
		l = next;
	}
	return back;
}

static void
tell(struct graph *g, uint32_t t)
{
	int state = g->tasks[t].state;
	uint32_t l = reversed(g, g->tasks[t].links);

	g->tasks[t].links = NONE;
	while (l != NONE) {
		struct graph_link link = g->links[l];
		int verdict = graph_verdict(state, link.kind, link.alternative);
		if (link.to_group)
			graph_group_met(g, link.target, verdict, t);
		else
			graph_met(g, link.target, verdict, t);
		l = link.next;
	}
	expand_continue(g, t);
}

static void
drain(struct graph *g)
{
	while (g->work.count)
		tell(g, g->work.v[--g->work.count]);
}

void
graph_release(struct graph *g, uint32_t task)
{
	graph_met(g, task, V_GO, NONE);
	drain(g);
}

void
graph_set_state(struct graph *g, uint32_t task, int state)
{
	graph_move(g, task, state);
}

void
graph_settle(struct graph *g, uint32_t task, int state)
{
	graph_move(g, task, state);
	u32s_push(&g->work, task);
	drain(g);
}

/* --- inputs of a task -------------------------------------------------------------------- */

static int
branch_order(const void *a, const void *b, void *arg)
{
	const struct graph *g = arg;
	const struct task *x = &g->tasks[*(const uint32_t *)a];
	const struct task *y = &g->tasks[*(const uint32_t *)b];

	for (size_t i = 0; i < g->nodes[x->node].var_count; i++) {
		struct branch_value p = g->vals[x->values + i], q = g->vals[y->values + i];
		if (p.pos != q.pos)
			return p.pos < q.pos ? -1 : 1;
		if (p.id != q.id)
			return strcmp(g->texts[p.id].value, g->texts[q.id].value);
	}
	return 0;
}

void
graph_producers(const struct graph *g, uint32_t task, int edge, int only_done,
                struct u32s *out)
{
	const struct wf_edge *e = &g->w->edges[edge];
	uint32_t ids[MAX_VARS], key[MAX_VARS + 1];
	size_t count, first = out->count;

	if (consumer_values(g, task, e, ids, &count))
		return;
	if (!graph_edge_grouped(g, e)) {
		uint32_t p = graph_find(g, (uint32_t)e->from, ids);
		if (p != NONE && (!only_done || g->tasks[p].state == T_DONE))
			u32s_push(out, p);
		return;
	}
	uint64_t *at = map_get(&g->group_index, key, graph_edge_key(key, edge, ids, count));
	if (!at)
		return;
	for (uint32_t l = g->groups[*at].members; l != NONE; l = g->links[l].next)
		if (!only_done || g->tasks[g->links[l].target].state == T_DONE)
			u32s_push(out, g->links[l].target);
	if (out->count > first + 1)
		qsort_r(out->v + first, out->count - first, sizeof *out->v, branch_order, (void *)g);
}

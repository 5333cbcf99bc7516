/* SPDX-License-Identifier: Apache-2.0
 * graph_group: how the end of one task reaches what waits for it: links, the groups that many
 * inputs gather, and the gates that hold groups back while a list is unknown.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/graph_private.h"

uint32_t
graph_link_new(struct graph *g, uint32_t next, uint32_t target, int to_group, int kind)
{
	GROW(g->links, g->link_count, g->link_cap);
	g->links[g->link_count] = (struct graph_link){
		.next = next, .target = target, .to_group = (uint8_t)to_group,
		.kind = (uint8_t)kind};
	return (uint32_t)g->link_count++;
}

/* Key of an edge and some of its producer's values. */
size_t
graph_edge_key(uint32_t *key, int edge, const uint32_t *ids, size_t count)
{
	key[0] = (uint32_t)edge;
	memcpy(key + 1, ids, count * sizeof *ids);
	return (count + 1) * sizeof *key;
}



/* Is variable `name` kept by the edge: not gathered, and for a hint shared with the consumer? */
int
graph_edge_keeps(const struct graph *g, const struct wf_edge *e, uint32_t name)
{
	if (graph_edge_kind(g->w, e) == E_HINT)
		return graph_var(&g->nodes[e->to], name) >= 0;
	for (size_t i = 0; i < e->gathered_count; i++)
		if (e->gathered[i] == name)
			return 0;
	return 1;
}

/* Does the edge go through a group? */
int
graph_edge_grouped(const struct graph *g, const struct wf_edge *e)
{
	int kind = graph_edge_kind(g->w, e);
	return kind == E_MANY || kind == E_HINT;
}

/* The gate of an edge for a producer's values: those kept ones that its walk fixes before the
 * first gathered run-time variable. Returns the number of ids, or -1 if the edge needs no gate. */
static int
gate_ids(const struct graph *g, int edge, const struct branch_value *values, uint32_t *ids,
         const uint32_t *kept_ids)
{
	const struct wf_edge *e = &g->w->edges[edge];
	const struct graph_node *from = &g->nodes[e->from];
	int count = 0, kept_at = 0;
	uint32_t at_var[MAX_VARS];

	for (size_t i = 0; i < from->var_count; i++)
		at_var[i] = graph_edge_keeps(g, e, from->vars[i].name) ? (uint32_t)kept_at++ : NONE;
	for (size_t k = 0; k < from->var_count; k++) {
		uint32_t i = from->order[k];
		if (at_var[i] == NONE && from->vars[i].dynamic)
			return count;
		if (at_var[i] == NONE)
			continue;
		ids[count++] = values ? values[i].id : kept_ids[at_var[i]];
	}
	return -1;
}

static uint32_t
gate_at(struct graph *g, int edge, const uint32_t *ids, int count)
{
	uint32_t key[MAX_VARS + 1];
	int added;
	uint64_t *at = map_put(&g->gate_index, key,
	                       graph_edge_key(key, edge, ids, (size_t)count), &added);

	if (added) {
		*at = g->gate_count;
		GROW(g->gates, g->gate_count, g->gate_cap);
		g->gates[g->gate_count++] = (struct graph_gate){.groups = NONE};
	}
	return (uint32_t)*at;
}

/* The group of an edge for the kept values of its producer (in the producer's order). */
uint32_t
graph_group_at(struct graph *g, int edge, const uint32_t *kept, size_t count)
{
	uint32_t key[MAX_VARS + 1], ids[MAX_VARS];
	int added;
	uint64_t *at = map_put(&g->group_index, key, graph_edge_key(key, edge, kept, count), &added);

	if (!added)
		return (uint32_t)*at;
	uint32_t group = (uint32_t)g->group_count;
	*at = group;
	GROW(g->groups, g->group_count, g->group_cap);
	struct graph_group *new = &g->groups[g->group_count++];
	*new = (struct graph_group){.members = NONE, .consumers = NONE, .next = NONE,
	                            .cause = NONE};
	new->hint = graph_edge_kind(g->w, &g->w->edges[edge]) == E_HINT;
	int n = gate_ids(g, edge, NULL, ids, kept);
	if (n >= 0) {
		uint32_t at_gate = gate_at(g, edge, ids, n); /* may move g->gates */
		struct graph_gate *gate = &g->gates[at_gate];
		if (gate->open) {
			new->open++;
			new->next = gate->groups;
			gate->groups = group;
		}
	}
	return group;
}

int
graph_verdict(int state, int kind, int alternative)
{
	if (state == T_DONE || kind == E_HINT)
		return V_GO;
	if (state == T_FAILED || state == T_BLOCKED || state == T_CANCELLED)
		return V_BLOCK;
	if (kind == E_MANY || kind == E_OPTIONAL || alternative)
		return V_GO;
	return state == T_OFF ? V_OFF : V_SKIP;
}

void
graph_move(struct graph *g, uint32_t t, int state)
{
	struct task *task = &g->tasks[t];
	size_t *node = &g->node_counts[(size_t)task->node * T_STATE_COUNT];

	g->counts[task->state]--;
	node[task->state]--;
	task->state = (uint8_t)state;
	g->counts[state]++;
	node[state]++;
}

void
graph_judge(struct task *t, int verdict, uint32_t cause)
{
	if (verdict <= t->verdict)
		return;
	t->verdict = (uint8_t)verdict;
	t->cause = cause;
}

/* All that a task waited for is settled: it is ready, or what its inputs made of it. */
static void
decide(struct graph *g, uint32_t t)
{
	const struct task *task = &g->tasks[t];

	if (task->verdict == V_GO && task->hints) {
		u32s_push(&g->hinted, t);
		return;
	}
	if (task->verdict == V_GO) {
		graph_move(g, t, T_READY);
		u32s_push(&g->ready, t);
		return;
	}
	graph_move(g, t, task->verdict == V_OFF ? T_OFF
	           : task->verdict == V_SKIP ? T_SKIPPED : T_BLOCKED);
	u32s_push(&g->settled, t);
	u32s_push(&g->work, t);
}

/* One thing that a task waited for is settled. */
void
graph_met(struct graph *g, uint32_t t, int verdict, uint32_t cause)
{
	struct task *task = &g->tasks[t];

	graph_judge(task, verdict, cause);
	if (--task->unmet == 0 && task->state == T_WAITING)
		decide(g, t);
}

static void
hint_met(struct graph *g, uint32_t t)
{
	struct task *task = &g->tasks[t];

	if (--task->hints == 0 && task->unmet == 0 && task->state == T_WAITING)
		decide(g, t);
}

/* One member of a group (or its gate) is settled. */
void
graph_group_met(struct graph *g, uint32_t group, int verdict, uint32_t cause)
{
	struct graph_group *gr = &g->groups[group];

	if (!gr->hint && verdict > gr->verdict) {
		gr->verdict = (uint8_t)verdict;
		gr->cause = cause;
	}
	if (--gr->open)
		return;
	int hint = gr->hint;
	for (uint32_t l = gr->consumers; l != NONE; l = g->links[l].next) {
		if (hint)
			hint_met(g, g->links[l].target);
		else
			graph_met(g, g->links[l].target, g->groups[group].verdict,
			          g->groups[group].cause);
	}
}

void
graph_gate_open(struct graph *g, int edge, const struct branch_value *values)
{
	uint32_t ids[MAX_VARS];
	int n = gate_ids(g, edge, values, ids, NULL);

	if (n >= 0) {
		uint32_t at = gate_at(g, edge, ids, n); /* may move g->gates */
		g->gates[at].open++;
	}
}

void
graph_gate_close(struct graph *g, int edge, const struct branch_value *values, int verdict,
                 uint32_t cause)
{
	uint32_t ids[MAX_VARS];
	int n = gate_ids(g, edge, values, ids, NULL);

	if (n < 0)
		return;
	uint32_t at = gate_at(g, edge, ids, n);
	if (verdict == V_BLOCK)
		for (uint32_t k = g->gates[at].groups; k != NONE; k = g->groups[k].next)
			if (!g->groups[k].hint && g->groups[k].verdict < V_BLOCK) {
				g->groups[k].verdict = V_BLOCK;
				g->groups[k].cause = cause;
			}
	if (--g->gates[at].open)
		return;
	uint32_t list = g->gates[at].groups;
	g->gates[at].groups = NONE;
	while (list != NONE) {
		uint32_t next = g->groups[list].next;
		graph_group_met(g, list, V_GO, NONE);
		list = next;
	}
}

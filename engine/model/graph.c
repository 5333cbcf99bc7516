/* SPDX-License-Identifier: Apache-2.0
 * graph: tasks, what they wait for, and what the end of one means for the others.
 *
 * Costs: a task, its values, an index entry and one link per input edge; settling a task walks
 * its links once. Groups make a sink with 100,000 inputs one counter, not a scan.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/expand.h"
#include "model/graph_private.h"

const char *
task_state_name(int state)
{
	static const char *const names[] = {
#define X(symbol, name) name,
		TASK_STATES(X)
#undef X
	};
	return state >= 0 && state < T_STATE_COUNT ? names[state] : "?";
}

void
u32s_push(struct u32s *a, uint32_t x)
{
	GROW(a->v, a->count, a->cap);
	a->v[a->count++] = x;
}

int
graph_is_final(int state)
{
	return state >= T_DONE;
}

int
graph_edge_kind(const struct workflow *w, const struct wf_edge *e)
{
	if (e->order)
		return E_ORDER;
	const struct stage_port *p = &w->nodes[e->to].inputs[e->to_port];
	if (p->flags & AF2_PORT_HINT)
		return E_HINT;
	return p->cardinality == AF2_MANY       ? E_MANY
	       : p->cardinality == AF2_OPTIONAL ? E_OPTIONAL
	                                        : E_PLAIN;
}

int
graph_var(const struct graph_node *n, uint32_t name)
{
	for (size_t i = 0; i < n->var_count; i++)
		if (n->vars[i].name == name)
			return (int)i;
	return -1;
}

static void
site_add(struct node_var *v, struct var_site s)
{
	for (size_t i = 0; i < v->site_count; i++)
		if (v->sites[i].node == s.node && v->sites[i].var == s.var)
			return;
	v->sites = xrealloc(v->sites, v->site_count + 1, sizeof *v->sites);
	v->sites[v->site_count++] = s;
}

/* Where the values of each variable of a node come from: its own expand and, for inherited
 * ones, what its producers know. Nodes are visited producers first. */
static void
node_sites(struct graph *g, uint32_t node)
{
	const struct workflow *w = g->w;
	const struct wf_node *n = &w->nodes[node];
	struct graph_node *gn = &g->nodes[node];

	gn->vars = xcalloc(n->all_var_count + 1, sizeof *gn->vars);
	gn->var_count = n->all_var_count;
	for (size_t i = 0; i < gn->var_count; i++)
		gn->vars[i].name = n->all_vars[i];
	for (size_t k = 0; k < gn->in_count; k++) {
		const struct wf_edge *e = &w->edges[gn->in[k]];
		const struct graph_node *from = &g->nodes[e->from];
		if (graph_edge_kind(w, e) == E_HINT)
			continue;
		for (size_t i = 0; i < from->var_count; i++) {
			int gathered = 0, at = graph_var(gn, from->vars[i].name);
			for (size_t j = 0; j < e->gathered_count; j++)
				gathered |= e->gathered[j] == from->vars[i].name;
			if (gathered || at < 0)
				continue;
			for (size_t j = 0; j < from->vars[i].site_count; j++)
				site_add(&gn->vars[at], from->vars[i].sites[j]);
		}
	}
	for (size_t i = 0; i < n->var_count; i++) {
		uint32_t id = intern_find(&w->var_names, n->vars[i].name);
		site_add(&gn->vars[graph_var(gn, id)],
		         (struct var_site){node, (uint32_t)i});
	}
	for (size_t i = 0; i < gn->var_count; i++)
		for (size_t j = 0; j < gn->vars[i].site_count; j++) {
			struct var_site s = gn->vars[i].sites[j];
			gn->vars[i].dynamic |=
				w->nodes[s.node].vars[s.var].kind == VAR_IN;
		}
	/* Static variables first, so that a walk that stops has fixed all it can. */
	gn->order = xcalloc(gn->var_count + 1, sizeof *gn->order);
	size_t at = 0;
	for (int dynamic = 0; dynamic < 2; dynamic++)
		for (size_t i = 0; i < gn->var_count; i++)
			if (gn->vars[i].dynamic == dynamic)
				gn->order[at++] = (uint32_t)i;
}

static void
collect_edges(struct graph *g)
{
	const struct workflow *w = g->w;

	for (size_t k = 0; k < w->edge_count; k++) {
		g->nodes[w->edges[k].to].in_count++;
		g->nodes[w->edges[k].from].out_count++;
	}
	for (size_t i = 0; i < w->node_count; i++) {
		struct graph_node *n = &g->nodes[i];
		n->in = xcalloc(n->in_count + 1, sizeof *n->in);
		n->out = xcalloc(n->out_count + 1, sizeof *n->out);
		n->in_count = n->out_count = 0;
		n->single = NONE;
	}
	for (size_t k = 0; k < w->edge_count; k++) {
		struct graph_node *to = &g->nodes[w->edges[k].to];
		struct graph_node *from = &g->nodes[w->edges[k].from];
		to->in[to->in_count++] = (int)k;
		from->out[from->out_count++] = (int)k;
	}
}

struct graph *
graph_new(const struct workflow *w)
{
	struct graph *g = xcalloc(1, sizeof *g);

	g->w = w;
	g->nodes = xcalloc(w->node_count + 1, sizeof *g->nodes);
	g->node_counts = xcalloc(w->node_count * T_STATE_COUNT + 1, sizeof *g->node_counts);
	collect_edges(g);
	for (size_t i = 0; i < w->node_count; i++)
		node_sites(g, (uint32_t)w->topo[i]);
	return g;
}

void
graph_free(struct graph *g)
{
	if (!g)
		return;
	for (size_t i = 0; i < g->w->node_count; i++) {
		struct graph_node *n = &g->nodes[i];
		for (size_t j = 0; j < n->var_count; j++)
			free(n->vars[j].sites);
		map_free(&n->index);
		free(n->vars);
		free(n->order);
		free(n->in);
		free(n->out);
	}
	free(g->nodes);
	free(g->node_counts);
	free(g->tasks);
	free(g->vals);
	free(g->texts);
	interner_free(&g->text_ids);
	free(g->links);
	free(g->groups);
	free(g->gates);
	free(g->conts);
	map_free(&g->group_index);
	map_free(&g->gate_index);
	map_free(&g->cont_index);
	map_free(&g->list_index);
	free(g->list_names.v);
	free(g->fresh.v);
	free(g->ready.v);
	free(g->settled.v);
	free(g->work.v);
	free(g);
}

const int *
graph_in_edges(const struct graph *g, uint32_t node, size_t *count)
{
	*count = g->nodes[node].in_count;
	return g->nodes[node].in;
}

/* --- values and names -------------------------------------------------------------------- */

uint32_t
graph_text(struct graph *g, uint32_t var, const char *value, const char *name)
{
	char *key = xasprintf("%u/%s", var, value);
	uint32_t id = intern(&g->text_ids, key);

	free(key);
	if (id < g->text_count)
		return id;
	GROW(g->texts, g->text_count, g->text_cap);
	/* The value is the tail of the interned key; names of globs outlive us in the workflow. */
	const char *kept = strchr(intern_text(&g->text_ids, id), '/') + 1;
	g->texts[g->text_count++] =
		(struct value_text){.value = kept, .name = strcmp(name, value) ? name : kept};
	return id;
}

uint32_t
graph_find(const struct graph *g, uint32_t node, const uint32_t *ids)
{
	const struct graph_node *n = &g->nodes[node];

	if (n->var_count == 0)
		return n->single;
	uint64_t *at = map_get(&n->index, ids, n->var_count * sizeof *ids);
	return at ? (uint32_t)*at : NONE;
}

const char *
graph_value(const struct graph *g, uint32_t task, const char *name)
{
	const struct task *t = &g->tasks[task];
	const struct graph_node *n = &g->nodes[t->node];

	for (size_t i = 0; i < n->var_count; i++)
		if (!strcmp(intern_text(&g->w->var_names, n->vars[i].name), name))
			return g->texts[g->vals[t->values + i].id].value;
	return NULL;
}

void
graph_branch(const struct graph *g, uint32_t task, struct str *b)
{
	const struct task *t = &g->tasks[task];
	const struct graph_node *n = &g->nodes[t->node];

	for (size_t i = 0; i < n->var_count; i++) {
		if (i)
			str_addc(b, ',');
		str_add(b, intern_text(&g->w->var_names, n->vars[i].name));
		str_addc(b, '=');
		str_add(b, g->texts[g->vals[t->values + i].id].name);
	}
}

void
graph_label(const struct graph *g, uint32_t task, struct str *b)
{
	str_add(b, g->w->nodes[g->tasks[task].node].name);
	if (g->nodes[g->tasks[task].node].var_count == 0)
		return;
	str_addc(b, '[');
	graph_branch(g, task, b);
	str_addc(b, ']');
}

uint32_t
graph_by_label(const struct graph *g, const char *label)
{
	struct str b = {0};
	uint32_t found = NONE;

	for (uint32_t t = 0; t < g->task_count && found == NONE; t++) {
		str_reset(&b);
		graph_label(g, t, &b);
		if (!strcmp(b.s, label))
			found = t;
	}
	str_free(&b);
	return found;
}

/* --- links, groups, gates ---------------------------------------------------------------- */

static uint32_t
link_new(struct graph *g, uint32_t next, uint32_t target, int to_group, int kind)
{
	GROW(g->links, g->link_count, g->link_cap);
	g->links[g->link_count] = (struct graph_link){
		.next = next, .target = target, .to_group = (uint8_t)to_group,
		.kind = (uint8_t)kind};
	return (uint32_t)g->link_count++;
}

/* Key of an edge and some of its producer's values. */
static size_t
edge_key(uint32_t *key, int edge, const uint32_t *ids, size_t count)
{
	key[0] = (uint32_t)edge;
	memcpy(key + 1, ids, count * sizeof *ids);
	return (count + 1) * sizeof *key;
}



/* Is variable `name` kept by the edge: not gathered, and for a hint shared with the consumer? */
static int
edge_keeps(const struct graph *g, const struct wf_edge *e, uint32_t name)
{
	if (graph_edge_kind(g->w, e) == E_HINT)
		return graph_var(&g->nodes[e->to], name) >= 0;
	for (size_t i = 0; i < e->gathered_count; i++)
		if (e->gathered[i] == name)
			return 0;
	return 1;
}

/* Does the edge go through a group? */
static int
edge_grouped(const struct graph *g, const struct wf_edge *e)
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
		at_var[i] = edge_keeps(g, e, from->vars[i].name) ? (uint32_t)kept_at++ : NONE;
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
	                       edge_key(key, edge, ids, (size_t)count), &added);

	if (added) {
		*at = g->gate_count;
		GROW(g->gates, g->gate_count, g->gate_cap);
		g->gates[g->gate_count++] = (struct graph_gate){.groups = NONE};
	}
	return (uint32_t)*at;
}

/* The group of an edge for the kept values of its producer (in the producer's order). */
static uint32_t
group_at(struct graph *g, int edge, const uint32_t *kept, size_t count)
{
	uint32_t key[MAX_VARS + 1], ids[MAX_VARS];
	int added;
	uint64_t *at = map_put(&g->group_index, key, edge_key(key, edge, kept, count), &added);

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

static int
verdict_of(int state, int kind, int alternative)
{
	if (state == T_DONE || kind == E_HINT)
		return V_GO;
	if (state == T_FAILED || state == T_BLOCKED || state == T_CANCELLED)
		return V_BLOCK;
	if (kind == E_MANY || kind == E_OPTIONAL || alternative)
		return V_GO;
	return state == T_OFF ? V_OFF : V_SKIP;
}

static void
move(struct graph *g, uint32_t t, int state)
{
	struct task *task = &g->tasks[t];
	size_t *node = &g->node_counts[(size_t)task->node * T_STATE_COUNT];

	g->counts[task->state]--;
	node[task->state]--;
	task->state = (uint8_t)state;
	g->counts[state]++;
	node[state]++;
}

static void
judge(struct task *t, int verdict, uint32_t cause)
{
	if (verdict <= t->verdict)
		return;
	t->verdict = (uint8_t)verdict;
	t->cause = cause;
}

/* One thing that a task waited for is settled. */
static void
met(struct graph *g, uint32_t t, int verdict, uint32_t cause)
{
	struct task *task = &g->tasks[t];

	judge(task, verdict, cause);
	if (--task->unmet || task->state != T_WAITING)
		return;
	if (task->verdict == V_GO) {
		move(g, t, T_READY);
		u32s_push(&g->ready, t);
		return;
	}
	move(g, t, task->verdict == V_OFF ? T_OFF
	           : task->verdict == V_SKIP ? T_SKIPPED : T_BLOCKED);
	u32s_push(&g->settled, t);
	u32s_push(&g->work, t);
}

/* One member of a group (or its gate) is settled. */
static void
group_met(struct graph *g, uint32_t group, int verdict, uint32_t cause)
{
	struct graph_group *gr = &g->groups[group];

	if (!gr->hint && verdict > gr->verdict) {
		gr->verdict = (uint8_t)verdict;
		gr->cause = cause;
	}
	if (--gr->open)
		return;
	for (uint32_t l = gr->consumers; l != NONE; l = g->links[l].next)
		met(g, g->links[l].target, g->groups[group].verdict, g->groups[group].cause);
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

static void drain(struct graph *g);

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
		group_met(g, list, V_GO, NONE);
		list = next;
	}
}

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
		if (!edge_grouped(g, e))
			continue;
		for (size_t i = 0; i < n->var_count; i++)
			if (edge_keeps(g, e, n->vars[i].name))
				kept[count++] = g->vals[g->tasks[t].values + i].id;
		uint32_t group = group_at(g, n->out[k], kept, count);
		g->groups[group].open++;
		g->groups[group].members = link_new(g, g->groups[group].members, t, 0, 0);
		g->tasks[t].links = link_new(g, g->tasks[t].links, group, 1,
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
		if (edge_grouped(g, e) && !edge_keeps(g, e, from->vars[i].name))
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
		if (edge_grouped(g, e)) {
			uint32_t group = group_at(g, n->in[k], ids, count);
			if (g->groups[group].open) {
				g->groups[group].consumers =
					link_new(g, g->groups[group].consumers, t, 0, kind);
				g->tasks[t].unmet++;
			} else {
				judge(&g->tasks[t], g->groups[group].verdict,
				      g->groups[group].cause);
			}
			continue;
		}
		uint32_t p = graph_find(g, (uint32_t)e->from, ids);
		int alternative = edge_alternative(g, e);
		if (p == NONE)
			continue;
		if (graph_is_final(g->tasks[p].state)) {
			judge(&g->tasks[t], verdict_of(g->tasks[p].state, kind, alternative), p);
			continue;
		}
		g->tasks[p].links = link_new(g, g->tasks[p].links, t, 0, kind);
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
		int verdict = verdict_of(state, link.kind, link.alternative);
		if (link.to_group)
			group_met(g, link.target, verdict, t);
		else
			met(g, link.target, verdict, t);
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
	met(g, task, V_GO, NONE);
	drain(g);
}

void
graph_set_state(struct graph *g, uint32_t task, int state)
{
	move(g, task, state);
}

void
graph_settle(struct graph *g, uint32_t task, int state)
{
	move(g, task, state);
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
	if (!edge_grouped(g, e)) {
		uint32_t p = graph_find(g, (uint32_t)e->from, ids);
		if (p != NONE && (!only_done || g->tasks[p].state == T_DONE))
			u32s_push(out, p);
		return;
	}
	uint64_t *at = map_get(&g->group_index, key, edge_key(key, edge, ids, count));
	if (!at)
		return;
	for (uint32_t l = g->groups[*at].members; l != NONE; l = g->links[l].next)
		if (!only_done || g->tasks[g->links[l].target].state == T_DONE)
			u32s_push(out, g->links[l].target);
	qsort_r(out->v + first, out->count - first, sizeof *out->v, branch_order, (void *)g);
}

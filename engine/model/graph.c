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
	{
		g->nodes[w->topo[i]].rank = (uint32_t)i;
		node_sites(g, (uint32_t)w->topo[i]);
	}
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
	free(g->hinted.v);
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

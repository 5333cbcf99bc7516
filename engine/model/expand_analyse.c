/* SPDX-License-Identifier: Apache-2.0
 * expand_analyse: the branch variables of each node and what its many inputs gather, found
 * along the edges before any task exists.
 */
#include <stdlib.h>
#include <string.h>

#include "model/expand.h"
#include "model/graph_private.h"

#define TASKS_MAX 1e7 /* of one node */

struct ids {
	uint32_t *v;
	size_t count, cap;
};

static int
ids_has(const struct ids *a, uint32_t id)
{
	for (size_t i = 0; i < a->count; i++)
		if (a->v[i] == id)
			return 1;
	return 0;
}

static void
ids_add(struct ids *a, uint32_t id)
{
	if (ids_has(a, id))
		return;
	GROW(a->v, a->count, a->cap);
	a->v[a->count++] = id;
}

static int
words_have(const struct words *w, const char *text)
{
	for (size_t i = 0; i < w->count; i++)
		if (!strcmp(w->v[i], text))
			return 1;
	return 0;
}

/* What the edge's consumer gathers of the producer's variables. */
static void
edge_gather(struct workflow *w, struct wf_edge *e)
{
	const struct wf_node *from = &w->nodes[e->from], *to = &w->nodes[e->to];
	struct ids got = {0};

	if (to->gather.count == 0 && from->all_var_count > 0)
		ids_add(&got, from->all_vars[from->all_var_count - 1]);
	for (size_t i = 0; i < from->all_var_count; i++) {
		const char *name = intern_text(&w->var_names, from->all_vars[i]);
		if (words_have(&to->gather, "all") || words_have(&to->gather, name))
			ids_add(&got, from->all_vars[i]);
	}
	e->gathered = got.v;
	e->gathered_count = got.count;
}

static int
gathers(const struct wf_edge *e, uint32_t id)
{
	for (size_t i = 0; i < e->gathered_count; i++)
		if (e->gathered[i] == id)
			return 1;
	return 0;
}

/* Every name in `gather` must be a variable of some many input. */
static void
check_gather_names(struct workflow *w, int node, struct diags *diags)
{
	struct wf_node *n = &w->nodes[node];

	for (size_t i = 0; i < n->gather.count; i++) {
		const char *name = n->gather.v[i];
		uint32_t id = intern_find(&w->var_names, name);
		int found = 0, many = 0;

		for (size_t k = 0; k < w->edge_count; k++) {
			const struct wf_edge *e = &w->edges[k];
			if (e->to != node || graph_edge_kind(w, e) != E_MANY)
				continue;
			many = 1;
			found |= id != NONE && gathers(e, id);
		}
		if ((!strcmp(name, "all") && many) || found)
			continue;
		if (strcmp(name, "all") && id == NONE)
			continue; /* no variable at all: said when the names were read */
		diags_add(diags, SEV_ERROR, w->path, n->line, name,
		          many ? "name a variable that a producer of a many input has"
		               : "only nodes with a many input (type* or type+) gather",
		          "node '%s' cannot gather '%s': no many input has that variable",
		          n->name, name);
	}
}

/* A variable gathered at one port and kept by another has no one meaning. */
static void
check_kept(struct workflow *w, int node, const struct ids *vars, struct diags *diags)
{
	struct wf_node *n = &w->nodes[node];

	for (size_t k = 0; k < w->edge_count; k++) {
		const struct wf_edge *e = &w->edges[k];
		if (e->to != node || e->gathered_count == 0)
			continue;
		for (size_t i = 0; i < e->gathered_count; i++) {
			if (!ids_has(vars, e->gathered[i]))
				continue;
			const char *name = intern_text(&w->var_names, e->gathered[i]);
			diags_add(diags, SEV_ERROR, w->path, e->line, w->nodes[e->from].name,
			          "gather it at every port, or at none (gather=\"...\")",
			          "node '%s' gathers variable '%s' from '%s' but keeps it "
			          "elsewhere",
			          n->name, name, w->nodes[e->from].name);
		}
	}
}

/* A list's elements cannot be kept when a variable of the task that lists them is gathered. */
static void
check_depends(struct workflow *w, int node, struct diags *diags)
{
	for (size_t k = 0; k < w->edge_count; k++) {
		const struct wf_edge *e = &w->edges[k];
		if (e->to != node || e->gathered_count == 0)
			continue;
		const struct wf_node *from = &w->nodes[e->from];
		for (size_t m = 0; m < w->node_count; m++) {
			const struct wf_node *intro = &w->nodes[m];
			for (size_t v = 0; v < intro->var_count; v++) {
				const struct wf_var *var = &intro->vars[v];
				uint32_t id = intern_find(&w->var_names, var->name);
				struct ids has = {.v = from->all_vars,
				                  .count = from->all_var_count};
				if (var->kind != VAR_IN || !ids_has(&has, id) || gathers(e, id))
					continue;
				const struct wf_node *src = &w->nodes[var->in_node];
				for (size_t i = 0; i < src->all_var_count; i++)
					if (gathers(e, src->all_vars[i]))
						diags_add(diags, SEV_ERROR, w->path, e->line,
						          from->name, "gather both",
						          "node '%s' gathers '%s' but keeps '%s', "
						          "which comes from a list for each '%s'",
						          w->nodes[node].name,
						          intern_text(&w->var_names,
						                      src->all_vars[i]),
						          var->name,
						          intern_text(&w->var_names,
						                      src->all_vars[i]));
			}
		}
	}
}

static void
analyse_node(struct workflow *w, int node, struct diags *diags)
{
	struct wf_node *n = &w->nodes[node];
	struct ids vars = {0};

	for (size_t k = 0; k < w->edge_count; k++) {
		struct wf_edge *e = &w->edges[k];
		if (e->to != node)
			continue;
		const struct wf_node *from = &w->nodes[e->from];
		int kind = graph_edge_kind(w, e);
		free(e->gathered);
		e->gathered = NULL;
		e->gathered_count = 0;
		if (kind == E_HINT)
			continue;
		if (kind == E_MANY)
			edge_gather(w, e);
		for (size_t i = 0; i < from->all_var_count; i++)
			if (!gathers(e, from->all_vars[i]))
				ids_add(&vars, from->all_vars[i]);
	}
	for (size_t i = 0; i < n->var_count; i++)
		ids_add(&vars, intern(&w->var_names, n->vars[i].name));
	check_gather_names(w, node, diags);
	check_kept(w, node, &vars, diags);
	free(n->all_vars);
	n->all_vars = vars.v;
	n->all_var_count = vars.count;
	if (vars.count > MAX_VARS)
		diags_add(diags, SEV_ERROR, w->path, n->line, n->name, "gather some of them",
		          "node '%s' has %zu branch variables, it can have %d", n->name,
		          vars.count, MAX_VARS);
	check_depends(w, node, diags);
}

/* How many values a variable has at most before lists are known. */
static double
most_values(const struct workflow *w, uint32_t id)
{
	const char *name = intern_text(&w->var_names, id);
	double least = 0;

	for (size_t i = 0; i < w->node_count; i++)
		for (size_t k = 0; k < w->nodes[i].var_count; k++) {
			const struct wf_var *v = &w->nodes[i].vars[k];
			double count = (double)v->values.count;
			if (v->kind == VAR_IN || strcmp(v->name, name))
				continue;
			if (least == 0 || count < least)
				least = count;
		}
	return least > 0 ? least : 1;
}

static void
check_size(struct workflow *w, int node, struct diags *diags)
{
	struct wf_node *n = &w->nodes[node];
	double tasks = 1;

	for (size_t i = 0; i < n->all_var_count; i++)
		tasks *= most_values(w, n->all_vars[i]);
	if (tasks > TASKS_MAX)
		diags_add(diags, SEV_ERROR, w->path, n->line, n->name,
		          "gather, or expand over less",
		          "node '%s' would have %.3g tasks, more than %.3g", n->name, tasks,
		          TASKS_MAX);
}

int
expand_analyse(struct workflow *w, struct diags *diags)
{
	size_t before = diags->errors;

	for (size_t i = 0; i < w->node_count; i++)
	{
		analyse_node(w, w->topo[i], diags);
		check_size(w, w->topo[i], diags);
	}
	return (int)(diags->errors - before);
}

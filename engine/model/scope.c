/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names in scope: a text of a node may refer to the variables of its own expand and of
 * the nodes that it needs, near or far.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "model/substitute.h"
#include "model/workflow_parts.h"

/* Ids of variables, sorted. Sets are shared between nodes: most have their
 * producer's. */
struct set {
	const uint32_t *ids;
	size_t count;
};

static int
set_has(const struct set *s, uint32_t id)
{
	size_t lo = 0, hi = s->count;

	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (s->ids[mid] < id)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < s->count && s->ids[lo] == id;
}

static void
set_merge(struct set *a, const struct set *b, struct arena *arena)
{
	size_t i = 0, k = 0, n = 0, missing = 0;
	uint32_t *out;

	if (a->ids == b->ids || b->count == 0)
		return;
	for (k = 0; k < b->count; k++)
		missing += !set_has(a, b->ids[k]);
	if (a->count == 0 || missing + a->count == b->count) {
		*a = *b; /* b has all of a */
		return;
	}
	if (missing == 0)
		return;
	out = arena_alloc(arena, (a->count + missing) * sizeof *out);
	for (k = 0; i < a->count || k < b->count;) {
		if (k >= b->count || (i < a->count && a->ids[i] <= b->ids[k])) {
			k += k < b->count && a->ids[i] == b->ids[k];
			out[n++] = a->ids[i++];
		} else {
			out[n++] = b->ids[k++];
		}
	}
	a->ids = out;
	a->count = n;
}

static void
set_add(struct set *s, uint32_t id, struct arena *arena)
{
	struct set one = {.ids = &id, .count = 1};
	uint32_t *copy;

	if (set_has(s, id))
		return;
	copy = arena_alloc(arena, sizeof *copy);
	*copy = id;
	one.ids = copy;
	set_merge(s, &one, arena);
}

/* --- checks ----------------------------------------------------------------------- */

static const char **
scope_names(const struct loader *l, const struct set *s)
{
	const char **names = xcalloc(s->count + l->w->param_count + 1, sizeof *names);
	size_t n = 0;

	for (size_t i = 0; i < s->count; i++)
		names[n++] = intern_text(&l->w->var_names, s->ids[i]);
	for (size_t i = 0; i < l->w->param_count; i++)
		names[n++] = l->w->params[i].name;
	return names;
}

static void
check_name(struct loader *l, const struct wf_node *n, const struct set *s,
	   const char *attr, const char *name, const char *form)
{
	uint32_t id = intern_find(&l->w->var_names, name);
	const char **names;
	char *hint;

	if (id != UINT32_MAX && set_has(s, id))
		return;
	names = scope_names(l, s);
	hint = did_you_mean(name, names);
	if (id != UINT32_MAX)
		load_error(l, n->line, attr, hint,
			   "'%s': '%s%s%s' is a variable that neither '%s' nor what it "
			   "needs has",
			   attr, form, name, *form ? "}" : "", n->name);
	else
		load_error(
			l, n->line, attr, hint,
			"'%s': '%s%s%s' is neither a workflow parameter nor a variable",
			attr, form, name, *form ? "}" : "");
	free(hint);
	free(names);
}

static void
check_texts(struct loader *l, const struct wf_node *n, const struct set *s,
	    const struct wf_text *texts, size_t count, const char *prefix)
{
	for (size_t i = 0; i < count; i++) {
		const struct wf_text *t = &texts[i];
		const char *p = t->value;
		unsigned flags =
			t->def >= 0 ? subst_flags(n->stage->params[t->def].type) : 0;
		char *name, *attr;

		if (!t->vary)
			continue;
		attr = xasprintf("%s%s", prefix, t->name);
		while ((name = subst_next(&p, flags))) {
			check_name(l, n, s, attr, name, "${");
			free(name);
		}
		free(attr);
	}
}

static void
check_gather(struct loader *l, const struct wf_node *n, const struct set *s)
{
	if (n->gather.count == 1 && strcmp(n->gather.v[0], "all") == 0)
		return;
	for (size_t i = 0; i < n->gather.count; i++)
		check_name(l, n, s, "gather", n->gather.v[i], "");
}

void
load_scope(struct loader *l)
{
	const struct workflow *w = l->w;
	const struct dot_graph *g = l->g;
	struct arena arena = {0};
	struct set *sets = xcalloc(w->node_count + 1, sizeof *sets);
	int *head = xmalloc((w->node_count + 1) * sizeof *head);
	int *next = xmalloc((g->edge_count + 1) * sizeof *next);

	for (size_t i = 0; i < w->node_count; i++)
		head[i] = -1;
	for (size_t i = g->edge_count; i-- > 0;) {
		next[i] = head[g->edges[i].to];
		head[g->edges[i].to] = (int)i;
	}
	for (size_t i = 0; i < w->node_count; i++) {
		int at = w->topo[i];
		const struct wf_node *n = &w->nodes[at];
		struct set *s = &sets[at];

		for (int k = head[at]; k >= 0; k = next[k])
			set_merge(s, &sets[g->edges[k].from], &arena);
		for (size_t v = 0; v < n->var_count; v++)
			set_add(s, intern_find(&w->var_names, n->vars[v].name), &arena);
		if (!n->stage)
			continue;
		check_texts(l, n, s, n->params, n->param_count, "");
		check_texts(l, n, s, n->options, n->option_count, "");
		check_texts(l, n, s, n->retries, n->retry_count, "retry.");
		check_gather(l, n, s);
	}
	free(sets);
	free(head);
	free(next);
	arena_free(&arena);
}

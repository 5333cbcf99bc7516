/* SPDX-License-Identifier: Apache-2.0 */
/* A workflow as a whole: loading it step by step, selecting, freeing. */
#include "model/workflow.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/str.h"
#include "model/expand.h"
#include "model/workflow_parts.h"

char *
did_you_mean(const char *word, const char *const *candidates)
{
	const char *near = nearest_word(word, candidates);

	return near ? xasprintf("did you mean '%s'?", near) : NULL;
}

const char **
map_names(const struct map *m)
{
	const char **names = xcalloc(m->count + 1, sizeof *names);
	size_t n = 0;

	for (size_t i = 0; i < m->count; i++)
		if (m->entries[i].key)
			names[n++] = m->entries[i].key;
	return names;
}

/* --- loading ---------------------------------------------------------------------- */

static char *
file_stem(const char *path)
{
	const char *base = path_base(path), *dot = strrchr(base, '.');

	return dot && dot > base ? xstrndup(base, (size_t)(dot - base)) : xstrdup(base);
}

static void
init_workflow(struct workflow *w, const struct dot_graph *g, const char *path)
{
	w->path = path_absolute(NULL, path);
	w->given = xstrdup(path);
	w->dir = path_dir(w->path);
	w->name = *g->name ? xstrdup(g->name) : file_stem(path);
	w->text = xstrndup(g->text, g->text_len);
	w->text_len = g->text_len;
}

static void
load_steps(struct loader *l)
{
	size_t errors = l->diags->errors;

	load_params(l);
	l->unsure |= l->diags->errors > errors;
	load_nodes(l);
	l->unjoined = xcalloc(l->w->node_count + 1, 1);
	load_expand_sources(l);
	load_edges(l);
	load_inputs(l);
	load_order(l);
	if (!l->unsure)
		load_scope(l);
	if (!l->unsure)
		expand_analyse(l->w, l->diags);
	load_options(l);
}

struct workflow *
workflow_load(const char *path, const struct param_setting *settings,
	      size_t setting_count, const struct stage_source *stages, const char *cwd,
	      struct diags *diags)
{
	struct dot_graph *g = dot_read(path, diags);
	struct loader l = {.settings = settings,
			   .setting_count = setting_count,
			   .stages = stages,
			   .diags = diags,
			   .g = g};
	size_t errors = diags->errors;

	if (!g)
		return NULL;
	l.w = xcalloc(1, sizeof *l.w);
	l.cwd = path_absolute(NULL, cwd ? cwd : ".");
	init_workflow(l.w, g, path);
	load_steps(&l);
	dot_place(g->text, g->text_len, diags);
	if (diags->errors > errors) {
		workflow_free(l.w);
		l.w = NULL;
	}
	map_free(&l.params);
	map_free(&l.nodes);
	free(l.visits);
	free(l.unjoined);
	free(l.cwd);
	dot_free(g);
	return l.w;
}

void
workflow_free(struct workflow *w)
{
	if (!w)
		return;
	for (size_t i = 0; i < w->param_count; i++) {
		free(w->params[i].name);
		free(w->params[i].value);
		free(w->params[i].default_value);
	}
	for (size_t i = 0; i < w->node_count; i++)
		wf_node_clear(&w->nodes[i]);
	for (size_t i = 0; i < w->edge_count; i++)
		free(w->edges[i].gathered);
	free(w->params);
	free(w->nodes);
	free(w->edges);
	free(w->topo);
	interner_free(&w->var_names);
	free(w->path);
	free(w->given);
	free(w->dir);
	free(w->name);
	free(w->text);
	free(w);
}

/* --- asking ----------------------------------------------------------------------- */

int
workflow_node(const struct workflow *w, const char *name)
{
	for (size_t i = 0; i < w->node_count; i++)
		if (strcmp(w->nodes[i].name, name) == 0)
			return (int)i;
	return -1;
}

const struct wf_param *
workflow_param(const struct workflow *w, const char *name)
{
	for (size_t i = 0; i < w->param_count; i++)
		if (strcmp(w->params[i].name, name) == 0)
			return &w->params[i];
	return NULL;
}

static int
select_named(struct workflow *w, const char *name, struct diags *diags)
{
	int at = workflow_node(w, name);
	const char **names;
	char *hint;

	if (at >= 0) {
		w->nodes[at].selected = 1;
		return 0;
	}
	names = xcalloc(w->node_count + 1, sizeof *names);
	for (size_t i = 0; i < w->node_count; i++)
		names[i] = w->nodes[i].name;
	hint = did_you_mean(name, names);
	diags_add(diags, SEV_ERROR, w->given, 0, NULL, hint,
		  "no node '%s' (given by --until)", name);
	free(hint);
	free(names);
	return -1;
}

/* All that selected nodes need. Going against the order, a node is settled before its
 * producers; edges are grouped by their consumer first. */
static void
select_needed(struct workflow *w)
{
	int *head = xmalloc((w->node_count + 1) * sizeof *head);
	int *next = xmalloc((w->edge_count + 1) * sizeof *next);

	for (size_t i = 0; i < w->node_count; i++)
		head[i] = -1;
	for (size_t i = 0; i < w->edge_count; i++) {
		next[i] = head[w->edges[i].to];
		head[w->edges[i].to] = (int)i;
	}
	for (size_t i = w->node_count; i-- > 0;)
		if (w->nodes[w->topo[i]].selected)
			for (int k = head[w->topo[i]]; k >= 0; k = next[k])
				w->nodes[w->edges[k].from].selected = 1;
	free(head);
	free(next);
}

int
workflow_select(struct workflow *w, const char *const *names, size_t count,
		struct diags *diags)
{
	int rc = 0;

	for (size_t i = 0; i < w->node_count; i++)
		w->nodes[i].selected = count == 0;
	for (size_t i = 0; i < count; i++)
		rc |= select_named(w, names[i], diags);
	select_needed(w);
	return rc;
}

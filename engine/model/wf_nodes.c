/* SPDX-License-Identifier: Apache-2.0 */
/* Nodes of a workflow: their plugins, attributes, and ports. */
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "base/str.h"
#include "model/attributes.h"
#include "model/param_value.h"
#include "model/substitute.h"
#include "model/workflow_parts.h"

/* --- texts ------------------------------------------------------------------------ */

/* A relative path gets its folder now, while it is known whose it is; one that begins
 * with a branch variable gets it when the task is made. */
static void
add_path(struct loader *l, struct str *out, int type, const char *raw, const char *text)
{
	const char *base = load_base(l, raw);

	if (*text && *text != '/' && strncmp(text, "${", 2) != 0 &&
	    (type != AF2_PROGRAM || strchr(text, '/'))) {
		subst_escape(out, base);
		str_addc(out, '/');
	}
	str_add(out, text);
}

/* Of a secret parameter: where its value is to be had, and never the value. That alone
 * may stand in files, journals and command lines. */
static char *
secret_text(struct loader *l, int line, const char *attr, const char *raw)
{
	char *text = load_text(l, line, attr, raw, 0), *path;

	if (!text || !*text)
		return text;
	if (!secret_is_reference(text) || strstr(text, "${")) {
		load_error(l, line, attr, "give env:NAME or file:PATH",
			   "'%s' is secret: its value cannot stand in a workflow or a "
			   "command line",
			   attr);
		free(text);
		return NULL;
	}
	if (!starts_with(text, "file:") || text[5] == '/')
		return text;
	path = xasprintf("file:%s/%s",
			 load_base(l, starts_with(raw, "file:") ? raw + 5 : raw),
			 text + 5);
	free(text);
	return path;
}

/* Text of a parameter by its type. NULL with an error added. */
static char *
param_text(struct loader *l, int line, const char *attr, const char *raw, int type)
{
	struct words words = {0};
	struct str out = {0}, path = {0};
	char *text = NULL;

	if (type != AF2_FILES) {
		text = load_text(l, line, attr, raw, subst_flags(type));
		if (!text || !param_is_path(type))
			return text;
		add_path(l, &out, type, raw, text);
		free(text);
		return str_take(&out);
	}
	if (words_split_posix(&words, raw) < 0)
		load_error(l, line, attr, NULL, "'%s': a quote that never ends", attr);
	for (size_t i = 0; i < words.count; i++) {
		free(text);
		text = load_text(l, line, attr, words.v[i], 0);
		if (!text || !*text)
			continue;
		str_reset(&path);
		add_path(l, &path, type, words.v[i], text);
		if (out.len)
			str_addc(&out, ' ');
		str_add_quoted(&out, path.s);
	}
	free(text);
	words_free(&words);
	str_free(&path);
	return str_take(&out);
}

static int
has_refs(const char *text, unsigned flags)
{
	char *name = subst_next(&text, flags);

	free(name);
	return name != NULL;
}

static void
add_text(struct wf_text **list, size_t *count, const char *name, char *value, int line,
	 int def, unsigned flags)
{
	struct wf_text *t;

	*list = xrealloc(*list, *count + 1, sizeof **list);
	t = &(*list)[(*count)++];
	t->name = xstrdup(name);
	t->value = value;
	t->line = line;
	t->def = def;
	t->vary = has_refs(value, flags);
	t->param = -1;
}

/* --- attributes ------------------------------------------------------------------- */

static void
unknown_attribute(struct loader *l, const struct wf_node *n, const char *name)
{
	const struct stage *s = n->stage;
	size_t engine = 0, k = 0;
	const char **all;
	char *hint;

	while (attr_engine_names[engine])
		engine++;
	all = xcalloc(engine + s->param_count + 1, sizeof *all);
	for (size_t i = 0; i < s->param_count; i++)
		if (!ends_with(s->params[i].name, ".*"))
			all[k++] = s->params[i].name;
	memcpy(all + k, attr_engine_names, engine * sizeof *all);
	hint = did_you_mean(name, all);
	load_error(l, n->line, name,
		   hint ? hint : "for notes of your own, names begin with x_",
		   "unknown attribute '%s': plugin '%s' has no such parameter", name,
		   s->id);
	free(hint);
	free(all);
}

static void
load_option(struct loader *l, struct wf_node *n, const char *name, const char *raw)
{
	struct error e = {0};
	const char *value;
	char var[128];
	char *text;
	int op;

	if (strcmp(name, "when") != 0) {
		text = load_text(l, n->line, name, raw, 0);
		if (text && *text)
			add_text(&n->options, &n->option_count, name, text, n->line, -1,
				 0);
		else
			free(text);
		return;
	}
	if (when_parse(raw, var, &op, &value, &e) < 0) {
		load_error(l, n->line, name, e.hint, "%s", e.text);
		return;
	}
	add_text(&n->options, &n->option_count, name, xstrdup(raw), n->line, -1, 0);
	if (map_gets(&l->params, var)) {
		l->w->params[*map_gets(&l->params, var)].used = 1;
		n->options[n->option_count - 1].vary = 0;
	}
}

static void
load_retry(struct loader *l, struct wf_node *n, const char *attr, const char *raw)
{
	const char *name = attr + strlen("retry.");
	const struct stage_param *def = stage_param_find(n->stage, name);
	int at = def ? (int)(def - n->stage->params) : -1;
	unsigned flags = def ? subst_flags(def->type) : 0;
	double factor;
	char *text;

	if (!def && !attr_is_retryable(name)) {
		load_error(l, n->line, attr,
			   "write retry.NAME for a parameter of the plugin, or "
			   "cpus gpus memory timeout grace max_output priority",
			   "'%s': plugin '%s' has no parameter '%s'", attr,
			   n->stage->id, name);
		return;
	}
	if (def && (def->type == AF2_PORTS_IN || def->type == AF2_PORTS_OUT)) {
		load_error(l, n->line, attr, NULL,
			   "'%s': ports cannot change in a retry", attr);
		return;
	}
	if (def && def->flags & AF2_PARAM_SECRET)
		text = secret_text(l, n->line, attr, raw);
	else if (factor_parse(raw, &factor) == 0 || !def)
		text = load_text(l, n->line, attr, raw, flags & ~(unsigned)SUBST_WORDS);
	else
		text = param_text(l, n->line, attr, raw, def->type);
	if (text)
		add_text(&n->retries, &n->retry_count, name, text, n->line, at, flags);
}

static void
load_param(struct loader *l, struct wf_node *n, const struct stage_param *def,
	   const char *name, const char *raw)
{
	char *text = def->flags & AF2_PARAM_SECRET
			     ? secret_text(l, n->line, name, raw)
			     : param_text(l, n->line, name, raw, def->type);

	if (!text)
		return;
	add_text(&n->params, &n->param_count, name, text, n->line,
		 (int)(def - n->stage->params), subst_flags(def->type));
	n->params[n->param_count - 1].param = load_leading(l, raw);
}

static void
load_attribute(struct loader *l, struct wf_node *n, const struct dot_attr *a)
{
	const struct stage_param *def;
	int node = (int)(n - l->w->nodes);
	char *text;

	switch (attr_kind(a->name)) {
	case ATTR_ENGINE:
		if (attr_is_option(a->name)) {
			load_option(l, n, a->name, a->value);
		} else if (strcmp(a->name, "expand") == 0) {
			load_expand(l, node, n->line, a->value);
		} else if (strcmp(a->name, "gather") == 0) {
			text = load_text(l, n->line, a->name, a->value, 0);
			if (text)
				words_split(&n->gather, text);
			free(text);
		}
		return;
	case ATTR_RETRY:
		load_retry(l, n, a->name, a->value);
		return;
	case ATTR_LATER:
		load_error(l, n->line, a->name, NULL, "'%s' is not in this version",
			   a->name);
		return;
	case ATTR_PRIVATE:
		return;
	default:
		def = stage_param_find(n->stage, a->name);
		if (def)
			load_param(l, n, def, a->name, a->value);
		else if (attr_kind(a->name) != ATTR_GRAPHVIZ)
			unknown_attribute(l, n, a->name);
	}
}

/* A retry value of env.X stands beside env.X, never alone: the first attempt must say
 * what it is. */
static void
check_retries(struct loader *l, const struct wf_node *n)
{
	for (size_t i = 0; i < n->retry_count; i++) {
		const struct wf_text *r = &n->retries[i];
		char *attr;
		size_t k = 0;

		if (r->def < 0 || !ends_with(n->stage->params[r->def].name, ".*"))
			continue;
		while (k < n->param_count && strcmp(n->params[k].name, r->name) != 0)
			k++;
		if (k < n->param_count)
			continue;
		attr = xasprintf("retry.%s", r->name);
		load_error(l, n->line, attr, NULL, "'%s' is given, but '%s' is not",
			   attr, r->name);
		free(attr);
	}
}

static int
by_def(const void *a, const void *b)
{
	const struct wf_text *x = a, *y = b;

	return x->def != y->def ? (x->def < y->def ? -1 : 1) : strcmp(x->name, y->name);
}

/* --- nodes ------------------------------------------------------------------------ */

static const char *
attr_value(const struct dot_node *d, const char *name)
{
	for (size_t i = 0; i < d->attr_count; i++)
		if (strcmp(d->attrs[i].name, name) == 0)
			return d->attrs[i].value;
	return NULL;
}

static void
find_stage(struct loader *l, struct wf_node *n, const struct dot_node *d)
{
	const char *given = attr_value(d, "plugin"), *near = NULL;
	char *id = given ? load_text(l, n->line, "plugin", given, 0) : xstrdup(n->name);

	if (id)
		n->stage = l->stages->find(l->stages->arg, id, &near);
	l->unsure |= !n->stage;
	const char *why = id && !n->stage && l->stages->problem
				  ? l->stages->problem(l->stages->arg, id)
				  : NULL;
	if (why) {
		load_error(l, n->line, given ? given : n->name, NULL,
			   "plugin '%s' cannot be used: %s", id, why);
	} else if (id && !n->stage) {
		char *hint = near ? xasprintf("did you mean '%s'?", near)
				  : xstrdup(given ? "af2flow plugins list shows what "
						    "there is"
						  : "its name is taken for its plugin; "
						    "plugin=ID says "
						    "another");

		load_error(l, n->line, given ? given : n->name, hint, "no plugin '%s'",
			   id);
		free(hint);
	}
	free(id);
}

static void
load_node(struct loader *l, size_t i)
{
	const struct dot_node *d = &l->g->nodes[i];
	struct wf_node *n = &l->w->nodes[i];

	n->name = xstrdup(d->name);
	n->line = d->line;
	n->selected = 1;
	if (!*d->name || strlen(d->name) > 200 || strchr(d->name, '\n'))
		load_error(l, d->line, d->name, NULL,
			   "a node's name must have 1 to 200 characters on one line");
	find_stage(l, n, d);
	if (!n->stage)
		return;
	for (size_t k = 0; k < d->attr_count; k++)
		load_attribute(l, n, &d->attrs[k]);
	if (n->param_count)
		qsort(n->params, n->param_count, sizeof *n->params, by_def);
	check_retries(l, n);
	load_ports(l, n);
}

void
load_nodes(struct loader *l)
{
	struct workflow *w = l->w;

	w->nodes = xcalloc(l->g->node_count + 1, sizeof *w->nodes);
	w->node_count = l->g->node_count;
	if (w->node_count == 0)
		load_error(l, 0, NULL, NULL, "the workflow has no nodes");
	for (size_t i = 0; i < w->node_count; i++) {
		*map_puts(&l->nodes, l->g->nodes[i].name, NULL) = i;
		load_node(l, i);
	}
}

static void
clear_texts(struct wf_text *t, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		free(t[i].name);
		free(t[i].value);
	}
	free(t);
}

void
wf_node_clear(struct wf_node *n)
{
	clear_texts(n->params, n->param_count);
	clear_texts(n->options, n->option_count);
	clear_texts(n->retries, n->retry_count);
	for (size_t i = 0; i < n->input_count; i++)
		stage_port_clear(&n->inputs[i]);
	for (size_t i = 0; i < n->output_count; i++)
		stage_port_clear(&n->outputs[i]);
	for (size_t i = 0; i < n->var_count; i++) {
		free(n->vars[i].name);
		words_free(&n->vars[i].values);
		words_free(&n->vars[i].names);
	}
	free(n->inputs);
	free(n->outputs);
	free(n->vars);
	words_free(&n->gather);
	free(n->all_vars);
	free(n->name);
}

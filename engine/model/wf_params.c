/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Workflow parameters: graph attributes that are not Graphviz's, with the values of -p.
 * A default may refer to other parameters; a value from -p is taken as it is.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "model/attributes.h"
#include "model/substitute.h"
#include "model/workflow_parts.h"

/* Names that ${} gives another meaning in command lines. */
static int
name_is_taken(const char *name)
{
	return attr_kind(name) == ATTR_ENGINE || attr_kind(name) == ATTR_LATER;
}

static void
add_param(struct loader *l, const struct dot_attr *a, size_t *cap)
{
	struct workflow *w = l->w;
	struct wf_param *p;

	if (attr_kind(a->name) == ATTR_PRIVATE || attr_is_graphviz_graph(a->name))
		return;
	if (name_is_taken(a->name)) {
		load_error(l, 0, a->name,
			   "a default for all nodes is written: node [NAME=...]",
			   "'%s' is an attribute of nodes, not a workflow parameter",
			   a->name);
		return;
	}
	if (!is_name(a->name)) {
		load_error(l, 0, a->name, "use letters, digits and '_'",
			   "'%s' cannot be the name of a workflow parameter", a->name);
		return;
	}
	GROW(w->params, w->param_count, *cap);
	p = &w->params[w->param_count];
	memset(p, 0, sizeof *p);
	p->name = xstrdup(a->name);
	p->default_value = xstrdup(a->value);
	*map_puts(&l->params, a->name, NULL) = w->param_count++;
}

static void
check_inner(struct loader *l)
{
	for (size_t i = 0; i < l->g->inner_count; i++) {
		const char *name = l->g->inner_attrs[i].name;

		if (attr_kind(name) != ATTR_PRIVATE && attr_kind(name) != ATTR_GRAPHVIZ)
			load_error(l, 0, name, "set it outside of any { }",
				   "workflow parameter '%s' is set in a subgraph",
				   name);
	}
}

static void
apply_settings(struct loader *l)
{
	for (size_t i = 0; i < l->setting_count; i++) {
		const struct param_setting *s = &l->settings[i];
		uint64_t *at = map_gets(&l->params, s->name);

		if (at) {
			struct wf_param *p = &l->w->params[*at];

			free(p->value);
			p->value = xstrdup(s->value);
			p->from_user = p->user_base = 1;
			l->visits[*at] = 2;
		} else {
			const char **names = map_names(&l->params);
			char *hint = did_you_mean(s->name, names);

			load_error(l, 0, NULL, hint, "no parameter '%s' (given by -p)",
				   s->name);
			free(hint);
			free(names);
		}
	}
}

/* --- values ----------------------------------------------------------------------- */

/* What a lookup needs to name the one who asks. */
struct asker {
	struct loader *l;
	const char *attr;
};

static void evaluate(struct loader *l, size_t i);

static const char *
lookup_param(void *arg, const char *name)
{
	struct asker *k = arg;
	struct loader *l = k->l;
	uint64_t *at = map_gets(&l->params, name);
	struct wf_param *p;

	if (!at)
		return NULL;
	p = &l->w->params[*at];
	p->used = 1;
	if (l->visits[*at] == 0)
		evaluate(l, *at);
	return p->value ? p->value : "";
}

/* In a default, only parameters can be meant. */
static const char *
lookup_in_default(void *arg, const char *name)
{
	struct asker *k = arg;
	struct loader *l = k->l;
	uint64_t *at = map_gets(&l->params, name);

	if (!at) {
		const char **names = map_names(&l->params);
		char *hint = did_you_mean(name, names);

		load_error(l, 0, k->attr, hint,
			   "parameter '%s' refers to '${%s}', which is no workflow "
			   "parameter",
			   k->attr, name);
		free(hint);
		free(names);
		return "";
	}
	if (l->visits[*at] == 1) {
		load_error(l, 0, k->attr, NULL, "parameter '%s' refers to itself",
			   k->attr);
		return "";
	}
	return lookup_param(arg, name);
}

/* The parameter that a text begins with, or NULL. */
static const struct wf_param *
leading_param(const struct loader *l, const char *text)
{
	const char *end = strncmp(text, "${", 2) == 0 ? strchr(text, '}') : NULL;
	uint64_t *at =
		end ? map_get(&l->params, text + 2, (size_t)(end - text - 2)) : NULL;

	return at ? &l->w->params[*at] : NULL;
}

static void
evaluate(struct loader *l, size_t i)
{
	struct wf_param *p = &l->w->params[i];
	struct asker k = {.l = l, .attr = p->name};
	const struct wf_param *first;
	struct error e = {0};
	struct str out = {0};

	l->visits[i] = 1;
	if (subst(&out, p->default_value, SUBST_LAST, lookup_in_default, &k, &e) < 0)
		load_error(l, 0, p->name, e.hint, "parameter '%s': %s", p->name,
			   e.text);
	p->value = str_take(&out);
	first = leading_param(l, p->default_value);
	p->user_base = first && first->user_base;
	l->visits[i] = 2;
}

void
load_params(struct loader *l)
{
	size_t cap = 0;

	for (size_t i = 0; i < l->g->attr_count; i++)
		add_param(l, &l->g->attrs[i], &cap);
	check_inner(l);
	l->visits = xcalloc(l->w->param_count + 1, 1);
	apply_settings(l);
	for (size_t i = 0; i < l->w->param_count; i++)
		if (l->visits[i] == 0)
			evaluate(l, i);
}

char *
load_text(struct loader *l, int line, const char *attr, const char *text,
	  unsigned flags)
{
	struct asker k = {.l = l, .attr = attr};
	struct error e = {0};
	struct str out = {0};

	if (!strchr(text, '$') && !(flags & SUBST_WORDS))
		return xstrdup(text);
	if (subst(&out, text, flags, lookup_param, &k, &e) < 0) {
		load_error(l, line, attr, e.hint, "'%s': %s", attr, e.text);
		str_free(&out);
		return NULL;
	}
	return str_take(&out);
}

int
load_leading(const struct loader *l, const char *text)
{
	const struct wf_param *p = leading_param(l, text);

	return p ? (int)(p - l->w->params) : -1;
}

const char *
load_base(const struct loader *l, const char *text)
{
	const struct wf_param *p = leading_param(l, text);

	return p && p->user_base && p->value && *p->value ? l->cwd : l->w->dir;
}

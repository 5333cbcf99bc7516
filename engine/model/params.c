/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A task's parameters in the form that its plugin gets. Made for every task: one pass
 * over the stage's parameters and the node's texts, which stand in the same order.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "model/param_value.h"
#include "model/substitute.h"
#include "model/task_param.h"

struct maker {
	const struct workflow *w;
	const struct wf_node *n;
	int attempt;
	var_lookup *lookup;
	void *arg;
	struct arena *arena;
};

/* A text after its last substitution; the text itself where nothing is to be done. */
static const char *
last_text(const struct maker *m, const char *text, const struct stage_param *def,
	  struct error *e)
{
	struct str out = {0};
	const char *copy;

	if (!strchr(text, '$'))
		return text;
	if (subst(&out, text, SUBST_LAST | subst_flags(def->type), m->lookup, m->arg,
		  e) < 0) {
		str_free(&out);
		return NULL;
	}
	copy = arena_strdup(m->arena, out.s ? out.s : "");
	str_free(&out);
	return copy;
}

static const char *
checked(const struct maker *m, const char *text, const struct stage_param *def,
	struct error *e)
{
	return text && *text ? param_value(def, text, m->w->dir, m->arena, e) : text;
}

/* The retry value of a parameter, or NULL. */
static const struct wf_text *
retry_text(const struct maker *m, const char *name, int def)
{
	for (size_t i = 0; i < m->n->retry_count && m->attempt > 1; i++)
		if (m->n->retries[i].def == def &&
		    strcmp(m->n->retries[i].name, name) == 0)
			return &m->n->retries[i];
	return NULL;
}

/* `text`: of the node's attribute; NULL: the default. */
static const char *
make_value(const struct maker *m, int index, const char *name, const char *text,
	   struct error *e)
{
	const struct stage_param *def = &m->n->stage->params[index];
	const struct wf_text *retry = retry_text(m, name, index);
	const char *value = text ? last_text(m, text, def, e) : "";
	double factor;

	if (!value)
		return NULL;
	if (!*value)
		value = def->default_value; /* "" means unset, wherever it comes from */
	if (retry && factor_parse(retry->value, &factor) == 0) {
		value = checked(m, value, def, e);
		return value ? param_multiply(def, value, factor, m->attempt - 1,
					      m->arena, e)
			     : NULL;
	}
	if (retry)
		value = last_text(m, retry->value, def, e);
	return checked(m, value, def, e);
}

const char *
task_param_value(const struct workflow *w, int node, int attempt, var_lookup *lookup,
		 void *arg, int index, const char *name, const char *text,
		 struct arena *arena, struct error *e)
{
	struct maker m = {.w = w,
			  .n = &w->nodes[node],
			  .attempt = attempt,
			  .lookup = lookup,
			  .arg = arg,
			  .arena = arena};

	return make_value(&m, index, name, text, e);
}

static int
is_wild(const struct stage_param *p)
{
	return ends_with(p->name, ".*");
}

static int
add_value(const struct maker *m, struct task_params *out, int index, const char *name,
	  const char *text, struct error *e)
{
	struct task_param *p = &out->items[out->count];

	p->def = &m->n->stage->params[index];
	p->name = name;
	p->value = make_value(m, index, name, text, e);
	if (!p->value)
		return -1;
	out->count++;
	return 0;
}

int
task_params_resolve(const struct workflow *w, int node, int attempt, var_lookup *lookup,
		    void *arg, struct task_params *out, struct error *e)
{
	const struct wf_node *n = &w->nodes[node];
	struct maker m = {.w = w,
			  .n = n,
			  .attempt = attempt,
			  .lookup = lookup,
			  .arg = arg,
			  .arena = &out->arena};
	size_t k = 0,
	       room = n->stage->param_count + n->param_count + n->retry_count + 1;

	memset(out, 0, sizeof *out);
	out->items = arena_alloc(&out->arena, room * sizeof *out->items);
	for (size_t i = 0; i < n->stage->param_count; i++) {
		const struct stage_param *def = &n->stage->params[i];
		int rc = 0;

		if (is_wild(def)) {
			for (; rc == 0 && k < n->param_count &&
			       n->params[k].def == (int)i;
			     k++)
				rc = add_value(&m, out, (int)i, n->params[k].name,
					       n->params[k].value, e);
		} else if (k < n->param_count && n->params[k].def == (int)i) {
			rc = add_value(&m, out, (int)i, def->name, n->params[k].value,
				       e);
			k++;
		} else {
			rc = add_value(&m, out, (int)i, def->name, NULL, e);
		}
		if (rc < 0) {
			task_params_free(out);
			return -1;
		}
	}
	return 0;
}

void
task_params_free(struct task_params *p)
{
	arena_free(&p->arena);
	memset(p, 0, sizeof *p);
}

int
node_params_vary(const struct workflow *w, int node)
{
	const struct wf_node *n = &w->nodes[node];

	for (size_t i = 0; i < n->param_count; i++)
		if (n->params[i].vary)
			return 1;
	for (size_t i = 0; i < n->retry_count; i++)
		if (n->retries[i].def >= 0 && n->retries[i].vary)
			return 1;
	return 0;
}

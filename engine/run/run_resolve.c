/* SPDX-License-Identifier: Apache-2.0
 * run_resolve: a task's parameters and options, made once a node where they do not depend on
 * branch variables: resolving them is most of the cost of recognising a finished task.
 */
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "run/run_private.h"

struct lookup {
	const struct run *r;
	uint32_t task;
};

static const char *
look_up_variable(void *arg, const char *name)
{
	const struct lookup *l = arg;

	return graph_value(l->r->g, l->task, name);
}

void
run_resolve_init(struct run *r)
{
	r->nodes = xcalloc(r->w->node_count + 1, sizeof *r->nodes);
	for (size_t i = 0; i < r->w->node_count; i++) {
		r->nodes[i].options_vary = node_options_vary(r->w, (int)i);
		r->nodes[i].params_vary = node_params_vary(r->w, (int)i);
	}
}

void
run_resolve_free(struct run *r)
{
	for (size_t i = 0; r->nodes && i < r->w->node_count; i++) {
		if (r->nodes[i].params) {
			task_params_free(r->nodes[i].params);
			free(r->nodes[i].params);
		}
	}
	free(r->nodes);
}

int
run_options(struct run *r, uint32_t task, int attempt, struct task_options *out,
            struct error *e)
{
	uint32_t node = r->g->tasks[task].node;
	struct run_node *n = &r->nodes[node];
	struct lookup l = {r, task};

	if (n->has_options && attempt == 1) {
		*out = n->options;
		return 0;
	}
	if (task_options_resolve(r->w, (int)node, attempt, look_up_variable, &l, out, e))
		return -1;
	if (!n->options_vary && attempt == 1) {
		n->options = *out;
		n->has_options = 1;
	}
	return 0;
}

int
run_set_options(struct run *r, struct active *a, int attempt, struct error *e)
{
	const struct run_node *n = &r->nodes[r->g->tasks[a->task].node];
	struct task_options options;

	if (run_options(r, a->task, attempt, &options, e))
		return -1;
	if (n->has_options && attempt == 1) {
		a->options = &n->options;
		return 0;
	}
	if (!a->own_options)
		a->own_options = xcalloc(1, sizeof *a->own_options);
	*a->own_options = options;
	a->options = a->own_options;
	return 0;
}

const struct task_params *
run_params(struct run *r, uint32_t task, int attempt, struct error *e)
{
	uint32_t node = r->g->tasks[task].node;
	struct run_node *n = &r->nodes[node];
	struct lookup l = {r, task};

	if (n->params && !n->params_vary && n->params_attempt == attempt)
		return n->params;
	if (n->params)
		task_params_free(n->params);
	else
		n->params = xmalloc(sizeof *n->params);
	*n->params = (struct task_params){0};
	if (task_params_resolve(r->w, (int)node, attempt, look_up_variable, &l, n->params, e)) {
		task_params_free(n->params);
		free(n->params);
		n->params = NULL;
		return NULL;
	}
	n->params_attempt = attempt;
	return n->params;
}

static const char *
no_variable(void *arg, const char *name)
{
	(void)arg;
	(void)name;
	return NULL;
}

int
run_node_options(const struct run *r, uint32_t node, uint32_t task, struct task_options *out)
{
	struct lookup l = {r, task};
	struct error e = {0};

	return task_options_resolve(r->w, (int)node, 1,
	                            task == NONE ? no_variable : look_up_variable, &l, out, &e);
}

int
run_node_params(const struct run *r, uint32_t node, uint32_t task, struct task_params *out)
{
	struct lookup l = {r, task};
	struct error e = {0};

	return task_params_resolve(r->w, (int)node, 1,
	                           task == NONE ? no_variable : look_up_variable, &l, out, &e);
}

/* A secret's value; "" with the error set. */
static const char *
secret_value(const struct task_param *p, struct arena *arena, struct error *e)
{
	struct error why = {0};
	char *value = secret_read(p->value, &why);
	const char *copy = value ? arena_strdup(arena, value) : "";

	if (!value)
		error_set(e, "'%s': %s", p->name, why.text);
	free(value);
	return copy;
}

struct exec_param *
run_exec_params(const struct task_params *params, struct arena *arena, struct error *e)
{
	struct exec_param *list = arena_alloc(arena, (params->count + 1) * sizeof *list);

	for (size_t i = 0; i < params->count; i++) {
		const struct task_param *p = &params->items[i];
		const char *value = p->value;
		if (*value && p->def->flags & AF2_PARAM_SECRET)
			value = secret_value(p, arena, e);
		list[i] = (struct exec_param){p->name, value, p->def->flags};
	}
	return list;
}

static void
add_variable(const struct stage_param *def, const char *value, struct words *out)
{
	if (def->flags & AF2_PARAM_SECRET && starts_with(value, "env:"))
		words_add(out, value + strlen("env:"));
}

void
run_secret_variables(const struct run *r, struct words *out)
{
	for (size_t i = 0; i < r->w->node_count; i++) {
		const struct wf_node *n = &r->w->nodes[i];
		for (size_t k = 0; k < n->stage->param_count; k++)
			add_variable(&n->stage->params[k], n->stage->params[k].default_value, out);
		for (size_t k = 0; k < n->param_count; k++)
			add_variable(&n->stage->params[n->params[k].def], n->params[k].value, out);
		for (size_t k = 0; k < n->retry_count; k++)
			if (n->retries[k].def >= 0)
				add_variable(&n->stage->params[n->retries[k].def],
				             n->retries[k].value, out);
	}
}

int
run_check_secrets(struct run *r, uint32_t task, int attempt, struct error *e)
{
	const struct stage *s = r->w->nodes[r->g->tasks[task].node].stage;
	const struct task_params *params;
	struct arena arena = {0};
	unsigned flags = 0;

	for (size_t i = 0; i < s->param_count; i++)
		flags |= s->params[i].flags;
	if (!(flags & AF2_PARAM_SECRET))
		return 0;
	params = run_params(r, task, attempt, e);
	if (params)
		run_exec_params(params, &arena, e);
	arena_free(&arena);
	return error_is_set(e) ? -1 : 0;
}

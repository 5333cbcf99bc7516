/* SPDX-License-Identifier: Apache-2.0
 * run_resolve: a task's parameters and options, made once a node where they do not depend on
 * branch variables: resolving them is most of the cost of recognising a finished task.
 */
#include <stdlib.h>

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

/* SPDX-License-Identifier: Apache-2.0
 * run_items: what stands on a task's input ports.
 */
#include <stdlib.h>
#include <string.h>

#include "run/run_private.h"

/* The element of a list that a task takes on this edge, or NULL where it takes all: its node's
 * own `v in node.port` names the edge's port. */
static const char *
wanted_element(const struct run *r, uint32_t task, const struct wf_edge *e)
{
	const struct wf_node *n = &r->w->nodes[e->to];

	for (size_t i = 0; i < n->var_count; i++)
		if (n->vars[i].kind == VAR_IN && n->vars[i].in_node == e->from
		    && n->vars[i].in_port == e->from_port)
			return graph_value(r->g, task, n->vars[i].name);
	return NULL;
}

static void
edge_items(const struct run *r, uint32_t task, int edge, struct items *out)
{
	const struct wf_edge *e = &r->w->edges[edge];
	const char *port = r->w->nodes[e->from].outputs[e->from_port].name;
	const char *element = wanted_element(r, task, e);
	struct u32s producers = {0};

	graph_producers(r->g, task, edge, 1, &producers);
	for (size_t i = 0; i < producers.count; i++) {
		const struct result *res = r->tasks[producers.v[i]].result;
		for (size_t k = 0; res && k < res->output_count; k++) {
			const struct result_output *o = &res->outputs[k];
			if (strcmp(o->port, port) || (element && strcmp(o->element, element)))
				continue;
			GROW(out->v, out->count, out->cap);
			out->v[out->count++] = (struct item){producers.v[i], o};
		}
	}
	free(producers.v);
}

void
run_items(const struct run *r, uint32_t task, int port, struct items *out)
{
	size_t count;
	const int *in = graph_in_edges(r->g, r->g->tasks[task].node, &count);

	for (size_t k = 0; k < count; k++)
		if (!r->w->edges[in[k]].order && r->w->edges[in[k]].to_port == port)
			edge_items(r, task, in[k], out);
}

void
run_branch(const struct run *r, uint32_t task, struct arena *a, size_t *count,
           const char *const **names, const char *const **values)
{
	const struct wf_node *n = &r->w->nodes[r->g->tasks[task].node];
	const char **k = arena_alloc(a, (n->all_var_count + 1) * sizeof *k);
	const char **v = arena_alloc(a, (n->all_var_count + 1) * sizeof *v);

	for (size_t i = 0; i < n->all_var_count; i++) {
		const struct branch_value *b = &r->g->vals[r->g->tasks[task].values + i];
		k[i] = intern_text(&r->w->var_names, n->all_vars[i]);
		v[i] = r->g->texts[b->id].name;
	}
	*count = n->all_var_count;
	*names = k;
	*values = v;
}

char *
run_label(const struct run *r, uint32_t task)
{
	struct str b = {0};

	graph_label(r->g, task, &b);
	return str_take(&b);
}

char *
run_branch_text(const struct run *r, uint32_t task)
{
	struct str b = {0};

	graph_branch(r->g, task, &b);
	return str_take(&b);
}

/* --- enough of them ---------------------------------------------------------------------- */

/* The branches that are missing on a port: "relax[model=2] is skipped, ...". */
static void
missing_branches(const struct run *r, uint32_t task, int port, struct str *text)
{
	struct u32s all = {0};
	size_t count, said = 0;
	const int *in = graph_in_edges(r->g, r->g->tasks[task].node, &count);

	for (size_t k = 0; k < count; k++)
		if (!r->w->edges[in[k]].order && r->w->edges[in[k]].to_port == port)
			graph_producers(r->g, task, in[k], 0, &all);
	for (size_t i = 0; i < all.count; i++) {
		int state = r->g->tasks[all.v[i]].state;
		if (state == T_DONE || ++said > 8)
			continue;
		str_add(text, said > 1 ? ", " : ": ");
		graph_label(r->g, all.v[i], text);
		str_printf(text, " is %s", task_state_name(state));
	}
	if (said > 8)
		str_printf(text, ", and %zu more", said - 8);
	free(all.v);
}

static int
fail_items(struct run *r, uint32_t task, int port, size_t have)
{
	const struct stage_port *p =
		&r->w->nodes[r->g->tasks[task].node].inputs[port];
	struct task_options options = {0};
	struct error e = {0};
	struct str text = {0};

	str_printf(&text, "input '%s' has %zu item%s, it takes %s%u", p->name, have,
	           have == 1 ? "" : "s", p->cardinality == AF2_MANY ? "at least " : "",
	           p->cardinality == AF2_MANY ? p->min : 1);
	missing_branches(r, task, port, &text);
	run_options(r, task, 1, &options, &e);
	run_fail_finally(r, task, &options, AF2_CLASS_PERMANENT, text.s);
	str_free(&text);
	return 1;
}

int
run_check_items(struct run *r, uint32_t task)
{
	const struct wf_node *n = &r->w->nodes[r->g->tasks[task].node];
	struct items items = {0};
	int settled = 0;

	for (size_t p = 0; p < n->input_count && !settled; p++) {
		const struct stage_port *port = &n->inputs[p];
		if (port->flags & AF2_PORT_HINT || port->cardinality == AF2_OPTIONAL
		    || (port->cardinality == AF2_MANY && !port->min))
			continue;
		items.count = 0;
		run_items(r, task, (int)p, &items);
		if (port->cardinality == AF2_ONE && items.count == 0) {
			graph_settle(r->g, task, T_OFF);
			run_state_event(r, task, "off", "no producer of an input is on");
			settled = 1;
		} else if (port->cardinality == AF2_ONE ? items.count > 1
		                                        : items.count < port->min) {
			settled = fail_items(r, task, (int)p, items.count);
		}
	}
	free(items.v);
	return settled;
}

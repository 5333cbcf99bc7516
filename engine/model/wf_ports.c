/* SPDX-License-Identifier: Apache-2.0 */
/* Ports of a node: its stage's, and those that its parameters name. */
#include "base/mem.h"
#include "model/stage_parts.h"
#include "model/workflow_parts.h"

static void
copy_ports(struct stage_port **to, size_t *count, const struct stage_port *from,
	   size_t n)
{
	*to = xcalloc(n + 1, sizeof **to);
	for (*count = 0; *count < n; ++*count)
		stage_port_copy(&(*to)[*count], &from[*count]);
}

/* Ports that parameters of type AF2_PORTS_* add. */
static void
computed_ports(struct loader *l, struct wf_node *n)
{
	for (size_t i = 0; i < n->stage->param_count; i++) {
		const struct stage_param *def = &n->stage->params[i];
		const char *text = def->default_value;
		struct error e = {0};
		int rc, vary = 0;

		if (def->type != AF2_PORTS_IN && def->type != AF2_PORTS_OUT)
			continue;
		for (size_t k = 0; k < n->param_count; k++)
			if (n->params[k].def == (int)i) {
				text = n->params[k].value;
				vary = n->params[k].vary;
			}
		if (vary) {
			load_error(l, n->line, def->name, NULL,
				   "'%s': ports cannot depend on a branch variable",
				   def->name);
			continue;
		}
		if (def->type == AF2_PORTS_IN)
			rc = ports_parse(text, 0, &n->inputs, &n->input_count, &e);
		else
			rc = ports_parse(text, 1, &n->outputs, &n->output_count, &e);
		if (rc < 0)
			load_error(l, n->line, def->name, e.hint, "'%s': %s", def->name,
				   e.text);
	}
}

void
load_ports(struct loader *l, struct wf_node *n)
{
	const struct stage *s = n->stage;

	copy_ports(&n->inputs, &n->input_count, s->inputs, s->input_count);
	copy_ports(&n->outputs, &n->output_count, s->outputs, s->output_count);
	computed_ports(l, n);
}

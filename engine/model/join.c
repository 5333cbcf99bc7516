/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Edges: which output joins which input.
 *
 * An edge A -> B joins every output of A that fits an input of B by type; the
 * attributes output and input narrow it. Several inputs for one output: the one named
 * like the output, else like A, else like A's plugin. Several outputs for one single
 * input: the one in B's "expand ... in", else the one named like the input. A list
 * output fits a many input, or a single one through expand. What is then still open, or
 * joins nothing, is an error.
 */
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "model/attributes.h"
#include "model/workflow_parts.h"

struct join {
	struct loader *l;
	int from, to, line;
	const char *output, *input; /* narrowing; NULL for none */
	int order;
	int *choice; /* per output of A: input of B, or -1 */
};

/* --- candidates ------------------------------------------------------------------- */

/* Does B expand over this output? */
static int
expands(const struct wf_node *b, int from, int port)
{
	for (size_t i = 0; i < b->var_count; i++)
		if (b->vars[i].kind == VAR_IN && b->vars[i].in_node == from &&
		    b->vars[i].in_port == port)
			return 1;
	return 0;
}

static int
fits(const struct join *j, size_t out, size_t in)
{
	const struct wf_node *a = &j->l->w->nodes[j->from], *b = &j->l->w->nodes[j->to];
	const struct stage_port *o = &a->outputs[out], *i = &b->inputs[in];

	if (j->output && strcmp(o->name, j->output) != 0)
		return 0;
	if (j->input && strcmp(i->name, j->input) != 0)
		return 0;
	if (!port_accepts(i, o->types.v[0]))
		return 0;
	return o->cardinality != AF2_MANY || i->cardinality == AF2_MANY ||
	       expands(b, j->from, (int)out);
}

/* The index of the fitting input called `name`, or -1. */
static int
input_named(const struct join *j, size_t out, const char *name)
{
	const struct wf_node *b = &j->l->w->nodes[j->to];

	for (size_t i = 0; i < b->input_count; i++)
		if (strcmp(b->inputs[i].name, name) == 0 && fits(j, out, i))
			return (int)i;
	return -1;
}

static void
ambiguous_input(const struct join *j, size_t out)
{
	const struct wf_node *a = &j->l->w->nodes[j->from], *b = &j->l->w->nodes[j->to];
	struct str list = {0};

	for (size_t i = 0; i < b->input_count; i++)
		if (fits(j, out, i))
			str_printf(&list, "%s%s", list.len ? ", " : "",
				   b->inputs[i].name);
	load_error(j->l, j->line, b->name,
		   "say which: [input=NAME], or name the node like it",
		   "'%s' -> '%s': output '%s' (%s) fits several inputs: %s", a->name,
		   b->name, a->outputs[out].name, a->outputs[out].types.v[0], list.s);
	str_free(&list);
}

/* The input for one output, -1 if none fits, -2 with an error. */
static int
choose_input(const struct join *j, size_t out)
{
	const struct wf_node *a = &j->l->w->nodes[j->from], *b = &j->l->w->nodes[j->to];
	const char *const names[] = {a->outputs[out].name, a->name, a->stage->id};
	int only = -1, count = 0, at;

	for (size_t i = 0; i < b->input_count; i++)
		if (fits(j, out, i)) {
			only = (int)i;
			count++;
		}
	if (count <= 1)
		return only;
	for (size_t k = 0; k < 3; k++)
		if ((at = input_named(j, out, names[k])) >= 0)
			return at;
	ambiguous_input(j, out);
	return -2;
}

/* --- several outputs for one single input ----------------------------------------- */

static int
preferred_output(const struct join *j, int in)
{
	const struct wf_node *a = &j->l->w->nodes[j->from], *b = &j->l->w->nodes[j->to];

	for (size_t o = 0; o < a->output_count; o++)
		if (j->choice[o] == in && expands(b, j->from, (int)o))
			return (int)o;
	for (size_t o = 0; o < a->output_count; o++)
		if (j->choice[o] == in &&
		    strcmp(a->outputs[o].name, b->inputs[in].name) == 0)
			return (int)o;
	return -1;
}

static int
settle_single(const struct join *j, int in)
{
	const struct wf_node *a = &j->l->w->nodes[j->from], *b = &j->l->w->nodes[j->to];
	struct str list = {0};
	int count = 0, keep;

	for (size_t o = 0; o < a->output_count; o++)
		if (j->choice[o] == in) {
			str_printf(&list, "%s%s", count++ ? ", " : "",
				   a->outputs[o].name);
		}
	keep = count > 1 ? preferred_output(j, in) : -1;
	if (count > 1 && keep < 0)
		load_error(j->l, j->line, b->name, "say which: [output=NAME]",
			   "'%s' -> '%s': several outputs fit the input '%s': %s",
			   a->name, b->name, b->inputs[in].name, list.s);
	str_free(&list);
	if (count > 1)
		for (size_t o = 0; o < a->output_count; o++)
			if (j->choice[o] == in && (int)o != keep)
				j->choice[o] = -1;
	return count > 1 && keep < 0 ? -1 : 0;
}

/* --- nothing fits ----------------------------------------------------------------- */

static void
add_ports(struct str *s, const struct stage_port *ports, size_t count)
{
	static const char *const marks[] = {"", "?", "*"};

	for (size_t i = 0; i < count; i++) {
		str_printf(s, "%s%s:", i ? " " : "", ports[i].name);
		for (size_t k = 0; k < ports[i].types.count; k++)
			str_printf(s, "%s%s", k ? "|" : "", ports[i].types.v[k]);
		str_add(s, marks[ports[i].cardinality]);
	}
	if (count == 0)
		str_add(s, "none");
}

static int
has_port(const struct stage_port *ports, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(ports[i].name, name) == 0)
			return 1;
	return 0;
}

static void
nothing_joined(const struct join *j)
{
	const struct wf_node *a = &j->l->w->nodes[j->from], *b = &j->l->w->nodes[j->to];
	struct str outs = {0}, ins = {0};
	const char *hint = "order=true makes it an edge without data";

	add_ports(&outs, a->outputs, a->output_count);
	add_ports(&ins, b->inputs, b->input_count);
	for (size_t o = 0; o < a->output_count; o++)
		for (size_t i = 0; i < b->input_count; i++)
			if (a->outputs[o].cardinality == AF2_MANY &&
			    port_accepts(&b->inputs[i], a->outputs[o].types.v[0]))
				hint = "a list fits a single input through "
				       "expand=\"NAME in NODE.PORT\" only";
	if (j->output && !has_port(a->outputs, a->output_count, j->output))
		load_error(j->l, j->line, j->output, NULL,
			   "'%s' has no output '%s': %s", a->name, j->output, outs.s);
	else if (j->input && !has_port(b->inputs, b->input_count, j->input))
		load_error(j->l, j->line, j->input, NULL, "'%s' has no input '%s': %s",
			   b->name, j->input, ins.s);
	else
		load_error(j->l, j->line, b->name, hint,
			   "'%s' -> '%s': no output fits an input (outputs: %s; "
			   "inputs: %s)",
			   a->name, b->name, outs.s, ins.s);
	str_free(&outs);
	str_free(&ins);
}

/* --- edges ------------------------------------------------------------------------ */

static void
add_edge(struct loader *l, const struct join *j, int out, int in, size_t *cap)
{
	struct workflow *w = l->w;

	GROW(w->edges, w->edge_count, *cap);
	w->edges[w->edge_count++] = (struct wf_edge){
		.from = j->from,
		.to = j->to,
		.line = j->line,
		.order = j->order,
		.from_port = out,
		.to_port = in,
	};
}

static void
join_ports(struct join *j, size_t *cap)
{
	const struct wf_node *a = &j->l->w->nodes[j->from], *b = &j->l->w->nodes[j->to];
	int joined = 0, bad = 0;

	j->choice = xmalloc((a->output_count + 1) * sizeof *j->choice);
	for (size_t o = 0; o < a->output_count; o++) {
		j->choice[o] = choose_input(j, o);
		bad |= j->choice[o] == -2;
	}
	for (size_t i = 0; i < b->input_count && !bad; i++)
		if (b->inputs[i].cardinality != AF2_MANY)
			bad |= settle_single(j, (int)i) < 0;
	for (size_t o = 0; o < a->output_count && !bad; o++)
		if (j->choice[o] >= 0) {
			add_edge(j->l, j, (int)o, j->choice[o], cap);
			joined++;
		}
	if (!bad && !joined)
		nothing_joined(j);
	if (bad || !joined)
		j->l->unjoined[j->to] = 1;
	free(j->choice);
}

/* Returns -1 with an error added. */
static int
read_attrs(struct join *j, const struct dot_edge *d)
{
	struct loader *l = j->l;
	size_t errors = l->diags->errors;

	for (size_t i = 0; i < d->attr_count; i++) {
		const char *name = d->attrs[i].name, *value = d->attrs[i].value;

		if (strcmp(name, "output") == 0) {
			j->output = value;
		} else if (strcmp(name, "input") == 0) {
			j->input = value;
		} else if (strcmp(name, "order") == 0) {
			if (parse_bool(value, &j->order) < 0)
				load_error(l, d->line, name, "write order=true",
					   "'%s' is no value for 'order'", value);
		} else if (attr_kind(name) != ATTR_GRAPHVIZ &&
			   attr_kind(name) != ATTR_PRIVATE) {
			char *hint = did_you_mean(name, attr_edge_names);

			load_error(l, d->line, name,
				   hint ? hint : "an edge has output, input and order",
				   "unknown edge attribute '%s'", name);
			free(hint);
		}
	}
	if (j->order && (j->output || j->input))
		load_error(l, d->line, j->output ? "output" : "input", NULL,
			   "an order edge carries no data: it has no ports");
	return l->diags->errors > errors ? -1 : 0;
}

static uint64_t *
pair_count(struct map *pairs, const struct dot_edge *d)
{
	int key[2] = {d->from, d->to};

	return map_put(pairs, key, sizeof key, NULL);
}

void
load_edges(struct loader *l)
{
	struct map pairs = {0};
	size_t cap = 0, n = l->g->edge_count;
	struct join *joins = xcalloc(n + 1, sizeof *joins);

	for (size_t i = 0; i < n; i++) {
		const struct dot_edge *d = &l->g->edges[i];

		joins[i] = (struct join){
			.l = l, .from = d->from, .to = d->to, .line = d->line};
		if (read_attrs(&joins[i], d) < 0)
			joins[i].from = -1;
		else if (!joins[i].order)
			++*pair_count(&pairs, d);
	}
	for (size_t i = 0; i < n; i++) {
		struct join *j = &joins[i];
		const struct dot_edge *d = &l->g->edges[i];

		if (j->from < 0) {
			l->unjoined[j->to] = 1;
			continue;
		}
		if (j->order)
			add_edge(l, j, -1, -1, &cap);
		else if (!l->w->nodes[j->from].stage || !l->w->nodes[j->to].stage)
			l->unjoined[j->to] = 1; /* said already */
		else if (*pair_count(&pairs, d) > 1 && !j->output && !j->input)
			l->unjoined[j->to] = (unsigned char)-load_error(
				l, j->line, l->w->nodes[j->to].name,
				"each needs [output=NAME] or [input=NAME]",
				"parallel edges '%s' -> '%s'",
				l->w->nodes[j->from].name, l->w->nodes[j->to].name);
		else
			join_ports(j, &cap);
	}
	map_free(&pairs);
	free(joins);
}

/* SPDX-License-Identifier: Apache-2.0
 * picture: what is drawn of a workflow or a run. Of a run each task is drawn, but a node with more
 * than MANY tasks is one box that counts them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "model/expand.h"
#include "view/graph_dot.h"
#include "view/picture.h"

#define MANY 16 /* tasks of one node that are drawn one by one */

struct picture {
	struct arena arena;
	struct pic_node *nodes;
	size_t node_count, node_cap;
	struct pic_edge *edges;
	size_t edge_count, edge_cap;
	struct map seen_edges;
};

static size_t
add_node(struct picture *p, const char *id, const char *label, const char *state,
         const char *detail)
{
	GROW(p->nodes, p->node_count, p->node_cap);
	p->nodes[p->node_count] = (struct pic_node){
		.id = arena_strdup(&p->arena, id), .label = arena_strdup(&p->arena, label),
		.state = arena_strdup(&p->arena, state), .detail = arena_strdup(&p->arena, detail)};
	return p->node_count++;
}

static void
add_edge(struct picture *p, size_t from, size_t to, int dashed)
{
	size_t key[2] = {from, to};
	int added;

	map_put(&p->seen_edges, key, sizeof key, &added);
	if (!added)
		return;
	GROW(p->edges, p->edge_count, p->edge_cap);
	p->edges[p->edge_count++] = (struct pic_edge){.from = from, .to = to, .dashed = dashed};
}

static void
picture_free(struct picture *p)
{
	free(p->nodes);
	free(p->edges);
	map_free(&p->seen_edges);
	arena_free(&p->arena);
}

/* --- of a workflow ----------------------------------------------------------------------- */

static const char *
option(const struct wf_node *n, const char *name)
{
	for (size_t i = 0; i < n->option_count; i++)
		if (!strcmp(n->options[i].name, name))
			return n->options[i].value;
	return "";
}

/* How many values a variable has where it is introduced; 0 if only a run can tell. */
static size_t
value_count(const struct workflow *w, const char *name)
{
	for (size_t i = 0; i < w->node_count; i++)
		for (size_t k = 0; k < w->nodes[i].var_count; k++)
			if (!strcmp(w->nodes[i].vars[k].name, name))
				return w->nodes[i].vars[k].values.count;
	return 0;
}

/* Order and hint edges are drawn dashed. */
static int
is_soft(const struct workflow *w, const struct wf_edge *e)
{
	return e->order || w->nodes[e->to].inputs[e->to_port].flags & AF2_PORT_HINT;
}

static void
draw_workflow(struct picture *p, const struct workflow *w)
{
	for (size_t i = 0; i < w->node_count; i++) {
		const struct wf_node *n = &w->nodes[i];
		struct str detail = {0};
		if (strcmp(n->name, n->stage->id))
			str_add(&detail, n->stage->id);
		for (size_t k = 0; k < n->all_var_count; k++) {
			const char *name = intern_text(&w->var_names, n->all_vars[k]);
			size_t count = value_count(w, name);
			str_printf(&detail, "%sfor each %s", detail.len ? "\n" : "", name);
			if (count)
				str_printf(&detail, " (%zu)", count);
		}
		if (*option(n, "when"))
			str_printf(&detail, "%swhen %s", detail.len ? "\n" : "",
			           option(n, "when"));
		add_node(p, n->name, n->name, "", detail.s ? detail.s : "");
		str_free(&detail);
	}
	for (size_t k = 0; k < w->edge_count; k++)
		add_edge(p, (size_t)w->edges[k].from, (size_t)w->edges[k].to,
		         is_soft(w, &w->edges[k]));
}

/* --- of a run ---------------------------------------------------------------------------- */

static const char *
told_state(const struct history_task *t)
{
	return strcmp(t->state, "cached") ? t->state : "done";
}

/* A task's state for the picture: what its result says, else what the journal says. */
static const char *
task_state(const struct run *r, const struct history *h, uint32_t task, const char *label)
{
	const struct history_task *t = h ? history_task(h, label) : NULL;
	int state = run_graph(r)->tasks[task].state;

	if (state == T_DONE)
		return "done";
	if (t)
		return told_state(t);
	return task_state_name(state == T_READY ? T_WAITING : state);
}

static void
picture_tasks(struct picture *p, const struct run *r, const struct history *h, uint32_t node,
              size_t *pic_of)
{
	const struct graph *g = run_graph(r);
	struct str label = {0}, branch = {0};

	for (uint32_t t = 0; t < g->task_count; t++) {
		if (g->tasks[t].node != node)
			continue;
		str_reset(&label);
		str_reset(&branch);
		graph_label(g, t, &label);
		graph_branch(g, t, &branch);
		const struct history_task *past = h ? history_task(h, label.s) : NULL;
		struct str detail = {0};
		str_add(&detail, branch.s ? branch.s : "");
		if (past && past->attempt_count > 1)
			str_printf(&detail, "%s%zu attempts", detail.len ? ", " : "",
			           past->attempt_count);
		pic_of[t] = add_node(p, label.s, g->w->nodes[node].name,
		                     task_state(r, h, t, label.s), detail.s ? detail.s : "");
		str_free(&detail);
	}
	str_free(&label);
	str_free(&branch);
}

/* From the worst on: the first one gives a box of many tasks its colour. */
static const char *const box_states[] = {"failed", "blocked", "lost", "cancelled", "running",
                                         "waiting", "skipped", "off", "done"};
enum { BOX_STATES = sizeof box_states / sizeof *box_states };

static void
count_state(size_t counts[BOX_STATES], const char *state)
{
	for (size_t k = 0; k < BOX_STATES; k++)
		counts[k] += !strcmp(box_states[k], state);
}

/* Tasks that only the journal knows: the list that they came from was made, but is gone. */
static void
count_told(const struct run *r, const struct history *h, uint32_t node,
           size_t counts[BOX_STATES])
{
	const struct graph *g = run_graph(r);
	const char *name = g->w->nodes[node].name;
	struct str label = {0};
	uint32_t source;

	if (!h || !expand_open(g, node, &source) || source == NONE)
		return;
	graph_label(g, source, &label);
	int made = !strcmp(task_state(r, h, source, label.s), "done");
	for (size_t i = 0; made && i < h->task_count; i++)
		if (!strcmp(h->tasks[i].node, name))
			count_state(counts, told_state(&h->tasks[i]));
	str_free(&label);
}

static size_t
count_tasks(const struct run *r, const struct history *h, uint32_t node, size_t pic,
            size_t *pic_of, size_t counts[BOX_STATES])
{
	const struct graph *g = run_graph(r);
	struct str label = {0};
	size_t total = 0;

	for (uint32_t t = 0; t < g->task_count; t++) {
		if (g->tasks[t].node != node)
			continue;
		str_reset(&label);
		graph_label(g, t, &label);
		count_state(counts, task_state(r, h, t, label.s));
		pic_of[t] = pic;
		total++;
	}
	str_free(&label);
	return total;
}

/* One box for a node of many tasks, or of none that is known. */
static void
picture_box(struct picture *p, const struct run *r, const struct history *h, uint32_t node,
            size_t *pic_of)
{
	const char *name = run_graph(r)->w->nodes[node].name, *state = "";
	size_t counts[BOX_STATES] = {0}, states = 0, total = 0;
	size_t pic = add_node(p, name, "", "", "");
	struct str detail = {0};

	if (!count_tasks(r, h, node, pic, pic_of, counts))
		count_told(r, h, node, counts);
	for (size_t k = 0; k < BOX_STATES; k++) {
		if (!counts[k])
			continue;
		if (!*state)
			state = box_states[k];
		str_printf(&detail, "%s%zu %s", detail.len ? ", " : "", counts[k], box_states[k]);
		total += counts[k];
		states++;
	}
	p->nodes[pic].label = total ? arena_printf(&p->arena, "%s (%zu)", name, total)
	                            : arena_strdup(&p->arena, name);
	p->nodes[pic].state = state;
	if (states > 1)
		p->nodes[pic].detail = arena_strdup(&p->arena, detail.s);
	str_free(&detail);
}

static void
draw_run(struct picture *p, const struct run *r, const struct history *h)
{
	const struct graph *g = run_graph(r);
	size_t *pic_of = xcalloc(g->task_count + 1, sizeof *pic_of);
	struct u32s producers = {0};

	for (uint32_t n = 0; n < g->w->node_count; n++) {
		size_t count = 0;
		for (int s = 0; s < T_STATE_COUNT; s++)
			count += g->node_counts[(size_t)n * T_STATE_COUNT + (size_t)s];
		if (!g->w->nodes[n].selected)
			continue;
		if (count > MANY || count == 0)
			picture_box(p, r, h, n, pic_of);
		else
			picture_tasks(p, r, h, n, pic_of);
	}
	for (uint32_t t = 0; t < g->task_count; t++) {
		size_t count;
		const int *in = graph_in_edges(g, g->tasks[t].node, &count);
		for (size_t k = 0; k < count; k++) {
			producers.count = 0;
			graph_producers(g, t, in[k], 0, &producers);
			for (size_t i = 0; i < producers.count; i++)
				add_edge(p, pic_of[producers.v[i]], pic_of[t],
				         is_soft(g->w, &g->w->edges[in[k]]));
		}
	}
	free(producers.v);
	free(pic_of);
}

void
picture_workflow(struct str *out, const struct workflow *w)
{
	struct picture p = {0};

	draw_workflow(&p, w);
	graph_dot(out, w->name, p.nodes, p.node_count, p.edges, p.edge_count);
	picture_free(&p);
}

void
picture_run(struct str *out, const struct run *r, const struct history *h)
{
	struct picture p = {0};

	draw_run(&p, r, h);
	graph_dot(out, run_graph(r)->w->name, p.nodes, p.node_count, p.edges, p.edge_count);
	picture_free(&p);
}

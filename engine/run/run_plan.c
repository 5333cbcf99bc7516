/* SPDX-License-Identifier: Apache-2.0
 * run_plan: what would run, and why. Tasks that are ready and have no result run; tasks behind
 * them may: if what runs first makes the same bytes again, their results stand.
 */
#include <stdlib.h>
#include <string.h>

#include "model/expand.h"
#include "run/run_plan.h"
#include "run/run_private.h"

enum { NAMED = 3 }; /* producers that a reason names */

const char *
plan_word(int kind)
{
	static const char *const words[PLAN_KIND_COUNT] = {
#define X(symbol, word) word,
		PLAN_KINDS(X)
#undef X
	};

	return kind >= 0 && kind < PLAN_KIND_COUNT ? words[kind] : "?";
}

/* What a view shows as done is no reason for a run not to look. */
static int
kind_of_done(const struct run *r, uint32_t task)
{
	switch (r->tasks[task].recalled) {
	case RECALLED: return PLAN_RUN;
	case RESTS_ON_RECALL: return PLAN_MAYBE;
	}
	return PLAN_DONE;
}

static int
kind_of(const struct run *r, uint32_t task)
{
	switch (r->g->tasks[task].state) {
	case T_DONE: return kind_of_done(r, task);
	case T_READY: return PLAN_RUN;
	case T_SKIPPED: return PLAN_SKIP;
	case T_OFF: return PLAN_OFF;
	case T_FAILED:
	case T_BLOCKED:
	case T_CANCELLED: return PLAN_FAIL;
	}
	return PLAN_MAYBE;
}

size_t
run_unmet(const struct run *r, uint32_t task, struct plan_wait *out, size_t max)
{
	struct u32s all = {0};
	size_t count, found = 0;
	const int *in = graph_in_edges(r->g, r->g->tasks[task].node, &count);

	for (size_t k = 0; k < count; k++) {
		const struct wf_edge *e = &r->w->edges[in[k]];
		const char *port = e->order ? "" : r->w->nodes[e->to].inputs[e->to_port].name;
		all.count = 0;
		graph_producers(r->g, task, in[k], 0, &all);
		for (size_t i = 0; i < all.count; i++) {
			if (graph_is_final(r->g->tasks[all.v[i]].state))
				continue;
			if (found < max)
				out[found] = (struct plan_wait){all.v[i], port};
			found++;
		}
	}
	free(all.v);
	return found;
}

/* --- why --------------------------------------------------------------------------------- */

/* Its result stands if that of a producer does. */
static void
why_rests(const struct run *r, uint32_t task, struct reasons *out)
{
	uint32_t producer = run_recalled_input(r, task);
	struct str label = {0};

	graph_label(r->g, producer, &label);
	reasons_add(out, WHY_PRODUCER, r->w->nodes[r->g->tasks[producer].node].name, NULL, NULL,
	            "%s comes first; with the same bytes again it need not run", label.s);
	str_free(&label);
}

static void
why_maybe(const struct run *r, const struct plan *p, uint32_t task, struct reasons *out)
{
	struct plan_wait first[NAMED];
	size_t count = run_unmet(r, task, first, NAMED);
	const struct plan_node *n = &p->nodes[r->g->tasks[task].node];
	struct str names = {0};

	for (size_t i = 0; i < count && i < NAMED; i++) {
		str_add(&names, i ? ", " : "");
		graph_label(r->g, first[i].task, &names);
	}
	if (count > NAMED)
		str_printf(&names, " and %zu more", count - NAMED);
	if (count)
		reasons_add(out, WHY_PRODUCER, r->w->nodes[r->g->tasks[first[0].task].node].name,
		            NULL, NULL, "%s run%s first%s", names.s, count == 1 ? "s" : "",
		            run_had_result(r, task)
		                    ? "; with the same bytes again it need not run" : "");
	else
		reasons_add(out, WAITS_LIST, NULL, NULL, NULL,
		            "the branches that it gathers come from a list that is not known yet%s",
		            n->open ? ", and so do its own" : "");
	str_free(&names);
}

int
run_why_off(struct run *r, uint32_t task)
{
	const struct task *t = &r->g->tasks[task];
	struct task_options options;
	struct error e = {0};

	if (t->cause == NONE && run_options(r, task, 1, &options, &e) == 0 && !options.when)
		return IS_OFF;
	for (size_t k = 0; t->cause == NONE && k < r->w->edge_count; k++) {
		const struct wf_edge *x = &r->w->edges[k];
		if ((uint32_t)x->from == t->node && !x->order
		    && r->w->nodes[x->to].inputs[x->to_port].flags & AF2_PORT_HINT)
			return IS_OFF_HINT;
	}
	return IS_OFF_INPUT;
}

/* What the run noted of a task that failed or was skipped before any attempt. */
static const char *
noted(const struct words *lines, const char *label)
{
	size_t n = strlen(label);

	for (size_t i = 0; i < lines->count; i++)
		if (!strncmp(lines->v[i], label, n) && !strncmp(lines->v[i] + n, ": ", 2))
			return lines->v[i] + n + 2;
	return NULL;
}

static void
why_settled(struct run *r, uint32_t task, struct reasons *out)
{
	const struct task *t = &r->g->tasks[task];
	struct str label = {0}, cause = {0};
	int failed = t->state == T_FAILED;
	int id = t->state == T_OFF       ? run_why_off(r, task)
	         : failed                ? IS_REFUSED
	         : t->state == T_SKIPPED ? IS_SKIPPED_INPUT
	                                 : IS_BLOCKED;

	graph_label(r->g, task, &label);
	if (t->cause != NONE)
		graph_label(r->g, t->cause, &cause);
	const char *said = cause.s ? NULL : noted(failed ? &r->failures : &r->skips, label.s);
	if (said && !failed)
		id = IS_REFUSED;
	if (cause.s)
		reasons_add(out, id, cause.s, NULL, NULL, "its input %s is %s", cause.s,
		            task_state_name(r->g->tasks[t->cause].state));
	else
		reasons_add(out, id, NULL, NULL, NULL, "%s", said ? said : reason_meaning(id));
	str_free(&label);
	str_free(&cause);
}

/* A ready task without a result. */
static void
plan_ready(struct run *r, struct map *keys, struct plan_task *t)
{
	struct active *a = run_active(r, t->task);
	struct error e = {0};
	struct digest key;
	int added, known = run_set_options(r, a, 1, &e);

	if (known == 0)
		known = run_key(r, a, 1, 0, &key, &e);
	if (known < 0) {
		reasons_add(&t->why, IS_REFUSED, NULL, NULL, NULL, "%s", e.text);
		run_drop_active(r, t->task);
		return;
	}
	uint64_t *first = known ? map_put(keys, &key, sizeof key, &added) : NULL;
	if (first && !added) {
		struct str label = {0};
		graph_label(r->g, t->with = (uint32_t)*first, &label);
		t->kind = PLAN_SHARED;
		reasons_add(&t->why, WHY_SHARED, label.s, NULL, NULL,
		            "the same work as %s: done once", label.s);
		str_free(&label);
	} else {
		if (first)
			*first = t->task;
		else
			t->kind = PLAN_MAYBE;
		run_why(r, a, &t->why);
		if (!first && t->why.v[t->why.count - 1].id != WHY_TOOLS)
			reasons_add(&t->why, WHY_TOOLS, NULL, NULL, NULL,
			            "its tools or databases must be looked at first (fingerprint)");
	}
	run_drop_active(r, t->task);
}

/* --- the whole --------------------------------------------------------------------------- */

static void
add_tasks(struct run *r, struct plan *p, struct map *keys)
{
	for (uint32_t t = 0; t < r->g->task_count; t++) {
		int kind = kind_of(r, t);
		uint32_t node = r->g->tasks[t].node;
		if (kind != PLAN_DONE) {
			GROW(p->tasks, p->count, p->cap);
			struct plan_task *x = &p->tasks[p->count++];
			*x = (struct plan_task){.task = t, .kind = kind, .with = NONE};
			if (kind == PLAN_RUN)
				plan_ready(r, keys, x);
			else if (r->g->tasks[t].state == T_DONE)
				why_rests(r, t, &x->why);
			else if (kind == PLAN_MAYBE)
				why_maybe(r, p, t, &x->why);
			else
				why_settled(r, t, &x->why);
			kind = x->kind;
		}
		p->nodes[node].counts[kind]++;
		p->counts[kind]++;
	}
}

struct plan *
run_plan(struct run *r, struct error *e)
{
	struct plan *p = xcalloc(1, sizeof *p);
	struct map keys = {0};

	if (!run_complete(r) && r->has_dir && !r->history)
		r->history = history_read(r->dir.path, e);
	if (error_is_set(e)) {
		free(p);
		return NULL;
	}
	if (!r->store) /* a first run: keys all the same, to see equal work */
		r->store = store_nowhere();
	p->nodes = xcalloc(r->w->node_count + 1, sizeof *p->nodes);
	for (size_t i = 0; i < r->w->node_count; i++) {
		p->nodes[i].open = expand_open(r->g, (uint32_t)i, &p->nodes[i].list);
		p->open += p->nodes[i].open > 0;
	}
	add_tasks(r, p, &keys);
	map_free(&keys);
	return p;
}

const struct plan_task *
plan_of(const struct plan *p, uint32_t task)
{
	size_t low = 0, high = p->count;

	while (low < high) {
		size_t mid = (low + high) / 2;
		if (p->tasks[mid].task < task)
			low = mid + 1;
		else
			high = mid;
	}
	return low < p->count && p->tasks[low].task == task ? &p->tasks[low] : NULL;
}

void
plan_free(struct plan *p)
{
	if (!p)
		return;
	for (size_t i = 0; i < p->count; i++)
		reasons_free(&p->tasks[i].why);
	free(p->tasks);
	free(p->nodes);
	free(p);
}

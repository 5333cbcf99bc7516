/* SPDX-License-Identifier: Apache-2.0
 * explain_wait: what a task waits for: inputs, down to what they wait for in turn, or a list, a
 * slot, a delay, equal work elsewhere, a look at its tools, or for somebody to start the engine.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "sched/sched.h"
#include "view/explain_private.h"

enum {
	NAMED = 5,  /* inputs that are told one by one */
	DEEPEST = 64 /* links of a chain of inputs */
};

static int
waits(const char *state)
{
	return !strcmp(state, "waiting");
}

void
explain_brief(const struct explain *x, const struct subject *s, struct str *b)
{
	char when[32];

	if (waits(s->state) && s->past && s->past->until > 0)
		str_printf(b, "is tried again at %s", explain_time(s->past->until, when));
	else if (waits(s->state))
		str_add(b, x->held ? "has not started" : "has not run");
	else if (!strcmp(s->state, "failed") || !strcmp(s->state, "lost"))
		str_printf(b, "%s", !strcmp(s->state, "failed") ? "failed" : "was lost");
	else
		str_printf(b, "is %s", s->state);
	if (!waits(s->state) && s->past && s->past->since > 0)
		str_printf(b, " since %s", explain_time(s->past->since, when));
	if (!strcmp(s->state, "failed") && *s->past->why)
		str_printf(b, " (%s)", s->past->why);
}

/* From a producer on to what it waits for itself, to the first that does not wait for inputs:
 * "b, which waits for a, which is running since ...". */
static void
add_chain(const struct explain *x, uint32_t task, struct str *b)
{
	struct plan_wait next = {.task = task};
	int goes_on = 1;

	for (int i = 0; i < DEEPEST && goes_on; i++) {
		struct subject s = explain_numbered(x, next.task);
		str_printf(b, "%s%s, which ", i ? "waits for " : "", s.label);
		goes_on = waits(s.state) && run_unmet(x->run, s.task, &next, 1);
		if (!goes_on)
			explain_brief(x, &s, b);
		subject_free(&s);
	}
	if (goes_on)
		str_add(b, "waits in turn");
}

static void
wait_inputs(const struct explain *x, const struct subject *s, struct reasons *why)
{
	struct plan_wait inputs[NAMED];
	size_t count = run_unmet(x->run, s->task, inputs, NAMED);

	for (size_t i = 0; i < count && i < NAMED; i++) {
		struct str chain = {0};
		struct subject p = explain_numbered(x, inputs[i].task);
		add_chain(x, inputs[i].task, &chain);
		if (*inputs[i].port)
			reasons_add(why, WAITS_INPUT, p.label, NULL, NULL, "waits for input '%s': %s",
			            inputs[i].port, chain.s);
		else
			reasons_add(why, WAITS_INPUT, p.label, NULL, NULL, "waits for %s", chain.s);
		subject_free(&p);
		str_free(&chain);
	}
	if (count > NAMED)
		reasons_add(why, WAITS_INPUT, NULL, NULL, NULL, "waits for %zu more inputs",
		            count - NAMED);
}

/* A node that makes inputs of `node` and has open walks, or NONE. */
static uint32_t
open_producer(const struct explain *x, uint32_t node)
{
	const struct graph *g = run_graph(x->run);
	size_t count;
	const int *in = graph_in_edges(g, node, &count);

	for (size_t k = 0; k < count; k++)
		if (x->plan->nodes[g->w->edges[in[k]].from].open)
			return (uint32_t)g->w->edges[in[k]].from;
	return NONE;
}

static void
wait_list(const struct explain *x, const char *node, uint32_t source, struct reasons *why)
{
	struct str chain = {0};
	struct subject p = explain_numbered(x, source);

	add_chain(x, source, &chain);
	reasons_add(why, WAITS_LIST, p.label, NULL, NULL,
	            "the branches of %s come from a list that is not known yet: %s", node, chain.s);
	subject_free(&p);
	str_free(&chain);
}

/* --- ready, but not started -------------------------------------------------------------- */

/* The class that asks for the same; NULL: it is not told. Who needs more memory than the machine
 * has asks for all of it, and what that is only the engine knows: the largest below. */
static const js *
class_like(const js *classes, const struct request *q)
{
	const js *best = NULL;

	for (size_t i = 0; i < js_count(classes); i++) {
		const js *class = js_at(classes, i);
		int64_t memory = js_get_int(class, "memory", 0);

		if (js_get_int(class, "cpus", 0) == q->cpus
		    && (q->gpus < 0 || js_get_int(class, "gpus", 0) == q->gpus)
		    && memory <= (int64_t)q->memory
		    && (!best || memory > js_get_int(best, "memory", 0)))
			best = class;
	}
	return best;
}

/* The class of the queue that a task is in: its head, else the one that asks for the same. */
static const js *
class_of(const struct explain *x, const struct subject *s)
{
	const js *all = js_get(x->waiting, "classes");
	struct request q;

	for (size_t i = 0; i < js_count(all); i++)
		if (!strcmp(js_get_text(js_at(all, i), "head", ""), s->label))
			return js_at(all, i);
	return run_request(x->run, s->task, &q) ? NULL : class_like(all, &q);
}

/* Did the engine tell that it is the first of its class? */
static int
is_head(const js *class, const struct subject *s)
{
	return !strcmp(js_get_text(class, "head", ""), s->label);
}

static void
wait_slot(const struct explain *x, const struct subject *s, struct explanation *out)
{
	const js *class = class_of(x, s);
	const char *head = js_get_text(class, "head", ""), *why = js_get_text(class, "why", "");
	int64_t count = js_get_int(class, "waiting", 0);
	char when[32];

	if (!class) {
		reasons_add(&out->why, WAITS_SLOT, NULL, NULL, NULL,
		            "waits for a slot: it is not told yet for which");
	} else if (strstr(why, "nothing new is started")) {
		reasons_add(&out->why, WAITS_END, NULL, NULL, NULL,
		            "the run ends: nothing new is started");
	} else if (is_head(class, s)) {
		out->since = js_get_real(class, "since", 0);
		reasons_add(&out->why, WAITS_SLOT, NULL, NULL, NULL,
		            "waits for a slot since %s: %s", explain_time(out->since, when), why);
	} else {
		reasons_add(&out->why, WAITS_SLOT, head, NULL, NULL,
		            "waits for a slot: %" PRId64 " tasks ask for as much; the first, %s, %s",
		            count, head, why);
	}
}

/* A task of the same key that runs in its place, or NONE. */
static uint32_t
same_work(const struct explain *x, const struct plan_task *t)
{
	if (t->kind == PLAN_SHARED)
		return t->with;
	for (size_t i = 0; i < x->plan->count; i++) {
		if (x->plan->tasks[i].with != t->task)
			continue;
		struct subject other = explain_numbered(x, x->plan->tasks[i].task);
		int runs = !strcmp(other.state, "running");
		subject_free(&other);
		if (runs)
			return x->plan->tasks[i].task;
	}
	return NONE;
}

static int
has_reason(const struct plan_task *t, int id)
{
	for (size_t i = 0; i < t->why.count; i++)
		if (t->why.v[i].id == id)
			return 1;
	return 0;
}

static void
wait_retry(const struct history_task *past, struct reasons *why)
{
	double left = past->until - (double)time(NULL);
	char when[32], in[32];

	reasons_add(why, WAITS_RETRY, NULL, NULL, NULL, "%s: it starts at %s (in %s)", past->why,
	            explain_time(past->until, when), format_duration(left > 0 ? left : 0, in));
}

static void
wait_ready(const struct explain *x, const struct subject *s, struct explanation *out)
{
	const struct plan_task *t = plan_of(x->plan, s->task);
	uint32_t other = t ? same_work(x, t) : NONE;
	int looks = t && has_reason(t, WHY_TOOLS); /* as far as we know */
	struct str b = {0};

	if (other != NONE) {
		struct subject o = explain_numbered(x, other);
		explain_brief(x, &o, &b);
		reasons_add(&out->why, WAITS_SHARED, o.label, NULL, NULL,
		            "%s does the same work, and %s", o.label, b.s);
		subject_free(&o);
	} else if (looks && !is_head(class_of(x, s), s)) {
		reasons_add(&out->why, WAITS_TOOLS, NULL, NULL, NULL,
		            "its tools and databases are being looked at (fingerprint)");
	} else {
		wait_slot(x, s, out);
	}
	str_free(&b);
}

/* --- the whole --------------------------------------------------------------------------- */

void
explain_pause(const struct explain *x, struct reasons *why)
{
	const struct history *h = x->history;
	char when[32];

	if (x->held && h->paused > 0)
		reasons_add(why, WAITS_PAUSE, NULL, NULL, NULL,
		            "the run is paused since %s: %s; it goes on by itself once that is over",
		            explain_time(h->paused, when), h->paused_why);
}

/* Nobody works on the run: since when, and how it ended. */
static void
wait_run(const struct explain *x, struct explanation *out)
{
	const struct history *h = x->history;
	char when[32];

	if (!h->runs)
		reasons_add(&out->why, WAITS_RUN, NULL, NULL, NULL,
		            "no engine works on this run, and none did");
	else if (h->ended > 0)
		reasons_add(&out->why, WAITS_RUN, NULL, NULL, NULL,
		            "no engine works on this run: it ended at %s with exit %d%s%s",
		            explain_time(h->ended, when), h->exit, *h->reason ? ", " : "", h->reason);
	else
		reasons_add(&out->why, WAITS_RUN, NULL, NULL, NULL,
		            "no engine works on this run: process %d on %s, started at %s, ended "
		            "without a word%s%s", h->engine_pid,
		            h->engine_host ? h->engine_host : "?", explain_time(h->started, when),
		            h->paused > 0 ? ", while it was paused: " : "",
		            h->paused > 0 ? h->paused_why : "");
	out->next = xstrdup("the same `af2flow run` goes on with it");
}

void
explain_wait(const struct explain *x, const struct subject *s, struct explanation *out)
{
	if (!x->held) {
		wait_run(x, out);
	} else if (s->past && s->past->until > 0) {
		wait_retry(s->past, &out->why);
		return;
	} else if (s->past && *s->past->wait.what) {
		reasons_add(&out->why, WAITS_ENGINE, s->past->wait.host, NULL, NULL, "%s",
		            s->past->why);
		return;
	}
	if (s->task == NONE || !x->plan)
		return;
	const struct graph *g = run_graph(x->run);
	uint32_t node = g->tasks[s->task].node;
	size_t before = out->why.count;
	wait_inputs(x, s, &out->why);
	if (out->why.count > before)
		return;
	if (g->tasks[s->task].state == T_WAITING) {
		uint32_t from = open_producer(x, node);
		if (from != NONE)
			wait_list(x, g->w->nodes[from].name, x->plan->nodes[from].list, &out->why);
	} else if (x->held) {
		wait_ready(x, s, out);
	}
}

int
explain_unborn(const struct explain *x, const char *node, struct explanation *out)
{
	int at = x->run ? workflow_node(run_graph(x->run)->w, node) : -1;

	if (at < 0 || !x->plan || !x->plan->nodes[at].open)
		return -1;
	out->state = "waiting";
	if (!x->held)
		wait_run(x, out);
	wait_list(x, node, x->plan->nodes[at].list, &out->why);
	return 0;
}

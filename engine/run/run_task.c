/* SPDX-License-Identifier: Apache-2.0
 * run_task: a task's way through a run but for its attempts: made, ready, looked up, queued,
 * settled. Everything here is idempotent on what stands in the store.
 */
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "run/run_private.h"
#include "model/expand.h"

struct rtask *
run_rtask(struct run *r, uint32_t task)
{
	if (task >= r->task_cap) {
		size_t cap = r->task_cap ? r->task_cap : 64;
		while (cap <= task || cap < r->g->task_count)
			cap *= 2;
		r->tasks = xrealloc(r->tasks, cap, sizeof *r->tasks);
		memset(r->tasks + r->task_cap, 0, (cap - r->task_cap) * sizeof *r->tasks);
		r->task_cap = cap;
	}
	return &r->tasks[task];
}

struct active *
run_active(struct run *r, uint32_t task)
{
	static const struct task_options defaults;
	struct active *a = xcalloc(1, sizeof *a);

	a->r = r;
	a->task = task;
	a->attempt = 1;
	a->options = &defaults;
	a->followers = NONE;
	if (r->executing)
		a->label = run_label(r, task);
	run_rtask(r, task)->active = a;
	return a;
}

void
run_drop_active(struct run *r, uint32_t task)
{
	struct active *a = run_rtask(r, task)->active;

	if (!a)
		return;
	run_rtask(r, task)->active = NULL;
	run_unclaim(r, a);
	if (a->parked)
		result_free(a->parked->made);
	free(a->parked);
	free(a->own_options);
	free(a->out_dir);
	free(a->work_dir);
	free(a->attempt_dir);
	free(a->label);
	free(a->gpu_ids);
	free(a->holder);
	free(a);
}

/* --- settling ---------------------------------------------------------------------------- */

/* Tell the graph about list outputs that other nodes expand over. */
static void
tell_lists(struct run *r, uint32_t task, const struct result *result)
{
	uint32_t node = r->g->tasks[task].node;
	const struct wf_node *n = &r->w->nodes[node];

	for (size_t p = 0; p < n->output_count; p++) {
		if (n->outputs[p].cardinality != AF2_MANY)
			continue;
		const char **names = xcalloc(result->output_count + 1, sizeof *names);
		size_t count = 0;
		for (size_t i = 0; i < result->output_count; i++)
			if (!strcmp(result->outputs[i].port, n->outputs[p].name))
				names[count++] = result->outputs[i].element;
		expand_list(r->g, task, (int)p, names, count);
		free(names);
	}
}

static void
done_one(struct run *r, uint32_t task, struct result *result, enum made made)
{
	run_rtask(r, task)->result = result;
	run_note_recall(r, task);
	if (made != MADE_HERE)
		r->cached[r->g->tasks[task].node]++;
	if (made == MADE_BEFORE)
		u32s_push(&r->cached_tasks, task);
	tell_lists(r, task, result);
	run_publish(r, task, result, made != MADE_HERE);
	run_timings(r, task, result);
	result_trim(result);
	if (!result->output_count) { /* nobody can ask for it again */
		run_rtask(r, task)->result = NULL;
		result_free(result);
	}
	graph_settle(r->g, task, T_DONE);
	if (made == MADE_BEFORE && r->observer.news && r->executing) {
		char *label = run_label(r, task);
		run_tell(r, NEWS_CACHED, "%s: result stands in the store", label);
		free(label);
	}
}

/* Another engine made it while this run went on. */
static void
note_shared(struct run *r, uint32_t task, const struct result *result)
{
	char *label = run_label(r, task), hex[DIGEST_HEX + 1];
	js *event = js_object();

	r->shared++;
	js_set_text(event, "event", "state");
	js_set_text(event, "task", label);
	js_set_text(event, "state", "cached");
	js_set_text(event, "why", "made by another run");
	js_set_text(event, "key", digest_hex(&result->key, hex));
	run_event(r, event);
	run_tell(r, NEWS_CACHED, "%s: made by another run", label);
	free(label);
}

/* A result for a task and for those that waited for the same key. Takes `result` over. */
void
run_settle_done(struct run *r, uint32_t task, struct result *result, enum made made)
{
	struct active *a = run_rtask(r, task)->active;
	uint32_t f = a ? a->followers : NONE;

	run_drop_active(r, task);
	if (made == MADE_MEANWHILE)
		note_shared(r, task, result);
	done_one(r, task, result, made);
	run_leave(r, f);
}

/* A result of a key of theirs stands now, or they go on by themselves. */
void
run_leave(struct run *r, uint32_t f)
{
	while (f != NONE) {
		uint32_t next = run_rtask(r, f)->next;
		run_take(r, f);
		f = next;
	}
}

void
run_settle_bad(struct run *r, uint32_t task, int state, int cls, const char *message)
{
	char *label = run_label(r, task);
	char *line = cls > 0 ? xasprintf("%s: %s: %s", label, class_name(cls), message)
	                     : xasprintf("%s: %s", label, message);

	run_drop_active(r, task);
	run_bad_event(r, task, task_state_name(state), cls, message);
	if (state == T_FAILED) {
		r->failed++;
		words_add(&r->failures, line);
		run_tell(r, NEWS_FAILED, "%s", line);
	} else if (state == T_SKIPPED) {
		r->skipped++;
		words_add(&r->skips, line);
		run_tell(r, NEWS_SKIPPED, "%s", line);
	}
	graph_settle(r->g, task, state);
	free(line);
	free(label);
}

/* Tasks that were settled by what their inputs became. */
static void
note_settled(struct run *r, uint32_t task)
{
	const struct task *t = &r->g->tasks[task];
	struct str why = {0};

	if (t->cause != NONE) {
		str_add(&why, "input ");
		graph_label(r->g, t->cause, &why);
		str_printf(&why, " is %s", task_state_name(r->g->tasks[t->cause].state));
	}
	run_state_event(r, task, task_state_name(t->state), why.s ? why.s : "");
	if (t->state == T_SKIPPED) {
		char *label = run_label(r, task);
		char *line = xasprintf("%s: %s", label, why.s ? why.s : "");
		r->skipped++;
		words_add(&r->skips, line);
		free(line);
		free(label);
	}
	str_free(&why);
}

/* --- ready ------------------------------------------------------------------------------- */

/* As run_look_up, of one attempt: with 1, *out is the result. */
static int
look_up(struct run *r, struct active *a, int attempt, int may_ask, struct result **out,
        struct error *e)
{
	struct digest key;
	int rc = run_key(r, a, attempt, may_ask, &key, e);

	if (rc < 0)
		return rc;
	if (rc == 1) {
		if (attempt == a->attempt)
			a->key = key;
		rc = store_lookup(r->store, &key, out, e);
	} else if (!r->view) {
		return 2;
	}
	return rc == 0 && r->view ? run_recall(r, a, attempt, out, e) : rc;
}

int
run_look_up(struct run *r, struct active *a, int may_ask, enum made made, struct error *e)
{
	int last = a->options->has_retry_values ? a->options->retries + 1 : 1;
	struct result *result = NULL;

	if (!r->store)
		return 2;
	for (int n = a->attempt; n <= last; n++) {
		int rc = look_up(r, a, n, may_ask, &result, e);
		if (rc == -2 && n > a->attempt) {
			*e = (struct error){0};
			continue; /* it may not come to that attempt */
		}
		if (rc == 1)
			run_settle_done(r, a->task, result, made);
		if (rc)
			return rc;
	}
	return 0;
}

/* Another task of this run has the same key: wait for it. */
int
run_follow(struct run *r, struct active *a)
{
	int added;
	uint64_t *leader = map_put(&r->keys, &a->key, sizeof a->key, &added);

	if (added || *leader == a->task) {
		*leader = a->task;
		return 0;
	}
	struct active *lead = run_rtask(r, (uint32_t)*leader)->active;
	if (!lead || memcmp(&lead->key, &a->key, sizeof a->key)) {
		*leader = a->task;
		return 0;
	}
	uint32_t *end = &a->followers;
	while (*end != NONE)
		end = &run_rtask(r, *end)->next;
	*end = lead->followers;
	run_rtask(r, a->task)->next = a->followers;
	lead->followers = a->task;
	run_drop_active(r, a->task);
	return 1;
}

/* A ready task whose options and inputs are sound. */
static void
take(struct run *r, struct active *a)
{
	struct error e = {0};
	uint32_t task = a->task;
	int rc = run_look_up(r, a, r->executing, MADE_BEFORE, &e);

	if (rc == 1)
		return;
	if (!r->executing) { /* the check will say what is wrong, if anything is */
		run_drop_active(r, task);
		u32s_push(&r->missing, task);
		return;
	}
	if (rc == 2)
		return; /* asked; run_asked goes on */
	if (rc == -1 && error_passes(&e) && run_trouble(r, &e)) {
		run_pause_take(r, task);
		return;
	}
	if (rc == -2)
		run_fail(r, a, a->print_class, -1, 0, e.text);
	else if (rc < 0)
		run_fail(r, a, AF2_CLASS_PERMANENT, -1, 0, e.text);
	else
		run_again(r, a, a->attempt);
}

void
run_take(struct run *r, uint32_t task)
{
	struct active *a;
	struct error e = {0};

	if (run_check_items(r, task))
		return;
	a = run_active(r, task);
	if (run_set_options(r, a, 1, &e)) {
		run_settle_bad(r, task, T_FAILED, AF2_CLASS_PERMANENT, e.text);
		return;
	}
	take(r, a);
}

/* A task that waits for hints alone: its result may stand already. */
static void
take_hinted(struct run *r, uint32_t task)
{
	struct active *a;
	struct error e = {0};

	if (r->g->tasks[task].state != T_WAITING || run_check_items(r, task))
		return;
	a = run_active(r, task);
	if (run_set_options(r, a, 1, &e)
	    || run_look_up(r, a, 0, MADE_BEFORE, &e) != 1)
		run_drop_active(r, task);
}

void
run_asked(struct run *r, uint32_t task)
{
	struct active *a = run_rtask(r, task)->active;

	if (a && !r->stopping)
		take(r, a);
}

/* A new task: off if its `when` is false, else it may become ready. */
static void
take_fresh(struct run *r, uint32_t task)
{
	struct task_options options;
	struct error e = {0};

	run_rtask(r, task);
	if (run_options(r, task, 1, &options, &e) == 0 && !options.when) {
		graph_settle(r->g, task, T_OFF);
		run_state_event(r, task, "off", "its 'when' is false");
		return;
	}
	graph_release(r->g, task);
}

void
run_pump(struct run *r)
{
	struct graph *g = r->g;

	/* The lists grow while they are walked. */
	size_t f = 0, d = 0, s = 0, h = 0;
	while (f < g->fresh.count || s < g->settled.count || d < g->ready.count
	       || h < g->hinted.count) {
		run_beat(r);
		if (f < g->fresh.count)
			take_fresh(r, g->fresh.v[f++]);
		else if (s < g->settled.count)
			note_settled(r, g->settled.v[s++]);
		else if (h < g->hinted.count)
			take_hinted(r, g->hinted.v[h++]);
		else
			run_take(r, g->ready.v[d++]);
	}
	g->fresh.count = g->ready.count = g->settled.count = g->hinted.count = 0;
}

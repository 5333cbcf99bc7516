/* SPDX-License-Identifier: Apache-2.0
 * explain: why a task is in the state that it is in.
 *
 * The journal says what happened; its word comes first. What it does not mention (inputs, equal
 * work, what has changed since) is found by opening the run for reading, as `plan` does.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "record/store.h"
#include "view/explain_private.h"

char *
explain_time(double t, char buf[32])
{
	time_t seconds = (time_t)t;
	struct tm tm;

	if (!localtime_r(&seconds, &tm) || !strftime(buf, 32, "%Y-%m-%d %H:%M:%S", &tm))
		strcpy(buf, "?");
	return buf;
}

void
explain_index(struct explain *x)
{
	const struct graph *g = x->run ? run_graph(x->run) : NULL;
	struct str b = {0};

	for (uint32_t t = 0; g && t < g->task_count; t++) {
		str_reset(&b);
		graph_label(g, t, &b);
		*map_puts(&x->by_label, b.s, NULL) = t;
	}
	str_free(&b);
}

/* --- subjects ---------------------------------------------------------------------------- */

static void
complete(const struct explain *x, struct subject *s)
{
	s->past = history_task(x->history, s->label);
	s->state = s->past ? s->past->state : "waiting";
	if (s->task == NONE || strcmp(s->state, "waiting"))
		return;
	int state = run_graph(x->run)->tasks[s->task].state;
	if (state == T_DONE)
		s->state = "cached";
	else if (state != T_READY)
		s->state = task_state_name(state);
}

struct subject
explain_subject(const struct explain *x, const char *label)
{
	const uint64_t *at = map_gets(&x->by_label, label);
	struct subject s = {.label = label, .task = at ? (uint32_t)*at : NONE};

	complete(x, &s);
	return s;
}

struct subject
explain_numbered(const struct explain *x, uint32_t task)
{
	struct subject s = {.task = task};
	struct str b = {0};

	graph_label(run_graph(x->run), task, &b);
	s.label = s.own = str_take(&b);
	complete(x, &s);
	return s;
}

void
subject_free(struct subject *s)
{
	free(s->own);
	s->own = NULL;
}

int
explain_knows(const struct explain *x, const char *label)
{
	struct subject s = explain_subject(x, label);

	return s.past || s.task != NONE;
}

const char *
explain_state(const struct explain *x, const char *label)
{
	return explain_subject(x, label).state;
}

static int
is_of(const char *label, const char *node)
{
	size_t n = node ? strlen(node) : 0;

	return !node || (!strncmp(label, node, n) && (label[n] == '\0' || label[n] == '['));
}

void
explain_labels(const struct explain *x, const char *node, struct words *out)
{
	for (size_t i = 0; i < x->by_label.count; i++)
		if (is_of(x->by_label.entries[i].key, node))
			words_add(out, x->by_label.entries[i].key);
	for (size_t i = 0; i < x->history->task_count; i++) {
		const struct history_task *t = &x->history->tasks[i];
		if (!map_gets(&x->by_label, t->label) && is_of(t->label, node)
		    && (node || strcmp(t->state, "gone")))
			words_add(out, t->label);
	}
}

/* --- what was made by whom --------------------------------------------------------------- */

/* The story of the result that stands for the task in this run, NULL if it is not found. */
static js *
story_of(const struct explain *x, const struct subject *s)
{
	struct digest key;
	char *node = xstrndup(s->label, strcspn(s->label, "[")), *branch = xstrdup("");
	size_t n = strlen(node), len = strlen(s->label);

	if (len > n + 1) {
		free(branch);
		branch = xstrndup(s->label + n + 1, len - n - 2);
	}
	int rc = rundir_linked(x->dir, node, branch, &key);
	if (rc && s->past && *s->past->key)
		rc = digest_parse(s->past->key, &key);
	free(node);
	free(branch);
	return rc == 0 && x->store ? store_story(x->store, &key) : NULL;
}

static void
was_cached(const struct explain *x, const struct subject *s, struct reasons *why)
{
	js *story = story_of(x, s), *made = js_get(story, "made");
	const char *run = js_get_text(made, "run", NULL), *task = js_get_text(made, "task", "");
	const char *host = js_get_text(made, "host", "?");
	int here = run && !strcmp(run, x->dir->path);
	double time = js_get_real(made, "time", 0);
	char when[32] = "?";

	if (time > 0)
		explain_time(time, when);
	if (!made)
		reasons_add(why, IS_CACHED, NULL, NULL, NULL, "its result stood in the store already");
	else if (!run)
		reasons_add(why, IS_CACHED, NULL, NULL, NULL,
		            "its result stood in the store already, made on %s; by which run is not "
		            "recorded", host);
	else if (here && strcmp(task, s->label))
		reasons_add(why, IS_SHARED, task, NULL, NULL,
		            "%s of this run did the same work, at %s on %s", task, when, host);
	else
		reasons_add(why, IS_CACHED, run, NULL, NULL,
		            "its result stood in the store already: made at %s on %s by %s of %s", when,
		            host, task, here ? "this run" : run);
	js_free(story);
}

/* Why it ran: of the attempt that began the row of tries which its last one ended. */
static void
why_it_ran(const struct subject *s, struct reasons *why)
{
	size_t i = s->past ? s->past->attempt_count : 0;

	while (i > 1 && !strcmp(s->past->attempts[i - 1].reason, reason_word(WHY_RETRY)))
		i--;
	const struct history_attempt *a = i ? &s->past->attempts[i - 1] : NULL;
	int id = a && *a->reason ? reason_parse(a->reason) : WHY_FIRST;
	if (id < 0)
		id = WHY_UNRECORDED; /* a word of another version */
	reasons_add(why, id, NULL, NULL, NULL, "it ran because: %s",
	            a && *a->reason_text ? a->reason_text : reason_meaning(id));
	if (i && i < s->past->attempt_count)
		reasons_add(why, WHY_RETRY, NULL, NULL, NULL, "tried %zu times: an attempt failed",
		            s->past->attempt_count - i + 1);
}

/* What the next run would do with a task that this one has done. */
static void
and_now(const struct explain *x, const struct subject *s, struct reasons *why)
{
	const struct plan_task *t =
		s->task != NONE && x->plan && !x->held ? plan_of(x->plan, s->task) : NULL;

	for (size_t i = 0; t && i < t->why.count; i++)
		reasons_add(why, t->why.v[i].id, t->why.v[i].name, t->why.v[i].then,
		            t->why.v[i].now, "the next run %s: %s",
		            t->kind == PLAN_RUN ? "does it again" : "looks at it again",
		            t->why.v[i].text);
}

static void
is_running(const struct subject *s, struct explanation *out)
{
	const struct history_attempt *a = &s->past->attempts[s->past->attempt_count - 1];
	char when[32];

	reasons_add(&out->why, IS_RUNNING, NULL, NULL, NULL,
	            "attempt %d runs since %s on %d core%s%s%s", a->number,
	            explain_time(a->started, when), a->cpus, a->cpus == 1 ? "" : "s",
	            a->gpus ? ", GPU " : "", a->gpus ? a->gpu_ids : "");
	why_it_ran(s, &out->why);
}

/* --- the whole --------------------------------------------------------------------------- */

void
explain_task(const struct explain *x, const char *label, struct explanation *out)
{
	struct subject s = explain_subject(x, label);
	const char *is = s.state;

	out->state = is;
	out->since = s.past ? s.past->since : 0;
	if (!strcmp(is, "waiting")) {
		explain_pause(x, &out->why);
		explain_wait(x, &s, out);
	} else if (!strcmp(is, "running") && s.past && s.past->attempt_count) {
		explain_pause(x, &out->why);
		is_running(&s, out);
	} else if (!strcmp(is, "done")) {
		why_it_ran(&s, &out->why);
		and_now(x, &s, &out->why);
	} else if (!strcmp(is, "cached")) {
		was_cached(x, &s, &out->why);
		and_now(x, &s, &out->why);
	} else {
		explain_end(x, &s, out);
	}
}

void
explanation_free(struct explanation *e)
{
	reasons_free(&e->why);
	free(e->next);
	*e = (struct explanation){0};
}

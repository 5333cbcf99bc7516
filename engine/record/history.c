/* SPDX-License-Identifier: Apache-2.0 */
/* Reading a run's journal into tasks and attempts.
 *
 * Each event changes the state of its task; the last one counts. Unknown events and
 * members are passed over, missing ones have their defaults: a journal may be of
 * another version, or have lost lines. A start of the engine ends what an earlier
 * one left open (lost), and sets tasks that are not done back to waiting, since each
 * start gives them their full retries.
 */
#include "record/history.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"
#include "record/journal.h"
#include "record/rundir.h"

/* While reading: capacities that the public structs do not have. */
struct reading {
	struct history *h;
	size_t task_cap;
	size_t *attempt_caps; /* by task */
	size_t caps_cap;
};

static void
set_text(char **to, const char *text)
{
	free(*to);
	*to = xstrdup(text ? text : "");
}

static void
set_member(char **to, const js *event, const char *name)
{
	set_text(to, js_get_text(event, name, ""));
}

static void
free_attempt(struct history_attempt *a)
{
	free(a->outcome);
	free(a->cls);
	free(a->message);
	free(a->cpu_list);
	free(a->gpu_ids);
	free(a->reason);
	free(a->reason_text);
	free(a->key);
}

void
history_free(struct history *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->task_count; i++) {
		struct history_task *t = &h->tasks[i];

		for (size_t k = 0; k < t->attempt_count; k++)
			free_attempt(&t->attempts[k]);
		free(t->attempts);
		free(t->label);
		free(t->node);
		free(t->branch);
		free(t->state);
		free(t->why);
		free(t->cls);
		free(t->key);
		free(t->wait.what);
		free(t->wait.host);
	}
	free(h->tasks);
	map_free(&h->by_label);
	free(h->reason);
	free(h->paused_why);
	free(h->engine_host);
	free(h);
}

/* "node[branch]" in two. */
static void
split_label(struct history_task *t, const char *label)
{
	const char *bracket = strchr(label, '[');
	size_t n = strlen(label);

	if (!bracket || label[n - 1] != ']') {
		t->node = xstrdup(label);
		t->branch = xstrdup("");
		return;
	}
	t->node = xstrndup(label, (size_t)(bracket - label));
	t->branch = xstrndup(bracket + 1, n - (size_t)(bracket - label) - 2);
}

/* The event's task, made if it is new; NULL if the event names none. */
static struct history_task *
task_labelled(struct reading *r, const char *label)
{
	struct history *h = r->h;
	struct history_task *t;
	uint64_t *index;
	int added;

	if (!label[0])
		return NULL;
	index = map_puts(&h->by_label, label, &added);
	if (!added)
		return &h->tasks[*index];
	*index = h->task_count;
	GROW(h->tasks, h->task_count, r->task_cap);
	GROW(r->attempt_caps, h->task_count, r->caps_cap);
	r->attempt_caps[h->task_count] = 0;
	t = &h->tasks[h->task_count++];
	*t = (struct history_task){.label = xstrdup(label)};
	split_label(t, label);
	set_text(&t->state, "waiting");
	set_text(&t->why, "");
	set_text(&t->cls, "");
	set_text(&t->key, "");
	set_text(&t->wait.what, "");
	set_text(&t->wait.host, "");
	return t;
}

static struct history_task *
task_of(struct reading *r, const js *event)
{
	return task_labelled(r, js_get_text(event, "task", ""));
}

static struct history_attempt *
attempt_of(struct history_task *t, int number)
{
	for (size_t i = t->attempt_count; i-- > 0;)
		if (t->attempts[i].number == number)
			return &t->attempts[i];
	return NULL;
}

static struct history_attempt *
new_attempt(struct reading *r, struct history_task *t, int number)
{
	size_t *cap = &r->attempt_caps[t - r->h->tasks];
	struct history_attempt *a;

	if (t->attempt_count == *cap) {
		*cap = *cap ? *cap * 2 : 1;
		t->attempts = xrealloc(t->attempts, *cap, sizeof *t->attempts);
	}
	a = &t->attempts[t->attempt_count++];
	*a = (struct history_attempt){.number = number};
	set_text(&a->outcome, "running");
	set_text(&a->cls, "");
	set_text(&a->message, "");
	set_text(&a->cpu_list, "");
	set_text(&a->gpu_ids, "");
	set_text(&a->reason, "");
	set_text(&a->reason_text, "");
	set_text(&a->key, "");
	return a;
}

static int
is_open(const struct history_attempt *a)
{
	return strcmp(a->outcome, "running") == 0;
}

/* What happens to a task ends its waiting. */
static void
end_wait(struct history_task *t)
{
	if (t->wait.what[0]) {
		set_text(&t->wait.what, "");
		set_text(&t->wait.host, "");
		t->wait.pid = 0;
		t->wait.since = 0;
	}
}

/* A task's state changes with this event. */
static void
set_state(struct history_task *t, const js *event, const char *state)
{
	set_text(&t->state, state);
	set_member(&t->cls, event, "class");
	t->since = js_get_real(event, "time", 0);
	t->until = 0;
	end_wait(t);
}

/* --- events ----------------------------------------------------------------------- */

/* No end will come any more for what is open. */
static void
lose_open(struct history *h)
{
	for (size_t i = 0; i < h->task_count; i++) {
		struct history_task *t = &h->tasks[i];

		for (size_t k = 0; k < t->attempt_count; k++)
			if (is_open(&t->attempts[k]))
				set_text(&t->attempts[k].outcome, "lost");
		if (strcmp(t->state, "running") == 0) {
			set_text(&t->state, "lost");
			end_wait(t);
			set_text(&t->why, "the engine ended while it ran");
		}
	}
}

static void
on_run_start(struct reading *r, const js *event)
{
	struct history *h = r->h;

	lose_open(h);
	h->paused = 0;
	for (size_t i = 0; i < h->task_count; i++) {
		struct history_task *t = &h->tasks[i];

		if (strcmp(t->state, "done") != 0 && strcmp(t->state, "cached") != 0) {
			set_state(t, event, "waiting");
			set_text(&t->why, "");
		}
	}
	h->runs++;
	h->started = js_get_real(event, "time", 0);
	h->ended = 0;
	h->exit = -1;
	h->engine_pid = (int)js_get_int(event, "pid", 0);
	set_member(&h->engine_host, event, "host");
	set_text(&h->reason, "");
}

/* Many tasks at once: results that stood in the store. What this run made itself stays "done". */
static void
on_states(struct reading *r, const js *event)
{
	const char *state = js_get_text(event, "state", "");
	const js *tasks = js_get(event, "tasks");

	for (size_t i = 0; state[0] && i < js_count(tasks); i++) {
		struct history_task *t = task_labelled(r, js_as_text(js_at(tasks, i), ""));

		if (!t || (strcmp(t->state, "done") == 0 && strcmp(state, "gone") != 0))
			continue;
		set_state(t, event, state);
		set_text(&t->why, "");
	}
}

static void
on_run_end(struct reading *r, const js *event)
{
	struct history *h = r->h;

	lose_open(h);
	h->paused = 0;
	h->ended = js_get_real(event, "time", 0);
	h->exit = (int)js_get_int(event, "exit", -1);
	set_member(&h->reason, event, "reason");
}

static void
on_paused(struct reading *r, const js *event)
{
	r->h->paused = js_get_real(event, "time", 0);
	set_member(&r->h->paused_why, event, "text");
}

static void
on_resumed(struct reading *r, const js *event)
{
	(void)event;
	r->h->paused = 0;
}

static void
on_start(struct reading *r, const js *event)
{
	struct history_task *t = task_of(r, event);
	struct history_attempt *a;

	if (!t)
		return;
	a = new_attempt(r, t, (int)js_get_int(event, "attempt", 0));
	a->started = js_get_real(event, "time", 0);
	a->cpus = (int)js_get_int(event, "cpus", 0);
	a->gpus = (int)js_get_int(event, "gpus", 0);
	set_member(&a->cpu_list, event, "cpu_list");
	set_member(&a->gpu_ids, event, "gpu_ids");
	set_member(&a->reason, event, "reason");
	set_member(&a->reason_text, event, "why");
	set_state(t, event, "running");
	set_text(&t->why, "");
}

/* The state that an outcome leaves a task in. */
static const char *
state_after(const char *outcome)
{
	static const char *const pairs[][2] = {
		{"ok", "done"},
		{"failed", "failed"},
		{"skipped", "skipped"},
		{"cancelled", "cancelled"},
	};

	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++)
		if (strcmp(outcome, pairs[i][0]) == 0)
			return pairs[i][1];
	return NULL;
}

static void
note_key(struct history_task *t, const js *event)
{
	const char *key = js_get_text(event, "key", NULL);

	if (key)
		set_text(&t->key, key);
}

static void
on_end(struct reading *r, const js *event)
{
	struct history_task *t = task_of(r, event);
	int number = (int)js_get_int(event, "attempt", 0);
	const char *outcome = js_get_text(event, "outcome", "failed");
	const char *state = state_after(outcome);
	struct history_attempt *a;

	if (!t)
		return;
	a = attempt_of(t, number);
	/* Its start may be a damaged line. */
	if (!a || !is_open(a))
		a = new_attempt(r, t, number);
	set_text(&a->outcome, outcome);
	set_member(&a->cls, event, "class");
	set_member(&a->message, event, "message");
	a->status = (int)js_get_int(event, "status", 0);
	a->signal = (int)js_get_int(event, "signal", 0);
	a->seconds = js_get_real(event, "seconds", 0);
	a->cpu_seconds = js_get_real(event, "cpu_seconds", 0);
	a->max_rss = (uint64_t)js_get_int(event, "max_rss", 0);
	a->peak_memory = (uint64_t)js_get_int(event, "peak_memory", 0);
	if (a->started == 0)
		a->started = js_get_real(event, "time", 0) - a->seconds;
	set_member(&a->key, event, "key");
	if (state)
		set_state(t, event, state);
	set_text(&t->why, a->message);
	note_key(t, event);
}

static void
on_retry(struct reading *r, const js *event)
{
	struct history_task *t = task_of(r, event);
	char delay[32], *why;

	if (!t)
		return;
	format_duration(js_get_real(event, "delay", 0), delay);
	why = xasprintf("attempt %d after %s", (int)js_get_int(event, "attempt", 0),
			delay);
	set_state(t, event, "waiting");
	t->until = t->since + js_get_real(event, "delay", 0);
	set_text(&t->why, why);
	free(why);
}

/* Another engine is at the same work. */
static void
on_wait(struct reading *r, const js *event)
{
	struct history_task *t = task_of(r, event);
	const js *holder = js_get(event, "holder");
	char *why;

	if (!t)
		return;
	set_state(t, event, "waiting");
	set_member(&t->wait.what, event, "for");
	set_member(&t->wait.host, holder, "host");
	t->wait.pid = (int)js_get_int(holder, "pid", 0);
	t->wait.since = js_get_real(event, "time", 0);
	why = t->wait.pid ? xasprintf("another run, pid %d on %s, is at this work",
				      t->wait.pid, t->wait.host)
			  : xstrdup("another run is at this work");
	set_text(&t->why, why);
	free(why);
}

static void
on_state(struct reading *r, const js *event)
{
	struct history_task *t = task_of(r, event);
	const char *state = js_get_text(event, "state", "");

	if (!t || !state[0])
		return;
	set_state(t, event, state);
	if (strcmp(state, "failed") == 0 || strcmp(state, "skipped") == 0)
		t->told = t->attempt_count;
	set_member(&t->why, event, "why");
	note_key(t, event);
}

static void
on_damage(struct reading *r, const js *event)
{
	int64_t lines = js_get_int(event, "lines", 0);

	if (lines > (int64_t)r->h->damage_told)
		r->h->damage_told = (size_t)lines;
}

static void
on_event(void *arg, const js *event)
{
	static const struct {
		const char *name;
		void (*fn)(struct reading *r, const js *event);
	} handlers[] = {
		{"run-start", on_run_start},
		{"start", on_start},
		{"end", on_end},
		{"wait", on_wait},
		{"retry", on_retry},
		{"state", on_state},
		{"states", on_states},
		{"run-end", on_run_end},
		{"paused", on_paused},
		{"resumed", on_resumed},
		{"damage", on_damage},
	};
	const char *name = js_get_text(event, "event", "");
	struct reading *r = arg;
	int64_t seq = js_get_int(event, "seq", 0);

	if (seq > (int64_t)r->h->last_seq)
		r->h->last_seq = (uint64_t)seq;

	for (size_t i = 0; i < sizeof handlers / sizeof handlers[0]; i++)
		if (strcmp(name, handlers[i].name) == 0)
			handlers[i].fn(r, event);
}

/* --- the whole -------------------------------------------------------------------- */

static void
count_lost(struct history_task *t)
{
	size_t n = t->attempt_count;

	while (n > t->told && strcmp(t->attempts[n - 1].outcome, "lost") == 0)
		n--;
	t->lost_in_a_row = (int)(t->attempt_count - n);
}

static struct history *
read_history(const char *run_path, int held, struct error *e)
{
	struct reading r = {.h = xcalloc(1, sizeof *r.h)};
	int rc = 0;
	char *path = path_join(run_path, "journal");

	r.h->exit = -1;
	set_text(&r.h->reason, "");
	set_text(&r.h->paused_why, "");
	set_text(&r.h->engine_host, "");
	if (access(path, F_OK) == 0 || errno != ENOENT)
		rc = journal_read(path, on_event, &r, &r.h->damaged, e);
	free(path);
	free(r.attempt_caps);
	if (rc < 0) {
		history_free(r.h);
		return NULL;
	}
	if (!held)
		lose_open(r.h);
	for (size_t i = 0; i < r.h->task_count; i++)
		count_lost(&r.h->tasks[i]);
	return r.h;
}

struct history *
history_read(const char *run_path, struct error *e)
{
	/* Asked first: an engine that ends in between has written its last event
	 * then. */
	return read_history(run_path, rundir_is_held(run_path), e);
}

struct history *
history_read_own(const char *run_path, struct error *e)
{
	return read_history(run_path, 0, e);
}

const struct history_task *
history_task(const struct history *h, const char *label)
{
	uint64_t *index = map_gets(&h->by_label, label);

	return index ? &h->tasks[*index] : NULL;
}

int
history_last_attempt(const struct history *h, const char *label)
{
	const struct history_task *t = history_task(h, label);
	int last = 0;

	for (size_t i = 0; t && i < t->attempt_count; i++)
		if (t->attempts[i].number > last)
			last = t->attempts[i].number;
	return last;
}

/* SPDX-License-Identifier: Apache-2.0
 * run_share: several engines on one store. An attempt takes the lock of its key when it has its
 * slot. If another engine has it, the slot is given back and the task looks again later: it takes
 * the other's result, goes on waiting, or queues to do the work itself.
 */
#include <stdlib.h>
#include <string.h>

#include "run/run_private.h"

#define PAUSE_FIRST 0.05 /* seconds; doubles each time up to */
#define PAUSE_LONGEST 2.0

/* Keys of the others are of this run alone. */
static int
is_shared(const struct run *r, const struct active *a)
{
	return a->options->cache && r->w->nodes[r->g->tasks[a->task].node].output_count > 0;
}

static void look_again(void *arg);

/* A person need not be told of each task: the first one's message names the engine. */
static void
tell_waiting(struct run *r, const struct active *a, const struct lock_holder *by)
{
	for (size_t i = 0; i < r->holders.count; i++)
		if (!strcmp(r->holders.v[i], by->engine))
			return;
	words_add(&r->holders, by->engine);
	if (by->pid)
		run_tell(r, NEWS_NOTE, "%s: another run, pid %d on %s, is at this work: waiting "
		                       "for its result", a->label, by->pid, by->host);
	else
		run_tell(r, NEWS_NOTE, "%s: another run is at this work: waiting for its result",
		         a->label);
}

/* It begins to wait, or waits for another engine than before. */
static void
note_waiting(struct run *r, struct active *a, const struct lock_holder *by)
{
	js *event = js_object(), *holder = js_object();
	char hex[DIGEST_HEX + 1];

	free(a->holder);
	a->holder = xstrdup(by->engine);
	js_set_text(holder, "engine", by->engine);
	if (by->pid) {
		js_set_text(holder, "host", by->host);
		js_set_int(holder, "pid", by->pid);
		js_set_int(holder, "since", by->since);
	}
	js_set_text(event, "event", "wait");
	js_set_text(event, "task", a->label);
	js_set_text(event, "for", "key");
	js_set_text(event, "key", digest_hex(&a->key, hex));
	js_set(event, "holder", holder);
	run_event(r, event);
	tell_waiting(r, a, by);
}

static void
wait_for(struct run *r, struct active *a, const struct lock_holder *by)
{
	/* One that has just given it back has no name: nothing to tell. */
	if (*by->engine && (!a->holder || strcmp(a->holder, by->engine)))
		note_waiting(r, a, by);
	a->pause = a->pause > 0 ? 2 * a->pause : PAUSE_FIRST;
	if (a->pause > PAUSE_LONGEST)
		a->pause = PAUSE_LONGEST;
	r->sharing++;
	a->delay = loop_after(r->loop, a->pause, 0, look_again, a);
}

static void
look_again(void *arg)
{
	struct active *a = arg;
	struct run *r = a->r;
	struct lock_holder by;
	struct error e = {0};

	a->delay = NULL;
	r->sharing--;
	if (r->stopping) {
		run_maybe_stop(r);
		return;
	}
	store_expect_news(r->store);
	if (run_look_up(r, a, 0, MADE_MEANWHILE, &e) != 1) {
		if (key_is_held(r->locks, &a->key, loop_now(), &by))
			wait_for(r, a, &by);
		else
			run_again(r, a, a->attempt);
	}
	run_pump(r);
	run_start_ready(r);
}

static void
note_taken_over(struct run *r, const struct active *a, const struct lock_holder *by)
{
	char patience[32], *text;
	js *event = js_object();

	format_duration(r->s->settings.patience, patience);
	if (by->gone)
		text = xasprintf("pid %d on %s, which was at this work, is gone: going on here",
		                 by->pid, by->host);
	else if (by->pid)
		text = xasprintf("pid %d on %s, which is at this work, gave no sign of life for "
		                 "%s: going on here", by->pid, by->host, patience);
	else
		text = xasprintf("the run that is at this work gave no sign of life for %s: going "
		                 "on here", patience);
	js_set_text(event, "event", "note");
	js_set_text(event, "task", a->label);
	js_set_text(event, "text", text);
	run_event(r, event);
	run_tell(r, NEWS_NOTE, "%s: %s", a->label, text);
	free(text);
}

int
run_claim(struct run *r, struct active *a, struct error *e)
{
	struct result *result = NULL;
	struct lock_holder by;
	enum key_outcome got;
	int found;

	if (!is_shared(r, a))
		return 1;
	got = key_lock(r->locks, &a->key, loop_now(), &a->lock, &by);
	if (got == KEY_HELD) {
		sched_done(r->sched, &a->slot);
		wait_for(r, a, &by);
		return 0;
	}
	/* Made between our last look and the lock? */
	store_expect_news(r->store);
	found = store_lookup(r->store, &a->key, &result, e);
	if (found < 0)
		return -1;
	if (found) {
		sched_done(r->sched, &a->slot);
		run_settle_done(r, a->task, result, MADE_MEANWHILE);
		return 0;
	}
	if (got == KEY_TAKEN_OVER)
		note_taken_over(r, a, &by);
	free(a->holder);
	a->holder = NULL;
	a->pause = 0;
	return 1;
}

void
run_unclaim(struct run *r, struct active *a)
{
	key_unlock(r->locks, &a->lock);
}

void
run_beat(struct run *r)
{
	double now = loop_now();
	struct error e = {0};

	if (now < r->beat_at)
		return;
	/* The timer, which keeps time, must find it due. */
	r->beat_at = now + key_locks_beat_every(r->s->settings.patience) / 2;
	if (r->locks)
		key_locks_beat(r->locks);
	if (r->has_dir && rundir_beat(&r->dir, &e)) {
		run_fatal(r, &e);
		if (r->loop)
			run_maybe_stop(r);
	}
}

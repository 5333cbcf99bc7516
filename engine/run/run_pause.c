/* SPDX-License-Identifier: Apache-2.0
 * run_pause: what a run does when it cannot write, open or start something.
 *
 * A full disk or quota, too many open files or processes, too little memory: such trouble passes
 * without us, so the run pauses. Nothing new starts, what is running ends, what is finished waits
 * unpublished, and all that failed is tried again, after 1 s at first, then more rarely.
 *
 *     running --run_trouble--> paused --all of it works--> running
 *                              |    \--`[engine] pause` is over--> fatal
 *                              \--a signal--> ended
 *
 * Any other trouble (EIO, a read-only or vanished folder) is fatal: nothing new starts, the exit
 * code is 1. A later `run` goes on from what stands in the store.
 */
#include <stdlib.h>

#include "run/run_private.h"

#define FIRST_WAIT 1.0 /* seconds; doubles up to the last */
#define LAST_WAIT 30.0
#define CROWDED 30.0   /* seconds for which a limit on attempts is believed */
#define ANSWERED 0.1   /* seconds between looks whether fingerprints are known */

static void on_wait(void *arg);
static void on_answers(void *arg);

int
run_is_paused(const struct run *r)
{
	return r->pause.timer || r->pause.again;
}

static void
note(struct run *r, const char *event, const char *text)
{
	js *o = js_object();

	js_set_text(o, "event", event);
	js_set_text(o, "text", text);
	run_event(r, o);
}

static void
begin(struct run *r, const struct error *e)
{
	struct run_pause *p = &r->pause;
	char limit[32];

	p->since = loop_now();
	p->delay = FIRST_WAIT;
	note(r, "paused", e->text);
	run_tell(r, NEWS_PAUSE,
	         "paused: %s; goes on by itself once that is over, fails after %s; Ctrl-C ends it",
	         e->text, format_duration(r->s->settings.pause, limit));
}

static void
wait_more(struct run *r)
{
	struct run_pause *p = &r->pause;

	p->timer = loop_after(r->loop, p->delay, 0, on_wait, r);
	p->delay = p->delay * 2 < LAST_WAIT ? p->delay * 2 : LAST_WAIT;
}

int
run_trouble(struct run *r, const struct error *e)
{
	struct run_pause *p = &r->pause;

	if (!error_passes(e) || !r->loop || !r->executing || r->signal
	    || error_is_set(&r->fatal) || !(r->s->settings.pause > 0)) {
		run_fatal(r, e);
		return 0;
	}
	p->why = *e;
	p->again = 1;
	if (!p->since)
		begin(r, e);
	if (!p->timer && !p->trying)
		wait_more(r);
	return 1;
}

/* Everything works again. */
static void
end(struct run *r)
{
	struct run_pause *p = &r->pause;
	char took[32];

	p->asks = 0;
	note(r, "resumed", "");
	run_tell(r, NEWS_PAUSE, "goes on after %s",
	         format_duration(loop_now() - p->since, took));
	p->since = 0;
}

/* --- what waits -------------------------------------------------------------------------- */

void
run_park(struct run *r, struct active *a, struct result *made, const struct exec_result *x)
{
	struct parked *p = a->parked = xcalloc(1, sizeof *p);

	p->made = made;
	p->end = *x; /* numbers; texts are borrowed */
	p->end.outputs = NULL;
	p->end.values = p->end.measures = NULL;
	p->end.message = "";
	u32s_push(&r->pause.parked, a->task);
}

void
run_pause_publish(struct run *r, uint32_t task)
{
	struct u32s *list = &r->pause.unpublished;

	if (!list->count || list->v[list->count - 1] != task)
		u32s_push(list, task);
}

void
run_pause_take(struct run *r, uint32_t task)
{
	u32s_push(&r->pause.untaken, task);
}

void
run_pause_ask(struct run *r, uint32_t task)
{
	r->pause.asks = 1;
	run_pause_take(r, task);
}

static void
retry_parked(struct run *r, uint32_t task)
{
	struct active *a = run_rtask(r, task)->active;
	struct exec_result x = a->parked->end;
	struct result *made = a->parked->made;

	free(a->parked);
	a->parked = NULL;
	if (!run_conclude(r, a, result_copy(made), &x))
		run_park(r, a, made, &x);
	else
		result_free(made);
}

static void
retry_published(struct run *r, uint32_t task)
{
	run_publish(r, task, r->tasks[task].result, 0);
}

/* Each of a list once more; those that it fails for enter the list anew. */
static void
retry_list(struct run *r, struct u32s *list, void (*fn)(struct run *r, uint32_t task))
{
	struct u32s old = *list;
	size_t i = 0;

	*list = (struct u32s){0};
	for (; i < old.count && !r->pause.again; i++)
		fn(r, old.v[i]);
	for (; i < old.count; i++)
		u32s_push(list, old.v[i]);
	free(old.v);
}

static void
retry_all(struct run *r)
{
	struct run_pause *p = &r->pause;
	struct error e = {0};

	if (journal_flush(r->journal, 0, &e) || store_flush(r->store, 0, &e))
		run_trouble(r, &e);
	if (!p->again)
		retry_list(r, &p->parked, retry_parked);
	if (!p->again)
		retry_list(r, &p->unpublished, retry_published);
	if (!p->again)
		retry_list(r, &p->untaken, run_asked);
	if (!p->again)
		run_pump(r);
	while (run_start_queued(r))
		run_pump(r);
	if (!p->again && journal_flush(r->journal, 0, &e))
		run_trouble(r, &e);
}

/* The time is over: as for any other trouble. */
static void
give_up(struct run *r)
{
	struct error e = {0};
	char limit[32];

	error_set(&e, "%s (still so after %s)", r->pause.why.text,
	          format_duration(r->s->settings.pause, limit));
	run_fatal(r, &e);
}

/* All was tried, what has become of it? Whether a host can be started for a fingerprint is known
 * when that is there, or not. */
static void
judge(struct run *r)
{
	struct run_pause *p = &r->pause;

	if (p->again && loop_now() - p->since > r->s->settings.pause)
		give_up(r);
	else if (p->again)
		wait_more(r);
	else if (error_is_set(&r->fatal))
		run_pause_end(r);
	else if (p->asks && r->asking)
		p->timer = loop_after(r->loop, ANSWERED, 0, on_answers, r);
	else
		end(r);
	run_start_ready(r);
}

static void
on_answers(void *arg)
{
	struct run *r = arg;

	r->pause.timer = NULL;
	judge(r);
}

static void
on_wait(void *arg)
{
	struct run *r = arg;
	struct run_pause *p = &r->pause;

	p->timer = NULL;
	p->again = 0;
	if (p->finishing) {
		loop_stop(r->loop);
		return;
	}
	p->trying = 1;
	retry_all(r);
	p->trying = 0;
	judge(r);
}

/* --- the end ----------------------------------------------------------------------------- */

void
run_pause_end(struct run *r)
{
	struct run_pause *p = &r->pause;
	struct u32s parked = p->parked;

	loop_cancel(p->timer);
	p->timer = NULL;
	p->again = 0;
	p->parked = (struct u32s){0};
	/* Once more, now or never: run_trouble parks nothing any more. */
	for (size_t i = 0; i < parked.count; i++)
		retry_parked(r, parked.v[i]);
	free(parked.v);
}

int
run_wait(struct run *r, const struct error *e)
{
	struct run_pause *p = &r->pause;

	p->finishing = 1;
	if (p->since && loop_now() - p->since > r->s->settings.pause)
		give_up(r);
	else if (run_trouble(r, e))
		loop_run(r->loop);
	return !error_is_set(&r->fatal) && !r->signal;
}

void
run_wait_over(struct run *r)
{
	if (r->pause.since)
		end(r);
}

void
run_pause_free(struct run *r)
{
	free(r->pause.parked.v);
	free(r->pause.unpublished.v);
	free(r->pause.untaken.v);
}

/* --- hosts that cannot be started -------------------------------------------------------- */

static void
start_again(void *arg)
{
	struct active *a = arg;
	struct run *r = a->r;

	a->delay = NULL;
	r->delayed--;
	if (!r->stopping)
		run_enqueue(r, a);
	run_start_ready(r);
}

int
run_is_crowded(struct run *r)
{
	struct run_pause *p = &r->pause;

	if (p->crowd && loop_now() > p->crowd_until)
		p->crowd = 0;
	return p->crowd && r->running >= p->crowd;
}

/* Others hold what it needs: it waits for them, and its attempt does not count. */
int
run_crowded(struct run *r, struct active *a, const struct exec_result *x)
{
	struct run_pause *p = &r->pause;
	struct error e = {.number = x->number};

	error_set(&e, "%s", x->message);
	if (!error_passes(&e) || r->stopping || r->running + pool_idle(r->pool) == 0)
		return 0;
	if (!p->crowd_told)
		run_tell(r, NEWS_PAUSE, "%s: goes on with fewer attempts at a time", e.text);
	p->crowd_told = 1;
	p->crowd = r->running ? r->running : 1;
	p->crowd_until = loop_now() + CROWDED;
	while (pool_idle(r->pool))
		pool_evict_oldest(r->pool);
	graph_set_state(r->g, a->task, T_READY);
	r->delayed++;
	a->delay = loop_after(r->loop, FIRST_WAIT, 0, start_again, a);
	return 1;
}

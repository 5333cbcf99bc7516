/* SPDX-License-Identifier: Apache-2.0
 * run_execute: what a check has left is executed: the loop, its timers and signals.
 */
#include <signal.h>
#include <stdlib.h>
#include <time.h>

#include "base/fs.h"
#include "base/log.h"
#include "run/run_private.h"

#define SYNC_EVERY 0.5 /* seconds between group commits of the journal */
#define TICK 0.1       /* seconds between NEWS_TICK */
#define LOST_LIMIT 3   /* attempts lost together with the engine in a row */

void
run_maybe_stop(struct run *r)
{
	if (r->running || run_is_paused(r) || (r->asking && !r->stopping))
		return;
	if (!r->stopping && (r->delayed || r->sharing || sched_waiting(r->sched)))
		return;
	loop_stop(r->loop);
}

static void
on_signal(void *arg, int signo)
{
	struct run *r = arg;
	int again = r->signal != 0;

	r->signal = signo;
	r->stopping = 1;
	sched_stop(r->sched);
	run_tell(r, NEWS_NOTE, again ? "killing what still runs"
	                             : "interrupted: ending what runs (once more to kill it)");
	for (size_t t = 0; t < r->task_cap; t++) {
		struct active *a = r->tasks[t].active;
		if (a && a->a && again)
			attempt_kill(a->a);
		else if (a && a->a)
			attempt_cancel(a->a);
	}
	run_pause_end(r);
	run_maybe_stop(r);
}

static void
sync_records(void *arg)
{
	struct run *r = arg;
	struct error e = {0};

	run_flush_events(r);
	if (store_flush(r->store, 0, &e)
	    || journal_flush(r->journal, journal_dirty(r->journal), &e))
		run_trouble(r, &e);
	run_note_waiting(r);
}

static void
tick(void *arg)
{
	run_tell(arg, NEWS_TICK, "%s", "");
}

static void
beat(void *arg)
{
	run_beat(arg);
}

/* Attempts that went down with the engine several times in a row took it with them. */
static int
lost_too_often(struct run *r, uint32_t task)
{
	char *label = run_label(r, task);
	const struct history_task *h = history_task(r->history, label);
	int lost = h && h->lost_in_a_row >= LOST_LIMIT;

	free(label);
	if (lost) {
		struct task_options options = {0};
		struct error e = {0};
		run_options(r, task, 1, &options, &e);
		run_fail_finally(r, task, &options, AF2_CLASS_PLUGIN_CRASH,
		                 "lost together with the engine three times in a row");
	}
	return lost;
}

static void
start_missing(struct run *r)
{
	for (size_t i = 0; i < r->missing.count; i++)
		if (!lost_too_often(r, r->missing.v[i]))
			run_take(r, r->missing.v[i]);
	r->missing.count = 0;
	run_pump(r);
	run_start_ready(r);
}

static uint64_t
free_memory(void *arg)
{
	const struct run *r = arg;

	return resources_free_memory(sched_resources(r->sched));
}

static int
open_engine(struct run *r, struct error *e)
{
	struct pool_config c = {.host_program = host_program(),
	                        .max_idle = r->machine->core_count,
	                        .mark = r->dir.id, .bind = r->machine->this_system,
	                        .free_memory = free_memory, .arg = r,
	                        .groups = r->s->settings.cgroups,
	                        .settings = &r->s->settings,
	                        .store = store_path(r->store)};
	char *notes, *place;

	struct words hidden = {0};

	r->history = history_read_own(r->dir.path, e);
	if (!r->history)
		return -1;
	journal_resume(r->journal, r->history->last_seq);
	run_tell_damage(r);
	run_end_leftovers(r);
	r->locks = key_locks_new(r->store, r->s->settings.locks, r->s->settings.patience);
	r->loop = loop_new();
	if (!r->loop)
		return error_set(e, "cannot wait for events:");
	r->epoch = (double)time(NULL) - loop_now();
	rundir_write_waiting(&r->dir, NULL); /* of an engine that was killed */
	r->sched = sched_new(r->machine);
	c.notes = notes = path_join(r->dir.path, "hosts");
	c.place = place = store_own_tmp(r->store);
	run_secret_variables(r, &hidden);
	c.hidden = &hidden;
	r->pool = pool_new(r->loop, &c);
	words_free(&hidden);
	free(notes);
	free(place);
	if (!r->pool)
		return error_set(e, "cannot start hosts: %s", c.host_program);
	return 0;
}

/* Nothing but views needs it. It comes after the first events, so that where it is without any,
 * the journal has lost them (run_damage.c). */
static void
describe_machine(struct run *r)
{
	struct error e = {0};

	if (!run_is_paused(r) && !error_is_set(&r->fatal)
	    && run_describe(r, r->machine->xml, &e))
		log_warning("%s", e.text);
}

int
run_execute(struct run *r)
{
	struct error e = {0};

	if (run_complete(r)) {
		run_end_leftovers(r);
		return run_finish(r);
	}
	if (open_engine(r, &e)) {
		log_error_object(&e);
		return r->exit = EXIT_FAILED;
	}
	r->executing = 1;
	run_start_event(r);
	run_early_events(r, 1);
	run_write_events(r);
	describe_machine(r);
	loop_on_signal(r->loop, SIGINT, on_signal, r);
	loop_on_signal(r->loop, SIGTERM, on_signal, r);
	struct loop_timer *sync = loop_after(r->loop, SYNC_EVERY, SYNC_EVERY, sync_records, r);
	struct loop_timer *ticks = loop_after(r->loop, TICK, TICK, tick, r);
	double every = key_locks_beat_every(r->s->settings.patience);
	struct loop_timer *beats = loop_after(r->loop, every, every, beat, r);
	start_missing(r);
	if (r->running || r->asking || r->delayed || r->sharing || run_is_paused(r))
		loop_run(r->loop);
	loop_cancel(sync);
	loop_cancel(ticks);
	run_end_waiting(r);
	run_finish(r); /* it may wait for room, and others shall know that it lives */
	loop_cancel(beats);
	return r->exit;
}

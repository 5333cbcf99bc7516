/* SPDX-License-Identifier: Apache-2.0
 * run_finish: the beginning and the end of a run, as its journal tells them, and its exit status.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "run/run_private.h"

void
run_start_event(struct run *r)
{
	js *event = js_object(), *limits = js_object();

	if (r->machine) {
		js_set_int(limits, "cpus", r->machine->core_count);
		js_set_int(limits, "gpus", r->machine->gpu_count);
		js_set_int(limits, "memory", (int64_t)r->machine->memory);
	}
	js_set_text(event, "event", "run-start");
	js_set_text(event, "run_id", r->dir.id);
	js_set_text(event, "version", PACKAGE_VERSION);
	js_set_int(event, "pid", getpid());
	js_set_text(event, "host", r->host);
	js_set_text(event, "argv", r->s->c.command_line);
	js_set(event, "limits", limits);
	js_set_int(event, "tasks", (int64_t)r->g->task_count);
	run_event(r, event);
}

static void
run_end_event(struct run *r)
{
	js *event = js_object(), *counts = js_object();

	for (int s = 0; s < T_STATE_COUNT; s++)
		if (r->g->counts[s])
			js_set_int(counts, task_state_name(s), (int64_t)r->g->counts[s]);
	js_set_text(event, "event", "run-end");
	js_set_int(event, "exit", r->exit);
	if (r->signal)
		js_set_text(event, "reason", strsignal(r->signal));
	js_set_real(event, "seconds", run_seconds(r));
	js_set(event, "counts", counts);
	run_event(r, event);
}

static int
exit_code(const struct run *r)
{
	if (r->signal)
		return 128 + r->signal;
	if (error_is_set(&r->fatal) || r->failed || r->g->counts[T_BLOCKED]
	    || r->g->counts[T_CANCELLED])
		return EXIT_FAILED;
	if (r->skipped)
		return EXIT_SKIPPED;
	return r->g->counts[T_WAITING] + r->g->counts[T_READY] ? EXIT_FAILED : EXIT_DONE;
}

/* Tell the journal about tasks of earlier runs that this one, complete, does not have. */
static void
note_gone(struct run *r)
{
	struct history *h = r->history ? r->history : history_read_own(r->dir.path, NULL);
	struct map have = {0};
	js *gone = js_array();

	for (uint32_t t = 0; h && h->task_count && t < r->g->task_count; t++) {
		char *label = run_label(r, t);
		map_puts(&have, label, NULL);
		free(label);
	}
	for (size_t i = 0; h && i < h->task_count; i++)
		if (!map_gets(&have, h->tasks[i].label))
			js_push(gone, js_text(h->tasks[i].label));
	if (js_count(gone)) {
		js *event = js_object();
		js_set_text(event, "event", "states");
		js_set_text(event, "state", "gone");
		js_set(event, "tasks", js_ref(gone));
		journal_add(r->journal, event);
	}
	js_free(gone);
	map_free(&have);
	if (h != r->history)
		history_free(h);
}

/* All that is on its way to the disk. */
static int
write_records(struct run *r, struct error *e)
{
	error_clear(e);
	return run_write_timings(r, e) || rundir_flush(&r->dir, e)
	       || store_flush(r->store, r->executing, e)
	       || journal_flush(r->journal, r->executing, e);
}

int
run_finish(struct run *r)
{
	struct error e = {0};

	r->exit = exit_code(r);
	int complete = !r->s->c.until.count
	               && (r->exit == EXIT_DONE || r->exit == EXIT_SKIPPED);
	if (complete) {
		rundir_prune(&r->dir);
		store_index_complete(r->store);
	}
	if (!r->executing && (r->first_time || rundir_changed(&r->dir))) {
		r->executing = 1; /* all was there, but not here: a run of its own all the same */
		run_start_event(r);
	}
	run_early_events(r, r->executing);
	if (r->executing) { /* else the journal knows */
		run_flush_events(r);
		if (complete)
			note_gone(r);
		run_end_event(r);
	}
	while (write_records(r, &e))
		if (!run_wait(r, &e))
			return r->exit = exit_code(r);
	run_wait_over(r);
	store_mend(r->store);
	return r->exit;
}

/* SPDX-License-Identifier: Apache-2.0
 * run: a run's life: opened, looked up, checked, executed, closed.
 *
 * Two phases. First everything that stands in the store is found; that needs neither the
 * machine's topology nor a host process, so a finished run is recognised at once. What is left
 * is checked, then executed.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "exec/leftovers.h"
#include "model/check.h"
#include "model/expand.h"
#include "record/own_file.h"
#include "run/run_private.h"

#define SYNC_EVERY 0.5 /* seconds between group commits of the journal */
#define TICK 0.1       /* seconds between NEWS_TICK */
#define LEFTOVER_WAIT 60 /* seconds for what an engine that died has left to end */
#define LOST_LIMIT 3   /* attempts lost together with the engine in a row */

static int
open_records(struct run *r, struct error *e)
{
	char *store = session_store_path(r->s), *path = session_run_path(r->s);
	char *journal = path_join(path, "journal"), *index = path_join(path, "index");
	int rc = 0;

	r->first_time = access(journal, F_OK) != 0;
	r->made_dir = r->write && access(path, F_OK) != 0;
	if (r->write) {
		rc = rundir_open_locked(&r->dir, path, r->s->settings.locks,
		                        r->s->settings.patience, e);
		r->has_dir = rc == 0;
	} else if (!r->first_time) {
		r->has_dir = rundir_open_read(&r->dir, path, e) == 0;
	}
	if (rc == 0 && (r->write || access(store, F_OK) == 0)) {
		r->store = store_open(store, e);
		rc = r->store ? 0 : -1;
	}
	if (r->store && r->has_dir)
		store_use_index(r->store, index);
	if (r->store && r->has_dir && r->write)
		store_register_run(r->store, r->dir.path);
	else if (r->store)
		store_only_looks(r->store);
	if (rc == 0 && r->write) {
		r->journal_aside = own_clear(journal);
		r->journal = journal_open(journal, e);
		rc = r->journal ? 0 : -1;
	}
	free(store);
	free(path);
	free(journal);
	free(index);
	return rc;
}

static int
describe(struct run *r, const char *xml, struct error *e)
{
	const struct workflow *w = r->w;
	struct name_value *params = xcalloc(w->param_count + 1, sizeof *params);

	for (size_t i = 0; i < w->param_count; i++)
		params[i] = (struct name_value){w->params[i].name, w->params[i].value,
		                               w->params[i].from_user};
	int rc = rundir_describe(&r->dir, w->text, w->text_len, w->path, w->name,
	                         store_path(r->store), params, w->param_count, xml, e);
	free(params);
	return rc;
}

struct run *
run_open(struct session *s, int write, const struct run_observer *o, struct error *e)
{
	struct run *r = xcalloc(1, sizeof *r);

	*r = (struct run){.s = s, .w = s->w, .write = write, .started = loop_now(), .exit = -1};
	gethostname(r->host, sizeof r->host - 1);
	if (o)
		r->observer = *o;
	if (open_records(r, e) || (write && describe(r, NULL, e))) {
		run_close(r);
		return NULL;
	}
	r->key = key_new();
	r->cached = xcalloc(r->w->node_count + 1, sizeof *r->cached);
	run_resolve_init(r);
	r->g = graph_new(r->w);
	expand_start(r->g);
	run_pump(r);
	run_drop_unwanted(r);
	return r;
}

void
run_observe(struct run *r, struct run_observer o)
{
	r->observer = o;
}

void
run_discard(struct run *r)
{
	if (!r->first_time || !r->made_dir || !r->has_dir)
		return;
	journal_close(r->journal);
	r->journal = NULL;
	store_unregister_run(r->store);
	fs_remove_tree(r->dir.path, NULL);
	/* runs/ itself, if it is empty now */
	char *parent = path_dir(r->dir.path);
	if (!strcmp(path_base(parent), "runs"))
		rmdir(parent);
	free(parent);
}

int
run_complete(const struct run *r)
{
	return r->missing.count == 0 && r->g->counts[T_WAITING] == 0
	       && r->g->counts[T_READY] == 0 && !r->failed && !r->skipped
	       && !r->g->counts[T_BLOCKED];
}

static unsigned char *
needed_nodes(const struct run *r)
{
	unsigned char *need = xcalloc(r->w->node_count + 1, 1);

	for (size_t i = 0; i < r->w->node_count; i++) {
		const size_t *n = &r->g->node_counts[i * T_STATE_COUNT];
		size_t all = 0;
		for (int s = 0; s < T_STATE_COUNT; s++)
			all += n[s];
		need[i] = r->w->nodes[i].selected
		          && (all == 0 || n[T_DONE] + n[T_OFF] + n[T_SKIPPED] < all);
	}
	return need;
}

static int
given(int on_command_line, int configured)
{
	return on_command_line >= 0 ? on_command_line : configured;
}

int
run_check(struct run *r, struct diags *diags)
{
	const struct run_config *c = &r->s->c;
	const struct config *set = &r->s->settings;
	size_t before = diags->errors;
	struct machine_limits limits = {given(c->cpus, set->cpus), given(c->gpus, set->gpus),
	                                c->memory ? c->memory : set->memory};
	struct error e = {0};

	if (!r->machine)
		r->machine = machine_load(c->topology, &limits, &e);
	if (!r->machine)
		return -diags_add(diags, SEV_ERROR, "", 0, NULL, e.hint, "%s", e.text);
	unsigned char *need = needed_nodes(r);
	struct check_limits have = {r->machine->core_count, r->machine->gpu_count,
	                            r->machine->memory};
	check_workflow(r->w, need, &have, diags);
	dot_place(r->w->text, r->w->text_len, diags);
	free(need);
	return (int)(diags->errors - before);
}

/* --- executing --------------------------------------------------------------------------- */

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

static void
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

static uint64_t
free_memory(void *arg)
{
	const struct run *r = arg;

	return resources_free_memory(sched_resources(r->sched));
}

/* Has the journal been emptied: tasks ran, and it knows of none? */
static int
history_is_lost(const struct run *r)
{
	char *tasks = path_join(r->dir.path, "tasks");
	int lost = !r->history->runs && fs_has_entries(tasks);

	free(tasks);
	return lost;
}

static void
tell_leftovers(void *arg, const char *text)
{
	(void)arg;
	log_warning("%s", text);
}

/* An engine that died together with its hosts may have left programs that still write. They bear
 * the run's mark, or its notes lead to them; we hold its lock, so nobody else's do. */
static void
end_leftovers(struct run *r)
{
	char *mark = xasprintf("AF2FLOW_RUN=%s", r->dir.id);
	char *notes = path_join(r->dir.path, "hosts");

	if (access(notes, F_OK) == 0
	    || (r->history && ((r->history->runs && !r->history->ended) || history_is_lost(r))))
		leftovers_end(notes, mark, LEFTOVER_WAIT, tell_leftovers, r);
	free(notes);
	free(mark);
}

/* Damage in the journal is told once: an event says up to where. */
static void
tell_damage(struct run *r)
{
	const struct history *h = r->history;
	js *event;

	if (h->damaged <= h->damage_told) {
		if (history_is_lost(r) && !r->journal_aside)
			log_warning("'%s/journal' is damaged: what it told is lost, attempts "
			            "are numbered anew", r->dir.path);
		return;
	}
	log_warning("'%s/journal': %zu line%s damaged or out of place: passed over",
	            r->dir.path, h->damaged, h->damaged == 1 ? "" : "s");
	event = js_object();
	js_set_text(event, "event", "damage");
	js_set_int(event, "lines", (int64_t)h->damaged);
	run_event(r, event);
}

static int
open_engine(struct run *r, struct error *e)
{
	struct pool_config c = {.host_program = host_program(),
	                        .max_idle = r->machine->core_count,
	                        .mark = r->dir.id, .bind = r->machine->this_system,
	                        .free_memory = free_memory, .arg = r,
	                        .groups = r->s->settings.cgroups};
	char *notes, *place;

	struct error odd = {0};
	struct words hidden = {0};

	r->history = history_read_own(r->dir.path, e);
	if (!r->history)
		return -1;
	if (describe(r, r->machine->xml, &odd))
		log_warning("%s", odd.text); /* nothing but views needs it */
	journal_resume(r->journal, r->history->last_seq);
	tell_damage(r);
	end_leftovers(r);
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

static int
finish(struct run *r)
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

int
run_execute(struct run *r)
{
	struct error e = {0};

	if (run_complete(r)) {
		end_leftovers(r);
		return finish(r);
	}
	if (open_engine(r, &e)) {
		log_error_object(&e);
		return r->exit = EXIT_FAILED;
	}
	r->executing = 1;
	run_start_event(r);
	run_early_events(r, 1);
	run_write_events(r);
	loop_on_signal(r->loop, SIGINT, on_signal, r);
	loop_on_signal(r->loop, SIGTERM, on_signal, r);
	struct loop_timer *sync = loop_after(r->loop, SYNC_EVERY, SYNC_EVERY, sync_records, r);
	struct loop_timer *ticks = loop_after(r->loop, TICK, TICK, tick, r);
	double every = key_locks_beat_every(r->s->settings.patience);
	struct loop_timer *beats = loop_after(r->loop, every, every, beat, r);
	start_missing(r);
	if (r->running || r->asking || r->delayed || r->sharing || run_is_paused(r))
		loop_run(r->loop);
	loop_cancel(beats);
	loop_cancel(sync);
	loop_cancel(ticks);
	run_end_waiting(r);
	return finish(r);
}

void
run_close(struct run *r)
{
	if (!r)
		return;
	if (r->pool)
		pool_free(r->pool, r->s->settings.grace);
	loop_free(r->loop);
	sched_free(r->sched);
	machine_free(r->machine);
	for (uint32_t t = 0; t < r->task_cap; t++) {
		run_drop_active(r, t);
		result_free(r->tasks[t].result);
	}
	free(r->tasks);
	graph_free(r->g);
	history_free(r->history);
	journal_close(r->journal);
	key_locks_free(r->locks);
	store_close(r->store);
	if (r->has_dir)
		rundir_close(&r->dir);
	key_free(r->key);
	run_pause_free(r);
	run_resolve_free(r);
	for (size_t i = 0; i < r->prints.count; i++)
		if (r->prints.entries[i].key)
			free((void *)(uintptr_t)r->prints.entries[i].value);
	for (size_t i = 0; i < r->unprinted.count; i++)
		if (r->unprinted.entries[i].key)
			free((void *)(uintptr_t)r->unprinted.entries[i].value);
	run_asking_free(r);
	map_free(&r->unprinted);
	map_free(&r->prints);
	map_free(&r->asked);
	map_free(&r->files);
	free(r->file_digests);
	map_free(&r->keys);
	map_free(&r->timings);
	run_early_events(r, 0);
	free(r->early);
	free(r->cached_tasks.v);
	words_free(&r->failures);
	words_free(&r->skips);
	words_free(&r->holders);
	free(r->missing.v);
	free(r->cached);
	free(r->waiting);
	free(r);
}

/* SPDX-License-Identifier: Apache-2.0
 * run: a run's life: opened, looked up, checked, closed. How it is executed stands in
 * run_execute.c.
 *
 * Two phases. First everything that stands in the store is found; that needs neither the
 * machine's topology nor a host process, so a finished run is recognised at once. What is left
 * is checked, then executed.
 */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "model/check.h"
#include "model/expand.h"
#include "record/own_file.h"
#include "run/run_private.h"

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
	char *tasks = path_join(path, "tasks"), *machine = path_join(path, "topology.xml");
	r->had_tasks = fs_has_entries(tasks);
	r->had_events = access(machine, F_OK) == 0;
	free(machine);
	free(tasks);
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

int
run_describe(struct run *r, const char *xml, struct error *e)
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

static struct run *
new_run(struct session *s)
{
	struct run *r = xcalloc(1, sizeof *r);

	*r = (struct run){.s = s, .w = s->w, .started = loop_now(), .exit = -1};
	gethostname(r->host, sizeof r->host - 1);
	return r;
}

/* The run, or NULL with the error set. */
static struct run *
find_standing(struct run *r, struct error *e)
{
	if (open_records(r, e) || (r->write && run_describe(r, NULL, e))) {
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

struct run *
run_open(struct session *s, int write, const struct run_observer *o, struct error *e)
{
	struct run *r = new_run(s);

	r->write = write;
	if (o)
		r->observer = *o;
	return find_standing(r, e);
}

struct run *
run_open_view(struct session *s, struct history *past, struct error *e)
{
	struct run *r = new_run(s);

	r->view = 1;
	r->history = past;
	return find_standing(r, e);
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

unsigned char *
run_needed_nodes(const struct run *r)
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
	unsigned char *need = run_needed_nodes(r);
	struct check_limits have = {r->machine->core_count, r->machine->gpu_count,
	                            r->machine->memory};
	check_workflow(r->w, need, &have, diags);
	dot_place(r->w->text, r->w->text_len, diags);
	free(need);
	return (int)(diags->errors - before);
}

static void
free_texts(struct map *m)
{
	for (size_t i = 0; i < m->count; i++)
		if (m->entries[i].key)
			free((void *)(uintptr_t)m->entries[i].value);
	map_free(m);
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
	if (!r->view)
		history_free(r->history);
	journal_close(r->journal);
	key_locks_free(r->locks);
	store_close(r->store);
	if (r->has_dir)
		rundir_close(&r->dir);
	key_free(r->key);
	run_pause_free(r);
	run_resolve_free(r);
	run_asking_free(r);
	free_texts(&r->unprinted);
	free_texts(&r->prints);
	free_texts(&r->own_prints);
	free_texts(&r->programs);
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

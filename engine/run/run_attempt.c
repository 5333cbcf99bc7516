/* SPDX-License-Identifier: Apache-2.0
 * run_attempt: attempts of a task: queued, given a slot, started in a host, ended, tried again.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "run/run_private.h"

#define SYNC_AFTER 1 /* seconds: what took longer to make is on the disk when it counts */

/* What a retry multiplies ends at what the machine has. */
static void
clamp(const struct machine *m, struct task_options *o)
{
	if (o->cpus > (int)m->core_count)
		o->cpus = (int)m->core_count;
	if (o->gpus > (int)m->gpu_count)
		o->gpus = (int)m->gpu_count;
	if (o->memory > m->memory)
		o->memory = m->memory;
}

void
run_enqueue(struct run *r, struct active *a)
{
	struct request q = {.cpus = a->options->cpus, .cpus_cap = a->options->cpus_cap,
	                    .gpus = a->options->gpus, .memory = a->options->memory};
	struct error e = {0};

	if (sched_possible(r->sched, &q, &e)) {
		run_fail(r, a, AF2_CLASS_PERMANENT, -1, 0, e.text);
		return;
	}
	a->queued = 1;
	a->started = loop_now();
	sched_ready(r->sched, a->task, &q, a->options->priority);
}

/* Put attempt `attempt` of a task into the scheduler's queue. */
void
run_again(struct run *r, struct active *a, int attempt)
{
	struct error e = {0};

	a->attempt = attempt;
	if (!a->label)
		a->label = run_label(r, a->task);
	int rc = run_set_options(r, a, attempt, &e);
	if (rc == 0)
		rc = run_key(r, a, attempt, 1, &a->key, &e);
	if (rc == 0)
		return; /* asked; run_asked goes on */
	if (rc == -1 && error_passes(&e) && run_trouble(r, &e)) {
		run_pause_take(r, a->task);
		return;
	}
	if (rc < 0) {
		run_fail(r, a, rc == -2 ? a->print_class : AF2_CLASS_PERMANENT, -1, 0,
		         e.text);
		return;
	}
	if (run_follow(r, a))
		return;
	if (run_check_secrets(r, a->task, attempt, &e)) {
		run_fail(r, a, AF2_CLASS_PERMANENT, -1, 0, e.text);
		return;
	}
	if (attempt > 1)
		clamp(r->machine, a->own_options);
	run_enqueue(r, a);
}

/* --- starting ---------------------------------------------------------------------------- */

static void
spec_inputs(struct run *r, uint32_t task, struct arena *arena, struct exec_spec *spec)
{
	const struct wf_node *n = &r->w->nodes[r->g->tasks[task].node];
	struct exec_input *inputs = arena_alloc(arena, (n->input_count + 1) * sizeof *inputs);
	struct items items = {0};

	for (size_t p = 0; p < n->input_count; p++) {
		items.count = 0;
		run_items(r, task, (int)p, &items);
		struct exec_item *list = arena_alloc(arena, (items.count + 1) * sizeof *list);
		for (size_t i = 0; i < items.count; i++) {
			const struct result *res = r->tasks[items.v[i].task].result;
			const struct result_output *o = items.v[i].output;
			struct exec_item *x = &list[i];
			*x = (struct exec_item){
				.path = arena_printf(arena, "%s/%s", res->dir, o->file),
				.name = *o->element ? o->element : o->file,
				.node = r->w->nodes[r->g->tasks[items.v[i].task].node].name};
			run_branch(r, items.v[i].task, arena, &x->branch_count,
			           &x->branch_names, &x->branch_values);
			if (n->inputs[p].cardinality != AF2_MANY)
				x->branch_count = 0; /* not in the key */
			if (res->values) {
				char *text = js_dump(res->values, 0);
				x->values = arena_strdup(arena, text);
				free(text);
			}
		}
		inputs[p] = (struct exec_input){n->inputs[p].name, items.count, list};
	}
	free(items.v);
	spec->inputs = inputs;
	spec->input_count = n->input_count;
}

static int
spec_params(struct run *r, struct active *a, struct exec_spec *spec, struct arena *arena,
            struct error *e)
{
	const struct task_params *params = run_params(r, a->task, a->attempt, e);

	if (!params)
		return -1;
	spec->params = run_exec_params(params, arena, e);
	spec->param_count = params->count;
	return error_is_set(e) ? -1 : 0;
}

/* Why this attempt is made, where there is more to tell than that it is the first one. */
static void
note_reason(struct run *r, struct active *a, js *event)
{
	struct reasons why = {0};

	if (a->attempt > 1)
		js_set_text(event, "reason", reason_word(WHY_RETRY));
	if (a->attempt > 1 || r->first_time)
		return;
	run_why(r, a, &why);
	if (why.v[0].id != WHY_FIRST) {
		char *text = reasons_text(&why);
		js_set_text(event, "reason", reason_word(why.v[0].id));
		js_set_text(event, "why", text);
		free(text);
	}
	reasons_free(&why);
}

static void
start_event(struct run *r, struct active *a, const struct exec_slot *slot)
{
	js *event = js_object();

	js_set_text(event, "event", "start");
	js_set_text(event, "task", a->label);
	js_set_int(event, "attempt", a->number);
	js_set_int(event, "cpus", slot->cpus);
	js_set_int(event, "gpus", slot->gpus);
	js_set_int(event, "memory", (int64_t)slot->memory);
	js_set_text(event, "cpu_list", slot->cpu_list);
	if (slot->gpus)
		js_set_text(event, "gpu_ids", slot->gpu_ids);
	note_reason(r, a, event);
	run_event(r, event);
	run_tell(r, NEWS_START, "%s: started, attempt %d, %u core%s%s%s", a->label, a->number,
	         slot->cpus, slot->cpus == 1 ? "" : "s", slot->gpus ? ", GPU " : "",
	         slot->gpus ? slot->gpu_ids : "");
}

static void ended(void *arg, const struct exec_result *x);

static void
news(void *arg, double fraction, int level, const char *text)
{
	struct active *a = arg;

	(void)fraction;
	if (level >= AF2_WARN && text && *text) {
		js *event = js_object();
		js_set_text(event, "event", "note");
		js_set_text(event, "task", a->label);
		js_set_text(event, "text", text);
		run_event(a->r, event);
		run_tell(a->r, NEWS_NOTE, "%s: %s", a->label, text);
	}
}

/* A hint that is not there costs a warning. */
static void
note_hints(struct run *r, struct active *a)
{
	struct u32s all = {0};
	size_t count;
	const int *in = graph_in_edges(r->g, r->g->tasks[a->task].node, &count);

	for (size_t k = 0; k < count; k++) {
		const struct wf_edge *e = &r->w->edges[in[k]];
		if (e->order || !(r->w->nodes[e->to].inputs[e->to_port].flags & AF2_PORT_HINT))
			continue;
		graph_producers(r->g, a->task, in[k], 0, &all);
	}
	for (size_t i = 0; i < all.count; i++) {
		int state = r->g->tasks[all.v[i]].state;
		struct str text = {0};
		if (state == T_DONE)
			continue;
		str_add(&text, "goes on without the hint of ");
		graph_label(r->g, all.v[i], &text);
		str_printf(&text, ", which is %s", task_state_name(state));
		news(a, 0, AF2_WARN, text.s);
		str_free(&text);
	}
	free(all.v);
}

/* Where its attempt is ended for its memory; 0: nowhere, for nobody or only a plugin said how
 * much it needs. */
static uint64_t
memory_limit(const struct run *r, const struct active *a)
{
	int percent = r->s->settings.memory_limit;

	return a->options->has_memory ? a->slot.memory / 100 * (uint64_t)percent : 0;
}

static int
start(struct run *r, struct active *a, struct error *e)
{
	const struct wf_node *n = &r->w->nodes[r->g->tasks[a->task].node];
	struct arena arena = {0};
	struct str pus = {0}, gpus = {0};
	struct exec_spec spec = {
		.stage = n->stage, .node = n->name, .label = a->label, .outputs = n->outputs,
		.output_count = n->output_count, .timeout = a->options->timeout,
		.grace = a->options->grace < 0 ? r->s->settings.grace : a->options->grace,
		.max_output = a->options->max_output, .memory_limit = memory_limit(r, a),
		.capture = r->s->settings.capture,
		.fresh = a->attempt > 1, .sync_after = SYNC_AFTER};
	char *branch = run_branch_text(r, a->task);

	if (!a->number)
		a->number = r->history ? history_last_attempt(r->history, a->label) : 0;
	a->number++;
	free(a->attempt_dir);
	a->attempt_dir = rundir_attempt(&r->dir, n->name, branch, a->number);
	free(branch);
	int rc = rundir_make_tasks(&r->dir, e);
	if (rc == 0)
		rc = store_attempt_dirs(r->store, n->output_count > 0, &a->out_dir,
		                        &a->work_dir, e);
	if (rc == 0)
		rc = spec_params(r, a, &spec, &arena, e);
	if (rc == 0) {
		slot_pu_list(r->machine, &a->slot, &pus);
		slot_gpu_ids(r->machine, &a->slot, &gpus);
		spec_inputs(r, a->task, &arena, &spec);
		spec.out_dir = a->out_dir;
		spec.work_dir = a->work_dir;
		spec.attempt_dir = a->attempt_dir;
		spec.slot = (struct exec_slot){
			.cpu_list = pus.s ? pus.s : "", .cpus = a->slot.core_count,
			.gpu_ids = gpus.s ? gpus.s : "", .gpus = a->slot.gpu_count,
			.memory = a->slot.memory};
		free(a->gpu_ids);
		a->gpu_ids = gpus.s && *gpus.s ? xstrdup(gpus.s) : NULL;
		a->started = loop_now();
		start_event(r, a, &spec.slot);
		note_hints(r, a);
		graph_set_state(r->g, a->task, T_RUNNING);
		r->running++;
		a->a = pool_run(r->pool, &spec, ended, news, a);
	} else {
		a->number--;
	}
	str_free(&pus);
	str_free(&gpus);
	arena_free(&arena);
	return rc;
}

/* Give slots to what is queued, as far as they go. Returns whether a task was settled by what
 * another engine has made. */
int
run_start_queued(struct run *r)
{
	size_t before = r->shared;
	uint32_t task;
	struct slot slot;

	while (!r->stopping && !run_is_paused(r) && !run_is_crowded(r)
	       && sched_next(r->sched, &task, &slot)) {
		struct active *a = run_rtask(r, task)->active;
		struct error e = {0};
		a->queued = 0;
		a->slot = slot;
		a->cpus = slot.core_count;
		a->gpus = slot.gpu_count;
		if (!run_claim(r, a) || start(r, a, &e) == 0)
			continue;
		sched_done(r->sched, &a->slot);
		if (run_trouble(r, &e)) {
			run_unclaim(r, a);
			run_enqueue(r, a);
			continue;
		}
		graph_set_state(r->g, task, T_WAITING);
		run_drop_active(r, task);
	}
	return r->shared > before;
}

void
run_start_ready(struct run *r)
{
	while (run_start_queued(r))
		run_pump(r);
	run_write_events(r); /* whoever finds us dead shall know what was under way */
	run_maybe_stop(r);
}

/* --- ending ------------------------------------------------------------------------------ */

static void
end_event(struct run *r, struct active *a, const struct exec_result *x, const char *outcome)
{
	js *event = js_object();
	char hex[DIGEST_HEX + 1];

	js_set_text(event, "event", "end");
	js_set_text(event, "task", a->label);
	js_set_int(event, "attempt", a->number);
	js_set_text(event, "outcome", outcome);
	if (x->cls) {
		js_set_text(event, "class", class_name(x->cls));
		js_set_text(event, "message", x->message);
	}
	if (x->status > 0)
		js_set_int(event, "status", x->status);
	if (x->signal)
		js_set_int(event, "signal", x->signal);
	js_set_real(event, "seconds", x->seconds > 0 ? x->seconds : loop_now() - a->started);
	js_set_real(event, "cpu_seconds", x->cpu_seconds);
	js_set_int(event, "max_rss", (int64_t)x->max_rss);
	if (x->peak_memory)
		js_set_int(event, "peak_memory", (int64_t)x->peak_memory);
	if (x->outcome == AF2_OK)
		js_set_text(event, "key", digest_hex(&a->key, hex));
	run_event(r, event);
}

/* What stands in result.json of how the result was made. */
static js *
made_of(const struct run *r, const struct active *a, const struct exec_result *x)
{
	const struct stage *s = r->w->nodes[r->g->tasks[a->task].node].stage;
	js *made = js_object();

	js_set_text(made, "plugin", s->id);
	js_set_text(made, "version", s->version);
	js_set_text(made, "host", r->host);
	js_set_int(made, "cpus", a->cpus);
	js_set_int(made, "gpus", a->gpus);
	if (a->gpu_ids)
		js_set_text(made, "gpu_ids", a->gpu_ids);
	js_set_real(made, "seconds", x->seconds);
	js_set_real(made, "cpu_seconds", x->cpu_seconds);
	js_set_int(made, "max_rss", (int64_t)x->max_rss);
	js_set_bool(made, "synced", x->synced);
	js_set_int(made, "time", (int64_t)time(NULL));
	js_set_text(made, "run", r->dir.path);
	js_set_text(made, "task", a->label);
	return made;
}

/* What the key was made of; NULL if that cannot be told any more, a file having changed. */
static js *
made_from(struct run *r, struct active *a)
{
	struct digest key;
	struct error e = {0};
	js *parts;

	if (run_key_parts(r, a, &key, &parts, &e) == 1 && digest_equal(&key, &a->key))
		return parts;
	js_free(parts);
	return NULL;
}

static struct result *
result_of(struct run *r, struct active *a, const struct exec_result *x)
{
	struct result *res = xcalloc(1, sizeof *res);

	res->key = a->key;
	res->outputs = xcalloc(x->output_count + 1, sizeof *res->outputs);
	res->output_count = x->output_count;
	for (size_t i = 0; i < x->output_count; i++) {
		const struct exec_output *o = &x->outputs[i];
		res->outputs[i] = (struct result_output){
			.port = xstrdup(o->port), .element = xstrdup(o->element),
			.file = xstrdup(o->file), .type = xstrdup(o->type), .digest = o->digest,
			.size = o->size, .is_dir = o->is_dir};
	}
	if (x->values)
		res->values = js_parse(x->values, strlen(x->values), NULL);
	if (x->measures)
		res->measures = js_parse(x->measures, strlen(x->measures), NULL);
	res->made = made_of(r, a, x);
	res->from = made_from(r, a);
	return res;
}

/* The host has synced files; a record, and the run's id in the key of some, is ours to sync. */
static struct result *
publish(struct run *r, const struct active *a, struct result *made,
        const struct exec_result *x, struct error *e)
{
	int sync = x->output_count ? x->synced : x->seconds > SYNC_AFTER;

	if (sync && rundir_sync(&r->dir, e)) {
		result_free(made);
		return NULL;
	}
	return store_publish(r->store, made, x->output_count ? a->out_dir : NULL, sync, e);
}

static void drop_dirs(struct active *a);

/* The store does not take it. */
static void
end_unpublished(struct run *r, struct active *a, const struct exec_result *x,
                const struct error *e)
{
	struct exec_result failed = *x;

	failed.outcome = AF2_FAIL;
	failed.cls = AF2_CLASS_TRANSIENT;
	failed.message = e->text;
	end_event(r, a, &failed, "failed");
	drop_dirs(a);
	if (e->number)
		run_settle_bad(r, a->task, T_FAILED, failed.cls, e->text);
	else /* because of what it is, not of the store */
		run_fail(r, a, failed.cls, -1, 0, e->text);
}

int
run_conclude(struct run *r, struct active *a, struct result *made,
             const struct exec_result *x)
{
	struct error e = {0};
	uint32_t task = a->task;
	struct result *res = publish(r, a, made, x, &e);
	char seconds[32];

	if (!res && e.number && run_trouble(r, &e))
		return 0;
	if (!res) {
		end_unpublished(r, a, x, &e);
		return 1;
	}
	if (!x->output_count && a->out_dir
	    && r->w->nodes[r->g->tasks[task].node].output_count)
		rmdir(a->out_dir);
	end_event(r, a, x, "ok");
	r->executed++;
	run_tell(r, NEWS_DONE, "%s: done in %s", a->label, format_duration(x->seconds, seconds));
	run_settle_done(r, task, res, MADE_HERE);
	return 1;
}

static void
drop_dirs(struct active *a)
{
	struct error e = {0};

	if (a->out_dir)
		fs_remove_tree(a->out_dir, &e);
	free(a->out_dir);
	free(a->work_dir);
	a->out_dir = a->work_dir = NULL;
}

static void
ended(void *arg, const struct exec_result *x)
{
	struct active *a = arg;
	struct run *r = a->r;

	r->running--;
	r->core_seconds += (x->seconds + x->setup_seconds) * a->slot.core_count;
	sched_done(r->sched, &a->slot);
	a->a = NULL;
	if (x->outcome == AF2_OK) {
		run_start_queued(r); /* the core need not wait until this one is published */
		if (!run_conclude(r, a, result_of(r, a, x), x))
			run_park(r, a, result_of(r, a, x), x);
	} else if (x->outcome == AF2_SKIP) {
		end_event(r, a, x, "skipped");
		drop_dirs(a);
		uint32_t task = a->task, f = a->followers;
		run_settle_bad(r, task, T_SKIPPED, 0, x->message);
		while (f != NONE) {
			uint32_t next = run_rtask(r, f)->next;
			run_settle_bad(r, f, T_SKIPPED, 0, x->message);
			f = next;
		}
	} else if (x->cls == AF2_CLASS_CANCELLED) {
		end_event(r, a, x, "cancelled");
		drop_dirs(a);
		/* Nobody is told: what waits for it is not blocked, it has not run yet. */
		graph_set_state(r->g, a->task, T_CANCELLED);
		run_drop_active(r, a->task);
	} else if (x->cls == AF2_CLASS_SPAWN && run_crowded(r, a, x)) {
		end_event(r, a, x, "cancelled");
		drop_dirs(a);
	} else {
		end_event(r, a, x, "failed");
		drop_dirs(a);
		run_unclaim(r, a);
		run_fail(r, a, x->cls, x->status, x->signal, x->message);
	}
	run_pump(r);
	run_start_ready(r);
}

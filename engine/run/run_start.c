/* SPDX-License-Identifier: Apache-2.0
 * run_start: an attempt that has its slot is told what to do, and goes to a host.
 */
#include <stdlib.h>
#include <string.h>

#include "run/run_private.h"

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

int
run_start(struct run *r, struct active *a, struct error *e)
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
		.affinity = a->slot.affinity, .fresh = a->attempt > 1, .sync_after = SYNC_AFTER};
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
		a->a = pool_run(r->pool, &spec, run_ended, news, a);
	} else {
		a->number--;
	}
	str_free(&pus);
	str_free(&gpus);
	arena_free(&arena);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0
 * run_conclude: what a finished attempt made becomes a result: described, published, told.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "run/run_private.h"

void
run_end_attempt(struct run *r, struct active *a, const struct exec_result *x,
                const char *outcome)
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

	if (run_key_parts(r, a, a->attempt, &key, &parts, &e) == 1 && digest_equal(&key, &a->key))
		return parts;
	js_free(parts);
	return NULL;
}

struct result *
run_result_of(struct run *r, struct active *a, const struct exec_result *x)
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

/* The store does not take it. */
static void
end_unpublished(struct run *r, struct active *a, const struct exec_result *x,
                const struct error *e)
{
	struct exec_result failed = *x;

	failed.outcome = AF2_FAIL;
	failed.cls = AF2_CLASS_TRANSIENT;
	failed.message = e->text;
	run_end_attempt(r, a, &failed, "failed");
	run_drop_dirs(a);
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
	run_end_attempt(r, a, x, "ok");
	r->executed++;
	run_tell(r, NEWS_DONE, "%s: done in %s", a->label, format_duration(x->seconds, seconds));
	run_settle_done(r, task, res, MADE_HERE);
	return 1;
}

void
run_drop_dirs(struct active *a)
{
	struct error e = {0};

	if (a->out_dir)
		fs_remove_tree(a->out_dir, &e);
	free(a->out_dir);
	free(a->work_dir);
	a->out_dir = a->work_dir = NULL;
}

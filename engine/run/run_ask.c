/* SPDX-License-Identifier: Apache-2.0
 * run_ask: fingerprints asked before anything runs, so that weights, libraries or tools that are
 * missing are told before hours of searches and not after. Of each node that will run and whose
 * parameters are known; what is remembered is not asked again. No slot, no journal: a pool of
 * its own, gone when the last answer is here.
 */
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "run/run_private.h"

#define MOST_BRANCHES 8 /* of a node whose parameters vary: the others are alike */
#define MOST_AT_ONCE 16
#define WORD_AFTER 2.0 /* seconds of silence */
#define BEAT_EVERY 0.5 /* seconds between looks whether a sign of life is due */

struct question {
	struct asker *asker;
	struct digest id;
	uint32_t node;
	struct task_params *params; /* the question's own */
	int is_tolerated;           /* the node's failure harms nobody else */
	int tries_left;             /* for what may have been chance */
	int has_other_values;       /* a retry may do without what is missing */
	char *work_dir;
};

struct asker {
	struct run *r;
	struct diags *diags;
	struct question *v;
	size_t count, cap, next, open, most;
	struct map ids;
	struct loop *loop;
	struct pool *pool;
	char *folder; /* of work directories, where the store is only looked at */
};

/* --- what there is to ask ---------------------------------------------------------------- */

/* Takes `params` over. */
static void
add_question(struct asker *k, uint32_t node, struct task_params *params,
             const struct task_options *o)
{
	const struct stage *s = k->r->w->nodes[node].stage;
	struct question q = {.asker = k, .node = node, .params = params,
	                     .is_tolerated = o->on_failure == FAIL_SKIP,
	                     .tries_left = o->retries > 0,
	                     .has_other_values = o->has_retry_values && o->retries > 0};
	int added;

	run_question(k->r, s, params, &q.id);
	map_put(&k->ids, &q.id, sizeof q.id, &added);
	if (!added || run_known_print(k->r, &q.id)) {
		task_params_free(params);
		free(params);
		return;
	}
	GROW(k->v, k->count, k->cap);
	k->v[k->count++] = q;
}

/* With the values of this task's variables; NONE: without any. */
static void
ask_for(struct asker *k, uint32_t node, uint32_t task)
{
	struct task_params *params = xcalloc(1, sizeof *params);
	struct task_options options = {0};

	/* What is wrong with them the check has said, or it is known later only. */
	if (run_node_options(k->r, node, task, &options) == 0 && options.when
	    && run_node_params(k->r, node, task, params) == 0) {
		add_question(k, node, params, &options);
		return;
	}
	task_params_free(params);
	free(params);
}

static int
is_open(const struct run *r, uint32_t task)
{
	int state = r->g->tasks[task].state;

	return state == T_WAITING || state == T_READY;
}

static void
collect(struct asker *k, const unsigned char *need)
{
	const struct run *r = k->r;
	unsigned char *seen = xcalloc(r->w->node_count + 1, 1);
	unsigned char *tries = xcalloc(r->w->node_count + 1, 1);

	for (uint32_t t = 0; t < r->g->task_count; t++) {
		uint32_t n = r->g->tasks[t].node;
		int most = r->nodes[n].params_vary ? MOST_BRANCHES : 1;
		seen[n] = 1;
		if (need[n] && r->w->nodes[n].stage->has_fingerprint && is_open(r, t)
		    && tries[n] < most) {
			tries[n]++;
			ask_for(k, n, t);
		}
	}
	/* Behind a list that is not known yet. */
	for (uint32_t n = 0; n < r->w->node_count; n++)
		if (!seen[n] && need[n] && r->w->nodes[n].stage->has_fingerprint
		    && !r->nodes[n].params_vary)
			ask_for(k, n, NONE);
	free(tries);
	free(seen);
}

/* --- asking ------------------------------------------------------------------------------ */

static void ask_more(struct asker *k);

/* What passes by itself is waited for when the run comes to it. */
static enum severity
severity_of(const struct question *q, int cls, const struct error *e)
{
	if (q->is_tolerated || cls == AF2_CLASS_TRANSIENT
	    || (cls == AF2_CLASS_SPAWN && error_passes(e))
	    || (q->has_other_values && cls == AF2_CLASS_UNAVAILABLE))
		return SEV_WARNING;
	return SEV_ERROR;
}

static void
told(struct question *q, int cls, const struct error *e)
{
	const struct wf_node *n = &q->asker->r->w->nodes[q->node];

	if (cls != AF2_CLASS_CANCELLED)
		diags_add(q->asker->diags, severity_of(q, cls, e), q->asker->r->w->given, n->line,
		          n->name, e->hint, "'%s': %s: %s", n->name, class_name(cls), e->text);
}

/* Neither about the input nor the machine: a host that was killed, say. */
static int
may_be_chance(int cls)
{
	return cls == AF2_CLASS_PLUGIN_CRASH || cls == AF2_CLASS_EXIT || cls == AF2_CLASS_SIGNAL
	       || cls == AF2_CLASS_MEMORY;
}

static void ask_one(struct asker *k, struct question *q);

static void
answered(void *arg, const char *text, const char *const *files, size_t file_count, int cls,
         const struct error *e)
{
	struct question *q = arg;
	struct asker *k = q->asker;

	k->open--;
	if (e && error_is_set(e) && may_be_chance(cls) && q->tries_left > 0) {
		q->tries_left--;
		free(q->work_dir);
		ask_one(k, q);
		return;
	}
	if (e && error_is_set(e))
		told(q, cls, e);
	else
		run_know_print(k->r, &q->id, text, files, file_count);
	ask_more(k);
}

/* A name for a work directory. NULL with the error set. */
static char *
work_dir_of(struct asker *k, const struct question *q, struct error *e)
{
	char *none = NULL, *dir = NULL;

	if (!k->r->write)
		return xasprintf("%s/%zu", k->folder, (size_t)(q - k->v));
	if (store_attempt_dirs(k->r->store, 0, &none, &dir, e))
		return NULL;
	free(none);
	return dir;
}

static void
ask_one(struct asker *k, struct question *q)
{
	const struct stage *s = k->r->w->nodes[q->node].stage;
	struct arena arena = {0};
	struct error e = {0};
	struct exec_param *list = run_exec_params(q->params, &arena, &e);

	if (!error_is_set(&e))
		q->work_dir = work_dir_of(k, q, &e);
	if (q->work_dir) {
		k->open++;
		pool_fingerprint(k->pool, s, list, q->params->count, q->work_dir, answered, q);
	} else {
		told(q, AF2_CLASS_UNAVAILABLE, &e);
	}
	arena_free(&arena);
}

static void
ask_more(struct asker *k)
{
	while (k->open < k->most && k->next < k->count && !k->r->signal)
		ask_one(k, &k->v[k->next++]);
	/* At the end the pool runs the loop, for itself. */
	if (!k->open && !k->r->signal)
		loop_stop(k->loop);
}

static void
on_signal(void *arg, int signo)
{
	struct asker *k = arg;

	k->r->signal = signo;
	loop_stop(k->loop);
}

static void
on_beat(void *arg)
{
	run_beat(arg);
}

static void
on_silence(void *arg)
{
	const struct asker *k = arg;

	log_info("asking the tools of %zu stage%s for their versions", k->count,
	         k->count == 1 ? "" : "s");
}

static int
make_folder(struct asker *k, struct error *e)
{
	const char *tmp = getenv("TMPDIR");
	char *name, *real = realpath(tmp && *tmp ? tmp : "/tmp", NULL);

	if (k->r->write) {
		free(real);
		return 0;
	}
	name = xasprintf("%s/af2flow-check-XXXXXX", real ? real : "/tmp");
	free(real);
	if (!mkdtemp(name)) {
		error_set(e, "cannot make a folder in '%s':", tmp && *tmp ? tmp : "/tmp");
		free(name);
		return -1;
	}
	k->folder = name;
	return 0;
}

static int
open_pool(struct asker *k, struct error *e)
{
	struct run *r = k->r;
	struct words hidden = {0};
	struct pool_config c = {.host_program = host_program(), .max_idle = MOST_AT_ONCE,
	                        .mark = r->write ? r->dir.id : NULL, .hidden = &hidden,
	                        .groups = r->s->settings.cgroups,
	                        .settings = &r->s->settings,
	                        .store = r->store ? store_path(r->store) : NULL};

	if (make_folder(k, e))
		return -1;
	k->loop = loop_new();
	if (!k->loop)
		return error_set(e, "cannot wait for events:");
	run_secret_variables(r, &hidden);
	k->pool = pool_new(k->loop, &c);
	words_free(&hidden);
	return 0;
}

static void
ask_all(struct asker *k)
{
	unsigned cores = k->r->machine ? k->r->machine->core_count : 1;
	struct loop_timer *word, *beats = NULL;
	struct error e = {0};

	k->most = cores < 2 ? 2 : cores < MOST_AT_ONCE ? cores : MOST_AT_ONCE;
	if (open_pool(k, &e)) {
		diags_add(k->diags, SEV_ERROR, "", 0, NULL, e.hint, "%s", e.text);
		return;
	}
	loop_on_signal(k->loop, SIGINT, on_signal, k);
	loop_on_signal(k->loop, SIGTERM, on_signal, k);
	word = loop_after(k->loop, WORD_AFTER, WORD_AFTER * 1000, on_silence, k);
	if (k->r->write)
		beats = loop_after(k->loop, BEAT_EVERY, BEAT_EVERY, on_beat, k->r);
	ask_more(k);
	if (k->open)
		loop_run(k->loop);
	loop_cancel(word);
	loop_cancel(beats);
}

static void
asker_free(struct asker *k)
{
	if (k->pool)
		pool_free(k->pool, 0);
	loop_free(k->loop);
	for (size_t i = 0; i < k->count; i++) {
		task_params_free(k->v[i].params);
		free(k->v[i].params);
		free(k->v[i].work_dir);
	}
	if (k->folder)
		fs_remove_tree(k->folder, NULL);
	free(k->folder);
	free(k->v);
	map_free(&k->ids);
}

int
run_ask_tools(struct run *r, struct diags *diags)
{
	struct asker k = {.r = r, .diags = diags};
	size_t before = diags->errors;
	unsigned char *need = run_needed_nodes(r);

	collect(&k, need);
	if (k.count)
		ask_all(&k);
	asker_free(&k);
	free(need);
	dot_place(r->w->text, r->w->text_len, diags);
	return r->signal || error_is_set(&r->fatal) ? -1 : (int)(diags->errors - before);
}

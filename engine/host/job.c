/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin thread: loads the plugin, sets it up, runs task after task. */
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "exec/proc.h"
#include "host/host.h"

/* Seconds for descendants of an ended attempt to die. */
static const double SWEEP_PATIENCE = 5, WORKER_PATIENCE = 1;

/* --- loading and setup ------------------------------------------------------------ */

int
plugin_load(struct host *h, const char *path, struct error *e)
{
	const af2_plugin *(*entry)(const af2_host *host);
	const af2_plugin *p;
	void *symbol;
	size_t n;

	h->plugin_path = xstrdup(path);
	h->dso = dlopen(path, RTLD_NOW | RTLD_LOCAL);
	if (!h->dso)
		return error_set(e, "cannot load '%s': %s", path, dlerror());
	symbol = dlsym(h->dso, "af2_plugin_entry");
	if (!symbol)
		return error_set(e,
				 "'%s' is not an af2flow plugin: it has no function "
				 "'af2_plugin_entry'",
				 path);
	memcpy(&entry, &symbol, sizeof(entry));
	p = entry(services_table());
	if (!p)
		return error_set(e, "plugin '%s' refused this version of af2flow",
				 path);
	h->stage = stage_from_plugin(p, path, e);
	if (!h->stage)
		return -1;
	n = p->struct_size < sizeof(h->plugin) ? p->struct_size : sizeof(h->plugin);
	memcpy(&h->plugin, p, n);
	if (!h->plugin.run)
		return error_set(e, "plugin '%s' has no run function", path);
	return 0;
}

static void
send_phase(struct host *h, enum proto_phase phase)
{
	struct str frame = {0};
	size_t at = proto_begin(&frame, PROTO_PHASE);

	put_u32(&frame, phase);
	proto_end(&frame, at);
	host_send(h, &frame);
	str_free(&frame);
}

/* Cores and thread counts of this slot, for this process and what it starts. */
static void
enter_slot(struct host *h, const af2_task *t, struct verdict *v)
{
	int interleave = (h->plugin.flags & AF2_PLUGIN_INTERLEAVE) != 0;
	struct error e = {0};
	char text[24];

	if (h->cpus != t->cpus) {
		snprintf(text, sizeof(text), "%u", t->cpus ? t->cpus : 1);
		setenv("OMP_NUM_THREADS", text, 1);
		h->cpus = t->cpus;
	}
	if (!t->bind || !*t->cpu_list)
		return;
	if (h->cpu_list && strcmp(h->cpu_list, t->cpu_list) == 0)
		return;
	free(h->cpu_list);
	h->cpu_list = xstrdup(t->cpu_list);
	if (host_bind(t->cpu_list, interleave, &e) < 0)
		verdict_set(v, AF2_FAIL, AF2_CLASS_UNAVAILABLE, "%s", e.text);
}

/* Load the plugin if it is not. The slot is entered before any of its code runs, and
 * once more when its flags are known, which decide how memory is placed. */
static void
load(struct host *h, const af2_task *t, struct verdict *v)
{
	struct error e = {0};

	enter_slot(h, t, v);
	enter_wrap(h, t);
	if (h->dso || v->outcome != AF2_OK)
		return;
	send_phase(h, PHASE_LOAD);
	if (plugin_load(h, t->plugin_path, &e) < 0) {
		verdict_set(v, AF2_FAIL, AF2_CLASS_PERMANENT, "%s", e.text);
		return;
	}
	if (h->plugin.flags & AF2_PLUGIN_INTERLEAVE) {
		free(h->cpu_list);
		h->cpu_list = NULL;
		enter_slot(h, t, v);
	}
}

static void
set_up(struct host *h, af2_task *t, struct verdict *v)
{
	double start = host_now();
	int rc;

	h->setup_seconds = 0;
	if (h->is_set_up)
		return;
	for (size_t i = 0; i < t->param_count; i++)
		if (t->params[i].flags & AF2_PARAM_SETUP) {
			words_add(&h->worker.params, t->params[i].name);
			words_add(&h->worker.params, t->params[i].value);
		}
	send_phase(h, PHASE_SETUP);
	rc = h->plugin.setup ? (int)h->plugin.setup(&h->worker) : AF2_OK;
	h->setup_seconds = host_now() - start;
	if (rc != AF2_OK && (h->setup_death.status || h->setup_death.signal))
		task_note_death(t, &h->setup_death);
	if (rc != AF2_OK && h->worker.verdict.outcome != AF2_OK)
		*v = h->worker.verdict;
	else if (rc != AF2_OK)
		verdict_set(v, AF2_FAIL, AF2_CLASS_PERMANENT,
			    "setup of plugin '%s' failed and gave no reason",
			    h->plugin.id);
	if (v->outcome == AF2_OK) {
		h->is_set_up = 1;
		send_phase(h, PHASE_RUN);
	}
}

/* --- running ---------------------------------------------------------------------- */

/* What run() returned, and what it said on the way, as one verdict. */
static void
judge(af2_task *t, int returned, struct verdict *v)
{
	if (atomic_load(&t->host->cancelled))
		verdict_set(v, AF2_FAIL, AF2_CLASS_CANCELLED, "cancelled");
	else if (t->bad_output.outcome != AF2_OK &&
		 (returned == AF2_OK || t->bad_output.cls == AF2_CLASS_TRANSIENT))
		*v = t->bad_output; /* why the plugin got no folder, if not all it says */
	else if (returned == AF2_OK)
		return;
	else if (t->verdict.outcome != AF2_OK)
		*v = t->verdict;
	else if (t->bad_output.outcome != AF2_OK)
		*v = t->bad_output;
	else if (returned == AF2_RETRY)
		verdict_set(v, AF2_RETRY, AF2_CLASS_TRANSIENT,
			    "the plugin gave no reason");
	else if (returned == AF2_SKIP)
		verdict_set(v, AF2_SKIP, AF2_CLASS_NONE, "the plugin gave no reason");
	else
		verdict_set(v, AF2_FAIL, AF2_CLASS_PLUGIN_CRASH,
			    "the plugin returned %d and gave no reason", returned);
}

/* CPU seconds of this process and of children that were reaped; its own largest
 * size. */
static double
cpu_used(uint64_t *max_rss)
{
	struct rusage self, children;

	getrusage(RUSAGE_SELF, &self);
	getrusage(RUSAGE_CHILDREN, &children);
	if ((uint64_t)self.ru_maxrss * 1024 > *max_rss)
		*max_rss = (uint64_t)self.ru_maxrss * 1024;
	return (double)(self.ru_utime.tv_sec + self.ru_stime.tv_sec +
			children.ru_utime.tv_sec + children.ru_stime.tv_sec) +
	       1e-6 * (double)(self.ru_utime.tv_usec + self.ru_stime.tv_usec +
			       children.ru_utime.tv_usec + children.ru_stime.tv_usec);
}

/* The folders of a task that finished are measured once more: it may have been
 * quick. */
static void
check_size(const af2_task *t, struct verdict *v)
{
	uint64_t bytes = 0;

	if (!t->max_output || v->outcome != AF2_OK)
		return;
	bytes = t->has_work_dir ? tree_bytes(t->work_dir, t->max_output) : 0;
	bytes += *t->out_dir ? tree_bytes(t->out_dir, t->max_output) : 0;
	if (bytes > t->max_output) {
		char limit[32];

		verdict_set(v, AF2_FAIL, AF2_CLASS_OUTPUT_LIMIT,
			    "wrote more than max_output %s; if it should, raise "
			    "max_output",
			    format_size(t->max_output, limit));
	}
}

static void
set_watch(struct host *h, const af2_task *t)
{
	if (!t->max_output)
		return;
	pthread_mutex_lock(&h->lock);
	free(h->watch_work);
	free(h->watch_out);
	h->watch_work = NULL;
	h->watch_out = xstrdup(t->out_dir);
	h->max_output = t->max_output;
	pthread_mutex_unlock(&h->lock);
}

/* The task is over: what comes for it from now on is ignored. */
static void
job_done(struct host *h)
{
	pthread_mutex_lock(&h->lock);
	h->job = JOB_NONE;
	h->task = NULL;
	h->max_output = h->memory = h->memory_limit = 0;
	pthread_mutex_unlock(&h->lock);
}

static void
run_task(struct host *h, af2_task *t)
{
	struct verdict v = {0};
	struct str frame = {0};
	double cpu = cpu_used(&t->max_rss), start;
	size_t at;
	int captured;

	capture_begin(&h->capture, t->attempt_dir, t->capture, &t->secrets);
	memory_begin(t);
	set_watch(h, t);
	atomic_store(&h->log_lines, 0);
	load(h, t, &v);
	if (v.outcome == AF2_OK)
		set_up(h, t, &v);
	start = host_now();
	if (v.outcome == AF2_OK)
		judge(t, (int)h->plugin.run(t), &v);
	memory_judge(t, &v);
	task_say_if_full(t, &v);
	/* Whoever might still write is ended before outputs are looked at. */
	children_sweep(h, SWEEP_PATIENCE);
	fflush(stdout);
	check_size(t, &v);
	if (v.outcome == AF2_OK)
		outputs_finish(t, host_now() - start, &v);
	captured = capture_end(&h->capture);
	task_drop_work_dir(t);
	cpu = cpu_used(&t->max_rss) - cpu + t->worker_cpu;
	at = proto_begin(&frame, PROTO_RESULT);
	task_put_result(&frame, t, &v, host_now() - start, cpu, captured);
	/* The next task may come as soon as the answer is out. */
	job_done(h);
	if (proto_end(&frame, at) < 0) {
		verdict_set(&v, AF2_FAIL, AF2_CLASS_PERMANENT,
			    "outputs, values and measures are too large to report");
		t->output_count = 0;
		js_free(t->measures);
		t->measures = NULL;
		at = proto_begin(&frame, PROTO_RESULT);
		task_put_result(&frame, t, &v, host_now() - start, cpu, captured);
		proto_end(&frame, at);
	}
	host_send(h, &frame);
	str_free(&frame);
	task_free(t);
}

/* --- fingerprints ----------------------------------------------------------------- */

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A failure has a class and a word. */
static void
complete_failure(struct verdict *v)
{
	if (v->outcome == AF2_SKIP)
		v->cls = AF2_CLASS_PERMANENT;
	if (v->outcome != AF2_OK && !*v->message)
		snprintf(v->message, sizeof(v->message), "no reason was given");
}

static void
run_prints(struct host *h, af2_task *t)
{
	struct verdict v = {0};
	struct str frame = {0}, text = {0};
	size_t at;

	capture_begin(&h->capture, t->attempt_dir, t->capture, &t->secrets);
	load(h, t, &v);
	send_phase(h, PHASE_RUN);
	if (v.outcome == AF2_OK && h->plugin.fingerprint)
		judge(t, (int)h->plugin.fingerprint(t), &v);
	complete_failure(&v);
	children_sweep(h, SWEEP_PATIENCE);
	fflush(stdout);
	capture_end(&h->capture);
	task_drop_work_dir(t);
	if (t->prints.count)
		qsort(t->prints.v, t->prints.count, sizeof(*t->prints.v), by_text);
	for (size_t i = 0; i < t->prints.count; i++)
		str_printf(&text, "%s\n", t->prints.v[i]);
	at = proto_begin(&frame, PROTO_PRINTS);
	put_u32(&frame, t->serial);
	put_u32(&frame, (uint32_t)v.cls);
	put_text(&frame, v.message);
	put_text(&frame, text.s);
	put_u32(&frame, (uint32_t)t->print_files.count);
	for (size_t i = 0; i < t->print_files.count; i++)
		put_text(&frame, t->print_files.v[i]);
	proto_end(&frame, at);
	job_done(h);
	host_send(h, &frame);
	str_free(&frame);
	str_free(&text);
	task_free(t);
}

/* --- the thread ------------------------------------------------------------------- */

static void
tear_down(struct host *h)
{
	if (h->is_set_up && h->plugin.teardown)
		h->plugin.teardown(&h->worker);
	workers_end(h, WORKER_PATIENCE);
	workdir_end(h);
	pthread_mutex_lock(&h->lock);
	h->job = JOB_DONE;
	pthread_cond_broadcast(&h->changed);
	pthread_mutex_unlock(&h->lock);
}

void *
job_thread(void *host)
{
	struct host *h = host;

	for (;;) {
		enum job job;
		af2_task *t;

		pthread_mutex_lock(&h->lock);
		while (h->job == JOB_NONE)
			pthread_cond_wait(&h->changed, &h->lock);
		job = h->job;
		t = h->task;
		pthread_mutex_unlock(&h->lock);
		if (job == JOB_RUN)
			run_task(h, t);
		else if (job == JOB_PRINTS)
			run_prints(h, t);
		else
			break;
	}
	tear_down(h);
	/* Never end this thread: children are told of its end as of the process's. */
	for (;;)
		pause();
}

/* SPDX-License-Identifier: Apache-2.0
 * af2flow status: what a run's journal tells, node by node, and attempt by attempt where
 * something went wrong.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "cli/cli.h"
#include "record/history.h"
#include "record/rundir.h"

#define MAX_STATES 16

struct node_row {
	const char *node;
	const char *states[MAX_STATES];
	size_t counts[MAX_STATES], state_count, total;
};

/* A task of an earlier run that the workflow no longer has. */
static int
is_gone(const struct history_task *t)
{
	return !strcmp(t->state, "gone");
}

static js *
attempt_json(const struct history_attempt *a)
{
	js *v = js_object();

	js_set_int(v, "attempt", a->number);
	js_set_text(v, "outcome", a->outcome);
	if (a->cls && *a->cls) {
		js_set_text(v, "class", a->cls);
		js_set_text(v, "message", a->message);
	}
	if (a->status > 0)
		js_set_int(v, "status", a->status);
	if (a->signal)
		js_set_int(v, "signal", a->signal);
	js_set_real(v, "started", a->started);
	js_set_real(v, "seconds", a->seconds);
	js_set_real(v, "cpu_seconds", a->cpu_seconds);
	js_set_int(v, "max_rss", (int64_t)a->max_rss);
	js_set_int(v, "peak_memory", (int64_t)a->peak_memory);
	js_set_int(v, "cpus", a->cpus);
	js_set_int(v, "gpus", a->gpus);
	js_set_text(v, "cpu_list", a->cpu_list);
	js_set_text(v, "gpu_ids", a->gpu_ids);
	return v;
}

static void
print_json(const char *path, const struct history *h)
{
	js *all = js_object(), *tasks = js_array();

	for (size_t i = 0; i < h->task_count; i++) {
		const struct history_task *t = &h->tasks[i];
		if (is_gone(t))
			continue;
		js *one = js_object(), *attempts = js_array();
		js_set_text(one, "task", t->label);
		js_set_text(one, "node", t->node);
		js_set_text(one, "branch", t->branch);
		js_set_text(one, "state", t->state);
		js_set_text(one, "why", t->why);
		js_set_text(one, "key", t->key);
		for (size_t k = 0; k < t->attempt_count; k++)
			js_push(attempts, attempt_json(&t->attempts[k]));
		js_set(one, "attempts", attempts);
		js_push(tasks, one);
	}
	js_set_text(all, "run", path);
	js_set_real(all, "started", h->started);
	js_set_real(all, "ended", h->ended);
	js_set_int(all, "exit", h->exit);
	js_set_text(all, "reason", h->reason);
	if (h->paused > 0) {
		js_set_real(all, "paused_since", h->paused);
		js_set_text(all, "paused", h->paused_why);
	}
	js_set_int(all, "damaged_lines", (int64_t)h->damaged);
	js_set(all, "tasks", tasks);
	char *text = js_pretty(all);
	fputs(text, stdout);
	free(text);
	js_free(all);
}

static void
count_state(struct node_row *row, const char *state)
{
	size_t i = 0;

	while (i < row->state_count && strcmp(row->states[i], state))
		i++;
	if (i == MAX_STATES)
		return;
	if (i == row->state_count)
		row->states[row->state_count++] = state;
	row->counts[i]++;
	row->total++;
}

static void
print_nodes(const struct history *h)
{
	struct map at = {0};
	struct node_row *rows = NULL;
	size_t count = 0, cap = 0;

	for (size_t i = 0; i < h->task_count; i++) {
		int added;
		if (is_gone(&h->tasks[i]))
			continue;
		uint64_t *k = map_puts(&at, h->tasks[i].node, &added);
		if (added) {
			*k = count;
			GROW(rows, count, cap);
			rows[count++] = (struct node_row){.node = h->tasks[i].node};
		}
		count_state(&rows[*k], h->tasks[i].state);
	}
	for (size_t i = 0; i < count; i++) {
		printf("  %-20s", rows[i].node);
		for (size_t k = 0; k < rows[i].state_count; k++)
			printf("%s %zu %s", k ? "," : "", rows[i].counts[k], rows[i].states[k]);
		putchar('\n');
	}
	free(rows);
	map_free(&at);
}

/* Nothing to tell beyond its row: it went well, or (off) was never meant to run. */
static int
is_plain(const struct history_task *t)
{
	if (is_gone(t))
		return 1;
	if (strcmp(t->state, "done") && strcmp(t->state, "cached") &&
	    strcmp(t->state, "off"))
		return 0;
	return t->attempt_count <= 1;
}

/* Tasks with a story: failures, retries, skips, what runs now. */
static void
print_tasks(const struct history *h)
{
	char took[32];

	for (size_t i = 0; i < h->task_count; i++) {
		const struct history_task *t = &h->tasks[i];
		if (is_plain(t))
			continue;
		printf("\n%s: %s%s%s\n", t->label, t->state, t->why && *t->why ? ": " : "",
		       t->why ? t->why : "");
		for (size_t k = 0; k < t->attempt_count; k++) {
			const struct history_attempt *a = &t->attempts[k];
			printf("  attempt %d  %s", a->number, a->outcome);
			if (a->cls && *a->cls)
				printf("  %s: %s", a->cls, a->message ? a->message : "");
			if (a->seconds > 0)
				printf("  (%s)", format_duration(a->seconds, took));
			putchar('\n');
		}
	}
}

static void
print_pause(const struct history *h)
{
	time_t since = (time_t)h->paused;
	char when[64];

	strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", localtime(&since));
	printf("paused since %s: %s\n", when, h->paused_why);
}

static void
print_text(const char *path, const struct history *h)
{
	char when[64], took[32];
	time_t started = (time_t)h->started;

	strftime(when, sizeof when, "%Y-%m-%d %H:%M:%S", localtime(&started));
	printf("%s: ", path);
	if (!h->runs)
		printf("never executed\n");
	else if (h->ended > 0)
		printf("ended with exit %d after %s%s%s, started %s\n", h->exit,
		       format_duration(h->ended - h->started, took),
		       h->reason && *h->reason ? ", " : "", h->reason ? h->reason : "", when);
	else
		printf("not ended, started %s by process %d on %s\n", when, h->engine_pid,
		       h->engine_host ? h->engine_host : "?");
	if (h->paused > 0)
		print_pause(h);
	if (h->damaged)
		log_warning("%zu damaged journal line%s passed over", h->damaged,
		            h->damaged == 1 ? "" : "s");
	print_nodes(h);
	print_tasks(h);
}

static int
run(const struct command *c, struct cli *o)
{
	struct error e = {0};

	if (o->arg_count != 1)
		return usage_error(c, "status wants one run directory");
	struct rundir d = {0};
	struct history *h = NULL;
	if (rundir_open_read(&d, o->args[0], &e) == 0)
		h = history_read(d.path, &e);
	if (!h)
		log_error_object(&e);
	else if (o->json)
		print_json(d.path, h);
	else
		print_text(d.path, h);
	history_free(h);
	rundir_close(&d);
	return error_is_set(&e) ? EXIT_USAGE : EXIT_DONE;
}

const struct command command_status = {
	"status", "what a run has done, and what went wrong", "RUN [--json]",
	"Tell the state of a run from its journal, while it runs or afterwards: tasks by node, and\n"
	"each attempt with its class where something failed, was retried or was skipped.",
	OPT_JSON, run,
};

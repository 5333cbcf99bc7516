/* SPDX-License-Identifier: Apache-2.0
 * af2flow log: what an attempt printed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "record/history.h"
#include "record/rundir.h"

/* Copy a captured stream to stdout. 1 if there was one. */
static int
show(const char *dir, const char *stream, int titled)
{
	char *path = path_join(dir, stream);
	FILE *f = fopen(path, "rb");
	char buf[65536];
	size_t n;

	free(path);
	if (!f)
		return 0;
	if (titled)
		printf("--- %s\n", stream);
	while ((n = fread(buf, 1, sizeof buf, f)) > 0)
		fwrite(buf, 1, n, stdout);
	fclose(f);
	return 1;
}

static void
show_attempt(const struct rundir *d, const struct history_task *t,
             const struct history_attempt *a, const struct cli *o)
{
	char *dir = rundir_attempt(d, t->node, t->branch, a->number);
	int any = 0, both = !o->only_stdout && !o->only_stderr;

	if (both)
		printf("%s, attempt %d: %s%s%s%s%s\n", t->label, a->number, a->outcome,
		       a->cls && *a->cls ? ": " : "", a->cls ? a->cls : "",
		       a->message && *a->message ? ": " : "", a->message ? a->message : "");
	if (!o->only_stderr)
		any |= show(dir, "stdout", both);
	if (!o->only_stdout)
		any |= show(dir, "stderr", both);
	if (!any && both)
		printf("it printed nothing\n");
	free(dir);
}

static const struct history_attempt *
find_attempt(const struct history_task *t, int number)
{
	for (size_t i = 0; i < t->attempt_count; i++)
		if (t->attempts[i].number == number)
			return &t->attempts[i];
	return number || !t->attempt_count ? NULL : &t->attempts[t->attempt_count - 1];
}

static int
show_task(const struct rundir *d, const struct history *h, const struct cli *o)
{
	const struct history_task *t = history_task(h, o->args[1]);

	if (!t) {
		const char **names = xcalloc(h->task_count + 1, sizeof *names);
		for (size_t i = 0; i < h->task_count; i++)
			names[i] = h->tasks[i].label;
		const char *near = nearest_word(o->args[1], names);
		log_error("no task '%s' in this run%s%s%s", o->args[1],
		          near ? "; did you mean '" : "", near ? near : "", near ? "'?" : "");
		free(names);
		return EXIT_USAGE;
	}
	const struct history_attempt *a = find_attempt(t, o->attempt);
	if (!a && o->attempt) {
		log_error("task '%s' has no attempt %d", t->label, o->attempt);
		return EXIT_USAGE;
	}
	if (!a) {
		printf("%s: %s%s%s; no attempt of it ran in this run\n", t->label, t->state,
		       t->why && *t->why ? ": " : "", t->why ? t->why : "");
		return EXIT_DONE;
	}
	show_attempt(d, t, a, o);
	return EXIT_DONE;
}

static int
run(const struct command *c, struct cli *o)
{
	struct error e = {0};
	struct rundir d = {0};
	int rc = EXIT_USAGE;

	if (o->arg_count != 2)
		return usage_error(c, "log wants a run directory and a task, such as 'relax[model=3]'");
	if (rundir_open_read(&d, o->args[0], &e)) {
		log_error_object(&e);
		return EXIT_USAGE;
	}
	struct history *h = history_read(d.path, &e);
	if (h)
		rc = show_task(&d, h, o);
	else
		log_error_object(&e);
	history_free(h);
	rundir_close(&d);
	return rc;
}

const struct command command_log = {
	"log", "what a task's attempt printed", "RUN TASK [--attempt N] [--stdout|--stderr]",
	"Print what a task's attempt wrote to standard output and standard error. TASK is as\n"
	"`af2flow status` names it: NODE or 'NODE[model=3]'.",
	OPT_ATTEMPT, run,
};

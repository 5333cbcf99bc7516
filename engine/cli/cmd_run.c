/* SPDX-License-Identifier: Apache-2.0
 * af2flow run: run a workflow, or go on with it.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "cli/cli.h"
#include "view/graph_draw.h"
#include "view/live.h"
#include "view/picture.h"

#define DRAW_TIMEOUT 10.0 /* seconds for the layout of graph.svg */

/* The ranking table of the field's workflows, if the run has one. */
static void
print_table(const struct run *r)
{
	char *path = run_output_path(r, "table", "table");
	char *text = path ? fs_read_file(path, 64 * 1024, NULL, NULL) : NULL;

	if (text) {
		struct words lines = {0};
		for (char *save, *l = strtok_r(text, "\n", &save); l;
		     l = strtok_r(NULL, "\n", &save))
			words_add(&lines, l);
		putchar('\n');
		for (size_t i = 0; i < lines.count; i++) {
			char *save, *cell = strtok_r(lines.v[i], "\t", &save);
			for (int k = 0; cell; cell = strtok_r(NULL, "\t", &save), k++)
				printf("%s%-*s", k ? "  " : "", k == 0 ? 4 : 18, cell);
			putchar('\n');
		}
		words_free(&lines);
	}
	free(text);
	free(path);
}

static void
print_lines(const char *title, const struct words *w)
{
	if (w->count)
		printf("\n%s:\n", title);
	for (size_t i = 0; i < w->count && i < 50; i++)
		printf("  %s\n", w->v[i]);
	if (w->count > 50)
		printf("  ... and %zu more (af2flow status)\n", w->count - 50);
}

static void
print_summary(const struct run *r, int executed, int rc)
{
	const struct graph *g = run_graph(r);
	char took[32];
	size_t cached = 0, done = g->counts[T_DONE], shared = run_shared(r);

	for (uint32_t n = 0; n < g->w->node_count; n++)
		cached += run_node_cached(r, n);
	if (!executed) {
		printf("%s: nothing to do: all %zu tasks have their results\n",
		       run_path(r), done);
		return;
	}
	print_table(r);
	print_lines("failed", run_failures(r));
	print_lines("skipped", run_skips(r));
	if (g->counts[T_BLOCKED])
		printf("\n%zu task%s did not run because an input failed\n",
		       g->counts[T_BLOCKED], g->counts[T_BLOCKED] == 1 ? "" : "s");
	printf("\n%zu done (%zu of them stood already", done, cached - shared);
	if (shared)
		printf(", %zu made by other runs meanwhile", shared);
	printf("), %zu failed, %zu skipped, %zu off, %zu not run\n", g->counts[T_FAILED], g->counts[T_SKIPPED],
	       g->counts[T_OFF], g->task_count - done - g->counts[T_FAILED]
	       - g->counts[T_SKIPPED] - g->counts[T_OFF]);
	double used = run_cores(r) ? run_core_seconds(r) / (run_cores(r) * run_seconds(r)) : 0;
	printf("wall time %s, %.0f%% of the core time was in use\n",
	       format_duration(run_seconds(r), took), 100 * used);
	char *results = path_join(run_path(r), "results");
	if (access(results, F_OK) == 0)
		printf("results in %s\n", results);
	free(results);
	if (rc != EXIT_DONE)
		printf("more: af2flow status %s\n", run_path(r));
}

/* graph.svg beside the journal. Not having it is no failure of the run. */
static void
leave_picture(const struct run *r)
{
	struct str dot = {0};
	struct error e = {0};
	char *path = path_join(run_path(r), "graph.svg");

	picture_run(&dot, r, NULL);
	if (graph_draw_svg(dot.s, path, DRAW_TIMEOUT, &e))
		log_warning("no picture of the run: %s", e.text);
	str_free(&dot);
	free(path);
}

static int
execute(struct session *s, struct run *r, struct cli *o, struct diags *d)
{
	(void)s;
	if (run_complete(r)) {
		int rc = run_execute(r);
		print_summary(r, 0, rc);
		return rc;
	}
	if (run_check(r, d) || run_ask_tools(r, d)) {
		run_discard(r);
		return run_interrupted(r) ? run_interrupted(r)
		       : d->errors        ? EXIT_USAGE
		                          : EXIT_FAILED;
	}
	log_diags(d);
	diags_free(d);
	*d = (struct diags){0};
	struct live *live = live_new(r, o->quiet);
	run_observe(r, live_observer(live));
	int rc = run_execute(r);
	live_end(live);
	leave_picture(r);
	print_summary(r, 1, rc);
	return rc;
}

/* A wrong path is for the user to mend; a full or broken disk is not. */
static int
open_failed(const struct error *e)
{
	return error_passes(e) || e->number == EIO || e->number == EROFS ? EXIT_FAILED
	                                                                 : EXIT_USAGE;
}

static int
run(const struct command *c, struct cli *o)
{
	struct session s;
	struct diags d = {0};
	struct error e = {0};
	int rc = EXIT_USAGE;

	if (o->arg_count != 1)
		return usage_error(c, "run wants one workflow file");
	o->c.workflow = o->args[0];
	if (session_open(&s, &o->c, &d) == 0) {
		struct run *r = run_open(&s, 1, NULL, &e);
		if (r) {
			rc = execute(&s, r, o, &d);
		} else {
			log_error_object(&e);
			rc = open_failed(&e);
		}
		fflush(stdout);
		run_close(r);
	}
	cli_report(&d);
	session_close(&s);
	return rc;
}

const struct command command_run = {
	"run", "run a workflow, or go on with it", "FILE [options]",
	"Run a workflow. Tasks whose results stand in the store are not run again, so the same\n"
	"command goes on after an interrupt, a failure or a change. Exit 0: all done; 1: something\n"
	"failed; 2: the check found errors; 3: finished with skipped branches; 130/143: interrupted.",
	OPT_WORKFLOW | OPT_MACHINE | OPT_PLUGINS | OPT_RUN, run,
};

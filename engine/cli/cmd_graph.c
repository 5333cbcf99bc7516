/* SPDX-License-Identifier: Apache-2.0
 * af2flow graph: a workflow, or a run with its tasks coloured by state, as DOT or SVG.
 */
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/log.h"
#include "cli/cli.h"
#include "record/history.h"
#include "record/rundir.h"
#include "view/graph_draw.h"
#include "view/picture.h"

#define DRAW_TIMEOUT 60.0 /* seconds for the layout */

static int
give(const struct cli *o, struct str *dot)
{
	struct error e = {0};
	int rc = EXIT_DONE;

	if (o->dot || !o->svg)
		fputs(dot->s, stdout);
	if (o->svg && graph_draw_svg(dot->s, o->svg, DRAW_TIMEOUT, &e)) {
		log_error_object(&e);
		rc = EXIT_FAILED;
	}
	str_free(dot);
	return rc;
}

static int
graph_of_workflow(struct cli *o)
{
	struct session s;
	struct diags d = {0};
	struct str dot = {0};
	int rc = EXIT_USAGE;

	o->c.workflow = o->args[0];
	if (session_open(&s, &o->c, &d) == 0) {
		picture_workflow(&dot, s.w);
		rc = give(o, &dot);
	}
	cli_report(&d);
	session_close(&s);
	return rc;
}

static int
draw_run(struct cli *o, const char *path)
{
	struct session s;
	struct diags d = {0};
	struct error e = {0};
	struct str dot = {0};
	struct history *h = history_read(path, &e);
	struct run *r = NULL;
	int rc = EXIT_USAGE;

	o->c.run_dir = path;
	if (session_open(&s, &o->c, &d) == 0 && h && (r = run_open_view(&s, h, &e))) {
		picture_run(&dot, r, h);
		rc = give(o, &dot);
	}
	cli_report(&d);
	if (error_is_set(&e))
		log_error_object(&e);
	run_close(r);
	session_close(&s);
	history_free(h);
	return rc;
}

static int
graph_of_run(struct cli *o)
{
	struct rundir dir = {0};
	struct error e = {0};

	if (rundir_open_read(&dir, o->args[0], &e)) {
		log_error_object(&e);
		return EXIT_USAGE;
	}
	js *meta = rundir_meta(&dir);
	int rc = EXIT_USAGE;
	if (!meta) {
		log_error("'%s' is not the directory of a run: it has no meta.json", dir.path);
	} else {
		char *copy = path_join(dir.path, "workflow.dot");
		cli_settings_of_run(o, meta, copy);
		rc = draw_run(o, dir.path);
		free(copy);
	}
	js_free(meta);
	rundir_close(&dir);
	return rc;
}

static int
run(const struct command *c, struct cli *o)
{
	struct stat st;

	if (o->arg_count != 1)
		return usage_error(c, "graph wants one workflow file or run directory");
	if (stat(o->args[0], &st) == 0 && S_ISDIR(st.st_mode))
		return graph_of_run(o);
	return graph_of_workflow(o);
}

const struct command command_graph = {
	"graph", "draw a workflow or a run", "FILE|RUN [--svg FILE] [--dot]",
	"Print a workflow as DOT, or draw it as SVG. For a run directory each task is a box coloured\n"
	"by its state; nodes with very many tasks become one box.",
	OPT_WORKFLOW | OPT_PLUGINS | OPT_PICTURE, run,
};

/* SPDX-License-Identifier: Apache-2.0
 * af2flow check: everything that can be known before a run.
 */
#include <stdio.h>

#include "base/json.h"
#include "base/log.h"
#include "cli/cli.h"
#include "model/dot_read.h"

#include <stdlib.h>

static void
print_json(const struct diags *d)
{
	js *all = js_array();

	for (size_t i = 0; i < d->count; i++) {
		js *one = js_object();
		js_set_text(one, "severity",
		            d->items[i].severity == SEV_ERROR ? "error" : "warning");
		js_set_text(one, "file", d->items[i].file);
		js_set_int(one, "line", d->items[i].line);
		js_set_int(one, "column", d->items[i].column);
		js_set_text(one, "token", d->items[i].token);
		js_set_text(one, "text", d->items[i].text);
		js_set_text(one, "hint", d->items[i].hint);
		js_push(all, one);
	}
	char *text = js_pretty(all);
	fputs(text, stdout);
	free(text);
	js_free(all);
}

/* Exit code of an interrupted check, else 0 or -1: what is wrong stands in the diags. */
static int
check(struct session *s, struct cli *o, struct diags *d)
{
	struct error e = {0};

	if (session_open(s, &o->c, d))
		return -1;
	struct run *r = run_open(s, 0, NULL, &e);
	if (!r)
		return diags_add(d, SEV_ERROR, "", 0, NULL, e.hint, "%s", e.text);
	if (!run_check(r, d))
		run_ask_tools(r, d);
	int interrupted = run_interrupted(r);
	if (!d->errors && !interrupted && !o->json) {
		const struct graph *g = run_graph(r);
		printf("%s: sound: %zu nodes, %zu tasks known so far, %zu of them done\n",
		       s->w->path, s->w->node_count, g->task_count, g->counts[T_DONE]);
	}
	run_close(r);
	return interrupted;
}

static int
run(const struct command *c, struct cli *o)
{
	struct session s;
	struct diags d = {0};

	if (o->arg_count != 1)
		return usage_error(c, "check wants one workflow file");
	o->c.workflow = o->args[0];
	int interrupted = check(&s, o, &d);
	if (o->json)
		print_json(&d);
	session_close(&s);
	int bad = d.errors > 0;
	if (o->json)
		diags_free(&d);
	else
		bad = cli_report(&d);
	return interrupted > 0 ? interrupted : bad ? EXIT_USAGE : EXIT_DONE;
}

const struct command command_check = {
	"check", "check a workflow and this machine before a run", "FILE [options]",
	"Check a workflow: syntax, names, types, ports, cycles, files, databases, programs and\n"
	"resources, for what has no result yet; then ask its tools for their versions, unless they\n"
	"are known. All errors are listed. Exit 0 or 2.",
	OPT_WORKFLOW | OPT_MACHINE | OPT_PLUGINS | OPT_JSON, run,
};

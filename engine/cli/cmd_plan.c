/* SPDX-License-Identifier: Apache-2.0
 * af2flow plan: what a run would do, and why. Tasks of one node whose reasons are of the same
 * kind are told together, with the first one's particulars.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "base/map.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "run/run_plan.h"

enum { NAMED = 3 }; /* branches that stand for a group */

/* --- JSON -------------------------------------------------------------------------------- */

static js *
counts_json(const size_t *counts)
{
	js *v = js_object();

	for (int k = 0; k < PLAN_KIND_COUNT; k++)
		js_set_int(v, plan_word(k), (int64_t)counts[k]);
	return v;
}

static void
set_label(js *v, const char *name, const struct graph *g, uint32_t task)
{
	struct str label = {0};

	graph_label(g, task, &label);
	js_set_text(v, name, label.s);
	str_free(&label);
}

static js *
task_json(const struct graph *g, const struct plan_task *t)
{
	js *v = js_object();

	set_label(v, "task", g, t->task);
	js_set_text(v, "node", g->w->nodes[g->tasks[t->task].node].name);
	js_set_text(v, "plan", plan_word(t->kind));
	if (t->with != NONE)
		set_label(v, "with", g, t->with);
	js_set(v, "why", reasons_json(&t->why));
	return v;
}

static js *
node_json(const struct graph *g, const struct plan *p, size_t node)
{
	js *v = js_object();

	js_set_text(v, "node", g->w->nodes[node].name);
	js_set(v, "tasks", counts_json(p->nodes[node].counts));
	js_set_int(v, "unknown_lists", (int64_t)p->nodes[node].open);
	return v;
}

static void
print_json(const struct run *r, const struct plan *p)
{
	const struct graph *g = run_graph(r);
	js *all = js_object(), *nodes = js_array(), *tasks = js_array();

	for (size_t i = 0; i < g->w->node_count; i++)
		if (g->w->nodes[i].selected)
			js_push(nodes, node_json(g, p, i));
	for (size_t i = 0; i < p->count; i++)
		js_push(tasks, task_json(g, &p->tasks[i]));
	js_set_text(all, "workflow", g->w->path);
	js_set_text(all, "run", run_path(r));
	js_set(all, "counts", counts_json(p->counts));
	js_set(all, "nodes", nodes);
	js_set(all, "tasks", tasks);
	char *text = js_pretty(all);
	fputs(text, stdout);
	free(text);
	js_free(all);
}

/* --- text -------------------------------------------------------------------------------- */

/* "3 done, 2 run, 1 shared" */
static void
print_counts(const size_t *counts)
{
	int any = 0;

	for (int k = 0; k < PLAN_KIND_COUNT; k++)
		if (counts[k])
			printf("%s%zu %s", any++ ? ", " : "", counts[k], plan_word(k));
}

static void
print_nodes(const struct graph *g, const struct plan *p)
{
	for (size_t i = 0; i < g->w->node_count; i++) {
		const struct plan_node *n = &p->nodes[i];
		size_t all = 0;
		if (!g->w->nodes[i].selected)
			continue;
		for (int k = 0; k < PLAN_KIND_COUNT; k++)
			all += n->counts[k];
		printf("  %-20s ", g->w->nodes[i].name);
		print_counts(n->counts);
		if (n->open) {
			struct str label = {0};
			graph_label(g, n->list, &label);
			printf("%sbranches by a list of %s, which is not known yet",
			       all ? "; more " : "", label.s);
			str_free(&label);
		} else if (!all) {
			printf("no tasks");
		}
		putchar('\n');
	}
}

/* What tasks must have in common to be told together. */
static char *
kin_of(const struct graph *g, const struct plan_task *t)
{
	struct str b = {0};

	str_printf(&b, "%u %d", g->tasks[t->task].node, t->kind);
	for (size_t i = 0; i < t->why.count; i++)
		str_printf(&b, " %d %s", t->why.v[i].id,
		           t->why.v[i].id == WHY_SHARED || !t->why.v[i].name ? ""
		                                                             : t->why.v[i].name);
	return str_take(&b);
}

struct group {
	size_t first, count; /* into the plan's tasks */
	uint32_t named[NAMED];
	int differ;          /* the texts of their reasons are not all the same */
};

static int
same_texts(const struct reasons *a, const struct reasons *b)
{
	for (size_t i = 0; i < a->count && i < b->count; i++)
		if (strcmp(a->v[i].text, b->v[i].text))
			return 0;
	return a->count == b->count;
}

static void
print_group(const struct graph *g, const struct plan *p, const struct group *x)
{
	const struct plan_task *t = &p->tasks[x->first];
	char *why = reasons_text(&t->why);
	struct str label = {0};

	if (x->count == 1) {
		graph_label(g, t->task, &label);
		printf("%s: %s: %s\n", label.s, plan_word(t->kind), why);
	} else {
		for (size_t i = 0; i < NAMED && i < x->count; i++) {
			str_add(&label, i ? "; " : "");
			graph_branch(g, x->named[i], &label);
		}
		printf("%s: %zu tasks (%s%s): %s%s: %s\n",
		       g->w->nodes[g->tasks[t->task].node].name, x->count, label.s,
		       x->count > NAMED ? "; ..." : "", plan_word(t->kind),
		       x->differ ? ", the first because" : "", why);
	}
	str_free(&label);
	free(why);
}

static void
print_reasons(const struct graph *g, const struct plan *p)
{
	struct map at = {0};
	struct group *groups = NULL;
	size_t count = 0, cap = 0;

	for (size_t i = 0; i < p->count; i++) {
		char *kin = kin_of(g, &p->tasks[i]);
		int added;
		uint64_t *k = map_puts(&at, kin, &added);
		free(kin);
		if (added) {
			*k = count;
			GROW(groups, count, cap);
			groups[count++] = (struct group){.first = i};
		}
		struct group *x = &groups[*k];
		if (x->count < NAMED)
			x->named[x->count] = p->tasks[i].task;
		x->differ |= !same_texts(&p->tasks[x->first].why, &p->tasks[i].why);
		x->count++;
	}
	if (count)
		putchar('\n');
	for (size_t i = 0; i < count; i++)
		print_group(g, p, &groups[i]);
	free(groups);
	map_free(&at);
}

static void
print_text(const struct run *r, const struct plan *p)
{
	const struct graph *g = run_graph(r);
	size_t saved = p->counts[PLAN_DONE] + p->counts[PLAN_SHARED];
	size_t all = saved + p->counts[PLAN_RUN] + p->counts[PLAN_MAYBE];

	printf("%s: %zu tasks%s: ", g->w->path, g->task_count,
	       p->open ? " known so far" : "");
	print_counts(p->counts);
	putchar('\n');
	print_nodes(g, p);
	print_reasons(g, p);
	if (saved)
		printf("\nsaved: %zu of %zu executions (%zu by results that stand, %zu by equal "
		       "work)\n", saved, all, p->counts[PLAN_DONE],
		       p->counts[PLAN_SHARED]);
}

/* --- the command ------------------------------------------------------------------------- */

static void
plan(struct session *s, struct cli *o, struct diags *d)
{
	struct error e = {0};
	struct plan *p = NULL;

	if (session_open(s, &o->c, d))
		return;
	struct run *r = run_open(s, 0, NULL, &e);
	/* A finished run needs no machine. */
	if (r && (run_complete(r) || !run_check(r, d)))
		p = run_plan(r, &e);
	if (error_is_set(&e))
		diags_add(d, SEV_ERROR, "", 0, NULL, e.hint, "%s", e.text);
	if (p && o->json)
		print_json(r, p);
	else if (p)
		print_text(r, p);
	plan_free(p);
	run_close(r);
}

static int
run(const struct command *c, struct cli *o)
{
	struct session s;
	struct diags d = {0};

	if (o->arg_count != 1)
		return usage_error(c, "plan wants one workflow file");
	o->c.workflow = o->args[0];
	plan(&s, o, &d);
	session_close(&s);
	return cli_report(&d) ? EXIT_USAGE : EXIT_DONE;
}

const struct command command_plan = {
	"plan", "what a run would do, and why", "FILE [options]",
	"Say what `run` with the same options would do: by node, how many tasks are done already,\n"
	"how many would run, share another's work, or may run, depending on what runs first; then\n"
	"why. Nothing runs and nothing is made. Exit 0, or 2 for what `check` finds.",
	OPT_WORKFLOW | OPT_MACHINE | OPT_PLUGINS | OPT_JSON, run,
};

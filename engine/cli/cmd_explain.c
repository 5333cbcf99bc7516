/* SPDX-License-Identifier: Apache-2.0
 * af2flow explain: why a task of a run waits, ran again or did not run, its attempts, and what to
 * do next.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "view/explain.h"

enum { NAMED = 5 }; /* tasks of a state that are named */

/* --- printing ---------------------------------------------------------------------------- */

static js *
attempt_json(const struct explain *x, const struct history_task *t,
             const struct history_attempt *a)
{
	js *v = js_object();
	char *tail = explain_tail(x->dir, t->node, t->branch, a->number);

	js_set_int(v, "attempt", a->number);
	js_set_text(v, "outcome", a->outcome);
	js_set_text(v, "class", *a->cls ? a->cls : NULL);
	js_set_text(v, "message", *a->message ? a->message : NULL);
	if (a->status > 0)
		js_set_int(v, "status", a->status);
	if (a->signal)
		js_set_int(v, "signal", a->signal);
	js_set_real(v, "started", a->started);
	js_set_real(v, "seconds", a->seconds);
	js_set_int(v, "max_rss", (int64_t)a->max_rss);
	js_set_int(v, "cpus", a->cpus);
	js_set_text(v, "gpu_ids", a->gpus ? a->gpu_ids : NULL);
	js_set_text(v, "reason", *a->reason ? a->reason : reason_word(WHY_FIRST));
	js_set_text(v, "why", *a->reason_text ? a->reason_text : NULL);
	js_set_text(v, "stderr", tail);
	free(tail);
	return v;
}

static void
print_json(const struct explain *x, const char *label, const struct explanation *e)
{
	const struct history_task *t = history_task(x->history, label);
	js *v = js_object(), *attempts = js_array();

	for (size_t i = 0; t && i < t->attempt_count; i++)
		js_push(attempts, attempt_json(x, t, &t->attempts[i]));
	js_set_text(v, "run", x->dir->path);
	js_set_text(v, "task", label);
	js_set_text(v, "state", e->state);
	if (e->since > 0)
		js_set_real(v, "since", e->since);
	js_set(v, "why", reasons_json(&e->why));
	js_set(v, "attempts", attempts);
	js_set_text(v, "next", e->next);
	char *text = js_pretty(v);
	fputs(text, stdout);
	free(text);
	js_free(v);
}

static void
print_indented(const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		printf("      | %.*s\n", (int)n, text);
		text += n + (text[n] == '\n');
	}
}

static void
print_attempt(const struct explain *x, const struct history_task *t,
              const struct history_attempt *a)
{
	char when[32], took[32], size[32];

	printf("  attempt %d: %s", a->number, a->outcome);
	if (*a->cls)
		printf(", %s: %s", a->cls, a->message);
	if (a->status > 0)
		printf(" (exit status %d)", a->status);
	else if (a->signal)
		printf(" (signal %d, %s)", a->signal, strsignal(a->signal));
	printf("\n    started %s", explain_time(a->started, when));
	if (a->seconds > 0)
		printf(", took %s", format_duration(a->seconds, took));
	printf(", %d core%s", a->cpus, a->cpus == 1 ? "" : "s");
	if (a->gpus)
		printf(", GPU %s", a->gpu_ids);
	if (a->max_rss)
		printf(", at most %s of memory", format_size(a->max_rss, size));
	putchar('\n');
	if (*a->reason_text)
		printf("    because: %s\n", a->reason_text);
	char *tail = !strcmp(a->outcome, "ok")
	                     ? NULL
	                     : explain_tail(x->dir, t->node, t->branch, a->number);
	if (tail) {
		printf("    the end of its stderr:\n");
		print_indented(tail);
	}
	free(tail);
}

static void
print_text(const struct explain *x, const char *label, const struct explanation *e)
{
	const struct history_task *t = history_task(x->history, label);
	char when[32];

	printf("%s: %s", label, e->state);
	if (e->since > 0)
		printf(" since %s", explain_time(e->since, when));
	putchar('\n');
	for (size_t i = 0; i < e->why.count; i++)
		printf("  %s\n", e->why.v[i].text);
	for (size_t i = 0; t && i < t->attempt_count; i++)
		print_attempt(x, t, &t->attempts[i]);
	if (e->next)
		printf("  next: %s\n", e->next);
}

/* --- which task -------------------------------------------------------------------------- */

static void
show(const struct explain *x, const struct cli *o, const char *label, struct explanation *e)
{
	if (o->json)
		print_json(x, label, e);
	else
		print_text(x, label, e);
	explanation_free(e);
}

static void
add_name(js *list, struct str *text, const char *label)
{
	if (js_count(list) < NAMED)
		str_printf(text, "%s%s", text->len ? ", " : "", label);
	js_push(list, js_text(label));
}

/* A node of many tasks: by state, with the first ones of each. */
static void
show_node(const struct explain *x, const struct cli *o, const char *node,
          const struct words *labels)
{
	js *states = js_object();
	struct str text = {0};
	const char *state;
	void *it = NULL;
	js *list;

	for (size_t i = 0; i < labels->count; i++) {
		state = explain_state(x, labels->v[i]);
		if (!js_get(states, state))
			js_set(states, state, js_array());
		js_push(js_get(states, state), js_text(labels->v[i]));
	}
	if (o->json) {
		char *dump = js_pretty(states);
		fputs(dump, stdout);
		free(dump);
	} else {
		printf("%s: %zu tasks; name one of them\n", node, labels->count);
	}
	while (!o->json && (list = js_next(states, &it, &state))) {
		js *some = js_array();
		str_reset(&text);
		for (size_t i = 0; i < js_count(list); i++)
			add_name(some, &text, js_as_text(js_at(list, i), ""));
		printf("  %zu %s: %s%s\n", js_count(list), state, text.s,
		       js_count(list) > NAMED ? ", ..." : "");
		js_free(some);
	}
	str_free(&text);
	js_free(states);
}

static int
no_such_task(const struct explain *x, const char *label)
{
	struct words all = {0};

	explain_labels(x, NULL, &all);
	for (size_t i = 0; i < all.count && !strchr(label, '['); i++)
		all.v[i][strcspn(all.v[i], "[")] = '\0'; /* a node was meant */
	const char *near = all.count ? nearest_word(label, (const char *const *)all.v) : NULL;
	log_error("no task '%s' in this run%s%s%s", label, near ? "; did you mean '" : "",
	          near ? near : "", near ? "'?" : "");
	words_free(&all);
	return EXIT_USAGE;
}

static int
explain_named(const struct explain *x, const struct cli *o, const char *label)
{
	struct explanation e = {0};
	struct words labels = {0};
	int rc = EXIT_DONE;

	if (explain_knows(x, label)) {
		explain_task(x, label, &e);
		show(x, o, label, &e);
		return EXIT_DONE;
	}
	char *node = xstrndup(label, strcspn(label, "["));
	if (!strcmp(node, label))
		explain_labels(x, node, &labels);
	if (labels.count == 1)
		rc = explain_named(x, o, labels.v[0]);
	else if (labels.count)
		show_node(x, o, node, &labels);
	else if (explain_unborn(x, node, &e) == 0)
		show(x, o, label, &e);
	else
		rc = no_such_task(x, label);
	words_free(&labels);
	free(node);
	return rc;
}

/* --- the command ------------------------------------------------------------------------- */

/* Open the run for reading; its workflow may have gone or become another. */
static struct run *
open_run(struct cli *o, const struct rundir *dir, const js *meta, struct history *past,
         struct session *s, struct plan **plan)
{
	char *copy = path_join(dir->path, "workflow.dot");
	struct diags d = {0};
	struct error e = {0};
	struct run *r = NULL;

	cli_settings_of_run(o, meta, copy);
	o->c.run_dir = dir->path;
	if (session_open(s, &o->c, &d) == 0 && (r = run_open_view(s, past, &e)))
		*plan = run_plan(r, &e);
	if (!*plan)
		log_warning("only the journal can be asked: the workflow cannot be loaded: %s",
		            d.errors ? d.items[0].text : e.text);
	diags_free(&d);
	free(copy);
	return r;
}

static int
explain(struct cli *o, const struct rundir *dir, const js *meta)
{
	struct explain x = {.dir = dir, .held = rundir_is_held(dir->path)};
	struct session s = {0};
	struct plan *plan = NULL;
	struct error e = {0};
	struct history *h = history_read(dir->path, &e);
	int rc = EXIT_USAGE;

	x.history = h;
	if (h) {
		js *waiting = x.held ? rundir_waiting(dir, h->engine_pid) : NULL;
		struct run *r = meta ? open_run(o, dir, meta, h, &s, &plan) : NULL;
		x.waiting = waiting;
		x.run = plan ? r : NULL;
		x.plan = plan;
		x.store = r ? run_store(r) : NULL;
		explain_index(&x);
		rc = explain_named(&x, o, o->args[1]);
		map_free(&x.by_label);
		plan_free(plan);
		run_close(r);
		session_close(&s);
		js_free(waiting);
	} else {
		log_error_object(&e);
	}
	history_free(h);
	return rc;
}

static int
run(const struct command *c, struct cli *o)
{
	struct rundir dir = {0};
	struct error e = {0};

	if (o->arg_count != 2)
		return usage_error(c, "explain wants a run directory and a task, such as "
		                      "'relax[model=3]'");
	if (rundir_open_read(&dir, o->args[0], &e)) {
		log_error_object(&e);
		return EXIT_USAGE;
	}
	js *meta = rundir_meta(&dir);
	int rc = explain(o, &dir, meta);
	js_free(meta);
	rundir_close(&dir);
	return rc;
}

const struct command command_explain = {
	"explain", "why a task waits, ran again or did not run", "RUN TASK [--json]",
	"Say why a task of a run waits (for which input, slot or delay, since when), why it ran\n"
	"again, why it was not run at all, what its attempts came to, and what to do next. TASK is\n"
	"NODE or 'NODE[model=3]'; the manual has a table of all reasons.",
	OPT_PLUGINS | OPT_JSON, run,
};

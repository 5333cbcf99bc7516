/* SPDX-License-Identifier: Apache-2.0
 * explain_end: tasks that came to no result: by themselves, by an input, or with the run.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "view/explain_private.h"

enum { DEEPEST = 64 }; /* links of a chain of inputs */

/* The first producer in one of two states, or NONE. */
static uint32_t
culprit(const struct explain *x, uint32_t task, const char *state, const char *or_state)
{
	const struct graph *g = run_graph(x->run);
	struct u32s all = {0};
	size_t count;
	const int *in = graph_in_edges(g, g->tasks[task].node, &count);
	uint32_t found = NONE;

	for (size_t k = 0; k < count; k++)
		graph_producers(g, task, in[k], 0, &all);
	for (size_t i = 0; i < all.count && found == NONE; i++) {
		struct subject p = explain_numbered(x, all.v[i]);
		if (!strcmp(p.state, state) || !strcmp(p.state, or_state))
			found = all.v[i];
		subject_free(&p);
	}
	free(all.v);
	return found;
}

/* By which input, down to the one where it began. */
static void
by_input(const struct explain *x, const struct subject *s, int id, const char *state,
         const char *or_state, struct explanation *out)
{
	struct str b = {0};
	struct subject root = {0};
	uint32_t at = s->task;

	for (int i = 0; i < DEEPEST && at != NONE; i++) {
		uint32_t next = culprit(x, at, state, or_state);
		if (next == NONE)
			break;
		subject_free(&root);
		root = explain_numbered(x, next);
		str_printf(&b, "%s%s is %s", i ? ", because its input " : "its input ", root.label,
		           root.state);
		at = next;
	}
	if (!b.len)
		str_add(&b, s->past && *s->past->why ? s->past->why : reason_meaning(id));
	if (root.past && *root.past->why && at != s->task)
		str_printf(&b, " (%s)", root.past->why);
	reasons_add(&out->why, id, root.label, NULL, NULL, "%s", b.s);
	if (root.label && id == IS_BLOCKED) {
		struct str hint = {0};
		str_add(&hint, "see to that one: af2flow explain ");
		str_add_quoted(&hint, x->dir->path);
		str_addc(&hint, ' ');
		str_add_quoted(&hint, root.label);
		out->next = str_take(&hint);
	}
	subject_free(&root);
	str_free(&b);
}

/* Did its last attempt lead to its end, or did it come to none? */
static int
was_tried(const struct history_task *t)
{
	const struct history_attempt *a =
		t && t->attempt_count ? &t->attempts[t->attempt_count - 1] : NULL;

	return a && !strcmp(a->outcome, "failed") && !strcmp(a->message, t->why);
}

static void
has_failed(const struct explain *x, const struct subject *s, int id, struct explanation *out)
{
	const char *cls = s->past ? s->past->cls : "", *why = s->past ? s->past->why : "";
	const char *said = *why ? why : reason_meaning(id);

	if (!was_tried(s->past))
		id = IS_REFUSED;
	reasons_add(&out->why, id, cls, NULL, NULL, "%s%s%s%s", *cls ? cls : "", *cls ? ": " : "",
	            said, id == IS_TOLERATED ? "; on_failure=skip" : "");
	out->next = explain_next(x, cls, s->label);
}

static void
is_skipped(const struct explain *x, const struct subject *s, struct explanation *out)
{
	const char *cls = s->past ? s->past->cls : "";

	if (!strcmp(cls, "none"))
		reasons_add(&out->why, IS_SKIPPED, NULL, NULL, NULL, "its plugin skipped it: %s",
		            s->past->why);
	else if (*cls)
		has_failed(x, s, IS_TOLERATED, out);
	else
		by_input(x, s, IS_SKIPPED_INPUT, "skipped", "off", out);
}

static void
is_off(const struct explain *x, const struct subject *s, struct explanation *out)
{
	int id = s->task != NONE && run_graph(x->run)->tasks[s->task].state == T_OFF
	                 ? run_why_off(x->run, s->task)
	                 : IS_OFF;

	if (id == IS_OFF_INPUT)
		by_input(x, s, id, "off", "skipped", out);
	else
		reasons_add(&out->why, id, NULL, NULL, NULL, "%s", reason_meaning(id));
}

static void
has_ended(const struct explain *x, int id, struct explanation *out)
{
	const char *reason = x->history->reason;

	if (id == IS_CANCELLED)
		reasons_add(&out->why, id, NULL, NULL, NULL, "the run ended it%s%s",
		            *reason ? ": " : "", reason);
	else
		reasons_add(&out->why, id, NULL, NULL, NULL, "%s", reason_meaning(id));
	out->next = xstrdup("the same `af2flow run` tries it again");
}

void
explain_end(const struct explain *x, const struct subject *s, struct explanation *out)
{
	if (!strcmp(s->state, "failed"))
		has_failed(x, s, IS_FAILED, out);
	else if (!strcmp(s->state, "skipped"))
		is_skipped(x, s, out);
	else if (!strcmp(s->state, "blocked"))
		by_input(x, s, IS_BLOCKED, "failed", "blocked", out);
	else if (!strcmp(s->state, "off"))
		is_off(x, s, out);
	else if (!strcmp(s->state, "gone"))
		reasons_add(&out->why, IS_GONE, NULL, NULL, NULL, "%s", reason_meaning(IS_GONE));
	else
		has_ended(x, !strcmp(s->state, "cancelled") ? IS_CANCELLED : IS_LOST, out);
}

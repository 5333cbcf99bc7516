/* SPDX-License-Identifier: Apache-2.0
 * run_recall: a view shows what a run did. Where the key of a task that was done cannot be made
 * any more, since its fingerprint is not remembered, or finds nothing, since a file or a tool has
 * changed since, the result counts that the run had: the task's link `out` or its journal name it.
 *
 * Both tell of the last run in the directory that came to the task, and that one may have had
 * other settings than the last. So the result must not tell of another plugin, parameter, variable
 * or input than the run has now. What it does not tell is believed, and what a plugin's fingerprint
 * said then.
 *
 * What the next run would do is another matter: such tasks, and those behind them, are marked.
 */
#include <stdlib.h>
#include <string.h>

#include "run/run_private.h"

/* Did the run leave the task with a result? Attempts that failed or are under way leave the
 * result of an earlier run linked. */
static const struct history_task *
done_before(const struct run *r, uint32_t task)
{
	char *label = run_label(r, task);
	const struct history_task *h = history_task(r->history, label);

	free(label);
	return h && (!strcmp(h->state, "done") || !strcmp(h->state, "cached")) ? h : NULL;
}

/* May it differ without the run being another one? Another file, named by a parameter, is another
 * setting; what the same one holds is not. */
static int
is_outside(const struct reason *differs)
{
	switch (differs->id) {
	case WHY_FINGERPRINT:
	case WHY_VERSION: return 1;
	case WHY_FILE: return !differs->then && !differs->now;
	}
	return 0;
}

static int
is_of_this_run(struct run *r, struct active *a, int attempt, const struct digest *recorded)
{
	struct digest key;
	struct error e = {0};
	struct reasons differ = {0};
	js *story = store_story(r->store, recorded), *then = js_get(story, "from"), *now;
	int fits = run_key_parts(r, a, attempt, &key, &now, &e) >= 0;

	if (fits && then)
		key_parts_diff(then, now, &differ);
	for (size_t i = 0; i < differ.count; i++)
		fits &= is_outside(&differ.v[i]);
	reasons_free(&differ);
	js_free(now);
	js_free(story);
	return fits;
}

int
run_recall(struct run *r, struct active *a, int attempt, struct result **out, struct error *e)
{
	const struct history_task *h = done_before(r, a->task);
	struct digest key;

	if (!h || !r->has_dir || run_earlier_key(r, a->task, h, &key)
	    || !is_of_this_run(r, a, attempt, &key))
		return 0;
	int rc = store_lookup(r->store, &key, out, e);
	if (rc == 1)
		run_rtask(r, a->task)->recalled = RECALLED;
	r->recalls |= rc == 1;
	return rc;
}

/* Does an edge carry what counts for the key? */
static int
counts(const struct workflow *w, const struct wf_edge *e)
{
	return !e->order && !(w->nodes[e->to].inputs[e->to_port].flags & AF2_PORT_HINT);
}

uint32_t
run_recalled_input(const struct run *r, uint32_t task)
{
	struct u32s all = {0};
	uint32_t found = NONE;
	size_t count;
	const int *in = graph_in_edges(r->g, r->g->tasks[task].node, &count);

	for (size_t k = 0; k < count; k++)
		if (counts(r->w, &r->w->edges[in[k]]))
			graph_producers(r->g, task, in[k], 1, &all);
	for (size_t i = 0; i < all.count && found == NONE; i++)
		if (r->tasks[all.v[i]].recalled)
			found = all.v[i];
	free(all.v);
	return found;
}

void
run_note_recall(struct run *r, uint32_t task)
{
	struct rtask *t = run_rtask(r, task);

	if (r->recalls && !t->recalled && run_recalled_input(r, task) != NONE)
		t->recalled = RESTS_ON_RECALL;
}

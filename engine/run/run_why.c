/* SPDX-License-Identifier: Apache-2.0
 * run_why: why a task has to run: what differs between what its key is made of now and what the
 * result was made of that it had before in this run directory. That one is found by the link
 * tasks/NODE/BRANCH/out, or, for a result without files, by the key in the journal.
 */
#include <stdlib.h>
#include <string.h>

#include "run/run_private.h"

int
run_earlier_key(const struct run *r, uint32_t task, const struct history_task *h,
                struct digest *key)
{
	const struct wf_node *n = &r->w->nodes[r->g->tasks[task].node];
	int rc = -1;

	if (n->output_count) {
		char *branch = run_branch_text(r, task);
		rc = rundir_linked(&r->dir, n->name, branch, key);
		free(branch);
	}
	if (rc && h && *h->key)
		rc = digest_parse(h->key, key);
	return rc;
}

int
run_had_result(const struct run *r, uint32_t task)
{
	struct digest key;

	if (!r->has_dir)
		return 0;
	char *label = run_label(r, task);
	const struct history_task *h = r->history ? history_task(r->history, label) : NULL;
	free(label);
	return run_earlier_key(r, task, h, &key) == 0;
}

/* It had no result: was it tried? */
static void
why_tried(const struct history_task *h, struct reasons *out)
{
	const struct history_attempt *last =
		h && h->attempt_count ? &h->attempts[h->attempt_count - 1] : NULL;

	if (!last)
		reasons_add(out, WHY_FIRST, NULL, NULL, NULL, "first time");
	else if (!strcmp(last->outcome, "failed"))
		reasons_add(out, WHY_FAILED, last->cls, NULL, NULL,
		            "attempt %d failed: %s; failures are not kept", last->number,
		            *last->cls ? last->cls : "?");
	else
		reasons_add(out, WHY_ENDED, last->outcome, NULL, NULL,
		            "attempt %d was %s before it ended", last->number,
		            !strcmp(last->outcome, "cancelled") ? "interrupted" : last->outcome);
}

static void
why_changed(struct run *r, const struct digest *earlier, const js *now, int known,
            struct reasons *out)
{
	js *story = store_story(r->store, earlier), *then = js_get(story, "from");

	if (then)
		key_parts_diff(then, now, out);
	if (!known)
		reasons_add(out, WHY_TOOLS, NULL, NULL, NULL,
		            "its tools or databases must be looked at first (fingerprint)");
	else if (!out->count)
		reasons_add(out, WHY_UNRECORDED, NULL, NULL, NULL, "%s",
		            then    ? "something changed that its earlier result does not tell"
		            : story ? "its earlier result does not tell what it was made of"
		                    : "its earlier result is gone, and with it what it was made of");
	js_free(story);
}

void
run_why(struct run *r, struct active *a, struct reasons *out)
{
	char *label = run_label(r, a->task);
	const struct history_task *h = r->history ? history_task(r->history, label) : NULL;
	struct digest earlier, key;
	struct error e = {0};
	js *now;

	free(label);
	if (!r->has_dir || run_earlier_key(r, a->task, h, &earlier)) {
		why_tried(h, out);
		return;
	}
	int known = run_key_parts(r, a, a->attempt, &key, &now, &e);
	if (known < 0)
		reasons_add(out, WHY_UNRECORDED, NULL, NULL, NULL, "%s", e.text);
	else if (known == 1 && digest_equal(&key, &earlier))
		reasons_add(out, WHY_GONE, NULL, NULL, NULL,
		            "its result was removed from the store, or is damaged");
	else
		why_changed(r, &earlier, now, known, out);
	js_free(now);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * The models of one target with their scores, best first: what `rank` and `pick` share.
 *
 * A network tells how sure it is (value ranking_confidence of the unrelaxed model): that
 * is the score then, under AlphaFold2's label: iptm+ptm where a model has an ipTM, else
 * plddts. A model without a finite one comes last, unscored. Where no model tells
 * anything, the score is the consensus of rank_lddt.h, and never called plddts; one model
 * alone has no consensus. Equal scores keep the order of the port, as AlphaFold2's sort.
 */
#include "rank.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* The name that the producer gave, else the file's without "unrelaxed_" and ".pdb". */
static int
name_entry(struct ranking *r, struct rank_entry *e, const af2_item *item)
{
	e->name = r->host->input_value(r->task, "unrelaxed", e->place, "model");
	if (e->name && *e->name)
		return 0;
	const char *base = strrchr(item->path, '/');
	base = base ? base + 1 : item->path;
	if (!strncmp(base, "unrelaxed_", 10))
		base += 10;
	const char *dot = strrchr(base, '.');
	e->own_name =
		strndup(base, dot && dot > base ? (size_t)(dot - base) : strlen(base));
	e->name = e->own_name;
	return e->name ? 0 : -1;
}

/* Do two items belong to one branch? Equal on every variable that both have. */
static int
same_branch(const af2_item *a, const af2_item *b)
{
	for (size_t i = 0; i < a->branch_count; i++) {
		const char *other = af2_item_branch(b, a->branch_names[i]);
		if (other && strcmp(other, a->branch_values[i]))
			return 0;
	}
	return 1;
}

/* Give the relaxed item `i` to the one entry it belongs to: by their branches, and by
 * the model's name where it is told (what was picked has no branch of its own). */
static af2_outcome
match_relaxed(struct ranking *r, size_t i)
{
	const af2_item *item = r->host->input(r->task, "relaxed", i);
	const char *name = r->host->input_value(r->task, "relaxed", i, "model");
	struct rank_entry *found = NULL;

	for (size_t k = 0; k < r->count; k++) {
		struct rank_entry *e = &r->entries[k];
		if (!same_branch(r->host->input(r->task, "unrelaxed", e->place), item))
			continue;
		if (name && *name && strcmp(e->name, name))
			continue;
		if (found || e->relaxed)
			return r->host->fail(
				r->task, AF2_CLASS_PERMANENT,
				"relaxed '%s' and unrelaxed models do not match one "
				"to one",
				item->name);
		found = e;
	}
	if (!found)
		return r->host->fail(r->task, AF2_CLASS_PERMANENT,
				  "relaxed '%s' belongs to no unrelaxed model",
				  item->name);
	found->relaxed = 1;
	found->path = item->path;
	found->violations =
		r->host->input_value(r->task, "relaxed", i, "remaining_violations");
	found->violation_count =
		r->host->input_value(r->task, "relaxed", i, "remaining_violations_count");
	return AF2_OK;
}

static af2_outcome
refuse_equal_names(struct ranking *r)
{
	for (size_t i = 0; i < r->count; i++)
		for (size_t k = 0; k < i; k++)
			if (!strcmp(r->entries[i].name, r->entries[k].name))
				return r->host->fail(r->task, AF2_CLASS_PERMANENT,
						  "two models are named '%s'",
						  r->entries[i].name);
	return AF2_OK;
}

/* Fill the entries from both ports. */
static af2_outcome
collect(struct ranking *r)
{
	for (size_t i = 0; i < r->count; i++) {
		struct rank_entry *e = &r->entries[i];
		const af2_item *item = r->host->input(r->task, "unrelaxed", i);
		e->place = i;
		e->path = item->path;
		e->model = &r->models[i];
		e->template = r->host->input_value(r->task, "unrelaxed", i, "template");
		if (!e->template || !*e->template)
			e->template = "-";
		if (name_entry(r, e, item))
			return r->host->fail(r->task, AF2_CLASS_MEMORY, "out of memory");
	}
	for (size_t i = 0; i < r->host->input_count(r->task, "relaxed"); i++) {
		af2_outcome outcome = match_relaxed(r, i);
		if (outcome)
			return outcome;
	}
	return refuse_equal_names(r);
}

static int
tick(void *arg, double fraction)
{
	const af2_host *host = arg;

	host->progress(fraction, "comparing models");
	return host->cancelled();
}

static af2_outcome
score_consensus(struct ranking *r)
{
	char error[4400];

	r->label = "consensus_lddt";
	for (size_t i = 0; i < r->count; i++)
		if (lddt_read(&r->models[i], r->entries[i].path, error, sizeof(error)))
			return r->host->fail(r->task, AF2_CLASS_PERMANENT, "%s", error);
	if (r->count < 2)
		return AF2_OK;
	int rc = lddt_consensus(r->models, r->count, tick, (void *)r->host);
	if (rc < 0)
		return r->host->fail(r->task, AF2_CLASS_MEMORY, "out of memory");
	if (rc > 0)
		return r->host->retry(r->task, "cancelled");
	for (size_t i = 0; i < r->count; i++) {
		r->entries[i].scored = 1;
		r->entries[i].score = r->models[i].score;
	}
	return AF2_OK;
}

/* Take the score that the model's network gave. 1 if it told any, a NaN included. */
static int
take_confidence(struct ranking *r, struct rank_entry *e)
{
	const char *text =
		r->host->input_value(r->task, "unrelaxed", e->place, "ranking_confidence");
	char *end;

	if (!text || !*text)
		return 0;
	e->score = strtod(text, &end);
	e->scored = !*end && isfinite(e->score);
	return 1;
}

/* Scores by confidence. 0 if no model tells one. */
static int
score_confidence(struct ranking *r)
{
	int any = 0, iptm = 0;

	for (size_t i = 0; i < r->count; i++) {
		any |= take_confidence(r, &r->entries[i]);
		iptm |= r->host->input_value(r->task, "unrelaxed", i, "iptm") != NULL;
	}
	r->label = iptm ? "iptm+ptm" : "plddts";
	r->confidence = any;
	for (size_t i = 0; any && i < r->count; i++)
		if (!r->entries[i].scored)
			r->host->log(AF2_WARN,
				     "'%s' has no ranking_confidence: it comes last",
				     r->entries[i].name);
	return any;
}

/* Best first; without a score last; equal scores in the order of the port. */
static int
better(const void *a, const void *b)
{
	const struct rank_entry *x = a, *y = b;

	if (x->scored != y->scored)
		return y->scored - x->scored;
	if (x->scored && x->score != y->score)
		return x->score > y->score ? -1 : 1;
	return (x->place > y->place) - (x->place < y->place);
}

af2_outcome
ranking_read(struct ranking *r, const af2_host *host, af2_task *task)
{
	r->host = host;
	r->task = task;
	r->count = host->input_count(task, "unrelaxed");
	if (r->count == 0)
		return host->fail(task, AF2_CLASS_PERMANENT,
				  "there is no model to rank");
	r->entries = calloc(r->count, sizeof(*r->entries));
	r->models = calloc(r->count, sizeof(*r->models));
	if (!r->entries || !r->models)
		return host->fail(task, AF2_CLASS_MEMORY, "out of memory");
	af2_outcome outcome = collect(r);
	if (!outcome && !score_confidence(r))
		outcome = score_consensus(r);
	if (!outcome)
		qsort(r->entries, r->count, sizeof(*r->entries), better);
	return outcome;
}

void
ranking_free(struct ranking *r)
{
	for (size_t i = 0; r->entries && i < r->count; i++)
		free(r->entries[i].own_name);
	for (size_t i = 0; r->models && i < r->count; i++)
		lddt_free(&r->models[i]);
	free(r->entries);
	free(r->models);
}

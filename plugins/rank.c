/* SPDX-License-Identifier: Apache-2.0
 *
 * Stage `rank`: orders the models of one target and writes AlphaFold2's ranked files.
 *
 * A model's file is its relaxed one, or the unrelaxed one where relaxing failed or was
 * left out; both are matched by their branch values. The score is the consensus of
 * rank_lddt.h, named consensus_lddt in ranking_debug.json and never plddts. One model
 * alone has no consensus: its score is null.
 *
 *     ranking_debug.json   {"consensus_lddt": {MODEL: score}, "order": [MODEL, ...],
 *                           "score": what the score is}
 *     relax_metrics.json   {MODEL: {"remaining_violations": [...],
 *                                   "remaining_violations_count": n}}
 *     ranked_N.pdb         N from 0, best first; B factors: the residue's consensus
 *     ranking.tsv          the same for people and terminals
 */
#include <af2flow/plugin.h>

#include <stdlib.h>
#include <string.h>

#include "rank.h"

static const af2_host *host;

/* The name that the producer gave, else the file's without "unrelaxed_" and ".pdb". */
static int
name_entry(struct ranking *r, struct rank_entry *e, const af2_item *item)
{
	e->name = host->input_value(r->task, "unrelaxed", e->place, "model");
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

/* Give the relaxed item `i` to the one entry it belongs to. */
static af2_outcome
match_relaxed(struct ranking *r, size_t i)
{
	const af2_item *item = host->input(r->task, "relaxed", i);
	struct rank_entry *found = NULL;

	for (size_t k = 0; k < r->count; k++) {
		struct rank_entry *e = &r->entries[k];
		if (!same_branch(host->input(r->task, "unrelaxed", e->place), item))
			continue;
		if (found || e->relaxed)
			return host->fail(
				r->task, AF2_CLASS_PERMANENT,
				"relaxed '%s' and unrelaxed models do not match one "
				"to one",
				item->name);
		found = e;
	}
	if (!found)
		return host->fail(r->task, AF2_CLASS_PERMANENT,
				  "relaxed '%s' belongs to no unrelaxed model",
				  item->name);
	found->relaxed = 1;
	found->path = item->path;
	found->violations =
		host->input_value(r->task, "relaxed", i, "remaining_violations");
	found->violation_count =
		host->input_value(r->task, "relaxed", i, "remaining_violations_count");
	return AF2_OK;
}

static af2_outcome
refuse_equal_names(struct ranking *r)
{
	for (size_t i = 0; i < r->count; i++)
		for (size_t k = 0; k < i; k++)
			if (!strcmp(r->entries[i].name, r->entries[k].name))
				return host->fail(r->task, AF2_CLASS_PERMANENT,
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
		const af2_item *item = host->input(r->task, "unrelaxed", i);
		e->place = i;
		e->path = item->path;
		e->model = &r->models[i];
		e->template = host->input_value(r->task, "unrelaxed", i, "template");
		if (!e->template || !*e->template)
			e->template = "-";
		if (name_entry(r, e, item))
			return host->fail(r->task, AF2_CLASS_MEMORY, "out of memory");
	}
	for (size_t i = 0; i < host->input_count(r->task, "relaxed"); i++) {
		af2_outcome outcome = match_relaxed(r, i);
		if (outcome)
			return outcome;
	}
	return refuse_equal_names(r);
}

static int
tick(void *arg, double fraction)
{
	(void)arg;
	host->progress(fraction, "comparing models");
	return host->cancelled();
}

static af2_outcome
score(struct ranking *r)
{
	char error[4400];

	for (size_t i = 0; i < r->count; i++)
		if (lddt_read(&r->models[i], r->entries[i].path, error, sizeof(error)))
			return host->fail(r->task, AF2_CLASS_PERMANENT, "%s", error);
	if (r->count < 2)
		return AF2_OK;
	int rc = lddt_consensus(r->models, r->count, tick, NULL);
	if (rc < 0)
		return host->fail(r->task, AF2_CLASS_MEMORY, "out of memory");
	if (rc > 0)
		return host->retry(r->task, "cancelled");
	return AF2_OK;
}

/* Best first; equal scores in the order of the port. */
static int
better(const void *a, const void *b)
{
	const struct rank_entry *x = a, *y = b;

	if (x->model->score > y->model->score)
		return -1;
	if (x->model->score < y->model->score)
		return 1;
	return (x->place > y->place) - (x->place < y->place);
}

static void
tell(const struct ranking *r)
{
	size_t relaxed = 0;

	for (size_t i = 0; i < r->count; i++)
		relaxed += (size_t)r->entries[i].relaxed;
	host->value_number(r->task, "models", (double)r->count);
	host->value_number(r->task, "relaxed", (double)relaxed);
	host->value_text(r->task, "best", r->entries[0].name);
	host->value_text(r->task, "score", "consensus_lddt");
	if (r->count > 1)
		host->value_number(r->task, "best_score", r->entries[0].model->score);
	else
		host->log(AF2_WARN,
			  "one model alone has no consensus: it has no score");
}

static af2_outcome
run(af2_task *task)
{
	struct ranking r = {.host = host,
			    .task = task,
			    .count = host->input_count(task, "unrelaxed")};

	if (r.count == 0)
		return host->fail(task, AF2_CLASS_PERMANENT,
				  "there is no model to rank");
	r.entries = calloc(r.count, sizeof(*r.entries));
	r.models = calloc(r.count, sizeof(*r.models));
	af2_outcome outcome = r.entries && r.models ? collect(&r)
						    : host->fail(task, AF2_CLASS_MEMORY,
								 "out of memory");
	if (!outcome)
		outcome = score(&r);
	if (!outcome) {
		qsort(r.entries, r.count, sizeof(*r.entries), better);
		outcome = rank_write(&r);
	}
	if (!outcome)
		tell(&r);
	for (size_t i = 0; r.entries && i < r.count; i++)
		free(r.entries[i].own_name);
	for (size_t i = 0; r.models && i < r.count; i++)
		lddt_free(&r.models[i]);
	free(r.entries);
	free(r.models);
	return outcome;
}

static const af2_port inputs[] = {
	{.name = "unrelaxed",
	 .types = "pdb",
	 .cardinality = AF2_MANY,
	 .min = 1,
	 .doc = "all models of the target"},
	{.name = "relaxed",
	 .types = "pdb",
	 .cardinality = AF2_MANY,
	 .doc = "relaxed models; an unrelaxed one takes the place of a missing one"},
};

static const af2_port outputs[] = {
	{.name = "ranking",
	 .types = "dir",
	 .publish = ".",
	 .doc = "ranked_N.pdb, ranking_debug.json, relax_metrics.json"},
	{.name = "table",
	 .types = "table",
	 .publish = "{file}",
	 .doc = "rank, model, score, relaxed, template and file, one line a model"},
};

static const af2_plugin plugin = {
	.magic = AF2_MAGIC,
	.struct_size = sizeof(af2_plugin),
	.abi_major = AF2_ABI_MAJOR,
	.abi_minor = AF2_ABI_MINOR,
	.id = "rank",
	.name = "model ranking",
	.version = "1.0.0",
	.result_version = 1,
	.license = "Apache-2.0",
	.summary = "order models by their consensus (CA-lDDT) and write ranked files",
	.param_size = sizeof(af2_param),
	.port_size = sizeof(af2_port),
	.input_count = sizeof(inputs) / sizeof(inputs[0]),
	.inputs = inputs,
	.output_count = sizeof(outputs) / sizeof(outputs[0]),
	.outputs = outputs,
	.cpus = "1",
	.gpus = "0",
	.memory = "256M",
	.run = run,
};

const af2_plugin *
af2_plugin_entry(const af2_host *services)
{
	if (services->magic != AF2_MAGIC || services->abi_major != AF2_ABI_MAJOR)
		return NULL;
	host = services;
	return &plugin;
}

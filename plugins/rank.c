/* SPDX-License-Identifier: Apache-2.0
 *
 * Stage `rank`: orders the models of one target and writes AlphaFold2's ranked files.
 *
 * A model's file is its relaxed one, or the unrelaxed one where relaxing failed or was
 * left out; both are matched by their branch values and names. LABEL and score are those
 * of rank_models.c: AlphaFold2's (plddts, iptm+ptm) for a network, consensus_lddt else.
 * What has no score has null.
 *
 *     ranking_debug.json   {LABEL: {MODEL: score}, "order": [MODEL, ...]}; of a consensus
 *                          also "score": what the score is
 *     relax_metrics.json   {MODEL: {"remaining_violations": [...],
 *                                   "remaining_violations_count": n}}
 *     ranked_N.pdb         N from 0, best first; a network's as they are, else B factors:
 *                          the residue's consensus
 *     ranking.tsv          the same for people and terminals
 */
#include <af2flow/plugin.h>

#include "rank.h"

static const af2_host *host;

static void
tell(const struct ranking *r)
{
	const struct rank_entry *best = &r->entries[0];
	size_t relaxed = 0;

	for (size_t i = 0; i < r->count; i++)
		relaxed += (size_t)r->entries[i].relaxed;
	host->value_number(r->task, "models", (double)r->count);
	host->value_number(r->task, "relaxed", (double)relaxed);
	host->value_text(r->task, "best", best->name);
	host->value_text(r->task, "score", r->label);
	if (best->scored)
		host->value_number(r->task, "best_score", best->score);
	else if (!r->confidence)
		host->log(AF2_WARN,
			  "one model alone has no consensus: it has no score");
}

static af2_outcome
run(af2_task *task)
{
	struct ranking r = {0};
	af2_outcome outcome = ranking_read(&r, host, task);

	if (!outcome)
		outcome = rank_write(&r);
	if (!outcome)
		tell(&r);
	ranking_free(&r);
	return outcome;
}

static const af2_param params[] = {
	{.name = "models_to_relax",
	 .type = AF2_CHOICE,
	 .default_value = "all",
	 .choices = "best all none",
	 .doc = "none: no relax_metrics.json is written, as AlphaFold2 does"},
};

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
	.summary = "order models by their confidence, or consensus, and write ranked files",
	.param_size = sizeof(af2_param),
	.param_count = sizeof(params) / sizeof(params[0]),
	.params = params,
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

/* SPDX-License-Identifier: Apache-2.0
 *
 * Stage `pick`: the best model of a target, for what is done to that one alone
 * (models_to_relax=best). Best is what `rank` will put first, by the same score; where
 * nothing but a consensus tells models apart, that of the unrelaxed models.
 */
#include <af2flow/plugin.h>

#include <stdio.h>

#include "common/text.h"
#include "rank.h"

static const af2_host *host;

static af2_outcome
write_best(const struct ranking *r)
{
	const struct rank_entry *best = &r->entries[0];
	struct fault fault = {0};
	char file[256];

	if (snprintf(file, sizeof(file), "unrelaxed_%s.pdb", best->name) >=
	    (int)sizeof(file))
		return host->fail(r->task, AF2_CLASS_PERMANENT,
				  "the name '%s' is too long", best->name);
	const char *path = host->output(r->task, "best", NULL, file);
	if (!path)
		return AF2_FAIL;
	if (file_copy(best->path, path, &fault) != 0)
		return fault_fail(host, r->task, &fault);
	host->value_text(r->task, "model", best->name);
	host->value_text(r->task, "score", r->label);
	if (best->scored)
		host->value_number(r->task, "best_score", best->score);
	return AF2_OK;
}

static af2_outcome
run(af2_task *task)
{
	struct ranking r = {0};
	af2_outcome outcome = ranking_read(&r, host, task);

	if (!outcome)
		outcome = write_best(&r);
	ranking_free(&r);
	return outcome;
}

static const af2_port inputs[] = {
	{.name = "unrelaxed",
	 .types = "pdb",
	 .cardinality = AF2_MANY,
	 .min = 1,
	 .doc = "all models of the target"},
};

static const af2_port outputs[] = {
	{.name = "best",
	 .types = "pdb",
	 .cardinality = AF2_ONE,
	 .doc = "the best one's file, unrelaxed_MODEL.pdb"},
};

static const af2_plugin plugin = {
	.magic = AF2_MAGIC,
	.struct_size = sizeof(af2_plugin),
	.abi_major = AF2_ABI_MAJOR,
	.abi_minor = AF2_ABI_MINOR,
	.id = "pick",
	.name = "best model",
	.version = "1.0.0",
	.result_version = 1,
	.license = "Apache-2.0",
	.summary = "hand on the best of a target's models alone",
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

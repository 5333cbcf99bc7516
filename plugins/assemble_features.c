/* SPDX-License-Identifier: Apache-2.0
 *
 * assemble_features: the features of a target from those of its chains. A monomer's are
 * handed on as they are; a multimer's chains are converted, copied where the target has
 * them more than once, paired by species, cropped and merged, by the installed AlphaFold2
 * code in a warm Python worker. Chains and features meet by sequence, so neither the
 * order nor the names of the items matter.
 */
#include <af2flow/plugin.h>

#include <stdlib.h>
#include <string.h>

#include "python_stage.h"

static const af2_host *host;
static af2_process *process;

static af2_outcome
setup(af2_worker *worker)
{
	static const char *const words[] = {NULL};

	return python_stage_start(host, worker, "features_alphafold.py", words, NULL,
				  &process);
}

static af2_outcome
fingerprint(af2_task *task)
{
	const char *preset = host->param(task, "model_preset");

	/* The presets of monomers have equal features. */
	host->fingerprint_add(task, "system",
			      strcmp(preset, "multimer") == 0 ? preset : "monomer");
	return python_stage_fingerprint(host, task, "features_alphafold.py");
}

static af2_outcome
run(af2_task *task)
{
	size_t count = host->input_count(task, "features"), n = 0;
	const char **args = calloc(2 * count + 7, sizeof(*args));
	const char *output = host->output(task, "features", NULL, "features.pkl");

	if (!args || !output) {
		free(args);
		return output ? host->fail(task, AF2_CLASS_MEMORY, "out of memory")
			      : AF2_FAIL;
	}
	args[n++] = "output";
	args[n++] = output;
	args[n++] = "model_preset";
	args[n++] = host->param(task, "model_preset");
	args[n++] = "chain_map";
	args[n++] = host->input(task, "chain_map", 0)->path;
	for (size_t i = 0; i < count; i++) {
		args[n++] = "features[]";
		args[n++] = host->input(task, "features", i)->path;
	}
	af2_outcome outcome = host->call(task, process, "assemble", args);
	free(args);
	return outcome;
}

/* clang-format off */
static const af2_param params[] = {
	{.name = "model_preset", .type = AF2_CHOICE, .default_value = "monomer",
	 .flags = AF2_PARAM_NO_RESULT,
	 .choices = "monomer monomer_casp14 monomer_ptm multimer",
	 .doc = "all but multimer take one chain"},
	{.name = "python", .type = AF2_PROGRAM,
	 .flags = AF2_PARAM_SETUP | AF2_PARAM_NO_RESULT, .default_value = "python3",
	 .doc = "interpreter with AlphaFold2's code (alphafold-colabfold or DeepMind's)"},
};

static const af2_port inputs[] = {
	{.name = "features", .types = "features", .cardinality = AF2_MANY,
	 .flags = AF2_PORT_SET, .min = 1,
	 .doc = "features of each unique chain (chain_features)"},
	{.name = "chain_map", .types = "json", .cardinality = AF2_ONE,
	 .doc = "chain ids and sequences of the target (instance)"},
};

static const af2_port outputs[] = {
	{.name = "features", .types = "features", .cardinality = AF2_ONE,
	 .publish = "features.pkl",
	 .doc = "AlphaFold2's feature dictionary of the target, a pickle"},
};

/* clang-format on */
static const af2_plugin plugin = {
	.magic = AF2_MAGIC,
	.struct_size = sizeof(af2_plugin),
	.abi_major = AF2_ABI_MAJOR,
	.abi_minor = AF2_ABI_MINOR,
	.id = "assemble_features",
	.name = "features of a target",
	.version = "1.0.0",
	.result_version = 1,
	.license = "Apache-2.0",
	.summary = "join the features of chains by AlphaFold2's own code",
	.param_size = sizeof(af2_param),
	.param_count = sizeof(params) / sizeof(params[0]),
	.params = params,
	.port_size = sizeof(af2_port),
	.input_count = sizeof(inputs) / sizeof(inputs[0]),
	.inputs = inputs,
	.output_count = sizeof(outputs) / sizeof(outputs[0]),
	.outputs = outputs,
	.cpus = "1",
	.cpus_cap = 1,
	.gpus = "0",
	.memory = "4G",
	.setup = setup,
	.fingerprint = fingerprint,
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

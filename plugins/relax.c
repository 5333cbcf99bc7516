/* SPDX-License-Identifier: Apache-2.0
 *
 * Stage `relax`: AlphaFold2's relaxation of one model, by PDBFixer and OpenMM in a
 * Python worker (relax_openmm.py says how). `platform` counts as a parameter that
 * changes the result: platforms differ in the last digits, so each has its own key.
 */
#include <af2flow/plugin.h>

#include <stdio.h>
#include <string.h>

#include "python_stage.h"

static const af2_host *host;
static af2_process *process;

static af2_outcome
setup(af2_worker *worker)
{
	static const char *const words[] = {NULL};

	return python_stage_start(host, worker, "relax_openmm.py", words, NULL,
				  &process);
}

static af2_outcome
fingerprint(af2_task *task)
{
	af2_outcome outcome = python_stage_fingerprint(host, task, "relax_openmm.py");

	/* A table that is named is in the key; else the one that is found counts. */
	if (outcome || *host->param(task, "stereo_chemical_props"))
		return outcome;
	return python_stage_fingerprint(host, task, "relax_bounds.py");
}

/* The name the model's producer gave it, else its file's without "unrelaxed_" and what
 * follows the last dot. 0, or -1 if it is too long. */
static int
model_name(af2_task *task, const af2_item *item, char *name, size_t size)
{
	const char *given = host->input_value(task, "unrelaxed", 0, "model");
	const char *base = strrchr(item->path, '/');

	base = given && *given ? given : base ? base + 1 : item->path;
	size_t length = strlen(base);
	if (base != given) {
		const char *dot = strrchr(base, '.');
		length = dot && dot > base ? (size_t)(dot - base) : length;
		if (length > 10 && !strncmp(base, "unrelaxed_", 10)) {
			base += 10;
			length -= 10;
		}
	}
	int n = snprintf(name, size, "%.*s", (int)length, base);
	return n < 0 || (size_t)n >= size ? -1 : 0;
}

static af2_outcome
run(af2_task *task)
{
	char model[200], file[224];
	const af2_item *item = host->input(task, "unrelaxed", 0);

	if (model_name(task, item, model, sizeof(model)))
		return host->fail(task, AF2_CLASS_PERMANENT,
				  "the name of '%s' is too long", item->path);
	snprintf(file, sizeof(file), "relaxed_%s.pdb", model);
	const char *output = host->output(task, "relaxed", NULL, file);
	if (!output)
		return AF2_FAIL;
	/* clang-format off */
	const char *args[] = {
		"unrelaxed", item->path,
		"output", output,
		"model", model,
		"platform", host->param(task, "platform"),
		"nonbonded", host->param(task, "nonbonded"),
		"stiffness", host->param(task, "stiffness"),
		"tolerance", host->param(task, "tolerance"),
		"max_outer_iterations", host->param(task, "max_outer_iterations"),
		"ph", host->param(task, "ph"),
		"random_seed", host->param(task, "random_seed"),
		"stereo_chemical_props", host->param(task, "stereo_chemical_props"),
		NULL,
	};
	/* clang-format on */
	return host->call(task, process, "relax", args);
}

/* clang-format off */
static const af2_param params[] = {
	{.name = "platform", .type = AF2_CHOICE, .default_value = "auto",
	 .choices = "auto CUDA OpenCL CPU Reference",
	 .doc = "OpenMM platform; auto: CUDA, OpenCL if the slot has a GPU, else CPU"},
	{.name = "nonbonded", .type = AF2_CHOICE, .default_value = "wide",
	 .choices = "wide nocutoff",
	 .doc = "wide: a cut-off beyond the molecule, same forces (checked), faster; "
		"nocutoff: AlphaFold2's own call"},
	{.name = "stiffness", .type = AF2_REAL, .default_value = "10", .min = 0,
	 .max = 1e6, .unit = "kcal/mol/A^2", .doc = "of the restraints on heavy atoms"},
	{.name = "tolerance", .type = AF2_REAL, .default_value = "2.39", .min = 1e-6,
	 .max = 1e6, .unit = "kcal/mol", .doc = "where minimising ends, AlphaFold2's"},
	{.name = "max_outer_iterations", .type = AF2_INT, .default_value = "3",
	 .min = 1, .max = 20, .doc = "most rounds, each freeing violating residues"},
	{.name = "ph", .type = AF2_REAL, .default_value = "7.0", .min = 0, .max = 14,
	 .unit = "pH", .doc = "decides which hydrogens are added"},
	{.name = "random_seed", .type = AF2_INT, .default_value = "0", .min = 0,
	 .max = 2147483647, .doc = "seed for placing missing atoms and hydrogens"},
	{.name = "stereo_chemical_props", .type = AF2_FILE,
	 .doc = "AlphaFold2's table of ideal bonds and angles; unset: AlphaFold2's own or "
		"OpenStructure's; without one no distances inside residues are judged"},
	{.name = "python", .type = AF2_PROGRAM,
	 .flags = AF2_PARAM_SETUP | AF2_PARAM_NO_RESULT,
	 .default_value = "/usr/bin/python3",
	 .doc = "interpreter that can import openmm, pdbfixer and numpy"},
};

static const af2_port inputs[] = {
	{.name = "unrelaxed", .types = "pdb", .cardinality = AF2_ONE,
	 .doc = "the model; its B factors are kept"},
};

static const af2_port outputs[] = {
	{.name = "relaxed", .types = "pdb", .cardinality = AF2_ONE, .publish = "{file}",
	 .doc = "relaxed_MODEL.pdb"},
};

/* clang-format on */
static const af2_plugin plugin = {
	.magic = AF2_MAGIC,
	.struct_size = sizeof(af2_plugin),
	.abi_major = AF2_ABI_MAJOR,
	.abi_minor = AF2_ABI_MINOR,
	.id = "relax",
	.name = "Amber relaxation",
	.version = "1.0.0",
	.result_version = 3,
	.license = "Apache-2.0",
	.summary = "relax one model by AlphaFold2's protocol (PDBFixer, OpenMM)",
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
	.memory = "1G",
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

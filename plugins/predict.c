/* SPDX-License-Identifier: Apache-2.0
 *
 * Stage `predict`: one structure model from the features of a target. A back-end is a
 * worker script that answers "predict"; `promod3` builds homology models, and says so
 * in every file: it is not AlphaFold. Another back-end is one more line in `backends`.
 */
#include <af2flow/plugin.h>

#include <stdio.h>
#include <string.h>

#include "python_stage.h"

static const af2_host *host;
static af2_process *process;

/* A back-end: its name, its worker script, the setup parameters that the script gets as
 * words, in this order, and the environment it needs. */
struct backend {
	const char *name, *script;
	const char *words[4];
	const char *env[4];
};

static const struct backend backends[] = {
	/* ProMod3's force field code has a thread pool of its own: one thread. */
	{"promod3",
	 "predict_promod3.py",
	 {"structure_db"},
	 {"PM3_OPENMM_CPU_THREADS=1"}},
};

static const struct backend *
find_backend(const char *name)
{
	for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++)
		if (!strcmp(backends[i].name, name))
			return &backends[i];
	return NULL;
}

static af2_outcome
setup(af2_worker *worker)
{
	const char *name = host->worker_param(worker, "backend");
	const struct backend *backend = find_backend(name);
	const char *words[5] = {0};

	if (!backend)
		return host->setup_fail(worker, AF2_CLASS_PERMANENT,
					"no such back-end: '%s'", name);
	for (size_t i = 0; backend->words[i]; i++) {
		words[i] = host->worker_param(worker, backend->words[i]);
		if (!*words[i])
			return host->setup_fail(
				worker, AF2_CLASS_PERMANENT,
				"back-end '%s' needs the parameter '%s'", name,
				backend->words[i]);
	}
	return python_stage_start(host, worker, backend->script, words, backend->env,
				  &process);
}

static af2_outcome
fingerprint(af2_task *task)
{
	const struct backend *backend = find_backend(host->param(task, "backend"));

	if (!backend)
		return host->fail(task, AF2_CLASS_PERMANENT, "no such back-end: '%s'",
				  host->param(task, "backend"));
	return python_stage_fingerprint(host, task, backend->script);
}

static af2_outcome
run(af2_task *task)
{
	char model[64], file[96];
	const char *index = host->param(task, "index");

	/* Decimal numbers have more than one spelling, models one name. */
	snprintf(model, sizeof(model), "model_%.0f_pred_0",
		 host->param_number(task, "index"));
	snprintf(file, sizeof(file), "unrelaxed_%s.pdb", model);
	const char *output = host->output(task, "unrelaxed", NULL, file);
	if (!output)
		return AF2_FAIL;
	/* clang-format off */
	const char *args[] = {
		"features", host->input(task, "features", 0)->path,
		"output", output,
		"model", model,
		"index", index,
		"model_preset", host->param(task, "model_preset"),
		"effort", host->param(task, "effort"),
		"min_probability", host->param(task, "min_probability"),
		"min_coverage", host->param(task, "min_coverage"),
		"random_seed", host->param(task, "random_seed"),
		NULL,
	};
	/* clang-format on */
	return host->call(task, process, "predict", args);
}

/* clang-format off */
static const af2_param params[] = {
	{.name = "index", .type = AF2_INT, .flags = AF2_PARAM_REQUIRED, .min = 1,
	 .max = 10000, .doc = "which model: the index-th template, then other seeds"},
	{.name = "backend", .type = AF2_CHOICE, .flags = AF2_PARAM_SETUP,
	 .default_value = "promod3", .choices = "promod3",
	 .doc = "what makes the model: promod3 is homology modelling, not AlphaFold"},
	{.name = "model_preset", .type = AF2_CHOICE, .default_value = "monomer",
	 .choices = "monomer", .doc = "kind of target"},
	{.name = "effort", .type = AF2_CHOICE, .default_value = "full",
	 .choices = "full fast",
	 .doc = "sampling of loops and termini; fast takes a third of the time and may "
		"cost 0.04 of TM-score"},
	{.name = "structure_db", .type = AF2_DATABASE, .flags = AF2_PARAM_SETUP,
	 .default_value = "/usr/share/promod3/loop_data/structure_db.dat",
	 .doc = "ProMod3's structure database, with frag_db.dat beside it"},
	{.name = "min_probability", .type = AF2_REAL, .default_value = "50", .min = 0,
	 .max = 100, .unit = "%", .doc = "least probability of homology of a template"},
	{.name = "min_coverage", .type = AF2_REAL, .default_value = "0.4", .min = 0,
	 .max = 1, .doc = "least part of the target that a template must cover"},
	{.name = "random_seed", .type = AF2_INT, .default_value = "0", .min = 0,
	 .max = 2147483647, .doc = "seed of the loop sampler"},
	{.name = "python", .type = AF2_PROGRAM,
	 .flags = AF2_PARAM_SETUP | AF2_PARAM_NO_RESULT,
	 .default_value = "/usr/bin/python3",
	 .doc = "interpreter that can import promod3 and numpy"},
};

static const af2_port inputs[] = {
	{.name = "features", .types = "features", .cardinality = AF2_ONE,
	 .doc = "features.npz with the query and its aligned templates"},
};

static const af2_port outputs[] = {
	{.name = "unrelaxed", .types = "pdb", .cardinality = AF2_ONE,
	 .publish = "{file}", .doc = "unrelaxed_model_INDEX_pred_0.pdb"},
};

/* clang-format on */
static const af2_plugin plugin = {
	.magic = AF2_MAGIC,
	.struct_size = sizeof(af2_plugin),
	.abi_major = AF2_ABI_MAJOR,
	.abi_minor = AF2_ABI_MINOR,
	.id = "predict",
	.name = "structure model",
	.version = "1.0.0",
	.result_version = 1,
	.license = "Apache-2.0",
	.summary = "build one structure model from features (homology modelling by "
		   "ProMod3)",
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
	.memory = "2G",
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

/* SPDX-License-Identifier: Apache-2.0
 *
 * Stage `predict`: one structure model from the features of a target. Its back-ends are
 * `alphafold`, AlphaFold2's network, and `promod3`, which builds homology models and
 * says so in every file: it is not AlphaFold. Another one is one more in `backends`.
 */
#include "predict.h"

#include <string.h>

#include "python_stage.h"

static const af2_host *host;
static af2_process *process;

static const struct backend *const backends[] = {&predict_promod3, &predict_alphafold};

static const struct backend *
find_backend(const char *name)
{
	for (size_t i = 0; i < sizeof(backends) / sizeof(backends[0]); i++)
		if (!strcmp(backends[i]->name, name))
			return backends[i];
	return NULL;
}

static af2_outcome
setup(af2_worker *worker)
{
	const char *name = host->worker_param(worker, "backend");
	const struct backend *backend = find_backend(name);

	if (!backend)
		return host->setup_fail(worker, AF2_CLASS_PERMANENT,
					"no such back-end: '%s'", name);
	return backend->setup(host, worker, backend, &process);
}

static af2_outcome
no_such_backend(af2_task *task)
{
	return host->fail(task, AF2_CLASS_PERMANENT, "no such back-end: '%s'",
			  host->param(task, "backend"));
}

static af2_outcome
fingerprint(af2_task *task)
{
	const struct backend *backend = find_backend(host->param(task, "backend"));

	if (!backend)
		return no_such_backend(task);
	af2_outcome outcome = backend->fingerprint(host, task);
	return outcome ? outcome
		       : python_stage_fingerprint(host, task, backend->script);
}

static af2_outcome
run(af2_task *task)
{
	const struct backend *backend = find_backend(host->param(task, "backend"));

	if (!backend)
		return no_such_backend(task);
	return backend->run(host, task, process);
}

/* clang-format off */
static const af2_param params[] = {
	{.name = "backend", .type = AF2_CHOICE, .flags = AF2_PARAM_SETUP,
	 .default_value = "promod3", .choices = "promod3 alphafold",
	 .doc = "what makes the model: promod3 is homology modelling, not AlphaFold"},
	{.name = "model_preset", .type = AF2_CHOICE, .default_value = "monomer",
	 .choices = "monomer monomer_casp14 monomer_ptm multimer",
	 .doc = "kind of target and models; promod3: monomer"},
	{.name = "index", .type = AF2_INT, .min = 1, .max = 10000,
	 .doc = "which model; promod3: the index-th template, then other seeds; "
		"alphafold: 1 to 5, where no input says it"},
	{.name = "random_seed", .type = AF2_INT, .default_value = "0", .min = 0,
	 .max = 100000000000000.0,
	 .doc = "promod3: of the loop sampler; alphafold without the input model: "
		"AlphaFold2's, from which it makes each model's"},
	{.name = "python", .type = AF2_PROGRAM,
	 .flags = AF2_PARAM_SETUP | AF2_PARAM_NO_RESULT,
	 .default_value = "/usr/bin/python3",
	 .doc = "interpreter that can import promod3, or alphafold, jax and haiku"},

	{.name = "effort", .type = AF2_CHOICE, .default_value = "full",
	 .choices = "full fast",
	 .doc = "promod3: sampling of loops and termini; fast takes a third of the time "
		"and may cost 0.04 of TM-score"},
	{.name = "structure_db", .type = AF2_DATABASE, .flags = AF2_PARAM_SETUP,
	 .doc = "promod3: structure database, with frag_db.dat beside it; unset: "
		"Debian's, below /usr/share/promod3"},
	{.name = "min_probability", .type = AF2_REAL, .default_value = "50", .min = 0,
	 .max = 100, .unit = "%",
	 .doc = "promod3: least probability of homology of a template"},
	{.name = "min_coverage", .type = AF2_REAL, .default_value = "0.4", .min = 0,
	 .max = 1, .doc = "promod3: least part of the target that a template must cover"},

	{.name = "data_dir", .type = AF2_DIR,
	 .doc = "alphafold: folder with AlphaFold2's params/ in it"},
	{.name = "prediction", .type = AF2_INT, .default_value = "0", .min = 0,
	 .max = 9999, .doc = "alphafold: which prediction of a multimer's model, from 0"},
	{.name = "num_multimer_predictions_per_model", .type = AF2_INT,
	 .default_value = "5", .min = 1, .max = 10000,
	 .doc = "alphafold: AlphaFold2's, for the seeds of models that no input says"},
	{.name = "num_recycle", .type = AF2_INT, .min = 0, .max = 1000,
	 .doc = "alphafold: recycles; unset: the model's own, 3 or, multimer, up to 20"},
	{.name = "num_ensemble", .type = AF2_INT, .min = 1, .max = 64,
	 .doc = "alphafold: MSA samples averaged; unset: the model's own, 1, casp14: 8"},
	{.name = "bucket", .type = AF2_STRING,
	 .doc = "alphafold: lengths to pad to, so that targets share compiled programs: "
		"64 (multiples), or a list; unset: none"},
	{.name = "max_msa", .type = AF2_INT, .min = 5, .max = 100000,
	 .doc = "alphafold: rows of the MSA, for tests and small machines; unset: the "
		"model's own"},
	{.name = "max_extra_msa", .type = AF2_INT, .min = 1, .max = 1000000,
	 .doc = "alphafold: rows of the extra MSA, likewise"},
	{.name = "subbatch_size", .type = AF2_INT, .min = 1, .max = 100000,
	 .doc = "alphafold: rows a chunk; fewer take less memory and more time; unset: 4"},
	{.name = "result_pickle", .type = AF2_BOOL, .default_value = "yes",
	 .doc = "alphafold: write AlphaFold2's result_MODEL.pkl, up to 1.5 GB"},
	{.name = "benchmark", .type = AF2_BOOL, .default_value = "no",
	 .doc = "alphafold: predict once more, with nothing to compile, for timings.json"},
	{.name = "frugal", .type = AF2_INT,
	 .flags = AF2_PARAM_SETUP | AF2_PARAM_NO_RESULT, .default_value = "1", .min = 1,
	 .max = 1024,
	 .doc = "alphafold: with little memory; 2: machine memory behind the GPU's, 4: "
		"also the smallest chunks; \"retry.frugal\"=\"2x\" tries them in turn"},
	{.name = "xla_flags", .type = AF2_STRING, .flags = AF2_PARAM_SETUP,
	 .doc = "alphafold: XLA_FLAGS, the same as compile's; unset: the environment's"},
};

static const af2_port inputs[] = {
	{.name = "features", .types = "features", .cardinality = AF2_ONE,
	 .doc = "the query and its templates (promod3: features.npz), or what AlphaFold2 "
		"has in features.pkl"},
	{.name = "model", .types = "json", .cardinality = AF2_OPTIONAL,
	 .doc = "alphafold: an element of the stage models, which says model and seed"},
	{.name = "cache", .types = "dir", .cardinality = AF2_MANY, .flags = AF2_PORT_HINT,
	 .doc = "alphafold: folders of the stage compile, so that nothing is compiled"},
};

static const af2_port outputs[] = {
	{.name = "unrelaxed", .types = "pdb", .cardinality = AF2_ONE,
	 .publish = "{file}", .doc = "unrelaxed_MODEL.pdb"},
	{.name = "result", .types = "alphafold.result", .cardinality = AF2_OPTIONAL,
	 .publish = "{file}", .doc = "alphafold: result_MODEL.pkl, all that the network says"},
	{.name = "scores", .types = "alphafold.scores", .cardinality = AF2_OPTIONAL,
	 .publish = "{file}",
	 .doc = "alphafold: scores_MODEL.npz: plddt, pae, ptm, iptm, ranking_confidence"},
	{.name = "confidence", .types = "alphafold.confidence", .cardinality = AF2_OPTIONAL,
	 .publish = "{file}", .doc = "alphafold: confidence_MODEL.json, pLDDT a residue"},
	{.name = "pae", .types = "alphafold.pae", .cardinality = AF2_OPTIONAL,
	 .publish = "{file}",
	 .doc = "alphafold: pae_MODEL.json of models that predict aligned errors"},
};

/* clang-format on */
static const af2_plugin plugin = {
	.magic = AF2_MAGIC,
	.struct_size = sizeof(af2_plugin),
	.abi_major = AF2_ABI_MAJOR,
	.abi_minor = AF2_ABI_MINOR,
	.id = "predict",
	.name = "structure model",
	.version = "1.1.0",
	.result_version = 1,
	.license = "Apache-2.0",
	.summary = "one structure model from features, by AlphaFold2's network or by "
		   "homology",
	.param_size = sizeof(af2_param),
	.param_count = sizeof(params) / sizeof(params[0]),
	.params = params,
	.port_size = sizeof(af2_port),
	.input_count = sizeof(inputs) / sizeof(inputs[0]),
	.inputs = inputs,
	.output_count = sizeof(outputs) / sizeof(outputs[0]),
	.outputs = outputs,
	.cpus = "1",
	.cpus_cap = 8,
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

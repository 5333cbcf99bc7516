/* SPDX-License-Identifier: Apache-2.0
 *
 * Stage `programs`: which compiled programs models need at a padded length. Models share
 * one if, and only if, the networks that JAX hands to the compiler are equal, so each
 * configuration is lowered (traced, nothing compiled) and its text hashed;
 * programs_alphafold.py says how. Each distinct program is one element of the list
 * `programs`, named by the first 16 hex digits of its hash:
 *     {"digest": "9b1f…", "model": "model_3", "models": ["model_3", "model_4"],
 *      "length": 256, "options": {…}, "shapes": {"aatype": ["int32", 1, 256], …},
 *      "params": {"alphafold/…": {"weights": ["float32", 22, 256], …}, …}}
 * Of a target only its padded length is read, of models neither seeds nor weights, so that
 * for all targets of a bucket this is one task, and so is what is made from its elements.
 */
#include <af2flow/plugin.h>

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/text.h"
#include "python_stage.h"

#define SCRIPT "programs_alphafold.py"

static const af2_host *host;
static af2_process *process;

static af2_outcome
setup(af2_worker *worker)
{
	static const char *const words[] = {NULL};
	/* Lowered for the CPU wherever it runs: equal elements on every machine, and no
	 * GPU is touched. */
	static const char *const env[] = {"JAX_PLATFORMS=cpu", NULL};

	return python_stage_start(host, worker, SCRIPT, words, env, &process);
}

static af2_outcome
fingerprint(af2_task *task)
{
	return python_stage_fingerprint(host, task, SCRIPT);
}

/* Copy the program `name` from the worker's folder to its output. */
static int
hand_over(af2_task *task, const char *folder, const char *name, struct fault *fault)
{
	char path[PATH_MAX], element[64], bytes[4096];
	size_t n;

	snprintf(element, sizeof(element), "%.*s", (int)strcspn(name, "."), name);
	if ((size_t)snprintf(path, sizeof(path), "%s/%s", folder, name) >= sizeof(path))
		return fault_set(fault, AF2_CLASS_PERMANENT,
				 "the path of '%s' is too long", name);
	const char *to = host->output(task, "programs", element, name);
	FILE *in = fopen(path, "re"), *out = to ? out_open(to, fault) : NULL;
	int rc = 0;
	if (!in)
		rc = fault_errno(fault, "cannot open", path);
	else if (!out)
		rc = to ? -1
			: fault_set(fault, AF2_CLASS_OUTPUT_MISSING,
				    "cannot declare the program '%s'", element);
	while (rc == 0 && (n = fread(bytes, 1, sizeof(bytes), in)) > 0)
		fwrite(bytes, 1, n, out);
	if (rc == 0 && ferror(in))
		rc = fault_errno(fault, "cannot read", path);
	if (in)
		fclose(in);
	if (out && out_close(out, to, fault))
		rc = -1;
	return rc;
}

static int
is_program(const struct dirent *entry)
{
	return strstr(entry->d_name, ".json") != NULL;
}

/* Declare all that the worker left, in the order of their names. */
static int
hand_all_over(af2_task *task, const char *folder, struct fault *fault)
{
	struct dirent **list;
	int n = scandir(folder, &list, is_program, alphasort), rc = 0;

	if (n < 0)
		return fault_errno(fault, "cannot read", folder);
	for (int i = 0; i < n; i++) {
		if (rc == 0)
			rc = hand_over(task, folder, list[i]->d_name, fault);
		free(list[i]);
	}
	free(list);
	if (rc == 0 && n == 0)
		rc = fault_set(fault, AF2_CLASS_PERMANENT, "there are no models");
	return rc;
}

static af2_outcome
ask(af2_task *task, const char *folder)
{
	const af2_item *features = host->input(task, "features", 0);
	/* clang-format off */
	const char *args[] = {
		"networks", host->input(task, "networks", 0)->path,
		"length", host->input(task, "length", 0)->path,
		"features", features ? features->path : "",
		"num_recycle", host->param(task, "num_recycle"),
		"num_ensemble", host->param(task, "num_ensemble"),
		"max_msa", host->param(task, "max_msa"),
		"max_extra_msa", host->param(task, "max_extra_msa"),
		"subbatch_size", host->param(task, "subbatch_size"),
		"output", folder,
		NULL,
	};
	/* clang-format on */
	return host->call(task, process, "programs", args);
}

static af2_outcome
run(af2_task *task)
{
	struct fault fault = {0};
	char folder[PATH_MAX];
	int n = snprintf(folder, sizeof(folder), "%s/programs", host->work_dir(task));

	if (n < 0 || (size_t)n >= sizeof(folder))
		return host->fail(task, AF2_CLASS_PERMANENT,
				  "the path of the work folder is too long");
	if (mkdir(folder, 0755)) {
		fault_errno(&fault, "cannot make", folder);
		return fault_fail(host, task, &fault);
	}
	af2_outcome outcome = ask(task, folder);
	if (outcome == AF2_OK && hand_all_over(task, folder, &fault))
		return fault_fail(host, task, &fault);
	return outcome;
}

/* clang-format off */
static const af2_param params[] = {
	{.name = "num_recycle", .type = AF2_INT, .min = 0, .max = 1000,
	 .doc = "recycles, as predict has it; unset: the model's own"},
	{.name = "num_ensemble", .type = AF2_INT, .min = 1, .max = 64,
	 .doc = "ensemble, as predict has it; unset: the model's own"},
	{.name = "max_msa", .type = AF2_INT, .min = 5, .max = 100000,
	 .doc = "MSA clusters, as predict has it; unset: the model's own"},
	{.name = "max_extra_msa", .type = AF2_INT, .min = 1, .max = 1000000,
	 .doc = "extra MSA rows, as predict has it; unset: the model's own"},
	{.name = "subbatch_size", .type = AF2_INT, .min = 1, .max = 100000,
	 .doc = "rows a chunk, as predict has it; unset: the model's own"},
	{.name = "python", .type = AF2_PROGRAM,
	 .flags = AF2_PARAM_SETUP | AF2_PARAM_NO_RESULT,
	 .default_value = "/usr/bin/python3",
	 .doc = "interpreter that can import alphafold, jax and haiku"},
};

static const af2_port inputs[] = {
	{.name = "networks", .types = "alphafold.networks", .cardinality = AF2_ONE,
	 .doc = "the models to run, as the stage models names them"},
	{.name = "length", .types = "alphafold.length", .cardinality = AF2_ONE,
	 .doc = "the target's padded length, as the stage padded_length writes it"},
	{.name = "features", .types = "features", .cardinality = AF2_OPTIONAL,
	 .doc = "the target's features, where a multimer's network samples the MSA itself"},
};

static const af2_port outputs[] = {
	{.name = "programs", .types = "json", .cardinality = AF2_MANY,
	 .doc = "one element a distinct program: DIGEST.json"},
};

/* clang-format on */
static const af2_plugin plugin = {
	.magic = AF2_MAGIC,
	.struct_size = sizeof(af2_plugin),
	.abi_major = AF2_ABI_MAJOR,
	.abi_minor = AF2_ABI_MINOR,
	.id = "programs",
	.name = "programs to compile",
	.version = "1.0.0",
	.result_version = 1,
	.license = "Apache-2.0",
	.summary = "groups AlphaFold2's models by the program that they compile to",
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

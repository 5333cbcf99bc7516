/* SPDX-License-Identifier: Apache-2.0
 *
 * Back-end alphafold of `predict`: AlphaFold2's network in a warm Python worker.
 *
 * Which model is either an element of the stage `models` (input `model`: its name is
 * AlphaFold2's name of the prediction, its JSON holds model, seed and the digest of the
 * weights), or, without that input, said by index, prediction and model_preset; then the
 * weights' digest is asked for as part of the fingerprint.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/sha256sum.h"
#include "predict.h"
#include "python_stage.h"

#define NAME_SIZE 96
#define MODELS 5 /* of a preset */

/* A prediction's names. */
struct chosen {
	char model[64];       /* "model_3_ptm"; empty: the element says it */
	char name[NAME_SIZE]; /* "model_3_ptm_pred_0" */
	char seed[32];        /* AlphaFold2's seed of the model; empty: as above */
};

static af2_outcome
setup(const af2_host *host, af2_worker *worker, const struct backend *self,
      af2_process **process)
{
	static const char *const words[] = {NULL};
	const char *flags = host->worker_param(worker, "xla_flags");
	char text[4096];
	/* Other tasks may share the GPU: take memory as it is needed. */
	const char *env[5] = {"XLA_PYTHON_CLIENT_PREALLOCATE=false"};
	size_t n = 1;

	/* After an attempt that ran out of memory, the machine's memory behind the GPU's,
	 * as AlphaFold2's own container has it. */
	if (atoi(host->worker_param(worker, "frugal")) >= 2) {
		env[n++] = "TF_FORCE_UNIFIED_MEMORY=1";
		env[n++] = "XLA_PYTHON_CLIENT_MEM_FRACTION=4.0";
	}
	if (*flags) {
		if ((size_t)snprintf(text, sizeof(text), "XLA_FLAGS=%s", flags) >=
		    sizeof(text))
			return host->setup_fail(worker, AF2_CLASS_PERMANENT,
						"'xla_flags' is too long");
		env[n] = text;
	}
	return python_stage_start(host, worker, self->script, words, env, process);
}

/* Name model, prediction and seed from parameters, as run_alphafold.py does. */
static void
choose(const af2_host *host, af2_task *task, struct chosen *chosen)
{
	const char *preset = host->param(task, "model_preset");
	int multimer = !strcmp(preset, "multimer");
	long index = (long)host->param_number(task, "index") - 1;
	long prediction = (long)host->param_number(task, "prediction");
	long each = multimer ? (long)host->param_number(
				       task, "num_multimer_predictions_per_model")
			     : 1;

	snprintf(chosen->model, sizeof(chosen->model), "model_%ld%s", index + 1,
		 multimer                         ? "_multimer_v3"
		 : !strcmp(preset, "monomer_ptm") ? "_ptm"
						  : "");
	snprintf(chosen->name, sizeof(chosen->name), "%s_pred_%ld", chosen->model,
		 prediction);
	snprintf(chosen->seed, sizeof(chosen->seed), "%.0f",
		 (double)(index * each + prediction) +
			 host->param_number(task, "random_seed") *
				 (double)(MODELS * each));
}

/* Where the weights of a model are. 0, or -1: the path is too long. */
static int
weights_path(const af2_host *host, af2_task *task, const char *model,
	     char path[PATH_MAX])
{
	int n = snprintf(path, PATH_MAX, "%s/params/params_%s.npz",
			 host->param(task, "data_dir"), model);

	return n < 0 || n >= PATH_MAX ? -1 : 0;
}

/* Add the digest of the weights at `path` to the fingerprint. */
static af2_outcome
add_weights(const af2_host *host, af2_task *task, const char *path)
{
	sha256_text digest;
	af2_outcome outcome = sha256sum_files(host, task, &path, 1, &digest);

	if (outcome)
		return outcome;
	host->fingerprint_add(task, "weights", digest);
	host->fingerprint_file(task, path);
	return AF2_OK;
}

static af2_outcome
fingerprint(const af2_host *host, af2_task *task)
{
	struct chosen chosen;
	char path[PATH_MAX];

	if (!*host->param(task, "data_dir"))
		return host->fail(task, AF2_CLASS_PERMANENT,
				  "back-end 'alphafold' needs the parameter "
				  "'data_dir', the folder with AlphaFold2's params/");
	if (!*host->param(task, "index"))
		return AF2_OK; /* the element of `models` holds the digest */
	choose(host, task, &chosen);
	if (weights_path(host, task, chosen.model, path))
		return host->fail(task, AF2_CLASS_PERMANENT,
				  "the path of the weights is too long");
	if (access(path, R_OK))
		return host->fail(task, AF2_CLASS_UNAVAILABLE,
				  "there are no parameters '%s': download AlphaFold2's "
				  "into that folder",
				  path);
	return add_weights(host, task, path);
}

/* Fill `chosen` from the input `model` or the parameters. */
static int
choose_any(const af2_host *host, af2_task *task, struct chosen *chosen)
{
	const af2_item *model = host->input(task, "model", 0);

	memset(chosen, 0, sizeof(*chosen));
	if (model)
		snprintf(chosen->name, sizeof(chosen->name), "%s", model->name);
	else if (*host->param(task, "index"))
		choose(host, task, chosen);
	else
		return -1;
	return 0;
}

/* The network's heads: has a model one for aligned errors? */
static int
has_pae(const char *name)
{
	return strstr(name, "_ptm") || strstr(name, "multimer");
}

/* Declare an output "STEM_NAME.SUFFIX"; "" where it is not wanted, NULL: failed. */
static const char *
declare(const af2_host *host, af2_task *task, const char *port, const char *name,
	const char *suffix, int wanted)
{
	char file[2 * NAME_SIZE];

	snprintf(file, sizeof(file), "%s_%s.%s", port, name, suffix);
	return wanted ? host->output(task, port, NULL, file) : "";
}

/* Ask the worker; `fixed` has `n` words, caches follow. */
static af2_outcome
ask(const af2_host *host, af2_task *task, af2_process *process,
    const char *const *fixed, size_t n)
{
	size_t caches = host->input_count(task, "cache");
	const char **args = calloc(n + 2 * caches + 1, sizeof(*args));

	if (!args)
		return host->fail(task, AF2_CLASS_MEMORY, "out of memory");
	memcpy(args, fixed, n * sizeof(*args));
	for (size_t i = 0; i < caches; i++) {
		args[n++] = "caches[]";
		args[n++] = host->input(task, "cache", i)->path;
	}
	af2_outcome outcome = host->call(task, process, "predict", args);
	free(args);
	return outcome;
}

static af2_outcome
run(const af2_host *host, af2_task *task, af2_process *process)
{
	struct chosen chosen;
	const af2_item *element = host->input(task, "model", 0);

	if (choose_any(host, task, &chosen))
		return host->fail(task, AF2_CLASS_PERMANENT,
				  "there is no model: join the stage 'models' to the "
				  "input 'model', or give the parameter 'index'");
	const char *name = chosen.name;
	/* clang-format off */
	const char *args[] = {
		"features", host->input(task, "features", 0)->path,
		"name", name,
		"element", element ? element->path : "",
		"model", chosen.model,
		"seed", chosen.seed,
		"model_preset", host->param(task, "model_preset"),
		"data_dir", host->param(task, "data_dir"),
		"num_recycle", host->param(task, "num_recycle"),
		"num_ensemble", host->param(task, "num_ensemble"),
		"max_msa", host->param(task, "max_msa"),
		"max_extra_msa", host->param(task, "max_extra_msa"),
		"subbatch_size", host->param(task, "subbatch_size"),
		"frugal", host->param(task, "frugal"),
		"bucket", host->param(task, "bucket"),
		"benchmark", host->param(task, "benchmark"),
		"unrelaxed", declare(host, task, "unrelaxed", name, "pdb", 1),
		"scores", declare(host, task, "scores", name, "npz", 1),
		"confidence", declare(host, task, "confidence", name, "json", 1),
		"pae", declare(host, task, "pae", name, "json", has_pae(name)),
		"result", declare(host, task, "result", name, "pkl",
				  host->param_number(task, "result_pickle") != 0),
	};
	/* clang-format on */
	size_t n = sizeof(args) / sizeof(args[0]);
	for (size_t i = 1; i < n; i += 2)
		if (!args[i]) /* an output that was refused, in its own words */
			return AF2_FAIL;
	return ask(host, task, process, args, n);
}

const struct backend predict_alphafold = {
	.name = "alphafold",
	.script = "predict_alphafold.py",
	.setup = setup,
	.fingerprint = fingerprint,
	.run = run,
};

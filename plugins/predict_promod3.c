/* SPDX-License-Identifier: Apache-2.0
 *
 * Back-end promod3 of `predict`: homology modelling, one model of each template.
 */
#include <stdio.h>
#include <string.h>

#include "predict.h"
#include "python_stage.h"

static af2_outcome
setup(const af2_host *host, af2_worker *worker, const struct backend *self,
      af2_process **process)
{
	const char *words[] = {host->worker_param(worker, "structure_db"), NULL};
	/* ProMod3's force field code has a thread pool of its own: one thread. */
	static const char *const env[] = {"PM3_OPENMM_CPU_THREADS=1", NULL};

	return python_stage_start(host, worker, self->script, words, env, process);
}

static af2_outcome
fingerprint(const af2_host *host, af2_task *task)
{
	if (!*host->param(task, "index"))
		return host->fail(task, AF2_CLASS_PERMANENT,
				  "back-end 'promod3' needs the parameter 'index'");
	if (strcmp(host->param(task, "model_preset"), "monomer"))
		return host->fail(task, AF2_CLASS_PERMANENT,
				  "back-end 'promod3' builds monomers, not '%s'",
				  host->param(task, "model_preset"));
	return AF2_OK;
}

static af2_outcome
run(const af2_host *host, af2_task *task, af2_process *process)
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

const struct backend predict_promod3 = {
	.name = "promod3",
	.script = "predict_promod3.py",
	.setup = setup,
	.fingerprint = fingerprint,
	.run = run,
};

/* SPDX-License-Identifier: Apache-2.0
 *
 * What the back-ends of `predict` share with it. A back-end is a worker script that
 * answers "predict", and the words to start it and to ask it with.
 */
#ifndef PLUGINS_PREDICT_H
#define PLUGINS_PREDICT_H

#include <af2flow/plugin.h>

struct backend {
	const char *name, *script;
	/* Start the worker; returns what python_stage_start() or setup_fail() did. */
	af2_outcome (*setup)(const af2_host *host, af2_worker *worker,
			     const struct backend *self, af2_process **process);
	/* Refuse parameters that it cannot serve, and name what else changes the result;
	 * called before anything runs, without inputs. */
	af2_outcome (*fingerprint)(const af2_host *host, af2_task *task);
	/* One model. */
	af2_outcome (*run)(const af2_host *host, af2_task *task, af2_process *process);
};

/* Homology modelling. */
extern const struct backend predict_promod3;
/* AlphaFold2's network. */
extern const struct backend predict_alphafold;

#endif

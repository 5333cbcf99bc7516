/* SPDX-License-Identifier: Apache-2.0
 *
 * What stages with a Python worker share: starting it, and asking a script for the
 * versions of its libraries. The scripts lie in the plugin's data folder beside
 * af2flow_worker.py, which runs them.
 */
#ifndef PLUGINS_PYTHON_STAGE_H
#define PLUGINS_PYTHON_STAGE_H

#include <af2flow/plugin.h>

/* Start the worker for `script` ("relax_openmm.py") with at most 8 `words` (NULL-ended)
 * and `env` (NULL: none), by the interpreter in the setup parameter `python`. AF2_OK
 * and *process, which the host owns; else what the host said. */
af2_outcome python_stage_start(const af2_host *host, af2_worker *worker,
			       const char *script, const char *const *words,
			       const char *const *env, af2_process **process);

/* Add the versions that `script` reports to the fingerprint, with their files. */
af2_outcome python_stage_fingerprint(const af2_host *host, af2_task *task,
				     const char *script);

#endif

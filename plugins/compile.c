/* SPDX-License-Identifier: Apache-2.0
 *
 * Stage `compile`: one program of the stage `programs`, compiled for this machine's
 * device before anybody needs it. Its output is a folder of JAX's persistent compilation
 * cache, a hint to `predict`. The key is the program, the versions of jax and alphafold,
 * the device's kind and driver (on a CPU: its model and instruction sets) and XLA's
 * flags: compile_alphafold.py names them without importing jax. They are asked again
 * under another boot, so also on another machine.
 */
#include <af2flow/plugin.h>

#include <stdio.h>
#include <string.h>

#include "python_stage.h"

#define SCRIPT "compile_alphafold.py"

static const af2_host *host;
static af2_process *process;

static af2_outcome
setup(af2_worker *worker)
{
	static const char *const words[] = {NULL};
	const char *flags = host->worker_param(worker, "xla_flags");
	char text[4096];
	/* Other tasks may share the GPU: take memory as it is needed. */
	const char *env[4] = {"XLA_PYTHON_CLIENT_PREALLOCATE=false"};
	size_t n = 1;

	if (!strcmp(host->worker_param(worker, "device"), "cpu"))
		env[n++] = "JAX_PLATFORMS=cpu";
	if (*flags) {
		if ((size_t)snprintf(text, sizeof(text), "XLA_FLAGS=%s", flags) >=
		    sizeof(text))
			return host->setup_fail(worker, AF2_CLASS_PERMANENT,
						"'xla_flags' is too long");
		env[n] = text;
	}
	return python_stage_start(host, worker, SCRIPT, words, env, &process);
}

static af2_outcome
fingerprint(af2_task *task)
{
	return python_stage_fingerprint(host, task, SCRIPT);
}

static af2_outcome
run(af2_task *task)
{
	const char *folder = host->output(task, "cache", NULL, "cache");

	if (!folder)
		return AF2_FAIL;
	/* clang-format off */
	const char *args[] = {
		"program", host->input(task, "program", 0)->path,
		"device", host->param(task, "device"),
		"output", folder,
		NULL,
	};
	/* clang-format on */
	return host->call(task, process, "compile", args);
}

/* clang-format off */
static const af2_param params[] = {
	{.name = "device", .type = AF2_CHOICE, .flags = AF2_PARAM_SETUP,
	 .default_value = "auto", .choices = "auto cpu gpu",
	 .doc = "what to compile for; auto: a GPU where there is one that JAX can use"},
	{.name = "xla_flags", .type = AF2_STRING, .flags = AF2_PARAM_SETUP,
	 .doc = "XLA_FLAGS, the same as predict's; unset: those of the environment"},
	{.name = "python", .type = AF2_PROGRAM,
	 .flags = AF2_PARAM_SETUP | AF2_PARAM_NO_RESULT,
	 .default_value = "/usr/bin/python3",
	 .doc = "interpreter that can import alphafold, jax and haiku"},
};

static const af2_port inputs[] = {
	{.name = "program", .types = "json", .cardinality = AF2_ONE,
	 .doc = "an element of the stage programs"},
};

static const af2_port outputs[] = {
	{.name = "cache", .types = "dir", .cardinality = AF2_ONE,
	 .doc = "entries of JAX's persistent compilation cache"},
};

/* clang-format on */
static const af2_plugin plugin = {
	.magic = AF2_MAGIC,
	.struct_size = sizeof(af2_plugin),
	.abi_major = AF2_ABI_MAJOR,
	.abi_minor = AF2_ABI_MINOR,
	.id = "compile",
	.name = "compiled program",
	.version = "1.0.0",
	.result_version = 1,
	.license = "Apache-2.0",
	.summary = "compiles a program of AlphaFold2's network ahead of its use",
	.param_size = sizeof(af2_param),
	.param_count = sizeof(params) / sizeof(params[0]),
	.params = params,
	.port_size = sizeof(af2_port),
	.input_count = sizeof(inputs) / sizeof(inputs[0]),
	.inputs = inputs,
	.output_count = sizeof(outputs) / sizeof(outputs[0]),
	.outputs = outputs,
	.cpus = "auto",
	.cpus_cap = 4,
	.gpus = "auto",
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

/* SPDX-License-Identifier: Apache-2.0
 *
 * Stage `padded_length`: the length at which AlphaFold2's network sees a target, that of
 * all its chains, padded to a bucket as `predict` pads it. The output holds nothing else,
 *     {"length": 256}
 * so that what depends on the length alone (which programs to compile) is worked out once
 * for all targets of a bucket: their files are equal, and so are their readers' keys.
 */
#include <af2flow/plugin.h>

#include <string.h>

#include "python_stage.h"

#define SCRIPT "padded_length.py"

static const af2_host *host;
static af2_process *process;

static af2_outcome
setup(af2_worker *worker)
{
	static const char *const words[] = {NULL};

	return python_stage_start(host, worker, SCRIPT, words, NULL, &process);
}

/* Nothing counts but the parameter; a bad one is told before searches run for it. */
static af2_outcome
fingerprint(af2_task *task)
{
	const char *bucket = host->param(task, "bucket");

	if (bucket[strspn(bucket, "0123456789, ")])
		return host->fail(task, AF2_CLASS_PERMANENT,
				  "'bucket' is no list of lengths: '%s'; write 64 "
				  "(multiples), or 256,512,1024",
				  bucket);
	return AF2_OK;
}

static af2_outcome
run(af2_task *task)
{
	const char *path = host->output(task, "length", NULL, "length.json");

	if (!path)
		return AF2_FAIL;
	/* clang-format off */
	const char *args[] = {
		"chain_map", host->input(task, "chain_map", 0)->path,
		"bucket", host->param(task, "bucket"),
		"output", path,
		NULL,
	};
	/* clang-format on */
	return host->call(task, process, "padded_length", args);
}

/* clang-format off */
static const af2_param params[] = {
	{.name = "bucket", .type = AF2_STRING,
	 .doc = "lengths that targets are padded to, as predict has it"},
	{.name = "python", .type = AF2_PROGRAM,
	 .flags = AF2_PARAM_SETUP | AF2_PARAM_NO_RESULT,
	 .default_value = "/usr/bin/python3",
	 .doc = "any Python 3"},
};

static const af2_port inputs[] = {
	{.name = "chain_map", .types = "json", .cardinality = AF2_ONE,
	 .doc = "the target's chains, as the stage instance writes them: their lengths"},
};

static const af2_port outputs[] = {
	{.name = "length", .types = "alphafold.length", .cardinality = AF2_ONE,
	 .doc = "{\"length\": residues, padding included}"},
};

/* clang-format on */
static const af2_plugin plugin = {
	.magic = AF2_MAGIC,
	.struct_size = sizeof(af2_plugin),
	.abi_major = AF2_ABI_MAJOR,
	.abi_minor = AF2_ABI_MINOR,
	.id = "padded_length",
	.name = "padded length",
	.version = "1.0.0",
	.result_version = 1,
	.license = "Apache-2.0",
	.summary = "the length that a target has in AlphaFold2's network, by its bucket",
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
	.memory = "64M",
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

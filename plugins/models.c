/* SPDX-License-Identifier: Apache-2.0
 *
 * models: the list of what is to be predicted, as run_alphafold.py makes it.
 *
 * AlphaFold2 calls a prediction with its own seed a model runner; here each is an element
 * of the list `models`, named as AlphaFold2 names its files:
 *
 *     monomer, monomer_casp14   model_1_pred_0 ... model_5_pred_0
 *     monomer_ptm               model_1_ptm_pred_0 ...
 *     multimer                  model_1_multimer_v3_pred_0 ... model_5_multimer_v3_pred_4
 *
 * with one JSON object:
 *     {"name": "model_3_pred_0", "model": "model_3", "prediction": 0, "index": 2,
 *      "count": 5, "random_seed": 2, "num_ensemble": 1,
 *      "params": {"file": "params_model_3.npz", "sha256": "..."}}
 *
 * `index` counts all runners of the preset, also those that `models` leaves out, and the
 * seed is index + random_seed * count: so a model has AlphaFold2's seed, whatever runs
 * beside it. The digest of the weights stands in it, so what is predicted counts by them,
 * not by their folder. No protein has a part in it: all targets share one list.
 *
 * The output `networks` names the models alone, which decide what is to be compiled:
 *     [{"model": "model_3", "num_ensemble": 1}, ...]
 */
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <af2flow/plugin.h>

#include "common/sha256sum.h"
#include "common/text.h"

static const af2_host *host;

#define MODELS 5
#define NAME_SIZE 64

/* What the parameters ask for. */
struct plan {
	const char *suffix;  /* of a model's name: "", "_ptm", "_multimer_v3" */
	int chosen[MODELS];  /* by `models` */
	int64_t predictions; /* a model */
	int64_t seed, ensemble;
	char folder[PATH_MAX];
	sha256_text digest[MODELS];
};

/* --- parameters ------------------------------------------------------------------ */

/* "3" or "2..5" at *text, which moves on; 0, or -1. */
static int
read_range(const char **text, long *first, long *last)
{
	char *end;

	*first = *last = strtol(*text, &end, 10);
	if (end == *text)
		return -1;
	if (!strncmp(end, "..", 2)) {
		const char *second = end + 2;
		*last = strtol(second, &end, 10);
		if (end == second)
			return -1;
	}
	*text = end;
	return *first >= 1 && *first <= *last && *last <= MODELS ? 0 : -1;
}

/* The numbers of "1..5" or "1,3,5". */
static int
read_models(const char *text, int chosen[MODELS], struct fault *fault)
{
	const char *at = text;
	long first, last;
	int bad;

	do {
		bad = read_range(&at, &first, &last) != 0;
		for (long i = first; !bad && i <= last; i++)
			chosen[i - 1] = 1;
	} while (!bad && *at == ',' && at++);
	if (bad || *at)
		return fault_set(fault, AF2_CLASS_PERMANENT,
				 "models='%s' names no models: write 1..5 or 1,3,5",
				 text);
	return 0;
}

static int
read_plan(af2_task *task, struct plan *plan, struct fault *fault)
{
	const char *preset = host->param(task, "model_preset");
	int multimer = !strcmp(preset, "multimer");

	plan->suffix = multimer				 ? "_multimer_v3"
		       : !strcmp(preset, "monomer_ptm") ? "_ptm"
							 : "";
	plan->predictions =
		multimer ? (int64_t)host->param_number(
				   task, "num_multimer_predictions_per_model")
			 : 1;
	plan->ensemble = !strcmp(preset, "monomer_casp14") ? 8 : 1;
	plan->seed = (int64_t)host->param_number(task, "random_seed");
	snprintf(plan->folder, sizeof(plan->folder), "%s/params",
		 host->param(task, "data_dir"));
	return read_models(host->param(task, "models"), plan->chosen, fault);
}

/* --- weights --------------------------------------------------------------------- */

static void
weights_name(const struct plan *plan, int model, char name[NAME_SIZE])
{
	snprintf(name, NAME_SIZE, "params_model_%d%s.npz", model + 1, plan->suffix);
}

/* The path of a model's weights; -1 where they are not. */
static int
find_weights(const struct plan *plan, int model, char path[PATH_MAX],
	     struct fault *fault)
{
	char name[NAME_SIZE];
	struct stat st;

	weights_name(plan, model, name);
	if (snprintf(path, PATH_MAX, "%s/%s", plan->folder, name) >= PATH_MAX)
		return fault_set(fault, AF2_CLASS_PERMANENT, "the path '%s' is too long",
				 plan->folder);
	if (stat(path, &st) != 0)
		return fault_set(fault, AF2_CLASS_UNAVAILABLE,
				 "no weights '%s': %s; put AlphaFold2's parameter files "
				 "into '%s', or set data_dir to the folder that has "
				 "params/ in it",
				 path, strerror(errno), plan->folder);
	if (!S_ISREG(st.st_mode) || st.st_size == 0)
		return fault_set(fault, AF2_CLASS_UNAVAILABLE,
				 "the weights '%s' are %s; put AlphaFold2's file there",
				 path, S_ISREG(st.st_mode) ? "empty" : "no file");
	return 0;
}

/* Fail with what is wrong with the first weights, and tell of how many it is true. */
static af2_outcome
fail_weights(af2_task *task, const struct plan *plan, const struct fault *first)
{
	int wanted = 0, bad = 0;

	for (int i = 0; i < MODELS; i++) {
		char path[PATH_MAX];
		struct fault other = {0};
		if (!plan->chosen[i])
			continue;
		wanted++;
		bad += find_weights(plan, i, path, &other) != 0;
	}
	if (bad < 2)
		return fault_fail(host, task, first);
	return host->fail(task, first->cls, "%s (%d of %d files are missing or empty)",
			  first->text, bad, wanted);
}

/* Find and digest the weights of all models chosen. */
static af2_outcome
digest_weights(af2_task *task, struct plan *plan, struct fault *fault)
{
	char found[MODELS][PATH_MAX];
	const char *paths[MODELS];
	sha256_text digests[MODELS];
	size_t count = 0;

	for (int i = 0; i < MODELS; i++) {
		if (!plan->chosen[i])
			continue;
		if (find_weights(plan, i, found[i], fault) != 0)
			return fail_weights(task, plan, fault);
		paths[count++] = found[i];
	}
	host->progress(-1, "reading weights");
	af2_outcome outcome = sha256sum_files(host, task, paths, count, digests);
	for (int i = MODELS - 1; !outcome && i >= 0; i--)
		if (plan->chosen[i])
			memcpy(plan->digest[i], digests[--count], sizeof(sha256_text));
	return outcome;
}

static af2_outcome
fingerprint(af2_task *task)
{
	struct plan plan = {0};
	struct fault fault = {0};

	if (read_plan(task, &plan, &fault) != 0)
		return fault_fail(host, task, &fault);
	af2_outcome outcome = digest_weights(task, &plan, &fault);
	for (int i = 0; !outcome && i < MODELS; i++) {
		char name[NAME_SIZE], path[PATH_MAX];
		if (!plan.chosen[i])
			continue;
		weights_name(&plan, i, name);
		host->fingerprint_add(task, name, plan.digest[i]);
		if (find_weights(&plan, i, path, &fault) == 0)
			host->fingerprint_file(task, path);
	}
	return outcome;
}

/* --- the list -------------------------------------------------------------------- */

/* Declare an output and open its file; *path is for out_close(). NULL with the fault set. */
static FILE *
open_output(af2_task *task, const char *port, const char *element, const char *file,
	    const char **path, struct fault *fault)
{
	*path = host->output(task, port, element, file);
	if (!*path)
		fault_set(fault, AF2_CLASS_OUTPUT_MISSING,
			  "cannot declare the output '%s'", port);
	return *path ? out_open(*path, fault) : NULL;
}

/* Write the element of one model runner. */
static int
write_runner(af2_task *task, const struct plan *plan, int model, int64_t prediction,
	     struct fault *fault)
{
	int64_t index = model * plan->predictions + prediction;
	int64_t count = MODELS * plan->predictions;
	char name[NAME_SIZE], file[NAME_SIZE + 8], weights[NAME_SIZE];

	snprintf(name, sizeof(name), "model_%d%s_pred_%" PRId64, model + 1, plan->suffix,
		 prediction);
	snprintf(file, sizeof(file), "%s.json", name);
	weights_name(plan, model, weights);
	const char *path;
	FILE *out = open_output(task, "models", name, file, &path, fault);
	if (!out)
		return -1;
	fprintf(out, "{\"name\": \"%s\", \"model\": \"model_%d%s\", ", name, model + 1,
		plan->suffix);
	fprintf(out,
		"\"prediction\": %" PRId64 ", \"index\": %" PRId64 ", \"count\": %" PRId64
		", \"random_seed\": %" PRId64 ", \"num_ensemble\": %" PRId64
		", \"params\": {\"file\": \"%s\", \"sha256\": \"%s\"}}\n",
		prediction, index, count, index + plan->seed * count, plan->ensemble,
		weights, plan->digest[model]);
	return out_close(out, path, fault);
}

/* Write what the models' programs depend on. */
static int
write_networks(af2_task *task, const struct plan *plan, struct fault *fault)
{
	const char *path, *comma = "";
	FILE *out = open_output(task, "networks", NULL, "networks.json", &path, fault);

	if (!out)
		return -1;
	fputc('[', out);
	for (int i = 0; i < MODELS; i++) {
		if (!plan->chosen[i])
			continue;
		fprintf(out, "%s{\"model\": \"model_%d%s\", \"num_ensemble\": %" PRId64 "}",
			comma, i + 1, plan->suffix, plan->ensemble);
		comma = ", ";
	}
	fputs("]\n", out);
	return out_close(out, path, fault);
}

static af2_outcome
run(af2_task *task)
{
	struct plan plan = {0};
	struct fault fault = {0};
	double written = 0;

	if (read_plan(task, &plan, &fault) != 0)
		return fault_fail(host, task, &fault);
	af2_outcome outcome = digest_weights(task, &plan, &fault);
	if (outcome)
		return outcome;
	for (int i = 0; i < MODELS; i++)
		for (int64_t k = 0; plan.chosen[i] && k < plan.predictions; k++) {
			if (write_runner(task, &plan, i, k, &fault) != 0)
				return fault_fail(host, task, &fault);
			written++;
		}
	if (write_networks(task, &plan, &fault) != 0)
		return fault_fail(host, task, &fault);
	/* No value: values enter the keys of all that reads an element, and what a model gives
	 * does not depend on how many others are wanted. */
	host->measure(task, "models", written);
	return AF2_OK;
}

/* clang-format off */
static const af2_param params[] = {
	{.name = "data_dir", .type = AF2_DIR, .flags = AF2_PARAM_REQUIRED,
	 .doc = "folder with AlphaFold2's params/ in it"},
	{.name = "model_preset", .type = AF2_CHOICE, .flags = AF2_PARAM_REQUIRED,
	 .choices = "monomer monomer_casp14 monomer_ptm multimer",
	 .doc = "which models; monomer_casp14: eight ensembles each"},
	{.name = "models", .type = AF2_STRING, .default_value = "1..5",
	 .doc = "numbers of the models that are wanted: 1..5 or 1,3,5"},
	{.name = "num_multimer_predictions_per_model", .type = AF2_INT,
	 .default_value = "5", .min = 1, .max = 10000,
	 .doc = "predictions a model, each with its own seed; multimer only"},
	/* The largest that seeds and doubles hold with all counts allowed above. */
	{.name = "random_seed", .type = AF2_INT, .default_value = "0", .min = 0,
	 .max = 100000000000000.0,
	 .doc = "model seeds are index + random_seed * count, as AlphaFold2's"},
};
/* clang-format on */

static const af2_port outputs[] = {
	{.name = "models",
	 .types = "json",
	 .cardinality = AF2_MANY,
	 .doc = "one element a prediction, named as AlphaFold2 names it"},
	{.name = "networks",
	 .types = "alphafold.networks",
	 .cardinality = AF2_ONE,
	 .doc = "the models alone, without seeds and weights"},
};

static const af2_plugin plugin = {
	.magic = AF2_MAGIC,
	.struct_size = sizeof(af2_plugin),
	.abi_major = AF2_ABI_MAJOR,
	.abi_minor = AF2_ABI_MINOR,
	.id = "models",
	.name = "AlphaFold2's models",
	.version = "1.1.0",
	.result_version = 2,
	.license = "Apache-2.0",
	.summary = "lists the predictions of a model preset, with seeds and weights",
	.param_size = sizeof(af2_param),
	.param_count = sizeof(params) / sizeof(*params),
	.params = params,
	.port_size = sizeof(af2_port),
	.output_count = sizeof(outputs) / sizeof(*outputs),
	.outputs = outputs,
	.cpus = "1",
	.gpus = "0",
	.memory = "",
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

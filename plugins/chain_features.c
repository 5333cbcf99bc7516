/* SPDX-License-Identifier: Apache-2.0
 *
 * chain_features: the features of one chain as AlphaFold2's own pipeline makes them, from
 * finished alignments and template hits, by the installed AlphaFold2 code in a warm
 * Python worker (features_alphafold.py says what is in them).
 *
 * The structures of the templates are no declared inputs: which ones are read is known
 * only while it happens, and their folder holds 200,000 files. So the folder counts by
 * its version: `template_mmcif_version` if the user names it, else the folder's time of
 * modification, which changes when entries come, go or are replaced (not when a file is
 * edited in place). That may make features again where nothing changed, in seconds; but
 * equal features have equal bytes, so nothing behind them is done again.
 */
#include <af2flow/plugin.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "common/dates.h"
#include "common/tool.h"
#include "python_stage.h"

static const af2_host *host;
static af2_process *process;

static af2_outcome
setup(af2_worker *worker)
{
	static const char *const words[] = {NULL};

	return python_stage_start(host, worker, "features_alphafold.py", words, NULL,
				  &process);
}

/* --- templates: what they need ------------------------------------------------ */

static int
wants_templates(af2_task *task)
{
	return host->param_number(task, "use_templates") != 0;
}

/* AF2_OK if templates can be looked for with these parameters. */
static af2_outcome
check_templates(af2_task *task)
{
	const char *date = host->param(task, "max_template_date");

	if (!*host->param(task, "template_mmcif_dir"))
		return host->fail(task, AF2_CLASS_PERMANENT,
				  "templates need their structures: give "
				  "template_mmcif_dir=DIR, or use_templates=no");
	if (!*date)
		return host->fail(task, AF2_CLASS_PERMANENT,
				  "templates need a latest release date: give "
				  "max_template_date=YYYY-MM-DD, or use_templates=no");
	if (!date_is_valid(date))
		return host->fail(task, AF2_CLASS_PERMANENT,
				  "max_template_date='%s' is no date YYYY-MM-DD", date);
	return AF2_OK;
}

static af2_outcome
find_kalign(af2_task *task, const char **path)
{
	const char *wanted = host->param(task, "kalign_binary_path");

	*path = host->find_program(wanted);
	return *path ? AF2_OK
		     : host->fail(task, AF2_CLASS_SPAWN,
				  "cannot find the program '%s'", wanted);
}

/* The version of the folder of structures. */
static af2_outcome
add_folder(af2_task *task)
{
	const char *dir = host->param(task, "template_mmcif_dir");
	char when[64];
	struct stat st;

	/* A version that is named is a parameter, and counts as one. */
	if (*host->param(task, "template_mmcif_version"))
		return AF2_OK;
	if (stat(dir, &st) != 0)
		return host->fail(task, AF2_CLASS_PERMANENT, "cannot look at '%s': %s",
				  dir, strerror(errno));
	snprintf(when, sizeof(when), "%lld.%09ld", (long long)st.st_mtim.tv_sec,
		 st.st_mtim.tv_nsec);
	host->fingerprint_add(task, "template_mmcif_dir", when);
	host->fingerprint_file(task, dir);
	return AF2_OK;
}

static const char *
system_of(af2_task *task)
{
	const char *preset = host->param(task, "model_preset");

	return strcmp(preset, "multimer") == 0 ? preset : "monomer";
}

static af2_outcome
fingerprint(af2_task *task)
{
	const char *kalign;
	af2_outcome outcome = AF2_OK;

	if (wants_templates(task)) {
		outcome = check_templates(task);
		if (outcome == AF2_OK)
			outcome = add_folder(task);
		if (outcome == AF2_OK)
			outcome = find_kalign(task, &kalign);
		if (outcome == AF2_OK)
			outcome = tool_fingerprint(host, task, "kalign", kalign);
	}
	if (outcome != AF2_OK)
		return outcome;
	/* The presets of monomers have equal features. */
	host->fingerprint_add(task, "system", system_of(task));
	return python_stage_fingerprint(host, task, "features_alphafold.py");
}

/* --- one chain ------------------------------------------------------------------ */

static const char *
input(af2_task *task, const char *port)
{
	const af2_item *item = host->input(task, port, 0);

	return item ? item->path : "";
}

static af2_outcome
run(af2_task *task)
{
	const char *output, *kalign = "";
	int with_hits = wants_templates(task) && *input(task, "hits");
	af2_outcome outcome = AF2_OK;

	if (with_hits)
		outcome = check_templates(task);
	if (with_hits && outcome == AF2_OK)
		outcome = find_kalign(task, &kalign);
	if (outcome != AF2_OK)
		return outcome;
	output = host->output(task, "features", NULL, "features.pkl");
	if (!output)
		return AF2_FAIL;
	/* clang-format off */
	const char *args[] = {
		"query", input(task, "query"),
		"uniref90", input(task, "uniref90"),
		"mgnify", input(task, "mgnify"),
		"bfd", input(task, "bfd"),
		"small_bfd", input(task, "small_bfd"),
		"uniprot", input(task, "uniprot"),
		"hits", with_hits ? input(task, "hits") : "",
		"output", output,
		"model_preset", host->param(task, "model_preset"),
		"use_templates", host->param(task, "use_templates"),
		"template_mmcif_dir", host->param(task, "template_mmcif_dir"),
		"max_template_date", host->param(task, "max_template_date"),
		"max_template_hits", host->param(task, "max_template_hits"),
		"obsolete_pdbs_path", host->param(task, "obsolete_pdbs_path"),
		"kalign_binary_path", kalign,
		"uniref_max_hits", host->param(task, "uniref_max_hits"),
		"mgnify_max_hits", host->param(task, "mgnify_max_hits"),
		"uniprot_max_hits", host->param(task, "uniprot_max_hits"),
		NULL,
	};
	/* clang-format on */
	host->progress(-1, "features");
	return host->call(task, process, "chain", args);
}

/* clang-format off */
static const af2_param params[] = {
	/* What an empty flag means is for the user to say: without one nothing is taken for
	 * granted. */
	{.name = "db_preset", .type = AF2_CHOICE,
	 .flags = AF2_PARAM_REQUIRED | AF2_PARAM_NO_RESULT,
	 .choices = "full_dbs reduced_dbs",
	 .doc = "which databases the workflow searches; the alignments are what counts"},
	{.name = "model_preset", .type = AF2_CHOICE,
	 .flags = AF2_PARAM_REQUIRED | AF2_PARAM_NO_RESULT,
	 .choices = "monomer monomer_casp14 monomer_ptm multimer",
	 .doc = "multimer takes template hits of hmmsearch, the others of hhsearch"},
	{.name = "use_templates", .type = AF2_BOOL, .default_value = "yes",
	 .doc = "no: as AlphaFold2 with hits none of which may be used"},
	{.name = "template_mmcif_dir", .type = AF2_DIR,
	 .doc = "folder of structures, ID.cif; templates need it"},
	{.name = "template_mmcif_version", .type = AF2_STRING,
	 .doc = "what names the folder's contents in keys; unset: its time of modification"},
	{.name = "max_template_date", .type = AF2_STRING,
	 .doc = "latest release date of a template, YYYY-MM-DD; templates need it"},
	{.name = "obsolete_pdbs_path", .type = AF2_FILE,
	 .doc = "obsolete.dat of the PDB: entries that were replaced or removed"},
	{.name = "kalign_binary_path", .type = AF2_PROGRAM, .default_value = "kalign",
	 .flags = AF2_PARAM_NO_RESULT,
	 .doc = "the kalign that aligns a hit to its structure's sequence where they differ "
		"(its version counts, not its place)"},
	{.name = "max_template_hits", .type = AF2_INT, .default_value = "20", .min = 0,
	 .max = 1e6, .doc = "most templates kept"},
	{.name = "uniref_max_hits", .type = AF2_INT, .default_value = "10000", .min = 0,
	 .max = 1e9, .unit = "rows", .doc = "rows of uniref90 used; 0: all"},
	{.name = "mgnify_max_hits", .type = AF2_INT, .default_value = "501", .min = 0,
	 .max = 1e9, .unit = "rows", .doc = "rows of mgnify used; 0: all"},
	{.name = "uniprot_max_hits", .type = AF2_INT, .default_value = "50000", .min = 0,
	 .max = 1e9, .unit = "rows", .doc = "rows of uniprot used; 0: all"},
	{.name = "python", .type = AF2_PROGRAM,
	 .flags = AF2_PARAM_SETUP | AF2_PARAM_NO_RESULT, .default_value = "python3",
	 .doc = "interpreter with AlphaFold2's code (alphafold-colabfold or DeepMind's)"},
};

static const af2_port inputs[] = {
	{.name = "query", .types = "fasta", .cardinality = AF2_ONE,
	 .doc = "the chain's sequence"},
	{.name = "uniref90", .types = "stockholm", .cardinality = AF2_ONE,
	 .doc = "alignment from UniRef90"},
	{.name = "mgnify", .types = "stockholm", .cardinality = AF2_ONE,
	 .doc = "alignment from MGnify"},
	{.name = "bfd", .types = "a3m", .cardinality = AF2_OPTIONAL,
	 .doc = "alignment from BFD and UniRef30"},
	{.name = "small_bfd", .types = "stockholm", .cardinality = AF2_OPTIONAL,
	 .doc = "alignment from the small BFD"},
	{.name = "uniprot", .types = "stockholm", .cardinality = AF2_OPTIONAL,
	 .doc = "alignment from UniProt, to pair chains of a multimer by species"},
	{.name = "hits", .types = "hhr|stockholm", .cardinality = AF2_OPTIONAL,
	 .doc = "template hits of hhsearch (monomers) or hmmsearch (multimers)"},
};

static const af2_port outputs[] = {
	{.name = "features", .types = "features", .cardinality = AF2_ONE,
	 .doc = "AlphaFold2's feature dictionary of the chain, a pickle"},
};

/* clang-format on */
static const af2_plugin plugin = {
	.magic = AF2_MAGIC,
	.struct_size = sizeof(af2_plugin),
	.abi_major = AF2_ABI_MAJOR,
	.abi_minor = AF2_ABI_MINOR,
	.id = "chain_features",
	.name = "features of a chain",
	.version = "1.0.0",
	.result_version = 1,
	.license = "Apache-2.0",
	.summary = "make one chain's features by AlphaFold2's own code",
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

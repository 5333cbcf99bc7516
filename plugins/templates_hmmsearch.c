/* SPDX-License-Identifier: Apache-2.0
 *
 * templates_hmmsearch: structures to build on, searched with HMMER as AlphaFold2 does for
 * multimers. The UniRef90 alignment loses its duplicates (insertions against the query do
 * not count) and its empty columns; then
 *     hmmbuild --hand --amino OUT.hmm query.msa
 *     hmmsearch --noali --cpu N --F1 0.1 --F2 0.1 --F3 0.1 --incE 100 -E 100
 *               --domE 100 --incdomE 100 -A OUT.sto OUT.hmm PDB_SEQRES
 * A search without hits is a result: an empty file, as with AlphaFold2. Which hits may be
 * templates (date, obsolete entries, the query itself) is decided where their structures
 * are read, in chain_features.
 */
#include <limits.h>
#include <stdio.h>

#include <af2flow/plugin.h>

#include "common/stockholm.h"
#include "common/tool.h"

static const af2_host *host;

static const af2_param params[] = {
	{.name = "database",
	 .type = AF2_DATABASE,
	 .flags = AF2_PARAM_REQUIRED,
	 .doc = "FASTA file of the sequences of the PDB, pdb_seqres.txt"},
	{.name = "max_rows",
	 .type = AF2_INT,
	 .default_value = "10000",
	 .min = 0,
	 .max = 1e9,
	 .unit = "rows",
	 .doc = "rows of the alignment used, before duplicates go; 0 uses all"},
	{.name = "e_value",
	 .type = AF2_REAL,
	 .default_value = "100",
	 .min = 1e-300,
	 .max = 1e9,
	 .doc = "E-value to report and to include, of sequences and domains"},
	{.name = "filter",
	 .type = AF2_REAL,
	 .default_value = "0.1",
	 .min = 0,
	 .max = 1,
	 .doc = "P-value to pass the filters (--F1, --F2, --F3)"},
	{.name = "program",
	 .type = AF2_PROGRAM,
	 .default_value = "hmmsearch",
	 .flags = AF2_PARAM_NO_RESULT,
	 .doc = "the hmmsearch to run (its version counts, not its place)"},
	{.name = "hmmbuild",
	 .type = AF2_PROGRAM,
	 .default_value = "hmmbuild",
	 .flags = AF2_PARAM_NO_RESULT,
	 .doc = "the hmmbuild to run (its version counts, not its place)"},
};

static const af2_port inputs[] = {
	{.name = "uniref90",
	 .types = "stockholm",
	 .cardinality = AF2_ONE,
	 .doc = "alignment to search with: AlphaFold2 takes the one from UniRef90"},
};

static const af2_port outputs[] = {
	{.name = "hits",
	 .types = "stockholm",
	 .cardinality = AF2_ONE,
	 .publish = "msas/{branch}/pdb_hits.sto",
	 .doc = "alignment of the hits; empty if there are none"},
};

/* A file in the work directory. */
static int
work_file(af2_task *task, const char *name, char *path, struct fault *fault)
{
	if (snprintf(path, PATH_MAX, "%s/%s", host->work_dir(task), name) >= PATH_MAX)
		return fault_set(fault, AF2_CLASS_PERMANENT,
				 "the work directory's path is too long");
	return 0;
}

static int
make_query(af2_task *task, const char *path, struct fault *fault)
{
	struct stockholm sto = {0};
	const char *input = host->input(task, "uniref90", 0)->path;
	size_t written = 0, max_rows = (size_t)host->param_number(task, "max_rows");
	int rc = stockholm_read(&sto, input, max_rows, fault);
	if (rc == 0)
		rc = stockholm_write_query(&sto, input, path, &written, fault);
	stockholm_free(&sto);
	host->measure(task, "query_rows", (double)written);
	return rc;
}

static af2_outcome
build(af2_task *task, const char *query, const char *hmm)
{
	struct tool tool = {0};
	tool_add(&tool, host->param(task, "hmmbuild"));
	tool_add(&tool, "--hand");
	tool_add(&tool, "--amino");
	tool_add(&tool, hmm);
	tool_add(&tool, query);
	return tool_run(host, task, &tool, "hmmbuild");
}

static af2_outcome
search(af2_task *task, const char *hmm, const char *result)
{
	struct tool tool = {0};
	const char *filter = host->param(task, "filter");
	const char *e_value = host->param(task, "e_value");
	tool_add(&tool, host->param(task, "program"));
	tool_add(&tool, "--noali");
	tool_option(&tool, "-o", "/dev/null");
	tool_cpus(&tool, host, task, "--cpu");
	tool_option(&tool, "--F1", filter);
	tool_option(&tool, "--F2", filter);
	tool_option(&tool, "--F3", filter);
	tool_option(&tool, "--incE", e_value);
	tool_option(&tool, "-E", e_value);
	tool_option(&tool, "--domE", e_value);
	tool_option(&tool, "--incdomE", e_value);
	tool_option(&tool, "-A", result);
	tool_add(&tool, hmm);
	tool_add(&tool, host->param(task, "database"));
	return tool_run(host, task, &tool, "hmmsearch");
}

/* The result is whole, or empty: hmmsearch writes nothing where it finds nothing. */
static int
check_result(af2_task *task, const char *path, struct fault *fault)
{
	size_t rows = 0;
	FILE *f = fopen(path, "ae");
	long size = f ? ftell(f) : -1;
	if (f)
		fclose(f);
	if (size < 0)
		return fault_errno(fault, "cannot open", path);
	if (size > 0 && stockholm_truncate(path, NULL, 0, NULL, &rows, fault) != 0)
		return -1;
	host->value_number(task, "hits", (double)rows);
	return 0;
}

static af2_outcome
run(af2_task *task)
{
	struct fault fault = {0};
	char query[PATH_MAX], hmm[PATH_MAX];
	const char *hits = host->output(task, "hits", NULL, "pdb_hits.sto");
	if (!hits)
		return AF2_FAIL;
	/* hmmbuild names the profile after the query's file: AlphaFold2's name. */
	if (work_file(task, "query.msa", query, &fault) != 0 ||
	    work_file(task, "output.hmm", hmm, &fault) != 0 ||
	    make_query(task, query, &fault) != 0)
		return fault_fail(host, task, &fault);
	host->progress(-1, "hmmbuild");
	af2_outcome outcome = build(task, query, hmm);
	if (outcome != AF2_OK)
		return outcome;
	host->progress(-1, "hmmsearch");
	outcome = search(task, hmm, hits);
	if (outcome != AF2_OK)
		return outcome;
	return check_result(task, hits, &fault) == 0 ? AF2_OK
						     : fault_fail(host, task, &fault);
}

static af2_outcome
fingerprint(af2_task *task)
{
	static const char *const tools[][2] = {{"hmmsearch", "program"},
					       {"hmmbuild", "hmmbuild"}};
	for (size_t i = 0; i < 2; i++) {
		const char *wanted = host->param(task, tools[i][1]);
		const char *program = host->find_program(wanted);
		if (!program)
			return host->fail(task, AF2_CLASS_SPAWN,
					  "cannot find the program '%s'", wanted);
		af2_outcome outcome = tool_fingerprint(host, task, tools[i][0], program);
		if (outcome != AF2_OK)
			return outcome;
	}
	return AF2_OK;
}

static const af2_plugin plugin = {
	.magic = AF2_MAGIC,
	.struct_size = sizeof(plugin),
	.abi_major = AF2_ABI_MAJOR,
	.abi_minor = AF2_ABI_MINOR,
	.id = "templates_hmmsearch",
	.name = "Template search by profile",
	.version = "1.0.0",
	.result_version = 1,
	.license = "Apache-2.0",
	.summary = "searches sequences of structures with HMMER's hmmsearch as AlphaFold2 "
		   "does for multimers",
	.param_size = sizeof(af2_param),
	.param_count = sizeof(params) / sizeof(*params),
	.params = params,
	.port_size = sizeof(af2_port),
	.input_count = sizeof(inputs) / sizeof(*inputs),
	.inputs = inputs,
	.output_count = sizeof(outputs) / sizeof(*outputs),
	.outputs = outputs,
	.cpus = "auto",
	.cpus_cap = 8,
	.gpus = "0",
	.memory = "2G",
	.fingerprint = fingerprint,
	.run = run,
};

const af2_plugin *
af2_plugin_entry(const af2_host *h)
{
	host = h;
	return &plugin;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * msa_jackhmmer: HMMER's jackhmmer with the command line of AlphaFold2,
 *     jackhmmer -o /dev/null -A OUT --noali --F1 0.0005 --F2 5e-05 --F3 5e-07
 *               --incE 0.0001 -E 0.0001 --cpu N -N 1 QUERY DATABASE
 * and its truncation of the result to `max_hits` rows.
 *
 * A search without hits is a result: the alignment holds the query alone. One process
 * gains little from more than 2 cores and nothing beyond 8 (a single thread parses the
 * database), hence the cap.
 */
#include <limits.h>
#include <stdio.h>

#include <af2flow/plugin.h>

#include "common/fasta.h"
#include "common/stockholm.h"
#include "common/tool.h"

static const af2_host *host;

static const af2_param params[] = {
	{.name = "database",
	 .type = AF2_DATABASE,
	 .flags = AF2_PARAM_REQUIRED,
	 .doc = "FASTA file to search, e.g. uniref90.fasta"},
	{.name = "max_hits",
	 .type = AF2_INT,
	 .default_value = "10000",
	 .min = 0,
	 .max = 1e9,
	 .unit = "rows",
	 .doc = "rows kept, the query counted (AlphaFold2: UniRef90 10000, MGnify 501, "
		"UniProt 50000); 0 keeps all"},
	{.name = "program",
	 .type = AF2_PROGRAM,
	 .default_value = "jackhmmer",
	 .flags = AF2_PARAM_NO_RESULT,
	 .doc = "the jackhmmer to run (its version counts, not its place)"},
	{.name = "n_iter",
	 .type = AF2_INT,
	 .default_value = "1",
	 .min = 1,
	 .max = 100,
	 .doc = "iterations (-N)"},
	{.name = "e_value",
	 .type = AF2_REAL,
	 .default_value = "0.0001",
	 .min = 1e-300,
	 .max = 1e9,
	 .doc = "E-value to report and to include (-E, --incE)"},
	{.name = "z_value",
	 .type = AF2_REAL,
	 .min = 1,
	 .max = 1e15,
	 .doc = "size of the database for E-values (-Z); unset: as it is"},
	{.name = "filter_f1",
	 .type = AF2_REAL,
	 .default_value = "0.0005",
	 .min = 0,
	 .max = 1,
	 .doc = "P-value to pass the MSV filter (--F1)"},
	{.name = "filter_f2",
	 .type = AF2_REAL,
	 .default_value = "0.00005",
	 .min = 0,
	 .max = 1,
	 .doc = "P-value to pass the Viterbi filter (--F2)"},
	{.name = "filter_f3",
	 .type = AF2_REAL,
	 .default_value = "0.0000005",
	 .min = 0,
	 .max = 1,
	 .doc = "P-value to pass the Forward filter (--F3)"},
	{.name = "dom_e",
	 .type = AF2_REAL,
	 .min = 1e-300,
	 .max = 1e9,
	 .doc = "E-value of a domain to report (--domE); unset: HMMER's own"},
	{.name = "incdom_e",
	 .type = AF2_REAL,
	 .min = 1e-300,
	 .max = 1e9,
	 .doc = "E-value of a domain to include (--incdomE); unset: HMMER's own"},
};

static const af2_port inputs[] = {
	{.name = "query",
	 .types = "fasta",
	 .cardinality = AF2_ONE,
	 .doc = "one protein sequence"},
};

static const af2_port outputs[] = {
	{.name = "hits",
	 .types = "stockholm",
	 .cardinality = AF2_ONE,
	 .publish = "msas/{branch}/{node}_hits.sto",
	 .doc = "alignment of the query and its hits; the first row is the query"},
};

static af2_outcome
search(af2_task *task, const char *query, const char *result)
{
	struct tool tool = {0};
	const char *e_value = host->param(task, "e_value");
	tool_add(&tool, host->param(task, "program"));
	tool_option(&tool, "-o", "/dev/null");
	tool_option(&tool, "-A", result);
	tool_add(&tool, "--noali");
	tool_option(&tool, "--F1", host->param(task, "filter_f1"));
	tool_option(&tool, "--F2", host->param(task, "filter_f2"));
	tool_option(&tool, "--F3", host->param(task, "filter_f3"));
	tool_option(&tool, "--incE", e_value);
	tool_option(&tool, "-E", e_value);
	tool_cpus(&tool, host, task, "--cpu");
	tool_option(&tool, "-N", host->param(task, "n_iter"));
	tool_option(&tool, "-Z", host->param(task, "z_value"));
	tool_option(&tool, "--domE", host->param(task, "dom_e"));
	tool_option(&tool, "--incdomE", host->param(task, "incdom_e"));
	tool_add(&tool, query);
	tool_add(&tool, host->param(task, "database"));
	return tool_run(host, task, &tool, "jackhmmer");
}

static af2_outcome
run(af2_task *task)
{
	struct fault fault = {0};
	char raw[PATH_MAX];
	size_t max_hits = (size_t)host->param_number(task, "max_hits");
	size_t kept = 0, total = 0;
	const char *query = host->input(task, "query", 0)->path;
	const char *hits = host->output(task, "hits", NULL, "hits.sto");
	if (!hits || fasta_one_query(query, "jackhmmer", &fault) != 0)
		return hits ? fault_fail(host, task, &fault) : AF2_FAIL;
	if (snprintf(raw, sizeof(raw), "%s/raw.sto", host->work_dir(task)) >=
	    (int)sizeof(raw))
		return host->fail(task, AF2_CLASS_PERMANENT,
				  "the work directory's path is too long");
	host->progress(-1, "jackhmmer");
	af2_outcome outcome = search(task, query, max_hits ? raw : hits);
	if (outcome != AF2_OK)
		return outcome;
	/* Without a cap the result is only read through: it has to be complete. */
	if (stockholm_truncate(max_hits ? raw : hits, max_hits ? hits : NULL, max_hits,
			       &kept, &total, &fault) != 0)
		return fault_fail(host, task, &fault);
	if (kept < total)
		host->log(AF2_INFO, "kept %zu of %zu rows", kept, total);
	host->value_number(task, "rows", (double)kept);
	host->value_number(task, "rows_found", (double)total);
	return AF2_OK;
}

static af2_outcome
fingerprint(af2_task *task)
{
	const char *program = host->find_program(host->param(task, "program"));
	if (!program)
		return host->fail(task, AF2_CLASS_SPAWN, "cannot find the program '%s'",
				  host->param(task, "program"));
	return tool_fingerprint(host, task, "jackhmmer", program);
}

static const af2_plugin plugin = {
	.magic = AF2_MAGIC,
	.struct_size = sizeof(plugin),
	.abi_major = AF2_ABI_MAJOR,
	.abi_minor = AF2_ABI_MINOR,
	.id = "msa_jackhmmer",
	.name = "jackhmmer search",
	.version = "1.0.0",
	.result_version = 1,
	.license = "Apache-2.0",
	.summary = "searches a sequence database with HMMER's jackhmmer as AlphaFold2 "
		   "does",
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

/* SPDX-License-Identifier: Apache-2.0
 *
 * msa_hhblits: HH-suite's hhblits with the command line of AlphaFold2,
 *     hhblits -i QUERY -cpu N -oa3m OUT -o /dev/null -n 3 -e 0.001 -maxseq 1000000
 *             -realign_max 100000 -maxfilt 100000 -min_prefilter_hits 1000
 *             -d BFD [-d UNIREF30]
 * (AlphaFold2's -p 20 and -Z 500 are hhblits' own defaults and given only if changed.)
 *
 * hhblits crashes on some inputs, and with two databases it may end with "did not find
 * N match states". Each is an outcome of its own with its own message; both are about
 * the combination of databases, so a workflow can retry with "retry.database2"="".
 */
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include <af2flow/plugin.h>

#include "common/fasta.h"
#include "common/msa.h"
#include "common/tool.h"

static const af2_host *host;

#define SUFFIXES "_a3m.ffdata _a3m.ffindex _cs219.ffdata _cs219.ffindex"

static const af2_param params[] = {
	{.name = "database",
	 .type = AF2_DATABASE,
	 .flags = AF2_PARAM_REQUIRED,
	 .suffixes = SUFFIXES,
	 .doc = "prefix of an HH-suite database, e.g. of BFD"},
	{.name = "database2",
	 .type = AF2_DATABASE,
	 .suffixes = SUFFIXES,
	 .doc = "a second one searched with it, e.g. UniRef30"},
	{.name = "program",
	 .type = AF2_PROGRAM,
	 .default_value = "hhblits",
	 .flags = AF2_PARAM_NO_RESULT,
	 .doc = "the hhblits to run (its version counts, not its place)"},
	{.name = "n_iter",
	 .type = AF2_INT,
	 .default_value = "3",
	 .min = 1,
	 .max = 8,
	 .doc = "iterations (-n)"},
	{.name = "e_value",
	 .type = AF2_REAL,
	 .default_value = "0.001",
	 .min = 1e-300,
	 .max = 1e9,
	 .doc = "E-value to include (-e)"},
	{.name = "maxseq",
	 .type = AF2_INT,
	 .default_value = "1000000",
	 .min = 1,
	 .max = 1e9,
	 .doc = "most rows of an alignment read (-maxseq)"},
	{.name = "realign_max",
	 .type = AF2_INT,
	 .default_value = "100000",
	 .min = 1,
	 .max = 1e9,
	 .doc = "most hits realigned (-realign_max)"},
	{.name = "maxfilt",
	 .type = AF2_INT,
	 .default_value = "100000",
	 .min = 1,
	 .max = 1e9,
	 .doc = "most hits to pass the second prefilter (-maxfilt)"},
	{.name = "min_prefilter_hits",
	 .type = AF2_INT,
	 .default_value = "1000",
	 .min = 1,
	 .max = 1e9,
	 .doc = "fewest hits to pass the prefilter (-min_prefilter_hits)"},
	{.name = "all_seqs",
	 .type = AF2_BOOL,
	 .default_value = "no",
	 .doc = "do not filter the resulting alignment (-all)"},
	{.name = "alt",
	 .type = AF2_INT,
	 .min = 1,
	 .max = 1000,
	 .doc = "most alternative alignments a hit (-alt); unset: hhblits' own"},
	{.name = "p",
	 .type = AF2_REAL,
	 .default_value = "20",
	 .min = 0,
	 .max = 100,
	 .unit = "percent",
	 .doc = "least probability in the hit list (-p)"},
	{.name = "summary_hits",
	 .type = AF2_INT,
	 .default_value = "500",
	 .min = 1,
	 .max = 1e9,
	 .doc = "most lines in the hit list (-Z)"},
};

static const af2_port inputs[] = {
	{.name = "query",
	 .types = "fasta",
	 .cardinality = AF2_ONE,
	 .doc = "one protein sequence"},
};

static const af2_port outputs[] = {
	{.name = "hits",
	 .types = "a3m",
	 .cardinality = AF2_ONE,
	 .publish = "msas/{branch}/bfd_uniref_hits.a3m",
	 .doc = "alignment of the query and its hits; the first row is the query"},
};

static void
build(struct tool *tool, af2_task *task, const char *program, const char *query,
      const char *result)
{
	tool_add(tool, program);
	tool_option(tool, "-i", query);
	tool_cpus(tool, host, task, "-cpu");
	tool_option(tool, "-oa3m", result);
	tool_option(tool, "-o", "/dev/null");
	tool_option(tool, "-n", host->param(task, "n_iter"));
	tool_option(tool, "-e", host->param(task, "e_value"));
	tool_option(tool, "-maxseq", host->param(task, "maxseq"));
	tool_option(tool, "-realign_max", host->param(task, "realign_max"));
	tool_option(tool, "-maxfilt", host->param(task, "maxfilt"));
	tool_option(tool, "-min_prefilter_hits",
		    host->param(task, "min_prefilter_hits"));
	if (host->param_number(task, "all_seqs") != 0)
		tool_add(tool, "-all");
	tool_option(tool, "-alt", host->param(task, "alt"));
	if (host->param_number(task, "p") != 20)
		tool_option(tool, "-p", host->param(task, "p"));
	if (host->param_number(task, "summary_hits") != 500)
		tool_option(tool, "-Z", host->param(task, "summary_hits"));
	tool_option(tool, "-d", host->param(task, "database"));
	tool_option(tool, "-d", host->param(task, "database2"));
}

static const char *
advice(af2_task *task)
{
	return *host->param(task, "database2")
		       ? "; with two databases this is a known fault: search one, as "
			 "\"retry.database2\"=\"\" does"
		       : "; a damaged database is the usual cause";
}

/* The outcomes that are hhblits' own. AF2_OK: none of them. */
static af2_outcome
judge_own(af2_task *task, const af2_exit *how)
{
	int killed_by = how->signal         ? how->signal
			: how->status > 128 ? how->status - 128
					    : 0;
	const char *found = strcasestr(how->stderr_tail, "did not find");
	if (how->status == 0)
		return AF2_OK;
	if (found && strcasestr(found, "match states"))
		return host->fail(task, AF2_CLASS_EXIT,
				  "hhblits could not merge a hit (\"%.*s\")%s",
				  (int)strcspn(found, "\r\n"), found, advice(task));
	if (killed_by == SIGSEGV || killed_by == SIGBUS)
		return host->fail(task, AF2_CLASS_SIGNAL, "hhblits crashed (%s)%s",
				  strsignal(killed_by), advice(task));
	return AF2_OK;
}

static af2_outcome
search(af2_task *task, const char *query, const char *result)
{
	struct fault fault = {0};
	struct tool tool = {0};
	char program[PATH_MAX], lib[PATH_MAX];
	af2_exit how;
	if (!tool_hhsuite(host, host->param(task, "program"), program, &fault))
		return fault_fail(host, task, &fault);
	tool.env[0] = tool_hhlib(program, lib);
	if (!tool.env[0])
		host->log(AF2_WARN, "no data folder of HH-suite found: set HHLIB");
	build(&tool, task, program, query, result);
	if (tool_execute(host, task, &tool, "hhblits", &how) == 0) {
		af2_outcome own = judge_own(task, &how);
		if (own != AF2_OK)
			return own;
	}
	return tool_judge(host, task, "hhblits", &how);
}

static af2_outcome
run(af2_task *task)
{
	struct fault fault = {0};
	struct msa msa = {0};
	const char *query = host->input(task, "query", 0)->path;
	const char *hits = host->output(task, "hits", NULL, "hits.a3m");
	if (!hits || fasta_one_query(query, "hhblits", &fault) != 0)
		return hits ? fault_fail(host, task, &fault) : AF2_FAIL;
	host->progress(-1, "hhblits");
	af2_outcome outcome = search(task, query, hits);
	if (outcome != AF2_OK)
		return outcome;
	/* Reading it also proves that it is whole. */
	int rc = msa_read_a3m(&msa, hits, 0, &fault);
	if (rc == 0)
		host->value_number(task, "rows", (double)msa.count);
	msa_free(&msa);
	return rc == 0 ? AF2_OK : fault_fail(host, task, &fault);
}

static af2_outcome
fingerprint(af2_task *task)
{
	struct fault fault = {0};
	char program[PATH_MAX];
	if (!tool_hhsuite(host, host->param(task, "program"), program, &fault))
		return fault_fail(host, task, &fault);
	return tool_fingerprint(host, task, "hhblits", program);
}

static const af2_plugin plugin = {
	.magic = AF2_MAGIC,
	.struct_size = sizeof(plugin),
	.abi_major = AF2_ABI_MAJOR,
	.abi_minor = AF2_ABI_MINOR,
	.id = "msa_hhblits",
	.name = "HHblits search",
	.version = "1.0.0",
	.result_version = 1,
	.license = "Apache-2.0",
	.summary = "searches clustered databases with HH-suite's hhblits as AlphaFold2 "
		   "does",
	.flags = AF2_PLUGIN_INTERLEAVE,
	.param_size = sizeof(af2_param),
	.param_count = sizeof(params) / sizeof(*params),
	.params = params,
	.port_size = sizeof(af2_port),
	.input_count = sizeof(inputs) / sizeof(*inputs),
	.inputs = inputs,
	.output_count = sizeof(outputs) / sizeof(*outputs),
	.outputs = outputs,
	.cpus = "auto",
	.cpus_cap = 64,
	.gpus = "0",
	.memory = "4G",
	.fingerprint = fingerprint,
	.run = run,
};

const af2_plugin *
af2_plugin_entry(const af2_host *h)
{
	host = h;
	return &plugin;
}

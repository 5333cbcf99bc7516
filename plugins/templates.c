/* SPDX-License-Identifier: Apache-2.0
 *
 * templates: structures to build on, searched with HH-suite's hhsearch as AlphaFold2
 * does for monomers. The UniRef90 alignment loses its duplicates (insertions against
 * the query do not count) and its empty columns, becomes a3m, and is the query of
 *     hhsearch -i QUERY.a3m -o OUT.hhr -maxseq 1000000 -d DATABASE -cpu N
 * Then the rules: `exclude`, `max_template_date`, `max_hits`. The .hhr that comes out
 * holds the allowed hits only, numbered anew, so that nothing downstream needs the
 * rules.
 *
 * A hit's PDB id is what stands before the first '_' of its name (4GEL_A, 4gel_A_12).
 */
#include <ctype.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <af2flow/plugin.h>

#include "common/dates.h"
#include "common/hhr.h"
#include "common/stockholm.h"
#include "common/tool.h"

static const af2_host *host;

static const af2_param params[] = {
	{.name = "database",
	 .type = AF2_DATABASE,
	 .flags = AF2_PARAM_REQUIRED,
	 .suffixes = "_a3m.ffdata _a3m.ffindex _cs219.ffdata _cs219.ffindex",
	 .doc = "prefix of an HH-suite database of structures, e.g. pdb70"},
	{.name = "exclude",
	 .type = AF2_STRING,
	 .doc = "PDB ids or chains that may not be templates: \"4GEL,1BYR_A\""},
	{.name = "max_template_date",
	 .type = AF2_STRING,
	 .doc = "latest release date of a template, YYYY-MM-DD; needs release_dates"},
	{.name = "release_dates",
	 .type = AF2_FILE,
	 .doc = "file with \"ID DATE\" lines; entries that are not in it are kept and "
		"counted"},
	{.name = "max_hits",
	 .type = AF2_INT,
	 .default_value = "0",
	 .min = 0,
	 .max = 1e9,
	 .doc = "most hits kept, the best first; 0 keeps all"},
	{.name = "max_rows",
	 .type = AF2_INT,
	 .default_value = "10000",
	 .min = 0,
	 .max = 1e9,
	 .unit = "rows",
	 .doc = "rows of the alignment used, before duplicates go; 0 uses all"},
	{.name = "maxseq",
	 .type = AF2_INT,
	 .default_value = "1000000",
	 .min = 1,
	 .max = 1e9,
	 .doc = "most rows of an alignment read (-maxseq)"},
	{.name = "program",
	 .type = AF2_PROGRAM,
	 .default_value = "hhsearch",
	 .flags = AF2_PARAM_NO_RESULT,
	 .doc = "the hhsearch to run (its version counts, not its place)"},
};

static const af2_port inputs[] = {
	{.name = "uniref90",
	 .types = "stockholm|a3m",
	 .cardinality = AF2_ONE,
	 .doc = "alignment to search with: AlphaFold2 takes the one from UniRef90"},
};

static const af2_port outputs[] = {
	{.name = "hits",
	 .types = "hhr",
	 .cardinality = AF2_ONE,
	 .publish = "msas/{branch}/pdb_hits.hhr",
	 .doc = "the allowed hits, best first"},
};

/* --- the query ------------------------------------------------------------- */

static int
is_stockholm(const char *path, struct fault *fault)
{
	struct line_reader lines;
	if (line_open(&lines, path, fault) != 0)
		return -1;
	int more = line_next(&lines, fault);
	int yes = more == 1 && strncmp(lines.line, "# STOCKHOLM", 11) == 0;
	line_close(&lines);
	return more < 0 ? -1 : yes;
}

/* The a3m to search with: made in `path`, or an a3m input as it is. */
static const char *
make_query(af2_task *task, char *path, struct fault *fault)
{
	struct stockholm sto = {0};
	const char *input = host->input(task, "uniref90", 0)->path;
	size_t written = 0, max_rows = (size_t)host->param_number(task, "max_rows");
	int is_sto = is_stockholm(input, fault);
	if (is_sto <= 0)
		return is_sto < 0 ? NULL : input;
	if (snprintf(path, PATH_MAX, "%s/query.a3m", host->work_dir(task)) >=
	    PATH_MAX) {
		fault_set(fault, AF2_CLASS_PERMANENT,
			  "the work directory's path is too long");
		return NULL;
	}
	int rc = stockholm_read(&sto, input, max_rows, fault);
	if (rc == 0)
		rc = stockholm_write_a3m(&sto, path, &written, fault);
	stockholm_free(&sto);
	host->measure(task, "query_rows", (double)written);
	return rc == 0 ? path : NULL;
}

/* --- the search -------------------------------------------------------------- */

static af2_outcome
search(af2_task *task, const char *query, const char *result)
{
	struct fault fault = {0};
	struct tool tool = {0};
	char program[PATH_MAX], lib[PATH_MAX];
	if (!tool_hhsuite(host, host->param(task, "program"), program, &fault))
		return fault_fail(host, task, &fault);
	tool.env[0] = tool_hhlib(program, lib);
	tool_add(&tool, program);
	tool_option(&tool, "-i", query);
	tool_option(&tool, "-o", result);
	tool_option(&tool, "-maxseq", host->param(task, "maxseq"));
	tool_option(&tool, "-d", host->param(task, "database"));
	tool_cpus(&tool, host, task, "-cpu");
	return tool_run(host, task, &tool, "hhsearch");
}

/* --- the rules ---------------------------------------------------------------- */

struct rules {
	const char *exclude;  /* as given */
	const char *max_date; /* "" none */
	size_t max_hits;
	struct dates dates;
	size_t kept, excluded, too_new, unknown_dates;
};

/* Whether `name` (4GEL_A_12) is meant by the entry (4GEL, 4gel_A). */
static int
is_meant(const char *name, const char *entry, size_t n)
{
	return strncasecmp(name, entry, n) == 0 && (name[n] == '\0' || name[n] == '_');
}

static int
is_excluded(const struct rules *rules, const char *name)
{
	for (const char *p = rules->exclude; *p;) {
		size_t n = strcspn(p, ", \t");
		if (n > 0 && is_meant(name, p, n))
			return 1;
		p += n + strspn(p + n, ", \t");
	}
	return 0;
}

static int
is_too_new(struct rules *rules, const char *name)
{
	char id[16];
	if (!*rules->max_date)
		return 0;
	snprintf(id, sizeof(id), "%.*s", (int)strcspn(name, "_"), name);
	const char *date = dates_find(&rules->dates, id);
	if (!date)
		rules->unknown_dates++;
	return date && strcmp(date, rules->max_date) > 0;
}

static void
apply(struct rules *rules, const struct hhr *hhr, unsigned char *keep)
{
	for (size_t i = 0; i < hhr->count; i++) {
		if (rules->max_hits && rules->kept >= rules->max_hits)
			break;
		if (is_excluded(rules, hhr->hits[i].name)) {
			rules->excluded++;
		} else if (is_too_new(rules, hhr->hits[i].name)) {
			rules->too_new++;
		} else {
			keep[i] = 1;
			rules->kept++;
		}
	}
}

static int
read_rules(af2_task *task, struct rules *rules, struct fault *fault)
{
	const char *file = host->param(task, "release_dates");
	rules->exclude = host->param(task, "exclude");
	rules->max_date = host->param(task, "max_template_date");
	rules->max_hits = (size_t)host->param_number(task, "max_hits");
	for (const char *p = rules->exclude; *p; p++)
		if (!isalnum((unsigned char)*p) && !strchr(", \t_-", *p))
			return fault_set(fault, AF2_CLASS_PERMANENT,
					 "exclude='%s': give ids separated by commas",
					 rules->exclude);
	if (*rules->max_date && !date_is_valid(rules->max_date))
		return fault_set(fault, AF2_CLASS_PERMANENT,
				 "max_template_date='%s' is no date YYYY-MM-DD",
				 rules->max_date);
	if (*rules->max_date && !*file)
		host->log(AF2_WARN,
			  "max_template_date without release_dates: no template's "
			  "date is known, all are kept");
	return *file ? dates_read(&rules->dates, file, fault) : 0;
}

static void
report(af2_task *task, const struct rules *rules, size_t found)
{
	host->value_number(task, "hits", (double)rules->kept);
	host->value_number(task, "found", (double)found);
	host->value_number(task, "excluded", (double)rules->excluded);
	host->value_number(task, "too_new", (double)rules->too_new);
	host->value_number(task, "unknown_dates", (double)rules->unknown_dates);
	if (rules->unknown_dates && rules->dates.count)
		host->log(AF2_WARN,
			  "%zu templates without a known release date were kept",
			  rules->unknown_dates);
}

static int
filter(af2_task *task, const char *raw, const char *hits, struct rules *rules,
       struct fault *fault)
{
	struct hhr hhr = {0};
	char command[512];
	const char *database = host->param(task, "database");
	const char *base = strrchr(database, '/');
	int rc = hhr_read(&hhr, raw, fault);
	unsigned char *keep = rc == 0 ? calloc(hhr.count + 1, 1) : NULL;
	if (rc == 0 && !keep)
		rc = fault_memory(fault, "reading template hits");
	if (rc == 0) {
		apply(rules, &hhr, keep);
		snprintf(command, sizeof(command),
			 "hhsearch -i query.a3m -o pdb_hits.hhr -maxseq %s -d %.400s",
			 host->param(task, "maxseq"), base ? base + 1 : database);
		rc = hhr_write(&hhr, hits, keep, command, fault);
		report(task, rules, hhr.count);
	}
	free(keep);
	hhr_free(&hhr);
	return rc;
}

static af2_outcome
run(af2_task *task)
{
	struct fault fault = {0};
	struct rules rules = {0};
	char query_path[PATH_MAX], raw[PATH_MAX];
	const char *hits = host->output(task, "hits", NULL, "pdb_hits.hhr");
	if (!hits)
		return AF2_FAIL;
	/* What is wrong with the parameters shows before the search, not after it. */
	int rc = read_rules(task, &rules, &fault);
	const char *query = rc == 0 ? make_query(task, query_path, &fault) : NULL;
	af2_outcome outcome = AF2_OK;
	snprintf(raw, sizeof(raw), "%.*s/raw.hhr", PATH_MAX - 16, host->work_dir(task));
	if (query) {
		host->progress(-1, "hhsearch");
		outcome = search(task, query, raw);
		if (outcome == AF2_OK)
			rc = filter(task, raw, hits, &rules, &fault);
	}
	dates_free(&rules.dates);
	if (outcome != AF2_OK)
		return outcome;
	return query && rc == 0 ? AF2_OK : fault_fail(host, task, &fault);
}

static af2_outcome
fingerprint(af2_task *task)
{
	struct fault fault = {0};
	char program[PATH_MAX];
	if (!tool_hhsuite(host, host->param(task, "program"), program, &fault))
		return fault_fail(host, task, &fault);
	return tool_fingerprint(host, task, "hhsearch", program);
}

static const af2_plugin plugin = {
	.magic = AF2_MAGIC,
	.struct_size = sizeof(plugin),
	.abi_major = AF2_ABI_MAJOR,
	.abi_minor = AF2_ABI_MINOR,
	.id = "templates",
	.name = "Template search",
	.version = "1.0.0",
	.result_version = 1,
	.license = "Apache-2.0",
	.summary =
		"searches structures with HH-suite's hhsearch and applies the template "
		"rules",
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

/* SPDX-License-Identifier: Apache-2.0
 *
 * precomputed_msas: a chain's alignments from the folder of an earlier run, one of
 * AlphaFold2 or af2flow, in place of searches (run_alphafold.py's --use_precomputed_msas).
 *
 *     DIR/TARGET/msas/uniref90_hits.sto  mgnify_hits.sto
 *                     bfd_uniref_hits.a3m     with db_preset=full_dbs
 *                     small_bfd_hits.sto      with db_preset=reduced_dbs
 *     DIR/TARGET/msas/CHAIN/...          of a complex, and there uniprot_hits.sto
 *
 * TARGET is the FASTA file's name without its ending. CHAIN is the first of the chains
 * with the sequence: both AlphaFold2 and `instance` name it by its place among all chains
 * of the FASTA file. A complex of equal chains has nothing to pair, so there
 * uniprot_hits.sto may be missing: AlphaFold2 does not search it.
 *
 * What counts is what the files hold (their digests are the fingerprint), not where they
 * are. Nothing in them says which databases were searched: that is the user's word. But a
 * file must be whole, and its first row the sequence; and the folder must stay as it is
 * from the look at it (the fingerprint) until its files are taken. Caps are those of the searches:
 * what comes out is byte for byte what the search that made a file gave.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <af2flow/plugin.h>

#include "common/fasta.h"
#include "common/msa.h"
#include "common/sha256sum.h"
#include "common/stockholm.h"
#include "common/text.h"

static const af2_host *host;

#define AMINO_ACIDS "ACDEFGHIKLMNPQRSTVWY"

/* One of the alignments: the output port, its file, and the parameter with its cap; it
 * is wanted if the parameter `preset` is `value`. NULL: uncapped, always. */
static const struct source {
	const char *port, *file, *cap, *preset, *value;
} sources[] = {
	{"uniref90", "uniref90_hits.sto", "uniref_max_hits", NULL, NULL},
	{"mgnify", "mgnify_hits.sto", "mgnify_max_hits", NULL, NULL},
	{"bfd", "bfd_uniref_hits.a3m", NULL, "db_preset", "full_dbs"},
	{"small_bfd", "small_bfd_hits.sto", NULL, "db_preset", "reduced_dbs"},
	{"uniprot", "uniprot_hits.sto", NULL, "model_preset", "multimer"},
};

#define SOURCES (sizeof(sources) / sizeof(*sources))

/* Where the chain's alignments are; "": that one is not wanted. */
struct found {
	char folder[PATH_MAX];
	char paths[SOURCES][PATH_MAX];
};

/* --- finding them ---------------------------------------------------------------- */

static int
too_long(const char *path, struct fault *fault)
{
	return fault_set(fault, AF2_CLASS_PERMANENT, "the path '%s' is too long", path);
}

static int
find_folder(af2_task *task, struct found *found, struct fault *fault)
{
	const char *dir = host->param(task, "precomputed_msas_dir");
	const char *chain = host->param(task, "chain");
	const char *fasta = host->param(task, "fasta"), *slash = strrchr(fasta, '/');
	const char *base = slash ? slash + 1 : fasta, *dot = strrchr(base, '.');
	int stem = (int)(dot && dot > base ? (size_t)(dot - base) : strlen(base));
	int is_monomer = !strcmp(chain, "_");
	int n = snprintf(found->folder, sizeof(found->folder), "%s/%.*s/msas%s%s", dir,
			 stem, base, is_monomer ? "" : "/", is_monomer ? "" : chain);

	return n < (int)sizeof(found->folder) ? 0 : too_long(dir, fault);
}

static int
is_wanted(af2_task *task, const struct source *source)
{
	return !source->preset ||
	       !strcmp(host->param(task, source->preset), source->value);
}

/* Are the chains of the target all equal? Not if that cannot be known. */
static int
is_homomer(af2_task *task)
{
	struct fasta fasta = {0};
	struct fasta_limits limits = {.allow_nucleotides = 1};
	struct fault fault = {0};
	int same = fasta_read(&fasta, host->param(task, "fasta"), &limits, &fault) == 0;

	for (size_t i = 1; same && i < fasta.count; i++)
		same = !strcmp(fasta.records[0].sequence, fasta.records[i].sequence);
	fasta_free(&fasta);
	return same;
}

/* Is the file at `path` there? 1; 0: no, and none is needed; -1. */
static int
look(af2_task *task, const struct source *source, const char *path, struct fault *fault)
{
	struct stat st;
	int error = stat(path, &st) == 0 ? 0 : errno;
	const char *why = error                   ? strerror(error)
			  : !S_ISREG(st.st_mode) ? "it is no file"
			  : st.st_size == 0      ? "it is empty"
						 : NULL;

	if (!why)
		return 1;
	if (error == ENOENT && !strcmp(source->port, "uniprot") && is_homomer(task))
		return 0;
	return fault_set(fault, AF2_CLASS_UNAVAILABLE,
			 "no alignment '%s': %s; put the earlier run's there, or search "
			 "anew (without precomputed_msas_dir)",
			 path, why);
}

/* All that is wanted, or -1. */
static int
find_all(af2_task *task, struct found *found, struct fault *fault)
{
	if (find_folder(task, found, fault) != 0)
		return -1;
	for (size_t i = 0; i < SOURCES; i++) {
		char *path = found->paths[i];
		*path = '\0';
		if (!is_wanted(task, &sources[i]))
			continue;
		if (snprintf(path, PATH_MAX, "%s/%s", found->folder, sources[i].file) >=
		    PATH_MAX)
			return too_long(found->folder, fault);
		int there = look(task, &sources[i], path, fault);
		if (there < 0)
			return -1;
		if (!there)
			*path = '\0';
	}
	return 0;
}

static af2_outcome
fingerprint(af2_task *task)
{
	struct found found;
	struct fault fault = {0};
	const char *paths[SOURCES];
	sha256_text digests[SOURCES];
	size_t count = 0;

	if (find_all(task, &found, &fault) != 0)
		return fault_fail(host, task, &fault);
	for (size_t i = 0; i < SOURCES; i++)
		if (*found.paths[i])
			paths[count++] = found.paths[i];
	af2_outcome outcome = sha256sum_files(host, task, paths, count, digests);
	if (outcome)
		return outcome;
	for (size_t i = 0, k = 0; i < SOURCES; i++) {
		if (*found.paths[i])
			host->fingerprint_add(task, sources[i].port, digests[k++]);
		if (!is_wanted(task, &sources[i]))
			continue;
		if (*found.paths[i]) {
			host->fingerprint_file(task, found.paths[i]);
		} else { /* it may appear, and be needed once the target is another */
			host->fingerprint_file(task, found.folder);
			host->fingerprint_file(task, host->param(task, "fasta"));
		}
	}
	return AF2_OK;
}

/* --- taking them ----------------------------------------------------------------- */

/* Is the first row the query? Search tools replace unusual letters, but never one of
 * the 20. */
static int
check_query(const char *path, const char *first, const char *sequence,
	    struct fault *fault)
{
	size_t have = strlen(first), want = strlen(sequence), i = 0;
	char how[96];

	while (i < want && i < have &&
	       (first[i] == sequence[i] || !strchr(AMINO_ACIDS, first[i]) ||
		!strchr(AMINO_ACIDS, sequence[i])))
		i++;
	if (have == want && i == want)
		return 0;
	if (have != want)
		snprintf(how, sizeof(how), "has %zu residues, the chain %zu", have, want);
	else
		snprintf(how, sizeof(how), "has %c as residue %zu, the chain %c", first[i],
			 i + 1, sequence[i]);
	return fault_set(fault, AF2_CLASS_PERMANENT,
			 "'%s' is an alignment of another sequence: its first row %s; "
			 "give the folder of a run of this one, or search anew (without "
			 "precomputed_msas_dir)",
			 path, how);
}

/* Read the file: is it whole, and of the query? */
static int
check_alignment(const struct source *source, const char *path, size_t max_rows,
		const char *sequence, size_t *rows, struct fault *fault)
{
	struct msa msa = {0};
	int rc = strstr(source->file, ".a3m")
			 ? msa_read_a3m(&msa, path, max_rows, fault)
			 : msa_read_stockholm(&msa, path, max_rows, fault);

	if (rc == 0)
		rc = check_query(path, msa.rows[0].letters, sequence, fault);
	*rows = msa.count;
	msa_free(&msa);
	return rc;
}

/* Take one over. */
static int
take(af2_task *task, const struct source *source, const char *path,
     const char *sequence, struct fault *fault)
{
	size_t cap = source->cap ? (size_t)host->param_number(task, source->cap) : 0;
	size_t rows;
	char measure[64];
	const char *to = host->output(task, source->port, NULL, source->file);

	if (!to)
		return fault_set(fault, AF2_CLASS_OUTPUT_MISSING,
				 "cannot declare the output '%s'", source->port);
	if (check_alignment(source, path, cap, sequence, &rows, fault) != 0)
		return -1;
	int rc = cap ? stockholm_truncate(path, to, cap, NULL, NULL, fault)
		     : file_copy(path, to, fault);
	/* No value: what reads one of the alignments does not depend on the others. */
	snprintf(measure, sizeof(measure), "%s.rows", source->port);
	host->measure(task, measure, (double)rows);
	return rc;
}

static int
take_all(af2_task *task, const struct found *found, const char *sequence,
	 struct fault *fault)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < SOURCES; i++)
		if (*found->paths[i]) {
			host->progress((double)i / SOURCES, sources[i].file);
			rc = take(task, &sources[i], found->paths[i], sequence, fault);
		}
	return rc;
}

static af2_outcome
run(af2_task *task)
{
	struct found found;
	struct fasta fasta = {0};
	struct fasta_limits limits = {.allow_nucleotides = 1};
	struct fault fault = {0};
	const char *query = host->input(task, "query", 0)->path;
	int rc = fasta_one_query(query, "precomputed_msas", &fault);

	if (rc == 0)
		rc = find_all(task, &found, &fault);
	if (rc == 0)
		rc = fasta_read(&fasta, query, &limits, &fault);
	if (rc == 0)
		rc = take_all(task, &found, fasta.records[0].sequence, &fault);
	fasta_free(&fasta);
	return rc == 0 ? AF2_OK : fault_fail(host, task, &fault);
}

/* clang-format off */
static const af2_param params[] = {
	{.name = "precomputed_msas_dir", .type = AF2_DIR, .flags = AF2_PARAM_REQUIRED,
	 .doc = "output_dir of an earlier run of AlphaFold2, or results/ of one of af2flow"},
	{.name = "fasta", .type = AF2_FILE,
	 .flags = AF2_PARAM_REQUIRED | AF2_PARAM_NO_RESULT,
	 .doc = "the target's FASTA file; its name without the ending is a folder in that"},
	{.name = "chain", .type = AF2_STRING, .default_value = "_",
	 .flags = AF2_PARAM_NO_RESULT,
	 .doc = "the chain's folder in msas/ (its element in instance.chains); _: none"},
	{.name = "use_precomputed_msas", .type = AF2_CHOICE, .default_value = "yes",
	 .flags = AF2_PARAM_NO_RESULT, .choices = "yes true 1 Yes YES True TRUE",
	 .doc = "anything else is refused: a folder that is not to be used is a mistake"},
	{.name = "model_preset", .type = AF2_CHOICE,
	 .flags = AF2_PARAM_REQUIRED | AF2_PARAM_NO_RESULT,
	 .choices = "monomer monomer_casp14 monomer_ptm multimer",
	 .doc = "multimer takes uniprot, too"},
	{.name = "db_preset", .type = AF2_CHOICE,
	 .flags = AF2_PARAM_REQUIRED | AF2_PARAM_NO_RESULT, .choices = "full_dbs reduced_dbs",
	 .doc = "full_dbs takes bfd, reduced_dbs small_bfd"},
	{.name = "uniref_max_hits", .type = AF2_INT, .default_value = "10000", .min = 0,
	 .max = 1e9, .unit = "rows",
	 .doc = "rows of uniref90 kept, the query counted; 0 keeps all"},
	{.name = "mgnify_max_hits", .type = AF2_INT, .default_value = "501", .min = 0,
	 .max = 1e9, .unit = "rows",
	 .doc = "rows of mgnify kept, the query counted; 0 keeps all"},
};

static const af2_port inputs[] = {
	{.name = "query", .types = "fasta", .cardinality = AF2_ONE,
	 .doc = "the chain's sequence"},
};

static const af2_port outputs[] = {
	{.name = "uniref90", .types = "stockholm", .cardinality = AF2_ONE,
	 .publish = "msas/{branch}/{file}", .doc = "alignment from UniRef90"},
	{.name = "mgnify", .types = "stockholm", .cardinality = AF2_ONE,
	 .publish = "msas/{branch}/{file}", .doc = "alignment from MGnify"},
	{.name = "bfd", .types = "a3m", .cardinality = AF2_OPTIONAL,
	 .publish = "msas/{branch}/{file}", .doc = "alignment from BFD and UniRef30"},
	{.name = "small_bfd", .types = "stockholm", .cardinality = AF2_OPTIONAL,
	 .publish = "msas/{branch}/{file}", .doc = "alignment from the small BFD"},
	{.name = "uniprot", .types = "stockholm", .cardinality = AF2_OPTIONAL,
	 .publish = "msas/{branch}/{file}", .doc = "alignment from UniProt"},
};

/* clang-format on */
static const af2_plugin plugin = {
	.magic = AF2_MAGIC,
	.struct_size = sizeof(plugin),
	.abi_major = AF2_ABI_MAJOR,
	.abi_minor = AF2_ABI_MINOR,
	.id = "precomputed_msas",
	.name = "alignments of an earlier run",
	.version = "1.0.0",
	.result_version = 1,
	.license = "Apache-2.0",
	.summary = "takes a chain's alignments from a folder, as AlphaFold2's "
		   "use_precomputed_msas",
	.param_size = sizeof(af2_param),
	.param_count = sizeof(params) / sizeof(*params),
	.params = params,
	.port_size = sizeof(af2_port),
	.input_count = sizeof(inputs) / sizeof(*inputs),
	.inputs = inputs,
	.output_count = sizeof(outputs) / sizeof(*outputs),
	.outputs = outputs,
	.cpus = "1",
	.cpus_cap = 1,
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

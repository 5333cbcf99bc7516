/* SPDX-License-Identifier: Apache-2.0
 *
 * instance: from a user's FASTA file to checked sequences.
 *
 * Equal chains are searched once: each unique sequence becomes one element of the list
 * `chains`, written under a neutral header, so that equal chains have equal bytes
 * whatever their names are and wherever they stand. An element is named by the id of
 * the first chain with that sequence, as AlphaFold2 names its folders below msas/: two
 * equal chains and another one give the elements A and C; with a monomer's model_preset
 * its one chain is the element `_`, which makes no folder. `query` holds all unique
 * sequences in one file; for a single chain it is byte-equal to that chain's file.
 *
 * The user's names stand only in `chain_map` (AlphaFold2's chain_id_map.json, with what
 * it has plus the fields named here), so a new name repeats the cheap stages only:
 *     { "A": { "description": "zuc ...", "sequence": "MKV...", "name": "zuc",
 *              "unique_chain": "A", "copies": 1, "length": 170 }, ... }
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <af2flow/plugin.h>

#include "common/fasta.h"
#include "common/json_text.h"
#include "common/text.h"

static const af2_host *host;

/* Columns of the files written; the same everywhere, as bytes are compared. */
#define COLUMNS 60
#define ID_SIZE 16

/* A chain in input order. */
struct chain {
	char id[ID_SIZE];
	size_t first;  /* index of the first chain with this sequence */
	size_t copies; /* how many chains have it; of first chains only */
};

/* A..Z, a..z, 0..9 as AlphaFold2 has them, then two characters: AA, AB, ... */
static void
make_id(size_t i, char *id)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
	char reversed[ID_SIZE];
	size_t n = 0;
	for (size_t rest = i + 1; rest > 0 && n < ID_SIZE - 1; rest = (rest - 1) / 62)
		reversed[n++] = letters[(rest - 1) % 62];
	for (size_t k = 0; k < n; k++)
		id[k] = reversed[n - 1 - k];
	id[n] = '\0';
}

static void
find_unique(const struct fasta *fasta, struct chain *chains)
{
	for (size_t i = 0; i < fasta->count; i++) {
		make_id(i, chains[i].id);
		chains[i].first = i;
		for (size_t k = 0; k < i; k++) {
			if (chains[k].first == k &&
			    fasta->records[k].length == fasta->records[i].length &&
			    strcmp(fasta->records[k].sequence,
				   fasta->records[i].sequence) == 0) {
				chains[i].first = k;
				break;
			}
		}
		chains[chains[i].first].copies++;
	}
}

static void
write_record(FILE *out, const char *header, const char *sequence)
{
	fprintf(out, ">%s\n", header);
	for (size_t n = strlen(sequence), i = 0; i < n; i += COLUMNS)
		fprintf(out, "%.*s\n", COLUMNS, sequence + i);
}

static int
write_one(const char *path, const char *sequence, struct fault *fault)
{
	FILE *out = out_open(path, fault);
	if (!out)
		return -1;
	write_record(out, "query", sequence);
	return out_close(out, path, fault);
}

static int
write_query(const char *path, const struct fasta *fasta, const struct chain *chains,
	    size_t unique, struct fault *fault)
{
	if (unique == 1)
		return write_one(path, fasta->records[0].sequence, fault);
	FILE *out = out_open(path, fault);
	if (!out)
		return -1;
	for (size_t i = 0; i < fasta->count; i++) {
		char header[ID_SIZE + 8];
		snprintf(header, sizeof(header), "query_%s", chains[i].id);
		if (chains[i].first == i)
			write_record(out, header, fasta->records[i].sequence);
	}
	return out_close(out, path, fault);
}

static int
write_map(const char *path, const struct fasta *fasta, const struct chain *chains,
	  struct fault *fault)
{
	FILE *out = out_open(path, fault);
	if (!out)
		return -1;
	fputs("{\n", out);
	for (size_t i = 0; i < fasta->count; i++) {
		const struct fasta_record *r = &fasta->records[i];
		const struct chain *first = &chains[chains[i].first];
		fprintf(out, "  \"%s\": {\n    \"description\": \"", chains[i].id);
		json_text(out, r->name);
		if (*r->description)
			fputc(' ', out);
		json_text(out, r->description);
		fputs("\",\n    \"name\": \"", out);
		json_text(out, r->name);
		fprintf(out, "\",\n    \"sequence\": \"%s\",\n", r->sequence);
		fprintf(out,
			"    \"unique_chain\": \"%s\",\n    \"copies\": %zu,\n"
			"    \"length\": %zu\n  }%s\n",
			first->id, first->copies, r->length,
			i + 1 < fasta->count ? "," : "");
	}
	fputs("}\n", out);
	return out_close(out, path, fault);
}

static void
warn_uncommon(const struct fasta *fasta, const struct chain *chains)
{
	for (size_t i = 0; i < fasta->count; i++) {
		const struct fasta_record *r = &fasta->records[i];
		if (!*r->name)
			host->log(AF2_WARN, "chain %s has no name (line %zu)",
				  chains[i].id, r->line);
		if (r->uncommon > 0)
			host->log(AF2_WARN,
				  "chain %s ('%s') has %zu letters that are none of "
				  "the 20 "
				  "amino acids (such as U, O, B, Z, J, X): searches "
				  "take them, "
				  "predictions treat them as unknown residues",
				  chains[i].id, r->name, r->uncommon);
	}
}

/* The name of a chain's element in `chains`: AlphaFold2 has no folder for a monomer. */
static const char *
element_of(af2_task *task, const struct chain *chain)
{
	return !strncmp(host->param(task, "model_preset"), "monomer", 7) ? "_"
									 : chain->id;
}

static int
refuse_complex(af2_task *task, const struct fasta *fasta, struct fault *fault)
{
	const char *preset = host->param(task, "model_preset");

	if (fasta->count == 1 || strncmp(preset, "monomer", 7))
		return 0;
	return fault_set(fault, AF2_CLASS_PERMANENT,
			 "'%s' has %zu sequences, model_preset=%s takes one: say "
			 "model_preset=multimer for a complex",
			 host->param(task, "fasta"), fasta->count, preset);
}

static int
write_all(af2_task *task, const struct fasta *fasta, struct chain *chains,
	  struct fault *fault)
{
	size_t unique = 0, residues = 0, uncommon = 0;
	if (refuse_complex(task, fasta, fault) != 0)
		return -1;
	find_unique(fasta, chains);
	warn_uncommon(fasta, chains);
	for (size_t i = 0; i < fasta->count; i++) {
		char file[ID_SIZE + 8];
		residues += fasta->records[i].length;
		uncommon += fasta->records[i].uncommon;
		if (chains[i].first != i)
			continue;
		unique++;
		snprintf(file, sizeof(file), "%s.fasta", chains[i].id);
		const char *path = host->output(
			task, "chains", element_of(task, &chains[i]), file);
		if (!path)
			return fault_set(fault, AF2_CLASS_OUTPUT_MISSING,
					 "cannot declare the output 'chains'");
		if (write_one(path, fasta->records[i].sequence, fault) != 0)
			return -1;
	}
	const char *query = host->output(task, "query", NULL, "query.fasta");
	const char *map = host->output(task, "chain_map", NULL, "chain_id_map.json");
	if (!query || !map)
		return fault_set(fault, AF2_CLASS_OUTPUT_MISSING,
				 "cannot declare an output");
	if (write_query(query, fasta, chains, unique, fault) != 0 ||
	    write_map(map, fasta, chains, fault) != 0)
		return -1;
	/* No values: they would enter the keys of all searches, and a chain would be searched
	 * again for each partner that it stands beside. */
	host->measure(task, "chains", (double)fasta->count);
	host->measure(task, "unique_chains", (double)unique);
	host->measure(task, "residues", (double)residues);
	host->measure(task, "uncommon_letters", (double)uncommon);
	return 0;
}

static af2_outcome
run(af2_task *task)
{
	struct fasta fasta = {0};
	struct fault fault = {0};
	struct fasta_limits limits = {
		.max_length = (size_t)host->param_number(task, "max_length"),
		.max_records = (size_t)host->param_number(task, "max_chains"),
		.allow_nucleotides =
			host->param_number(task, "allow_nucleotide_like") != 0,
	};
	int rc = fasta_read(&fasta, host->param(task, "fasta"), &limits, &fault);
	struct chain *chains = rc == 0 ? calloc(fasta.count, sizeof(*chains)) : NULL;
	if (rc == 0)
		rc = chains ? write_all(task, &fasta, chains, &fault)
			    : fault_memory(&fault, "reading chains");
	free(chains);
	fasta_free(&fasta);
	return rc == 0 ? AF2_OK : fault_fail(host, task, &fault);
}

static const af2_param params[] = {
	{.name = "fasta",
	 .type = AF2_FILE,
	 .flags = AF2_PARAM_REQUIRED,
	 .doc = "FASTA file with one protein sequence a chain"},
	{.name = "model_preset",
	 .type = AF2_CHOICE,
	 .choices = "monomer monomer_casp14 monomer_ptm multimer",
	 .doc = "a monomer has one sequence, and its files no folder of a chain"},
	{.name = "max_length",
	 .type = AF2_INT,
	 .default_value = "10000",
	 .min = 1,
	 .max = 1000000,
	 .unit = "residues",
	 .doc = "longest chain accepted (HH-suite itself stops at 20000)"},
	{.name = "max_chains",
	 .type = AF2_INT,
	 .default_value = "62",
	 .min = 1,
	 .max = 10000,
	 .doc = "most records accepted (62: the chain ids of a PDB file)"},
	{.name = "allow_nucleotide_like",
	 .type = AF2_BOOL,
	 .default_value = "no",
	 .doc = "accept a sequence of only A, C, G, T, U, N (12 letters or more)"},
};

static const af2_port outputs[] = {
	{.name = "query",
	 .types = "fasta",
	 .cardinality = AF2_ONE,
	 .doc = "all unique sequences, in input order, under neutral headers"},
	{.name = "chains",
	 .types = "fasta",
	 .cardinality = AF2_MANY,
	 .doc = "one file a unique sequence, named by the first chain that has it"},
	{.name = "chain_map",
	 .types = "json",
	 .cardinality = AF2_ONE,
	 .publish = "msas/chain_id_map.json",
	 .doc = "chain ids in input order with the user's names and sequences"},
};

static const af2_plugin plugin = {
	.magic = AF2_MAGIC,
	.struct_size = sizeof(plugin),
	.abi_major = AF2_ABI_MAJOR,
	.abi_minor = AF2_ABI_MINOR,
	.id = "instance",
	.name = "Protein sequences",
	.version = "1.0.0",
	.result_version = 2,
	.license = "Apache-2.0",
	.summary = "checks a FASTA file and splits it into unique chains",
	.param_size = sizeof(af2_param),
	.param_count = sizeof(params) / sizeof(*params),
	.params = params,
	.port_size = sizeof(af2_port),
	.output_count = sizeof(outputs) / sizeof(*outputs),
	.outputs = outputs,
	.cpus = "1",
	.gpus = "0",
	.memory = "",
	.run = run,
};

const af2_plugin *
af2_plugin_entry(const af2_host *h)
{
	host = h;
	return &plugin;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * features: the alignments and template hits of one chain as arrays, features.npz.
 *
 * As AlphaFold2's make_sequence_features and make_msa_features: the alignments follow
 * each other in the order uniref90, bfd, uniref30, small_bfd, mgnify (AlphaFold2:
 * uniref90, then bfd with uniref30 or small_bfd, then mgnify); a row equal to an earlier
 * one is left out; deletions are kept. Names and types of the arrays, for L residues and
 * N rows:
 *     aatype f4 (L,21)  between_segment_residues i4 (L)  domain_name S (1)
 *     residue_index i4 (L)  seq_length i4 (L)  sequence S (1)
 *     msa i4 (N,L)  deletion_matrix_int i4 (N,L)  num_alignments i4 (L)
 *     msa_species_identifiers S (N)
 * and of the template hits, as hhsearch aligned them, for the back-end to build on:
 *     template_domain_names S  template_probability f4 (percent)
 *     template_e_value f8  template_sum_probs f4  template_aligned_cols i4
 *     template_query_row S  template_hit_row S
 *     template_query_start i4  template_hit_start i4 (both from 1)
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <af2flow/plugin.h>

#include "common/hhr.h"
#include "common/msa.h"
#include "common/neff.h"
#include "common/npz.h"
#include "common/residues.h"

static const af2_host *host;

/* The alignments, in the order of their rows; `cap` is the parameter that limits one.
 */
static const struct source {
	const char *port, *cap;
} sources[] = {
	{"uniref90", "uniref_max_hits"},
	{"bfd", NULL},
	{"uniref30", NULL},
	{"small_bfd", NULL},
	{"mgnify", "mgnify_max_hits"},
};
#define SOURCES (sizeof(sources) / sizeof(*sources))

static const af2_param params[] = {
	{.name = "uniref_max_hits",
	 .type = AF2_INT,
	 .default_value = "10000",
	 .min = 0,
	 .max = 1e9,
	 .unit = "rows",
	 .doc = "rows taken from uniref90, the query counted; 0 takes all"},
	{.name = "mgnify_max_hits",
	 .type = AF2_INT,
	 .default_value = "501",
	 .min = 0,
	 .max = 1e9,
	 .unit = "rows",
	 .doc = "rows taken from mgnify, the query counted; 0 takes all"},
	{.name = "neff_rows",
	 .type = AF2_INT,
	 .default_value = "3000",
	 .min = 0,
	 .max = 1e9,
	 .unit = "rows",
	 .doc = "rows, evenly spread, from which Neff is estimated; 0: all, exactly"},
};

static const af2_port inputs[] = {
	{.name = "uniref90",
	 .types = "stockholm|a3m",
	 .cardinality = AF2_ONE,
	 .doc = "first alignment; its first row is the sequence to predict"},
	{.name = "bfd",
	 .types = "a3m|stockholm",
	 .cardinality = AF2_OPTIONAL,
	 .doc = "alignment from BFD, or from BFD and UniRef30 together"},
	{.name = "uniref30",
	 .types = "a3m|stockholm",
	 .cardinality = AF2_OPTIONAL,
	 .doc = "alignment from UniRef30, where it was searched by itself"},
	{.name = "small_bfd",
	 .types = "stockholm|a3m",
	 .cardinality = AF2_OPTIONAL,
	 .doc = "alignment from the small BFD"},
	{.name = "mgnify",
	 .types = "stockholm|a3m",
	 .cardinality = AF2_OPTIONAL,
	 .doc = "alignment from MGnify"},
	{.name = "templates",
	 .types = "hhr",
	 .cardinality = AF2_OPTIONAL,
	 .doc = "template hits"},
};

static const af2_port outputs[] = {
	{.name = "features",
	 .types = "features",
	 .cardinality = AF2_ONE,
	 .publish = "features.npz",
	 .doc = "numpy arrays of alignments and templates"},
};

/* Everything that is read, then the rows that stay, by pointer. */
struct job {
	af2_task *task;
	struct fault *fault;
	struct msa msas[SOURCES];
	struct hhr templates;
	const struct msa_row **rows;
	size_t count, columns;
	char *sequence; /* the query */
};

/* --- reading ----------------------------------------------------------------- */

static int
check_letters(struct job *j, const struct msa *msa, const char *port)
{
	for (size_t i = 0; i < msa->count; i++)
		for (const char *c = msa->rows[i].letters; *c; c++)
			if (residue_msa_id(*c) < 0)
				return fault_set(
					j->fault, AF2_CLASS_PERMANENT,
					"'%c' in row '%s' of %s is no amino acid", *c,
					msa->rows[i].name, port);
	return 0;
}

static int
read_source(struct job *j, size_t i)
{
	const struct source *s = &sources[i];
	const af2_item *item = host->input(j->task, s->port, 0);
	size_t cap = s->cap ? (size_t)host->param_number(j->task, s->cap) : 0;
	struct msa *msa = &j->msas[i];
	if (!item)
		return 0;
	if (msa_read(msa, item->path, cap, j->fault) != 0 ||
	    check_letters(j, msa, s->port) != 0)
		return -1;
	if (i == 0)
		j->columns = msa->columns;
	if (msa->columns != j->columns)
		return fault_set(
			j->fault, AF2_CLASS_PERMANENT,
			"%s is an alignment of %zu residues, uniref90 of %zu: they "
			"are not of one query",
			s->port, msa->columns, j->columns);
	return 0;
}

/* A template row must be a piece of the query, or its positions mean nothing. */
static int
check_templates(struct job *j)
{
	for (size_t i = 0; i < j->templates.count; i++) {
		const struct hhr_hit *h = &j->templates.hits[i];
		long last = h->query_start - 1;
		for (const char *c = h->query_row.data; *c; c++)
			last += *c != '-';
		if (h->query_start < 1 || h->hit_start < 1 || last > (long)j->columns)
			return fault_set(
				j->fault, AF2_CLASS_PERMANENT,
				"template hit '%s' ends at residue %ld of a query of "
				"%zu: it is not of this query",
				h->name, last, j->columns);
	}
	return 0;
}

static int
read_inputs(struct job *j)
{
	for (size_t i = 0; i < SOURCES; i++)
		if (read_source(j, i) != 0)
			return -1;
	const af2_item *item = host->input(j->task, "templates", 0);
	if (item && hhr_read(&j->templates, item->path, j->fault) != 0)
		return -1;
	j->sequence = strdup(j->msas[0].rows[0].letters);
	return j->sequence ? check_templates(j)
			   : fault_memory(j->fault, "reading alignments");
}

/* --- joining ------------------------------------------------------------------ */

static int
join_rows(struct job *j)
{
	struct row_set seen = {0};
	size_t total = 0;
	for (size_t i = 0; i < SOURCES; i++)
		total += j->msas[i].count;
	j->rows = calloc(total, sizeof(*j->rows));
	int rc = j->rows ? 0 : -1;
	for (size_t i = 0; rc >= 0 && i < SOURCES; i++) {
		char name[64];
		for (size_t k = 0; rc >= 0 && k < j->msas[i].count; k++) {
			rc = row_set_add(&seen, j->msas[i].rows[k].letters);
			if (rc == 1)
				j->rows[j->count++] = &j->msas[i].rows[k];
		}
		snprintf(name, sizeof(name), "rows_%s", sources[i].port);
		if (host->input_count(j->task, sources[i].port))
			host->value_number(j->task, name, (double)j->msas[i].count);
	}
	row_set_free(&seen);
	if (rc < 0)
		return fault_memory(j->fault, "joining alignments");
	host->value_number(j->task, "rows", (double)j->count);
	host->value_number(j->task, "duplicates", (double)(total - j->count));
	return 0;
}

static int
tick(double share)
{
	host->progress(share, "Neff");
	return host->cancelled();
}

static int
add_neff(struct job *j)
{
	size_t sample = (size_t)host->param_number(j->task, "neff_rows");
	const char **letters = calloc(j->count, sizeof(*letters));
	for (size_t i = 0; letters && i < j->count; i++)
		letters[i] = j->rows[i]->letters;
	double value = letters ? neff(letters, j->count, j->columns, sample, tick) : -1;
	free(letters);
	if (value == -2)
		return fault_set(j->fault, AF2_CLASS_CANCELLED, "cancelled");
	if (value < 0)
		return fault_memory(j->fault, "computing Neff");
	host->value_number(j->task, "neff", value);
	host->value_text(j->task, "neff_definition",
			 sample && sample < j->count
				 ? "80% identity, estimated from a sample of rows"
				 : "80% identity");
	return 0;
}

/* --- writing ------------------------------------------------------------------ */

static int
write_sequence(struct job *j, struct npz *z)
{
	size_t n = j->columns, shape[] = {n, 21};
	float *aatype = calloc(n, 21 * sizeof(*aatype));
	int32_t *numbers = calloc(n, sizeof(*numbers));
	if (aatype && numbers) {
		for (size_t i = 0; i < n; i++)
			aatype[21 * i + (size_t)residue_aatype(j->sequence[i])] = 1;
		npz_add(z, "aatype", "<f4", 4, 2, shape, aatype);
		npz_add(z, "between_segment_residues", "<i4", 4, 1, shape, numbers);
		npz_strings(z, "domain_name", 1,
			    &(const char *){j->msas[0].rows[0].name});
		for (size_t i = 0; i < n; i++)
			numbers[i] = (int32_t)i;
		npz_add(z, "residue_index", "<i4", 4, 1, shape, numbers);
		for (size_t i = 0; i < n; i++)
			numbers[i] = (int32_t)n;
		npz_add(z, "seq_length", "<i4", 4, 1, shape, numbers);
		npz_strings(z, "sequence", 1, &(const char *){j->sequence});
		for (size_t i = 0; i < n; i++)
			numbers[i] = (int32_t)j->count;
		npz_add(z, "num_alignments", "<i4", 4, 1, shape, numbers);
	}
	int rc = aatype && numbers ? 0 : fault_memory(j->fault, "writing features");
	free(aatype);
	free(numbers);
	return rc;
}

static int
write_msa(struct job *j, struct npz *z)
{
	size_t n = j->columns, shape[] = {j->count, n};
	int32_t *line = calloc(n, sizeof(*line)), *zeros = calloc(n, sizeof(*zeros));
	char(*species)[6] = calloc(j->count, sizeof(*species));
	const char **names = calloc(j->count, sizeof(*names));
	int is_ok = line && zeros && species && names;
	if (is_ok) {
		npz_begin(z, "msa", "<i4", 2, shape);
		for (size_t i = 0; i < j->count; i++) {
			for (size_t k = 0; k < n; k++)
				line[k] = residue_msa_id(j->rows[i]->letters[k]);
			npz_write(z, line, n * sizeof(*line));
		}
		npz_end(z);
		npz_begin(z, "deletion_matrix_int", "<i4", 2, shape);
		for (size_t i = 0; i < j->count; i++) {
			const int32_t *deletions = j->rows[i]->deletions;
			npz_write(z, deletions ? deletions : zeros, n * sizeof(*zeros));
		}
		npz_end(z);
		for (size_t i = 0; i < j->count; i++) {
			residue_species(j->rows[i]->name, species[i]);
			names[i] = species[i];
		}
		npz_strings(z, "msa_species_identifiers", j->count, names);
	}
	free(line);
	free(zeros);
	free(species);
	free(names);
	return is_ok ? 0 : fault_memory(j->fault, "writing features");
}

static void
write_template_numbers(const struct hhr *t, struct npz *z)
{
	static const char *const names[] = {"template_probability",
					    "template_sum_probs"};
	static const char *const counts[] = {
		"template_aligned_cols", "template_query_start", "template_hit_start"};
	for (size_t a = 0; a < 2; a++) {
		npz_begin(z, names[a], "<f4", 1, &t->count);
		for (size_t i = 0; i < t->count; i++) {
			float value = (float)(a ? t->hits[i].sum_probs
						: t->hits[i].probability);
			npz_write(z, &value, sizeof(value));
		}
		npz_end(z);
	}
	npz_begin(z, "template_e_value", "<f8", 1, &t->count);
	for (size_t i = 0; i < t->count; i++)
		npz_write(z, &t->hits[i].e_value, sizeof(double));
	npz_end(z);
	for (size_t a = 0; a < 3; a++) {
		npz_begin(z, counts[a], "<i4", 1, &t->count);
		for (size_t i = 0; i < t->count; i++) {
			const struct hhr_hit *h = &t->hits[i];
			int32_t value = a == 0   ? h->aligned_columns
					: a == 1 ? (int32_t)h->query_start
						 : (int32_t)h->hit_start;
			npz_write(z, &value, sizeof(value));
		}
		npz_end(z);
	}
}

static int
write_templates(struct job *j, struct npz *z)
{
	const struct hhr *t = &j->templates;
	const char **strings = calloc(t->count + 1, sizeof(*strings));
	if (!strings)
		return fault_memory(j->fault, "writing features");
	for (size_t i = 0; i < t->count; i++)
		strings[i] = t->hits[i].name;
	npz_strings(z, "template_domain_names", t->count, strings);
	for (size_t i = 0; i < t->count; i++)
		strings[i] = t->hits[i].query_row.data;
	npz_strings(z, "template_query_row", t->count, strings);
	for (size_t i = 0; i < t->count; i++)
		strings[i] = t->hits[i].hit_row.data;
	npz_strings(z, "template_hit_row", t->count, strings);
	write_template_numbers(t, z);
	free(strings);
	return 0;
}

static int
write_all(struct job *j)
{
	const char *path = host->output(j->task, "features", NULL, "features.npz");
	struct npz *z = path ? npz_open(path, j->fault) : NULL;
	if (!path)
		return fault_set(j->fault, AF2_CLASS_OUTPUT_MISSING,
				 "cannot declare the output 'features'");
	if (!z)
		return -1;
	struct fault closing = {0};
	int rc = write_sequence(j, z) | write_msa(j, z) | write_templates(j, z);
	if (npz_close(z, &closing) != 0 && rc == 0) {
		*j->fault = closing;
		rc = -1;
	}
	host->value_number(j->task, "residues", (double)j->columns);
	host->value_number(j->task, "templates", (double)j->templates.count);
	return rc;
}

static af2_outcome
run(af2_task *task)
{
	struct fault fault = {0};
	struct job j = {.task = task, .fault = &fault};
	int rc = 0;
	if (read_inputs(&j) != 0 || join_rows(&j) != 0 || add_neff(&j) != 0 ||
	    write_all(&j) != 0)
		rc = -1;
	for (size_t i = 0; i < SOURCES; i++)
		msa_free(&j.msas[i]);
	hhr_free(&j.templates);
	free(j.rows);
	free(j.sequence);
	return rc == 0 ? AF2_OK : fault_fail(host, task, &fault);
}

static const af2_plugin plugin = {
	.magic = AF2_MAGIC,
	.struct_size = sizeof(plugin),
	.abi_major = AF2_ABI_MAJOR,
	.abi_minor = AF2_ABI_MINOR,
	.id = "features",
	.name = "Features",
	.version = "1.0.0",
	.result_version = 1,
	.license = "Apache-2.0",
	.summary = "joins alignments and template hits into AlphaFold2's features",
	.param_size = sizeof(af2_param),
	.param_count = sizeof(params) / sizeof(*params),
	.params = params,
	.port_size = sizeof(af2_port),
	.input_count = sizeof(inputs) / sizeof(*inputs),
	.inputs = inputs,
	.output_count = sizeof(outputs) / sizeof(*outputs),
	.outputs = outputs,
	.cpus = "1",
	.gpus = "0",
	.memory = "4G",
	.run = run,
};

const af2_plugin *
af2_plugin_entry(const af2_host *h)
{
	host = h;
	return &plugin;
}

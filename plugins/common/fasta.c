/* SPDX-License-Identifier: Apache-2.0
 *
 * Checked protein sequences from a FASTA file; the format is described in fasta.h.
 */
#include "fasta.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "text.h"

/* What is known while the file is being read. */
struct parse {
	struct line_reader lines;
	struct fasta *fasta;
	const struct fasta_limits *limits;
	struct fault *fault;
	struct text sequence; /* of the record that is open */
	int is_open;
	size_t star_line; /* 0, or where the closing '*' stood */
};

/* "FILE:LINE: ..." for the contents. */
static int
refuse_at(struct parse *p, size_t line, const char *what)
{
	return fault_set(p->fault, AF2_CLASS_PERMANENT, "%s:%zu: %s", p->lines.path,
			 line, what);
}

static int
refuse(struct parse *p, const char *what)
{
	return refuse_at(p, p->lines.number, what);
}

static int
is_nucleotide_like(const char *sequence, size_t length)
{
	return length >= FASTA_NUCLEOTIDE_LENGTH &&
	       strspn(sequence, "ACGTUN") == length;
}

static int
finish_record(struct parse *p)
{
	if (!p->is_open)
		return 0;
	struct fasta_record *r = &p->fasta->records[p->fasta->count - 1];
	if (p->sequence.failed)
		return fault_memory(p->fault, "reading a sequence");
	if (p->sequence.size == 0)
		return refuse_at(p, r->line, "this record has no sequence");
	r->length = p->sequence.size;
	r->sequence = strdup(p->sequence.data);
	if (!r->sequence)
		return fault_memory(p->fault, "reading a sequence");
	for (const char *c = r->sequence; *c; c++)
		r->uncommon += !strchr("ACDEFGHIKLMNPQRSTVWY", *c);
	if (!p->limits->allow_nucleotides && is_nucleotide_like(r->sequence, r->length))
		return refuse_at(
			p, r->line,
			"this looks like nucleotides (only A, C, G, T, U, N), a "
			"protein is needed: translate it, or set "
			"allow_nucleotide_like=yes if it is one");
	text_clear(&p->sequence);
	p->is_open = 0;
	p->star_line = 0;
	return 0;
}

static int
start_record(struct parse *p)
{
	if (finish_record(p) != 0)
		return -1;
	if (p->limits->max_records && p->fasta->count >= p->limits->max_records) {
		char what[96];
		snprintf(what, sizeof(what), "more than %zu records (see max_chains)",
			 p->limits->max_records);
		return refuse(p, what);
	}
	struct fasta_record *records =
		realloc(p->fasta->records, (p->fasta->count + 1) * sizeof(*records));
	if (!records)
		return fault_memory(p->fault, "reading records");
	p->fasta->records = records;
	struct fasta_record *r = &records[p->fasta->count++];
	char *header = p->lines.line + 1;
	header += strspn(header, " \t");
	size_t end = strlen(header);
	while (end > 0 && strchr(" \t\r", header[end - 1]))
		end--;
	header[end] = '\0';
	size_t name = strcspn(header, " \t");
	*r = (struct fasta_record){.line = p->lines.number};
	r->name = strndup(header, name);
	r->description = strdup(header + name + strspn(header + name, " \t"));
	if (!r->name || !r->description)
		return fault_memory(p->fault, "reading records");
	p->is_open = 1;
	return 0;
}

/* Why a character cannot stand in a sequence. */
static int
refuse_character(struct parse *p, unsigned char c)
{
	char what[160];
	if (c == '-' || c == '.')
		snprintf(what, sizeof(what),
			 "'%c' in a sequence: this looks like an alignment, gaps must "
			 "be "
			 "removed",
			 c);
	else if (isdigit(c))
		snprintf(what, sizeof(what),
			 "'%c' in a sequence: digits (line numbers?) must be removed",
			 c);
	else if (isprint(c))
		snprintf(what, sizeof(what), "'%c' in a sequence is no amino acid", c);
	else
		snprintf(what, sizeof(what),
			 "byte 0x%02x in a sequence is no amino acid", c);
	return refuse(p, what);
}

static int
add_sequence(struct parse *p)
{
	for (size_t i = 0; i < p->lines.length; i++) {
		unsigned char c = (unsigned char)p->lines.line[i];
		if (c == ' ' || c == '\t' || c == '\r')
			continue;
		if (p->star_line)
			return refuse_at(
				p, p->star_line,
				"'*' (a stop) inside a sequence: only one at its end "
				"is allowed");
		if (c == '*') {
			p->star_line = p->lines.number;
			continue;
		}
		/* Not isalpha(): it may depend on the locale. */
		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z')))
			return refuse_character(p, c);
		text_add_char(&p->sequence, (char)(c & ~0x20));
		if (p->limits->max_length && p->sequence.size > p->limits->max_length) {
			char what[96];
			snprintf(
				what, sizeof(what),
				"a sequence of more than %zu residues (see max_length)",
				p->limits->max_length);
			return refuse(p, what);
		}
	}
	return 0;
}

static int
refuse_start(struct parse *p)
{
	const unsigned char *b = (const unsigned char *)p->lines.line;
	if (b[0] == 0x1f && b[1] == 0x8b)
		return refuse(p, "this is a gzip file, unpack it first");
	return refuse(p, "no header: a FASTA record starts with a line '>NAME'");
}

static int
take_line(struct parse *p)
{
	struct line_reader *l = &p->lines;
	if (l->number == 1 && strncmp(l->line, "\xef\xbb\xbf", 3) == 0) {
		memmove(l->line, l->line + 3, l->length - 2);
		l->length -= 3;
	}
	int is_gzip = l->number == 1 && strncmp(l->line, "\x1f\x8b", 2) == 0;
	if (!is_gzip && memchr(l->line, '\0', l->length))
		return refuse(p, "a NUL byte: this is no text file");
	if (l->line[0] == '>')
		return start_record(p);
	if (l->line[strspn(l->line, " \t\r")] == '\0' && !is_gzip)
		return 0;
	if (!p->is_open)
		return refuse_start(p);
	return add_sequence(p);
}

int
fasta_read(struct fasta *fasta, const char *path, const struct fasta_limits *limits,
	   struct fault *fault)
{
	struct parse p = {.fasta = fasta, .limits = limits, .fault = fault};
	int rc = line_open(&p.lines, path, fault);
	if (rc != 0)
		return rc;
	int more = 0;
	while (rc == 0 && (more = line_next(&p.lines, fault)) == 1)
		rc = take_line(&p);
	if (more < 0)
		rc = -1;
	if (rc == 0)
		rc = finish_record(&p);
	if (rc == 0 && fasta->count == 0)
		rc = fault_set(fault, AF2_CLASS_PERMANENT,
			       "%s: no sequence in this file", path);
	text_free(&p.sequence);
	line_close(&p.lines);
	return rc;
}

void
fasta_free(struct fasta *fasta)
{
	for (size_t i = 0; i < fasta->count; i++) {
		free(fasta->records[i].name);
		free(fasta->records[i].description);
		free(fasta->records[i].sequence);
	}
	free(fasta->records);
	*fasta = (struct fasta){0};
}

int
fasta_count(const char *path, size_t enough, struct fault *fault)
{
	struct line_reader lines;
	size_t count = 0;
	int more = 1;
	if (line_open(&lines, path, fault) != 0)
		return -1;
	while (count < enough && (more = line_next(&lines, fault)) == 1)
		count += lines.line[0] == '>';
	line_close(&lines);
	return more < 0 ? -1 : (int)count;
}

int
fasta_one_query(const char *path, const char *tool, struct fault *fault)
{
	int records = fasta_count(path, 2, fault);
	if (records < 0)
		return -1;
	if (records == 0)
		return fault_set(fault, AF2_CLASS_PERMANENT,
				 "the query has no sequence");
	if (records > 1)
		return fault_set(
			fault, AF2_CLASS_PERMANENT,
			"the query has several sequences, %s takes one: search each "
			"chain with expand=\"chain in instance.chains\"",
			tool);
	return 0;
}

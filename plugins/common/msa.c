/* SPDX-License-Identifier: Apache-2.0
 *
 * Alignments as AlphaFold2 reads them; see msa.h.
 */
#include "msa.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "stockholm.h"
#include "text.h"

int
msa_add(struct msa *msa, char *name, char *letters, int32_t *deletions,
	struct fault *fault)
{
	if (msa->count == msa->room) {
		size_t room = msa->room ? 2 * msa->room : 64;
		struct msa_row *rows = realloc(msa->rows, room * sizeof(*rows));
		if (!rows) {
			free(name);
			free(letters);
			free(deletions);
			return fault_memory(fault, "reading an alignment");
		}
		msa->rows = rows;
		msa->room = room;
	}
	msa->rows[msa->count++] = (struct msa_row){name, letters, deletions};
	return 0;
}

void
msa_free(struct msa *msa)
{
	for (size_t i = 0; i < msa->count; i++) {
		free(msa->rows[i].name);
		free(msa->rows[i].letters);
		free(msa->rows[i].deletions);
	}
	free(msa->rows);
	*msa = (struct msa){0};
}

/* A row without deletions needs no array of them. */
static int32_t *
drop_if_zero(int32_t *deletions, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (deletions[i])
			return deletions;
	free(deletions);
	return NULL;
}

/* --- Stockholm ---------------------------------------------------------------- */

static int
is_gap(char c)
{
	return c == '-' || c == '.' || c == '~';
}

static int
add_stockholm_row(struct msa *msa, const struct stockholm_row *query,
		  const struct stockholm_row *row, struct fault *fault)
{
	char *name = strdup(row->name), *letters = malloc(msa->columns + 1);
	int32_t *deletions = calloc(msa->columns, sizeof(*deletions));
	if (!name || !letters || !deletions) {
		free(name);
		free(letters);
		free(deletions);
		return fault_memory(fault, "reading an alignment");
	}
	size_t k = 0;
	int32_t open = 0; /* residues since the last column of the query */
	for (size_t i = 0; i < row->length; i++) {
		char c = row->letters[i];
		if (is_gap(query->letters[i])) {
			open += !is_gap(c);
			continue;
		}
		letters[k] = is_gap(c) ? '-' : (char)toupper((unsigned char)c);
		deletions[k++] = open;
		open = 0;
	}
	letters[k] = '\0';
	deletions = drop_if_zero(deletions, k);
	return msa_add(msa, name, letters, deletions, fault);
}

int
msa_read_stockholm(struct msa *msa, const char *path, size_t max_rows,
		   struct fault *fault)
{
	struct stockholm sto = {0};
	int rc = stockholm_read(&sto, path, max_rows, fault);
	for (size_t i = 0; rc == 0 && i < sto.rows[0].length; i++)
		msa->columns += !is_gap(sto.rows[0].letters[i]);
	if (rc == 0 && msa->columns == 0)
		rc = fault_set(fault, AF2_CLASS_PERMANENT,
			       "%s: the query has no residue", path);
	for (size_t i = 0; rc == 0 && i < sto.count; i++)
		rc = add_stockholm_row(msa, &sto.rows[0], &sto.rows[i], fault);
	stockholm_free(&sto);
	return rc;
}

/* --- a3m -------------------------------------------------------------------- */

/* Turn one record into a row; the first gives the number of columns. */
static int
add_a3m_row(struct msa *msa, const char *header, const char *text, const char *path,
	    size_t line, struct fault *fault)
{
	size_t n = 0, k = 0;
	for (const char *c = text; *c; c++)
		n += (*c >= 'A' && *c <= 'Z') || *c == '-';
	if (msa->count == 0)
		msa->columns = n;
	if (n != msa->columns || n == 0)
		return fault_set(fault, AF2_CLASS_PERMANENT,
				 "%s:%zu: this row has %zu columns, the query has %zu",
				 path, line, n, msa->columns);
	if (msa->count == 0 && strchr(text, '-'))
		return fault_set(fault, AF2_CLASS_PERMANENT,
				 "%s:%zu: the first row (the query) has a gap", path,
				 line);
	char *name = strndup(header, strcspn(header, " \t"));
	char *letters = malloc(n + 1);
	int32_t *deletions = calloc(n, sizeof(*deletions));
	if (!name || !letters || !deletions) {
		free(name);
		free(letters);
		free(deletions);
		return fault_memory(fault, "reading an alignment");
	}
	int32_t open = 0;
	for (const char *c = text; *c; c++) {
		if (*c >= 'a' && *c <= 'z') {
			open++;
			continue;
		}
		letters[k] = *c;
		deletions[k++] = open;
		open = 0;
	}
	letters[k] = '\0';
	deletions = drop_if_zero(deletions, n);
	return msa_add(msa, name, letters, deletions, fault);
}

/* Append a line's letters without '.', blanks; -1 for what no a3m file has. */
static int
add_a3m_letters(struct text *text, const struct line_reader *lines, struct fault *fault)
{
	for (size_t i = 0; i < lines->length; i++) {
		char c = lines->line[i];
		if (c == '.' || c == ' ' || c == '\t')
			continue;
		if (c == '*' && i + 1 == lines->length)
			continue;
		if (!((c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || c == '-'))
			return fault_set(fault, AF2_CLASS_PERMANENT,
					 "%s:%zu: byte 0x%02x stands in no a3m row",
					 lines->path, lines->number, (unsigned char)c);
		text_add_char(text, c);
	}
	return text->failed ? fault_memory(fault, "reading an alignment") : 0;
}

/* HH-suite's rows that are no sequence. */
static int
is_annotation(const char *header)
{
	static const char *const names[] = {"ss_pred", "ss_conf", "ss_dssp", "sa_dssp",
					    "aa_dssp", "aa_pred", NULL};
	for (size_t i = 0; names[i]; i++)
		if (strncmp(header, names[i], strlen(names[i])) == 0)
			return 1;
	return 0;
}

struct a3m_parse {
	struct line_reader lines;
	struct text header, row;
	size_t header_line;
	int is_open;
};

static int
close_record(struct a3m_parse *p, struct msa *msa, struct fault *fault)
{
	if (!p->is_open || is_annotation(p->header.data))
		return 0;
	return add_a3m_row(msa, p->header.data, p->row.data, p->lines.path,
			   p->header_line, fault);
}

static int
take_a3m_line(struct a3m_parse *p, struct msa *msa, struct fault *fault)
{
	const char *line = p->lines.line;
	if (line[0] == '>') {
		if (close_record(p, msa, fault) != 0)
			return -1;
		text_clear(&p->header);
		text_clear(&p->row);
		text_add(&p->row, "", 0);
		text_add_string(&p->header, line + 1);
		p->header_line = p->lines.number;
		p->is_open = 1;
		return p->header.failed ? fault_memory(fault, "reading an alignment")
					: 0;
	}
	if (p->is_open && is_annotation(p->header.data))
		return 0;
	if (p->is_open)
		return add_a3m_letters(&p->row, &p->lines, fault);
	if (line[0] == '#' || line[strspn(line, " \t")] == '\0')
		return 0;
	return fault_set(fault, AF2_CLASS_PERMANENT,
			 "%s:%zu: no a3m file: it does not start with '>'",
			 p->lines.path, p->lines.number);
}

int
msa_read_a3m(struct msa *msa, const char *path, size_t max_rows, struct fault *fault)
{
	struct a3m_parse p = {0};
	int rc = line_open(&p.lines, path, fault), more = 0;
	while (rc == 0 && (!max_rows || msa->count < max_rows) &&
	       (more = line_next(&p.lines, fault)) == 1)
		rc = take_a3m_line(&p, msa, fault);
	if (more < 0)
		rc = -1;
	if (rc == 0 && (!max_rows || msa->count < max_rows))
		rc = close_record(&p, msa, fault);
	if (rc == 0 && msa->count == 0)
		rc = fault_set(fault, AF2_CLASS_PERMANENT,
			       "%s: an alignment without rows", path);
	text_free(&p.header);
	text_free(&p.row);
	line_close(&p.lines);
	return rc;
}

int
msa_read(struct msa *msa, const char *path, size_t max_rows, struct fault *fault)
{
	struct line_reader lines;
	if (line_open(&lines, path, fault) != 0)
		return -1;
	int more = line_next(&lines, fault);
	int is_sto = more == 1 && strncmp(lines.line, "# STOCKHOLM", 11) == 0;
	line_close(&lines);
	if (more < 0)
		return -1;
	return is_sto ? msa_read_stockholm(msa, path, max_rows, fault)
		      : msa_read_a3m(msa, path, max_rows, fault);
}

/* --- sets of rows ------------------------------------------------------------- */

static size_t
hash_row(const char *letters)
{
	uint64_t h = 0xcbf29ce484222325u;
	for (; *letters; letters++)
		h = (h ^ (unsigned char)*letters) * 0x100000001b3u;
	return (size_t)(h ^ h >> 29);
}

static const char **
row_slot(struct row_set *set, const char *letters)
{
	size_t i = hash_row(letters) & (set->room - 1);
	while (set->slots[i] && strcmp(set->slots[i], letters) != 0)
		i = (i + 1) & (set->room - 1);
	return &set->slots[i];
}

int
row_set_add(struct row_set *set, const char *letters)
{
	if (2 * (set->count + 1) > set->room) {
		struct row_set grown = {.room = set->room ? 2 * set->room : 64};
		grown.slots = calloc(grown.room, sizeof(*grown.slots));
		if (!grown.slots)
			return -1;
		for (size_t i = 0; i < set->room; i++)
			if (set->slots[i])
				*row_slot(&grown, set->slots[i]) = set->slots[i];
		grown.count = set->count;
		free(set->slots);
		*set = grown;
	}
	const char **slot = row_slot(set, letters);
	if (*slot)
		return 0;
	*slot = letters;
	set->count++;
	return 1;
}

void
row_set_free(struct row_set *set)
{
	free(set->slots);
	*set = (struct row_set){0};
}

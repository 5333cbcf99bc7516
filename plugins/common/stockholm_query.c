/* SPDX-License-Identifier: Apache-2.0
 *
 * An alignment as AlphaFold2 searches templates with it: rows that say nothing new and
 * columns without residues left out; as a3m (hhsearch) and as Stockholm (hmmbuild). See
 * stockholm.h.
 */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "msa.h"
#include "stockholm_walk.h"

static int
is_gap(char c)
{
	return c == '-' || c == '.' || c == '~';
}

/* --- rows ------------------------------------------------------------------- */

/* The row's letters in the columns where the query has a residue. */
static void
mask_row(const struct stockholm_row *query, const struct stockholm_row *row, char *out)
{
	for (size_t i = 0; i < row->length; i++)
		if (!is_gap(query->letters[i]))
			*out++ =
				is_gap(row->letters[i])
					? '-'
					: (char)toupper((unsigned char)row->letters[i]);
	*out = '\0';
}

/* Flags of the rows that differ from all earlier ones where the query has residues; the
 * caller frees them. NULL: out of memory. */
static unsigned char *
find_new_rows(const struct stockholm *sto, struct fault *fault)
{
	const struct stockholm_row *query = &sto->rows[0];
	struct row_set seen = {0};
	size_t width = query->length + 1;
	/* One masked row after the other: the set borrows them. */
	char *masked = malloc(sto->count * width);
	unsigned char *is_new = calloc(sto->count, 1);
	int rc = masked && is_new ? 0 : -1;
	for (size_t i = 0; rc >= 0 && i < sto->count; i++) {
		mask_row(query, &sto->rows[i], masked + i * width);
		rc = row_set_add(&seen, masked + i * width);
		is_new[i] = rc == 1;
	}
	row_set_free(&seen);
	free(masked);
	if (rc >= 0)
		return is_new;
	fault_memory(fault, "writing an alignment");
	free(is_new);
	return NULL;
}

/* --- a3m --------------------------------------------------------------------- */

static void
write_a3m_row(FILE *out, const struct stockholm_row *query,
	      const struct stockholm_row *row)
{
	fprintf(out, ">%s %s\n", row->name, row->description ? row->description : "");
	for (size_t i = 0; i < row->length; i++) {
		char c = row->letters[i];
		if (!is_gap(query->letters[i]))
			fputc(is_gap(c) ? '-' : toupper((unsigned char)c), out);
		else if (!is_gap(c))
			fputc(tolower((unsigned char)c), out);
	}
	fputc('\n', out);
}

int
stockholm_write_a3m(const struct stockholm *sto, const char *path, size_t *written,
		    struct fault *fault)
{
	unsigned char *is_new = find_new_rows(sto, fault);
	FILE *out = is_new ? out_open(path, fault) : NULL;
	*written = 0;
	for (size_t i = 0; out && i < sto->count; i++) {
		if (is_new[i]) {
			write_a3m_row(out, &sto->rows[0], &sto->rows[i]);
			++*written;
		}
	}
	free(is_new);
	return out ? out_close(out, path, fault) : -1;
}

/* --- Stockholm ----------------------------------------------------------------- */

/* A block of rows until its "#=GC RF" line is there, which ends it. */
struct block {
	char **lines;
	size_t count, room;
	unsigned char *is_used; /* by column; `columns` of them */
};

static void
clear_block(struct block *b)
{
	for (size_t i = 0; i < b->count; i++)
		free(b->lines[i]);
	b->count = 0;
}

/* Where the aligned letters of a line begin: behind its last blank. */
static size_t
letters_of(const char *line)
{
	const char *blank = strrchr(line, ' ');
	return blank ? (size_t)(blank - line) + 1 : 0;
}

static int
keep_line(struct block *b, const char *line)
{
	if (b->count == b->room) {
		size_t room = b->room ? 2 * b->room : 64;
		char **grown = realloc(b->lines, room * sizeof(*grown));
		if (!grown)
			return -1;
		b->lines = grown;
		b->room = room;
	}
	b->lines[b->count] = strdup(line);
	return b->lines[b->count++] ? 0 : -1;
}

/* Mark the columns in which some row has a residue. */
static int
mark_columns(struct block *b, size_t columns)
{
	unsigned char *grown = realloc(b->is_used, columns + 1);
	if (!grown)
		return -1;
	b->is_used = grown;
	memset(b->is_used, 0, columns + 1);
	for (size_t i = 0; i + 1 < b->count; i++) { /* the last one is RF */
		const char *letters = b->lines[i] + letters_of(b->lines[i]);
		for (size_t k = 0; k < columns && letters[k]; k++)
			b->is_used[k] |= !is_gap(letters[k]);
	}
	return 0;
}

/* The block without its empty columns; a blank line for each line if none is left. */
static int
write_block(FILE *out, struct block *b)
{
	const char *rf = b->lines[b->count - 1];
	size_t columns = strlen(rf + letters_of(rf));
	if (mark_columns(b, columns) != 0)
		return -1;
	int is_any = memchr(b->is_used, 1, columns) != NULL;
	for (size_t i = 0; i < b->count; i++) {
		const char *line = b->lines[i];
		size_t begin = letters_of(line);
		if (is_any)
			fwrite(line, 1, begin, out);
		for (size_t k = 0; is_any && k < columns && line[begin + k]; k++)
			if (b->is_used[k])
				fputc(line[begin + k], out);
		fputc('\n', out);
	}
	clear_block(b);
	return 0;
}

/* The row a line is of, as a number; count if it is of none that is known. */
static size_t
row_of(struct stockholm *sto, struct stockholm_walk *w, const char *name)
{
	struct stockholm_row *row =
		stockholm_find(sto, name, strcspn(name, " \t"), w->hint);
	if (!row)
		return sto->count;
	w->hint = (size_t)(row - sto->rows) + 1;
	return (size_t)(row - sto->rows);
}

/* One line of the file: rows and RF go into the block, RF writes it. */
static int
take_line(FILE *out, struct stockholm *sto, struct stockholm_walk *w, struct block *b,
	  const unsigned char *is_new)
{
	const char *line = w->lines.line;
	size_t row = sto->count;
	if (strncmp(line, "#=GC RF", 7) == 0)
		return keep_line(b, line) != 0 ? -1 : write_block(out, b);
	if (strncmp(line, "#=GS", 4) == 0)
		row = row_of(sto, w, line + 4 + strspn(line + 4, " \t"));
	else if (line[0] != '#')
		row = row_of(sto, w, line);
	if (row == sto->count || !is_new[row])
		return 0;
	if (line[0] != '#')
		return keep_line(b, line);
	fprintf(out, "%s\n", line);
	return 0;
}

static int
write_all(FILE *out, struct stockholm *sto, const char *from,
	  const unsigned char *is_new, struct fault *fault)
{
	struct stockholm_walk w;
	struct block b = {0};
	int more = -1, rc = stockholm_walk_open(&w, from, fault);
	if (rc == 0)
		fputs("# STOCKHOLM 1.0\n", out);
	while (rc == 0 && (more = stockholm_walk_next(&w)) == 1) {
		for (size_t i = 0; i < w.blanks; i++)
			fputc('\n', out);
		if (take_line(out, sto, &w, &b, is_new) != 0)
			rc = fault_memory(fault, "writing an alignment");
	}
	if (rc == 0 && more == 0 && b.count > 0)
		rc = fault_set(fault, AF2_CLASS_PERMANENT,
			       "%s: the alignment has no '#=GC RF' line, which says "
			       "what its columns are",
			       from);
	fputs("//\n", out);
	line_close(&w.lines);
	clear_block(&b);
	free(b.lines);
	free(b.is_used);
	return rc != 0 || more < 0 ? -1 : 0;
}

int
stockholm_write_query(struct stockholm *sto, const char *from, const char *path,
		      size_t *written, struct fault *fault)
{
	unsigned char *is_new = find_new_rows(sto, fault);
	FILE *out = is_new ? out_open(path, fault) : NULL;
	*written = 0;
	for (size_t i = 0; out && i < sto->count; i++)
		*written += is_new[i];
	int rc = out ? write_all(out, sto, from, is_new, fault) : -1;
	free(is_new);
	return out && out_close(out, path, fault) != 0 ? -1 : rc;
}

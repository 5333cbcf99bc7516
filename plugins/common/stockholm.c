/* SPDX-License-Identifier: Apache-2.0
 *
 * Stockholm files; the format is described in stockholm.h.
 */
#include "stockholm_walk.h"

#include <ctype.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

static size_t
hash_bytes(const char *bytes, size_t n)
{
	uint64_t h = 0xcbf29ce484222325u;
	for (size_t i = 0; i < n; i++)
		h = (h ^ (unsigned char)bytes[i]) * 0x100000001b3u;
	return (size_t)(h ^ h >> 29);
}

/* The slot of a name: of its row, or the empty one where it belongs. */
static size_t *
find_slot(struct stockholm *sto, const char *name, size_t n)
{
	size_t i = hash_bytes(name, n) & (sto->index_room - 1);
	for (; sto->index[i]; i = (i + 1) & (sto->index_room - 1)) {
		const char *have = sto->rows[sto->index[i] - 1].name;
		if (strncmp(have, name, n) == 0 && have[n] == '\0')
			break;
	}
	return &sto->index[i];
}

static int
grow_index(struct stockholm *sto)
{
	if (2 * (sto->count + 1) <= sto->index_room)
		return 0;
	size_t *old = sto->index;
	sto->index_room = sto->index_room ? 2 * sto->index_room : 64;
	sto->index = calloc(sto->index_room, sizeof(*sto->index));
	if (!sto->index) {
		free(old);
		return -1;
	}
	free(old);
	for (size_t i = 0; i < sto->count; i++)
		*find_slot(sto, sto->rows[i].name, strlen(sto->rows[i].name)) = i + 1;
	return 0;
}

/* `hint` is the row behind the one before: blocks keep their order, so it is nearly
 * always the one. */
struct stockholm_row *
stockholm_find(struct stockholm *sto, const char *name, size_t n, size_t hint)
{
	if (hint < sto->count && strncmp(sto->rows[hint].name, name, n) == 0 &&
	    sto->rows[hint].name[n] == '\0')
		return &sto->rows[hint];
	size_t *slot = sto->index_room ? find_slot(sto, name, n) : NULL;
	return slot && *slot ? &sto->rows[*slot - 1] : NULL;
}

struct stockholm_row *
stockholm_add(struct stockholm *sto, const char *name, size_t n)
{
	if (grow_index(sto) != 0)
		return NULL;
	if (sto->count == sto->room) {
		size_t room = sto->room ? 2 * sto->room : 64;
		struct stockholm_row *rows = realloc(sto->rows, room * sizeof(*rows));
		if (!rows)
			return NULL;
		sto->rows = rows;
		sto->room = room;
	}
	struct stockholm_row *row = &sto->rows[sto->count];
	*row = (struct stockholm_row){.name = strndup(name, n)};
	if (!row->name)
		return NULL;
	*find_slot(sto, name, n) = ++sto->count;
	return row;
}

static int
add_letters(struct stockholm_row *row, const char *letters, size_t n)
{
	if (row->length + n + 1 > row->room) {
		size_t room = 2 * row->room + n + 1;
		char *grown = realloc(row->letters, room);
		if (!grown)
			return -1;
		row->letters = grown;
		row->room = room;
	}
	memcpy(row->letters + row->length, letters, n);
	row->length += n;
	row->letters[row->length] = '\0';
	return 0;
}

static int
refuse(struct stockholm_walk *w, const char *what)
{
	return fault_set(w->fault, AF2_CLASS_PERMANENT, "%s:%zu: %s", w->lines.path,
			 w->lines.number, what);
}

int
stockholm_walk_open(struct stockholm_walk *w, const char *path, struct fault *fault)
{
	*w = (struct stockholm_walk){.fault = fault};
	if (line_open(&w->lines, path, fault) != 0)
		return -1;
	int more = line_next(&w->lines, fault);
	if (more < 0)
		return -1;
	if (more == 0)
		return fault_set(fault, AF2_CLASS_PERMANENT,
				 "'%s' is empty, a Stockholm file was expected", path);
	if (strncmp(w->lines.line, "# STOCKHOLM 1.", 14) != 0)
		return refuse(w, "no Stockholm file: it does not start with "
				 "'# STOCKHOLM 1.0'");
	return 0;
}

int
stockholm_walk_next(struct stockholm_walk *w)
{
	w->blanks = 0;
	for (;;) {
		int more = line_next(&w->lines, w->fault);
		if (more < 0)
			return -1;
		if (more == 0)
			return w->is_ended
				       ? 0
				       : refuse(w, "the file ends without '//': it is "
						   "truncated");
		const char *line = w->lines.line;
		if (w->lines.length != strlen(line))
			return refuse(w, "a NUL byte: this is no text file");
		if (line[strspn(line, " \t")] == '\0') {
			w->hint = 0;
			w->blanks++;
			continue;
		}
		if (w->is_ended)
			return refuse(
				w, "a second alignment in one file (a query of several "
				   "records?)");
		if (strncmp(line, "//", 2) == 0) {
			w->is_ended = 1;
			continue;
		}
		return 1;
	}
}

/* Split "name   letters"; 0, or -1 if it is no such line. */
static int
split_row(struct stockholm_walk *w, size_t *name, const char **letters, size_t *n)
{
	const char *line = w->lines.line;
	*name = strcspn(line, " \t");
	*letters = line + *name + strspn(line + *name, " \t");
	*n = strcspn(*letters, " \t");
	if (*name == 0 || *n == 0 || (*letters)[*n + strspn(*letters + *n, " \t")])
		return refuse(w, "neither a row (name, letters) nor an annotation");
	return 0;
}

static int
take_row(struct stockholm *sto, struct stockholm_walk *w, size_t max_rows)
{
	size_t name, n;
	const char *letters;
	if (split_row(w, &name, &letters, &n) != 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		if (!isalpha((unsigned char)letters[i]) && !strchr("-.*~", letters[i]))
			return refuse(
				w,
				"a character in a row that is neither letter nor gap");
	struct stockholm_row *row = stockholm_find(sto, w->lines.line, name, w->hint);
	if (max_rows && sto->lettered >= max_rows && !(row && row->order))
		return 0;
	if (!row)
		row = stockholm_add(sto, w->lines.line, name);
	if (!row || add_letters(row, letters, n) != 0)
		return fault_memory(w->fault, "reading an alignment");
	if (!row->order)
		row->order = ++sto->lettered;
	w->hint = (size_t)(row - sto->rows) + 1;
	return 0;
}

/* "#=GS NAME DE text" stands above the rows, and not all rows have one. */
static int
take_description(struct stockholm *sto, struct stockholm_walk *w)
{
	const char *name = w->lines.line + 4;
	name += strspn(name, " \t");
	size_t n = strcspn(name, " \t");
	const char *feature = name + n + strspn(name + n, " \t");
	if (n == 0 || strncmp(feature, "DE", 2) != 0 || !strchr(" \t", feature[2]))
		return 0;
	const char *text = feature + 2 + strspn(feature + 2, " \t");
	struct stockholm_row *row = stockholm_find(sto, name, n, w->hint);
	if (!row)
		row = stockholm_add(sto, name, n);
	if (!row)
		return fault_memory(w->fault, "reading an alignment");
	w->hint = (size_t)(row - sto->rows) + 1;
	if (!row->description && !(row->description = strdup(text)))
		return fault_memory(w->fault, "reading an alignment");
	return 0;
}

static void
free_row(struct stockholm_row *row)
{
	free(row->name);
	free(row->letters);
	free(row->description);
}

static int
by_order(const void *a, const void *b)
{
	const struct stockholm_row *x = a, *y = b;
	return (x->order > y->order) - (x->order < y->order);
}

/* Rows in the order of their letters; names that were only annotated are dropped. */
static int
finish(struct stockholm *sto, struct stockholm_walk *w)
{
	size_t kept = 0;
	for (size_t i = 0; i < sto->count; i++) {
		if (sto->rows[i].order)
			sto->rows[kept++] = sto->rows[i];
		else
			free_row(&sto->rows[i]);
	}
	sto->count = kept;
	if (kept == 0)
		return refuse(w, "an alignment without rows");
	qsort(sto->rows, kept, sizeof(*sto->rows), by_order);
	memset(sto->index, 0, sto->index_room * sizeof(*sto->index));
	for (size_t i = 0; i < kept; i++)
		*find_slot(sto, sto->rows[i].name, strlen(sto->rows[i].name)) = i + 1;
	for (size_t i = 0; i < kept; i++)
		if (sto->rows[i].length != sto->rows[0].length)
			return fault_set(
				w->fault, AF2_CLASS_PERMANENT,
				"%s: row '%s' has %zu columns, the query has %zu",
				w->lines.path, sto->rows[i].name, sto->rows[i].length,
				sto->rows[0].length);
	return 0;
}

int
stockholm_read(struct stockholm *sto, const char *path, size_t max_rows,
	       struct fault *fault)
{
	struct stockholm_walk w;
	int rc = stockholm_walk_open(&w, path, fault), more = 0;
	while (rc == 0 && (more = stockholm_walk_next(&w)) == 1) {
		if (w.lines.line[0] != '#')
			rc = take_row(sto, &w, max_rows);
		else if (strncmp(w.lines.line, "#=GS", 4) == 0)
			rc = take_description(sto, &w);
	}
	if (rc == 0)
		rc = more < 0 ? -1 : finish(sto, &w);
	line_close(&w.lines);
	return rc;
}

void
stockholm_free(struct stockholm *sto)
{
	for (size_t i = 0; i < sto->count; i++)
		free_row(&sto->rows[i]);
	free(sto->rows);
	free(sto->index);
	*sto = (struct stockholm){0};
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Stockholm files cut to their first rows; see stockholm.h.
 */
#include <string.h>

#include "stockholm_walk.h"

/* First pass: the names of the first `max_rows` rows. Every row is in the first block,
 * so *total counts rows until the query's name comes again. */
static int
collect_names(struct stockholm *names, struct stockholm_walk *w, size_t max_rows,
	      size_t *total)
{
	int more = 0, is_later_block = 0;
	*total = 0;
	while ((more = stockholm_walk_next(w)) == 1) {
		const char *line = w->lines.line;
		size_t n = strcspn(line, " \t");
		if (line[0] == '#' || is_later_block)
			continue;
		struct stockholm_row *row = stockholm_find(names, line, n, w->hint);
		if (row && row == names->rows) {
			is_later_block = 1;
			continue;
		}
		++*total;
		if (max_rows && names->count >= max_rows)
			continue;
		row = stockholm_add(names, line, n);
		if (!row)
			return fault_memory(w->fault, "reading an alignment");
	}
	return more;
}

/* Whether a line goes into the truncated file. */
static int
is_kept(struct stockholm *names, struct stockholm_walk *w)
{
	const char *name = w->lines.line;
	int is_description = strncmp(name, "#=GS", 4) == 0;
	if (strncmp(name, "#=GC RF", 7) == 0)
		return 1;
	if (name[0] == '#' && !is_description)
		return 0;
	if (is_description)
		name += 4 + strspn(name + 4, " \t");
	struct stockholm_row *row =
		stockholm_find(names, name, strcspn(name, " \t"), w->hint);
	if (row)
		w->hint = (size_t)(row - names->rows) + !is_description;
	return row != NULL;
}

static int
copy_kept(struct stockholm *names, const char *from, const char *to,
	  struct fault *fault)
{
	struct stockholm_walk w;
	FILE *out = out_open(to, fault);
	if (!out)
		return -1;
	int more = -1, rc = stockholm_walk_open(&w, from, fault);
	if (rc == 0)
		fputs("# STOCKHOLM 1.0\n", out);
	while (rc == 0 && (more = stockholm_walk_next(&w)) == 1) {
		for (size_t i = 0; i < w.blanks; i++)
			fputc('\n', out);
		if (is_kept(names, &w)) {
			fputs(w.lines.line, out);
			fputc('\n', out);
		}
	}
	for (size_t i = 0; more == 0 && i < w.blanks; i++)
		fputc('\n', out);
	fputs("//\n", out);
	line_close(&w.lines);
	return out_close(out, to, fault) != 0 || rc != 0 || more < 0 ? -1 : 0;
}

int
stockholm_truncate(const char *from, const char *to, size_t max_rows, size_t *kept,
		   size_t *total, struct fault *fault)
{
	struct stockholm names = {0};
	struct stockholm_walk w;
	size_t rows = 0;
	int rc = stockholm_walk_open(&w, from, fault);
	if (rc == 0)
		rc = collect_names(&names, &w, max_rows, &rows);
	line_close(&w.lines);
	if (rc == 0 && rows == 0)
		rc = fault_set(fault, AF2_CLASS_PERMANENT,
			       "%s: an alignment without rows", from);
	if (rc == 0 && to)
		rc = copy_kept(&names, from, to, fault);
	if (kept)
		*kept = names.count;
	if (total)
		*total = rows;
	stockholm_free(&names);
	return rc;
}

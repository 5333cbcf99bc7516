/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Places of diagnostics. A node's line is known; the attribute that is wrong may stand
 * anywhere in its statement, or in a default statement above it. So: look for the token
 * from the start of that line to the end of the statement. Not there: the line stays
 * without a column.
 */
#include "model/dot_read.h"

#include <stdlib.h>
#include <string.h>

#include "model/dot_token.h"

/* Diagnostics of this text that have no column yet, by line. */
static int
by_line(const void *a, const void *b)
{
	const struct diag *const *x = a, *const *y = b;

	if ((*x)->line != (*y)->line)
		return (*x)->line < (*y)->line ? -1 : 1;
	return *x < *y ? -1 : *x > *y;
}

/* Search one statement from `s`, whose next token lies on the diagnostic's line. */
static void
place_one(const char *text, struct dot_scan s, struct diag *d)
{
	struct dot_token t, best = {0};
	int brackets = 0;

	while (dot_next(&s, &t)) {
		if (t.kind == DOT_PUNCT && *t.s == '[')
			brackets++;
		if (t.line > d->line && brackets == 0)
			break;
		if (dot_token_is(&t, d->token)) {
			best = t;
			break;
		}
		if (t.kind == DOT_PUNCT && *t.s == ']' && brackets > 0)
			brackets--;
	}
	if (best.s) {
		d->line = best.line;
		d->column = dot_column(text, &best);
	}
}

void
dot_place(const char *text, size_t len, struct diags *diags)
{
	struct diag **todo = xmalloc((diags->count + 1) * sizeof *todo);
	struct dot_scan s, before;
	struct dot_token t;
	size_t n = 0, i = 0;

	for (size_t k = 0; k < diags->count; k++) {
		struct diag *d = &diags->items[k];

		if (d->line > 0 && d->column == 0 && d->token && *d->token)
			todo[n++] = d;
	}
	if (n)
		qsort(todo, n, sizeof *todo, by_line);
	dot_scan_init(&s, text, len);
	for (before = s; i < n && dot_next(&s, &t); before = s)
		while (i < n && t.line >= todo[i]->line) {
			if (t.line == todo[i]->line)
				place_one(text, before, todo[i]);
			i++;
		}
	free(todo);
}

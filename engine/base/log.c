/* SPDX-License-Identifier: Apache-2.0 */
/* Messages on stderr: each is one write, so lines of several threads or processes do
 * not mix. */
#include "base/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"

static const char *program = "af2flow"; /* set once at start */

void
log_program(const char *name)
{
	program = name;
}

/* Text from files and tools must not steer the terminal. */
static void
emit(struct str *line)
{
	for (size_t i = 0; i < line->len; i++) {
		unsigned char c = (unsigned char)line->s[i];

		if ((c < 0x20 && c != '\n' && c != '\t') || c == 0x7f)
			line->s[i] = '?';
	}
	/* Without stderr there is nobody to tell. */
	if (line->len > 0)
		(void)fs_write_all(STDERR_FILENO, line->s, line->len);
	str_free(line);
}

static void
log_line(const char *kind, const char *format, va_list ap)
{
	struct str line = {0};
	char *text;

	if (vasprintf(&text, format, ap) < 0)
		mem_exhausted();
	str_printf(&line, "%s: %s%s\n", program, kind, text);
	free(text);
	emit(&line);
}

void
log_error(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_line("", format, ap);
	va_end(ap);
}

void
log_warning(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_line("warning: ", format, ap);
	va_end(ap);
}

void
log_info(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	log_line("", format, ap);
	va_end(ap);
}

void
log_error_object(const struct error *e)
{
	struct str out = {0};

	str_printf(&out, "%s: %s\n", program,
		   error_is_set(e) ? e->text : "unknown error");
	if (e && e->hint[0])
		str_printf(&out, "  hint: %s\n", e->hint);
	emit(&out);
}

/* By place; messages about the same place stay in the order in which they were
 * added. */
static int
by_place(const void *a, const void *b)
{
	const struct diag *x = *(const struct diag *const *)a;
	const struct diag *y = *(const struct diag *const *)b;
	int c = strcmp(x->file, y->file);

	if (c == 0)
		c = (x->line > y->line) - (x->line < y->line);
	if (c == 0)
		c = (x->column > y->column) - (x->column < y->column);
	return c ? c : (x > y) - (x < y);
}

static void
format_diag(struct str *out, const struct diag *d)
{
	str_printf(out, "%s: ", program);
	if (d->file[0]) {
		str_add(out, d->file);
		if (d->line > 0)
			str_printf(out, ":%d", d->line);
		if (d->line > 0 && d->column > 0)
			str_printf(out, ":%d", d->column);
		str_add(out, ": ");
	}
	if (d->severity == SEV_WARNING)
		str_add(out, "warning: ");
	str_add(out, d->text);
	if (d->token[0])
		str_printf(out, " near '%s'", d->token);
	str_addc(out, '\n');
	if (d->hint[0])
		str_printf(out, "  hint: %s\n", d->hint);
}

void
diags_format(struct str *out, const struct diags *d)
{
	const struct diag **order = xcalloc(d->count, sizeof *order);

	for (size_t i = 0; i < d->count; i++)
		order[i] = &d->items[i];
	if (d->count > 1)
		qsort(order, d->count, sizeof *order, by_place);
	for (size_t i = 0; i < d->count; i++)
		format_diag(out, order[i]);
	free(order);
}

void
log_diags(const struct diags *d)
{
	struct str out = {0};

	diags_format(&out, d);
	emit(&out);
}

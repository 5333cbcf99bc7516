/* SPDX-License-Identifier: Apache-2.0 */
/* Error objects, lists of diagnostics, and did-you-mean.
 *
 * Every text is one line: control characters (they may come from a file or a path) are
 * replaced, so that a message can neither break a log line nor steer a terminal.
 */
#include "base/error.h"

#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "af2flow/plugin.h"
#include "base/mem.h"

/* --- one error -------------------------------------------------------------------- */

static void
make_line(char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = *s == '\n' || *s == '\t' ? ' ' : '?';
}

/* Cut `s` to at most `max` bytes, ending in "..." and between characters. */
static void
cut(char *s, size_t max)
{
	size_t n = max - 3;

	while (n > 0 && ((unsigned char)s[n] & 0xc0) == 0x80)
		n--;
	strcpy(s + n, "...");
}

/* Format into buf, leaving `reserve` bytes free behind the text. */
static void
format_line(char *buf, size_t size, size_t reserve, const char *format, va_list ap)
{
	size_t max = size - 1 - reserve;
	int n = vsnprintf(buf, size, format, ap);

	if (n < 0)
		buf[0] = '\0';
	else if ((size_t)n > max)
		cut(buf, max);
	make_line(buf);
}

int
error_set(struct error *e, const char *format, ...)
{
	int saved = errno;
	char buf[128];
	const char *why = NULL;
	size_t n = strlen(format);
	va_list ap;

	if (!e || e->text[0])
		return -1;
	if (n > 0 && format[n - 1] == ':')
		why = strerror_r(saved, buf, sizeof buf);
	va_start(ap, format);
	format_line(e->text, sizeof e->text, why ? strlen(why) + 2 : 0, format, ap);
	va_end(ap);
	if (why) {
		n = strlen(e->text);
		/* A cut text has lost its colon. */
		if (n > 0 && e->text[n - 1] != ':')
			e->text[n++] = ':';
		snprintf(e->text + n, sizeof e->text - n, " %s", why);
		e->number = saved;
	}
	if (!e->text[0])
		strcpy(e->text, "unknown error");
	errno = saved;
	return -1;
}

int
error_hint(struct error *e, const char *format, ...)
{
	int saved = errno;
	va_list ap;

	if (!e || !e->text[0])
		return -1;
	va_start(ap, format);
	format_line(e->hint, sizeof e->hint, 0, format, ap);
	va_end(ap);
	errno = saved;
	return -1;
}

int
error_is_set(const struct error *e)
{
	return e && e->text[0];
}

int
error_passes(const struct error *e)
{
	switch (error_is_set(e) ? e->number : 0) {
	case ENOSPC:
	case EDQUOT:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
	case EAGAIN:
		return 1;
	default:
		return 0;
	}
}

void
error_clear(struct error *e)
{
	if (e)
		*e = (struct error){0};
}

/* --- classes of failure ----------------------------------------------------------- */

static const char *const class_names[] = {
#define X(symbol, name) [symbol] = name,
	AF2_CLASSES(X)
#undef X
};

const char *
class_name(int cls)
{
	return cls >= 0 && cls < AF2_CLASS_COUNT ? class_names[cls] : "?";
}

int
class_parse(const char *name)
{
	for (int i = 0; i < AF2_CLASS_COUNT; i++)
		if (strcmp(class_names[i], name) == 0)
			return i;
	return -1;
}

/* --- diagnostics ------------------------------------------------------------------ */

static char *
line_dup(const char *s)
{
	char *copy = xstrdup(s ? s : "");

	make_line(copy);
	return copy;
}

int
diags_add(struct diags *d, enum severity sev, const char *file, int line,
	  const char *token, const char *hint, const char *format, ...)
{
	struct diag *item;
	char *text;
	va_list ap;

	GROW(d->items, d->count, d->cap);
	item = &d->items[d->count++];
	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		mem_exhausted();
	va_end(ap);
	make_line(text);
	*item = (struct diag){
		.severity = sev,
		.file = line_dup(file),
		.line = line,
		.token = line_dup(token),
		.text = text,
		.hint = line_dup(hint),
	};
	if (sev == SEV_ERROR)
		d->errors++;
	return sev == SEV_ERROR ? -1 : 0;
}

void
diags_free(struct diags *d)
{
	for (size_t i = 0; i < d->count; i++) {
		free(d->items[i].file);
		free(d->items[i].token);
		free(d->items[i].text);
		free(d->items[i].hint);
	}
	free(d->items);
	*d = (struct diags){0};
}

/* --- did you mean ----------------------------------------------------------------- */

enum { WORD_MAX_LEN = 63 };

static size_t
min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

/* Edits between two words of at most WORD_MAX_LEN bytes: insert, delete, replace, swap
 * two neighbours; the case of letters is free. */
static size_t
edit_distance(const char *a, size_t na, const char *b, size_t nb)
{
	size_t rows[3][WORD_MAX_LEN + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2], *next;

	for (size_t j = 0; j <= nb; j++)
		last[j] = j;
	for (size_t i = 1; i <= na; i++) {
		row[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			int ca = tolower((unsigned char)a[i - 1]);
			int cb = tolower((unsigned char)b[j - 1]);

			row[j] = min3(last[j] + 1, row[j - 1] + 1,
				      last[j - 1] + (ca != cb));
			if (i > 1 && j > 1 && tolower((unsigned char)a[i - 2]) == cb &&
			    tolower((unsigned char)b[j - 2]) == ca &&
			    before[j - 2] + 1 < row[j])
				row[j] = before[j - 2] + 1;
		}
		next = before;
		before = last;
		last = row;
		row = next;
	}
	return last[nb];
}

const char *
nearest_word(const char *word, const char *const *candidates)
{
	const char *best = NULL;
	size_t len = strlen(word), limit = len / 3, least;

	if (limit == 0 && len > 1)
		limit = 1;
	if (len == 0 || len > WORD_MAX_LEN)
		return NULL;
	least = limit + 1;
	for (; *candidates; candidates++) {
		size_t n = strlen(*candidates), distance;

		if (n == 0 || n > WORD_MAX_LEN)
			continue;
		distance = edit_distance(word, len, *candidates, n);
		if (distance < least) {
			least = distance;
			best = *candidates;
		}
	}
	return best;
}

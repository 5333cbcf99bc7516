/* SPDX-License-Identifier: Apache-2.0 */
/* The growing string, lists of words, and POSIX quoting. */
#include "base/str.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

/* Room for `more` bytes and a NUL. */
static void
reserve(struct str *b, size_t more)
{
	size_t need = b->len + more + 1;

	if (need < more)
		mem_exhausted();
	if (need <= b->cap)
		return;
	if (need < b->cap * 2)
		need = b->cap * 2;
	if (need < 64)
		need = 64;
	b->s = xrealloc(b->s, need, 1);
	b->cap = need;
}

void
str_addn(struct str *b, const char *text, size_t n)
{
	reserve(b, n);
	if (n > 0)
		memcpy(b->s + b->len, text, n);
	b->len += n;
	b->s[b->len] = '\0';
}

void
str_add(struct str *b, const char *text)
{
	str_addn(b, text, strlen(text));
}

void
str_addc(struct str *b, char c)
{
	str_addn(b, &c, 1);
}

void
str_printf(struct str *b, const char *format, ...)
{
	va_list ap, again;
	int n;

	reserve(b, 0);
	va_start(ap, format);
	va_copy(again, ap);
	n = vsnprintf(b->s + b->len, b->cap - b->len, format, ap);
	va_end(ap);
	if (n < 0)
		mem_exhausted();
	if ((size_t)n >= b->cap - b->len) {
		reserve(b, (size_t)n);
		vsnprintf(b->s + b->len, b->cap - b->len, format, again);
	}
	va_end(again);
	b->len += (size_t)n;
}

void
str_reset(struct str *b)
{
	b->len = 0;
	if (b->s)
		b->s[0] = '\0';
}

void
str_free(struct str *b)
{
	free(b->s);
	*b = (struct str){0};
}

char *
str_take(struct str *b)
{
	char *s = b->s ? b->s : xstrdup("");

	*b = (struct str){0};
	return s;
}

/* --- words ------------------------------------------------------------------------ */

/* Make room for one more item and the NULL behind the last. */
static void
words_room(struct words *w)
{
	if (w->count + 2 > w->cap) {
		w->cap = w->cap ? w->cap * 2 : 8;
		w->v = xrealloc(w->v, w->cap, sizeof *w->v);
	}
}

void
words_addn(struct words *w, const char *text, size_t n)
{
	words_room(w);
	w->v[w->count++] = xstrndup(text, n);
	w->v[w->count] = NULL;
}

void
words_add(struct words *w, const char *text)
{
	words_addn(w, text, strlen(text));
}

/* Drop the words from index `from` on. */
static void
words_cut(struct words *w, size_t from)
{
	while (w->count > from)
		free(w->v[--w->count]);
	if (w->v)
		w->v[w->count] = NULL;
}

void
words_free(struct words *w)
{
	words_cut(w, 0);
	free(w->v);
	*w = (struct words){0};
}

static const char blanks[] = " \t\n\r\v\f";

void
words_split(struct words *w, const char *text)
{
	words_room(w);
	w->v[w->count] = NULL;
	for (;;) {
		size_t n;

		text += strspn(text, blanks);
		n = strcspn(text, blanks);
		if (n == 0)
			return;
		words_addn(w, text, n);
		text += n;
	}
}

/* Read a quoted part that starts behind its opening quote. Returns the place behind its
 * closing quote, NULL if there is none. */
static const char *
read_quoted(struct str *word, const char *p, char quote)
{
	for (; *p != quote; p++) {
		if (!*p)
			return NULL;
		if (quote == '"' && *p == '\\' && p[1] == '\n') {
			p++; /* a continued line */
			continue;
		}
		if (quote == '"' && *p == '\\' && p[1] && strchr("\"\\$`", p[1]))
			p++;
		str_addc(word, *p);
	}
	return p + 1;
}

/* Read one word that starts at p, up to a blank or the end; NULL for an unfinished
 * quote. */
static const char *
read_word(struct str *word, const char *p)
{
	while (p && *p && !strchr(blanks, *p)) {
		if (*p == '\'' || *p == '"') {
			p = read_quoted(word, p + 1, *p);
		} else if (*p == '\\') {
			if (!p[1])
				return NULL;
			if (p[1] != '\n')
				str_addc(word, p[1]);
			p += 2;
		} else {
			str_addc(word, *p++);
		}
	}
	return p;
}

int
words_split_posix(struct words *w, const char *text)
{
	struct str word = {0};
	size_t start = w->count;

	words_room(w);
	w->v[w->count] = NULL;
	for (;;) {
		const char *begin;

		/* A continued line between words is a blank of its own. */
		while (*text &&
		       (strchr(blanks, *text) || (*text == '\\' && text[1] == '\n')))
			text += *text == '\\' ? 2 : 1;
		if (!*text)
			break;
		begin = text;
		str_reset(&word);
		text = read_word(&word, begin);
		if (!text)
			break;
		words_addn(w, word.s ? word.s : "", word.len);
	}
	str_free(&word);
	if (text)
		return 0;
	words_cut(w, start);
	return -1;
}

void
str_add_quoted(struct str *b, const char *text)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789_@%+=:,./-";

	if (*text && !text[strspn(text, plain)]) {
		str_add(b, text);
		return;
	}
	str_addc(b, '\'');
	for (; *text; text++) {
		if (*text == '\'')
			str_add(b, "'\\''");
		else
			str_addc(b, *text);
	}
	str_addc(b, '\'');
}

int
starts_with(const char *s, const char *prefix)
{
	return strncmp(s, prefix, strlen(prefix)) == 0;
}

int
ends_with(const char *s, const char *suffix)
{
	size_t n = strlen(s), m = strlen(suffix);

	return n >= m && memcmp(s + n - m, suffix, m) == 0;
}

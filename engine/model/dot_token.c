/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tokens of the DOT language, as Graphviz's scanner sees them:
 *
 *   name     a letter, '_' or a byte >= 0x80, then those and digits
 *   number   [-](digits[.[digits]] | .digits)
 *   string   "..." where \" does not end it
 *   HTML     <...> with balanced angle brackets
 *   comment  // to the end of the line, slash-star to star-slash, and lines whose
 *            first byte is '#'
 *   the rest -> -- { } [ ] = ; , : +
 */
#include "model/dot_token.h"

#include <string.h>
#include <strings.h>

void
dot_scan_init(struct dot_scan *s, const char *text, size_t len)
{
	s->text = text;
	s->len = len;
	s->pos = 0;
	s->line = 1;
}

static int
is_letter(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       c >= 0x80;
}

static int
is_digit(unsigned char c)
{
	return c >= '0' && c <= '9';
}

static unsigned char
peek(const struct dot_scan *s, size_t ahead)
{
	return s->pos + ahead < s->len ? (unsigned char)s->text[s->pos + ahead] : 0;
}

static void
step(struct dot_scan *s)
{
	if (s->text[s->pos++] == '\n')
		s->line++;
}

static void
skip_line(struct dot_scan *s)
{
	while (s->pos < s->len && s->text[s->pos] != '\n')
		s->pos++;
}

/* White space and comments. 0 if a comment never ends; then the position is its
 * start. */
static int
skip_trivia(struct dot_scan *s)
{
	while (s->pos < s->len) {
		unsigned char c = peek(s, 0);

		if (c == ' ' || c == '\t' || c == '\r' || c == '\n') {
			step(s);
		} else if (c == '#' && (s->pos == 0 || s->text[s->pos - 1] == '\n')) {
			skip_line(s);
		} else if (c == '/' && peek(s, 1) == '/') {
			skip_line(s);
		} else if (c == '/' && peek(s, 1) == '*') {
			struct dot_scan start = *s;

			s->pos += 2;
			while (s->pos < s->len &&
			       !(peek(s, 0) == '*' && peek(s, 1) == '/'))
				step(s);
			if (s->pos >= s->len) {
				*s = start;
				return 0;
			}
			s->pos += 2;
		} else {
			break;
		}
	}
	return 1;
}

static size_t
number_length(const struct dot_scan *s)
{
	size_t n = peek(s, 0) == '-', digits = 0;

	for (; is_digit(peek(s, n)); n++)
		digits++;
	if (peek(s, n) == '.' && (digits || is_digit(peek(s, n + 1)))) {
		for (n++; is_digit(peek(s, n)); n++)
			digits++;
	}
	return digits ? n : 0;
}

static enum dot_kind
scan_string(struct dot_scan *s)
{
	for (s->pos++; s->pos < s->len;) {
		unsigned char c = peek(s, 0);

		if (c == '\\' && s->pos + 1 < s->len)
			s->pos++;
		step(s);
		if (c == '"')
			return DOT_STRING;
	}
	return DOT_UNFINISHED;
}

static enum dot_kind
scan_html(struct dot_scan *s)
{
	int depth = 0;

	while (s->pos < s->len) {
		unsigned char c = peek(s, 0);

		step(s);
		if (c == '<')
			depth++;
		else if (c == '>' && --depth == 0)
			return DOT_HTML;
	}
	return DOT_UNFINISHED;
}

static enum dot_kind
scan_token(struct dot_scan *s)
{
	unsigned char c = peek(s, 0);
	size_t n;

	if (c == '"')
		return scan_string(s);
	if (c == '<')
		return scan_html(s);
	if (c == '-' && (peek(s, 1) == '>' || peek(s, 1) == '-')) {
		s->pos += 2;
		return s->text[s->pos - 1] == '>' ? DOT_ARROW : DOT_DASHES;
	}
	if (is_letter(c)) {
		while (is_letter(peek(s, 0)) || is_digit(peek(s, 0)))
			s->pos++;
		return DOT_ID;
	}
	if ((n = number_length(s)) > 0) {
		s->pos += n;
		return DOT_NUMBER;
	}
	s->pos++;
	return c && strchr("{}[]=;,:+", c) ? DOT_PUNCT : DOT_STRAY;
}

int
dot_next(struct dot_scan *s, struct dot_token *t)
{
	int finished = skip_trivia(s);

	t->s = s->text + s->pos;
	t->line = s->line;
	if (!finished) {
		t->kind = DOT_UNFINISHED;
		s->pos = s->len;
	} else if (s->pos >= s->len) {
		t->kind = DOT_END;
	} else {
		t->kind = scan_token(s);
	}
	t->len = (size_t)(s->text + s->pos - t->s);
	t->end_line = s->line;
	return t->kind != DOT_END;
}

int
dot_column(const char *text, const struct dot_token *t)
{
	const char *p = t->s;
	int column = 1;

	while (p > text && p[-1] != '\n') {
		p--;
		column += ((unsigned char)*p & 0xc0) != 0x80;
	}
	return column;
}

int
dot_token_is(const struct dot_token *t, const char *text)
{
	const char *p = t->s, *end = t->s + t->len;

	if (t->kind != DOT_STRING)
		return strlen(text) == t->len && memcmp(t->s, text, t->len) == 0;
	for (p++, end--; p < end; p++) {
		if (*p == '\\' && p + 1 < end && p[1] == '\n') {
			p++;
			continue;
		}
		if (*p == '\\' && p + 1 < end && p[1] == '"')
			p++;
		if (*text++ != *p)
			return 0;
	}
	return *text == '\0';
}

int
dot_token_keyword(const struct dot_token *t)
{
	static const char *const keywords[] = {"node",     "edge",   "graph", "digraph",
					       "subgraph", "strict", NULL};

	for (size_t i = 0; t->kind == DOT_ID && keywords[i]; i++)
		if (strlen(keywords[i]) == t->len &&
		    strncasecmp(keywords[i], t->s, t->len) == 0)
			return 1;
	return 0;
}

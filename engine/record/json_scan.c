/* SPDX-License-Identifier: Apache-2.0 */
/* Scanning JSON text member by member, without building values. Every step is safe
 * on any bytes; numbers and words that are passed over are not checked.
 */
#include "record/json_scan.h"

#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"

int
scan_fail(struct scan *c)
{
	c->bad = 1;
	return 0;
}

void
scan_blanks(struct scan *c)
{
	while (c->p < c->end &&
	       (*c->p == ' ' || *c->p == '\t' || *c->p == '\n' || *c->p == '\r'))
		c->p++;
}

/* Take `ch` if it is next. */
int
scan_take(struct scan *c, char ch)
{
	scan_blanks(c);
	if (c->bad || c->p >= c->end || *c->p != ch)
		return 0;
	c->p++;
	return 1;
}

int
scan_need(struct scan *c, char ch)
{
	return scan_take(c, ch) || scan_fail(c);
}

/* Behind the quote that ends a string with backslashes. */
static const char *
end_of_string(const char *p, const char *end)
{
	while (p < end && *p != '"')
		p += *p == '\\' ? 2 : 1;
	return p < end ? p : NULL;
}

/* The raw inside of a string; *plain: no backslash in it. NULL if there is none. */
const char *
scan_raw(struct scan *c, size_t *len, int *plain)
{
	const char *start, *quote;

	if (!scan_need(c, '"'))
		return NULL;
	start = c->p;
	quote = memchr(start, '"', (size_t)(c->end - start));
	*plain = quote && !memchr(start, '\\', (size_t)(quote - start));
	if (quote && !*plain)
		quote = end_of_string(start, c->end);
	if (!quote) {
		scan_fail(c);
		return NULL;
	}
	*len = (size_t)(quote - start);
	c->p = quote + 1;
	return start;
}

/* A string, newly allocated; NULL on failure. Escapes are left to the JSON library. */
char *
scan_string(struct scan *c)
{
	size_t len;
	int plain;
	const char *s = scan_raw(c, &len, &plain), *text;
	char *wrapped, *out = NULL;
	js *v;

	if (!s)
		return NULL;
	if (plain) {
		if (memchr(s, '\0', len)) {
			scan_fail(c);
			return NULL;
		}
		return xstrndup(s, len);
	}
	wrapped = xasprintf("[%.*s]", (int)(len + 2), s - 1);
	v = js_parse(wrapped, strlen(wrapped), NULL);
	free(wrapped);
	text = js_as_text(js_at(v, 0), NULL);
	if (text)
		out = xstrdup(text);
	else
		scan_fail(c);
	js_free(v);
	return out;
}

/* Pass an object or array over. */
static void
skip_container(struct scan *c)
{
	int depth = 0, plain;
	size_t len;

	while (!c->bad && c->p < c->end) {
		switch (*c->p) {
		case '"':
			scan_raw(c, &len, &plain);
			continue;
		case '{':
		case '[':
			depth++;
			break;
		case '}':
		case ']':
			depth--;
			break;
		}
		c->p++;
		if (depth == 0)
			return;
	}
	scan_fail(c);
}

/* Pass one value over. */
void
scan_skip(struct scan *c)
{
	const char *start;
	size_t len;
	int plain;

	scan_blanks(c);
	start = c->p;
	if (c->p >= c->end) {
		scan_fail(c);
	} else if (*c->p == '"') {
		scan_raw(c, &len, &plain);
	} else if (*c->p == '{' || *c->p == '[') {
		skip_container(c);
	} else {
		while (c->p < c->end && !strchr(",:]}[{\" \t\r\n", *c->p))
			c->p++;
		if (c->p == start)
			scan_fail(c);
	}
}

/* The text of one value, newly allocated; NULL for null. */
char *
scan_text(struct scan *c)
{
	const char *start;

	scan_blanks(c);
	start = c->p;
	scan_skip(c);
	if (c->bad || (c->p - start == 4 && memcmp(start, "null", 4) == 0))
		return NULL;
	return xstrndup(start, (size_t)(c->p - start));
}

uint64_t
scan_number(struct scan *c, int *negative)
{
	uint64_t v = 0;
	int digits = 0;

	*negative = scan_take(c, '-');
	scan_blanks(c);
	for (; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++, digits++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*c->p - '0'), &v))
			scan_fail(c);
	if (digits == 0)
		scan_fail(c);
	return v;
}

int
scan_truth(struct scan *c)
{
	char *text = scan_text(c);
	int yes = text && strcmp(text, "true") == 0;

	free(text);
	return yes;
}

/* The next member's name and colon; 0 at the closing brace. */
int
scan_member(struct scan *c, int *first, const char **name, size_t *len)
{
	int plain;

	if (scan_take(c, '}'))
		return 0;
	if (!*first && !scan_need(c, ','))
		return 0;
	*first = 0;
	*name = scan_raw(c, len, &plain);
	return *name && scan_need(c, ':');
}

int
scan_is(const char *name, size_t len, const char *word)
{
	return strlen(word) == len && memcmp(name, word, len) == 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Reading result.json.
 *
 * One line of JSON, an object:
 *     {"sha256":"HEX",                 of the bytes behind this comma, '}' included
 *      "format":1,"key":"HEX",
 *      "boot":"ID","synced":true,      boot id of the maker; on the disk before it was published
 *      "outputs":[{"port":"","element":"","file":"","type":"","sha256":"HEX",
 *                  "size":N,"mtime":NANOSECONDS,"dir":true}, ...],
 *      "values":{},"measures":{},"made":{}}
 * A member that is "", false or null is left out; unknown members are passed over.
 *
 * A finished run of many tasks reads one of these for each, so a scanner of its own is used: it
 * builds no JSON values but `values`, and leaves `measures` and `made` as texts.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "record/result_private.h"

/* The text still to be read. Once `bad`, every call fails. */
struct cursor {
	const char *p, *end;
	int bad;
};

static int
fail(struct cursor *c)
{
	c->bad = 1;
	return 0;
}

static void
blanks(struct cursor *c)
{
	while (c->p < c->end && (*c->p == ' ' || *c->p == '\t' || *c->p == '\n' || *c->p == '\r'))
		c->p++;
}

/* Take `ch` if it is next. */
static int
take(struct cursor *c, char ch)
{
	blanks(c);
	if (c->bad || c->p >= c->end || *c->p != ch)
		return 0;
	c->p++;
	return 1;
}

static int
need(struct cursor *c, char ch)
{
	return take(c, ch) || fail(c);
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
static const char *
raw_string(struct cursor *c, size_t *len, int *plain)
{
	const char *start, *quote;

	if (!need(c, '"'))
		return NULL;
	start = c->p;
	quote = memchr(start, '"', (size_t)(c->end - start));
	*plain = quote && !memchr(start, '\\', (size_t)(quote - start));
	if (quote && !*plain)
		quote = end_of_string(start, c->end);
	if (!quote) {
		fail(c);
		return NULL;
	}
	*len = (size_t)(quote - start);
	c->p = quote + 1;
	return start;
}

/* A string, newly allocated; NULL on failure. Escapes are left to the JSON library. */
static char *
string(struct cursor *c)
{
	size_t len;
	int plain;
	const char *s = raw_string(c, &len, &plain), *text;
	char *wrapped, *out = NULL;
	js *v;

	if (!s)
		return NULL;
	if (plain) {
		if (memchr(s, '\0', len)) {
			fail(c);
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
		fail(c);
	js_free(v);
	return out;
}

/* Pass an object or array over. */
static void
skip_container(struct cursor *c)
{
	int depth = 0, plain;
	size_t len;

	while (!c->bad && c->p < c->end) {
		switch (*c->p) {
		case '"':
			raw_string(c, &len, &plain);
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
	fail(c);
}

/* Pass one value over. */
static void
skip(struct cursor *c)
{
	const char *start;
	size_t len;
	int plain;

	blanks(c);
	start = c->p;
	if (c->p >= c->end) {
		fail(c);
	} else if (*c->p == '"') {
		raw_string(c, &len, &plain);
	} else if (*c->p == '{' || *c->p == '[') {
		skip_container(c);
	} else {
		while (c->p < c->end && !strchr(",:]}[{\" \t\r\n", *c->p))
			c->p++;
		if (c->p == start)
			fail(c);
	}
}

/* The text of one value, newly allocated; NULL for null. */
static char *
value_text(struct cursor *c)
{
	const char *start;

	blanks(c);
	start = c->p;
	skip(c);
	if (c->bad || (c->p - start == 4 && memcmp(start, "null", 4) == 0))
		return NULL;
	return xstrndup(start, (size_t)(c->p - start));
}

static uint64_t
number(struct cursor *c, int *negative)
{
	uint64_t v = 0;
	int digits = 0;

	*negative = take(c, '-');
	blanks(c);
	for (; c->p < c->end && *c->p >= '0' && *c->p <= '9'; c->p++, digits++)
		if (__builtin_mul_overflow(v, 10, &v) ||
		    __builtin_add_overflow(v, (uint64_t)(*c->p - '0'), &v))
			fail(c);
	if (digits == 0)
		fail(c);
	return v;
}

static void
hex_digest(struct cursor *c, struct digest *out)
{
	char hex[DIGEST_HEX + 1];
	size_t len;
	int plain;
	const char *s = raw_string(c, &len, &plain);

	if (!s || len != DIGEST_HEX) {
		fail(c);
		return;
	}
	memcpy(hex, s, DIGEST_HEX);
	hex[DIGEST_HEX] = '\0';
	if (digest_parse(hex, out) < 0)
		fail(c);
}

static int
truth(struct cursor *c)
{
	char *text = value_text(c);
	int yes = text && strcmp(text, "true") == 0;

	free(text);
	return yes;
}

/* The next member's name and colon; 0 at the closing brace. */
static int
member(struct cursor *c, int *first, const char **name, size_t *len)
{
	int plain;

	if (take(c, '}'))
		return 0;
	if (!*first && !need(c, ','))
		return 0;
	*first = 0;
	*name = raw_string(c, len, &plain);
	return *name && need(c, ':');
}

static int
is(const char *name, size_t len, const char *word)
{
	return strlen(word) == len && memcmp(name, word, len) == 0;
}

/* A second member of the same name replaces the first. */
static void
put_string(struct cursor *c, char **to)
{
	free(*to);
	*to = string(c);
}

static void
read_output(struct cursor *c, struct result_output *o)
{
	int first = 1, negative;
	const char *name;
	size_t len;

	need(c, '{');
	while (!c->bad && member(c, &first, &name, &len)) {
		if (is(name, len, "port"))
			put_string(c, &o->port);
		else if (is(name, len, "element"))
			put_string(c, &o->element);
		else if (is(name, len, "file"))
			put_string(c, &o->file);
		else if (is(name, len, "type"))
			put_string(c, &o->type);
		else if (is(name, len, "sha256"))
			hex_digest(c, &o->digest);
		else if (is(name, len, "size"))
			o->size = number(c, &negative);
		else if (is(name, len, "mtime")) {
			uint64_t v = number(c, &negative);

			o->mtime_ns = negative ? -(int64_t)v : (int64_t)v;
		} else if (is(name, len, "dir"))
			o->is_dir = truth(c);
		else
			skip(c);
	}
	if (!o->element)
		o->element = xstrdup("");
	if (!o->port || !o->file || !o->type || !result_file_ok(o->file))
		fail(c);
}

static void
read_outputs(struct cursor *c, struct result *r)
{
	size_t cap = 0;

	if (r->output_count > 0 || !need(c, '[')) {
		fail(c);
		return;
	}
	if (take(c, ']'))
		return;
	do {
		/* Most have one or two: no generous first allocation. */
		if (r->output_count == cap) {
			cap = cap ? cap * 2 : 2;
			r->outputs = xrealloc(r->outputs, cap, sizeof *r->outputs);
		}
		r->outputs[r->output_count] = (struct result_output){ 0 };
		read_output(c, &r->outputs[r->output_count++]);
	} while (!c->bad && take(c, ','));
	need(c, ']');
}

static void
read_values(struct cursor *c, struct result *r)
{
	char *text = value_text(c);

	if (!text)
		return;
	js_free(r->values);
	r->values = js_parse(text, strlen(text), NULL);
	if (!r->values || !js_is_object(r->values))
		fail(c);
	free(text);
}

static void
put_text(struct cursor *c, char **to)
{
	free(*to);
	*to = value_text(c);
}

static void
read_result(struct cursor *c, struct result *r)
{
	int first = 1, has_key = 0, has_format = 0, negative;
	const char *name;
	size_t len;

	need(c, '{');
	while (!c->bad && member(c, &first, &name, &len)) {
		if (is(name, len, "format"))
			has_format = number(c, &negative) == RESULT_FORMAT;
		else if (is(name, len, "key")) {
			hex_digest(c, &r->key);
			has_key = 1;
		} else if (is(name, len, "boot"))
			put_string(c, &r->boot);
		else if (is(name, len, "synced"))
			r->synced = truth(c);
		else if (is(name, len, "outputs"))
			read_outputs(c, r);
		else if (is(name, len, "values"))
			read_values(c, r);
		else if (is(name, len, "measures"))
			put_text(c, &r->later->measures);
		else if (is(name, len, "made"))
			put_text(c, &r->later->made);
		else
			skip(c);
	}
	blanks(c);
	if (!has_key || !has_format || c->p != c->end)
		fail(c);
}

struct result *
result_parse(const char *text, size_t len, const char *dir, struct error *e)
{
	struct result *r = xcalloc(1, sizeof *r);
	struct cursor c = { .p = text, .end = text + len };

	r->later = xcalloc(1, sizeof *r->later);
	read_result(&c, r);
	if (c.bad) {
		result_free(r);
		error_set(e, "it is no result of a format that is known here");
		return NULL;
	}
	if (dir)
		r->dir = xstrdup(dir);
	return r;
}

struct result *
result_read(const char *text, size_t len, const char *dir, struct error *e)
{
	const size_t head = strlen(RESULT_HEAD), body = head + DIGEST_HEX + 2;
	char hex[DIGEST_HEX + 1];
	struct digest said, is_now;

	while (len > 0 && text[len - 1] == '\n')
		len--;
	if (len <= body || memcmp(text, RESULT_HEAD, head) != 0) {
		error_set(e, len == 0 ? "it is empty" : "it is torn or no result");
		return NULL;
	}
	memcpy(hex, text + head, DIGEST_HEX);
	hex[DIGEST_HEX] = '\0';
	digest_bytes(text + body, len - body, &is_now);
	if (digest_parse(hex, &said) < 0 || memcmp(text + body - 2, "\",", 2) != 0 ||
	    !digest_equal(&said, &is_now)) {
		error_set(e, "it is torn or changed: its digest does not match");
		return NULL;
	}
	return result_parse(text, len, dir, e);
}

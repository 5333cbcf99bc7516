/* SPDX-License-Identifier: Apache-2.0 */
/* Reading result.json.
 *
 * One line of JSON, an object:
 *     {"sha256":"HEX",                 of the bytes behind this comma, '}' included
 *      "format":1,"key":"HEX",
 *      "boot":"ID","synced":true,      boot id of the maker; on the disk when published
 *      "time":SECONDS,                 Unix time of publishing
 *      "outputs":[{"port":"","element":"","file":"","type":"","sha256":"HEX",
 *                  "size":N,"mtime":NANOSECONDS,"dir":true}, ...],
 *      "values":{},"measures":{},"made":{},
 *      "from":{}}                      what the key was made of: key_parts.h
 * A member that is "", false or null is left out; unknown members, and "from", are
 * passed over.
 *
 * A finished run of many tasks reads one of these for each, so a scanner of its own
 * is used: it builds no JSON values but `values`, and leaves `measures` and `made`
 * as texts.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "record/json_scan.h"
#include "record/result_private.h"

static void
hex_digest(struct scan *c, struct digest *out)
{
	char hex[DIGEST_HEX + 1];
	size_t len;
	int plain;
	const char *s = scan_raw(c, &len, &plain);

	if (!s || len != DIGEST_HEX) {
		scan_fail(c);
		return;
	}
	memcpy(hex, s, DIGEST_HEX);
	hex[DIGEST_HEX] = '\0';
	if (digest_parse(hex, out) < 0)
		scan_fail(c);
}

/* A second member of the same name replaces the first. */
static void
put_string(struct scan *c, char **to)
{
	free(*to);
	*to = scan_string(c);
}

static void
read_output(struct scan *c, struct result_output *o)
{
	int first = 1, negative;
	const char *name;
	size_t len;

	scan_need(c, '{');
	while (!c->bad && scan_member(c, &first, &name, &len)) {
		if (scan_is(name, len, "port"))
			put_string(c, &o->port);
		else if (scan_is(name, len, "element"))
			put_string(c, &o->element);
		else if (scan_is(name, len, "file"))
			put_string(c, &o->file);
		else if (scan_is(name, len, "type"))
			put_string(c, &o->type);
		else if (scan_is(name, len, "sha256"))
			hex_digest(c, &o->digest);
		else if (scan_is(name, len, "size"))
			o->size = scan_number(c, &negative);
		else if (scan_is(name, len, "mtime")) {
			uint64_t v = scan_number(c, &negative);

			o->mtime_ns = negative ? -(int64_t)v : (int64_t)v;
		} else if (scan_is(name, len, "dir"))
			o->is_dir = scan_truth(c);
		else
			scan_skip(c);
	}
	if (!o->element)
		o->element = xstrdup("");
	if (!o->port || !o->file || !o->type || !result_file_ok(o->file))
		scan_fail(c);
}

static void
read_outputs(struct scan *c, struct result *r)
{
	size_t cap = 0;

	if (r->output_count > 0 || !scan_need(c, '[')) {
		scan_fail(c);
		return;
	}
	if (scan_take(c, ']'))
		return;
	do {
		/* Most have one or two: no generous first allocation. */
		if (r->output_count == cap) {
			cap = cap ? cap * 2 : 2;
			r->outputs = xrealloc(r->outputs, cap, sizeof *r->outputs);
		}
		r->outputs[r->output_count] = (struct result_output){0};
		read_output(c, &r->outputs[r->output_count++]);
	} while (!c->bad && scan_take(c, ','));
	scan_need(c, ']');
}

static void
read_values(struct scan *c, struct result *r)
{
	char *text = scan_text(c);

	if (!text)
		return;
	js_free(r->values);
	r->values = js_parse(text, strlen(text), NULL);
	if (!r->values || !js_is_object(r->values))
		scan_fail(c);
	free(text);
}

static void
put_text(struct scan *c, char **to)
{
	free(*to);
	*to = scan_text(c);
}

static void
read_result(struct scan *c, struct result *r)
{
	int first = 1, has_key = 0, has_format = 0, negative;
	const char *name;
	size_t len;

	scan_need(c, '{');
	while (!c->bad && scan_member(c, &first, &name, &len)) {
		if (scan_is(name, len, "format"))
			has_format = scan_number(c, &negative) == RESULT_FORMAT;
		else if (scan_is(name, len, "key")) {
			hex_digest(c, &r->key);
			has_key = 1;
		} else if (scan_is(name, len, "boot"))
			put_string(c, &r->boot);
		else if (scan_is(name, len, "synced"))
			r->synced = scan_truth(c);
		else if (scan_is(name, len, "time"))
			r->time = (int64_t)scan_number(c, &negative);
		else if (scan_is(name, len, "outputs"))
			read_outputs(c, r);
		else if (scan_is(name, len, "values"))
			read_values(c, r);
		else if (scan_is(name, len, "measures"))
			put_text(c, &r->later->measures);
		else if (scan_is(name, len, "made"))
			put_text(c, &r->later->made);
		else
			scan_skip(c);
	}
	scan_blanks(c);
	if (!has_key || !has_format || c->p != c->end)
		scan_fail(c);
}

struct result *
result_parse(const char *text, size_t len, const char *dir, struct error *e)
{
	struct result *r = xcalloc(1, sizeof *r);
	struct scan c = {.p = text, .end = text + len};

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
result_copy(const struct result *r)
{
	struct str text = {0};
	struct result *copy;

	result_write(r, &text);
	copy = result_parse(text.s, text.len, r->dir, NULL);
	str_free(&text);
	return copy;
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

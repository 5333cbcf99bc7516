/* SPDX-License-Identifier: Apache-2.0
 * key_parts: writing down what a key was made of. The form is described in key_parts.h.
 */
#include "record/key_parts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"

enum {
	LONG_VALUE = 1000, /* bytes of a value that are kept */
	DIGITS = 16,       /* of a digest */
	ITEMS = 16         /* of a port that are named */
};

/* The first digits of a digest. */
static char *
digits(const struct digest *d, size_t n)
{
	char hex[DIGEST_HEX + 1];

	return xstrndup(digest_hex(d, hex), n);
}

static char *
digits_of(const char *text, size_t len, size_t n)
{
	struct digest d;

	digest_bytes(text, len, &d);
	return digits(&d, n);
}

/* The member `name` of `parts`, an object, made if it is new. */
static js *
section(js *parts, const char *name)
{
	js *s = js_get(parts, name);

	if (!s) {
		s = js_object();
		js_set(parts, name, s);
	}
	return s;
}

/* A value as it is kept: what is cut off counts by its digest. */
static void
put_value(js *to, const char *name, const char *value)
{
	size_t len = strlen(value), keep = LONG_VALUE;

	if (len <= LONG_VALUE) {
		js_set_text(to, name, value);
		return;
	}
	while (keep > 0 && ((unsigned char)value[keep] & 0xc0) == 0x80)
		keep--; /* not within a character */
	char *sum = digits_of(value, len, DIGITS);
	char *text = xasprintf("%.*s... (%zu bytes, %s)", (int)keep, value, len, sum);
	js_set_text(to, name, text);
	free(text);
	free(sum);
}

js *
key_parts_new(const char *plugin_id, unsigned result_version)
{
	js *parts = js_object();

	js_set_text(parts, "plugin", plugin_id);
	js_set_int(parts, "version", result_version);
	return parts;
}

void
key_parts_param(js *parts, const char *name, const char *value)
{
	if (parts)
		put_value(section(parts, "params"), name, value);
}

void
key_parts_file(js *parts, const char *name, const char *file, const char *path,
               const struct digest *d)
{
	if (!parts)
		return;
	char *sum = digits(d, DIGITS);
	char *key = file ? xasprintf("%s/%s", name, file) : xstrdup(name);
	char *text = xasprintf("%s %s", sum, path_base(path));
	js_set_text(section(parts, "files"), key, text);
	free(text);
	free(key);
	free(sum);
}

void
key_parts_fingerprint(js *parts, const char *text)
{
	if (!parts)
		return;
	if (!text)
		js_set(parts, "prints", js_null());
	for (const char *line = text; line && *line;) {
		size_t n = strcspn(line, "\n"), name = strcspn(line, "=");
		char *key = xstrndup(line, name < n ? name : n);
		char *value = name < n ? xstrndup(line + name + 1, n - name - 1) : xstrdup("");
		put_value(section(parts, "prints"), key, value);
		free(value);
		free(key);
		line += n + (line[n] == '\n');
	}
}

void
key_parts_port(js *parts, const char *port, const struct digest *all, size_t count)
{
	if (!parts)
		return;
	js *entry = js_array();
	char *sum = digits(all, DIGITS);
	js_push(entry, js_text(sum));
	js_push(entry, js_int((int64_t)count));
	js_push(entry, js_object());
	js_set(section(parts, "inputs"), port, entry);
	free(sum);
}

int
key_parts_wants_item(const js *parts, size_t i)
{
	return parts && i < ITEMS;
}

void
key_parts_item(js *parts, const char *port, const char *label, const struct digest *file,
               const struct digest *values)
{
	static const struct digest none;
	js *items = js_at(js_get(js_get(parts, "inputs"), port), 2);
	struct digest both[2] = {*file, *values};

	if (!items)
		return;
	char *sum = digest_equal(values, &none)
	                    ? digits(file, DIGITS)
	                    : digits_of((const char *)both, sizeof both, DIGITS);
	js_set_text(items, label, sum);
	free(sum);
}

void
key_parts_variable(js *parts, const char *name, const char *value)
{
	if (parts)
		put_value(section(parts, "vars"), name, value);
}

void
key_parts_private(js *parts, const char *run_id)
{
	if (parts)
		js_set_text(parts, "run", run_id);
}

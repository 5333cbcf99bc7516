/* SPDX-License-Identifier: Apache-2.0 */
/* Results: freeing, writing, values. The format is described in result_read.c. */
#include "record/result.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "record/result_private.h"

void
result_trim(struct result *r)
{
	js_free(r->measures);
	js_free(r->made);
	js_free(r->from);
	if (r->later) {
		free(r->later->measures);
		free(r->later->made);
		js_free(r->later->measures_value);
		js_free(r->later->made_value);
		free(r->later);
	}
	free(r->boot);
	r->measures = r->made = r->from = NULL;
	r->later = NULL;
	r->boot = NULL;
}

void
result_free(struct result *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->output_count; i++) {
		free(r->outputs[i].port);
		free(r->outputs[i].element);
		free(r->outputs[i].file);
		free(r->outputs[i].type);
	}
	free(r->outputs);
	js_free(r->values);
	result_trim(r);
	free(r->dir);
	free(r);
}

/* Parse a text once; the text is dropped. */
static js *
parsed(char **text, js **value)
{
	if (*text) {
		*value = js_parse(*text, strlen(*text), NULL);
		free(*text);
		*text = NULL;
	}
	return *value;
}

js *
result_measures(const struct result *r)
{
	if (r->measures || !r->later)
		return r->measures;
	return parsed(&r->later->measures, &r->later->measures_value);
}

js *
result_made(const struct result *r)
{
	if (r->made || !r->later)
		return r->made;
	return parsed(&r->later->made, &r->later->made_value);
}

void
result_values_digest(const struct result *r, struct digest *out)
{
	char *text;

	memset(out, 0, sizeof *out);
	if (!r->values || js_count(r->values) == 0)
		return;
	text = js_dump(r->values, 1);
	digest_bytes(text, strlen(text), out);
	free(text);
}

/* Every component good, as path_component_ok says, and the whole printable UTF-8. */
int
result_file_ok(const char *file)
{
	const char *p = file;
	char component[256];

	if (!is_clean_utf8(file, strlen(file)))
		return 0;
	for (;;) {
		size_t n = strcspn(p, "/");

		if (n >= sizeof component)
			return 0;
		memcpy(component, p, n);
		component[n] = '\0';
		if (!path_component_ok(component))
			return 0;
		if (!p[n])
			return 1;
		p += n + 1;
	}
}

/* --- writing ---------------------------------------------------------------------- */

/* A JSON string. Bytes that are not UTF-8 make it '?' as js_text does. */
static void
add_string(struct str *out, const char *s)
{
	size_t n = strlen(s);

	if (!is_clean_utf8(s, n)) {
		js *v = js_array();
		char *text;

		js_push(v, js_text(s));
		text = js_dump(v, 0); /* ["..."] */
		str_addn(out, text + 1, strlen(text) - 2);
		free(text);
		js_free(v);
		return;
	}
	str_addc(out, '"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			str_addc(out, '\\');
		if (*s == '\n')
			str_add(out, "\\n");
		else if (*s == '\t')
			str_add(out, "\\t");
		else
			str_addc(out, *s);
	}
	str_addc(out, '"');
}

static void
add_output(struct str *out, const struct result_output *o)
{
	char hex[DIGEST_HEX + 1];

	str_add(out, "{\"port\":");
	add_string(out, o->port ? o->port : "");
	if (o->element && o->element[0]) {
		str_add(out, ",\"element\":");
		add_string(out, o->element);
	}
	str_add(out, ",\"file\":");
	add_string(out, o->file ? o->file : "");
	str_add(out, ",\"type\":");
	add_string(out, o->type ? o->type : "");
	str_printf(out,
		   ",\"sha256\":\"%s\",\"size\":%" PRIu64 ",\"mtime\":%" PRId64 "%s}",
		   digest_hex(&o->digest, hex), o->size, o->mtime_ns,
		   o->is_dir ? ",\"dir\":true" : "");
}

/* ,"name":VALUE from a value or its text; nothing for neither. */
static void
add_member(struct str *out, const char *name, const js *value, const char *text)
{
	char *dumped = value ? js_dump(value, 0) : NULL;

	if (dumped || text) {
		str_printf(out, ",\"%s\":", name);
		str_add(out, dumped ? dumped : text);
	}
	free(dumped);
}

/* All members but the digest, with the closing brace. */
static void
add_body(struct str *out, const struct result *r)
{
	const struct result_later *l = r->later;
	char hex[DIGEST_HEX + 1];

	str_printf(out, "\"format\":%d,\"key\":\"%s\"", RESULT_FORMAT,
		   digest_hex(&r->key, hex));
	if (r->boot) {
		str_add(out, ",\"boot\":");
		add_string(out, r->boot);
	}
	if (r->synced)
		str_add(out, ",\"synced\":true");
	if (r->time > 0)
		str_printf(out, ",\"time\":%" PRId64, r->time);
	str_add(out, ",\"outputs\":[");
	for (size_t i = 0; i < r->output_count; i++) {
		if (i > 0)
			str_addc(out, ',');
		add_output(out, &r->outputs[i]);
	}
	str_addc(out, ']');
	add_member(out, "values", r->values, NULL);
	add_member(out, "measures",
		   r->measures ? r->measures
		   : l         ? l->measures_value
			       : NULL,
		   l ? l->measures : NULL);
	add_member(out, "made",
		   r->made ? r->made
		   : l     ? l->made_value
			   : NULL,
		   l ? l->made : NULL);
	add_member(out, "from", r->from, NULL);
	str_addc(out, '}');
}

void
result_write(const struct result *r, struct str *out)
{
	char hex[DIGEST_HEX + 1];
	struct str body = {0};
	struct digest d;

	add_body(&body, r);
	digest_bytes(body.s, body.len, &d);
	str_add(out, RESULT_HEAD);
	str_add(out, digest_hex(&d, hex));
	str_add(out, "\",");
	str_addn(out, body.s, body.len);
	str_free(&body);
}

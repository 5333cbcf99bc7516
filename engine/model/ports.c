/* SPDX-License-Identifier: Apache-2.0 */
/* Ports: which types fit, and the texts "a:text b:fasta* c:hhr?" of computed ones. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/stage_parts.h"

int
port_type_ok(const char *type)
{
	static const char *const known[] = {"fasta",    "stockholm", "a3m",   "hhr",
					    "features", "pdb",       "mmcif", "table",
					    "json",     "text",      "dir",   NULL};
	const char *dot = strchr(type, '.');

	for (size_t i = 0; known[i]; i++)
		if (strcmp(known[i], type) == 0)
			return 1;
	if (!dot || dot == type || !dot[1])
		return 0;
	for (const char *p = type; *p; p++)
		if (!((*p >= 'a' && *p <= 'z') || (*p >= 'A' && *p <= 'Z') ||
		      (*p >= '0' && *p <= '9') || strchr("._-", *p)))
			return 0;
	return 1;
}

int
port_types_parse(const char *text, size_t len, int output, struct words *types,
		 struct error *e)
{
	const char *end = text + len;

	for (const char *p = text;;) {
		const char *bar = memchr(p, '|', (size_t)(end - p));
		const char *stop = bar ? bar : end;

		words_addn(types, p, (size_t)(stop - p));
		if (!port_type_ok(types->v[types->count - 1])) {
			error_set(e, "unknown port type '%s'",
				  types->v[types->count - 1]);
			return error_hint(
				e,
				"types are fasta stockholm a3m hhr features pdb mmcif "
				"table json text dir, or vendor.name");
		}
		if (!bar)
			break;
		p = bar + 1;
	}
	if (output && types->count > 1)
		return error_set(e, "an output has one type, not '%.*s'", (int)len,
				 text);
	return 0;
}

int
port_accepts(const struct stage_port *in, const char *type)
{
	for (size_t i = 0; i < in->types.count; i++)
		if (strcmp(in->types.v[i], type) == 0)
			return 1;
	return 0;
}

void
stage_port_clear(struct stage_port *p)
{
	free(p->name);
	words_free(&p->types);
	free(p->publish);
	free(p->doc);
	memset(p, 0, sizeof *p);
}

void
stage_port_copy(struct stage_port *to, const struct stage_port *from)
{
	memset(to, 0, sizeof *to);
	to->name = xstrdup(from->name);
	for (size_t i = 0; i < from->types.count; i++)
		words_add(&to->types, from->types.v[i]);
	to->cardinality = from->cardinality;
	to->flags = from->flags;
	to->min = from->min;
	to->publish = from->publish ? xstrdup(from->publish) : NULL;
	to->doc = xstrdup(from->doc ? from->doc : "");
}

/* The mark behind the types: '*' many, '+' many and at least one, '?' optional. */
static size_t
port_mark(const char *word, size_t len, struct stage_port *p)
{
	char mark = len ? word[len - 1] : '\0';

	p->cardinality = mark == '*' || mark == '+' ? AF2_MANY
			 : mark == '?'              ? AF2_OPTIONAL
						    : AF2_ONE;
	p->min = mark == '+';
	return p->cardinality == AF2_ONE ? len : len - 1;
}

static int
port_parse(const char *word, int outputs, struct stage_port *p, struct error *e)
{
	const char *colon = strchr(word, ':');
	size_t len;

	memset(p, 0, sizeof *p);
	if (!colon) {
		error_set(e, "port '%s' has no type", word);
		return error_hint(e, "write name:type, e.g. %s:text", word);
	}
	p->name = xstrndup(word, (size_t)(colon - word));
	p->doc = xstrdup("");
	if (!is_name(p->name))
		return error_set(e, "'%s' cannot be the name of a port", p->name);
	len = port_mark(colon + 1, strlen(colon + 1), p);
	return port_types_parse(colon + 1, len, outputs, &p->types, e);
}

int
ports_parse(const char *text, int outputs, struct stage_port **ports, size_t *count,
	    struct error *e)
{
	struct words words = {0};
	int rc = 0;

	words_split(&words, text);
	for (size_t i = 0; rc == 0 && i < words.count; i++) {
		struct stage_port p;

		rc = port_parse(words.v[i], outputs, &p, e);
		for (size_t k = 0; rc == 0 && k < *count; k++)
			if (strcmp((*ports)[k].name, p.name) == 0)
				rc = error_set(e, "two %s called '%s'",
					       outputs ? "outputs" : "inputs", p.name);
		if (rc < 0) {
			stage_port_clear(&p);
			break;
		}
		*ports = xrealloc(*ports, *count + 1, sizeof **ports);
		(*ports)[(*count)++] = p;
	}
	words_free(&words);
	return rc;
}

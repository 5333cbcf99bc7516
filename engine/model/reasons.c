/* SPDX-License-Identifier: Apache-2.0
 * reasons: words and meanings of the table, and lists of reasons.
 */
#include "model/reasons.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static const struct {
	const char *word, *meaning;
} table[REASON_COUNT] = {
#define X(symbol, word, text) {word, text},
	REASONS(X)
#undef X
};

const char *
reason_word(int id)
{
	return id >= 0 && id < REASON_COUNT ? table[id].word : "?";
}

const char *
reason_meaning(int id)
{
	return id >= 0 && id < REASON_COUNT ? table[id].meaning : "?";
}

int
reason_parse(const char *word)
{
	for (int i = 0; i < REASON_COUNT; i++)
		if (!strcmp(table[i].word, word))
			return i;
	return -1;
}

static char *
copy_of(const char *text)
{
	return text ? xstrdup(text) : NULL;
}

void
reasons_add(struct reasons *r, int id, const char *name, const char *then, const char *now,
            const char *format, ...)
{
	va_list ap;
	char *text;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		mem_exhausted();
	va_end(ap);
	GROW(r->v, r->count, r->cap);
	r->v[r->count++] = (struct reason){.id = id, .name = copy_of(name),
	                                   .then = copy_of(then), .now = copy_of(now),
	                                   .text = text};
}

char *
reasons_text(const struct reasons *r)
{
	struct str b = {0};

	for (size_t i = 0; i < r->count; i++)
		str_printf(&b, "%s%s", i ? "; " : "", r->v[i].text);
	return str_take(&b);
}

js *
reasons_json(const struct reasons *r)
{
	js *all = js_array();

	for (size_t i = 0; i < r->count; i++) {
		js *one = js_object();
		js_set_text(one, "reason", reason_word(r->v[i].id));
		js_set_text(one, "name", r->v[i].name);
		js_set_text(one, "then", r->v[i].then);
		js_set_text(one, "now", r->v[i].now);
		js_set_text(one, "text", r->v[i].text);
		js_push(all, one);
	}
	return all;
}

void
reasons_free(struct reasons *r)
{
	for (size_t i = 0; i < r->count; i++) {
		free(r->v[i].name);
		free(r->v[i].then);
		free(r->v[i].now);
		free(r->v[i].text);
	}
	free(r->v);
	*r = (struct reasons){0};
}

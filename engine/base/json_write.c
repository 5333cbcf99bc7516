/* SPDX-License-Identifier: Apache-2.0 */
/* Writing JSON (declared in base/json.h). Done here rather than by jansson, which
 * prints all reals of a value with one number of digits: either 0.1 becomes
 * 0.10000000000000001, or others do not read back as they were.
 */
#include <inttypes.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"

struct writer {
	struct str out;
	int sorted;
	int indent; /* spaces a level, -1: all on one line */
};

static void write_value(struct writer *w, const js *v, int depth);

static void
write_text(struct writer *w, const char *s)
{
	static const char letters[] = "btnvfr"; /* of \b (8) to \r (13) */

	str_addc(&w->out, '"');
	while (*s) {
		size_t plain = 0;

		while ((unsigned char)s[plain] >= 0x20 && s[plain] != '"' &&
		       s[plain] != '\\')
			plain++;
		str_addn(&w->out, s, plain);
		s += plain;
		if (!*s)
			break;
		if (*s == '"' || *s == '\\')
			str_printf(&w->out, "\\%c", *s);
		else if (*s >= '\b' && *s <= '\r' && *s != '\v')
			str_printf(&w->out, "\\%c", letters[*s - '\b']);
		else
			str_printf(&w->out, "\\u%04x", (unsigned)*s);
		s++;
	}
	str_addc(&w->out, '"');
}

/* The shortest of 15 to 17 digits that reads back as the same number; always with a
 * point or an exponent, so that it stays a real. */
static void
write_real(struct writer *w, double v)
{
	locale_t c = newlocale(LC_ALL_MASK, "C", (locale_t)0), before;
	char buf[40];

	before = uselocale(c ? c : (locale_t)0);
	for (int digits = 15; digits <= 17; digits++) {
		snprintf(buf, sizeof buf, "%.*g", digits, v);
		if (strtod(buf, NULL) == v)
			break;
	}
	uselocale(before);
	if (c)
		freelocale(c);
	str_add(&w->out, buf);
	if (!strpbrk(buf, ".e"))
		str_add(&w->out, ".0");
}

static void
new_line(struct writer *w, int depth)
{
	if (w->indent < 0)
		return;
	str_addc(&w->out, '\n');
	for (int i = 0; i < depth * w->indent; i++)
		str_addc(&w->out, ' ');
}

static void
write_array(struct writer *w, const js *v, int depth)
{
	size_t n = js_count(v);

	str_addc(&w->out, '[');
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			str_addc(&w->out, ',');
		new_line(w, depth + 1);
		write_value(w, js_at(v, i), depth + 1);
	}
	if (n > 0)
		new_line(w, depth);
	str_addc(&w->out, ']');
}

struct member {
	const char *key;
	const js *value;
};

static int
compare_members(const void *a, const void *b)
{
	return strcmp(((const struct member *)a)->key, ((const struct member *)b)->key);
}

static void
write_object(struct writer *w, const js *v, int depth)
{
	size_t n = js_count(v);
	struct member *members = xcalloc(n, sizeof *members);
	void *it = NULL;

	for (size_t i = 0; i < n; i++)
		members[i].value = js_next(v, &it, &members[i].key);
	if (w->sorted && n > 1)
		qsort(members, n, sizeof *members, compare_members);
	str_addc(&w->out, '{');
	for (size_t i = 0; i < n; i++) {
		if (i > 0)
			str_addc(&w->out, ',');
		new_line(w, depth + 1);
		write_text(w, members[i].key);
		str_add(&w->out, w->indent < 0 ? ":" : ": ");
		write_value(w, members[i].value, depth + 1);
	}
	if (n > 0)
		new_line(w, depth);
	str_addc(&w->out, '}');
	free(members);
}

static void
write_value(struct writer *w, const js *v, int depth)
{
	switch (js_kind(v)) {
	case JS_OBJECT:
		write_object(w, v, depth);
		break;
	case JS_ARRAY:
		write_array(w, v, depth);
		break;
	case JS_TEXT:
		write_text(w, js_as_text(v, ""));
		break;
	case JS_INT:
		str_printf(&w->out, "%" PRId64, js_as_int(v, 0));
		break;
	case JS_REAL:
		write_real(w, js_as_real(v, 0));
		break;
	case JS_BOOL:
		str_add(&w->out, js_as_bool(v, 0) ? "true" : "false");
		break;
	case JS_NULL:
		str_add(&w->out, "null");
		break;
	}
}

char *
js_dump(const js *v, int sorted)
{
	struct writer w = {.sorted = sorted, .indent = -1};

	write_value(&w, v, 0);
	return str_take(&w.out);
}

char *
js_pretty(const js *v)
{
	struct writer w = {.indent = 2};

	write_value(&w, v, 0);
	str_addc(&w.out, '\n');
	return str_take(&w.out);
}

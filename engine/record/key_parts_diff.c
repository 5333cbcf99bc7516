/* SPDX-License-Identifier: Apache-2.0
 * key_parts_diff: what differs between the parts of two keys, in words.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "record/key_parts.h"

enum {
	SHORT = 60,    /* bytes of a value that are shown in full */
	BEFORE = 20,   /* shown before the first difference, where it is cut */
	SUM = 16,      /* digits of a digest, as key_parts.c writes them */
	MANY_FILES = 4 /* files or items of a port that are named */
};

static const char *
member(const js *parts, const char *name)
{
	return js_get_text(parts, name, "");
}

/* Not within a character. */
static size_t
boundary(const char *s, size_t at)
{
	while (at > 0 && ((unsigned char)s[at] & 0xc0) == 0x80)
		at--;
	return at;
}

/* Around byte `from`: the value, or a part of it that is short. */
static char *
excerpt(const char *value, size_t from)
{
	size_t len = strlen(value), start, end;

	if (len <= SHORT)
		return xstrdup(value);
	start = boundary(value, from > BEFORE ? from - BEFORE : 0);
	end = len - start > SHORT ? boundary(value, start + SHORT) : len;
	return xasprintf("%s%.*s%s", start ? "..." : "", (int)(end - start), value + start,
	                 end < len ? "..." : "");
}

/* "WHAT changed: A -> B", or what of the two there is. */
static void
changed(struct reasons *out, int id, const char *what, const char *name, const char *then,
        const char *now)
{
	size_t same = 0;

	while (then && now && then[same] && then[same] == now[same])
		same++;
	char *a = excerpt(then ? then : "", same), *b = excerpt(now ? now : "", same);
	if (!then)
		reasons_add(out, id, name, NULL, now, "%s set: %s", what, b);
	else if (!now)
		reasons_add(out, id, name, then, NULL, "%s no longer set: it was %s", what, a);
	else
		reasons_add(out, id, name, then, now, "%s changed: %s -> %s", what, a, b);
	free(a);
	free(b);
}

static void
one_value(struct reasons *out, int id, const char *what, const char *name, const js *then,
          const js *now)
{
	const char *a = js_as_text(then, NULL), *b = js_as_text(now, NULL);

	if (a && b && !strcmp(a, b))
		return;
	changed(out, id, what, name, a, b);
}

/* Each member of two objects: those of now, then those that are gone. */
typedef void member_diff(struct reasons *out, const char *name, const js *then, const js *now);

static void
each_member(struct reasons *out, const js *then, const js *now, member_diff *diff)
{
	const char *name;
	void *it = NULL;
	js *v;

	while (now && (v = js_next(now, &it, &name)))
		diff(out, name, js_get(then, name), v);
	it = NULL;
	while (then && (v = js_next(then, &it, &name)))
		if (!js_get(now, name))
			diff(out, name, v, NULL);
}

static void
diff_param(struct reasons *out, const char *name, const js *then, const js *now)
{
	char *what = xasprintf("parameter '%s'", name);

	one_value(out, WHY_PARAMETER, what, name, then, now);
	free(what);
}

static void
diff_variable(struct reasons *out, const char *name, const js *then, const js *now)
{
	char *what = xasprintf("variable '%s'", name);

	one_value(out, WHY_VARIABLE, what, name, then, now);
	free(what);
}

static void
diff_print(struct reasons *out, const char *name, const js *then, const js *now)
{
	const char *a = js_as_text(then, NULL), *b = js_as_text(now, NULL);

	if (a && b && !strcmp(a, b))
		return;
	reasons_add(out, WHY_FINGERPRINT, name, a, b, "fingerprint changed: %s %s -> %s", name,
	            a ? a : "(none)", b ? b : "(none)");
}

static void
diff_prints(struct reasons *out, const js *then, const js *now)
{
	if (!now || js_is_object(now)) /* else it is not known */
		each_member(out, then, now, diff_print);
}

/* "DIGEST base" of a file; the names are told, the digests count. */
static void
diff_file(struct reasons *out, const char *name, const js *then, const js *now)
{
	const char *a = js_as_text(then, ""), *b = js_as_text(now, "");
	const char *slash = strchr(name, '/');
	size_t n = slash ? (size_t)(slash - name) : strlen(name);

	if (!strncmp(a, b, SUM))
		return;
	const char *was = strlen(a) > SUM ? a + SUM + 1 : "", *is = strlen(b) > SUM ? b + SUM + 1 : "";
	if (!*b)
		reasons_add(out, WHY_FILE, name, was, NULL,
		            "file '%s' of parameter '%.*s' is no longer there", was, (int)n, name);
	else if (!*a)
		reasons_add(out, WHY_FILE, name, NULL, is, "file '%s' of parameter '%.*s' is new",
		            is, (int)n, name);
	else if (!strcmp(was, is))
		reasons_add(out, WHY_FILE, name, NULL, NULL,
		            "file '%s' of parameter '%.*s' changed (content)", is, (int)n, name);
	else
		reasons_add(out, WHY_FILE, name, was, is,
		            "file of parameter '%.*s' changed (content): '%s' -> '%s'", (int)n,
		            name, was, is);
}

/* --- inputs ------------------------------------------------------------------------------ */

/* Makers whose item is not the same in `b` as in `a`, at most MANY_FILES of them named. */
static size_t
name_differing(const js *a, const js *b, int only_new, struct str *names)
{
	const char *label;
	void *it = NULL;
	size_t count = 0;
	js *v;

	while (a && (v = js_next(a, &it, &label))) {
		const char *other = js_get_text(b, label, NULL);
		if (other ? only_new || !strcmp(other, js_as_text(v, "")) : !only_new)
			continue;
		if (count < MANY_FILES)
			str_printf(names, "%s%s", count ? ", " : "", label);
		count++;
	}
	if (count > MANY_FILES)
		str_printf(names, " and %zu more", count - MANY_FILES);
	return count;
}

static void
diff_items(struct reasons *out, const char *port, const js *then, const js *now)
{
	const js *a = js_at(then, 2), *b = js_at(now, 2);
	int64_t was = js_as_int(js_at(then, 1), 0), is = js_as_int(js_at(now, 1), 0);
	struct str other = {0}, added = {0}, gone = {0};
	size_t changes = name_differing(b, a, 0, &other), more = name_differing(b, a, 1, &added),
	       less = name_differing(a, b, 1, &gone);

	if (changes)
		reasons_add(out, WHY_INPUT, port, NULL, other.s, "input '%s' from %s changed",
		            port, other.s);
	else if (was != is)
		reasons_add(out, WHY_INPUT, port, gone.s, added.s,
		            "input '%s' has %" PRId64 " item%s, it had %" PRId64, port, is,
		            is == 1 ? "" : "s", was);
	else if (more && less)
		reasons_add(out, WHY_INPUT, port, gone.s, added.s,
		            "input '%s' changed: it came from %s, and comes from %s", port, gone.s,
		            added.s);
	else
		reasons_add(out, WHY_INPUT, port, NULL, NULL,
		            "input '%s' changed: order or branches of its items, or items behind the "
		            "first %zu", port, js_count(b));
	str_free(&other);
	str_free(&added);
	str_free(&gone);
}

static void
diff_port(struct reasons *out, const char *port, const js *then, const js *now)
{
	if (!now)
		reasons_add(out, WHY_INPUT, port, NULL, NULL, "input '%s' is empty, it was not",
		            port);
	else if (!then)
		reasons_add(out, WHY_INPUT, port, NULL, NULL, "input '%s' is not empty, it was",
		            port);
	else if (strcmp(js_as_text(js_at(then, 0), ""), js_as_text(js_at(now, 0), "")))
		diff_items(out, port, then, now);
}

/* --- the whole --------------------------------------------------------------------------- */

void
key_parts_diff(const js *then, const js *now, struct reasons *out)
{
	int64_t v = js_get_int(then, "version", 0), w = js_get_int(now, "version", 0);
	const char *was = member(then, "plugin"), *is = member(now, "plugin");

	if (strcmp(was, is)) { /* its parameters are others, too */
		changed(out, WHY_PLUGIN, "plugin", NULL, was, is);
		return;
	}
	if (v != w)
		reasons_add(out, WHY_VERSION, is, NULL, NULL,
		            "plugin '%s' result version %" PRId64 " -> %" PRId64, is, v, w);
	each_member(out, js_get(then, "params"), js_get(now, "params"), diff_param);
	each_member(out, js_get(then, "files"), js_get(now, "files"), diff_file);
	diff_prints(out, js_get(then, "prints"), js_get(now, "prints"));
	each_member(out, js_get(then, "inputs"), js_get(now, "inputs"), diff_port);
	each_member(out, js_get(then, "vars"), js_get(now, "vars"), diff_variable);
	if (strcmp(member(then, "run"), member(now, "run")))
		reasons_add(out, WHY_OWN_RUN, NULL, NULL, NULL,
		            "its result holds for one run directory, and this is another");
}

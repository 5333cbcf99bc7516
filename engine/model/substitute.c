/* SPDX-License-Identifier: Apache-2.0 */
/* ${name} in texts: see substitute.h. */
#include "model/substitute.h"

#include <stdlib.h>
#include <string.h>

#include "af2flow/plugin.h"
#include "base/mem.h"

unsigned
subst_flags(int type)
{
	return type == AF2_ARGV    ? SUBST_ARGV | SUBST_WORDS
	       : type == AF2_FILES ? SUBST_WORDS
				   : 0;
}

void
subst_escape(struct str *out, const char *text)
{
	for (const char *p; (p = strstr(text, "${")); text = p + 2) {
		str_addn(out, text, (size_t)(p - text));
		str_add(out, "$${");
	}
	str_add(out, text);
}

/* Names that mean something to the plugin in a command line. */
static int
for_plugin(const char *name, size_t len)
{
	static const char *const slot[] = {"cpus", "gpus", "memory"};

	if ((len > 3 && memcmp(name, "in.", 3) == 0) ||
	    (len > 4 && memcmp(name, "out.", 4) == 0))
		return 1;
	for (size_t i = 0; i < 3; i++)
		if (strlen(slot[i]) == len && memcmp(slot[i], name, len) == 0)
			return 1;
	return 0;
}

/* One reference: p points at "${", end at its '}'. */
static int
subst_one(struct str *out, const char *p, const char *end, unsigned flags,
	  subst_lookup *lookup, void *arg, struct error *e)
{
	size_t len = (size_t)(end - p - 2);
	const char *value = NULL;
	char name[256];

	if ((flags & SUBST_ARGV) && for_plugin(p + 2, len)) {
		str_addn(out, p, len + 3);
		return 0;
	}
	if (len == 0 || len >= sizeof name)
		return error_set(e, "'${%.*s}' names nothing",
				 (int)(len < 60 ? len : 60), p + 2);
	memcpy(name, p + 2, len);
	name[len] = '\0';
	value = lookup ? lookup(arg, name) : NULL;
	if (!value && (flags & SUBST_LAST))
		return error_set(e, "'${%s}' is not set here", name);
	if (!value)
		str_addn(out, p, len + 3);
	else if ((flags & SUBST_LAST) && !(flags & SUBST_ARGV))
		str_add(out, value);
	else
		subst_escape(out, value);
	return 0;
}

static int
subst_word(struct str *out, const char *text, unsigned flags, subst_lookup *lookup,
	   void *arg, struct error *e)
{
	const char *p, *end;

	for (; (p = strchr(text, '$')); text = end) {
		str_addn(out, text, (size_t)(p - text));
		if (p[1] == '$' && p[2] == '{') {
			int plain = (flags & SUBST_LAST) && !(flags & SUBST_ARGV);

			str_add(out, plain ? "${" : "$${");
			end = p + 3;
		} else if (p[1] == '{') {
			end = strchr(p, '}');
			if (!end) {
				error_set(e, "'${' without '}'");
				return error_hint(e, "a literal '${' is written '$${'");
			}
			if (subst_one(out, p, end, flags, lookup, arg, e) < 0)
				return -1;
			end++;
		} else {
			str_addc(out, '$');
			end = p + 1;
		}
	}
	str_add(out, text);
	return 0;
}

int
subst(struct str *out, const char *text, unsigned flags, subst_lookup *lookup,
      void *arg, struct error *e)
{
	struct words words = {0};
	struct str word = {0};
	int rc = 0;

	if (!(flags & SUBST_WORDS))
		return subst_word(out, text, flags, lookup, arg, e);
	if (words_split_posix(&words, text) < 0)
		rc = error_set(e, "a quote that never ends");
	for (size_t i = 0; rc == 0 && i < words.count; i++) {
		str_reset(&word);
		rc = subst_word(&word, words.v[i], flags, lookup, arg, e);
		if (i)
			str_addc(out, ' ');
		str_add_quoted(out, word.s ? word.s : "");
	}
	str_free(&word);
	words_free(&words);
	return rc;
}

char *
subst_next(const char **text, unsigned flags)
{
	const char *p = *text, *end;

	while ((p = strchr(p, '$'))) {
		if (p[1] == '$' && p[2] == '{') {
			p += 3;
		} else if (p[1] == '{' && (end = strchr(p, '}'))) {
			size_t len = (size_t)(end - p - 2);

			*text = end + 1;
			if (!(flags & SUBST_ARGV) || !for_plugin(p + 2, len))
				return xstrndup(p + 2, len);
			p = end + 1;
		} else {
			p++;
		}
	}
	*text += strlen(*text);
	return NULL;
}

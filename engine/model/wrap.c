/* SPDX-License-Identifier: Apache-2.0 */
/* Command lines inside wrappers. A bind is kept as its path behind 'r' or 'w'. */
#include "model/wrap.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"

#define EACH "${bind}"
#define ALL  "${binds}"

void
wrap_bind(struct words *binds, const char *path, int writable)
{
	char *bind = xasprintf("%c%s", writable ? 'w' : 'r', path);

	for (size_t i = 0; i < binds->count; i++)
		if (strcmp(binds->v[i] + 1, path) == 0) {
			if (writable)
				binds->v[i][0] = 'w';
			free(bind);
			return;
		}
	words_add(binds, bind);
	free(bind);
}

/* --- wrappers ---------------------------------------------------------------------- */

static int
is_called(const char *word, const char *const *names)
{
	for (; *names; names++)
		if (strcmp(path_base(word), *names) == 0)
			return 1;
	return 0;
}

static int
is_apptainer(const struct words *wrap)
{
	static const char *const names[] = {"apptainer", "singularity", NULL};

	return wrap->count && is_called(wrap->v[0], names);
}

/* The place of the word exec or run, 0 if there is none. */
static size_t
find_verb(const struct words *wrap)
{
	for (size_t i = 1; i < wrap->count; i++)
		if (strcmp(wrap->v[i], "exec") == 0 || strcmp(wrap->v[i], "run") == 0)
			return i;
	return 0;
}

static int
has_place(const struct words *wrap)
{
	for (size_t i = 0; i < wrap->count; i++)
		if (strstr(wrap->v[i], EACH) || strstr(wrap->v[i], ALL))
			return 1;
	return 0;
}

int
wrap_has_image(const struct words *wrap)
{
	static const char *const names[] = {"podman", NULL};

	return is_apptainer(wrap) || (wrap->count && is_called(wrap->v[0], names));
}

const char *
wrap_problem(const struct words *wrap)
{
	static const char *const daemons[] = {"docker", NULL}, *const places[] = {"podman", NULL};
	size_t verb = find_verb(wrap);

	if (!*wrap->v[0])
		return "it begins with a program: apptainer exec IMAGE";
	if (is_apptainer(wrap) && (!verb || verb + 1 >= wrap->count))
		return "write apptainer exec IMAGE";
	if (is_called(wrap->v[0], daemons))
		return "docker's daemon runs programs that do not end with their task: use "
		       "apptainer, or podman run";
	if (is_called(wrap->v[0], places) && !has_place(wrap))
		return "say where folders go: podman run --volume=${bind} IMAGE";
	return NULL;
}

/* --- command lines ------------------------------------------------------------------ */

/* "PATH:PATH", ":ro" behind it if nobody writes there. NULL with the error set if its name would
 * be read as something else. */
static char *
bind_text(const char *bind, struct error *e)
{
	const char *path = bind + 1;

	if (strpbrk(path, ":,")) {
		error_set(e, "cannot bind '%s' into a container: its name has a ':' or a ','",
			  path);
		return NULL;
	}
	return xasprintf("%s:%s%s", path, path, *bind == 'w' ? "" : ":ro");
}

static int
bind_texts(const struct words *binds, struct words *texts, char **list, struct error *e)
{
	struct str all = {0};
	char *text;

	for (size_t i = 0; i < binds->count; i++) {
		text = bind_text(binds->v[i], e);
		if (!text) {
			str_free(&all);
			return -1;
		}
		str_printf(&all, "%s%s", i ? "," : "", text);
		words_add(texts, text);
		free(text);
	}
	*list = str_take(&all);
	return 0;
}

/* `word` with `value` in place of `what`. */
static void
add_replaced(struct words *out, const char *word, const char *what, const char *value)
{
	struct str text = {0};
	const char *at;

	while ((at = strstr(word, what))) {
		str_addn(&text, word, (size_t)(at - word));
		str_add(&text, value);
		word = at + strlen(what);
	}
	str_add(&text, word);
	words_add(out, text.s);
	str_free(&text);
}

int
wrap_command(const struct words *wrap, const struct words *binds, const char *const *argv,
	     struct words *out, struct error *e)
{
	size_t verb = is_apptainer(wrap) && !has_place(wrap) ? find_verb(wrap) : 0;
	struct words texts = {0};
	char *list = NULL;

	if (bind_texts(binds, &texts, &list, e) < 0) {
		words_free(&texts);
		return -1;
	}
	for (size_t i = 0; i < wrap->count; i++) {
		const char *word = wrap->v[i];

		for (size_t k = 0; strstr(word, EACH) && k < texts.count; k++)
			add_replaced(out, word, EACH, texts.v[k]);
		if (!strstr(word, EACH))
			add_replaced(out, word, ALL, list);
		if (verb && i == verb && texts.count) {
			words_add(out, "--bind");
			words_add(out, list);
		}
	}
	for (; *argv; argv++)
		words_add(out, *argv);
	words_free(&texts);
	free(list);
	return 0;
}

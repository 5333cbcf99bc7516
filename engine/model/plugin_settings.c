/* SPDX-License-Identifier: Apache-2.0 */
/* [plugin.NAME]: path, env.NAME, wrap, version. */
#include "model/plugin_settings.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "model/config_paths.h"
#include "model/wrap.h"

/* --- setting ---------------------------------------------------------------------- */

static void
set_text(char **to, char *value)
{
	free(*to);
	*to = value;
}

/* What is wrong with the name of a variable, NULL if nothing is. */
static const char *
bad_variable(const char *name)
{
	static const char *const slots[] = {"CUDA_VISIBLE_DEVICES", "CUDA_DEVICE_ORDER",
					    "OMP_NUM_THREADS"};
	size_t n = 0;

	while (isalnum((unsigned char)name[n]) || name[n] == '_')
		n++;
	if (n == 0 || name[n] || isdigit((unsigned char)*name))
		return "write env.NAME, NAME of letters, digits and '_'";
	if (strcmp(name, "PATH") == 0)
		return "folders for programs go into 'path'";
	for (size_t i = 0; i < sizeof slots / sizeof *slots; i++)
		if (strcmp(name, slots[i]) == 0)
			return "each task's slot sets it";
	return starts_with(name, "AF2FLOW_") ? "names that begin so are af2flow's own" : NULL;
}

static int
is_about(const char *entry, const char *name, size_t n)
{
	return strncmp(entry, name, n) == 0 && (!entry[n] || entry[n] == '=');
}

static void
set_variable(struct words *env, const char *name, const char *value)
{
	char *entry = *value ? xasprintf("%s=%s", name, value) : xstrdup(name);

	for (size_t i = 0; i < env->count; i++)
		if (is_about(env->v[i], name, strlen(name))) {
			set_text(&env->v[i], entry);
			return;
		}
	words_add(env, entry);
	free(entry);
}

/* A path beside the settings: the wrapper itself, or the image at the end. */
static void
make_absolute(char **word, const char *file)
{
	char *path = config_absolute_path(file, *word);
	struct stamp there;

	if (**word != '/' && **word != '-' && fs_stamp(path, &there) == 0)
		set_text(word, path);
	else
		free(path);
}

/* Split `value`, which may be quoted as a whole, as in a workflow. -1: a quote is open. */
static int
split_wrap(struct words *out, const char *value)
{
	struct words whole = {0};
	int rc = words_split_posix(out, value);

	if (rc < 0 || out->count != 1 || (*value != '"' && *value != '\''))
		return rc;
	whole = *out;
	*out = (struct words){0};
	rc = words_split_posix(out, whole.v[0]);
	words_free(&whole);
	return rc;
}

/* NULL, or what is wrong. */
static const char *
set_wrap(struct plugin_settings *p, const char *file, const char *value)
{
	struct words words = {0};
	const char *problem = split_wrap(&words, value) < 0 ? "a quote is not closed"
			      : words.count	      ? wrap_problem(&words)
							      : NULL;

	if (problem) {
		words_free(&words);
		return problem;
	}
	if (words.count && strchr(words.v[0], '/'))
		make_absolute(&words.v[0], file);
	if (words.count > 1)
		make_absolute(&words.v[words.count - 1], file);
	words_free(&p->wrap);
	p->wrap = words;
	return NULL;
}

static void
unknown(const char *file, int line, const struct plugin_settings *p, const char *name,
	struct diags *diags)
{
	static const char *const names[] = {"path", "wrap", "version", "env.NAME", NULL};
	const char *near = nearest_word(name, names);
	char *hint = near ? xasprintf("did you mean '%s'?", near)
			  : xstrdup("keys are path, wrap, version and env.NAME");

	diags_add(diags, SEV_ERROR, file, line, name, hint,
		  "unknown key '%s' in [plugin.%s]", name, p->id);
	free(hint);
}

void
plugin_settings_set(struct plugin_settings *p, const char *file, int line,
		    const char *name, const char *value, struct diags *diags)
{
	const char *problem = NULL;

	if (!p->path)
		p->path = xstrdup("");
	if (!p->version)
		p->version = xstrdup("");
	set_text(&p->file, xstrdup(file));
	p->line = line;
	if (strcmp(name, "path") == 0)
		set_text(&p->path, config_absolute_paths(file, value));
	else if (strcmp(name, "version") == 0)
		set_text(&p->version, xstrdup(value));
	else if (strcmp(name, "wrap") == 0)
		problem = set_wrap(p, file, value);
	else if (!starts_with(name, "env."))
		unknown(file, line, p, name, diags);
	else if (!(problem = bad_variable(name + 4)))
		set_variable(&p->env, name + 4, value);
	if (problem)
		diags_add(diags, SEV_ERROR, file, line, name, problem,
			  "cannot take '%s' in [plugin.%s]", name, p->id);
}

void
plugin_settings_clear(struct plugin_settings *p)
{
	free(p->id);
	free(p->file);
	free(p->path);
	free(p->version);
	words_free(&p->env);
	words_free(&p->wrap);
	*p = (struct plugin_settings){0};
}

/* --- asking ----------------------------------------------------------------------- */

char *
plugin_search_path(const struct plugin_settings *p)
{
	const char *path = getenv("PATH");

	if (!path)
		path = "/usr/local/bin:/usr/bin:/bin";
	return p && *p->path ? xasprintf("%s:%s", p->path, path) : xstrdup(path);
}

char *
plugin_find_program(const struct plugin_settings *p, const char *name)
{
	char *path, *found;

	if (p && p->wrap.count)
		return xstrdup(name);
	path = plugin_search_path(p);
	found = fs_find_program_in(path, name);
	free(path);
	return found;
}

char *
plugin_settings_text(const struct plugin_settings *p)
{
	struct str out = {0};

	if (p && *p->path)
		str_printf(&out, "path=%s\n", p->path);
	for (size_t i = 0; p && i < p->env.count; i++)
		str_printf(&out, "env=%zu:%s\n", strlen(p->env.v[i]), p->env.v[i]);
	for (size_t i = 0; p && i < p->wrap.count; i++)
		str_printf(&out, "wrap=%zu:%s\n", strlen(p->wrap.v[i]), p->wrap.v[i]);
	return str_take(&out);
}

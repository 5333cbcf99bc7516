/* SPDX-License-Identifier: Apache-2.0 */
/* Files, folders, databases, programs and command lines that parameters name. */
#include "model/check_files.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/secret.h"
#include "base/str.h"
#include "model/config.h"

static int
check_file(const char *path, const char *what, struct error *e)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return error_set(e, "cannot find %s '%s':", what, path);
	if (S_ISDIR(st.st_mode))
		return error_set(e, "%s '%s' is a folder", what, path);
	if (!S_ISREG(st.st_mode))
		return error_set(e, "%s '%s' is no regular file", what, path);
	if (access(path, R_OK) < 0)
		return error_set(e, "cannot read %s '%s':", what, path);
	return 0;
}

static int
check_files(const char *text, struct error *e)
{
	struct words words = {0};
	int rc = words_split_posix(&words, text);

	for (size_t i = 0; rc == 0 && i < words.count; i++)
		rc = check_file(words.v[i], "file", e);
	words_free(&words);
	return rc;
}

static int
check_dir(const char *path, struct error *e)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return error_set(e, "cannot find folder '%s':", path);
	if (!S_ISDIR(st.st_mode))
		return error_set(e, "'%s' is no folder", path);
	if (access(path, R_OK | X_OK) < 0)
		return error_set(e, "cannot read folder '%s':", path);
	return 0;
}

/* The path itself may be a folder of files; with suffixes, each must be a file. */
static int
check_database(const struct stage_param *def, const char *path, struct error *e)
{
	int rc = 0;

	if (def->suffixes.count == 0) {
		if (access(path, R_OK) < 0)
			return error_set(e, "cannot read database '%s':", path);
		return 0;
	}
	for (size_t i = 0; rc == 0 && i < def->suffixes.count; i++) {
		char *file = xasprintf("%s%s", path, def->suffixes.v[i]);

		rc = check_file(file, "database file", e);
		if (rc < 0)
			error_hint(
				e,
				"'%s' is the prefix of a database: the path without %s",
				path, def->suffixes.v[i]);
		free(file);
	}
	return rc;
}

static int
check_program(const struct plugin_settings *p, const char *name, struct error *e)
{
	char *path = plugin_find_program(p, name);

	if (!path && strchr(name, '/'))
		return error_set(e, "no program '%s'", name);
	if (!path)
		return error_set(e, "no program '%s' in PATH", name);
	free(path);
	return 0;
}

/* --- command lines ---------------------------------------------------------------- */

static int
has_port(const struct stage_port *ports, size_t count, const char *name, size_t len)
{
	for (size_t i = 0; i < count; i++)
		if (strlen(ports[i].name) == len &&
		    memcmp(ports[i].name, name, len) == 0)
			return 1;
	return 0;
}

/* Every ${in.X} and ${out.X} of one word. */
static int
check_word(const struct wf_node *n, const char *p, struct error *e)
{
	while ((p = strstr(p, "${"))) {
		const char *end = strchr(p, '}');
		size_t len = end ? (size_t)(end - p - 2) : 0;

		if (len > 3 && starts_with(p + 2, "in.") &&
		    !has_port(n->inputs, n->input_count, p + 5, len - 3))
			return error_set(e, "'%.*s': '%s' has no input '%.*s'",
					 (int)len + 3, p, n->name, (int)len - 3, p + 5);
		if (len > 4 && starts_with(p + 2, "out.") &&
		    !has_port(n->outputs, n->output_count, p + 6, len - 4))
			return error_set(e, "'%.*s': '%s' has no output '%.*s'",
					 (int)len + 3, p, n->name, (int)len - 4, p + 6);
		p += 2;
	}
	return 0;
}

/* "$${" is a literal: blank it out before looking for references. */
static char *
without_literals(const char *word)
{
	char *copy = xstrdup(word);

	for (char *p = copy; (p = strstr(p, "$${")); p += 3)
		memset(p, '_', 3);
	return copy;
}

static int
check_argv(const struct plugin_settings *p, const struct wf_node *n, const char *text,
	   struct error *e)
{
	struct words words = {0};
	int rc = words_split_posix(&words, text);

	if (rc == 0 && (words.count == 0 || !*words.v[0]))
		rc = error_set(e, "a command line without a program");
	for (size_t i = 0; rc == 0 && i < words.count; i++) {
		char *word = without_literals(words.v[i]);

		rc = check_word(n, word, e);
		free(word);
	}
	/* "./x" is a file of the work directory, known only there. */
	if (rc == 0 && !strstr(words.v[0], "${") &&
	    (*words.v[0] == '/' || !strchr(words.v[0], '/')))
		rc = check_program(p, words.v[0], e);
	words_free(&words);
	return rc;
}

static int
computes_outputs(const struct stage *s)
{
	for (size_t i = 0; i < s->param_count; i++)
		if (s->params[i].type == AF2_PORTS_OUT)
			return 1;
	return 0;
}

/* Can it be had? */
static int
check_secret(const char *reference, struct error *e)
{
	char *value = secret_read(reference, e);

	free(value);
	return value ? 0 : -1;
}

int
check_value(const struct workflow *w, const struct wf_node *n, const struct stage_param *def,
	    const char *value, struct error *e)
{
	const struct plugin_settings *p =
		w->settings ? config_plugin(w->settings, n->stage->id) : NULL;

	if (def->flags & AF2_PARAM_SECRET)
		return check_secret(value, e);
	switch (def->type) {
	case AF2_FILE:
		return check_file(value, "file", e);
	case AF2_FILES:
		return check_files(value, e);
	case AF2_DIR:
		return check_dir(value, e);
	case AF2_DATABASE:
		return check_database(def, value, e);
	case AF2_PROGRAM:
		return check_program(p, value, e);
	case AF2_ARGV:
		return check_argv(p, n, value, e);
	case AF2_STRING:
		/* Of stages whose outputs are named in the file. */
		if (strcmp(def->name, "stdout") == 0 && computes_outputs(n->stage) &&
		    !has_port(n->outputs, n->output_count, value, strlen(value)))
			return error_set(e, "'stdout': '%s' has no output '%s'",
					 n->name, value);
		return 0;
	default:
		return 0;
	}
}

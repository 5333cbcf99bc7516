/* SPDX-License-Identifier: Apache-2.0 */
/* What [plugin.NAME] of the configuration means for hosts: their environment, and what is needed
 * inside a wrapper. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "exec/local_private.h"
#include "model/wrap.h"

const struct plugin_settings *
pool_settings(const struct pool *p, const char *plugin_id)
{
	return p->config.settings ? config_plugin(p->config.settings, plugin_id) : NULL;
}

void
settings_environ(const struct plugin_settings *s, struct words *out)
{
	int saved = errno;

	for (size_t i = 0; s && i < s->env.count; i++)
		words_add(out, s->env.v[i]);
	if (s && *s->path) {
		char *path = plugin_search_path(s), *entry = xasprintf("PATH=%s", path);

		words_add(out, entry);
		free(entry);
		free(path);
	}
	errno = saved;
}

/* --- binds ------------------------------------------------------------------------ */

/* A database may be a prefix: its files lie in a folder. */
static void
bind_database(struct words *out, const struct stage_param *def, const char *path)
{
	char *dir = path_dir(path);

	wrap_bind(out, def->suffixes.count || access(path, F_OK) < 0 ? dir : path, 0);
	free(dir);
}

static void
bind_files(struct words *out, const char *list)
{
	struct words files = {0};

	words_split_posix(&files, list);
	for (size_t i = 0; i < files.count; i++)
		wrap_bind(out, files.v[i], 0);
	words_free(&files);
}

static void
bind_param(struct words *out, const struct stage *s, const struct exec_param *p)
{
	const struct stage_param *def = stage_param_find(s, p->name);

	if (!def || !*p->value || p->flags & AF2_PARAM_SECRET)
		return;
	if (def->type == AF2_FILE || def->type == AF2_DIR)
		wrap_bind(out, p->value, 0);
	else if (def->type == AF2_FILES)
		bind_files(out, p->value);
	else if (def->type == AF2_DATABASE)
		bind_database(out, def, p->value);
}

static void
bind_parent(struct words *out, const char *path)
{
	char *dir;

	if (!path || !*path)
		return;
	dir = path_dir(path);
	wrap_bind(out, dir, 1);
	free(dir);
}

/* Folders before what lies in them: the store may only be read, but where attempts write. */
void
settings_binds(const struct pool *p, const struct exec_spec *spec, struct words *out)
{
	if (p->store)
		wrap_bind(out, p->store, 0);
	if (p->place)
		wrap_bind(out, p->place, 1);
	bind_parent(out, spec->out_dir);
	bind_parent(out, spec->work_dir);
	for (size_t i = 0; i < spec->param_count; i++)
		bind_param(out, spec->stage, &spec->params[i]);
}

void
settings_add_text(const struct pool *p, const struct exec_spec *spec, struct str *out)
{
	const struct plugin_settings *s = pool_settings(p, spec->stage->id);
	struct words binds = {0};
	char *text = plugin_settings_text(s);

	str_add(out, text);
	if (s && s->wrap.count)
		settings_binds(p, spec, &binds);
	for (size_t i = 0; i < binds.count; i++)
		str_printf(out, "bind=%zu:%s\n", strlen(binds.v[i]), binds.v[i]);
	words_free(&binds);
	free(text);
}

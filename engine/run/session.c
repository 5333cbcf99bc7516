/* SPDX-License-Identifier: Apache-2.0
 * session: configuration, plugins and the workflow, and where store and run directory are.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "exec/plugins.h"
#include "record/rundir.h"
#include "run/run.h"

#ifndef PKGLIBDIR
#define PKGLIBDIR "/usr/local/lib/af2flow"
#endif

const char *
host_program(void)
{
	const char *set = getenv("AF2FLOW_HOST");

	return set && *set ? set : PKGLIBDIR "/af2flow-host";
}

static void
add_path(struct words *dirs, const char *path)
{
	while (path && *path) {
		size_t n = strcspn(path, ":");
		if (n)
			words_addn(dirs, path, n);
		path += n + (path[n] == ':');
	}
}

static void
open_registry(struct session *s, struct diags *diags)
{
	struct words dirs = {0};

	for (size_t i = 0; i < s->c.plugin_dirs.count; i++)
		words_add(&dirs, s->c.plugin_dirs.v[i]);
	add_path(&dirs, getenv("AF2FLOW_PLUGIN_PATH"));
	add_path(&dirs, s->settings.plugin_path);
	words_add(&dirs, PKGLIBDIR "/plugins");
	s->registry = registry_open(&dirs, s->c.plugin_dirs.count, host_program(), diags);
	words_free(&dirs);
}

/* Settings of plugins that there are not are likely mistyped; a site's file may speak of more
 * plugins than are installed. */
static void
warn_unknown_plugins(const struct session *s, struct diags *diags)
{
	struct stage_source source = registry_source(s->registry);

	for (size_t i = 0; i < s->settings.plugin_count; i++) {
		const struct plugin_settings *p = &s->settings.plugins[i];
		const char *near = NULL;
		if (source.find(source.arg, p->id, &near) || source.problem(source.arg, p->id))
			continue;
		char *hint = near ? xasprintf("did you mean '%s'?", near) : NULL;
		diags_add(diags, SEV_WARNING, p->file, p->line, p->id, hint,
		          "[plugin.%s]: there is no plugin '%s'", p->id, p->id);
		free(hint);
	}
}

int
session_open(struct session *s, const struct run_config *c, struct diags *diags)
{
	*s = (struct session){.c = *c};
	if (config_load(&s->settings, c->config, diags))
		return -1;
	open_registry(s, diags);
	if (!s->registry || diags->errors)
		return -1;
	warn_unknown_plugins(s, diags);
	if (!c->workflow)
		return 0;
	struct stage_source source = registry_source(s->registry);
	s->w = workflow_load(c->workflow, c->settings, c->setting_count, &source, c->cwd,
	                     diags);
	if (!s->w)
		return -1;
	s->w->settings = &s->settings;
	workflow_select(s->w, (const char *const *)c->until.v, c->until.count, diags);
	dot_place(s->w->text, s->w->text_len, diags);
	return diags->errors ? -1 : 0;
}

void
session_close(struct session *s)
{
	workflow_free(s->w);
	registry_free(s->registry);
	config_free(&s->settings);
	*s = (struct session){0};
}

/* One that somebody else has put on the way up, in /tmp say, is used only if it is named: its
 * results would be believed. */
static int
is_usable(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return 0;
	if (fs_owner_is_trusted(&st))
		return 1;
	log_warning("'%s' belongs to another user and is not used: --store DIR names a store",
	            path);
	return 0;
}

/* The nearest .af2flow from the current folder upwards, else one here. */
static char *
nearest_store(void)
{
	char *here = path_absolute(NULL, "."), *dir = xstrdup(here);

	for (;;) {
		char *try = path_join(dir, ".af2flow");
		if (is_usable(try)) {
			free(dir);
			free(here);
			char *store = path_join(try, "store");
			free(try);
			return store;
		}
		free(try);
		if (!strcmp(dir, "/"))
			break;
		char *up = path_dir(dir);
		free(dir);
		dir = up;
	}
	char *store = path_join(here, ".af2flow/store");
	free(dir);
	free(here);
	return store;
}

char *
session_store_path(const struct session *s)
{
	const char *set = s->c.store;

	if (!set || !*set)
		set = getenv("AF2FLOW_STORE");
	if (!set || !*set)
		set = s->settings.store_path;
	return set && *set ? path_absolute(NULL, set) : nearest_store();
}

/* The workflow as a part of a run's name: below the current folder, where runs/ lies, without it,
 * so that a project that moves finds its runs. Borrows. */
static const char *
path_for_name(const char *path)
{
	char *here = path_absolute(NULL, ".");
	size_t n = strlen(here);
	const char *tail = starts_with(path, here) && path[n] == '/' ? path + n + 1 : path;

	free(here);
	return tail;
}

char *
session_run_path(const struct session *s)
{
	const struct workflow *w = s->w;

	if (s->c.run_dir && *s->c.run_dir)
		return path_absolute(NULL, s->c.run_dir);
	struct name_value *params = xcalloc(w->param_count + 1, sizeof *params);
	for (size_t i = 0; i < w->param_count; i++)
		params[i] = (struct name_value){w->params[i].name, w->params[i].value,
		                               w->params[i].from_user};
	char *name = rundir_name(w->name, path_for_name(w->path), params, w->param_count);
	char *runs = path_absolute(NULL, "runs"), *path = path_join(runs, name);
	free(runs);
	free(name);
	free(params);
	return path;
}

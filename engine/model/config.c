/* SPDX-License-Identifier: Apache-2.0 */
/* Settings from INI files: one table knows every section and key. */
#include "model/config.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/ini.h"
#include "base/mem.h"
#include "base/str.h"
#include "model/config_paths.h"

#ifndef SYSCONFDIR
#define SYSCONFDIR "/etc"
#endif

enum key_type {
	KEY_PATH,    /* char *, one path, against the file's folder */
	KEY_PATHS,   /* char *, folders separated by ':', against the file's folder */
	KEY_SECONDS, /* double */
	KEY_PATIENCE, /* double, from 1 */
	KEY_LOCKS,   /* enum locks */
	KEY_SIZE,    /* uint64_t */
	KEY_COUNT    /* int, from 0 */
};

static const struct key {
	const char *section, *name;
	enum key_type type;
	size_t at;
} keys[] = {
	{"engine", "plugin_path", KEY_PATHS, offsetof(struct config, plugin_path)},
	{"engine", "grace", KEY_SECONDS, offsetof(struct config, grace)},
	{"engine", "pause", KEY_SECONDS, offsetof(struct config, pause)},
	{"engine", "capture", KEY_SIZE, offsetof(struct config, capture)},
	{"engine", "memory_limit", KEY_COUNT, offsetof(struct config, memory_limit)},
	{"engine", "cgroups", KEY_COUNT, offsetof(struct config, cgroups)},
	{"store", "path", KEY_PATH, offsetof(struct config, store_path)},
	{"store", "locks", KEY_LOCKS, offsetof(struct config, locks)},
	{"store", "patience", KEY_PATIENCE, offsetof(struct config, patience)},
	{"resources", "cpus", KEY_COUNT, offsetof(struct config, cpus)},
	{"resources", "gpus", KEY_COUNT, offsetof(struct config, gpus)},
	{"resources", "memory", KEY_SIZE, offsetof(struct config, memory)},
};
#define KEY_TOTAL (sizeof keys / sizeof *keys)

static void
set_text(char **to, char *value)
{
	free(*to);
	*to = value;
}

/* 0 or -1. */
static int
set_locks(enum locks *to, const char *value)
{
	static const char *const words[] = {"auto", "file", "lease"};

	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcmp(value, words[i]) == 0) {
			*to = (enum locks)i;
			return 0;
		}
	return -1;
}

/* NULL if the value is good, else what would be. */
static const char *
set_key(struct config *c, const struct key *k, const char *file, const char *value)
{
	void *to = (char *)c + k->at;
	uint64_t size;
	int64_t count;
	double seconds;

	switch (k->type) {
	case KEY_PATH:
		set_text(to, config_absolute_path(file, value));
		return NULL;
	case KEY_PATHS:
		set_text(to, config_absolute_paths(file, value));
		return NULL;
	case KEY_SECONDS:
		if (parse_duration(value, &seconds) < 0 || seconds < 0)
			return "write 90s, 15m, 6h or 2d";
		*(double *)to = seconds;
		return NULL;
	case KEY_PATIENCE:
		if (parse_duration(value, &seconds) < 0 || seconds < 1)
			return "write 1s or more: 90s, 15m";
		*(double *)to = seconds;
		return NULL;
	case KEY_LOCKS:
		return set_locks(to, value) < 0 ? "write auto, file or lease" : NULL;
	case KEY_SIZE:
		if (parse_size(value, &size) < 0)
			return "write 512M, 16G or 1T";
		*(uint64_t *)to = size;
		return NULL;
	default:
		if (parse_int(value, &count) < 0 || count < 0 || count > 1000000)
			return "write a whole number from 0";
		*(int *)to = (int)count;
		return NULL;
	}
}

/* --- what is not known ------------------------------------------------------------ */

static char *
hint_for(const char *word, const char *const *candidates)
{
	const char *near = nearest_word(word, candidates);

	return near ? xasprintf("did you mean '%s'?", near) : NULL;
}

#define SECTIONS "sections are [engine], [store], [resources] and [plugin.NAME]"

static void
unknown_section(const char *file, int line, const char *section, struct diags *diags)
{
	static const char *const sections[] = {"engine", "store", "resources", "plugin.",
					       NULL};
	char *hint = hint_for(section, sections);

	if (!*section)
		diags_add(diags, SEV_ERROR, file, line, NULL,
			  SECTIONS,
			  "a setting before the first section");
	else if (starts_with(section, "executor."))
		diags_add(diags, SEV_ERROR, file, line, section, NULL,
			  "section [%s] is not in this version", section);
	else
		diags_add(diags, SEV_ERROR, file, line, section,
			  hint ? hint : SECTIONS,
			  "unknown section [%s]", section);
	free(hint);
}

static void
unknown_key(const char *file, int line, const char *section, const char *name,
	    struct diags *diags)
{
	const char *names[KEY_TOTAL + 1] = {0};
	size_t n = 0;
	char *hint;

	for (size_t i = 0; i < KEY_TOTAL; i++)
		if (strcmp(keys[i].section, section) == 0)
			names[n++] = keys[i].name;
	if (n == 0) {
		unknown_section(file, line, section, diags);
		return;
	}
	hint = hint_for(name, names);
	diags_add(diags, SEV_ERROR, file, line, name, hint, "unknown key '%s' in [%s]",
		  name, section);
	free(hint);
}

/* --- plugins ---------------------------------------------------------------------- */

const struct plugin_settings *
config_plugin(const struct config *c, const char *id)
{
	for (size_t i = 0; i < c->plugin_count; i++)
		if (strcmp(c->plugins[i].id, id) == 0)
			return &c->plugins[i];
	return NULL;
}

/* Those of a plugin, made if there are none. */
static struct plugin_settings *
plugin_of(struct config *c, const char *id)
{
	const struct plugin_settings *p = config_plugin(c, id);

	if (p)
		return (struct plugin_settings *)(uintptr_t)p;
	GROW(c->plugins, c->plugin_count, c->plugin_cap);
	c->plugins[c->plugin_count] = (struct plugin_settings){.id = xstrdup(id)};
	return &c->plugins[c->plugin_count++];
}

static void
on_key(void *arg, const char *file, int line, const char *section, const char *name,
       const char *value, struct diags *diags)
{
	for (size_t i = 0; i < KEY_TOTAL; i++)
		if (strcmp(keys[i].section, section) == 0 &&
		    strcmp(keys[i].name, name) == 0) {
			const char *wanted = set_key(arg, &keys[i], file, value);

			if (wanted)
				diags_add(diags, SEV_ERROR, file, line, name, wanted,
					  "'%s' is no value for '%s'", value, name);
			return;
		}
	if (starts_with(section, "plugin.") && section[strlen("plugin.")])
		plugin_settings_set(plugin_of(arg, section + strlen("plugin.")), file, line,
				    name, value, diags);
	else
		unknown_key(file, line, section, name, diags);
}

/* --- files ------------------------------------------------------------------------ */

/* Settings say which code runs and which results are believed: not everybody's. */
static void
read_trusted(struct config *c, const char *path, struct diags *diags)
{
	struct error e = {0};

	if (access(path, R_OK) == 0 && fs_check_trust(path, "the settings", &e) < 0)
		diags_add(diags, SEV_ERROR, "", 0, NULL, e.hint, "%s", e.text);
	else
		ini_read(path, on_key, c, diags);
}

/* A file that nobody asked for may be absent; one that cannot be looked at is an
 * error. */
static void
read_if_there(struct config *c, const char *path, struct diags *diags)
{
	if (access(path, F_OK) == 0 || (errno != ENOENT && errno != ENOTDIR))
		read_trusted(c, path, diags);
}

static char *
user_file(void)
{
	const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");

	if (xdg && *xdg == '/')
		return xasprintf("%s/af2flow/af2flow.ini", xdg);
	return home && *home ? xasprintf("%s/.config/af2flow/af2flow.ini", home) : NULL;
}

int
config_load(struct config *c, const char *extra, struct diags *diags)
{
	size_t errors = diags->errors;
	char *user = user_file();

	memset(c, 0, sizeof *c);
	c->plugin_path = xstrdup("");
	c->store_path = xstrdup("");
	c->grace = 10;
	c->pause = 3600;
	c->capture = 8u << 20;
	c->patience = 60;
	c->memory_limit = 110;
	c->cgroups = 1;
	c->cpus = c->gpus = -1;
	read_if_there(c, SYSCONFDIR "/af2flow/af2flow.ini", diags);
	if (user)
		read_if_there(c, user, diags);
	if (extra)
		read_trusted(c, extra, diags);
	free(user);
	return (int)(diags->errors - errors);
}

void
config_free(struct config *c)
{
	free(c->plugin_path);
	free(c->store_path);
	for (size_t i = 0; i < c->plugin_count; i++)
		plugin_settings_clear(&c->plugins[i]);
	free(c->plugins);
	memset(c, 0, sizeof *c);
}

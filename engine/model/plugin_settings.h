/* SPDX-License-Identifier: Apache-2.0
 * plugin_settings: what [plugin.NAME] of the configuration says of the programs and workers of one
 * plugin: where they are looked for, their environment, and what they run inside.
 */
#ifndef MODEL_PLUGIN_SETTINGS_H
#define MODEL_PLUGIN_SETTINGS_H

#include <stddef.h>

#include "base/error.h"
#include "base/str.h"

struct plugin_settings {
	char *id;          /* of the plugin */
	char *file;        /* where it was mentioned last */
	int line;
	char *path;        /* absolute folders separated by ':', in front of PATH; "" */
	struct words env;  /* "NAME=value"; "NAME": taken out */
	struct words wrap; /* before every program and worker; no words: nothing */
	char *version;     /* what the user says of results; "" */
};

/* One "name = value" of section [plugin.ID] in `file`, on top of what `p` has. Errors are added to
 * diags. */
void plugin_settings_set(struct plugin_settings *p, const char *file, int line,
                         const char *name, const char *value, struct diags *diags);
void plugin_settings_clear(struct plugin_settings *p);

/* In all below NULL is a plugin that the configuration does not mention. */

/* The PATH of its programs; caller frees. */
char *plugin_search_path(const struct plugin_settings *p);
/* The program of this name that it would run, as fs_find_program; NULL: there is none. One that
 * runs inside a wrapper is not looked for: its name is returned. Caller frees. */
char *plugin_find_program(const struct plugin_settings *p, const char *name);
/* All that decides which program runs in which environment, as one text, "" if nothing is set.
 * Caller frees. */
char *plugin_settings_text(const struct plugin_settings *p);

#endif

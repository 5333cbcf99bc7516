/* SPDX-License-Identifier: Apache-2.0
 * config: settings from INI files: site (SYSCONFDIR/af2flow/af2flow.ini), user
 * ($XDG_CONFIG_HOME/af2flow/af2flow.ini), --config FILE; later ones win.
 * One table in config.c knows every section and key but those of plugins (plugin_settings.h);
 * anything else is an error with a hint.
 */
#ifndef MODEL_CONFIG_H
#define MODEL_CONFIG_H

#include <stdint.h>

#include "base/error.h"
#include "base/locks.h"
#include "model/plugin_settings.h"

struct config {
	/* [engine] */
	char *plugin_path;    /* folders separated by ':', "" */
	double grace;         /* seconds between TERM and KILL; default 10 */
	double pause;         /* seconds to wait for room and the like; 0: none; default 1h */
	uint64_t capture;     /* bytes of stdout and of stderr kept an attempt; default 8 MiB */
	int memory_limit;     /* percent of what a task declares at which it is ended; 0: never;
	                         default 110 */
	int cgroups;          /* 0: hosts get none of their own; default 1 */
	/* [store] */
	char *store_path;     /* "" */
	enum locks locks;     /* how engines lock runs and keys; default auto */
	double patience;      /* seconds without a sign of life of who holds a lock, after which
	                         it is passed over; default 60 */
	/* [resources] */
	int cpus, gpus;       /* -1: not set */
	uint64_t memory;      /* bytes, 0: not set */
	/* [plugin.NAME] */
	struct plugin_settings *plugins;
	size_t plugin_count, plugin_cap;
};

/* Defaults, then the files in order. Files that do not exist are skipped, except `extra`
 * (--config; may be NULL). Returns the number of errors added. */
int config_load(struct config *c, const char *extra, struct diags *diags);
void config_free(struct config *c);
/* What it says of a plugin; NULL: nothing. */
const struct plugin_settings *config_plugin(const struct config *c, const char *id);

#endif

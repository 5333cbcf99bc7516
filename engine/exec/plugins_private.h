/* SPDX-License-Identifier: Apache-2.0 */
/* What the parts of plugins.c share: scans by processes, and the cache of their results. */
#ifndef EXEC_PLUGINS_PRIVATE_H
#define EXEC_PLUGINS_PRIVATE_H

#include <stddef.h>

#include "base/fs.h"
#include "base/json.h"
#include "model/stage.h"

/* --- scans (plugins_scan.c) -------------------------------------------------------------- */

/* One file to look at. The caller owns what comes back. */
struct scan_job {
	const char *path;    /* absolute */
	struct stage *stage; /* NULL if it is no good plugin, then: */
	char *problem;       /* one line */
};

/* Seconds that a plugin may take to load. */
#define SCAN_PATIENCE 30.0

/* Scan all jobs, a few at a time, each in a process `host --scan FILE` that is killed with all
 * of its group after `patience` seconds. Returns when every process was reaped. */
void plugins_scan(const char *host, struct scan_job *jobs, size_t count, double patience);

/* --- the cache (plugins_cache.c) ----------------------------------------------------------- */

struct plugin_cache {
	char *file;      /* "" if there is no place for one */
	js *plugins;     /* path -> {stamp, stage} */
	char *host_text; /* stamp of the host program: another host, nothing is known */
	int changed;
};

/* Read $XDG_CACHE_HOME/af2flow/plugins.json ($HOME/.cache). What is damaged, or was written by
 * another host program, counts as absent. */
void plugin_cache_open(struct plugin_cache *c, const char *host);
/* The remembered stage of a file in this state; NULL if it is not known. Caller frees. */
struct stage *plugin_cache_get(const struct plugin_cache *c, const char *path,
                               const struct stamp *s);
void plugin_cache_put(struct plugin_cache *c, const char *path, const struct stamp *s,
                      const struct stage *stage);
/* Write it if something changed, without the files that are gone. A cache that cannot be
 * written is no error: the plugins are scanned again next time. */
void plugin_cache_save(struct plugin_cache *c);
void plugin_cache_free(struct plugin_cache *c);

#endif

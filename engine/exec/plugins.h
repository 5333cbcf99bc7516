/* SPDX-License-Identifier: Apache-2.0
 * plugins: finding stage plugins. Every *.so of the search path is scanned by a process of its
 * own (`af2flow-host --scan FILE`), so that one that crashes or hangs on load is a message.
 * Descriptors are remembered in $XDG_CACHE_HOME/af2flow/plugins.json by inode, size, mtime.
 */
#ifndef EXEC_PLUGINS_H
#define EXEC_PLUGINS_H

#include <stddef.h>

#include "base/error.h"
#include "base/str.h"
#include "model/stage.h"
#include "model/workflow.h" /* struct stage_source */

struct registry;

/* One file that was scanned: a stage, or the reason why there is none. */
struct registry_entry {
	const char *path;
	const struct stage *stage; /* NULL if bad */
	const char *problem;       /* "" if good */
	int shadowed;              /* an earlier folder has the same id */
};

/* Folders in order of precedence; missing ones are skipped, but those of `explicit_count` first
 * ones (--plugin-dir) are errors. Nothing is scanned before it is needed. Folders or plugins
 * that others can write (fs_untrusted) are refused with a word. */
struct registry *registry_open(const struct words *dirs, size_t explicit_count,
                               const char *host_program, struct diags *diags);
void registry_free(struct registry *r);
/* The stage of an id, or NULL. Tries <id>.so first (one cached look-up), else scans all. */
const struct stage *registry_find(struct registry *r, const char *id);
/* If id was found bad, the reason ("crashed on load: SIGSEGV", "abi major 9, ..."), else NULL. */
const char *registry_problem(struct registry *r, const char *id);
/* Everything, scanned in parallel. */
size_t registry_all(struct registry *r, const struct registry_entry **entries);
/* As a source for workflow_load. */
struct stage_source registry_source(struct registry *r);

#endif

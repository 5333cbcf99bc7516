/* SPDX-License-Identifier: Apache-2.0
 * tree: walking a folder, without following symlinks. Private to record.
 */
#ifndef RECORD_TREE_H
#define RECORD_TREE_H

#include <stdint.h>
#include <sys/stat.h>

/* Called for `path` (relative ""), then for all below it in the order of their
 * names; folders once more, with after 1, behind their content. Non-zero stops the
 * walk. */
typedef int tree_fn(void *arg, const char *path, const char *relative,
		    const struct stat *st, int after);
/* What fn returned, 0, or -1 with errno if something cannot be read. */
int tree_walk(const char *path, tree_fn *fn, void *arg);
/* Sum of the sizes of the regular files, and the newest mtime of all (in ns); -1 with
 * errno, EACCES also where the owner has no right to read. */
int tree_state(const char *path, uint64_t *size, int64_t *newest);
/* Does a symlink at `relative` below a root, with this text, stay below the root? Behind
 * a name no ".." is allowed: the name may be a symlink itself. */
int link_stays_inside(const char *relative, const char *target);

#endif

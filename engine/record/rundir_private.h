/* SPDX-License-Identifier: Apache-2.0
 * rundir_private: what the files of the run directory share.
 */
#ifndef RECORD_RUNDIR_PRIVATE_H
#define RECORD_RUNDIR_PRIVATE_H

#include "record/rundir.h"

/* rundir_lock.c: lock the directory at d->path: 0, or -1 with the error set. */
int rundir_take_lock(struct rundir *d, enum locks how, double patience, struct error *e);
/* Give it back, if it is locked. */
void rundir_drop_lock(struct rundir *d);
/* rundir_stands.c: the state of what was copied from `from` to `to` (of a file, relative to
 * the folder `at`), from sizes and mtimes alone. -1 if something is missing or of another kind or size. */
int published_state(const char *from, int at, const char *to, int is_dir,
		    uint64_t *state);
/* Is it equal, byte by byte? */
int published_equals(const char *from, const char *to);

void rundir_published_free(struct rundir_published *p);
/* Write a file unless it holds just that. */
int write_if_differs(const char *path, const char *data, size_t len, struct error *e);
/* Make the folders of `relative` below the run, following no symlink. */
int rundir_make_below(const char *run, const char *relative, struct error *e);
/* A name beside `path` that nothing has; caller frees. */
char *rundir_temporary(const char *path);
/* Rename a new link into place; `temporary` is gone afterwards. */
int rundir_replace(char *temporary, const char *path, struct error *e);
/* Did its last engine end without a word? Asked before the lock is taken. */
int rundir_has_crashed(const struct rundir *d);
/* Remove half-written files. */
void rundir_sweep(const struct rundir *d);
/* Make or replace a symlink. */
int rundir_make_link(const char *path, const char *target, struct error *e);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * rundir: the directory of a run (DESIGN section 6): its id, lock, copies of
 * workflow and parameters, folders of tasks and attempts, published results.
 */
#ifndef RECORD_RUNDIR_H
#define RECORD_RUNDIR_H

#include <stddef.h>

#include "base/error.h"
#include "base/locks.h"
#include "record/result.h"

struct rundir {
	char *path;  /* absolute, symlinks resolved */
	char *id;    /* 16 random hex digits, kept in the file `id` */
	int lock_fd; /* the locked `lock`, or the note of a lease; -1: not locked */
	int lease;   /* its level, from 1; 0: locked without a lease */
	int has_tasks; /* tasks/ was made */
	int synced;  /* the names on the way to it are on the disk */
	struct rundir_published *published; /* results/.published, once needed */
};
struct name_value {
	const char *name, *value;
	int given; /* by the user, not a default: so meta.json */
};

/* Default name: NAME-xxxxxxxx, the hex digits a short hash of the given parameters
 * (name=value, in workflow order) and workflow path. Caller frees. */
char *rundir_name(const char *workflow_name, const char *workflow_path,
		  const struct name_value *params, size_t count);
/* Open (and make) a run directory and take its lock. If another engine holds it: the
 * error names host, pid and since when. */
int rundir_open(struct rundir *d, const char *path, struct error *e);
/* The same where settings say how to lock, and for how long (seconds) a holder may give
 * no sign of life before it is passed over: that is for leases alone. Waits no longer
 * than that. */
int rundir_open_locked(struct rundir *d, const char *path, enum locks how,
		       double patience, struct error *e);
/* Give a sign of life where the lock is a lease; at least 4 times within the patience.
 * 0, or -1 with the error set: another engine took the run over. */
int rundir_beat(const struct rundir *d, struct error *e);
/* Open one for reading (status, log, graph): no lock. */
int rundir_open_read(struct rundir *d, const char *path, struct error *e);
/* Have the directory and its id found after a power loss: without the id, results of this
 * run alone would be made again. Once; 0, or -1 with the error set. */
int rundir_sync(struct rundir *d, struct error *e);
/* Gives the lock back; calls no rundir_flush. */
void rundir_close(struct rundir *d);
/* Does a living engine hold the lock of this run directory? 1 or 0. */
int rundir_is_held(const char *path);
/* Write workflow.dot, params.ini ([params] name = value; texts too long or with
 * newlines are written as JSON strings), topology.xml (xml may be NULL), meta.json
 * (store path, workflow path, name); only what changed. */
int rundir_describe(struct rundir *d, const char *dot_text, size_t dot_len,
		    const char *workflow_path, const char *workflow_name,
		    const char *store_path, const struct name_value *params,
		    size_t count, const char *xml, struct error *e);
/* meta.json of an opened run, or NULL. */
js *rundir_meta(const struct rundir *d);
/* tasks/<node>/<branch> as a path, caller frees; `branch` "" for a task without
 * variables. Names are made safe (path_component_from). Nothing is created. */
char *rundir_task(const struct rundir *d, const char *node, const char *branch);
/* The same + /attempt-N. */
char *rundir_attempt(const struct rundir *d, const char *node, const char *branch,
		     int n);
/* Make tasks/, once: in it hosts make the folders of attempts. */
int rundir_make_tasks(struct rundir *d, struct error *e);
/* Make tasks/…/out -> object (relative link, replaced atomically if it differs). */
int rundir_link(const struct rundir *d, const char *node, const char *branch,
		const char *object_dir, struct error *e);
/* The key of the object that tasks/…/out leads to. 0, or -1: there is no such link. */
int rundir_linked(const struct rundir *d, const char *node, const char *branch,
		  struct digest *key);
/* The file `waiting`: what the queued tasks lack just now, for `explain` (rundir_waiting.c).
 * Written whole; NULL: removed. Failing costs the readers a reason, nothing else. */
void rundir_write_waiting(const struct rundir *d, const js *waiting);
/* Read it; NULL if there is none, or if it is not of process `pid`. */
js *rundir_waiting(const struct rundir *d, int pid);
/* Publish one output below results/ at `relative` (safe components are the caller's
 * work; ".." is refused): files by reflink, else copy, over 64 MiB hard link;
 * folders recursively (merged). Does nothing where size and mtime-independent digest
 * note say it is there already (results/.published keeps path -> digest). */
int rundir_publish(struct rundir *d, const char *from, const char *relative, int is_dir,
		   const struct digest *digest, struct error *e);
/* Write a text file results/NAME if it differs. */
int rundir_result_text(struct rundir *d, const char *name, const char *text,
		       struct error *e);
/* Take away the files of results/ that an earlier run published and this one, which must be
 * complete, has not: branches that are gone. Files that someone changed stay. Returns how many. */
size_t rundir_prune(struct rundir *d);
/* Has something been published, or taken away, since it was last written back? */
int rundir_changed(const struct rundir *d);
/* Write back results/.published if it changed. */
int rundir_flush(struct rundir *d, struct error *e);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * store: results by key, on disk, crash-proof by rename alone (layout and promises:
 * store.c).
 */
#ifndef RECORD_STORE_H
#define RECORD_STORE_H

#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "record/result.h"

struct store;

/* Open (and create) a store. Registers this engine in engines/ only when something
 * is first written. NULL with the error set. */
struct store *store_open(const char *path, struct error *e);
/* The same of one that stands already: nothing is made, the error says that there is
 * none. */
struct store *store_open_existing(const char *path, struct error *e);
/* One without a folder: it remembers digests of files, nothing can be looked up or put in. */
struct store *store_nowhere(void);
/* Flushes; removes what is left of this engine's tmp. */
void store_close(struct store *s);
const char *store_path(const struct store *s);

/* Use `file` (runs/NAME/index) as this run's index: a cache of look-ups, believed
 * only while the outputs that it speaks for look unchanged (lstat each: kind, size,
 * mtime), so wrong only towards a slower look-up; also the names of what this run
 * relies on, which store gc keeps. Written by store_flush and store_close. Missing or
 * damaged: ignored. */
void store_use_index(struct store *s, const char *file);
/* All that this run relies on has been looked up: what else the index names is dropped
 * when it is closed. */
void store_index_complete(struct store *s);

/* Is there a result? 1 with *out (owned by the caller), 0 if not, damaged ones
 * reported once on stderr and counted as absent; -1 with the error set: there may be, but
 * nobody can look just now, for a reason that passes (error_passes). `out` NULL: only
 * asks. */
int store_lookup(struct store *s, const struct digest *key, struct result **out,
		 struct error *e);

/* The next look-up takes in what other engines have written up to then (else it may
 * miss what is younger than a second). */
void store_expect_news(struct store *s);

/* What a result tells of itself, whether its outputs are sound or not: all of its JSON,
 * with "made" and "from" (key_parts.h). NULL: it is not there, or damaged. Nothing is
 * moved or reported. */
js *store_story(struct store *s, const struct digest *key);

/* The folder of this engine in tmp/, made or not. Caller frees. */
char *store_own_tmp(const struct store *s);
/* Names for one attempt in tmp/: an output folder (made, if want_out) and a work
 * folder (not made). Caller frees. */
int store_attempt_dirs(struct store *s, int want_out, char **out_dir, char **work_dir,
		       struct error *e);
/* Publish. With out_dir: writes result.json into it, makes files 0444 and folders
 * 0755 (where the host has not), syncs if `sync`, renames it to objects/; a loser of
 * the race removes its own and *r is replaced by the winner's. Without out_dir: one
 * line in this engine's segment. Takes r over and hands back what stands in the
 * store; NULL with the error set (out of space, ...): nothing is half published,
 * out_dir may be left. The same content may be published later if e->number says
 * that the store was in the way; 0: something is wrong with the content. */
struct result *store_publish(struct store *s, struct result *r, const char *out_dir,
			     int sync, struct error *e);
/* Write buffered records and the index's new lines (no sync) / and fdatasync both. */
int store_flush(struct store *s, int sync, struct error *e);
/* Have store_close write damaged segments of dead engines anew, even if this engine has
 * nothing else to write, so that they are told of once. */
void store_mend(struct store *s);
/* Note in runs/ that this run directory uses the store, and rely from now on on what is
 * looked up: store gc keeps it (store_gc.c). Before the first look-up; a directory that
 * is not there is passed over. */
void store_register_run(struct store *s, const char *run_dir);

/* Take that note back, if this engine made it: the run did not come about. */
void store_unregister_run(struct store *s);
/* What is looked up is not relied upon: nothing is noted in an index. */
void store_only_looks(struct store *s);

/* SHA-256 of a file's content or a tree, remembered by inode, size, mtime and ctime
 * (store/cache/digests). What changed within the last 2 s is hashed again each time. */
int store_file_digest(struct store *s, const char *path, struct digest *out,
		      struct error *e);
/* Of a database (prefix + suffixes; no suffix: the path itself, a file or a folder):
 * a `.sha256` beside it, else names, sizes and 64 sampled 64-KiB blocks a file
 * (DESIGN section 6). */
int store_database_digest(struct store *s, const char *prefix,
			  const struct words *suffixes, struct digest *out,
			  struct error *e);
/* Fingerprints remembered under `id` (a digest over plugin file stamp, parameters),
 * as long as the stamps of the files are unchanged: text (owned by the caller) or
 * NULL. */
char *store_fingerprint(struct store *s, const struct digest *id);
void store_fingerprint_put(struct store *s, const struct digest *id, const char *text,
			   const char *const *files, size_t file_count);

#endif

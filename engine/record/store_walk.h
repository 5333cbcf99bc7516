/* SPDX-License-Identifier: Apache-2.0
 * store_walk: going through a store from outside: its objects, segments and leftovers.
 * For verify, gc and du. Private to record.
 */
#ifndef RECORD_STORE_WALK_H
#define RECORD_STORE_WALK_H

#include "record/store_private.h"

/* One object: its name "ab/cdef..." and key. Above 0 stops. */
typedef int walk_object_fn(void *arg, const char *name, const struct digest *key);
/* Something that does not belong there; `what` says why. */
typedef void walk_stray_fn(void *arg, const char *path, const char *what);
/* Every object, shard by shard; one that vanishes meanwhile is passed over by the
 * caller. `stray` may be NULL. 0, what fn returned, or -1 with the error set: a folder
 * cannot be read. */
int walk_objects(struct store *s, walk_object_fn *fn, walk_stray_fn *stray, void *arg,
		 struct error *e);

/* The names in a folder of the store, sorted: those with a leading dot too. 0 or -1 with
 * the error set. */
int walk_names(const struct store *s, const char *part, struct words *out,
	       struct error *e);

/* Is a segment finished: joined, or of an engine that is surely dead? */
int segment_finished(const struct store *s, const char *name);
/* A line of a segment, taken apart. */
struct segment_line {
	const char *line; /* without its newline */
	size_t len;
	uint64_t offset;
	size_t number;        /* from 1 */
	int whole;            /* ends in a newline */
	struct digest key;    /* all zero unless `result` */
	struct result *result; /* NULL: damaged, `why` says how; freed by the walk */
	struct error why;
};
typedef int walk_line_fn(void *arg, const struct segment_line *l);
/* Every line of a segment. 0, what fn returned (above 0 stops), or -1 with the error and
 * errno set. */
int walk_segment(const struct store *s, const char *name, walk_line_fn *fn, void *arg,
		 struct error *e);

/* What a file or a tree takes on the disk: blocks, hard links once if `seen` is given
 * (zero-initialise; map_free). Unreadable parts count 0. */
struct disk_use {
	uint64_t bytes;
	uint64_t shared; /* of these: files that have more names than this one */
	size_t files;
};
void walk_disk(const char *path, struct map *seen, struct disk_use *out);

/* Sixteen bytes are enough to tell keys apart, and half the memory. */
#define SHORT_KEY 16
uint64_t *keys_put(struct map *keys, const struct digest *key, int *added);
uint64_t *keys_get(const struct map *keys, const struct digest *key);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * store_private: what the files of the store share.
 */
#ifndef RECORD_STORE_PRIVATE_H
#define RECORD_STORE_PRIVATE_H

#include <time.h>

#include "base/map.h"
#include "record/engine_id.h"
#include "record/lines.h"
#include "record/store.h"

struct store {
	char *path;    /* absolute, symlinks resolved */
	char *objects; /* PATH/objects */
	int objects_fd;
	struct engine_id self;
	int engine_fd;     /* the locked engines/ENGINE; -1: not registered */
	unsigned attempts; /* names given out in tmp/ENGINE */
	int tmp_made;

	struct lines segments;    /* every engine's records, ours last */
	int segments_open;        /* scanned */
	int segments_named;       /* the folder was synced since ours was made */
	time_t segments_seen;     /* store_seconds() of the last look for new ones */
	struct map segment_names; /* those in `segments` */
	int damaged_dead;         /* a dead engine's segment is worth rewriting */

	struct lines index; /* of this run: result texts of objects */
	int index_open;

	struct lines digests, fingerprints;
	int caches_open;
	struct map
		fingerprint_seen; /* id -> store_seconds() of its files' last check */

	struct map reported; /* keys and files complained about */
};

/* "ab/cdef..." */
#define OBJECT_NAME (DIGEST_HEX + 2)
void object_name(const struct digest *key, char out[OBJECT_NAME]);
/* open() below the store's objects that follows no symlink and stays below; -1 with
 * errno. */
int object_open(const struct store *s, const char *name, int flags);

/* Make this engine known in engines/ and sweep up after dead ones; once. */
int store_register(struct store *s, struct error *e);
/* 1 the first time for this subject. */
int store_first_report(struct store *s, const char *subject);
/* Coarse monotonic seconds. */
time_t store_seconds(void);

/* --- segments (store_segments.c) */
void segments_load(struct store *s);
/* The record of a key, NULL if there is none. */
struct result *segments_lookup(struct store *s, const struct digest *key);
int segments_put(struct store *s, const struct digest *key, const struct str *text,
		 int sync, struct error *e);
/* Join the segments of dead engines if there are many, or damaged ones. */
void segments_merge(struct store *s);

/* --- look-up (store_lookup.c) */
/* Of an object, not from the index, checked. 1, 0, or -1: there, but it cannot be
 * read. */
int object_lookup(struct store *s, const struct digest *key, struct result **out);
/* Move one that the look-up complained of out of the way. 0, or -1 with errno. */
int object_set_aside(struct store *s, const struct digest *key);
/* Note it in the run's index. */
void index_put(struct store *s, const struct result *r);

/* --- caches (store_digests.c, store_fingerprints.c) */
void caches_open(struct store *s);
/* Write back; drop what is dead where that is more than half. */
void caches_close(struct store *s);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * store_private: what the files of the store share.
 */
#ifndef RECORD_STORE_PRIVATE_H
#define RECORD_STORE_PRIVATE_H

#include <sys/types.h>
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
	time_t segments_seen;     /* store_seconds() of the last look for new ones */
	struct error unseen;      /* why that look missed some for now; none: it did not */
	struct map segment_names; /* those in `segments` */
	int damaged_dead;         /* a dead engine's segment is worth rewriting */

	struct lines index; /* of this run: result texts of objects, "-" for a record */
	int index_open;
	int index_complete; /* what was not asked for is dropped when it is closed */

	int relies;  /* look-ups are relied upon: enum reliance */
	int only_looks; /* nothing is noted anywhere */
	int gc_lock; /* gc.lock, -1: not opened yet */
	int gc_stuck; /* waited for it in vain: not again */
	char *new_note; /* in runs/, made by this engine; or NULL */

	struct lines digests, fingerprints;
	int caches_open;
	struct map
		fingerprint_seen; /* id -> store_seconds() of its files' last check */

	struct map reported; /* keys and files complained about */

	/* Names that are on the disk (store_sync.c). */
	unsigned char store_synced, segment_synced, shards_synced[256];
};

enum reliance {
	RELIES_NOT,      /* nobody keeps what is looked up */
	RELIES_ON_INDEX, /* gc knows what the run's index names */
	RELIES_ON_STAMPS /* gc may not know this run yet */
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
/* Is the engine of that name surely dead? 1; 0: it lives; -1: nobody can tell, it is of
 * another host. */
int store_engine_dead(const struct store *s, const char *name);
/* Coarse monotonic seconds. */
time_t store_seconds(void);

/* --- segments (store_segments.c) */
void segments_load(struct store *s);
/* The record of a key, NULL if there is none; with the error set: it may be where nobody can
 * look just now (error_passes). */
struct result *segments_lookup(struct store *s, const struct digest *key,
			       struct error *e);
int segments_put(struct store *s, const struct digest *key, const struct str *text,
		 int sync, struct error *e);
/* Write a record of ours that is still in memory, if there is one of this key. */
void segments_publish(struct store *s, const struct digest *key);
/* Join the segments of dead engines if there are many, or damaged ones. */
void segments_merge(struct store *s);

/* --- use (store_stamp.c) */
/* A result is about to be relied upon; is it still there? Gets the object's name. */
int stamp_object(struct store *s, const char *name);
/* The same of a record: noted again if its last use is long ago. */
void stamp_record(struct store *s, struct result *r);
/* The lock between stamping and taking away: shared, or of store gc alone. Waits a
 * little, once, then goes on without. 1 if it is held. */
int gc_lock(struct store *s, int only_me);
void gc_unlock(struct store *s);
/* --- names on the disk (store_sync.c); 0, or -1 with the error set */
/* Of an object that stands in its place. */
int store_sync_object(struct store *s, const char *name, struct error *e);
/* Of this engine's segment. */
int store_sync_segment(struct store *s, struct error *e);

/* --- look-up (store_lookup.c) */
enum finding { UNREADABLE = -1, DAMAGED = 0, SOUND = 1 };
/* What a closer look at an object gave. */
struct object_state {
	enum finding finding;
	int absent;        /* SOUND: there is no such object */
	const char *file;  /* what is wrong: "result.json" or a file of `result` */
	struct error why;
	struct result *result; /* if result.json is sound; owned by the caller */
};
/* Read and check an object; `hash`: whatever the outputs look like, hash them. Changes
 * nothing, and may be called by several threads at once. */
void object_check(struct store *s, const struct digest *key, const char *name, int hash,
		  struct object_state *out);
/* Text of an object's result.json (caller frees). *finding says what NULL means:
 * DAMAGED, UNREADABLE, or SOUND for "there is no such object". */
char *object_text(const struct store *s, const char *name, size_t *len,
		  enum finding *finding, struct error *why);
/* The inode of an object's folder, 0 if there is none. */
ino_t object_inode(const struct store *s, const char *name);
/* Out of the way of a new one, to tmp/damaged-...: 0 with *to (caller frees); 1: it is
 * not the folder `was` any more, another engine was quicker; -1: it cannot be moved. */
int object_move_aside(struct store *s, const char *name, ino_t was, char **to);
/* Of an object, not from the index, checked. 1, 0, UNREADABLE_FOR_GOOD: it is there, but it
 * cannot be read, which is told; or UNREADABLE_NOW with the error set: for a reason that passes
 * (error_passes). */
enum { UNREADABLE_FOR_GOOD = -1, UNREADABLE_NOW = -2 };
int object_lookup(struct store *s, const struct digest *key, struct result **out,
		  struct error *e);
/* Move one that the look-up complained of out of the way. 0, or -1 with errno. */
int object_set_aside(struct store *s, const struct digest *key);
/* Note it in the run's index. */
void index_put(struct store *s, const struct result *r);
void index_put_record(struct store *s, const struct digest *key);
int index_names(const struct store *s, const struct digest *key);

/* --- caches (store_digests.c, store_fingerprints.c) */
void caches_open(struct store *s);
/* Write back; drop what is dead where that is more than half. */
void caches_close(struct store *s);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * key_lock: of several engines on one store, one makes the result of a key and the
 * others wait for it. Locks save work; that a result is right rests on the rename that
 * publishes it alone, so every failure here means: go on without a lock.
 */
#ifndef RECORD_KEY_LOCK_H
#define RECORD_KEY_LOCK_H

#include "base/locks.h"
#include "record/store.h"

struct key_locks; /* those of one engine */
struct key_lock {
	struct digest key;
	int held; /* 0: not; else its level, from 1 */
};
/* Who else holds a lock; what is not known is "" and 0. */
struct lock_holder {
	char engine[160]; /* its name: another for each process */
	char host[64];
	int pid;
	int64_t since; /* Unix time when that engine was started */
	int gone;      /* its process is no more */
};
enum key_outcome {
	KEY_OURS,       /* go on: it is locked, or cannot be */
	KEY_TAKEN_OVER, /* the same; *by has given no sign of life for the patience */
	KEY_HELD        /* *by is at work on it */
};

/* `patience`: seconds without a sign of life after which a holder is passed over. */
struct key_locks *key_locks_new(struct store *s, enum locks how, double patience);
/* Gives back what is held; before store_close. NULL is allowed. */
void key_locks_free(struct key_locks *k);
/* Take the lock of a key, without waiting. `now`: monotonic seconds. */
enum key_outcome key_lock(struct key_locks *k, const struct digest *key, double now,
			  struct key_lock *out, struct lock_holder *by);
/* Would key_lock say KEY_HELD? 1 with *by, or 0. */
int key_is_held(struct key_locks *k, const struct digest *key, double now,
		struct lock_holder *by);
/* Give it back, after the result was published. Nothing happens if it is not held. */
void key_unlock(struct key_locks *k, struct key_lock *lock);
/* Give others a sign of life if anything is held. */
void key_locks_beat(struct key_locks *k);
/* How often, for that patience: seconds. */
double key_locks_beat_every(double patience);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * store_verify: are all results of a store what they were when they were made?
 */
#ifndef RECORD_STORE_VERIFY_H
#define RECORD_STORE_VERIFY_H

#include "record/store.h"

enum verify_kind {
	VERIFY_DAMAGED,    /* moved aside where that could be done: `moved` */
	VERIFY_UNREADABLE, /* it may be sound: nothing was moved */
	VERIFY_STRAY       /* no result; nothing was done */
};
/* One thing that was found. Texts are "" where they do not apply. */
struct verify_finding {
	enum verify_kind kind;
	const char *key;    /* hex, of a result */
	const char *plugin; /* that made it, if it can still be told */
	const char *path;   /* the object, segment or stray thing */
	const char *file;   /* in the object: result.json or an output */
	const char *what;
	const char *moved;  /* where to */
};
struct verify_report {
	size_t objects, records;
	uint64_t bytes; /* of outputs that were hashed */
	size_t damaged, unreadable, strays;
};
struct verify_options {
	unsigned threads; /* at least 1 */
	/* Called by the calling thread alone. `done` of `all` objects. */
	void (*found)(void *arg, const struct verify_finding *f);
	void (*progress)(void *arg, const struct verify_report *so_far, size_t all);
	void *arg;
};

/* Read everything. 0, or -1 with the error set: the store cannot be walked. */
int store_verify(struct store *s, const struct verify_options *o,
		 struct verify_report *out, struct error *e);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * lease: locks made of files, for file systems whose own locks cannot be trusted.
 * Private to record.
 */
#ifndef RECORD_LEASE_H
#define RECORD_LEASE_H

#include "record/levels.h"

/* A lease "PATH-LEVEL" of the engine whose note (engine_note_make) is `note`. */
struct lease {
	const char *path, *note;
	uint64_t dev, ino; /* of the note */
};

/* For levels.h; the argument is a struct lease. */
extern const struct level_ops lease_ops;
/* 0, or -1 with errno: the note is not there. */
int lease_init(struct lease *l, const char *path, const char *note);
/* Is that level ours still? */
int lease_is_ours(const struct lease *l, int level);
/* Remove the file of that name if it is this one. */
void lease_remove(const char *name, uint64_t dev, uint64_t ino);
/* "PATH-LEVEL"; caller frees. */
char *lease_name(const char *path, int level);

#endif

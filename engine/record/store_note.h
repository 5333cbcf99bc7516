/* SPDX-License-Identifier: Apache-2.0
 * store_note: the text of a note in runs/ (store_note.c). Private to record.
 */
#ifndef RECORD_STORE_NOTE_H
#define RECORD_STORE_NOTE_H

#include <stddef.h>

#include "base/str.h"

/* Members that are NULL are not in the text. */
struct note {
	char *path, *id, *host, *store, *mount, *beside;
};
void note_free(struct note *n);
void note_write(const struct note *n, struct str *out);
/* 0, or -1: damaged, or it names no path; *n is empty then. */
int note_parse(struct note *n, const char *text, size_t len);

#endif

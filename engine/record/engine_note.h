/* SPDX-License-Identifier: Apache-2.0
 * engine_note: the file in which an engine says who it is, and whose mtime is its
 * heartbeat. Private to record.
 */
#ifndef RECORD_ENGINE_NOTE_H
#define RECORD_ENGINE_NOTE_H

#include <stdint.h>

#include "base/error.h"
#include "record/engine_id.h"

struct engine_note {
	struct engine_id id; /* what the file does not say is "" and 0 */
	int64_t since;       /* Unix time */
	int64_t stamp;       /* mtime in ns: only whether it moves means anything */
	uint64_t dev, ino;
	int dead;  /* the engine is surely gone */
	int alive; /* it is a process of this machine that is there */
};

/* The text of a note; caller frees. */
char *engine_note_text(const struct engine_id *self);
/* Make the note of this engine, a new file, locked as long as it is open. With `sync`,
 * other machines see all of it. The descriptor, or -1 with the error set. */
int engine_note_make(const char *path, const struct engine_id *self, int sync,
		     struct error *e);
/* 1, 0 if there is no such file, -1 if it cannot be read. One that says nothing sound,
 * or cannot be read, gives what can be told of the file alone. */
int engine_note_read(const char *path, struct engine_note *out);
/* Give a sign of life. */
void engine_note_beat(int fd);

#endif

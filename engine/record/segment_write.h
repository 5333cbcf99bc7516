/* SPDX-License-Identifier: Apache-2.0
 * segment_write: a new joined segment, line by line, for those who write finished
 * segments anew (store gc, store verify). Private to record.
 */
#ifndef RECORD_SEGMENT_WRITE_H
#define RECORD_SEGMENT_WRITE_H

#include "record/store_private.h"

struct segment_writer {
	char *temporary, *path; /* segments/.tmp-R, segments/merged-R */
	int fd;
	int failed; /* errno of a write */
	struct str buffer;
};

/* Begin. 0, or -1 with the error set; segment_writer_end in both cases. */
int segment_writer_begin(struct segment_writer *w, const struct store *s,
			 struct error *e);
/* One whole line, without its newline. Errors are told by the commit. */
void segment_writer_add(struct segment_writer *w, const char *line, size_t len);
/* Write, sync and rename it to its place. 0, or -1 with the error set. */
int segment_writer_commit(struct segment_writer *w, struct error *e);
/* Free; removes what was not committed. */
void segment_writer_end(struct segment_writer *w);

/* The lock under which finished segments are joined and written anew: a descriptor to
 * close, or -1: an engine has it, or the store cannot be written. */
int segments_lock(const struct store *s);

#endif

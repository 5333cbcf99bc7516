/* SPDX-License-Identifier: Apache-2.0
 * lines: keyed line records in append-only files: "CRC KEY TEXT\n". A file is
 * scanned once by checksum and key; texts are read again when asked for. Private to
 * record.
 */
#ifndef RECORD_LINES_H
#define RECORD_LINES_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/map.h"
#include "base/str.h"

/* Where one record's line stands. */
struct lines_at {
	uint64_t offset; /* of the line in its file */
	uint32_t length; /* of the line, without its newline */
	uint16_t file;
	uint16_t used; /* asked for or put since it was opened */
};
struct lines_file {
	char *path;
	int fd;           /* -1: closed; opened again when needed */
	uint64_t scanned; /* bytes up to the last whole line read */
	size_t damaged;   /* lines passed over */
	int torn;         /* bytes behind the last newline when last scanned */
	int unread;       /* opening or reading it failed: there may be more in it */
};
/* Zero-initialise; lines_free. */
struct lines {
	int last_wins;   /* else the first record of a key stands */
	struct map keys; /* KEY -> index into at */
	struct lines_at *at;
	size_t at_count, at_cap;
	struct lines_file *files;
	size_t file_count, file_cap;
	size_t lines; /* sound ones seen, dead ones included */

	char *out;          /* file appended to, or NULL */
	int out_fd;         /* -1: not opened yet */
	int out_file;       /* its number in files, -1: none yet */
	size_t out_first;   /* no record before this one in `at` is in `pending` */
	struct str pending; /* sealed lines not yet written */
	int unsynced;       /* written since the last sync */
	int half;           /* half a line stands at the end, which could not be cut off */

	char *window; /* bytes [window_at, +window_len) of file window_file */
	size_t window_len, window_cap;
	uint64_t window_at;
	int window_file; /* -1: none */
};

void lines_init(struct lines *l, int last_wins);
/* Drops what is pending. */
void lines_free(struct lines *l);
/* Scan a file. 0 (a missing file too, *missing set if not NULL), or -1 with the
 * error set. */
int lines_add_file(struct lines *l, const char *path, int *missing, struct error *e);
/* Scan what was added to the known files since. 0, or -1 with the error set where one could
 * not be read for a reason that passes (error_passes); others are as they were. */
int lines_rescan(struct lines *l, struct error *e);
/* Append to this file from now on (made at the first flush; scan it first if it may
 * exist). */
void lines_append_to(struct lines *l, const char *path);
/* The text of a key, valid until the next call; NULL if there is none or it is
 * damaged (errno 0), or if it cannot be read (errno). */
const char *lines_get(struct lines *l, const char *key, size_t *len);
int lines_has(const struct lines *l, const char *key);
/* Is its record not written yet? */
int lines_is_pending(const struct lines *l, const char *key);
/* Append; buffered. `key` has no blank and no newline, `text` no newline. With
 * first-wins the caller has looked first. */
void lines_put(struct lines *l, const char *key, const char *text, size_t len);
/* Take the last, still unwritten lines_put back. */
void lines_unput(struct lines *l, const char *key, size_t pending_before);
/* Write what is pending, whole lines or nothing, and with `sync` fdatasync. 0, or -1
 * with the error set and everything still pending. */
int lines_flush(struct lines *l, int sync, struct error *e);
/* Write the standing records to a new file put in the place of `path`: only used
 * ones if `used`, only those of files marked in of_file unless that is NULL. */
int lines_rewrite(struct lines *l, int used, const unsigned char *of_file,
		  const char *path, int sync, struct error *e);

/* One line without its newline, at `offset` of its file; whole 0: bytes behind the last
 * newline. Non-zero stops: above 0, since lines_each hands it on. */
typedef int lines_fn(void *arg, const char *line, size_t len, uint64_t offset,
		     int whole);
/* Call fn for every line of a file, damaged ones too, in bounded memory. 0, what fn
 * returned, or -1 with the error and errno set (ENOENT too). */
int lines_each(const char *path, lines_fn *fn, void *arg, struct error *e);
/* Key and text of such a line, or -1: it is damaged. */
int lines_split(const char *line, size_t len, const char **key, size_t *key_len,
		const char **text, size_t *text_len);

#endif

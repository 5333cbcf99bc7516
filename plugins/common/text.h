/* SPDX-License-Identifier: Apache-2.0
 *
 * A growing string, a reader of lines, a checked output file, and a copy of one.
 */
#ifndef PLUGINS_COMMON_TEXT_H
#define PLUGINS_COMMON_TEXT_H

#include <stddef.h>
#include <stdio.h>
#include <sys/types.h>

#include "fault.h"

/* A growing string. Zero-initialise. `data` is NUL-terminated once something was added,
 * NULL before. After a failed allocation `failed` stays set and adding does nothing. */
struct text {
	char *data;
	size_t size, room;
	int failed;
};

/* Append n bytes; 0, or -1 if memory ran out. */
int text_add(struct text *text, const char *bytes, size_t n);
int text_add_char(struct text *text, char c);
int text_add_string(struct text *text, const char *string);
/* Empty it, keep its memory. */
void text_clear(struct text *text);
void text_free(struct text *text);

/* Lines of a file. Zero-initialise, then line_open(). */
struct line_reader {
	FILE *file;
	const char *path; /* borrowed */
	char *line;       /* without its line end ("\n" or "\r\n") */
	size_t length;    /* may count NUL bytes inside */
	size_t room;
	size_t number; /* of the current line, from 1 */
};

/* 0; -1: cannot open. `path` is borrowed until line_close(). */
int line_open(struct line_reader *reader, const char *path, struct fault *fault);
/* 1: a line; 0: end of file; -1: the file cannot be read. */
int line_next(struct line_reader *reader, struct fault *fault);
/* Any number of times; also on a reader that never opened. */
void line_close(struct line_reader *reader);

/* Open a file for writing, truncated; NULL with the fault set. */
FILE *out_open(const char *path, struct fault *fault);
/* Close it; -1 if anything that was written to it failed. */
int out_close(FILE *file, const char *path, struct fault *fault);
/* Copy a file's bytes to another, which is made or emptied; 0, or -1 with the fault set. */
int file_copy(const char *from, const char *to, struct fault *fault);

#endif

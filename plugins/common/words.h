/* SPDX-License-Identifier: Apache-2.0
 *
 * A command line, split into words as a POSIX shell quotes them, without a shell.
 */
#ifndef PLUGINS_COMMON_WORDS_H
#define PLUGINS_COMMON_WORDS_H

#include <stddef.h>

#include "fault.h"

/* A list of strings that it owns, NULL-terminated. Zero-initialise. */
struct words {
	char **list;
	size_t count, room;
};

/* Append a copy of `word`; 0, or -1 if memory ran out. */
int words_add(struct words *words, const char *word);
/* Split `text`: words are separated by blanks, tabs and newlines; '...' keeps
 * everything,
 * "..." everything but \" \\ \$ \` and backslash-newline, outside of quotes a backslash
 * keeps the next character. No variables, no globs, no comments. -1 with class
 * permanent for an open quote or a backslash at the end. `subject` is named in the
 * message. */
int words_split(struct words *words, const char *text, const char *subject,
		struct fault *fault);
void words_free(struct words *words);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * What the reader (stockholm.c) and the writers (stockholm_write.c) of Stockholm files
 * share: the walk over a file's lines, and rows by name.
 */
#ifndef PLUGINS_COMMON_STOCKHOLM_WALK_H
#define PLUGINS_COMMON_STOCKHOLM_WALK_H

#include "stockholm.h"
#include "text.h"

/* Where a walk stands in its file. */
struct stockholm_walk {
	struct line_reader lines;
	struct fault *fault;
	size_t hint;   /* the row that is likely the next one */
	size_t blanks; /* blank lines above this line */
	int is_ended;  /* "//" was seen */
};

/* Open a file and check its first line; 0 or -1. Close it with line_close(). */
int stockholm_walk_open(struct stockholm_walk *walk, const char *path,
			struct fault *fault);
/* The next line with something to say: 1; 0: the end, after its "//" was checked; -1.
 */
int stockholm_walk_next(struct stockholm_walk *walk);

/* The row of a name, NULL if there is none. */
struct stockholm_row *stockholm_find(struct stockholm *sto, const char *name, size_t n,
				     size_t hint);
/* Add a row with a name that is not there. NULL: out of memory. */
struct stockholm_row *stockholm_add(struct stockholm *sto, const char *name, size_t n);

#endif

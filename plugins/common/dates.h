/* SPDX-License-Identifier: Apache-2.0
 *
 * Release dates of PDB entries: a text file with one "ID DATE" a line, e.g.
 *     4gel 2012-08-15
 * separated by blanks, tabs or a comma; '#' begins a comment. Case does not matter.
 */
#ifndef PLUGINS_COMMON_DATES_H
#define PLUGINS_COMMON_DATES_H

#include <stddef.h>

#include "fault.h"

#define DATE_SIZE 11 /* "YYYY-MM-DD" and NUL */

struct dated {
	char id[16]; /* lower case */
	char date[DATE_SIZE];
};

/* Sorted by id. Zero-initialise. */
struct dates {
	struct dated *list;
	size_t count, room;
};

/* 1 for YYYY-MM-DD with a month and day that exist. */
int date_is_valid(const char *text);
/* Read a file; -1, "FILE:LINE: what", for a line that is no id and date. */
int dates_read(struct dates *dates, const char *path, struct fault *fault);
/* The date of an id, NULL if it is not in the file. */
const char *dates_find(const struct dates *dates, const char *id);
void dates_free(struct dates *dates);

#endif

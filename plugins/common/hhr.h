/* SPDX-License-Identifier: Apache-2.0
 *
 * HH-suite's result files (.hhr):
 *     Query         query                   some lines about the search
 *                                           (a blank line)
 *      No Hit             Prob E-value ...  the table's head
 *       1 1001_A Protein 100.0 8.4E-86 ...  one line a hit
 *                                           (a blank line)
 *     No 1                                  one block a hit
 *     >1001_A Protein of something
 *     Probab=100.00  E-value=8.4e-86  Score=541.54  Aligned_cols=207  ...
 *     Q query            29 HPGPDF-AR   108 (237)
 *     T 1001_A            2 STLPDFTLE    81 (211)     and lines that are not read here
 */
#ifndef PLUGINS_COMMON_HHR_H
#define PLUGINS_COMMON_HHR_H

#include <stddef.h>

#include "fault.h"
#include "text.h"

struct hhr_hit {
	char *name;         /* first word of the hit's header */
	char *description;  /* the rest of it */
	double probability; /* percent */
	double e_value, score, sum_probs;
	int aligned_columns;
	struct text query_row, hit_row; /* aligned, upper case and '-' */
	long query_start, hit_start;    /* from 1 */
	char *table;                    /* its line of the table, without the number */
	struct text block;              /* its block, without the line "No N" */
};

struct hhr {
	struct text head; /* everything up to the table's head */
	struct hhr_hit *hits;
	size_t count;
};

/* Read a file. -1, class permanent: no .hhr file, a table and blocks that disagree, a
 * block without its numbers or rows, rows of unequal length. Zero-initialise; the
 * caller frees it in any case. */
int hhr_read(struct hhr *hhr, const char *path, struct fault *fault);
void hhr_free(struct hhr *hhr);

/* Write the hits for which keep[i] is not 0, numbered anew. What differs from run to
 * run is left out of the head: the date, and the command line in favour of `command`.
 */
int hhr_write(const struct hhr *hhr, const char *path, const unsigned char *keep,
	      const char *command, struct fault *fault);

#endif

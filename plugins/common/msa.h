/* SPDX-License-Identifier: Apache-2.0
 *
 * A multiple sequence alignment as AlphaFold2 reads it: rows as long as the query, and
 * for each column the number of residues that a row has between this column and the one
 * before it (deletions). Readers of Stockholm and a3m files.
 */
#ifndef PLUGINS_COMMON_MSA_H
#define PLUGINS_COMMON_MSA_H

#include <stddef.h>
#include <stdint.h>

#include "fault.h"

struct msa_row {
	char *name;         /* first word of the header */
	char *letters;      /* A-Z and '-', `columns` of them */
	int32_t *deletions; /* `columns` of them; NULL: all 0 */
};

struct msa {
	struct msa_row *rows;
	size_t count, room;
	size_t columns; /* residues of the query */
};

/* Read a Stockholm file with one alignment; its first row is the query, '-' and '.' are
 * gaps. Columns where the query has a gap become deletions. `max_rows` 0: all. Refused,
 * class permanent: another first line than "# STOCKHOLM 1.0", no "//", a second
 * alignment, rows of unequal length, characters that are neither letter nor gap.
 * `msa` is zero-initialised; the caller frees it in any case. */
int msa_read_stockholm(struct msa *msa, const char *path, size_t max_rows,
		       struct fault *fault);
/* Read an a3m file: FASTA records, upper case and '-' are columns, lower case letters
 * insertions, '.' nothing. Lines that start with '#' before the first record are passed
 * over (as HH-suite and MMseqs2 write them); so are rows of secondary structure
 * (">ss_pred" and the like). Insertions behind the last column are dropped, as
 * AlphaFold2 does. The query itself may have no gap. */
int msa_read_a3m(struct msa *msa, const char *path, size_t max_rows,
		 struct fault *fault);
/* One of the two, by the file's first line. */
int msa_read(struct msa *msa, const char *path, size_t max_rows, struct fault *fault);
/* Append a row; takes all three. -1 (nothing taken but freed) if memory ran out. */
int msa_add(struct msa *msa, char *name, char *letters, int32_t *deletions,
	    struct fault *fault);
void msa_free(struct msa *msa);

/* A set of rows, by their letters. Zero-initialise. The letters are borrowed. */
struct row_set {
	const char **slots;
	size_t count, room;
};

/* 1: added; 0: an equal row was there; -1: out of memory. */
int row_set_add(struct row_set *set, const char *letters);
void row_set_free(struct row_set *set);

#endif

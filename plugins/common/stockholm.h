/* SPDX-License-Identifier: Apache-2.0
 *
 * Stockholm files as HMMER writes them:
 *     # STOCKHOLM 1.0
 *     #=GS NAME/10-90 DE [subseq from] text      about one row
 *     NAME/10-90        MKV-LL                   a piece of a row; rows come in blocks
 *     #=GR NAME/10-90 PP 99.9                    about the residues of a row
 *     #=GC RF           xxx.xx                   about the columns
 *     //
 */
#ifndef PLUGINS_COMMON_STOCKHOLM_H
#define PLUGINS_COMMON_STOCKHOLM_H

#include <stddef.h>

#include "fault.h"

/* One row: name and aligned letters as in the file, blocks joined; description ("DE" of
 * #=GS, "" if none). */
struct stockholm_row {
	char *name, *letters, *description;
	size_t length, room;
	size_t order; /* while reading: 1.. in the order of first letters, 0: none yet
		       */
};

struct stockholm {
	struct stockholm_row *rows;
	size_t count, room;
	size_t lettered; /* while reading: rows with letters */
	size_t *index;   /* hash table of row numbers + 1 */
	size_t index_room;
};

/* Read a whole file; see msa_read_stockholm() for what is refused. Zero-initialise;
 * freed by the caller in any case. */
int stockholm_read(struct stockholm *sto, const char *path, size_t max_rows,
		   struct fault *fault);
void stockholm_free(struct stockholm *sto);

/* Copy a file, keeping its first `max_rows` rows (the query counted; 0: all) with their
 * #=GS lines, #=GC RF, blank lines, the first line and "//"; other annotation is left
 * out: byte for byte what AlphaFold2's truncation writes. `to` NULL: only count. *kept
 * and *total (rows) may be NULL. Files of any size: only names are held in memory. */
int stockholm_truncate(const char *from, const char *to, size_t max_rows, size_t *kept,
		       size_t *total, struct fault *fault);

/* Write the rows as a3m in the way of AlphaFold2's template search: rows equal to an
 * earlier one in all columns where the query has a residue are left out, columns
 * without a residue vanish, insertions become lower case. Returns the number of rows
 * written in *written. */
int stockholm_write_a3m(const struct stockholm *sto, const char *path, size_t *written,
			struct fault *fault);
/* The same as a Stockholm file, for hmmbuild: the file `from`, which `sto` was read from,
 * with the lines of the rows that are left, their #=GS lines and #=GC RF, byte for byte
 * what AlphaFold2 makes of it (but for the line end behind "//"). */
int stockholm_write_query(struct stockholm *sto, const char *from, const char *path,
			  size_t *written, struct fault *fault);

#endif

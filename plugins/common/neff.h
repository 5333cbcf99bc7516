/* SPDX-License-Identifier: Apache-2.0
 *
 * The effective number of sequences of an alignment: how many it would be if each group
 * of near-equal rows counted once. Here, as in the AlphaFold papers: Neff = sum over
 * rows i of 1 / n(i) where n(i) counts the rows (i itself included) whose identity with
 * row i is at least 80%, identity being equal residues over the columns in which at
 * least one of the two rows has a residue.
 */
#ifndef PLUGINS_COMMON_NEFF_H
#define PLUGINS_COMMON_NEFF_H

#include <stddef.h>

/* Rows are strings of `columns` letters, '-' a gap. The work is rows^2 x columns, so
 * with more than `sample` rows (0: no limit) n(i) is computed for `sample` of them,
 * evenly spread, each against all, and the sum is scaled up. `tick` (may be NULL) is
 * called now and then with the share done; a non-zero return ends the work. Returns
 * Neff, or -1 if memory ran out, -2 if tick ended it. */
double neff(const char *const *rows, size_t count, size_t columns, size_t sample,
	    int (*tick)(double share));

#endif

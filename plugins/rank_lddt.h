/* SPDX-License-Identifier: Apache-2.0
 *
 * Consensus among models of one target: each model is compared with every other by
 * CA-lDDT (Mariani and others 2013: inclusion radius 15 A, thresholds 0.5, 1, 2, 4 A),
 * and what a residue scores on average says how far the models agree on its place.
 * This is no estimate by a network: never call it pLDDT.
 */
#ifndef PLUGINS_RANK_LDDT_H
#define PLUGINS_RANK_LDDT_H

#include <stddef.h>

/* A residue's chain, number and insertion code: columns 22 to 27 of an ATOM line. */
#define LDDT_KEY 6

/* The CA atoms of one model, sorted by key. */
struct lddt_model {
	size_t count;
	struct lddt_ca {
		char key[LDDT_KEY];
		size_t line;  /* in the file */
		double at[3]; /* Angstrom */
		double score; /* consensus, 0 to 100; set by lddt_consensus() */
	} * residues;
	double score; /* mean over all residues that any model has, 0 to 100 */
};

/* Called now and then with the fraction done; not 0 stops the work. */
typedef int (*lddt_tick)(void *arg, double fraction);

/* Read the CA atoms of the first model in a PDB file. 0, or -1 with one line in `error`
 * and nothing to free. */
int lddt_read(struct lddt_model *m, const char *path, char *error, size_t size);
/* Free what lddt_read() allocated. */
void lddt_free(struct lddt_model *m);
/* Score all residues of all models, n >= 2. 0; -1 without memory; 1 stopped by `tick`
 * (which may be NULL). */
int lddt_consensus(struct lddt_model *models, size_t n, lddt_tick tick, void *arg);
/* The residue of an ATOM line's key; NULL if it has no CA. */
const struct lddt_ca *lddt_find(const struct lddt_model *m, const char *key);

#endif

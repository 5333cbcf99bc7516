/* SPDX-License-Identifier: Apache-2.0
 * store_runs: the run directories that use a store, as gc and du find them. The engine's
 * side is store_register_run (store.h).
 */
#ifndef RECORD_STORE_RUNS_H
#define RECORD_STORE_RUNS_H

#include "record/store.h"

enum run_state {
	RUN_SEEN,    /* there */
	RUN_GONE,    /* its folder is readable and has no such run any more */
	RUN_IN_DOUBT /* it cannot be told: not mounted, another host's, unreadable */
};

struct store_run {
	char *note; /* name of its file in runs/ */
	char *path; /* where it was found; else where it was; "" if the note is damaged */
	enum run_state state;
	char *why;  /* in doubt: the cause; else "" */
};
struct store_runs {
	struct store_run *v;
	size_t count, cap, in_doubt;
};

/* Read runs/ and look for each. A run found at two places (a copied project) gives two
 * entries. 0, or -1 with the error set: runs/ itself cannot be read. */
int store_runs_read(const struct store *s, struct store_runs *out, struct error *e);
void store_runs_free(struct store_runs *runs);
/* Note a run as in doubt after all: something in it cannot be read. */
void store_runs_doubt(struct store_runs *runs, size_t i, const char *why);

#endif

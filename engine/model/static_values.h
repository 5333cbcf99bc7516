/* SPDX-License-Identifier: Apache-2.0
 * static_values: the values of branch variables that are known before anything runs,
 * and all combinations of those that a text refers to.
 */
#ifndef MODEL_STATIC_VALUES_H
#define MODEL_STATIC_VALUES_H

#include "model/workflow.h"

/* Which nodes introduce which variable. */
struct static_values;
struct static_values *static_values_new(const struct workflow *w);
void static_values_free(struct static_values *s);

/* Variables to go through, for one node. Zero-initialise. */
struct combos {
	struct {
		char *name;
		const char **values; /* owned array of borrowed texts */
		size_t count, at;
	} * v;
	size_t count, cap;
	int unknown; /* one of them is known at run time only */
	size_t done; /* combinations given */
};
/* Add the variables that a text refers to (twice does no harm). */
void combos_add(struct combos *c, struct static_values *s, int node, const char *text,
		unsigned flags);
/* A single name. */
void combos_add_name(struct combos *c, struct static_values *s, int node,
		     const char *name);
/* Go to the first, then the next combination; at most 10,000. 0 when there are no more,
 * or when one is unknown. */
int combos_next(struct combos *c);
/* A var_lookup over the present combination; arg is the struct combos. */
const char *combos_lookup(void *arg, const char *name);
/* " (model=3)" for messages, "" if there are no variables. Owned. */
char *combos_text(const struct combos *c);
void combos_free(struct combos *c);

#endif

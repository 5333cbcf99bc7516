/* SPDX-License-Identifier: Apache-2.0 */
/* A slot as text, for environment variables, the journal and people. */
#include "sched/resources.h"

#include <stdlib.h>

#include "base/mem.h"

static int
compare_unsigned(const void *a, const void *b)
{
	unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

	return (x > y) - (x < y);
}

/* "0-3,40" from sorted numbers. */
static void
add_ranges(struct str *b, const unsigned *v, size_t n)
{
	for (size_t i = 0; i < n;) {
		size_t j = i;

		while (j + 1 < n && v[j + 1] == v[j] + 1)
			j++;
		str_printf(b, "%s%u", i > 0 ? "," : "", v[i]);
		if (j > i)
			str_printf(b, "-%u", v[j]);
		i = j + 1;
	}
}

void
slot_pu_list(const struct machine *m, const struct slot *s, struct str *b)
{
	unsigned *pus = NULL;
	size_t n = 0, cap = 0;

	for (unsigned i = 0; i < s->core_count; i++) {
		const struct core *c = &m->cores[s->cores[i]];

		for (unsigned k = 0; k < c->pu_count; k++) {
			GROW(pus, n, cap);
			pus[n++] = c->pus[k];
		}
	}
	if (n > 1)
		qsort(pus, n, sizeof *pus, compare_unsigned);
	add_ranges(b, pus, n);
	free(pus);
}

void
slot_gpu_ids(const struct machine *m, const struct slot *s, struct str *b)
{
	for (unsigned i = 0; i < s->gpu_count; i++)
		str_printf(b, "%s%s", i > 0 ? "," : "", m->gpus[s->gpus[i]].id);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Free cores, GPUs and memory, and the cutting of slots.
 *
 * GPUs with the same nearest cores form a domain, so a choice looks at a few domains,
 * never at pairs of GPUs. A GPU is taken from the domain with the most free cores,
 * which spreads slots over the packages. Cores come from the domain, then from its
 * packages, then from anywhere.
 */
#include "sched/resources.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "sched/cores.h"

struct domain {
	uint64_t *near;     /* its cores */
	uint64_t *packages; /* all cores of the packages that they are in */
	unsigned core_count;
	unsigned gpu_count;
	unsigned free_gpus;
};

struct resources {
	const struct machine *m;
	struct cores cores;
	struct domain *domains;
	unsigned domain_count;
	unsigned *domain_of;  /* of each GPU */
	char *gpu_busy;
	unsigned free_gpus;
	int preferred;        /* GPU for the next slot that has one, -1: none */
	uint64_t used, held;  /* memory in slots and outside; together maybe too much */
};

/* --- making ----------------------------------------------------------------------- */

static void
fill_domain(struct resources *r, struct domain *d, const struct gpu *g)
{
	d->core_count = g->core_count;
	for (unsigned i = 0; i < g->core_count; i++) {
		unsigned p = r->m->cores[g->cores[i]].package;

		cores_set(d->near, g->cores[i]);
		cores_add_package(&r->cores, d->packages, p);
	}
}

static void
add_to_domain(struct resources *r, unsigned gpu)
{
	struct domain new = {.near = cores_bitmap(&r->cores),
	                     .packages = cores_bitmap(&r->cores)};
	size_t size = r->cores.words * sizeof *new.near;
	unsigned i = 0;

	fill_domain(r, &new, &r->m->gpus[gpu]);
	while (i < r->domain_count &&
	       memcmp(r->domains[i].near, new.near, size) != 0)
		i++;
	if (i == r->domain_count) {
		r->domains[r->domain_count++] = new;
	} else {
		free(new.near);
		free(new.packages);
	}
	r->domain_of[gpu] = i;
	r->domains[i].gpu_count++;
	r->domains[i].free_gpus++;
}

struct resources *
resources_new(const struct machine *m)
{
	struct resources *r = xcalloc(1, sizeof *r);

	r->m = m;
	cores_init(&r->cores, m);
	r->domains = xcalloc(m->gpu_count + 1, sizeof *r->domains);
	r->domain_of = xcalloc(m->gpu_count + 1, sizeof *r->domain_of);
	r->gpu_busy = xcalloc(m->gpu_count + 1, 1);
	r->free_gpus = m->gpu_count;
	r->preferred = -1;
	for (unsigned g = 0; g < m->gpu_count; g++)
		add_to_domain(r, g);
	return r;
}

void
resources_free(struct resources *r)
{
	if (!r)
		return;
	for (unsigned i = 0; i < r->domain_count; i++) {
		free(r->domains[i].near);
		free(r->domains[i].packages);
	}
	free(r->domains);
	free(r->domain_of);
	free(r->gpu_busy);
	cores_clear(&r->cores);
	free(r);
}

/* --- asking ----------------------------------------------------------------------- */

unsigned
resources_free_cores(const struct resources *r)
{
	return r->cores.free_count;
}

unsigned
resources_free_gpus(const struct resources *r)
{
	return r->free_gpus;
}

uint64_t
resources_free_memory(const struct resources *r)
{
	uint64_t left = r->m->memory - r->used;

	return r->held < left ? left - r->held : 0;
}

uint64_t
resources_held_for(const struct resources *r, uint64_t memory)
{
	uint64_t left = r->m->memory - r->used;

	if (memory > left || r->held <= left - memory)
		return 0;
	return r->held - (left - memory);
}

void
resources_hold(struct resources *r, uint64_t memory)
{
	r->held += memory;
}

void
resources_unhold(struct resources *r, uint64_t memory)
{
	assert(memory <= r->held);
	r->held -= memory;
}

int
resources_possible(const struct resources *r, unsigned cores, unsigned gpus,
                   uint64_t memory)
{
	return cores <= r->m->core_count && gpus <= r->m->gpu_count &&
	       memory <= r->m->memory;
}

/* The domain to take the next of `gpus` GPUs from: one that has them all rather than
 * not, then the one with the most free cores; of those that are too small, the one with
 * the most GPUs. `taken[d]` GPUs of each are spoken for (may be NULL). */
static unsigned
best_domain(const struct resources *r, unsigned gpus, const unsigned *taken)
{
	unsigned best = 0, best_gpus = 0, best_cores = 0;

	for (unsigned i = 0; i < r->domain_count; i++) {
		const struct domain *d = &r->domains[i];
		unsigned have = d->free_gpus - (taken ? taken[i] : 0);
		unsigned cores = cores_free_in(&r->cores, d->near);

		if (have > gpus)
			have = gpus;
		if (have > best_gpus || (have == best_gpus && cores > best_cores)) {
			best = i;
			best_gpus = have;
			best_cores = cores;
		}
	}
	return best;
}

/* Does a slot with so many GPUs get the one that is preferred? */
static int
has_preferred(const struct resources *r, unsigned gpus)
{
	return r->preferred >= 0 && gpus == 1 &&
	       resources_gpu_is_free(r, (unsigned)r->preferred);
}

/* The cores that `count` GPUs of a domain may count on now. */
static unsigned
domain_share(const struct resources *r, const struct domain *d, unsigned count)
{
	unsigned share = d->core_count / d->gpu_count;
	unsigned cores = (share > 0 ? share : 1) * count;
	unsigned near = cores_free_in(&r->cores, d->near);

	if (cores > near)
		cores = near;
	return cores > count ? cores : count;
}

unsigned
resources_gpu_cores(const struct resources *r, unsigned gpus)
{
	unsigned *taken, cores = 0;

	if (gpus == 0 || gpus > r->free_gpus)
		return 0;
	if (has_preferred(r, gpus))
		return domain_share(r, &r->domains[r->domain_of[r->preferred]], 1);
	taken = xcalloc(r->domain_count, sizeof *taken);
	for (unsigned left = gpus; left > 0;) {
		unsigned i = best_domain(r, left, taken);
		unsigned n = r->domains[i].free_gpus - taken[i];

		if (n > left)
			n = left;
		cores += domain_share(r, &r->domains[i], n);
		taken[i] += n;
		left -= n;
	}
	free(taken);
	return cores;
}

/* --- slots ------------------------------------------------------------------------ */

static void
pick_for_domain(struct resources *r, const struct domain *d, unsigned n)
{
	n = cores_pick(&r->cores, d->near, n);
	if (n > 0)
		n = cores_pick(&r->cores, d->packages, n);
	if (n > 0)
		cores_pick(&r->cores, NULL, n);
}

void
resources_prefer_gpu(struct resources *r, unsigned gpu)
{
	r->preferred = (int)gpu;
}

int
resources_gpu_is_free(const struct resources *r, unsigned gpu)
{
	return gpu < r->m->gpu_count && !r->gpu_busy[gpu];
}

int
resources_free_gpu(const struct resources *r, const char *avoid)
{
	unsigned most = 0;
	int best = -1;

	for (unsigned g = 0; g < r->m->gpu_count; g++) {
		const struct domain *d = &r->domains[r->domain_of[g]];
		unsigned cores = cores_free_in(&r->cores, d->near);

		if (r->gpu_busy[g] || avoid[g] || (best >= 0 && cores <= most))
			continue;
		best = (int)g;
		most = cores;
	}
	return best;
}

static void
take_gpu(struct resources *r, unsigned g, struct slot *out)
{
	r->domains[r->domain_of[g]].free_gpus--;
	r->free_gpus--;
	r->gpu_busy[g] = 1;
	out->gpus[out->gpu_count++] = g;
}

static void
take_gpus_of(struct resources *r, unsigned domain, unsigned n, struct slot *out)
{
	for (unsigned g = 0; n > 0; g++) {
		if (r->domain_of[g] != domain || r->gpu_busy[g])
			continue;
		take_gpu(r, g, out);
		n--;
	}
}

/* The one GPU that is preferred, with cores near it. 0, or -1: it is not to be had. */
static int
take_preferred(struct resources *r, unsigned cores, unsigned gpus, struct slot *out)
{
	unsigned g = (unsigned)r->preferred;

	if (!has_preferred(r, gpus))
		return -1;
	take_gpu(r, g, out);
	pick_for_domain(r, &r->domains[r->domain_of[g]], cores);
	return 0;
}

/* GPUs, and with each domain's its part of the cores. */
static void
take_with_gpus(struct resources *r, unsigned cores, unsigned gpus, struct slot *out)
{
	out->gpus = xcalloc(gpus, sizeof *out->gpus);
	if (take_preferred(r, cores, gpus, out) == 0)
		return;
	while (gpus > 0) {
		unsigned i = best_domain(r, gpus, NULL);
		unsigned have = r->domains[i].free_gpus, n = have < gpus ? have : gpus;
		unsigned part = (unsigned)((uint64_t)cores * n / gpus);

		take_gpus_of(r, i, n, out);
		pick_for_domain(r, &r->domains[i], part);
		cores -= part;
		gpus -= n;
	}
}

static int
compare_unsigned(const void *a, const void *b)
{
	unsigned x = *(const unsigned *)a, y = *(const unsigned *)b;

	return (x > y) - (x < y);
}

int
resources_take(struct resources *r, unsigned cores, unsigned gpus, uint64_t memory,
               struct slot *out)
{
	memset(out, 0, sizeof *out);
	if (cores > r->cores.free_count || gpus > r->free_gpus ||
	    memory > resources_free_memory(r))
		return -1;
	cores_begin(&r->cores);
	if (gpus > 0) {
		take_with_gpus(r, cores, gpus, out);
		qsort(out->gpus, out->gpu_count, sizeof *out->gpus, compare_unsigned);
	} else {
		cores_pick(&r->cores, NULL, cores);
	}
	out->core_count = cores;
	out->cores = cores_picked(&r->cores, cores);
	out->memory = memory;
	r->used += memory;
	r->preferred = -1;
	return 0;
}

void
resources_give(struct resources *r, struct slot *s)
{
	for (unsigned i = 0; i < s->core_count; i++)
		cores_give(&r->cores, s->cores[i]);
	for (unsigned i = 0; i < s->gpu_count; i++) {
		assert(r->gpu_busy[s->gpus[i]]);
		r->gpu_busy[s->gpus[i]] = 0;
		r->domains[r->domain_of[s->gpus[i]]].free_gpus++;
	}
	r->free_gpus += s->gpu_count;
	assert(s->memory <= r->used);
	r->used -= s->memory;
	free(s->cores);
	free(s->gpus);
	memset(s, 0, sizeof *s);
}

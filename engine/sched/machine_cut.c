/* SPDX-License-Identifier: Apache-2.0 */
/* A machine as plain data: made by numbers, freed, and cut down to limits. */
#include "sched/machine_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void
gpu_clear(struct gpu *g)
{
	free(g->id);
	free(g->bus_id);
	free(g->name);
	free(g->cores);
}

void
machine_free(struct machine *m)
{
	if (!m)
		return;
	for (unsigned i = 0; i < m->core_count; i++)
		free(m->cores[i].pus);
	for (unsigned i = 0; i < m->gpu_count; i++)
		gpu_clear(&m->gpus[i]);
	free(m->cores);
	free(m->numas);
	free(m->gpus);
	free(m->xml);
	free(m);
}

unsigned *
machine_all_cores(const struct machine *m)
{
	unsigned *all = xcalloc(m->core_count + 1, sizeof *all);

	for (unsigned i = 0; i < m->core_count; i++)
		all[i] = i;
	return all;
}

struct gpu *
machine_add_gpu(struct machine *m, const char *id, const char *bus_id, const char *name,
                unsigned *cores, unsigned core_count)
{
	struct gpu *g;

	m->gpus = xrealloc(m->gpus, m->gpu_count + 1, sizeof *m->gpus);
	g = &m->gpus[m->gpu_count++];
	g->id = xstrdup(id);
	g->bus_id = xstrdup(bus_id);
	g->name = xstrdup(name);
	g->cores = cores;
	g->core_count = core_count;
	return g;
}

static void
add_declared(struct machine *m, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		char id[16];

		snprintf(id, sizeof id, "%u", i);
		machine_add_gpu(m, id, "", "", machine_all_cores(m), m->core_count);
	}
	m->gpus_declared = count > 0;
}

struct machine *
machine_make(unsigned packages, unsigned cores_each, unsigned gpus, uint64_t memory)
{
	struct machine *m = xcalloc(1, sizeof *m);

	m->package_count = m->numa_count = packages;
	m->core_count = packages * cores_each;
	m->memory = memory;
	m->numas = xcalloc(packages + 1, sizeof *m->numas);
	m->cores = xcalloc(m->core_count + 1, sizeof *m->cores);
	for (unsigned p = 0; p < packages; p++) {
		m->numas[p].memory = memory / packages;
		m->numas[p].package = p;
	}
	for (unsigned i = 0; i < m->core_count; i++) {
		struct core *c = &m->cores[i];

		c->pus = xmalloc(sizeof *c->pus);
		c->pus[0] = i;
		c->pu_count = 1;
		c->numa = c->package = i / cores_each;
	}
	for (unsigned g = 0; g < gpus; g++) {
		unsigned *near = xcalloc(cores_each + 1, sizeof *near);
		unsigned package = g * packages / gpus;
		char id[16], bus[16];

		for (unsigned i = 0; i < cores_each; i++)
			near[i] = package * cores_each + i;
		snprintf(id, sizeof id, "%u", g);
		snprintf(bus, sizeof bus, "0000:%02x:00.0", (g + 1) & 0xff);
		machine_add_gpu(m, id, bus, "", near, cores_each);
	}
	return m;
}

static int
gpus_share_cores(const struct gpu *a, const struct gpu *b)
{
	for (unsigned i = 0, j = 0; i < a->core_count && j < b->core_count;) {
		if (a->cores[i] == b->cores[j])
			return 1;
		if (a->cores[i] < b->cores[j])
			i++;
		else
			j++;
	}
	return 0;
}

/* The GPU that is not kept yet and would have the most cores to itself beside the kept
 * ones. */
static unsigned
best_gpu(const struct machine *m, const char *keep)
{
	unsigned best = 0, best_share = 0;

	for (unsigned g = 0; g < m->gpu_count; g++) {
		unsigned sharing = 1, share;

		if (keep[g])
			continue;
		for (unsigned h = 0; h < m->gpu_count; h++)
			sharing += keep[h] &&
			           gpus_share_cores(&m->gpus[g], &m->gpus[h]);
		/* Scaled, so that few cores and many GPUs still tell them apart. */
		share = m->gpus[g].core_count * 1024 / sharing + 1;
		if (share > best_share) {
			best = g;
			best_share = share;
		}
	}
	return best;
}

static void
cut_gpus(struct machine *m, unsigned count)
{
	char *keep = xcalloc(m->gpu_count + 1, 1);
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++)
		keep[best_gpu(m, keep)] = 1;
	for (unsigned g = 0; g < m->gpu_count; g++) {
		if (keep[g])
			m->gpus[n++] = m->gpus[g];
		else
			gpu_clear(&m->gpus[g]);
	}
	m->gpu_count = n;
	free(keep);
}

/* Mark `count` cores: by turns one near each GPU, then from the first on. */
static void
choose_cores(const struct machine *m, unsigned count, char *keep)
{
	unsigned *next = xcalloc(m->gpu_count + 1, sizeof *next);
	unsigned chosen = 0, before;

	do {
		before = chosen;
		for (unsigned g = 0; g < m->gpu_count && chosen < count; g++) {
			const struct gpu *p = &m->gpus[g];

			while (next[g] < p->core_count && keep[p->cores[next[g]]])
				next[g]++;
			if (next[g] < p->core_count) {
				keep[p->cores[next[g]]] = 1;
				chosen++;
			}
		}
	} while (chosen > before && chosen < count);
	for (unsigned i = 0; i < m->core_count && chosen < count; i++) {
		if (!keep[i]) {
			keep[i] = 1;
			chosen++;
		}
	}
	free(next);
}

/* Keep the marked cores; what the GPUs say follows. */
static void
keep_cores(struct machine *m, const char *keep)
{
	unsigned *moved = xcalloc(m->core_count + 1, sizeof *moved);
	unsigned n = 0;

	for (unsigned i = 0; i < m->core_count; i++) {
		moved[i] = n;
		if (keep[i])
			m->cores[n++] = m->cores[i];
		else
			free(m->cores[i].pus);
	}
	m->core_count = n;
	for (unsigned g = 0; g < m->gpu_count; g++) {
		struct gpu *p = &m->gpus[g];
		unsigned k = 0;

		for (unsigned i = 0; i < p->core_count; i++) {
			if (keep[p->cores[i]])
				p->cores[k++] = moved[p->cores[i]];
		}
		p->core_count = k;
		if (k == 0) { /* none of its own is left: all are as near */
			free(p->cores);
			p->cores = machine_all_cores(m);
			p->core_count = n;
		}
	}
	free(moved);
}

static void
cut_cores(struct machine *m, unsigned count)
{
	char *keep = xcalloc(m->core_count + 1, 1);

	choose_cores(m, count, keep);
	keep_cores(m, keep);
	free(keep);
}

void
machine_cut_threads(struct machine *m, unsigned pus)
{
	unsigned n = 0;

	while (n < m->core_count && m->cores[n].pu_count <= pus)
		pus -= m->cores[n++].pu_count;
	if (n < m->core_count)
		cut_cores(m, n > 0 ? n : 1);
}

static int
limit_gpus(struct machine *m, int wanted, struct error *e)
{
	if (wanted < 0)
		return 0;
	if (m->gpu_count == 0) {
		add_declared(m, (unsigned)wanted);
		return 0;
	}
	if ((unsigned)wanted > m->gpu_count)
		return error_set(e, "%d GPUs are asked for, but there %s only %u",
		                 wanted, m->gpu_count == 1 ? "is" : "are",
		                 m->gpu_count);
	if ((unsigned)wanted < m->gpu_count)
		cut_gpus(m, (unsigned)wanted);
	return 0;
}

int
machine_cut(struct machine *m, const struct machine_limits *limits, struct error *e)
{
	char want[32], have[32];

	if (limits->gpus > 4096)
		return error_set(e, "%d GPUs are more than the 4096 a run can use",
		                 limits->gpus);
	if (limits->cpus > 0 && (unsigned)limits->cpus > m->core_count)
		return error_set(e, "%d cores are asked for, but there %s only %u",
		                 limits->cpus, m->core_count == 1 ? "is" : "are",
		                 m->core_count);
	if (limits->memory > m->memory)
		return error_set(e, "%s of memory is asked for, but there is only %s",
		                 format_size(limits->memory, want),
		                 format_size(m->memory, have));
	if (limits->memory > 0)
		m->memory = limits->memory;
	if (limit_gpus(m, limits->gpus, e))
		return -1;
	if (limits->cpus > 0 && (unsigned)limits->cpus < m->core_count)
		cut_cores(m, (unsigned)limits->cpus);
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Bitmaps of 64-bit words. Cores are numbered as they lie in the machine, so neighbours
 * by number share caches. Every choice is a best fit, so that large holes stay large.
 */
#include "sched/cores.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

void
cores_set(uint64_t *bitmap, unsigned core)
{
	bitmap[core / 64] |= UINT64_C(1) << (core % 64);
}

static int
has(const uint64_t *bitmap, unsigned core)
{
	return bitmap[core / 64] >> (core % 64) & 1;
}

static unsigned
count_and(const struct cores *c, const uint64_t *a, const uint64_t *b)
{
	unsigned n = 0;

	for (unsigned w = 0; w < c->words; w++)
		n += (unsigned)__builtin_popcountll(a[w] & b[w]);
	return n;
}

static void
set_and(const struct cores *c, uint64_t *out, const uint64_t *a, const uint64_t *b)
{
	for (unsigned w = 0; w < c->words; w++)
		out[w] = a[w] & b[w];
}

static void
set_minus(const struct cores *c, uint64_t *a, const uint64_t *b)
{
	for (unsigned w = 0; w < c->words; w++)
		a[w] &= ~b[w];
}

uint64_t *
cores_bitmap(const struct cores *c)
{
	return xcalloc(c->words + 1, sizeof(uint64_t));
}

void
cores_init(struct cores *c, const struct machine *m)
{
	memset(c, 0, sizeof *c);
	c->count = c->free_count = m->core_count;
	c->words = (m->core_count + 63) / 64;
	c->numa_count = m->numa_count;
	c->package_count = m->package_count;
	c->numa = xcalloc((size_t)c->words * c->numa_count + 1, sizeof *c->numa);
	c->package = xcalloc((size_t)c->words * c->package_count + 1,
	                     sizeof *c->package);
	c->free = cores_bitmap(c);
	c->picked = cores_bitmap(c);
	c->mask = cores_bitmap(c);
	c->part = cores_bitmap(c);
	for (unsigned i = 0; i < m->core_count; i++) {
		cores_set(c->numa + (size_t)m->cores[i].numa * c->words, i);
		cores_set(c->package + (size_t)m->cores[i].package * c->words, i);
		cores_set(c->free, i);
	}
}

void
cores_clear(struct cores *c)
{
	free(c->numa);
	free(c->package);
	free(c->free);
	free(c->picked);
	free(c->mask);
	free(c->part);
	memset(c, 0, sizeof *c);
}

void
cores_add_package(const struct cores *c, uint64_t *bitmap, unsigned package)
{
	for (unsigned w = 0; w < c->words; w++)
		bitmap[w] |= c->package[(size_t)package * c->words + w];
}

unsigned
cores_free_in(const struct cores *c, const uint64_t *bitmap)
{
	return count_and(c, bitmap, c->free);
}

void
cores_begin(struct cores *c)
{
	memset(c->picked, 0, c->words * sizeof *c->picked);
}

/* Move `n` cores of `set` to picked, from `first` on. */
static void
pick_from(struct cores *c, const uint64_t *set, unsigned first, unsigned n)
{
	for (unsigned i = first; n > 0; i++) {
		if (!has(set, i))
			continue;
		cores_set(c->picked, i);
		c->free[i / 64] &= ~(UINT64_C(1) << (i % 64));
		c->free_count--;
		n--;
	}
}

/* Where to begin taking `n` cores of a set: at the shortest row of neighbours that
 * holds them, else at the first. */
static unsigned
best_row(const struct cores *c, const uint64_t *set, unsigned n)
{
	unsigned best = 0, best_len = c->count + 1, len = 0;

	for (unsigned i = 0; i <= c->count; i++) {
		if (i < c->count && has(set, i)) {
			len++;
			continue;
		}
		if (len >= n && len < best_len) {
			best = i - len;
			best_len = len;
		}
		len = 0;
	}
	return best;
}

/* The place (of `count` bitmaps) that holds `n` cores of `set` most tightly, else the
 * one that holds most. *have is how many of `set` it has. */
static unsigned
best_place(const struct cores *c, const uint64_t *places, unsigned count,
           const uint64_t *set, unsigned n, unsigned *have)
{
	unsigned best = 0;

	*have = 0;
	for (unsigned i = 0; i < count; i++) {
		unsigned k = count_and(c, places + (size_t)i * c->words, set);
		int fits = k >= n, best_fits = *have >= n;

		if (fits != best_fits ? fits : fits ? k < *have : k > *have) {
			best = i;
			*have = k;
		}
	}
	return best;
}

unsigned
cores_pick(struct cores *c, const uint64_t *within, unsigned n)
{
	unsigned have, place;

	set_and(c, c->mask, c->free, within ? within : c->free);
	place = best_place(c, c->package, c->package_count, c->mask, n, &have);
	if (have >= n)
		set_and(c, c->mask, c->mask, c->package + (size_t)place * c->words);
	while (n > 0) {
		unsigned k;

		place = best_place(c, c->numa, c->numa_count, c->mask, n, &have);
		if (have == 0)
			break;
		k = have < n ? have : n;
		set_and(c, c->part, c->mask, c->numa + (size_t)place * c->words);
		pick_from(c, c->part, best_row(c, c->part, k), k);
		set_minus(c, c->mask, c->part);
		n -= k;
	}
	return n;
}

unsigned *
cores_picked(const struct cores *c, unsigned n)
{
	unsigned *list, k = 0;

	if (n == 0)
		return NULL;
	list = xcalloc(n, sizeof *list);
	for (unsigned w = 0; w < c->words; w++) {
		for (uint64_t bits = c->picked[w]; bits && k < n; bits &= bits - 1)
			list[k++] = w * 64 + (unsigned)__builtin_ctzll(bits);
	}
	return list;
}

void
cores_give(struct cores *c, unsigned core)
{
	assert(core < c->count && !has(c->free, core));
	cores_set(c->free, core);
	c->free_count++;
}

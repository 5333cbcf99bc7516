/* SPDX-License-Identifier: Apache-2.0
 *
 * The effective number of sequences; see neff.h.
 *
 * Rows are compared 16 bytes at a time with the compiler's vector types: equal bytes,
 * and equal bytes that are gaps, are counted in byte lanes that are emptied before they
 * could run over (every 255 steps).
 */
#include "neff.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define LANES 16
typedef uint8_t lanes __attribute__((vector_size(LANES)));

static size_t
sum_lanes(lanes v)
{
	size_t sum = 0;
	for (int i = 0; i < LANES; i++)
		sum += v[i];
	return sum;
}

/* 1 if two padded rows of `steps` x 16 bytes are at least 80% identical. `columns` is
 * their true width: the padding is gaps on both sides. */
static int
is_near(const uint8_t *a, const uint8_t *b, size_t steps, size_t columns)
{
	const lanes gap = {'-', '-', '-', '-', '-', '-', '-', '-',
			   '-', '-', '-', '-', '-', '-', '-', '-'};
	size_t equal = 0, gaps = 0;
	for (size_t i = 0; i < steps;) {
		size_t end = i + 255 < steps ? i + 255 : steps;
		lanes e = {0}, g = {0};
		for (; i < end; i++) {
			lanes x, y;
			memcpy(&x, a + i * LANES, LANES);
			memcpy(&y, b + i * LANES, LANES);
			lanes same = (lanes)(x == y);
			e -= same; /* true is -1 */
			g -= same & (lanes)(x == gap);
		}
		equal += sum_lanes(e);
		gaps += sum_lanes(g);
	}
	size_t padding = steps * LANES - columns;
	size_t shared = columns - (gaps - padding);
	return 5 * (equal - gaps) >= 4 * shared;
}

double
neff(const char *const *rows, size_t count, size_t columns, size_t sample,
     int (*tick)(double share))
{
	size_t steps = (columns + LANES - 1) / LANES, width = steps * LANES;
	uint8_t *padded = width && count ? malloc(count * width) : NULL;
	double sum = 0;
	if (!padded)
		return count ? -1 : 0;
	memset(padded, '-', count * width);
	for (size_t i = 0; i < count; i++)
		memcpy(padded + i * width, rows[i], columns);
	size_t picked = sample && sample < count ? sample : count;
	for (size_t k = 0; k < picked; k++) {
		size_t i = (size_t)((double)k * (double)count / (double)picked),
		       near = 0;
		for (size_t j = 0; j < count; j++)
			near += (size_t)is_near(padded + i * width, padded + j * width,
						steps, columns);
		/* A row of gaps only is near nothing, itself included. */
		sum += 1.0 / (double)(near ? near : 1);
		if (tick && k % 64 == 63 &&
		    tick((double)(k + 1) / (double)picked) != 0) {
			free(padded);
			return -2;
		}
	}
	free(padded);
	return sum * (double)count / (double)picked;
}

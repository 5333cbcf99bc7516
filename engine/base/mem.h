/* SPDX-License-Identifier: Apache-2.0
 * mem: allocation that does not fail, growth of arrays, and an arena.
 *
 * When memory ends, the process ends, with one line on stderr and exit status 1. That
 * is safe by design: the store is crash-proof, so the engine's own exhaustion is one
 * more crash.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

/* End the process as above. For callers of libraries that report a failed
 * allocation. */
void mem_exhausted(void) __attribute__((noreturn));

void *xmalloc(size_t size);
void *xcalloc(size_t n, size_t size);
/* realloc to n * size bytes, overflow checked. */
void *xrealloc(void *p, size_t n, size_t size);
char *xstrdup(const char *s);
char *xstrndup(const char *s, size_t n);
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Make room for one more item: GROW(items, count, cap). Doubles the capacity. */
#define GROW(p, n, cap)                                                                \
	do {                                                                           \
		if ((n) >= (cap)) {                                                    \
			(cap) = (cap) ? (cap) * 2 : 16;                                \
			(p) = xrealloc((p), (cap), sizeof *(p));                       \
		}                                                                      \
	} while (0)

/* An arena: many small allocations, freed together. Zero-initialise. */
struct arena {
	struct arena_block *head;
	size_t used;
};
/* Memory aligned to 16 bytes, not cleared. */
void *arena_alloc(struct arena *a, size_t size);
char *arena_strdup(struct arena *a, const char *s);
char *arena_strndup(struct arena *a, const char *s, size_t n);
char *arena_printf(struct arena *a, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
void arena_free(struct arena *a);

#endif

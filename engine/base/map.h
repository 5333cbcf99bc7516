/* SPDX-License-Identifier: Apache-2.0
 * map: an open-addressing hash table from byte strings to 64-bit values, and an
 * interner.
 */
#ifndef BASE_MAP_H
#define BASE_MAP_H

#include <stddef.h>
#include <stdint.h>

/* Keys are copied into the map. Zero-initialise. Iteration is in insertion order. */
struct map {
	struct map_entry *entries; /* insertion order; a removed one has key NULL */
	size_t count, cap;         /* entries used (removed included), allocated */
	uint32_t *slots;           /* index + 1 into entries, 0 empty */
	size_t slot_count;         /* power of two */
	size_t live;               /* keys now in it */
};
struct map_entry {
	char *key; /* len bytes and a NUL */
	uint32_t len;
	uint32_t hash;
	uint64_t value;
};
/* Pointer to the value of a key, or NULL. Valid until the next insertion. */
uint64_t *map_get(const struct map *m, const void *key, size_t len);
/* The same, inserting value 0 first where the key is new (*added = 1 then; may be
 * NULL). */
uint64_t *map_put(struct map *m, const void *key, size_t len, int *added);
void map_del(struct map *m, const void *key, size_t len);
/* For NUL-terminated keys. */
uint64_t *map_gets(const struct map *m, const char *key);
uint64_t *map_puts(struct map *m, const char *key, int *added);
void map_free(struct map *m);
/* FNV/xx-like 32-bit hash used by the map. */
uint32_t hash_bytes(const void *p, size_t n);

/* Interned strings: each distinct text gets a small number, from 0. Zero-initialise. */
struct interner {
	struct map ids;
};
uint32_t intern(struct interner *t, const char *text);
/* The text of a number; valid as long as the interner. */
const char *intern_text(const struct interner *t, uint32_t id);
/* The number of a text, or UINT32_MAX. */
uint32_t intern_find(const struct interner *t, const char *text);
void interner_free(struct interner *t);

#endif

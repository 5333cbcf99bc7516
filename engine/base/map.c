/* SPDX-License-Identifier: Apache-2.0 */
/* The hash table and the interner.
 *
 * Entries lie in one array in insertion order; `slots` is the table proper, linear
 * probing over indices into it. A removed entry keeps its slot (key NULL), so that
 * probing goes past it, until the next rebuild closes the gaps.
 */
#include "base/map.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static uint64_t
load64(const unsigned char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof v);
	return v;
}

uint32_t
hash_bytes(const void *data, size_t n)
{
	const uint64_t k = 0x9e3779b97f4a7c15u; /* 2^64 / golden ratio */
	const unsigned char *p = data;
	uint64_t h = n * k, tail = 0;

	for (; n >= 8; n -= 8, p += 8) {
		h = (h ^ load64(p)) * k;
		h ^= h >> 29;
	}
	if (n > 0) {
		memcpy(&tail, p, n);
		h = (h ^ tail) * k;
	}
	h ^= h >> 32;
	h *= 0xd6e8feb86659fd93u;
	h ^= h >> 32;
	return (uint32_t)h;
}

/* The slot of a key, or the empty slot where it would go. Needs a table. */
static size_t
find_slot(const struct map *m, const void *key, size_t len, uint32_t hash)
{
	size_t mask = m->slot_count - 1, i = hash & mask;

	for (; m->slots[i]; i = (i + 1) & mask) {
		const struct map_entry *e = &m->entries[m->slots[i] - 1];

		if (e->hash == hash && e->key && e->len == len &&
		    (len == 0 || memcmp(e->key, key, len) == 0))
			return i;
	}
	return i;
}

/* Close the gaps of removed entries, keeping the order. */
static void
compact(struct map *m)
{
	size_t n = 0;

	for (size_t i = 0; i < m->count; i++)
		if (m->entries[i].key)
			m->entries[n++] = m->entries[i];
	m->count = n;
}

/* Build the slots anew, at most half full. */
static void
rebuild(struct map *m)
{
	size_t size = 16, mask;

	if (m->live < m->count)
		compact(m);
	while (size < (m->count + 1) * 2)
		size *= 2;
	mask = size - 1;
	free(m->slots);
	m->slots = xcalloc(size, sizeof *m->slots);
	m->slot_count = size;
	for (size_t n = 0; n < m->count; n++) {
		size_t i = m->entries[n].hash & mask;

		while (m->slots[i])
			i = (i + 1) & mask;
		m->slots[i] = (uint32_t)n + 1;
	}
}

uint64_t *
map_get(const struct map *m, const void *key, size_t len)
{
	size_t slot;

	if (!m->slots)
		return NULL;
	slot = find_slot(m, key, len, hash_bytes(key, len));
	return m->slots[slot] ? &m->entries[m->slots[slot] - 1].value : NULL;
}

uint64_t *
map_put(struct map *m, const void *key, size_t len, int *added)
{
	uint32_t hash = hash_bytes(key, len);
	struct map_entry *e;
	size_t slot;

	if (added)
		*added = 0;
	if (m->slots) {
		slot = find_slot(m, key, len, hash);
		if (m->slots[slot])
			return &m->entries[m->slots[slot] - 1].value;
	}
	if (len >= UINT32_MAX || m->count >= UINT32_MAX - 1)
		mem_exhausted();
	/* At most two thirds full, removed entries counted. */
	if ((m->count + 1) * 3 > m->slot_count * 2)
		rebuild(m);
	GROW(m->entries, m->count, m->cap);
	slot = find_slot(m, key, len, hash);
	e = &m->entries[m->count++];
	e->key = xmalloc(len + 1);
	if (len > 0)
		memcpy(e->key, key, len);
	e->key[len] = '\0';
	e->len = (uint32_t)len;
	e->hash = hash;
	e->value = 0;
	m->slots[slot] = (uint32_t)m->count;
	m->live++;
	if (added)
		*added = 1;
	return &e->value;
}

void
map_del(struct map *m, const void *key, size_t len)
{
	struct map_entry *e;
	size_t slot;

	if (!m->slots)
		return;
	slot = find_slot(m, key, len, hash_bytes(key, len));
	if (!m->slots[slot])
		return;
	e = &m->entries[m->slots[slot] - 1];
	free(e->key);
	e->key = NULL;
	m->live--;
}

uint64_t *
map_gets(const struct map *m, const char *key)
{
	return map_get(m, key, strlen(key));
}

uint64_t *
map_puts(struct map *m, const char *key, int *added)
{
	return map_put(m, key, strlen(key), added);
}

void
map_free(struct map *m)
{
	for (size_t i = 0; i < m->count; i++)
		free(m->entries[i].key);
	free(m->entries);
	free(m->slots);
	*m = (struct map){0};
}

/* --- interner: nothing is ever removed, so an entry's index is its number --------- */

uint32_t
intern(struct interner *t, const char *text)
{
	int added;
	uint64_t *id = map_puts(&t->ids, text, &added);

	if (added)
		*id = t->ids.count - 1;
	return (uint32_t)*id;
}

const char *
intern_text(const struct interner *t, uint32_t id)
{
	return t->ids.entries[id].key;
}

uint32_t
intern_find(const struct interner *t, const char *text)
{
	const uint64_t *id = map_gets(&t->ids, text);

	return id ? (uint32_t)*id : UINT32_MAX;
}

void
interner_free(struct interner *t)
{
	map_free(&t->ids);
}

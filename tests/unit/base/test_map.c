/* SPDX-License-Identifier: Apache-2.0 */
/* The hash table and the interner. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "base/map.h"

static void
test_empty(void **state)
{
	struct map m = {0};
	int added = 0;

	(void)state;
	assert_null(map_get(&m, "x", 1));
	assert_null(map_gets(&m, ""));
	map_del(&m, "x", 1);
	map_free(&m);
	/* The empty key is a key. */
	*map_put(&m, NULL, 0, &added) = 5;
	assert_int_equal(added, 1);
	assert_int_equal(*map_get(&m, NULL, 0), 5);
	assert_int_equal(*map_gets(&m, ""), 5);
	map_free(&m);
	assert_int_equal(m.live, 0);
}

static void
test_binary_keys(void **state)
{
	struct map m = {0};

	(void)state;
	*map_put(&m, "a\0b", 3, NULL) = 1;
	*map_put(&m, "a\0c", 3, NULL) = 2;
	*map_put(&m, "a", 1, NULL) = 3;
	assert_int_equal(m.live, 3);
	assert_int_equal(*map_get(&m, "a\0b", 3), 1);
	assert_int_equal(*map_get(&m, "a\0c", 3), 2);
	assert_int_equal(*map_gets(&m, "a"), 3);
	assert_null(map_get(&m, "a\0", 2));
	map_free(&m);
}

static const char *
key_of(unsigned i, char buf[32])
{
	snprintf(buf, 32, "%*u", (int)(i % 20) + 1, i);
	return buf;
}

/* Against an array: insert, look up, delete and insert again, in an order without
 * pattern. */
static void
test_many(void **state)
{
	enum { N = 5000, STEPS = 100000 };
	static uint64_t value[N];
	static unsigned char there[N];
	struct map m = {0};
	char buf[32];
	uint32_t r = 12345;
	size_t live = 0;

	(void)state;
	memset(there, 0, sizeof there);
	for (uint64_t step = 1; step <= STEPS; step++) {
		unsigned i;
		int added;
		uint64_t *v;

		r = r * 1664525 + 1013904223;
		i = (r >> 8) % N;
		key_of(i, buf);
		v = map_gets(&m, buf);
		assert_int_equal(v != NULL, there[i]);
		if (v)
			assert_true(*v == value[i]);
		if ((r >> 28) < 6) {
			map_del(&m, buf, strlen(buf));
			live -= there[i];
			there[i] = 0;
		} else {
			v = map_puts(&m, buf, &added);
			assert_int_equal(added, !there[i]);
			if (added)
				assert_true(*v == 0);
			*v = value[i] = step;
			live += !there[i];
			there[i] = 1;
		}
		assert_int_equal(m.live, live);
	}
	/* Removed entries do not pile up. */
	assert_true(m.slot_count <= 8 * N);
	map_free(&m);
}

static void
test_order(void **state)
{
	struct map m = {0};
	char buf[32];
	unsigned want = 1;

	(void)state;
	for (unsigned i = 0; i < 1000; i++)
		*map_puts(&m, key_of(i, buf), NULL) = i;
	for (unsigned i = 0; i < 1000; i += 2)
		map_del(&m, key_of(i, buf), strlen(key_of(i, buf)));
	for (size_t i = 0; i < m.count; i++) {
		if (!m.entries[i].key)
			continue;
		assert_int_equal(m.entries[i].value, want);
		want += 2;
	}
	assert_int_equal(want, 1001);
	map_free(&m);
}

/* Keys that differ little spread well: no long runs in the table. */
static void
test_hash(void **state)
{
	static unsigned char seen[65536];
	size_t hits = 0;
	char buf[32];

	(void)state;
	memset(seen, 0, sizeof seen);
	for (unsigned i = 0; i < 65536; i++) {
		int n = snprintf(buf, sizeof buf, "task/%u", i);
		unsigned char *s = &seen[hash_bytes(buf, (size_t)n) & 0xffff];

		hits += !*s;
		*s = 1;
	}
	/* A random function hits 1 - 1/e = 63.2 % of the places. */
	assert_true(hits > 65536 * 0.62 && hits < 65536 * 0.645);
	assert_int_not_equal(hash_bytes("\0", 1), hash_bytes("", 0));
	assert_int_not_equal(hash_bytes("\0\0", 2), hash_bytes("\0", 1));
}

static void
test_interner(void **state)
{
	struct interner t = {0};
	char buf[32];

	(void)state;
	assert_int_equal(intern_find(&t, "x"), UINT32_MAX);
	for (uint32_t i = 0; i < 3000; i++)
		assert_int_equal(intern(&t, key_of(i, buf)), i);
	for (uint32_t i = 0; i < 3000; i++) {
		assert_int_equal(intern(&t, key_of(i, buf)), i);
		assert_int_equal(intern_find(&t, buf), i);
		assert_string_equal(intern_text(&t, i), buf);
	}
	assert_int_equal(intern_find(&t, "none"), UINT32_MAX);
	interner_free(&t);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty), cmocka_unit_test(test_binary_keys),
		cmocka_unit_test(test_many),  cmocka_unit_test(test_order),
		cmocka_unit_test(test_hash),  cmocka_unit_test(test_interner),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

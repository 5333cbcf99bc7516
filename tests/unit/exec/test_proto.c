/* SPDX-License-Identifier: Apache-2.0 */
/* Frames: bad ones first, then what is written is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "exec/proto.h"

static struct reader
reader_of(const void *p, size_t n)
{
	return (struct reader){p, (const unsigned char *)p + n, 0};
}

static void
test_empty_payload(void **state)
{
	struct reader r = reader_of("", 0);

	(void)state;
	assert_true(reader_done(&r));
	assert_int_equal(get_u32(&r), 0);
	assert_true(r.bad);
	assert_false(reader_done(&r));
}

static void
test_bad_is_sticky(void **state)
{
	struct reader r = reader_of("\1\0\0\0\0\0", 6);

	(void)state;
	assert_int_equal(get_u64(&r), 0);
	assert_true(r.bad);
	assert_int_equal(get_u32(&r), 0);
	assert_string_equal(get_text(&r), "");
	assert_null(get_bytes(&r, 0));
	assert_int_equal(get_count(&r, 1), 0);
}

static void
test_bad_texts(void **state)
{
	/* Longer than what is there; without its NUL; with a NUL inside; length
	 * 2^32-1. */
	static const struct {
		const char *bytes;
		size_t n;
	} bad[] = {{"\5\0\0\0ab", 6},
		   {"\2\0\0\0abc", 7},
		   {"\2\0\0\0a\0", 7},
		   {"\xff\xff\xff\xff", 4},
		   {"\0\0\0\0", 4}};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct reader r = reader_of(bad[i].bytes, bad[i].n);

		assert_string_equal(get_text(&r), "");
		assert_true(r.bad);
	}
}

static void
test_bad_count(void **state)
{
	struct reader r = reader_of("\3\0\0\0xxxxx", 9);

	(void)state;
	assert_int_equal(get_count(&r, 2), 0);
	assert_true(r.bad);
	r = reader_of("\2\0\0\0xxxxx", 9);
	assert_int_equal(get_count(&r, 2), 2);
}

static void
test_bad_frames(void **state)
{
	struct str b = {0};
	struct reader r;
	unsigned type;
	size_t used, at = proto_begin(&b, PROTO_LOG);

	(void)state;
	put_u32(&b, 7);
	assert_int_equal(proto_end(&b, at), 0);
	/* Not yet whole, at every length. */
	for (size_t n = 0; n < b.len; n++)
		assert_int_equal(proto_next(b.s, n, 100, &type, &r, &used), 0);
	assert_int_equal(proto_next(b.s, b.len, 3, &type, &r, &used), -1);
	b.s[4]++;
	assert_int_equal(proto_next(b.s, b.len, 100, &type, &r, &used), -1);
	assert_int_equal(
		proto_next("garbage garbage", 15, PROTO_LIMIT, &type, &r, &used), -1);
	str_free(&b);
}

static void
test_too_large(void **state)
{
	struct str b = {0};
	char *big = calloc(1, PROTO_LIMIT + 1);
	size_t at;

	(void)state;
	str_add(&b, "before");
	at = proto_begin(&b, PROTO_RUN);
	put_bytes(&b, big, PROTO_LIMIT + 1);
	assert_int_equal(proto_end(&b, at), -1);
	assert_int_equal(b.len, 6);
	assert_string_equal(b.s, "before");
	free(big);
	str_free(&b);
}

static void
test_round_trip(void **state)
{
	struct str b = {0};
	struct reader r;
	unsigned type;
	size_t used, at;

	(void)state;
	at = proto_begin(&b, PROTO_RUN);
	put_u32(&b, UINT32_MAX);
	put_u64(&b, UINT64_MAX - 1);
	put_f64(&b, -0.125);
	put_text(&b, "text");
	put_text(&b, NULL);
	put_text(&b, "");
	put_bytes(&b, "\0\1", 2);
	put_u32(&b, 1);
	put_text(&b, "x");
	assert_int_equal(proto_end(&b, at), 0);
	at = proto_begin(&b, PROTO_CANCEL);
	assert_int_equal(proto_end(&b, at), 0);

	assert_int_equal(proto_next(b.s, b.len, PROTO_LIMIT, &type, &r, &used), 1);
	assert_int_equal(type, PROTO_RUN);
	assert_true(get_u32(&r) == UINT32_MAX);
	assert_true(get_u64(&r) == UINT64_MAX - 1);
	assert_true(get_f64(&r) + 0.125 == 0);
	assert_string_equal(get_text(&r), "text");
	assert_string_equal(get_text(&r), "");
	assert_string_equal(get_text(&r), "");
	assert_memory_equal(get_bytes(&r, 2), "\0\1", 2);
	assert_int_equal(get_count(&r, 5), 1);
	assert_string_equal(get_text(&r), "x");
	assert_true(reader_done(&r));

	assert_int_equal(
		proto_next(b.s + used, b.len - used, PROTO_LIMIT, &type, &r, &at), 1);
	assert_int_equal(type, PROTO_CANCEL);
	assert_true(reader_done(&r));
	assert_int_equal(used + at, b.len);
	str_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty_payload),
		cmocka_unit_test(test_bad_is_sticky),
		cmocka_unit_test(test_bad_texts),
		cmocka_unit_test(test_bad_count),
		cmocka_unit_test(test_bad_frames),
		cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_round_trip),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

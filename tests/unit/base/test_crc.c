/* SPDX-License-Identifier: Apache-2.0 */
/* CRC-32C against the vectors of RFC 3720 B.4, and line records. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/digest.h"
#include "base/str.h"

typedef uint32_t crc_fn(const void *p, size_t n);

static void
check_vectors(crc_fn *crc)
{
	static const unsigned char read_command[48] = {
		0x01, 0xc0, 0, 0, 0, 0, 0, 0, 0,    0, 0, 0,    0, 0, 0, 0,
		0x14, 0,    0, 0, 0, 0, 4, 0, 0,    0, 0, 0x14, 0, 0, 0, 0x18,
		0x28, 0,    0, 0, 0, 0, 0, 0, 0x02, 0, 0, 0,    0, 0, 0, 0,
	};
	unsigned char data[32];

	assert_int_equal(crc("", 0), 0);
	assert_int_equal(crc("123456789", 9), 0xe3069283);
	memset(data, 0, sizeof data);
	assert_int_equal(crc(data, 32), 0x8a9136aa);
	memset(data, 0xff, sizeof data);
	assert_int_equal(crc(data, 32), 0x62a8ab43);
	for (int i = 0; i < 32; i++)
		data[i] = (unsigned char)i;
	assert_int_equal(crc(data, 32), 0x46dd794e);
	for (int i = 0; i < 32; i++)
		data[i] = (unsigned char)(31 - i);
	assert_int_equal(crc(data, 32), 0x113fdb5c);
	assert_int_equal(crc(read_command, 48), 0xd9963a56);
}

static void
test_vectors(void **state)
{
	(void)state;
	check_vectors(crc32c);
	check_vectors(crc32c_portable);
}

static uint32_t
bit_by_bit(const unsigned char *p, size_t n)
{
	uint32_t c = 0xffffffff;

	while (n-- > 0) {
		c ^= *p++;
		for (int i = 0; i < 8; i++)
			c = c >> 1 ^ (c & 1 ? 0x82f63b78 : 0);
	}
	return ~c;
}

/* Every length and alignment up to a few steps of each method. */
static void
test_against_definition(void **state)
{
	unsigned char data[128];
	uint32_t r = 1;

	(void)state;
	for (size_t i = 0; i < sizeof data; i++) {
		r = r * 1664525 + 1013904223;
		data[i] = (unsigned char)(r >> 24);
	}
	for (size_t start = 0; start < 9; start++) {
		for (size_t n = 0; start + n <= sizeof data; n++) {
			uint32_t want = bit_by_bit(data + start, n);

			assert_int_equal(crc32c(data + start, n), want);
			assert_int_equal(crc32c_portable(data + start, n), want);
		}
	}
}

static void
test_lines(void **state)
{
	static const char *const bad[] = {
		"",
		"00000000",
		"00000000x",
		"e3069283 12345678",   /* torn */
		"e3069283 123456788",  /* changed */
		"e3069283 1234567890", /* longer */
		"E3069283 123456789",  /* another spelling */
		"e3069283123456789",
		" e3069283 123456789",
	};
	struct str out = {0};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_null(line_check(bad[i], strlen(bad[i])));
	line_seal(&out, "123456789", 9);
	line_seal(&out, "", 0);
	assert_string_equal(out.s, "e3069283 123456789\n00000000 \n");
	assert_ptr_equal(line_check(out.s, 18), out.s + 9);
	assert_ptr_equal(line_check(out.s + 19, 9), out.s + 28);
	for (size_t n = 0; n < 18; n++)
		assert_null(line_check(out.s, n));
	for (size_t i = 0; i < 18; i++) {
		for (int bit = 0; bit < 8; bit++) {
			out.s[i] ^= (char)(1 << bit);
			assert_null(line_check(out.s, 18));
			out.s[i] ^= (char)(1 << bit);
		}
	}
	str_free(&out);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_vectors),
		cmocka_unit_test(test_against_definition),
		cmocka_unit_test(test_lines),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

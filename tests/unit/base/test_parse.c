/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <locale.h>
#include <math.h>
#include <string.h>

#include "base/str.h"

#define COUNT(a) (sizeof(a) / sizeof *(a))

static void
test_int(void **state)
{
	static const char *const bad[] = {"",
					  " 1",
					  "1 ",
					  "+",
					  "-",
					  "0x1",
					  "1.0",
					  "--1",
					  "1e3",
					  "9223372036854775808",
					  "-9223372036854775809"};
	int64_t v = 42;

	(void)state;
	errno = 7;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(parse_int(bad[i], &v), -1);
	assert_int_equal(v, 42);
	assert_int_equal(errno, 7);
	assert_int_equal(parse_int("007", &v), 0);
	assert_int_equal(v, 7);
	assert_int_equal(parse_int("+5", &v), 0);
	assert_int_equal(v, 5);
	assert_int_equal(parse_int("9223372036854775807", &v), 0);
	assert_true(v == INT64_MAX);
	assert_int_equal(parse_int("-9223372036854775808", &v), 0);
	assert_true(v == INT64_MIN);
}

static void
test_real(void **state)
{
	static const char *const bad[] = {"",      ".",   "-",  "nan", "inf", "0x1p3",
					  "1e",    "1e+", " 1", "1 ",  "1,5", "1e999",
					  "1.2.3", "e5",  "1d", "+-1"};
	static const struct {
		const char *text;
		double value;
	} good[] = {{"1", 1},     {"-1.5", -1.5}, {".5", .5},
		    {"2.", 2},    {"+1e3", 1000}, {"1E-2", .01},
		    {"0.1", 0.1}, {"-0", 0},      {"1e-999", 0}};
	double v = 42;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(parse_real(bad[i], &v), -1);
	assert_true(v == 42);
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(parse_real(good[i].text, &v), 0);
		assert_true(v == good[i].value);
	}
}

static void
test_bool(void **state)
{
	int v = 9;

	(void)state;
	assert_int_equal(parse_bool("", &v), -1);
	assert_int_equal(parse_bool("Yess", &v), -1);
	assert_int_equal(parse_bool("2", &v), -1);
	assert_int_equal(parse_bool("on", &v), -1);
	assert_int_equal(v, 9);
	for (int i = 0; i < 5; i++) {
		static const char *const yes[] = {"yes", "true", "1", "True", "YES"};
		static const char *const no[] = {"no", "false", "0", "False", "NO"};

		assert_int_equal(parse_bool(yes[i], &v), 0);
		assert_int_equal(v, 1);
		assert_int_equal(parse_bool(no[i], &v), 0);
		assert_int_equal(v, 0);
	}
}

static void
test_size(void **state)
{
	static const char *const bad[] = {"",          "G",
					  "1X",        "1GB",
					  "-1",        "+1",
					  " 1",        "1 G",
					  "1.5",       "1e3",
					  "0x1",       "16E",
					  "1.5.2G",    "18446744073709551616",
					  "16777216T", "16384P",
					  "16384.5P"};
	static const struct {
		const char *text;
		uint64_t value;
	} good[] = {{"0", 0},
		    {"4096", 4096},
		    {"100K", 102400},
		    {"512M", 512ull << 20},
		    {"16G", 16ull << 30},
		    {"1.5G", 3ull << 29},
		    {"1T", 1ull << 40},
		    {"2P", 2ull << 50},
		    {"16g", 16ull << 30},
		    {"18446744073709551615", UINT64_MAX},
		    {"16777215T", 16777215ull << 40}};
	uint64_t v = 42;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(parse_size(bad[i], &v), -1);
	assert_true(v == 42);
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(parse_size(good[i].text, &v), 0);
		assert_true(v == good[i].value);
	}
}

static void
test_duration(void **state)
{
	static const char *const bad[] = {"",      "s",    "-1s", "1x",  "1 h",
					  "30m1h", "1h1h", "1h5", "1ms", "1e3s",
					  "inf",   "1h ",  "h1"};
	static const struct {
		const char *text;
		double value;
	} good[] = {{"90", 90},     {"90s", 90},     {"15m", 900},    {"6h", 21600},
		    {"2d", 172800}, {"0.5s", .5},    {"1h30m", 5400}, {"0", 0},
		    {"1.5h", 5400}, {"1d1s", 86401}, {"0.25", .25}};
	double v = 42;

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_int_equal(parse_duration(bad[i], &v), -1);
	assert_true(v == 42);
	for (size_t i = 0; i < COUNT(good); i++) {
		assert_int_equal(parse_duration(good[i].text, &v), 0);
		assert_true(v == good[i].value);
	}
}

static void
test_format_size(void **state)
{
	static const struct {
		uint64_t bytes;
		const char *text;
	} cases[] = {{0, "0B"},
		     {1, "1B"},
		     {1023, "1023B"},
		     {1024, "1K"},
		     {1536, "1.5K"},
		     {10 * 1024 + 512, "10K"},
		     {1048575, "1M"},
		     {1023 * 1024, "1023K"},
		     {3ull << 29, "1.5G"},
		     {16ull << 30, "16G"},
		     {UINT64_MAX, "16E"}};
	char buf[32];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(format_size(cases[i].bytes, buf), cases[i].text);
}

static void
test_format_duration(void **state)
{
	static const struct {
		double seconds;
		const char *text;
	} cases[] = {{0, "0.00s"},      {0.256, "0.26s"}, {0.999, "1.0s"},
		     {1.54, "1.5s"},    {9.96, "10s"},    {90, "90s"},
		     {119.4, "119s"},   {119.6, "2m00s"}, {125, "2m05s"},
		     {3599.7, "1h00m"}, {3720, "1h02m"},  {172800, "2d00h"},
		     {183600, "2d03h"}, {-5, "-5s"},      {NAN, "?"},
		     {INFINITY, "?"},   {1e300, "?"}};
	char buf[32];

	(void)state;
	for (size_t i = 0; i < COUNT(cases); i++)
		assert_string_equal(format_duration(cases[i].seconds, buf),
				    cases[i].text);
}

/* A decimal comma must not matter. */
static void
test_locale(void **state)
{
	static const char *const names[] = {"de_DE.UTF-8", "fr_FR.UTF-8", "de_DE.utf8"};
	double v = 0;
	char buf[32];
	size_t i;

	(void)state;
	for (i = 0; i < COUNT(names); i++)
		if (setlocale(LC_ALL, names[i]))
			break;
	if (i == COUNT(names)) {
		print_message("# no locale with a decimal comma is installed\n");
		skip();
	}
	assert_int_equal(parse_real("1.5", &v), 0);
	assert_true(v == 1.5);
	assert_string_equal(format_size(1536, buf), "1.5K");
	assert_string_equal(format_duration(1.5, buf), "1.5s");
	setlocale(LC_ALL, "C");
}

static void
test_names(void **state)
{
	(void)state;
	assert_false(is_name(""));
	assert_false(is_name("1a"));
	assert_false(is_name("a-b"));
	assert_false(is_name("a.b"));
	assert_false(is_name("\xc3\xa4"));
	assert_true(is_name("_"));
	assert_true(is_name("Ab_9"));
}

static void
test_utf8(void **state)
{
	static const char *const bad[] = {
		"\x80",                 /* continuation alone */
		"\xc3",                 /* unfinished */
		"\xe2\x82",             /* unfinished */
		"\xc0\xaf",             /* too long a form */
		"\xe0\x80\xaf",         /* too long a form */
		"\xed\xa0\x80",         /* surrogate */
		"\xf4\x90\x80\x80",     /* beyond the last code point */
		"\xf8\x88\x80\x80\x80", /* five bytes */
		"\xff",
		"a\x01",
		"\x1b[0m",
		"\x7f",
		"a\r",
		"\xc2\x9b" /* control characters */
	};
	static const char *const good[] = {"",
					   "plain\ttext\n",
					   "\xc3\xa4",
					   "\xe2\x82\xac",
					   "\xf0\x9f\xa7\xac",
					   "\xed\x9f\xbf",
					   "\xf4\x8f\xbf\xbf",
					   "\xc2\xa0"};

	(void)state;
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_false(is_clean_utf8(bad[i], strlen(bad[i])));
	for (size_t i = 0; i < COUNT(good); i++)
		assert_true(is_clean_utf8(good[i], strlen(good[i])));
	assert_false(is_clean_utf8("a\0b", 3));
	/* The length counts, not what lies behind. */
	assert_false(is_clean_utf8("\xe2\x82\xac", 2));
	assert_int_equal(utf8_length("\xe2\x82\xac", 3), 3);
	assert_int_equal(utf8_length("\xe2\x82\xac", 2), 0);
	assert_int_equal(utf8_length("\0", 1), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_int),
		cmocka_unit_test(test_real),
		cmocka_unit_test(test_bool),
		cmocka_unit_test(test_size),
		cmocka_unit_test(test_duration),
		cmocka_unit_test(test_format_size),
		cmocka_unit_test(test_format_duration),
		cmocka_unit_test(test_locale),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_utf8),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

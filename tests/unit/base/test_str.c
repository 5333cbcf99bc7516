/* SPDX-License-Identifier: Apache-2.0 */
/* The growing string, words, and quoting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

static void
test_empty(void **state)
{
	struct str b = {0};
	char *s;

	(void)state;
	str_reset(&b);
	str_free(&b);
	str_addn(&b, NULL, 0);
	assert_string_equal(b.s, "");
	str_free(&b);
	s = str_take(&b);
	assert_string_equal(s, "");
	free(s);
}

static void
test_growing(void **state)
{
	struct str b = {0};
	char *s;

	(void)state;
	for (int i = 0; i < 5000; i++) {
		str_addc(&b, 'x');
		assert_int_equal(b.s[b.len], '\0');
	}
	assert_int_equal(b.len, 5000);
	str_reset(&b);
	assert_string_equal(b.s, "");
	str_add(&b, "ab");
	str_printf(&b, "%0*d", 300, 7); /* more than there is room for at first */
	assert_int_equal(b.len, 302);
	str_addn(&b, "\0y", 2);
	assert_int_equal(b.len, 304);
	s = str_take(&b);
	assert_memory_equal(s + 300, "07\0y", 5);
	assert_null(b.s);
	free(s);
}

/* Every length around the capacity. */
static void
test_printf_edges(void **state)
{
	(void)state;
	for (int n = 0; n < 200; n++) {
		struct str b = {0};

		str_printf(&b, "%*s", n, "");
		assert_int_equal(b.len, n);
		assert_int_equal(strlen(b.s), n);
		str_printf(&b, "%*s", n, "");
		assert_int_equal(strlen(b.s), 2 * n);
		str_free(&b);
	}
}

static void
test_words(void **state)
{
	struct words w = {0};

	(void)state;
	words_free(&w);
	words_split(&w, " \t\n ");
	assert_int_equal(w.count, 0);
	assert_null(w.v[0]);
	words_split(&w, "a  bc\td\n");
	assert_int_equal(w.count, 3);
	assert_string_equal(w.v[1], "bc");
	assert_null(w.v[3]);
	for (int i = 0; i < 50; i++)
		words_addn(&w, "wxyz", 2);
	assert_int_equal(w.count, 53);
	assert_string_equal(w.v[52], "wx");
	assert_null(w.v[53]);
	words_free(&w);
	assert_int_equal(w.count, 0);
}

static void
expect_words(const char *text, const char *const *want)
{
	struct words w = {0};
	size_t n = 0;

	assert_int_equal(words_split_posix(&w, text), 0);
	for (; want[n]; n++) {
		assert_true(n < w.count);
		assert_string_equal(w.v[n], want[n]);
	}
	assert_int_equal(w.count, n);
	assert_null(w.v[n]);
	words_free(&w);
}

#define WORDS(...) ((const char *const[]){__VA_ARGS__})

static void
test_posix_bad(void **state)
{
	static const char *const bad[] = {"'",   "\"",      "a 'b", "a \"b\\\"",
					  "x\\", "'a\\'b'", "\"\\"};
	struct words w = {0};

	(void)state;
	words_add(&w, "kept");
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		assert_int_equal(words_split_posix(&w, bad[i]), -1);
		assert_int_equal(w.count, 1);
		assert_null(w.v[1]);
	}
	words_free(&w);
}

static void
test_posix(void **state)
{
	(void)state;
	expect_words("", WORDS(NULL));
	expect_words(" \n\t", WORDS(NULL));
	expect_words("sort -o out in", WORDS("sort", "-o", "out", "in", NULL));
	expect_words("''", WORDS("", NULL));
	expect_words("\"\" ''x", WORDS("", "x", NULL));
	expect_words("a'b c'd", WORDS("ab cd", NULL));
	expect_words("\"a\\\"b\\\\c\\$d\\`e\\f\"", WORDS("a\"b\\c$d`e\\f", NULL));
	expect_words("'a\\b\"c'", WORDS("a\\b\"c", NULL));
	expect_words("a\\ b \\'c", WORDS("a b", "'c", NULL));
	expect_words("a\\\nb \"c\\\nd\" \\\n e", WORDS("ab", "cd", "e", NULL));
	expect_words("$X `y` ${in.x} *?[a] ~ # | >f",
		     WORDS("$X", "`y`", "${in.x}", "*?[a]", "~", "#", "|", ">f", NULL));
}

static void
test_quoting_round_trip(void **state)
{
	static const char *const texts[] = {
		"",     "plain", "a b",      "'",    "it's \"x\"", "\\", "$HOME",
		"a\nb", "*",     "\xc3\xa4", "-x=1", "~",          "#c", "\t''"};
	size_t n = sizeof texts / sizeof *texts;
	struct str b = {0};
	struct words w = {0};

	(void)state;
	str_add_quoted(&b, "plain/path-1.fa");
	assert_string_equal(b.s, "plain/path-1.fa");
	str_reset(&b);
	for (size_t i = 0; i < n; i++) {
		str_add_quoted(&b, texts[i]);
		str_addc(&b, ' ');
	}
	assert_int_equal(words_split_posix(&w, b.s), 0);
	assert_int_equal(w.count, n);
	for (size_t i = 0; i < n; i++)
		assert_string_equal(w.v[i], texts[i]);
	words_free(&w);
	str_free(&b);
}

static void
test_affixes(void **state)
{
	(void)state;
	assert_true(starts_with("abc", ""));
	assert_true(starts_with("abc", "ab"));
	assert_false(starts_with("ab", "abc"));
	assert_true(ends_with("abc", ""));
	assert_true(ends_with("a.gz", ".gz"));
	assert_false(ends_with("gz", ".gz"));
	assert_false(ends_with("a.gz ", ".gz"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_growing),
		cmocka_unit_test(test_printf_edges),
		cmocka_unit_test(test_words),
		cmocka_unit_test(test_posix_bad),
		cmocka_unit_test(test_posix),
		cmocka_unit_test(test_quoting_round_trip),
		cmocka_unit_test(test_affixes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* JSON values. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <fcntl.h>
#include <float.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/json.h"
#include "base/str.h"

static js *
parse(const char *text)
{
	struct error e = {0};
	js *v = js_parse(text, strlen(text), &e);

	if (!v)
		fail_msg("%s: %s", text, e.text);
	return v;
}

static void
expect_dump(js *v, const char *want)
{
	char *text = js_dump(v, 0);

	assert_string_equal(text, want);
	free(text);
	js_free(v);
}

static void
test_nothing(void **state)
{
	js *text = js_text("x");
	void *it = NULL;
	const char *key;

	(void)state;
	js_free(NULL);
	assert_null(js_get(NULL, "a"));
	assert_string_equal(js_get_text(NULL, "a", "f"), "f");
	assert_int_equal(js_get_int(NULL, "a", 7), 7);
	assert_true(js_get_real(NULL, "a", .5) == .5);
	assert_int_equal(js_get_bool(NULL, "a", 1), 1);
	assert_int_equal(js_count(NULL), 0);
	assert_null(js_at(NULL, 0));
	assert_null(js_next(NULL, &it, &key));
	assert_string_equal(js_as_text(NULL, "f"), "f");
	assert_true(js_as_real(NULL, 2) == 2);
	assert_int_equal(js_kind(NULL), JS_NULL);
	assert_false(js_is_object(NULL) || js_is_array(NULL) || js_is_text(NULL) ||
		     js_is_number(NULL));
	/* Neither is a text a container. */
	assert_null(js_get(text, "a"));
	assert_null(js_at(text, 0));
	assert_null(js_next(text, &it, &key));
	assert_int_equal(js_count(text), 0);
	js_free(text);
}

static void
test_members(void **state)
{
	js *o = js_object(), *list = js_array();

	(void)state;
	js_set_text(o, "z", "text");
	js_set_text(o, "absent", NULL);
	js_set_int(o, "i", INT64_MIN);
	js_set_real(o, "r", 0.5);
	js_set_bool(o, "t", 5);
	js_set_bool(o, "f", 0);
	js_set(o, "n", js_null());
	js_push(list, js_int(1));
	js_push(list, js_text("two"));
	js_set(o, "a", list);
	js_set_text(o, "z", "replaced");
	assert_int_equal(js_count(o), 7);
	assert_string_equal(js_get_text(o, "z", ""), "replaced");
	assert_true(js_get_int(o, "i", 0) == INT64_MIN);
	assert_int_equal(js_get_int(o, "r", 3), 3);
	assert_true(js_get_real(o, "r", 0) == 0.5);
	assert_true(js_get_real(o, "i", 0) == (double)INT64_MIN);
	assert_int_equal(js_get_bool(o, "t", 0), 1);
	assert_int_equal(js_get_bool(o, "f", 1), 0);
	assert_int_equal(js_get_bool(o, "z", 1), 1);
	assert_string_equal(js_get_text(o, "i", "no"), "no");
	assert_int_equal(js_kind(js_get(o, "n")), JS_NULL);
	assert_int_equal(js_kind(js_get(o, "t")), JS_BOOL);
	assert_int_equal(js_kind(js_get(o, "i")), JS_INT);
	assert_int_equal(js_kind(js_get(o, "r")), JS_REAL);
	assert_int_equal(js_kind(js_get(o, "a")), JS_ARRAY);
	assert_int_equal(js_count(js_get(o, "a")), 2);
	assert_string_equal(js_as_text(js_at(list, 1), ""), "two");
	assert_null(js_at(list, 2));
	expect_dump(o, "{\"z\":\"replaced\",\"i\":-9223372036854775808,\"r\":0.5,"
		       "\"t\":true,\"f\":false,\"n\":null,\"a\":[1,\"two\"]}");
}

static void
test_references(void **state)
{
	js *shared = js_text("s"), *a = js_array(), *b = js_object();

	(void)state;
	js_push(a, js_ref(shared));
	js_set(b, "k", js_ref(shared));
	js_free(a);
	js_free(shared);
	assert_string_equal(js_get_text(b, "k", ""), "s");
	js_free(b);
}

static void
test_order(void **state)
{
	js *o = parse("{\"b\":1,\"a\":{\"d\":2,\"c\":3},\"B\":0}"), *v;
	char keys[10] = "", *text;
	void *it = NULL;
	const char *key;

	(void)state;
	while ((v = js_next(o, &it, &key)))
		strcat(keys, key);
	assert_string_equal(keys, "baB");
	text = js_dump(o, 1);
	assert_string_equal(text, "{\"B\":0,\"a\":{\"c\":3,\"d\":2},\"b\":1}");
	free(text);
	text = js_pretty(o);
	assert_string_equal(text, "{\n  \"b\": 1,\n  \"a\": {\n    \"d\": 2,\n"
				  "    \"c\": 3\n  },\n  \"B\": 0\n}\n");
	free(text);
	js_free(o);
	text = js_pretty(v = parse("[[],{},[1]]"));
	assert_string_equal(text, "[\n  [],\n  {},\n  [\n    1\n  ]\n]\n");
	free(text);
	js_free(v);
}

static void
test_texts(void **state)
{
	js *o = js_object();

	(void)state;
	expect_dump(js_text(""), "\"\"");
	expect_dump(js_text("a\"b\\c/\n\t\b\f\r\v\x01\x1f\x7f"),
		    "\"a\\\"b\\\\c/\\n\\t\\b\\f\\r\\u000b\\u0001\\u001f\x7f\"");
	expect_dump(js_text("\xc3\xa4\xe2\x82\xac"), "\"\xc3\xa4\xe2\x82\xac\"");
	expect_dump(js_text("a\xff\xc3z\xed\xa0\x80\xc3\xa4"), "\"a??z???\xc3\xa4\"");
	js_set_int(o, "k\xff", 1);
	expect_dump(o, "{\"k?\":1}");
	expect_dump(parse("\"\\u00e4\\ud83e\\uddec\\n\""),
		    "\"\xc3\xa4\xf0\x9f\xa7\xac\\n\"");
}

static void
test_reals(void **state)
{
	static const struct {
		double value;
		const char *text;
	} cases[] = {
		{0.1, "0.1"},
		{1, "1.0"},
		{-0.0, "-0.0"},
		{1e22, "1e+22"},
		{1.0 / 3, "0.3333333333333333"},
		{0.1 + 0.2, "0.30000000000000004"},
		{123456.789, "123456.789"},
		{DBL_MAX, "1.7976931348623157e+308"},
		{NAN, "null"},
		{INFINITY, "null"},
	};

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
		expect_dump(js_real(cases[i].value), cases[i].text);
}

/* What is written reads back the same. */
static void
test_reals_round_trip(void **state)
{
	uint64_t r = 1;

	(void)state;
	for (int i = 0; i < 3000; i++) {
		double v, back;
		js *a;
		char *text;

		r = r * 6364136223846793005u + 1442695040888963407u;
		memcpy(&v, &r, sizeof v);
		if (!isfinite(v))
			continue;
		a = js_real(v);
		text = js_dump(a, 0);
		js_free(a);
		a = parse(text);
		assert_int_equal(js_kind(a), JS_REAL);
		back = js_as_real(a, 0);
		assert_memory_equal(&v, &back, sizeof v);
		js_free(a);
		free(text);
	}
}

static void
test_parse_bad(void **state)
{
	static const char *const bad[] = {
		"",
		" ",
		"{",
		"[1,]",
		"{\"a\":1,\"a\":2}",
		"nul",
		"1 2",
		"'a'",
		"\"\xff\"",
		"\"\\u0000\"",
		"[1e999]",
		"99999999999999999999",
		"{\"a\"}",
		"\"\n\"",
		"[NaN]",
	};
	struct error e = {0};
	struct str deep = {0};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		error_clear(&e);
		assert_null(js_parse(bad[i], strlen(bad[i]), &e));
		assert_true(starts_with(e.text, "not JSON: line "));
	}
	assert_null(js_parse("{\n  \"a\": x}", 11, NULL));
	error_clear(&e);
	assert_null(js_parse("{\n  \"a\": x}", 11, &e));
	assert_true(starts_with(e.text, "not JSON: line 2, column "));
	/* A bomb of brackets is an error, not a full stack. */
	for (int i = 0; i < 100000; i++)
		str_addc(&deep, '[');
	error_clear(&e);
	assert_null(js_parse(deep.s, deep.len, &e));
	str_free(&deep);
}

static void
test_parse_good(void **state)
{
	(void)state;
	expect_dump(parse("  [ true , false , null , -1 , 2.50 , \"x\" ] \n"),
		    "[true,false,null,-1,2.5,\"x\"]");
	expect_dump(parse("7"), "7");
	/* The length counts. */
	expect_dump(js_parse("[1]garbage", 3, NULL), "[1]");
}

/* --- memory that ends ------------------------------------------------------------- */

static long allocations_left;

static void *
failing_malloc(size_t n)
{
	return allocations_left-- > 0 ? malloc(n) : NULL;
}

/* Something of everything. */
static void
use_all(void)
{
	static const char text[] = "{\"a\":[1,2.5,\"x\",{\"b\":true}],\"c\":null}";
	js *o = js_object(), *a = js_array();
	js *parsed = js_parse(text, sizeof text - 1, NULL);

	js_push(a, js_real(1.5));
	js_push(a, js_text("bad \xff"));
	js_set(o, "list", a);
	for (int i = 0; i < 10; i++) {
		char key[] = {(char)('a' + i), '\0'};

		js_set_int(o, key, i);
	}
	js_set_int(o, "key \xff", 1);
	js_free(o);
	js_free(parsed);
}

/* Each allocation of jansson fails in turn: the process ends as mem.h says, never by a
 * crash, and with enough of them all is well. */
static void
test_memory(void **state)
{
	int status = -1, n;

	(void)state;
	for (n = 0; n < 200; n++) {
		pid_t pid = fork();

		if (pid == 0) {
			int null = open("/dev/null", O_WRONLY);

			dup2(null, STDERR_FILENO);
			allocations_left = n;
			json_set_alloc_funcs(failing_malloc, free);
			use_all();
			_exit(0);
		}
		assert_int_equal(waitpid(pid, &status, 0), pid);
		assert_true(WIFEXITED(status));
		if (WEXITSTATUS(status) == 0)
			break;
		assert_int_equal(WEXITSTATUS(status), 1);
	}
	assert_true(n > 20 && n < 200);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_nothing),
		cmocka_unit_test(test_members),
		cmocka_unit_test(test_references),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_reals),
		cmocka_unit_test(test_reals_round_trip),
		cmocka_unit_test(test_parse_bad),
		cmocka_unit_test(test_parse_good),
		cmocka_unit_test(test_memory),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

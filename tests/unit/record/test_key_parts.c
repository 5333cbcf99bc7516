/* SPDX-License-Identifier: Apache-2.0 */
/* key_parts: what is written down of a key, and what is said of two that differ. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "base/str.h"
#include "record/key.h"
#include "record/key_parts.h"

static const struct digest none;

static struct digest
of(const char *text)
{
	struct digest d;

	digest_bytes(text, strlen(text), &d);
	return d;
}

static void
put_file(js *parts, const char *name, const char *file, const char *path, const char *content)
{
	struct digest d = of(content);

	key_parts_file(parts, name, file, path, &d);
}

/* A port with items "label=content ...". */
static void
put_port(js *parts, const char *port, const char *items)
{
	struct digest all = of(items), d;
	struct words w = {0};

	words_split(&w, items);
	key_parts_port(parts, port, &all, w.count);
	for (size_t i = 0; i < w.count && key_parts_wants_item(parts, i); i++) {
		char *eq = strchr(w.v[i], '=');
		*eq = '\0';
		d = of(eq + 1);
		key_parts_item(parts, port, w.v[i], &d, &none);
	}
	words_free(&w);
}

/* The texts of what differs; one reason each, all of this id. */
static void
assert_diff(js *then, js *now, int id, const char *want)
{
	struct reasons r = {0};

	key_parts_diff(then, now, &r);
	char *text = reasons_text(&r);
	assert_string_equal(text, want);
	for (size_t i = 0; i < r.count; i++)
		assert_int_equal(r.v[i].id, id);
	free(text);
	reasons_free(&r);
	js_free(then);
	js_free(now);
}

static js *
with_param(const char *name, const char *value)
{
	js *parts = key_parts_new("p", 1);

	if (value)
		key_parts_param(parts, name, value);
	return parts;
}

static void
nowhere_is_allowed(void **state)
{
	(void)state;
	key_parts_param(NULL, "a", "b");
	key_parts_file(NULL, "a", NULL, "b", &none);
	key_parts_fingerprint(NULL, "a=b");
	key_parts_fingerprint(NULL, NULL);
	key_parts_port(NULL, "a", &none, 1);
	key_parts_item(NULL, "a", "b", &none, &none);
	key_parts_variable(NULL, "a", "b");
	key_parts_private(NULL, "a");
	assert_false(key_parts_wants_item(NULL, 0));
	assert_diff(NULL, NULL, 0, "");
}

static void
equal_parts_have_no_difference(void **state)
{
	(void)state;
	js *two[2];

	for (int i = 0; i < 2; i++) {
		two[i] = with_param("a", "b");
		put_file(two[i], "db", NULL, i ? "/other/x" : "/x", "content");
		key_parts_fingerprint(two[i], "tool=3.3\nlib=1");
		put_port(two[i], "in", "a[i=1]=x b=y");
		key_parts_variable(two[i], "i", "3");
		key_parts_private(two[i], "0123");
	}
	assert_diff(two[0], two[1], 0, "");
}

static void
plugins_and_versions(void **state)
{
	(void)state;
	assert_diff(key_parts_new("p", 1), key_parts_new("p", 2), WHY_VERSION,
	            "plugin 'p' result version 1 -> 2");
	assert_diff(with_param("x", "1"), key_parts_new("q", 2), WHY_PLUGIN,
	            "plugin changed: p -> q");
}

static void
parameters(void **state)
{
	(void)state;
	assert_diff(with_param("e", "0.001"), with_param("e", "0.0001"), WHY_PARAMETER,
	            "parameter 'e' changed: 0.001 -> 0.0001");
	assert_diff(with_param("e", NULL), with_param("e", "1"), WHY_PARAMETER,
	            "parameter 'e' set: 1");
	assert_diff(with_param("e", "1"), with_param("e", NULL), WHY_PARAMETER,
	            "parameter 'e' no longer set: it was 1");
}

/* A long value is cut where no character is, still differs behind, and is shown in part. */
static void
long_values(void **state)
{
	struct str a = {0}, b = {0};
	(void)state;

	for (int i = 0; i < 700; i++)
		str_add(&a, "\xc3\xa4");
	str_add(&b, a.s);
	str_addc(&a, '1');
	str_addc(&b, '2');
	js *then = with_param("v", a.s), *now = with_param("v", b.s);
	char *text = js_dump(then, 0);
	assert_true(strlen(text) < 1200);
	assert_null(strchr(text, '?')); /* what js_text makes of half a character */
	free(text);
	struct reasons r = {0};
	key_parts_diff(then, now, &r);
	assert_int_equal(r.count, 1);
	assert_true(strlen(r.v[0].text) < 200);
	assert_true(is_clean_utf8(r.v[0].text, strlen(r.v[0].text)));
	reasons_free(&r);
	js_free(then);
	js_free(now);
	str_free(&a);
	str_free(&b);
}

static js *
with_files(const char *a, const char *b)
{
	js *parts = key_parts_new("p", 1);

	if (a)
		put_file(parts, "files", "x.py", "/some/x.py", a);
	if (b)
		put_file(parts, "fasta", NULL, "/some/t.fasta", b);
	return parts;
}

static void
files(void **state)
{
	(void)state;
	assert_diff(with_files("1", "1"), with_files("2", "1"), WHY_FILE,
	            "file 'x.py' of parameter 'files' changed (content)");
	assert_diff(with_files("1", NULL), with_files("1", "1"), WHY_FILE,
	            "file 't.fasta' of parameter 'fasta' is new");
	assert_diff(with_files("1", "1"), with_files(NULL, "1"), WHY_FILE,
	            "file 'x.py' of parameter 'files' is no longer there");
	js *other = key_parts_new("p", 1);
	put_file(other, "fasta", NULL, "/some/u.fasta", "2");
	assert_diff(with_files(NULL, "1"), other, WHY_FILE,
	            "file of parameter 'fasta' changed (content): 't.fasta' -> 'u.fasta'");
}

static js *
with_print(const char *text)
{
	js *parts = key_parts_new("p", 1);

	key_parts_fingerprint(parts, text);
	return parts;
}

static void
fingerprints(void **state)
{
	(void)state;
	assert_diff(with_print("lib=1\nhmmer=3.3"), with_print("lib=1\nhmmer=3.4"),
	            WHY_FINGERPRINT, "fingerprint changed: hmmer 3.3 -> 3.4");
	assert_diff(with_print("lib=1"), with_print("lib=1\nodd"), WHY_FINGERPRINT,
	            "fingerprint changed: odd (none) -> ");
	assert_diff(with_print("lib=1"), with_print(""), WHY_FINGERPRINT,
	            "fingerprint changed: lib 1 -> (none)");
	assert_diff(with_print("lib=1"), with_print(NULL), 0, "");
}

static js *
with_port(const char *items)
{
	js *parts = key_parts_new("p", 1);

	if (items)
		put_port(parts, "in", items);
	return parts;
}

static void
inputs(void **state)
{
	(void)state;
	assert_diff(with_port("a=1 b=2"), with_port("a=1 b=3"), WHY_INPUT,
	            "input 'in' from b changed");
	assert_diff(with_port("a=1"), with_port("a=1 b=3"), WHY_INPUT,
	            "input 'in' has 2 items, it had 1");
	assert_diff(with_port("a=1"), with_port("b=2"), WHY_INPUT,
	            "input 'in' changed: it came from a, and comes from b");
	assert_diff(with_port("a=1 b=2"), with_port("b=2 a=1"), WHY_INPUT,
	            "input 'in' changed: order or branches of its items, or items behind the "
	            "first 2");
	assert_diff(with_port(NULL), with_port("a=1"), WHY_INPUT,
	            "input 'in' is not empty, it was");
	assert_diff(with_port("a=1"), with_port(NULL), WHY_INPUT,
	            "input 'in' is empty, it was not");
	assert_diff(with_port("a=1 b=1 c=1 d=1 e=1 f=1"), with_port("a=2 b=2 c=2 d=2 e=2 f=2"),
	            WHY_INPUT, "input 'in' from a, b, c, d and 2 more changed");
}

/* Values of the producer count beside its file. */
static void
values_of_a_producer(void **state)
{
	struct digest file = of("same"), one = of("1"), two = of("2");
	js *parts[2];
	(void)state;

	for (int i = 0; i < 2; i++) {
		parts[i] = key_parts_new("p", 1);
		key_parts_port(parts[i], "in", i ? &one : &two, 1);
		key_parts_item(parts[i], "in", "a", &file, i ? &one : &two);
	}
	assert_diff(parts[0], parts[1], WHY_INPUT, "input 'in' from a changed");
}

static void
a_large_gather_stays_small(void **state)
{
	struct str items = {0};
	(void)state;

	for (int i = 0; i < 5000; i++)
		str_printf(&items, "maker[i=%d]=%d ", i, i);
	js *parts = with_port(items.s);
	char *text = js_dump(parts, 0);
	assert_true(strlen(text) < 1000);
	assert_non_null(strstr(text, ",5000,"));
	free(text);
	js_free(parts);
	str_free(&items);
}

static void
variables_and_runs(void **state)
{
	js *then = key_parts_new("p", 1), *now = key_parts_new("p", 1);
	(void)state;

	key_parts_variable(then, "i", "1");
	key_parts_variable(now, "i", "2");
	assert_diff(then, now, WHY_VARIABLE, "variable 'i' changed: 1 -> 2");
	then = key_parts_new("p", 1);
	key_parts_private(then, "0123");
	assert_diff(then, key_parts_new("p", 1), WHY_OWN_RUN,
	            "its result holds for one run directory, and this is another");
}

/* What others wrote, or a damaged one. */
static void
odd_parts_do_no_harm(void **state)
{
	static const char *const odd[] = {"[]", "1", "{\"inputs\":{\"in\":7}}", "{\"params\":[]}",
	                                  "{\"files\":{\"a\":3},\"prints\":\"x\",\"plugin\":1}",
	                                  "{\"inputs\":{\"in\":[1,\"x\",[]]},\"version\":\"\"}"};
	(void)state;

	for (size_t i = 0; i < sizeof odd / sizeof *odd; i++) {
		struct reasons r = {0};
		js *then = js_parse(odd[i], strlen(odd[i]), NULL), *now = with_port("a=1");
		put_file(now, "a", NULL, "a", "a");
		key_parts_param(now, "p", "1");
		key_parts_diff(then, now, &r);
		assert_true(r.count > 0);
		key_parts_diff(now, then, &r);
		reasons_free(&r);
		js_free(then);
		js_free(now);
	}
}

/* The digest of a port is over all that it adds to the key. */
static void
a_port_has_its_own_digest(void **state)
{
	struct key *k = key_new();
	struct digest d[4], a = of("a"), b = of("b"), key[2];
	(void)state;

	for (int i = 0; i < 4; i++) {
		key_begin(k, i == 1 ? "other" : "p", 1);
		key_port(k, "in", 1, 1);
		key_item(k, i == 2 ? &b : &a, NULL, 0, NULL, NULL);
		key_item(k, i == 2 ? &a : &b, NULL, 0, NULL, NULL);
		if (i == 3)
			key_item(k, &a, NULL, 0, NULL, NULL);
		key_port_end(k, &d[i]);
		if (i == 0)
			key_end(k, &key[0]);
	}
	assert_true(digest_equal(&d[0], &d[1])); /* what came before does not count */
	assert_true(digest_equal(&d[0], &d[2])); /* a set */
	assert_false(digest_equal(&d[0], &d[3]));
	/* and asking for it does not change the key */
	key_begin(k, "p", 1);
	key_port(k, "in", 1, 1);
	key_item(k, &a, NULL, 0, NULL, NULL);
	key_item(k, &b, NULL, 0, NULL, NULL);
	key_end(k, &key[1]);
	assert_true(digest_equal(&key[0], &key[1]));
	key_free(k);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nowhere_is_allowed),
		cmocka_unit_test(equal_parts_have_no_difference),
		cmocka_unit_test(plugins_and_versions),
		cmocka_unit_test(parameters),
		cmocka_unit_test(long_values),
		cmocka_unit_test(files),
		cmocka_unit_test(fingerprints),
		cmocka_unit_test(inputs),
		cmocka_unit_test(values_of_a_producer),
		cmocka_unit_test(a_large_gather_stays_small),
		cmocka_unit_test(variables_and_runs),
		cmocka_unit_test(odd_parts_do_no_harm),
		cmocka_unit_test(a_port_has_its_own_digest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

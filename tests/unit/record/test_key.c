/* SPDX-License-Identifier: Apache-2.0 */
/* key: what changes a key and what does not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "record/key.h"

static struct key *k;

static int
new_key(void **state)
{
	(void)state;
	k = key_new();
	return 0;
}

static int
free_key(void **state)
{
	(void)state;
	key_free(k);
	return 0;
}

static struct digest
of(const char *text)
{
	struct digest d;

	digest_bytes(text, strlen(text), &d);
	return d;
}

static int
same(const struct digest *a, const struct digest *b)
{
	return digest_equal(a, b);
}

/* The fixed text of one key: a change of the format must be meant. */
static void
is_stable(void **state)
{
	char hex[DIGEST_HEX + 1];
	struct digest d;

	(void)state;
	key_begin(k, "command", 1);
	key_param(k, "argv", "sort");
	key_end(k, &d);
	assert_string_equal(
		digest_hex(&d, hex),
		"f10cb91a14ad91be50bab0d67895ca5dacdde054399295d6717715cfe1610b0f");
}

static void
fields_do_not_run_together(void **state)
{
	struct digest a, b;

	(void)state;
	key_begin(k, "p", 1);
	key_param(k, "ab", "c");
	key_end(k, &a);
	key_begin(k, "p", 1);
	key_param(k, "a", "bc");
	key_end(k, &b);
	assert_false(same(&a, &b));
	key_begin(k, "p", 1);
	key_variable(k, "ab", "c");
	key_end(k, &b);
	assert_false(same(&a, &b));
	key_begin(k, "p", 11);
	key_end(k, &a);
	key_begin(k, "p1", 1);
	key_end(k, &b);
	assert_false(same(&a, &b));
}

static void
begins_afresh(void **state)
{
	struct digest x = of("x"), a, b;

	(void)state;
	key_begin(k, "p", 1);
	key_end(k, &a);
	key_begin(k, "q", 2);
	key_port(k, "in", 1, 1);
	key_item(k, &x, NULL, 0, NULL, NULL);
	key_begin(k, "p", 1);
	key_end(k, &b);
	assert_true(same(&a, &b));
}

/* A many port with the items given, as a set or not. */
static struct digest
many(int set, const char *first, const char *second, const char *branch)
{
	static const char *const names[] = {"model"};
	struct digest f = of(first), s = of(second), d;
	const char *values[] = {branch};

	key_begin(k, "p", 1);
	key_port(k, "in", 1, set);
	key_item(k, &f, NULL, 1, names, values);
	key_item(k, &s, NULL, 1, names, values);
	key_param(k, "after", "1");
	key_end(k, &d);
	return d;
}

static void
order_counts_but_in_a_set(void **state)
{
	struct digest ab = many(0, "a", "b", "1"), ba = many(0, "b", "a", "1");
	struct digest set_ab = many(1, "a", "b", "1"), set_ba = many(1, "b", "a", "1");
	struct digest set_aa = many(1, "a", "a", "1"), other = many(1, "a", "b", "2");

	(void)state;
	assert_false(same(&ab, &ba));
	assert_true(same(&set_ab, &set_ba));
	assert_false(same(&set_ab, &ab));
	assert_false(same(&set_ab, &set_aa));
	/* Branch values do not count in a set, elsewhere they do. */
	assert_true(same(&set_ab, &other));
	other = many(0, "a", "b", "2");
	assert_false(same(&ab, &other));
}

static void
values_count(void **state)
{
	struct digest f = of("f"), v = of("v"), zero = {{0}}, with, without, zeroed;

	(void)state;
	key_begin(k, "p", 1);
	key_port(k, "in", 0, 0);
	key_item(k, &f, &v, 0, NULL, NULL);
	key_end(k, &with);
	key_begin(k, "p", 1);
	key_port(k, "in", 0, 0);
	key_item(k, &f, NULL, 0, NULL, NULL);
	key_end(k, &without);
	key_begin(k, "p", 1);
	key_port(k, "in", 0, 0);
	key_item(k, &f, &zero, 0, NULL, NULL);
	key_end(k, &zeroed);
	assert_false(same(&with, &without));
	assert_true(same(&zeroed, &without));
}

static void
private_keys_differ(void **state)
{
	struct digest a, b, c;

	(void)state;
	key_begin(k, "p", 1);
	key_private(k, "run1", "node", "");
	key_end(k, &a);
	key_begin(k, "p", 1);
	key_private(k, "run2", "node", "");
	key_end(k, &b);
	key_begin(k, "p", 1);
	key_private(k, "run1", "node", "x=1");
	key_end(k, &c);
	assert_false(same(&a, &b));
	assert_false(same(&a, &c));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(is_stable, new_key, free_key),
		cmocka_unit_test_setup_teardown(fields_do_not_run_together, new_key,
						free_key),
		cmocka_unit_test_setup_teardown(begins_afresh, new_key, free_key),
		cmocka_unit_test_setup_teardown(order_counts_but_in_a_set, new_key,
						free_key),
		cmocka_unit_test_setup_teardown(values_count, new_key, free_key),
		cmocka_unit_test_setup_teardown(private_keys_differ, new_key, free_key),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

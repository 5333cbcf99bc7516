/* SPDX-License-Identifier: Apache-2.0 */
/* reasons: the table, and lists of reasons. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "model/reasons.h"

static void
each_word_is_there_once(void **state)
{
	(void)state;
	for (int i = 0; i < REASON_COUNT; i++) {
		assert_int_equal(reason_parse(reason_word(i)), i);
		assert_true(strlen(reason_meaning(i)) > 0);
	}
	assert_int_equal(reason_parse("no such word"), -1);
	assert_string_equal(reason_word(-1), "?");
	assert_string_equal(reason_word(REASON_COUNT), "?");
	assert_string_equal(reason_meaning(-1), "?");
	assert_string_equal(reason_meaning(REASON_COUNT), "?");
}

static void
a_list(void **state)
{
	struct reasons r = {0};
	(void)state;

	char *text = reasons_text(&r);
	assert_string_equal(text, "");
	free(text);
	reasons_add(&r, WHY_PARAMETER, "e", "1", "2", "parameter '%s'", "e");
	reasons_add(&r, WHY_FIRST, NULL, NULL, NULL, "first");
	text = reasons_text(&r);
	assert_string_equal(text, "parameter 'e'; first");
	free(text);
	js *v = reasons_json(&r);
	text = js_dump(v, 0);
	assert_string_equal(text, "[{\"reason\":\"parameter\",\"name\":\"e\",\"then\":\"1\","
	                          "\"now\":\"2\",\"text\":\"parameter 'e'\"},"
	                          "{\"reason\":\"first-time\",\"text\":\"first\"}]");
	free(text);
	js_free(v);
	reasons_free(&r);
	assert_int_equal(r.count, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_word_is_there_once),
		cmocka_unit_test(a_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

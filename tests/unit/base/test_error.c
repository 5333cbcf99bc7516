/* SPDX-License-Identifier: Apache-2.0 */
/* Errors, diagnostics, classes, did-you-mean. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "af2flow/plugin.h"
#include "base/error.h"
#include "base/mem.h"
#include "base/str.h"

static void
test_null_and_empty(void **state)
{
	struct error e = {0};

	(void)state;
	assert_int_equal(error_set(NULL, "x"), -1);
	assert_int_equal(error_hint(NULL, "x"), -1);
	assert_false(error_is_set(NULL));
	error_clear(NULL);
	/* A hint belongs to an error. */
	assert_int_equal(error_hint(&e, "h"), -1);
	assert_string_equal(e.hint, "");
	assert_false(error_is_set(&e));
	/* Even an empty text is an error. */
	error_set(&e, "%s", "");
	assert_true(error_is_set(&e));
}

static void
test_first_is_kept(void **state)
{
	struct error e = {0};

	(void)state;
	assert_int_equal(error_set(&e, "first %d", 1), -1);
	assert_int_equal(error_set(&e, "second"), -1);
	assert_string_equal(e.text, "first 1");
	error_hint(&e, "try %s", "this");
	assert_string_equal(e.hint, "try this");
	error_clear(&e);
	assert_false(error_is_set(&e));
	assert_string_equal(e.hint, "");
	error_set(&e, "second");
	assert_string_equal(e.text, "second");
}

static void
test_errno(void **state)
{
	struct error e = {0};

	(void)state;
	errno = ENOENT;
	error_set(&e, "cannot open '%s':", "x");
	assert_int_equal(errno, ENOENT);
	assert_string_equal(e.text, "cannot open 'x': No such file or directory");
}

/* A full disk passes without us, a broken one does not. */
static void
test_number(void **state)
{
	static const int passing[] = {ENOSPC, EDQUOT, EMFILE, ENFILE, ENOMEM, EAGAIN};
	static const int others[] = {EIO, EROFS, ENOENT, EACCES};
	struct error e = {0};

	(void)state;
	errno = ENOSPC;
	error_set(&e, "no reason is asked for");
	assert_int_equal(e.number, 0);
	assert_false(error_passes(&e));
	for (size_t i = 0; i < sizeof passing / sizeof *passing; i++) {
		error_clear(&e);
		errno = passing[i];
		error_set(&e, "cannot write '%s':", "x");
		assert_int_equal(e.number, passing[i]);
		assert_true(error_passes(&e));
	}
	for (size_t i = 0; i < sizeof others / sizeof *others; i++) {
		error_clear(&e);
		errno = others[i];
		error_set(&e, "cannot write '%s':", "x");
		assert_int_equal(e.number, others[i]);
		assert_false(error_passes(&e));
	}
	error_clear(&e);
	assert_int_equal(e.number, 0);
	assert_false(error_passes(&e));
	assert_false(error_passes(NULL));
}

static void
test_one_line(void **state)
{
	struct error e = {0};

	(void)state;
	error_set(&e, "a\nb\tc\033[1m\x7f\r");
	assert_string_equal(e.text, "a b c?[1m??");
}

/* A long text is cut between characters and keeps the reason. */
static void
test_cut(void **state)
{
	char name[3 * 2000 + 1];

	(void)state;
	for (size_t shift = 0; shift < 3; shift++) {
		struct error e = {0};
		size_t n;

		memset(name, 'x', shift);
		for (size_t i = shift; i + 3 < sizeof name; i += 3)
			memcpy(name + i, "\xe2\x82\xac", 4);
		errno = EACCES;
		error_set(&e, "cannot open '%s':", name);
		n = strlen(e.text);
		assert_true(n < sizeof e.text && n > sizeof e.text - 8);
		assert_true(is_clean_utf8(e.text, n));
		assert_true(ends_with(e.text, "...: Permission denied"));
		error_clear(&e);
		error_set(&e, "%s", name);
		n = strlen(e.text);
		assert_true(n < sizeof e.text && n > sizeof e.text - 8);
		assert_true(is_clean_utf8(e.text, n) && ends_with(e.text, "..."));
		error_hint(&e, "%s", name);
		n = strlen(e.hint);
		assert_true(is_clean_utf8(e.hint, n) && ends_with(e.hint, "..."));
	}
}

static void
test_fits_exactly(void **state)
{
	struct error e = {0};
	char text[sizeof e.text + 1];

	(void)state;
	memset(text, 'y', sizeof text);
	text[sizeof e.text - 1] = '\0';
	error_set(&e, "%s", text);
	assert_string_equal(e.text, text);
}

static void
test_classes(void **state)
{
	(void)state;
	assert_string_equal(class_name(-1), "?");
	assert_string_equal(class_name(AF2_CLASS_COUNT), "?");
	assert_int_equal(class_parse("nonsense"), -1);
	assert_int_equal(class_parse(""), -1);
	for (int i = 0; i < AF2_CLASS_COUNT; i++)
		assert_int_equal(class_parse(class_name(i)), i);
	assert_string_equal(class_name(AF2_CLASS_PLUGIN_CRASH), "plugin-crash");
	assert_int_equal(class_parse("timeout"), AF2_CLASS_TIMEOUT);
}

static void
test_diags(void **state)
{
	struct diags d = {0};

	(void)state;
	assert_int_equal(diags_add(&d, SEV_WARNING, NULL, 0, NULL, NULL, "w"), 0);
	for (int i = 0; i < 40; i++)
		assert_int_equal(
			diags_add(&d, SEV_ERROR, "f", i, "tok", "hint", "bad\n%d", i),
			-1);
	assert_int_equal(d.count, 41);
	assert_int_equal(d.errors, 40);
	assert_string_equal(d.items[0].file, "");
	assert_string_equal(d.items[0].token, "");
	assert_string_equal(d.items[0].hint, "");
	assert_string_equal(d.items[40].text, "bad 39");
	assert_int_equal(d.items[40].line, 39);
	assert_int_equal(d.items[40].column, 0);
	diags_free(&d);
	assert_int_equal(d.count, 0);
	assert_int_equal(d.errors, 0);
	diags_free(&d);
}

static void
test_nearest(void **state)
{
	static const char *const words[] = {"cpus", "gpus",   "retries",    "timeout",
					    "",     "memory", "max_output", NULL};
	static const char *const none[] = {NULL};
	char huge[300];

	(void)state;
	assert_null(nearest_word("cpus", none));
	assert_null(nearest_word("", words));
	assert_null(nearest_word("x", words));
	assert_null(nearest_word("colour", words));
	assert_null(nearest_word("mm", words));
	memset(huge, 'm', sizeof huge - 1);
	huge[sizeof huge - 1] = '\0';
	assert_null(nearest_word(huge, words));
	assert_string_equal(nearest_word("cpu", words), "cpus");
	assert_string_equal(nearest_word("gpus", words), "gpus");
	assert_string_equal(nearest_word("retires", words), "retries");
	assert_string_equal(nearest_word("RETRIES", words), "retries");
	assert_string_equal(nearest_word("tiemout", words), "timeout");
	assert_string_equal(nearest_word("max-output", words), "max_output");
	assert_string_equal(nearest_word("memroy", words), "memory");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_null_and_empty),
		cmocka_unit_test(test_first_is_kept),
		cmocka_unit_test(test_errno),
		cmocka_unit_test(test_number),
		cmocka_unit_test(test_one_line),
		cmocka_unit_test(test_cut),
		cmocka_unit_test(test_fits_exactly),
		cmocka_unit_test(test_classes),
		cmocka_unit_test(test_diags),
		cmocka_unit_test(test_nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* result: writing, reading, damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "helpers.h"

static struct result *
sample(void)
{
	struct result *r = record_result(7);

	r->outputs = xcalloc(2, sizeof *r->outputs);
	r->output_count = 2;
	r->outputs[0] =
		(struct result_output){.port = xstrdup("msa"),
				       .element = xstrdup("A"),
				       .file = xstrdup("a \"b\" \\ \303\251.sto"),
				       .type = xstrdup("stockholm"),
				       .size = 12345678901,
				       .mtime_ns = -5};
	r->outputs[1] = (struct result_output){.port = xstrdup("dir"),
					       .element = NULL,
					       .file = xstrdup("sub/dir"),
					       .type = xstrdup("dir"),
					       .is_dir = 1};
	digest_bytes("x", 1, &r->outputs[0].digest);
	r->measures = js_object();
	js_set_real(r->measures, "seconds", 0.1);
	r->boot = xstrdup("boot-1");
	r->synced = 1;
	return r;
}

static char *
written(const struct result *r, size_t *len)
{
	struct str out = {0};

	result_write(r, &out);
	*len = out.len;
	return str_take(&out);
}

static void
refuses_what_is_no_result(void **state)
{
	static const char *const texts[] = {
		"",
		"{",
		"{}",
		"null",
		"{\"sha256\":\"",
		"garbage\n",
		"{\"sha256\":"
		"\"0000000000000000000000000000000000000000000000000000000000000000\"}",
		"{\"sha256\":"
		"\"0000000000000000000000000000000000000000000000000000000000000000\","
		"}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
		struct error e = {0};

		assert_null(result_read(texts[i], strlen(texts[i]), NULL, &e));
		assert_string_not_equal(e.text, "");
	}
}

static void
survives_a_round_trip(void **state)
{
	struct result *r = sample(), *back;
	struct error e = {0};
	size_t len;
	char *text = written(r, &len);

	(void)state;
	assert_null(strchr(text, '\n'));
	back = result_read(text, len, "/some/dir", &e);
	assert_non_null(back);
	assert_true(digest_equal(&back->key, &r->key));
	assert_string_equal(back->dir, "/some/dir");
	assert_string_equal(back->boot, "boot-1");
	assert_int_equal(back->synced, 1);
	assert_int_equal(back->output_count, 2);
	assert_string_equal(back->outputs[0].file, r->outputs[0].file);
	assert_string_equal(back->outputs[0].element, "A");
	assert_true(back->outputs[0].size == 12345678901);
	assert_true(back->outputs[0].mtime_ns == -5);
	assert_true(digest_equal(&back->outputs[0].digest, &r->outputs[0].digest));
	assert_string_equal(back->outputs[1].element, "");
	assert_int_equal(back->outputs[0].is_dir, 0);
	assert_int_equal(back->outputs[1].is_dir, 1);
	assert_int_equal(js_get_int(back->values, "n", 0), 7);
	assert_true(js_get_real(result_measures(back), "seconds", 0) == 0.1);
	assert_string_equal(js_get_text(result_made(back), "host", ""), "here");
	/* Asked twice, the same value. */
	assert_ptr_equal(result_made(back), result_made(back));
	result_free(back);
	result_free(r);
	free(text);
}

/* Written again after reading, whether the late members were parsed or not. */
static void
a_copy_has_the_same_text(void **state)
{
	struct result *r = sample(), *copy = result_copy(r), *again;
	size_t len, copy_len;
	char *text = written(r, &len), *copied = written(copy, &copy_len);

	(void)state;
	assert_int_equal(len, copy_len);
	assert_memory_equal(text, copied, len);
	again = result_copy(copy);
	result_free(copy);
	result_free(r);
	free(copied);
	copied = written(again, &copy_len);
	assert_string_equal(text, copied);
	result_free(again);
	free(copied);
	free(text);
}

static void
is_the_same_when_written_again(void **state)
{
	struct result *r = sample(), *back;
	size_t len, len2;
	char *text = written(r, &len), *again;

	(void)state;
	back = result_read(text, len, NULL, NULL);
	again = written(back, &len2);
	assert_string_equal(again, text);
	free(again);
	assert_non_null(result_made(back));
	again = written(back, &len2);
	assert_string_equal(again, text);
	free(again);
	result_free(back);
	result_free(r);
	free(text);
}

static void
any_change_is_noticed(void **state)
{
	struct result *r = sample();
	size_t len;
	char *text = written(r, &len);

	(void)state;
	for (size_t i = 0; i < len; i++) {
		text[i] ^= 1;
		assert_null(result_read(text, len, NULL, NULL));
		text[i] ^= 1;
		assert_null(result_read(text, i, NULL, NULL));
	}
	assert_non_null(r);
	result_free(r);
	r = result_read(text, len, NULL, NULL);
	assert_non_null(r);
	result_free(r);
	free(text);
}

/* Without the digest to guard it, the scanner must still end well on any text. */
static void
the_scanner_bears_damage(void **state)
{
	struct result *r = sample();
	size_t len, parsed = 0;
	char *text = written(r, &len);

	(void)state;
	result_free(r);
	for (size_t i = 0; i < len; i++)
		for (int c = 0; c < 256; c += 5) {
			/* Exactly as large as it is, so that a read behind it is
			 * seen. */
			char *copy = xmalloc(len), was = text[i];

			memcpy(copy, text, len);
			copy[i] = (char)c;
			r = result_parse(copy, len, NULL, NULL);
			parsed += r != NULL;
			if (r && i % 7 == 0)
				result_made(r);
			result_free(r);
			free(copy);
			copy = xmalloc(i + 1);
			memcpy(copy, text, i);
			assert_null(result_parse(copy, i, NULL, NULL));
			free(copy);
			assert_int_equal(text[i], was);
			if (c > 0 && i % 10)
				break;
		}
	assert_true(parsed > 0);
	free(text);
}

static void
unsafe_file_names_are_refused(void **state)
{
	static const char *const bad[] = {"",       "/etc/passwd", "../x",
					  "a/../b", "a//b",        "a/",
					  ".",      "a\nb",        "\377\376"};
	static const char *const good[] = {"a", "a/b.txt", "..a", "a..", "\303\251"};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct result *r = sample();
		size_t len;
		char *text;

		assert_false(result_file_ok(bad[i]));
		free(r->outputs[0].file);
		r->outputs[0].file = xstrdup(bad[i]);
		text = written(r, &len);
		/* (Bytes that are not UTF-8 were made '?' by the writer.) */
		if (bad[i][0] != '\377')
			assert_null(result_read(text, len, NULL, NULL));
		free(text);
		result_free(r);
	}
	for (size_t i = 0; i < sizeof good / sizeof good[0]; i++)
		assert_true(result_file_ok(good[i]));
}

static void
values_have_a_digest(void **state)
{
	struct result a = {0}, b = {0};
	struct digest none = {{0}}, da, db;

	(void)state;
	result_values_digest(&a, &da);
	assert_true(digest_equal(&da, &none));
	a.values = js_object();
	result_values_digest(&a, &da);
	assert_true(digest_equal(&da, &none));
	b.values = js_object();
	js_set_int(a.values, "x", 1);
	js_set_real(a.values, "y", 0.1);
	js_set_real(b.values, "y", 0.1);
	js_set_int(b.values, "x", 1);
	result_values_digest(&a, &da);
	result_values_digest(&b, &db);
	assert_true(digest_equal(&da, &db));
	js_set_int(b.values, "x", 2);
	result_values_digest(&b, &db);
	assert_false(digest_equal(&da, &db));
	js_free(a.values);
	js_free(b.values);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_what_is_no_result),
		cmocka_unit_test(unsafe_file_names_are_refused),
		cmocka_unit_test(survives_a_round_trip),
		cmocka_unit_test(a_copy_has_the_same_text),
		cmocka_unit_test(is_the_same_when_written_again),
		cmocka_unit_test(any_change_is_noticed),
		cmocka_unit_test(the_scanner_bears_damage),
		cmocka_unit_test(values_have_a_digest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

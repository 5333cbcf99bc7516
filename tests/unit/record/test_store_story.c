/* SPDX-License-Identifier: Apache-2.0 */
/* store: what a result tells of its making; a store that is nowhere. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "helpers.h"
#include "record/key_parts.h"

static js *
story(struct store *s, int i)
{
	struct digest key;

	number_key(i, &key);
	return store_story(s, &key);
}

static void
publish_with_parts(struct store *s, int i, int file)
{
	struct error e = {0};
	char *out = NULL;
	struct result *r = file ? file_result(s, i, "text", &out) : record_result(i);

	r->from = key_parts_new("teller", 7);
	r = store_publish(s, r, out, 0, &e);
	assert_string_equal(e.text, "");
	result_free(r);
	free(out);
}

static void
parts_stand_with_the_result(void **state)
{
	for (int again = 0; again < 2; again++) {
		struct store *s = open_store(*state);
		if (!again) {
			publish_with_parts(s, 1, 1);
			publish_with_parts(s, 2, 0);
		}
		for (int i = 1; i <= 2; i++) {
			js *v = story(s, i);
			assert_int_equal(js_get_int(js_get(v, "from"), "version", 0), 7);
			assert_string_equal(js_get_text(js_get(v, "made"), "host", ""), "here");
			js_free(v);
		}
		assert_null(story(s, 3));
		assert_int_equal(has_result(s, 1), 1);
		store_close(s);
	}
}

/* The index of a run has no use for it. */
static void
the_index_does_without(void **state)
{
	char *index = path_join(*state, "index");
	struct store *s = open_store(*state);

	store_use_index(s, index);
	publish_with_parts(s, 1, 1);
	store_close(s);
	char *text = read_text(index);
	assert_non_null(strstr(text, "out.txt"));
	assert_null(strstr(text, "teller"));
	free(text);
	free(index);
}

/* Its outputs may be gone; its own digest counts. Nothing is moved. */
static void
outputs_do_not_matter(void **state)
{
	struct store *s = open_store(*state);
	char *object = object_path(store_path(s), 1), *file = path_join(object, "out.txt");
	char *json = path_join(object, "result.json");

	publish_with_parts(s, 1, 1);
	assert_int_equal(unlink(file), 0);
	js *v = story(s, 1);
	assert_non_null(v);
	js_free(v);
	flip_bit(json, 100);
	assert_null(story(s, 1));
	assert_int_equal(access(json, F_OK), 0);
	store_close(s);
	free(json);
	free(file);
	free(object);
}

static void
a_store_that_is_nowhere(void **state)
{
	char *file = path_join(*state, "file");
	struct store *s = store_nowhere();
	struct digest d, want, id;
	struct error e = {0};

	write_text(file, "content");
	assert_int_equal(store_file_digest(s, file, &d, &e), 0);
	digest_bytes("content", 7, &want);
	assert_true(digest_equal(&d, &want));
	struct words suffixes = {0};
	assert_int_equal(store_database_digest(s, file, &suffixes, &d, &e), 0);
	number_key(1, &id);
	assert_null(store_fingerprint(s, &id));
	assert_null(story(s, 1));
	store_close(s);
	assert_int_equal(count_entries(*state), 1);
	free(file);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(parts_stand_with_the_result, make_folder,
		                                remove_folder),
		cmocka_unit_test_setup_teardown(the_index_does_without, make_folder,
		                                remove_folder),
		cmocka_unit_test_setup_teardown(outputs_do_not_matter, make_folder,
		                                remove_folder),
		cmocka_unit_test_setup_teardown(a_store_that_is_nowhere, make_folder,
		                                remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

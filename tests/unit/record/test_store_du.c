/* SPDX-License-Identifier: Apache-2.0 */
/* store du: sums by kind, plugin and run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "helpers.h"
#include "record/store_du.h"

static void
sums(void **state)
{
	char *one = make_run(*state, "one"), *two = make_run(*state, "two");
	struct store *s = open_for_run(*state, one);
	struct du_report r;
	struct error e = {0};

	/* 1 of one, 2 of both, 3 of two, 4 of none; 5 without files, of both. */
	publish_file(s, 1, "x", 0);
	publish_file(s, 2, "x", 0);
	publish_record(s, 5);
	store_close(s);
	s = open_for_run(*state, two);
	assert_int_equal(has_result(s, 2), 1);
	assert_int_equal(has_result(s, 5), 1);
	publish_file(s, 3, "x", 0);
	store_close(s);
	s = open_store(*state);
	publish_file(s, 4, "x", 0);
	assert_int_equal(store_du(s, &r, &e), 0);
	assert_int_equal(r.objects.count, 4);
	assert_int_equal(r.records.count, 1);
	assert_int_equal(r.unnamed.count, 1);
	assert_int_equal(r.run_count, 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(r.by_run[i].results.count, 3);
		assert_int_equal(r.by_run[i].alone.count, 1);
		assert_true(r.by_run[i].alone.bytes < r.by_run[i].results.bytes);
	}
	assert_int_equal(r.plugin_count, 1);
	assert_string_equal(r.plugins[0].name, "?");
	assert_int_equal(r.plugins[0].results.count, 5);
	assert_true(r.plugins[0].results.bytes == r.objects.bytes + r.records.bytes);
	du_report_free(&r);
	store_close(s);
	free(one);
	free(two);
}

/* A file with two names in the store takes its space once. */
static void
hard_links_count_once(void **state)
{
	enum { LARGE = 1024 * 1024 };
	struct store *s = open_store(*state);
	char *a = object_path(store_path(s), 1), *b = object_path(store_path(s), 2);
	char *from = path_join(a, "more"), *to = path_join(b, "more");
	char *text = xmalloc(LARGE + 1);
	struct du_report before, after;

	memset(text, 'x', LARGE);
	text[LARGE] = '\0';
	publish_file(s, 1, "x", 0);
	publish_file(s, 2, "x", 0);
	write_text(from, text);
	assert_int_equal(store_du(s, &before, NULL), 0);
	assert_true(before.objects.bytes >= LARGE);
	assert_int_equal(link(from, to), 0);
	assert_int_equal(store_du(s, &after, NULL), 0);
	assert_true(after.objects.bytes < before.objects.bytes + LARGE);
	du_report_free(&before);
	du_report_free(&after);
	store_close(s);
	free(text);
	free(to);
	free(from);
	free(b);
	free(a);
}

static void
leftovers(void **state)
{
	struct store *s = open_store(*state);
	char *command = xasprintf("cd '%s' && mkdir tmp/damaged-1 tmp/a-1-1-00000000 && "
				  "echo x >tmp/damaged-1/x && echo x >cache/digests",
				  store_path(s));
	struct du_report r;

	assert_int_equal(system(command), 0);
	assert_int_equal(store_du(s, &r, NULL), 0);
	assert_int_equal(r.tmp.count, 1);
	assert_int_equal(r.damaged.count, 1);
	assert_int_equal(r.caches.count, 1);
	assert_true(r.damaged.bytes > 0);
	du_report_free(&r);
	store_close(s);
	free(command);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sums, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(hard_links_count_once, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(leftovers, make_folder, remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

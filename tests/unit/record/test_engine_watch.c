/* SPDX-License-Identifier: Apache-2.0 */
/* engine_watch: silence is measured by the watcher's clock alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "record/engine_watch.h"

static void
silent_after_the_patience(void **state)
{
	struct engine_watch w = {.patience = 8};

	(void)state;
	/* Stamps of a clock that is far behind, or ahead, mean nothing. */
	assert_int_equal(watch_is_silent(&w, "a", -5, 100), 0);
	assert_int_equal(watch_is_silent(&w, "b", INT64_MAX, 100), 0);
	assert_int_equal(watch_is_silent(&w, "a", -5, 107), 0);
	assert_int_equal(watch_moved(&w, "a"), 0);
	assert_int_equal(watch_is_silent(&w, "a", -5, 108), 1);
	assert_int_equal(watch_is_silent(&w, "a", -5, 109), 1);
	/* Any other stamp is a sign of life, an older one too. */
	assert_int_equal(watch_is_silent(&w, "a", -6, 110), 0);
	assert_int_equal(watch_moved(&w, "a"), 1);
	assert_int_equal(watch_moved(&w, "b"), 0);
	assert_int_equal(watch_moved(&w, "c"), 0);
	assert_int_equal(watch_is_silent(&w, "a", -6, 117), 0);
	assert_int_equal(watch_is_silent(&w, "a", -6, 118), 1);
	watch_free(&w);
}

static void
a_gap_begins_anew(void **state)
{
	struct engine_watch w = {.patience = 8};

	(void)state;
	assert_int_equal(watch_is_silent(&w, "a", 1, 0), 0);
	assert_int_equal(watch_is_silent(&w, "a", 1, WATCH_GAP + 1), 0);
	assert_int_equal(watch_is_silent(&w, "a", 1, WATCH_GAP + 9), 1);
	watch_free(&w);
}

/* Who was found silent stays so until its stamp moves: a task that then waits for a slot, for
 * hours, need not wait for the other engine again. */
static void
silence_outlives_a_gap(void **state)
{
	struct engine_watch w = {.patience = 8};

	(void)state;
	assert_int_equal(watch_is_silent(&w, "a", 1, 0), 0);
	assert_int_equal(watch_is_silent(&w, "a", 1, 8), 1);
	assert_int_equal(watch_is_silent(&w, "a", 1, 8 + 10 * WATCH_GAP), 1);
	assert_int_equal(watch_is_silent(&w, "a", 2, 9 + 10 * WATCH_GAP), 0);
	assert_int_equal(watch_is_silent(&w, "a", 2, 10 + 20 * WATCH_GAP), 0);
	watch_free(&w);
}

static void
without_patience_all_are_silent(void **state)
{
	struct engine_watch w = {0};

	(void)state;
	assert_int_equal(watch_is_silent(&w, "a", 1, 0), 1);
	watch_free(&w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(silent_after_the_patience),
		cmocka_unit_test(a_gap_begins_anew),
		cmocka_unit_test(silence_outlives_a_gap),
		cmocka_unit_test(without_patience_all_are_silent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

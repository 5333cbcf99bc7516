/* SPDX-License-Identifier: Apache-2.0
 *
 * Stage plugin pick: the best model alone, by a network's confidence or by consensus.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness.h"

static int
open_pick(void **state)
{
	*state = harness_open(PLUGIN_DIR "/pick.so");
	return *state ? 0 : -1;
}

static int
close_pick(void **state)
{
	harness_close(*state);
	return 0;
}

/* Four CA atoms in a row, the second `off` Angstrom beside it. */
static const char *
model(struct harness *h, const char *name, double off)
{
	char text[1024], *p = text;

	for (int i = 1; i <= 4; i++)
		p += sprintf(p,
			     "ATOM  %5d  CA  ALA A%4d    %8.3f%8.3f%8.3f  1.00  9.00"
			     "           C  \n",
			     i, i, 3.8 * i, i == 2 ? off : 0.0, 0.0);
	return harness_file(h, name, text);
}

static void
add(struct harness *h, const char *path, const char *name, const char *confidence)
{
	const char *branch[] = {"model", name, NULL};
	const char *values[] = {"model", name, confidence ? "ranking_confidence" : NULL,
				confidence, NULL};

	harness_item(h, "unrelaxed", path, NULL, "predict", branch, values);
}

static void
refuses_nothing(void **state)
{
	assert_fails(*state, AF2_CLASS_PERMANENT, "no model to rank");
}

static void
picks_the_surest(void **state)
{
	struct harness *h = *state;
	const char *best = model(h, "b.pdb", 1);

	add(h, model(h, "a.pdb", 0), "model_1_pred_0", "50");
	add(h, best, "model_2_pred_0", "60.5");
	add(h, model(h, "c.pdb", 2), "model_3_pred_0", "nan");
	assert_ok(h);
	const char *path = harness_output(h, "best", NULL);
	assert_non_null(strstr(path, "/unrelaxed_model_2_pred_0.pdb"));
	assert_string_equal(harness_read(h, path, NULL), harness_read(h, best, NULL));
	assert_string_equal(harness_value(h, "model"), "model_2_pred_0");
	assert_true(harness_number(h, "best_score") == 60.5);
}

static void
picks_by_consensus(void **state)
{
	struct harness *h = *state;

	add(h, model(h, "a.pdb", 6), "strange", NULL);
	add(h, model(h, "b.pdb", 0), "first", NULL);
	add(h, model(h, "c.pdb", 0), "second", NULL);
	assert_ok(h);
	assert_string_equal(harness_value(h, "model"), "first");
	assert_string_equal(harness_value(h, "score"), "consensus_lddt");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(refuses_nothing, open_pick, close_pick),
		cmocka_unit_test_setup_teardown(picks_the_surest, open_pick, close_pick),
		cmocka_unit_test_setup_teardown(picks_by_consensus, open_pick, close_pick),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

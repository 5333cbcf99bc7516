/* SPDX-License-Identifier: Apache-2.0
 *
 * Stage plugin predict, back-end promod3, on the real features of Zucchini.
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

#define FEATURES FIXTURES "/features/zucchini.npz"

/* The host that most tests share: that it stays warm is part of the test. */
static struct harness *shared;

/* A new task in that host. */
static struct harness *
warm(void)
{
	if (!shared)
		shared = harness_open(PLUGIN_DIR "/predict.so");
	harness_reset(shared);
	return shared;
}

static int
end_warm(void **state)
{
	(void)state;
	harness_close(shared);
	return 0;
}

static void
refuses_bad_features(void **state)
{
	struct harness *h = warm();

	(void)state;
	harness_param(h, "index", "1");
	harness_input(h, "features", harness_file(h, "features.npz", "no archive\n"));
	assert_fails(h, AF2_CLASS_PERMANENT, "cannot read features");
}

static void
refuses_without_template(void **state)
{
	struct harness *h = warm();

	(void)state;
	harness_param(h, "index", "1");
	harness_param(h, "min_probability", "99.9");
	harness_input(h, "features", FEATURES);
	assert_fails(h, AF2_CLASS_PERMANENT, "no usable template: none of");
}

/* Build one model; its text, freed with the harness. */
static const char *
model(struct harness *h, const char *index)
{
	harness_reset(h);
	harness_param(h, "index", index);
	harness_param(h, "effort", "fast");
	harness_input(h, "features", FEATURES);
	assert_ok(h);
	return harness_read(h, harness_output(h, "unrelaxed", NULL), NULL);
}

static int
count(const char *text, const char *word)
{
	int n = 0;

	for (; (text = strstr(text, word)); text++)
		n++;
	return n;
}

static void
builds(void **state)
{
	struct harness *h = warm();
	const char *text = model(h, "2");

	(void)state;
	assert_string_equal(strrchr(harness_output(h, "unrelaxed", NULL), '/'),
			    "/unrelaxed_model_2_pred_0.pdb");
	assert_int_equal(count(text, "  CA  "), 170);
	assert_non_null(strstr(text, "NOT AN ALPHAFOLD PREDICTION"));
	assert_string_equal(harness_value(h, "model"), "model_2_pred_0");
	assert_string_equal(harness_value(h, "template"), "6EHI_B_21034");
	assert_non_null(strstr(harness_value(h, "method"), "not AlphaFold"));
	assert_true(harness_number(h, "probability") > 97);
	assert_true(harness_number(h, "coverage") > 0.7);
	assert_true(harness_number(h, "identity") > 0.2);
	assert_true(harness_measure(h, "timings.predict_and_compile_model_2_pred_0") >
		    0);
	assert_true(harness_measure(h, "timings.process_features_model_2_pred_0") >= 0);
}

/* Model 7 is the second round of model 2's template: another seed. What a warm worker
 * built before changes nothing. */
static void
repeats_and_varies(void **state)
{
	struct harness *h = warm();
	const char *first = model(h, "2"), *other = model(h, "7");

	(void)state;
	assert_string_equal(harness_value(h, "template"), "6EHI_B_21034");
	assert_string_not_equal(strstr(first, "ATOM"), strstr(other, "ATOM"));
	assert_string_equal(first, model(h, "2"));
}

static void
names_versions(void **state)
{
	struct harness *h = warm();

	(void)state;
	harness_param(h, "index", "1");
	assert_int_equal(harness_run_fingerprint(h), AF2_OK);
	assert_non_null(harness_fingerprint(h, "promod3"));
	assert_non_null(harness_fingerprint(h, "openstructure"));
}

/* Setup that fails, with its class. */
static void
setup_fails(const char *name, const char *value, const char *text)
{
	struct harness *h = harness_open(PLUGIN_DIR "/predict.so");

	harness_param(h, name, value);
	harness_param(h, "index", "1");
	harness_input(h, "features", FEATURES);
	assert_fails(h, AF2_CLASS_UNAVAILABLE, text);
	harness_close(h);
}

static void
refuses_no_python(void **state)
{
	(void)state;
	setup_fails("python", "/no/such/python",
		    "there is no program '/no/such/python'");
}

static void
refuses_no_structures(void **state)
{
	(void)state;
	setup_fails("structure_db", "/no/such/db.dat",
		    "ProMod3's data is missing: '/no/such/db.dat'");
}

int
main(void)
{
	/* One harness at a time in a process: those that need their own come first. */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_no_python),
		cmocka_unit_test(refuses_no_structures),
		cmocka_unit_test(refuses_bad_features),
		cmocka_unit_test(refuses_without_template),
		cmocka_unit_test(builds),
		cmocka_unit_test(repeats_and_varies),
		cmocka_unit_test(names_versions),
	};

	return cmocka_run_group_tests(tests, NULL, end_warm);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Stage plugin models: names, seeds and weights as run_alphafold.py has them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "harness.h"

/* sha256 of "one" and "two" */
#define ONE "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed"
#define TWO "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3"

static struct harness *h;

static int
open_plugin(void **state)
{
	(void)state;
	h = harness_open(PLUGIN_DIR "/models.so");
	mkdir(harness_path(h, "%s/params", harness_dir(h)), 0755);
	return 0;
}

static int
close_plugin(void **state)
{
	(void)state;
	harness_close(h);
	return 0;
}

static const char *
weights(int model, const char *suffix, const char *text)
{
	return harness_file(
		h, harness_path(h, "params/params_model_%d%s.npz", model, suffix), text);
}

/* The next task, with this preset and these models. */
static void
ask(const char *preset, const char *models)
{
	harness_reset(h);
	harness_param(h, "data_dir", harness_dir(h));
	harness_param(h, "model_preset", preset);
	harness_param(h, "models", models);
}

static json_t *
element(const char *name)
{
	const char *path = harness_output(h, "models", name);
	json_error_t error;
	json_t *json = path ? json_load_file(path, 0, &error) : NULL;

	if (!json)
		fail_msg("no element '%s'", name);
	return json;
}

/* The file of `networks`. */
static void
assert_networks(const char *want)
{
	assert_string_equal(harness_read(h, harness_output(h, "networks", NULL), NULL), want);
}

static void
assert_number(const json_t *object, const char *member, long long want)
{
	assert_int_equal(json_integer_value(json_object_get(object, member)), want);
}

static void
lists_monomers(void **state)
{
	(void)state;
	for (int i = 1; i <= 5; i++)
		weights(i, "", i == 3 ? "two" : "one");
	ask("monomer", "1..5");
	harness_param(h, "random_seed", "7");
	assert_ok(h);
	assert_string_equal(harness_element(h, "models", 0), "model_1_pred_0");
	assert_string_equal(harness_element(h, "models", 4), "model_5_pred_0");
	assert_null(harness_element(h, "models", 5));
	json_t *third = element("model_3_pred_0");
	const json_t *params = json_object_get(third, "params");
	assert_string_equal(json_string_value(json_object_get(third, "name")),
			    "model_3_pred_0");
	assert_string_equal(json_string_value(json_object_get(third, "model")), "model_3");
	assert_number(third, "prediction", 0);
	assert_number(third, "index", 2);
	assert_number(third, "count", 5);
	assert_number(third, "random_seed", 2 + 7 * 5);
	assert_number(third, "num_ensemble", 1);
	assert_string_equal(json_string_value(json_object_get(params, "file")),
			    "params_model_3.npz");
	assert_string_equal(json_string_value(json_object_get(params, "sha256")), TWO);
	json_decref(third);
}

/* A model's seed does not depend on which others are wanted. */
static void
keeps_the_global_index(void **state)
{
	(void)state;
	for (int i = 1; i <= 5; i++)
		weights(i, "_multimer_v3", "one");
	ask("multimer", "2,4..5");
	harness_param(h, "num_multimer_predictions_per_model", "3");
	harness_param(h, "random_seed", "1");
	assert_ok(h);
	assert_int_equal(harness_measure(h, "models"), 9);
	assert_null(harness_value(h, "models"));
	assert_string_equal(harness_element(h, "models", 0),
			    "model_2_multimer_v3_pred_0");
	json_t *last = element("model_5_multimer_v3_pred_2");
	assert_number(last, "index", 14);
	assert_number(last, "count", 15);
	assert_number(last, "random_seed", 29);
	json_decref(last);
	/* Neither seeds nor predictions are in what is compiled for. */
	assert_networks("[{\"model\": \"model_2_multimer_v3\", \"num_ensemble\": 1}, "
			"{\"model\": \"model_4_multimer_v3\", \"num_ensemble\": 1}, "
			"{\"model\": \"model_5_multimer_v3\", \"num_ensemble\": 1}]\n");
}

static void
knows_presets(void **state)
{
	(void)state;
	weights(1, "", "one");
	weights(1, "_ptm", "two");
	ask("monomer_casp14", "1");
	assert_ok(h);
	json_t *json = element("model_1_pred_0");
	assert_number(json, "num_ensemble", 8);
	json_decref(json);
	ask("monomer_ptm", "1");
	harness_param(h, "num_multimer_predictions_per_model", "3");
	assert_ok(h);
	assert_null(harness_element(h, "models", 1));
	json_decref(element("model_1_ptm_pred_0"));
}

static void
fingerprint_is_the_weights(void **state)
{
	(void)state;
	weights(1, "", "one");
	weights(2, "", "two");
	ask("monomer", "2");
	assert_int_equal(harness_run_fingerprint(h), AF2_OK);
	assert_string_equal(harness_fingerprint(h, "params_model_2.npz"), TWO);
	assert_null(harness_fingerprint(h, "params_model_1.npz"));
	assert_int_equal(harness_fingerprint_files(h), 1);
	ask("monomer", "1");
	assert_int_equal(harness_run_fingerprint(h), AF2_OK);
	assert_string_equal(harness_fingerprint(h, "params_model_1.npz"), ONE);
}

static void
says_which_weights_are_missing(void **state)
{
	(void)state;
	const char *third = weights(3, "", "two");
	ask("monomer", "3");
	unlink(third);
	assert_fails(h, AF2_CLASS_UNAVAILABLE, "params_model_3.npz': No such file");
	assert_non_null(strstr(harness_message(h), "put AlphaFold2's parameter files"));
	assert_int_equal(harness_run_fingerprint(h), AF2_FAIL);
	assert_int_equal(harness_class(h), AF2_CLASS_UNAVAILABLE);
	weights(3, "", "");
	ask("monomer", "3");
	assert_fails(h, AF2_CLASS_UNAVAILABLE, "are empty");
	unlink(third);
	mkdir(third, 0755);
	ask("monomer", "3");
	assert_fails(h, AF2_CLASS_UNAVAILABLE, "are no file");
	assert_null(strstr(harness_message(h), "files are missing"));
	rmdir(third);
	unlink(weights(3, "_ptm", "two"));
	unlink(weights(4, "_ptm", "two"));
	weights(5, "_ptm", "two");
	ask("monomer_ptm", "3..5");
	assert_fails(h, AF2_CLASS_UNAVAILABLE, "params_model_3_ptm.npz': No such file");
	assert_non_null(strstr(harness_message(h), "(2 of 3 files are missing or empty)"));
}

static void
refuses_other_models(void **state)
{
	(void)state;
	static const char *const bad[] = {"0", "6", "1..6", "3..2", "1,", ",1", "a",
					  "1 2", "2..", "1;2", ""};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		ask("monomer", bad[i]);
		assert_fails(h, AF2_CLASS_PERMANENT, "names no models");
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_monomers),
		cmocka_unit_test(keeps_the_global_index),
		cmocka_unit_test(knows_presets),
		cmocka_unit_test(fingerprint_is_the_weights),
		cmocka_unit_test(says_which_weights_are_missing),
		cmocka_unit_test(refuses_other_models),
	};
	return cmocka_run_group_tests(tests, open_plugin, close_plugin);
}

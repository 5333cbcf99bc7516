/* SPDX-License-Identifier: Apache-2.0
 *
 * Stage plugin predict, back-end alphafold: names, seeds, files and failures, with a
 * stand-in for the interpreter that needs no network. What the worker does with the
 * real one is tested by test_predict_alphafold.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "harness.h"

/* A stage that writes what it was asked into the model, or ends as the features say. */
static const char stub[] =
	"import json, os, signal\n"
	"from af2flow_worker import Failure\n"
	"def predict(request):\n"
	"    args = request.args\n"
	"    with open(args['features']) as file:\n"
	"        what = file.read()\n"
	"    if what == 'kill':\n"
	"        os.kill(os.getpid(), signal.SIGKILL)\n"
	"    if what == 'memory':\n"
	"        raise RuntimeError('RESOURCE_EXHAUSTED: Out of memory')\n"
	"    if what == 'nan':\n"
	"        raise Failure('exit', 'the network returned coordinates')\n"
	"    for port in ('unrelaxed', 'scores', 'confidence', 'pae', 'result'):\n"
	"        if args[port]:\n"
	"            with open(args[port], 'w') as file:\n"
	"                json.dump(args, file, sort_keys=True)\n"
	"    for name in ('TF_FORCE_UNIFIED_MEMORY', 'XLA_FLAGS',\n"
	"                 'XLA_PYTHON_CLIENT_PREALLOCATE'):\n"
	"        request.values[name] = os.environ.get(name, 'unset')\n"
	"METHODS = {'predict': predict}\n";

/* A harness whose worker is the stub. */
static struct harness *
open_stub(void)
{
	struct harness *h = harness_open(PLUGIN_DIR "/predict.so");
	const char *stage = harness_file(h, "stub.py", stub);
	char text[8192];

	snprintf(text, sizeof(text),
		 "#!/bin/sh\n"
		 "[ \"$3\" = --versions ] && { printf 'jax\\t0.1\\t\\n'; exit; }\n"
		 "exec /usr/bin/python3 \"$1\" \"$2\" '%s'\n",
		 stage);
	const char *python = harness_file(h, "python", text);
	assert_int_equal(chmod(python, 0755), 0);
	harness_param(h, "backend", "alphafold");
	harness_param(h, "python", python);
	unsetenv("XLA_FLAGS");
	unsetenv("TF_FORCE_UNIFIED_MEMORY");
	return h;
}

/* A task of that harness: parameters and features with one word. */
static void
give(struct harness *h, const char *features)
{
	harness_param(h, "data_dir", harness_dir(h));
	harness_input(h, "features", harness_file(h, "features.pkl", features));
}

/* What the worker was asked: `name` with this value. */
static void
assert_asked(struct harness *h, const char *name, const char *value)
{
	char want[512];
	const char *text = harness_read(h, harness_output(h, "unrelaxed", NULL), NULL);

	snprintf(want, sizeof(want), "\"%s\": \"%s\"", name, value);
	if (!strstr(text, want))
		fail_msg("no %s in %s", want, text);
}

static void
assert_file(struct harness *h, const char *port, const char *file)
{
	const char *path = harness_output(h, port, NULL);

	if (!file) {
		assert_null(path);
		return;
	}
	assert_non_null(path);
	assert_string_equal(strrchr(path, '/') + 1, file);
}

static void
takes_an_element(void **state)
{
	struct harness *h = open_stub();
	const char *element = harness_file(h, "x.json", "{}");
	const char *caches[] = {harness_file(h, "a", ""), harness_file(h, "b", "")};
	char both[512];

	(void)state;
	snprintf(both, sizeof(both), "[\"%s\", \"%s\"]", caches[0], caches[1]);
	give(h, "ok");
	harness_item(h, "model", element, "model_2_ptm_pred_0", "models", NULL, NULL);
	harness_input(h, "cache", caches[0]);
	harness_input(h, "cache", caches[1]);
	assert_ok(h);
	assert_file(h, "unrelaxed", "unrelaxed_model_2_ptm_pred_0.pdb");
	assert_file(h, "scores", "scores_model_2_ptm_pred_0.npz");
	assert_file(h, "confidence", "confidence_model_2_ptm_pred_0.json");
	assert_file(h, "pae", "pae_model_2_ptm_pred_0.json");
	assert_file(h, "result", "result_model_2_ptm_pred_0.pkl");
	assert_asked(h, "element", element);
	assert_asked(h, "seed", "");
	assert_asked(h, "num_recycle", "");
	assert_asked(h, "benchmark", "0");
	assert_non_null(
		strstr(harness_read(h, harness_output(h, "scores", NULL), NULL), both));
	assert_string_equal(harness_value(h, "XLA_PYTHON_CLIENT_PREALLOCATE"), "false");
	assert_string_equal(harness_value(h, "TF_FORCE_UNIFIED_MEMORY"), "unset");
	harness_close(h);
}

/* Names and seeds as run_alphafold.py has them: the index counts all predictions. */
static void
takes_an_index(void **state)
{
	static const struct {
		const char *preset, *index, *prediction, *seed, *model, *want;
	} cases[] = {
		{"monomer", "3", "0", "0", "model_3", "2"},
		{"monomer_casp14", "3", "0", "2", "model_3", "12"},
		{"monomer_ptm", "5", "0", "7", "model_5_ptm", "39"},
		{"multimer", "2", "4", "1", "model_2_multimer_v3", "34"},
	};
	struct harness *h = open_stub();
	char name[64];

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		harness_reset(h);
		give(h, "ok");
		harness_param(h, "model_preset", cases[i].preset);
		harness_param(h, "index", cases[i].index);
		harness_param(h, "prediction", cases[i].prediction);
		harness_param(h, "random_seed", cases[i].seed);
		harness_param(h, "result_pickle", "no");
		assert_ok(h);
		snprintf(name, sizeof(name), "%s_pred_%s", cases[i].model,
			 cases[i].prediction);
		assert_asked(h, "name", name);
		assert_asked(h, "model", cases[i].model);
		assert_asked(h, "seed", cases[i].want);
		assert_file(h, "result", NULL);
		if (i < 2)
			assert_file(h, "pae", NULL);
		else
			assert_non_null(harness_output(h, "pae", NULL));
	}
	harness_close(h);
}

static void
frugal_and_flags(void **state)
{
	struct harness *h = open_stub();

	(void)state;
	give(h, "ok");
	harness_param(h, "index", "1");
	harness_param(h, "frugal", "2");
	harness_param(h, "xla_flags", "--xla_a=1");
	harness_param(h, "benchmark", "yes");
	assert_ok(h);
	assert_string_equal(harness_value(h, "TF_FORCE_UNIFIED_MEMORY"), "1");
	assert_string_equal(harness_value(h, "XLA_FLAGS"), "--xla_a=1");
	assert_asked(h, "frugal", "2");
	assert_asked(h, "benchmark", "1");
	harness_close(h);
}

static void
fails_with(const char *features, af2_class cls, const char *text)
{
	struct harness *h = open_stub();

	give(h, features);
	harness_param(h, "index", "1");
	assert_fails(h, cls, text);
	harness_close(h);
}

static void
classes(void **state)
{
	(void)state;
	fails_with("kill", AF2_CLASS_SIGNAL, "");
	fails_with("memory", AF2_CLASS_MEMORY, "RESOURCE_EXHAUSTED");
	fails_with("nan", AF2_CLASS_EXIT, "the network returned coordinates");
}

static void
refuses_no_model(void **state)
{
	struct harness *h = open_stub();

	(void)state;
	give(h, "ok");
	assert_fails(h, AF2_CLASS_PERMANENT, "there is no model: join");
	harness_close(h);
}

/* The fingerprint fails, before anything runs. */
static void
asks(const char *name, const char *value, af2_class cls, const char *text)
{
	struct harness *h = open_stub();

	if (strcmp(name, "data_dir"))
		harness_param(h, "data_dir", harness_dir(h));
	else
		harness_param(h, "index", "1");
	harness_param(h, name, value);
	assert_int_equal(harness_run_fingerprint(h), AF2_FAIL);
	assert_int_equal(harness_class(h), cls);
	if (!strstr(harness_message(h), text))
		fail_msg("'%s' lacks '%s'", harness_message(h), text);
	harness_close(h);
}

static void
fingerprints(void **state)
{
	struct harness *h;

	(void)state;
	asks("data_dir", "", AF2_CLASS_PERMANENT, "needs the parameter 'data_dir'");
	asks("index", "1", AF2_CLASS_UNAVAILABLE, "params/params_model_1.npz");
	asks("backend", "promod3", AF2_CLASS_PERMANENT, "needs the parameter 'index'");
	h = open_stub();
	harness_param(h, "data_dir", harness_dir(h));
	assert_int_equal(harness_run_fingerprint(h), AF2_OK);
	assert_string_equal(harness_fingerprint(h, "jax"), "0.1");
	assert_null(harness_fingerprint(h, "weights"));
	assert_int_equal(mkdir(harness_path(h, "%s/params", harness_dir(h)), 0755), 0);
	harness_file(h, "params/params_model_4.npz", "weights\n");
	harness_reset(h);
	harness_param(h, "data_dir", harness_dir(h));
	harness_param(h, "index", "4");
	assert_int_equal(harness_run_fingerprint(h), AF2_OK);
	assert_string_equal(
		harness_fingerprint(h, "weights"),
		"1b465fa6b6bcbc06a3199e3d2d8aec35d37494a712f888b6d5536684dd89d0f0");
	harness_close(h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_an_element), cmocka_unit_test(takes_an_index),
		cmocka_unit_test(frugal_and_flags), cmocka_unit_test(classes),
		cmocka_unit_test(refuses_no_model), cmocka_unit_test(fingerprints),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Stage plugin programs, with the Python of $AF2_ALPHAFOLD_PYTHON where it needs the
 * real network. What is grouped is tested in test_alphafold_programs.py.
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

/* A plugin with the interpreter `python`, small sizes, a length, and model 3. */
static struct harness *
open_with(const char *python)
{
	struct harness *h = harness_open(PLUGIN_DIR "/programs.so");

	harness_param(h, "python", python);
	harness_param(h, "max_msa", "8");
	harness_param(h, "max_extra_msa", "8");
	harness_input(h, "networks",
		      harness_file(h, "networks.json",
				   "[{\"model\": \"model_3\", \"num_ensemble\": 1}]\n"));
	harness_input(h, "length", harness_file(h, "length.json", "{\"length\": 16}\n"));
	return h;
}

/* The Python that has AlphaFold2's packages; the test ends here without one. */
static const char *
alphafold_python(void)
{
	const char *python = getenv("AF2_ALPHAFOLD_PYTHON");

	if (!python || !*python) {
		print_message("AF2_ALPHAFOLD_PYTHON is not set\n");
		skip();
	}
	return python;
}

static void
lists_programs(void **state)
{
	struct harness *h = open_with(alphafold_python());

	(void)state;
	assert_ok(h);
	const char *name = harness_element(h, "programs", 0);
	assert_non_null(name);
	assert_int_equal(strlen(name), 16);
	assert_int_equal(strspn(name, "0123456789abcdef"), 16);
	assert_null(harness_element(h, "programs", 1));
	const char *text = harness_read(h, harness_output(h, "programs", name), NULL);
	assert_non_null(strstr(text, harness_path(h, "\"digest\": \"%s", name)));
	assert_non_null(strstr(text, "\"length\": 16"));
	assert_true(harness_measure(h, "programs") == 1);
	/* Values would tell the compiling stage about the models that were asked for. */
	assert_null(harness_value(h, "programs"));
	assert_non_null(strstr(harness_log(h), "at length 16: model_3"));
	harness_close(h);
}

static void
names_versions(void **state)
{
	struct harness *h = open_with(alphafold_python());

	(void)state;
	assert_int_equal(harness_run_fingerprint(h), AF2_OK);
	assert_non_null(harness_fingerprint(h, "jax"));
	assert_non_null(harness_fingerprint(h, "jaxlib"));
	assert_null(harness_fingerprint(h, "device.cpu"));
	harness_close(h);
}

static void
refuses_bad_lengths(void **state)
{
	struct harness *h = open_with("/usr/bin/python3");

	(void)state;
	/* the path of the input that open_with() gave */
	harness_file(h, "length.json", "{}");
	assert_fails(h, AF2_CLASS_PERMANENT, "cannot read a length");
	harness_close(h);
}

static void
refuses_bad_models(void **state)
{
	struct harness *h = open_with("/usr/bin/python3");

	(void)state;
	harness_file(h, "networks.json", "[{}]");
	assert_fails(h, AF2_CLASS_PERMANENT, "cannot read models");
	harness_close(h);
}

/* Without the packages it is the machine's fault, and said early. */
static void
needs_packages(void **state)
{
	struct harness *h = open_with("/usr/bin/python3");

	(void)state;
	if (!system("/usr/bin/python3 -c 'import alphafold' 2>/dev/null"))
		skip();
	assert_fails(h, AF2_CLASS_UNAVAILABLE, "No module named");
	assert_int_equal(harness_run_fingerprint(h), AF2_FAIL);
	assert_int_equal(harness_class(h), AF2_CLASS_UNAVAILABLE);
	harness_close(h);
}

static void
refuses_no_python(void **state)
{
	struct harness *h = open_with("/no/such/python");

	(void)state;
	assert_fails(h, AF2_CLASS_UNAVAILABLE, "there is no program '/no/such/python'");
	harness_close(h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lists_programs),
		cmocka_unit_test(names_versions),
		cmocka_unit_test(refuses_bad_lengths),
		cmocka_unit_test(refuses_bad_models),
		cmocka_unit_test(needs_packages),
		cmocka_unit_test(refuses_no_python),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

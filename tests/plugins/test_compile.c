/* SPDX-License-Identifier: Apache-2.0
 *
 * Stage plugin compile, with the Python of $AF2_ALPHAFOLD_PYTHON where it compiles. That
 * its folder is of use is tested in test_alphafold_programs.py.
 */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness.h"

/* A plugin with the interpreter `python`. */
static struct harness *
open_with(const char *python)
{
	struct harness *h = harness_open(PLUGIN_DIR "/compile.so");

	harness_param(h, "python", python);
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

/* A small program of model 3, made by the stage programs; its text, freed by the caller. */
static char *
make_program(const char *python)
{
	struct harness *h = harness_open(PLUGIN_DIR "/programs.so");

	harness_param(h, "python", python);
	harness_param(h, "max_msa", "8");
	harness_param(h, "max_extra_msa", "8");
	harness_input(h, "networks",
		      harness_file(h, "networks.json",
				   "[{\"model\": \"model_3\", \"num_ensemble\": 1}]"));
	harness_input(h, "length", harness_file(h, "length.json", "{\"length\": 8}"));
	assert_ok(h);
	const char *name = harness_element(h, "programs", 0);
	char *text = strdup(harness_read(h, harness_output(h, "programs", name), NULL));
	harness_close(h);
	return text;
}

static size_t
count_entries(const char *folder)
{
	DIR *dir = opendir(folder);
	size_t n = 0;

	assert_non_null(dir);
	for (struct dirent *e; (e = readdir(dir));)
		n += strstr(e->d_name, "-cache") != NULL;
	closedir(dir);
	return n;
}

static void
compiles(void **state)
{
	const char *python = alphafold_python();
	char *program = make_program(python);
	struct harness *h = open_with(python);

	(void)state;
	harness_param(h, "device", "cpu");
	harness_input(h, "program", harness_file(h, "p.json", program));
	assert_ok(h);
	size_t n = count_entries(harness_output(h, "cache", NULL));
	assert_true(n > 0);
	assert_true(harness_measure(h, "entries") == (double)n);
	assert_true(harness_measure(h, "bytes") > 100000);
	assert_true(harness_measure(h, "lower_s") > 0);
	assert_true(harness_measure(h, "compile_s") > 0);
	assert_non_null(strstr(program, harness_value(h, "digest")));
	/* What `predict` is to have of a machine without a GPU: a worker and the program. */
	assert_true(harness_number(h, "reader_memory") ==
		    harness_measure(h, "memory_estimate") + (1 << 30));

	/* The same again in the warm worker: nothing is missing in the second folder. */
	harness_reset(h);
	harness_input(h, "program", harness_file(h, "p.json", program));
	assert_ok(h);
	assert_int_equal(count_entries(harness_output(h, "cache", NULL)), n);
	free(program);
	harness_close(h);
}

static void
refuses_bad_programs(void **state)
{
	struct harness *h = open_with(alphafold_python());

	(void)state;
	harness_param(h, "device", "cpu");
	harness_input(h, "program", harness_file(h, "p.json", "{\"model\": 1}"));
	assert_fails(h, AF2_CLASS_PERMANENT, "cannot read the program");
	harness_close(h);
}

/* This machine's GPU is hidden from JAX: what the key promises cannot be made. */
static void
refuses_other_device(void **state)
{
	struct harness *h = open_with(alphafold_python());

	(void)state;
	setenv("JAX_PLATFORMS", "cpu", 1);
	harness_param(h, "device", "gpu");
	harness_input(h, "program", harness_file(h, "p.json", "{}"));
	assert_fails(h, AF2_CLASS_UNAVAILABLE, "set device=cpu");
	harness_close(h);
	unsetenv("JAX_PLATFORMS");
}

static void
names_device(void **state)
{
	struct harness *h = open_with(alphafold_python());

	(void)state;
	setenv("XLA_FLAGS", "--b=2 --a=1", 1);
	assert_int_equal(harness_run_fingerprint(h), AF2_OK);
	unsetenv("XLA_FLAGS");
	assert_non_null(harness_fingerprint(h, "jaxlib"));
	assert_true(harness_fingerprint(h, "device.cpu") ||
		    harness_fingerprint(h, "device.gpu"));
	assert_string_equal(harness_fingerprint(h, "XLA_FLAGS"), "--a=1 --b=2");
	/* jaxlib's, at least, and the boot's. */
	assert_true(harness_fingerprint_files(h) >= 2);
	harness_close(h);
}

static void
refuses_no_python(void **state)
{
	struct harness *h = open_with("/no/such/python");

	(void)state;
	harness_input(h, "program", harness_file(h, "p.json", "{}"));
	assert_fails(h, AF2_CLASS_UNAVAILABLE, "there is no program '/no/such/python'");
	harness_close(h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(compiles),
		cmocka_unit_test(refuses_bad_programs),
		cmocka_unit_test(refuses_other_device),
		cmocka_unit_test(names_device),
		cmocka_unit_test(refuses_no_python),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Stage plugin relax, with PDBFixer and OpenMM on 20 residues of a model.
 */
#include <math.h>
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

#define MODEL FIXTURES "/models/unrelaxed_fragment.pdb"

/* The host that most tests share: that it stays warm is part of the test. */
static struct harness *shared;

/* A new task in that host. */
static struct harness *
warm(void)
{
	if (!shared)
		shared = harness_open(PLUGIN_DIR "/relax.so");
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
refuses_no_python(void **state)
{
	struct harness *h = harness_open(PLUGIN_DIR "/relax.so");

	(void)state;
	harness_param(h, "python", "/no/such/python");
	harness_input(h, "unrelaxed", MODEL);
	assert_fails(h, AF2_CLASS_UNAVAILABLE, "/no/such/python");
	harness_close(h);
}

static void
refuses_no_residues(void **state)
{
	struct harness *h = warm();

	(void)state;
	harness_input(h, "unrelaxed", harness_file(h, "empty.pdb", "REMARK\nEND\n"));
	assert_fails(h, AF2_CLASS_PERMANENT, "no residues");
	harness_reset(h);
	harness_input(h, "unrelaxed",
		      harness_file(h, "ion.pdb",
				   "ATOM      1 ZN    ZN A   1       1.000   1.000   "
				   "1.000  1.00  0.00"
				   "          ZN  \nEND\n"));
	assert_fails(h, AF2_CLASS_PERMANENT, "no residues of a protein");
}

static void
refuses_not_a_number(void **state)
{
	struct harness *h = warm();
	char *copy = strdup(harness_read(h, MODEL, NULL));

	(void)state;
	memcpy(strstr(copy, "ATOM") + 30, "     nan", 8);
	harness_input(h, "unrelaxed", harness_file(h, "nan.pdb", copy));
	free(copy);
	assert_fails(h, AF2_CLASS_PERMANENT, "not finite");
}

/* On a machine that has the platform there is nothing to see. */
static void
platform_unavailable(void **state)
{
	struct harness *h = warm();

	(void)state;
	harness_param(h, "platform", "CUDA");
	harness_input(h, "unrelaxed", MODEL);
	if (harness_run(h) == AF2_OK)
		skip();
	assert_int_equal(harness_class(h), AF2_CLASS_UNAVAILABLE);
	assert_non_null(strstr(harness_message(h), "platform CUDA is not available: "));
}

/* Run one way; the text of the relaxed model, the energy in *energy. */
static const char *
relaxed(struct harness *h, const char *nonbonded, const char *platform, double *energy)
{
	static const char *const values[] = {"model", "model_3_pred_0", NULL};

	harness_reset(h);
	harness_param(h, "nonbonded", nonbonded);
	harness_param(h, "platform", platform);
	harness_item(h, "unrelaxed", MODEL, NULL, "predict", NULL, values);
	assert_ok(h);
	*energy = harness_number(h, "final_energy");
	return harness_read(h, harness_output(h, "relaxed", NULL), NULL);
}

static void
relaxes(void **state)
{
	struct harness *h = warm();
	double energy;
	const char *text = relaxed(h, "wide", "auto", &energy);
	const char *path = harness_output(h, "relaxed", NULL);

	(void)state;
	assert_string_equal(strrchr(path, '/'), "/relaxed_model_3_pred_0.pdb");
	assert_true(energy < harness_number(h, "initial_energy"));
	assert_true(harness_number(h, "rmsd") > 0 && harness_number(h, "rmsd") < 1);
	assert_true(harness_number(h, "remaining_violations_count") == 0);
	assert_string_equal(harness_value(h, "model"), "model_3_pred_0");
	assert_int_equal(
		strncmp(harness_value(h, "remaining_violations"), "[0.0, 0.0,", 10), 0);
	assert_true(harness_measure(h, "timings.relax_model_3_pred_0") > 0);
	assert_non_null(strstr(text, "HOMOLOGY MODEL"));
	assert_non_null(strstr(text, "RELAXED WITH OPENMM"));
	assert_null(strstr(text, "CREATED WITH"));
	/* B factors stay, those of added hydrogens are their residue's. */
	const char *residue = strstr(text, "ILE A  60");
	assert_int_equal(strncmp(residue + 43, " 70.00", 6), 0);
	const char *hydrogen = strstr(text, " HA  ILE A  60");
	assert_non_null(hydrogen);
	assert_int_equal(strncmp(hydrogen + 48, " 70.00", 6), 0);
	assert_null(strstr(harness_log(h), "differs from nocutoff"));
}

/* The same input gives the same bytes, in a warm worker too. */
static void
repeats(void **state)
{
	double first, second;
	const char *one = relaxed(warm(), "wide", "CPU", &first);
	const char *two = relaxed(warm(), "wide", "CPU", &second);

	(void)state;
	assert_string_equal(one, two);
}

static void
wide_is_nocutoff(void **state)
{
	double wide, exact;

	(void)state;
	relaxed(warm(), "wide", "CPU", &wide);
	relaxed(warm(), "nocutoff", "CPU", &exact);
	assert_true(fabs(wide - exact) < 1.0);
}

/* The fixture with OG of its first serine 1 A off. */
static const char *
stretched(struct harness *h)
{
	char *copy = strdup(harness_read(h, MODEL, NULL)), x[9];
	char *at = strstr(copy, " OG  SER") + 18;

	assert_true(at > copy + 18);
	snprintf(x, sizeof(x), "%8.3f", strtod(at, NULL) + 1);
	memcpy(at, x, 8);
	const char *path = harness_file(h, "stretched.pdb", copy);
	free(copy);
	return path;
}

/* What is wrong inside a residue is seen, and put right by freeing it. */
static void
judges_inside_residues(void **state)
{
	struct harness *h = warm();

	(void)state;
	harness_input(h, "unrelaxed", stretched(h));
	assert_ok(h);
	assert_string_equal(harness_warnings(h), "");
	assert_true(harness_number(h, "initial_violations_count") == 1);
	assert_true(harness_number(h, "remaining_violations_count") == 0);
}

static void
refuses_bad_table(void **state)
{
	struct harness *h = warm();

	(void)state;
	harness_param(h, "stereo_chemical_props",
		      harness_file(h, "bad.txt", "Bond\tResidue\nN-CA ALA x 1\n"));
	harness_input(h, "unrelaxed", MODEL);
	assert_fails(h, AF2_CLASS_PERMANENT, "bad.txt': no number: 'x 1'");
}

/* A Python that sees no table: the rest is done, and it is told. */
static void
goes_on_without_table(void **state)
{
	struct harness *h = harness_open(PLUGIN_DIR "/relax.so");
	char script[4096];

	(void)state;
	harness_file(h, "sitecustomize.py",
		     "import os.path\n"
		     "is_file = os.path.isfile\n"
		     "os.path.isfile = lambda p: is_file(p) and "
		     "not p.endswith('stereo_chemical_props.txt')\n");
	snprintf(script, sizeof(script),
		 "#!/bin/sh\nPYTHONPATH='%s' exec /usr/bin/python3 \"$@\"\n",
		 harness_dir(h));
	const char *python = harness_file(h, "python", script);
	assert_int_equal(chmod(python, 0755), 0);
	harness_param(h, "python", python);
	harness_input(h, "unrelaxed", stretched(h));
	assert_ok(h);
	assert_non_null(strstr(harness_warnings(h), "distances inside residues are not"));
	assert_true(harness_number(h, "initial_violations_count") == 0);
	assert_int_equal(harness_run_fingerprint(h), AF2_OK);
	assert_string_equal(harness_fingerprint(h, "stereo_chemical_props"), "none");
	harness_close(h);
}

static void
names_versions(void **state)
{
	struct harness *h = warm();

	(void)state;
	assert_int_equal(harness_run_fingerprint(h), AF2_OK);
	assert_non_null(harness_fingerprint(h, "openmm"));
	assert_non_null(harness_fingerprint(h, "pdbfixer"));
	assert_true(harness_fingerprint_files(h) >= 3);
	assert_int_equal(strlen(harness_fingerprint(h, "stereo_chemical_props")), 64);
	/* One that is named is a file of the key. */
	harness_reset(h);
	harness_param(h, "stereo_chemical_props", harness_file(h, "mine.txt", ""));
	assert_int_equal(harness_run_fingerprint(h), AF2_OK);
	assert_null(harness_fingerprint(h, "stereo_chemical_props"));
}

int
main(void)
{
	/* One harness at a time in a process: those that need their own come first. */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_no_python),
		cmocka_unit_test(goes_on_without_table),
		cmocka_unit_test(refuses_no_residues),
		cmocka_unit_test(refuses_not_a_number),
		cmocka_unit_test(refuses_bad_table),
		cmocka_unit_test(platform_unavailable),
		cmocka_unit_test(judges_inside_residues),
		cmocka_unit_test(relaxes),
		cmocka_unit_test(repeats),
		cmocka_unit_test(wide_is_nocutoff),
		cmocka_unit_test(names_versions),
	};

	return cmocka_run_group_tests(tests, NULL, end_warm);
}

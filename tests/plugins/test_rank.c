/* SPDX-License-Identifier: Apache-2.0
 *
 * Stage plugin rank: matching, consensus, order and the files it writes.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <jansson.h>

#include "harness.h"

#define RESIDUES 12

static int
open_rank(void **state)
{
	*state = harness_open(PLUGIN_DIR "/rank.so");
	return *state ? 0 : -1;
}

static int
close_rank(void **state)
{
	harness_close(*state);
	return 0;
}

/* A helix of CA atoms; residue `bent` is moved by `shift` Angstrom. */
static const char *
helix(struct harness *h, const char *name, int bent, double shift)
{
	char text[RESIDUES * 82 + 200], *p = text;

	p += sprintf(p, "EXPDTA    THEORETICAL MODEL\nREMARK   6 THE B-FACTOR COLUMN "
			"IS EMPTY\n");
	for (int i = 1; i <= RESIDUES; i++)
		p += sprintf(p,
			     "ATOM  %5d  CA  ALA A%4d    %8.3f%8.3f%8.3f  1.00  1.00"
			     "           C  \n",
			     i, i, 2.3 * cos(i * 1.745), 2.3 * sin(i * 1.745),
			     1.5 * i + (i == bent ? shift : 0));
	sprintf(p, "TER\nEND\n");
	return harness_file(h, name, text);
}

static void
add(struct harness *h, const char *port, const char *path, const char *model,
    const char *name, const char *violations)
{
	const char *branch[] = {"model", model, NULL};
	const char *values[] = {"model",
				name,
				"template",
				"1ABC_A_1",
				violations ? "remaining_violations" : NULL,
				violations,
				"remaining_violations_count",
				"1",
				NULL};

	harness_item(h, port, path, NULL, port, branch, values);
}

static json_t *
read_json(struct harness *h, const char *name)
{
	json_error_t error;
	const char *dir = harness_output(h, "ranking", NULL);
	json_t *json = json_load_file(harness_path(h, "%s/%s", dir, name), 0, &error);

	if (!json)
		fail_msg("%s: line %d: %s", name, error.line, error.text);
	return json;
}

static const char *
ranked(struct harness *h, int n)
{
	return harness_read(h,
			    harness_path(h, "%s/ranked_%d.pdb",
					 harness_output(h, "ranking", NULL), n),
			    NULL);
}

static void
refuses_no_model(void **state)
{
	assert_fails(*state, AF2_CLASS_PERMANENT, "no model to rank");
}

static void
refuses_no_atoms(void **state)
{
	struct harness *h = *state;

	add(h, "unrelaxed", harness_file(h, "empty.pdb", "END\n"), "1", "m1", NULL);
	assert_fails(h, AF2_CLASS_PERMANENT, "no CA atom in");
}

static void
refuses_damaged_line(void **state)
{
	struct harness *h = *state;

	add(h, "unrelaxed",
	    harness_file(h, "bad.pdb",
			 "REMARK\nATOM      1  CA  ALA A   1       1.000"
			 "     nan   1.000  1.00  0.00\n"),
	    "1", "m1", NULL);
	assert_fails(h, AF2_CLASS_PERMANENT, "damaged ATOM line 2");
	harness_reset(h);
	add(h, "unrelaxed",
	    harness_file(h, "bad.pdb", "ATOM      1  CA  ALA A   1  \n"), "1", "m1",
	    NULL);
	assert_fails(h, AF2_CLASS_PERMANENT, "damaged ATOM line 1");
}

static void
refuses_stranger(void **state)
{
	struct harness *h = *state;

	add(h, "unrelaxed", helix(h, "a.pdb", 0, 0), "1", "m1", NULL);
	add(h, "relaxed", helix(h, "r.pdb", 0, 0), "2", "m2", NULL);
	assert_fails(h, AF2_CLASS_PERMANENT, "'r.pdb' belongs to no unrelaxed model");
}

static void
refuses_two_relaxed(void **state)
{
	struct harness *h = *state;

	add(h, "unrelaxed", helix(h, "a.pdb", 0, 0), "1", "m1", NULL);
	add(h, "relaxed", helix(h, "r.pdb", 0, 0), "1", "m1", NULL);
	add(h, "relaxed", helix(h, "s.pdb", 0, 0), "1", "m1", NULL);
	assert_fails(h, AF2_CLASS_PERMANENT, "do not match one to one");
}

static void
refuses_equal_names(void **state)
{
	struct harness *h = *state;

	add(h, "unrelaxed", helix(h, "a.pdb", 0, 0), "1", "same", NULL);
	add(h, "unrelaxed", helix(h, "b.pdb", 0, 0), "2", "same", NULL);
	assert_fails(h, AF2_CLASS_PERMANENT, "two models are named 'same'");
}

/* Without values the name comes from the file; one model has no score. */
static void
single_model(void **state)
{
	struct harness *h = *state;
	const char *path = helix(h, "unrelaxed_model_7_pred_0.pdb", 0, 0);

	harness_input(h, "unrelaxed", path);
	assert_ok(h);
	json_t *debug = read_json(h, "ranking_debug.json");
	json_t *scores = json_object_get(debug, "consensus_lddt");
	assert_true(json_is_null(json_object_get(scores, "model_7_pred_0")));
	assert_null(json_object_get(debug, "plddts"));
	assert_non_null(strstr(json_string_value(json_object_get(debug, "score")),
			       "not pLDDT"));
	assert_string_equal(ranked(h, 0), harness_read(h, path, NULL));
	assert_non_null(strstr(harness_warnings(h), "no consensus"));
	assert_true(isnan(harness_number(h, "best_score")));
	json_decref(debug);
}

/* Two CA atoms 3.8 A apart against 5.3 A: 1.5 A off keeps two of four thresholds. */
static void
known_score(void **state)
{
	static const char form[] =
		"ATOM      1  CA  ALA A   1       0.000   0.000   0.000  1.00  0.00\n"
		"ATOM      2  CA  ALA A   2       %.3f   0.000   0.000  1.00  0.00\n";
	struct harness *h = *state;
	char text[256];

	for (int i = 0; i < 2; i++) {
		snprintf(text, sizeof(text), form, i ? 5.3 : 3.8);
		add(h, "unrelaxed", harness_file(h, i ? "b.pdb" : "a.pdb", text),
		    i ? "2" : "1", i ? "m2" : "m1", NULL);
	}
	assert_ok(h);
	assert_true(fabs(harness_number(h, "best_score") - 50) < 1e-9);
	assert_string_equal(harness_value(h, "best"), "m1");
	assert_non_null(strstr(ranked(h, 0), "1.00 50.00\n"));
}

/* A residue that other models lack counts as not agreed on. */
static void
missing_residues(void **state)
{
	struct harness *h = *state;
	const char *whole = harness_read(h, helix(h, "a.pdb", 0, 0), NULL);
	char half[4096];

	snprintf(half, sizeof(half), "%s", whole);
	char *cut = strstr(half, "ALA A   7");
	while (cut[-1] != '\n')
		cut--;
	*cut = '\0';
	add(h, "unrelaxed", harness_file(h, "half.pdb", half), "1", "half", NULL);
	add(h, "unrelaxed", helix(h, "a.pdb", 0, 0), "2", "whole", NULL);
	assert_ok(h);
	assert_true(harness_number(h, "best_score") < 100);
	const char *text = ranked(h, 0);
	if (strcmp(harness_value(h, "best"), "whole"))
		text = ranked(h, 1);
	assert_int_equal(strncmp(strstr(text, "ALA A  12") + 43, "  0.00", 6), 0);
}

static void
check_whole(struct harness *h)
{
	json_t *debug = read_json(h, "ranking_debug.json");
	json_t *metrics = read_json(h, "relax_metrics.json");
	json_t *order = json_object_get(debug, "order");

	assert_int_equal(json_array_size(order), 4);
	assert_string_equal(json_string_value(json_array_get(order, 0)), "m1");
	assert_string_equal(json_string_value(json_array_get(order, 1)), "m2");
	assert_string_equal(json_string_value(json_array_get(order, 3)), "m4");
	/* The one that was not relaxed is ranked and has no metrics. */
	assert_int_equal(json_object_size(metrics), 3);
	assert_null(json_object_get(metrics, "m3"));
	json_t *m2 = json_object_get(metrics, "m2");
	json_t *list = json_object_get(m2, "remaining_violations");
	assert_int_equal(json_array_size(list), 2);
	assert_true(json_real_value(json_array_get(list, 1)) == 1.0);
	/* A real number, as the sum of a list of them is in Python. */
	assert_true(json_real_value(
			    json_object_get(m2, "remaining_violations_count")) == 1.0);
	json_decref(debug);
	json_decref(metrics);
}

/* Four models, one not relaxed, one whose relaxed form is bent. */
static void
whole(void **state)
{
	struct harness *h = *state;
	const char *straight = helix(h, "u.pdb", 0, 0);

	add(h, "unrelaxed", straight, "1", "m1", NULL);
	add(h, "unrelaxed", straight, "2", "m2", NULL);
	add(h, "unrelaxed", helix(h, "u3.pdb", 6, 1.2), "3", "m3", NULL);
	add(h, "unrelaxed", straight, "4", "m4", NULL);
	add(h, "relaxed", helix(h, "r4.pdb", 6, 9), "4", "m4", "[0.0]");
	add(h, "relaxed", helix(h, "r2.pdb", 0, 0), "2", "m2", "[0.0, 1.0]");
	add(h, "relaxed", helix(h, "r1.pdb", 0, 0), "1", "m1", "[0.0]");
	assert_ok(h);
	check_whole(h);
	assert_true(harness_number(h, "models") == 4);
	assert_true(harness_number(h, "relaxed") == 3);
	const char *table = harness_read(h, harness_output(h, "table", NULL), NULL);
	assert_non_null(strstr(table,
			       "rank\tmodel\tconsensus_lddt\trelaxed\ttemplate\tfile\n"
			       "0\tm1\t"));
	assert_non_null(strstr(table, "\tno\t1ABC_A_1\tranked_2.pdb\n"));
	/* The bent residue of the worst model is the one least agreed on. */
	const char *worst = ranked(h, 3);
	double bent = strtod(strstr(worst, "ALA A   6") + 43, NULL);
	double other = strtod(strstr(worst, "ALA A   1") + 43, NULL);
	assert_true(bent < 50 && other > bent);
	assert_non_null(strstr(worst, "NOT PLDDT"));
	assert_null(strstr(worst, "THE B-FACTOR COLUMN"));
	assert_non_null(strstr(worst, "TER\nEND\n"));
}

/* A model with what a network tells of it; NULL: nothing. */
static void
add_sure(struct harness *h, const char *port, const char *path, const char *model,
	 const char *confidence, const char *iptm)
{
	const char *branch[] = {"model", model, NULL};
	const char *values[] = {"model",
				model,
				confidence ? "ranking_confidence" : NULL,
				confidence,
				iptm ? "iptm" : NULL,
				iptm,
				NULL};

	harness_item(h, port, path, NULL, port, branch, values);
}

static const char *
nth(const json_t *debug, size_t i)
{
	return json_string_value(json_array_get(json_object_get(debug, "order"), i));
}

/* AlphaFold2's score: its two keys and no more, files as they are, equal ones in order. */
static void
confidence(void **state)
{
	struct harness *h = *state;
	const char *path = helix(h, "u.pdb", 0, 0);
	const char *relaxed = helix(h, "r.pdb", 3, 0.1);

	add_sure(h, "unrelaxed", path, "model_1_pred_0", "71.25", NULL);
	add_sure(h, "unrelaxed", path, "model_2_pred_0", "88.123456789", NULL);
	add_sure(h, "unrelaxed", path, "model_3_pred_0", "71.25", NULL);
	/* Of the branch that was picked there is no branch value any more. */
	const char *values[] = {"model", "model_2_pred_0", "remaining_violations", "[0.0]",
				"remaining_violations_count", "0", NULL};
	harness_item(h, "relaxed", relaxed, NULL, "relax_best", NULL, values);
	assert_ok(h);
	json_t *debug = read_json(h, "ranking_debug.json");
	json_t *metrics = read_json(h, "relax_metrics.json");
	assert_int_equal(json_object_size(debug), 2);
	json_t *scores = json_object_get(debug, "plddts");
	assert_true(json_real_value(json_object_get(scores, "model_2_pred_0")) ==
		    88.123456789);
	assert_string_equal(nth(debug, 0), "model_2_pred_0");
	assert_string_equal(nth(debug, 1), "model_1_pred_0");
	assert_string_equal(nth(debug, 2), "model_3_pred_0");
	assert_int_equal(json_object_size(metrics), 1);
	assert_string_equal(ranked(h, 0), harness_read(h, relaxed, NULL));
	assert_string_equal(ranked(h, 1), harness_read(h, path, NULL));
	assert_string_equal(harness_value(h, "score"), "plddts");
	json_decref(debug);
	json_decref(metrics);
}

/* What tells nothing usable comes last; with none relaxed on purpose, no metrics. */
static void
unsure(void **state)
{
	struct harness *h = *state;
	const char *path = helix(h, "u.pdb", 0, 0);

	harness_param(h, "models_to_relax", "none");
	add_sure(h, "unrelaxed", path, "a", "nan", "0.1");
	add_sure(h, "unrelaxed", path, "b", NULL, NULL);
	add_sure(h, "unrelaxed", path, "c", "0.25", "0.2");
	assert_ok(h);
	json_t *debug = read_json(h, "ranking_debug.json");
	json_t *scores = json_object_get(debug, "iptm+ptm");
	assert_string_equal(nth(debug, 0), "c");
	assert_string_equal(nth(debug, 1), "a");
	assert_true(json_is_null(json_object_get(scores, "a")));
	assert_true(json_is_null(json_object_get(scores, "b")));
	assert_non_null(strstr(harness_warnings(h), "'b' has no ranking_confidence"));
	const char *metrics =
		harness_path(h, "%s/relax_metrics.json", harness_output(h, "ranking", NULL));
	assert_int_equal(access(metrics, F_OK), -1);
	json_decref(debug);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(refuses_no_model, open_rank,
						close_rank),
		cmocka_unit_test_setup_teardown(refuses_no_atoms, open_rank,
						close_rank),
		cmocka_unit_test_setup_teardown(refuses_damaged_line, open_rank,
						close_rank),
		cmocka_unit_test_setup_teardown(refuses_stranger, open_rank,
						close_rank),
		cmocka_unit_test_setup_teardown(refuses_two_relaxed, open_rank,
						close_rank),
		cmocka_unit_test_setup_teardown(refuses_equal_names, open_rank,
						close_rank),
		cmocka_unit_test_setup_teardown(single_model, open_rank, close_rank),
		cmocka_unit_test_setup_teardown(known_score, open_rank, close_rank),
		cmocka_unit_test_setup_teardown(missing_residues, open_rank,
						close_rank),
		cmocka_unit_test_setup_teardown(whole, open_rank, close_rank),
		cmocka_unit_test_setup_teardown(confidence, open_rank, close_rank),
		cmocka_unit_test_setup_teardown(unsure, open_rank, close_rank),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * features: order, duplicates, deletions, caps, templates, and the npz file itself.
 */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "harness.h"

static struct harness *h;
static const char *npz;
static size_t npz_size;

static int
open_plugin(void **state)
{
	(void)state;
	h = harness_open(PLUGIN_DIR "/features.so");
	return 0;
}

static int
close_plugin(void **state)
{
	(void)state;
	harness_close(h);
	return 0;
}

static void
give(const char *port, const char *text)
{
	harness_input(h, port, harness_file(h, port, text));
}

/* The data of a member of this type and shape, aligned; good for a few calls. */
static const void *
array(const char *name, const char *descr, const char *shape)
{
	const char *file = harness_path(h, "%s.npy", name);
	const char *found = memmem(npz, npz_size, file, strlen(file));
	assert_non_null(found);
	const unsigned char *npy = (const unsigned char *)found + strlen(file) + 20;
	assert_memory_equal(npy, "\x93NUMPY\x01\x00", 8);
	size_t length = npy[8] + 256u * npy[9];
	assert_int_equal((10 + length) % 64, 0);
	const char *want = harness_path(h,
					"{'descr': '%s', 'fortran_order': False, "
					"'shape': (%s), }",
					descr, shape);
	assert_memory_equal(npy + 10, want, strlen(want));
	static double copies[8][256];
	static size_t turn;
	void *copy = copies[turn++ % 8];
	size_t left = npz_size - (size_t)((const char *)npy + 10 + length - npz);
	memcpy(copy, npy + 10 + length,
	       left < sizeof(*copies) ? left : sizeof(*copies));
	return copy;
}

static void
run_well(void)
{
	assert_ok(h);
	npz = harness_read(h, harness_output(h, "features", NULL), &npz_size);
}

/* Two rows with insertions against the query, in two blocks. */
#define UNIREF                                                                         \
	"# STOCKHOLM 1.0\n#=GF ID x\n\n"                                               \
	"#=GS tr|A0A1B2|A0A1B2_HUMAN/1-4 DE one\n\n"                                   \
	"query                    MK--\n"                                              \
	"tr|A0A1B2|A0A1B2_HUMAN/1-4 MRWW\n"                                            \
	"#=GC RF                  xx..\n\n"                                            \
	"query                    UX\n"                                                \
	"tr|A0A1B2|A0A1B2_HUMAN/1-4 -B\n"                                              \
	"//\n"

static void
refuses_bad_inputs(void **state)
{
	(void)state;
	static const struct {
		const char *port, *text, *says;
	} cases[] = {
		{"bfd", "", "an alignment without rows"},
		{"bfd", "MKV\n", "no a3m file"},
		{"bfd", ">q\nMKV\n",
		 "bfd is an alignment of 3 residues, uniref90 of 4"},
		{"bfd", ">q\nMKUX\n>r\nMKUXX\n",
		 "this row has 5 columns, the query has 4"},
		{"bfd", ">q\nMK-X\n", "the first row (the query) has a gap"},
		{"bfd", ">q\nMK1X\n", "byte 0x31"},
		{"mgnify", "# STOCKHOLM 1.0\nq MK\n", "truncated"},
		{"templates", "no hits", "the table of hits is missing"},
		{"templates",
		 " No Hit\n  1 x\n\nNo 1\n>x\nProbab=1 E-value=1 Aligned_cols=2\n"
		 "Q query 4 MK 5 (5)\nT x 1 MK 2 (9)\n",
		 "ends at residue 5 of a query of 4"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		harness_reset(h);
		give("uniref90", UNIREF);
		give(cases[i].port, cases[i].text);
		assert_fails(h, AF2_CLASS_PERMANENT, cases[i].says);
	}
}

static void
writes_the_sequence(void **state)
{
	(void)state;
	harness_reset(h);
	give("uniref90", UNIREF);
	run_well();
	const float *aatype = array("aatype", "<f4", "4, 21");
	static const int types[] = {12, 11, 20, 20}; /* M K U X */
	for (int i = 0; i < 4; i++)
		for (int k = 0; k < 21; k++)
			assert_true(aatype[21 * i + k] == (float)(k == types[i]));
	const int32_t *n = array("residue_index", "<i4", "4,");
	assert_int_equal(n[0], 0);
	assert_int_equal(n[3], 3);
	n = array("seq_length", "<i4", "4,");
	assert_int_equal(n[0], 4);
	n = array("between_segment_residues", "<i4", "4,");
	assert_int_equal(n[3], 0);
	n = array("num_alignments", "<i4", "4,");
	assert_int_equal(n[3], 2);
	assert_memory_equal(array("sequence", "|S4", "1,"), "MKUX", 4);
	assert_memory_equal(array("domain_name", "|S5", "1,"), "query", 5);
}

static void
reads_stockholm_as_alphafold2(void **state)
{
	(void)state;
	harness_reset(h);
	give("uniref90", UNIREF);
	run_well();
	const int32_t *msa = array("msa", "<i4", "2, 4");
	const int32_t want[] = {10, 8, 1, 20, 10, 14, 21, 2};
	assert_memory_equal(msa, want, sizeof(want));
	const int32_t *deletions = array("deletion_matrix_int", "<i4", "2, 4");
	const int32_t gone[] = {0, 0, 0, 0, 0, 0, 2, 0};
	assert_memory_equal(deletions, gone, sizeof(gone));
	assert_memory_equal(array("msa_species_identifiers", "|S5", "2,"),
			    "\0\0\0\0\0HUMAN", 10);
}

static void
joins_in_order_without_duplicates(void **state)
{
	(void)state;
	harness_reset(h);
	give("mgnify", "# STOCKHOLM 1.0\n\nq MKUX\nm WWWW\nm2 MRAA\n//\n");
	give("uniref90", UNIREF);
	give("bfd",
	     "#cluster\n>q\nMKUX\n>ss_pred\nCCCC\n>b one\nMkkR\n-B\n>c\naMR.AAww\n");
	run_well();
	const int32_t *msa = array("msa", "<i4", "4, 4");
	const int32_t want[] = {10, 8,  1,  20, /* query */
				10, 14, 21, 2, /* uniref90; bfd's first hit equals it */
				10, 14, 0,  0, /* bfd; mgnify's second hit equals it */
				18, 18, 18, 18};
	assert_memory_equal(msa, want, sizeof(want));
	const int32_t *deletions = array("deletion_matrix_int", "<i4", "4, 4");
	/* The first of two equal rows gives the deletions; those at the end are lost.
	 */
	const int32_t gone[] = {0, 0, 0, 0, 0, 0, 2, 0, 1, 0, 0, 0, 0, 0, 0, 0};
	assert_memory_equal(deletions, gone, sizeof(gone));
	assert_string_equal(harness_value(h, "rows"), "4");
	assert_string_equal(harness_value(h, "rows_uniref90"), "2");
	assert_string_equal(harness_value(h, "rows_bfd"), "3");
	assert_string_equal(harness_value(h, "rows_mgnify"), "3");
	assert_string_equal(harness_value(h, "duplicates"), "4");
	assert_null(harness_value(h, "rows_small_bfd"));
}

static void
caps_rows(void **state)
{
	(void)state;
	harness_reset(h);
	give("uniref90", UNIREF);
	give("mgnify", "# STOCKHOLM 1.0\n\nq MKUX\na WWWW\nb AAAA\n//\n");
	harness_param(h, "uniref_max_hits", "1");
	harness_param(h, "mgnify_max_hits", "2");
	run_well();
	assert_string_equal(harness_value(h, "rows_uniref90"), "1");
	assert_string_equal(harness_value(h, "rows_mgnify"), "2");
	assert_string_equal(harness_value(h, "rows"), "2");
}

static void
counts_effective_sequences(void **state)
{
	(void)state;
	/* Rows 1-3 within 80% of each other, the fourth alone: 3 x 1/3 + 1. The gaps of
	 * the second do not count as equal: 16 of 20 residues are. */
	const char *a3m = ">q\nAAAAAAAAAAAAAAAAAAAA\n>b\nAAAAAAAAAAAAAAAA----\n"
			  ">c\nAAAAAAAAAAAAAAAAAAA-\n>d\nWWWWWWWWWWAAAAAAAAAA\n";
	harness_reset(h);
	give("uniref90", a3m);
	run_well();
	assert_true(fabs(harness_number(h, "neff") - 2) < 1e-9);
	assert_string_equal(harness_value(h, "neff_definition"), "80% identity");
	harness_reset(h);
	give("uniref90", a3m);
	harness_param(h, "neff_rows", "2");
	run_well();
	/* Rows 0 and 2 stand for four. */
	assert_true(fabs(harness_number(h, "neff") - 4.0 / 3) < 1e-9);
	assert_non_null(strstr(harness_value(h, "neff_definition"), "estimated"));
	/* 79% is not near. */
	harness_reset(h);
	give("uniref90", ">q\nAAAAAAAAAAAAAAAAAAAA\n>b\nAAAAAAAAAAAAAAA-----\n");
	run_well();
	assert_true(fabs(harness_number(h, "neff") - 2) < 1e-9);
}

static void
takes_templates(void **state)
{
	(void)state;
	harness_reset(h);
	give("uniref90", UNIREF);
	run_well();
	array("template_domain_names", "|S1", "0,");
	array("template_e_value", "<f8", "0,");
	assert_string_equal(harness_value(h, "templates"), "0");
	harness_reset(h);
	give("uniref90", UNIREF);
	give("templates",
	     "Query q\n\n No Hit             Prob\n  1 4GGJ_A_12 x 99.9\n  2 1BYR_A_7 "
	     "50.0\n\n"
	     "No 1\n>4GGJ_A_12 a protein\n"
	     "Probab=99.90  E-value=8.4e-06  Score=5.5  Aligned_cols=2  Identities=52% "
	     " "
	     "Similarity=0.787  Sum_probs=1.5  Template_Neff=1.000\n\n"
	     "Q ss_pred           2 CC    3 (4)\nQ query             2 K-    2 (4)\n"
	     "Q Consensus         2 k-    2 (4)\n    +\n"
	     "T Consensus        41 rw   42 (90)\nT 4GGJ_A_12        41 rw   42 (90)\n"
	     "Confidence            99\n\n"
	     "Q query             3 UX    4 (4)\nT 4GGJ_A_12        43 -A   43 "
	     "(90)\n\n\n"
	     "No 2\n>1BYR_A_7\nProbab=50  E-value=2  Score=1  Aligned_cols=1  "
	     "Sum_probs=0.0\n"
	     "Q query             1 M    1 (4)\nT 1BYR_A_7          9 M    9 "
	     "(10)\nDone!\n");
	run_well();
	assert_string_equal(harness_value(h, "templates"), "2");
	assert_memory_equal(array("template_domain_names", "|S9", "2,"),
			    "4GGJ_A_12"
			    "1BYR_A_7\0",
			    18);
	assert_memory_equal(array("template_query_row", "|S4", "2,"), "K-UXM\0\0\0", 8);
	assert_memory_equal(array("template_hit_row", "|S4", "2,"), "RW-AM\0\0\0", 8);
	const int32_t *n = array("template_query_start", "<i4", "2,");
	assert_int_equal(n[0], 2);
	assert_int_equal(n[1], 1);
	n = array("template_hit_start", "<i4", "2,");
	assert_int_equal(n[0], 41);
	n = array("template_aligned_cols", "<i4", "2,");
	assert_int_equal(n[1], 1);
	const float *p = array("template_probability", "<f4", "2,");
	assert_true(fabsf(p[0] - 99.9f) < 1e-4f);
	p = array("template_sum_probs", "<f4", "2,");
	assert_true(fabsf(p[0] - 1.5f) < 1e-6f);
	double e;
	memcpy(&e, array("template_e_value", "<f8", "2,"), sizeof(e));
	assert_true(fabs(e - 8.4e-6) < 1e-12);
}

/* Real alignments; the archive as another program reads it; the same bytes twice. */
static void
writes_a_sound_archive(void **state)
{
	(void)state;
	for (int i = 0; i < 2; i++) {
		const char *before = npz;
		size_t size = npz_size;
		harness_reset(h);
		harness_input(h, "uniref90", FIXTURES "/proteins/rnase.sto");
		run_well();
		assert_true(harness_number(h, "rows") > 10);
		assert_true(harness_number(h, "neff") > 2);
		if (i == 1) {
			assert_int_equal(npz_size, size);
			assert_memory_equal(npz, before, size);
		}
	}
	int rc =
		system(harness_path(h, "/usr/bin/python3 -m zipfile -t '%s' >/dev/null",
				    harness_output(h, "features", NULL)));
	assert_int_equal(rc, 0);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_bad_inputs),
		cmocka_unit_test(writes_the_sequence),
		cmocka_unit_test(reads_stockholm_as_alphafold2),
		cmocka_unit_test(joins_in_order_without_duplicates),
		cmocka_unit_test(caps_rows),
		cmocka_unit_test(counts_effective_sequences),
		cmocka_unit_test(takes_templates),
		cmocka_unit_test(writes_a_sound_archive),
	};
	return cmocka_run_group_tests(tests, open_plugin, close_plugin);
}

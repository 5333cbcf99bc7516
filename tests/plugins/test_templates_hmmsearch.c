/* SPDX-License-Identifier: Apache-2.0
 *
 * templates_hmmsearch: the query as AlphaFold2 makes it, and real searches.
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
#include "small_db.h"

static struct harness *h;

static int
open_plugin(void **state)
{
	(void)state;
	h = harness_open(PLUGIN_DIR "/templates_hmmsearch.so");
	return 0;
}

static int
close_plugin(void **state)
{
	(void)state;
	harness_close(h);
	return 0;
}

#define PROTEINS FIXTURES "/proteins/proteins.fasta"
#define ALIGNMENT FIXTURES "/proteins/rnase.sto"

static void
give(const char *alignment)
{
	harness_reset(h);
	harness_input(h, "uniref90", alignment);
	harness_param(h, "database", PROTEINS);
}

static void
refuses_bad_alignments(void **state)
{
	(void)state;
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"# STOCKHOLM 1.0\n\nq MK\n", "truncated"},
		{"# STOCKHOLM 1.0\n\nq MK\nr M\n//\n", "row 'r' has 1 columns"},
		{"# STOCKHOLM 1.0\n//\n", "an alignment without rows"},
		{"# STOCKHOLM 1.0\n\nq MK\nr MK\n//\n", "no '#=GC RF' line"},
		{">q\nMK\n", "does not start with '# STOCKHOLM 1.0'"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		give(harness_file(h, "bad.sto", cases[i].text));
		assert_fails(h, AF2_CLASS_PERMANENT, cases[i].says);
		assert_int_equal(harness_programs(h), 0);
	}
}

/* A hmmbuild that shows its query and ends. */
static const char *
show_query(void)
{
	const char *shown = harness_path(h, "%s/shown", harness_dir(h));
	harness_param(h, "hmmbuild",
		      fake_program(h, "hmmbuild",
				   harness_path(h, "#!/bin/sh\ncp \"$4\" '%s'\nexit 7\n",
						shown)));
	assert_fails(h, AF2_CLASS_EXIT, "hmmbuild");
	return harness_read(h, shown, NULL);
}

/* Four blocks: a row that is equal to the query but for insertions, columns that are
 * empty without it, a block that has nothing else. What is expected is what AlphaFold2's
 * own functions make of it. */
static const char alignment[] = "# STOCKHOLM 1.0\n"
				"#=GF ID query-i1\n"
				"\n"
				"#=GS one/2-9  DE [subseq from] first\n"
				"#=GS same/1-8 DE only insertions differ\n"
				"\n"
				"query            MK--VLA\n"
				"one/2-9          MK-aV-A\n"
				"#=GR one/2-9  PP 99.999\n"
				"two/1-9          -K--VIA\n"
				"same/1-8         MK-cVLA\n"
				"#=GC PP_cons     99..999\n"
				"#=GC RF          xx..xxx\n"
				"\n"
				"query            ---\n"
				"one/2-9          ---\n"
				"two/1-9          ---\n"
				"same/1-8         -aa\n"
				"#=GC RF          ...\n"
				"\n"
				"query            C\n"
				"one/2-9          C\n"
				"two/1-9          C\n"
				"same/1-8         C\n"
				"#=GC RF          x\n"
				"//\n";
static const char expected[] = "# STOCKHOLM 1.0\n"
			       "\n"
			       "#=GS one/2-9  DE [subseq from] first\n"
			       "\n"
			       "query            MK-VLA\n"
			       "one/2-9          MKaV-A\n"
			       "two/1-9          -K-VIA\n"
			       "#=GC RF          xx.xxx\n"
			       "\n"
			       "\n"
			       "\n"
			       "\n"
			       "\n"
			       "\n"
			       "query            C\n"
			       "one/2-9          C\n"
			       "two/1-9          C\n"
			       "#=GC RF          x\n"
			       "//\n";

static void
makes_the_query(void **state)
{
	(void)state;
	give(harness_file(h, "a.sto", alignment));
	assert_string_equal(show_query(), expected);
	assert_true(harness_measure(h, "query_rows") == 3);
	/* Rows beyond max_rows are not there, nor what is said of them. */
	give(harness_file(h, "a.sto", alignment));
	harness_param(h, "max_rows", "1");
	assert_null(strstr(show_query(), "one/2-9"));
	assert_true(harness_measure(h, "query_rows") == 1);
}

static void
finds_templates(void **state)
{
	(void)state;
	give(ALIGNMENT);
	harness_slot(h, 2, 0, 0);
	assert_ok(h);
	assert_true(harness_number(h, "hits") >= 15);
	const char *first = harness_read(h, harness_output(h, "hits", NULL), NULL);
	assert_non_null(strstr(first, "# STOCKHOLM 1.0\n"));
	assert_non_null(strstr(first, "DE [subseq from] Ribonuclease HII"));
	assert_non_null(strstr(harness_command_line(h),
			       "--noali -o /dev/null --cpu 2 --F1 0.1 --F2 0.1 --F3 0.1 "
			       "--incE 100 -E 100 --domE 100 --incdomE 100 -A "));
	assert_non_null(strstr(harness_command_line(h), "/output.hmm " PROTEINS));
	/* Neither the time nor the threads show. */
	give(ALIGNMENT);
	harness_slot(h, 1, 0, 0);
	assert_ok(h);
	assert_string_equal(harness_read(h, harness_output(h, "hits", NULL), NULL),
			    first);
}

static void
finds_nothing(void **state)
{
	(void)state;
	size_t size = 1;
	give(ALIGNMENT);
	harness_param(h, "database",
		      harness_file(h, "other.fasta", ">1abc_A mol:protein length:8\n"
						     "WWWWWWWW\n"));
	harness_param(h, "e_value", "1e-30");
	assert_ok(h);
	assert_true(harness_number(h, "hits") == 0);
	harness_read(h, harness_output(h, "hits", NULL), &size);
	assert_int_equal(size, 0);
}

static void
reports_failures(void **state)
{
	(void)state;
	give(ALIGNMENT);
	harness_param(h, "database", harness_file(h, "empty.fasta", ""));
	assert_outcome(h, AF2_FAIL);
	assert_non_null(strstr(harness_message(h), "hmmsearch"));
	give(ALIGNMENT);
	harness_param(h, "program",
		      fake_program(h, "half",
				   "#!/bin/sh\nwhile [ $1 != -A ]; do shift; done\n"
				   "printf '# STOCKHOLM 1.0\\nq MK\\n' >$2\n"));
	assert_fails(h, AF2_CLASS_PERMANENT, "truncated");
	give(ALIGNMENT);
	harness_param(h, "program", fake_program(h, "killed", "#!/bin/sh\nkill -9 $$\n"));
	assert_fails(h, AF2_CLASS_SIGNAL, "hmmsearch");
}

static void
names_both_tools(void **state)
{
	(void)state;
	give(ALIGNMENT);
	assert_int_equal(harness_run_fingerprint(h), AF2_OK);
	assert_non_null(harness_fingerprint(h, "hmmsearch.version"));
	assert_non_null(harness_fingerprint(h, "hmmbuild.version"));
	assert_int_equal(harness_fingerprint_files(h), 2);
	give(ALIGNMENT);
	harness_param(h, "hmmbuild", "/nonexistent/hmmbuild");
	assert_int_equal(harness_run_fingerprint(h), AF2_FAIL);
	assert_non_null(strstr(harness_message(h), "/nonexistent/hmmbuild"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_bad_alignments),
		cmocka_unit_test(makes_the_query),
		cmocka_unit_test(finds_templates),
		cmocka_unit_test(finds_nothing),
		cmocka_unit_test(reports_failures),
		cmocka_unit_test(names_both_tools),
	};
	return cmocka_run_group_tests(tests, open_plugin, close_plugin);
}

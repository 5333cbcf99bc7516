/* SPDX-License-Identifier: Apache-2.0
 *
 * templates: a real search of a small database, and the rules.
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
	h = harness_open(PLUGIN_DIR "/templates.so");
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

static const char *database;

static void
give(void)
{
	harness_reset(h);
	if (!database)
		database = small_db(h, "pdb", PROTEINS);
	harness_input(h, "uniref90", ALIGNMENT);
	harness_param(h, "database", database);
}

static const char *
result(void)
{
	return harness_read(h, harness_output(h, "hits", NULL), NULL);
}

static void
refuses_bad_parameters(void **state)
{
	(void)state;
	static const struct {
		const char *name, *value, *says;
	} cases[] = {
		{"exclude", "4GEL;1BYR", "exclude='4GEL;1BYR'"},
		{"max_template_date", "2020-13-01", "is no date"},
		{"max_template_date", "2021-02-29", "is no date"},
		{"max_template_date", "20-01-01", "is no date"},
		{"max_template_date", "2020-01-011", "is no date"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		give();
		harness_param(h, cases[i].name, cases[i].value);
		assert_fails(h, AF2_CLASS_PERMANENT, cases[i].says);
		assert_int_equal(harness_programs(h), 0);
	}
	static const char *const bad[] = {"1000\n", "1000 2020-1-1\n",
					  "1000 2020-01-01 x\n",
					  "12345678901234567 2020-01-01\n"};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		give();
		harness_param(
			h, "release_dates",
			harness_file(h, "d", harness_path(h, "# dates\n%s", bad[i])));
		assert_fails(h, AF2_CLASS_PERMANENT, ":2: not an id and a date");
	}
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
		{"# STOCKHOLM 1.0\nq MK\n//\n# STOCKHOLM 1.0\n", "a second alignment"},
		{"# STOCKHOLM 1.0\nq M1\n//\n", "neither letter nor gap"},
		{"# STOCKHOLM 1.0\nq\n//\n", "neither a row"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		harness_reset(h);
		harness_input(h, "uniref90", harness_file(h, "bad.sto", cases[i].text));
		harness_param(h, "database", "db");
		assert_fails(h, AF2_CLASS_PERMANENT, cases[i].says);
		assert_int_equal(harness_programs(h), 0);
	}
}

static void
finds_templates(void **state)
{
	(void)state;
	give();
	assert_ok(h);
	assert_true(harness_number(h, "hits") >= 15);
	assert_true(harness_number(h, "hits") == harness_number(h, "found"));
	assert_non_null(strstr(result(), "\nNo 1\n>10"));
	assert_non_null(strstr(result(),
			       "Command       hhsearch -i query.a3m -o pdb_hits.hhr "
			       "-maxseq 1000000 -d pdb\n"));
	assert_null(strstr(result(), "\nDate "));
	/* Duplicates and the rows beyond max_rows are not in the query. */
	assert_true(harness_measure(h, "query_rows") >= 10);
	give();
	harness_param(h, "max_rows", "3");
	assert_ok(h);
	assert_true(harness_measure(h, "query_rows") <= 3);
}

static void
repeats_byte_for_byte(void **state)
{
	(void)state;
	give();
	assert_ok(h);
	const char *first = result();
	give();
	assert_ok(h);
	assert_string_equal(result(), first);
}

static void
excludes(void **state)
{
	(void)state;
	give();
	harness_param(h, "exclude", "1001, 1002_a,9999");
	assert_ok(h);
	assert_string_equal(harness_value(h, "excluded"), "2");
	assert_null(strstr(result(), "1001_A"));
	assert_null(strstr(result(), "1002_A"));
	const char *first = strstr(result(), "\nNo 1\n>10");
	assert_non_null(first);
	assert_non_null(strstr(first, "\nNo 2\n>10"));
	assert_non_null(strstr(result(), "\n  1 10"));
	/* 100 is no id of 1001. */
	give();
	harness_param(h, "exclude", "100");
	assert_ok(h);
	assert_string_equal(harness_value(h, "excluded"), "0");
}

static void
goes_by_date(void **state)
{
	(void)state;
	give();
	harness_param(h, "max_template_date", "2020-05-14");
	harness_param(
		h, "release_dates",
		harness_file(h, "dates", "1001 2020-05-14\n1002,2020-05-15 # new\n\n"));
	assert_ok(h);
	assert_string_equal(harness_value(h, "too_new"), "1");
	assert_non_null(strstr(result(), ">1001_A"));
	assert_null(strstr(result(), ">1002_A"));
	assert_true(harness_number(h, "unknown_dates") ==
		    harness_number(h, "hits") - 1);
	assert_non_null(strstr(harness_warnings(h), "without a known release date"));
	give();
	harness_param(h, "max_template_date", "1990-01-01");
	assert_ok(h);
	assert_string_equal(harness_value(h, "too_new"), "0");
	assert_non_null(strstr(harness_warnings(h), "without release_dates"));
}

static void
keeps_the_best(void **state)
{
	(void)state;
	give();
	harness_param(h, "max_hits", "2");
	assert_ok(h);
	assert_string_equal(harness_value(h, "hits"), "2");
	assert_non_null(strstr(result(), "\nNo 2\n"));
	assert_null(strstr(result(), "\nNo 3\n"));
	/* The filtered file is a whole one: it can be read again. */
	give();
	harness_param(h, "exclude",
		      "1000,1001,1002,1003,1004,1005,1006,1007,1008,1009,1010,"
		      "1011,1012,1013,1014,1015,1016,1017");
	assert_ok(h);
	assert_string_equal(harness_value(h, "hits"), "0");
}

static void
takes_an_a3m(void **state)
{
	(void)state;
	give();
	harness_reset(h);
	harness_param(h, "database", database);
	harness_input(h, "uniref90", FIXTURES "/proteins/rnase.fasta");
	assert_ok(h);
	assert_true(harness_number(h, "hits") >= 5);
}

static void
reports_damage(void **state)
{
	(void)state;
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"nothing", "the table of hits is missing"},
		{" No Hit\\n  1 x\\n", "1 hits in the table, 0 blocks"},
		{" No Hit\\n  2 x\\n", "do not run 1, 2, 3"},
		{" No Hit\\n  1 x\\n\\nNo 2\\n", "do not follow the table"},
		{" No Hit\\n  1 x\\n\\nNo 1\\n>x\\n", "hit 1 is incomplete"},
		{" No Hit\\n  1 x\\n\\nNo 1\\n>x\\nProbab=1 Score=2\\n",
		 "without E-value"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		give();
		harness_param(
			h, "program",
			fake_program(h, "fake",
				     harness_path(h,
						  "#!/bin/sh\nwhile [ $1 != -o ]; do "
						  "shift; done\nprintf '%s' >$2\n",
						  cases[i].text)));
		assert_fails(h, AF2_CLASS_PERMANENT, cases[i].says);
	}
	give();
	harness_param(h, "database", "/nonexistent/pdb70");
	assert_outcome(h, AF2_FAIL);
	assert_non_null(strstr(harness_message(h), "hhsearch"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_bad_parameters),
		cmocka_unit_test(refuses_bad_alignments),
		cmocka_unit_test(finds_templates),
		cmocka_unit_test(repeats_byte_for_byte),
		cmocka_unit_test(excludes),
		cmocka_unit_test(goes_by_date),
		cmocka_unit_test(keeps_the_best),
		cmocka_unit_test(takes_an_a3m),
		cmocka_unit_test(reports_damage),
	};
	return cmocka_run_group_tests(tests, open_plugin, close_plugin);
}

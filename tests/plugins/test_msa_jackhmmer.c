/* SPDX-License-Identifier: Apache-2.0
 *
 * msa_jackhmmer: a real search of 30 proteins, truncation, and what can go wrong.
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
	h = harness_open(PLUGIN_DIR "/msa_jackhmmer.so");
	return 0;
}

static int
close_plugin(void **state)
{
	(void)state;
	harness_close(h);
	return 0;
}

#define QUERY FIXTURES "/proteins/rnase.fasta"
#define PROTEINS FIXTURES "/proteins/proteins.fasta"

static void
give(const char *query, const char *database, const char *max_hits)
{
	harness_reset(h);
	harness_input(h, "query", query);
	harness_param(h, "database", database);
	harness_param(h, "max_hits", max_hits);
}

static const char *
result(void)
{
	return harness_read(h, harness_output(h, "hits", NULL), NULL);
}

static size_t
occurrences(const char *text, const char *what)
{
	size_t n = 0;
	while ((text = strstr(text, what))) {
		n++;
		text++;
	}
	return n;
}

static void
refuses_queries(void **state)
{
	(void)state;
	give(harness_file(h, "two.fasta", ">a\nMKV\n>b\nMKL\n"), PROTEINS, "0");
	assert_fails(h, AF2_CLASS_PERMANENT, "expand=\"chain in instance.chains\"");
	give(harness_file(h, "none.fasta", "MKV\n"), PROTEINS, "0");
	assert_fails(h, AF2_CLASS_PERMANENT, "the query has no sequence");
	assert_int_equal(harness_programs(h), 0);
}

static const char *
path_base_of(const char *text)
{
	return strrchr(text, '/') + 1;
}

static void
calls_as_alphafold2(void **state)
{
	(void)state;
	give(QUERY, PROTEINS, "501");
	harness_slot(h, 2, 0, 0);
	assert_ok(h);
	char *query = realpath(QUERY, NULL), *proteins = realpath(PROTEINS, NULL), want[8192];
	snprintf(want, sizeof want,
		 " --noali --F1 0.0005 --F2 0.00005 --F3 0.0000005 --incE 0.0001 "
		 "-E 0.0001 --cpu 2 -N 1 %s ", query);
	assert_non_null(strstr(harness_command_line(h), want));
	assert_string_equal(path_base_of(harness_command_line(h)), path_base_of(proteins));
	free(query);
	free(proteins);
	assert_ptr_equal(strstr(harness_command_line(h), "jackhmmer -o /dev/null -A "),
			 harness_command_line(h));
	give(QUERY, PROTEINS, "501");
	harness_param(h, "z_value", "1000000");
	harness_param(h, "dom_e", "1");
	harness_param(h, "incdom_e", "0.5");
	assert_ok(h);
	assert_non_null(strstr(harness_command_line(h),
			       "-N 1 -Z 1000000 --domE 1 --incdomE 0.5 "));
	harness_slot(h, 1, 0, 0);
}

static void
finds_the_family(void **state)
{
	(void)state;
	give(QUERY, PROTEINS, "0");
	assert_ok(h);
	double rows = harness_number(h, "rows");
	assert_true(rows >= 15 && rows <= 31);
	assert_true(harness_number(h, "rows_found") == rows);
	const char *text = result();
	assert_ptr_equal(strstr(text, "# STOCKHOLM 1.0\n"), text);
	assert_non_null(strstr(text, "#=GF AU jackhmmer"));
	assert_true(harness_measure(h, "jackhmmer.max_rss") > 1e6);
}

static void
truncates_as_alphafold2(void **state)
{
	(void)state;
	give(QUERY, PROTEINS, "5");
	assert_ok(h);
	assert_string_equal(harness_value(h, "rows"), "5");
	assert_true(harness_number(h, "rows_found") > 14);
	const char *text = result();
	size_t blocks = occurrences(text, "\nquery ");
	assert_true(blocks >= 2);
	assert_int_equal(occurrences(text, "#=GC RF"), blocks);
	assert_int_equal(occurrences(text, "#=GS "), 4);
	assert_int_equal(occurrences(text, "#=GR"), 0);
	assert_int_equal(occurrences(text, "#=GF"), 0);
	assert_int_equal(occurrences(text, "\ntr|") + occurrences(text, "\nsp|"),
			 4 * blocks);
	assert_string_equal(text + strlen(text) - 3, "//\n");
	give(QUERY, PROTEINS, "1");
	assert_ok(h);
	assert_string_equal(harness_value(h, "rows"), "1");
}

static void
no_hit_is_a_result(void **state)
{
	(void)state;
	give(QUERY, harness_file(h, "other.fasta", ">x\nWWWWWPPPPPWWWWWCCCCC\n"), "10");
	assert_ok(h);
	assert_string_equal(harness_value(h, "rows"), "1");
}

static void
tells_failures_apart(void **state)
{
	(void)state;
	give(QUERY, harness_file(h, "empty.fasta", ""), "10");
	assert_outcome(h, AF2_FAIL);
	assert_int_equal(harness_class(h), AF2_CLASS_EXIT);
	assert_non_null(strstr(harness_message(h), "jackhmmer"));
	static const struct {
		const char *script, *says;
		af2_class cls;
	} cases[] = {
		{"echo 'Fatal: malloc of size 99 failed: out of memory' >&2; exit 1",
		 "ran out of memory", AF2_CLASS_MEMORY},
		{"kill -11 $$", "11", AF2_CLASS_SIGNAL},
		{"exit 139", "signal 11", AF2_CLASS_SIGNAL},
		{"echo oops >&2; exit 7", "oops", AF2_CLASS_EXIT},
		{"exit 0", "cannot open", AF2_CLASS_PERMANENT},
		{"while [ \"$1\" != -A ]; do shift; done; echo '# STOCKHOLM 1.0' "
		 ">\"$2\"",
		 "truncated", AF2_CLASS_PERMANENT},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		give(QUERY, PROTEINS, "10");
		harness_param(h, "program",
			      fake_program(h, "fake",
					   harness_path(h, "#!/bin/sh\n%s\n",
							cases[i].script)));
		assert_fails(h, cases[i].cls, cases[i].says);
	}
	give(QUERY, PROTEINS, "10");
	harness_param(h, "program",
		      fake_program(h, "fake",
				   "#!/bin/sh\necho 'write: No space left on "
				   "device' >&2\nexit 1\n"));
	assert_outcome(h, AF2_RETRY);
	give(QUERY, PROTEINS, "10");
	harness_param(h, "program", fake_program(h, "fake", "#!/bin/sh\nsleep 30\n"));
	harness_cancel_after(h, 0.05);
	assert_fails(h, AF2_CLASS_CANCELLED, "cancelled");
}

static void
fingerprints_the_version(void **state)
{
	(void)state;
	give(QUERY, PROTEINS, "10");
	assert_int_equal(harness_run_fingerprint(h), AF2_OK);
	assert_true(harness_fingerprint(h, "jackhmmer.version")[0] == '3');
	assert_int_equal(harness_fingerprint_files(h), 1);
	harness_param(
		h, "program",
		fake_program(h, "fake", "#!/bin/sh\necho '# Tool 9.8b (x)'\nexit 4\n"));
	assert_int_equal(harness_run_fingerprint(h), AF2_OK);
	assert_string_equal(harness_fingerprint(h, "jackhmmer.version"), "9.8b");
	harness_param(h, "program", fake_program(h, "fake", "#!/bin/sh\n"));
	assert_int_equal(harness_run_fingerprint(h), AF2_FAIL);
	harness_param(h, "program", "no-such-program-here");
	assert_int_equal(harness_run_fingerprint(h), AF2_FAIL);
	assert_int_equal(harness_class(h), AF2_CLASS_SPAWN);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_queries),
		cmocka_unit_test(calls_as_alphafold2),
		cmocka_unit_test(finds_the_family),
		cmocka_unit_test(truncates_as_alphafold2),
		cmocka_unit_test(no_hit_is_a_result),
		cmocka_unit_test(tells_failures_apart),
		cmocka_unit_test(fingerprints_the_version),
	};
	return cmocka_run_group_tests(tests, open_plugin, close_plugin);
}

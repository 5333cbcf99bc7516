/* SPDX-License-Identifier: Apache-2.0
 *
 * msa_hhblits: a real search of a small database, and what can go wrong.
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
	h = harness_open(PLUGIN_DIR "/msa_hhblits.so");
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
give(const char *query, const char *database)
{
	harness_reset(h);
	harness_input(h, "query", query);
	harness_param(h, "database", database);
}

static void
refuses_queries(void **state)
{
	(void)state;
	const char *db = small_db(h, "hh", PROTEINS);
	give(harness_file(h, "two.fasta", ">a\nMKV\n>b\nMKL\n"), db);
	assert_fails(h, AF2_CLASS_PERMANENT, "expand=\"chain in instance.chains\"");
	give(harness_file(h, "none.fasta", ""), db);
	assert_fails(h, AF2_CLASS_PERMANENT, "the query has no sequence");
	assert_int_equal(harness_programs(h), 0);
}

static void
finds_the_family(void **state)
{
	(void)state;
	const char *db = small_db(h, "hh", PROTEINS);
	give(QUERY, db);
	harness_slot(h, 2, 0, 0);
	assert_ok(h);
	assert_true(harness_number(h, "rows") >= 10);
	const char *text = harness_read(h, harness_output(h, "hits", NULL), NULL);
	assert_ptr_equal(strstr(text, ">query\n"), text);
	const char *want = harness_path(
		h,
		" -o /dev/null -n 3 -e 0.001 -maxseq 1000000 -realign_max 100000 "
		"-maxfilt 100000 -min_prefilter_hits 1000 -d %s",
		db);
	const char *line = harness_command_line(h);
	const char *found = strstr(line, want);
	assert_non_null(found);
	assert_string_equal(found, want);
	assert_non_null(strstr(line, " -cpu 2 -oa3m "));
	/* The binary itself where Debian's dispatcher is installed. */
	if (strncmp(line, "/usr/libexec/hhsuite/hhblits-", 29) != 0)
		assert_null(strstr(line, "#!"));
	harness_slot(h, 1, 0, 0);
}

static void
passes_options_on(void **state)
{
	(void)state;
	const char *db = small_db(h, "hh", PROTEINS);
	give(QUERY, db);
	harness_param(h, "database2", db);
	harness_param(h, "n_iter", "1");
	harness_param(h, "all_seqs", "yes");
	harness_param(h, "alt", "2");
	harness_param(h, "p", "30");
	harness_param(h, "summary_hits", "100");
	harness_param(h, "program",
		      fake_program(h, "fake",
				   "#!/bin/sh\n"
				   "while [ $1 != -oa3m ]; do shift; "
				   "done\nprintf '>q\\nMK\\n' >$2\n"));
	assert_ok(h);
	assert_string_equal(harness_value(h, "rows"), "1");
	assert_non_null(
		strstr(harness_command_line(h),
		       harness_path(h,
				    " -n 1 -e 0.001 -maxseq 1000000 -realign_max "
				    "100000 -maxfilt 100000 -min_prefilter_hits "
				    "1000 -all -alt 2 -p 30 -Z 100 -d %s -d %s",
				    db, db)));
}

static void
no_hit_is_a_result(void **state)
{
	(void)state;
	give(harness_file(h, "w.fasta", ">query\nWWWWWPPPPPWWWWWCCCCCWWPPCCWWPPCC\n"),
	     small_db(h, "hh", PROTEINS));
	assert_ok(h);
	assert_string_equal(harness_value(h, "rows"), "1");
}

static void
tells_failures_apart(void **state)
{
	(void)state;
	static const struct {
		const char *script, *database2, *says;
		af2_class cls;
	} cases[] = {
		{"kill -11 $$", "", "hhblits crashed (Segmentation fault); a damaged",
		 AF2_CLASS_SIGNAL},
		{"exit 139", "x", "crashed (Segmentation fault); with two databases",
		 AF2_CLASS_SIGNAL},
		{"kill -9 $$", "", "9", AF2_CLASS_SIGNAL},
		{"echo '- 10:00 ERROR: In a3m: did not find 99 match states in x' >&2; "
		 "exit 1",
		 "x",
		 "could not merge a hit (\"did not find 99 match states in x\"); with "
		 "two",
		 AF2_CLASS_EXIT},
		{"echo \"terminate called after throwing 'std::bad_alloc'\" >&2; kill "
		 "-6 $$",
		 "", "ran out of memory", AF2_CLASS_MEMORY},
		{"echo 'ERROR: could not open' >&2; exit 2", "", "could not open",
		 AF2_CLASS_EXIT},
		{"exit 0", "", "cannot open", AF2_CLASS_PERMANENT},
		{"while [ $1 != -oa3m ]; do shift; done; printf "
		 "'>q\\nMK\\n>b\\nMKV\\n' >$2",
		 "", ":3: this row has 3 columns, the query has 2",
		 AF2_CLASS_PERMANENT},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		give(QUERY, "db");
		harness_param(h, "database2", cases[i].database2);
		harness_param(h, "program",
			      fake_program(h, "fake",
					   harness_path(h, "#!/bin/sh\n%s\n",
							cases[i].script)));
		assert_fails(h, cases[i].cls, cases[i].says);
	}
	give(QUERY, "/nonexistent/db");
	assert_outcome(h, AF2_FAIL);
	assert_non_null(strstr(harness_message(h), "hhblits"));
	give(QUERY, "db");
	harness_param(h, "program", "no-such-program-here");
	assert_fails(h, AF2_CLASS_SPAWN, "no-such-program-here");
}

static void
fingerprints_the_version(void **state)
{
	(void)state;
	give(QUERY, "db");
	assert_int_equal(harness_run_fingerprint(h), AF2_OK);
	assert_true(harness_fingerprint(h, "hhblits.version")[0] == '3');
	assert_null(strchr(harness_fingerprint(h, "hhblits.version"), ':'));
	assert_int_equal(harness_fingerprint_files(h), 1);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_queries),
		cmocka_unit_test(finds_the_family),
		cmocka_unit_test(passes_options_on),
		cmocka_unit_test(no_hit_is_a_result),
		cmocka_unit_test(tells_failures_apart),
		cmocka_unit_test(fingerprints_the_version),
	};
	return cmocka_run_group_tests(tests, open_plugin, close_plugin);
}

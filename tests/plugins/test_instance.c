/* SPDX-License-Identifier: Apache-2.0
 *
 * instance: what FASTA files people write, and what is refused, with its line.
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

static struct harness *h;

static int
open_plugin(void **state)
{
	(void)state;
	h = harness_open(PLUGIN_DIR "/instance.so");
	return 0;
}

static int
close_plugin(void **state)
{
	(void)state;
	harness_close(h);
	return 0;
}

/* Next task with this file. */
static void
give(const char *text)
{
	harness_reset(h);
	harness_param(h, "fasta", harness_file(h, "in.fasta", text));
}

static void
refuses_bad_files(void **state)
{
	(void)state;
	static const struct {
		const char *text, *says;
	} cases[] = {
		{"", "no sequence in this file"},
		{"\n\n", "no sequence in this file"},
		{"MKVLA\n", ":1: no header"},
		{"\n\nMKVLA\n", ":3: no header"},
		{">a\n", ":1: this record has no sequence"},
		{">a\n\n>b\nMKV\n", ":1: this record has no sequence"},
		{">a\nMKV\n>b\n  \n", ":3: this record has no sequence"},
		{">a\nMKV\n>b\n*\n", ":3: this record has no sequence"},
		{">a\nMK*VL\n", ":2: '*' (a stop) inside"},
		{">a\nMKV*\nLLA\n", ":2: '*' (a stop) inside"},
		{">a\nMKV**\n", ":2: '*' (a stop) inside"},
		{">a\nMKV\nL-A\n",
		 ":3: '-' in a sequence: this looks like an alignment"},
		{">a\nMK.V\n", ":2: '.' in a sequence"},
		{">a\n1 MKVL\n", ":2: '1' in a sequence: digits"},
		{">a\nMK;V\n", ":2: ';' in a sequence"},
		{">a\nMK\xc3\xa9V\n", ":2: byte 0xc3"},
		{">a\nACGTACGTACGT\n", ":1: this looks like nucleotides"},
		{">p\nMKV\n>a\nacguacguacgunn\n", ":3: this looks like nucleotides"},
		{"\x1f\x8b\x08", "this is a gzip file"},
		{"; comment\n>a\nMKV\n", ":1: no header"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		give(cases[i].text);
		assert_fails(h, AF2_CLASS_PERMANENT, cases[i].says);
		assert_non_null(strstr(harness_message(h), "in.fasta"));
	}
}

static void
knows_monomers(void **state)
{
	(void)state;
	give(">a\nMKV\n");
	harness_param(h, "model_preset", "monomer_ptm");
	assert_ok(h);
	assert_non_null(harness_output(h, "chains", "_"));
	assert_null(harness_element(h, "chains", 1));
	give(">a\nMKV\n");
	harness_param(h, "model_preset", "multimer");
	assert_ok(h);
	assert_non_null(harness_output(h, "chains", "A"));
	give(">a\nMKV\n>b\nMKV\n");
	harness_param(h, "model_preset", "monomer");
	assert_fails(h, AF2_CLASS_PERMANENT, "has 2 sequences, model_preset=monomer");
}

static void
refuses_binary(void **state)
{
	(void)state;
	harness_reset(h);
	harness_param(h, "fasta", harness_bytes(h, "b.fasta", ">a\nMK\0VL\n", 9));
	assert_fails(h, AF2_CLASS_PERMANENT, "b.fasta:2: a NUL byte");
	harness_reset(h);
	harness_param(h, "fasta",
		      harness_bytes(h, "u.fasta", "\xff\xfe>\0a\0\n\0M\0", 10));
	assert_fails(h, AF2_CLASS_PERMANENT, "u.fasta:1: a NUL byte");
	harness_reset(h);
	harness_param(h, "fasta", harness_path(h, "%s/absent", harness_dir(h)));
	assert_fails(h, AF2_CLASS_PERMANENT, "No such file");
}

static void
keeps_limits(void **state)
{
	(void)state;
	give(">a\nMKVLA\nMKVLA\n");
	harness_param(h, "max_length", "9");
	assert_fails(h, AF2_CLASS_PERMANENT, ":3: a sequence of more than 9 residues");
	harness_param(h, "max_length", "10");
	assert_ok(h);
	give(">a\nMKV\n>b\nMKL\n>c\nMKI\n");
	harness_param(h, "max_chains", "2");
	assert_fails(h, AF2_CLASS_PERMANENT, ":5: more than 2 records");
}

static void
accepts_short_or_declared_nucleotide_letters(void **state)
{
	(void)state;
	give(">a\nACGTACGTACG\n");
	assert_ok(h);
	give(">a\nACGTACGTACGT\n");
	harness_param(h, "allow_nucleotide_like", "yes");
	assert_ok(h);
}

static const char *
element(const char *name)
{
	return harness_read(h, harness_output(h, "chains", name), NULL);
}

static void
cleans_a_chain(void **state)
{
	(void)state;
	give("\xef\xbb\xbf\r\n>sp|P1| my  protein\r\nmkv la\r\n\r\n\tMKV*\r\n");
	assert_ok(h);
	assert_string_equal(element("A"), ">query\nMKVLAMKV\n");
	assert_string_equal(harness_read(h, harness_output(h, "query", NULL), NULL),
			    element("A"));
	assert_true(harness_measure(h, "chains") == 1);
	/* A value would enter the keys of the searches. */
	assert_null(harness_value(h, "chains"));
	assert_true(harness_measure(h, "residues") == 8);
	assert_string_equal(harness_warnings(h), "");
	const char *map = harness_read(h, harness_output(h, "chain_map", NULL), NULL);
	assert_non_null(strstr(map, "\"description\": \"sp|P1| my  protein\""));
	assert_non_null(strstr(map, "\"name\": \"sp|P1|\""));
}

static void
wraps_at_60(void **state)
{
	(void)state;
	char text[256] = ">long\n";
	memset(text + 6, 'K', 121);
	text[127] = '\0';
	give(text);
	assert_ok(h);
	const char *chain = element("A");
	assert_int_equal(strlen(chain), strlen(">query\n") + 121 + 3);
	assert_int_equal(chain[7 + 60], '\n');
	assert_int_equal(chain[7 + 61 + 60], '\n');
}

static void
equal_chains_are_one(void **state)
{
	(void)state;
	give(">one\nMKVLA\n>two\nmkv\nla\n>three\nWWYLK\n");
	assert_ok(h);
	assert_string_equal(harness_element(h, "chains", 0), "A");
	assert_string_equal(harness_element(h, "chains", 1), "C");
	assert_null(harness_element(h, "chains", 2));
	assert_string_equal(element("A"), ">query\nMKVLA\n");
	assert_string_equal(element("C"), ">query\nWWYLK\n");
	assert_string_equal(harness_read(h, harness_output(h, "query", NULL), NULL),
			    ">query_A\nMKVLA\n>query_C\nWWYLK\n");
	assert_true(harness_measure(h, "chains") == 3);
	assert_true(harness_measure(h, "unique_chains") == 2);
	assert_true(harness_measure(h, "residues") == 15);
	const char *map = harness_read(h, harness_output(h, "chain_map", NULL), NULL);
	const char *b = strstr(map, "\"B\": {");
	assert_non_null(b);
	assert_non_null(strstr(b, "\"unique_chain\": \"A\",\n    \"copies\": 2"));
}

static void
keeps_and_counts_uncommon_letters(void **state)
{
	(void)state;
	give(">a\nMKUOXBZJ\n");
	assert_ok(h);
	assert_string_equal(element("A"), ">query\nMKUOXBZJ\n");
	assert_true(harness_measure(h, "uncommon_letters") == 6);
	assert_non_null(strstr(harness_warnings(h), "6 letters"));
}

static void
escapes_names_in_the_map(void **state)
{
	(void)state;
	give(">a\"b\\ tab\there \xe9 \xc3\xa9\nMKV\n>\nMKL\n");
	assert_ok(h);
	const char *map = harness_read(h, harness_output(h, "chain_map", NULL), NULL);
	assert_non_null(strstr(map, "a\\\"b\\\\ tab\\u0009here \\ufffd \xc3\xa9\""));
	assert_non_null(strstr(harness_warnings(h), "chain B has no name (line 3)"));
}

static void
names_many_chains(void **state)
{
	(void)state;
	char text[4096] = "";
	static const char letters[] = "ACDEFGHIKLMNPQRSTVWY";
	for (int i = 0; i < 64; i++) {
		char record[32];
		snprintf(record, sizeof(record), ">x\nMK%c%c\n", letters[i % 20],
			 letters[i / 20]);
		strcat(text, record);
	}
	give(text);
	assert_fails(h, AF2_CLASS_PERMANENT, "more than 62 records");
	harness_param(h, "max_chains", "100");
	assert_ok(h);
	assert_string_equal(harness_element(h, "chains", 25), "Z");
	assert_string_equal(harness_element(h, "chains", 26), "a");
	assert_string_equal(harness_element(h, "chains", 61), "9");
	assert_string_equal(harness_element(h, "chains", 62), "AA");
	assert_string_equal(harness_element(h, "chains", 63), "AB");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_bad_files),
		cmocka_unit_test(refuses_binary),
		cmocka_unit_test(knows_monomers),
		cmocka_unit_test(keeps_limits),
		cmocka_unit_test(accepts_short_or_declared_nucleotide_letters),
		cmocka_unit_test(cleans_a_chain),
		cmocka_unit_test(wraps_at_60),
		cmocka_unit_test(equal_chains_are_one),
		cmocka_unit_test(keeps_and_counts_uncommon_letters),
		cmocka_unit_test(escapes_names_in_the_map),
		cmocka_unit_test(names_many_chains),
	};
	return cmocka_run_group_tests(tests, open_plugin, close_plugin);
}

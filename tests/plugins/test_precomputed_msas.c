/* SPDX-License-Identifier: Apache-2.0
 *
 * precomputed_msas: files as searches leave them, of monomers and complexes, and files
 * that must not be taken.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness.h"

#define QUERY FIXTURES "/proteins/rnase.fasta"
#define SEARCHED FIXTURES "/proteins/rnase.sto"

/* A chain of 8 residues, with an insertion in the second row, and another one. */
#define CHAIN "MKVLAERT"
#define STO                                                                            \
	"# STOCKHOLM 1.0\n#=GF AU jackhmmer\n\n#=GS hit/1-9 DE [subseq from] a hit\n\n" \
	"query     MKV-LAERT\nhit/1-9   MRVGLAER-\n#=GC RF   xxx.xxxxx\n//\n"
#define A3M ">query\n" CHAIN "\n>hit\nMRVgLAER-\n"
#define OTHER ">b\nGSHMAETRKL\n"

static struct harness *h;

static int
open_plugin(void **state)
{
	(void)state;
	h = harness_open(PLUGIN_DIR "/precomputed_msas.so");
	return 0;
}

static int
close_plugin(void **state)
{
	(void)state;
	harness_close(h);
	return 0;
}

/* The earlier run FOLDER's file, with folders above it. */
static const char *
lay(const char *folder, const char *file, const char *text)
{
	char *path = strdup(harness_path(h, "%s/%s", folder, file));
	for (char *at = path; (at = strchr(at, '/')); *at++ = '/') {
		*at = '\0';
		mkdir(harness_path(h, "%s/%s", harness_dir(h), path), 0755);
	}
	free(path);
	return harness_file(h, harness_path(h, "%s/%s", folder, file), text);
}

/* The next task: the chain of this FASTA file (CHAIN), from the earlier run FOLDER. */
static void
ask(const char *folder, const char *preset, const char *db_preset, const char *chain)
{
	harness_reset(h);
	harness_param(h, "precomputed_msas_dir",
		      harness_path(h, "%s/%s", harness_dir(h), folder));
	harness_param(h, "model_preset", preset);
	harness_param(h, "db_preset", db_preset);
	harness_param(h, "chain", chain);
	harness_param(h, "fasta", harness_file(h, "t1.v2.fasta", ">mine\n" CHAIN "\n"));
	harness_input(h, "query", harness_file(h, "q.fasta", ">query\n" CHAIN "\n"));
}

static const char *
result(const char *port)
{
	return harness_read(h, harness_output(h, port, NULL), NULL);
}

static void
takes_a_monomer(void **state)
{
	(void)state;
	lay("mono", "t1.v2/msas/uniref90_hits.sto", STO);
	lay("mono", "t1.v2/msas/mgnify_hits.sto", STO);
	lay("mono", "t1.v2/msas/bfd_uniref_hits.a3m", A3M);
	ask("mono", "monomer", "full_dbs", "_");
	assert_ok(h);
	assert_string_equal(result("bfd"), A3M);
	/* As a search's truncation leaves it. */
	assert_null(strstr(result("uniref90"), "#=GF"));
	assert_non_null(strstr(result("uniref90"), "#=GS hit/1-9"));
	assert_string_equal(result("uniref90"), result("mgnify"));
	assert_null(harness_output(h, "small_bfd", NULL));
	assert_null(harness_output(h, "uniprot", NULL));
	assert_int_equal(harness_measure(h, "uniref90.rows"), 2);
	assert_int_equal(harness_measure(h, "bfd.rows"), 2);
	assert_null(harness_value(h, "uniref90.rows"));
	/* The other preset has no use for BFD, but for the small one, all of it. */
	lay("mono", "t1.v2/msas/small_bfd_hits.sto", STO);
	ask("mono", "monomer_ptm", "reduced_dbs", "_");
	assert_ok(h);
	assert_string_equal(result("small_bfd"), STO);
	assert_null(harness_output(h, "bfd", NULL));
}

static void
takes_a_chain(void **state)
{
	(void)state;
	static const char *const files[] = {"uniref90_hits.sto", "mgnify_hits.sto",
					    "small_bfd_hits.sto", "uniprot_hits.sto"};
	for (size_t i = 0; i < 4; i++)
		lay("pair", harness_path(h, "t1.v2/msas/C/%s", files[i]), STO);
	ask("pair", "multimer", "reduced_dbs", "C");
	assert_ok(h);
	assert_string_equal(result("uniprot"), STO);
	ask("pair", "multimer", "reduced_dbs", "A");
	assert_fails(h, AF2_CLASS_UNAVAILABLE, "/t1.v2/msas/A/uniref90_hits.sto': No such");
}

/* AlphaFold2 has no UniProt search where there is nothing to pair. */
static void
equal_chains_need_no_uniprot(void **state)
{
	(void)state;
	lay("homo", "t1.v2/msas/A/uniref90_hits.sto", STO);
	lay("homo", "t1.v2/msas/A/mgnify_hits.sto", STO);
	lay("homo", "t1.v2/msas/A/small_bfd_hits.sto", STO);
	ask("homo", "multimer", "reduced_dbs", "A");
	const char *twice = ">a\n" CHAIN "\n>b\nmkvla\nert\n";
	harness_param(h, "fasta", harness_file(h, "t1.v2.fasta", twice));
	assert_int_equal(harness_run_fingerprint(h), AF2_OK);
	assert_null(harness_fingerprint(h, "uniprot"));
	/* One that comes is noticed: by the folder. */
	/* three alignments, the folder where one may come, and what says that it need not */
	assert_int_equal(harness_fingerprint_files(h), 5);
	assert_ok(h);
	assert_null(harness_output(h, "uniprot", NULL));
	ask("homo", "multimer", "reduced_dbs", "A");
	harness_param(h, "fasta",
		      harness_file(h, "t1.v2.fasta", ">a\n" CHAIN "\n" OTHER));
	assert_fails(h, AF2_CLASS_UNAVAILABLE, "/A/uniprot_hits.sto': No such file");
	lay("homo", "t1.v2/msas/A/uniprot_hits.sto", STO);
	ask("homo", "multimer", "reduced_dbs", "A");
	assert_ok(h);
	assert_string_equal(result("uniprot"), STO);
}

/* A search's own output: cut as the search cuts it, and cut again it is the same. */
static void
caps_as_the_searches(void **state)
{
	(void)state;
	const char *searched = harness_read(h, SEARCHED, NULL), *cut = NULL;
	lay("caps", "rnase/msas/uniref90_hits.sto", searched);
	lay("caps", "rnase/msas/mgnify_hits.sto", searched);
	lay("caps", "rnase/msas/small_bfd_hits.sto", searched);
	for (int i = 0; i < 2; i++) {
		harness_reset(h);
		harness_param(h, "precomputed_msas_dir",
			      harness_path(h, "%s/caps", harness_dir(h)));
		harness_param(h, "model_preset", "monomer");
		harness_param(h, "db_preset", "reduced_dbs");
		harness_param(h, "fasta", QUERY);
		harness_param(h, "mgnify_max_hits", "5");
		harness_input(h, "query", QUERY);
		assert_ok(h);
		assert_int_equal(harness_measure(h, "mgnify.rows"), 5);
		assert_true(harness_measure(h, "uniref90.rows") > 5);
		assert_string_equal(result("small_bfd"), searched);
		assert_string_not_equal(result("uniref90"), searched);
		if (i)
			assert_string_equal(result("mgnify"), cut);
		cut = result("mgnify");
		lay("caps", "rnase/msas/mgnify_hits.sto", cut);
	}
}

static void
counts_by_content(void **state)
{
	(void)state;
	lay("one", "t1.v2/msas/uniref90_hits.sto", STO);
	lay("one", "t1.v2/msas/mgnify_hits.sto", STO);
	lay("one", "t1.v2/msas/small_bfd_hits.sto", STO);
	ask("one", "monomer", "reduced_dbs", "_");
	assert_int_equal(harness_run_fingerprint(h), AF2_OK);
	const char *digest = harness_path(h, "%s", harness_fingerprint(h, "mgnify"));
	assert_int_equal(strlen(digest), 64);
	assert_string_equal(harness_fingerprint(h, "uniref90"), digest);
	assert_null(harness_fingerprint(h, "bfd"));
	assert_int_equal(harness_fingerprint_files(h), 3);
	lay("one", "t1.v2/msas/mgnify_hits.sto", STO "\n");
	ask("one", "monomer", "reduced_dbs", "_");
	assert_int_equal(harness_run_fingerprint(h), AF2_OK);
	assert_string_not_equal(harness_fingerprint(h, "mgnify"), digest);
	assert_string_equal(harness_fingerprint(h, "uniref90"), digest);
	/* Where files are, and what they are of, is in no key. */
	static const char *const names[] = {"fasta", "chain", "model_preset", "db_preset"};
	const af2_plugin *plugin = harness_plugin(h);
	for (size_t i = 0; i < 4; i++) {
		int found = 0;
		for (size_t k = 0; k < plugin->param_count; k++)
			found += !strcmp(plugin->params[k].name, names[i]) &&
				 plugin->params[k].flags & AF2_PARAM_NO_RESULT;
		assert_int_equal(found, 1);
	}
}

static void
says_what_is_missing(void **state)
{
	(void)state;
	lay("gone", "t1.v2/msas/uniref90_hits.sto", STO);
	ask("gone", "monomer", "full_dbs", "_");
	assert_fails(h, AF2_CLASS_UNAVAILABLE,
		     "/gone/t1.v2/msas/mgnify_hits.sto': No such file or directory; put "
		     "the earlier run's there, or search anew");
	assert_int_equal(harness_run_fingerprint(h), AF2_FAIL);
	assert_int_equal(harness_class(h), AF2_CLASS_UNAVAILABLE);
	const char *second = lay("gone", "t1.v2/msas/mgnify_hits.sto", "");
	ask("gone", "monomer", "full_dbs", "_");
	assert_fails(h, AF2_CLASS_UNAVAILABLE, "it is empty");
	unlink(second);
	mkdir(second, 0755);
	ask("gone", "monomer", "full_dbs", "_");
	assert_fails(h, AF2_CLASS_UNAVAILABLE, "it is no file");
	/* Another target's folder is not this one's. */
	ask("gone", "monomer", "full_dbs", "_");
	harness_param(h, "fasta", harness_file(h, "t2.fasta", ">x\n" CHAIN "\n"));
	assert_fails(h, AF2_CLASS_UNAVAILABLE, "/gone/t2/msas/uniref90_hits.sto': No such");
}

static void
refuses_what_is_not_whole(void **state)
{
	(void)state;
	static const struct {
		const char *file, *text, *says;
	} cases[] = {
		{"uniref90_hits.sto", "# STOCKHOLM 1.0\n\nquery " CHAIN "\n", "truncated"},
		{"uniref90_hits.sto", A3M, "no Stockholm file"},
		{"mgnify_hits.sto", "# STOCKHOLM 1.0\n//\n", "without rows"},
		{"mgnify_hits.sto",
		 "# STOCKHOLM 1.0\n\nquery " CHAIN "\nhit MK\n//\n", "'hit' has 2 columns"},
		{"mgnify_hits.sto", "# STOCKHOLM 1.0\n\nquery MKV2LAERT\n//\n",
		 "neither letter nor gap"},
		{"mgnify_hits.sto", STO STO, "a second alignment"},
		{"bfd_uniref_hits.a3m", STO, "it does not start with '>'"},
		{"bfd_uniref_hits.a3m", ">query\n" CHAIN "\n>hit\nMRVgL\n", "4 columns"},
		{"bfd_uniref_hits.a3m", ">query\n" CHAIN "\n>hit\n", "0 columns"},
		{"bfd_uniref_hits.a3m", ">query\nMKV-LAERT\n", "has a gap"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		lay("bad", "t1.v2/msas/uniref90_hits.sto", STO);
		lay("bad", "t1.v2/msas/mgnify_hits.sto", STO);
		lay("bad", "t1.v2/msas/bfd_uniref_hits.a3m", A3M);
		lay("bad", harness_path(h, "t1.v2/msas/%s", cases[i].file), cases[i].text);
		ask("bad", "monomer", "full_dbs", "_");
		assert_fails(h, AF2_CLASS_PERMANENT, cases[i].says);
		assert_non_null(strstr(harness_message(h), cases[i].file));
		assert_null(strchr(harness_message(h), '\n'));
	}
}

static void
refuses_another_sequence(void **state)
{
	(void)state;
	static const struct {
		const char *query, *says;
	} cases[] = {
		{"MKVLAERW", "'%s' is an alignment of another sequence: its first row has T "
			     "as residue 8, the chain W; give the folder"},
		{"MKVLAER", "'%s' is an alignment of another sequence: its first row has 8 "
			    "residues, the chain 7; give the folder"},
		{"MKVLAERTA", "'%s' is an alignment of another sequence: its first row has 8 "
			      "residues, the chain 9; give the folder"},
		/* Tools write another letter for an unusual one. */
		{"MKVLAUXT", NULL},
	};
	const char *file = lay("stale", "t1.v2/msas/uniref90_hits.sto", STO);
	lay("stale", "t1.v2/msas/mgnify_hits.sto", STO);
	lay("stale", "t1.v2/msas/bfd_uniref_hits.a3m", A3M);
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		ask("stale", "monomer", "full_dbs", "_");
		harness_file(h, "q.fasta", harness_path(h, ">query\n%s\n", cases[i].query));
		if (!cases[i].says) {
			assert_ok(h);
			continue;
		}
		const char *rest = cases[i].says + strlen("'%s'");
		assert_fails(h, AF2_CLASS_PERMANENT, harness_path(h, "'%s'%s", file, rest));
	}
	/* Each file is looked at. */
	lay("stale", "t1.v2/msas/bfd_uniref_hits.a3m", ">query\nMKVLAERW\n");
	ask("stale", "monomer", "full_dbs", "_");
	assert_fails(h, AF2_CLASS_PERMANENT, "bfd_uniref_hits.a3m' is an alignment of");
	ask("stale", "monomer", "full_dbs", "_");
	harness_file(h, "q.fasta", ">a\n" CHAIN "\n" OTHER);
	assert_fails(h, AF2_CLASS_PERMANENT, "expand=\"chain in instance.chains\"");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_a_monomer),
		cmocka_unit_test(takes_a_chain),
		cmocka_unit_test(equal_chains_need_no_uniprot),
		cmocka_unit_test(caps_as_the_searches),
		cmocka_unit_test(counts_by_content),
		cmocka_unit_test(says_what_is_missing),
		cmocka_unit_test(refuses_what_is_not_whole),
		cmocka_unit_test(refuses_another_sequence),
	};
	return cmocka_run_group_tests(tests, open_plugin, close_plugin);
}

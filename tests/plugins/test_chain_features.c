/* SPDX-License-Identifier: Apache-2.0
 *
 * chain_features and assemble_features: what they ask for, and what they hand to the
 * worker (a stand-in that writes its arguments into the output). What the real worker
 * makes is in test_features_alphafold.py.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include <cmocka.h>

#include "harness.h"
#include "small_db.h"

static struct harness *chain, *assemble;

/* An interpreter that runs another script in place of the stage's. */
static const char *
stand_in(struct harness *h)
{
	const char *script = harness_file(
		h, "stand_in.py",
		"def tell(request):\n"
		"    with open(request.text('output'), 'w') as out:\n"
		"        for name, value in sorted(request.args.items()):\n"
		"            out.write('%s=%s\\n' % (name, value))\n"
		"METHODS = {'chain': tell, 'assemble': tell}\n"
		"def versions():\n"
		"    return {'alphafold': ('9.9', __file__)}\n");
	return fake_program(
		h, "python",
		harness_path(h,
			     "#!/bin/sh\n" /* -B WORKER [--versions] STAGE */
			     "test \"$3\" = --versions && v=--versions\n"
			     "exec /usr/bin/python3 -B \"$2\" $v %s\n",
			     script));
}

static int
open_plugins(void **state)
{
	(void)state;
	chain = harness_open(PLUGIN_DIR "/chain_features.so");
	return 0;
}

static int
close_plugins(void **state)
{
	(void)state;
	harness_close(chain);
	return 0;
}

static void
give(void)
{
	static const char *python;
	if (!python)
		python = stand_in(chain);
	harness_reset(chain);
	harness_param(chain, "python", python);
	harness_param(chain, "db_preset", "full_dbs");
	harness_param(chain, "model_preset", "monomer");
	harness_input(chain, "query", harness_file(chain, "query.fasta", ">q\nMKV\n"));
	harness_input(chain, "uniref90", harness_file(chain, "u.sto", "u"));
	harness_input(chain, "mgnify", harness_file(chain, "m.sto", "m"));
}

static void
give_templates(void)
{
	give();
	harness_input(chain, "hits", harness_file(chain, "hits.hhr", "h"));
	harness_param(chain, "template_mmcif_dir", harness_dir(chain));
	harness_param(chain, "max_template_date", "2020-05-14");
	harness_param(chain, "kalign_binary_path", "cat");
}

static const char *
told(struct harness *h)
{
	return harness_read(h, harness_output(h, "features", NULL), NULL);
}

static void
hands_on(void **state)
{
	(void)state;
	give_templates();
	harness_param(chain, "model_preset", "multimer");
	harness_param(chain, "max_template_hits", "7");
	harness_input(chain, "uniprot", harness_file(chain, "p.sto", "p"));
	assert_ok(chain);
	static const char *const lines[] = {
		"bfd=\n",
		"hits.hhr\n",
		"/cat\n",
		"\nmax_template_date=2020-05-14\n",
		"\nmax_template_hits=7\n",
		"\nmgnify_max_hits=501\n",
		"\nmodel_preset=multimer\n",
		"\nsmall_bfd=\n",
		"\nuniprot_max_hits=50000\n",
		"p.sto\n",
		"\nuniref_max_hits=10000\n",
		"\nuse_templates=1\n",
	};
	for (size_t i = 0; i < sizeof(lines) / sizeof(*lines); i++)
		if (!strstr(told(chain), lines[i]))
			fail_msg("no '%s' in:\n%s", lines[i], told(chain));
}

static void
does_without_templates(void **state)
{
	(void)state;
	/* Without hits, or not wanted: nothing else is asked for. */
	give();
	assert_ok(chain);
	assert_non_null(strstr(told(chain), "\nhits=\n"));
	give();
	harness_input(chain, "hits", harness_file(chain, "hits.hhr", "h"));
	harness_param(chain, "use_templates", "no");
	harness_param(chain, "kalign_binary_path", "/nonexistent/kalign");
	assert_ok(chain);
	assert_non_null(strstr(told(chain), "\nhits=\n"));
	assert_int_equal(harness_run_fingerprint(chain), AF2_OK);
	assert_null(harness_fingerprint(chain, "template_mmcif_dir"));
	assert_string_equal(harness_fingerprint(chain, "alphafold"), "9.9");
}

static void
asks_for_what_templates_need(void **state)
{
	(void)state;
	static const struct {
		const char *name, *value, *says;
	} cases[] = {
		{"template_mmcif_dir", "", "give template_mmcif_dir=DIR"},
		{"max_template_date", "", "give max_template_date=YYYY-MM-DD"},
		{"max_template_date", "2020-02-30", "'2020-02-30' is no date"},
		{"kalign_binary_path", "/nonexistent/kalign",
		 "cannot find the program '/nonexistent/kalign'"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		give_templates();
		harness_param(chain, cases[i].name, cases[i].value);
		assert_outcome(chain, AF2_FAIL);
		assert_non_null(strstr(harness_message(chain), cases[i].says));
		give_templates();
		harness_param(chain, cases[i].name, cases[i].value);
		assert_int_equal(harness_run_fingerprint(chain), AF2_FAIL);
		assert_non_null(strstr(harness_message(chain), cases[i].says));
	}
}

/* The fingerprint of the folder of structures, which h owns; NULL if it has none. */
static const char *
folder_print(const char *version)
{
	give_templates();
	harness_param(chain, "kalign_binary_path", "kalign");
	harness_param(chain, "template_mmcif_version", version);
	if (harness_run_fingerprint(chain) != AF2_OK)
		fail_msg("%s", harness_message(chain));
	const char *print = harness_fingerprint(chain, "template_mmcif_dir");
	return print ? harness_path(chain, "%s", print) : NULL;
}

static void
knows_its_folder(void **state)
{
	(void)state;
	/* Times far apart, so that the clock's steps do not matter. */
	struct timespec old[2] = {{.tv_sec = 1000000000}, {.tv_sec = 1000000000}};
	harness_file(chain, "1abc.cif", "data_1abc\n");
	assert_int_equal(utimensat(-1, harness_dir(chain), old, 0), 0);
	const char *first = folder_print("");
	assert_non_null(first);
	assert_non_null(harness_fingerprint(chain, "kalign.version"));
	harness_file(chain, "2abc.cif", "data_2abc\n");
	assert_string_not_equal(folder_print(""), first);
	/* A name that the user gives is a parameter, and counts as one. */
	assert_null(folder_print("2023-01"));
}

static void
presets_of_monomers_are_one(void **state)
{
	(void)state;
	static const char *const presets[][2] = {{"monomer", "monomer"},
						 {"monomer_ptm", "monomer"},
						 {"monomer_casp14", "monomer"},
						 {"multimer", "multimer"}};
	for (size_t i = 0; i < 4; i++) {
		give();
		harness_param(chain, "use_templates", "no");
		harness_param(chain, "model_preset", presets[i][0]);
		assert_int_equal(harness_run_fingerprint(chain), AF2_OK);
		assert_string_equal(harness_fingerprint(chain, "system"),
				    presets[i][1]);
	}
}

static void
says_what_is_missing(void **state)
{
	(void)state;
	/* The system's own Python has none of the packages. */
	give();
	harness_param(chain, "python", "/usr/bin/python3");
	harness_param(chain, "use_templates", "no");
	assert_int_equal(harness_run_fingerprint(chain), AF2_FAIL);
	assert_int_equal(harness_class(chain), AF2_CLASS_UNAVAILABLE);
	assert_non_null(strstr(harness_message(chain), "no module named 'alphafold'"));
}

/* One harness at a time: the last test, with the other plugin. */
static void
assembles(void **state)
{
	(void)state;
	harness_close(chain);
	chain = NULL;
	assemble = harness_open(PLUGIN_DIR "/assemble_features.so");
	struct harness *h = assemble;
	harness_param(h, "python", stand_in(h));
	harness_param(h, "model_preset", "multimer");
	harness_input(h, "features", harness_file(h, "a.pkl", "a"));
	harness_input(h, "features", harness_file(h, "b.pkl", "b"));
	harness_input(h, "chain_map", harness_file(h, "map.json", "{}"));
	assert_ok(h);
	assert_non_null(strstr(told(h), "a.pkl', '"));
	assert_non_null(strstr(told(h), "b.pkl']\n"));
	assert_non_null(strstr(told(h), "\nmodel_preset=multimer\n"));
	assert_int_equal(harness_run_fingerprint(h), AF2_OK);
	assert_string_equal(harness_fingerprint(h, "system"), "multimer");
	harness_close(h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(hands_on),
		cmocka_unit_test(does_without_templates),
		cmocka_unit_test(asks_for_what_templates_need),
		cmocka_unit_test(knows_its_folder),
		cmocka_unit_test(presets_of_monomers_are_one),
		cmocka_unit_test(says_what_is_missing),
		cmocka_unit_test(assembles),
	};
	return cmocka_run_group_tests(tests, open_plugins, close_plugins);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* wrap: command lines inside wrappers. */
#include "base/mem.h"
#include "base/str.h"
#include "model/wrap.h"
#include "stages.h"

static const char *const argv[] = {"tool", "${bind}", "-x", NULL};

/* The command line as one text. */
static void
becomes(const char *wrap, const struct words *binds, const char *want)
{
	struct words w = {0}, out = {0};
	struct str all = {0};
	struct error e = {0};

	assert_int_equal(words_split_posix(&w, wrap), 0);
	assert_null(wrap_problem(&w));
	assert_int_equal(wrap_command(&w, binds, argv, &out, &e), 0);
	for (size_t i = 0; i < out.count; i++)
		str_printf(&all, "%s%s", i ? "|" : "", out.v[i]);
	assert_string_equal(all.s, want);
	str_free(&all);
	words_free(&out);
	words_free(&w);
}

static void
test_commands(void **state)
{
	struct words binds = {0}, none = {0};

	(void)state;
	wrap_bind(&binds, "/store", 0);
	wrap_bind(&binds, "/store/tmp", 0);
	wrap_bind(&binds, "/data", 0);
	wrap_bind(&binds, "/store/tmp", 1);
	wrap_bind(&binds, "/store/tmp", 0);
	becomes("apptainer exec --nv a.sif", &binds,
		"apptainer|exec|--bind|/store:/store:ro,/store/tmp:/store/tmp,/data:/data:ro|"
		"--nv|a.sif|tool|${bind}|-x");
	becomes("/opt/bin/singularity -q run a.sif", &none,
		"/opt/bin/singularity|-q|run|a.sif|tool|${bind}|-x");
	becomes("podman run --volume=${bind} i", &binds,
		"podman|run|--volume=/store:/store:ro|--volume=/store/tmp:/store/tmp|"
		"--volume=/data:/data:ro|i|tool|${bind}|-x");
	becomes("apptainer exec -B /scratch,${binds} i", &binds,
		"apptainer|exec|-B|/scratch,/store:/store:ro,/store/tmp:/store/tmp,"
		"/data:/data:ro|i|tool|${bind}|-x");
	becomes("ch-run -b${bind} i --", &none, "ch-run|i|--|tool|${bind}|-x");
	becomes("nice -n 5", &binds, "nice|-n|5|tool|${bind}|-x");
	words_free(&binds);
}

static void
test_names(void **state)
{
	const char *const bad[] = {"/a:b", "/a,b"};

	(void)state;
	for (int i = 0; i < 2; i++) {
		struct words w = {0}, binds = {0}, out = {0};
		struct error e = {0};

		words_split_posix(&w, "apptainer exec i");
		wrap_bind(&binds, bad[i], 0);
		assert_int_equal(wrap_command(&w, &binds, argv, &out, &e), -1);
		assert_non_null(strstr(e.text, bad[i]));
		words_free(&binds);
		words_free(&out);
		words_free(&w);
	}
}

static void
test_images(void **state)
{
	static const struct {
		const char *wrap;
		int has_image;
	} rows[] = {{"apptainer exec i", 1}, {"/x/singularity run i", 1},
		    {"podman run ${bind} i", 1}, {"nice -n 5", 0}, {"ch-run i --", 0}};

	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		struct words w = {0};

		words_split_posix(&w, rows[i].wrap);
		assert_int_equal(wrap_has_image(&w), rows[i].has_image);
		words_free(&w);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_commands),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_images),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

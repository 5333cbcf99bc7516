/* SPDX-License-Identifier: Apache-2.0
 *
 * Stage plugin padded_length, with its worker: any Python will do.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "harness.h"

#define CHAINS "{\"A\": {\"name\": \"zuc\", \"length\": 170}, \"B\": {\"length\": 30}}"

/* A warm plugin, about to take the chains `text` into `bucket`. */
static void
give(struct harness *h, const char *bucket, const char *text)
{
	harness_reset(h);
	harness_param(h, "bucket", bucket);
	harness_input(h, "chain_map", harness_file(h, "chains.json", text));
}

static void
expect_length(struct harness *h, const char *bucket, const char *want)
{
	give(h, bucket, CHAINS);
	assert_ok(h);
	assert_string_equal(harness_read(h, harness_output(h, "length", NULL), NULL), want);
	assert_true(harness_measure(h, "residues") == 200);
}

/* Multiples, a list, a target beyond the list, none. */
static void
pads_all_chains(void **state)
{
	struct harness *h = harness_open(PLUGIN_DIR "/padded_length.so");

	(void)state;
	expect_length(h, "64", "{\"length\": 256}\n");
	expect_length(h, "50", "{\"length\": 200}\n");
	expect_length(h, "128,224 512", "{\"length\": 224}\n");
	expect_length(h, "128,192", "{\"length\": 200}\n");
	expect_length(h, "", "{\"length\": 200}\n");
	/* A value would tell readers of a target that has another name. */
	assert_null(harness_value(h, "residues"));
	harness_close(h);
}

static void
refuses_bad_input(void **state)
{
	static const char *const bad[] = {"", "[]", "{\"A\": {}}", "{\"A\": 3}",
					  "{\"A\": {\"length\": \"x\"}}"};
	struct harness *h = harness_open(PLUGIN_DIR "/padded_length.so");

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		give(h, "64", bad[i]);
		assert_fails(h, AF2_CLASS_PERMANENT, "cannot read chains");
		assert_non_null(strstr(harness_message(h), "chains.json"));
	}
	give(h, "-64", CHAINS);
	assert_fails(h, AF2_CLASS_PERMANENT, "'bucket' is no list of lengths: '-64'");
	harness_close(h);
}

/* By `check`, before anything runs. */
static void
bad_buckets_are_told_first(void **state)
{
	static const char *const good[] = {"", "64", "128,224 512"};
	static const char *const bad[] = {"-64", "abc", "64;128", "1e3"};
	struct harness *h = harness_open(PLUGIN_DIR "/padded_length.so");

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		give(h, good[i], CHAINS);
		assert_int_equal(harness_run_fingerprint(h), AF2_OK);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		give(h, bad[i], CHAINS);
		assert_int_equal(harness_run_fingerprint(h), AF2_FAIL);
		assert_int_equal(harness_class(h), AF2_CLASS_PERMANENT);
		assert_non_null(strstr(harness_message(h), bad[i]));
	}
	harness_close(h);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(pads_all_chains),
		cmocka_unit_test(refuses_bad_input),
		cmocka_unit_test(bad_buckets_are_told_first),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The DOT text of pictures: shape, states, quoting. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "view/graph_dot.h"

static void
assert_has(const struct str *b, const char *text)
{
	if (!strstr(b->s, text))
		fail_msg("no '%s' in:\n%s", text, b->s);
}

static void
nothing_to_draw(void **state)
{
	struct str b = {0};

	(void)state;
	graph_dot(&b, "", NULL, 0, NULL, 0);
	assert_has(&b, "digraph \"\" {");
	assert_string_equal(b.s + b.len - 2, "}\n");
	str_free(&b);
}

static void
edges_out_of_range(void **state)
{
	const struct pic_node v[] = {{.id = "a"}, {.id = "b"}};
	const struct pic_edge e[] = {{0, 2, 0}, {7, 1, 0}, {0, 1, 0}, {1, 0, 1}};
	struct str b = {0};
	int arrows = 0;

	(void)state;
	graph_dot(&b, "t", v, 2, e, 4);
	for (const char *p = b.s; (p = strstr(p, "->")); p++)
		arrows++;
	assert_int_equal(arrows, 2);
	assert_has(&b, "\t\"a\" -> \"b\";\n");
	assert_has(&b, "\t\"b\" -> \"a\" [style=dashed];\n");
	str_free(&b);
}

static void
labels_and_tooltips(void **state)
{
	const struct pic_node v[] = {
		{.id = "predict[model=3]", .label = "predict", .state = "failed",
		 .detail = "1m05s"},
		{.id = "x", .state = "done"},
		{.id = "y", .detail = "5 tasks"},
	};
	struct str b = {0};

	(void)state;
	graph_dot(&b, "run", v, 3, NULL, 0);
	assert_has(&b, "\"predict[model=3]\" [label=\"predict\\nfailed, 1m05s\", "
	               "tooltip=\"predict[model=3]: failed, 1m05s\"");
	assert_has(&b, "\"x\" [label=\"x\\ndone\", tooltip=\"x: done\"");
	assert_has(&b, "\"y\" [label=\"y\\n5 tasks\", tooltip=\"y: 5 tasks\"");
	assert_has(&b, "penwidth=2.5]");
	str_free(&b);
}

/* Every state has a fill and an outline that no other has. */
static void
states_differ(void **state)
{
	const char *states[] = {"", "waiting", "ready", "running", "done", "cached",
	                        "failed", "skipped", "off", "blocked", "cancelled"};
	char *looks[11];

	(void)state;
	for (int i = 0; i < 11; i++) {
		struct pic_node v = {.id = "n", .label = "n", .state = states[i]};
		struct str b = {0};

		graph_dot(&b, "t", &v, 1, NULL, 0);
		looks[i] = strdup(strstr(b.s, "style=\""));
		*strchr(looks[i], ';') = '\0';
		for (int k = 0; k < i; k++)
			assert_string_not_equal(looks[i], looks[k]);
		str_free(&b);
	}
	for (int i = 0; i < 11; i++)
		free(looks[i]);
}

static void
hostile_texts(void **state)
{
	const struct pic_node v[] = {{.id = "a\"b\\", .label = "1\n2\t3\x01\xff\xc3\xa9\x7f"}};
	const struct pic_edge e[] = {{0, 0, 0}};
	struct str b = {0};

	(void)state;
	graph_dot(&b, "q\"", v, 1, e, 1);
	assert_has(&b, "digraph \"q\\\"\" {");
	assert_has(&b, "\"a\\\"b\\\\\" -> \"a\\\"b\\\\\";");
	assert_has(&b, "label=\"1\\n2 3??\xc3\xa9?\"");
	str_free(&b);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_to_draw),
		cmocka_unit_test(edges_out_of_range),
		cmocka_unit_test(labels_and_tooltips),
		cmocka_unit_test(states_differ),
		cmocka_unit_test(hostile_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* dot_read: what comes out of a DOT file, with its lines; bad texts end with an
 * error. */
#include "base/mem.h"
#include "base/str.h"
#include "stages.h"

static struct dot_graph *
read_text(const char *text, struct diags *d)
{
	return dot_read_text("x.dot", text, strlen(text), d);
}

static void
refused_bytes(const char *text, size_t len, int line, const char *message)
{
	struct diags d = {0};

	assert_null(dot_read_text("x.dot", text, len, &d));
	assert_true(d.errors >= 1);
	assert_non_null(find_diag(&d, message));
	assert_int_equal(find_diag(&d, message)->line, line);
	diags_free(&d);
}

static void
refused(const char *text, int line, const char *message)
{
	refused_bytes(text, strlen(text), line, message);
}

/* A good text is read well, whatever was read before. */
static void
still_reads(void)
{
	struct diags d = {0};
	struct dot_graph *g = read_text("digraph ok {\n a -> b\n}\n", &d);

	assert_non_null(g);
	assert_int_equal(d.count, 0);
	assert_int_equal(g->node_count, 2);
	assert_int_equal(g->edge_count, 1);
	assert_int_equal(g->edges[0].line, 2);
	dot_free(g);
}

static void
test_files(void **state)
{
	struct diags d = {0};
	char *folder = make_folder(), *path = path_join(folder, "empty.dot");
	struct error e = {0};

	(void)state;
	assert_null(dot_read("/nonexistent/x.dot", &d));
	assert_non_null(find_diag(&d, "No such file"));
	assert_null(dot_read(folder, &d));
	assert_non_null(find_diag(&d, "folder"));
	write_text(folder, "empty.dot", "");
	assert_null(dot_read(path, &d));
	assert_non_null(find_diag(&d, "empty"));
	assert_int_equal(d.errors, 3);
	diags_free(&d);
	fs_remove_tree(folder, &e);
	free(path);
	free(folder);
	still_reads();
}

static void
test_refused(void **state)
{
	(void)state;
	refused("", 0, "empty");
	refused(" \n// nothing\n", 0, "empty");
	refused("\xff\xd8\xff\xe0", 1, "UTF-8");
	refused_bytes("digraph {\na\0b\n}", 15, 2, "NUL");
	refused("graph { a }", 1, "undirected");
	refused("strict digraph { a }", 1, "strict");
	refused("digraph {\n a -- b\n}", 2, "undirected edge");
	refused("digraph { a [x=<b>] }", 1, "HTML");
	refused("digraph { a }\n\ngarbage", 3, "behind the end");
	refused("digraph { a }\ndigraph { b }", 2, "second graph");
	refused("digraph {\n a [x=1\n", 1, "never ends");
	refused("digraph { a = }", 1, "syntax error");
	refused("digraph {\n\n a -> ;\n}", 3, "syntax error");
	refused("digraph", 1, "never ends");
	still_reads();
}

static void
test_places(void **state)
{
	struct diags d = {0};

	(void)state;
	assert_null(read_text("digraph {\n  \303\244\303\266 [mem=16G];\n}", &d));
	assert_int_equal(d.count, 1);
	assert_int_equal(d.items[0].line, 2);
	assert_int_equal(d.items[0].column, 11); /* characters, not bytes */
	assert_string_equal(d.items[0].token, "16G");
	assert_string_equal(d.items[0].hint, "quote it: \"16G\"");
	diags_free(&d);
}

/* cgraph gives a graph cut short, without an error of its own kind, for each of
 * these. */
static void
test_truncated(void **state)
{
	struct str s = {0};

	(void)state;
	str_add(&s, "digraph {");
	for (int i = 0; i < 9000; i++)
		str_addc(&s, '{');
	str_addc(&s, 'a');
	for (int i = 0; i < 9000; i++)
		str_addc(&s, '}');
	str_addc(&s, '}');
	refused(s.s, 1, "too deeply");
	str_reset(&s);
	str_add(&s, "digraph { a0");
	for (int i = 1; i < 50000; i++)
		str_printf(&s, "->a%d", i);
	str_add(&s, "}");
	refused(s.s, 1, "too deeply");
	str_free(&s);
	still_reads();
}

static void
test_large(void **state)
{
	struct diags d = {0};
	struct str s = {0};
	struct dot_graph *g;

	(void)state;
	str_add(&s, "digraph { x=\"");
	for (int i = 0; i < 40000; i++)
		str_addc(&s, 'y');
	str_add(&s, "\";\n");
	for (int i = 0; i < 20000; i++)
		str_printf(&s, "n%d\n", i);
	str_add(&s, "}");
	g = dot_read_text("x.dot", s.s, s.len, &d);
	assert_non_null(g);
	assert_int_equal(g->node_count, 20000);
	assert_int_equal(strlen(g->attrs[0].value), 40000);
	for (int i = 0; i < 20000; i++)
		assert_int_equal(g->nodes[i].line, i + 2);
	dot_free(g);
	str_free(&s);
	refused_bytes("", DOT_MAX_BYTES + 1ul, 0, "too large");
}

static void
check_node(const struct dot_graph *g, size_t i, const char *name, int line,
	   size_t attrs)
{
	assert_string_equal(g->nodes[i].name, name);
	assert_int_equal(g->nodes[i].line, line);
	assert_int_equal(g->nodes[i].attr_count, attrs);
}

static void
check_edge(const struct dot_graph *g, size_t i, const char *from, const char *to,
	   int line)
{
	assert_string_equal(g->nodes[g->edges[i].from].name, from);
	assert_string_equal(g->nodes[g->edges[i].to].name, to);
	assert_int_equal(g->edges[i].line, line);
}

static void
test_content(void **state)
{
	static const char text[] = "digraph \"my graph\" {\n" /* 1 */
				   "  graph [fasta=\"\", data=\"/d\"]\n"
				   "  node [retries=1]\n"
				   "  a\n" /* 4 */
				   "  b  /* two\n"
				   "        lines */\n"
				   "\n"
				   "# 77 \"other\"\n"
				   "  c [text=\"x\\\"y\\\n" /* 9 */
				   "z\",\n"
				   "     n=3]\n"
				   "  a -> b\n" /* 12 */
				   "\n"
				   "  b -> c -> {d e}\n"
				   "    [order=true]\n"
				   "  subgraph s { own=1; f }\n" /* 16 */
				   "}\n";
	struct diags d = {0};
	struct dot_graph *g = read_text(text, &d);

	(void)state;
	assert_non_null(g);
	assert_int_equal(d.count, 0);
	assert_string_equal(g->name, "my graph");
	assert_string_equal(g->attrs[0].name, "fasta");
	assert_string_equal(g->attrs[0].value, "");
	assert_string_equal(g->attrs[1].value, "/d");
	assert_int_equal(g->inner_count, 1);
	assert_string_equal(g->inner_attrs[0].name, "own");
	assert_int_equal(g->node_count, 6);
	check_node(g, 0, "a", 4, 1);
	check_node(g, 1, "b", 5, 1);
	check_node(g, 2, "c", 9, 3);
	check_node(g, 3, "d", 14, 1);
	check_node(g, 5, "f", 16, 1);
	for (size_t i = 0; i < 3; i++)
		if (strcmp(g->nodes[2].attrs[i].name, "text") == 0)
			assert_string_equal(g->nodes[2].attrs[i].value, "x\"yz");
	assert_int_equal(g->edge_count, 4);
	check_edge(g, 0, "a", "b", 12);
	check_edge(g, 1, "b", "c", 14);
	check_edge(g, 2, "c", "d", 14);
	check_edge(g, 3, "c", "e", 14);
	assert_int_equal(g->edges[0].attr_count, 0);
	assert_int_equal(g->edges[3].attr_count, 1);
	dot_free(g);
	dot_free(NULL);
}

static void
test_place_tokens(void **state)
{
	static const char text[] =
		"digraph {\n a [cpus=1,\n   gpus=x]\n b [gpus=y]\n}\n";
	struct diags d = {0};

	(void)state;
	diags_add(&d, SEV_ERROR, "x", 2, "gpus", NULL, "one");
	diags_add(&d, SEV_ERROR, "x", 2, "memory", NULL, "not there");
	diags_add(&d, SEV_ERROR, "x", 4, "gpus", NULL, "two");
	diags_add(&d, SEV_ERROR, "x", 0, "gpus", NULL, "no line");
	dot_place(text, strlen(text), &d);
	assert_int_equal(d.items[0].line, 3);
	assert_int_equal(d.items[0].column, 4);
	assert_int_equal(d.items[1].line, 2);
	assert_int_equal(d.items[1].column, 0);
	assert_int_equal(d.items[2].line, 4);
	assert_int_equal(d.items[2].column, 5);
	assert_int_equal(d.items[3].line, 0);
	diags_free(&d);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_files),        cmocka_unit_test(test_refused),
		cmocka_unit_test(test_places),       cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_large),        cmocka_unit_test(test_content),
		cmocka_unit_test(test_place_tokens),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

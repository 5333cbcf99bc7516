/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures drawn in a process of their own. This program is started again for it; a
 * graph file that says so makes it hang, crash or say nothing instead.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/mem.h"
#include "view/graph_dot.h"
#include "view/graph_draw.h"

struct place {
	char *dir, *svg;
};

static int
make_place(void **state)
{
	const char *tmp = getenv("TMPDIR");
	struct place *p = xcalloc(1, sizeof *p);

	p->dir = xasprintf("%s/af2flow-draw-XXXXXX", tmp ? tmp : "/tmp");
	if (!mkdtemp(p->dir))
		return -1;
	p->svg = path_join(p->dir, "graph.svg");
	*state = p;
	return 0;
}

static int
remove_place(void **state)
{
	struct place *p = *state;
	int rc = fs_remove_tree(p->dir, NULL);

	free(p->dir);
	free(p->svg);
	free(p);
	return rc;
}

/* Refused with a text, and the folder as empty as before. */
static void
assert_refused(const struct place *p, const char *dot, double timeout, const char *text)
{
	struct error e = {0};

	assert_int_equal(graph_draw_svg(dot, p->svg, timeout, &e), -1);
	if (!strstr(e.text, text))
		fail_msg("'%s' does not tell '%s'", e.text, text);
	assert_null(strchr(e.text, '\n'));
	assert_int_equal(rmdir(p->dir), 0);
	assert_int_equal(fs_mkdirs(p->dir, NULL), 0);
}

static void
bad_graphs(void **state)
{
	const struct place *p = *state;
	struct error e = {0};

	assert_refused(p, "", 0, "cannot draw the graph: the graph cannot be read");
	assert_refused(p, "digraph { a -> ", 0, "the graph cannot be read: ");
	assert_int_equal(graph_draw_svg("digraph{}", "/nonexistent/x.svg", 0, &e), -1);
	assert_non_null(strstr(e.text, "/nonexistent"));
}

static void
too_many_nodes(void **state)
{
	struct str b = {0};

	str_add(&b, "digraph {");
	for (int i = 0; i <= GRAPH_DRAW_MAX_NODES; i++)
		str_printf(&b, "n%d;", i);
	str_add(&b, "}");
	assert_refused(*state, b.s, 0, "3001 nodes are too many to draw (at most 3000)");
	str_free(&b);
}

static void
hang_and_crash(void **state)
{
	assert_refused(*state, "// hang", 0.3, "took more than 0.3 s");
	assert_refused(*state, "// crash", 0, "died of signal 6");
	assert_refused(*state, "// silent", 0, "no reason given");
}

static void
a_picture(void **state)
{
	const struct pic_node v[] = {
		{.id = "instance", .state = "done"},
		{.id = "mgnify", .label = "mgnify <&>", .state = "running"},
		{.id = "b\\\"", .state = "waiting", .detail = "\xc3\xa9"},
	};
	const struct pic_edge edges[] = {{0, 1, 0}, {1, 2, 1}};
	const struct place *p = *state;
	struct str dot = {0};
	struct error e = {0};
	size_t len;
	char *svg;

	graph_dot(&dot, "a run", v, 3, edges, 2);
	if (graph_draw_svg(dot.s, p->svg, 0, &e))
		fail_msg("%s", e.text);
	svg = fs_read_file(p->svg, 0, &len, &e);
	assert_non_null(svg);
	assert_non_null(strstr(svg, "</svg>"));
	assert_non_null(strstr(svg, ">mgnify &lt;&amp;&gt;</text>"));
	assert_non_null(strstr(svg, ">b\\&quot;</text>"));
	assert_non_null(strstr(svg, ">waiting, \xc3\xa9</text>"));
	assert_non_null(strstr(svg, "#fff1c2")); /* the fill of "running" */
	assert_non_null(strstr(svg, "a run"));
	free(svg);
	/* A failure leaves the picture that was there. */
	assert_int_equal(graph_draw_svg("// silent", p->svg, 0, NULL), -1);
	svg = fs_read_file(p->svg, 0, &len, &e);
	assert_non_null(svg);
	free(svg);
	str_free(&dot);
}

static int
as_layout(char **argv)
{
	char *text = fs_read_file(argv[2], 0, NULL, NULL);
	int silent;

	if (!text || strcmp(text, "// hang") == 0)
		sleep(30);
	if (!text || strcmp(text, "// crash") == 0)
		abort();
	silent = strcmp(text, "// silent") == 0;
	free(text);
	return silent ? 1 : graph_draw_main(argv[2], argv[3]);
}

/* Graphviz and what it loads leak once a process; not this program's. */
const char *__asan_default_options(void);
const char *
__asan_default_options(void)
{
	return "detect_leaks=1:handle_abort=0";
}

const char *__lsan_default_suppressions(void);
const char *
__lsan_default_suppressions(void)
{
	return "leak:libgvc\nleak:libcgraph\nleak:libpango\nleak:libfontconfig\n"
	       "leak:libglib\nleak:libltdl\nleak:libgvplugin\n";
}

#define WITH_PLACE(f) cmocka_unit_test_setup_teardown(f, make_place, remove_place)

int
main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		WITH_PLACE(bad_graphs),
		WITH_PLACE(too_many_nodes),
		WITH_PLACE(hang_and_crash),
		WITH_PLACE(a_picture),
	};

	if (argc == 4 && strcmp(argv[1], "graph-draw") == 0)
		return as_layout(argv);
	return cmocka_run_group_tests(tests, NULL, NULL);
}

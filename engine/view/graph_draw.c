/* SPDX-License-Identifier: Apache-2.0 */
/* The layout itself; see graph_draw_spawn.c for the process around it. The only engine
 * file that includes gvc.h.
 */
#include "view/graph_draw.h"

#include <graphviz/gvc.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>

static int
complain(const char *text, const char *more)
{
	fprintf(stderr, "%s%s\n", text, more ? more : "");
	return 1;
}

/* The last message of the library as one line, "" if there is none. */
static const char *
library_error(void)
{
	char *text = aglasterr();

	if (!text)
		return "";
	text[strcspn(text, "\n")] = '\0';
	return text;
}

static Agraph_t *
read_graph(const char *path)
{
	FILE *f = fopen(path, "re");
	Agraph_t *g;

	if (!f) {
		complain("cannot open the graph: ", strerror(errno));
		return NULL;
	}
	agseterr(AGMAX); /* kept for aglasterr, not printed */
	agreseterrors();
	g = agread(f, NULL);
	fclose(f);
	/* A truncated parse gives a graph too. */
	if (g && agerrors() == 0)
		return g;
	complain("the graph cannot be read: ", library_error());
	if (g)
		agclose(g);
	return NULL;
}

static int
render(GVC_t *gvc, Agraph_t *g, const char *svg_path)
{
	FILE *f;
	int rc;

	if (gvLayout(gvc, g, "dot"))
		return complain("Graphviz cannot lay out the graph ('dot -c' sets up "
		                "its plugins): ", library_error());
	f = fopen(svg_path, "we");
	if (!f)
		return complain("cannot write the picture: ", strerror(errno));
	rc = gvRender(gvc, g, "svg", f);
	gvFreeLayout(gvc, g);
	if (fclose(f) && !rc)
		return complain("cannot write the picture: ", strerror(errno));
	return rc ? complain("Graphviz cannot write SVG: ", library_error()) : 0;
}

int
graph_draw_main(const char *dot_path, const char *svg_path)
{
	Agraph_t *g;
	GVC_t *gvc;
	int rc;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	gvc = gvContext();
	if (!gvc)
		return complain("Graphviz cannot be started", NULL);
	g = read_graph(dot_path);
	if (!g) {
		gvFreeContext(gvc);
		return 1;
	}
	if (agnnodes(g) > GRAPH_DRAW_MAX_NODES) {
		fprintf(stderr, "%d nodes are too many to draw (at most %d)\n",
		        agnnodes(g), GRAPH_DRAW_MAX_NODES);
		rc = 1;
	} else {
		rc = render(gvc, g, svg_path);
	}
	agclose(g);
	gvFreeContext(gvc);
	return rc;
}

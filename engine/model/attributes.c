/* SPDX-License-Identifier: Apache-2.0 */
/* The tables of attribute names. */
#include "model/attributes.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"

const char *const attr_engine_names[] = {
	"plugin", "cpus",       "gpus",        "memory",   "expand",     "gather",
	"when",   "retries",    "retry_delay", "retry_on", "on_failure", "timeout",
	"grace",  "max_output", "priority",    "affinity", "cache",      NULL};

const char *const attr_edge_names[] = {"output", "input", "order", NULL};

static const char *const retryable[] = {"cpus",  "gpus",       "memory",   "timeout",
					"grace", "max_output", "priority", NULL};

/* Known words that this version does not act on. Ignoring them would be a lie. */
static const char *const later[] = {"gpu_memory", "uses",     "exclusive",
				    "bind",       "executor", NULL};

/*
 * Every attribute of Graphviz, from its attribute documentation, sorted by strcmp.
 * Where it may stand: N nodes, E edges, C clusters, S subgraphs, G graphs.
 */
static const struct graphviz {
	const char *name, *where;
} graphviz[] = {
	{"Damping", "G"},
	{"K", "GC"},
	{"URL", "ENGC"},
	{"_background", "G"},
	{"_draw_", "ENGC"},
	{"_hdraw_", "E"},
	{"_hldraw_", "E"},
	{"_ldraw_", "ENGC"},
	{"_tdraw_", "E"},
	{"_tldraw_", "E"},
	{"area", "NC"},
	{"arrowhead", "E"},
	{"arrowsize", "E"},
	{"arrowtail", "E"},
	{"bb", "GC"},
	{"beautify", "G"},
	{"bgcolor", "GC"},
	{"center", "G"},
	{"charset", "G"},
	{"class", "ENGC"},
	{"cluster", "S"},
	{"clusterrank", "G"},
	{"color", "ENC"},
	{"colorscheme", "ENGC"},
	{"comment", "ENG"},
	{"compound", "G"},
	{"concentrate", "G"},
	{"constraint", "E"},
	{"decorate", "E"},
	{"defaultdist", "G"},
	{"dim", "G"},
	{"dimen", "G"},
	{"dir", "E"},
	{"diredgeconstraints", "G"},
	{"distortion", "N"},
	{"dpi", "G"},
	{"edgeURL", "E"},
	{"edgehref", "E"},
	{"edgetarget", "E"},
	{"edgetooltip", "E"},
	{"epsilon", "G"},
	{"esep", "G"},
	{"fillcolor", "ENC"},
	{"fixedsize", "N"},
	{"fontcolor", "ENGC"},
	{"fontname", "ENGC"},
	{"fontnames", "G"},
	{"fontpath", "G"},
	{"fontsize", "ENGC"},
	{"forcelabels", "G"},
	{"gradientangle", "NGC"},
	{"group", "N"},
	{"headURL", "E"},
	{"head_lp", "E"},
	{"headclip", "E"},
	{"headhref", "E"},
	{"headlabel", "E"},
	{"headport", "E"},
	{"headtarget", "E"},
	{"headtooltip", "E"},
	{"height", "N"},
	{"href", "ENGC"},
	{"id", "ENGC"},
	{"image", "N"},
	{"imagepath", "G"},
	{"imagepos", "N"},
	{"imagescale", "N"},
	{"inputscale", "G"},
	{"label", "ENGC"},
	{"labelURL", "E"},
	{"label_scheme", "G"},
	{"labelangle", "E"},
	{"labeldistance", "E"},
	{"labelfloat", "E"},
	{"labelfontcolor", "E"},
	{"labelfontname", "E"},
	{"labelfontsize", "E"},
	{"labelhref", "E"},
	{"labeljust", "GC"},
	{"labelloc", "NGC"},
	{"labeltarget", "E"},
	{"labeltooltip", "E"},
	{"landscape", "G"},
	{"layer", "ENC"},
	{"layerlistsep", "G"},
	{"layers", "G"},
	{"layerselect", "G"},
	{"layersep", "G"},
	{"layout", "G"},
	{"len", "E"},
	{"levels", "G"},
	{"levelsgap", "G"},
	{"lhead", "E"},
	{"lheight", "GC"},
	{"linelength", "G"},
	{"lp", "EGC"},
	{"ltail", "E"},
	{"lwidth", "GC"},
	{"margin", "NGC"},
	{"maxiter", "G"},
	{"mclimit", "G"},
	{"mindist", "G"},
	{"minlen", "E"},
	{"mode", "G"},
	{"model", "G"},
	{"newrank", "G"},
	{"nodesep", "G"},
	{"nojustify", "ENGC"},
	{"normalize", "G"},
	{"notranslate", "G"},
	{"nslimit", "G"},
	{"nslimit1", "G"},
	{"oneblock", "G"},
	{"ordering", "NG"},
	{"orientation", "NG"},
	{"outputorder", "G"},
	{"overlap", "G"},
	{"overlap_scaling", "G"},
	{"overlap_shrink", "G"},
	{"pack", "G"},
	{"packmode", "G"},
	{"pad", "G"},
	{"page", "G"},
	{"pagedir", "G"},
	{"pencolor", "C"},
	{"penwidth", "ENC"},
	{"peripheries", "NC"},
	{"pin", "N"},
	{"pos", "EN"},
	{"quadtree", "G"},
	{"quantum", "G"},
	{"radius", "E"},
	{"rank", "S"},
	{"rankdir", "G"},
	{"ranksep", "G"},
	{"ratio", "G"},
	{"rects", "N"},
	{"regular", "N"},
	{"remincross", "G"},
	{"repulsiveforce", "G"},
	{"resolution", "G"},
	{"root", "NG"},
	{"rotate", "G"},
	{"rotation", "G"},
	{"samehead", "E"},
	{"sametail", "E"},
	{"samplepoints", "N"},
	{"scale", "G"},
	{"searchsize", "G"},
	{"sep", "G"},
	{"shape", "N"},
	{"shapefile", "N"},
	{"showboxes", "ENG"},
	{"sides", "N"},
	{"size", "G"},
	{"skew", "N"},
	{"smoothing", "G"},
	{"sortv", "NGC"},
	{"splines", "G"},
	{"start", "G"},
	{"style", "ENGC"},
	{"stylesheet", "G"},
	{"tailURL", "E"},
	{"tail_lp", "E"},
	{"tailclip", "E"},
	{"tailhref", "E"},
	{"taillabel", "E"},
	{"tailport", "E"},
	{"tailtarget", "E"},
	{"tailtooltip", "E"},
	{"target", "ENGC"},
	{"tooltip", "ENC"},
	{"truecolor", "G"},
	{"vertices", "N"},
	{"viewport", "G"},
	{"voro_margin", "G"},
	{"weight", "E"},
	{"width", "N"},
	{"xdotversion", "G"},
	{"xlabel", "EN"},
	{"xlp", "EN"},
	{"z", "N"},
};

static int
compare(const void *key, const void *item)
{
	return strcmp(key, ((const struct graphviz *)item)->name);
}

static const struct graphviz *
find_graphviz(const char *name)
{
	return bsearch(name, graphviz, sizeof graphviz / sizeof *graphviz,
		       sizeof *graphviz, compare);
}

static int
listed(const char *const *list, const char *name)
{
	for (; *list; list++)
		if (strcmp(*list, name) == 0)
			return 1;
	return 0;
}

enum attr_kind
attr_kind(const char *name)
{
	if (listed(attr_engine_names, name))
		return ATTR_ENGINE;
	if (starts_with(name, "retry."))
		return ATTR_RETRY;
	if (listed(later, name))
		return ATTR_LATER;
	if (starts_with(name, "x_"))
		return ATTR_PRIVATE;
	return find_graphviz(name) ? ATTR_GRAPHVIZ : ATTR_OTHER;
}

int
attr_is_option(const char *name)
{
	static const char *const structure[] = {"plugin", "expand", "gather", NULL};

	return listed(attr_engine_names, name) && !listed(structure, name);
}

int
attr_is_retryable(const char *name)
{
	return listed(retryable, name);
}

int
attr_is_graphviz_graph(const char *name)
{
	const struct graphviz *g = find_graphviz(name);

	/* A cluster's attribute may be set as a default for all clusters. */
	return g && (strchr(g->where, 'G') || strchr(g->where, 'C') ||
		     strchr(g->where, 'S'));
}

int
attr_is_edge(const char *name)
{
	return listed(attr_edge_names, name);
}

const char *
attr_reserved(const char *name)
{
	const struct graphviz *g;

	switch (attr_kind(name)) {
	case ATTR_ENGINE:
	case ATTR_LATER:
	case ATTR_RETRY:
		return "an attribute of the engine";
	case ATTR_PRIVATE:
		return "a private attribute (x_)";
	case ATTR_GRAPHVIZ:
		/* What Graphviz reads on graphs only, it ignores on a node. */
		g = find_graphviz(name);
		return strchr(g->where, 'N') ? "an attribute of Graphviz" : NULL;
	default:
		return NULL;
	}
}

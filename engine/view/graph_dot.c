/* SPDX-License-Identifier: Apache-2.0 */
/* Pictures as DOT.
 *
 * Texts stand in double quotes. cgraph resolves only \" there; what is left, "\\" and
 * "\n", is resolved when a label is drawn. Fills are light and texts dark, so every
 * state has a contrast of more than 7:1; outlines are of the Okabe-Ito palette.
 */
#include "view/graph_dot.h"

#include <string.h>

static const struct look {
	const char *state, *fill, *line, *font, *style;
	double width;
} looks[] = {
	{"", "#ffffff", "#455a64", "#102027", "rounded,filled", 1},
	{"waiting", "#f4f4f4", "#8a8a8a", "#303030", "rounded,filled", 1},
	{"ready", "#e8f1fb", "#56b4e9", "#102027", "rounded,filled", 1},
	{"running", "#fff1c2", "#e69f00", "#102027", "rounded,filled,bold", 2},
	{"done", "#d7f0e6", "#009e73", "#102027", "rounded,filled", 1.5},
	{"cached", "#dcebf7", "#0072b2", "#102027", "rounded,filled", 1.5},
	{"failed", "#fbd9c6", "#d55e00", "#3a0d00", "filled,bold", 2.5},
	{"skipped", "#fdf3d8", "#b8860b", "#303030", "rounded,filled,dashed", 1.5},
	{"off", "#fafafa", "#b0b0b0", "#505050", "rounded,filled,dotted", 1},
	{"blocked", "#f4f4f4", "#d55e00", "#303030", "rounded,filled,dashed", 1.5},
	{"cancelled", "#f6e3ee", "#cc79a7", "#303030", "rounded,filled,dashed", 1.5},
	{"lost", "#f6e3ee", "#cc79a7", "#303030", "filled,dashed", 1.5},
};

static const struct look *
look_of(const char *state)
{
	for (size_t i = 0; state && i < sizeof looks / sizeof *looks; i++) {
		if (strcmp(looks[i].state, state) == 0)
			return &looks[i];
	}
	return &looks[0];
}

static void
add_text(struct str *out, const char *text)
{
	const char *end = text ? text + strlen(text) : NULL;

	while (text < end) {
		size_t n = utf8_length(text, (size_t)(end - text));

		if (*text == '\n')
			str_add(out, "\\n");
		else if (*text == '\t')
			str_addc(out, ' ');
		else if (*text == '"')
			str_add(out, "\\\"");
		else if (*text == '\\')
			str_add(out, "\\\\");
		else if (n == 0 || (unsigned char)*text < ' ' || *text == 0x7f)
			str_addc(out, '?');
		else
			str_addn(out, text, n);
		text += n > 0 ? n : 1;
	}
}

static int
given(const char *text)
{
	return text && *text;
}

/* "label\nstate  detail" */
static void
add_label(struct str *out, const struct pic_node *v)
{
	add_text(out, given(v->label) ? v->label : v->id);
	if (given(v->state) || given(v->detail))
		str_add(out, "\\n");
	add_text(out, v->state);
	if (given(v->state) && given(v->detail))
		str_add(out, ", ");
	add_text(out, v->detail);
}

static void
add_node(struct str *out, const struct pic_node *v)
{
	const struct look *k = look_of(v->state);

	str_add(out, "\t\"");
	add_text(out, v->id);
	str_add(out, "\" [label=\"");
	add_label(out, v);
	str_add(out, "\", tooltip=\"");
	add_text(out, v->id);
	str_add(out, given(v->state) || given(v->detail) ? ": " : "");
	add_text(out, v->state);
	str_add(out, given(v->state) && given(v->detail) ? ", " : "");
	add_text(out, v->detail);
	/* No %g: a comma may be the decimal point of the locale. */
	str_printf(out, "\", style=\"%s\", fillcolor=\"%s\", color=\"%s\", "
	                "fontcolor=\"%s\", penwidth=%d.%d];\n",
	           k->style, k->fill, k->line, k->font, (int)k->width,
	           (int)(k->width * 10) % 10);
}

void
graph_dot(struct str *out, const char *title, const struct pic_node *nodes, size_t n,
          const struct pic_edge *edges, size_t m)
{
	str_add(out, "digraph \"");
	add_text(out, title);
	str_add(out, "\" {\n\tgraph [label=\"");
	add_text(out, title);
	str_add(out, "\", labelloc=t, fontname=\"Helvetica,Arial,sans-serif\", "
	             "fontsize=16, bgcolor=white, rankdir=TB, nodesep=0.3, ranksep=0.45, pad=0.2];\n"
	             "\tnode [shape=box, fontname=\"Helvetica,Arial,sans-serif\", "
	             "fontsize=11, margin=\"0.14,0.07\", height=0.4];\n"
	             "\tedge [color=\"#546e7a\", arrowsize=0.7];\n");
	for (size_t i = 0; i < n; i++)
		add_node(out, &nodes[i]);
	for (size_t i = 0; i < m; i++) {
		if (edges[i].from >= n || edges[i].to >= n)
			continue;
		str_add(out, "\t\"");
		add_text(out, nodes[edges[i].from].id);
		str_add(out, "\" -> \"");
		add_text(out, nodes[edges[i].to].id);
		str_add(out, edges[i].dashed ? "\" [style=dashed];\n" : "\";\n");
	}
	str_add(out, "}\n");
}

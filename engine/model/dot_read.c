/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A DOT file through Graphviz's cgraph, copied out into arrays of our own.
 *
 * The text is first looked through by its tokens (dot_lint), then handed to cgraph's
 * scanner one token at a time, comments and "# line" directives taken out and newlines
 * kept. So when cgraph makes a node or an edge we know the line: the parser has read
 * exactly one token beyond the statement that it completes.
 */
#include "model/dot_read.h"

#include <graphviz/cgraph.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "model/dot_feed.h"

/* Lines of the objects of one kind, by the order in which they were made. */
struct lines {
	int *v;
	size_t count, cap;
};

/* What the disciplines share. `disc` comes first: cgraph hands only that to open(). */
struct feed {
	Agdisc_t disc;
	Agiddisc_t id;
	Agiodisc_t io;
	struct dot_feed text;
	struct lines nodes, edges;
	int too_many;
};

/* --- the disciplines -------------------------------------------------------------- */

/* State of the id discipline: cgraph's own, and ours. */
struct ids {
	void *inner;
	struct feed *feed;
};

static void *
ids_open(Agraph_t *g, Agdisc_t *disc)
{
	struct ids *s = xmalloc(sizeof *s);

	s->inner = AgIdDisc.open(g, disc);
	s->feed = (struct feed *)disc;
	return s;
}

static long
ids_map(void *state, int type, char *name, IDTYPE *id, int create)
{
	struct ids *s = state;
	struct feed *f = s->feed;
	struct lines *l = type == AGNODE   ? &f->nodes
			  : type == AGEDGE ? &f->edges
					   : NULL;
	long found;

	if (create && type == AGEDGE && f->edges.count >= DOT_MAX_EDGES) {
		f->too_many = f->text.stop = 1;
		return 0;
	}
	found = AgIdDisc.map(s->inner, type, name, id, create);
	if (create && found && l) {
		GROW(l->v, l->count, l->cap);
		l->v[l->count++] = f->text.last_line;
		if (f->nodes.count > DOT_MAX_NODES)
			f->too_many = f->text.stop = 1;
	}
	return found;
}

static long
ids_alloc(void *state, int type, IDTYPE id)
{
	return AgIdDisc.alloc(((struct ids *)state)->inner, type, id);
}

static void
ids_free(void *state, int type, IDTYPE id)
{
	AgIdDisc.free(((struct ids *)state)->inner, type, id);
}

static char *
ids_print(void *state, int type, IDTYPE id)
{
	return AgIdDisc.print(((struct ids *)state)->inner, type, id);
}

static void
ids_register(void *state, int type, void *object)
{
	AgIdDisc.idregister(((struct ids *)state)->inner, type, object);
}

static void
ids_close(void *state)
{
	AgIdDisc.close(((struct ids *)state)->inner);
	free(state);
}

static void
feed_init(struct feed *f, const char *text, size_t len)
{
	memset(f, 0, sizeof *f);
	dot_feed_init(&f->text, text, len);
	f->id = (Agiddisc_t){ids_open,  ids_map,   ids_alloc,   ids_free,
			     ids_print, ids_close, ids_register};
	f->io.afread = dot_feed_read;
	f->disc.id = &f->id;
	f->disc.io = &f->io;
}

/* --- errors of the parser --------------------------------------------------------- */

/* "FILE: syntax error in line 3 near 'x'": the line and the token, or 0 and "". */
static int
parse_place(const char *message, char token[64])
{
	const char *p = message ? strstr(message, " in line ") : NULL;
	const char *near = p ? strstr(p, " near '") : NULL;
	const char *end = near ? strrchr(near, '\'') : NULL;

	token[0] = '\0';
	if (near && end > near + 7) {
		size_t n = (size_t)(end - near - 7);

		n = n < 63 ? n : 63;
		memcpy(token, near + 7, n);
		token[n] = '\0';
	}
	return p ? atoi(p + 9) : 0;
}

static void
parser_error(const char *path, const struct feed *f, struct diags *diags)
{
	char *message = aglasterr(), token[64];
	int line = parse_place(message, token);
	struct dot_token t = {.kind = DOT_ID, .s = token, .len = strlen(token)};
	const char *hint = NULL;

	if (f->too_many) {
		diags_add(diags, SEV_ERROR, path, f->text.last_line, NULL, NULL,
			  "too large: more than %u nodes or %u edges", DOT_MAX_NODES,
			  DOT_MAX_EDGES);
	} else if (message && strstr(message, "exhausted")) {
		diags_add(diags, SEV_ERROR, path, line, NULL,
			  "write several shorter statements",
			  "nested too deeply, or one statement names too many nodes");
	} else {
		if (dot_token_keyword(&t))
			hint = "quote it if it is a name: node, edge, graph and "
			       "subgraph are "
			       "DOT keywords";
		diags_add(diags, SEV_ERROR, path, line, token, hint, "syntax error");
	}
	free(message);
}

/* --- copying out ------------------------------------------------------------------ */

/* Attributes of one kind. cgraph shares equal strings, so the last value of each
 * attribute is remembered by its pointer: defaults are copied once. */
struct symbols {
	struct {
		Agsym_t *sym;
		const char *name;
		const char *last_from, *last_copy;
	} * v;
	size_t count, cap;
	struct dot_attr *buffer;
};

static void
symbols_init(struct symbols *s, Agraph_t *g, int kind, struct arena *a)
{
	memset(s, 0, sizeof *s);
	for (Agsym_t *sym = NULL; (sym = agnxtattr(g, kind, sym)); s->count++) {
		GROW(s->v, s->count, s->cap);
		s->v[s->count].sym = sym;
		s->v[s->count].name = arena_strdup(a, sym->name);
		s->v[s->count].last_from = s->v[s->count].last_copy = NULL;
	}
	s->buffer = xmalloc((s->count + 1) * sizeof *s->buffer);
}

static void
symbols_free(struct symbols *s)
{
	free(s->v);
	free(s->buffer);
}

static struct dot_attr *
copy_attrs(struct symbols *s, void *object, int with_empty, struct dot_graph *d,
	   int line, size_t *count, struct diags *diags)
{
	struct dot_attr *out;
	size_t n = 0;

	for (size_t i = 0; i < s->count; i++) {
		char *value = agxget(object, s->v[i].sym);

		if (!value || (!*value && !with_empty))
			continue;
		if (aghtmlstr(value))
			diags_add(diags, SEV_ERROR, d->path, line, s->v[i].name,
				  "write a quoted string",
				  "HTML values are not allowed in a workflow");
		if (s->v[i].last_from != value) {
			s->v[i].last_from = value;
			s->v[i].last_copy = arena_strdup(&d->arena, value);
		}
		s->buffer[n].name = s->v[i].name;
		s->buffer[n++].value = s->v[i].last_copy;
	}
	*count = n;
	if (n == 0)
		return NULL;
	out = arena_alloc(&d->arena, n * sizeof *out);
	memcpy(out, s->buffer, n * sizeof *out);
	return out;
}

static int
line_of(const struct lines *l, size_t i)
{
	return i < l->count ? l->v[i] : 0;
}

static void
copy_nodes(struct dot_graph *d, Agraph_t *g, const struct feed *f, struct diags *diags)
{
	struct symbols s;
	size_t i = 0;

	symbols_init(&s, g, AGNODE, &d->arena);
	d->nodes = xcalloc((size_t)agnnodes(g) + 1, sizeof *d->nodes);
	for (Agnode_t *n = agfstnode(g); n; n = agnxtnode(g, n)) {
		struct dot_node *o = &d->nodes[i++];

		o->name = arena_strdup(&d->arena, agnameof(n));
		o->line = line_of(&f->nodes, AGSEQ(n) - 1);
		o->attrs = copy_attrs(&s, n, 0, d, o->line, &o->attr_count, diags);
	}
	d->node_count = i;
	symbols_free(&s);
}

/* Where each node of cgraph's stands in our array, by its sequence number. */
static int *
node_indexes(Agraph_t *g, size_t made)
{
	int *at = xcalloc(made + 2, sizeof *at), i = 0;

	for (Agnode_t *n = agfstnode(g); n; n = agnxtnode(g, n), i++)
		if (AGSEQ(n) <= made)
			at[AGSEQ(n)] = i;
	return at;
}

static void
copy_edge(struct dot_graph *d, Agedge_t *e, const int *at, struct symbols *s,
	  const struct feed *f, struct diags *diags)
{
	struct dot_edge *o = &d->edges[AGSEQ(e) - 1];
	static const char *const ends[] = {TAILPORT_ID, HEADPORT_ID};

	o->from = at[AGSEQ(agtail(e))];
	o->to = at[AGSEQ(aghead(e))];
	o->line = line_of(&f->edges, AGSEQ(e) - 1);
	o->attrs = copy_attrs(s, e, 0, d, o->line, &o->attr_count, diags);
	for (size_t i = 0; i < o->attr_count; i++)
		for (size_t k = 0; k < 2; k++)
			if (strcmp(o->attrs[i].name, ends[k]) == 0)
				diags_add(diags, SEV_ERROR, d->path, o->line,
					  o->attrs[i].name,
					  "name ports by the edge attributes output "
					  "and input",
					  "Graphviz ports are not workflow ports");
}

/* In file order, which is the order of sequence numbers. */
static void
copy_edges(struct dot_graph *d, Agraph_t *g, const struct feed *f, struct diags *diags)
{
	size_t made = f->edges.count;
	int *at = node_indexes(g, f->nodes.count);
	struct symbols s;

	symbols_init(&s, g, AGEDGE, &d->arena);
	d->edges = xcalloc(made + 1, sizeof *d->edges);
	for (Agnode_t *n = agfstnode(g); n; n = agnxtnode(g, n))
		for (Agedge_t *e = agfstout(g, n); e; e = agnxtout(g, e))
			if (AGSEQ(e) >= 1 && AGSEQ(e) <= made) {
				copy_edge(d, e, at, &s, f, diags);
				d->edge_count++;
			}
	symbols_free(&s);
	free(at);
}

static int
by_declaration(const void *a, const void *b)
{
	const Agsym_t *const *x = a, *const *y = b;

	return (*x)->id < (*y)->id ? -1 : (*x)->id > (*y)->id;
}

/* Values that a subgraph sets for itself: they would be parameters of nothing. */
static void
copy_subgraphs(struct dot_graph *d, Agraph_t *root, Agraph_t *g, size_t *cap)
{
	for (Agraph_t *s = agfstsubg(g); s; s = agnxtsubg(s)) {
		for (Agsym_t *sym = NULL; (sym = agnxtattr(root, AGRAPH, sym));) {
			char *value = agxget(s, sym), *outer = agxget(root, sym);

			if (!value || !*value || (outer && strcmp(value, outer) == 0))
				continue;
			GROW(d->inner_attrs, d->inner_count, *cap);
			d->inner_attrs[d->inner_count].name =
				arena_strdup(&d->arena, sym->name);
			d->inner_attrs[d->inner_count++].value =
				arena_strdup(&d->arena, value);
		}
		copy_subgraphs(d, root, s, cap);
	}
}

static void
copy_graph(struct dot_graph *d, Agraph_t *g, struct diags *diags)
{
	const char *name = agnameof(g);
	size_t n = 0, cap = 0;
	Agsym_t **syms = NULL;

	for (Agsym_t *sym = NULL; (sym = agnxtattr(g, AGRAPH, sym));) {
		GROW(syms, n, cap);
		syms[n++] = sym;
	}
	if (n)
		qsort(syms, n, sizeof *syms, by_declaration);
	d->attrs = xcalloc(n + 1, sizeof *d->attrs);
	for (size_t i = 0; i < n; i++) {
		char *value = agxget(g, syms[i]);

		if (value && aghtmlstr(value) && *value)
			diags_add(diags, SEV_ERROR, d->path, 0, syms[i]->name,
				  "write a quoted string",
				  "HTML values are not allowed in a workflow");
		d->attrs[i].name = arena_strdup(&d->arena, syms[i]->name);
		d->attrs[i].value = arena_strdup(&d->arena, value ? value : "");
	}
	d->attr_count = n;
	free(syms);
	/* cgraph names an anonymous graph "%N". */
	d->name = arena_strdup(&d->arena, name && *name != '%' ? name : "");
	cap = 0;
	copy_subgraphs(d, g, g, &cap);
}

/* --- reading ---------------------------------------------------------------------- */

/* One parse. The scanner is left clean for the next, whatever happened. */
static Agraph_t *
parse(const char *path, struct feed *f, struct diags *diags)
{
	Agraph_t *g, *more;
	agerrlevel_t level = agseterr(AGMAX); /* nothing on stderr */
	size_t errors = diags->errors;

	agreseterrors();
	agsetfile((char *)path);
	agreadline(1);
	g = agread(&f->text, &f->disc);
	if (!g || agerrors() || f->too_many) {
		parser_error(path, f, diags);
	} else if (!agisdirected(g) || agisstrict(g)) {
		diags_add(diags, SEV_ERROR, path, 1, NULL,
			  "a workflow begins with: digraph NAME {",
			  "an undirected or strict graph is no workflow");
	}
	dot_feed_end(&f->text);
	while ((more = agread(&f->text, &f->disc)))
		agclose(more);
	agreseterrors();
	agsetfile(NULL);
	agseterr(level);
	if (diags->errors > errors && g) {
		agclose(g);
		g = NULL;
	}
	return g;
}

static void
read_graph(struct dot_graph *d, const char *text, size_t len, struct diags *diags)
{
	struct feed f;
	Agraph_t *g;

	feed_init(&f, text, len);
	g = parse(d->path, &f, diags);
	if (g) {
		copy_graph(d, g, diags);
		copy_nodes(d, g, &f, diags);
		copy_edges(d, g, &f, diags);
		agclose(g);
	}
	free(f.nodes.v);
	free(f.edges.v);
}

struct dot_graph *
dot_read_text(const char *path, const char *text, size_t len, struct diags *diags)
{
	struct dot_graph *d;
	size_t errors = diags->errors, end;

	if (len > DOT_MAX_BYTES) {
		diags_add(diags, SEV_ERROR, path, 0, NULL, NULL,
			  "too large: %zu bytes, at most %u are read", len,
			  DOT_MAX_BYTES);
		return NULL;
	}
	if (len >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
		text += 3;
		len -= 3;
	}
	d = xcalloc(1, sizeof *d);
	d->path = arena_strdup(&d->arena, path);
	d->text = arena_alloc(&d->arena, len + 1);
	memcpy(d->text, text, len);
	d->text[len] = '\0';
	d->text_len = len;
	if (dot_lint(d->path, d->text, len, &end, diags) == 0)
		read_graph(d, d->text, end, diags);
	if (diags->errors > errors) {
		dot_place(d->text, d->text_len, diags);
		dot_free(d);
		return NULL;
	}
	return d;
}

struct dot_graph *
dot_read(const char *path, struct diags *diags)
{
	struct error e = {0};
	struct dot_graph *d;
	size_t len = 0;
	char *text = fs_read_file(path, DOT_MAX_BYTES, &len, &e);

	if (!text) {
		diags_add(diags, SEV_ERROR, path, 0, NULL, e.hint, "%s", e.text);
		return NULL;
	}
	d = dot_read_text(path, text, len, diags);
	free(text);
	return d;
}

void
dot_free(struct dot_graph *g)
{
	if (!g)
		return;
	free(g->nodes);
	free(g->edges);
	free(g->attrs);
	free(g->inner_attrs);
	arena_free(&g->arena);
	free(g);
}

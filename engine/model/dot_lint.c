/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is wrong with a DOT file by its tokens alone. Graphviz's parser stops at its
 * first error and says little; it accepts, and drops without a word, things that a
 * workflow must refuse (NUL bytes, a second graph, a node named like a keyword). These
 * are found here, all of them, before it runs. Meaning is the parser's business.
 */
#include "model/dot_token.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

/* At most so many errors of one file: a binary file has thousands. */
#define LINT_MAX 20

struct lint {
	const char *path, *text;
	struct diags *diags;
	size_t errors;
	int braces, brackets;
	/* For "{a b} [x=1]", which Graphviz drops: was the group's '{' behind an
	 * arrow? */
	struct str groups;  /* one byte for each open brace */
	int after_arrow;    /* an arrow came, and perhaps "subgraph NAME" */
	int after_subgraph; /* the last token was "subgraph" */
	int lone_group;     /* the last token closed a group that no arrow leads to */
};

#define QUOTE_HINT                                                                     \
	"names and values that hold more than letters, digits and '_' need quotes"

static void
say(struct lint *l, const struct dot_token *t, const char *hint, const char *what)
{
	char *token = xstrndup(t->s, t->len < 40 ? t->len : 40);

	if (diags_add(l->diags, SEV_ERROR, l->path, t->line, token, hint, "%s", what) <
	    0)
		l->diags->items[l->diags->count - 1].column = dot_column(l->text, t);
	l->errors++;
	free(token);
}

/* Bytes that no text has. Only the first: the rest would say the same. */
static int
lint_bytes(struct lint *l, size_t len)
{
	const char *p = l->text, *end = l->text + len;

	for (int line = 1; p < end; line++) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((nl ? nl : end) - p);

		if (memchr(p, '\0', n)) {
			diags_add(l->diags, SEV_ERROR, l->path, line, NULL,
				  "a workflow is a plain text file in UTF-8",
				  "NUL byte: this is not a text file");
			return -1;
		}
		if (n && p[n - 1] == '\r')
			n--;
		if (!is_clean_utf8(p, n)) {
			diags_add(l->diags, SEV_ERROR, l->path, line, NULL,
				  "a workflow is a plain text file in UTF-8",
				  "not valid UTF-8, or a control character");
			return -1;
		}
		p = nl ? nl + 1 : end;
	}
	return 0;
}

/* [strict] digraph [name] { */
static int
lint_header(struct lint *l, struct dot_scan *s)
{
	struct dot_token t;

	if (!dot_next(s, &t)) {
		diags_add(l->diags, SEV_ERROR, l->path, 0, NULL,
			  "a workflow begins with: digraph NAME {",
			  "the file is empty");
		return -1;
	}
	if (t.kind == DOT_ID && dot_token_is(&t, "strict")) {
		say(l, &t, "leave the word out",
		    "a workflow must not be 'strict': "
		    "Graphviz would merge parallel edges");
		dot_next(s, &t);
	}
	if (t.kind == DOT_ID && dot_token_is(&t, "graph"))
		say(l, &t, "write digraph and ->",
		    "an undirected graph is no workflow");
	else if (t.kind != DOT_ID || !dot_token_is(&t, "digraph")) {
		say(l, &t, "a workflow begins with: digraph NAME {",
		    "this is not a DOT file");
		return -1;
	}
	return 0;
}

static void
lint_number(struct lint *l, struct dot_scan *s, const struct dot_token *t)
{
	struct dot_scan ahead = *s;
	struct dot_token next;

	/* 16G, 1h30m and 1..5 would silently be two tokens. */
	if (dot_next(&ahead, &next) && next.s == t->s + t->len &&
	    (next.kind == DOT_ID || next.kind == DOT_NUMBER || next.s[0] == '.')) {
		struct dot_token whole = *t;
		char *hint;

		while (next.s == whole.s + whole.len &&
		       (next.kind == DOT_ID || next.kind == DOT_NUMBER ||
			next.s[0] == '.')) {
			whole.len += next.len;
			*s = ahead;
			if (!dot_next(&ahead, &next))
				break;
		}
		hint = xasprintf("quote it: \"%.*s\"",
				 (int)(whole.len < 40 ? whole.len : 40), whole.s);
		say(l, &whole, hint, "a number runs into other text");
		free(hint);
	}
}

static void
lint_group(struct lint *l, const struct dot_token *t)
{
	int closed = 0, named = l->after_subgraph;

	if (l->lone_group && *t->s == '[')
		say(l, t, "write node [...] inside the braces",
		    "attributes behind { } apply to nothing");
	l->after_subgraph = t->kind == DOT_ID && dot_token_is(t, "subgraph");
	if (t->kind == DOT_PUNCT && *t->s == '{') {
		str_addc(&l->groups, l->after_arrow ? 'a' : '-');
		l->after_arrow = 0;
	} else if (t->kind == DOT_PUNCT && *t->s == '}' && l->groups.len) {
		closed = l->groups.s[--l->groups.len] == '-';
		l->after_arrow = 0;
	} else if (!l->after_subgraph && !(named && t->kind != DOT_PUNCT)) {
		l->after_arrow = t->kind == DOT_ARROW;
	}
	l->lone_group = closed;
}

static void
lint_bracket(struct lint *l, const struct dot_token *t)
{
	if (l->brackets && (*t->s == '{' || *t->s == '}')) {
		say(l, t, "is a ']' missing?", "a brace inside [...]");
		l->brackets = 0;
	}
	l->brackets += *t->s == '[';
	l->brackets -= *t->s == ']' && l->brackets > 0;
	l->braces += *t->s == '{';
	l->braces -= *t->s == '}';
}

static void
lint_token(struct lint *l, struct dot_scan *s, const struct dot_token *t)
{
	switch (t->kind) {
	case DOT_HTML:
		say(l, t, "write a quoted string",
		    "HTML values are not allowed in a workflow");
		break;
	case DOT_DASHES:
		say(l, t, "write ->", "an undirected edge");
		break;
	case DOT_STRAY:
		say(l, t,
		    *t->s == '#'
			    ? "a comment by '#' begins its line; elsewhere write //"
			    : QUOTE_HINT,
		    "unexpected character");
		break;
	case DOT_UNFINISHED:
		say(l, t, NULL,
		    t->s[0] == '"'   ? "a string that never ends"
		    : t->s[0] == '<' ? "an HTML value that never ends"
				     : "a comment that never ends");
		break;
	case DOT_NUMBER:
		lint_number(l, s, t);
		break;
	case DOT_ID:
		if (!dot_token_keyword(t))
			break;
		for (size_t i = 0; i < t->len; i++)
			if (t->s[i] >= 'A' && t->s[i] <= 'Z') {
				say(l, t, "quote it, or choose another name",
				    "a DOT keyword (in any case) cannot be a name");
				break;
			}
		break;
	case DOT_PUNCT:
		if (*t->s == ':')
			say(l, t, "name ports by the edge attributes output and input",
			    "Graphviz ports (node:port) are not workflow ports");
		else
			lint_bracket(l, t);
		break;
	default:
		break;
	}
}

static void
lint_tail(struct lint *l, struct dot_scan *s)
{
	struct dot_token t;

	if (!dot_next(s, &t))
		return;
	if (t.kind == DOT_ID && dot_token_keyword(&t))
		say(l, &t, "one file holds one workflow", "a second graph");
	else
		say(l, &t, "is there one '}' too many?",
		    "text behind the end of the graph");
}

size_t
dot_lint(const char *path, const char *text, size_t len, size_t *end,
	 struct diags *diags)
{
	struct lint l = {.path = path, .text = text, .diags = diags};
	struct dot_scan s;
	struct dot_token t = {0}, open = {0};
	int ended = 0;

	*end = len;
	dot_scan_init(&s, text, len);
	if (lint_bytes(&l, len) < 0 || lint_header(&l, &s) < 0)
		return l.errors + 1;
	while (l.errors < LINT_MAX && !ended && dot_next(&s, &t)) {
		lint_token(&l, &s, &t);
		lint_group(&l, &t);
		if (t.kind == DOT_PUNCT && *t.s == '{' && l.braces == 1)
			open = t;
		if (t.kind == DOT_PUNCT && *t.s == '}' && l.braces <= 0) {
			*end = s.pos;
			lint_tail(&l, &s);
			ended = 1;
		}
	}
	if (!ended && l.errors == 0)
		say(&l, open.s ? &open : &t, "is a '}' missing?",
		    "the graph never ends");
	str_free(&l.groups);
	return l.errors;
}

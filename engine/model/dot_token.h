/* SPDX-License-Identifier: Apache-2.0
 * dot_token: the tokens of a DOT file, with their places. The same rules as Graphviz's
 * own scanner; used to feed that scanner token by token and to say where an error is.
 */
#ifndef MODEL_DOT_TOKEN_H
#define MODEL_DOT_TOKEN_H

#include <stddef.h>

#include "base/error.h"

enum dot_kind {
	DOT_END,
	DOT_ID, /* an unquoted name, keywords included */
	DOT_NUMBER,
	DOT_STRING,    /* quotes included */
	DOT_HTML,      /* <...> */
	DOT_ARROW,     /* -> */
	DOT_DASHES,    /* -- */
	DOT_PUNCT,     /* one of { } [ ] = ; , : + */
	DOT_STRAY,     /* a byte that starts nothing */
	DOT_UNFINISHED /* a string, HTML value or comment that never ends */
};

struct dot_token {
	enum dot_kind kind;
	const char *s; /* into the text */
	size_t len;
	int line;     /* of its first byte, 1-based */
	int end_line; /* of its last byte */
};

/* The reading position. */
struct dot_scan {
	const char *text;
	size_t len, pos;
	int line;
};

void dot_scan_init(struct dot_scan *s, const char *text, size_t len);
/* The next token, white space and comments skipped. 0 at the end (kind DOT_END). */
int dot_next(struct dot_scan *s, struct dot_token *t);
/* Column of a token, in characters from 1. */
int dot_column(const char *text, const struct dot_token *t);
/* Is it this text? Quoted strings are compared by what they stand for. */
int dot_token_is(const struct dot_token *t, const char *text);
/* Is it an unquoted keyword (node edge graph digraph subgraph strict, in any case)? */
int dot_token_keyword(const struct dot_token *t);

/* Everything that can be said about a text by its tokens alone: NUL bytes, other
 * encodings, missing header, undirected, strict, HTML values, ports, keywords in other
 * case, numbers that run into letters, bytes that need quotes, text behind the graph.
 * Adds errors; returns how many. *end: where the graph's closing brace ends. */
size_t dot_lint(const char *path, const char *text, size_t len, size_t *end,
		struct diags *diags);

#endif

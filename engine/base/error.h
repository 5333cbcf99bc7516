/* SPDX-License-Identifier: Apache-2.0
 * error: what went wrong, as text in an object that the caller owns.
 */
#ifndef BASE_ERROR_H
#define BASE_ERROR_H

#include <stddef.h>

/* Exit codes of the program, used as error kinds too. */
enum exit_code {
	EXIT_DONE = 0,         /* all done */
	EXIT_FAILED = 1,       /* something failed */
	EXIT_USAGE = 2,        /* usage or check error */
	EXIT_SKIPPED = 3,      /* finished with skipped branches */
	EXIT_OUT_OF_TIME = 75  /* out of time, run again */
};

/* One error: a line without newline, and a hint ("" if there is none). Zero-
 * initialise. */
struct error {
	char text[1024];
	char hint[256];
	int number; /* errno of a text that ends in one, else 0 */
};

/* Record an error if none is recorded yet (the first one is kept). A format that ends
 * in ':' gets " " and strerror(errno) appended. Returns -1 always; errno is kept. `e`
 * may be NULL. */
int error_set(struct error *e, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Set the hint of an error that is set. Returns -1. */
int error_hint(struct error *e, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* 1 if an error is recorded. */
int error_is_set(const struct error *e);
/* Is it of a kind that passes without us: no room, too many files, processes or too
 * little memory? */
int error_passes(const struct error *e);
/* Forget it. */
void error_clear(struct error *e);
/* The class name of an af2_class (plugin.h): "exit", "signal", ...; "?" if out of
 * range. */
const char *class_name(int cls);
/* The class of that name, or -1. */
int class_parse(const char *name);

/* --- diagnostics: many errors and warnings of one file, with places --------------- */

enum severity { SEV_ERROR, SEV_WARNING };

/* One message about a place in a file. Strings are owned by the list. */
struct diag {
	enum severity severity;
	char *file;  /* "" if no file */
	int line;    /* 1-based, 0: unknown */
	int column;  /* 1-based, 0: unknown (filled in late, see dot_place) */
	char *token; /* "near 'token'": text to look for in the line; "" for none */
	char *text;
	char *hint;  /* "" for none */
};

struct diags {
	struct diag *items;
	size_t count, cap;
	size_t errors; /* items with SEV_ERROR */
};

/* Add a message. `hint` and `token` may be NULL. Returns -1 for errors, 0 for
 * warnings. */
int diags_add(struct diags *d, enum severity sev, const char *file, int line,
              const char *token, const char *hint, const char *format, ...)
	__attribute__((format(printf, 7, 8)));
void diags_free(struct diags *d);

/* The candidate nearest to `word` by edit distance (at most about a third of its
 * length), or NULL. `candidates` is NULL-terminated. For did-you-mean hints. */
const char *nearest_word(const char *word, const char *const *candidates);

#endif

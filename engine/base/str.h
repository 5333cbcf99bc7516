/* SPDX-License-Identifier: Apache-2.0
 * str: a growing string, splitting into words, and the texts of numbers, sizes and
 * durations.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stddef.h>
#include <stdint.h>

/* A growing string. Zero-initialise; s is NULL or NUL-terminated. */
struct str {
	char *s;
	size_t len, cap;
};
void str_add(struct str *b, const char *text);
void str_addn(struct str *b, const char *text, size_t n);
void str_addc(struct str *b, char c);
void str_printf(struct str *b, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Empty it, keeping the memory. */
void str_reset(struct str *b);
void str_free(struct str *b);
/* Hand over the text (caller frees), "" if empty; the struct is empty afterwards. */
char *str_take(struct str *b);

/* A list of owned strings, NULL-terminated when count > 0 or after words_split. */
struct words {
	char **v;
	size_t count, cap;
};
void words_add(struct words *w, const char *text);
void words_addn(struct words *w, const char *text, size_t n);
void words_free(struct words *w);
/* Split at blanks. */
void words_split(struct words *w, const char *text);
/* Split by POSIX shell quoting: '...', "..." (with \" \\ \$ \`), \c. No expansion of
 * any kind. -1 for an unfinished quote. */
int words_split_posix(struct words *w, const char *text);
/* Append `text` quoted so that words_split_posix gives it back as one word. */
void str_add_quoted(struct str *b, const char *text);

/* Texts of values; each returns 0, or -1 if the whole text is not one. */
int parse_int(const char *s, int64_t *out);            /* decimal, optional sign */
int parse_real(const char *s, double *out);            /* finite; C locale */
int parse_bool(const char *s, int *out);               /* yes no true false 1 0, any case */
int parse_size(const char *s, uint64_t *bytes); /* 512M 16G 1T 100K 4096, binary */
/* 90s 15m 6h 2d 0.5s, or combined 1h30m; a bare number: seconds. */
int parse_duration(const char *s, double *seconds);
/* "1.5G", "90s", "2m05s", "1h02m": for people. Returns buf. */
char *format_size(uint64_t bytes, char buf[32]);
char *format_duration(double seconds, char buf[32]);
/* Is `s` a name: [A-Za-z_][A-Za-z0-9_]*? */
int is_name(const char *s);
int starts_with(const char *s, const char *prefix);
int ends_with(const char *s, const char *suffix);
/* Bytes of the valid UTF-8 character at the start of n > 0 bytes, 0 if there is
 * none. */
size_t utf8_length(const char *s, size_t n);
/* Is text valid UTF-8 without control characters but tab/newline? */
int is_clean_utf8(const char *s, size_t n);

#endif

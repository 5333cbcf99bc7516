/* SPDX-License-Identifier: Apache-2.0
 * json_scan: reading known members out of a JSON text, fast. Private to record.
 */
#ifndef RECORD_JSON_SCAN_H
#define RECORD_JSON_SCAN_H

#include <stddef.h>
#include <stdint.h>

/* The text still to be read. Once `bad`, calls change nothing. */
struct scan {
	const char *p, *end;
	int bad;
};

/* Mark it bad. Returns 0. */
int scan_fail(struct scan *c);
void scan_blanks(struct scan *c);
/* Take `ch` if it is next: 1 or 0. */
int scan_take(struct scan *c, char ch);
/* The same; if it is not next, that is bad. */
int scan_need(struct scan *c, char ch);
/* The raw inside of a string; *plain: no backslash in it. NULL if there is none. */
const char *scan_raw(struct scan *c, size_t *len, int *plain);
/* A string, newly allocated; NULL if there is none. */
char *scan_string(struct scan *c);
/* Pass one value over. */
void scan_skip(struct scan *c);
/* The text of one value, newly allocated; NULL for null. */
char *scan_text(struct scan *c);
/* An integer's digits. */
uint64_t scan_number(struct scan *c, int *negative);
/* Is the value `true`? */
int scan_truth(struct scan *c);
/* The next member's name and colon; 0 at the closing brace. Start with *first 1. */
int scan_member(struct scan *c, int *first, const char **name, size_t *len);
/* Is a member's name this word? */
int scan_is(const char *name, size_t len, const char *word);

#endif

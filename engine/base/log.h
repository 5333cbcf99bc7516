/* SPDX-License-Identifier: Apache-2.0
 * log: messages for people on stderr, "af2flow: text", and located diagnostics.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/error.h"

/* Program name in front of each line, "af2flow" by default. Set once at start. */
void log_program(const char *name);
/* Write "af2flow: text" and a newline in one write. */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *format, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* An error object with its hint on a second line ("  hint: ..."). */
void log_error_object(const struct error *e);
/* Diagnostics as "af2flow: FILE:LINE:COL: text near 'token'" and the hint, in file
 * order. */
void log_diags(const struct diags *d);
/* The same text, appended to `out`: sorted by file, line and column. */
struct str;
void diags_format(struct str *out, const struct diags *d);

#endif

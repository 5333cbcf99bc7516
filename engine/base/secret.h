/* SPDX-License-Identifier: Apache-2.0
 * secret: values that are shown nowhere. Wherever texts are kept or printed stands
 * only where the value is to be had:
 *
 *     env:NAME      from the environment of `af2flow`
 *     file:PATH     the content of a file, without the newline at its end
 *
 * The value itself is read when an attempt starts, and goes to the plugin alone.
 */
#ifndef BASE_SECRET_H
#define BASE_SECRET_H

#include <stddef.h>

#include "base/error.h"
#include "base/str.h"

/* Is `text` one of the two forms? */
int secret_is_reference(const char *text);
/* The value that a reference means, caller frees. NULL with the error set: not set, not
 * readable, more than 64 KiB, a NUL byte. No error tells the value. */
char *secret_read(const char *reference, struct error *e);
/* Add a value, and how it looks in JSON, to those that are to be masked. Values of less
 * than 4 bytes are not: they would be found everywhere. */
void secret_add(struct words *secrets, const char *value);
/* Write '*' over each of them in text[0..n). Returns the number of bytes masked. */
size_t secret_mask(const struct words *secrets, char *text, size_t n);
/* Bytes of the longest one, 0 if there is none. */
size_t secret_longest(const struct words *secrets);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * Text inside a JSON string.
 */
#ifndef PLUGINS_COMMON_JSON_TEXT_H
#define PLUGINS_COMMON_JSON_TEXT_H

#include <stdio.h>

/* Write `text` as it stands between the quotes of a JSON string: quotes, backslashes
 * and control characters escaped, bytes that are not UTF-8 replaced by U+FFFD. */
void json_text(FILE *out, const char *text);

#endif

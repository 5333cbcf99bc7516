/* SPDX-License-Identifier: Apache-2.0
 * json: the few things we need of JSON, over jansson. The only file that includes
 * jansson.h.
 *
 * A js * is a reference: js_free drops it. Functions that put a child into a container
 * take the child over. Getters borrow and accept NULL, giving the default.
 */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"

typedef struct json_t js; /* jansson's, opaque here */

js *js_object(void);
js *js_array(void);
js *js_text(const char *s); /* bytes that are not UTF-8 are replaced by '?' */
js *js_int(int64_t v);
js *js_real(double v);      /* NaN and infinities become null */
js *js_bool(int v);
js *js_null(void);
void js_free(js *v);
js *js_ref(js *v);          /* one more reference */

/* Set a member (replaces); takes `child` over. */
void js_set(js *object, const char *key, js *child);
void js_set_text(js *object, const char *key, const char *s); /* NULL: nothing */
void js_set_int(js *object, const char *key, int64_t v);
void js_set_real(js *object, const char *key, double v);
void js_set_bool(js *object, const char *key, int v);
void js_push(js *array, js *child);

js *js_get(const js *object, const char *key);          /* borrowed or NULL */
const char *js_get_text(const js *object, const char *key, const char *fallback);
int64_t js_get_int(const js *object, const char *key, int64_t fallback);
double js_get_real(const js *object, const char *key, double fallback); /* ints too */
int js_get_bool(const js *object, const char *key, int fallback);
size_t js_count(const js *array_or_object);
js *js_at(const js *array, size_t i);                   /* borrowed or NULL */
const char *js_as_text(const js *v, const char *fallback);
int64_t js_as_int(const js *v, int64_t fallback);
double js_as_real(const js *v, double fallback);
int js_as_bool(const js *v, int fallback);
enum js_kind { JS_NULL, JS_BOOL, JS_INT, JS_REAL, JS_TEXT, JS_ARRAY, JS_OBJECT };
enum js_kind js_kind(const js *v); /* NULL: JS_NULL */
int js_is_object(const js *v);
int js_is_array(const js *v);
int js_is_text(const js *v);
int js_is_number(const js *v);
/* Walk an object: i-th member in insertion order... key borrowed; returns value or
 * NULL. Use: void *it = NULL; while ((v = js_next(obj, &it, &key))) */
js *js_next(const js *object, void **iterator, const char **key);

/* Parse one value. NULL with the error set (line and column in the text). */
js *js_parse(const char *text, size_t len, struct error *e);
/* Compact text on one line, members sorted if `sorted`; caller frees. */
char *js_dump(const js *v, int sorted);
/* Indented text with a final newline; caller frees. */
char *js_pretty(const js *v);

#endif

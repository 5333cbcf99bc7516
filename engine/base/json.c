/* SPDX-License-Identifier: Apache-2.0 */
/* JSON values over jansson. The only file that includes jansson.h.
 *
 * Members keep the order in which they were set; duplicate members and "\u0000" are
 * refused by the parser. Writing is in json_write.c.
 */
#include "base/json.h"

#include <assert.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"

static js *
made(js *v)
{
	if (!v)
		mem_exhausted();
	return v;
}

/* --- making ----------------------------------------------------------------------- */

js *
js_object(void)
{
	return made(json_object());
}

js *
js_array(void)
{
	return made(json_array());
}

/* Newly allocated copy with '?' for each byte that is not part of a UTF-8 character. */
static char *
to_utf8(const char *s)
{
	char *copy = xstrdup(s);
	size_t n = strlen(copy), i = 0;

	while (i < n) {
		size_t len = utf8_length(copy + i, n - i);

		if (len == 0)
			copy[i] = '?';
		i += len ? len : 1;
	}
	return copy;
}

js *
js_text(const char *s)
{
	js *v = json_string(s);
	char *copy;

	if (v)
		return v;
	copy = to_utf8(s);
	v = made(json_string(copy));
	free(copy);
	return v;
}

js *
js_int(int64_t v)
{
	return made(json_integer(v));
}

js *
js_real(double v)
{
	return isfinite(v) ? made(json_real(v)) : json_null();
}

js *
js_bool(int v)
{
	return json_boolean(v);
}

js *
js_null(void)
{
	return json_null();
}

void
js_free(js *v)
{
	json_decref(v);
}

js *
js_ref(js *v)
{
	return json_incref(v);
}

void
js_set(js *object, const char *key, js *child)
{
	char *copy;

	assert(json_is_object(object) && child && child != object);
	json_incref(child);
	if (json_object_set_new(object, key, child) < 0) {
		/* The key is not UTF-8, or memory has ended. */
		copy = to_utf8(key);
		if (json_object_set(object, copy, child) < 0)
			mem_exhausted();
		free(copy);
	}
	json_decref(child);
}

void
js_set_text(js *object, const char *key, const char *s)
{
	if (s)
		js_set(object, key, js_text(s));
}

void
js_set_int(js *object, const char *key, int64_t v)
{
	js_set(object, key, js_int(v));
}

void
js_set_real(js *object, const char *key, double v)
{
	js_set(object, key, js_real(v));
}

void
js_set_bool(js *object, const char *key, int v)
{
	js_set(object, key, js_bool(v));
}

void
js_push(js *array, js *child)
{
	assert(json_is_array(array) && child && child != array);
	if (json_array_append_new(array, child) < 0)
		mem_exhausted();
}

/* --- reading ---------------------------------------------------------------------- */

js *
js_get(const js *object, const char *key)
{
	return json_object_get(object, key);
}

const char *
js_as_text(const js *v, const char *fallback)
{
	return json_is_string(v) ? json_string_value(v) : fallback;
}

int64_t
js_as_int(const js *v, int64_t fallback)
{
	return json_is_integer(v) ? json_integer_value(v) : fallback;
}

int
js_as_bool(const js *v, int fallback)
{
	return json_is_boolean(v) ? json_is_true(v) : fallback;
}

double
js_as_real(const js *v, double fallback)
{
	return json_is_number(v) ? json_number_value(v) : fallback;
}

const char *
js_get_text(const js *object, const char *key, const char *fallback)
{
	return js_as_text(js_get(object, key), fallback);
}

int64_t
js_get_int(const js *object, const char *key, int64_t fallback)
{
	return js_as_int(js_get(object, key), fallback);
}

double
js_get_real(const js *object, const char *key, double fallback)
{
	return js_as_real(js_get(object, key), fallback);
}

int
js_get_bool(const js *object, const char *key, int fallback)
{
	return js_as_bool(js_get(object, key), fallback);
}

size_t
js_count(const js *v)
{
	return json_is_array(v) ? json_array_size(v) : json_object_size(v);
}

js *
js_at(const js *array, size_t i)
{
	return json_array_get(array, i);
}

enum js_kind
js_kind(const js *v)
{
	static const enum js_kind kinds[] = {
		[JSON_OBJECT] = JS_OBJECT, [JSON_ARRAY] = JS_ARRAY,
		[JSON_STRING] = JS_TEXT,   [JSON_INTEGER] = JS_INT,
		[JSON_REAL] = JS_REAL,     [JSON_TRUE] = JS_BOOL,
		[JSON_FALSE] = JS_BOOL,    [JSON_NULL] = JS_NULL,
	};

	return v ? kinds[json_typeof(v)] : JS_NULL;
}

int
js_is_object(const js *v)
{
	return json_is_object(v);
}

int
js_is_array(const js *v)
{
	return json_is_array(v);
}

int
js_is_text(const js *v)
{
	return json_is_string(v);
}

int
js_is_number(const js *v)
{
	return json_is_number(v);
}

js *
js_next(const js *object, void **iterator, const char **key)
{
	/* jansson iterates without changing the object, but wants it non-const. */
	js *o = (js *)object;

	*iterator =
		*iterator ? json_object_iter_next(o, *iterator) : json_object_iter(o);
	if (!*iterator)
		return NULL;
	if (key)
		*key = json_object_iter_key(*iterator);
	return json_object_iter_value(*iterator);
}

js *
js_parse(const char *text, size_t len, struct error *e)
{
	json_error_t why;
	js *v = json_loadb(text, len, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &why);

	if (v)
		return v;
	if (json_error_code(&why) == json_error_out_of_memory)
		mem_exhausted();
	error_set(e, "not JSON: line %d, column %d: %s", why.line, why.column,
		  why.text);
	return NULL;
}

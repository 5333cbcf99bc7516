/* SPDX-License-Identifier: Apache-2.0 */
/* Texts of parameters by type. Equal values get equal texts: they enter keys. */
#include "model/param_value.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/str.h"

int
param_is_path(int type)
{
	return type == AF2_FILE || type == AF2_FILES || type == AF2_DIR ||
	       type == AF2_DATABASE || type == AF2_PROGRAM;
}

/* The shortest text that reads back as the same number. */
static const char *
real_text(double v, struct arena *a)
{
	char buf[40];

	for (int digits = 15; digits <= 17; digits++) {
		snprintf(buf, sizeof buf, "%.*g", digits, v);
		if (strtod(buf, NULL) == v)
			break;
	}
	return arena_strdup(a, buf);
}

static const char *
bad_value(const struct stage_param *def, const char *text, const char *hint,
	  struct error *e)
{
	error_set(e, "'%s' is no value of type %s for '%s'", text,
		  param_type_name(def->type), def->name);
	error_hint(e, "%s", hint);
	return NULL;
}

static int
in_range(const struct stage_param *def, double v, const char *text, struct error *e)
{
	if (def->min < def->max && (v < def->min || v > def->max)) {
		error_set(e, "'%s' is outside the range of '%s': %.15g to %.15g", text,
			  def->name, def->min, def->max);
		return 0;
	}
	return 1;
}

static const char *
number_value(const struct stage_param *def, const char *text, struct arena *a,
	     struct error *e)
{
	uint64_t bytes;
	int64_t i;
	double r;

	switch (def->type) {
	case AF2_INT:
		if (parse_int(text, &i) < 0)
			return bad_value(def, text, "write a whole number", e);
		return in_range(def, (double)i, text, e)
			       ? arena_printf(a, "%" PRId64, i)
			       : NULL;
	case AF2_REAL:
		if (parse_real(text, &r) < 0)
			return bad_value(def, text, "write a number", e);
		return in_range(def, r, text, e) ? real_text(r, a) : NULL;
	case AF2_DURATION:
		if (parse_duration(text, &r) < 0)
			return bad_value(def, text, "write 90s, 15m, 6h or 2d", e);
		return in_range(def, r, text, e) ? real_text(r, a) : NULL;
	default:
		if (parse_size(text, &bytes) < 0)
			return bad_value(def, text, "write 512M, 16G or 1T", e);
		return in_range(def, (double)bytes, text, e)
			       ? arena_printf(a, "%" PRIu64, bytes)
			       : NULL;
	}
}

static const char *
choice_value(const struct stage_param *def, const char *text, struct error *e)
{
	const char *near;
	struct str all = {0};

	for (size_t i = 0; i < def->choices.count; i++)
		if (strcmp(def->choices.v[i], text) == 0)
			return def->choices.v[i];
	for (size_t i = 0; i < def->choices.count; i++)
		str_printf(&all, "%s%s", i ? ", " : "", def->choices.v[i]);
	near = nearest_word(text, (const char *const *)def->choices.v);
	error_set(e, "'%s' is no choice of '%s'", text, def->name);
	error_hint(e, "%s%s%schoices: %s", near ? "did you mean '" : "",
		   near ? near : "", near ? "'? " : "", all.s);
	str_free(&all);
	return NULL;
}

static const char *
path_value(const char *text, const char *base, struct arena *a)
{
	char *path = path_absolute(base, text);
	const char *copy = arena_strdup(a, path);

	free(path);
	return copy;
}

/* Words are quoted again, so that the plugin splits them into the same ones. */
static const char *
words_value(const struct stage_param *def, const char *text, const char *base,
	    struct arena *a, struct error *e)
{
	struct words words = {0};
	struct str out = {0};
	const char *value = NULL;

	if (words_split_posix(&words, text) < 0) {
		error_set(e, "a quote in '%s' never ends", def->name);
	} else {
		for (size_t i = 0; i < words.count; i++) {
			if (i)
				str_addc(&out, ' ');
			str_add_quoted(&out, def->type == AF2_FILES
						     ? path_value(words.v[i], base, a)
						     : words.v[i]);
		}
		value = arena_strdup(a, out.s ? out.s : "");
	}
	words_free(&words);
	str_free(&out);
	return value;
}

const char *
param_value(const struct stage_param *def, const char *text, const char *base,
	    struct arena *a, struct error *e)
{
	int yes;

	switch (def->type) {
	case AF2_INT:
	case AF2_REAL:
	case AF2_DURATION:
	case AF2_SIZE:
		return number_value(def, text, a, e);
	case AF2_BOOL:
		if (parse_bool(text, &yes) < 0)
			return bad_value(def, text, "write yes or no", e);
		return yes ? "1" : "0";
	case AF2_CHOICE:
		return choice_value(def, text, e);
	case AF2_FILE:
	case AF2_DIR:
	case AF2_DATABASE:
		return path_value(text, base, a);
	case AF2_PROGRAM:
		return strchr(text, '/') ? path_value(text, base, a) : text;
	case AF2_FILES:
	case AF2_ARGV:
		return words_value(def, text, base, a, e);
	default:
		return text;
	}
}

int
factor_parse(const char *text, double *factor)
{
	size_t n = strlen(text);
	char buf[32];

	if (n < 2 || n > sizeof buf || text[n - 1] != 'x')
		return -1;
	memcpy(buf, text, n - 1);
	buf[n - 1] = '\0';
	return parse_real(buf, factor) == 0 && *factor > 0 ? 0 : -1;
}

const char *
param_multiply(const struct stage_param *def, const char *value, double factor,
	       int power, struct arena *a, struct error *e)
{
	double v;

	if (def->type != AF2_INT && def->type != AF2_REAL &&
	    def->type != AF2_DURATION && def->type != AF2_SIZE) {
		error_set(e, "'%s' is of type %s and cannot be multiplied", def->name,
			  param_type_name(def->type));
		return NULL;
	}
	if (!*value) {
		error_set(e, "'%s' is not set and cannot be multiplied", def->name);
		return NULL;
	}
	v = strtod(value, NULL) * pow(factor, power);
	if (def->min < def->max && v > def->max)
		v = def->max; /* as far as it goes */
	if (def->min < def->max && v < def->min)
		v = def->min;
	if (def->type == AF2_INT || def->type == AF2_SIZE)
		return arena_printf(a, "%.0f", ceil(v < 9e18 ? v : 9e18));
	return real_text(v, a);
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The expand attribute: variables separated by blanks, each one of
 *
 *   NAME=A..B             whole numbers from A to B
 *   NAME=a,b,c            a list; items may be ranges
 *   NAME=@A,B             files, or patterns that match some, in this order (a comma in a
 *                         name: "\,"); branches are named by their unique stems
 *   NAME in NODE.PORT     the elements of a list output, known when NODE has run
 */
#include <glob.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/str.h"
#include "model/attributes.h"
#include "model/substitute.h"
#include "model/workflow_parts.h"

/* Most values of one variable. */
#define VALUES_MAX 1000000

struct expand {
	struct loader *l;
	struct wf_node *n;
	int line;
};

#define expand_error(x, hint, ...)                                                     \
	((x)->l->unsure = 1, load_error((x)->l, (x)->line, "expand", hint, __VA_ARGS__))

static struct wf_var *
add_var(struct expand *x, const char *name, int kind)
{
	struct wf_node *n = x->n;
	struct wf_var *v;

	if (!is_name(name) || strcmp(name, "all") == 0 || strcmp(name, "in") == 0 ||
	    attr_kind(name) == ATTR_ENGINE) {
		expand_error(x,
			     "use letters, digits and '_', and no word of the engine",
			     "'%s' cannot be the name of a variable", name);
		return NULL;
	}
	if (map_gets(&x->l->params, name)) {
		expand_error(x, NULL,
			     "'%s' is both a workflow parameter and a variable of '%s'",
			     name, n->name);
		return NULL;
	}
	for (size_t i = 0; i < n->var_count; i++)
		if (strcmp(n->vars[i].name, name) == 0) {
			expand_error(x, NULL, "variable '%s' is given twice", name);
			return NULL;
		}
	n->vars = xrealloc(n->vars, n->var_count + 1, sizeof *n->vars);
	v = &n->vars[n->var_count++];
	memset(v, 0, sizeof *v);
	v->name = xstrdup(name);
	v->kind = kind;
	v->in_node = v->in_port = -1;
	intern(&x->l->w->var_names, name);
	return v;
}

/* --- ranges and lists ------------------------------------------------------------- */

/* 1 if item is "A..B", with its values added; 0 if it is not; -1 with an error. */
static int
add_range(struct expand *x, struct wf_var *v, const char *item)
{
	const char *dots = strstr(item, "..");
	char *first = dots ? xstrndup(item, (size_t)(dots - item)) : NULL;
	char buf[24];
	int64_t a, b;
	int rc = 0;

	if (dots && parse_int(first, &a) == 0 && parse_int(dots + 2, &b) == 0) {
		rc = 1;
		if (a > b)
			rc = expand_error(x, "write the smaller number first",
					  "the range '%s' of '%s' is empty", item,
					  v->name);
		else if ((uint64_t)b - (uint64_t)a >= VALUES_MAX)
			rc = expand_error(
				x, NULL,
				"the range '%s' of '%s' has more than %d values", item,
				v->name, VALUES_MAX);
		for (int64_t i = a; rc > 0; i++) {
			snprintf(buf, sizeof buf, "%" PRId64, i);
			words_add(&v->values, buf);
			if (i == b)
				break;
		}
	}
	free(first);
	return rc;
}

static int
value_ok(const char *value)
{
	for (const unsigned char *p = (const unsigned char *)value; *p; p++)
		if (*p <= ' ' || *p == 0x7f)
			return 0;
	return *value && strlen(value) <= 200;
}

static void
add_item(struct expand *x, struct wf_var *v, const char *item, int *ranges)
{
	int rc = add_range(x, v, item);

	if (rc > 0) {
		++*ranges;
	} else if (rc == 0 && !value_ok(item)) {
		expand_error(x,
			     "a list is written a,b,c, without blanks or empty items",
			     "'%s' cannot be a value of '%s'", item, v->name);
	} else if (rc == 0) {
		words_add(&v->values, item);
	}
}

/* Every value once: branches are told apart by them. */
static void
check_unique(struct expand *x, const struct wf_var *v)
{
	struct map seen = {0};
	int added;

	for (size_t i = 0; i < v->values.count; i++) {
		map_puts(&seen, v->values.v[i], &added);
		if (!added) {
			expand_error(x, NULL, "'%s' has the value '%s' twice", v->name,
				     v->values.v[i]);
			break;
		}
	}
	map_free(&seen);
}

static void
parse_list(struct expand *x, const char *name, const char *text)
{
	struct wf_var *v = add_var(x, name, VAR_LIST);
	int items = 0, ranges = 0;

	if (!v)
		return;
	if (!*text) {
		expand_error(x, "give it a range or a list, e.g. 1..5",
			     "'%s' has no value", name);
		return;
	}
	for (const char *p = text; p; items++) {
		const char *comma = strchr(p, ',');
		char *item = comma ? xstrndup(p, (size_t)(comma - p)) : xstrdup(p);

		add_item(x, v, item, &ranges);
		free(item);
		p = comma ? comma + 1 : NULL;
	}
	if (items == ranges)
		v->kind = VAR_RANGE;
	check_unique(x, v);
	for (size_t i = 0; i < v->values.count; i++)
		words_add(&v->names, v->values.v[i]);
}

/* --- globs ------------------------------------------------------------------------ */

/* The stem of a file's name; if others have it too, the name; if others have that too,
 * the path behind the pattern's folder. */
static void
name_files(struct wf_var *v, size_t skip)
{
	struct map stems = {0}, bases = {0};

	for (size_t i = 0; i < v->values.count; i++) {
		const char *base = path_base(v->values.v[i]), *dot = strrchr(base, '.');
		size_t n = dot && dot > base ? (size_t)(dot - base) : strlen(base);

		++*map_put(&stems, base, n, NULL);
		++*map_puts(&bases, base, NULL);
	}
	for (size_t i = 0; i < v->values.count; i++) {
		const char *path = v->values.v[i], *base = path_base(path);
		const char *dot = strrchr(base, '.');
		size_t n = dot && dot > base ? (size_t)(dot - base) : strlen(base);

		if (*map_get(&stems, base, n) == 1)
			words_addn(&v->names, base, n);
		else
			words_add(&v->names,
				  *map_gets(&bases, base) == 1 || strlen(path) <= skip
					  ? base
					  : path + skip);
	}
	map_free(&stems);
	map_free(&bases);
}

/* The pattern behind its folder, in which no character is special. */
static char *
full_pattern(const char *base, const char *pattern, size_t *skip)
{
	struct str out = {0};
	const char *special = strpbrk(pattern, "*?[\\");

	if (*pattern != '/') {
		for (const char *p = base; *p; p++) {
			if (strchr("*?[\\", *p))
				str_addc(&out, '\\');
			str_addc(&out, *p);
		}
		str_addc(&out, '/');
		*skip = strlen(base) + 1;
	} else {
		*skip = 0;
		for (const char *p = pattern; p < (special ? special : pattern); p++)
			if (*p == '/')
				*skip = (size_t)(p - pattern) + 1;
	}
	str_add(&out, pattern);
	return str_take(&out);
}

/* A branch's name stands in labels, which are lines of text. */
static void
check_names(struct expand *x, const struct wf_var *v)
{
	for (size_t i = 0; i < v->names.count; i++) {
		const char *name = v->names.v[i];
		char *shown;

		if (is_clean_utf8(name, strlen(name)) && !strpbrk(name, "\n\t"))
			continue;
		shown = xstrdup(name);
		for (char *p = shown; *p; p++)
			if ((unsigned char)*p < 0x20 || (unsigned char)*p >= 0x7f)
				*p = '?';
		expand_error(x, "rename the file",
			     "the name of the file '%s' is no line of UTF-8 text", shown);
		free(shown);
		return;
	}
}

/* The files of one name or pattern. 0, or -1 with an error. */
static int
add_files(struct expand *x, struct wf_var *v, const char *base, const char *pattern,
	  size_t *skip)
{
	char *full = full_pattern(base, pattern, skip);
	char *plain = path_absolute(base, pattern);
	glob_t found = {0};
	int rc = 0;

	if (access(plain, F_OK) == 0) {
		words_add(&v->values, plain);
	} else if (glob(full, 0, NULL, &found) == 0) {
		for (size_t i = 0; i < found.gl_pathc; i++) {
			char *path = path_absolute("/", found.gl_pathv[i]);

			words_add(&v->values, path);
			free(path);
		}
	} else {
		rc = expand_error(x, NULL, "no file matches '%s'", full);
	}
	globfree(&found);
	free(plain);
	free(full);
	return rc;
}

/* The length of the first item of a list of patterns: up to a comma without a backslash. */
static size_t
item_length(const char *list)
{
	size_t n = 0;

	while (list[n] && list[n] != ',')
		n += list[n] == '\\' && list[n + 1] ? 2 : 1;
	return n;
}

static void
parse_glob(struct expand *x, const char *name, const char *raw, const char *list)
{
	struct wf_var *v = add_var(x, name, VAR_GLOB);
	int first = load_leading(x->l, raw), rc = 0;
	size_t skip = 0;

	if (!v)
		return;
	if (!*list) {
		char *hint = first < 0 ? NULL
				       : xasprintf("give -p %s=FILE",
						   x->l->w->params[first].name);
		expand_error(x, hint, "'%s' has no file", name);
		free(hint);
		return;
	}
	for (const char *p = list; rc == 0 && p;) {
		size_t n = item_length(p);
		char *item = xstrndup(p, n);

		rc = *item ? add_files(x, v, load_base(x->l, raw), item, &skip)
			   : expand_error(x, "files are written a,b,c",
					  "'%s' has an empty item", name);
		free(item);
		p = p[n] ? p + n + 1 : NULL;
	}
	if (rc == 0) {
		check_unique(x, v);
		name_files(v, list[item_length(list)] ? 0 : skip);
		check_names(x, v);
	}
}

/* --- the attribute ---------------------------------------------------------------- */

static void
parse_assignment(struct expand *x, const char *word)
{
	const char *equals = strchr(word, '='), *raw = equals + 1;
	char *name = xstrndup(word, (size_t)(equals - word));
	char *template = load_text(x->l, x->line, "expand", raw, 0);
	struct str value = {0};
	struct error e = {0};

	if (template && subst(&value, template, SUBST_LAST, NULL, NULL, &e) < 0)
		expand_error(
			x, "the values of a variable may use workflow parameters only",
			"'%s': %s", name, e.text);
	else if (template && value.s && *value.s == '@')
		parse_glob(x, name, *raw == '@' ? raw + 1 : raw, value.s + 1);
	else if (template)
		parse_list(x, name, value.s ? value.s : "");
	str_free(&value);
	free(template);
	free(name);
}

static void
parse_source(struct expand *x, const char *name, const char *source)
{
	struct loader *l = x->l;
	char *text = load_text(l, x->line, "expand", source, 0);
	char *dot = text ? strrchr(text, '.') : NULL;
	struct pending_in *p;

	if (text && (!dot || dot == text || !dot[1])) {
		expand_error(x, "write NAME in NODE.PORT",
			     "'%s' names no port of a node", text);
	} else if (text && add_var(x, name, VAR_IN)) {
		GROW(l->pending, l->pending_count, l->pending_cap);
		p = &l->pending[l->pending_count++];
		p->node = (int)(x->n - l->w->nodes);
		p->var = x->n->var_count - 1;
		p->source = xstrndup(text, (size_t)(dot - text));
		p->port = xstrdup(dot + 1);
	}
	free(text);
}

void
load_expand(struct loader *l, int node, int line, const char *text)
{
	struct expand x = {.l = l, .n = &l->w->nodes[node], .line = line};
	struct words words = {0};

	if (words_split_posix(&words, text) < 0)
		expand_error(&x, NULL, "a quote that never ends");
	for (size_t i = 0; i < words.count; i++) {
		if (i + 2 < words.count && strcmp(words.v[i + 1], "in") == 0) {
			parse_source(&x, words.v[i], words.v[i + 2]);
			i += 2;
		} else if (strchr(words.v[i], '=')) {
			parse_assignment(&x, words.v[i]);
		} else {
			expand_error(
				&x,
				"write NAME=1..5, NAME=a,b,c, NAME=@*.fasta or NAME in "
				"NODE.PORT",
				"cannot understand '%s'", words.v[i]);
			break;
		}
	}
	words_free(&words);
}

static void
find_source(struct loader *l, const struct pending_in *p)
{
	struct wf_node *n = &l->w->nodes[p->node], *from;
	struct expand x = {.l = l, .n = n, .line = n->line};
	struct wf_var *v = &n->vars[p->var];
	uint64_t *at = map_gets(&l->nodes, p->source);
	const char **names;
	char *hint;

	if (!at) {
		names = map_names(&l->nodes);
		hint = did_you_mean(p->source, names);
		expand_error(&x, hint, "'%s in %s.%s': there is no node '%s'", v->name,
			     p->source, p->port, p->source);
		free(hint);
		free(names);
		return;
	}
	from = &l->w->nodes[*at];
	if (!from->stage)
		return; /* said already */
	for (size_t i = 0; i < from->output_count; i++)
		if (strcmp(from->outputs[i].name, p->port) == 0) {
			v->in_node = (int)*at;
			v->in_port = (int)i;
		}
	if (v->in_port < 0)
		expand_error(&x, NULL, "'%s in %s.%s': '%s' has no output '%s'",
			     v->name, p->source, p->port, p->source, p->port);
	else if (from->outputs[v->in_port].cardinality != AF2_MANY)
		v->in_port = expand_error(&x, NULL,
					  "'%s in %s.%s': that output is one file, not "
					  "a list",
					  v->name, p->source, p->port);
}

void
load_expand_sources(struct loader *l)
{
	for (size_t i = 0; i < l->pending_count; i++) {
		find_source(l, &l->pending[i]);
		free(l->pending[i].source);
		free(l->pending[i].port);
	}
	free(l->pending);
	l->pending = NULL;
	l->pending_count = 0;
}

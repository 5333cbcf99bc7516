/* SPDX-License-Identifier: Apache-2.0 */
/* Values of branch variables known before anything runs. */
#include "model/static_values.h"

#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "model/substitute.h"

#define COMBOS_MAX 10000

struct source {
	int node;
	size_t var;
	int next; /* another of the same name, or -1 */
};

struct static_values {
	const struct workflow *w;
	struct source *sources;
	size_t count, cap;
	struct map first;    /* name -> index + 1 of its first source */
	unsigned char *seen; /* scratch: ancestors of one node */
	int *stack;
	int *head, *next; /* edges by consumer */
};

struct static_values *
static_values_new(const struct workflow *w)
{
	struct static_values *s = xcalloc(1, sizeof *s);

	s->w = w;
	for (size_t i = 0; i < w->node_count; i++)
		for (size_t k = 0; k < w->nodes[i].var_count; k++) {
			uint64_t *at =
				map_puts(&s->first, w->nodes[i].vars[k].name, NULL);

			GROW(s->sources, s->count, s->cap);
			s->sources[s->count] = (struct source){(int)i, k, (int)*at - 1};
			*at = ++s->count;
		}
	s->seen = xmalloc(w->node_count + 1);
	s->stack = xmalloc((w->node_count + 1) * sizeof *s->stack);
	s->head = xmalloc((w->node_count + 1) * sizeof *s->head);
	s->next = xmalloc((w->edge_count + 1) * sizeof *s->next);
	for (size_t i = 0; i < w->node_count; i++)
		s->head[i] = -1;
	for (size_t i = 0; i < w->edge_count; i++) {
		s->next[i] = s->head[w->edges[i].to];
		s->head[w->edges[i].to] = (int)i;
	}
	return s;
}

void
static_values_free(struct static_values *s)
{
	if (!s)
		return;
	free(s->sources);
	map_free(&s->first);
	free(s->seen);
	free(s->stack);
	free(s->head);
	free(s->next);
	free(s);
}

/* Mark a node and all that it needs in s->seen. */
static void
mark_ancestors(struct static_values *s, int node)
{
	size_t n = 0;

	memset(s->seen, 0, s->w->node_count);
	s->seen[node] = 1;
	s->stack[n++] = node;
	while (n > 0) {
		int at = s->stack[--n];

		for (int k = s->head[at]; k >= 0; k = s->next[k]) {
			int from = s->w->edges[k].from;

			if (!s->seen[from]) {
				s->seen[from] = 1;
				s->stack[n++] = from;
			}
		}
	}
}

static int
has_word(const struct words *w, const char *text)
{
	for (size_t i = 0; i < w->count; i++)
		if (strcmp(w->v[i], text) == 0)
			return 1;
	return 0;
}

/* Where several nodes introduce a variable, branches meet on equal values: keep those
 * that all have. Returns the first source, -1 if one is not static. */
static int
find_source(struct static_values *s, int node, const char *name, int *several)
{
	uint64_t *at = map_gets(&s->first, name);
	int first = at ? (int)*at - 1 : -1, found = -1;

	*several = first >= 0 && s->sources[first].next >= 0;
	if (*several)
		mark_ancestors(s, node);
	for (int i = first; i >= 0; i = s->sources[i].next) {
		const struct source *o = &s->sources[i];

		if (*several && !s->seen[o->node])
			continue;
		if (s->w->nodes[o->node].vars[o->var].kind == VAR_IN)
			return -1;
		found = i;
	}
	return found;
}

static int
all_have(const struct static_values *s, int first, const char *value)
{
	for (int i = first; i >= 0; i = s->sources[i].next) {
		const struct source *o = &s->sources[i];

		if (s->seen[o->node] &&
		    !has_word(&s->w->nodes[o->node].vars[o->var].values, value))
			return 0;
	}
	return 1;
}

void
combos_add_name(struct combos *c, struct static_values *s, int node, const char *name)
{
	const struct words *values;
	int at, several;

	for (size_t i = 0; i < c->count; i++)
		if (strcmp(c->v[i].name, name) == 0)
			return;
	at = find_source(s, node, name, &several);
	if (at < 0) {
		c->unknown = 1;
		return;
	}
	values = &s->w->nodes[s->sources[at].node].vars[s->sources[at].var].values;
	GROW(c->v, c->count, c->cap);
	c->v[c->count].name = xstrdup(name);
	c->v[c->count].values = xmalloc((values->count + 1) * sizeof *c->v->values);
	c->v[c->count].count = c->v[c->count].at = 0;
	for (size_t i = 0; i < values->count && i < COMBOS_MAX; i++)
		if (!several ||
		    all_have(s, (int)*map_gets(&s->first, name) - 1, values->v[i]))
			c->v[c->count].values[c->v[c->count].count++] = values->v[i];
	c->count++;
}

void
combos_add(struct combos *c, struct static_values *s, int node, const char *text,
	   unsigned flags)
{
	char *name;

	while ((name = subst_next(&text, flags))) {
		combos_add_name(c, s, node, name);
		free(name);
	}
}

int
combos_next(struct combos *c)
{
	if (c->unknown || c->done >= COMBOS_MAX)
		return 0;
	if (c->done++ == 0) {
		for (size_t i = 0; i < c->count; i++)
			if (c->v[i].count == 0)
				return 0;
		return 1;
	}
	for (size_t i = c->count; i-- > 0;) {
		if (++c->v[i].at < c->v[i].count)
			return 1;
		c->v[i].at = 0;
	}
	return 0;
}

const char *
combos_lookup(void *arg, const char *name)
{
	const struct combos *c = arg;

	for (size_t i = 0; i < c->count; i++)
		if (strcmp(c->v[i].name, name) == 0)
			return c->v[i].values[c->v[i].at];
	return NULL;
}

char *
combos_text(const struct combos *c)
{
	struct str s = {0};

	for (size_t i = 0; i < c->count; i++)
		str_printf(&s, "%s%s=%s", i ? " " : " (", c->v[i].name,
			   c->v[i].values[c->v[i].at]);
	if (c->count)
		str_addc(&s, ')');
	return str_take(&s);
}

void
combos_free(struct combos *c)
{
	for (size_t i = 0; i < c->count; i++) {
		free(c->v[i].name);
		free(c->v[i].values);
	}
	free(c->v);
	memset(c, 0, sizeof *c);
}

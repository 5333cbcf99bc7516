/* SPDX-License-Identifier: Apache-2.0
 *
 * The test host: lists of names and texts, classes, time.
 */
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "harness_internal.h"

/* log() and its like carry no context, so there is one harness in a process. */
static struct harness *current;

struct harness *
harness_current(void)
{
	return current;
}

void
harness_set_current(struct harness *h)
{
	current = h;
}

double
harness_now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + 1e-9 * (double)ts.tv_nsec;
}

void
harness_die(const char *format, ...)
{
	va_list ap;
	va_start(ap, format);
	fputs("harness: ", stderr);
	vfprintf(stderr, format, ap);
	fputc('\n', stderr);
	va_end(ap);
	abort();
}

char *
harness_copy(const char *text)
{
	char *c = strdup(text);
	if (!c)
		harness_die("out of memory");
	return c;
}

void
pairs_add(struct pairs *p, char *name, char *text)
{
	p->list = realloc(p->list, (p->count + 1) * sizeof(*p->list));
	p->list[p->count++] = (struct pair){name, text};
}

void
pairs_set(struct pairs *p, const char *name, const char *text)
{
	for (size_t i = 0; i < p->count; i++) {
		if (strcmp(p->list[i].name, name) != 0)
			continue;
		char *old = p->list[i].text;
		p->list[i].text = harness_copy(text);
		free(old);
		return;
	}
	pairs_add(p, harness_copy(name), harness_copy(text));
}

const char *
pairs_get(const struct pairs *p, const char *name)
{
	for (size_t i = 0; i < p->count; i++)
		if (strcmp(p->list[i].name, name) == 0)
			return p->list[i].text;
	return NULL;
}

void
pairs_clear(struct pairs *p)
{
	for (size_t i = 0; i < p->count; i++) {
		free(p->list[i].name);
		free(p->list[i].text);
	}
	free(p->list);
	*p = (struct pairs){0};
}

void
harness_record_number(struct pairs *p, const char *name, double value)
{
	char text[64];
	snprintf(text, sizeof(text), "%.15g", value);
	pairs_set(p, name, text);
}

af2_outcome
harness_fail(struct harness *h, af2_outcome outcome, af2_class cls, const char *text)
{
	h->outcome = outcome;
	h->cls = cls;
	snprintf(h->message, sizeof(h->message), "%s", text);
	return outcome;
}

af2_class
harness_class_of(const char *name)
{
	static const char *const names[] = {
#define X(symbol, text) text,
		AF2_CLASSES(X)
#undef X
	};
	for (int i = 0; i < AF2_CLASS_COUNT; i++)
		if (strcmp(names[i], name) == 0)
			return (af2_class)i;
	return AF2_CLASS_PERMANENT;
}

const char *
harness_class_name(const struct harness *h)
{
	switch (h->cls) {
#define X(symbol, text)                                                                \
	case symbol:                                                                   \
		return text;
		AF2_CLASSES(X)
#undef X
	default:
		return "?";
	}
}

void
harness_own(struct harness *h, char *text)
{
	pairs_add(&h->owned, harness_copy(""), text);
}

const char *
harness_path(struct harness *h, const char *format, ...)
{
	va_list ap;
	char *text;
	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		harness_die("out of memory");
	va_end(ap);
	harness_own(h, text);
	return text;
}

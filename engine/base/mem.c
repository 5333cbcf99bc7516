/* SPDX-License-Identifier: Apache-2.0 */
/* Allocation that ends the process where it fails, and the arena. */
#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
mem_exhausted(void)
{
	static const char text[] = "af2flow: out of memory\n";
	/* Nothing can be done about a failed write here. */
	ssize_t n = write(STDERR_FILENO, text, sizeof text - 1);

	(void)n;
	_exit(1); /* not exit(): its handlers may want memory */
}

void *
xmalloc(size_t size)
{
	void *p = malloc(size ? size : 1);

	if (!p)
		mem_exhausted();
	return p;
}

void *
xcalloc(size_t n, size_t size)
{
	void *p;

	if (size && n > PTRDIFF_MAX / size)
		mem_exhausted();
	p = n && size ? calloc(n, size) : calloc(1, 1);
	if (!p)
		mem_exhausted();
	return p;
}

void *
xrealloc(void *p, size_t n, size_t size)
{
	if (size && n > PTRDIFF_MAX / size)
		mem_exhausted();
	p = realloc(p, n && size ? n * size : 1);
	if (!p)
		mem_exhausted();
	return p;
}

/* `n` bytes and a NUL into `copy`. */
static char *
copy_text(char *copy, const char *s, size_t n)
{
	memcpy(copy, s, n);
	copy[n] = '\0';
	return copy;
}

char *
xstrndup(const char *s, size_t n)
{
	n = strnlen(s, n);
	return copy_text(xmalloc(n + 1), s, n);
}

char *
xstrdup(const char *s)
{
	size_t n = strlen(s);

	return copy_text(xmalloc(n + 1), s, n);
}

char *
xasprintf(const char *format, ...)
{
	char *text;
	va_list ap;

	va_start(ap, format);
	if (vasprintf(&text, format, ap) < 0)
		mem_exhausted();
	va_end(ap);
	return text;
}

/* --- arena ------------------------------------------------------------------------ */

enum { BLOCK_SIZE = 64 * 1024, BIG = BLOCK_SIZE / 4, ALIGN = 16 };

/* `used` of the arena counts bytes of the head block only. */
struct arena_block {
	struct arena_block *next;
	size_t size;
	_Alignas(ALIGN) unsigned char data[];
};

static struct arena_block *
block_new(size_t size)
{
	struct arena_block *b;

	if (size > PTRDIFF_MAX - sizeof *b)
		mem_exhausted();
	b = xmalloc(sizeof *b + size);
	b->next = NULL;
	b->size = size;
	return b;
}

void *
arena_alloc(struct arena *a, size_t size)
{
	struct arena_block *b = a->head;
	void *p;

	if (size > PTRDIFF_MAX - ALIGN)
		mem_exhausted();
	size = size ? (size + ALIGN - 1) / ALIGN * ALIGN : ALIGN;
	if (b && size <= b->size - a->used) {
		p = b->data + a->used;
		a->used += size;
		return p;
	}
	if (b && size > BIG) {
		/* A block of its own behind the head, whose rest stays in use. */
		struct arena_block *own = block_new(size);

		own->next = b->next;
		b->next = own;
		return own->data;
	}
	b = block_new(size > BLOCK_SIZE ? size : BLOCK_SIZE);
	b->next = a->head;
	a->head = b;
	a->used = size;
	return b->data;
}

char *
arena_strndup(struct arena *a, const char *s, size_t n)
{
	n = strnlen(s, n);
	return copy_text(arena_alloc(a, n + 1), s, n);
}

char *
arena_strdup(struct arena *a, const char *s)
{
	size_t n = strlen(s);

	return copy_text(arena_alloc(a, n + 1), s, n);
}

char *
arena_printf(struct arena *a, const char *format, ...)
{
	va_list ap;
	char *text, *copy;
	int n;

	va_start(ap, format);
	n = vasprintf(&text, format, ap);
	va_end(ap);
	if (n < 0)
		mem_exhausted();
	copy = copy_text(arena_alloc(a, (size_t)n + 1), text, (size_t)n);
	free(text);
	return copy;
}

void
arena_free(struct arena *a)
{
	struct arena_block *b = a->head, *next;

	for (; b; b = next) {
		next = b->next;
		free(b);
	}
	*a = (struct arena){0};
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Allocation, its end, and the arena. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

static volatile size_t huge = SIZE_MAX / 2; /* unknown to the compiler */

static void
overflow_calloc(void)
{
	free(xcalloc(huge, 4));
}

static void
overflow_realloc(void)
{
	free(xrealloc(NULL, huge, 4));
}

static void
overflow_arena(void)
{
	struct arena a = {0};

	arena_alloc(&a, huge * 2);
}

/* Run `fn` in a child: it has to end with status 1 and one line on stderr. */
static void
expect_exhausted(void (*fn)(void))
{
	char text[200];
	int pipe_fds[2], status;
	ssize_t n;
	pid_t pid;

	assert_int_equal(pipe(pipe_fds), 0);
	pid = fork();
	if (pid == 0) {
		dup2(pipe_fds[1], STDERR_FILENO);
		fn();
		_exit(99);
	}
	close(pipe_fds[1]);
	n = read(pipe_fds[0], text, sizeof text - 1);
	close(pipe_fds[0]);
	assert_true(n > 0);
	text[n] = '\0';
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 1);
	assert_string_equal(text, "af2flow: out of memory\n");
}

static void
test_overflow(void **state)
{
	(void)state;
	expect_exhausted(overflow_calloc);
	expect_exhausted(overflow_realloc);
	expect_exhausted(overflow_arena);
	expect_exhausted(mem_exhausted);
}

/* A sanitizer would end the process itself. */
#ifndef __SANITIZE_ADDRESS__
static void
refused_malloc(void)
{
	free(xmalloc(huge));
}

static void
refused_realloc(void)
{
	free(xrealloc(NULL, huge, 1));
}

static void
refused_calloc(void)
{
	free(xcalloc(huge / 4, 4));
}

static void
test_refused(void **state)
{
	(void)state;
	expect_exhausted(refused_malloc);
	expect_exhausted(refused_realloc);
	expect_exhausted(refused_calloc);
}
#endif

static void
test_zero(void **state)
{
	void *p;

	(void)state;
	p = xmalloc(0);
	assert_non_null(p);
	free(p);
	p = xcalloc(0, 8);
	assert_non_null(p);
	p = xrealloc(p, 0, 8);
	assert_non_null(p);
	free(p);
}

static void
test_texts(void **state)
{
	char *s;

	(void)state;
	s = xstrdup("");
	assert_string_equal(s, "");
	free(s);
	s = xstrndup("abcdef", 3);
	assert_string_equal(s, "abc");
	free(s);
	s = xstrndup("ab", 30);
	assert_string_equal(s, "ab");
	free(s);
	s = xasprintf("%d-%s", 7, "x");
	assert_string_equal(s, "7-x");
	free(s);
}

static void
test_grow(void **state)
{
	int *v = NULL;
	size_t n = 0, cap = 0;

	(void)state;
	for (int i = 0; i < 1000; i++) {
		GROW(v, n, cap);
		v[n++] = i;
	}
	assert_true(cap >= 1000 && cap < 2000);
	assert_int_equal(v[999], 999);
	free(v);
}

/* Allocations of all sizes are aligned and do not touch each other. */
static void
test_arena(void **state)
{
	enum { N = 400 };
	struct arena a = {0};
	unsigned char *p[N];
	size_t size[N];

	(void)state;
	for (int i = 0; i < N; i++) {
		size[i] = i % 50 == 49 ? 100000 : (size_t)i * 7 % 3000;
		p[i] = arena_alloc(&a, size[i]);
		assert_int_equal((uintptr_t)p[i] % 16, 0);
		memset(p[i], i & 0xff, size[i]);
	}
	for (int i = 0; i < N; i++)
		for (size_t j = 0; j < size[i]; j++)
			assert_int_equal(p[i][j], i & 0xff);
	arena_free(&a);
	assert_null(a.head);
	arena_free(&a);
	/* The first may be big, too. */
	memset(arena_alloc(&a, 1000000), 1, 1000000);
	memset(arena_alloc(&a, 10), 1, 10);
	arena_free(&a);
}

static void
test_arena_texts(void **state)
{
	struct arena a = {0};
	char *s, *t, *u;

	(void)state;
	s = arena_strdup(&a, "one");
	t = arena_strndup(&a, "twofold", 3);
	u = arena_printf(&a, "%s-%05d", "three", 3);
	assert_string_equal(s, "one");
	assert_string_equal(t, "two");
	assert_string_equal(u, "three-00003");
	assert_string_equal(arena_printf(&a, "%s", ""), "");
	arena_free(&a);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
#ifndef __SANITIZE_ADDRESS__
		cmocka_unit_test(test_refused),
#endif
		cmocka_unit_test(test_overflow), cmocka_unit_test(test_zero),
		cmocka_unit_test(test_texts),    cmocka_unit_test(test_grow),
		cmocka_unit_test(test_arena),    cmocka_unit_test(test_arena_texts),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

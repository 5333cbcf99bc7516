/* SPDX-License-Identifier: Apache-2.0 */
/* Trees of processes, and the memory that they use. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "exec/tree_memory.h"

enum { SIZE = 64 << 20, SLACK = 24 << 20 };

/* Fork a child that does it, says so by a byte, and stays until it is killed. */
static pid_t
child(void (*does)(void *arg), void *arg)
{
	int ends[2];
	char c = 0;
	pid_t pid;

	assert_int_equal(pipe(ends), 0);
	pid = fork();
	if (pid == 0) {
		does(arg);
		if (write(ends[1], &c, 1) == 1)
			for (;;)
				pause();
		_exit(1);
	}
	assert_true(pid > 0);
	assert_int_equal(read(ends[0], &c, 1), 1);
	close(ends[0]);
	close(ends[1]);
	return pid;
}

static void
end(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static uint64_t
used(pid_t pid, uint64_t exact_above)
{
	struct proc_list l = {0};
	uint64_t n;

	proc_list_add(&l, pid);
	n = tree_memory(&l, exact_above);
	free(l.v);
	return n;
}

static void
nothing(void *arg)
{
	(void)arg;
}

static void
takes_heap(void *arg)
{
	char *p = malloc(SIZE), **kept = arg;

	if (kept)
		*kept = p;
	for (size_t i = 0; p && i < SIZE; i += 1024)
		((volatile char *)p)[i] = 1;
}

/* A file of that size, mapped and read, private and shared. */
static void
maps_file(void *arg)
{
	FILE *f = tmpfile();
	char *a, *b;
	volatile long sum = 0;

	(void)arg;
	if (!f || ftruncate(fileno(f), SIZE) < 0)
		_exit(1);
	a = mmap(NULL, SIZE, PROT_READ, MAP_PRIVATE, fileno(f), 0);
	b = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fileno(f), 0);
	for (size_t i = 0; i < SIZE; i += 1024) {
		((volatile char *)b)[i] = 1;
		sum += a[i];
	}
}

static void
test_gone(void **state)
{
	struct proc_list l = {0};
	pid_t pid = child(nothing, NULL);

	(void)state;
	assert_int_equal(tree_memory(&l, 0), 0);
	end(pid);
	assert_int_equal(used(pid, 0), 0);
	assert_int_equal(used(pid, UINT64_MAX), 0);
}

static void
test_heap_counts(void **state)
{
	pid_t idle = child(nothing, NULL), pid = child(takes_heap, NULL);
	uint64_t base = used(idle, UINT64_MAX);

	(void)state;
	assert_true(used(pid, UINT64_MAX) >= base + SIZE - SLACK);
	assert_true(used(pid, 0) >= SIZE - SLACK);
	end(pid);
	end(idle);
}

/* A mapped database is not the task's memory. */
static void
test_files_do_not_count(void **state)
{
	pid_t idle = child(nothing, NULL), pid = child(maps_file, NULL);
	uint64_t base = used(idle, UINT64_MAX);

	(void)state;
	assert_true(used(pid, UINT64_MAX) < base + SLACK);
	assert_true(used(pid, 0) < base + SLACK);
	end(pid);
	end(idle);
}

/* What forked processes share counts once, when it matters. */
static void
test_shared_pages(void **state)
{
	struct proc_list l = {0};
	char *heap = NULL;

	(void)state;
	takes_heap(&heap);
	proc_list_add(&l, getpid());
	for (int i = 0; i < 4; i++)
		proc_list_add(&l, child(nothing, NULL));
	assert_true(tree_memory(&l, UINT64_MAX) >= 5ull * (SIZE - SLACK));
	assert_true(tree_memory(&l, SIZE) < 3ull * SIZE);
	for (size_t i = 1; i < l.count; i++)
		end(l.v[i]);
	free(l.v);
	free(heap);
}

/* --- trees ------------------------------------------------------------------------ */

static void
forks_twice(void *arg)
{
	(void)arg;
	child(nothing, NULL);
	child(nothing, NULL);
}

static void
test_tree(void **state)
{
	struct proc_list l = {0};
	pid_t pid = child(forks_twice, NULL);

	(void)state;
	proc_tree(&l);
	assert_int_equal(l.count, 0);
	proc_list_add(&l, pid);
	proc_tree(&l);
	assert_int_equal(l.count, 3);
	assert_true(proc_list_has(&l, pid));
	assert_false(proc_list_has(&l, getpid()));
	assert_int_equal(proc_parent(l.v[1]), pid);
	/* Again: each once. */
	proc_tree(&l);
	assert_int_equal(l.count, 3);
	for (size_t i = 1; i < 3; i++)
		kill(l.v[i], SIGKILL);
	end(pid);
	free(l.v);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_gone),
		cmocka_unit_test(test_heap_counts),
		cmocka_unit_test(test_files_do_not_count),
		cmocka_unit_test(test_shared_pages),
		cmocka_unit_test(test_tree),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

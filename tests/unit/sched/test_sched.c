/* SPDX-License-Identifier: Apache-2.0 */
/* The scheduler's decisions: order, sharing of cores, GPUs, fairness, reasons. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/mem.h"
#include "sched/sched.h"

#define GB (UINT64_C(1) << 30)

struct fixture {
	struct machine *m;
	struct sched *s;
};

static void
begin(struct fixture *f, unsigned packages, unsigned cores, unsigned gpus)
{
	f->m = machine_make(packages, cores, gpus, 100 * GB);
	f->s = sched_new(f->m);
}

static void
end(struct fixture *f)
{
	sched_free(f->s);
	machine_free(f->m);
}

static void
ready(struct fixture *f, uint32_t id, int cpus, int gpus, uint64_t memory,
      double priority)
{
	struct request q = {.cpus = cpus, .gpus = gpus, .memory = memory};

	sched_ready(f->s, id, &q, priority);
}

static void
assert_next(struct fixture *f, uint32_t id, unsigned cores, struct slot *slot)
{
	uint32_t got = UINT32_MAX;

	assert_int_equal(sched_next(f->s, &got, slot), 1);
	assert_int_equal(got, id);
	assert_int_equal(slot->core_count, cores);
}

static void
assert_none(struct fixture *f)
{
	struct slot slot;
	uint32_t id;

	assert_int_equal(sched_next(f->s, &id, &slot), 0);
}

static void
assert_why(const struct fixture *f, uint32_t id, const char *text)
{
	struct str b = {0};

	sched_why(f->s, id, &b);
	assert_string_equal(b.s, text);
	str_free(&b);
}

static void
assert_impossible(const struct fixture *f, const struct request *q, const char *text)
{
	struct error e = {0};

	assert_int_equal(sched_possible(f->s, q, &e), -1);
	assert_string_equal(e.text, text);
}

static void
impossible_requests(void **state)
{
	struct request q = {.cpus = 9};
	struct fixture f;

	(void)state;
	begin(&f, 2, 4, 1);
	assert_impossible(&f, &q, "needs 9 cores, the run may use 8");
	q = (struct request){.cpus = 1, .gpus = 2};
	assert_impossible(&f, &q, "needs 2 GPUs, the run may use 1");
	q = (struct request){.cpus = -1, .memory = 200 * GB};
	assert_impossible(&f, &q, "needs 200G of memory, the run may use 100G");
	q = (struct request){.cpus = -2, .gpus = -1, .memory = 100 * GB};
	assert_int_equal(sched_possible(f.s, &q, NULL), 0);
	assert_int_equal(sched_drop(f.s, 5), -1);
	assert_why(&f, 5, "is not waiting for a slot");
	end(&f);
	sched_free(NULL);
}

static void
priority_then_arrival(void **state)
{
	struct fixture f;
	struct slot s[4];

	(void)state;
	begin(&f, 1, 4, 0);
	ready(&f, 1, 1, 0, 0, 1);
	ready(&f, 2, 1, 0, GB, 5); /* another class */
	ready(&f, 3, 1, 0, 0, 5);
	ready(&f, 4, 1, 0, 0, 0.0 / 0.0);
	ready(&f, 5, 1, 0, GB, 1);
	assert_int_equal(sched_waiting(f.s), 5);
	assert_next(&f, 2, 1, &s[0]);
	assert_next(&f, 3, 1, &s[1]);
	assert_next(&f, 1, 1, &s[2]);
	assert_next(&f, 5, 1, &s[3]);
	assert_none(&f);
	sched_done(f.s, &s[2]);
	assert_next(&f, 4, 1, &s[2]);
	assert_int_equal(sched_waiting(f.s), 0);
	for (int i = 0; i < 4; i++)
		sched_done(f.s, &s[i]);
	assert_int_equal(resources_free_cores(sched_resources(f.s)), 4);
	end(&f);
}

static void
drop_stop_and_again(void **state)
{
	struct fixture f;
	struct slot s;

	(void)state;
	begin(&f, 1, 4, 0);
	ready(&f, 1, 4, 0, 0, 9);
	ready(&f, 2, 1, 0, 0, 1);
	ready(&f, 3, 1, 0, 0, 1);
	assert_int_equal(sched_drop(f.s, 1), 0);
	assert_int_equal(sched_drop(f.s, 1), -1);
	ready(&f, 2, 2, 0, 0, 0); /* anew, with other values */
	assert_int_equal(sched_waiting(f.s), 2);
	assert_next(&f, 3, 1, &s);
	sched_done(f.s, &s);
	sched_stop(f.s);
	assert_none(&f);
	assert_why(&f, 2, "nothing new is started");
	assert_int_equal(sched_drop(f.s, 2), 0);
	assert_int_equal(sched_waiting(f.s), 0);
	end(&f);
}

static void
smaller_ones_pass_but_not_for_ever(void **state)
{
	struct fixture f;
	struct slot s[200], big;
	uint32_t id = 0;
	int passed = 0;

	(void)state;
	begin(&f, 1, 4, 0);
	for (uint32_t i = 1; i <= 3; i++)
		ready(&f, i, 1, 0, 0, 0);
	for (uint32_t i = 1; i <= 3; i++)
		assert_next(&f, i, 1, &s[i]);
	ready(&f, 100, -2, 0, 0, 1);
	for (uint32_t i = 101; i < 200; i++)
		ready(&f, i, 1, 0, 0, 0);
	assert_why(&f, 100, "needs 4 cores, 1 is free");
	/* Whenever one ends another may start, until the large one has waited
	 * enough. */
	while (sched_next(f.s, &id, &s[0])) {
		assert_int_not_equal(id, 100);
		sched_done(f.s, &s[0]);
		passed++;
		assert_true(passed < 50);
	}
	assert_true(passed > 3);
	assert_why(&f, 150, "behind 33 tasks of higher priority or earlier; the first "
	                    "waits for a larger task that comes first");
	for (uint32_t i = 1; i <= 3; i++) {
		assert_none(&f);
		sched_done(f.s, &s[i]);
	}
	assert_next(&f, 100, 4, &big);
	sched_done(f.s, &big);
	assert_next(&f, 101 + (uint32_t)passed, 1, &s[0]);
	sched_done(f.s, &s[0]);
	end(&f);
}

/* Tasks that wait for a busy GPU hold back no task that needs none. */
static void
gpu_queue_lets_others_pass(void **state)
{
	struct fixture f;
	struct slot gpu, s;

	(void)state;
	begin(&f, 1, 8, 1);
	ready(&f, 1, 1, 1, 0, 9);
	ready(&f, 2, 1, 1, 0, 9);
	assert_next(&f, 1, 1, &gpu);
	assert_why(&f, 2, "needs 1 GPU, 0 are free");
	for (uint32_t i = 10; i < 200; i++) {
		ready(&f, i, 4, 0, 0, 0);
		assert_next(&f, i, 4, &s);
		sched_done(f.s, &s);
	}
	sched_done(f.s, &gpu);
	assert_next(&f, 2, 1, &gpu);
	sched_done(f.s, &gpu);
	end(&f);
}

static void
auto_shares_free_cores(void **state)
{
	struct request capped = {.cpus = -1, .cpus_cap = 4}, open = {.cpus = -1};
	struct fixture f;
	struct slot s[6];

	(void)state;
	begin(&f, 2, 38, 0);
	for (uint32_t i = 0; i < 3; i++)
		sched_ready(f.s, i, &open, 0);
	assert_next(&f, 0, 25, &s[0]);
	assert_next(&f, 1, 25, &s[1]);
	assert_next(&f, 2, 26, &s[2]);
	for (int i = 0; i < 3; i++)
		sched_done(f.s, &s[i]);
	/* What a cap or a fixed request leaves goes to the others. */
	sched_ready(f.s, 0, &capped, 2);
	sched_ready(f.s, 1, &capped, 2);
	sched_ready(f.s, 2, &open, 1);
	sched_ready(f.s, 3, &open, 1);
	ready(&f, 4, 8, 0, 0, 0);
	assert_next(&f, 0, 4, &s[0]);
	assert_next(&f, 1, 4, &s[1]);
	assert_next(&f, 2, 30, &s[2]);
	assert_next(&f, 3, 30, &s[3]);
	assert_next(&f, 4, 8, &s[4]);
	for (int i = 0; i < 5; i++)
		sched_done(f.s, &s[i]);
	/* Alone it takes what there is. */
	sched_ready(f.s, 0, &open, 0);
	assert_next(&f, 0, 76, &s[0]);
	sched_done(f.s, &s[0]);
	end(&f);
}

static void
auto_with_more_tasks_than_cores(void **state)
{
	struct request open = {.cpus = -1};
	struct fixture f;
	struct slot s[2];

	(void)state;
	begin(&f, 1, 2, 0);
	for (uint32_t i = 0; i < 5; i++)
		sched_ready(f.s, i, &open, 0);
	assert_next(&f, 0, 1, &s[0]);
	assert_next(&f, 1, 1, &s[1]);
	assert_none(&f);
	sched_done(f.s, &s[0]);
	sched_done(f.s, &s[1]);
	end(&f);
}

/* On a 2 x 38-core node with 8 GPUs, five one-GPU tasks with `auto` cores. */
static void
five_predictions(void **state)
{
	struct machine_limits limits = {.cpus = -1, .gpus = (int)(intptr_t)*state};
	struct fixture f = {.m = machine_load(FIXTURES "/topologies/gpu-2x38-8.xml", &limits,
	                                      NULL)};
	struct request q = {.cpus = -1, .gpus = -1};
	char core[76] = {0}, gpu[8] = {0};
	unsigned cores = 0, on_first = 0;
	struct slot s[5];
	uint32_t id;

	assert_non_null(f.m);
	f.s = sched_new(f.m);
	for (uint32_t i = 0; i < 5; i++)
		sched_ready(f.s, i, &q, 0);
	for (int i = 0; i < 5; i++) {
		const struct gpu *g;

		assert_int_equal(sched_next(f.s, &id, &s[i]), 1);
		assert_int_equal(s[i].gpu_count, 1);
		assert_int_equal(gpu[s[i].gpus[0]]++, 0);
		g = &f.m->gpus[s[i].gpus[0]];
		on_first += g->cores[0] == 0;
		assert_true(s[i].core_count >= 9);
		for (unsigned k = 0; k < s[i].core_count; k++) {
			assert_int_equal(core[s[i].cores[k]]++, 0);
			assert_in_range(s[i].cores[k], g->cores[0], g->cores[37]);
		}
		cores += s[i].core_count;
	}
	assert_int_equal(on_first, 3);
	/* With only five GPUs each has a larger share of the cores near it. */
	assert_int_equal(cores, limits.gpus == 5 ? 3 * 12 + 2 * 19 : 5 * 9);
	for (int i = 0; i < 5; i++)
		sched_done(f.s, &s[i]);
	end(&f);
}

static void
all_gpus(void **state)
{
	*state = (void *)(intptr_t)-1;
	five_predictions(state);
}

static void
only_five_gpus(void **state)
{
	*state = (void *)(intptr_t)5;
	five_predictions(state);
}

/* Without a GPU `gpus=auto` means none, and the cores are shared. */
static void
auto_gpus_without_any(void **state)
{
	struct fixture f;
	struct slot s[2];

	(void)state;
	begin(&f, 1, 6, 0);
	ready(&f, 1, -1, -1, 0, 0);
	ready(&f, 2, -1, -1, 0, 0);
	assert_next(&f, 1, 3, &s[0]);
	assert_int_equal(s[0].gpu_count, 0);
	assert_next(&f, 2, 3, &s[1]);
	sched_done(f.s, &s[0]);
	sched_done(f.s, &s[1]);
	end(&f);
}

static void
held_memory_is_wanted(void **state)
{
	struct fixture f;
	struct slot s;

	(void)state;
	begin(&f, 1, 4, 0);
	resources_hold(sched_resources(f.s), 70 * GB);
	ready(&f, 1, 1, 0, 40 * GB, 0);
	assert_none(&f);
	assert_why(&f, 1, "needs 40G of memory, 30G is free");
	assert_int_equal(sched_wants_memory(f.s), 10 * GB);
	resources_unhold(sched_resources(f.s), 10 * GB);
	assert_int_equal(sched_wants_memory(f.s), 0);
	assert_next(&f, 1, 1, &s);
	sched_done(f.s, &s);
	end(&f);
}

/* A decision must not cost more when many wait. The bound is loose: only a search
 * through all waiting tasks would miss it. */
static void
many_waiting_tasks(void **state)
{
	const uint32_t count = 300000;
	clock_t start = clock();
	struct fixture f;
	struct slot s;
	uint32_t id, n = 0;

	(void)state;
	begin(&f, 2, 38, 0);
	for (uint32_t i = 0; i < count; i++)
		ready(&f, i, 1 + (int)(i % 3), 0, i % 5 * GB, (i * 7919u) % 1000);
	while (sched_next(f.s, &id, &s)) {
		sched_done(f.s, &s);
		n++;
	}
	assert_int_equal(n, count);
	assert_true((double)(clock() - start) / CLOCKS_PER_SEC < 20);
	end(&f);
}

/* Who waits for what, by classes of equal requests. */
static void
classes(void **state)
{
	struct request q;
	struct fixture f;
	struct slot slot;
	size_t waiting;
	uint32_t head;
	(void)state;

	begin(&f, 1, 4, 0);
	assert_int_equal(sched_class(f.s, 0, &q, &waiting, &head), -1);
	ready(&f, 1, 2, 0, 0, 0);
	ready(&f, 2, 2, 0, 0, 5);
	ready(&f, 3, 1, -1, GB, 0);
	assert_int_equal(sched_class(f.s, 0, &q, &waiting, &head), 0);
	assert_int_equal(q.cpus, 2);
	assert_int_equal(waiting, 2);
	assert_int_equal(head, 2);
	assert_int_equal(sched_class(f.s, 1, &q, &waiting, &head), 0);
	assert_int_equal(q.gpus, 0);
	assert_true(q.memory == GB);
	assert_int_equal(head, 3);
	assert_int_equal(sched_class(f.s, 2, &q, &waiting, &head), -1);
	assert_next(&f, 2, 2, &slot);
	assert_int_equal(sched_class(f.s, 0, &q, &waiting, &head), 0);
	assert_int_equal(waiting, 1);
	assert_int_equal(head, 1);
	assert_int_equal(sched_drop(f.s, 1), 0);
	assert_int_equal(sched_class(f.s, 0, &q, &waiting, &head), 0);
	assert_int_equal(waiting, 0);
	sched_done(f.s, &slot);
	end(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(impossible_requests),
		cmocka_unit_test(priority_then_arrival),
		cmocka_unit_test(drop_stop_and_again),
		cmocka_unit_test(smaller_ones_pass_but_not_for_ever),
		cmocka_unit_test(gpu_queue_lets_others_pass),
		cmocka_unit_test(auto_shares_free_cores),
		cmocka_unit_test(auto_with_more_tasks_than_cores),
		cmocka_unit_test(all_gpus),
		cmocka_unit_test(only_five_gpus),
		cmocka_unit_test(auto_gpus_without_any),
		cmocka_unit_test(held_memory_is_wanted),
		cmocka_unit_test(classes),
		cmocka_unit_test(many_waiting_tasks),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

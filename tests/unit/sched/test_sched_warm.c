/* SPDX-License-Identifier: Apache-2.0 */
/* Affinity: which of equal tasks goes first, and on which GPU. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sched/sched.h"

#define GB (UINT64_C(1) << 30)
enum { A = 11, B = 22 };

struct fixture {
	struct machine *m;
	struct sched *s;
};

static void
begin(struct fixture *f, unsigned cores, unsigned gpus)
{
	f->m = machine_make(1, cores, gpus, 100 * GB);
	f->s = sched_new(f->m);
}

static void
end(struct fixture *f)
{
	sched_free(f->s);
	machine_free(f->m);
}

static void
ready_with(struct fixture *f, uint32_t id, int gpus, struct affinity affinity,
           double priority)
{
	struct request q = {.cpus = 1, .gpus = gpus, .affinity = affinity};

	sched_ready(f->s, id, &q, priority);
}

static void
ready(struct fixture *f, uint32_t id, int gpus, uint32_t affinity, double priority)
{
	ready_with(f, id, gpus, (struct affinity){affinity, 0}, priority);
}

static void
assert_next(struct fixture *f, uint32_t id, struct slot *slot)
{
	uint32_t got = UINT32_MAX;

	assert_int_equal(sched_next(f->s, &got, slot), 1);
	assert_int_equal(got, id);
}

/* One slot, two models, three targets each. */
static void
equal_ones_follow_each_other(void **state)
{
	static const uint32_t order[] = {0, 2, 4, 1, 3, 5};
	struct fixture f;
	struct slot slot;

	(void)state;
	begin(&f, 1, 0);
	for (uint32_t i = 0; i < 6; i++)
		ready(&f, i, 0, i % 2 ? B : A, 0);
	for (int i = 0; i < 6; i++) {
		assert_next(&f, order[i], &slot);
		sched_done(f.s, &slot);
	}
	end(&f);
}

/* One slot, one model, targets of two lengths: those of one length together; with other hints
 * the model alone still counts. */
static void
equal_hints_follow_each_other(void **state)
{
	static const uint32_t order[] = {0, 3, 5, 1, 4, 2};
	struct fixture f;
	struct slot slot;

	(void)state;
	begin(&f, 1, 0);
	ready_with(&f, 0, 0, (struct affinity){A, 1}, 0);
	ready_with(&f, 1, 0, (struct affinity){A, 2}, 0);
	ready_with(&f, 2, 0, (struct affinity){B, 1}, 0);
	ready_with(&f, 3, 0, (struct affinity){A, 1}, 0);
	ready_with(&f, 4, 0, (struct affinity){A, 2}, 0);
	ready_with(&f, 5, 0, (struct affinity){A, 1}, 0);
	for (int i = 0; i < 6; i++) {
		assert_next(&f, order[i], &slot);
		sched_done(f.s, &slot);
	}
	end(&f);
}

/* Two GPUs with one model and other programs: a target goes where its program is. */
static void
a_gpu_keeps_its_programs(void **state)
{
	struct fixture f;
	struct slot a, b, next;
	unsigned gpu_a;

	(void)state;
	begin(&f, 8, 2);
	ready_with(&f, 0, 1, (struct affinity){A, 1}, 0);
	ready_with(&f, 1, 1, (struct affinity){A, 2}, 0);
	assert_next(&f, 0, &a);
	assert_next(&f, 1, &b);
	gpu_a = a.gpus[0];
	sched_done(f.s, &a);
	sched_done(f.s, &b); /* the newest, which would do as well */
	ready_with(&f, 2, 1, (struct affinity){A, 1}, 0);
	assert_next(&f, 2, &next);
	assert_int_equal(next.gpus[0], gpu_a);
	sched_done(f.s, &next);
	end(&f);
}

static void
priority_counts_for_more(void **state)
{
	struct fixture f;
	struct slot slot;

	(void)state;
	begin(&f, 1, 0);
	ready(&f, 0, 0, A, 0);
	assert_next(&f, 0, &slot);
	sched_done(f.s, &slot);
	ready(&f, 1, 0, A, 0);
	ready(&f, 2, 0, B, 1);
	ready(&f, 3, 0, 0, 0);
	assert_next(&f, 2, &slot);
	sched_done(f.s, &slot);
	assert_next(&f, 1, &slot);
	sched_done(f.s, &slot);
	end(&f);
}

/* Two GPUs: each goes on with what it did before, whichever comes free first. */
static void
a_gpu_goes_on(void **state)
{
	struct fixture f;
	struct slot a, b, next;
	unsigned gpu_a, gpu_b;

	(void)state;
	begin(&f, 8, 2);
	ready(&f, 0, 1, A, 0);
	ready(&f, 1, 1, B, 0);
	assert_next(&f, 0, &a);
	assert_next(&f, 1, &b);
	gpu_a = a.gpus[0];
	gpu_b = b.gpus[0];
	assert_int_not_equal(gpu_a, gpu_b);
	sched_done(f.s, &a);
	sched_done(f.s, &b);
	ready(&f, 2, 1, B, 0);
	ready(&f, 3, 1, A, 0);
	assert_next(&f, 2, &next);
	assert_int_equal(next.gpu_count, 1);
	assert_int_equal(next.gpus[0], gpu_b);
	sched_done(f.s, &next);
	assert_next(&f, 3, &next);
	assert_int_equal(next.gpus[0], gpu_a);
	sched_done(f.s, &next);
	end(&f);
}

/* A GPU that another task has had since is warm no more. */
static void
another_task_cools_it(void **state)
{
	struct fixture f;
	struct slot slot;

	(void)state;
	begin(&f, 8, 1);
	ready(&f, 0, 1, A, 0);
	assert_next(&f, 0, &slot);
	sched_done(f.s, &slot);
	ready(&f, 1, 1, 0, 0);
	assert_next(&f, 1, &slot);
	sched_done(f.s, &slot);
	ready(&f, 2, 1, B, 0);
	ready(&f, 3, 1, A, 0);
	assert_next(&f, 2, &slot);
	sched_done(f.s, &slot);
	end(&f);
}

/* What has no use for a warm GPU leaves it alone while there is another. */
static void
others_take_cold_gpus(void **state)
{
	struct fixture f;
	struct slot a, b, c;
	unsigned gpu_a;

	(void)state;
	begin(&f, 8, 3);
	ready(&f, 0, 1, A, 0);
	assert_next(&f, 0, &a);
	gpu_a = a.gpus[0];
	sched_done(f.s, &a);
	ready(&f, 1, 1, B, 0);
	ready(&f, 2, 1, 0, 0);
	assert_next(&f, 1, &b);
	assert_next(&f, 2, &c);
	assert_int_not_equal(b.gpus[0], gpu_a);
	assert_int_not_equal(c.gpus[0], gpu_a);
	ready(&f, 3, 1, A, 0);
	assert_next(&f, 3, &a);
	assert_int_equal(a.gpus[0], gpu_a);
	sched_done(f.s, &a);
	/* the warm one rather than none */
	ready(&f, 4, 1, 0, 0);
	assert_next(&f, 4, &a);
	assert_int_equal(a.gpus[0], gpu_a);
	sched_done(f.s, &a);
	sched_done(f.s, &b);
	sched_done(f.s, &c);
	end(&f);
}

/* A GPU that is warm brings the cores that belong to it, not those of the one that would be
 * next: with five GPUs, three share the first package, two the second. */
static void
a_warm_gpu_has_its_own_cores(void **state)
{
	struct machine_limits limits = {.cpus = -1, .gpus = 5};
	struct fixture f = {.m = machine_load(FIXTURES "/topologies/gpu-2x38-8.xml", &limits,
	                                      NULL)};
	struct request q = {.cpus = -1, .gpus = 1, .affinity = {A, 0}};
	struct slot a, b, next;

	(void)state;
	assert_non_null(f.m);
	f.s = sched_new(f.m);
	sched_ready(f.s, 0, &q, 0);
	assert_next(&f, 0, &a);
	assert_int_equal(f.m->gpus[a.gpus[0]].cores[0], 0);
	sched_done(f.s, &a);
	q.affinity.text = B;
	sched_ready(f.s, 1, &q, 0);
	assert_next(&f, 1, &b);
	q.affinity.text = A;
	sched_ready(f.s, 2, &q, 0);
	assert_next(&f, 2, &next);
	assert_int_equal(b.core_count, 12);
	assert_int_equal(next.core_count, 12);
	assert_in_range(next.cores[11], 0, 37);
	sched_done(f.s, &b);
	sched_done(f.s, &next);
	end(&f);
}

/* The head yields a bounded number of times. */
static void
nobody_starves(void **state)
{
	struct fixture f;
	struct slot slot;
	uint32_t id = 0;
	int before = 0;

	(void)state;
	begin(&f, 1, 0);
	ready(&f, 0, 0, A, 0);
	assert_next(&f, 0, &slot);
	sched_done(f.s, &slot);
	ready(&f, 1, 0, B, 0);
	for (uint32_t i = 2; i < 102; i++)
		ready(&f, i, 0, A, 0);
	for (; id != 1; before++) {
		assert_int_equal(sched_next(f.s, &id, &slot), 1);
		sched_done(f.s, &slot);
	}
	assert_in_range(before, 2, 20);
	end(&f);
}

/* A head that has yielded often enough goes to its own GPU all the same. */
static void
the_head_has_its_place(void **state)
{
	struct fixture f;
	struct slot a, b, slot;
	uint32_t id;

	(void)state;
	begin(&f, 8, 2);
	ready(&f, 0, 1, B, 0);
	ready(&f, 1, 1, A, 0);
	assert_next(&f, 0, &b);
	assert_next(&f, 1, &a);
	unsigned gpu_a = a.gpus[0];
	sched_done(f.s, &b);
	ready(&f, 2, 1, A, 0);
	for (uint32_t i = 3; i < 103; i++)
		ready(&f, i, 1, B, 0);
	for (int i = 0; i < 16; i++) {
		assert_int_equal(sched_next(f.s, &id, &slot), 1);
		assert_int_not_equal(id, 2);
		sched_done(f.s, &slot);
	}
	sched_done(f.s, &a);
	assert_next(&f, 2, &slot);
	assert_int_equal(slot.gpus[0], gpu_a);
	sched_done(f.s, &slot);
	end(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(equal_ones_follow_each_other),
		cmocka_unit_test(equal_hints_follow_each_other),
		cmocka_unit_test(a_gpu_keeps_its_programs),
		cmocka_unit_test(priority_counts_for_more),
		cmocka_unit_test(a_gpu_goes_on),
		cmocka_unit_test(another_task_cools_it),
		cmocka_unit_test(others_take_cold_gpus),
		cmocka_unit_test(a_warm_gpu_has_its_own_cores),
		cmocka_unit_test(nobody_starves),
		cmocka_unit_test(the_head_has_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

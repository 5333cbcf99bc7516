/* SPDX-License-Identifier: Apache-2.0 */
/* Slots: near each other, near their GPUs, disjoint, given back whole. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sched/resources.h"

#define GB (UINT64_C(1) << 30)

struct fixture {
	struct machine *m;
	struct resources *r;
};

static void
begin(struct fixture *f, unsigned packages, unsigned cores, unsigned gpus)
{
	f->m = machine_make(packages, cores, gpus, 100 * GB);
	f->r = resources_new(f->m);
}

static void
end(struct fixture *f)
{
	assert_int_equal(resources_free_cores(f->r), f->m->core_count);
	assert_int_equal(resources_free_gpus(f->r), f->m->gpu_count);
	assert_int_equal(resources_free_memory(f->r), f->m->memory);
	resources_free(f->r);
	machine_free(f->m);
}

static unsigned
packages_of(const struct machine *m, const struct slot *s)
{
	unsigned mask = 0;

	for (unsigned i = 0; i < s->core_count; i++)
		mask |= 1u << m->cores[s->cores[i]].package;
	return mask;
}

static void
assert_texts(const struct fixture *f, const struct slot *s, const char *pus,
             const char *gpus)
{
	struct str b = {0};

	slot_pu_list(f->m, s, &b);
	assert_string_equal(b.s ? b.s : "", pus);
	str_reset(&b);
	slot_gpu_ids(f->m, s, &b);
	assert_string_equal(b.s ? b.s : "", gpus);
	str_free(&b);
}

static void
too_much_changes_nothing(void **state)
{
	struct fixture f;
	struct slot s;

	(void)state;
	begin(&f, 2, 4, 2);
	assert_int_equal(resources_take(f.r, 9, 0, 0, &s), -1);
	assert_int_equal(resources_take(f.r, 1, 3, 0, &s), -1);
	assert_int_equal(resources_take(f.r, 1, 0, 101 * GB, &s), -1);
	assert_null(s.cores);
	assert_false(resources_possible(f.r, 9, 0, 0));
	assert_false(resources_possible(f.r, 1, 3, 0));
	assert_false(resources_possible(f.r, 1, 0, 101 * GB));
	assert_true(resources_possible(f.r, 8, 2, 100 * GB));
	assert_int_equal(resources_gpu_cores(f.r, 3), 0);
	assert_int_equal(resources_gpu_cores(f.r, 0), 0);
	end(&f);
	resources_free(NULL);
}

static void
best_fit_by_package(void **state)
{
	struct fixture f;
	struct slot a, b, c, d;

	(void)state;
	begin(&f, 2, 8, 0);
	assert_int_equal(resources_take(f.r, 3, 0, 0, &a), 0);
	assert_texts(&f, &a, "0-2", "");
	assert_int_equal(resources_take(f.r, 6, 0, 0, &b), 0);
	assert_texts(&f, &b, "8-13", "");
	assert_int_equal(resources_take(f.r, 2, 0, 0, &c), 0); /* the smaller hole */
	assert_texts(&f, &c, "14-15", "");
	assert_int_equal(resources_take(f.r, 5, 0, 0, &d), 0);
	assert_texts(&f, &d, "3-7", "");
	resources_give(f.r, &a);
	resources_give(f.r, &c);
	assert_int_equal(resources_take(f.r, 5, 0, 0, &a), 0); /* no package has five */
	assert_texts(&f, &a, "0-2,14-15", "");
	resources_give(f.r, &a);
	resources_give(f.r, &b);
	resources_give(f.r, &d);
	assert_null(d.cores);
	end(&f);
}

static void
holes_between_neighbours(void **state)
{
	struct fixture f;
	struct slot s[8], t;

	(void)state;
	begin(&f, 1, 8, 0);
	for (int i = 0; i < 8; i++)
		assert_int_equal(resources_take(f.r, 1, 0, 0, &s[i]), 0);
	resources_give(f.r, &s[0]);
	resources_give(f.r, &s[3]);
	resources_give(f.r, &s[4]);
	assert_int_equal(resources_take(f.r, 2, 0, 0, &t), 0);
	assert_texts(&f, &t, "3-4", "");
	resources_give(f.r, &t);
	for (int i = 1; i < 8; i++)
		if (i != 3 && i != 4)
			resources_give(f.r, &s[i]);
	end(&f);
}

static void
memory_of_slots_and_held(void **state)
{
	struct fixture f;
	struct slot s;

	(void)state;
	begin(&f, 1, 2, 0);
	assert_int_equal(resources_take(f.r, 1, 0, 60 * GB, &s), 0);
	resources_hold(f.r, 30 * GB);
	assert_int_equal(resources_free_memory(f.r), 10 * GB);
	assert_int_equal(resources_held_for(f.r, 10 * GB), 0);
	assert_int_equal(resources_held_for(f.r, 25 * GB), 15 * GB);
	assert_int_equal(resources_held_for(f.r, 41 * GB), 0); /* not even without it */
	resources_hold(f.r, 50 * GB);
	assert_int_equal(resources_free_memory(f.r), 0);
	assert_int_equal(resources_held_for(f.r, 5 * GB), 45 * GB);
	resources_unhold(f.r, 80 * GB);
	assert_int_equal(resources_free_memory(f.r), 40 * GB);
	resources_give(f.r, &s);
	end(&f);
}

static void
gpus_bring_their_cores(void **state)
{
	struct fixture f;
	struct slot a, b, c;

	(void)state;
	begin(&f, 2, 8, 4);
	assert_int_equal(resources_gpu_cores(f.r, 1), 4);
	assert_int_equal(resources_gpu_cores(f.r, 2), 8);
	assert_int_equal(resources_gpu_cores(f.r, 3), 12);
	assert_int_equal(resources_take(f.r, 4, 1, 0, &a), 0);
	assert_texts(&f, &a, "0-3", "0");
	assert_int_equal(resources_take(f.r, 4, 1, 0, &b), 0);
	assert_texts(&f, &b, "8-11", "2");
	assert_int_equal(resources_take(f.r, 6, 2, 0, &c), 0); /* one of each package */
	assert_texts(&f, &c, "4-6,12-14", "1,3");
	assert_int_equal(resources_take(f.r, 1, 1, 0, &(struct slot){0}), -1);
	resources_give(f.r, &a);
	resources_give(f.r, &b);
	resources_give(f.r, &c);
	end(&f);
}

static void
two_gpus_of_one_package(void **state)
{
	struct fixture f;
	struct slot a, b;

	(void)state;
	begin(&f, 2, 8, 4);
	assert_int_equal(resources_take(f.r, 1, 1, 0, &a), 0);
	assert_int_equal(resources_take(f.r, 8, 2, 0, &b), 0);
	assert_texts(&f, &b, "8-15", "2,3");
	resources_give(f.r, &a);
	resources_give(f.r, &b);
	end(&f);
}

/* Cores near the GPU first; then others, rather than not to start at all. */
static void
far_cores_as_a_last_resort(void **state)
{
	struct fixture f;
	struct slot cpu, s;

	(void)state;
	begin(&f, 2, 4, 1);
	assert_int_equal(resources_take(f.r, 3, 0, 0, &cpu), 0);
	assert_texts(&f, &cpu, "0-2", "");
	assert_int_equal(resources_gpu_cores(f.r, 1), 1);
	assert_int_equal(resources_take(f.r, 2, 1, 0, &s), 0);
	assert_texts(&f, &s, "3-4", "0");
	assert_int_equal(packages_of(f.m, &s), 3);
	resources_give(f.r, &cpu);
	resources_give(f.r, &s);
	end(&f);
}

static void
more_gpus_than_cores(void **state)
{
	struct fixture f;
	struct slot s[2];

	(void)state;
	begin(&f, 1, 2, 5);
	assert_int_equal(resources_gpu_cores(f.r, 1), 1);
	for (int i = 0; i < 2; i++)
		assert_int_equal(resources_take(f.r, 1, 1, 0, &s[i]), 0);
	assert_texts(&f, &s[0], "0", "0");
	assert_texts(&f, &s[1], "1", "1");
	resources_give(f.r, &s[0]);
	resources_give(f.r, &s[1]);
	end(&f);
}

/* Many takes and gives at random: never a core or a GPU twice, everything comes
 * back. */
static void
random_slots_are_disjoint(void **state)
{
	struct fixture f;
	struct slot held[40];
	char core[160] = {0}, gpu[8] = {0};
	unsigned n = 0, taken = 0;

	(void)state;
	begin(&f, 2, 80, 8);
	srand(7);
	for (int step = 0; step < 20000; step++) {
		struct slot *s = &held[n];

		if (n < 40 && rand() % 5 < 3) {
			if (resources_take(f.r, (unsigned)rand() % 30, (unsigned)rand() % 3,
			                   GB, s))
				continue;
			for (unsigned i = 0; i < s->core_count; i++)
				assert_int_equal(core[s->cores[i]]++, 0);
			for (unsigned i = 0; i < s->gpu_count; i++)
				assert_int_equal(gpu[s->gpus[i]]++, 0);
			taken++;
			n++;
		} else if (n > 0) {
			unsigned k = (unsigned)rand() % n;

			s = &held[k];
			for (unsigned i = 0; i < s->core_count; i++)
				core[s->cores[i]] = 0;
			for (unsigned i = 0; i < s->gpu_count; i++)
				gpu[s->gpus[i]] = 0;
			resources_give(f.r, s);
			held[k] = held[--n];
		}
	}
	assert_true(taken > 1000);
	while (n > 0)
		resources_give(f.r, &held[--n]);
	end(&f);
}

/* All hardware threads of the cores, sorted, as ranges. */
static void
threads_of_a_slot(void **state)
{
	struct machine_limits limits = {.cpus = -1, .gpus = -1};
	struct machine *m = machine_load(FIXTURES "/topologies/gpu-2x38-8.xml", &limits, NULL);
	struct fixture f = {.m = m};
	struct slot s;

	(void)state;
	assert_non_null(m);
	f.r = resources_new(m);
	assert_int_equal(resources_take(f.r, 2, 1, 0, &s), 0);
	assert_texts(&f, &s, "0-1,76-77", "0");
	resources_give(f.r, &s);
	end(&f);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(too_much_changes_nothing),
		cmocka_unit_test(best_fit_by_package),
		cmocka_unit_test(holes_between_neighbours),
		cmocka_unit_test(memory_of_slots_and_held),
		cmocka_unit_test(gpus_bring_their_cores),
		cmocka_unit_test(two_gpus_of_one_package),
		cmocka_unit_test(far_cores_as_a_last_resort),
		cmocka_unit_test(more_gpus_than_cores),
		cmocka_unit_test(random_slots_are_disjoint),
		cmocka_unit_test(threads_of_a_slot),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

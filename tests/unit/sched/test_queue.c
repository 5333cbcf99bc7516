/* SPDX-License-Identifier: Apache-2.0 */
/* The heap of waiting tasks, against a plain array. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sched/queue.h"

#define COUNT 500

static void
empty(void **state)
{
	struct places p = {0};
	struct queue q = {0};

	(void)state;
	assert_int_equal(places_find(&p, 0), -1);
	assert_int_equal(places_find(&p, UINT32_MAX), -1);
	queue_push(&q, 0, &p, (struct waiter){.id = 100});
	assert_int_equal(places_find(&p, 100), 0);
	assert_int_equal(places_find(&p, 99), -1);
	queue_remove(&q, &p, 100);
	assert_int_equal(places_find(&p, 100), -1);
	queue_free(&q);
	places_free(&p);
}

static void
order(void **state)
{
	const struct waiter a = {.priority = 2, .arrival = 9}, b = {.priority = 1},
	                    c = {.priority = 1, .arrival = 1};

	(void)state;
	assert_true(waiter_before(&a, &b));
	assert_false(waiter_before(&b, &a));
	assert_true(waiter_before(&b, &c));
	assert_false(waiter_before(&c, &b));
}

/* Two queues that share their places; random adding and removing. */
static void
random_use(void **state)
{
	struct places p = {0};
	struct queue q[2] = {0};
	struct waiter in[COUNT] = {0};
	int where[COUNT];

	(void)state;
	srand(5);
	for (uint32_t i = 0; i < COUNT; i++)
		where[i] = -1;
	for (uint64_t step = 0; step < 20000; step++) {
		uint32_t id = (uint32_t)rand() % COUNT;

		if (where[id] < 0) {
			where[id] = rand() % 2;
			in[id] = (struct waiter){.priority = rand() % 10, .arrival = step, .id = id};
			queue_push(&q[where[id]], (uint32_t)where[id], &p, in[id]);
		} else {
			size_t ahead = 0;

			for (uint32_t i = 0; i < COUNT; i++)
				ahead += where[i] == where[id] &&
				         waiter_before(&in[i], &in[id]);
			assert_int_equal(queue_ahead(&q[where[id]], &p, id), ahead);
			assert_int_equal(q[where[id]].v[0].id == id, ahead == 0);
			queue_remove(&q[where[id]], &p, id);
			where[id] = -1;
		}
		assert_int_equal(places_find(&p, id), where[id]);
	}
	for (int k = 0; k < 2; k++) {
		struct waiter last = {.priority = 100};

		while (q[k].count > 0) {
			struct waiter w = q[k].v[0];

			assert_true(waiter_before(&last, &w));
			last = w;
			queue_remove(&q[k], &p, w.id);
		}
		queue_free(&q[k]);
	}
	places_free(&p);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(empty),
		cmocka_unit_test(order),
		cmocka_unit_test(random_use),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

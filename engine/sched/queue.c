/* SPDX-License-Identifier: Apache-2.0 */
/* A binary heap; `places` follows every move, so that a removal need not search. */
#include "sched/queue.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

int
waiter_before(const struct waiter *a, const struct waiter *b)
{
	if (a->priority > b->priority)
		return 1;
	if (a->priority < b->priority)
		return 0;
	return a->arrival < b->arrival;
}

static void
put(struct queue *q, struct places *p, size_t i, struct waiter w)
{
	q->v[i] = w;
	p->v[w.id].pos = (uint32_t)i;
}

static size_t
move_up(struct queue *q, struct places *p, size_t i, struct waiter w)
{
	while (i > 0 && waiter_before(&w, &q->v[(i - 1) / 2])) {
		put(q, p, i, q->v[(i - 1) / 2]);
		i = (i - 1) / 2;
	}
	return i;
}

static size_t
move_down(struct queue *q, struct places *p, size_t i, struct waiter w)
{
	for (;;) {
		size_t child = 2 * i + 1;

		if (child + 1 < q->count &&
		    waiter_before(&q->v[child + 1], &q->v[child]))
			child++;
		if (child >= q->count || !waiter_before(&q->v[child], &w))
			return i;
		put(q, p, i, q->v[child]);
		i = child;
	}
}

static void
make_place(struct places *p, uint32_t id)
{
	size_t cap = p->cap ? p->cap : 64;

	if (id < p->cap)
		return;
	while (cap <= id)
		cap *= 2;
	p->v = xrealloc(p->v, cap, sizeof *p->v);
	memset(p->v + p->cap, 0, (cap - p->cap) * sizeof *p->v);
	p->cap = cap;
}

int64_t
places_find(const struct places *p, uint32_t id)
{
	return id < p->cap ? (int64_t)p->v[id].queue_plus_1 - 1 : -1;
}

void
queue_push(struct queue *q, uint32_t number, struct places *p, struct waiter w)
{
	make_place(p, w.id);
	p->v[w.id].queue_plus_1 = number + 1;
	GROW(q->v, q->count, q->cap);
	q->count++;
	put(q, p, move_up(q, p, q->count - 1, w), w);
}

void
queue_remove(struct queue *q, struct places *p, uint32_t id)
{
	size_t i = p->v[id].pos;
	struct waiter last = q->v[--q->count];

	p->v[id].queue_plus_1 = 0;
	if (i == q->count)
		return;
	i = move_up(q, p, i, last);
	put(q, p, move_down(q, p, i, last), last);
}

size_t
queue_ahead(const struct queue *q, const struct places *p, uint32_t id)
{
	const struct waiter *w = &q->v[p->v[id].pos];
	size_t n = 0;

	for (size_t i = 0; i < q->count; i++)
		n += (size_t)waiter_before(&q->v[i], w);
	return n;
}

void
queue_free(struct queue *q)
{
	free(q->v);
	memset(q, 0, sizeof *q);
}

void
places_free(struct places *p)
{
	free(p->v);
	memset(p, 0, sizeof *p);
}

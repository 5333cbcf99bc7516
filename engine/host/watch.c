/* SPDX-License-Identifier: Apache-2.0 */
/* The control thread's looks at what the task takes, and what it tells the engine. */
#include <stdlib.h>

#include "host/host.h"

/* Seconds: one turn of a walk over files, which must not keep the control thread from
 * its other work; the least and, for memory, the most between two looks. */
static const double TURN = 0.01, LEAST = 0.05, MEMORY_MOST = 1, MEMORY_NEAR = 0.1;
/* A look may cost this part of a core. */
enum { SHARE_SIZE = 4, SHARE_MEMORY = 20 };
/* Looks in a row that must find too much memory: what processes are just being born
 * counts twice. */
enum { OVER_LOOKS = 2 };

static double
least(double a, double b)
{
	return a < b ? a : b;
}

static double
most(double a, double b)
{
	return a > b ? a : b;
}

void
watch_begin(struct watch *w)
{
	tree_walk_free(&w->walk);
	*w = (struct watch){0};
}

static void
tell(struct host *h, enum proto_type type, unsigned serial, int cls, uint64_t bytes)
{
	struct str frame = {0};
	size_t at = proto_begin(&frame, type);

	put_u32(&frame, serial);
	if (type == PROTO_OVER)
		put_u32(&frame, (uint32_t)cls);
	put_u64(&frame, bytes);
	proto_end(&frame, at);
	host_send(h, &frame);
	str_free(&frame);
}

/* --- files ------------------------------------------------------------------------ */

static void
begin_walk(struct watch *w, struct host *h, double now)
{
	pthread_mutex_lock(&h->lock);
	tree_walk_add(&w->walk, h->watch_work ? h->watch_work : "");
	tree_walk_add(&w->walk, h->watch_out ? h->watch_out : "");
	pthread_mutex_unlock(&h->lock);
	w->size_cost = 0;
	/* The first walk has nothing to be compared with: the second comes soon. */
	if (!w->size_at)
		w->size_at = now;
}

/* When to look again: when half of what is left may be filled. */
static double
next_size(struct watch *w, uint64_t limit, double now, double usual)
{
	uint64_t grown = w->walk.bytes > w->size ? w->walk.bytes - w->size : 0;
	double wait = usual;

	if (grown && now > w->size_at)
		wait = least(wait, (double)(limit - w->walk.bytes) / 2 *
					   (now - w->size_at) / (double)grown);
	w->size = w->walk.bytes;
	w->size_at = now;
	return now + most(most(wait, LEAST), SHARE_SIZE * w->size_cost);
}

static void
look_at_files(struct watch *w, struct host *h, uint64_t limit, double usual)
{
	double begun = host_now();
	int is_done;

	if (!w->walk.is_begun)
		begin_walk(w, h, begun);
	is_done = tree_walk_some(&w->walk, limit, begun + TURN);
	w->size_cost += host_now() - begun;
	if (!is_done) {
		w->size_due = host_now() + SHARE_SIZE * TURN;
		return;
	}
	if (w->walk.bytes > limit) {
		w->told = 1;
		tell(h, PROTO_OVER, w->serial, AF2_CLASS_OUTPUT_LIMIT, w->walk.bytes);
		return;
	}
	w->size_due = next_size(w, limit, host_now(), usual);
}

/* --- memory ----------------------------------------------------------------------- */

static void
look_at_memory(struct watch *w, struct host *h, uint64_t declared, uint64_t limit,
	       double usual)
{
	double begun = host_now(), wait = least(usual, MEMORY_MOST);
	uint64_t used = memory_used(h, limit ? limit : UINT64_MAX);
	uint64_t near = limit ? limit : declared;

	if (used > atomic_load(&h->peak))
		atomic_store(&h->peak, used);
	/* So that the engine knows it, should the host not live to tell. */
	if (declared && used > w->told_peak + declared / 16) {
		w->told_peak = used;
		tell(h, PROTO_PEAK, w->serial, 0, used);
	}
	w->over = limit && used > limit ? w->over + 1 : 0;
	if (w->over >= OVER_LOOKS) {
		w->told = 1;
		tell(h, PROTO_OVER, w->serial, AF2_CLASS_MEMORY, used);
		return;
	}
	if (near && used > near - near / 3)
		wait = least(wait, MEMORY_NEAR);
	w->memory_due = host_now() + most(wait, SHARE_MEMORY * (host_now() - begun));
}

/* --- both ------------------------------------------------------------------------- */

double
watch_look(struct watch *w, struct host *h, double usual)
{
	uint64_t max_output, memory, limit;
	double now = host_now();
	int is_running;

	pthread_mutex_lock(&h->lock);
	is_running = h->task != NULL;
	if (is_running)
		w->serial = h->task->serial;
	max_output = h->max_output;
	memory = h->memory;
	limit = h->memory_limit;
	pthread_mutex_unlock(&h->lock);
	if (!is_running || w->told)
		return now + usual;
	if (max_output && now >= w->size_due)
		look_at_files(w, h, max_output, usual);
	/* Without a word on its memory, only where a look is cheap. */
	if (!w->told && now >= w->memory_due &&
	    (memory || h->group || proc_knows_children()))
		look_at_memory(w, h, memory, limit, usual);
	now += usual;
	if (max_output && !w->told)
		now = least(now, w->size_due);
	if (memory && !w->told)
		now = least(now, w->memory_due);
	return now;
}

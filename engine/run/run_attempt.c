/* SPDX-License-Identifier: Apache-2.0
 * run_attempt: attempts of a task: queued, given a slot, ended, tried again. How one is started
 * stands in run_start.c, what is made of its result in run_conclude.c.
 */
#include <stdlib.h>

#include "run/run_private.h"

/* What a retry multiplies ends at what the machine has. */
static void
clamp(const struct machine *m, struct task_options *o)
{
	if (o->cpus > (int)m->core_count)
		o->cpus = (int)m->core_count;
	if (o->gpus > (int)m->gpu_count)
		o->gpus = (int)m->gpu_count;
	if (o->memory > m->memory)
		o->memory = m->memory;
}

void
run_enqueue(struct run *r, struct active *a)
{
	struct request q;
	struct error e = {0};

	run_request_of(r, a->task, a->options, &q);
	if (sched_possible(r->sched, &q, &e)) {
		run_fail(r, a, AF2_CLASS_PERMANENT, -1, 0, e.text);
		return;
	}
	a->queued = 1;
	a->started = loop_now();
	sched_ready(r->sched, a->task, &q, a->options->priority);
}

/* Put attempt `attempt` of a task into the scheduler's queue. */
void
run_again(struct run *r, struct active *a, int attempt)
{
	struct error e = {0};

	a->attempt = attempt;
	if (!a->label)
		a->label = run_label(r, a->task);
	int rc = run_set_options(r, a, attempt, &e);
	if (rc == 0)
		rc = run_key(r, a, attempt, 1, &a->key, &e);
	if (rc == 0)
		return; /* asked; run_asked goes on */
	if (rc == -1 && error_passes(&e) && run_trouble(r, &e)) {
		run_pause_take(r, a->task);
		return;
	}
	if (rc < 0) {
		run_fail(r, a, rc == -2 ? a->print_class : AF2_CLASS_PERMANENT, -1, 0,
		         e.text);
		return;
	}
	if (run_follow(r, a))
		return;
	if (attempt > 1)
		clamp(r->machine, a->own_options);
	run_enqueue(r, a);
}

static size_t
settled_otherwise(const struct run *r)
{
	return r->shared + (size_t)r->failed + (size_t)r->skipped;
}

/* Give slots to what is queued, as far as they go. Returns whether a task was settled without an
 * attempt: by what another engine has made, or because its secret cannot be had any more. */
int
run_start_queued(struct run *r)
{
	size_t before = settled_otherwise(r);
	uint32_t task;
	struct slot slot;

	while (!r->stopping && !run_is_paused(r) && !run_is_crowded(r)
	       && sched_next(r->sched, &task, &slot)) {
		struct active *a = run_rtask(r, task)->active;
		struct error e = {0};
		a->queued = 0;
		a->slot = slot;
		a->cpus = slot.core_count;
		a->gpus = slot.gpu_count;
		if (run_check_secrets(r, task, a->attempt, &e)) {
			sched_done(r->sched, &a->slot);
			run_fail(r, a, AF2_CLASS_PERMANENT, -1, 0, e.text);
			continue;
		}
		int claimed = run_claim(r, a, &e);
		if (!claimed || (claimed > 0 && run_start(r, a, &e) == 0))
			continue;
		sched_done(r->sched, &a->slot);
		if (run_trouble(r, &e)) {
			run_unclaim(r, a);
			run_enqueue(r, a);
			continue;
		}
		graph_set_state(r->g, task, T_WAITING);
		run_drop_active(r, task);
	}
	return settled_otherwise(r) > before;
}

void
run_start_ready(struct run *r)
{
	while (run_start_queued(r))
		run_pump(r);
	run_write_events(r); /* whoever finds us dead shall know what was under way */
	run_maybe_stop(r);
}

void
run_ended(void *arg, const struct exec_result *x)
{
	struct active *a = arg;
	struct run *r = a->r;

	r->running--;
	r->core_seconds += (x->seconds + x->setup_seconds) * a->slot.core_count;
	sched_done(r->sched, &a->slot);
	a->a = NULL;
	if (x->outcome == AF2_OK) {
		run_start_queued(r); /* the core need not wait until this one is published */
		if (!run_conclude(r, a, run_result_of(r, a, x), x))
			run_park(r, a, run_result_of(r, a, x), x);
	} else if (x->outcome == AF2_SKIP) {
		run_end_attempt(r, a, x, "skipped");
		run_drop_dirs(a);
		uint32_t task = a->task, f = a->followers;
		run_settle_bad(r, task, T_SKIPPED, 0, x->message);
		while (f != NONE) {
			uint32_t next = run_rtask(r, f)->next;
			run_settle_bad(r, f, T_SKIPPED, 0, x->message);
			f = next;
		}
	} else if (x->cls == AF2_CLASS_CANCELLED) {
		run_end_attempt(r, a, x, "cancelled");
		run_drop_dirs(a);
		/* Nobody is told: what waits for it is not blocked, it has not run yet. */
		graph_set_state(r->g, a->task, T_CANCELLED);
		run_drop_active(r, a->task);
	} else if (x->cls == AF2_CLASS_SPAWN && run_crowded(r, a, x)) {
		run_end_attempt(r, a, x, "cancelled");
		run_drop_dirs(a);
		run_unclaim(r, a); /* it takes the lock again with its next slot */
	} else {
		run_end_attempt(r, a, x, "failed");
		run_drop_dirs(a);
		run_unclaim(r, a);
		run_fail(r, a, x->cls, x->status, x->signal, x->message);
	}
	run_pump(r);
	run_start_ready(r);
}

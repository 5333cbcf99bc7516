/* SPDX-License-Identifier: Apache-2.0
 * run_fail: an attempt that failed: tried again, or the end of its task by the policy of each
 * task that shares its key.
 */
#include <stdlib.h>

#include "run/run_private.h"

#define DELAY_CAP 600.0 /* seconds; a delay doubles at every attempt up to this */

static void
retry_now(void *arg)
{
	struct active *a = arg;
	struct run *r = a->r;

	a->delay = NULL;
	r->delayed--;
	if (a->print_class)
		run_forget_failed_prints(r);
	a->print_class = 0;
	if (!r->stopping)
		run_again(r, a, a->attempt + 1);
	run_pump(r);
	run_start_ready(r);
}

static double
retry_delay(const struct active *a)
{
	double d = a->options->retry_delay;

	for (int i = 1; i < a->attempt && d < DELAY_CAP; i++)
		d *= 2;
	return d < DELAY_CAP ? d : DELAY_CAP;
}

/* A failure that is final: this task's policy, then that of each that shares the key. */
void
run_fail_finally(struct run *r, uint32_t task, const struct task_options *o, int cls,
              const char *message)
{
	run_settle_bad(r, task, o->on_failure == FAIL_SKIP ? T_SKIPPED : T_FAILED, cls, message);
	if (o->on_failure == FAIL_STOP || o->on_failure == FAIL_ABORT) {
		if (!r->stopping)
			run_tell(r, NEWS_NOTE, "nothing new is started (on_failure=%s)",
			         o->on_failure == FAIL_STOP ? "stop" : "abort");
		r->stopping = 1;
		sched_stop(r->sched);
	}
	if (o->on_failure == FAIL_ABORT && !r->aborted) {
		r->aborted = 1;
		for (size_t t = 0; t < r->task_cap; t++)
			if (r->tasks[t].active && r->tasks[t].active->a)
				attempt_kill(r->tasks[t].active->a);
	}
}

void
run_fail(struct run *r, struct active *a, int cls, int status, int signal,
         const char *message)
{
	uint32_t task = a->task, f = a->followers;

	if (a->attempt <= a->options->retries && !r->stopping
	    && retry_wanted(a->options, cls, status, signal)) {
		double delay = retry_delay(a);
		js *event = js_object();
		js_set_text(event, "event", "retry");
		js_set_text(event, "task", a->label);
		js_set_int(event, "attempt", a->number + 1);
		js_set_real(event, "delay", delay);
		run_event(r, event);
		if (a->number)
			run_tell(r, NEWS_RETRY, "%s: attempt %d failed: %s: %s; tried again",
			         a->label, a->number, class_name(cls), message);
		else
			run_tell(r, NEWS_RETRY, "%s: %s: %s; tried again", a->label,
			         class_name(cls), message);
		graph_set_state(r->g, task, T_READY);
		r->delayed++;
		a->delay = loop_after(r->loop, delay, 0, retry_now, a);
		return;
	}
	struct task_options options = *a->options;
	int attempt = a->attempt;
	run_fail_finally(r, task, &options, cls, message);
	while (f != NONE) {
		uint32_t next = run_rtask(r, f)->next;
		struct active *own = run_active(r, f);
		struct error e = {0};
		own->attempt = attempt; /* it was its attempt too */
		if (!own->label)
			own->label = run_label(r, f);
		if (run_set_options(r, own, attempt, &e))
			run_set_options(r, own, 1, &e);
		run_fail(r, own, cls, status, signal, message);
		f = next;
	}
}

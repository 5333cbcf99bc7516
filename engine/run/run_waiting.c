/* SPDX-License-Identifier: Apache-2.0
 * run_waiting: tells whoever asks what the tasks in the queue lack (record/rundir_waiting.c). One
 * line a class of equal requests, so it costs no more than the scheduler's own decisions.
 */
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "run/run_private.h"

#define MOST 64 /* classes that are told */

static js *
class_json(struct run *r, const struct request *q, size_t waiting, uint32_t head)
{
	const struct active *a = run_rtask(r, head)->active;
	js *v = js_object();
	struct str why = {0};

	js_set_int(v, "cpus", q->cpus);
	js_set_int(v, "gpus", q->gpus);
	js_set_int(v, "memory", (int64_t)q->memory);
	js_set_int(v, "waiting", (int64_t)waiting);
	if (a && a->label) {
		js_set_text(v, "head", a->label);
		js_set_int(v, "since", (int64_t)floor(r->epoch + a->started));
	}
	sched_why(r->sched, head, &why);
	js_set_text(v, "why", why.s);
	str_free(&why);
	return v;
}

static js *
waiting_json(struct run *r)
{
	js *all = js_object(), *classes = js_array();
	struct request q;
	size_t waiting;
	uint32_t head;

	for (size_t i = 0; js_count(classes) < MOST; i++) {
		if (sched_class(r->sched, i, &q, &waiting, &head))
			break;
		if (waiting)
			js_push(classes, class_json(r, &q, waiting, head));
	}
	js_set_int(all, "pid", getpid());
	js_set(all, "classes", classes);
	return all;
}

void
run_end_waiting(struct run *r)
{
	if (r->waiting)
		rundir_write_waiting(&r->dir, NULL);
	free(r->waiting);
	r->waiting = NULL;
}

void
run_note_waiting(struct run *r)
{
	if (!sched_waiting(r->sched)) {
		run_end_waiting(r);
		return;
	}
	js *now = waiting_json(r);
	char *text = js_dump(now, 0);
	if (!r->waiting || strcmp(r->waiting, text)) {
		rundir_write_waiting(&r->dir, now);
		free(r->waiting);
		r->waiting = text;
	} else {
		free(text);
	}
	js_free(now);
}

/* SPDX-License-Identifier: Apache-2.0
 * run_events: what a run writes into its journal and tells whoever watches.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "run/run_private.h"

/* Labels of tasks found in the store are journalled together: an event for each would cost a
 * rerun of many tasks more than finding them. */
#define BATCH 1000

void
run_event(struct run *r, js *event)
{
	if (r->journal)
		journal_add(r->journal, event);
	else
		js_free(event);
}

void
run_flush_events(struct run *r)
{
	if (!r->batch.count)
		return;
	js *event = js_object();
	js_set_text(event, "event", "states");
	js_set_text(event, "state", "cached");
	js_set(event, "tasks", r->batch.labels);
	r->batch.labels = NULL;
	r->batch.count = 0;
	run_event(r, event);
}

void
run_cached_event(struct run *r, uint32_t task)
{
	char *label = run_label(r, task);

	if (!r->batch.labels)
		r->batch.labels = js_array();
	js_push(r->batch.labels, js_text(label));
	if (++r->batch.count == BATCH)
		run_flush_events(r);
	free(label);
}

void
run_tell(struct run *r, enum run_news kind, const char *format, ...)
{
	char text[2048];
	va_list ap;

	if (!r->observer.news)
		return;
	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	r->observer.news(r->observer.arg, r, kind, text);
}

void
run_fatal(struct run *r, const struct error *e)
{
	if (!error_is_set(&r->fatal)) {
		r->fatal = *e;
		log_error("%s", e->text);
	}
	r->stopping = 1;
	if (r->sched)
		sched_stop(r->sched);
}

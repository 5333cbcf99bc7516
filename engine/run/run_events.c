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
#define BATCH ((size_t)1000)

/* What is found before anything runs is held back: it stands behind run-start in the journal, and
 * a rerun that finds everything done writes nothing. */
void
run_event(struct run *r, js *event)
{
	if (!r->journal) {
		js_free(event);
	} else if (r->executing) {
		journal_add(r->journal, event);
	} else {
		GROW(r->early, r->early_count, r->early_cap);
		r->early[r->early_count++] = event;
	}
}

void
run_early_events(struct run *r, int write)
{
	for (size_t i = 0; i < r->early_count; i++) {
		if (write && r->journal)
			journal_add(r->journal, r->early[i]);
		else
			js_free(r->early[i]);
	}
	r->early_count = 0;
}

void
run_state_event(struct run *r, uint32_t task, const char *state, const char *why)
{
	char *label = run_label(r, task);
	js *event = js_object();

	js_set_text(event, "event", "state");
	js_set_text(event, "task", label);
	js_set_text(event, "state", state);
	js_set_text(event, "why", why);
	run_event(r, event);
	free(label);
}

void
run_bad_event(struct run *r, uint32_t task, const char *state, int cls, const char *why)
{
	char *label = run_label(r, task);
	js *event = js_object();

	js_set_text(event, "event", "state");
	js_set_text(event, "task", label);
	js_set_text(event, "state", state);
	js_set_text(event, "class", class_name(cls));
	js_set_text(event, "why", why);
	run_event(r, event);
	free(label);
}

static void
write_batch(struct run *r, size_t first, size_t count)
{
	js *event = js_object(), *labels = js_array();

	for (size_t i = first; i < first + count; i++) {
		char *label = run_label(r, r->cached_tasks.v[i]);
		js_push(labels, js_text(label));
		free(label);
	}
	js_set_text(event, "event", "states");
	js_set_text(event, "state", "cached");
	js_set(event, "tasks", labels);
	run_event(r, event);
}

void
run_flush_events(struct run *r)
{
	size_t n = r->cached_tasks.count;

	for (size_t i = 0; i < n; i += BATCH)
		write_batch(r, i, n - i < BATCH ? n - i : BATCH);
	r->cached_tasks.count = 0;
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
run_write_events(struct run *r)
{
	struct error e = {0};

	/* First what the journal then tells of. */
	if (store_flush(r->store, 0, &e) || journal_flush(r->journal, 0, &e))
		run_trouble(r, &e);
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
	run_pause_end(r);
}

/* SPDX-License-Identifier: Apache-2.0
 * run_damage: what an engine before this one has left: processes, and a journal that is damaged.
 */
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "exec/leftovers.h"
#include "run/run_private.h"

#define LEFTOVER_WAIT 60 /* seconds for what an engine that died has left to end */

/* Does the journal know of no start, though tasks stand there? It has been emptied, or the engine
 * died over its first look-up. */
static int
history_is_empty(const struct run *r)
{
	return !r->history->runs && r->had_tasks;
}

static void
tell_leftovers(void *arg, const char *text)
{
	(void)arg;
	log_warning("%s", text);
}

/* An engine that died together with its hosts may have left programs that still write. They bear
 * the run's mark, or its notes lead to them; we hold its lock, so nobody else's do. */
void
run_end_leftovers(struct run *r)
{
	char *mark = xasprintf("AF2FLOW_RUN=%s", r->dir.id);
	char *notes = path_join(r->dir.path, "hosts");

	if (access(notes, F_OK) == 0
	    || (r->history && ((r->history->runs && !r->history->ended) || history_is_empty(r))))
		leftovers_end(notes, mark, LEFTOVER_WAIT, tell_leftovers, r);
	free(notes);
	free(mark);
}

/* Damage in the journal is told once: an event says up to where. */
void
run_tell_damage(struct run *r)
{
	const struct history *h = r->history;
	js *event;

	if (h->damaged <= h->damage_told) {
		if (history_is_empty(r) && r->had_events && !r->journal_aside)
			log_warning("'%s/journal' is damaged: what it told is lost, attempts "
			            "are numbered anew", r->dir.path);
		return;
	}
	log_warning("'%s/journal': %zu line%s damaged or out of place: passed over",
	            r->dir.path, h->damaged, h->damaged == 1 ? "" : "s");
	event = js_object();
	js_set_text(event, "event", "damage");
	js_set_int(event, "lines", (int64_t)h->damaged);
	run_event(r, event);
}

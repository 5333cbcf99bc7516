/* SPDX-License-Identifier: Apache-2.0 */
/* Watching other engines' heartbeats.
 *
 * Clocks of two machines may differ by hours, so the time in a stamp means nothing:
 * what counts is that it changes, and how long ago, by our own monotonic clock, it was
 * last seen to. An engine beats only while it holds a lock, so what was seen before a
 * gap in the watching says nothing: it may have held none meanwhile. The same rule
 * serves an engine that was stopped itself. One that was found silent stays so until its
 * stamp changes, gap or not: if it wakes up, it beats.
 */
#include "record/engine_watch.h"

#include <stdlib.h>

#include "base/mem.h"

struct watched {
	int64_t stamp;
	double since;  /* the stamp is as it is, as far as we know */
	double looked; /* last time */
	int moved;
};

void
watch_free(struct engine_watch *w)
{
	map_free(&w->by_name);
	free(w->seen);
	*w = (struct engine_watch){.patience = w->patience};
}

int
watch_is_silent(struct engine_watch *w, const char *name, int64_t stamp, double now)
{
	int added;
	uint64_t *at = map_puts(&w->by_name, name, &added);
	struct watched *x;

	if (added) {
		*at = w->count;
		GROW(w->seen, w->count, w->cap);
		w->seen[w->count++] = (struct watched){stamp, now, now, 0};
	}
	x = &w->seen[*at];
	if (x->stamp != stamp) {
		x->moved = 1;
		x->since = now;
	} else if (now - x->looked > WATCH_GAP && x->looked - x->since < w->patience) {
		x->since = now;
	}
	x->stamp = stamp;
	x->looked = now;
	return now - x->since >= w->patience;
}

int
watch_moved(const struct engine_watch *w, const char *name)
{
	const uint64_t *at = map_gets(&w->by_name, name);

	return at && w->seen[*at].moved;
}

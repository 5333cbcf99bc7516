/* SPDX-License-Identifier: Apache-2.0
 * engine_watch: which engines give signs of life, judged by this engine's clock alone.
 * Private to record.
 */
#ifndef RECORD_ENGINE_WATCH_H
#define RECORD_ENGINE_WATCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/map.h"

/* Zero-initialise, with the patience; watch_free. */
struct engine_watch {
	double patience;       /* seconds without a sign of life until one is silent */
	struct map by_name;    /* engine -> index into seen */
	struct watched *seen;
	size_t count, cap;
};

void watch_free(struct engine_watch *w);
/* Engine `name` was seen at `now` (monotonic seconds) with this stamp on its note. 1:
 * it did not move for as long as the patience; 0. Look at least once in WATCH_GAP
 * seconds: with longer gaps the patience begins anew, unless it was silent already. */
int watch_is_silent(struct engine_watch *w, const char *name, int64_t stamp, double now);
/* Was its stamp ever seen to move? */
int watch_moved(const struct engine_watch *w, const char *name);

#define WATCH_GAP 10.0

#endif

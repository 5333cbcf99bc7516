/* SPDX-License-Identifier: Apache-2.0 */
/* Taking over from a silent holder, so that of many who wait only one goes on.
 *
 * The lock of a stopped process cannot be taken from it, and a file that a silent one
 * left cannot be replaced without the danger of replacing that of somebody who was
 * quicker. So a lock has levels. Level 0 is the lock. Who finds it held by a silent
 * engine tries level 1, who finds that held by a silent one level 2, and so on: each
 * is given to one only. Whoever has taken a level looks at the others once more; if
 * somebody holds one who is not silent, both would go on, and it is given back. A
 * silent engine that wakes up works twice: that is harmless, and costs only the work.
 * Where silent ones hold every level, what the last of them left is removed, if it can
 * be, and that level is tried once more: nobody has to do that by hand.
 */
#include "record/levels.h"

#include <errno.h>
#include <string.h>

static int
is_silent(struct engine_watch *w, const struct engine_note *n, double now)
{
	return watch_is_silent(w, n->id.name, n->stamp, now) || n->dead;
}

/* Is a level but `except` held by one who is not silent? Notes of others in seen. */
static int
held_but(const struct level_ops *ops, void *arg, int except, struct engine_watch *w,
	 double now, struct engine_note seen[LEVELS], struct engine_note *by)
{
	if (ops->alone && ops->alone(arg))
		return 0;
	for (int level = 0; level < LEVELS; level++) {
		if (level == except || ops->look(arg, level, &seen[level]) != 1) {
			seen[level].id.name[0] = '\0';
			continue;
		}
		if (!is_silent(w, &seen[level], now)) {
			*by = seen[level];
			return 1;
		}
	}
	return 0;
}

int
levels_held(const struct level_ops *ops, void *arg, struct engine_watch *w, double now,
	    struct engine_note *by)
{
	struct engine_note seen[LEVELS];

	return held_but(ops, arg, -1, w, now, seen, by);
}

/* The lock is ours, whoever was seen is silent. */
static void
pass_over(const struct level_ops *ops, void *arg, const struct engine_note seen[LEVELS],
	  struct engine_note *by)
{
	for (int level = 0; level < LEVELS; level++) {
		if (!seen[level].id.name[0])
			continue;
		*by = seen[level];
		if (ops->clear)
			ops->clear(arg, level, &seen[level]);
	}
}

enum { LEVEL_SILENT = -3 };

/* One level. LEVEL_SILENT: held by *by, who is. */
static int
take_level(const struct level_ops *ops, void *arg, int level, struct engine_watch *w,
	   double now, struct engine_note *by)
{
	struct engine_note seen[LEVELS] = {0};
	int rc = ops->take(arg, level);

	if (rc < 0)
		return LEVEL_NONE;
	if (rc > 0 && held_but(ops, arg, level, w, now, seen, by)) {
		ops->drop(arg, level);
		return LEVEL_HELD;
	}
	if (rc > 0) {
		pass_over(ops, arg, seen, by);
		return level;
	}
	/* Given back in this moment? Whoever asks again will see. */
	if (ops->look(arg, level, by) != 1) {
		memset(by, 0, sizeof *by);
		return LEVEL_HELD;
	}
	return is_silent(w, by, now) ? LEVEL_SILENT : LEVEL_HELD;
}

int
levels_take(const struct level_ops *ops, void *arg, struct engine_watch *w, double now,
	    struct engine_note *by)
{
	int rc = LEVEL_SILENT;

	memset(by, 0, sizeof *by);
	for (int level = 0; level < LEVELS && rc == LEVEL_SILENT; level++)
		rc = take_level(ops, arg, level, w, now, by);
	if (rc == LEVEL_SILENT && ops->clear) {
		ops->clear(arg, LEVELS - 1, by);
		rc = take_level(ops, arg, LEVELS - 1, w, now, by);
	}
	if (rc != LEVEL_SILENT)
		return rc;
	errno = 0;
	return LEVEL_NONE;
}

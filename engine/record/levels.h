/* SPDX-License-Identifier: Apache-2.0
 * levels: a lock that passes on when its holder falls silent. Private to record.
 */
#ifndef RECORD_LEVELS_H
#define RECORD_LEVELS_H

#include "record/engine_note.h"
#include "record/engine_watch.h"

enum { LEVELS = 4 };

/* What a lock is made of. */
struct level_ops {
	/* 1: ours now; 0: another has it; -1 with errno: there are no locks here. */
	int (*take)(void *arg, int level);
	/* Who else has it: 1 with *by, 0: nobody. */
	int (*look)(void *arg, int level, struct engine_note *by);
	void (*drop)(void *arg, int level); /* ours */
	/* Remove what a silent holder left; NULL where nothing can be. */
	void (*clear)(void *arg, int level, const struct engine_note *by);
	/* Surely nobody else at any level? NULL: look at each. */
	int (*alone)(void *arg);
};

/* From 0: the level that is ours now. LEVEL_HELD: by another, *by. LEVEL_NONE: nobody
 * can be kept out, errno says why, or silent ones hold all levels for good (errno 0).
 * Where one was passed over because it is silent, *by is such a one; else its name is
 * "". */
enum { LEVEL_HELD = -1, LEVEL_NONE = -2 };
int levels_take(const struct level_ops *ops, void *arg, struct engine_watch *w, double now,
		struct engine_note *by);
/* Does another hold it who is not silent? 1 with *by, or 0. */
int levels_held(const struct level_ops *ops, void *arg, struct engine_watch *w, double now,
		struct engine_note *by);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * progress_private: the data of a progress display, for its events (progress.c) and the
 * lines of its block (progress_block.c).
 */
#ifndef VIEW_PROGRESS_PRIVATE_H
#define VIEW_PROGRESS_PRIVATE_H

#include "base/map.h"
#include "base/str.h"
#include "view/progress.h"

struct stage {
	char *name;
	struct progress_counts c;
};

struct progress {
	struct progress_style style;
	char *title;
	struct stage *stages;
	size_t stage_count, stage_cap;
	struct map by_name;
	struct words failures;
	struct words events;       /* not yet put above the block */
	unsigned *drawn;           /* columns of each line on the screen */
	size_t drawn_count;
	double first, last;        /* clock of the first and the last drawing */
	int clock_runs;            /* is `first` set? */
};

/* A block of lines; `columns` of each without what steers the terminal. */
struct block {
	struct words lines;
	unsigned *columns;
	size_t cap;
};

/* The lines of the block for a terminal of that size; freed with block_free. */
void block_make(struct block *b, const struct progress *p, unsigned width,
                unsigned height);
void block_free(struct block *b);
/* Append text for one line of a terminal or log: newlines as blanks, other control
 * characters and broken UTF-8 as '?', at most `columns` characters (0: any number).
 * Returns how many. */
unsigned add_plain(struct str *out, const char *text, unsigned columns);

#endif

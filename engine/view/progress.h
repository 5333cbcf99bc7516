/* SPDX-License-Identifier: Apache-2.0
 * progress: what a run shows while it works. On a terminal one block that is drawn anew
 * in its place: a line for the whole, one for each stage with a bar, one for each
 * failure. Elsewhere one plain line an event, and nothing else.
 *
 *   line 1:    alphafold2  7 of 12 tasks, 2 running, 1 failed            1m05s
 *   stages:    predict  ██████▒▒▒░░░  2/5   2 running
 *   failures:  predict[model=3]: exit: the program died
 */
#ifndef VIEW_PROGRESS_H
#define VIEW_PROGRESS_H

#include <stddef.h>

/* Where it goes and how. */
struct progress_style {
	int fd;                 /* borrowed */
	int is_tty;             /* draw the block */
	int colour;
	int utf8;               /* bars of block characters, else of ASCII */
	unsigned width, height; /* 0: ask the terminal at every drawing */
};
/* Tasks of a stage by state; `total` is their sum, which may still grow. */
struct progress_counts {
	size_t total, waiting, running, done, cached, failed, skipped, off, blocked;
};
struct progress;

/* The style for a descriptor: a terminal (unless TERM=dumb); colour on one unless
 * NO_COLOR is set; UTF-8 by LC_ALL, LC_CTYPE, LANG. */
struct progress_style progress_style_for(int fd);
struct progress *progress_new(const struct progress_style *style);
/* Free; the block stays as it is, see progress_finish and progress_clear. */
void progress_free(struct progress *p);
/* What the first line begins with. */
void progress_title(struct progress *p, const char *title);
/* Set the counts of a stage; new names are added below. Draws nothing. */
void progress_stage(struct progress *p, const char *name,
                    const struct progress_counts *c);
/* One line about what happened: in a pipe written at once, on a terminal put above the
 * block by the next drawing. Newlines become blanks, other control characters '?'. */
void progress_event(struct progress *p, const char *text);
/* A failure: in a pipe like an event, on a terminal a line of the block that stays. */
void progress_failure(struct progress *p, const char *text);
/* Draw the block, at most ten times a second by the caller's clock `now` (seconds, from
 * any start; the time shown counts from the first call). */
void progress_redraw(struct progress *p, double now);
/* Draw the block a last time; what is written next goes below it. */
void progress_finish(struct progress *p, double now);
/* Take the block away; events not yet shown are written. */
void progress_clear(struct progress *p);

#endif

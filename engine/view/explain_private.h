/* SPDX-License-Identifier: Apache-2.0
 * explain_private: what the files of explain share.
 */
#ifndef VIEW_EXPLAIN_PRIVATE_H
#define VIEW_EXPLAIN_PRIVATE_H

#include "base/str.h"
#include "view/explain.h"

/* A task with all that is known of it. */
struct subject {
	const char *label;
	const struct history_task *past; /* NULL: the journal does not mention it */
	uint32_t task;                   /* in the run's graph, or NONE */
	const char *state;
	char *own;                       /* memory of the label, or NULL */
};
struct subject explain_subject(const struct explain *x, const char *label);
/* The same by number; subject_free. */
struct subject explain_numbered(const struct explain *x, uint32_t task);
void subject_free(struct subject *s);

/* explain_wait.c: a task that waits. */
void explain_wait(const struct explain *x, const struct subject *s, struct explanation *out);
/* That the run is paused, if it is. */
void explain_pause(const struct explain *x, struct reasons *why);
/* What a task does, in a few words: "is running since ...", appended to b. */
void explain_brief(const struct explain *x, const struct subject *s, struct str *b);

/* explain_end.c: a task that came to no result. */
void explain_end(const struct explain *x, const struct subject *s, struct explanation *out);

/* explain_next.c: what to do about a failure of a class (NULL: nothing is known), newly
 * allocated. `label`: the task that failed. */
char *explain_next(const struct explain *x, const char *cls, const char *label);

#endif

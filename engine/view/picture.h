/* SPDX-License-Identifier: Apache-2.0
 * picture: a workflow, or a run with its tasks coloured by state, as nodes and edges to draw.
 */
#ifndef VIEW_PICTURE_H
#define VIEW_PICTURE_H

#include "base/str.h"
#include "model/workflow.h"
#include "record/history.h"
#include "run/run.h"

/* Append a workflow as DOT for drawing. */
void picture_workflow(struct str *out, const struct workflow *w);
/* Append a run: each task is a box, but a node with very many tasks is one box that counts them.
 * `h` tells the states that results cannot (NULL: the run itself is at hand and knows). */
void picture_run(struct str *out, const struct run *r, const struct history *h);

#endif

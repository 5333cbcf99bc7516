/* SPDX-License-Identifier: Apache-2.0
 * expand: from nodes to tasks. Which branch variables a node has, what its many inputs gather,
 * and one task for each combination of values, now or once a list port is known.
 *
 * A node's variables are those of its plain, optional and order inputs, those of its many inputs
 * less the gathered ones, and its own; equal names meet on equal values (a natural join). So the
 * tasks of a node are the product of its variables' values, where the values of a variable are
 * what every node that introduces it upstream agrees on, and a run-time variable's values belong
 * to one source task. The walk over that product stops where a source task is still open and
 * goes on from there when it ends: no join is ever computed over whole tables.
 */
#ifndef MODEL_EXPAND_H
#define MODEL_EXPAND_H

#include "model/graph.h"
#include "model/workflow.h"

/* Fill all_vars of the nodes and gathered of the edges. Errors (a gathered variable that another
 * port keeps, an unknown name in `gather`, a list whose own variables are gathered before its
 * elements are) are added to `diags`. Returns the number of errors added. */
int expand_analyse(struct workflow *w, struct diags *diags);

/* Make the tasks of every selected node, as far as they are known now. New tasks are appended
 * to g->fresh and hold themselves back until graph_release. */
void expand_start(struct graph *g);

/* A list output of a task that is about to be settled as done: its element names, in order. */
void expand_list(struct graph *g, uint32_t task, int port, const char *const *names,
                 size_t count);

/* How many walks of a node wait for a list, and one of the tasks whose lists they wait for in
 * *source (NONE if there is none). */
size_t expand_open(const struct graph *g, uint32_t node, uint32_t *source);

/* Called by graph_settle: continue the walks that waited for this task. */
void expand_continue(struct graph *g, uint32_t task);

#endif

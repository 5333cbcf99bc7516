/* SPDX-License-Identifier: Apache-2.0
 * task_param: one parameter of a task, for check, which wants to tell every error.
 */
#ifndef MODEL_TASK_PARAM_H
#define MODEL_TASK_PARAM_H

#include "model/workflow.h"

/* The value of the stage's parameter `index`, called `name` at the node, whose
 * attribute is `text` (NULL: the default). In the arena, or borrowed. NULL with the
 * error set. */
const char *task_param_value(const struct workflow *w, int node, int attempt,
			     var_lookup *lookup, void *arg, int index, const char *name,
			     const char *text, struct arena *arena, struct error *e);

#endif

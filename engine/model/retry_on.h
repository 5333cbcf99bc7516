/* SPDX-License-Identifier: Apache-2.0
 * retry_on: which failures of a task are tried again.
 */
#ifndef MODEL_RETRY_ON_H
#define MODEL_RETRY_ON_H

#include "model/workflow.h"

/* "any": every class but permanent. */
void retry_on_default(struct task_options *o);
/* Classes, exit:N, signal:NAME and any, separated by blanks or commas. -1 with the
 * error set. */
int retry_on_parse(const char *text, struct task_options *o, struct error *e);

#endif

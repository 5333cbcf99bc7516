/* SPDX-License-Identifier: Apache-2.0
 * check_files: do the files, databases and programs that a parameter names exist?
 */
#ifndef MODEL_CHECK_FILES_H
#define MODEL_CHECK_FILES_H

#include "base/error.h"
#include "model/workflow.h"

/* Check the value (in plugin form, not "") of a parameter of `node`. -1 with the error
 * set. */
int check_value(const struct workflow *w, const struct wf_node *node,
                const struct stage_param *def, const char *value, struct error *e);

#endif

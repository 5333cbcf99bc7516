/* SPDX-License-Identifier: Apache-2.0
 * check: what a loaded workflow demands of this machine: files, databases, programs, resources.
 */
#ifndef MODEL_CHECK_H
#define MODEL_CHECK_H

#include "base/error.h"
#include "model/workflow.h"

/* The machine's limits as plain numbers. */
struct check_limits {
	unsigned cpus, gpus; /* what one slot can have at most */
	uint64_t memory;     /* bytes */
};

/* Check the nodes with need[node] != 0 (NULL: all selected): required parameters set, types and
 * ranges, files and folders exist and are readable, databases complete (all suffixes), programs
 * found, resources that some slot can give, ${in.X}/${out.X} of AF2_ARGV name ports of the node,
 * stdout names an output. For parameters with branch variables: every static value. Unused
 * -p parameters: a warning. Returns the number of errors added. */
int check_workflow(const struct workflow *w, const unsigned char *need,
                   const struct check_limits *limits, struct diags *diags);

#endif

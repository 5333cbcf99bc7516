/* SPDX-License-Identifier: Apache-2.0
 * rundir_private: what rundir.c and rundir_results.c share.
 */
#ifndef RECORD_RUNDIR_PRIVATE_H
#define RECORD_RUNDIR_PRIVATE_H

#include "record/rundir.h"

void rundir_published_free(struct rundir_published *p);
/* Write a file unless it holds just that. */
int write_if_differs(const char *path, const char *data, size_t len, struct error *e);

#endif

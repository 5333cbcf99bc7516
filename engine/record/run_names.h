/* SPDX-License-Identifier: Apache-2.0
 * run_names: the results that a run directory relies on. Private to record.
 */
#ifndef RECORD_RUN_NAMES_H
#define RECORD_RUN_NAMES_H

#include "base/digest.h"
#include "base/error.h"

typedef void run_names_fn(void *arg, const struct digest *key);
/* Call fn for each key, some more than once. 0, or -1 with the error set: something in
 * it cannot be read, so there may be more. */
int run_names(const char *run, run_names_fn *fn, void *arg, struct error *e);

#endif

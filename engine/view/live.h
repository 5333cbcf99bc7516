/* SPDX-License-Identifier: Apache-2.0
 * live: a run on the terminal: one redrawn block of stages on a terminal, plain lines in a pipe.
 */
#ifndef VIEW_LIVE_H
#define VIEW_LIVE_H

#include "run/run.h"

struct live;
/* Writes to stdout. `quiet`: only failures. */
struct live *live_new(const struct run *r, int quiet);
struct run_observer live_observer(struct live *l);
/* Take the block away (what matters is printed by the summary) and free. */
void live_end(struct live *l);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * journal: the history of a run: append-only lines "CRC {json}" with seq, time and
 * event.
 *
 * Events (member "event"):
 *   run-start   run_id version pid host argv limits{cpus,gpus,memory} tasks
 *   start       task attempt cpus gpus memory cpu_list [gpu_ids]
 *               [reason why]   (of model/reasons.h; none: the task's first)
 *   end         task attempt outcome(ok|failed|skipped|cancelled) class message status
 *               signal seconds cpu_seconds max_rss [peak_memory] [key] [captured]
 *   wait        task for(key) key holder{engine host pid since}   (another engine on
 *               the store is at the same work; its result, "made by another run", or
 *               an attempt follows)
 *   retry       task attempt(next) delay values
 *   state       task state(cached|skipped|off|blocked|failed|done) why [key]
 *               [class]
 *   states      state(cached|gone) tasks[...]   (many tasks at once)
 *   note        text [task]
 *   paused      text    the run waits for room and the like, and why
 *   resumed     text
 *   damage      lines   (passed over by this run's reading; not told again)
 *   run-end     exit reason counts{}
 * "task" is the label "node" or "node[model=3,seed=1]".
 */
#ifndef RECORD_JOURNAL_H
#define RECORD_JOURNAL_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/json.h"

struct journal;
/* Open for appending (created if missing); a torn last line is closed by a newline
 * first. */
struct journal *journal_open(const char *path, struct error *e);
/* Append an event; takes `event` over, adds seq and time. Buffered. */
void journal_add(struct journal *j, js *event);
/* write() the buffer; with `sync` fdatasync too (call it from a timer: group
 * commit). 0 or -1 with the error set; what could not be written stays buffered. */
int journal_flush(struct journal *j, int sync, struct error *e);
/* Anything not yet synced? */
int journal_dirty(const struct journal *j);
void journal_close(struct journal *j);
/* Let numbers go on behind `seq`, the highest that a reader of all has seen. */
void journal_resume(struct journal *j, uint64_t seq);
/* Call fn for every sound line, once and in the order of their numbers; lines that are
 * damaged, there twice or in a wrong place are counted in *damaged. 0, or -1 with the
 * error. */
int journal_read(const char *path, void (*fn)(void *arg, const js *event), void *arg,
                 size_t *damaged, struct error *e);

#endif

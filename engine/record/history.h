/* SPDX-License-Identifier: Apache-2.0
 * history: what a run's journal tells, task by task: for status, log, graph, and for
 * going on with attempt numbers.
 */
#ifndef RECORD_HISTORY_H
#define RECORD_HISTORY_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/map.h"

struct history_attempt {
	int number;
	char *outcome; /* ok failed skipped cancelled; without an end event: running
	                  (its engine lives) or lost */
	char *cls, *message;
	int status, signal;
	double started, seconds, cpu_seconds; /* started: Unix time */
	uint64_t max_rss;     /* of the biggest process */
	uint64_t peak_memory; /* of all together; 0: not looked at */
	int cpus, gpus;
	char *cpu_list, *gpu_ids;
	char *reason, *reason_text; /* why it was made: a word of model/reasons.h, and the
	                             * particulars; "" for a task's first */
	char *key;                  /* of its result, hex; "" if it has none */
};
struct history_wait {
	char *what; /* "key": another engine is at the same work; "": nothing */
	char *host; /* of that engine; "" and 0 where that is not known */
	int pid;
	double since; /* Unix time when it began to wait */
};
struct history_task {
	char *label;   /* "predict[model=3]" */
	char *node, *branch; /* "predict", "model=3" */
	char *state;   /* waiting running done cached failed skipped off blocked
	                  cancelled lost gone */
	char *why;
	char *cls;     /* of a failure or skip that is final; "" if it has none */
	double since;  /* Unix time of the last change of its state; 0: never mentioned */
	double until;  /* waiting for its next attempt until then; 0: it is not */
	char *key;     /* hex or "" */
	struct history_wait wait; /* what it waits for, if not for its turn */
	struct history_attempt *attempts;
	size_t attempt_count;
	size_t told;       /* attempts before its last failure: they do not count again */
	int lost_in_a_row; /* attempts that ended with the engine, at the tail */
};
struct history {
	struct history_task *tasks; /* order of first mention */
	size_t task_count;
	struct map by_label;
	double started, ended; /* the engine's last run; ended 0: not (cleanly) */
	int exit;              /* -1: none */
	char *reason;
	double paused;         /* Unix time since when it waits for room; 0: it does not */
	char *paused_why;
	int engine_pid;
	char *engine_host;
	size_t damaged;        /* journal lines passed over or out of place */
	size_t damage_told;    /* of them, those that an earlier run has told of */
	uint64_t last_seq;     /* highest number of an event */
	size_t runs;           /* how often the engine was started */
};
/* Read runs/NAME/journal. NULL with the error set if it cannot be read. A missing
 * journal gives an empty history. */
struct history *history_read(const char *run_path, struct error *e);
/* The same by the engine that holds the run, before its first event: what is open was lost. */
struct history *history_read_own(const char *run_path, struct error *e);
void history_free(struct history *h);
const struct history_task *history_task(const struct history *h, const char *label);
/* Highest attempt number used for a label. */
int history_last_attempt(const struct history *h, const char *label);

#endif

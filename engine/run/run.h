/* SPDX-License-Identifier: Apache-2.0
 * run: one execution of a workflow, where model, sched, record and exec meet.
 *
 *   session_open   configuration, plugins, workflow: all that `check` and `graph` need too
 *   run_open       run directory, store, graph; every result that stands already is found
 *   run_check      what is left is checked against this machine
 *   run_execute    the loop: ready -> key -> look-up -> slot -> host -> published -> next
 */
#ifndef RUN_RUN_H
#define RUN_RUN_H

#include <stddef.h>
#include <stdint.h>

#include "base/error.h"
#include "base/str.h"
#include "model/config.h"
#include "model/graph.h"
#include "model/workflow.h"

/* What the command line says. Strings are borrowed for the life of the session. */
struct run_config {
	const char *workflow;                  /* path of the DOT file */
	const struct param_setting *settings;
	size_t setting_count;
	const char *cwd;                       /* relative settings are against it; NULL: here */
	struct words until;                    /* node names; empty: all */
	const char *run_dir, *store, *config;  /* NULL: by the rules of DESIGN section 6 */
	struct words plugin_dirs;              /* --plugin-dir */
	int cpus, gpus;                        /* -1: not given */
	uint64_t memory;                       /* 0: not given */
	const char *topology;                  /* NULL: this machine */
	const char *command_line;              /* for the journal */
};

struct registry;
struct session {
	struct run_config c;
	struct config settings;
	struct registry *registry;
	struct workflow *w; /* NULL if only plugins were asked for */
};
/* The registry alone / with the workflow loaded, analysed and selected. -1 with diags; places
 * (columns) are filled in. session_close in any case. */
int session_open(struct session *s, const struct run_config *c, struct diags *diags);
void session_close(struct session *s);
/* Path of af2flow-host: AF2FLOW_HOST, else where it was installed. */
const char *host_program(void);
/* The store's path by the rules; caller frees. */
char *session_store_path(const struct session *s);
/* The run directory's path by the rules; caller frees. */
char *session_run_path(const struct session *s);

/* Events of a run for whoever watches. Called on the loop's thread. */
enum run_news {
	NEWS_START,   /* an attempt started */
	NEWS_DONE,    /* a task is done (executed) */
	NEWS_CACHED,  /* a task's result stood in the store */
	NEWS_RETRY,   /* an attempt failed, another follows */
	NEWS_FAILED,  /* a task failed */
	NEWS_SKIPPED, /* a task was skipped */
	NEWS_NOTE,    /* anything else worth a line */
	NEWS_PAUSE,   /* it waits for room, or goes on: told even if all else is not */
	NEWS_TICK     /* nothing new: time passes (10 times a second) */
};
struct run;
struct run_observer {
	void (*news)(void *arg, const struct run *r, enum run_news kind, const char *text);
	void *arg;
};

/* Open run directory and store, make the tasks, find standing results. `write` 0 (check, plan):
 * nothing is created, a missing store counts as empty. NULL with the error set. */
struct run *run_open(struct session *s, int write, const struct run_observer *o,
                     struct error *e);
/* The same to show what the run of a directory did: nothing is created, and a task that was done
 * by `past` (history_read; the caller's, and needed until run_close) is done by the result that it
 * had, if its key cannot be made any more or finds nothing (run_recall.c). */
struct history;
struct run *run_open_view(struct session *s, struct history *past, struct error *e);
/* Check the nodes that have tasks without a result against the machine; loads the machine.
 * Returns the number of errors added. */
int run_check(struct run *r, struct diags *diags);
/* Ask the plugins of what is left for the fingerprints that are known to be needed: tools, libraries
 * or weights that are missing are errors (warnings, if the node's failure is tolerated). After
 * run_check. Returns the number of errors added; -1: it was interrupted, or the run is lost. */
int run_ask_tools(struct run *r, struct diags *diags);
/* Exit code of a run that a signal ended before it began; 0: none did. */
int run_interrupted(const struct run *r);
/* Set who watches from now on. */
void run_observe(struct run *r, struct run_observer o);
/* The check failed: remove the run directory if this run made it. */
void run_discard(struct run *r);
/* Is nothing left to execute? */
int run_complete(const struct run *r);
/* Execute what is left. Returns the exit code. */
int run_execute(struct run *r);
void run_close(struct run *r);

/* For views. */
const struct graph *run_graph(const struct run *r);
const char *run_path(const struct run *r);
double run_seconds(const struct run *r);       /* wall time so far */
size_t run_node_cached(const struct run *r, uint32_t node); /* done without executing */
size_t run_shared(const struct run *r);        /* of these, done by another run meanwhile */
unsigned run_cores(const struct run *r);       /* cores of the machine; 0: not loaded */
double run_core_seconds(const struct run *r);  /* core-seconds of slots that ended */
/* Failures and skips so far: label, class and message, one line each. */
const struct words *run_failures(const struct run *r);
const struct words *run_skips(const struct run *r);
/* Absolute path of the first output of type `type` on port `port` of a node's task without
 * further branches, or NULL; caller frees. For the ranking table. */
char *run_output_path(const struct run *r, const char *type, const char *port);

#endif

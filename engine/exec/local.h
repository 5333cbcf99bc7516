/* SPDX-License-Identifier: Apache-2.0
 * local: attempts on this machine. A pool of warm af2flow-host processes; each
 * attempt runs in one of them. All calls and callbacks are on the loop's thread.
 *
 *   pool_run -> [idle host that fits | new host] -> setup? -> run -> attempt_done
 *                                                              \-> crash, hang,
 *                                               bad reply, cancel: attempt_done
 *
 * Whatever a host does (crash, garbage, silence, flood) ends as an attempt with a
 * class.
 */
#ifndef EXEC_LOCAL_H
#define EXEC_LOCAL_H

#include <stddef.h>
#include <stdint.h>

#include "af2flow/plugin.h"
#include "base/digest.h"
#include "base/error.h"
#include "base/json.h"
#include "base/loop.h"
#include "base/str.h"
#include "model/affinity.h"
#include "model/config.h"
#include "model/stage.h"

struct pool;
struct attempt;

/* Where an attempt runs. Strings are copied by pool_run. */
struct exec_slot {
	const char *cpu_list; /* PUs in Linux list form "0-3,8"; "": do not bind */
	unsigned cpus;        /* cores; OMP_NUM_THREADS says the same */
	const char *gpu_ids; /* CUDA_VISIBLE_DEVICES, e.g. "2" or "0,3"; "" none
	                      * (sets it to "") */
	unsigned gpus;
	uint64_t memory; /* bytes, 0: none */
};

struct exec_item {
	const char *path, *name, *node;
	size_t branch_count;
	const char *const *branch_names, *const *branch_values;
	const char *values; /* JSON object text of the producer's values, or NULL */
};
struct exec_input {
	const char *port;
	size_t count;
	const struct exec_item *items;
};
struct exec_param {
	const char *name, *value;
	unsigned flags; /* AF2_PARAM_* */
};

/* All of one attempt. Borrowed until pool_run returns. */
struct exec_spec {
	const struct stage *stage;
	const char *node;                /* for {node}-like uses and logs */
	const char *label;               /* "predict[model=3]" */
	const struct exec_param *params; /* every parameter, "" unset */
	size_t param_count;
	const struct exec_input *inputs;
	size_t input_count;
	const struct stage_port *outputs; /* the node's ports, computed ones included */
	size_t output_count;
	const char *out_dir; /* exists, empty; outputs go here; NULL if the node has
	                      * no outputs */
	const char *work_dir; /* names a folder that does not exist: the host makes it, or
	                       * its own "host-PID" beside it, if needed. Gone after
	                       * the attempt, or, "host-PID", emptied and gone when
	                       * the host ends */
	const char *attempt_dir; /* stdout and stderr go here, made only when there
	                          * is something */
	struct exec_slot slot;
	double timeout; /* seconds, 0: none: class timeout */
	double grace;   /* seconds between TERM and KILL */
	uint64_t max_output; /* bytes of work_dir + out_dir, 0: none: class
	                      * output-limit */
	uint64_t memory_limit; /* bytes of the host and its descendants (see
	                        * tree_memory.h), 0: none: class memory */
	uint64_t capture; /* bytes kept of each of stdout, stderr; the rest is
	                   * counted and cut */
	struct affinity affinity; /* of two idle hosts that fit, that one is taken whose latest
	                           * task shares more with this one */
	int fresh; /* a retry: never a warm host */
	int sync_after; /* seconds; outputs that took longer are fsynced by the host;
	                 * <0 never */
};

struct exec_output {
	const char *port, *element; /* element "" unless a list output */
	const char *file;           /* name in out_dir */
	const char *type;
	struct digest digest; /* of the file, or of the tree */
	uint64_t size;
	int is_dir;
};

/* How an attempt ended. Borrowed until the callback returns. */
struct exec_result {
	int outcome;        /* af2_outcome; AF2_FAIL for everything bad */
	int cls;            /* af2_class; AF2_CLASS_NONE if ok or skipped */
	int status, signal; /* of the program or host that ended badly; -1, 0 if none */
	const char *message; /* one line, "" if ok */
	const struct exec_output *outputs; /* files are 0444, folders 0755 already */
	size_t output_count;
	const char *values;   /* JSON object text or NULL; members in plugin's order */
	const char *measures; /* JSON object text or NULL */
	double seconds;       /* wall of the attempt, without setup */
	double setup_seconds; /* 0 for a warm host */
	double cpu_seconds; /* of programs and workers that were reaped, and the
	                     * host's own */
	uint64_t max_rss; /* bytes, biggest process seen, mapped files included */
	uint64_t peak_memory; /* bytes, the most of host and descendants together (see
	                       * tree_memory.h) at a look; 0: nobody looked */
	int synced;       /* outputs were fsynced */
	int captured;     /* stdout or stderr files were written */
	int pid;          /* of the host */
	int number;       /* errno of a host that could not be started, else 0 */
};

typedef void attempt_done(void *arg, const struct exec_result *r);
/* What a running attempt says. level >= 0: a log line of that af2_level (fraction is
 * -1); level -1: progress, fraction 0..1 or -1 if unknown, text may be "". */
typedef void attempt_news(void *arg, double fraction, int level, const char *text);

struct pool_config {
	const char *host_program; /* path of af2flow-host */
	unsigned max_idle;        /* idle hosts kept at most; the oldest ends first */
	const char *mark; /* environment mark AF2FLOW_RUN=mark for all descendants */
	const char *notes; /* file for the notes of leftovers.h, gone when the hosts
	                    * are; NULL: none */
	const char *place; /* folder that all work directories lie in, for them */
	int groups;        /* give each host a cgroup, where that is allowed */
	const struct words *hidden; /* variables that no descendant gets; NULL: none */
	const struct config *settings; /* of plugins, for the pool's life; NULL: none */
	const char *store; /* folder that inputs lie in, NULL: none; for wrapped programs */
	int bind; /* 0: topology is not this system: no binding, slots only told */
	/* Bytes that no slot holds, asked when an attempt starts (its own slot is
	 * taken): idle hosts that hold more are ended first. NULL: nobody counts. */
	uint64_t (*free_memory)(void *arg);
	void *arg;
};
struct pool *pool_new(struct loop *l, const struct pool_config *c);
/* End every host (EOF, then KILL after `grace`) and free. Runs the loop until all
 * are gone. Attempts that still run are delivered as cancelled, their programs are
 * killed without a TERM: cancel them first. */
void pool_free(struct pool *p, double grace);

/* Start an attempt. `done` is called exactly once, never from inside pool_run. */
struct attempt *pool_run(struct pool *p, const struct exec_spec *spec,
			 attempt_done *done, attempt_news *news, void *arg);
/* End it: TERM to everything it started, KILL after its grace. `done` comes with class
 * cancelled. Idempotent. */
void attempt_cancel(struct attempt *a);
/* The same at once, without grace. */
void attempt_kill(struct attempt *a);

/* Ask a plugin for the fingerprint of a task with these parameters (inputs and slot
 * unused). Runs in a host of its own, one request at a time per plugin; kept warm
 * for the pool's life. `text` is "name=value\n..." sorted, "" if none; `files` the
 * files looked at. Class spawn with a number in the error: no host could be started. */
typedef void fingerprint_done(void *arg, const char *text, const char *const *files,
			      size_t file_count, int cls, const struct error *e);
void pool_fingerprint(struct pool *p, const struct stage *s,
		      const struct exec_param *params, size_t param_count,
		      const char *work_dir, fingerprint_done *done, void *arg);

/* Idle warm hosts. They keep what their latest slot had until they are gone. An attempt
 * waits inside pool_run's host, its timeout not yet counting, until those that sit on
 * its GPUs or on memory that is not free (see pool_config) have ended, oldest first;
 * the one that fits it is reused, never ended. */
unsigned pool_idle(const struct pool *p);
/* Bytes that they hold, those included that were told to end and have not yet. */
uint64_t pool_idle_memory(const struct pool *p);
/* End the oldest. */
void pool_evict_oldest(struct pool *p);
/* Counters for tests and the summary. */
struct pool_stats {
	unsigned long started, reused, crashed;
};
struct pool_stats pool_stats(const struct pool *p);

#endif

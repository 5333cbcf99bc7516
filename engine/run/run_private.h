/* SPDX-License-Identifier: Apache-2.0
 * run_private: the state of a run, shared by the files of engine/run.
 */
#ifndef RUN_RUN_PRIVATE_H
#define RUN_RUN_PRIVATE_H

#include "base/loop.h"
#include "base/mem.h"
#include "exec/local.h"
#include "record/history.h"
#include "record/journal.h"
#include "record/key.h"
#include "record/rundir.h"
#include "record/store.h"
#include "run/run.h"
#include "sched/machine.h"
#include "sched/sched.h"

/* A task between ready and settled. */
struct active {
	struct run *r;
	uint32_t task;
	int attempt;          /* of this run, from 1 */
	int number;           /* in the run directory's history, from 1 */
	struct digest key;    /* of this attempt's values */
	struct task_options options;
	struct attempt *a;    /* running, else NULL */
	struct slot slot;
	unsigned cpus, gpus;  /* of the slot, kept beyond it */
	double started;
	char *gpu_ids;
	char *out_dir, *work_dir, *attempt_dir;
	struct loop_timer *delay;
	char *label;
	uint32_t followers;   /* first task with the same key, or NONE */
	int queued;           /* waits in the scheduler */
	int print_class;      /* why its fingerprint failed */
	char *fingerprint;    /* text, once known */
};

/* What the run knows of a task beside the graph. */
struct rtask {
	struct result *result; /* of a done task */
	struct active *active; /* between ready and settled */
	uint32_t next;         /* next follower of the same key, or of the same question */
};

/* What is the same for all tasks of a node. */
struct run_node {
	int options_vary, params_vary; /* by branch variables */
	int has_options;
	struct task_options options;   /* of first attempts */
	struct task_params *params;    /* the last ones resolved */
	int params_attempt;
};

struct run {
	struct session *s;
	struct workflow *w;
	struct graph *g;
	struct run_observer observer;
	struct store *store;   /* NULL: there is none (check only) */
	struct rundir dir;
	int has_dir;
	struct journal *journal;
	struct history *history;
	int journal_aside;     /* an unusable one was set aside, which was told */
	struct key *key;
	struct machine *machine;
	struct sched *sched;
	struct loop *loop;
	struct pool *pool;

	struct run_node *nodes;
	struct rtask *tasks;
	size_t task_cap;
	struct map keys;        /* key digest -> task that executes it */
	struct map prints;      /* fingerprint id -> text pointer */
	struct map unprinted;   /* fingerprint id -> why it failed in this run */
	struct asking *askings; /* questions under way */
	struct map asked;       /* fingerprint id -> first task that waits for it */
	struct u32s missing;    /* ready, no result, before the machine is loaded */
	size_t *cached;         /* per node */
	js **early;             /* events of the look-up, see run_event */
	size_t early_count, early_cap;
	struct u32s cached_tasks; /* found in the store, not yet journalled */
	struct words failures, skips;
	struct map timings;     /* name -> seconds as double bits */
	int has_timings;        /* a stage speaks of timings */
	size_t running, delayed, asking; /* attempts, timers, fingerprints under way */
	int executing;          /* phase: 0 looking up, 1 executing */
	int write;              /* 0: nothing may be created (check) */
	int first_time;         /* the run directory is new */
	int made_dir;           /* its folder too: this run made it */
	int stopping;           /* no new starts */
	int signal;             /* SIGINT or SIGTERM that ended the run */
	int aborted;
	int failed, skipped;    /* numbers of tasks */
	size_t executed;
	char host[256];         /* this machine's name */
	double started, core_seconds;
	int exit;
	struct error fatal;     /* the store or journal cannot be written */
};

/* One item of an input port: an output of a producer. */
struct item {
	uint32_t task;
	const struct result_output *output;
};
struct items {
	struct item *v;
	size_t count, cap;
};

/* run_items.c: items of input port `port` of a task, in edge and branch order. */
void run_items(const struct run *r, uint32_t task, int port, struct items *out);
/* Names and values of a task's branch variables; arrays in the arena. */
void run_branch(const struct run *r, uint32_t task, struct arena *a, size_t *count,
                const char *const **names, const char *const **values);
char *run_label(const struct run *r, uint32_t task);        /* caller frees */
char *run_branch_text(const struct run *r, uint32_t task);  /* "model=3"; caller frees */

/* run_resolve.c: options and parameters of an attempt. The parameters are borrowed until the next
 * call for a task of the same node; NULL with the error set. */
void run_resolve_init(struct run *r);
void run_resolve_free(struct run *r);
int run_options(struct run *r, uint32_t task, int attempt, struct task_options *out,
                struct error *e);
const struct task_params *run_params(struct run *r, uint32_t task, int attempt,
                                     struct error *e);

/* As they go to the plugin, secrets with their values. Where one cannot be had, it is "" and the
 * error set. In the arena. */
struct exec_param *run_exec_params(const struct task_params *params, struct arena *arena,
                                   struct error *e);
/* Names of the variables that hold secrets of this workflow: only who asks gets them. */
void run_secret_variables(const struct run *r, struct words *out);
/* Can all secrets of an attempt be had? -1 with the error set. */
int run_check_secrets(struct run *r, uint32_t task, int attempt, struct error *e);

/* Enough items on each port of a ready task? 0, or 1: it is settled. */
int run_check_items(struct run *r, uint32_t task);

/* run_wanted.c: before anything is executed. */
void run_drop_unwanted(struct run *r);

/* run_key.c: the key of an attempt. 1: *key set; 0: a fingerprint must be asked for first
 * (`may_ask` starts it and calls run_asked later); -1 with the error set; -2 with the error set:
 * its fingerprint failed. */
int run_key(struct run *r, struct active *a, int attempt, int may_ask, struct digest *key,
            struct error *e);

/* run_task.c */
void run_pump(struct run *r);            /* fresh, ready, settled tasks, until nothing moves */
void run_take(struct run *r, uint32_t task); /* a ready task: look up, or queue */
void run_asked(struct run *r, uint32_t task); /* its fingerprint is known */
void run_asking_free(struct run *r);
struct active *run_active(struct run *r, uint32_t task); /* a new one */
int run_follow(struct run *r, struct active *a);
/* Followers of a leader that ends without a word on their work: each looks for itself. */
void run_leave(struct run *r, uint32_t followers);
void run_settle_done(struct run *r, uint32_t task, struct result *result, int cached);
void run_settle_bad(struct run *r, uint32_t task, int state, int cls, const char *message);
void run_drop_active(struct run *r, uint32_t task);
struct rtask *run_rtask(struct run *r, uint32_t task);

/* run_attempt.c */
void run_start_ready(struct run *r);     /* hand out slots */
void run_again(struct run *r, struct active *a, int attempt); /* queue this attempt */

/* run_fail.c */
void run_fail(struct run *r, struct active *a, int cls, int status, int signal,
              const char *message);
/* A failure that is final, by the task's policy. */
void run_fail_finally(struct run *r, uint32_t task, const struct task_options *o, int cls,
                      const char *message);

/* run_publish.c */
/* Links and results/ of a done task. */
void run_publish(struct run *r, uint32_t task, const struct result *result, int cached);
void run_timings(struct run *r, uint32_t task, const struct result *result);
void run_write_timings(struct run *r);

/* run_events.c: journal and observer */
void run_event(struct run *r, js *event);
void run_state_event(struct run *r, uint32_t task, const char *state, const char *why);
void run_tell(struct run *r, enum run_news kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void run_early_events(struct run *r, int write);
void run_flush_events(struct run *r);
void run_write_events(struct run *r); /* to the kernel, not to the disk */
void run_fatal(struct run *r, const struct error *e);
/* run.c: end the loop when nothing is under way any more. */
void run_maybe_stop(struct run *r);

#endif

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
#include "record/key_lock.h"
#include "record/key_parts.h"
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
	const struct task_options *options; /* the node's, or own_options */
	struct task_options *own_options;
	struct attempt *a;    /* running, else NULL */
	struct slot slot;
	unsigned cpus, gpus;  /* of the slot, kept beyond it */
	double started;       /* this attempt; while it is queued: since when */
	char *gpu_ids;
	char *out_dir, *work_dir, *attempt_dir;
	struct loop_timer *delay;
	char *label;
	uint32_t followers;   /* first task with the same key, or NONE */
	int queued;           /* waits in the scheduler */
	int print_class;      /* why its fingerprint failed */
	struct parked *parked; /* finished, but not published yet: see run_pause.c */
	char *fingerprint;    /* text, once known */
	struct key_lock lock; /* of `key`, while it runs */
	double pause;         /* until it looks again what another engine made */
	char *holder;         /* that engine; NULL: it waits for none */
};

/* A finished attempt, and how it ended. */
struct parked {
	struct result *made;
	struct exec_result end;
};

/* What the run knows of a task beside the graph. */
struct rtask {
	struct result *result; /* of a done task */
	struct active *active; /* between ready and settled */
	uint32_t next;         /* next follower of the same key, or of the same question */
	unsigned char recalled; /* see run_recall.c */
};

/* What is the same for all tasks of a node. */
struct run_node {
	int options_vary, params_vary; /* by branch variables */
	int has_options;
	struct task_options options;   /* of first attempts */
	struct task_params *params;    /* the last ones resolved */
	int params_attempt;
};

/* See run_pause.c. */
struct run_pause {
	struct loop_timer *timer; /* until all is tried again */
	int trying, again;        /* it is being tried; something failed */
	int asks;                 /* no host could be started for a fingerprint */
	int finishing;            /* the loop is over but for this */
	double since, delay;      /* since 0: no pause */
	struct error why;
	struct u32s parked;       /* tasks with a finished attempt that is not published */
	struct u32s unpublished;  /* done tasks that are not in results/ as they should be */
	struct u32s untaken;      /* ready tasks that could not be looked up */
	size_t crowd;             /* attempts at a time, 0: as many as there are slots for */
	double crowd_until;
	int crowd_told;
};

struct run {
	struct session *s;
	struct workflow *w;
	struct graph *g;
	struct run_observer observer;
	struct store *store;   /* NULL: there is none (check only) */
	struct rundir dir;
	int has_dir;
	struct key_locks *locks; /* while executing */
	struct journal *journal;
	struct history *history; /* once it is needed; a view's is its caller's */
	int journal_aside;     /* an unusable one was set aside, which was told */
	struct key *key;
	js *parts;             /* what goes into the key is written down here; NULL: nowhere */
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
	struct map own_prints;  /* plugin id -> text of what its settings add */
	struct map programs;    /* plugin id, program -> its path, "" if there is none */
	struct asking *askings; /* questions under way */
	struct map files;       /* path -> index into file_digests, in the look-up phase */
	struct digest *file_digests;
	size_t file_count, file_cap;
	struct map asked;       /* fingerprint id -> first task that waits for it */
	struct u32s missing;    /* ready, no result, before the machine is loaded */
	size_t *cached;         /* per node */
	js **early;             /* events of the look-up, see run_event */
	size_t early_count, early_cap;
	struct u32s cached_tasks; /* found in the store, not yet journalled */
	struct words failures, skips;
	struct map timings;     /* "FOLDER\nNAME" -> seconds as double bits, see run_timings.c */
	size_t running, delayed, asking; /* attempts, timers, fingerprints under way */
	size_t sharing;         /* tasks that wait for another engine */
	size_t shared;          /* tasks done by another engine meanwhile */
	struct words holders;   /* engines that were waited for */
	double beat_at;         /* when the next sign of life is due */
	int executing;          /* phase: 0 looking up, 1 executing */
	int write;              /* 0: nothing may be created (check) */
	int view;               /* it shows what the run did, see run_recall.c */
	int recalls;            /* a result was recalled */
	int first_time;         /* the run directory is new */
	int had_tasks;         /* there was something below tasks/ when it was opened; the
	                        * look-up makes links there before the first event */
	int had_events;        /* topology.xml, which is written after them, too */
	int made_dir;           /* its folder too: this run made it */
	int stopping;           /* no new starts */
	int signal;             /* SIGINT or SIGTERM that ended the run */
	int aborted;
	int failed, skipped;    /* numbers of tasks */
	size_t executed;
	char *waiting;          /* what the file `waiting` says; NULL: there is none */
	char host[256];         /* this machine's name */
	double started, core_seconds;
	double epoch;           /* Unix time of loop_now() 0 */
	int exit;
	struct error fatal;     /* the store or journal cannot be written */
	struct run_pause pause;
	int link_told;          /* that links cannot be made */
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

/* run_request.c: what a ready task asks of the scheduler under these options. What its hints hold is
 * part of its affinity and, where the workflow does not say how much memory it has, may ask for more
 * of it, up to the machine's. */
void run_request_of(const struct run *r, uint32_t task, const struct task_options *o,
                    struct request *q);

/* run_resolve.c: options and parameters of an attempt. The parameters are borrowed until the next
 * call for a task of the same node; NULL with the error set. */
void run_resolve_init(struct run *r);
void run_resolve_free(struct run *r);
int run_options(struct run *r, uint32_t task, int attempt, struct task_options *out,
                struct error *e);
/* Set a->options to those of an attempt; on an error they stay as they are. */
int run_set_options(struct run *r, struct active *a, int attempt, struct error *e);
const struct task_params *run_params(struct run *r, uint32_t task, int attempt,
                                     struct error *e);
/* The same of a first attempt, the caller's own; `task` NONE: without branch variables. -1. */
int run_node_options(const struct run *r, uint32_t node, uint32_t task,
                     struct task_options *out);
int run_node_params(const struct run *r, uint32_t node, uint32_t task, struct task_params *out);

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
/* Fingerprints that failed are asked for again: a retry wants to. */
void run_forget_failed_prints(struct run *r);
/* The key of an attempt once more, and what it is made of (record/key_parts.h): *parts is the
 * caller's in any case. As run_key, which asks nobody: with 0 only the fingerprint is missing. */
int run_key_parts(struct run *r, struct active *a, int attempt, struct digest *key, js **parts,
                  struct error *e);

/* run_recall.c: in a view, the result that the task had by the run's record. As store_lookup. */
enum recalled {
	RECALLED = 1,   /* done by such a result */
	RESTS_ON_RECALL /* done by its key, which is made of what such tasks made */
};
int run_recall(struct run *r, struct active *a, int attempt, struct result **out,
               struct error *e);
/* A task is done: does it rest on such a result? */
void run_note_recall(struct run *r, uint32_t task);
/* A done producer of the task that was recalled, or rests on such, or NONE. */
uint32_t run_recalled_input(const struct run *r, uint32_t task);

/* run_prints.c: fingerprints. 1: *text known; 0: asked (may_ask), or must be asked; -2 with the
 * error set: it failed in this run. */
int run_fingerprint(struct run *r, struct active *a, const struct stage *s,
                    const struct task_params *params, int may_ask, const char **text,
                    struct error *e);
/* Who is asked what: the plugin's file, all parameters, the programs that they name, and its
 * settings. */
void run_question(struct run *r, const struct stage *s, const struct task_params *params,
                  struct digest *out);
const char *run_known_print(struct run *r, const struct digest *id); /* NULL: not known */
void run_know_print(struct run *r, const struct digest *id, const char *text,
                    const char *const *files, size_t file_count);
/* What the settings of a plugin add to its fingerprint, "" mostly. -1 with the error set. */
int run_settings_print(struct run *r, const struct stage *s, const char **text,
                       struct error *e);

/* run_why.c: why the task needs this attempt, WHY_FIRST to WHY_ENDED or WHY_TOOLS; at least one
 * reason. The history must be there if the run is not new. */
void run_why(struct run *r, struct active *a, struct reasons *out);
/* The key of the task's earlier result, by its link, else by `h` (may be NULL). 0, or -1: it had
 * none. The run has a directory. */
int run_earlier_key(const struct run *r, uint32_t task, const struct history_task *h,
                    struct digest *key);
/* Had the task a result in this run directory before? */
int run_had_result(const struct run *r, uint32_t task);

/* run_waiting.c: keep the run directory's file `waiting` up to date. */
void run_note_waiting(struct run *r);
void run_end_waiting(struct run *r);

/* run_task.c */
void run_pump(struct run *r);            /* fresh, ready, settled tasks, until nothing moves */
void run_take(struct run *r, uint32_t task); /* a ready task: look up, or queue */
void run_asked(struct run *r, uint32_t task); /* its fingerprint is known */
void run_asking_free(struct run *r);
struct active *run_active(struct run *r, uint32_t task); /* a new one */
int run_follow(struct run *r, struct active *a);
/* Followers of a leader that ends without a word on their work: each looks for itself. */
void run_leave(struct run *r, uint32_t followers);
enum made { MADE_HERE, MADE_BEFORE, MADE_MEANWHILE }; /* the last: by another engine */
void run_settle_done(struct run *r, uint32_t task, struct result *result, enum made made);
/* Look the keys of all attempts up. 1: settled; 0: there is none; -1: error set, of a look-up
 * one that passes; -2: its fingerprint failed; 2: not known yet. The key kept is that of the
 * attempt to be made. */
int run_look_up(struct run *r, struct active *a, int may_ask, enum made made, struct error *e);
void run_settle_bad(struct run *r, uint32_t task, int state, int cls, const char *message);
void run_drop_active(struct run *r, uint32_t task);
struct rtask *run_rtask(struct run *r, uint32_t task);

/* run_attempt.c */
void run_start_ready(struct run *r);     /* hand out slots */
int run_start_queued(struct run *r);     /* that alone; was a task settled by it? */
void run_enqueue(struct run *r, struct active *a); /* for the scheduler, as its options say */
void run_again(struct run *r, struct active *a, int attempt); /* queue this attempt */
void run_ended(void *active, const struct exec_result *x);    /* its host has answered */

/* run_start.c: start an attempt in its slot; -1 with the error set: it has not begun. */
int run_start(struct run *r, struct active *a, struct error *e);

/* run_conclude.c: what is made of a finished attempt */
enum { SYNC_AFTER = 1 }; /* seconds: what took longer to make is on the disk when it counts */
struct result *run_result_of(struct run *r, struct active *a, const struct exec_result *x);
/* Publish what a finished attempt made (taken over) and settle its task. 0: the run pauses. */
int run_conclude(struct run *r, struct active *a, struct result *made,
                 const struct exec_result *x);
void run_end_attempt(struct run *r, struct active *a, const struct exec_result *x,
                     const char *outcome); /* the journal is told */
void run_drop_dirs(struct active *a); /* what it left goes */

/* run_share.c: work that other engines on the store do, too */
/* A task has a slot and would start: take the lock of its key. 1: start it; 0: another engine is
 * at it or has done it; the slot is given back, and `a` may be gone; -1 with the error set: nobody
 * can tell just now. */
int run_claim(struct run *r, struct active *a, struct error *e);
void run_unclaim(struct run *r, struct active *a); /* its attempt has ended */
void run_beat(struct run *r); /* a sign of life, when one is due */

/* run_fail.c */
void run_fail(struct run *r, struct active *a, int cls, int status, int signal,
              const char *message);
/* A failure that is final, by the task's policy. */
void run_fail_finally(struct run *r, uint32_t task, const struct task_options *o, int cls,
                      const char *message);

/* run_publish.c */
/* Links and results/ of a done task. */
void run_publish(struct run *r, uint32_t task, const struct result *result, int cached);
/* The kind of a branch variable (enum var_kind). */
int run_var_kind(const struct run *r, const char *name);
/* Append the folder below results/ of a task with this branch: a component a glob variable. */
void run_glob_folder(const struct run *r, size_t count, const char *const *names,
                     const char *const *values, struct str *path);
/* run_timings.c */
void run_timings(struct run *r, uint32_t task, const struct result *result);
int run_write_timings(struct run *r, struct error *e);

/* run_events.c: journal and observer */
void run_event(struct run *r, js *event);
void run_state_event(struct run *r, uint32_t task, const char *state, const char *why);
/* The same of a failure, or of what comes of it, with its class. */
void run_bad_event(struct run *r, uint32_t task, const char *state, int cls, const char *why);
void run_tell(struct run *r, enum run_news kind, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
void run_early_events(struct run *r, int write);
void run_flush_events(struct run *r);
void run_write_events(struct run *r); /* records, then events: to the kernel, not to the disk */
void run_fatal(struct run *r, const struct error *e);

/* run_pause.c */
int run_is_paused(const struct run *r);
/* Something cannot be written, opened or started. 1: the run pauses until that is over, the caller
 * keeps what it could not do and has it tried again; 0: that is the end, see run_fatal. */
int run_trouble(struct run *r, const struct error *e);
/* Tried again: publishing `made` (taken over), a done task's files, the look-up of a ready one. */
void run_park(struct run *r, struct active *a, struct result *made,
              const struct exec_result *x);
void run_pause_publish(struct run *r, uint32_t task);
void run_pause_take(struct run *r, uint32_t task);
void run_pause_ask(struct run *r, uint32_t task); /* the same: its fingerprint could not be asked */
/* No more waiting. What is parked is tried once more. */
void run_pause_end(struct run *r);
/* After the loop: wait. 1: try again, 0: it is over. */
int run_wait(struct run *r, const struct error *e);
void run_wait_over(struct run *r); /* it worked */
void run_pause_free(struct run *r);
/* Are as many attempts running as the system lets us start? */
int run_is_crowded(struct run *r);
/* No host could be started. 1: because of those that there are, and it is tried again. */
int run_crowded(struct run *r, struct active *a, const struct exec_result *x);
/* run.c: workflow, parameters and machine (NULL: not known) as files of the run directory. */
int run_describe(struct run *r, const char *xml, struct error *e);
unsigned char *run_needed_nodes(const struct run *r); /* not all done: 1; caller frees */

/* run_execute.c: end the loop when nothing is under way any more. */
void run_maybe_stop(struct run *r);

/* run_finish.c */
void run_start_event(struct run *r);
int run_finish(struct run *r); /* what is left to write is written; the exit status */

/* run_damage.c: what an engine that died has left. Its history must have been read, if need be. */
void run_end_leftovers(struct run *r); /* processes that still write */
void run_tell_damage(struct run *r);   /* damage in the journal, once */

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the pool share: local.c (hosts), local_attempt.c (attempts),
 * local_conn.c (one host process and its socket), local_wire.c (frames of tasks),
 * local_prints.c (fingerprints). */
#ifndef EXEC_LOCAL_PRIVATE_H
#define EXEC_LOCAL_PRIVATE_H

#include <sys/resource.h>
#include <sys/types.h>

#include "exec/leftovers.h"
#include "exec/local.h"
#include "exec/oom.h"
#include "exec/proto.h"

/* A host process.
 *
 *   BUSY -> IDLE -> BUSY ...  -> CLOSING (socket closed, or it broke)
 *                             -> gone (reaped, swept)
 */
enum conn_state { CONN_BUSY, CONN_IDLE, CONN_CLOSING };

struct conn {
	struct pool *pool;
	struct conn *next;
	enum conn_state state;
	pid_t pid;
	int socket, out_read, err_read, pidfd;
	struct loop_fd *socket_watch, *exit_watch;
	struct loop_timer *kill_timer, *poll_timer; /* poll: where there are no pidfds */
	struct str in, out;
	size_t in_taken, out_sent;
	/* what tasks it fits */
	int is_prints; /* for fingerprints only */
	char *path, *setup, *gpu_ids;
	unsigned cpus; /* of the latest task; matters with AF2_PLUGIN_FIXED_POOL */
	uint64_t memory; /* of the latest slot */
	struct affinity affinity; /* of the latest task */
	char *cpu_list;
	char *spare_dir; /* the work directory that it keeps; empty while it is idle */
	unsigned long idle_stamp; /* grows: the smallest is the oldest */
	unsigned long evicted;    /* 0, or grows: told to end while it was idle */
	/* what it does */
	enum proto_phase phase;
	unsigned serial;
	struct attempt *attempt; /* runs, or waits for our end to be delivered */
	struct prints *prints;
	const char *bad_reply; /* why we broke with it, NULL if we did not */
	int status;            /* wait status */
	int is_killed;         /* by us */
	char *group;           /* its cgroup; NULL: none */
	struct rusage usage;
};

struct attempt {
	struct pool *pool;
	struct attempt *next; /* in pool->swept */
	struct conn *conn;
	attempt_done *done;
	attempt_news *news;
	void *arg;
	char *work_dir, *attempt_dir;
	struct words secrets; /* not to be shown, whatever the host says */
	double start, timeout, grace;
	uint64_t capture, max_output, over; /* over: bytes found above a limit */
	uint64_t memory;    /* of its slot */
	uint64_t peak;      /* the most that its host told of so far */
	uint64_t oom_kills; /* when it began */
	int end_class;                      /* AF2_CLASS_NONE, or why we end it */
	struct str held;         /* its frame, while it waits for hosts to end: */
	unsigned long waits_for; /* those evicted up to this one; 0: it does not */
	struct loop_timer *timer; /* timeout, then grace; or the failure to start */
	unsigned serial;          /* of the answer */
	struct str answer;        /* payload of RESULT, "" if none came */
	char *problem;            /* why there is no answer */
	int problem_class, status, signal, pid, number;
	double cpu_seconds;
	uint64_t max_rss;
};

/* A fingerprint that is asked for. */
struct prints {
	struct prints *next;
	char *path, *id;
	struct str frame;
	char *work_dir;
	unsigned serial;
	fingerprint_done *done;
	void *arg;
	struct loop_timer *timer;
	int is_late;
	char *problem;
	struct words secrets;
};

struct pool {
	struct loop *loop;
	struct pool_config config;
	char *host_program, *mark, *store, *place;
	struct words hidden;
	struct conn *conns;
	struct attempt *swept; /* ended, waiting until nothing of theirs is left */
	size_t open_attempts;
	struct words remains; /* work directories of hosts that died at work */
	struct words groups;  /* cgroups of hosts that are gone */
	char *group_home;     /* where they are made; NULL: nowhere */
	unsigned group_count;
	struct host_notes *notes;
	struct oom_counter oom;
	struct prints *queue, *prints_swept;
	struct loop_timer *turn_timer, *sweep_timer;
	double sweep_until;
	unsigned serial;
	unsigned long stamp, evictions;
	struct rlimit files; /* as it was before we raised it: our hosts' */
	struct pool_stats stats;
	int is_stopping;
};

/* --- local_conn.c ----------------------------------------------------------------- */
/* Start a host for a plugin. NULL with errno. */
struct conn *conn_new(struct pool *p, const char *plugin_id, const char *gpu_ids);
/* Queue what `frame` holds and reset it. -1, the frame left, if the host is dead. */
int conn_send(struct conn *c, struct str *frame);
/* End it: end of file now, SIGKILL after `patience` seconds (0: now). */
void conn_end(struct conn *c, double patience);
/* Break with a host that talks nonsense: SIGKILL. `why` is static. */
void conn_break(struct conn *c, const char *why);
/* Free a host that is reaped. */
void conn_free(struct conn *c);

/* Say where it keeps its work directory: beside this one. */
void conn_spare(struct conn *c, const char *work_dir);

/* --- local_settings.c -------------------------------------------------------------- */
/* What the configuration says of a plugin; NULL: nothing. */
const struct plugin_settings *pool_settings(const struct pool *p, const char *plugin_id);
/* The variables of a host that it sets: "NAME=value"; "NAME": taken out. */
void settings_environ(const struct plugin_settings *s, struct words *out);
/* The files and folders that wrapped programs of this task need (model/wrap.h). */
void settings_binds(const struct pool *p, const struct exec_spec *spec, struct words *out);
/* All that a host must have been started with for this task, as a text. */
void settings_add_text(const struct pool *p, const struct exec_spec *spec, struct str *out);

/* --- local_obituary.c -------------------------------------------------------------- */
/* How a host that ended by itself ended, one line; the plugin's last words included if
 * `attempt_dir` ("" none) has them. Caller frees. */
char *conn_obituary(const struct conn *c, const char *attempt_dir);
/* What the dead host left unread in its pipes goes where it would have put it. */
void conn_save_output(const struct conn *c, const char *attempt_dir, uint64_t limit,
		      const struct words *secrets);

/* --- local_group.c ------------------------------------------------------------------ */
/* A cgroup for a new host; NULL: there are none here. Caller frees. */
char *group_new(struct pool *p);
/* The host starts nothing before it is told to, so it may enter when it runs already.
 * The group, or NULL if it cannot. */
char *group_enter(struct pool *p, char *group, pid_t pid);
/* It is not used: free it. */
void group_drop(struct pool *p, char *group);
/* The host is dead: kill all that is in its group, which goes when they are reaped. */
void group_end(struct conn *c);
/* Remove the groups of hosts that are gone, those that are empty. */
void groups_remove(struct pool *p);

/* --- local_memory.c ----------------------------------------------------------------- */
/* Its host died: was it for want of memory? Then class and message say so. */
void attempt_judge_memory(const struct conn *c, struct attempt *a);
/* What ending it for its memory is called. Caller frees. */
char *attempt_over_memory(const struct attempt *a);

/* --- local.c ---------------------------------------------------------------------- */
/* A host for this task, warm or new. NULL with errno. */
struct conn *pool_host_for(struct pool *p, const struct exec_spec *s);
/* End the idle hosts that this one has no room beside. What its attempt waits for; 0:
 * nothing. */
unsigned long pool_make_room(struct conn *c);
/* Are all hosts gone that were evicted up to this one? */
int pool_has_room(const struct pool *p, unsigned long evicted);
/* End pool_free's loop when nothing is left. */
void pool_stop_if_empty(struct pool *p);
/* The host is reaped (c->status, c->usage): settle what it did, free it. */
void pool_host_gone(struct conn *c);
/* It may take the next task. */
void pool_host_idle(struct conn *c);

/* --- local_attempt.c -------------------------------------------------------------- */
/* A frame came. -1: it is not one that a host may send now. */
int pool_frame(struct conn *c, unsigned type, struct reader *r);
/* Its host died without an answer: note how. */
void attempt_bury(struct conn *c, struct attempt *a);
/* Send those that waited for hosts that are gone now. */
void attempts_send_held(struct pool *p);
/* Hand the result over and forget the attempt. Its host is idle or gone. */
void attempt_deliver(struct attempt *a);

/* --- local_prints.c --------------------------------------------------------------- */
/* Hand waiting requests to hosts that are free. */
void prints_next(struct pool *p);
int prints_frame(struct conn *c, struct reader *r);
/* Take note of a host that died, the request with it if there was one. */
void prints_host_gone(struct conn *c);
/* Answer those whose host died, when nothing of it is left. */
void prints_deliver_swept(struct pool *p);
void prints_free_all(struct pool *p);

/* --- local_wire.c ----------------------------------------------------------------- */
/* A RUN or FINGERPRINT frame. -1 if it is too large. */
int task_put(const struct pool *p, struct str *out, enum proto_type type, unsigned serial,
	     int bind, const struct exec_spec *s);
/* The values of the secret parameters among these. */
void params_secrets(const struct exec_param *params, size_t count, struct words *out);
/* Decode a RESULT payload that belongs to `serial`. Texts point into it; free
 * r->outputs. -1 if it is malformed. */
int result_get(const char *payload, size_t size, unsigned serial,
	       struct exec_result *r);

#endif

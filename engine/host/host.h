/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of af2flow-host share. Two threads: control (main: the socket,
 * captured output, limits, the end) and the plugin thread (plugin code; it also
 * spawns and awaits programs, for it lives as long as the process, so that their
 * parent-death signal means the host's death). What both touch is in struct host,
 * under `lock` or atomic.
 */
#ifndef HOST_HOST_H
#define HOST_HOST_H

#include <dirent.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "af2flow/plugin.h"
#include "base/digest.h"
#include "base/json.h"
#include "base/mem.h"
#include "base/str.h"
#include "exec/oom.h"
#include "exec/proc.h"
#include "exec/proto.h"
#include "model/stage.h"

enum {
	HOST_FD_BASE = 700, /* our descriptors lie here or above, out of plugins' way */
	HOST_CHILDREN = 64  /* programs and workers at one time */
};

/* A child that is awaited by somebody. Under host.lock. */
struct child {
	pid_t pid; /* 0: free */
	int is_worker;
	int is_reaped; /* status and usage are known */
	int status;
	struct rusage usage;
};

/* One captured stream (stdout or stderr). */
struct stream {
	const char *name;
	int read_fd, write_fd;
	int file; /* -1: nothing to keep yet */
	uint64_t kept, total;
	char tail[512]; /* last bytes since capture_mark */
	size_t tail_len;
};

struct capture {
	pthread_mutex_t lock;
	struct stream streams[2];
	char *dir; /* NULL: no attempt runs, drop what comes */
	uint64_t limit;
	const struct words *secrets; /* of the attempt: made unreadable; or NULL */
	int has_files;
	int told; /* that not all could be kept */
};

/* How a callback said it ended. */
struct verdict {
	int outcome, cls; /* outcome AF2_OK: nothing was said */
	char message[1024];
};

struct param {
	const char *name, *value;
	unsigned flags;
	double number;
};

struct input_port {
	const char *port;
	size_t count;
	struct input_item {
		af2_item item;
		const char *values; /* JSON text */
		js *parsed;
	} * items;
};

/* An output port of the node. */
struct output_port {
	const char *name, *type;
	int cardinality;
	int is_declared;
};

/* A file that run() declared. */
struct output {
	const struct output_port *port;
	const char *element, *file, *path;
	struct digest digest;
	uint64_t size;
	int is_dir;
};

/* One attempt. Texts lie in `payload` or `mem`. */
struct af2_task {
	struct host *host;
	char *payload;
	struct arena mem;
	unsigned serial;
	const char *plugin_path, *node, *label;
	struct param *params;
	size_t param_count;
	struct words secrets; /* values of secret parameters (base/secret.h) */
	struct input_port *inputs;
	size_t input_count;
	struct output_port *ports;
	size_t port_count;
	struct words wrap, binds; /* see model/wrap.h */
	const char *out_dir, *work_dir, *attempt_dir, *cpu_list;
	unsigned cpus, gpus;
	int bind, sync_after;
	uint64_t memory, memory_limit, max_output, capture;
	/* what run() made of it */
	struct output *outputs;
	size_t output_count, output_cap;
	js *values, *measures;
	struct verdict verdict, bad_output;
	int status, signal; /* of the last program or worker that ended badly */
	int has_work_dir;
	const char *in_the_way; /* what the last program could not do before its start */
	uint64_t max_rss, peak_memory;
	uint64_t oom_kills; /* when it began */
	double worker_cpu;
	struct words prints, print_files; /* fingerprint: lines, files */
	int synced;
};

struct af2_process {
	struct host *host;
	pid_t pid;
	int pidfd, request_fd, reply_fd;
	const char *name; /* of the program, for messages */
	double cpu;       /* seconds used, at the last look */
	struct af2_process *next;
};

/* How a worker died. */
struct death {
	int status, signal;
	uint64_t max_rss;
};

struct af2_worker {
	struct host *host;
	struct verdict verdict;
	struct words params; /* name, value, ... */
};

enum job { JOB_NONE, JOB_RUN, JOB_PRINTS, JOB_TEARDOWN, JOB_DONE };

struct host {
	int socket;
	pthread_mutex_t send_lock;
	pthread_mutex_t lock;
	pthread_cond_t changed;
	/* under lock */
	enum job job;
	af2_task *task; /* of JOB_RUN and JOB_PRINTS */
	struct child children[HOST_CHILDREN];
	int is_spawning;              /* a child may exist that is not among them */
	char *watch_work, *watch_out; /* folders under max_output; work "" until made */
	uint64_t max_output, memory, memory_limit; /* of the task; 0: none */
	/* any thread */
	atomic_int cancelled, ending;
	_Atomic uint64_t peak; /* memory of the task's tree, the most at a look */
	atomic_int saw_kill;   /* an orphan of the task was killed by somebody */
	atomic_uint log_lines;
	_Atomic double last_progress;
	struct capture capture;
	const char *group; /* our cgroup, NULL none */
	/* the plugin thread's own */
	pthread_t thread;
	void *dso;
	af2_plugin plugin; /* copied, missing fields zero */
	struct stage *stage;
	char *plugin_path, *data_dir;
	int is_set_up;
	double setup_seconds;
	struct oom_counter oom;
	int killed_worker; /* by us, for the task */
	struct death setup_death; /* of one that did not live to greet */
	struct af2_worker worker;
	af2_process *processes;
	struct words programs; /* name, path, ... found in PATH */
	struct words wrap, binds; /* of the task; wrap without words: none */
	char *cpu_list;
	unsigned cpus;
	char *spare_dir; /* an empty folder for the next task, NULL if none */
	unsigned spare_mode; /* as it was made; 0: not to be kept */
};

/* The one host of this process: services like log() carry no handle. */
struct host *host_self(void);
void host_set_self(struct host *h);
/* Monotonic seconds. */
double host_now(void);

/* --- control.c -------------------------------------------------------------------- */
/* Serve the socket until it ends; then end all descendants and the process. */
void control_run(struct host *h) __attribute__((noreturn));
/* Send what `frame` holds and reset it; any thread. A dead engine is noticed by
 * control. */
void host_send(struct host *h, struct str *frame);
/* End the process without running plugins' exit handlers. */
void host_exit(int status) __attribute__((noreturn));

/* --- job.c: the plugin thread ----------------------------------------------------- */
void *job_thread(void *host);
/* dlopen, entry, check the descriptor. 0, or -1 with the error set. */
int plugin_load(struct host *h, const char *path, struct error *e);

/* --- task.c ----------------------------------------------------------------------- */
/* Decode a RUN or FINGERPRINT payload (taken over). NULL if it is malformed. */
af2_task *task_new(struct host *h, char *payload, size_t size);
void task_free(af2_task *t);
const char *task_param(const af2_task *t, const char *name);
/* The RESULT of a task at the end of `out`. */
void task_put_result(struct str *out, const af2_task *t, const struct verdict *v,
		     double seconds, double cpu_seconds, int captured);
/* Write a verdict: one line, clean UTF-8. */
void verdict_set(struct verdict *v, int outcome, int cls, const char *format, ...)
	__attribute__((format(printf, 4, 5), nonnull(4)));
void verdict_vset(struct verdict *v, int outcome, int cls, const char *format,
		  __builtin_va_list ap)
	__attribute__((format(printf, 4, 0), nonnull(4)));

/* --- workdir.c -------------------------------------------------------------------- */
/* Set the work directory up if it is not there. 0 or -1 with errno. */
int task_need_work_dir(af2_task *t);
/* Remove it, with all that is in it. */
void task_drop_work_dir(af2_task *t);
/* Add to a failure that its file system is full, if it is. */
void task_say_if_full(const af2_task *t, struct verdict *v);
/* Remove the empty one that waits for the next task. */
void workdir_end(struct host *h);

/* --- services.c ------------------------------------------------------------------- */
const af2_host *services_table(void);
void record_number(js **object, const char *name, double value);
void host_log(struct host *h, int level, const char *text);

/* --- programs.c ------------------------------------------------------------------- */
int service_run_program(af2_task *t, const af2_program *program, af2_exit *how);
af2_outcome service_check_exit(af2_task *t, const af2_exit *how, const char *what);
const char *service_find_program(const char *name);
/* Spawn and enter into the table (a cancelled task ends it at once). -1 with errno. */
pid_t child_spawn(struct host *h, const struct proc_spec *spec, int is_worker);
/* Wait for it, kill what is left of its group, forget it. -1 if it was lost. */
int child_wait(struct host *h, pid_t pid, int *status, struct rusage *usage);
/* Signal all registered groups. */
void children_signal(struct host *h, int signo);
/* Reap orphans that fell to us while a long program runs; registered ones are
 * remembered. */
void children_reap(struct host *h);
/* Kill every descendant but registered workers and theirs; after programs ended. */
void children_sweep(struct host *h, double patience);

/* --- wrapped.c -------------------------------------------------------------------- */
/* A program's command line as it is started: wrapped, if the plugin's programs are. */
struct command {
	const char *path;        /* of what is started; NULL: there is none */
	const char *const *argv;
	struct words words;      /* those of argv, if it is wrapped */
	char *program;           /* the wrapper's path, owned */
};
/* 0, or -1 with the error set; command_free in any case. */
int command_make(struct host *h, const char *const *argv, struct command *c, struct error *e);
void command_free(struct command *c);
/* What the task's programs run inside from now on. */
void enter_wrap(struct host *h, const af2_task *t);

/* --- workers.c -------------------------------------------------------------------- */
af2_process *service_start_worker(af2_worker *w, const char *const *argv,
				  const char *const *env);
af2_outcome service_call(af2_task *t, af2_process *p, const char *method,
			 const char *const *args);
/* The task's worker died so. */
void task_note_death(af2_task *t, const struct death *death);
/* Close their requests, give them `patience` seconds to end by themselves. */
void workers_end(struct host *h, double patience);

/* --- worker_talk.c ---------------------------------------------------------------- */
/* TALK_BAD: the frame is too large or no JSON object, see the error. */
enum talk { TALK_OK, TALK_DIED, TALK_BAD };
/* Has it ended (reaped or not)? */
int worker_is_dead(const af2_process *p);
enum talk worker_send(const af2_process *p, js *request);
/* The next frame, to be freed; NULL unless TALK_OK. */
enum talk worker_receive(const af2_process *p, js **reply, struct error *e);

/* --- capture.c -------------------------------------------------------------------- */
void capture_init(struct capture *c, int out_read, int err_read);
/* `secrets` is borrowed until capture_end. */
void capture_begin(struct capture *c, const char *dir, uint64_t limit,
		   const struct words *secrets);
void capture_drain(struct capture *c);
/* Drain, write closing lines, close. 1 if there are files. */
int capture_end(struct capture *c);
/* From here on counts as the tail of the next program. */
void capture_mark(struct capture *c);
/* What stderr said since the mark, without trailing newlines. */
void capture_tail(struct capture *c, char *out, size_t size);
/* Pointer to the last line of a text. */
const char *last_line(const char *text);

/* --- outputs.c -------------------------------------------------------------------- */
const char *service_output(af2_task *t, const char *port, const char *element,
			   const char *file);
/* After run() went well: check, hash, protect (and sync) what was declared. Fills *v
 * if bad. */
void outputs_finish(af2_task *t, double seconds, struct verdict *v);

/* --- tree_bytes.c ----------------------------------------------------------------- */
/* A walk over folders that adds up lengths of regular files, in as many turns as it
 * likes. Zero-initialise. */
struct tree_walk {
	struct words todo; /* folders not looked at yet */
	DIR *dir;          /* the one under way, NULL none */
	char *path;        /* of it */
	uint64_t bytes;
	int is_begun;
};
/* Begin with this folder, or add it; "" is none. */
void tree_walk_add(struct tree_walk *w, const char *path);
/* Go on until the end, more than `enough` bytes, or `until` (host_now(); 0: no limit).
 * 1: done (or enough); w->bytes is the sum, and the walk may begin again. */
int tree_walk_some(struct tree_walk *w, uint64_t enough, double until);
void tree_walk_free(struct tree_walk *w);
/* Bytes of the regular files below `path`; stops counting above `enough`. */
uint64_t tree_bytes(const char *path, uint64_t enough);

/* --- watch.c ---------------------------------------------------------------------- */
/* Looks at what a running task takes: files under max_output, memory. Only as often as
 * it can go wrong meanwhile, and never for more than a small part of a core. */
struct watch {
	unsigned serial;
	int told; /* it is over a limit, and the engine knows */
	struct tree_walk walk;
	double size_due, size_at, size_cost;
	uint64_t size;
	double memory_due;
	uint64_t told_peak;
	int over; /* looks in a row that found too much memory */
};
/* A task begins, or has ended. */
void watch_begin(struct watch *w);
/* Look at what is due. `usual`: seconds that may pass between two looks where nothing
 * is near its limit. When to come again (host_now()). */
double watch_look(struct watch *w, struct host *h, double usual);

/* --- memory.c --------------------------------------------------------------------- */
/* A task begins. */
void memory_begin(af2_task *t);
/* It ended badly: was it for want of memory? Then *v says so. */
void memory_judge(af2_task *t, struct verdict *v);
/* Bytes of this process and all descendants; more exact above `exact_above`. */
uint64_t memory_used(const struct host *h, uint64_t exact_above);

/* --- bind.c ----------------------------------------------------------------------- */
/* Bind all threads of this process to PUs "0-3,8" and its memory to their NUMA nodes
 * (preferred; interleaved if asked). 0, or -1 with the error set. */
int host_bind(const char *cpu_list, int interleave, struct error *e);

/* --- scan.c ----------------------------------------------------------------------- */
int scan_main(const char *path);

#endif

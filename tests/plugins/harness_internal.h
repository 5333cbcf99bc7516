/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the harness share: harness.c (life, results), harness_host.c (the
 * services), harness_proc.c (programs, workers), harness_util.c (lists, texts). Tests
 * include harness.h only.
 */
#ifndef TESTS_PLUGINS_HARNESS_INTERNAL_H
#define TESTS_PLUGINS_HARNESS_INTERNAL_H

#include <limits.h>
#include <stdio.h>
#include <sys/types.h>

#include "harness.h"

/* name -> text, growing; also used for plain lists with an empty name. */
struct pairs {
	size_t count;
	struct pair {
		char *name, *text;
	} * list;
};

/* One item of an input port. */
struct slot_item {
	char *port;
	af2_item item;
	char **strings; /* branch names, then values */
	struct pairs values;
};

/* One declared output. */
struct slot_output {
	char *port, *element, *path;
};

struct af2_process {
	pid_t pid;
	int requests, replies;
};

struct af2_worker {
	struct harness *owner;
};

struct af2_task {
	struct harness *owner;
};

struct harness {
	char dir[PATH_MAX - 256]; /* everything of this harness */
	char work[PATH_MAX], out[PATH_MAX], stdout_path[PATH_MAX],
		stderr_path[PATH_MAX];
	void *dso;
	const af2_plugin *plugin;
	struct af2_worker worker;
	struct af2_task task;
	int is_set_up;
	af2_outcome setup_outcome;
	struct pairs params, values, measures, fingerprints, owned;
	size_t fingerprint_files;
	size_t item_count, output_count, process_count;
	struct slot_item *items;
	struct slot_output *outputs;
	struct af2_process *processes[8];
	unsigned cpus, gpus;
	uint64_t memory;
	double cancel_at;  /* monotonic seconds, 0: never */
	int is_bad_output; /* output() was called wrongly */
	af2_outcome outcome;
	af2_class cls;
	char message[4096];
	char *warnings, *log;
	char progress[512];
	size_t progress_count, program_count;
	char *command_line;
};

/* The one harness of this process. */
struct harness *harness_current(void);
void harness_set_current(struct harness *h);
/* The table of services, handed to the plugin's entry. */
const af2_host *harness_host_table(void);
/* Free `text` in harness_close(). */
void harness_own(struct harness *h, char *text);
/* Monotonic seconds. */
double harness_now(void);
void harness_die(const char *format, ...)
	__attribute__((format(printf, 1, 2), noreturn));
char *harness_copy(const char *text);
/* Append; takes both strings. */
void pairs_add(struct pairs *p, char *name, char *text);
void pairs_set(struct pairs *p, const char *name, const char *text);
void pairs_clear(struct pairs *p);
const char *pairs_get(const struct pairs *p, const char *name);
af2_outcome harness_fail(struct harness *h, af2_outcome outcome, af2_class cls,
			 const char *text);
/* The class whose name is `name`; AF2_CLASS_PERMANENT for an unknown one. */
af2_class harness_class_of(const char *name);
void harness_add_log(struct harness *h, af2_level level, const char *line);
void harness_record_number(struct pairs *p, const char *name, double value);

/* Services in harness_proc.c. */
int harness_run_program(af2_task *task, const af2_program *program, af2_exit *how);
af2_outcome harness_check_exit(af2_task *task, const af2_exit *how, const char *what);
const char *harness_find_program(const char *name);
af2_process *harness_start_worker(af2_worker *worker, const char *const *argv,
				  const char *const *env);
af2_outcome harness_call(af2_task *task, af2_process *process, const char *method,
			 const char *const *args);
/* Close the worker's descriptors, kill its group, reap it. */
void harness_end_worker(struct af2_process *process);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* Helpers of the pool's tests: one attempt with mostly default fields, run to its
 * end. */
#ifndef TESTS_UNIT_EXEC_ATTEMPT_H
#define TESTS_UNIT_EXEC_ATTEMPT_H

#include "exec/local.h"

#define MAX_PARAMS 8

/* A fixture plugin, a folder, a pool, and what came of the latest attempt. */
struct bench {
	char dir[256];
	struct loop *loop;
	struct pool *pool;
	unsigned counter;
	/* the next attempt */
	struct stage stage;
	struct exec_param params[MAX_PARAMS];
	size_t param_count;
	struct exec_spec spec;
	char out_dir[300], work_dir[300], attempt_dir[300], plugin_path[600];
	struct attempt *running;
	double cancel_after; /* seconds, 0: not */
	int kill_instead;
	/* what came of it */
	int is_done, outcome, cls, status, signal, captured, pid, synced;
	char message[1024], values[8192], measures[2048], news[4096];
	size_t news_count, output_count;
	double seconds, setup_seconds, cpu_seconds, wall;
	uint64_t max_rss, peak_memory;
	struct exec_output
		outputs[8]; /* texts are copies that leak until bench_close */
	char texts[8][4][64];
};

/* setup and teardown of a cmocka test: *state is a struct bench. */
int bench_open(void **state);
int bench_close(void **state);
/* A fresh spec for fixture plugin `name`: no ports, own folders, no limits. */
void bench_plugin(struct bench *b, const char *name);
void bench_param(struct bench *b, const char *name, const char *value, unsigned flags);
/* Give it the stage's output ports and an out_dir. */
void bench_outputs(struct bench *b, struct stage_port *ports, size_t count);
/* Run it until done() came. Returns the outcome. */
int bench_run(struct bench *b);
/* Shorthand: bad.so with how=`how`. */
int bench_bad(struct bench *b, const char *how);
/* Content of stdout or stderr of the latest attempt, "" if there is no file. Static
 * buffer. */
const char *bench_captured(struct bench *b, const char *stream);
/* Processes that carry the pool's mark in their environment, hosts not counted. */
int bench_strays(const struct bench *b);
int bench_exists(const char *path);

#endif

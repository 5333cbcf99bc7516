/* SPDX-License-Identifier: Apache-2.0 */
/* The pool when hosts end by other hands: killed while they work or idle, told to make
 * room, or never hosts at all. Called as a host, this program talks garbage. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cmocka.h>

#include "attempt.h"
#include "exec/proto.h"

enum { GARBAGE_ROUNDS = 240 };

static void
says(struct bench *b, int cls, const char *part)
{
	if (b->cls != cls || !strstr(b->message, part))
		fail_msg("no '%s' of class %d in '%s' of class %d", part, cls,
			 b->message, b->cls);
}

static void
program(struct bench *b, const char *script)
{
	bench_plugin(b, "probe");
	bench_param(b, "what", "program", 0);
	bench_param(b, "text", script, 0);
}

/* A pool of its own in place of the bench's. */
static struct pool *
other_pool(struct bench *b, const struct pool_config *c)
{
	struct pool *old = b->pool;

	b->pool = pool_new(b->loop, c);
	return old;
}

static void
back_to(struct bench *b, struct pool *old)
{
	pool_free(b->pool, 3);
	b->pool = old;
}

/* --- hosts that somebody kills ---------------------------------------------------- */

/* By the program that it runs, for want of another way to know when. */
static void
test_killed_while_running(void **state)
{
	struct bench *b = *state;

	program(b, "sh|-c|setsid sleep 1000 & kill -KILL $PPID; sleep 1000");
	assert_int_equal(bench_run(b), AF2_FAIL);
	says(b, AF2_CLASS_PLUGIN_CRASH, "SIGKILL");
	assert_int_equal(bench_strays(b), 0);
	program(b, "sh|-c|setsid sleep 1000 & kill -TERM $PPID; sleep 1000");
	assert_int_equal(bench_run(b), AF2_FAIL);
	says(b, AF2_CLASS_PLUGIN_CRASH, "SIGTERM");
	assert_int_equal(bench_strays(b), 0);
	assert_int_equal(pool_idle(b->pool), 0);
}

/* The next task knows nothing of it, whether the pool has noticed or not. */
static void
test_killed_while_idle(void **state)
{
	struct bench *b = *state;

	for (int i = 0; i < 10; i++) {
		bench_plugin(b, "noop");
		assert_int_equal(bench_run(b), AF2_OK);
		kill(b->pid, i % 2 ? SIGKILL : SIGTERM);
		usleep(i < 5 ? 100 * 1000 : 10 * 1000);
		bench_plugin(b, "noop");
		if (bench_run(b) != AF2_OK)
			fail_msg("round %d: %s", i, b->message);
	}
	assert_int_equal(pool_stats(b->pool).crashed, 0);
}

/* A program that leaves its output non-blocking costs the next one nothing. */
static void
test_output_made_nonblocking(void **state)
{
	struct bench *b = *state;

	program(b, "python3|-c|import os; os.set_blocking(1, False)");
	assert_int_equal(bench_run(b), AF2_OK);
	program(b, "head|-c|3000000|/dev/zero");
	assert_int_equal(bench_run(b), AF2_OK);
	assert_int_equal(pool_stats(b->pool).reused, 1);
}

/* --- room beside idle hosts ------------------------------------------------------- */

static uint64_t
told_memory(void *arg)
{
	return *(uint64_t *)arg;
}

static int
run_with(struct bench *b, const char *setup, const char *gpus, uint64_t memory)
{
	bench_plugin(b, "bad");
	bench_param(b, "how", "ok", 0);
	bench_param(b, "setup_how", setup, AF2_PARAM_SETUP);
	b->spec.slot.gpu_ids = gpus;
	b->spec.slot.memory = memory;
	assert_int_equal(bench_run(b), AF2_OK);
	return b->pid;
}

static void
test_memory_of_idle_hosts(void **state)
{
	struct bench *b = *state;
	uint64_t left = 100;
	struct pool_config config = {.host_program = HOST_PROGRAM,
				     .max_idle = 10,
				     .mark = b->dir,
				     .free_memory = told_memory,
				     .arg = &left};
	struct pool *old = other_pool(b, &config);
	int a, c;

	a = run_with(b, "a", "", 60);
	assert_int_equal(pool_idle_memory(b->pool), 60);
	c = run_with(b, "c", "", 30);
	assert_int_equal(pool_idle_memory(b->pool), 90);
	/* One that fits does not count itself, and needs nobody's end. */
	left = 30;
	assert_int_equal(run_with(b, "a", "", 70), a);
	assert_int_equal(pool_idle(b->pool), 2);
	assert_int_equal(pool_idle_memory(b->pool), 100);
	/* The oldest goes, and is gone before the task begins. */
	left = 80;
	run_with(b, "d", "", 10);
	assert_int_equal(kill(c, 0), -1);
	assert_int_equal(kill(a, 0), 0);
	assert_int_equal(pool_idle_memory(b->pool), 80);
	left = 0;
	run_with(b, "e", "", 5);
	assert_int_equal(kill(a, 0), -1);
	assert_int_equal(pool_idle_memory(b->pool), 5);
	back_to(b, old);
}

static void
test_gpus_of_idle_hosts(void **state)
{
	struct bench *b = *state;
	int a, c;

	a = run_with(b, "a", "0,12", 0);
	c = run_with(b, "c", "2", 0);
	assert_int_equal(kill(a, 0), 0);
	run_with(b, "d", "1,12", 0);
	assert_int_equal(kill(a, 0), -1);
	assert_int_equal(kill(c, 0), 0);
	assert_int_equal(run_with(b, "c", "2", 0), c);
}

/* Cancelled before its host was given it. */
static void
test_cancel_while_it_waits_for_room(void **state)
{
	struct bench *b = *state;
	int a = run_with(b, "a", "0", 0);

	/* Stopped, it does not end when it is asked to. */
	kill(a, SIGSTOP);
	bench_plugin(b, "noop");
	b->spec.slot.gpu_ids = "0";
	b->spec.grace = 100;
	b->cancel_after = 0.1;
	assert_int_equal(bench_run(b), AF2_FAIL);
	says(b, AF2_CLASS_CANCELLED, "cancelled");
	assert_true(b->wall < 3);
	assert_int_equal(kill(a, SIGCONT), 0);
}

/* --- limits ----------------------------------------------------------------------- */

static void
test_no_descriptors_left(void **state)
{
	struct bench *b = *state;
	struct pool_config config = {
		.host_program = HOST_PROGRAM, .max_idle = 2, .mark = b->dir};
	struct rlimit was, few, none;
	struct pool *old;

	getrlimit(RLIMIT_NOFILE, &was);
	few = (struct rlimit){40, was.rlim_max};
	none = (struct rlimit){4, was.rlim_max};
	setrlimit(RLIMIT_NOFILE, &few);
	old = other_pool(b, &config);
	/* A host can do with few. */
	bench_plugin(b, "noop");
	assert_int_equal(bench_run(b), AF2_OK);
	setrlimit(RLIMIT_NOFILE, &none);
	bench_plugin(b, "noop");
	b->spec.fresh = 1;
	assert_int_equal(bench_run(b), AF2_FAIL);
	says(b, AF2_CLASS_SPAWN, "Too many open files");
	setrlimit(RLIMIT_NOFILE, &was);
	bench_plugin(b, "noop");
	assert_int_equal(bench_run(b), AF2_OK);
	back_to(b, old);
	setrlimit(RLIMIT_NOFILE, &was);
}

/* Programs see the limit that the engine was started with. */
static void
test_file_limit_of_programs(void **state)
{
	struct bench *b = *state;
	struct pool_config config = {.host_program = HOST_PROGRAM, .mark = b->dir};
	struct rlimit was, tight;
	struct pool *old;

	getrlimit(RLIMIT_NOFILE, &was);
	tight = (struct rlimit){200, was.rlim_max};
	setrlimit(RLIMIT_NOFILE, &tight);
	old = other_pool(b, &config);
	program(b, "sh|-c|[ $(ulimit -n) = 200 ]");
	assert_int_equal(bench_run(b), AF2_OK);
	back_to(b, old);
	setrlimit(RLIMIT_NOFILE, &was);
}

/* --- hosts that are none ---------------------------------------------------------- */

static void
put_good_result(struct str *out, uint32_t serial)
{
	size_t at = proto_begin(out, PROTO_RESULT);

	put_u32(out, serial);
	for (int i = 0; i < 4; i++)
		put_u32(out, 0);
	put_text(out, "");
	put_u32(out, 0);
	put_text(out, "{\"v\":1}");
	put_text(out, "");
	for (int i = 0; i < 3; i++)
		put_f64(out, 0.5);
	put_u64(out, 1 << 20);
	put_u64(out, 0);
	put_u32(out, 0);
	put_u32(out, 0);
	proto_end(out, at);
}

/* What a bad host may say; by `seed`. */
static void
put_garbage(struct str *out, unsigned seed, uint32_t serial)
{
	static const enum proto_type types[] = {
		PROTO_PHASE,  PROTO_LOG,  PROTO_PROGRESS,
		PROTO_OVER,   PROTO_RUN,  PROTO_RESULT,
		PROTO_PRINTS, PROTO_PEAK, (enum proto_type)99};
	size_t at, n = (size_t)random() % 200;

	if (seed % 3 == 0) { /* noise */
		for (size_t i = 0; i < n; i++)
			str_addc(out, (char)random());
		return;
	}
	if (seed % 3 == 1) { /* frames of noise */
		for (int k = 0; k < 3; k++) {
			at = proto_begin(out, types[random() % 9]);
			for (n = (size_t)random() % 24; n > 0; n--)
				str_addc(out, (char)(random() % 4));
			proto_end(out, at);
		}
		return;
	}
	/* a good answer with some bytes changed, or cut, or said twice */
	put_good_result(out, serial);
	if (seed % 2)
		put_good_result(out, serial);
	for (long k = random() % 4; k > 0; k--)
		out->s[(size_t)random() % out->len] = (char)random();
	if (seed % 5 == 0)
		out->len = (size_t)random() % out->len;
}

static int
be_bad_host(unsigned seed)
{
	unsigned char head[PROTO_HEADER + 4];
	struct str out = {0};
	uint32_t serial = 0;

	srandom(seed);
	if (recv(3, head, sizeof(head), MSG_WAITALL) == (ssize_t)sizeof(head))
		memcpy(&serial, head + PROTO_HEADER, sizeof(serial));
	put_garbage(&out, seed, serial);
	if (send(3, out.s, out.len, MSG_NOSIGNAL) < 0)
		return 1;
	if (seed % 7 == 0)
		pause();
	if (seed % 7 == 1) {
		close(3);
		pause();
	}
	return (int)(seed % 7);
}

static void
test_garbage(void **state)
{
	struct bench *b = *state;
	struct pool_config config = {
		.host_program = "/proc/self/exe", .max_idle = 2, .mark = b->dir};
	struct pool *old = other_pool(b, &config);
	char text[16];

	for (int i = 0; i < GARBAGE_ROUNDS; i++) {
		snprintf(text, sizeof(text), "%d", i);
		setenv("BAD_HOST", text, 1);
		bench_plugin(b, "noop");
		b->spec.fresh = 1;
		b->spec.timeout = 0.1;
		b->spec.grace = 0.05;
		bench_run(b);
		assert_true(b->outcome == AF2_OK || b->outcome == AF2_SKIP ||
			    (b->outcome == AF2_FAIL && b->cls != AF2_CLASS_NONE));
		assert_true(b->wall < 4);
	}
	unsetenv("BAD_HOST");
	back_to(b, old);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, bench_open, bench_close)
	const struct CMUnitTest tests[] = {
		T(test_killed_while_running),
		T(test_killed_while_idle),
		T(test_output_made_nonblocking),
		T(test_memory_of_idle_hosts),
		T(test_gpus_of_idle_hosts),
		T(test_cancel_while_it_waits_for_room),
		T(test_no_descriptors_left),
		T(test_file_limit_of_programs),
		T(test_garbage),
	};
	const char *seed = getenv("BAD_HOST");

	if (seed)
		return be_bad_host((unsigned)atoi(seed));
	return cmocka_run_group_tests(tests, NULL, NULL);
}

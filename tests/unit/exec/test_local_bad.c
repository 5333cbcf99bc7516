/* SPDX-License-Identifier: Apache-2.0 */
/* The pool with plugins that misbehave: each is an attempt with a class, and nothing
 * stays. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "attempt.h"
#include "base/fs.h"

static void
says(struct bench *b, int cls, const char *part)
{
	if (b->outcome != AF2_FAIL || b->cls != cls || !strstr(b->message, part))
		fail_msg("outcome %d, class %s, '%s' instead of class %s, '%s'",
			 b->outcome, class_name(b->cls), b->message, class_name(cls),
			 part);
	assert_int_equal(bench_strays(b), 0);
}

/* After whatever happened, the pool still runs good plugins. */
static void
still_works(struct bench *b)
{
	bench_plugin(b, "noop");
	assert_int_equal(bench_run(b), AF2_OK);
}

/* --- loading ---------------------------------------------------------------------- */

static void
test_no_entry(void **state)
{
	struct bench *b = *state;

	bench_plugin(b, "no_entry");
	bench_run(b);
	says(b, AF2_CLASS_PERMANENT,
	     "is not an af2flow plugin: it has no function "
	     "'af2_plugin_entry'");
}

static void
test_wrong_abi(void **state)
{
	struct bench *b = *state;

	bench_plugin(b, "wrong_abi");
	bench_run(b);
	says(b, AF2_CLASS_PERMANENT, "9");
	still_works(b);
}

static void
test_crash_on_load(void **state)
{
	struct bench *b = *state;

	bench_plugin(b, "crash_load");
	bench_run(b);
	says(b, AF2_CLASS_PLUGIN_CRASH,
	     "plugin crashed on load: SIGSEGV: crash_load: dying on purpose");
	assert_int_equal(b->signal, SIGSEGV);
	assert_true(b->captured);
	still_works(b);
}

static void
setup_how(struct bench *b, const char *how)
{
	bench_plugin(b, "bad");
	bench_param(b, "setup_how", how, AF2_PARAM_SETUP);
	bench_run(b);
}

static void
test_bad_setup(void **state)
{
	struct bench *b = *state;

	setup_how(b, "fail");
	says(b, AF2_CLASS_UNAVAILABLE, "no such device");
	setup_how(b, "silent");
	says(b, AF2_CLASS_PERMANENT, "gave no reason");
	setup_how(b, "crash");
	says(b, AF2_CLASS_PLUGIN_CRASH, "plugin crashed in setup: SIGBUS");
	bench_plugin(b, "bad");
	bench_param(b, "setup_how", "hang", AF2_PARAM_SETUP);
	b->spec.timeout = 0.3;
	bench_run(b);
	says(b, AF2_CLASS_TIMEOUT, "timed out after 0.3");
	assert_int_equal(pool_idle(b->pool), 0);
}

/* --- crashes ---------------------------------------------------------------------- */

static void
test_crash(void **state)
{
	struct bench *b = *state;

	bench_bad(b, "crash");
	says(b, AF2_CLASS_PLUGIN_CRASH,
	     "plugin crashed while running: SIGSEGV: last words");
	assert_int_equal(b->signal, SIGSEGV);
	assert_int_equal(b->status, -1);
	assert_string_equal(bench_captured(b, "stderr"), "first line\nlast words\n");
	assert_int_equal(pool_stats(b->pool).crashed, 1);
	still_works(b);
}

static void
test_abort(void **state)
{
	struct bench *b = *state;

	bench_bad(b, "abort");
	says(b, AF2_CLASS_PLUGIN_CRASH, "plugin crashed while running: SIGABRT");
}

static void
test_exit(void **state)
{
	struct bench *b = *state;

	bench_bad(b, "exit");
	says(b, AF2_CLASS_PLUGIN_CRASH,
	     "plugin ended its host while running: exit status 3");
	assert_int_equal(b->status, 3);
}

static void
test_daemon_and_crash(void **state)
{
	struct bench *b = *state;

	bench_bad(b, "daemon_crash");
	says(b, AF2_CLASS_PLUGIN_CRASH, "SIGKILL");
	still_works(b);
}

/* --- hangs ------------------------------------------------------------------------ */

static void
hang(struct bench *b, const char *how, double timeout, double cancel)
{
	bench_plugin(b, "bad");
	bench_param(b, "how", how, 0);
	b->spec.timeout = timeout;
	b->cancel_after = cancel;
	bench_run(b);
}

static void
test_timeouts(void **state)
{
	struct bench *b = *state;

	hang(b, "hang", 0.2, 0);
	says(b, AF2_CLASS_TIMEOUT, "timed out after 0.2");
	assert_true(b->wall < 2);
	hang(b, "hang_hard", 0.2, 0);
	says(b, AF2_CLASS_TIMEOUT, "timed out after 0.2");
	assert_true(b->wall >= 0.5);
	hang(b, "stubborn", 0.3, 0);
	says(b, AF2_CLASS_TIMEOUT, "timed out");
	assert_int_equal(pool_stats(b->pool).crashed, 0);
	still_works(b);
}

static void
test_cancel(void **state)
{
	struct bench *b = *state;

	hang(b, "hang", 0, 0.2);
	says(b, AF2_CLASS_CANCELLED, "cancelled");
	hang(b, "hang_hard", 0, 0.2);
	says(b, AF2_CLASS_CANCELLED, "cancelled");
	hang(b, "stubborn", 0, 0.3);
	says(b, AF2_CLASS_CANCELLED, "cancelled");
}

static void
test_kill(void **state)
{
	struct bench *b = *state;

	bench_plugin(b, "bad");
	bench_param(b, "how", "stubborn", 0);
	b->spec.grace = 100;
	b->cancel_after = 0.3;
	b->kill_instead = 1;
	bench_run(b);
	says(b, AF2_CLASS_CANCELLED, "cancelled");
	assert_true(b->wall < 5);
}

/* --- floods ----------------------------------------------------------------------- */

static void
test_flood_stdout(void **state)
{
	struct bench *b = *state;
	char expect[100];

	bench_bad(b, "flood_stdout");
	assert_int_equal(b->outcome, AF2_OK);
	snprintf(expect, sizeof(expect), "\n[af2flow: %d bytes cut]\n",
		 64 * 65536 - 1000);
	assert_string_equal(bench_captured(b, "stdout") + 1000, expect);
	hang(b, "endless_stdout", 0.5, 0);
	says(b, AF2_CLASS_TIMEOUT, "timed out");
	assert_non_null(strstr(bench_captured(b, "stdout"), "bytes cut]"));
}

static void
test_max_output(void **state)
{
	struct bench *b = *state;

	bench_plugin(b, "bad");
	bench_param(b, "how", "flood_files", 0);
	b->spec.max_output = 1 << 20;
	bench_run(b);
	says(b, AF2_CLASS_OUTPUT_LIMIT, "more than max_output 1M");
	bench_plugin(b, "bad");
	bench_param(b, "how", "flood_quickly", 0);
	b->spec.max_output = 1 << 20;
	bench_run(b);
	says(b, AF2_CLASS_OUTPUT_LIMIT, "more than max_output 1M");
	bench_bad(b, "flood_quickly");
	assert_int_equal(b->outcome, AF2_OK);
}

static void
test_flood_log(void **state)
{
	struct bench *b = *state;

	bench_bad(b, "flood_log");
	assert_int_equal(b->outcome, AF2_OK);
	assert_true(b->news_count > 10000 && b->news_count < 12000);
	assert_non_null(strstr(b->news, "-1.00/1/line 0 with control   characters\n"));
}

/* --- outputs ---------------------------------------------------------------------- */

static void
output(struct bench *b, const char *how)
{
	struct stage_port out = {.name = (char[]){"out"}};

	words_add(&out.types, "text");
	bench_plugin(b, "bad");
	bench_param(b, "how", how, 0);
	bench_outputs(b, &out, 1);
	bench_run(b);
	words_free(&out.types);
}

static void
test_outputs(void **state)
{
	struct bench *b = *state;

	output(b, "ok");
	says(b, AF2_CLASS_OUTPUT_MISSING, "output 'out' was not made");
	output(b, "declare");
	says(b, AF2_CLASS_OUTPUT_MISSING, "output 'out' was not made");
	output(b, "link_out");
	says(b, AF2_CLASS_OUTPUT_MISSING, "is a symbolic link");
	output(b, "unknown_output");
	says(b, AF2_CLASS_PERMANENT, "output 'nonsense': no such output");
	assert_int_equal(b->output_count, 0);
}

/* --- other mischief --------------------------------------------------------------- */

static void
test_daemon_is_ended(void **state)
{
	struct bench *b = *state;

	bench_bad(b, "daemonize");
	assert_int_equal(b->outcome, AF2_OK);
	assert_int_equal(bench_strays(b), 0);
	assert_int_equal(pool_idle(b->pool), 1);
}

static void
test_stray_writes(void **state)
{
	struct bench *b = *state;

	/* Low descriptors are not ours: nothing happens. */
	bench_bad(b, "stray_writes");
	assert_int_equal(b->outcome, AF2_OK);
	still_works(b);
	/* The socket is hit: the engine does not believe what it reads. */
	bench_bad(b, "stray_everywhere");
	says(b, AF2_CLASS_PLUGIN_CRASH, "bad reply");
	bench_bad(b, "close_everything");
	says(b, AF2_CLASS_PLUGIN_CRASH, "plugin ended its host");
	still_works(b);
}

static void
test_bad_return(void **state)
{
	struct bench *b = *state;

	bench_bad(b, "silent_failure");
	says(b, AF2_CLASS_PLUGIN_CRASH, "the plugin returned 3 and gave no reason");
	bench_bad(b, "nonsense");
	says(b, AF2_CLASS_PLUGIN_CRASH, "the plugin returned 77 and gave no reason");
}

/* A pool that is freed while a task runs: its programs die, done() comes. */
static void
on_last(void *arg, const struct exec_result *r)
{
	int *cls = arg;

	*cls = r->cls;
}

static void
on_soon(void *arg)
{
	loop_stop(arg);
}

static void
test_free_while_running(void **state)
{
	struct bench *b = *state;
	struct pool_config config = {.host_program = HOST_PROGRAM, .mark = b->dir};
	struct pool *p = pool_new(b->loop, &config);
	int cls = -1;

	bench_plugin(b, "bad");
	bench_param(b, "how", "stubborn", 0);
	pool_run(p, &b->spec, on_last, NULL, &cls);
	loop_after(b->loop, 0.3, 0, on_soon, b->loop);
	loop_run(b->loop);
	pool_free(p, 5);
	assert_int_equal(cls, AF2_CLASS_CANCELLED);
	assert_int_equal(bench_strays(b), 0);
}

/* --- fingerprints ----------------------------------------------------------------- */

struct prints_seen {
	struct bench *b;
	int count, cls;
	size_t files;
	char text[200], problem[1100];
};

static void
on_prints(void *arg, const char *text, const char *const *files, size_t n, int cls,
	  const struct error *e)
{
	struct prints_seen *s = arg;

	s->count++;
	s->files = n;
	s->cls = cls;
	snprintf(s->text, sizeof(s->text), "%s%s", text, n ? files[0] : "");
	snprintf(s->problem, sizeof(s->problem), "%s", e ? e->text : "");
	loop_stop(s->b->loop);
}

static void
ask(struct bench *b, struct prints_seen *s, const char *how)
{
	memset(s, 0, sizeof(*s));
	s->b = b;
	bench_plugin(b, "bad");
	bench_param(b, "how", how, 0);
	pool_fingerprint(b->pool, &b->stage, b->params, b->param_count, b->work_dir,
			 on_prints, s);
	while (!s->count)
		loop_run(b->loop);
	assert_int_equal(s->count, 1);
}

static void
test_fingerprint(void **state)
{
	struct bench *b = *state;
	struct prints_seen s;

	ask(b, &s, "7");
	assert_string_equal(s.problem, "");
	assert_string_equal(s.text, "data=7\ntool=2.0\n/bin/sh");
	ask(b, &s, "8");
	assert_int_equal(pool_stats(b->pool).started, 1);
	ask(b, &s, "crash");
	assert_string_equal(s.problem,
			    "fingerprint of plugin 'bad': plugin crashed while "
			    "running: SIGSEGV");
	assert_int_equal(s.cls, AF2_CLASS_PLUGIN_CRASH);
	ask(b, &s, "fail");
	assert_string_equal(s.problem, "fingerprint of plugin 'bad': no such tool");
	assert_int_equal(s.cls, AF2_CLASS_UNAVAILABLE);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, bench_open, bench_close)
	const struct CMUnitTest tests[] = {
		T(test_no_entry),
		T(test_wrong_abi),
		T(test_crash_on_load),
		T(test_bad_setup),
		T(test_crash),
		T(test_abort),
		T(test_exit),
		T(test_daemon_and_crash),
		T(test_timeouts),
		T(test_cancel),
		T(test_kill),
		T(test_flood_stdout),
		T(test_max_output),
		T(test_flood_log),
		T(test_outputs),
		T(test_daemon_is_ended),
		T(test_stray_writes),
		T(test_bad_return),
		T(test_free_while_running),
		T(test_fingerprint),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

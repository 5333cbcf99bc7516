/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts that end for want of memory, each by another sign; and output that grows. */
#include <setjmp.h>
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

#define MIB ((uint64_t)1 << 20)
/* Takes 80 MiB and writes to them. */
#define TAKE "import os, sys, time; x = bytearray(80 << 20); "

static void
says(struct bench *b, int cls, const char *part)
{
	if (b->cls != cls || !strstr(b->message, part))
		fail_msg("no '%s' of class %d in '%s' of class %d", part, cls,
			 b->message, b->cls);
}

static void
python_limited(struct bench *b, const char *code, uint64_t declared, uint64_t limit)
{
	char script[1000];

	bench_plugin(b, "probe");
	bench_param(b, "what", "program", 0);
	snprintf(script, sizeof(script), "python3|-c|%s", code);
	bench_param(b, "text", script, 0);
	b->spec.slot.memory = declared;
	b->spec.memory_limit = limit;
	bench_run(b);
}

static void
python(struct bench *b, const char *code, uint64_t declared)
{
	python_limited(b, code, declared, 0);
}

/* --- killed by somebody ----------------------------------------------------------- */

static void
test_killed_near_its_limit(void **state)
{
	struct bench *b = *state;

	python(b, TAKE "os.kill(os.getpid(), 9)", 80 * MIB);
	says(b, AF2_CLASS_MEMORY, "out of memory (used ");
	says(b, AF2_CLASS_MEMORY, "of 80M declared");
	says(b, AF2_CLASS_MEMORY, "SIGKILL");
	assert_int_equal(b->signal, 9);
	/* Far from it, or nothing declared: a signal like others. */
	python(b, TAKE "os.kill(os.getpid(), 9)", 10000 * MIB);
	says(b, AF2_CLASS_SIGNAL, "SIGKILL");
	python(b, TAKE "os.kill(os.getpid(), 9)", 0);
	says(b, AF2_CLASS_SIGNAL, "SIGKILL");
	/* Another signal, or status, is no sign. */
	python(b, TAKE "os.kill(os.getpid(), 11)", 80 * MIB);
	says(b, AF2_CLASS_SIGNAL, "SIGSEGV");
	python(b, TAKE "sys.exit(1)", 80 * MIB);
	says(b, AF2_CLASS_EXIT, "status 1");
	/* It could do with less. */
	python(b, TAKE, 80 * MIB);
	assert_int_equal(b->outcome, AF2_OK);
}

/* The shell around it says so by its status. */
static void
test_killed_below_a_shell(void **state)
{
	struct bench *b = *state;

	python(b, TAKE "sys.exit(137)", 80 * MIB);
	says(b, AF2_CLASS_MEMORY, "status 137");
	assert_int_equal(b->status, 137);
}

/* The host itself, in which plugins compute. */
static void
test_host_killed(void **state)
{
	struct bench *b = *state;

	bench_plugin(b, "bad");
	bench_param(b, "how", "daemon_crash", 0);
	b->spec.slot.memory = MIB;
	bench_run(b);
	says(b, AF2_CLASS_MEMORY, "of 1M declared");
	says(b, AF2_CLASS_MEMORY, "plugin crashed while running: SIGKILL");
	bench_plugin(b, "bad");
	bench_param(b, "how", "daemon_crash", 0);
	b->spec.slot.memory = 100000 * MIB;
	bench_run(b);
	says(b, AF2_CLASS_PLUGIN_CRASH, "SIGKILL");
}

/* A worker that loads its model: in setup, before there is a task to speak of. */
static void
test_worker_killed_in_setup(void **state)
{
	static const char code[] = TAKE "os.kill(os.getpid(), 9)\n";
	struct bench *b = *state;
	char path[300];

	snprintf(path, sizeof(path), "%s/worker.py", b->dir);
	assert_int_equal(fs_write_file(path, code, strlen(code), 0, NULL), 0);
	for (int near = 0; near < 2; near++) {
		bench_plugin(b, "probe");
		bench_param(b, "what", "call", 0);
		bench_param(b, "worker", path, AF2_PARAM_SETUP);
		b->spec.slot.memory = near ? 80 * MIB : 1000 * MIB;
		bench_run(b);
		says(b, near ? AF2_CLASS_MEMORY : AF2_CLASS_SIGNAL, "SIGKILL");
		assert_int_equal(b->signal, 9);
	}
}

/* --- said by the program ---------------------------------------------------------- */

static void
test_said(void **state)
{
	struct bench *b = *state;

	python(b, "raise MemoryError", 0);
	says(b, AF2_CLASS_MEMORY, "ran out of memory: MemoryError");
	assert_int_equal(b->status, 1);
	python(b,
	       "sys = __import__(\"sys\"); print(\"what():  std::bad_alloc\", "
	       "file=sys.stderr, flush=True); __import__(\"os\").abort()",
	       0);
	says(b, AF2_CLASS_MEMORY, "std::bad_alloc");
	assert_int_equal(b->signal, 6);
	/* Words of one that did its work are words. */
	python(b, "print(\"MemoryError\", file=__import__(\"sys\").stderr)", 0);
	assert_int_equal(b->outcome, AF2_OK);
}

/* --- our own limit ---------------------------------------------------------------- */

static void
test_limit(void **state)
{
	struct bench *b = *state;

	bench_plugin(b, "probe");
	bench_param(b, "what", "program", 0);
	bench_param(b, "text", "sh|-c|python3 -c '" TAKE "time.sleep(1000)' & wait", 0);
	b->spec.slot.memory = 40 * MIB;
	b->spec.memory_limit = 44 * MIB;
	bench_run(b);
	says(b, AF2_CLASS_MEMORY, "of 40M declared");
	says(b, AF2_CLASS_MEMORY, "\"retry.memory\"=\"2x\"");
	assert_true(b->peak_memory >= 44 * MIB);
	assert_int_equal(bench_strays(b), 0);
}

/* One that does not hear the request to end goes on taking: it is not asked for long. */
static void
test_limit_and_deaf(void **state)
{
	struct bench *b = *state;

	python_limited(b,
		       "import signal; signal.signal(15, signal.SIG_IGN); " TAKE
		       "time.sleep(1000)",
		       40 * MIB, 40 * MIB);
	says(b, AF2_CLASS_MEMORY, "of 40M declared");
}

/* Mapped files are no reason, however long it is looked at. */
static void
test_limit_and_files(void **state)
{
	struct bench *b = *state;

	python_limited(b,
		       "import mmap, tempfile, time; f = tempfile.TemporaryFile(); "
		       "f.truncate(400 << 20); m = mmap.mmap(f.fileno(), 0); "
		       "n = sum(m[i] for i in range(0, 400 << 20, 4096)); "
		       "time.sleep(1)",
		       200 * MIB, 200 * MIB);
	assert_int_equal(b->outcome, AF2_OK);
	assert_true(b->max_rss >= 400 * MIB);
	assert_true(b->peak_memory < 200 * MIB);
}

/* --- output ----------------------------------------------------------------------- */

/* What was cut is noted, also where the host dies before it can. */
static void
test_cut_and_crash(void **state)
{
	struct bench *b = *state;

	for (int i = 0; i < 10; i++) {
		const char *text;

		bench_plugin(b, "probe");
		bench_param(b, "what", "program", 0);
		bench_param(b, "text",
			    i % 2 ? "sh|-c|seq 10000; kill -KILL $PPID; sleep 1000"
				  : "sh|-c|seq 300; kill -KILL $PPID; sleep 1000",
			    0);
		bench_run(b);
		says(b, AF2_CLASS_PLUGIN_CRASH, "SIGKILL");
		text = bench_captured(b, "stdout");
		assert_non_null(strstr(text, "[af2flow: "));
		assert_non_null(strstr(text, " cut]"));
		assert_true(strlen(text) < 1100);
	}
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, bench_open, bench_close)
	const struct CMUnitTest tests[] = {
		T(test_killed_near_its_limit),
		T(test_killed_below_a_shell),
		T(test_host_killed),
		T(test_worker_killed_in_setup),
		T(test_said),
		T(test_limit),
		T(test_limit_and_deaf),
		T(test_limit_and_files),
		T(test_cut_and_crash),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

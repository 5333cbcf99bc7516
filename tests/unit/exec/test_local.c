/* SPDX-License-Identifier: Apache-2.0 */
/* The pool with plugins that behave: results, outputs, capture, slots, warm hosts,
 * workers. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "attempt.h"
#include "base/fs.h"

#define WORKER FIXTURES "/plugins/probe_worker.py"

static void
probe(struct bench *b, const char *what, const char *text)
{
	bench_plugin(b, "probe");
	bench_param(b, "what", what, 0);
	bench_param(b, "text", text, 0);
}

static void
has_value(struct bench *b, const char *part)
{
	if (!strstr(b->values, part))
		fail_msg("no '%s' in %s (%s)", part, b->values, b->message);
}

static void
says(struct bench *b, const char *part)
{
	if (!strstr(b->message, part))
		fail_msg("no '%s' in '%s'", part, b->message);
}

/* --- tests ------------------------------------------------------------------------ */

static void
test_missing_host_program(void **state)
{
	struct bench *b = *state;
	struct pool_config config = {.host_program = "/nonexistent/af2flow-host",
				     .mark = "m"};
	struct pool *old = b->pool;

	b->pool = pool_new(b->loop, &config);
	bench_plugin(b, "noop");
	assert_int_equal(bench_run(b), AF2_FAIL);
	assert_int_equal(b->cls, AF2_CLASS_SPAWN);
	assert_string_equal(b->message, "cannot start '/nonexistent/af2flow-host': "
					"No such file or directory");
	pool_free(b->pool, 1);
	b->pool = old;
}

static void
test_missing_plugin(void **state)
{
	struct bench *b = *state;

	bench_plugin(b, "nonexistent");
	assert_int_equal(bench_run(b), AF2_FAIL);
	assert_int_equal(b->cls, AF2_CLASS_PERMANENT);
	says(b, "cannot load '");
	assert_int_equal(pool_idle(b->pool), 0);
}

static void
test_noop_leaves_nothing(void **state)
{
	struct bench *b = *state;

	bench_plugin(b, "noop");
	assert_int_equal(bench_run(b), AF2_OK);
	assert_int_equal(b->cls, AF2_CLASS_NONE);
	assert_string_equal(b->message, "");
	assert_false(b->captured);
	assert_false(bench_exists(b->attempt_dir));
	assert_int_equal(pool_idle(b->pool), 1);
}

static void
test_copy(void **state)
{
	struct bench *b = *state;
	struct stage_port out = {.name = (char[]){"out"}};
	char in[400], path[400];
	struct exec_item item = {.path = in, .name = "in.txt", .node = "before"};
	struct exec_input input = {"in", 1, &item};
	struct digest expect;
	struct stat st;

	words_add(&out.types, "text");
	snprintf(in, sizeof(in), "%s/in.txt", b->dir);
	assert_int_equal(fs_write_file(in, "hello\n", 6, 0, NULL), 0);
	bench_plugin(b, "copy");
	bench_outputs(b, &out, 1);
	b->spec.inputs = &input;
	b->spec.input_count = 1;
	b->spec.sync_after = 0;
	snprintf(path, sizeof(path), "%s/junk", b->out_dir);
	assert_int_equal(fs_write_file(path, "x", 1, 0, NULL), 0);
	assert_int_equal(bench_run(b), AF2_OK);
	assert_int_equal(b->output_count, 1);
	assert_string_equal(b->outputs[0].port, "out");
	assert_string_equal(b->outputs[0].element, "");
	assert_string_equal(b->outputs[0].file, "copy.txt");
	assert_string_equal(b->outputs[0].type, "text");
	assert_int_equal(b->outputs[0].size, 6);
	assert_false(b->outputs[0].is_dir);
	digest_bytes("hello\n", 6, &expect);
	assert_true(digest_equal(&expect, &b->outputs[0].digest));
	assert_true(b->synced);
	assert_string_equal(b->values, "{\"bytes\":6}");
	/* What was not declared is no part of the result. */
	assert_false(bench_exists(path));
	snprintf(path, sizeof(path), "%s/copy.txt", b->out_dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0444);
	words_free(&out.types);
}

static void
test_list_and_tree(void **state)
{
	struct bench *b = *state;
	struct stage_port out[2] = {{.name = (char[]){"list"}, .cardinality = AF2_MANY},
				    {.name = (char[]){"tree"}}};
	char path[400];
	struct stat st;

	words_add(&out[0].types, "text");
	words_add(&out[1].types, "dir");
	probe(b, "outputs", "");
	bench_outputs(b, out, 2);
	assert_int_equal(bench_run(b), AF2_OK);
	assert_int_equal(b->output_count, 3);
	assert_string_equal(b->outputs[0].element, "A");
	assert_string_equal(b->outputs[1].element, "B");
	assert_string_equal(b->outputs[1].file, "B");
	assert_true(b->outputs[2].is_dir);
	assert_string_equal(b->outputs[2].file, "tree.d");
	snprintf(path, sizeof(path), "%s/tree.d/sub", b->out_dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0755);
	snprintf(path, sizeof(path), "%s/tree.d/sub/tool", b->out_dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0544);
	assert_false(b->synced);
	words_free(&out[0].types);
	words_free(&out[1].types);
}

static void
test_inputs_and_params(void **state)
{
	struct bench *b = *state;
	const char *names[] = {"seed", "model"}, *values[] = {"0", "3"};
	struct exec_item items[] = {
		{"/p/one", "one", "predict", 2, names, values, "{\"score\": 81.5}"},
		{"/p/two", "two", "predict", 0, NULL, NULL, NULL},
	};
	struct exec_input input = {"many", 2, items};

	probe(b, "inputs", "");
	bench_param(b, "env.A", "alpha", 0);
	bench_param(b, "number", "2.5", 0);
	b->spec.inputs = &input;
	b->spec.input_count = 1;
	assert_int_equal(bench_run(b), AF2_OK);
	has_value(b, "predict:one:/p/one:3:81.5;predict:two:/p/two:-:-;");
	has_value(b, "\"param.A\":\"alpha\"");
	has_value(b, "\"number\":2.5");
	assert_string_equal(b->measures, "{\"seconds_of_nothing\":0.25}");
}

static void
test_slot(void **state)
{
	struct bench *b = *state;

	probe(b, "slot", "");
	b->spec.slot = (struct exec_slot){"0", 3, "2,5", 2, 1 << 20};
	assert_int_equal(bench_run(b), AF2_OK);
	has_value(b, "\"bound_cpus\":1,\"bound_cpu_0\":1,\"cpus\":3,\"gpus\":2,"
		     "\"memory\":1048576,\"CUDA_VISIBLE_DEVICES\":\"2,5\","
		     "\"CUDA_DEVICE_ORDER\":\"PCI_BUS_ID\",\"OMP_NUM_THREADS\":\"3\"");
	has_value(b, b->dir);
}

static void
test_rebind_of_warm_host(void **state)
{
	struct bench *b = *state;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	char all[32];
	int pid;

	if (cpus < 2)
		skip();
	snprintf(all, sizeof(all), "0-%ld", cpus - 1);
	probe(b, "slot", "");
	b->spec.slot.cpu_list = "0";
	assert_int_equal(bench_run(b), AF2_OK);
	pid = b->pid;
	probe(b, "slot", "");
	b->spec.slot.cpu_list = "1";
	b->spec.slot.cpus = 2;
	assert_int_equal(bench_run(b), AF2_OK);
	assert_int_equal(b->pid, pid);
	has_value(b, "\"bound_cpus\":1,\"bound_cpu_0\":0");
	has_value(b, "\"OMP_NUM_THREADS\":\"2\"");
	/* Cores that do not exist. */
	probe(b, "slot", "");
	b->spec.slot.cpu_list = "9999";
	assert_int_equal(bench_run(b), AF2_FAIL);
	assert_int_equal(b->cls, AF2_CLASS_UNAVAILABLE);
	says(b, "cannot bind to cores '9999': Invalid argument");
}

/* The host, a fresh one or whichever fits best, that a task gets. */
static int
host_for(struct bench *b, struct affinity affinity, int fresh)
{
	probe(b, "slot", "");
	b->spec.affinity = affinity;
	b->spec.fresh = fresh;
	assert_int_equal(bench_run(b), AF2_OK);
	return b->pid;
}

/* Of two hosts that fit, the older one if its task shared more with this one. */
static void
test_affinity(void **state)
{
	struct bench *b = *state;
	int first = host_for(b, (struct affinity){7, 1}, 0);
	int second = host_for(b, (struct affinity){9, 1}, 1);

	assert_int_not_equal(first, second);
	assert_int_equal(host_for(b, (struct affinity){7, 1}, 0), first);
	assert_int_equal(host_for(b, (struct affinity){9, 2}, 0), second);
	assert_int_equal(host_for(b, (struct affinity){7, 2}, 0), first);
	second = host_for(b, (struct affinity){7, 3}, 1);
	assert_int_equal(host_for(b, (struct affinity){7, 2}, 0), first);
	assert_int_equal(host_for(b, (struct affinity){7, 3}, 0), second);
}

static void
test_warm_hosts(void **state)
{
	struct bench *b = *state;
	int pid;

	probe(b, "slot", "");
	assert_int_equal(bench_run(b), AF2_OK);
	pid = b->pid;
	probe(b, "slot", "");
	assert_int_equal(bench_run(b), AF2_OK);
	assert_int_equal(b->pid, pid);
	/* Another GPU, other setup parameters, a retry: another host each. */
	probe(b, "slot", "");
	b->spec.slot.gpu_ids = "1";
	bench_run(b);
	assert_int_not_equal(b->pid, pid);
	probe(b, "slot", "");
	bench_param(b, "worker", WORKER, AF2_PARAM_SETUP);
	bench_run(b);
	assert_int_not_equal(b->pid, pid);
	/* Two idle ones are kept: the oldest was ended. */
	assert_int_equal(pool_idle(b->pool), 2);
	probe(b, "slot", "");
	bench_run(b);
	assert_int_not_equal(b->pid, pid);
	pid = b->pid;
	probe(b, "slot", "");
	b->spec.fresh = 1;
	bench_run(b);
	assert_int_not_equal(b->pid, pid);
	assert_int_equal(pool_stats(b->pool).reused, 1);
	assert_int_equal(pool_stats(b->pool).crashed, 0);
	pool_evict_oldest(b->pool);
	assert_int_equal(pool_idle(b->pool), 1);
}

static void
test_fixed_pool_restarts(void **state)
{
	struct bench *b = *state;
	int pid;

	bench_plugin(b, "noop");
	b->stage.flags = AF2_PLUGIN_FIXED_POOL;
	bench_run(b);
	pid = b->pid;
	bench_plugin(b, "noop");
	b->stage.flags = AF2_PLUGIN_FIXED_POOL;
	b->spec.slot.cpus = 2;
	assert_int_equal(bench_run(b), AF2_OK);
	assert_int_not_equal(b->pid, pid);
}

static void
test_skip_and_retry(void **state)
{
	struct bench *b = *state;
	int pid;

	probe(b, "skip", "x");
	assert_int_equal(bench_run(b), AF2_SKIP);
	assert_int_equal(b->cls, AF2_CLASS_NONE);
	assert_string_equal(b->message, "nothing to do: x");
	pid = b->pid;
	probe(b, "retry", "line one\nline two\xff");
	assert_int_equal(bench_run(b), AF2_FAIL);
	assert_int_equal(b->pid, pid);
	assert_int_equal(b->cls, AF2_CLASS_TRANSIENT);
	assert_string_equal(b->message, "later: line one line two");
	/* A host whose task failed is not used again. */
	assert_int_equal(pool_idle(b->pool), 0);
}

static void
test_prints_and_news(void **state)
{
	struct bench *b = *state;

	probe(b, "print", "words");
	assert_int_equal(bench_run(b), AF2_OK);
	assert_true(b->captured);
	assert_string_equal(bench_captured(b, "stdout"), "to stdout: words");
	assert_string_equal(bench_captured(b, "stderr"), "to stderr: words\n");
	assert_string_equal(b->news, "-1.00/2/logged: words\n0.50/-1/half\n");
}

static void
test_program(void **state)
{
	struct bench *b = *state;

	probe(b, "program", "sh|-c|pwd; echo \"$PROBE\"; echo warn >&2; touch file");
	assert_int_equal(bench_run(b), AF2_OK);
	assert_non_null(strstr(bench_captured(b, "stdout"), b->dir));
	assert_non_null(strstr(bench_captured(b, "stdout"), "from the task"));
	has_value(b, "\"tail\":\"warn\"");
	assert_true(b->cpu_seconds > 0);
	assert_true(b->max_rss > 100000);
}

static void
test_program_fails(void **state)
{
	struct bench *b = *state;

	probe(b, "program", "sh|-c|echo one >&2; echo two >&2; exit 5");
	assert_int_equal(bench_run(b), AF2_FAIL);
	assert_int_equal(b->cls, AF2_CLASS_EXIT);
	assert_int_equal(b->status, 5);
	assert_string_equal(b->message, "'sh' ended with status 5: two");
	probe(b, "program", "sh|-c|kill -9 $$");
	assert_int_equal(bench_run(b), AF2_FAIL);
	assert_int_equal(b->cls, AF2_CLASS_SIGNAL);
	assert_int_equal(b->signal, 9);
	assert_string_equal(b->message, "'sh' was killed by SIGKILL");
	probe(b, "program", "no-such-program-anywhere");
	assert_int_equal(bench_run(b), AF2_FAIL);
	assert_int_equal(b->cls, AF2_CLASS_SPAWN);
	assert_string_equal(b->message, "cannot start 'no-such-program-anywhere': "
					"No such file or directory");
	/* Executable, but nothing that can be executed. */
	probe(b, "program", FIXTURES "/plugins/noop.c");
	assert_int_equal(bench_run(b), AF2_FAIL);
	assert_int_equal(b->cls, AF2_CLASS_SPAWN);
}

static void
test_capture_is_cut(void **state)
{
	struct bench *b = *state;
	const char *text;

	probe(b, "program", "seq|1000|1999");
	b->spec.capture = 1000;
	assert_int_equal(bench_run(b), AF2_OK);
	text = bench_captured(b, "stdout");
	assert_int_equal(strlen(text), 1000 + strlen("\n[af2flow: 4000 bytes cut]\n"));
	assert_string_equal(text + 1000, "\n[af2flow: 4000 bytes cut]\n");
}

static void
call(struct bench *b, const char *method)
{
	probe(b, "call", method);
	bench_param(b, "worker", WORKER, AF2_PARAM_SETUP);
	bench_run(b);
}

static void
test_worker(void **state)
{
	struct bench *b = *state;
	int pid;

	call(b, "echo");
	assert_int_equal(b->outcome, AF2_OK);
	pid = b->pid;
	assert_true(b->setup_seconds > 0);
	has_value(
		b,
		"{\\\"list\\\": [\\\"a\\\", \\\"b\\\"], \\\"name\\\": \\\"value\\\"}");
	has_value(b, "\"half\":0.5");
	assert_string_equal(b->measures, "{\"m\":2}");
	assert_string_equal(b->news, "-1.00/1/a line of the worker\n"
	                             "-1.00/2/a warning of the worker\n");
	assert_string_equal(bench_captured(b, "stdout"), "printed by the worker\n");
	call(b, "echo");
	assert_int_equal(b->pid, pid);
	assert_true(b->setup_seconds <= 0);
	call(b, "skip");
	assert_int_equal(b->outcome, AF2_SKIP);
	assert_int_equal(b->pid, pid);
}

static void
test_worker_dies(void **state)
{
	struct bench *b = *state;

	call(b, "kill");
	assert_int_equal(b->cls, AF2_CLASS_SIGNAL);
	assert_int_equal(b->signal, 9);
	assert_string_equal(
		b->message,
		"worker 'python3' was killed by SIGKILL: worker says goodbye");
	call(b, "exit");
	assert_int_equal(b->cls, AF2_CLASS_EXIT);
	assert_int_equal(b->status, 7);
	call(b, "leave");
	assert_int_equal(b->cls, AF2_CLASS_SIGNAL);
	/* Between two calls. */
	call(b, "later");
	assert_int_equal(b->outcome, AF2_OK);
	usleep(100000);
	call(b, "echo");
	assert_int_equal(b->cls, AF2_CLASS_EXIT);
	assert_int_equal(b->status, 9);
	assert_string_equal(b->message, "worker 'python3' ended with status 9");
}

static void
test_worker_talks_nonsense(void **state)
{
	struct bench *b = *state;

	call(b, "memory");
	assert_int_equal(b->cls, AF2_CLASS_MEMORY);
	assert_string_equal(b->message, "out of memory on the device");
	call(b, "garbage");
	assert_int_equal(b->cls, AF2_CLASS_PLUGIN_CRASH);
	says(b, "bad reply of worker 'python3'");
	call(b, "huge");
	assert_int_equal(b->cls, AF2_CLASS_PLUGIN_CRASH);
	says(b, "a frame of 4294967295 bytes");
	call(b, "empty");
	assert_int_equal(b->cls, AF2_CLASS_PLUGIN_CRASH);
	call(b, "class");
	assert_int_equal(b->cls, AF2_CLASS_PLUGIN_CRASH);
	says(b, "unknown class 'nonsense'");
}

static void
test_worker_hangs(void **state)
{
	struct bench *b = *state;

	probe(b, "call", "hang");
	bench_param(b, "worker", WORKER, AF2_PARAM_SETUP);
	b->spec.timeout = 0.5;
	assert_int_equal(bench_run(b), AF2_FAIL);
	assert_int_equal(b->cls, AF2_CLASS_TIMEOUT);
	assert_int_equal(bench_strays(b), 0);
}

static void
test_worker_does_not_start(void **state)
{
	struct bench *b = *state;

	probe(b, "call", "echo");
	bench_param(b, "worker", "/nonexistent/worker.py", AF2_PARAM_SETUP);
	assert_int_equal(bench_run(b), AF2_FAIL);
	assert_int_equal(b->cls, AF2_CLASS_EXIT);
	says(b, "worker 'python3' ended with status 2: ");
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, bench_open, bench_close)
	const struct CMUnitTest tests[] = {
		T(test_missing_host_program),
		T(test_missing_plugin),
		T(test_noop_leaves_nothing),
		T(test_copy),
		T(test_list_and_tree),
		T(test_inputs_and_params),
		T(test_slot),
		T(test_rebind_of_warm_host),
		T(test_affinity),
		T(test_warm_hosts),
		T(test_fixed_pool_restarts),
		T(test_skip_and_retry),
		T(test_prints_and_news),
		T(test_program),
		T(test_program_fails),
		T(test_capture_is_cut),
		T(test_worker),
		T(test_worker_dies),
		T(test_worker_talks_nonsense),
		T(test_worker_hangs),
		T(test_worker_does_not_start),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

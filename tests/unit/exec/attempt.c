/* SPDX-License-Identifier: Apache-2.0 */
/* Helpers of the pool's tests. */
#include "attempt.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <setjmp.h>
#include <stdarg.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/mem.h"

int
bench_open(void **state)
{
	const char *tmp = getenv("TMPDIR");
	struct bench *b = xcalloc(1, sizeof(*b));
	struct pool_config config = {
		.host_program = HOST_PROGRAM, .max_idle = 2, .mark = b->dir, .bind = 1};

	/* A sanitizer would turn the signals of crashing plugins into exit statuses. */
	setenv("ASAN_OPTIONS", "handle_segv=0:handle_sigbus=0:handle_abort=0", 1);

	snprintf(b->dir, sizeof(b->dir), "%s/af2flow-local-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(b->dir));
	b->loop = loop_new();
	b->pool = pool_new(b->loop, &config);
	*state = b;
	return 0;
}

int
bench_close(void **state)
{
	struct bench *b = *state;

	pool_free(b->pool, 3);
	assert_int_equal(bench_strays(b), 0);
	loop_free(b->loop);
	fs_remove_tree(b->dir, NULL);
	free(b);
	return 0;
}

void
bench_plugin(struct bench *b, const char *name)
{
	b->counter++;
	snprintf(b->plugin_path, sizeof(b->plugin_path), TEST_PLUGINS "/%s.so", name);
	snprintf(b->out_dir, sizeof(b->out_dir), "%s/out%u", b->dir, b->counter);
	snprintf(b->work_dir, sizeof(b->work_dir), "%s/work%u", b->dir, b->counter);
	snprintf(b->attempt_dir, sizeof(b->attempt_dir), "%s/a/attempt%u", b->dir,
		 b->counter);
	memset(&b->stage, 0, sizeof(b->stage));
	b->stage.id = (char *)(uintptr_t)name;
	b->stage.path = b->plugin_path;
	b->param_count = 0;
	b->cancel_after = 0;
	b->kill_instead = 0;
	b->spec = (struct exec_spec){
		.stage = &b->stage,
		.node = "node",
		.label = "node[1]",
		.params = b->params,
		.work_dir = b->work_dir,
		.attempt_dir = b->attempt_dir,
		.grace = 0.3,
		.timeout = 30, /* no test hangs for ever */
		.capture = 1000,
		.sync_after = -1,
		.slot = {.cpu_list = "", .cpus = 1, .gpu_ids = ""},
	};
}

void
bench_param(struct bench *b, const char *name, const char *value, unsigned flags)
{
	b->params[b->param_count++] = (struct exec_param){name, value, flags};
	b->spec.param_count = b->param_count;
}

void
bench_outputs(struct bench *b, struct stage_port *ports, size_t count)
{
	b->spec.outputs = ports;
	b->spec.output_count = count;
	b->spec.out_dir = b->out_dir;
	assert_int_equal(fs_mkdirs(b->out_dir, NULL), 0);
}

static void
copy(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%s", from ? from : "");
}

static void
on_done(void *arg, const struct exec_result *r)
{
	struct bench *b = arg;

	b->is_done++;
	b->outcome = r->outcome;
	b->cls = r->cls;
	b->status = r->status;
	b->signal = r->signal;
	b->captured = r->captured;
	b->pid = r->pid;
	b->synced = r->synced;
	b->seconds = r->seconds;
	b->setup_seconds = r->setup_seconds;
	b->cpu_seconds = r->cpu_seconds;
	b->max_rss = r->max_rss;
	b->peak_memory = r->peak_memory;
	copy(b->message, sizeof(b->message), r->message);
	copy(b->values, sizeof(b->values), r->values);
	copy(b->measures, sizeof(b->measures), r->measures);
	b->output_count = r->output_count;
	for (size_t i = 0; i < r->output_count && i < 8; i++) {
		const struct exec_output *o = &r->outputs[i];

		b->outputs[i] = *o;
		copy(b->texts[i][0], 64, o->port);
		copy(b->texts[i][1], 64, o->element);
		copy(b->texts[i][2], 64, o->file);
		copy(b->texts[i][3], 64, o->type);
		b->outputs[i].port = b->texts[i][0];
		b->outputs[i].element = b->texts[i][1];
		b->outputs[i].file = b->texts[i][2];
		b->outputs[i].type = b->texts[i][3];
	}
	loop_stop(b->loop);
}

static void
on_news(void *arg, double fraction, int level, const char *text)
{
	struct bench *b = arg;
	size_t n = strlen(b->news);

	b->news_count++;
	if (n + 200 < sizeof(b->news))
		snprintf(b->news + n, sizeof(b->news) - n, "%.2f/%d/%s\n", fraction,
			 level, text);
}

static void
on_cancel(void *arg)
{
	struct bench *b = arg;

	if (b->is_done)
		return;
	if (b->kill_instead)
		attempt_kill(b->running);
	else
		attempt_cancel(b->running);
	/* A second call changes nothing. */
	attempt_cancel(b->running);
}

int
bench_run(struct bench *b)
{
	double start = loop_now();

	b->is_done = 0;
	b->news[0] = '\0';
	b->news_count = 0;
	b->running = pool_run(b->pool, &b->spec, on_done, on_news, b);
	assert_int_equal(b->is_done, 0);
	if (b->cancel_after > 0)
		loop_after(b->loop, b->cancel_after, 0, on_cancel, b);
	loop_run(b->loop);
	assert_int_equal(b->is_done, 1);
	b->wall = loop_now() - start;
	assert_false(bench_exists(b->work_dir));
	return b->outcome;
}

int
bench_bad(struct bench *b, const char *how)
{
	bench_plugin(b, "bad");
	bench_param(b, "how", how, 0);
	return bench_run(b);
}

const char *
bench_captured(struct bench *b, const char *stream)
{
	static char buf[8192];
	char path[400], *text;

	snprintf(path, sizeof(path), "%s/%s", b->attempt_dir, stream);
	text = fs_read_file(path, 0, NULL, NULL);
	copy(buf, sizeof(buf), text);
	free(text);
	return buf;
}

/* Does the environment of a process hold our mark, and is it no host? */
static int
is_stray(const struct bench *b, const char *pid)
{
	char path[300], *text, mark[300], *comm;
	size_t len = 0;
	int found = 0;

	snprintf(path, sizeof(path), "/proc/%s/environ", pid);
	text = fs_read_file(path, 0, &len, NULL);
	snprintf(path, sizeof(path), "/proc/%s/comm", pid);
	comm = fs_read_file(path, 0, NULL, NULL);
	snprintf(mark, sizeof(mark), "AF2FLOW_RUN=%s", b->dir);
	for (size_t i = 0; text && comm && i < len; i += strlen(text + i) + 1)
		found |= strcmp(text + i, mark) == 0 &&
			 !starts_with(comm, "af2flow-host");
	free(text);
	free(comm);
	return found;
}

int
bench_strays(const struct bench *b)
{
	DIR *d = opendir("/proc");
	struct dirent *de;
	int n = 0;

	while (d && (de = readdir(d)))
		if (de->d_name[0] > '0' && de->d_name[0] <= '9')
			n += is_stray(b, de->d_name);
	closedir(d);
	return n;
}

int
bench_exists(const char *path)
{
	return access(path, F_OK) == 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts: sent to a host, ended when their time is over, answered or buried,
 * delivered. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/secret.h"
#include "exec/local_private.h"

/* Seconds: the host of a failed task may take to tear down; what is over a limit, and may
 * take more while it is asked to end, may take to end. */
static const double END_PATIENCE = 5, OVER_GRACE = 1;

static void on_timer(void *arg);

/* --- life ------------------------------------------------------------------------- */

/* The host has it now: its time runs. */
static void
begin(struct attempt *a)
{
	a->waits_for = 0;
	a->start = loop_now();
	a->oom_kills = oom_mark(&a->pool->oom);
	if (a->timeout > 0)
		a->timer = loop_after(a->pool->loop, a->timeout, 0, on_timer, a);
}

/* Find a host and give it the frame, which it may hold back. -1 with errno. */
static int
give(struct attempt *a, const struct exec_spec *spec, struct str *frame)
{
	struct pool *p = a->pool;
	struct conn *c;

	while ((c = pool_host_for(p, spec))) {
		int was_idle = c->state == CONN_IDLE;

		c->state = CONN_BUSY;
		a->waits_for = pool_make_room(c);
		if (a->waits_for)
			str_addn(&a->held, frame->s, frame->len);
		else if (conn_send(c, frame) < 0 && was_idle) {
			/* It died while it was idle: that is not this task's. */
			conn_end(c, 0);
			p->stats.reused--;
			continue;
		}
		a->conn = c;
		a->pid = c->pid;
		c->attempt = a;
		c->serial = p->serial;
		if (!a->waits_for)
			begin(a);
		return 0;
	}
	return -1;
}

void
attempts_send_held(struct pool *p)
{
	for (struct conn *c = p->conns; c; c = c->next) {
		struct attempt *a = c->attempt;

		if (!a || !a->waits_for || c->state != CONN_BUSY ||
		    !pool_has_room(p, a->waits_for))
			continue;
		conn_send(c, &a->held);
		begin(a);
	}
}

struct attempt *
pool_run(struct pool *p, const struct exec_spec *spec, attempt_done *done,
	 attempt_news *news, void *arg)
{
	struct attempt *a = xcalloc(1, sizeof(*a));
	struct str frame = {0};

	a->pool = p;
	a->done = done;
	a->news = news;
	a->arg = arg;
	a->work_dir = xstrdup(spec->work_dir);
	a->attempt_dir = xstrdup(spec->attempt_dir ? spec->attempt_dir : "");
	a->start = loop_now();
	a->timeout = spec->timeout;
	a->grace = spec->grace;
	a->capture = spec->capture;
	params_secrets(spec->params, spec->param_count, &a->secrets);
	a->max_output = spec->max_output;
	a->memory = spec->slot.memory;
	a->status = -1;
	p->open_attempts++;
	if (p->is_stopping) {
		a->problem = xstrdup("the run ended");
		a->problem_class = AF2_CLASS_CANCELLED;
	} else if (task_put(p, &frame, PROTO_RUN, ++p->serial, p->config.bind, spec) < 0) {
		a->problem = xstrdup(
			"the task's inputs and parameters are too many to send");
		a->problem_class = AF2_CLASS_PERMANENT;
	} else if (give(a, spec, &frame) < 0) {
		a->number = errno;
		a->problem = xasprintf("cannot start '%s': %s", p->host_program,
				       strerror(errno));
		a->problem_class = AF2_CLASS_SPAWN;
	}
	str_free(&frame);
	if (a->problem)
		a->timer = loop_after(p->loop, 0, 0, on_timer, a);
	return a;
}

/* End it for the reason `cls`: TERM now, KILL after its grace. */
static void
attempt_end(struct attempt *a, int cls)
{
	struct str frame = {0};
	size_t at;

	if (a->end_class || a->answer.len || !a->conn || a->conn->state != CONN_BUSY)
		return;
	a->end_class = cls;
	if (cls == AF2_CLASS_OUTPUT_LIMIT || cls == AF2_CLASS_MEMORY)
		a->grace = a->grace < OVER_GRACE ? a->grace : OVER_GRACE;
	loop_cancel(a->timer);
	a->timer = NULL;
	if (a->grace <= 0 || a->waits_for) {
		conn_end(a->conn, 0);
		return;
	}
	at = proto_begin(&frame, PROTO_CANCEL);
	put_u32(&frame, a->conn->serial);
	proto_end(&frame, at);
	conn_send(a->conn, &frame);
	str_free(&frame);
	a->timer = loop_after(a->pool->loop, a->grace, 0, on_timer, a);
}

void
attempt_cancel(struct attempt *a)
{
	attempt_end(a, AF2_CLASS_CANCELLED);
}

void
attempt_kill(struct attempt *a)
{
	if (!a->conn)
		return;
	if (!a->end_class && !a->answer.len)
		a->end_class = AF2_CLASS_CANCELLED;
	loop_cancel(a->timer);
	a->timer = NULL;
	conn_end(a->conn, 0);
}

/* What ending it for `end_class` is called. */
static char *
end_message(const struct attempt *a)
{
	char buf[32], limit[32];

	switch (a->end_class) {
	case AF2_CLASS_TIMEOUT:
		return xasprintf("timed out after %s",
				 format_duration(a->timeout, buf));
	case AF2_CLASS_OUTPUT_LIMIT:
		return xasprintf("wrote %s, more than max_output %s; if it should, "
				 "raise max_output",
				 format_size(a->over, buf),
				 format_size(a->max_output, limit));
	case AF2_CLASS_MEMORY:
		return attempt_over_memory(a);
	default:
		return xstrdup("cancelled");
	}
}

static int
has_file(const char *dir, const char *name)
{
	char *path = path_join(dir, name);
	int rc = access(path, F_OK) == 0;

	free(path);
	return rc;
}

/* The texts point into a buffer of ours. */
static void
mask(const struct words *secrets, const char *text)
{
	if (text && secrets->count)
		secret_mask(secrets, (char *)(uintptr_t)text, strlen(text));
}

void
attempt_deliver(struct attempt *a)
{
	struct pool *p = a->pool;
	struct exec_result r = {.status = -1};
	char *message = NULL;

	loop_cancel(a->timer);
	if (a->answer.len) {
		/* It was checked when it came. */
		result_get(a->answer.s, a->answer.len, a->serial, &r);
		mask(&a->secrets, r.message);
		mask(&a->secrets, r.values);
		mask(&a->secrets, r.measures);
	} else {
		r.seconds = loop_now() - a->start;
		r.captured = *a->attempt_dir && (has_file(a->attempt_dir, "stdout") ||
						 has_file(a->attempt_dir, "stderr"));
		r.cpu_seconds = a->cpu_seconds;
		r.max_rss = a->max_rss;
		r.message = a->problem;
		r.cls = a->problem_class;
		r.status = a->status;
		r.signal = a->signal;
		r.outcome = AF2_FAIL;
	}
	if (r.outcome == AF2_RETRY)
		r.outcome = AF2_FAIL;
	/* What it finished before it heard of the end still counts. */
	if (a->end_class && r.outcome == AF2_FAIL) {
		r.cls = a->end_class;
		r.message = message = end_message(a);
	}
	r.pid = a->pid;
	r.number = a->number;
	if (a->peak > r.peak_memory)
		r.peak_memory = a->peak;
	p->open_attempts--;
	a->done(a->arg, &r);
	free((void *)(uintptr_t)r.outputs);
	free(message);
	free(a->problem);
	free(a->work_dir);
	free(a->attempt_dir);
	words_free(&a->secrets);
	str_free(&a->answer);
	str_free(&a->held);
	free(a);
	pool_stop_if_empty(p);
}

/* Timeout, end of the grace, or the delivery of a failure to start. */
static void
on_timer(void *arg)
{
	struct attempt *a = arg;

	a->timer = NULL;
	if (!a->conn)
		attempt_deliver(a);
	else if (a->end_class)
		conn_end(a->conn, 0);
	else
		attempt_end(a, AF2_CLASS_TIMEOUT);
}

/* --- death ------------------------------------------------------------------------ */

void
attempt_bury(struct conn *c, struct attempt *a)
{
	conn_save_output(c, a->attempt_dir, a->capture, &a->secrets);
	a->problem = conn_obituary(c, a->attempt_dir);
	mask(&a->secrets, a->problem);
	a->problem_class = AF2_CLASS_PLUGIN_CRASH;
	a->status = WIFEXITED(c->status) ? WEXITSTATUS(c->status) : -1;
	a->signal = WIFSIGNALED(c->status) ? WTERMSIG(c->status) : 0;
	a->cpu_seconds =
		(double)(c->usage.ru_utime.tv_sec + c->usage.ru_stime.tv_sec) +
		1e-6 * (double)(c->usage.ru_utime.tv_usec + c->usage.ru_stime.tv_usec);
	a->max_rss = (uint64_t)c->usage.ru_maxrss * 1024;
	if (!a->end_class) {
		attempt_judge_memory(c, a);
		a->pool->stats.crashed++;
	}
}

/* --- what hosts say --------------------------------------------------------------- */

static int
take_result(struct conn *c, const struct reader *payload)
{
	struct attempt *a = c->attempt;
	size_t size = (size_t)(payload->end - payload->p);
	struct exec_result r;
	int keep;

	if (result_get((const char *)payload->p, size, c->serial, &r) < 0)
		return -1;
	keep = (r.outcome == AF2_OK || r.outcome == AF2_SKIP ||
		(r.outcome == AF2_FAIL && r.cls == AF2_CLASS_PERMANENT &&
		 c->phase == PHASE_RUN)) &&
	       !a->end_class && c->state == CONN_BUSY;
	free((void *)(uintptr_t)r.outputs);
	a->serial = c->serial;
	str_addn(&a->answer, (const char *)payload->p, size);
	loop_cancel(a->timer);
	a->timer = NULL;
	/* A host that goes holds memory and devices until it is gone: only then is the
	 * slot free. */
	if (!keep) {
		conn_end(c, a->grace > 0 && a->grace < END_PATIENCE ? a->grace
								    : END_PATIENCE);
		return 0;
	}
	c->attempt = NULL;
	a->conn = NULL;
	pool_host_idle(c);
	attempt_deliver(a);
	return 0;
}

static int
take_news(struct conn *c, unsigned type, struct reader *r)
{
	struct attempt *a = c->attempt;
	double fraction = type == PROTO_PROGRESS ? get_f64(r) : -1;
	int level = type == PROTO_LOG ? (int)get_u32(r) : -1;
	const char *text = get_text(r);

	if (!reader_done(r) || level > AF2_WARN || !(fraction >= -1 && fraction <= 1))
		return -1;
	if (a)
		mask(&a->secrets, text);
	if (a && a->news && !a->answer.len)
		a->news(a->arg, fraction, level, text);
	return 0;
}

/* It is over a limit, or its peak has grown. */
static int
take_use(struct conn *c, unsigned type, struct reader *r)
{
	struct attempt *a = c->attempt;
	unsigned serial = get_u32(r);
	unsigned cls = type == PROTO_OVER ? get_u32(r) : AF2_CLASS_NONE;
	uint64_t bytes = get_u64(r);

	if (!reader_done(r) || (type == PROTO_OVER && cls != AF2_CLASS_OUTPUT_LIMIT &&
				cls != AF2_CLASS_MEMORY))
		return -1;
	if (!a || serial != c->serial || a->answer.len)
		return 0;
	if (type == PROTO_PEAK || cls == AF2_CLASS_MEMORY)
		a->peak = bytes > a->peak ? bytes : a->peak;
	if (type == PROTO_OVER && !a->end_class) {
		a->over = bytes;
		attempt_end(a, (int)cls);
	}
	return 0;
}

int
pool_frame(struct conn *c, unsigned type, struct reader *r)
{
	struct attempt *a = c->attempt;
	unsigned value;

	switch (type) {
	case PROTO_PHASE:
		value = get_u32(r);
		if (!reader_done(r) || value > PHASE_RUN)
			return -1;
		c->phase = (enum proto_phase)value;
		return 0;
	case PROTO_LOG:
	case PROTO_PROGRESS:
		return take_news(c, type, r);
	case PROTO_OVER:
	case PROTO_PEAK:
		return take_use(c, type, r);
	case PROTO_RESULT:
		return a && !a->answer.len ? take_result(c, r) : -1;
	case PROTO_PRINTS:
		return prints_frame(c, r);
	default:
		return -1;
	}
}

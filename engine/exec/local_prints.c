/* SPDX-License-Identifier: Apache-2.0 */
/* Fingerprints: asked of a host of the plugin's own that is never set up, one at a
 * time, and kept for the pool's life. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/secret.h"
#include "exec/local_private.h"

/* Seconds that tools may take to tell their versions. */
static const double PATIENCE = 120;
enum { CAPTURE = 0 };

static void
prints_free(struct prints *q)
{
	str_free(&q->frame);
	free(q->path);
	free(q->id);
	free(q->work_dir);
	free(q->problem);
	words_free(&q->secrets);
	free(q);
}

static void
answer(struct prints *q, const char *text, const char *const *files, size_t n, int cls,
       const struct error *e)
{
	loop_cancel(q->timer);
	q->done(q->arg, text, files, n, e ? cls : AF2_CLASS_NONE, e);
	prints_free(q);
}

static void
deliver(struct prints *q, const char *text, const char *const *files, size_t n,
	int cls, const char *problem)
{
	struct error e = {0};

	if (problem)
		error_set(&e, "fingerprint of plugin '%s': %s", q->id, problem);
	answer(q, text, files, n, cls, problem ? &e : NULL);
}

/* No host can be started; errno says why, and whether that may pass. */
static void
deliver_unstarted(struct pool *p, struct prints *q)
{
	struct error e = {0};

	error_set(&e, "fingerprint of plugin '%s': cannot start '%s':", q->id,
		  p->host_program);
	answer(q, "", NULL, 0, AF2_CLASS_SPAWN, &e);
}

static void
on_late(void *arg)
{
	struct conn *c = arg;

	c->prints->timer = NULL;
	c->prints->is_late = 1;
	conn_end(c, 0);
}

/* A host of this plugin that is not ending, whatever it does. */
static struct conn *
host_of(struct pool *p, const char *path)
{
	for (struct conn *c = p->conns; c; c = c->next)
		if (c->is_prints && c->state != CONN_CLOSING &&
		    strcmp(c->path, path) == 0)
			return c;
	return NULL;
}

/* Hand one over. 0, or -1 with errno if no host can be started, 1 if its host is
 * busy. */
static int
start(struct pool *p, struct prints *q)
{
	struct conn *c = host_of(p, q->path);

	if (c && c->state != CONN_IDLE)
		return 1;
	if (c && conn_send(c, &q->frame) < 0) {
		/* It died while it was idle. */
		conn_end(c, 0);
		c = NULL;
	}
	if (!c) {
		c = conn_new(p, q->id, "");
		if (!c)
			return -1;
		c->is_prints = 1;
		c->path = xstrdup(q->path);
		conn_send(c, &q->frame);
	}
	c->state = CONN_BUSY;
	c->prints = q;
	c->serial = q->serial;
	conn_spare(c, q->work_dir);
	q->timer = loop_after(p->loop, PATIENCE, 0, on_late, c);
	return 0;
}

void
prints_next(struct pool *p)
{
	struct prints **at = &p->queue;

	while (*at && !p->is_stopping) {
		struct prints *q = *at;
		int rc = start(p, q);

		if (rc > 0) {
			at = &q->next;
			continue;
		}
		*at = q->next;
		if (rc < 0) {
			deliver_unstarted(p, q);
			/* The callback may have asked for more. */
			at = &p->queue;
		}
	}
}

static void
on_turn(void *arg)
{
	struct pool *p = arg;

	p->turn_timer = NULL;
	prints_next(p);
}

void
pool_fingerprint(struct pool *p, const struct stage *s, const struct exec_param *params,
		 size_t param_count, const char *work_dir, fingerprint_done *done,
		 void *arg)
{
	struct prints *q = xcalloc(1, sizeof(*q)), **at = &p->queue;
	struct exec_spec spec = {.stage = s,
				 .node = s->id,
				 .label = s->id,
				 .params = params,
				 .param_count = param_count,
				 .out_dir = "",
				 .work_dir = work_dir,
				 .attempt_dir = "",
				 .capture = CAPTURE,
				 .slot = {.cpu_list = "", .cpus = 1, .gpu_ids = ""},
				 .sync_after = -1};

	q->path = xstrdup(s->path);
	q->id = xstrdup(s->id);
	q->work_dir = xstrdup(work_dir);
	q->serial = ++p->serial;
	q->done = done;
	q->arg = arg;
	params_secrets(params, param_count, &q->secrets);
	task_put(p, &q->frame, PROTO_FINGERPRINT, q->serial, 0, &spec);
	while (*at)
		at = &(*at)->next;
	*at = q;
	/* Not from inside this call: the answer may be an error at once. */
	if (!p->turn_timer)
		p->turn_timer = loop_after(p->loop, 0, 0, on_turn, p);
}

int
prints_frame(struct conn *c, struct reader *r)
{
	struct pool *p = c->pool;
	struct prints *q = c->prints;
	const char *problem, *text, **files;
	unsigned cls;
	size_t n;

	if (!q || get_u32(r) != c->serial)
		return -1;
	cls = get_u32(r);
	problem = get_text(r);
	text = get_text(r);
	n = get_count(r, 5);
	files = xcalloc(n + 1, sizeof(*files));
	for (size_t i = 0; i < n; i++)
		files[i] = get_text(r);
	if (!reader_done(r) || cls >= AF2_CLASS_COUNT ||
	    (*problem != '\0') != (cls != AF2_CLASS_NONE)) {
		free(files);
		return -1;
	}
	/* They point into the frame. What it says enters keys and a cache. */
	if (q->secrets.count) {
		secret_mask(&q->secrets, (char *)(uintptr_t)text, strlen(text));
		secret_mask(&q->secrets, (char *)(uintptr_t)problem, strlen(problem));
	}
	c->prints = NULL;
	if (c->state == CONN_BUSY)
		pool_host_idle(c);
	deliver(q, text, files, n, (int)cls, *problem ? problem : NULL);
	free(files);
	prints_next(p);
	return 0;
}

void
prints_host_gone(struct conn *c)
{
	struct prints *q = c->prints;

	if (!q)
		return;
	c->prints = NULL;
	loop_cancel(q->timer);
	q->timer = NULL;
	q->problem = q->is_late ? xstrdup("it took too long") : conn_obituary(c, "");
	q->next = c->pool->prints_swept;
	c->pool->prints_swept = q;
}

void
prints_deliver_swept(struct pool *p)
{
	struct prints *q;

	while ((q = p->prints_swept)) {
		p->prints_swept = q->next;
		fs_remove_tree(q->work_dir, NULL);
		deliver(q, "", NULL, 0,
			q->is_late ? AF2_CLASS_TIMEOUT : AF2_CLASS_PLUGIN_CRASH,
			q->problem);
	}
	prints_next(p);
}

void
prints_free_all(struct pool *p)
{
	struct prints *q;

	while ((q = p->queue)) {
		p->queue = q->next;
		deliver(q, "", NULL, 0, AF2_CLASS_CANCELLED, "the run ended");
	}
	loop_cancel(p->turn_timer);
}

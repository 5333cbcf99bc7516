/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop over libuv. The only file that includes uv.h.
 *
 * Each registration holds its uv handle as its first member; it is freed by the close
 * callback of that handle, one turn after it was cancelled, so callbacks may cancel
 * anything, themselves included.
 */
#include "base/loop.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "base/log.h"
#include "base/mem.h"

struct loop {
	uv_loop_t uv;
	/* Timers of 0 seconds do not go through uv: there, one that starts the next
	 * would starve the descriptors. They run after the poll of a turn; `idle` keeps
	 * that poll from waiting. */
	uv_idle_t idle;
	uv_check_t check;
	struct loop_timer *soon, **soon_end;
	struct loop_work *works; /* not done yet */
	int closing;             /* loop_free is at work: no more callbacks */
};

struct loop_fd {
	uv_poll_t poll;
	int fd, events, closed;
	loop_fd_fn *fn;
	void *arg;
};

struct loop_timer {
	uv_timer_t timer; /* not initialised if soon */
	struct loop *loop;
	loop_fn *fn;
	void *arg;
	double repeat;
	int soon; /* 0 seconds: in the list, or just called */
	int cancelled;
	struct loop_timer *next; /* of the list */
};

struct loop_signal {
	uv_signal_t signal;
	loop_signal_fn *fn;
	void *arg;
};

struct loop_work {
	uv_work_t request;
	struct loop *loop;
	loop_fn *work, *done;
	void *arg;
	struct loop_work *next, **at; /* list of the loop */
};

double
loop_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* --- timers ----------------------------------------------------------------------- */

static void
free_handle(uv_handle_t *h)
{
	free(h);
}

static void soon_wait(struct loop *l, int wanted);

/* Run the timers of 0 seconds that were there when the turn began. */
static void
on_check(uv_check_t *check)
{
	struct loop *l = check->data;
	struct loop_timer *t = l->soon, *next;

	l->soon = NULL;
	l->soon_end = &l->soon;
	for (; t; t = next) {
		if (!t->cancelled)
			t->fn(t->arg);
		next = t->next;
		free(t);
	}
	soon_wait(l, l->soon != NULL);
}

static void
on_idle(uv_idle_t *idle)
{
	(void)idle; /* being active is all it does */
}

static void
soon_wait(struct loop *l, int wanted)
{
	if (wanted) {
		uv_idle_start(&l->idle, on_idle);
		uv_check_start(&l->check, on_check);
	} else {
		uv_idle_stop(&l->idle);
		uv_check_stop(&l->check);
	}
}

static void
on_timer(uv_timer_t *timer)
{
	struct loop_timer *t = (struct loop_timer *)timer;

	t->fn(t->arg);
	if (t->repeat <= 0 && !t->cancelled)
		uv_close((uv_handle_t *)timer, free_handle);
}

/* Rounded up. */
static uint64_t
milliseconds(double seconds)
{
	if (!(seconds > 0))
		return 0;
	return seconds > 1e12 ? (uint64_t)1e15 : (uint64_t)ceil(seconds * 1000);
}

struct loop_timer *
loop_after(struct loop *l, double seconds, double repeat, loop_fn *fn, void *arg)
{
	struct loop_timer *t = xcalloc(1, sizeof *t);

	t->loop = l;
	t->fn = fn;
	t->arg = arg;
	t->repeat = repeat;
	if (!(seconds > 0) && !(repeat > 0)) {
		t->soon = 1;
		*l->soon_end = t;
		l->soon_end = &t->next;
		soon_wait(l, 1);
		return t;
	}
	uv_timer_init(&l->uv, &t->timer);
	/* Never early: the loop's time stands still during callbacks, and what is cut off
	 * it may be nearly a millisecond. */
	uv_update_time(&l->uv);
	uv_timer_start(&t->timer, on_timer, milliseconds(seconds) + 1,
		       repeat > 0 ? milliseconds(repeat) : 0);
	return t;
}

void
loop_cancel(struct loop_timer *t)
{
	if (!t || t->cancelled)
		return;
	t->cancelled = 1;
	/* One of the list is freed when its turn comes. */
	if (!t->soon)
		uv_close((uv_handle_t *)&t->timer, free_handle);
}

/* --- the loop --------------------------------------------------------------------- */

/* uv ends the process where it gets no descriptors for its signals: ask first. */
static int
has_descriptors(void)
{
	enum { PIPES = 4 };
	int fds[2 * PIPES], n = 0, why;

	while (n < 2 * PIPES && pipe2(fds + n, O_CLOEXEC) == 0)
		n += 2;
	why = errno;
	for (int i = 0; i < n; i++)
		close(fds[i]);
	errno = why;
	return n == 2 * PIPES;
}

struct loop *
loop_new(void)
{
	struct loop *l;
	int rc;

	if (!has_descriptors())
		return NULL;
	l = xcalloc(1, sizeof *l);
	rc = uv_loop_init(&l->uv);

	if (rc < 0) {
		free(l);
		errno = -rc;
		return NULL;
	}
	uv_idle_init(&l->uv, &l->idle);
	uv_check_init(&l->uv, &l->check);
	l->check.data = l;
	l->soon_end = &l->soon;
	return l;
}

void
loop_run(struct loop *l)
{
	uv_run(&l->uv, UV_RUN_DEFAULT);
}

void
loop_stop(struct loop *l)
{
	uv_stop(&l->uv);
}

static void
close_handle(uv_handle_t *h, void *arg)
{
	struct loop *l = arg;

	if (uv_is_closing(h))
		return;
	/* These two are part of struct loop; uv's own have other types. */
	if (h == (uv_handle_t *)&l->idle || h == (uv_handle_t *)&l->check)
		uv_close(h, NULL);
	else
		uv_close(h, free_handle);
}

void
loop_free(struct loop *l)
{
	struct loop_timer *t, *next;

	if (!l)
		return;
	l->closing = 1;
	for (struct loop_work *w = l->works; w; w = w->next)
		uv_cancel(
			(uv_req_t *)&w->request); /* fails for what runs: waited for */
	for (t = l->soon; t; t = next) {
		next = t->next;
		free(t);
	}
	uv_walk(&l->uv, close_handle, l);
	while (uv_loop_close(&l->uv) == UV_EBUSY)
		uv_run(&l->uv, UV_RUN_DEFAULT);
	free(l);
}

/* --- descriptors ------------------------------------------------------------------ */

static void on_poll(uv_poll_t *poll, int status, int events);

static void
poll_start(struct loop_fd *w)
{
	int events = (w->events & LOOP_READ ? UV_READABLE : 0) |
		     (w->events & LOOP_WRITE ? UV_WRITABLE : 0);

	if (events)
		uv_poll_start(&w->poll, events, on_poll);
	else
		uv_poll_stop(&w->poll);
}

static void
on_poll(uv_poll_t *poll, int status, int events)
{
	struct loop_fd *w = (struct loop_fd *)poll;
	int ready = (events & UV_READABLE ? LOOP_READ : 0) |
		    (events & UV_WRITABLE ? LOOP_WRITE : 0);

	if (status == 0) {
		w->fn(w->arg, w->fd, ready & w->events);
		return;
	}
	/* The descriptor has an error; reading or writing tells which. uv has stopped
	 * the handle, which must not silence the watch. It is freed in a later turn at
	 * the earliest, so it may be looked at after the callback. */
	w->fn(w->arg, w->fd, w->events);
	if (!w->closed)
		poll_start(w);
}

struct loop_fd *
loop_watch(struct loop *l, int fd, int events, loop_fd_fn *fn, void *arg)
{
	struct loop_fd *w = xcalloc(1, sizeof *w);
	int rc = uv_poll_init(&l->uv, &w->poll, fd);

	if (rc < 0) {
		free(w);
		errno = -rc;
		return NULL;
	}
	w->fd = fd;
	w->events = events;
	w->fn = fn;
	w->arg = arg;
	poll_start(w);
	return w;
}

void
loop_events(struct loop_fd *w, int events)
{
	if (w->events == events)
		return;
	w->events = events;
	poll_start(w);
}

void
loop_unwatch(struct loop_fd *w)
{
	if (!w || w->closed)
		return;
	w->closed = 1;
	uv_close((uv_handle_t *)&w->poll, free_handle);
}

/* --- signals ---------------------------------------------------------------------- */

static void
on_signal(uv_signal_t *signal, int signo)
{
	struct loop_signal *s = (struct loop_signal *)signal;

	s->fn(s->arg, signo);
}

void
loop_on_signal(struct loop *l, int signo, loop_signal_fn *fn, void *arg)
{
	struct loop_signal *s = xcalloc(1, sizeof *s);
	int rc = uv_signal_init(&l->uv, &s->signal);

	s->fn = fn;
	s->arg = arg;
	if (rc == 0)
		rc = uv_signal_start(&s->signal, on_signal, signo);
	if (rc < 0) /* SIGKILL, say: the caller's mistake */
		log_error("cannot catch signal %d: %s", signo, strerror(-rc));
	uv_unref((uv_handle_t *)&s->signal);
}

/* --- work on threads -------------------------------------------------------------- */

static void
on_work(uv_work_t *request)
{
	struct loop_work *w = (struct loop_work *)request;

	w->work(w->arg);
}

static void
on_work_done(uv_work_t *request, int status)
{
	struct loop_work *w = (struct loop_work *)request;

	*w->at = w->next;
	if (w->next)
		w->next->at = w->at;
	if (status == 0 && !w->loop->closing)
		w->done(w->arg);
	free(w);
}

void
loop_work(struct loop *l, loop_fn *work, loop_fn *done, void *arg)
{
	struct loop_work *w = xcalloc(1, sizeof *w);

	w->loop = l;
	w->work = work;
	w->done = done;
	w->arg = arg;
	w->next = l->works;
	w->at = &l->works;
	if (w->next)
		w->next->at = &w->next;
	l->works = w;
	uv_queue_work(&l->uv, &w->request, on_work, on_work_done);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The control thread: hands tasks to the plugin thread, drains captured output,
 * watches limits, and ends everything when the engine is gone. */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "exec/proc.h"
#include "host/host.h"

/* Seconds: for a plugin's teardown, for descendants that do not die at once. */
static const double TEARDOWN_PATIENCE = 3, SWEEP_PATIENCE = 10;
/* Milliseconds between looks at limits and orphans: quick at first, then rarer. */
enum { TICK_LIMITED = 50, TICK_FIRST = 200, TICK_LAST = 2000 };

struct control {
	struct host *h;
	struct str in;
	size_t taken; /* bytes of `in` that are used up */
	int tick;     /* ms to the next look; -1: no task runs */
	int usual;    /* ms between looks where nothing is near its limit */
	struct watch watch;
};

void
host_send(struct host *h, struct str *frame)
{
	size_t done = 0;

	pthread_mutex_lock(&h->send_lock);
	/* What a task says while it is being ended is not its result. */
	while (h->socket >= 0 && !atomic_load(&h->ending) && done < frame->len) {
		ssize_t n = send(h->socket, frame->s + done, frame->len - done,
				 MSG_NOSIGNAL);

		if (n < 0 && errno != EINTR)
			break;
		if (n > 0)
			done += (size_t)n;
	}
	pthread_mutex_unlock(&h->send_lock);
	str_reset(frame);
}

/* --- the end ---------------------------------------------------------------------- */

/* Kill all descendants, one that is just being born included. */
static void
end_descendants(struct host *h)
{
	double until = host_now() + SWEEP_PATIENCE;
	int is_spawning;

	do {
		pthread_mutex_lock(&h->lock);
		is_spawning = h->is_spawning;
		pthread_mutex_unlock(&h->lock);
		proc_sweep(NULL, NULL, SWEEP_PATIENCE);
	} while (is_spawning && host_now() < until);
}

/* End by the signal that asked for it, so that the engine can tell. */
static void
end_by(int signals)
{
	struct signalfd_siginfo si;
	sigset_t set;

	if (read(signals, &si, sizeof(si)) != (ssize_t)sizeof(si))
		return;
	signal((int)si.ssi_signo, SIG_DFL);
	sigemptyset(&set);
	sigaddset(&set, (int)si.ssi_signo);
	kill(getpid(), (int)si.ssi_signo);
	pthread_sigmask(SIG_UNBLOCK, &set, NULL);
}

/* Nothing of ours stays, whatever the plugin thread is doing. `signals`: to be read, -1
 * if none came. */
static void
end_host(struct host *h, int status, int signals)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += (time_t)TEARDOWN_PATIENCE;
	pthread_mutex_lock(&h->lock);
	atomic_store(&h->ending, 1);
	if (h->job == JOB_NONE) {
		h->job = JOB_TEARDOWN;
		pthread_cond_broadcast(&h->changed);
		while (h->job != JOB_DONE &&
		       pthread_cond_timedwait(&h->changed, &h->lock, &until) == 0)
			;
	}
	pthread_mutex_unlock(&h->lock);
	end_descendants(h);
	if (signals >= 0)
		end_by(signals);
	host_exit(status);
}

/* --- frames ----------------------------------------------------------------------- */

/* Hand a task to the plugin thread. -1 if one runs already or the payload is bad. */
static int
take_task(struct control *c, enum job job, const struct reader *payload)
{
	struct host *h = c->h;
	size_t size = (size_t)(payload->end - payload->p);
	char *copy = xmalloc(size + 1);
	af2_task *t;
	int is_limited;

	memcpy(copy, payload->p, size);
	t = task_new(h, copy, size);
	if (!t)
		return -1;
	pthread_mutex_lock(&h->lock);
	if (h->job != JOB_NONE) {
		pthread_mutex_unlock(&h->lock);
		task_free(t);
		return -1;
	}
	atomic_store(&h->cancelled, 0);
	is_limited = t->max_output || t->memory_limit;
	h->job = job;
	h->task = t;
	pthread_mutex_unlock(&h->lock);
	/* After the unlock: who wakes needs it. */
	pthread_cond_broadcast(&h->changed);
	c->tick = c->usual = is_limited ? TICK_LIMITED : TICK_FIRST;
	watch_begin(&c->watch);
	return 0;
}

static int
cancel(struct host *h, struct reader *r)
{
	unsigned serial = get_u32(r);

	if (!reader_done(r))
		return -1;
	pthread_mutex_lock(&h->lock);
	/* It may have ended while the frame was on its way. */
	if (h->task && h->task->serial == serial)
		atomic_store(&h->cancelled, 1);
	pthread_mutex_unlock(&h->lock);
	if (atomic_load(&h->cancelled))
		children_signal(h, SIGTERM);
	return 0;
}

static int
take_frame(struct control *c, unsigned type, struct reader *payload)
{
	switch (type) {
	case PROTO_RUN:
		return take_task(c, JOB_RUN, payload);
	case PROTO_FINGERPRINT:
		return take_task(c, JOB_PRINTS, payload);
	case PROTO_CANCEL:
		return cancel(c->h, payload);
	default:
		return -1;
	}
}

/* Read what is there. 0, or -1: the engine is gone or talks nonsense. */
static int
read_socket(struct control *c)
{
	char buf[65536];
	struct reader payload;
	unsigned type;
	size_t used;
	int rc;
	ssize_t n = recv(c->h->socket, buf, sizeof(buf), MSG_DONTWAIT);

	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 0 : -1;
	if (n == 0)
		return -1;
	str_addn(&c->in, buf, (size_t)n);
	while ((rc = proto_next(c->in.s + c->taken, c->in.len - c->taken, PROTO_LIMIT,
				&type, &payload, &used)) > 0) {
		if (take_frame(c, type, &payload) < 0)
			return -1;
		c->taken += used;
	}
	if (c->taken == c->in.len) {
		str_reset(&c->in);
		c->taken = 0;
	}
	return rc;
}

/* --- ticks ------------------------------------------------------------------------ */

static void
tick(struct control *c)
{
	double left;
	int is_busy;

	pthread_mutex_lock(&c->h->lock);
	is_busy = c->h->job == JOB_RUN || c->h->job == JOB_PRINTS;
	pthread_mutex_unlock(&c->h->lock);
	if (!is_busy) {
		c->tick = -1;
		watch_begin(&c->watch);
		return;
	}
	children_reap(c->h);
	c->usual = c->usual < TICK_LAST ? c->usual * 3 / 2 : TICK_LAST;
	left = watch_look(&c->watch, c->h, 1e-3 * c->usual) - host_now();
	c->tick = left > 1e-3 ? (int)(left * 1e3) : 1;
}

void
control_run(struct host *h)
{
	struct control c = {.h = h, .tick = -1};
	sigset_t set;
	double due = 0;
	int signals, set_tick = -1;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	signals = proc_fd_high(signalfd(-1, &set, SFD_CLOEXEC), HOST_FD_BASE);
	for (;;) {
		struct pollfd p[4] = {
			{.fd = h->socket, .events = POLLIN},
			{.fd = signals, .events = POLLIN},
			{.fd = h->capture.streams[0].read_fd, .events = POLLIN},
			{.fd = h->capture.streams[1].read_fd, .events = POLLIN},
		};
		double left;
		int wait = -1;

		if (c.tick != set_tick) {
			due = host_now() + 1e-3 * c.tick;
			set_tick = c.tick;
		}
		if (c.tick > 0) {
			left = due - host_now();
			wait = left > 0 ? (int)(left * 1e3) + 1 : 0;
		}
		if (poll(p, 4, wait) < 0 && errno != EINTR)
			end_host(h, EXIT_FAILED, -1);
		if (p[2].revents || p[3].revents)
			capture_drain(&h->capture);
		/* A descriptor that a plugin closed is the end of us, as is the
		 * signal. */
		if (p[1].revents)
			end_host(h, EXIT_FAILED, signals);
		if ((p[0].revents && read_socket(&c) < 0) ||
		    ((p[0].revents | p[2].revents | p[3].revents) & POLLNVAL))
			end_host(h, 0, -1);
		if (c.tick > 0 && host_now() >= due) {
			tick(&c);
			set_tick = 0;
		}
	}
}

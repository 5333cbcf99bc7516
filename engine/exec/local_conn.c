/* SPDX-License-Identifier: Apache-2.0 */
/* One af2flow-host as the engine sees it: its birth, its socket, its death. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "exec/local_private.h"
#include "exec/proc.h"

/* Seconds between two looks at a host that has no pidfd. */
static const double POLL_EVERY = 0.02;
enum { FD_BASE = 10 }; /* our ends, above those that a child gets */

/* --- birth ------------------------------------------------------------------------ */

static int
high_pipe(int fds[2])
{
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	fds[0] = proc_fd_high(fds[0], FD_BASE);
	fds[1] = proc_fd_high(fds[1], FD_BASE);
	if (fds[0] < 0 || fds[1] < 0)
		return -1;
	/* Shared with the host's copy: both read only what is there. */
	return fcntl(fds[0], F_SETFL, O_NONBLOCK);
}

static int
high_socketpair(int fds[2])
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return -1;
	fds[0] = proc_fd_high(fds[0], FD_BASE);
	fds[1] = proc_fd_high(fds[1], FD_BASE);
	if (fds[0] < 0 || fds[1] < 0)
		return -1;
	return fcntl(fds[0], F_SETFL, O_NONBLOCK);
}

static void
close_all(const int *fds, size_t n)
{
	int saved = errno;

	for (size_t i = 0; i < n; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	errno = saved;
}

/* Spawn the program with the descriptors that host/main.c expects. */
static pid_t
spawn_host(const struct pool *p, const struct words *settings, const char *gpu_ids,
	   char *group, int null, int socket, const int out[2], const int err[2])
{
	const struct proc_fd fds[] = {{null, 0},   {out[1], 1}, {err[1], 2},
				      {socket, 3}, {out[0], 4}, {err[0], 5}};
	char *argv[] = {p->host_program, (char[]){"--serve"}, group, NULL};
	char *cuda = xasprintf("CUDA_VISIBLE_DEVICES=%s", gpu_ids);
	char *mark = xasprintf("AF2FLOW_RUN=%s", p->mark);
	const size_t own = 3, hidden = p->hidden.count;
	const char **extra = xcalloc(own + hidden + settings->count + 1, sizeof(*extra));
	char **env;
	/* TERM, not KILL: a host whose engine died ends its descendants first. */
	struct proc_spec spec = {.path = p->host_program,
				 .argv = argv,
				 .fds = fds,
				 .fd_count = 6,
				 .death_signal = SIGTERM};
	pid_t pid;
	int saved;

	extra[0] = cuda;
	extra[1] = mark;
	extra[2] = "CUDA_DEVICE_ORDER=PCI_BUS_ID";
	for (size_t i = 0; i < hidden; i++)
		extra[own + i] = p->hidden.v[i];
	for (size_t i = 0; i < settings->count; i++)
		extra[own + hidden + i] = settings->v[i];
	spec.env = env = proc_environ(extra);
	pid = proc_spawn(&spec);
	saved = errno;
	free(extra);
	free(env);
	free(cuda);
	free(mark);
	errno = saved;
	return pid;
}

static void on_socket(void *arg, int fd, int events);
static void on_exit_fd(void *arg, int fd, int events);
static void on_poll(void *arg);

struct conn *
conn_new(struct pool *p, const char *plugin_id, const char *gpu_ids)
{
	int fds[7] = {-1, -1, -1, -1, -1, -1, -1};
	int *pair = fds, *out = fds + 2, *err = fds + 4;
	char *group = group_new(p);
	struct words settings = {0};
	struct conn *c;
	pid_t pid = -1;

	settings_environ(pool_settings(p, plugin_id), &settings);
	if (high_socketpair(pair) == 0 && high_pipe(out) == 0 && high_pipe(err) == 0 &&
	    (fds[6] = proc_fd_high(open("/dev/null", O_RDONLY | O_CLOEXEC), FD_BASE)) >=
		    0)
		pid = spawn_host(p, &settings, gpu_ids, group, fds[6], pair[1], out, err);
	words_free(&settings);
	if (pid < 0) {
		close_all(fds, 7);
		group_drop(p, group);
		return NULL;
	}
	group = group_enter(p, group, pid);
	if (p->notes)
		host_notes_add(p->notes, pid, (int[]){out[0], err[0]}, group);
	close_all((int[]){pair[1], out[1], err[1], fds[6]}, 4);
	prlimit(pid, RLIMIT_NOFILE, &p->files, NULL);
	c = xcalloc(1, sizeof(*c));
	c->pool = p;
	c->pid = pid;
	c->group = group;
	c->pidfd = proc_pidfd(pid);
	c->socket = pair[0];
	c->out_read = out[0];
	c->err_read = err[0];
	c->gpu_ids = xstrdup(gpu_ids);
	c->socket_watch = loop_watch(p->loop, c->socket, LOOP_READ, on_socket, c);
	if (c->pidfd >= 0)
		c->exit_watch = loop_watch(p->loop, c->pidfd, LOOP_READ, on_exit_fd, c);
	if (!c->exit_watch)
		c->poll_timer = loop_after(p->loop, POLL_EVERY, POLL_EVERY, on_poll, c);
	c->next = p->conns;
	p->conns = c;
	p->stats.started++;
	if (!c->socket_watch)
		conn_break(c, "unheard socket");
	return c;
}

void
conn_spare(struct conn *c, const char *work_dir)
{
	char *dir = path_dir(work_dir);

	free(c->spare_dir);
	c->spare_dir = xasprintf("%s/host-%d", dir, (int)c->pid);
	free(dir);
}

void
conn_free(struct conn *c)
{
	struct conn **at = &c->pool->conns;

	while (*at != c)
		at = &(*at)->next;
	*at = c->next;
	loop_unwatch(c->socket_watch);
	loop_unwatch(c->exit_watch);
	loop_cancel(c->kill_timer);
	loop_cancel(c->poll_timer);
	close_all((int[]){c->socket, c->out_read, c->err_read, c->pidfd}, 4);
	if (c->spare_dir)
		rmdir(c->spare_dir);
	free(c->spare_dir);
	free(c->group);
	str_free(&c->in);
	str_free(&c->out);
	free(c->path);
	free(c->setup);
	free(c->gpu_ids);
	free(c->cpu_list);
	free(c);
}

/* --- talking ---------------------------------------------------------------------- */

static void
close_socket(struct conn *c)
{
	loop_unwatch(c->socket_watch);
	c->socket_watch = NULL;
	if (c->socket >= 0)
		close(c->socket);
	c->socket = -1;
}

/* Write what the socket takes. -1 if nobody will ever read it; the reading side notices
 * that as its end of file. */
static int
flush(struct conn *c)
{
	int rc = 0;

	while (c->socket >= 0 && c->out_sent < c->out.len) {
		ssize_t n = send(c->socket, c->out.s + c->out_sent,
				 c->out.len - c->out_sent, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			rc = errno == EPIPE || errno == ECONNRESET ? -1 : 0;
			break;
		}
		c->out_sent += (size_t)n;
	}
	if (c->out_sent == c->out.len) {
		str_reset(&c->out);
		c->out_sent = 0;
	}
	return rc;
}

int
conn_send(struct conn *c, struct str *frame)
{
	int was_empty = c->out.len == 0;

	str_addn(&c->out, frame->s, frame->len);
	if (flush(c) < 0)
		return -1;
	str_reset(frame);
	if (was_empty && c->out.len > 0 && c->socket_watch)
		loop_events(c->socket_watch, LOOP_READ | LOOP_WRITE);
	return 0;
}

/* Hand complete frames on. They may end this host, but never free it. */
static void
take_frames(struct conn *c)
{
	struct reader payload;
	unsigned type;
	size_t used;
	int rc = 0;

	while (!c->bad_reply &&
	       (rc = proto_next(c->in.s + c->in_taken, c->in.len - c->in_taken,
				PROTO_LIMIT, &type, &payload, &used)) > 0) {
		c->in_taken += used;
		if (pool_frame(c, type, &payload) < 0)
			rc = -1;
		if (rc < 0)
			break;
	}
	if (rc < 0)
		conn_break(c, "bad reply");
	/* The rest of a frame moves to the front, or a steady flow would pile up. */
	if (c->in_taken > 0) {
		c->in.len -= c->in_taken;
		memmove(c->in.s, c->in.s + c->in_taken, c->in.len + 1);
		c->in_taken = 0;
	}
}

/* Read until it would block. 0, or -1 at the end. */
static int
read_some(struct conn *c)
{
	char buf[65536];
	ssize_t n;

	do {
		n = recv(c->socket, buf, sizeof(buf), 0);
		if (n > 0)
			str_addn(&c->in, buf, (size_t)n);
		if (n > 0)
			take_frames(c);
	} while (c->socket >= 0 &&
		 (n == (ssize_t)sizeof(buf) || (n < 0 && errno == EINTR)));
	if (c->socket < 0)
		return 0;
	return n > 0 || (n < 0 && errno == EAGAIN) ? 0 : -1;
}

static void
on_socket(void *arg, int fd, int events)
{
	struct conn *c = arg;

	(void)fd;
	if (events & LOOP_WRITE) {
		flush(c);
		if (c->out.len == 0 && c->socket_watch)
			loop_events(c->socket_watch, LOOP_READ);
	}
	if ((events & LOOP_READ) && read_some(c) < 0)
		/* It dies: its exit tells how. If it only closed the socket, it is
		 * useless. */
		conn_end(c, 2);
}

/* --- death ------------------------------------------------------------------------ */

static void
on_kill(void *arg)
{
	struct conn *c = arg;

	c->kill_timer = NULL;
	c->is_killed = 1;
	kill(c->pid, SIGKILL);
}

void
conn_end(struct conn *c, double patience)
{
	close_socket(c);
	c->state = CONN_CLOSING;
	loop_cancel(c->kill_timer);
	c->kill_timer = NULL;
	if (patience > 0)
		c->kill_timer = loop_after(c->pool->loop, patience, 0, on_kill, c);
	else
		on_kill(c);
}

void
conn_break(struct conn *c, const char *why)
{
	if (!c->bad_reply)
		c->bad_reply = why;
	conn_end(c, 0);
}

/* It has ended. */
static void
settle_exit(struct conn *c)
{
	/* An answer may have come right before the end; no other task may. */
	c->state = CONN_CLOSING;
	if (c->socket >= 0)
		read_some(c);
	if (wait4(c->pid, &c->status, WNOHANG, &c->usage) != 0)
		pool_host_gone(c);
}

static void
on_exit_fd(void *arg, int fd, int events)
{
	(void)fd;
	(void)events;
	settle_exit(arg);
}

/* Linux before 5.3 has no pidfds, nor has valgrind. */
static void
on_poll(void *arg)
{
	const struct conn *c = arg;
	siginfo_t si = {0};

	if (waitid(P_PID, (id_t)c->pid, &si, WEXITED | WNOHANG | WNOWAIT) == 0 &&
	    si.si_pid == c->pid)
		settle_exit(arg);
}

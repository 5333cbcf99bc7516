/* SPDX-License-Identifier: Apache-2.0 */
/* Scans: a plugin is loaded by `af2flow-host --scan FILE`, never by this process. The process
 * prints the descriptor on stdout and ends with 0, or a line that says what is wrong and 1.
 * Whatever else it does (a crash, a hang, a flood, a call of exit()) is a problem of the plugin. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "exec/plugins_private.h"
#include "exec/proc.h"

extern char **environ;

enum { PARALLEL = 8, OUTPUT_LIMIT = 4 << 20, PROBLEM_LIMIT = 400 };

/* One process. Its slot is free while pid is 0. */
struct scan {
	struct scan_job *job;
	pid_t pid;
	int pidfd, out, err;  /* reading ends, -1 when closed */
	struct str text, noise; /* of stdout, stderr */
	double deadline;
	const char *killed;   /* why we killed it, or NULL */
};

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void
close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

/* --- starting ------------------------------------------------------------------------------ */

static int
spawn(struct scan *s, const char *host, int null, int out, int err)
{
	char *argv[] = { (char *)host, (char *)"--scan", (char *)s->job->path, NULL };
	struct proc_fd fds[] = { { null, 0 }, { out, 1 }, { err, 2 } };
	struct proc_spec spec = {
		.path = host,
		.argv = argv,
		.env = environ,
		.fds = fds,
		.fd_count = 3,
		.death_signal = SIGKILL,
	};

	s->pid = proc_spawn(&spec);
	if (s->pid < 0)
		return -1;
	s->pidfd = proc_pidfd(s->pid);
	return 0;
}

/* Start a scan. A failure is the job's problem. */
static void
scan_start(struct scan *s, struct scan_job *job, const char *host, double patience)
{
	int out[2] = { -1, -1 }, err[2] = { -1, -1 };
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	memset(s, 0, sizeof *s);
	s->job = job;
	s->pidfd = -1;
	if (null < 0 || pipe2(out, O_CLOEXEC | O_NONBLOCK) < 0 ||
	    pipe2(err, O_CLOEXEC | O_NONBLOCK) < 0 ||
	    fcntl(out[1], F_SETFL, 0) < 0 || fcntl(err[1], F_SETFL, 0) < 0 ||
	    spawn(s, host, null, out[1], err[1]) < 0) {
		job->problem = xasprintf("cannot run '%s': %s", host, strerror(errno));
		s->pid = 0;
		close_fd(&out[0]);
		close_fd(&err[0]);
	}
	s->out = out[0];
	s->err = err[0];
	s->deadline = now() + patience;
	close_fd(&out[1]);
	close_fd(&err[1]);
	close_fd(&null);
}

/* --- ending -------------------------------------------------------------------------------- */

/* The last line of a text that is not blank, newly allocated; "" if there is none. */
static char *
last_line(const struct str *b)
{
	const char *end = b->s ? b->s + b->len : NULL, *start;

	while (end && end > b->s && (end[-1] == '\n' || end[-1] == ' ' || end[-1] == '\r'))
		end--;
	if (!end || end == b->s)
		return xstrdup("");
	for (start = end; start > b->s && start[-1] != '\n';)
		start--;
	if (end - start > PROBLEM_LIMIT)
		end = start + PROBLEM_LIMIT;
	return xstrndup(start, (size_t)(end - start));
}

static void
read_stage(struct scan *s)
{
	struct error e = { 0 };
	js *v;

	if (s->text.len == 0) {
		s->job->problem = xstrdup("ended the process while it was loaded");
		return;
	}
	v = js_parse(s->text.s, s->text.len, &e);
	if (v)
		s->job->stage = stage_from_json(v, &e);
	if (!s->job->stage)
		s->job->problem = xasprintf("bad descriptor: %s", e.text);
	js_free(v);
}

/* Why a process that did not end with 0 is a problem. The engine's own line comes on stdout, a
 * plugin's or the dynamic linker's on stderr. */
static char *
describe(const struct scan *s, int status)
{
	char name[32], *line = NULL, *text;

	if (s->killed)
		return xstrdup(s->killed);
	if (WIFSIGNALED(status))
		return xasprintf("crashed on load: %s",
		                 proc_signal_name(WTERMSIG(status), name));
	if (WEXITSTATUS(status) == 1 && s->text.len)
		return last_line(&s->text);
	line = last_line(&s->noise);
	text = xasprintf("ended the process with status %d while it was loaded%s%s",
	                 WEXITSTATUS(status), *line ? ": " : "", line);
	free(line);
	return text;
}

/* It may have left the group that it led. */
static void
scan_kill(const struct scan *s)
{
	kill(s->pid, SIGKILL);
	kill(-s->pid, SIGKILL);
}

/* Read what is there. 0 while more may come; at its end, or when it is too much, the
 * descriptor is closed. */
static void
drain(struct scan *s, int *fd, struct str *into)
{
	char buf[16384];
	ssize_t n;

	while (*fd >= 0 && (n = read(*fd, buf, sizeof buf)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			break;
		str_addn(into, buf, (size_t)n);
		if (into->len > OUTPUT_LIMIT) {
			s->killed = "printed too much while it was loaded";
			scan_kill(s);
			break;
		}
	}
	close_fd(fd);
}

/* The process has ended or must end: reap it and whatever is left of its group. */
static void
scan_end(struct scan *s)
{
	siginfo_t info;
	int status = 0;

	/* Look without reaping first: the group's number is ours as long as its leader is. */
	while (waitid(P_PID, (id_t)s->pid, &info, WEXITED | WNOWAIT) < 0 && errno == EINTR)
		;
	kill(-s->pid, SIGKILL);
	drain(s, &s->out, &s->text);
	drain(s, &s->err, &s->noise);
	while (waitpid(s->pid, &status, 0) < 0 && errno == EINTR)
		;
	if (!s->killed && WIFEXITED(status) && WEXITSTATUS(status) == 0)
		read_stage(s);
	else
		s->job->problem = describe(s, status);
	close_fd(&s->out);
	close_fd(&s->err);
	close_fd(&s->pidfd);
	str_free(&s->text);
	str_free(&s->noise);
	s->pid = 0;
}

/* --- the loop ------------------------------------------------------------------------------ */

static int
has_ended(const struct scan *s)
{
	siginfo_t info = { 0 };

	return waitid(P_PID, (id_t)s->pid, &info, WEXITED | WNOWAIT | WNOHANG) < 0 ||
	       info.si_pid == s->pid;
}

/* Wait until something happens to one of them, and see to it. */
static void
scan_turn(struct scan *scans, size_t count)
{
	struct pollfd fds[PARALLEL * 3];

	for (size_t i = 0; i < count; i++) {
		struct scan *s = &scans[i];
		int all[3] = { s->pidfd, s->out, s->err };

		for (size_t k = 0; k < 3; k++)
			fds[3 * i + k] = (struct pollfd){ s->pid ? all[k] : -1, POLLIN, 0 };
	}
	/* The time limit is for deadlines, and for kernels without pidfds. */
	poll(fds, 3 * count, 100);
	for (size_t i = 0; i < count; i++) {
		struct scan *s = &scans[i];

		if (!s->pid)
			continue;
		drain(s, &s->out, &s->text);
		drain(s, &s->err, &s->noise);
		if (now() > s->deadline && !s->killed) {
			s->killed = "hung on load";
			scan_kill(s);
		}
		if (s->killed || has_ended(s))
			scan_end(s);
	}
}

void
plugins_scan(const char *host, struct scan_job *jobs, size_t count, double patience)
{
	struct scan scans[PARALLEL] = { 0 };
	size_t next = 0, running;

	do {
		running = 0;
		for (size_t i = 0; i < PARALLEL; i++) {
			while (!scans[i].pid && next < count)
				scan_start(&scans[i], &jobs[next++], host, patience);
			running += scans[i].pid != 0;
		}
		if (running)
			scan_turn(scans, PARALLEL);
	} while (running);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Spawning by clone(VM|VFORK) and sweeping up descendants by /proc. */
#include "exec/proc.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/close_range.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

extern char **environ;

enum { CHILD_STACK = 64 * 1024 };

/* --- spawning --------------------------------------------------------------------- */

/* Shared with the child, which runs in our memory until exec. */
struct birth {
	const struct proc_spec *spec;
	pid_t parent;
	int error;
};

__attribute__((no_sanitize("address"))) static int
child_descriptors(const struct proc_spec *s)
{
	unsigned first = 3;

	for (size_t i = 0; i < s->fd_count; i++) {
		int from = s->fds[i].from, to = s->fds[i].to;

		if (from == to ? fcntl(from, F_SETFD, 0) < 0 : dup2(from, to) < 0)
			return -1;
		if ((unsigned)to >= first)
			first = (unsigned)to + 1;
	}
	/* What a library opened without O_CLOEXEC is not the program's. */
	syscall(SYS_close_range, first, ~0u, CLOSE_RANGE_CLOEXEC);
	return 0;
}

/* Runs in the child, on a stack of its own, with all signals blocked. A sanitizer would
 * mark that stack and never see it unwound. */
__attribute__((no_sanitize("address"))) static int
child_main(void *arg)
{
	struct birth *b = arg;
	const struct proc_spec *s = b->spec;
	sigset_t none;

	setpgid(0, 0);
	if (s->death_signal) {
		prctl(PR_SET_PDEATHSIG, s->death_signal);
		/* The parent died before the line above: nobody would tell us. */
		if (getppid() != b->parent)
			return 127;
	}
	if (child_descriptors(s) < 0 || (s->dir && chdir(s->dir) < 0))
		goto failed;
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(s->path, s->argv, s->env);
failed:
	b->error = errno;
	return 127;
}

pid_t
proc_spawn(const struct proc_spec *spec)
{
	struct birth b = {spec, getpid(), 0};
	sigset_t all, old;
	pid_t pid;
	/* We sleep until the child is done with it; mapping one costs half a spawn. */
	_Alignas(64) char stack[CHILD_STACK];

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pid = clone(child_main, stack + CHILD_STACK, CLONE_VM | CLONE_VFORK | SIGCHLD,
		    &b);
	if (pid < 0)
		b.error = errno;
	else if (b.error)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (!b.error)
		return pid;
	errno = b.error;
	return -1;
}

char **
proc_environ(const char *const *extra)
{
	size_t n = 0, m = 0, count = 0;
	char **env;

	while (environ[n])
		n++;
	while (extra && extra[m])
		m++;
	env = xcalloc(n + m + 1, sizeof(*env));
	for (size_t i = 0; i < n; i++) {
		size_t len = strcspn(environ[i], "="), k = 0;

		while (k < m && !(strncmp(environ[i], extra[k], len) == 0 &&
				  (extra[k][len] == '=' || !extra[k][len])))
			k++;
		if (k == m)
			env[count++] = environ[i];
	}
	for (size_t k = 0; k < m; k++)
		if (strchr(extra[k], '='))
			env[count++] = (char *)(uintptr_t)extra[k];
	return env;
}

int
proc_pidfd(pid_t pid)
{
	return (int)syscall(SYS_pidfd_open, pid, 0);
}

int
proc_fd_high(int fd, int least)
{
	int high = -1, saved;

	for (; high < 0 && least >= 3; least /= 2)
		high = fcntl(fd, F_DUPFD_CLOEXEC, least);
	saved = errno;
	close(fd);
	errno = saved;
	return high;
}

/* --- children --------------------------------------------------------------------- */

struct pids {
	pid_t *v;
	size_t count, cap;
};

static void
pids_add(struct pids *l, pid_t pid)
{
	GROW(l->v, l->count, l->cap);
	l->v[l->count++] = pid;
}

/* Add the numbers of one children file. 0, or -1 if it cannot be read. */
static int
add_children_file(struct pids *l, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC), in_number = 0;
	char buf[4096];
	ssize_t n;
	pid_t pid = 0;

	if (fd < 0)
		return -1;
	while ((n = read(fd, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++) {
			if (isdigit((unsigned char)buf[i])) {
				pid = pid * 10 + (buf[i] - '0');
				in_number = 1;
			} else if (in_number) {
				pids_add(l, pid);
				pid = in_number = 0;
			}
		}
	if (in_number)
		pids_add(l, pid);
	close(fd);
	return 0;
}

pid_t
proc_parent(pid_t pid)
{
	char path[64], buf[512];
	const char *p;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	n = read(fd, buf, sizeof(buf) - 1);
	close(fd);
	buf[n > 0 ? n : 0] = '\0';
	/* The name may hold blanks and brackets: what counts comes after the last
	 * one. */
	p = strrchr(buf, ')');
	return p && p[1] && p[2] ? (pid_t)strtol(p + 3, NULL, 10) : 0;
}

/* For kernels without the children files. */
static void
add_children_by_parent(struct pids *l, pid_t pid)
{
	DIR *d = opendir("/proc");
	struct dirent *de;

	while (d && (de = readdir(d))) {
		pid_t other = (pid_t)strtol(de->d_name, NULL, 10);

		if (other > 0 && proc_parent(other) == pid)
			pids_add(l, other);
	}
	if (d)
		closedir(d);
}

static void
list_children(struct pids *l, pid_t pid)
{
	char path[300];
	struct dirent *de;
	int unreadable = 0;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	d = opendir(path);
	while (d && (de = readdir(d))) {
		if (de->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "/proc/%d/task/%s/children", (int)pid,
			 de->d_name);
		/* A thread that ended meanwhile handed its children to another one. */
		if (add_children_file(l, path) < 0 && errno == ENOENT)
			unreadable = 1;
	}
	if (d)
		closedir(d);
	if (!d || (unreadable && l->count == 0))
		add_children_by_parent(l, pid);
}

size_t
proc_children(pid_t pid, void (*fn)(void *arg, pid_t child), void *arg)
{
	struct pids l = {0};
	size_t n;

	list_children(&l, pid);
	for (size_t i = 0; i < l.count; i++)
		fn(arg, l.v[i]);
	n = l.count;
	free(l.v);
	return n;
}

/* --- the sweep -------------------------------------------------------------------- */

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Kill and reap every unwanted child once; how many are not reaped yet. */
static size_t
sweep_round(int (*keep)(void *arg, pid_t child), void *arg)
{
	struct pids l = {0};
	size_t left = 0;

	list_children(&l, getpid());
	for (size_t i = 0; i < l.count; i++) {
		if (keep && keep(arg, l.v[i]))
			continue;
		kill(l.v[i], SIGKILL);
		/* Its own children arrive here when it has died: look again. */
		left++;
		waitpid(l.v[i], NULL, WNOHANG);
	}
	free(l.v);
	return left;
}

static int
has_no_child(void)
{
	siginfo_t si;

	return waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) < 0 &&
	       errno == ECHILD;
}

size_t
proc_sweep(int (*keep)(void *arg, pid_t child), void *arg, double patience)
{
	double until = now() + patience;
	struct timespec pause = {0, 200 * 1000};
	size_t left;

	/* No child at all, and so no descendant: the common case costs one call. */
	if (has_no_child())
		return 0;
	for (;;) {
		left = sweep_round(keep, arg);
		/* A list that is read while children end may lack some. */
		if (left == 0 && !keep && !has_no_child())
			left = 1;
		if (left == 0 || now() >= until)
			break;
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < 20 * 1000 * 1000)
			pause.tv_nsec *= 2;
	}
	return left;
}

int
proc_has_mark(pid_t pid, const char *mark)
{
	char path[64], *text;
	size_t len = 0;
	int found = 0;

	snprintf(path, sizeof(path), "/proc/%d/environ", (int)pid);
	text = fs_read_file(path, 0, &len, NULL);
	for (size_t i = 0; text && !found && i < len; i += strlen(text + i) + 1)
		found = strcmp(text + i, mark) == 0;
	free(text);
	return found;
}

int
proc_subreaper(void)
{
	return prctl(PR_SET_CHILD_SUBREAPER, 1);
}

void
proc_prompt(void)
{
	enum { RESET_ON_FORK = 1, SHORTEST = 100 * 1000 /* nanoseconds */ };
	/* The kernel's struct sched_attr; its header and the C library's clash. */
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} a = {0};

	/* The flag would take a priority from the children that was meant for them. */
	if (syscall(SYS_sched_getattr, 0, &a, sizeof(a), 0) < 0 || a.nice < 0 ||
	    (a.policy != SCHED_OTHER && a.policy != SCHED_BATCH))
		return;
	a.flags = RESET_ON_FORK;
	a.runtime = SHORTEST;
	syscall(SYS_sched_setattr, 0, &a, 0);
}

const char *
proc_signal_name(int signo, char *buf)
{
	const char *name = sigabbrev_np(signo);

	if (name)
		snprintf(buf, 24, "SIG%s", name);
	else
		snprintf(buf, 24, "signal %d", signo);
	return buf;
}

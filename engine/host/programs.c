/* SPDX-License-Identifier: Apache-2.0 */
/* Running programs for plugins, and the table of children that somebody waits for. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fs.h"
#include "exec/proc.h"
#include "host/host.h"

extern char **environ;

/* --- children --------------------------------------------------------------------- */

static struct child *
find_child(struct host *h, pid_t pid)
{
	for (size_t i = 0; i < HOST_CHILDREN; i++)
		if (h->children[i].pid == pid)
			return &h->children[i];
	return NULL;
}

pid_t
child_spawn(struct host *h, const struct proc_spec *spec, int is_worker)
{
	struct child *c;
	pid_t pid;
	int saved;

	pthread_mutex_lock(&h->lock);
	/* Nobody would end what is born during the last sweep, or has no place. */
	if (atomic_load(&h->ending) || !find_child(h, 0)) {
		pthread_mutex_unlock(&h->lock);
		errno = EAGAIN;
		return -1;
	}
	h->is_spawning = 1;
	pthread_mutex_unlock(&h->lock);
	pid = proc_spawn(spec);
	saved = errno;
	pthread_mutex_lock(&h->lock);
	h->is_spawning = 0;
	if (pid > 0 && (c = find_child(h, 0)))
		*c = (struct child){.pid = pid, .is_worker = is_worker};
	/* Cancelled between the decision to spawn and here: nobody else will tell
	 * it. */
	if (pid > 0 && atomic_load(&h->cancelled))
		kill(-pid, SIGTERM);
	pthread_mutex_unlock(&h->lock);
	errno = saved;
	return pid;
}

/* Reap a registered child that has ended. Its group is killed while its pid is still
 * taken, so that the number cannot mean somebody else. */
static int
reap_child(struct child *c)
{
	pid_t rc;

	if (c->is_reaped)
		return 0;
	kill(-c->pid, SIGKILL);
	while ((rc = wait4(c->pid, &c->status, 0, &c->usage)) < 0 && errno == EINTR)
		;
	c->is_reaped = rc > 0;
	return rc > 0 ? 0 : -1;
}

int
child_wait(struct host *h, pid_t pid, int *status, struct rusage *usage)
{
	struct child *c;
	siginfo_t si;
	int rc = -1, is_there;

	while ((is_there = waitid(P_PID, (id_t)pid, &si, WEXITED | WNOWAIT)) < 0 &&
	       errno == EINTR)
		;
	pthread_mutex_lock(&h->lock);
	c = find_child(h, pid);
	/* Taken by the last sweep, its number may be another's by now. */
	if (c && (is_there == 0 || c->is_reaped) && (rc = reap_child(c)) == 0) {
		*status = c->status;
		*usage = c->usage;
	}
	if (c)
		c->pid = 0;
	pthread_mutex_unlock(&h->lock);
	return rc;
}

void
children_signal(struct host *h, int signo)
{
	pthread_mutex_lock(&h->lock);
	for (size_t i = 0; i < HOST_CHILDREN; i++)
		if (h->children[i].pid && !h->children[i].is_reaped) {
			kill(-h->children[i].pid, signo);
			/* A stopped program would not hear it. */
			kill(-h->children[i].pid, SIGCONT);
		}
	pthread_mutex_unlock(&h->lock);
}

/* Is the plugin thread waiting for a program? */
static int
awaits_program(const struct host *h)
{
	for (size_t i = 0; i < HOST_CHILDREN; i++)
		if (h->children[i].pid && !h->children[i].is_worker)
			return 1;
	return 0;
}

void
children_reap(struct host *h)
{
	pthread_mutex_lock(&h->lock);
	/* While the plugin's own code runs, an unknown child may be one that a library
	 * forked and waits for. One that is being born is not in the table yet. */
	while (!h->is_spawning && awaits_program(h)) {
		siginfo_t si = {0};
		struct child *c;

		if (waitid(P_ALL, 0, &si, WEXITED | WNOHANG | WNOWAIT) < 0 ||
		    si.si_pid == 0)
			break;
		c = find_child(h, si.si_pid);
		if (!c && si.si_code == CLD_KILLED && si.si_status == SIGKILL)
			atomic_store(&h->saw_kill, 1);
		if (c ? reap_child(c) < 0 : waitpid(si.si_pid, NULL, WNOHANG) < 0)
			break;
	}
	pthread_mutex_unlock(&h->lock);
}

static int
is_worker(void *arg, pid_t pid)
{
	struct host *h = arg;
	const struct child *c;
	int rc;

	pthread_mutex_lock(&h->lock);
	c = find_child(h, pid);
	rc = c && c->is_worker;
	pthread_mutex_unlock(&h->lock);
	return rc;
}

void
children_sweep(struct host *h, double patience)
{
	proc_sweep(is_worker, h, patience);
}

/* --- programs --------------------------------------------------------------------- */

const char *
service_find_program(const char *name)
{
	struct host *h = host_self();
	char *path;

	/* Where it is inside a wrapper is not for us to know. */
	if (h->wrap.count)
		return name;
	for (size_t i = 0; i + 1 < h->programs.count; i += 2)
		if (strcmp(h->programs.v[i], name) == 0)
			return h->programs.v[i + 1];
	path = fs_find_program(name);
	if (!path)
		return NULL;
	words_add(&h->programs, name);
	words_add(&h->programs, path);
	free(path);
	return h->programs.v[h->programs.count - 1];
}

/* Open a redirection as a descriptor out of the child's way. -1 with errno. */
static int
open_redirect(af2_task *t, const char *dir, const char *path, int flags)
{
	char *full = path_join(dir, path);
	int fd = open(full, flags | O_CLOEXEC, 0666);

	if (fd < 0)
		t->in_the_way = arena_printf(&t->mem, "cannot open '%s': ", full);
	free(full);
	return fd < 0 ? -1 : proc_fd_high(fd, HOST_FD_BASE);
}

/* The three standard descriptors of a program; -1 in fds[0].from: none opened (0 is
 * /dev/null). 0, or -1 with errno. */
static int
open_redirects(af2_task *t, const af2_program *p, const char *dir,
	       struct proc_fd fds[3], int opened[3])
{
	const struct host *h = t->host;
	const char *paths[3] = {p->stdin_path, p->stdout_path, p->stderr_path};

	for (int i = 0; i < 3; i++) {
		opened[i] = -1;
		fds[i].to = i;
		fds[i].from = i ? h->capture.streams[i - 1].write_fd : 0;
	}
	for (int i = 0; i < 3; i++) {
		if (!paths[i])
			continue;
		opened[i] = open_redirect(t, dir, paths[i],
					  i ? O_WRONLY | O_CREAT | O_TRUNC : O_RDONLY);
		if (opened[i] < 0)
			return -1;
		fds[i].from = opened[i];
	}
	return 0;
}

/* Start it; the pid or -1 with errno. */
static pid_t
start_program(af2_task *t, const af2_program *p)
{
	struct host *h = t->host;
	const char *dir = p->dir;
	struct command command = {0};
	struct error e = {0};
	struct proc_fd fds[3];
	int opened[3], saved;
	char **env = NULL;
	struct proc_spec spec = {.fds = fds, .fd_count = 3, .death_signal = SIGKILL};
	pid_t pid = -1;

	if (command_make(h, p->argv, &command, &e) < 0) {
		if (h->wrap.count)
			t->in_the_way = arena_printf(&t->mem, "%s: ", e.text);
		command_free(&command);
		errno = ENOENT;
		return -1;
	}
	spec.path = command.path;
	spec.argv = (char *const *)(uintptr_t)command.argv;
	if (!p->dir && task_need_work_dir(t) < 0) {
		t->in_the_way = arena_printf(
			&t->mem, "cannot make the work directory '%s': ", t->work_dir);
		saved = errno;
		command_free(&command);
		errno = saved;
		return -1;
	}
	if (!dir)
		dir = t->work_dir;
	spec.dir = dir;
	if (open_redirects(t, p, dir, fds, opened) == 0) {
		env = p->env ? proc_environ(p->env) : NULL;
		spec.env = env ? env : environ;
		pid = child_spawn(h, &spec, 0);
	}
	saved = errno;
	for (int i = 0; i < 3; i++)
		if (opened[i] >= 0)
			close(opened[i]);
	free(env);
	command_free(&command);
	errno = saved;
	return pid;
}

static void
fill_exit(af2_task *t, af2_exit *how, int status, const struct rusage *u)
{
	how->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	how->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	how->cpu_seconds = (double)(u->ru_utime.tv_sec + u->ru_stime.tv_sec) +
			   1e-6 * (double)(u->ru_utime.tv_usec + u->ru_stime.tv_usec);
	how->max_rss = (uint64_t)u->ru_maxrss * 1024;
	if (how->max_rss > t->max_rss)
		t->max_rss = how->max_rss;
	t->status = how->status;
	t->signal = how->signal;
}

int
service_run_program(af2_task *t, const af2_program *program, af2_exit *how)
{
	af2_program p = {0};
	af2_exit result = {.struct_size = how->struct_size, .status = -1};
	size_t size =
		how->struct_size < sizeof(result) ? how->struct_size : sizeof(result);
	struct host *h = t->host;
	struct rusage usage;
	double start = host_now();
	int status, rc = -1;
	pid_t pid;

	memcpy(&p, program,
	       program->struct_size < sizeof(p) ? program->struct_size : sizeof(p));
	if (!p.argv || !p.argv[0]) {
		result.spawn_errno = EINVAL;
	} else if (!atomic_load(&h->cancelled) && !atomic_load(&h->ending)) {
		t->in_the_way = NULL;
		capture_mark(&h->capture);
		pid = start_program(t, &p);
		if (pid < 0) {
			result.spawn_errno = errno;
		} else {
			if (child_wait(h, pid, &status, &usage) == 0) {
				fill_exit(t, &result, status, &usage);
				rc = atomic_load(&h->cancelled) ? -1 : 0;
			}
			capture_tail(&h->capture, result.stderr_tail,
				     sizeof(result.stderr_tail));
		}
	}
	result.seconds = host_now() - start;
	memcpy(how, &result, size);
	return rc;
}

af2_outcome
service_check_exit(af2_task *t, const af2_exit *how, const char *what)
{
	const char *line = last_line(how->stderr_tail), *colon = *line ? ": " : "";
	struct verdict *v = &t->verdict;
	char name[24];

	if (how->spawn_errno)
		verdict_set(v, AF2_FAIL, AF2_CLASS_SPAWN, "cannot start '%s': %s%s", what,
			    t->in_the_way ? t->in_the_way : "",
			    strerror(how->spawn_errno));
	else if ((how->signal || how->status > 0) && oom_said(how->stderr_tail))
		verdict_set(v, AF2_FAIL, AF2_CLASS_MEMORY, "'%s' ran out of memory%s%s",
			    what, colon, line);
	else if (how->signal)
		verdict_set(v, AF2_FAIL, AF2_CLASS_SIGNAL, "'%s' was killed by %s%s%s",
			    what, proc_signal_name(how->signal, name), colon, line);
	else if (how->status > 0)
		verdict_set(v, AF2_FAIL, AF2_CLASS_EXIT,
			    "'%s' ended with status %d%s%s", what, how->status, colon,
			    line);
	else if (how->status < 0)
		verdict_set(v, AF2_FAIL, AF2_CLASS_CANCELLED,
			    "'%s' was not run to its end", what);
	else
		return AF2_OK;
	t->status = how->status;
	t->signal = how->signal;
	return AF2_FAIL;
}

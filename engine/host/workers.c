/* SPDX-License-Identifier: Apache-2.0 */
/* Workers: programs that live as long as the host and answer framed requests.
 * Requests go to the worker's descriptor 3, replies come from its 4. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "base/fs.h"
#include "exec/proc.h"
#include "host/host.h"

/* Seconds that a worker which closed its end may take to die. */
static const double DEATH_PATIENCE = 1;

/* --- judging ---------------------------------------------------------------------- */

/* Wait until it has ended, at most `seconds`. 1 if it has. */
static int
wait_dead(const af2_process *p, double seconds)
{
	double until = host_now() + seconds;
	int is_dead;

	while (!(is_dead = worker_is_dead(p)) && host_now() < until)
		usleep(2000);
	return is_dead;
}

/* The worker is gone, or ends now: how it died, as a verdict. */
static void
judge_death(af2_process *p, struct verdict *v, struct death *death)
{
	struct host *h = p->host;
	struct rusage usage = {0};
	const char *line, *colon;
	char tail[512], name[24];
	int status = 0;

	if (p->pid == 0) {
		verdict_set(v, AF2_FAIL, AF2_CLASS_EXIT, "worker '%s' has ended before",
			    p->name);
		return;
	}
	/* It closed its end: if that was not by dying, it is no use any more. */
	if (!wait_dead(p, DEATH_PATIENCE)) {
		kill(-p->pid, SIGKILL);
		h->killed_worker = 1;
	}
	if (child_wait(h, p->pid, &status, &usage) < 0)
		status = SIGKILL;
	p->pid = 0;
	capture_tail(&h->capture, tail, sizeof(tail));
	line = last_line(tail);
	colon = *line ? ": " : "";
	death->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	death->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	death->max_rss = (uint64_t)usage.ru_maxrss * 1024;
	if (oom_said(tail)) {
		verdict_set(v, AF2_FAIL, AF2_CLASS_MEMORY,
			    "worker '%s' ran out of memory%s%s", p->name, colon, line);
	} else if (WIFSIGNALED(status)) {
		verdict_set(v, AF2_FAIL, AF2_CLASS_SIGNAL,
			    "worker '%s' was killed by %s%s%s", p->name,
			    proc_signal_name(WTERMSIG(status), name), colon, line);
	} else {
		verdict_set(v, AF2_FAIL, AF2_CLASS_EXIT,
			    "worker '%s' ended with status %d%s%s", p->name,
			    WEXITSTATUS(status), colon, line);
	}
}

/* What a reply (or greeting) says, as a verdict. */
static void
judge_reply(const af2_process *p, const js *reply, const char *good, struct verdict *v)
{
	const char *cls = js_get_text(reply, "fail", NULL);
	const char *skip = js_get_text(reply, "skip", NULL);
	int c = cls ? class_parse(cls) : -1;

	if (cls && c > AF2_CLASS_NONE)
		verdict_set(v, AF2_FAIL, c, "%s",
			    js_get_text(reply, "message", "the worker gave no reason"));
	else if (cls)
		verdict_set(v, AF2_FAIL, AF2_CLASS_PLUGIN_CRASH,
			    "worker '%s' failed with the unknown class '%s': %s",
			    p->name, cls, js_get_text(reply, "message", ""));
	else if (skip)
		verdict_set(v, AF2_SKIP, AF2_CLASS_NONE, "%s", skip);
	else if (!js_get_bool(reply, good, 0))
		verdict_set(v, AF2_FAIL, AF2_CLASS_PLUGIN_CRASH,
			    "bad reply of worker '%s': none of %s, fail, skip", p->name,
			    good);
}

static void
judge_bad(const af2_process *p, const struct error *e, struct verdict *v)
{
	verdict_set(v, AF2_FAIL, AF2_CLASS_PLUGIN_CRASH, "bad reply of worker '%s': %s",
		    p->name, error_is_set(e) ? e->text : "not a JSON object");
}

/* --- starting --------------------------------------------------------------------- */

static int
high_pipe(int fds[2])
{
	if (pipe2(fds, O_CLOEXEC) < 0)
		return -1;
	fds[0] = proc_fd_high(fds[0], HOST_FD_BASE);
	fds[1] = proc_fd_high(fds[1], HOST_FD_BASE);
	return fds[0] < 0 || fds[1] < 0 ? -1 : 0;
}

static pid_t
spawn_worker(struct host *h, const char *path, const char *const *argv,
	     const char *const *env, int request, int reply)
{
	const struct proc_fd fds[] = {{0, 0},
				      {h->capture.streams[0].write_fd, 1},
				      {h->capture.streams[1].write_fd, 2},
				      {request, 3},
				      {reply, 4}};
	char **merged = proc_environ(env);
	struct proc_spec spec = {.path = path,
				 .argv = (char *const *)(uintptr_t)argv,
				 .env = merged,
				 .fds = fds,
				 .fd_count = 5,
				 .death_signal = SIGKILL};
	pid_t pid = child_spawn(h, &spec, 1);
	int saved = errno;

	free(merged);
	errno = saved;
	return pid;
}

static void
set_nonblocking(int fd)
{
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
}

/* Read the greeting. 0, or -1 with *v filled in. */
static int
greet(af2_process *p, struct verdict *v)
{
	struct error e = {0};
	js *greeting = NULL;

	switch (worker_receive(p, &greeting, &e)) {
	case TALK_OK:
		judge_reply(p, greeting, "ready", v);
		break;
	case TALK_DIED:
		judge_death(p, v, &p->host->setup_death);
		break;
	case TALK_BAD:
		judge_bad(p, &e, v);
		break;
	}
	js_free(greeting);
	if (v->outcome == AF2_SKIP)
		v->outcome = AF2_FAIL, v->cls = AF2_CLASS_PERMANENT;
	return v->outcome == AF2_OK ? 0 : -1;
}

af2_process *
service_start_worker(af2_worker *w, const char *const *argv, const char *const *env)
{
	struct host *h = w->host;
	int request[2] = {-1, -1}, reply[2] = {-1, -1};
	struct command command = {0};
	struct error e = {0};
	af2_process *p = xcalloc(1, sizeof(*p));

	capture_mark(&h->capture);
	errno = ENOENT;
	p->pid = -1;
	if (argv && argv[0] && command_make(h, argv, &command, &e) == 0 &&
	    high_pipe(request) == 0 && high_pipe(reply) == 0)
		p->pid = spawn_worker(h, command.path, command.argv, env, request[0],
				      reply[1]);
	if (p->pid < 0)
		error_set(&e, "%s", strerror(errno));
	command_free(&command);
	if (p->pid < 0) {
		verdict_set(&w->verdict, AF2_FAIL, AF2_CLASS_SPAWN,
			    "cannot start '%s': %s", argv && argv[0] ? argv[0] : "",
			    e.text);
		for (int i = 0; i < 2; i++) {
			close(request[i]);
			close(reply[i]);
		}
		free(p);
		return NULL;
	}
	close(request[0]);
	close(reply[1]);
	p->host = h;
	p->request_fd = request[1];
	p->reply_fd = reply[0];
	set_nonblocking(p->request_fd);
	set_nonblocking(p->reply_fd);
	p->pidfd = proc_fd_high(proc_pidfd(p->pid), HOST_FD_BASE);
	p->name = xstrdup(path_base(argv[0]));
	p->next = h->processes;
	h->processes = p;
	return greet(p, &w->verdict) == 0 ? p : NULL;
}

/* --- calling ---------------------------------------------------------------------- */

static js *
args_object(const char *const *args)
{
	js *object = js_object();

	for (size_t i = 0; args && args[i] && args[i + 1]; i += 2) {
		size_t n = strlen(args[i]);
		char *key;

		if (n < 2 || strcmp(args[i] + n - 2, "[]") != 0) {
			js_set_text(object, args[i], args[i + 1]);
			continue;
		}
		key = xstrndup(args[i], n - 2);
		if (!js_get(object, key))
			js_set(object, key, js_array());
		js_push(js_get(object, key), js_text(args[i + 1]));
		free(key);
	}
	return object;
}

static js *
make_request(af2_task *t, const char *method, const char *const *args)
{
	js *request = js_object();

	js_set_text(request, "method", method);
	js_set(request, "args", args_object(args));
	js_set_int(request, "cpus", t->cpus);
	js_set_int(request, "gpus", t->gpus);
	js_set_text(request, "work_dir", t->work_dir);
	return request;
}

/* Copy values or measures of a reply: numbers as numbers, the rest as text. */
static void
record(js **into, const js *from)
{
	void *it = NULL;
	const char *key;
	const js *v;

	while (js_is_object(from) && (v = js_next(from, &it, &key))) {
		char *dump;

		if (js_is_number(v)) {
			record_number(into, key, js_as_real(v, 0));
			continue;
		}
		if (!*into)
			*into = js_object();
		if (js_is_text(v)) {
			js_set_text(*into, key, js_as_text(v, ""));
			continue;
		}
		dump = js_dump(v, 1);
		js_set_text(*into, key, dump);
		free(dump);
	}
}

static void
log_lines(af2_task *t, const js *lines, af2_level level)
{
	for (size_t i = 0; js_is_array(lines) && i < js_count(lines); i++)
		host_log(t->host, level, js_as_text(js_at(lines, i), ""));
}

static void
record_reply(af2_task *t, const js *reply)
{
	record(&t->values, js_get(reply, "values"));
	record(&t->measures, js_get(reply, "measures"));
	log_lines(t, js_get(reply, "log"), AF2_INFO);
	log_lines(t, js_get(reply, "warnings"), AF2_WARN);
}

/* CPU seconds and largest size of a live worker, for the task it worked for. */
static void
measure_worker(af2_task *t, af2_process *p)
{
	char path[64], *text, *at;
	unsigned long user = 0, sys = 0;
	double cpu;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)p->pid);
	text = fs_read_file(path, 0, NULL, NULL);
	at = text ? strrchr(text, ')') : NULL;
	if (at && sscanf(at + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu",
			 &user, &sys) == 2) {
		cpu = (double)(user + sys) / (double)sysconf(_SC_CLK_TCK);
		t->worker_cpu += cpu - p->cpu;
		p->cpu = cpu;
	}
	free(text);
	snprintf(path, sizeof(path), "/proc/%d/status", (int)p->pid);
	text = fs_read_file(path, 0, NULL, NULL);
	at = text ? strstr(text, "\nVmHWM:") : NULL;
	if (at) {
		uint64_t bytes = strtoull(at + 7, NULL, 10) * 1024;

		if (bytes > t->max_rss)
			t->max_rss = bytes;
	}
	free(text);
}

void
task_note_death(af2_task *t, const struct death *death)
{
	t->status = death->status;
	t->signal = death->signal;
	if (death->max_rss > t->max_rss)
		t->max_rss = death->max_rss;
}

/* Send, read, judge into *v. */
static void
exchange(af2_task *t, af2_process *p, js *request, struct verdict *v)
{
	struct death death = {.status = -1};
	struct error e = {0};
	js *reply = NULL;
	enum talk rc = p->pid > 0 ? TALK_OK : TALK_DIED;

	if (rc == TALK_OK) {
		rc = worker_send(p, request);
		/* A worker that failed on its own may have said why before it
		 * closed. */
		if (rc == TALK_OK)
			rc = worker_receive(p, &reply, &e);
	}
	if (rc == TALK_DIED) {
		judge_death(p, v, &death);
		task_note_death(t, &death);
	} else if (rc == TALK_BAD) {
		judge_bad(p, &e, v);
	} else {
		record_reply(t, reply);
		judge_reply(p, reply, "ok", v);
		measure_worker(t, p);
	}
	js_free(reply);
}

af2_outcome
service_call(af2_task *t, af2_process *p, const char *method, const char *const *args)
{
	struct verdict v = {0};
	js *request;

	if (!p) {
		verdict_set(&t->verdict, AF2_FAIL, AF2_CLASS_PERMANENT,
			    "no worker was started for '%s'", method);
		return AF2_FAIL;
	}
	if (task_need_work_dir(t) < 0) {
		verdict_set(&t->verdict, AF2_FAIL, AF2_CLASS_TRANSIENT,
			    "cannot make the work directory '%s': %m", t->work_dir);
		return AF2_FAIL;
	}
	request = make_request(t, method, args);
	capture_mark(&t->host->capture);
	exchange(t, p, request, &v);
	js_free(request);
	if (v.outcome != AF2_OK)
		t->verdict = v;
	return (af2_outcome)v.outcome;
}

void
workers_end(struct host *h, double patience)
{
	double until = host_now() + patience;
	af2_process *next;

	for (af2_process *p = h->processes; p; p = p->next)
		close(p->request_fd);
	for (af2_process *p = h->processes; p; p = next) {
		next = p->next;
		if (p->pid > 0)
			wait_dead(p, until - host_now());
		close(p->reply_fd);
		close(p->pidfd);
		free((char *)(uintptr_t)p->name);
		free(p);
	}
	h->processes = NULL;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * Programs and workers of the test host. A program gets a process group of its own and
 * what is left of the group is killed when it has ended. A worker reads requests on
 * descriptor 3 and writes replies on 4: a little-endian uint32 length, then JSON.
 */
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "harness_internal.h"

extern char **environ;

static char **
merged_env(const char *const *extra)
{
	size_t n = 0, m = 0;
	while (environ[n])
		n++;
	while (extra && extra[m])
		m++;
	char **env = calloc(n + m + 1, sizeof(*env));
	size_t count = 0;
	for (size_t i = 0; i < n; i++) {
		size_t length = strcspn(environ[i], "=") + 1;
		int replaced = 0;
		for (size_t k = 0; k < m; k++)
			replaced |= strncmp(environ[i], extra[k], length) == 0;
		if (!replaced)
			env[count++] = environ[i];
	}
	for (size_t k = 0; k < m; k++)
		env[count++] = (char *)(uintptr_t)extra[k];
	return env;
}

struct redirects {
	const char *dir, *stdin_path, *stdout_path, *stderr_path;
	int truncate_out, truncate_err;
	int fd3, fd4; /* -1: closed */
};

static int
spawn(const char *const *argv, const char *const *env, const struct redirects *r,
      pid_t *pid)
{
	posix_spawn_file_actions_t fa;
	posix_spawnattr_t attr;
	posix_spawn_file_actions_init(&fa);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
	posix_spawnattr_setpgroup(&attr, 0);
	sigset_t none;
	sigemptyset(&none);
	posix_spawnattr_setsigmask(&attr, &none);
	int append = O_WRONLY | O_CREAT;
	posix_spawn_file_actions_addchdir_np(&fa, r->dir);
	posix_spawn_file_actions_addopen(&fa, 0, r->stdin_path, O_RDONLY, 0);
	posix_spawn_file_actions_addopen(
		&fa, 1, r->stdout_path, append | (r->truncate_out ? O_TRUNC : O_APPEND),
		0666);
	posix_spawn_file_actions_addopen(
		&fa, 2, r->stderr_path, append | (r->truncate_err ? O_TRUNC : O_APPEND),
		0666);
	if (r->fd3 >= 0) {
		posix_spawn_file_actions_adddup2(&fa, r->fd3, 3);
		posix_spawn_file_actions_adddup2(&fa, r->fd4, 4);
	}
	char **environment = merged_env(env);
	int rc = posix_spawnp(pid, argv[0], &fa, &attr, (char *const *)(uintptr_t)argv,
			      environment);
	free(environment);
	posix_spawn_file_actions_destroy(&fa);
	posix_spawnattr_destroy(&attr);
	return rc;
}

/* Last lines of what was appended to `path` behind `from`. */
static void
read_tail(const char *path, off_t from, char *tail, size_t size)
{
	tail[0] = '\0';
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	off_t end = lseek(fd, 0, SEEK_END);
	if (end - from > (off_t)size - 1)
		from = end - ((off_t)size - 1);
	ssize_t n = pread(fd, tail, size - 1, from);
	close(fd);
	if (n < 0)
		n = 0;
	while (n > 0 && (tail[n - 1] == '\n' || tail[n - 1] == '\r'))
		n--;
	tail[n] = '\0';
}

/* Wait for pid; kill its group when the task is cancelled. 1: cancelled. */
static int
wait_or_cancel(struct harness *h, pid_t pid, int *status, struct rusage *usage)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0), cancelled = 0;
	struct pollfd p = {.fd = fd, .events = POLLIN};
	while (fd >= 0 && h->cancel_at > 0 && !cancelled) {
		double left = h->cancel_at - harness_now();
		int rc = poll(&p, 1, left > 0 ? (int)(left * 1000) + 1 : 0);
		if (rc > 0)
			break;
		cancelled = rc == 0 && harness_now() >= h->cancel_at;
	}
	if (fd >= 0)
		close(fd);
	if (cancelled)
		kill(-pid, SIGKILL);
	while (wait4(pid, status, 0, usage) < 0 && errno == EINTR)
		;
	kill(-pid, SIGKILL);
	return cancelled;
}

static void
remember_command_line(struct harness *h, const char *const *argv)
{
	size_t size = 1;
	for (size_t i = 0; argv[i]; i++)
		size += strlen(argv[i]) + 1;
	h->command_line = realloc(h->command_line, size);
	h->command_line[0] = '\0';
	for (size_t i = 0; argv[i]; i++) {
		if (i)
			strcat(h->command_line, " ");
		strcat(h->command_line, argv[i]);
	}
}

int
harness_run_program(af2_task *task, const af2_program *program, af2_exit *how)
{
	struct harness *h = task->owner;
	if (program->struct_size != sizeof(*program) ||
	    how->struct_size != sizeof(*how))
		harness_die("run_program: struct_size is not set");
	uint32_t size = how->struct_size;
	memset(how, 0, sizeof(*how));
	how->struct_size = size;
	how->status = -1;
	remember_command_line(h, program->argv);
	h->program_count++;
	struct redirects r = {
		.dir = program->dir ? program->dir : h->work,
		.stdin_path = program->stdin_path ? program->stdin_path : "/dev/null",
		.stdout_path =
			program->stdout_path ? program->stdout_path : h->stdout_path,
		.stderr_path =
			program->stderr_path ? program->stderr_path : h->stderr_path,
		.truncate_out = program->stdout_path != NULL,
		.truncate_err = program->stderr_path != NULL,
		.fd3 = -1,
		.fd4 = -1,
	};
	struct stat before = {0};
	if (stat(h->stderr_path, &before) != 0)
		before.st_size = 0;
	double start = harness_now();
	pid_t pid;
	how->spawn_errno = spawn(program->argv, program->env, &r, &pid);
	if (how->spawn_errno != 0)
		return -1;
	int status = 0;
	struct rusage usage;
	int cancelled = wait_or_cancel(h, pid, &status, &usage);
	how->seconds = harness_now() - start;
	how->cpu_seconds =
		(double)(usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) +
		1e-6 * (double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec);
	how->max_rss = (uint64_t)usage.ru_maxrss * 1024;
	how->status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	how->signal = WIFSIGNALED(status) ? WTERMSIG(status) : 0;
	if (!program->stderr_path)
		read_tail(h->stderr_path, before.st_size, how->stderr_tail,
			  sizeof(how->stderr_tail));
	return cancelled ? -1 : 0;
}

af2_outcome
harness_check_exit(af2_task *task, const af2_exit *how, const char *what)
{
	char text[1024];
	const char *line = strrchr(how->stderr_tail, '\n');
	line = line ? line + 1 : how->stderr_tail;
	const char *colon = *line ? ": " : "";
	af2_class cls;
	if (how->spawn_errno) {
		cls = AF2_CLASS_SPAWN;
		snprintf(text, sizeof(text), "cannot start '%s': %s", what,
			 strerror(how->spawn_errno));
	} else if (how->signal) {
		cls = AF2_CLASS_SIGNAL;
		snprintf(text, sizeof(text), "'%s' was killed by signal %d%s%s", what,
			 how->signal, colon, line);
	} else if (how->status != 0) {
		cls = AF2_CLASS_EXIT;
		snprintf(text, sizeof(text), "'%s' ended with status %d%s%s", what,
			 how->status, colon, line);
	} else {
		return AF2_OK;
	}
	return harness_fail(task->owner, AF2_FAIL, cls, text);
}

const char *
harness_find_program(const char *name)
{
	struct harness *h = harness_current();
	if (strchr(name, '/'))
		return access(name, X_OK) == 0 ? harness_path(h, "%s", name) : NULL;
	const char *path = getenv("PATH");
	for (const char *p = path ? path : "/usr/bin:/bin"; *p;) {
		size_t n = strcspn(p, ":");
		const char *full = harness_path(h, "%.*s/%s", (int)n, p, name);
		if (access(full, X_OK) == 0)
			return full;
		p += n + (p[n] == ':');
	}
	return NULL;
}

static int
move_all(int fd, void *data, size_t size, int is_write)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = is_write ? write(fd, (char *)data + done, size - done)
				     : read(fd, (char *)data + done, size - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return -1;
		done += (size_t)n;
	}
	return 0;
}

static json_t *
read_frame(int fd)
{
	unsigned char head[4];
	if (move_all(fd, head, 4, 0) != 0)
		return NULL;
	size_t size = (size_t)head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 |
		      (size_t)head[3] << 24;
	char *text = size < (64u << 20) ? malloc(size) : NULL;
	json_t *reply = NULL;
	if (text && move_all(fd, text, size, 0) == 0)
		reply = json_loadb(text, size, 0, NULL);
	free(text);
	return reply;
}

static int
write_frame(int fd, json_t *message)
{
	char *text = json_dumps(message, JSON_COMPACT);
	size_t size = strlen(text);
	unsigned char head[4] = {(unsigned char)size, (unsigned char)(size >> 8),
				 (unsigned char)(size >> 16),
				 (unsigned char)(size >> 24)};
	int rc = move_all(fd, head, 4, 1) == 0 ? move_all(fd, text, size, 1) : -1;
	free(text);
	return rc;
}

void
harness_end_worker(struct af2_process *process)
{
	close(process->requests);
	close(process->replies);
	/* A worker ends by itself at end of file; one that does not is killed. */
	int status, rc = 0;
	for (int i = 0; i < 300 && rc == 0; i++) {
		rc = waitpid(process->pid, &status, WNOHANG);
		if (rc == 0)
			usleep(10000);
	}
	kill(-process->pid, SIGKILL);
	if (rc == 0)
		waitpid(process->pid, &status, 0);
	free(process);
}

/* The outcome that a reply or greeting stands for; NULL: the worker died. */
static af2_outcome
judge(struct harness *h, struct af2_process *process, json_t *reply)
{
	char text[256];
	if (!reply) {
		int status = 0;
		kill(-process->pid, SIGKILL);
		pid_t pid = waitpid(process->pid, &status, 0);
		int sig = pid > 0 && WIFSIGNALED(status) ? WTERMSIG(status) : 0;
		snprintf(text, sizeof(text), "the worker died (%s %d)",
			 sig ? "signal" : "status", sig ? sig : WEXITSTATUS(status));
		return harness_fail(h, AF2_FAIL,
				    sig ? AF2_CLASS_SIGNAL : AF2_CLASS_EXIT, text);
	}
	const char *cls = json_string_value(json_object_get(reply, "fail"));
	const char *skip = json_string_value(json_object_get(reply, "skip"));
	const char *message = json_string_value(json_object_get(reply, "message"));
	if (cls)
		return harness_fail(h, AF2_FAIL, harness_class_of(cls),
				    message ? message : "");
	if (skip)
		return harness_fail(h, AF2_SKIP, AF2_CLASS_NONE, skip);
	if (json_is_true(json_object_get(reply, "ok")) ||
	    json_is_true(json_object_get(reply, "ready")))
		return AF2_OK;
	return harness_fail(h, AF2_FAIL, AF2_CLASS_PLUGIN_CRASH,
			    "the worker's reply has no ok, fail, skip or ready");
}

af2_process *
harness_start_worker(af2_worker *worker, const char *const *argv,
		     const char *const *env)
{
	struct harness *h = worker->owner;
	int down[2], up[2], high[4];
	if (h->process_count == 8 || pipe2(down, O_CLOEXEC) || pipe2(up, O_CLOEXEC))
		harness_die("start_worker: pipes: %s", strerror(errno));
	int ends[4] = {down[0], down[1], up[0], up[1]};
	/* Above 3 and 4, or one dup2 in the child could overwrite the other's source.
	 */
	for (int i = 0; i < 4; i++) {
		high[i] = fcntl(ends[i], F_DUPFD_CLOEXEC, 10);
		close(ends[i]);
	}
	struct redirects r = {.dir = h->work,
			      .stdin_path = "/dev/null",
			      .stdout_path = h->stdout_path,
			      .stderr_path = h->stderr_path,
			      .fd3 = high[0],
			      .fd4 = high[3]};
	struct af2_process *process = calloc(1, sizeof(*process));
	process->requests = high[1];
	process->replies = high[2];
	int rc = spawn(argv, env, &r, &process->pid);
	close(high[0]);
	close(high[3]);
	if (rc != 0) {
		char text[512];
		snprintf(text, sizeof(text), "cannot start '%s': %s", argv[0],
			 strerror(rc));
		harness_fail(h, AF2_FAIL, AF2_CLASS_SPAWN, text);
		close(high[1]);
		close(high[2]);
		free(process);
		return NULL;
	}
	h->processes[h->process_count++] = process;
	json_t *greeting = read_frame(process->replies);
	af2_outcome outcome = judge(h, process, greeting);
	json_decref(greeting);
	return outcome == AF2_OK ? process : NULL;
}

static void
record(struct pairs *into, json_t *object)
{
	const char *name;
	json_t *value;
	json_object_foreach(object, name, value)
	{
		if (json_is_number(value)) {
			harness_record_number(into, name, json_number_value(value));
		} else if (json_is_string(value)) {
			pairs_set(into, name, json_string_value(value));
		} else {
			char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
			pairs_set(into, name, text);
			free(text);
		}
	}
}

static json_t *
args_object(const char *const *args)
{
	json_t *object = json_object();
	for (size_t i = 0; args && args[i]; i += 2) {
		size_t n = strlen(args[i]);
		if (n < 2 || strcmp(args[i] + n - 2, "[]") != 0) {
			json_object_set_new(object, args[i], json_string(args[i + 1]));
			continue;
		}
		char *key = strndup(args[i], n - 2);
		if (!json_object_get(object, key))
			json_object_set_new(object, key, json_array());
		json_array_append_new(json_object_get(object, key),
				      json_string(args[i + 1]));
		free(key);
	}
	return object;
}

static void
log_lines(struct harness *h, const json_t *lines, af2_level level)
{
	for (size_t i = 0; i < json_array_size(lines); i++)
		if (json_is_string(json_array_get(lines, i)))
			harness_add_log(h, level,
					json_string_value(json_array_get(lines, i)));
}

af2_outcome
harness_call(af2_task *task, af2_process *process, const char *method,
	     const char *const *args)
{
	struct harness *h = task->owner;
	json_t *request = json_pack("{s:s, s:o, s:i, s:i, s:s}", "method", method,
				    "args", args_object(args), "cpus", (int)h->cpus,
				    "gpus", (int)h->gpus, "work_dir", h->work);
	void (*old)(int) = signal(SIGPIPE, SIG_IGN);
	int rc = write_frame(process->requests, request);
	signal(SIGPIPE, old);
	json_decref(request);
	json_t *reply = rc == 0 ? read_frame(process->replies) : NULL;
	af2_outcome outcome = judge(h, process, reply);
	if (reply) {
		record(&h->values, json_object_get(reply, "values"));
		record(&h->measures, json_object_get(reply, "measures"));
		log_lines(h, json_object_get(reply, "log"), AF2_INFO);
		log_lines(h, json_object_get(reply, "warnings"), AF2_WARN);
	}
	json_decref(reply);
	return outcome;
}

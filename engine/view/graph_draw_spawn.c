/* SPDX-License-Identifier: Apache-2.0 */
/* Starts this program again as `graph-draw`, reads what it says, ends it when it takes
 * too long, and puts the finished picture in its place.
 */
#include "view/graph_draw.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"

#define DEFAULT_TIMEOUT 60.0

static double
monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* Start the child with its stderr on `fd`. 0, or an errno. */
static int
spawn_layout(const char *dot, const char *svg, int fd, pid_t *pid)
{
	char *argv[] = {(char *)"af2flow", (char *)"graph-draw", (char *)dot,
	                (char *)svg, NULL};
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attr;
	sigset_t none, all;
	int rc;

	sigemptyset(&none);
	sigfillset(&all);
	posix_spawnattr_init(&attr);
	posix_spawnattr_setsigmask(&attr, &none);
	posix_spawnattr_setsigdefault(&attr, &all);
	posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_adddup2(&actions, fd, 2);
	rc = posix_spawn(pid, "/proc/self/exe", &actions, &attr, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	posix_spawnattr_destroy(&attr);
	return rc;
}

/* Collect what comes from `fd` until its end. 0, or -1 at the deadline. */
static int
read_until(int fd, double deadline, struct str *said)
{
	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		double left = deadline - monotonic();
		char buf[1024];
		ssize_t n;

		if (left <= 0)
			return -1;
		n = poll(&p, 1, (int)((left < 1000 ? left : 1000) * 1000) + 1);
		if (n <= 0)
			continue;
		n = read(fd, buf, sizeof buf);
		if (n == 0 || (n < 0 && errno != EINTR))
			return 0;
		if (n > 0 && said->len < 4096)
			str_addn(said, buf, (size_t)n);
	}
}

static int
end_of(pid_t pid, int timed_out)
{
	int status = 0;

	if (timed_out)
		kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -1;
	}
	return status;
}

/* The first line that is not empty, "" if there is none. Cuts the text. */
static const char *
first_line(struct str *said)
{
	char *line = said->s;

	if (!line)
		return "";
	line += strspn(line, "\n");
	line[strcspn(line, "\n")] = '\0';
	return line;
}

static int
run_layout(const char *dot, const char *svg, double timeout, struct error *e)
{
	struct str said = {0};
	int fds[2], status, timed_out, rc;
	const char *reason;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return error_set(e, "cannot start the layout of the graph:");
	rc = spawn_layout(dot, svg, fds[1], &pid);
	close(fds[1]);
	if (rc) {
		close(fds[0]);
		errno = rc;
		return error_set(e, "cannot start the layout of the graph:");
	}
	timed_out = read_until(fds[0], monotonic() + timeout, &said) != 0;
	close(fds[0]);
	status = end_of(pid, timed_out);
	reason = first_line(&said);
	if (timed_out)
		rc = error_set(e, "the layout of the graph took more than %.3g s",
		               timeout);
	else if (WIFSIGNALED(status))
		rc = error_set(e, "the layout of the graph died of signal %d",
		               WTERMSIG(status));
	else if (status != 0)
		rc = error_set(e, "cannot draw the graph: %s",
		               *reason ? reason : "no reason given");
	str_free(&said);
	return rc;
}

int
graph_draw_svg(const char *dot_text, const char *out_path, double timeout,
               struct error *e)
{
	char *dot = xasprintf("%s.%ld.dot", out_path, (long)getpid());
	char *svg = xasprintf("%s.%ld.tmp", out_path, (long)getpid());
	int rc = fs_write_file(dot, dot_text, strlen(dot_text), 0, NULL);

	if (rc)
		error_set(e, "cannot write '%s':", out_path);
	else
		rc = run_layout(dot, svg, timeout > 0 ? timeout : DEFAULT_TIMEOUT, e);
	if (rc == 0 && rename(svg, out_path))
		rc = error_set(e, "cannot write '%s':", out_path);
	unlink(dot);
	if (rc)
		unlink(svg);
	free(dot);
	free(svg);
	return rc;
}

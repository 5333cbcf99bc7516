/* SPDX-License-Identifier: Apache-2.0 */
/* Spawning, and ending what was spawned. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "exec/proc.h"

extern char **environ;

static pid_t
spawn_shell(const char *script, const struct proc_fd *fds, size_t n)
{
	char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, strdup(script), NULL};
	struct proc_spec s = {.path = "/bin/sh",
			      .argv = argv,
			      .env = environ,
			      .fds = fds,
			      .fd_count = n};
	pid_t pid = proc_spawn(&s);

	free(argv[2]);
	return pid;
}

/* Its output, as text. */
static void
read_all(pid_t pid, int fd, char *buf, size_t size)
{
	size_t n = 0;
	ssize_t got;

	while (n < size - 1 && (got = read(fd, buf + n, size - 1 - n)) > 0)
		n += (size_t)got;
	buf[n] = '\0';
	close(fd);
	waitpid(pid, NULL, 0);
}

static void
test_exec_fails(void **state)
{
	char *argv[] = {(char[]){"x"}, NULL};
	struct proc_spec s = {.path = "/nonexistent/x", .argv = argv, .env = environ};

	(void)state;
	assert_int_equal(proc_spawn(&s), -1);
	assert_int_equal(errno, ENOENT);
	s.path = "/etc/passwd";
	assert_int_equal(proc_spawn(&s), -1);
	assert_int_equal(errno, EACCES);
	s.path = "/bin/true";
	s.dir = "/nonexistent";
	assert_int_equal(proc_spawn(&s), -1);
	assert_int_equal(errno, ENOENT);
	/* Nothing is left to be reaped. */
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
	assert_int_equal(errno, ECHILD);
}

static void
test_exit_status(void **state)
{
	pid_t pid = spawn_shell("exit 7", NULL, 0);
	int status;

	(void)state;
	assert_true(pid > 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WEXITSTATUS(status), 7);
}

static void
test_descriptors(void **state)
{
	int p[2], leak = open("/dev/null", O_RDONLY);
	struct proc_fd fds[2];
	char buf[400];
	pid_t pid;

	(void)state;
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	p[1] = proc_fd_high(p[1], 100);
	assert_true(p[1] >= 100);
	fds[0] = (struct proc_fd){p[1], 1};
	fds[1] = (struct proc_fd){p[1], 4};
	/* One that somebody opened without O_CLOEXEC does not get through. */
	leak = dup2(leak, 77);
	pid = spawn_shell("echo one; echo two >&4; ls /proc/self/fd | tr '\\n' ' '",
			  fds, 2);
	close(p[1]);
	read_all(pid, p[0], buf, sizeof(buf));
	assert_memory_equal(buf, "one\ntwo\n", 8);
	assert_non_null(strstr(buf, " 4 "));
	assert_null(strstr(buf, "77"));
	assert_null(strstr(buf, "100"));
	close(leak);
}

static void
test_group_signals_and_death(void **state)
{
	int p[2];
	char buf[200];
	pid_t pid;
	sigset_t set;

	(void)state;
	for (int i = 1; i < 32; i++) /* whoever started us may ignore some */
		if (i != SIGKILL && i != SIGSTOP)
			signal(i, SIG_DFL);
	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	p[1] = proc_fd_high(p[1], 100);
	pid = spawn_shell("cat /proc/self/status | grep -E 'SigBlk|SigIgn'; "
			  "cut -d' ' -f5 /proc/$$/stat; echo $$",
			  &(struct proc_fd){p[1], 1}, 1);
	close(p[1]);
	read_all(pid, p[0], buf, sizeof(buf));
	assert_non_null(strstr(buf, "SigBlk:\t0000000000000000"));
	/* 32 and 33 are the C library's own: nobody can set them back. */
	assert_non_null(strstr(buf, "SigIgn:\t"));
	assert_int_equal(strtoul(strstr(buf, "SigIgn:") + 8, NULL, 16) & 0x7fffffff, 0);
	/* It leads its own group. */
	assert_int_equal(
		strtol(strrchr(buf, '0') ? strstr(buf, "SigIgn") + 25 : buf, NULL, 10),
		pid);
	sigprocmask(SIG_UNBLOCK, &set, NULL);
	signal(SIGPIPE, SIG_DFL);
}

static void
test_death_signal(void **state)
{
	char *argv[] = {(char[]){"sleep"}, (char[]){"1000"}, NULL};
	struct proc_spec s = {.path = "/bin/sleep",
			      .argv = argv,
			      .env = environ,
			      .death_signal = SIGKILL};
	int p[2], status;
	pid_t parent, child = 0;

	(void)state;
	assert_int_equal(proc_subreaper(), 0);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	parent = fork();
	if (parent == 0) {
		pid_t pid = proc_spawn(&s);

		if (write(p[1], &pid, sizeof(pid)) < 0)
			_exit(1);
		_exit(0);
	}
	assert_int_equal(read(p[0], &child, sizeof(child)), sizeof(child));
	assert_int_equal(waitpid(parent, NULL, 0), parent);
	/* It fell to us, and was killed. */
	assert_int_equal(waitpid(child, &status, 0), child);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
	close(p[0]);
	close(p[1]);
}

static int
keep_one(void *arg, pid_t pid)
{
	return pid == *(pid_t *)arg;
}

static void
count(void *arg, pid_t pid)
{
	(void)pid;
	++*(int *)arg;
}

static void
test_sweep(void **state)
{
	pid_t kept, other;
	int n = 0;

	(void)state;
	assert_int_equal(proc_subreaper(), 0);
	assert_int_equal(proc_sweep(NULL, NULL, 1), 0);
	kept = spawn_shell("sleep 1000", NULL, 0);
	other = spawn_shell(
		"trap '' TERM; setsid sh -c 'setsid sleep 1000 & sleep 1000' & "
		"(sleep 1000 & sleep 1000) & sleep 1000",
		NULL, 0);
	assert_true(kept > 0 && other > 0);
	usleep(200000);
	assert_int_equal(proc_sweep(keep_one, &kept, 10), 0);
	assert_int_equal(proc_children(getpid(), count, &n), 1);
	assert_int_equal(n, 1);
	assert_int_equal(kill(kept, 0), 0);
	assert_int_equal(proc_sweep(NULL, NULL, 10), 0);
	assert_int_equal(waitpid(-1, NULL, WNOHANG), -1);
}

static void
test_environ(void **state)
{
	const char *extra[] = {"AF2_TEST_A=new", "AF2_TEST_C=3", "AF2_TEST_D", NULL};
	char **env;
	int a = 0, ab = 0, c = 0;

	(void)state;
	setenv("AF2_TEST_A", "old", 1);
	setenv("AF2_TEST_AB", "stays", 1);
	setenv("AF2_TEST_D", "goes", 1);
	env = proc_environ(extra);
	for (size_t i = 0; env[i]; i++) {
		a += strcmp(env[i], "AF2_TEST_A=new") == 0;
		ab += strcmp(env[i], "AF2_TEST_AB=stays") == 0;
		c += strcmp(env[i], "AF2_TEST_C=3") == 0;
		assert_string_not_equal(env[i], "AF2_TEST_A=old");
		assert_int_not_equal(strncmp(env[i], "AF2_TEST_D", 10), 0);
	}
	assert_true(a == 1 && ab == 1 && c == 1);
	free(env);
}

static void
test_signal_names(void **state)
{
	char buf[24];

	(void)state;
	assert_string_equal(proc_signal_name(SIGSEGV, buf), "SIGSEGV");
	assert_string_equal(proc_signal_name(99, buf), "signal 99");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_exec_fails),
		cmocka_unit_test(test_exit_status),
		cmocka_unit_test(test_descriptors),
		cmocka_unit_test(test_group_signals_and_death),
		cmocka_unit_test(test_death_signal),
		cmocka_unit_test(test_sweep),
		cmocka_unit_test(test_environ),
		cmocka_unit_test(test_signal_names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

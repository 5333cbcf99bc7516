/* SPDX-License-Identifier: Apache-2.0 */
/* Where a process is in its control groups, by files as different machines have them;
 * and groups of our own, where this machine allows them. */
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/mem.h"
#include "exec/cgroup.h"
#include "record/engine_id.h"

static char room[200];

static int
open_room(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	snprintf(room, sizeof(room), "%s/af2flow-cgroup-XXXXXX", tmp ? tmp : "/tmp");
	return mkdtemp(room) ? 0 : -1;
}

static int
close_room(void **state)
{
	(void)state;
	return fs_remove_tree(room, NULL);
}

static void
put(const char *name, const char *text)
{
	char *path = xasprintf("%s/%s", room, name), *dir = path_dir(path);

	assert_int_equal(fs_mkdirs(dir, NULL), 0);
	assert_int_equal(fs_write_file(path, text, strlen(text), 0, NULL), 0);
	free(path);
	free(dir);
}

static void
is_in(const char *controller, const char *want)
{
	char *dir = cgroup_own(room, controller);
	char *full = want ? xasprintf("%s%s", room, want) : NULL;

	if (want)
		assert_string_equal(dir, full);
	else
		assert_null(dir);
	free(dir);
	free(full);
}

/* --- by the files of other machines ----------------------------------------------- */

static void
test_no_files(void **state)
{
	(void)state;
	is_in(NULL, NULL);
	put("proc/self/cgroup", "");
	is_in("memory", NULL);
	put("proc/self/cgroup", "nonsense\n1:memory\n0::/a\n4:memory:/m\n");
	is_in("memory", NULL);
	put("proc/self/mountinfo", "1 2 3\n\n - \n1 2 3 / - cgroup2\n"
				   "1 2 3 / /x rw - cgroup2\n");
	is_in("memory", NULL);
	is_in(NULL, NULL);
}

static void
test_version_2(void **state)
{
	(void)state;
	put("proc/self/cgroup", "0::/user.slice/job 1\n");
	put("proc/self/mountinfo",
	    "24 30 0:22 / /sys rw,nosuid shared:7 - sysfs sysfs rw\n"
	    "35 24 0:30 / /sys/fs/c\\040g rw,nosuid shared:9 - cgroup2 cgroup2 rw\n");
	is_in(NULL, "/sys/fs/c g/user.slice/job 1");
	is_in("memory", NULL);
	put("proc/self/cgroup", "0::/\n");
	is_in(NULL, "/sys/fs/c g");
}

/* Version 1 for memory, version 2 without controllers beside it. */
static void
test_hybrid(void **state)
{
	(void)state;
	put("proc/self/cgroup", "9:name=systemd:/s\n4:cpu,memory,x:/m/n\n"
				"3:memoryless:/no\n0::/u\n");
	put("proc/self/mountinfo",
	    "31 23 0:28 / /c rw - tmpfs tmpfs rw,mode=755\n"
	    "35 31 0:32 / /c/less rw - cgroup cgroup rw,memoryless\n"
	    "36 31 0:33 / /c/memory rw - cgroup cgroup rw,cpu,memory,x\n"
	    "41 31 0:38 / /c/unified rw - cgroup2 cgroup2 rw\n");
	is_in("memory", "/c/memory/m/n");
	is_in(NULL, "/c/unified/u");
	is_in("mem", NULL);
}

/* A container sees its part alone. */
static void
test_container(void **state)
{
	(void)state;
	put("proc/self/cgroup", "0::/docker/abc/inner\n");
	put("proc/self/mountinfo",
	    "40 31 0:38 /docker/ab /other rw - cgroup2 cgroup2 rw\n"
	    "41 31 0:38 /docker/abc /c rw - cgroup2 cgroup2 rw\n");
	is_in(NULL, "/c/inner");
	put("proc/self/cgroup", "0::/docker/abc\n");
	is_in(NULL, "/c");
}

/* --- what is no group ------------------------------------------------------------- */

/* A folder with the right name and file, but in another file system: never written. */
static void
test_not_a_group(void **state)
{
	char *group = xasprintf("%s/af2flow-1-2-3", room), *text;
	struct proc_list l = {0};

	(void)state;
	put("af2flow-1-2-3/cgroup.kill", "kept");
	put("af2flow-1-2-3/cgroup.procs", "1\n");
	assert_int_equal(cgroup_kill(group), -1);
	assert_int_equal(errno, EINVAL);
	assert_int_equal(cgroup_enter(group, getpid()), -1);
	cgroup_pids(group, &l);
	assert_int_equal(l.count, 0);
	assert_int_equal(cgroup_remove(group), -1);
	free(group);
	group = xasprintf("%s/af2flow-1-2-3/cgroup.kill", room);
	text = fs_read_file(group, 0, NULL, NULL);
	assert_string_equal(text, "kept");
	free(text);
	free(group);
	assert_int_equal(cgroup_kill("/nonexistent/af2flow-1-2-3"), -1);
	assert_int_equal(cgroup_remove("/nonexistent/af2flow-1-2-3"), 0);
	/* Another name: whatever it is, it is not ours. */
	assert_int_equal(cgroup_kill("/sys/fs/cgroup"), -1);
	assert_int_equal(errno, EINVAL);
}

/* --- real ones -------------------------------------------------------------------- */

static pid_t
spawn(const char *script)
{
	char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, xstrdup(script), NULL};
	char **env = proc_environ(NULL);
	struct proc_spec s = {.path = "/bin/sh", .argv = argv, .env = env};
	pid_t pid = proc_spawn(&s);

	free(argv[2]);
	free(env);
	assert_true(pid > 0);
	return pid;
}

static void
wait_members(const char *group, size_t least)
{
	struct proc_list l = {0};

	for (int i = 0; i < 5000 && l.count < least; i++) {
		usleep(2000);
		l.count = 0;
		cgroup_pids(group, &l);
	}
	assert_true(l.count >= least);
	free(l.v);
}

/* All that a member starts is in it and dies with it, sessions and environment or not.
 */
static void
test_real(void **state)
{
	char *home = cgroup_home(), *group, *below, *stale;
	pid_t pid;
	int status;

	(void)state;
	if (!home) {
		print_message("# no cgroup of version 2 can be written here\n");
		skip();
	}
	assert_int_equal(proc_subreaper(), 0);
	cgroup_tidy(home);
	group = cgroup_make(home, 1);
	if (!group)
		skip();
	pid = spawn("kill -STOP $$; (env -i setsid sleep 1000 &); env -i setsid sh -c "
		    "'sleep 1000 & sleep 1000' & wait");
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_int_equal(cgroup_enter(group, pid), 0);
	kill(pid, SIGCONT);
	wait_members(group, 4);
	/* Not while somebody is in it, and a live engine's is not stale. */
	assert_int_equal(cgroup_remove(group), -1);
	cgroup_tidy(home);
	below = path_join(group, "below");
	assert_int_equal(mkdir(below, 0755), 0);
	assert_int_equal(cgroup_kill(group), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(WTERMSIG(status), SIGKILL);
	assert_int_equal(proc_sweep(NULL, NULL, 10), 0);
	assert_int_equal(cgroup_remove(group), 0);
	assert_int_equal(access(group, F_OK), -1);
	assert_int_equal(cgroup_enter(group, getpid()), -1);
	/* What a dead engine left goes. */
	stale = xasprintf("%s/af2flow-%d-1-1", home, (int)getpid());
	assert_int_equal(mkdir(stale, 0755), 0);
	cgroup_tidy(home);
	assert_int_equal(access(stale, F_OK), -1);
	free(stale);
	free(below);
	free(group);
	free(home);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_room, close_room)
	const struct CMUnitTest tests[] = {
		T(test_no_files),  T(test_version_2),   T(test_hybrid),
		T(test_container), T(test_not_a_group), T(test_real),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

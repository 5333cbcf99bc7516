/* SPDX-License-Identifier: Apache-2.0 */
/* Notes of hosts, and what is ended by them. Processes here are orphans of this one, a
 * subreaper: so they do not look like init's, which the tests of the whole program
 * (processes.bats) show. */
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
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"
#include "exec/leftovers.h"
#include "exec/proc.h"
#include "record/engine_id.h"

struct room {
	char dir[200], mark[64];
	char *notes;
	struct str told;
};

static int
open_room(void **state)
{
	const char *tmp = getenv("TMPDIR");
	struct room *r = xcalloc(1, sizeof(*r));

	snprintf(r->dir, sizeof(r->dir), "%s/af2flow-left-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(r->dir));
	snprintf(r->mark, sizeof(r->mark), "AF2FLOW_RUN=test-%d", (int)getpid());
	r->notes = path_join(r->dir, "hosts");
	assert_int_equal(proc_subreaper(), 0);
	*state = r;
	return 0;
}

static int
close_room(void **state)
{
	struct room *r = *state;

	assert_int_equal(proc_sweep(NULL, NULL, 5), 0);
	fs_remove_tree(r->dir, NULL);
	free(r->notes);
	str_free(&r->told);
	free(r);
	return 0;
}

static void
on_tell(void *arg, const char *text)
{
	struct room *r = arg;

	str_printf(&r->told, "%s\n", text);
}

static size_t
end_it(struct room *r, double patience)
{
	str_reset(&r->told);
	return leftovers_end(r->notes, r->mark, patience, on_tell, r);
}

/* A shell whose script writes one line when all that it starts is there; with our mark
 * or without. */
static pid_t
shell(const struct room *r, const char *script, int is_marked)
{
	char *argv[] = {(char[]){"sh"}, (char[]){"-c"}, xstrdup(script), NULL};
	const char *extra[] = {is_marked ? r->mark : "AF2_NOTHING=1", NULL};
	struct proc_spec s = {.path = "/bin/sh", .argv = argv, .fd_count = 1};
	struct proc_fd fd = {.to = 1};
	int ends[2];
	char c;
	pid_t pid;

	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	fd.from = ends[1];
	s.fds = &fd;
	s.env = proc_environ(extra);
	pid = proc_spawn(&s);
	free((void *)(uintptr_t)s.env);
	free(argv[2]);
	close(ends[1]);
	assert_true(pid > 0);
	assert_int_equal(read(ends[0], &c, 1), 1);
	close(ends[0]);
	return pid;
}

static void
was_killed(pid_t pid)
{
	int status;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFSIGNALED(status));
	assert_int_equal(WTERMSIG(status), SIGKILL);
}

static void
write_notes(const struct room *r, const char *format, ...)
{
	struct str text = {0};
	char *line;
	va_list ap;

	va_start(ap, format);
	assert_true(vasprintf(&line, format, ap) >= 0);
	va_end(ap);
	str_add(&text, line);
	assert_int_equal(fs_write_file(r->notes, text.s, text.len, 0, NULL), 0);
	free(line);
	str_free(&text);
}

/* --- the notes -------------------------------------------------------------------- */

static void
test_notes(void **state)
{
	struct room *r = *state;
	struct host_notes *n = host_notes_new(r->notes, "/place");
	int ends[2];
	char *text, *want;
	struct engine_id self;

	/* None before the first host. */
	assert_int_equal(access(r->notes, F_OK), -1);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	host_notes_add(n, getpid(), ends, NULL);
	host_notes_add(n, getpid(), ends, "/group");
	text = fs_read_file(r->notes, 0, NULL, NULL);
	engine_self(&self);
	want = xasprintf("place %s /place\nhost %s %s %d %llu ", self.host, self.host,
			 self.boot, self.pid, (unsigned long long)self.start);
	assert_true(starts_with(text, want));
	assert_true(ends_with(text, " /group\n"));
	assert_non_null(strstr(text, " -\n"));
	free(text);
	free(want);
	close(ends[0]);
	close(ends[1]);
	host_notes_free(n);
	assert_int_equal(access(r->notes, F_OK), -1);
	/* An older file is not gone on with, one that never began is not removed. */
	write_notes(r, "old\n");
	host_notes_free(host_notes_new(r->notes, NULL));
	assert_int_equal(access(r->notes, F_OK), 0);
	host_notes_free(NULL);
}

/* A link in its place is not written through; a folder that is gone costs a word. */
static void
test_notes_elsewhere(void **state)
{
	struct room *r = *state;
	char *other = path_join(r->dir, "other"), *text;
	struct host_notes *n;
	int none[2] = {-1, -1};

	assert_int_equal(fs_write_file(other, "kept", 4, 0, NULL), 0);
	assert_int_equal(symlink("other", r->notes), 0);
	n = host_notes_new(r->notes, NULL);
	host_notes_add(n, getpid(), none, NULL);
	host_notes_free(n);
	text = fs_read_file(other, 0, NULL, NULL);
	assert_string_equal(text, "kept");
	free(text);
	free(other);
	n = host_notes_new("/nonexistent/hosts", NULL);
	host_notes_add(n, getpid(), none, NULL);
	host_notes_add(n, getpid(), none, NULL);
	host_notes_free(n);
}

/* --- the end ---------------------------------------------------------------------- */

static void
test_nothing(void **state)
{
	struct room *r = *state;

	assert_int_equal(end_it(r, 5), 0);
	write_notes(r, "host\nhost a b c\nplace\nplace x\n\n%s\n", "\x01\xff");
	assert_int_equal(end_it(r, 5), 0);
	assert_int_equal(access(r->notes, F_OK), -1);
	assert_int_equal(r->told.len, 0);
}

/* By the mark, whatever session it is in, and what descends from one without it. */
static void
test_marked(void **state)
{
	struct room *r = *state;
	pid_t pid = shell(r,
			  "setsid sleep 1000 & env -i sh -c 'sleep 1000 & echo; wait' "
			  "& wait",
			  1);
	char mark[64];

	snprintf(mark, sizeof(mark), "%s", r->mark);
	/* Another run's mark, which ours begins with. */
	r->mark[strlen(r->mark) - 1] = '\0';
	assert_int_equal(end_it(r, 5), 0);
	memcpy(r->mark, mark, sizeof(mark));
	assert_true(end_it(r, 10) >= 3);
	was_killed(pid);
	assert_int_equal(proc_sweep(NULL, NULL, 5), 0);
	assert_int_equal(end_it(r, 5), 0);
	assert_int_equal(r->told.len, 0);
}

/* A noted host is one by pid, start, boot and name: then its descendants are ended, too.
 */
static void
test_noted_host(void **state)
{
	struct room *r = *state;
	struct engine_id self;
	pid_t pid = shell(
		r, "printf af2flow-host >/proc/$$/comm; sleep 1000 & echo; wait", 0);
	unsigned long long start = engine_start((int)pid);
	static const struct {
		const char *host, *boot;
		int later, ends;
	} cases[] = {
		{NULL, "another-boot", 0, 0},
		{"another-machine", NULL, 0, 0},
		{NULL, NULL, 1, 0},
		{NULL, NULL, 0, 1},
	};

	engine_self(&self);
	for (size_t i = 0; i < 4; i++) {
		write_notes(r, "host %s %s %d %llu 0 0 -\n",
			    cases[i].host ? cases[i].host : self.host,
			    cases[i].boot ? cases[i].boot : self.boot, (int)pid,
			    start + (unsigned)cases[i].later);
		assert_int_equal(end_it(r, 10) >= 2, cases[i].ends);
		assert_int_equal(r->told.len > 0, cases[i].host != NULL);
	}
	was_killed(pid);
}

/* One that is called otherwise is somebody else's, whatever the notes say. */
static void
test_foreign(void **state)
{
	struct room *r = *state;
	struct engine_id self;
	char *place = path_join(r->dir, "tmp/no-engine"), cwd[4096];
	pid_t pid;

	assert_int_equal(fs_mkdirs(place, NULL), 0);
	assert_non_null(getcwd(cwd, sizeof(cwd)));
	assert_int_equal(chdir(place), 0);
	pid = shell(r, "echo; exec sleep 1000", 0);
	assert_int_equal(chdir(cwd), 0);
	engine_self(&self);
	write_notes(r, "host %s %s %d %llu 0 0 %s\nplace %s %s\nplace %s /\n",
		    self.host, self.boot, (int)pid,
		    (unsigned long long)engine_start((int)pid), place, self.host, place,
		    self.host);
	assert_int_equal(end_it(r, 5), 0);
	assert_int_equal(kill(pid, 0), 0);
	/* This process itself is never ended, what it started is. */
	write_notes(r, "host %s %s %d %llu 0 0 -\n", self.host, self.boot, self.pid,
		    (unsigned long long)self.start);
	prctl(PR_SET_NAME, "af2flow-host");
	end_it(r, 0);
	prctl(PR_SET_NAME, "test_leftovers");
	was_killed(pid);
	free(place);
}

/* What does not die is told by its pid, and not waited for without end. */
static void
test_patience(void **state)
{
	struct room *r = *state;
	pid_t pid = shell(r, "echo; kill -STOP $$", 1);
	char number[24];

	snprintf(number, sizeof(number), "%d", (int)pid);
	assert_int_equal(end_it(r, 0), 1);
	assert_non_null(strstr(r->told.s, number));
	assert_non_null(strstr(r->told.s, "have not ended"));
	was_killed(pid);
}

int
main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, open_room, close_room)
	const struct CMUnitTest tests[] = {
		T(test_notes),    T(test_notes_elsewhere), T(test_nothing),
		T(test_marked),   T(test_noted_host),      T(test_foreign),
		T(test_patience),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

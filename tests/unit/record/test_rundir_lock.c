/* SPDX-License-Identifier: Apache-2.0 */
/* rundir_lock: one engine a run, by lock and by lease, and nothing that stays behind. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "helpers.h"
#include "record/engine_note.h"
#include "record/rundir.h"

#define LONG 3600.0 /* a patience that no test waits for */

static int
try_run(const char *folder, enum locks how, double patience, struct rundir *d,
	struct error *e)
{
	char *path = path_join(folder, "run");
	int rc;

	*e = (struct error){0};
	rc = rundir_open_locked(d, path, how, patience, e);
	free(path);
	return rc;
}

static struct rundir
open_run(const char *folder, enum locks how)
{
	struct error e;
	struct rundir d;

	assert_int_equal(try_run(folder, how, LONG, &d, &e), 0);
	assert_string_equal(e.text, "");
	return d;
}

static char *
run_file(const char *folder, const char *name)
{
	return xasprintf("%s/run/%s", folder, name);
}

static void
the_second_is_told_of_the_first(void **state, enum locks how)
{
	char *path = run_file(*state, ""), *pid = xasprintf("pid %d on ", getpid());
	struct rundir d = open_run(*state, how), other;
	struct error e;

	for (int i = 0; i < 2; i++) {
		assert_int_equal(try_run(*state, how, LONG, &other, &e), -1);
		assert_non_null(strstr(e.text, "is in use by"));
		assert_non_null(strstr(e.text, pid));
		assert_non_null(strstr(e.text, " since 20"));
		assert_string_not_equal(e.hint, "");
	}
	assert_int_equal(rundir_is_held(path), 1);
	assert_int_equal(rundir_beat(&d, &e), 0);
	rundir_close(&d);
	assert_int_equal(rundir_is_held(path), 0);
	/* The id, and the file that was locked. */
	assert_int_equal(count_entries(path), how == LOCKS_FILE ? 2 : 1);
	d = open_run(*state, how);
	rundir_close(&d);
	free(pid);
	free(path);
}

/* Whatever a killed engine leaves, the next one just starts. */
static void
the_dead_hold_nothing(void **state, enum locks how)
{
	char *path = run_file(*state, "");
	struct rundir d;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		d = open_run(*state, how);
		_exit(d.lock_fd >= 0 ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(rundir_is_held(path), 0);
	d = open_run(*state, how);
	assert_int_equal(rundir_is_held(path), 1);
	rundir_close(&d);
	assert_int_equal(rundir_is_held(path), 0);
	assert_int_equal(count_entries(path), how == LOCKS_FILE ? 2 : 1);
	free(path);
}

/* A stopped process may wake up: the run stays its own, however long that takes. */
static void
the_stopped_keep_it(void **state, enum locks how)
{
	int ready[2], status;
	struct rundir d;
	struct error e;
	pid_t pid;
	char c;

	assert_int_equal(pipe(ready), 0);
	pid = fork();
	if (pid == 0) {
		d = open_run(*state, how);
		if (write(ready[1], "x", 1) == 1)
			pause();
		_exit(0);
	}
	assert_int_equal(read(ready[0], &c, 1), 1);
	assert_int_equal(kill(pid, SIGSTOP), 0);
	assert_int_equal(waitpid(pid, &status, WUNTRACED), pid);
	assert_int_equal(try_run(*state, how, 0, &d, &e), -1);
	assert_non_null(strstr(e.text, "is in use by pid"));
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	d = open_run(*state, how);
	rundir_close(&d);
	close(ready[0]);
	close(ready[1]);
}

/* The file that was locked is not the one that is there. */
static void
a_removed_lock_locks_nothing(void **state)
{
	char *lock = run_file(*state, "lock");
	struct rundir d = open_run(*state, LOCKS_FILE), other;

	assert_int_equal(unlink(lock), 0);
	other = open_run(*state, LOCKS_FILE);
	rundir_close(&other);
	rundir_close(&d);
	free(lock);
}

/* A holder's note of whoever, beside a lock that nobody has. */
static void
a_stale_note_blocks_nobody(void **state, enum locks how)
{
	char *note = run_file(*state, "lock.holder");
	struct rundir d = open_run(*state, how);

	rundir_close(&d);
	write_text(note, "{\"host\":\"elsewhere\",\"pid\":1,\"since\":1}");
	d = open_run(*state, how);
	rundir_close(&d);
	assert_int_equal(mkdir(note, 0755) < 0, 0);
	rmdir(note);
	write_text(note, "\377{");
	d = open_run(*state, how);
	rundir_close(&d);
	free(note);
}

/* Whose note is somebody else's is not told as the holder's. */
static void
a_dead_ones_note_is_not_believed(void **state)
{
	char *note = run_file(*state, "lock.holder"), *text;
	struct rundir d = open_run(*state, LOCKS_FILE), other;
	struct engine_id id;
	struct error e;

	engine_self(&id);
	id.start++;
	text = engine_note_text(&id);
	write_text(note, text);
	assert_int_equal(try_run(*state, LOCKS_FILE, LONG, &other, &e), -1);
	assert_non_null(strstr(e.text, "in use by another engine"));
	rundir_close(&d);
	free(text);
	free(note);
}

/* --- leases of other machines ----------------------------------------------------- */

/* As an engine elsewhere would make it. */
static char *
foreign_lease(const char *folder)
{
	struct rundir d = open_run(folder, LOCKS_LEASE);
	char *lease = run_file(folder, "lock-0"), *text;
	struct engine_id id = {.host = "elsewhere", .pid = 7, .start = 1,
			       .name = "elsewhere-7-1-00000001", .boot = "another"};

	rundir_close(&d);
	text = engine_note_text(&id);
	write_text(lease, text);
	free(text);
	return lease;
}

/* It is waited for, and told; then it is passed over. */
static void
a_silent_one_is_passed_over(void **state)
{
	char *lease = foreign_lease(*state), *said = path_join(*state, "said"), *text,
	     *path = run_file(*state, "");
	int saved = catch_stderr(said);
	struct rundir d;
	struct error e;

	assert_int_equal(rundir_is_held(path), 1);
	assert_int_equal(try_run(*state, LOCKS_LEASE, 0.3, &d, &e), 0);
	text = caught_stderr(said, saved);
	assert_int_equal(count_lines(text), 1);
	assert_non_null(strstr(text, "pid 7 on elsewhere"));
	assert_int_equal(access(lease, F_OK), -1); /* what it left is removed */
	assert_int_equal(rundir_beat(&d, &e), 0);
	rundir_close(&d);
	assert_int_equal(count_entries(path), 1);
	free(text);
	free(path);
	free(said);
	free(lease);
}

/* A sign of life, and we need not wait for the rest. */
static void
a_living_one_is_told(void **state)
{
	char *lease = foreign_lease(*state), *said = path_join(*state, "said"), *text;
	int saved = catch_stderr(said), status;
	struct rundir d;
	struct error e;
	pid_t pid = fork();

	for (int fd = -1; pid == 0; usleep(20000)) {
		fd = fd < 0 ? open(lease, O_RDWR) : fd;
		engine_note_beat(fd);
	}
	assert_int_equal(try_run(*state, LOCKS_LEASE, LONG, &d, &e), -1);
	assert_non_null(strstr(e.text, "in use by pid 7 on elsewhere since"));
	assert_int_equal(access(lease, F_OK), 0);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	text = caught_stderr(said, saved);
	free(text);
	free(said);
	free(lease);
}

/* Of many who come upon what a silent one left, one gets the run. */
static void
one_of_many_takes_over(void **state)
{
	enum { RACERS = 5 };
	char *lease = foreign_lease(*state), *said = path_join(*state, "said");
	int saved = catch_stderr(said), done[2], won = 0, status;
	struct rundir d;
	struct error e;
	pid_t pids[RACERS];
	char c;

	assert_int_equal(pipe(done), 0);
	for (int i = 0; i < RACERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0) {
			int got = try_run(*state, LOCKS_LEASE, 0.3, &d, &e) == 0;

			/* The winner lives until all have tried. */
			close(done[0]);
			if (write(done[1], got ? "1" : "0", 1) != 1)
				_exit(3);
			if (got)
				pause();
			_exit(strstr(e.text, "is in use by pid") ? 0 : 2);
		}
	}
	for (int i = 0; i < RACERS; i++) {
		assert_int_equal(read(done[0], &c, 1), 1);
		won += c == '1';
	}
	for (int i = 0; i < RACERS; i++) {
		/* Losers end by themselves: kill() finds them gone, or going. */
		if (waitpid(pids[i], &status, WNOHANG) == 0) {
			kill(pids[i], SIGKILL);
			waitpid(pids[i], &status, 0);
		}
		assert_true(WIFSIGNALED(status) || WEXITSTATUS(status) == 0);
	}
	free(caught_stderr(said, saved));
	assert_int_equal(won, 1);
	close(done[0]);
	close(done[1]);
	free(said);
	free(lease);
}

/* As engines elsewhere, or here before they died, would leave them: at every level. */
static void
leases_at_all_levels(const char *folder, const struct engine_id *of)
{
	for (int level = 0; level < 4; level++) {
		char *name = xasprintf("lock-%d", level), *lease = run_file(folder, name);
		struct engine_id id = *of;
		char *text;

		snprintf(id.name, sizeof id.name, "%s-%08d", id.host, level);
		text = engine_note_text(&id);
		write_text(lease, text);
		free(text);
		free(lease);
		free(name);
	}
}

/* Nobody ever has to remove a lock by hand. */
static void
stale_leases_at_all_levels(void **state)
{
	char *path = run_file(*state, ""), *said = path_join(*state, "said");
	struct engine_id id = {.host = "elsewhere", .pid = 7, .start = 1,
			       .boot = "another"};
	struct rundir d = open_run(*state, LOCKS_LEASE), other;
	struct error e;
	int saved;

	rundir_close(&d);
	for (int i = 0; i < 2; i++) {
		leases_at_all_levels(*state, &id);
		saved = catch_stderr(said);
		assert_int_equal(try_run(*state, LOCKS_LEASE, i ? LONG : 0.3, &d, &e),
				 0);
		free(caught_stderr(said, saved));
		assert_int_equal(try_run(*state, LOCKS_LEASE, LONG, &other, &e), -1);
		assert_non_null(strstr(e.text, "is in use by pid"));
		assert_int_equal(rundir_beat(&d, &e), 0);
		rundir_close(&d);
		assert_int_equal(count_entries(path), 1);
		/* Next: those of dead ones of this machine, who need not be waited for. */
		engine_self(&id);
		id.start++;
	}
	free(said);
	free(path);
}

/* Notes that waiting engines left when they were killed are removed, others not. */
static void
dead_notes_are_swept(void **state)
{
	char *path = run_file(*state, ""), *dead, *living, *text;
	struct rundir d = open_run(*state, LOCKS_LEASE);
	struct engine_id id;

	rundir_close(&d);
	engine_self(&id);
	living = xasprintf("%s.lock-%s", path, id.name);
	text = engine_note_text(&id);
	write_text(living, text);
	free(text);
	id.start++;
	dead = xasprintf("%s.lock-dead", path);
	text = engine_note_text(&id);
	write_text(dead, text);
	free(text);
	d = open_run(*state, LOCKS_LEASE);
	assert_int_equal(access(dead, F_OK), -1);
	assert_int_equal(access(living, F_OK), 0);
	rundir_close(&d);
	free(living);
	free(dead);
	free(path);
}

/* What stands in the way of a lease and is none holds nobody up for ever. */
static void
odd_files_are_passed_over(void **state)
{
	char *lease = foreign_lease(*state), *said = path_join(*state, "said");
	int saved = catch_stderr(said);
	struct rundir d;
	struct error e;

	write_text(lease, "");
	assert_int_equal(try_run(*state, LOCKS_LEASE, 0.2, &d, &e), 0);
	rundir_close(&d);
	assert_int_equal(access(lease, F_OK), -1);
	assert_int_equal(mkdir(lease, 0755), 0);
	assert_int_equal(try_run(*state, LOCKS_LEASE, 0.2, &d, &e), 0);
	rundir_close(&d);
	free(caught_stderr(said, saved));
	free(said);
	free(lease);
}

/* Who was passed over learns it by its next sign of life, and takes nothing away. */
static void
who_was_passed_over_learns_it(void **state)
{
	char *lease = run_file(*state, "lock-0"), *holder = run_file(*state, "lock.holder");
	struct rundir d = open_run(*state, LOCKS_LEASE);
	struct error e = {0};

	assert_int_equal(rundir_beat(&d, &e), 0);
	assert_int_equal(unlink(lease), 0);
	write_text(lease, "{}");
	assert_int_equal(rundir_beat(&d, &e), -1);
	assert_non_null(strstr(e.text, "was taken over"));
	rundir_close(&d);
	assert_int_equal(access(lease, F_OK), 0);
	assert_int_equal(access(holder, F_OK), 0);
	free(holder);
	free(lease);
}

/* --- both ways -------------------------------------------------------------------- */

#define BOTH(name)                                                                     \
	static void name##_by_file(void **state)                                       \
	{                                                                              \
		name(state, LOCKS_FILE);                                               \
	}                                                                              \
	static void name##_by_lease(void **state)                                      \
	{                                                                              \
		name(state, LOCKS_LEASE);                                              \
	}

BOTH(the_second_is_told_of_the_first)
BOTH(the_dead_hold_nothing)
BOTH(the_stopped_keep_it)
BOTH(a_stale_note_blocks_nobody)

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
#define TESTS(name) TEST(name##_by_file), TEST(name##_by_lease)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TESTS(the_second_is_told_of_the_first),
		TESTS(the_dead_hold_nothing),
		TESTS(the_stopped_keep_it),
		TESTS(a_stale_note_blocks_nobody),
		TEST(a_removed_lock_locks_nothing),
		TEST(a_dead_ones_note_is_not_believed),
		TEST(a_silent_one_is_passed_over),
		TEST(a_living_one_is_told),
		TEST(one_of_many_takes_over),
		TEST(stale_leases_at_all_levels),
		TEST(dead_notes_are_swept),
		TEST(odd_files_are_passed_over),
		TEST(who_was_passed_over_learns_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* key_lock: one engine of several, by locks and by leases. Engines are stores opened
 * again, or other processes; time is what the tests say it is. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/mman.h>

#include <cmocka.h>

#include "helpers.h"
#include "record/key_lock.h"

#define PATIENCE 8.0

struct engine {
	struct store *s;
	struct key_locks *k;
	struct key_lock lock;
	struct lock_holder by;
};

static struct engine
open_engine(const char *folder, enum locks how)
{
	struct engine g = {.s = open_store(folder)};

	g.k = key_locks_new(g.s, how, PATIENCE);
	return g;
}

static void
close_engine(struct engine *g)
{
	key_unlock(g->k, &g->lock);
	key_locks_free(g->k);
	store_close(g->s);
}

static enum key_outcome
lock_at(struct engine *g, int i, double now)
{
	struct digest key;

	number_key(i, &key);
	return key_lock(g->k, &key, now, &g->lock, &g->by);
}

static int
is_held(struct engine *g, int i, double now)
{
	struct digest key;

	number_key(i, &key);
	return key_is_held(g->k, &key, now, &g->by);
}

/* Give the engine's note another time, as a heartbeat does. */
static void
move_stamp(const struct engine *g, const char *name)
{
	char *path = xasprintf("%s/engines/%s", store_path(g->s), name);

	make_old(path);
	free(path);
}

static size_t
count_leases(const struct engine *g)
{
	char *folder = path_join(store_path(g->s), "locks");
	size_t n = count_entries(folder);

	free(folder);
	return n;
}

static void
one_holds_a_key(void **state, enum locks how)
{
	struct engine a = open_engine(*state, how), b = open_engine(*state, how);

	assert_int_equal(is_held(&b, 1, 0), 0);
	assert_int_equal(lock_at(&a, 1, 0), KEY_OURS);
	assert_int_equal(is_held(&a, 1, 0), 0); /* by another, that is */
	assert_int_equal(lock_at(&b, 1, 0), KEY_HELD);
	assert_int_equal(b.lock.held, 0);
	assert_int_equal(b.by.pid, getpid());
	assert_true(b.by.since > 0);
	assert_string_not_equal(b.by.host, "");
	assert_string_not_equal(b.by.engine, "");
	assert_int_equal(is_held(&b, 1, 0), 1);
	/* Another key is another lock. */
	assert_int_equal(lock_at(&b, 2, 0), KEY_OURS);
	key_unlock(a.k, &a.lock);
	key_unlock(a.k, &a.lock); /* nothing to give back */
	assert_int_equal(is_held(&b, 1, 0), 0);
	key_unlock(b.k, &b.lock);
	assert_int_equal(lock_at(&b, 1, 0), KEY_OURS);
	assert_int_equal(lock_at(&a, 1, 0), KEY_HELD);
	close_engine(&a);
	close_engine(&b);
}

/* Nobody need wait for a process that is no more. */
static void
the_dead_hold_nothing(void **state, enum locks how)
{
	struct engine b = open_engine(*state, how);
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		struct engine a = open_engine(*state, how);

		_exit(lock_at(&a, 1, 0) == KEY_OURS && a.lock.held ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(is_held(&b, 1, 0), 0);
	if (how == LOCKS_LEASE)
		assert_int_equal(count_leases(&b), 0); /* swept at the first look */
	assert_int_equal(lock_at(&b, 1, 0), KEY_OURS);
	close_engine(&b);
}

/* The same where the lease was made after we had swept. */
static void
a_dead_lease_is_taken_over(void **state)
{
	struct engine b = open_engine(*state, LOCKS_LEASE);
	pid_t pid;
	int status;

	assert_int_equal(is_held(&b, 1, 0), 0);
	pid = fork();
	if (pid == 0) {
		struct engine a = open_engine(*state, LOCKS_LEASE);

		_exit(lock_at(&a, 1, 0) == KEY_OURS ? 0 : 1);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(count_leases(&b), 1);
	assert_int_equal(lock_at(&b, 1, 0), KEY_TAKEN_OVER);
	assert_int_equal(b.by.pid, pid);
	assert_int_equal(b.by.gone, 1);
	assert_int_equal(count_leases(&b), 1);
	key_unlock(b.k, &b.lock);
	assert_int_equal(count_leases(&b), 0);
	close_engine(&b);
}

/* One takes over from a silent holder; what the holder does when it wakes up changes
 * nothing. */
static void
the_silent_are_passed_over(void **state, enum locks how)
{
	struct engine a = open_engine(*state, how), b = open_engine(*state, how),
		      c = open_engine(*state, how);

	assert_int_equal(lock_at(&a, 1, 0), KEY_OURS);
	assert_int_equal(lock_at(&b, 1, 0), KEY_HELD);
	assert_int_equal(lock_at(&c, 1, 0), KEY_HELD);
	assert_int_equal(is_held(&b, 1, PATIENCE - 1), 1);
	assert_int_equal(is_held(&c, 1, PATIENCE - 1), 1);
	assert_int_equal(is_held(&b, 1, PATIENCE), 0);
	assert_int_equal(lock_at(&b, 1, PATIENCE), KEY_TAKEN_OVER);
	assert_int_equal(b.by.pid, getpid());
	assert_int_equal(b.by.gone, 0);
	/* The new holder has just been seen for the first time. */
	assert_int_equal(is_held(&c, 1, PATIENCE), 1);
	assert_int_equal(lock_at(&c, 1, PATIENCE), KEY_HELD);
	/* A wakes up, and gives its lock back. */
	key_unlock(a.k, &a.lock);
	assert_int_equal(lock_at(&c, 1, PATIENCE + 1), KEY_HELD);
	assert_int_equal(lock_at(&a, 1, PATIENCE + 1), KEY_HELD);
	key_unlock(b.k, &b.lock);
	assert_int_equal(lock_at(&c, 1, PATIENCE + 1), KEY_OURS);
	close_engine(&a);
	close_engine(&b);
	close_engine(&c);
}

/* Each may fall silent in its turn; where levels end, one goes on without a lock. */
static void
levels_come_to_an_end(void **state, enum locks how)
{
	enum { LEVELS = 4, ENGINES = 6 };
	struct engine g[ENGINES];
	double now = 0;

	for (int i = 0; i < ENGINES; i++)
		g[i] = open_engine(*state, how);
	assert_int_equal(lock_at(&g[0], 1, now), KEY_OURS);
	for (int i = 1; i < ENGINES; i++) {
		enum key_outcome got = lock_at(&g[i], 1, now);

		for (int k = 0; k < ENGINES && got == KEY_HELD; k++)
			got = lock_at(&g[i], 1, now += PATIENCE);
		assert_int_equal(got, KEY_TAKEN_OVER);
		/* Files can be removed, locks cannot. */
		if (how == LOCKS_LEASE)
			assert_true(g[i].lock.held > 0);
		else
			assert_int_equal(g[i].lock.held, i < LEVELS ? i + 1 : 0);
	}
	for (int i = 0; i < ENGINES; i++)
		close_engine(&g[i]);
}

static void
a_heartbeat_keeps_it(void **state, enum locks how)
{
	struct engine a = open_engine(*state, how), b = open_engine(*state, how);

	assert_int_equal(lock_at(&a, 1, 0), KEY_OURS);
	assert_int_equal(lock_at(&b, 1, 0), KEY_HELD);
	assert_int_equal(is_held(&b, 1, PATIENCE - 1), 1);
	move_stamp(&b, b.by.engine);
	for (int i = 0; i < 5; i++) {
		double now = PATIENCE + i * (PATIENCE - 1);

		assert_int_equal(is_held(&b, 1, now), 1);
		key_locks_beat(a.k); /* to now: another time than the old one, */
		assert_int_equal(is_held(&b, 1, now), 1);
		move_stamp(&b, b.by.engine); /* and back */
	}
	close_engine(&a);
	close_engine(&b);
}

/* What happened while we did not look, we do not know. */
static void
a_gap_begins_anew(void **state, enum locks how)
{
	struct engine a = open_engine(*state, how), b = open_engine(*state, how);

	assert_int_equal(lock_at(&a, 1, 0), KEY_OURS);
	assert_int_equal(is_held(&b, 1, 0), 1);
	assert_int_equal(is_held(&b, 1, 1000), 1);
	assert_int_equal(is_held(&b, 1, 1000 + PATIENCE - 1), 1);
	assert_int_equal(is_held(&b, 1, 1000 + PATIENCE), 0);
	close_engine(&a);
	close_engine(&b);
}

/* Who is let in finds the record. */
static void
records_come_before_the_key(void **state, enum locks how)
{
	struct engine a = open_engine(*state, how), b = open_engine(*state, how);

	assert_int_equal(has_result(b.s, 1), 0);
	assert_int_equal(lock_at(&a, 1, 0), KEY_OURS);
	publish_record(a.s, 1);
	key_unlock(a.k, &a.lock);
	assert_int_equal(lock_at(&b, 1, 0), KEY_OURS);
	store_expect_news(b.s);
	assert_int_equal(has_result(b.s, 1), 1);
	close_engine(&a);
	close_engine(&b);
}

/* Without locks the work goes on; that is said once. */
static void
no_locks_no_harm(void **state, enum locks how)
{
	struct engine a = open_engine(*state, how);
	char *locks = path_join(store_path(a.s), "locks"),
	     *said = path_join(*state, "said"), *text;
	int saved;

	assert_int_equal(rmdir(locks), 0);
	saved = catch_stderr(said);
	assert_int_equal(lock_at(&a, 1, 0), KEY_OURS);
	assert_int_equal(a.lock.held, 0);
	assert_int_equal(lock_at(&a, 2, 0), KEY_OURS);
	assert_int_equal(is_held(&a, 2, 0), 0);
	text = caught_stderr(said, saved);
	assert_int_equal(count_lines(text), 1);
	assert_non_null(strstr(text, locks));
	free(text);
	free(said);
	free(locks);
	close_engine(&a);
}

/* --- several processes ------------------------------------------------------------ */

enum { RACERS = 6, ROUNDS = 40 };

/* Shared by the racers of all rounds. */
struct race {
	atomic_int arrived[ROUNDS], tried[ROUNDS], winners[ROUNDS];
};

/* Until all have come here. A racer that died would be waited for in vain: alarm. */
static void
meet(atomic_int *count)
{
	atomic_fetch_add(count, 1);
	while (atomic_load(count) < RACERS)
		usleep(100);
}

/* Each round is a key whose holder is silent, which engines that are new find out. All want
 * it; nobody gives it back before all have tried. */
static void
race(const char *folder, enum locks how, struct race *r)
{
	alarm(120);
	for (int i = 0; i < ROUNDS; i++) {
		struct engine g = open_engine(folder, how);
		enum key_outcome got;

		if (!is_held(&g, i, 0))
			_exit(2);
		meet(&r->arrived[i]);
		got = lock_at(&g, i, PATIENCE);
		if (got != KEY_HELD)
			atomic_fetch_add(&r->winners[i], 1);
		meet(&r->tried[i]);
		key_unlock(g.k, &g.lock);
		close_engine(&g);
	}
	_exit(0);
}

static void
one_of_many_takes_over(void **state, enum locks how)
{
	struct race *r = mmap(NULL, sizeof *r, PROT_READ | PROT_WRITE,
			      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	struct engine silent = open_engine(*state, how);
	struct key_lock locks[ROUNDS];
	pid_t pids[RACERS];
	int status;

	assert_ptr_not_equal(r, MAP_FAILED);
	for (int i = 0; i < ROUNDS; i++) {
		assert_int_equal(lock_at(&silent, i, 0), KEY_OURS);
		locks[i] = silent.lock;
	}
	for (int i = 0; i < RACERS; i++) {
		pids[i] = fork();
		if (pids[i] == 0)
			race(*state, how, r);
	}
	for (int i = 0; i < RACERS; i++) {
		assert_int_equal(waitpid(pids[i], &status, 0), pids[i]);
		assert_int_equal(status, 0);
	}
	for (int i = 0; i < ROUNDS; i++) {
		assert_int_equal(r->winners[i], 1);
		key_unlock(silent.k, &locks[i]);
	}
	if (how == LOCKS_LEASE)
		assert_int_equal(count_leases(&silent), 0);
	silent.lock.held = 0;
	close_engine(&silent);
	munmap(r, sizeof *r);
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

BOTH(one_holds_a_key)
BOTH(the_dead_hold_nothing)
BOTH(the_silent_are_passed_over)
BOTH(levels_come_to_an_end)
BOTH(a_heartbeat_keeps_it)
BOTH(a_gap_begins_anew)
BOTH(records_come_before_the_key)
BOTH(no_locks_no_harm)
BOTH(one_of_many_takes_over)

static void
beats_are_many_within_the_patience(void **state)
{
	(void)state;
	assert_true(key_locks_beat_every(8) == 2);
	assert_true(key_locks_beat_every(3600) == 5);
	assert_true(key_locks_beat_every(0) > 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)
#define TESTS(name) TEST(name##_by_file), TEST(name##_by_lease)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TESTS(one_holds_a_key),
		TESTS(the_dead_hold_nothing),
		TEST(a_dead_lease_is_taken_over),
		TESTS(the_silent_are_passed_over),
		TESTS(levels_come_to_an_end),
		TESTS(a_heartbeat_keeps_it),
		TESTS(a_gap_begins_anew),
		TESTS(records_come_before_the_key),
		TESTS(no_locks_no_harm),
		TESTS(one_of_many_takes_over),
		cmocka_unit_test(beats_are_many_within_the_patience),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

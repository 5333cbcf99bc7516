/* SPDX-License-Identifier: Apache-2.0 */
/* The event loop: timers, descriptors, signals, work, and freeing it in any state. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/loop.h"

/* A test's state: what happened, as letters in order. */
struct log {
	struct loop *loop;
	char text[200];
	struct loop_timer *timer;
	struct loop_fd *watch, *other;
	int fds[2];
	int left; /* to do before the loop is stopped */
	atomic_int worked;
	pthread_t worker;
};

static void
note(struct log *g, char c)
{
	size_t n = strlen(g->text);

	assert_true(n + 1 < sizeof g->text);
	g->text[n] = c;
	g->text[n + 1] = '\0';
}

static void
note_a(void *arg)
{
	note(arg, 'a');
}

static void
note_b(void *arg)
{
	note(arg, 'b');
}

static void
note_c(void *arg)
{
	note(arg, 'c');
}

static void
stop(void *arg)
{
	loop_stop(((struct log *)arg)->loop);
}

static void
sleep_ms(long ms)
{
	nanosleep(&(struct timespec){ms / 1000, ms % 1000 * 1000000}, NULL);
}

/* --- the loop itself -------------------------------------------------------------- */

static void
test_null(void **state)
{
	(void)state;
	loop_free(NULL);
	loop_cancel(NULL);
	loop_unwatch(NULL);
}

static void
test_no_descriptors(void **state)
{
	struct rlimit old, none;

	(void)state;
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 3;
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	errno = 0;
	assert_null(loop_new());
	assert_int_equal(errno, EMFILE);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
}

static void
test_empty(void **state)
{
	struct loop *l = loop_new();

	(void)state;
	assert_non_null(l);
	loop_run(l); /* nothing to wait for */
	loop_run(l);
	loop_free(l);
	loop_free(loop_new());
}

static void
test_stop(void **state)
{
	struct log g = {.loop = loop_new()};

	(void)state;
	g.timer = loop_after(g.loop, 3600, 0, note_a, &g);
	loop_after(g.loop, 0.001, 0, stop, &g);
	loop_run(g.loop);
	/* Stopped before it runs: it does not wait. */
	loop_stop(g.loop);
	loop_run(g.loop);
	loop_cancel(g.timer);
	loop_run(g.loop);
	assert_string_equal(g.text, "");
	loop_free(g.loop);
}

/* --- timers ----------------------------------------------------------------------- */

static void
test_timer_order(void **state)
{
	struct log g = {.loop = loop_new()};
	double start = loop_now(), took;

	(void)state;
	loop_after(g.loop, 0.03, 0, note_c, &g);
	loop_after(g.loop, 0.01, 0, note_b, &g);
	loop_after(g.loop, 0, 0, note_a, &g);
	loop_after(g.loop, -5, 0, note_a, &g);
	loop_run(g.loop);
	took = loop_now() - start;
	assert_string_equal(g.text, "aabc");
	assert_true(took >= 0.03 && took < 3);
	loop_free(g.loop);
}

static void
start_late(void *arg)
{
	struct log *g = arg;

	sleep_ms(30); /* the loop's idea of now is old */
	g->timer = loop_after(g->loop, 0.02, 0, note_a, g);
}

/* A timer is never early, though its callback's loop stood still. */
static void
test_timer_not_early(void **state)
{
	struct log g = {.loop = loop_new()};
	double start = loop_now();

	(void)state;
	loop_after(g.loop, 0.001, 0, start_late, &g);
	loop_run(g.loop);
	assert_string_equal(g.text, "a");
	assert_true(loop_now() - start >= 0.051);
	loop_free(g.loop);
}

static void
repeat(void *arg)
{
	struct log *g = arg;

	note(g, 'r');
	if (--g->left == 0)
		loop_cancel(g->timer); /* in its own callback */
}

static void
test_timer_repeat(void **state)
{
	struct log g = {.loop = loop_new(), .left = 4};

	(void)state;
	g.timer = loop_after(g.loop, 0, 0.0001, repeat, &g);
	loop_run(g.loop);
	assert_string_equal(g.text, "rrrr");
	loop_free(g.loop);
}

static void
cancel_other(void *arg)
{
	struct log *g = arg;

	note(g, 'x');
	loop_cancel(g->timer);
}

static void
test_timer_cancel(void **state)
{
	struct log g = {.loop = loop_new()};
	struct loop_timer *t;

	(void)state;
	/* Before the loop runs, and from a callback; of both kinds. */
	loop_cancel(loop_after(g.loop, 0, 0, note_a, &g));
	loop_cancel(loop_after(g.loop, 5, 0, note_a, &g));
	loop_after(g.loop, 0, 0, cancel_other, &g);
	g.timer = loop_after(g.loop, 0, 0, note_a, &g);
	loop_run(g.loop);
	assert_string_equal(g.text, "x");
	loop_after(g.loop, 0, 0, cancel_other, &g);
	g.timer = loop_after(g.loop, 5, 0, note_a, &g);
	loop_run(g.loop);
	assert_string_equal(g.text, "xx");
	/* A one-shot timer that cancels itself. */
	g.timer = loop_after(g.loop, 0.001, 0, cancel_other, &g);
	loop_run(g.loop);
	g.timer = loop_after(g.loop, 0, 0, cancel_other, &g);
	loop_run(g.loop);
	assert_string_equal(g.text, "xxxx");
	t = loop_after(g.loop, 1e300, 0, note_a, &g);
	loop_after(g.loop, 0.002, 0, note_b, &g);
	loop_after(g.loop, 0.004, 0, stop, &g);
	loop_run(g.loop);
	assert_string_equal(g.text, "xxxxb");
	loop_cancel(t);
	loop_free(g.loop);
}

static void
again(void *arg)
{
	struct log *g = arg;

	g->left++;
	loop_after(g->loop, 0, 0, again, g);
}

static void
read_and_stop(void *arg, int fd, int events)
{
	struct log *g = arg;
	char c;

	assert_int_equal(events, LOOP_READ);
	assert_int_equal(read(fd, &c, 1), 1);
	note(g, c);
	loop_stop(g->loop);
}

/* A chain of timers of 0 seconds starves neither descriptors nor other timers. */
static void
test_timer_chain(void **state)
{
	struct log g = {.loop = loop_new()};

	(void)state;
	assert_int_equal(pipe(g.fds), 0);
	g.watch = loop_watch(g.loop, g.fds[0], LOOP_READ, read_and_stop, &g);
	loop_after(g.loop, 0, 0, again, &g);
	assert_int_equal(write(g.fds[1], "p", 1), 1);
	loop_run(g.loop);
	assert_string_equal(g.text, "p");
	loop_after(g.loop, 0.005, 0, stop, &g);
	loop_run(g.loop);
	assert_true(g.left > 5);
	loop_free(g.loop); /* with one still in the list */
	close(g.fds[0]);
	close(g.fds[1]);
}

/* --- descriptors ------------------------------------------------------------------ */

static void
ignore_fd(void *arg, int fd, int events)
{
	(void)arg;
	(void)fd;
	(void)events;
}

static void
test_watch_bad(void **state)
{
	struct loop *l = loop_new();
	struct loop_fd *w;
	int fds[2], file = open("/proc/self/exe", O_RDONLY);

	(void)state;
	assert_int_equal(pipe(fds), 0);
	errno = 0;
	assert_null(loop_watch(l, file, LOOP_READ, ignore_fd, NULL));
	assert_int_equal(errno, EPERM);
	assert_null(loop_watch(l, 1000000, LOOP_READ, ignore_fd, NULL));
	assert_int_equal(errno, EBADF);
	w = loop_watch(l, fds[0], LOOP_READ, ignore_fd, NULL);
	assert_non_null(w);
	assert_null(loop_watch(l, fds[0], LOOP_WRITE, ignore_fd, NULL));
	assert_int_equal(errno, EEXIST);
	/* After its end it may be watched anew, at once. */
	loop_unwatch(w);
	w = loop_watch(l, fds[0], LOOP_READ, ignore_fd, NULL);
	assert_non_null(w);
	loop_unwatch(w);
	loop_run(l);
	close(file);
	close(fds[0]);
	close(fds[1]);
	loop_free(l);
}

/* Reads one byte a call: level-triggered, so it is called again for the rest. */
static void
read_one(void *arg, int fd, int events)
{
	struct log *g = arg;
	char c;
	ssize_t n;

	assert_int_equal(events, LOOP_READ);
	n = read(fd, &c, 1);
	if (n > 0) {
		note(g, c);
		return;
	}
	assert_int_equal(n, 0);
	note(g, '$');
	loop_unwatch(g->watch);
	loop_unwatch(g->watch);
}

static void
test_read(void **state)
{
	struct log g = {.loop = loop_new()};

	(void)state;
	assert_int_equal(pipe(g.fds), 0);
	g.watch = loop_watch(g.loop, g.fds[0], LOOP_READ, read_one, &g);
	assert_int_equal(write(g.fds[1], "xyz", 3), 3);
	close(g.fds[1]);
	loop_run(g.loop);
	assert_string_equal(g.text, "xyz$");
	assert_true(fcntl(g.fds[0], F_GETFL) & O_NONBLOCK);
	close(g.fds[0]);
	loop_free(g.loop);
}

static void
turn_over(void *arg, int fd, int events)
{
	struct log *g = arg;
	char buf[8];

	note(g, events == LOOP_WRITE ? 'w' : events == LOOP_READ ? 'r' : '?');
	if (events == LOOP_WRITE) {
		assert_int_equal(send(fd, "!", 1, 0), 1);
		loop_events(g->watch, LOOP_READ);
		return;
	}
	assert_int_equal(recv(fd, buf, sizeof buf, 0), 1);
	loop_events(g->watch, 0);
	loop_stop(g->loop);
}

static void
test_events(void **state)
{
	struct log g = {.loop = loop_new()};

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, g.fds), 0);
	assert_int_equal(send(g.fds[1], "a", 1, 0), 1);
	g.watch = loop_watch(g.loop, g.fds[0], LOOP_WRITE, turn_over, &g);
	loop_run(g.loop);
	assert_string_equal(g.text, "wr");
	/* Watched for nothing: silent, though there is something. */
	assert_int_equal(send(g.fds[1], "b", 1, 0), 1);
	loop_after(g.loop, 0.005, 0, stop, &g);
	loop_run(g.loop);
	assert_string_equal(g.text, "wr");
	loop_events(g.watch, LOOP_READ);
	loop_run(g.loop);
	assert_string_equal(g.text, "wrr");
	loop_free(g.loop); /* still watched */
	close(g.fds[0]);
	close(g.fds[1]);
}

/* The reader has gone: the writer is called, twice if it does not look the first
 * time. */
static void
write_broken(void *arg, int fd, int events)
{
	struct log *g = arg;

	assert_int_equal(events, LOOP_WRITE);
	note(g, 'w');
	if (--g->left > 0)
		return;
	assert_int_equal(write(fd, "x", 1), -1);
	assert_int_equal(errno, EPIPE);
	loop_unwatch(g->watch);
}

static void
test_broken_pipe(void **state)
{
	struct log g = {.loop = loop_new(), .left = 2};

	(void)state;
	signal(SIGPIPE, SIG_IGN);
	assert_int_equal(pipe(g.fds), 0);
	close(g.fds[0]);
	g.watch = loop_watch(g.loop, g.fds[1], LOOP_WRITE, write_broken, &g);
	loop_run(g.loop);
	assert_string_equal(g.text, "ww");
	close(g.fds[1]);
	loop_free(g.loop);
}

/* Whoever comes first ends both: the other must not be called, though it is ready. */
static void
end_both(void *arg, int fd, int events)
{
	struct log *g = arg;

	(void)fd;
	(void)events;
	note(g, 'e');
	loop_unwatch(g->watch);
	loop_unwatch(g->other);
	close(g->fds[0]);
	close(g->fds[1]);
}

static void
test_unwatch_other(void **state)
{
	struct log g = {.loop = loop_new()};

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, g.fds), 0);
	g.watch = loop_watch(g.loop, g.fds[0], LOOP_WRITE, end_both, &g);
	g.other = loop_watch(g.loop, g.fds[1], LOOP_WRITE, end_both, &g);
	loop_run(g.loop);
	assert_string_equal(g.text, "e");
	loop_free(g.loop);
}

/* --- signals ---------------------------------------------------------------------- */

static void
on_signal(void *arg, int signo)
{
	struct log *g = arg;

	note(g, signo == SIGUSR1 ? '1' : signo == SIGUSR2 ? '2' : '?');
	if (--g->left == 0)
		loop_stop(g->loop);
}

static void
test_signals(void **state)
{
	struct log g = {.loop = loop_new(), .left = 1};

	(void)state;
	loop_on_signal(g.loop, SIGUSR1, on_signal, &g);
	loop_on_signal(g.loop, SIGUSR2, on_signal, &g);
	loop_run(g.loop); /* they do not keep it alive */
	assert_string_equal(g.text, "");
	raise(SIGUSR1);
	g.timer = loop_after(g.loop, 10, 0, note_a, &g);
	loop_run(g.loop);
	g.left = 1;
	raise(SIGUSR2);
	loop_run(g.loop);
	assert_string_equal(g.text, "12");
	loop_free(g.loop);
	/* Nobody catches it any more. */
	signal(SIGUSR1, SIG_IGN);
	raise(SIGUSR1);
	assert_string_equal(g.text, "12");
}

/* --- work ------------------------------------------------------------------------- */

static void
work(void *arg)
{
	struct log *g = arg;

	g->worker = pthread_self();
	sleep_ms(10);
	atomic_fetch_add(&g->worked, 1);
}

static void
work_done(void *arg)
{
	struct log *g = arg;

	assert_true(atomic_load(&g->worked) > 0);
	assert_false(pthread_equal(g->worker, pthread_self()));
	note(g, 'd');
	if (g->left-- > 0)
		loop_work(g->loop, work, work_done, g);
}

static void
test_work(void **state)
{
	struct log g = {.loop = loop_new(), .left = 2};

	(void)state;
	loop_work(g.loop, work, work_done, &g);
	loop_run(g.loop);
	assert_string_equal(g.text, "ddd");
	assert_int_equal(atomic_load(&g.worked), 3);
	loop_free(g.loop);
}

/* Freed with work queued and under way: what runs is waited for, nothing is called. */
static void
test_free_with_work(void **state)
{
	struct log g = {.loop = loop_new()};
	int worked;

	(void)state;
	for (int i = 0; i < 40; i++)
		loop_work(g.loop, work, work_done, &g);
	sleep_ms(2);
	loop_free(g.loop);
	worked = atomic_load(&g.worked);
	assert_true(worked < 40);
	sleep_ms(20);
	assert_int_equal(atomic_load(&g.worked), worked);
	assert_string_equal(g.text, "");
}

/* Everything registered, nothing run. */
static void
test_free_full(void **state)
{
	struct log g = {.loop = loop_new()};

	(void)state;
	assert_int_equal(pipe(g.fds), 0);
	loop_watch(g.loop, g.fds[0], LOOP_READ, ignore_fd, &g);
	loop_unwatch(loop_watch(g.loop, g.fds[1], LOOP_WRITE, ignore_fd, &g));
	loop_after(g.loop, 0, 0, note_a, &g);
	loop_after(g.loop, 0, 1, note_a, &g);
	loop_after(g.loop, 1, 0, note_a, &g);
	loop_cancel(loop_after(g.loop, 1, 0, note_a, &g));
	loop_on_signal(g.loop, SIGUSR1, on_signal, &g);
	loop_work(g.loop, work, work_done, &g);
	loop_stop(g.loop);
	loop_free(g.loop);
	assert_string_equal(g.text, "");
	close(g.fds[0]);
	close(g.fds[1]);
}

/* Two loops at a time. */
static void
test_two(void **state)
{
	struct log g = {.loop = loop_new()}, h = {.loop = loop_new()};

	(void)state;
	loop_after(g.loop, 0, 0, note_a, &g);
	loop_after(h.loop, 0, 0, note_b, &h);
	loop_run(h.loop);
	loop_free(h.loop);
	loop_run(g.loop);
	loop_free(g.loop);
	assert_string_equal(g.text, "a");
	assert_string_equal(h.text, "b");
}

/* First of all tests: libuv would end the process where it gets none for its signals. */
static void
without_descriptors(void **state)
{
	enum { ENOUGH = 30 };
	struct rlimit old, few;
	int fd = dup(0), made = 0;

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &old), 0);
	few = old;
	for (int more = 0; more < ENOUGH; more++) {
		struct loop *l;

		few.rlim_cur = (rlim_t)(fd + more);
		assert_int_equal(setrlimit(RLIMIT_NOFILE, &few), 0);
		l = loop_new();
		if (!l)
			assert_int_equal(errno, EMFILE);
		loop_free(l);
		made += l != NULL;
	}
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &old), 0);
	assert_true(made > 0 && made < ENOUGH);
	close(fd);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(without_descriptors),
		cmocka_unit_test(test_null),
		cmocka_unit_test(test_no_descriptors),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_stop),
		cmocka_unit_test(test_timer_order),
		cmocka_unit_test(test_timer_not_early),
		cmocka_unit_test(test_timer_repeat),
		cmocka_unit_test(test_timer_cancel),
		cmocka_unit_test(test_timer_chain),
		cmocka_unit_test(test_watch_bad),
		cmocka_unit_test(test_read),
		cmocka_unit_test(test_events),
		cmocka_unit_test(test_broken_pipe),
		cmocka_unit_test(test_unwatch_other),
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_work),
		cmocka_unit_test(test_free_with_work),
		cmocka_unit_test(test_free_full),
		cmocka_unit_test(test_two),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

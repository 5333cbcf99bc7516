/* SPDX-License-Identifier: Apache-2.0
 * loop: an event loop over libuv: descriptors, timers, signals, work on threads.
 * The only file that includes uv.h. Every callback runs on the thread of loop_run.
 */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdint.h>

struct loop;
struct loop_fd;
struct loop_timer;

enum { LOOP_READ = 1, LOOP_WRITE = 2 };

typedef void loop_fd_fn(void *arg, int fd, int events);
typedef void loop_fn(void *arg);
typedef void loop_signal_fn(void *arg, int signo);

/* One loop; several may exist. NULL with errno (EMFILE, ENFILE). */
struct loop *loop_new(void);
/* Frees the loop and whatever is still registered with it; NULL is allowed. Work that
 * has not started is dropped, work under way is waited for; no callback is called any
 * more. Not from a callback of the loop. */
void loop_free(struct loop *l);
/* Run until loop_stop, or nothing is registered any more. */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);
/* Monotonic seconds, read now (not the loop's cached time). */
double loop_now(void);

/* Watch a descriptor (level-triggered) for LOOP_READ|LOOP_WRITE. The descriptor stays
 * the caller's. The callback may call loop_unwatch. The descriptor is made non-
 * blocking; one watch for each. An error or hang-up counts as all that is watched for:
 * read or write to see it. NULL with errno: EPERM for what cannot be waited for (a
 * regular file), EEXIST if it is watched already. */
struct loop_fd *loop_watch(struct loop *l, int fd, int events, loop_fd_fn *fn,
			   void *arg);
void loop_events(struct loop_fd *w, int events); /* change what is watched for */
void loop_unwatch(struct loop_fd *w);            /* NULL is allowed */

/* Once after `seconds` (0: at the next turn), or every `repeat` seconds if repeat > 0.
 * A one-shot timer is freed by itself after its callback; cancelling a timer that has
 * fired is an error of the caller. */
struct loop_timer *loop_after(struct loop *l, double seconds, double repeat,
			      loop_fn *fn, void *arg);
void loop_cancel(struct loop_timer *t); /* NULL is allowed */

/* Catch a signal; valid until loop_free. Does not keep loop_run alive. */
void loop_on_signal(struct loop *l, int signo, loop_signal_fn *fn, void *arg);

/* Run `work` on a thread of the pool, then `done` on the loop. */
void loop_work(struct loop *l, loop_fn *work, loop_fn *done, void *arg);

#endif

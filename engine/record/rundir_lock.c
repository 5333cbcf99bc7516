/* SPDX-License-Identifier: Apache-2.0 */
/* One engine a run.
 *
 * Where the kernel's locks can be trusted: an OFD lock on the file `lock`, which ends
 * with its holder, however it ends. Elsewhere: a lease (lease.c), lock-LEVEL, a link to
 * a note of the engine, which it touches every few seconds. Who finds a lease and does
 * not know whether its holder lives watches it for as long as the patience.
 *
 * `lock.holder` says who it is, to people and in messages. It locks nothing: what a
 * dead engine left of it is written over.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/loop.h"
#include "base/mem.h"
#include "base/str.h"
#include "record/engine_id.h"
#include "record/lease.h"
#include "record/own_file.h"
#include "record/rundir_private.h"

static void
nap(long milliseconds)
{
	struct timespec t = {milliseconds / 1000, milliseconds % 1000 * 1000000};

	nanosleep(&t, NULL);
}

/* --- who holds it ----------------------------------------------------------------- */

/* "by pid 12 on host since 2026-01-02 03:04:05", as far as it is known. */
static char *
holder_text(const struct engine_note *n)
{
	time_t since = (time_t)n->since;
	char when[40] = "";
	struct tm tm;

	if (since > 0 && localtime_r(&since, &tm))
		strftime(when, sizeof when, " since %Y-%m-%d %H:%M:%S", &tm);
	if (n->id.pid <= 0)
		return xstrdup("by another engine");
	return xasprintf("by pid %d on %s%s", n->id.pid,
			 n->id.host[0] ? n->id.host : "?", when);
}

static int
in_use(const struct rundir *d, const struct engine_note *by, struct error *e)
{
	char *holder = holder_text(by);

	error_set(e, "run '%s' is in use %s", d->path, holder);
	error_hint(e, "wait until it has ended, or give another --run-dir");
	free(holder);
	return -1;
}

/* What lock.holder says of who has the lock now. That of a dead one is about to be
 * written over. */
static void
read_holder(const struct rundir *d, struct engine_note *by)
{
	enum { TRIES = 50, EVERY = 10 };
	char *path = path_join(d->path, "lock.holder");

	for (int i = 0; i < TRIES; i++) {
		if (engine_note_read(path, by) == 1 && !by->dead)
			break;
		*by = (struct engine_note){0};
		nap(EVERY);
	}
	free(path);
}

/* A disk without room costs only the word to others. */
static void
write_holder(const struct rundir *d, const struct engine_id *self)
{
	char *path = path_join(d->path, "lock.holder"), *text = engine_note_text(self);

	(void)own_write(path, text, strlen(text), 0, NULL);
	free(text);
	free(path);
}

/* --- by lock ---------------------------------------------------------------------- */

static int
stands_at(const char *path, int fd)
{
	struct stat st, own;

	return lstat(path, &st) == 0 && fstat(fd, &own) == 0 && st.st_dev == own.st_dev &&
	       st.st_ino == own.st_ino;
}

/* 0, 1: another has it, or -1 with errno. One that was removed meanwhile keeps nobody
 * out: the file at that path counts. */
static int
lock_file(struct rundir *d, const char *path)
{
	enum { TRIES = 10 };

	for (int i = 0; i < TRIES; i++) {
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644), err;

		if (fd < 0)
			return -1;
		if (engine_lock(fd) < 0) {
			err = errno;
			close(fd);
			errno = err;
			return err == EAGAIN ? 1 : -1;
		}
		if (stands_at(path, fd)) {
			d->lock_fd = fd;
			return 0;
		}
		close(fd);
	}
	errno = EAGAIN;
	return -1;
}

static int
take_file(struct rundir *d, const struct engine_id *self, struct error *e)
{
	char *path = path_join(d->path, "lock");
	struct engine_note by;
	int rc;

	own_clear(path); /* no engine holds a lock on what is no file */
	rc = lock_file(d, path);
	if (rc < 0) {
		error_set(e, "cannot lock '%s':", path);
	} else if (rc > 0) {
		read_holder(d, &by);
		rc = in_use(d, &by, e);
	} else {
		write_holder(d, self);
	}
	free(path);
	return rc;
}

/* --- by lease --------------------------------------------------------------------- */

static char *
note_path(const struct rundir *d, const char *engine)
{
	return xasprintf("%s/.lock-%s", d->path, engine);
}

/* Notes that engines of this machine left when they died while they waited. */
static void
sweep_notes(const struct rundir *d)
{
	DIR *folder = opendir(d->path);
	struct engine_note by;
	struct dirent *entry;
	char *path;

	while (folder && (entry = readdir(folder))) {
		if (!starts_with(entry->d_name, ".lock-"))
			continue;
		path = path_join(d->path, entry->d_name);
		if (engine_note_read(path, &by) == 1 && by.dead)
			unlink(path);
		free(path);
	}
	if (folder)
		closedir(folder);
}

/* Has somebody who holds a level given a sign of life? */
static int
somebody_lives(struct lease *l, struct engine_watch *w, struct engine_note *by)
{
	for (int level = 0; level < LEVELS; level++) {
		if (lease_ops.look(l, level, by) != 1)
			continue;
		watch_is_silent(w, by->id.name, by->stamp, loop_now());
		if (by->alive || watch_moved(w, by->id.name))
			return 1;
	}
	return 0;
}

static void
tell_waiting(const struct rundir *d, const struct engine_note *by, double patience)
{
	char *holder = holder_text(by), most[32];

	log_warning("run '%s' is held %s: looking for a sign of life, %s at most",
		    d->path, holder, format_duration(patience, most));
	free(holder);
}

/* levels_take, once it is clear whether who holds it lives. A process of this machine
 * that is there but silent may wake up, and two engines in one run would be more than
 * lost work. */
static int
wait_for_lease(struct rundir *d, struct lease *l, double patience, struct engine_note *by)
{
	enum { EVERY = 100 };
	struct engine_watch w = {.patience = patience};
	int level = LEVEL_HELD, told = 0;

	while (!somebody_lives(l, &w, by)) {
		level = levels_take(&lease_ops, l, &w, loop_now(), by);
		if (level != LEVEL_HELD)
			break;
		if (by->id.name[0] && !told++)
			tell_waiting(d, by, patience);
		nap(EVERY);
	}
	watch_free(&w);
	return level;
}

/* Why there is none: 1: there can be no leases here, or -1 with the error set. */
static int
no_lease(const char *path, int err, struct error *e)
{
	errno = err;
	if (err == EPERM || err == EOPNOTSUPP || err == ENOSYS)
		return 1;
	if (err)
		return error_set(e, "cannot make '%s-0':", path);
	return error_set(e, "cannot remove '%s-%d', which an engine that is gone has left",
			 path, LEVELS - 1);
}

/* 0, 1: there can be no leases here, or -1 with the error set. */
static int
take_lease(struct rundir *d, const struct engine_id *self, double patience,
	   struct error *e)
{
	char *path = path_join(d->path, "lock"), *note = note_path(d, self->name);
	int fd = engine_note_make(note, self, 1, e), level = LEVEL_NONE, rc = -1, err;
	struct engine_note by = {0};
	struct lease l;

	if (fd >= 0 && lease_init(&l, path, note) == 0)
		level = wait_for_lease(d, &l, patience, &by);
	err = errno;
	unlink(note); /* the lease is a name of it, too */
	free(note);
	if (level >= 0) {
		d->lock_fd = fd;
		d->lease = level + 1;
		sweep_notes(d);
		write_holder(d, self);
		rc = 0;
	} else if (level == LEVEL_HELD) {
		in_use(d, &by, e);
	} else if (fd >= 0) {
		rc = no_lease(path, err, e);
	}
	if (level < 0 && fd >= 0)
		close(fd);
	free(path);
	return rc;
}

/* Our lease as lease.c wants it; `path` lives as long as it. */
static int
own_lease(const struct rundir *d, const char *path, struct lease *l)
{
	struct stat st;

	if (fstat(d->lock_fd, &st) < 0)
		return -1;
	*l = (struct lease){path, "", st.st_dev, st.st_ino};
	return 0;
}

/* --- for rundir.c ----------------------------------------------------------------- */

int
rundir_take_lock(struct rundir *d, enum locks how, double patience, struct error *e)
{
	struct engine_id self;
	int rc = 1;

	engine_self(&self);
	if (locks_by_lease(how, d->path))
		rc = take_lease(d, &self, patience, e);
	return rc > 0 ? take_file(d, &self, e) : rc;
}

void
rundir_drop_lock(struct rundir *d)
{
	char *path, *holder;
	struct lease l;
	int ours = 1;

	if (d->lock_fd < 0)
		return;
	path = path_join(d->path, "lock");
	holder = path_join(d->path, "lock.holder");
	if (d->lease)
		ours = own_lease(d, path, &l) == 0 && lease_is_ours(&l, d->lease - 1);
	if (ours)
		unlink(holder);
	if (ours && d->lease)
		lease_ops.drop(&l, d->lease - 1);
	close(d->lock_fd);
	free(holder);
	free(path);
}

int
rundir_beat(const struct rundir *d, struct error *e)
{
	char *path;
	struct lease l;
	int rc = 0;

	if (d->lock_fd < 0 || !d->lease)
		return 0;
	engine_note_beat(d->lock_fd);
	path = path_join(d->path, "lock");
	if (own_lease(d, path, &l) == 0 && !lease_is_ours(&l, d->lease - 1))
		rc = error_set(e,
			       "run '%s' was taken over by another engine while this one "
			       "gave no sign of life",
			       d->path);
	free(path);
	return rc;
}

static int
lease_is_held(const char *path)
{
	struct engine_note by;
	int held = 0;

	for (int level = 0; level < LEVELS && !held; level++) {
		char *lock = path_join(path, "lock"), *name = lease_name(lock, level);

		held = engine_note_read(name, &by) == 1 && !by.dead;
		free(name);
		free(lock);
	}
	return held;
}

int
rundir_is_held(const char *path)
{
	char *lock = path_join(path, "lock");
	int fd = open(lock, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), held = 0;

	free(lock);
	if (fd >= 0) {
		held = engine_is_locked(fd) == 1;
		close(fd);
	}
	return held || lease_is_held(path);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Locks of keys.
 *
 * Where locks can be trusted: OFD locks on ranges of locks/keys, a file without any
 * content. They end with their holder, however it ends. A range starts at
 *
 *     first 38 bits of the key | 2 bits level (levels.c) | 22 bits 0
 *
 * and is 1 + N bytes long, where N, of 22 bits, says which engine it is: who finds it
 * locked reads N from the length of the lock in the way, and knows the engine by the
 * end of its name in engines/. No two ranges of an engine touch, so the kernel does not
 * join them. Two keys with equal bits wait for each other; that costs time alone.
 *
 * Elsewhere: leases (lease.c), locks/KEY-LEVEL, linked to engines/ENGINE.
 *
 * Either way the mtime of engines/ENGINE is the heartbeat.
 */
#include "record/key_lock.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "record/lease.h"
#include "record/store_private.h"

enum { NAME_BITS = 22, LEVEL_BITS = 2, KEY_BITS = 38 };

#define BEAT_LONGEST 5.0   /* seconds between heartbeats, at most */
#define BEAT_SHORTEST 0.05

struct key_locks {
	struct store *s;
	int leases;
	int fd;     /* locks/keys, -1: not opened */
	int broken; /* locks do not work here, and that was said */
	int swept;  /* leases of dead engines are removed */
	char *note; /* engines/ENGINE of this engine */
	size_t held;
	struct engine_watch watch;
};

/* One key, for the functions of levels.h. */
struct wanted {
	struct key_locks *k;
	off_t start; /* of its range */
};

struct key_locks *
key_locks_new(struct store *s, enum locks how, double patience)
{
	struct key_locks *k = xcalloc(1, sizeof *k);

	k->s = s;
	k->leases = locks_by_lease(how, s->path);
	k->fd = -1;
	k->note = xasprintf("%s/engines/%s", s->path, s->self.name);
	k->watch.patience = patience;
	return k;
}

void
key_locks_free(struct key_locks *k)
{
	if (!k)
		return;
	if (k->fd >= 0)
		close(k->fd);
	watch_free(&k->watch);
	free(k->note);
	free(k);
}

/* --- ranges ----------------------------------------------------------------------- */

static off_t
range_start(const struct digest *key)
{
	uint64_t bits = 0;

	for (int i = 0; i < 8; i++)
		bits = bits << 8 | key->b[i];
	return (off_t)(bits >> (64 - KEY_BITS) << (LEVEL_BITS + NAME_BITS));
}

/* Which engine, in 22 bits: of the random end of its name. Never all ones, or ranges
 * would touch. */
static off_t
name_bits(const char *engine)
{
	const char *dash = strrchr(engine, '-');
	unsigned long end = dash ? strtoul(dash + 1, NULL, 16) : 0;

	return (off_t)(end % ((1ul << NAME_BITS) - 1));
}

static off_t
level_start(const struct wanted *w, int level)
{
	return w->start | (off_t)level << NAME_BITS;
}

static int
take_range(void *arg, int level)
{
	const struct wanted *w = arg;
	struct flock fl = {.l_type = F_WRLCK,
			   .l_whence = SEEK_SET,
			   .l_start = level_start(w, level),
			   .l_len = 1 + name_bits(w->k->s->self.name)};

	if (fcntl(w->k->fd, F_OFD_SETLK, &fl) == 0)
		return 1;
	return errno == EAGAIN || errno == EACCES ? 0 : -1;
}

static void
drop_range(void *arg, int level)
{
	const struct wanted *w = arg;
	struct flock fl = {.l_type = F_UNLCK,
			   .l_whence = SEEK_SET,
			   .l_start = level_start(w, level),
			   .l_len = (off_t)1 << NAME_BITS};

	(void)fcntl(w->k->fd, F_OFD_SETLK, &fl);
}

/* Another's lock in [start, +len): 1 with its length, or 0. */
static int
locked_range(const struct key_locks *k, off_t start, off_t len, off_t *found)
{
	struct flock fl = {.l_type = F_WRLCK,
			   .l_whence = SEEK_SET,
			   .l_start = start,
			   .l_len = len};

	if (fcntl(k->fd, F_OFD_GETLK, &fl) < 0 || fl.l_type == F_UNLCK)
		return 0;
	*found = fl.l_len;
	return 1;
}

/* The note of the engine with these bits; one that is not there never moves. */
static void
find_engine(const struct key_locks *k, off_t bits, struct engine_note *by)
{
	char *folder = path_join(k->s->path, "engines"), *path;
	DIR *d = opendir(folder);
	struct dirent *entry;
	int found = 0;

	memset(by, 0, sizeof *by);
	while (d && !found && (entry = readdir(d))) {
		if (entry->d_name[0] == '.' || name_bits(entry->d_name) != bits)
			continue;
		path = path_join(folder, entry->d_name);
		found = engine_note_read(path, by) == 1;
		snprintf(by->id.name, sizeof by->id.name, "%.159s", entry->d_name);
		free(path);
	}
	if (d)
		closedir(d);
	free(folder);
	if (!found)
		snprintf(by->id.name, sizeof by->id.name, "%lld", (long long)bits);
	by->dead = 0; /* a lock has a holder */
}

static int
look_range(void *arg, int level, struct engine_note *by)
{
	const struct wanted *w = arg;
	off_t len;

	if (!locked_range(w->k, level_start(w, level), 1, &len))
		return 0;
	find_engine(w->k, len - 1, by);
	return 1;
}

static int
no_other_range(void *arg)
{
	const struct wanted *w = arg;
	off_t len;

	return !locked_range(w->k, w->start, (off_t)LEVELS << NAME_BITS, &len);
}

static const struct level_ops range_ops = {take_range, look_range, drop_range, NULL,
					   no_other_range};

/* --- either way ------------------------------------------------------------------- */

/* What keeps locks from working is told once. */
static void
give_up(struct key_locks *k)
{
	if (!k->broken)
		log_warning("no locks in '%s/locks': %s; another engine may do the same "
			    "work",
			    k->s->path, strerror(errno));
	k->broken = 1;
}

/* "PATH/locks/KEY", as lease.c wants it. */
static char *
lease_path(const struct key_locks *k, const struct digest *key)
{
	char hex[DIGEST_HEX + 1];

	return xasprintf("%s/locks/%s", k->s->path, digest_hex(key, hex));
}

/* Leases that engines of this machine left when they died. */
static void
sweep_leases(struct key_locks *k)
{
	char *folder = path_join(k->s->path, "locks"), *path;
	DIR *d = opendir(folder);
	struct engine_note by;
	struct dirent *entry;

	k->swept = 1;
	while (d && (entry = readdir(d))) {
		path = path_join(folder, entry->d_name);
		if (strlen(entry->d_name) == DIGEST_HEX + 2 &&
		    engine_note_read(path, &by) == 1 && by.dead)
			lease_remove(path, by.dev, by.ino);
		free(path);
	}
	if (d)
		closedir(d);
	free(folder);
}

/* Is all there that a lock is made of? */
static int
is_ready(struct key_locks *k)
{
	char *path;

	if (k->broken || store_register(k->s, NULL) < 0)
		return 0;
	if (k->leases && !k->swept) {
		(void)fdatasync(k->s->engine_fd); /* for other machines to read */
		sweep_leases(k);
	}
	if (!k->leases && k->fd < 0) {
		path = xasprintf("%s/locks/keys", k->s->path);
		k->fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
		free(path);
	}
	if (!k->leases && k->fd < 0)
		give_up(k);
	return !k->broken;
}

static void
tell_holder(const struct engine_note *n, struct lock_holder *by)
{
	memset(by, 0, sizeof *by);
	snprintf(by->engine, sizeof by->engine, "%s", n->id.name);
	snprintf(by->host, sizeof by->host, "%s", n->id.host);
	by->pid = n->id.pid;
	by->since = n->since;
	by->gone = n->dead;
}

/* levels_take or levels_held, by either kind of lock. */
static int
with_levels(struct key_locks *k, const struct digest *key, double now, int take,
	    struct engine_note *by)
{
	struct wanted w = {k, range_start(key)};
	struct lease lease;
	char *path;
	int rc;

	if (!k->leases)
		return take ? levels_take(&range_ops, &w, &k->watch, now, by)
			    : levels_held(&range_ops, &w, &k->watch, now, by);
	path = lease_path(k, key);
	if (lease_init(&lease, path, k->note) < 0)
		rc = take ? LEVEL_NONE : 0;
	else
		rc = take ? levels_take(&lease_ops, &lease, &k->watch, now, by)
			  : levels_held(&lease_ops, &lease, &k->watch, now, by);
	free(path);
	return rc;
}

enum key_outcome
key_lock(struct key_locks *k, const struct digest *key, double now, struct key_lock *out,
	 struct lock_holder *by)
{
	struct engine_note n = {0};
	int level;

	*out = (struct key_lock){.key = *key};
	memset(by, 0, sizeof *by);
	if (!is_ready(k))
		return KEY_OURS;
	level = with_levels(k, key, now, 1, &n);
	if (level == LEVEL_NONE && errno)
		give_up(k);
	if (level >= 0) {
		out->held = level + 1;
		k->held++;
	}
	tell_holder(&n, by);
	if (level == LEVEL_HELD)
		return KEY_HELD;
	return by->engine[0] ? KEY_TAKEN_OVER : KEY_OURS;
}

int
key_is_held(struct key_locks *k, const struct digest *key, double now,
	    struct lock_holder *by)
{
	struct engine_note n = {0};

	memset(by, 0, sizeof *by);
	if (!is_ready(k) || with_levels(k, key, now, 0, &n) != 1)
		return 0;
	tell_holder(&n, by);
	return 1;
}

void
key_unlock(struct key_locks *k, struct key_lock *lock)
{
	struct wanted w = {k, 0};
	struct lease lease;
	char *path;

	if (!k || !lock->held)
		return;
	/* Who is let in must find the result. */
	segments_publish(k->s, &lock->key);
	if (k->leases) {
		path = lease_path(k, &lock->key);
		if (lease_init(&lease, path, k->note) == 0)
			lease_ops.drop(&lease, lock->held - 1);
		free(path);
	} else {
		w.start = range_start(&lock->key);
		drop_range(&w, lock->held - 1);
	}
	lock->held = 0;
	k->held--;
}

void
key_locks_beat(struct key_locks *k)
{
	if (k->held)
		engine_note_beat(k->s->engine_fd);
}

double
key_locks_beat_every(double patience)
{
	double every = patience / 4;

	if (every > BEAT_LONGEST)
		return BEAT_LONGEST;
	return every > BEAT_SHORTEST ? every : BEAT_SHORTEST;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Noting that a result is used, so that store gc leaves it alone. What is noted, why
 * it is enough and what the lock is for stands in store_gc.c.
 *
 * An object's last use is the mtime of its folder. A record cannot be changed in place:
 * it is written once more, with the time of now.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "record/store_private.h"

enum {
	FRESH = 6 * 3600, /* seconds for which a stamp is good enough */
	WAIT_MS = 2000    /* for gc.lock; gc holds it for one rename */
};

/* --- gc.lock ---------------------------------------------------------------------- */

static int
set_lock(struct store *s, short type)
{
	struct flock fl = {.l_type = type, .l_whence = SEEK_SET, .l_len = 1};

	return fcntl(s->gc_lock, F_OFD_SETLK, &fl);
}

int
gc_lock(struct store *s, int only_me)
{
	const struct timespec ms = {.tv_nsec = 1000000};

	if (s->gc_lock < 0) {
		char *path = xasprintf("%s/gc.lock", s->path);

		s->gc_lock =
			open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
		free(path);
	}
	if (s->gc_lock < 0)
		return 0;
	for (int i = 0; i < WAIT_MS; i++) {
		if (set_lock(s, only_me ? F_WRLCK : F_RDLCK) == 0)
			return 1;
		if ((errno != EAGAIN && errno != EACCES) || s->gc_stuck)
			return 0; /* no locks here: the second look must do */
		nanosleep(&ms, NULL);
	}
	s->gc_stuck = 1;
	return 0;
}

void
gc_unlock(struct store *s)
{
	if (s->gc_lock >= 0)
		(void)set_lock(s, F_UNLCK);
}

/* --- use -------------------------------------------------------------------------- */

int
stamp_object(struct store *s, const char *name)
{
	struct stat st;
	int rc;

	if (s->relies == RELIES_NOT)
		return 1;
	if (fstatat(s->objects_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno != ENOENT;
	if (st.st_mtim.tv_sec > time(NULL) - FRESH)
		return 1;
	gc_lock(s, 0);
	/* Another user's store, or one that is read-only: its owner's gc cannot know. */
	rc = utimensat(s->objects_fd, name, NULL, AT_SYMLINK_NOFOLLOW) == 0 ||
	     errno != ENOENT;
	gc_unlock(s);
	return rc;
}

void
stamp_record(struct store *s, struct result *r)
{
	int64_t now = (int64_t)time(NULL);
	struct str text = {0};

	if (s->relies == RELIES_NOT || r->time > now - FRESH ||
	    (s->relies == RELIES_ON_INDEX && index_names(s, &r->key)))
		return;
	r->time = now;
	result_write(r, &text);
	/* Where it cannot be written, gc cannot be told. */
	(void)segments_put(s, &r->key, &text, 0, NULL);
	str_free(&text);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Digests of files that are no results, remembered in cache/digests.
 *
 * A line's key is KIND-DEV-INO (hex), its text:
 *     f: SIZE MTIME CTIME DIGEST    a file's content
 *     s: SIZE MTIME CTIME DIGEST    sampled blocks of a database file
 *     t: STAMPS DIGEST              a tree; STAMPS is a digest over all stamps in it
 * The ctime is there because files are copied over with their old mtime. What
 * changed within the last two seconds is not remembered: it may change again within
 * one tick of the clock.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "record/own_file.h"
#include "record/store_private.h"
#include "record/store_stamps.h"
#include "record/tree.h"

/* --- the caches' files ------------------------------------------------------------ */

static void
open_cache(struct store *s, struct lines *l, const char *name)
{
	struct error e = {0};
	char *path = xasprintf("%s/cache/%s", s->path, name);

	own_clear(path);
	if (lines_add_file(l, path, NULL, &e) < 0)
		log_warning("%s: going on without this cache", e.text);
	else
		lines_append_to(l, path);
	free(path);
}

void
caches_open(struct store *s)
{
	if (s->caches_open)
		return;
	s->caches_open = 1;
	open_cache(s, &s->digests, "digests");
	open_cache(s, &s->fingerprints, "fingerprints");
}

/* Write back. A cache that cannot be written is not worth a word: all goes on
 * without it. */
static void
close_cache(struct lines *l)
{
	enum { FEW = 64 };
	size_t damaged = 0;

	if (!l->out || lines_flush(l, 0, NULL) < 0)
		return;
	for (size_t i = 0; i < l->file_count; i++)
		damaged += l->files[i].damaged + (size_t)l->files[i].torn;
	if ((l->lines > FEW && l->lines > 2 * l->keys.live) || damaged > 0)
		(void)lines_rewrite(l, 0, NULL, l->out, 0, NULL);
}

/* The index of a run that is complete names no more than what it asked for. */
static void
close_index(struct store *s)
{
	struct lines *l = &s->index;
	size_t used = 0;

	for (size_t i = 0; i < l->keys.count; i++)
		used += l->keys.entries[i].key && l->at[l->keys.entries[i].value].used;
	if (!s->index_complete || used == l->keys.live || !l->out ||
	    lines_flush(l, 0, NULL) < 0)
		close_cache(l);
	else
		(void)lines_rewrite(l, 1, NULL, l->out, 0, NULL);
}

void
caches_close(struct store *s)
{
	if (s->index_open && !s->only_looks)
		close_index(s);
	if (!s->caches_open)
		return;
	close_cache(&s->digests);
	close_cache(&s->fingerprints);
	lines_free(&s->digests);
	lines_free(&s->fingerprints);
}

/* --- one file --------------------------------------------------------------------- */

int64_t
time_ns(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

int
is_recent(const struct stat *st)
{
	const int64_t window = 2000000000;
	struct timespec now;
	int64_t limit;

	clock_gettime(CLOCK_REALTIME, &now);
	limit = time_ns(&now) - window;
	return time_ns(&st->st_mtim) > limit || time_ns(&st->st_ctim) > limit;
}

static void
cache_key(char kind, const struct stat *st, char out[48])
{
	snprintf(out, 48, "%c-%" PRIx64 "-%" PRIx64, kind, (uint64_t)st->st_dev,
		 (uint64_t)st->st_ino);
}

static int
stamp_text(const struct stat *st, char out[80])
{
	return snprintf(out, 80, "%" PRIu64 " %" PRId64 " %" PRId64 " ",
			(uint64_t)st->st_size, time_ns(&st->st_mtim),
			time_ns(&st->st_ctim));
}

/* The digest behind `stamp`, if that is what the cache says of this inode. */
static int
remembered(struct store *s, const char *key, const char *stamp, struct digest *out)
{
	char hex[DIGEST_HEX + 1];
	size_t len, n = strlen(stamp);
	const char *text;

	caches_open(s);
	text = lines_get(&s->digests, key, &len);
	if (!text || len != n + DIGEST_HEX || memcmp(text, stamp, n) != 0)
		return 0;
	memcpy(hex, text + n, DIGEST_HEX);
	hex[DIGEST_HEX] = '\0';
	return digest_parse(hex, out) == 0;
}

static void
remember(struct store *s, const char *key, const char *stamp, const struct digest *d)
{
	enum { BUFFER = 64 * 1024 };
	char hex[DIGEST_HEX + 1];
	char *text = xasprintf("%s%s", stamp, digest_hex(d, hex));

	lines_put(&s->digests, key, text, strlen(text));
	free(text);
	if (s->digests.pending.len > BUFFER && s->digests.out)
		(void)lines_flush(&s->digests, 0, NULL);
}

/* Of a regular file, by content or by samples, with what is remembered. */
static int
cached_digest(struct store *s, char kind, const char *path, const struct stat *st,
	      struct digest *out, struct error *e)
{
	char key[48], stamp[80], stamp_after[80];
	struct stat after;
	int rc;

	cache_key(kind, st, key);
	stamp_text(st, stamp);
	if (!is_recent(st) && remembered(s, key, stamp, out))
		return 0;
	rc = kind == 's' ? sample_file(path, out, e) : digest_file(path, out, NULL, e);
	if (rc < 0)
		return -1;
	if (is_recent(st) || stat(path, &after) < 0)
		return 0;
	stamp_text(&after, stamp_after);
	/* Changed while it was read: the next look-up reads it again. */
	if (after.st_ino == st->st_ino && strcmp(stamp, stamp_after) == 0)
		remember(s, key, stamp, out);
	return 0;
}

int
sampled_digest(struct store *s, const char *path, const struct stat *st,
	       struct digest *out, struct error *e)
{
	return cached_digest(s, 's', path, st, out, e);
}

/* --- trees ------------------------------------------------------------------------ */

struct stamps {
	struct hash *hash;
	int recent;
};

static int
add_stamp(void *arg, const char *path, const char *relative, const struct stat *st,
	  int after)
{
	struct stamps *t = arg;
	char text[160];

	(void)path;
	if (after)
		return 0;
	snprintf(text, sizeof text, "%o %" PRIx64 " %" PRIu64 " %" PRId64 " %" PRId64,
		 (unsigned)st->st_mode, (uint64_t)st->st_ino, (uint64_t)st->st_size,
		 time_ns(&st->st_mtim), time_ns(&st->st_ctim));
	hash_add_field(t->hash, relative);
	hash_add_field(t->hash, text);
	t->recent |= is_recent(st);
	return 0;
}

/* "HEX " of all stamps in a tree. */
static int
stamp_tree(const char *path, char out[80], int *recent)
{
	struct stamps t = {.hash = hash_new()};
	char hex[DIGEST_HEX + 1];
	struct digest d;
	int rc = tree_walk(path, add_stamp, &t), saved = errno;

	hash_end(t.hash, &d);
	snprintf(out, 80, "%s ", digest_hex(&d, hex));
	*recent = t.recent;
	errno = saved;
	return rc;
}

static int
tree_digest(struct store *s, const char *path, const struct stat *st,
	    struct digest *out, struct error *e)
{
	char key[48], stamp[80], after[80], *real = realpath(path, NULL);
	int recent, again, rc;

	if (!real)
		return error_set(e, "cannot open '%s':", path);
	cache_key('t', st, key);
	rc = stamp_tree(real, stamp, &recent);
	if (rc < 0)
		error_set(e, "cannot read folder '%s':", path);
	if (rc == 0 && (recent || !remembered(s, key, stamp, out))) {
		rc = digest_tree(real, out, NULL, e);
		if (rc == 0 && !recent && stamp_tree(real, after, &again) == 0 &&
		    strcmp(stamp, after) == 0)
			remember(s, key, stamp, out);
	}
	free(real);
	return rc;
}

int
store_file_digest(struct store *s, const char *path, struct digest *out,
		  struct error *e)
{
	struct stat st;

	caches_open(s);
	if (stat(path, &st) < 0)
		return error_set(e, "cannot open '%s':", path);
	if (S_ISDIR(st.st_mode))
		return tree_digest(s, path, &st, out, e);
	if (!S_ISREG(st.st_mode))
		return error_set(
			e, "cannot hash '%s': it is neither a file nor a folder", path);
	return cached_digest(s, 'f', path, &st, out, e);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Going through a store. Nothing is kept but the names of one folder at a time, so
 * memory does not grow with the store. */
#include "record/store_walk.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "record/tree.h"

/* --- names ------------------------------------------------------------------------ */

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The names in an open folder, which is closed. -1 with errno. */
static int
read_names(int fd, struct words *out)
{
	DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
	struct dirent *entry;
	int saved;

	if (!d)
		return -1;
	while (errno = 0, (entry = readdir(d)))
		if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0)
			words_add(out, entry->d_name);
	saved = errno;
	closedir(d);
	errno = saved;
	if (out->count > 1)
		qsort(out->v, out->count, sizeof *out->v, by_name);
	return saved ? -1 : 0;
}

int
walk_names(const struct store *s, const char *part, struct words *out, struct error *e)
{
	char *path = path_join(s->path, part);
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	int rc = read_names(fd, out);

	if (rc < 0)
		error_set(e, "cannot read folder '%s':", path);
	free(path);
	return rc;
}

/* --- objects ---------------------------------------------------------------------- */

struct objects {
	struct store *s;
	walk_object_fn *fn;
	walk_stray_fn *stray;
	void *arg;
};

static void
tell_stray(const struct objects *o, const char *name, const char *what)
{
	char *path = path_join(o->s->objects, name);

	if (o->stray)
		o->stray(o->arg, path, what);
	free(path);
}

static int
is_hex(const char *s, size_t n)
{
	return strlen(s) == n && strspn(s, "0123456789abcdef") == n;
}

static int
walk_entry(const struct objects *o, const char *shard, const char *entry)
{
	char *name = xasprintf("%s/%s", shard, entry), hex[DIGEST_HEX + 1];
	struct digest key;
	int rc = 0;

	if (is_hex(entry, DIGEST_HEX - 2)) {
		snprintf(hex, sizeof hex, "%.2s%s", shard, entry);
		digest_parse(hex, &key);
		rc = o->fn(o->arg, name, &key);
	} else {
		tell_stray(o, name, "no result has such a name");
	}
	free(name);
	return rc;
}

static int
walk_shard(const struct objects *o, const char *shard, struct error *e)
{
	int fd = openat(o->s->objects_fd, shard,
			O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW),
	    rc = 0;
	struct words names = {0};

	if (fd < 0 && (errno == ENOTDIR || errno == ELOOP)) {
		tell_stray(o, shard, "it is no folder");
		return 0;
	}
	if (read_names(fd, &names) < 0)
		rc = error_set(e, "cannot read folder '%s/%s':", o->s->objects, shard);
	for (size_t i = 0; rc == 0 && i < names.count; i++)
		rc = walk_entry(o, shard, names.v[i]);
	words_free(&names);
	return rc;
}

int
walk_objects(struct store *s, walk_object_fn *fn, walk_stray_fn *stray, void *arg,
	     struct error *e)
{
	const struct objects o = {s, fn, stray, arg};
	struct words shards = {0};
	int rc = walk_names(s, "objects", &shards, e);

	for (size_t i = 0; rc == 0 && i < shards.count; i++)
		if (is_hex(shards.v[i], 2))
			rc = walk_shard(&o, shards.v[i], e);
		else
			tell_stray(&o, shards.v[i], "no result has such a name");
	words_free(&shards);
	return rc;
}

/* --- segments --------------------------------------------------------------------- */

int
segment_finished(const struct store *s, const char *name)
{
	return starts_with(name, "merged-") || store_engine_dead(s, name) == 1;
}

struct segment {
	walk_line_fn *fn;
	void *arg;
	size_t number;
};

static int
segment_line(void *arg, const char *line, size_t len, uint64_t offset, int whole)
{
	struct segment *g = arg;
	struct segment_line l = {.line = line,
				 .len = len,
				 .offset = offset,
				 .number = ++g->number,
				 .whole = whole};
	const char *key, *text;
	size_t key_len, text_len;
	char hex[DIGEST_HEX + 1];
	int rc;

	if (lines_split(line, len, &key, &key_len, &text, &text_len) < 0) {
		error_set(&l.why, whole ? "its checksum does not match" : "it is torn");
	} else {
		l.result = result_read(text, text_len, NULL, &l.why);
		if (l.result && (key_len != DIGEST_HEX ||
				 memcmp(key, digest_hex(&l.result->key, hex),
					DIGEST_HEX) != 0)) {
			result_free(l.result);
			l.result = NULL;
			error_set(&l.why, "it is the result of another key");
		}
	}
	if (l.result)
		l.key = l.result->key;
	rc = g->fn(g->arg, &l);
	result_free(l.result);
	return rc;
}

int
walk_segment(const struct store *s, const char *name, walk_line_fn *fn, void *arg,
	     struct error *e)
{
	char *path = xasprintf("%s/segments/%s", s->path, name);
	struct segment g = {.fn = fn, .arg = arg};
	int rc = lines_each(path, segment_line, &g, e), saved = errno;

	free(path);
	errno = saved;
	return rc;
}

/* --- sizes ------------------------------------------------------------------------ */

struct sizing {
	struct map *seen;
	struct disk_use *use;
};

static int
add_blocks(void *arg, const char *path, const char *relative, const struct stat *st,
	   int after)
{
	struct sizing *z = arg;
	uint64_t id[2] = {st->st_dev, st->st_ino};
	uint64_t bytes = (uint64_t)st->st_blocks * 512;
	int linked = st->st_nlink > 1 && !S_ISDIR(st->st_mode), added = 1;

	(void)path;
	(void)relative;
	if (!after && linked && z->seen)
		map_put(z->seen, id, sizeof id, &added);
	if (after || !added)
		return 0;
	z->use->bytes += bytes;
	z->use->shared += linked ? bytes : 0;
	z->use->files++;
	return 0;
}

void
walk_disk(const char *path, struct map *seen, struct disk_use *out)
{
	struct sizing z = {.seen = seen, .use = out};

	(void)tree_walk(path, add_blocks, &z);
}

/* --- sets of keys ----------------------------------------------------------------- */

uint64_t *
keys_put(struct map *keys, const struct digest *key, int *added)
{
	return map_put(keys, key->b, SHORT_KEY, added);
}

uint64_t *
keys_get(const struct map *keys, const struct digest *key)
{
	return map_get(keys, key->b, SHORT_KEY);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* store gc: segments written anew.
 *
 * Finished segments (store_segments.c) are read once to see what is in them; where a
 * record is damaged, stands twice or is needed by nobody, they are read again and what
 * stays is written into one: beside them, synced, renamed; then they go. Memory holds a
 * short key for each record that stays.
 */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "record/segment_write.h"
#include "record/store_gc_private.h"

struct compaction {
	struct gc *gc;
	struct words finished;
	int64_t changed;  /* mtime of the segment being read: when nothing else says */
	struct map kept;  /* short keys */
	size_t records, dropped, damaged;
	struct segment_writer *writer; /* NULL: only counting */
};

static int
take_line(void *arg, const struct segment_line *l)
{
	struct compaction *c = arg;
	int added;

	if (!l->result) {
		c->damaged++;
		return 0;
	}
	if (gc_is_old(c->gc, &l->key, l->result->time ? l->result->time : c->changed)) {
		c->dropped++;
		return 0;
	}
	keys_put(&c->kept, &l->key, &added);
	if (!added) {
		c->damaged++;
		return 0;
	}
	c->records++;
	if (c->writer)
		segment_writer_add(c->writer, l->line, l->len);
	return 0;
}

/* All finished segments. One that vanished was joined by an engine. */
static int
read_finished(struct compaction *c, struct error *e)
{
	c->records = c->dropped = c->damaged = 0;
	for (size_t i = 0; i < c->finished.count; i++) {
		char *path = xasprintf("%s/segments/%s", c->gc->s->path,
				       c->finished.v[i]);
		struct error why = {0};
		struct stat st;

		c->changed = lstat(path, &st) == 0 ? (int64_t)st.st_mtim.tv_sec : 0;
		free(path);
		if (walk_segment(c->gc->s, c->finished.v[i], take_line, c, &why) < 0 &&
		    errno != ENOENT) {
			*e = why;
			return -1;
		}
	}
	map_free(&c->kept);
	return 0;
}

static int
write_anew(struct compaction *c, struct error *e)
{
	struct segment_writer w;
	int rc = segment_writer_begin(&w, c->gc->s, e);

	c->writer = &w;
	if (rc == 0)
		rc = read_finished(c, e);
	if (rc == 0)
		rc = segment_writer_commit(&w, e);
	segment_writer_end(&w);
	c->writer = NULL;
	return rc;
}

/* The old ones, once the new one stands. */
static void
remove_finished(struct compaction *c)
{
	for (size_t i = 0; i < c->finished.count; i++) {
		char *path = xasprintf("%s/segments/%s", c->gc->s->path,
				       c->finished.v[i]);

		unlink(path);
		free(path);
	}
}

static int
compact(struct compaction *c, struct error *e)
{
	struct gc_report *out = c->gc->out;

	if (read_finished(c, e) < 0)
		return -1;
	out->records = c->records;
	out->records_dropped = c->dropped;
	out->records_damaged = c->damaged;
	if (!c->gc->o->remove ||
	    (c->dropped == 0 && c->damaged == 0 && c->finished.count < 2))
		return 0;
	if (c->records > 0 && write_anew(c, e) < 0)
		return -1;
	remove_finished(c);
	return 0;
}

int
gc_segments(struct gc *g, struct error *e)
{
	struct compaction c = {.gc = g};
	struct words names = {0};
	int lock = -1, rc = 0;

	if (g->o->remove && (lock = segments_lock(g->s)) < 0) {
		g->out->segments_busy = 1;
		return 0;
	}
	rc = walk_names(g->s, "segments", &names, e);
	for (size_t i = 0; i < names.count; i++)
		if (names.v[i][0] != '.' && segment_finished(g->s, names.v[i]))
			words_add(&c.finished, names.v[i]);
	if (rc == 0)
		rc = compact(&c, e);
	if (lock >= 0)
		close(lock);
	words_free(&c.finished);
	words_free(&names);
	map_free(&c.kept);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* store verify: segments, line by line.
 *
 * A damaged line of a finished segment is cut out: what is sound is written into a new
 * joined segment, then the old one is moved aside. The segment of a living engine is left
 * alone, and bytes behind its last newline are being written.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "record/segment_write.h"
#include "record/store_verify_private.h"

struct reading {
	struct verify_report *out;
	int finished;
	struct words damage; /* "line N: why" */
	struct segment_writer *writer; /* for sound lines, or NULL */
};

static int
take_line(void *arg, const struct segment_line *l)
{
	struct reading *r = arg;
	char *text;

	if (r->writer) {
		if (l->result)
			segment_writer_add(r->writer, l->line, l->len);
	} else if (l->result) {
		r->out->records++;
	} else if (l->whole || r->finished) {
		text = xasprintf("line %zu: %s", l->number, l->why.text);
		words_add(&r->damage, text);
		free(text);
	}
	return 0;
}

/* The sound lines, into a new segment. */
static int
write_sound(struct store *s, struct reading *r, const char *name, struct error *e)
{
	struct segment_writer w;
	int rc = segment_writer_begin(&w, s, e);

	r->writer = &w;
	if (rc == 0)
		rc = walk_segment(s, name, take_line, r, e);
	if (rc == 0)
		rc = segment_writer_commit(&w, e);
	r->writer = NULL;
	segment_writer_end(&w);
	return rc;
}

/* Where it went, caller frees; NULL: it stays, damaged lines are passed over anyway. */
static char *
move_segment(struct store *s, struct reading *r, const char *name)
{
	int lock = segments_lock(s);
	char *from, *to = NULL;
	uint64_t random = 0;

	if (lock < 0)
		return NULL;
	from = xasprintf("%s/segments/%s", s->path, name);
	if (getrandom(&random, sizeof random, 0) == (ssize_t)sizeof random &&
	    write_sound(s, r, name, NULL) == 0) {
		to = xasprintf("%s/tmp/damaged-segment-%016" PRIx64, s->path, random);
		if (rename(from, to) < 0) {
			free(to);
			to = NULL;
		} else {
			(void)utimensat(AT_FDCWD, to, NULL, AT_SYMLINK_NOFOLLOW);
		}
	}
	free(from);
	close(lock);
	return to;
}

static void
tell(const struct verify_options *o, struct verify_report *out, enum verify_kind kind,
     const char *path, const char *what, const char *moved)
{
	const struct verify_finding f = {kind, "", "", path, "", what,
					 moved ? moved : ""};

	out->damaged += kind == VERIFY_DAMAGED;
	out->unreadable += kind == VERIFY_UNREADABLE;
	if (o->found)
		o->found(o->arg, &f);
}

static void
verify_segment(struct store *s, const struct verify_options *o,
	       struct verify_report *out, const char *name)
{
	struct reading r = {.out = out, .finished = segment_finished(s, name)};
	char *path = xasprintf("%s/segments/%s", s->path, name), *moved = NULL;
	struct error e = {0};

	/* One that is joined meanwhile is in another one. */
	if (walk_segment(s, name, take_line, &r, &e) < 0) {
		if (errno != ENOENT)
			tell(o, out, VERIFY_UNREADABLE, path, e.text, NULL);
	} else {
		if (r.finished && r.damage.count > 0)
			moved = move_segment(s, &r, name);
		for (size_t i = 0; i < r.damage.count; i++)
			tell(o, out, VERIFY_DAMAGED, path, r.damage.v[i], moved);
	}
	words_free(&r.damage);
	free(moved);
	free(path);
}

int
verify_segments(struct store *s, const struct verify_options *o,
		struct verify_report *out, struct error *e)
{
	struct words names = {0};
	int rc = walk_names(s, "segments", &names, e);

	for (size_t i = 0; i < names.count; i++)
		if (names.v[i][0] != '.')
			verify_segment(s, o, out, names.v[i]);
	words_free(&names);
	return rc;
}

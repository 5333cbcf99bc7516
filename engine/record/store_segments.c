/* SPDX-License-Identifier: Apache-2.0 */
/* Records of results without files: segments/, one append-only file an engine.
 *
 * They are scanned at the first look-up. Other engines may be writing theirs, so a
 * miss looks for new records, at most once a second unless told that there are some. Segments of dead engines are
 * joined into one when there are many or when one is damaged: written beside,
 * synced, renamed, then the old ones are removed. A crash between leaves records
 * twice, which is harmless: the first one stands.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "record/own_file.h"
#include "record/store_private.h"
#include "record/store_walk.h"

enum {
	MANY_SEGMENTS = 16,
	BUFFER = 64 * 1024 /* pending bytes that are worth a write */
};

static void
report_damage(struct store *s, const struct lines_file *f, int torn)
{
	if ((f->damaged == 0 && !torn) || !store_first_report(s, f->path))
		return;
	log_warning("'%s' has %zu damaged record%s: counted as absent", f->path,
		    f->damaged + (size_t)torn,
		    f->damaged + (size_t)torn == 1 ? "" : "s");
}

/* What is no file here is nobody's segment: it goes where damaged objects go. One of ours
 * without rights gets them back. 1 if there is nothing left to scan. */
static int
clear_segment(struct store *s, const char *path, const char *name)
{
	struct stat st;
	char *to;
	int gone;

	if (lstat(path, &st) < 0 || S_ISREG(st.st_mode)) {
		own_clear(path);
		return 0;
	}
	to = xasprintf("%s/tmp/damaged-%s-%" PRIx64, s->path, name,
		       (uint64_t)st.st_ino);
	gone = rename(path, to) == 0;
	if (gone)
		log_warning("'%s' is no file: moved to '%s'", path, to);
	free(to);
	return gone;
}

/* Scan one segment that is new to us. */
static void
add_segment(struct store *s, const char *folder, const char *name)
{
	struct error e = {0};
	char *path;
	int missing, dead;
	const struct lines_file *f;

	if (map_gets(&s->segment_names, name))
		return;
	path = path_join(folder, name);
	if (clear_segment(s, path, name)) {
		free(path);
		return;
	}
	if (lines_add_file(&s->segments, path, &missing, &e) < 0) {
		/* What passes is tried again with the next look at all of them. */
		map_puts(&s->segment_names, name, NULL);
		if (error_passes(&e))
			s->unseen = e;
		else
			log_warning("%s: its records count as absent", e.text);
	} else if (!missing) {
		map_puts(&s->segment_names, name, NULL);
		f = &s->segments.files[s->segments.file_count - 1];
		dead = segment_finished(s, name);
		/* Bytes behind the last newline of a living engine are being
		 * written. */
		report_damage(s, f, dead && f->torn);
		if (dead && (f->damaged > 0 || f->torn))
			s->damaged_dead = 1;
	}
	free(path);
}

static int
by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Find new segments, in the order of their names. */
static void
find_segments(struct store *s)
{
	char *folder = path_join(s->path, "segments");
	DIR *d = opendir(folder);
	struct dirent *entry;
	struct words names = {0};
	struct error why = {0};

	if (!d)
		error_set(&why, "cannot open folder '%s':", folder);
	if (error_passes(&why))
		s->unseen = why;
	else if (!d && store_first_report(s, folder))
		log_warning("%s", why.text);
	while (d && (entry = readdir(d)))
		if (entry->d_name[0] != '.' && strcmp(entry->d_name, s->self.name) != 0)
			words_add(&names, entry->d_name);
	if (d)
		closedir(d);
	if (names.count > 1)
		qsort(names.v, names.count, sizeof *names.v, by_name);
	for (size_t i = 0; i < names.count; i++)
		add_segment(s, folder, names.v[i]);
	words_free(&names);
	free(folder);
}

void
segments_load(struct store *s)
{
	char *own;

	if (s->segments_open)
		return;
	s->segments_open = 1;
	find_segments(s);
	own = xasprintf("%s/segments/%s", s->path, s->self.name);
	lines_append_to(&s->segments, own);
	free(own);
	s->segments_seen = store_seconds();
}

/* What others wrote since. */
static void
refresh(struct store *s)
{
	time_t now = store_seconds();

	if (now == s->segments_seen)
		return;
	s->segments_seen = now;
	error_clear(&s->unseen);
	(void)lines_rescan(&s->segments, &s->unseen);
	find_segments(s);
}

void
store_expect_news(struct store *s)
{
	s->segments_seen = -1;
}

/* As lines_get; with the error set it cannot be read for a reason that passes. */
static const char *
read_record(struct store *s, const char *hex, size_t *len, struct error *e)
{
	const char *text = lines_get(&s->segments, hex, len);

	if (!text)
		error_set(e, "cannot read the record of %.12s in '%s/segments':", hex,
			  s->path);
	if (!error_passes(e))
		error_clear(e);
	return text;
}

static const char *
record_text(struct store *s, const char *hex, size_t *len, struct error *e)
{
	const char *text = read_record(s, hex, len, e);

	if (text || error_is_set(e))
		return text;
	/* Joined by another engine meanwhile? */
	map_del(&s->segments.keys, hex, DIGEST_HEX);
	find_segments(s);
	text = read_record(s, hex, len, e);
	if (!text && !error_is_set(e))
		*e = s->unseen;
	return text;
}

struct result *
segments_lookup(struct store *s, const struct digest *key, struct error *e)
{
	char hex[DIGEST_HEX + 1];
	struct result *r;
	const char *text;
	size_t len;

	segments_load(s);
	digest_hex(key, hex);
	if (!lines_has(&s->segments, hex)) {
		refresh(s);
		if (!lines_has(&s->segments, hex)) {
			*e = s->unseen;
			return NULL;
		}
	}
	text = record_text(s, hex, &len, e);
	if (error_is_set(e))
		return NULL;
	r = text ? result_read(text, len, NULL, NULL) : NULL;
	if (r && digest_equal(&r->key, key))
		return r;
	result_free(r);
	if (store_first_report(s, hex))
		log_warning("the record of %.12s in '%s/segments' is damaged: counted "
			    "as absent",
			    hex, s->path);
	/* So that a new one can take its place. */
	map_del(&s->segments.keys, hex, DIGEST_HEX);
	return NULL;
}

/* What was put; with `sync`, on the disk and under its name. */
static int
flush_records(struct store *s, int sync, struct error *e)
{
	if (lines_flush(&s->segments, sync, e) < 0)
		return -1;
	return sync && s->segments.out_fd >= 0 ? store_sync_segment(s, e) : 0;
}

int
segments_put(struct store *s, const struct digest *key, const struct str *text,
	     int sync, struct error *e)
{
	char hex[DIGEST_HEX + 1];
	size_t before;

	segments_load(s);
	if (store_register(s, e) < 0)
		return -1;
	before = s->segments.pending.len;
	digest_hex(key, hex);
	lines_put(&s->segments, hex, text->s, text->len);
	if (!sync && s->segments.pending.len < BUFFER)
		return 0;
	if (flush_records(s, sync, e) == 0)
		return 0;
	/* Earlier ones stay pending, for the caller's next flush; if this one was
	 * written and only its sync failed, it stands. */
	if (s->segments.pending.len > before)
		lines_unput(&s->segments, hex, before);
	return -1;
}

void
segments_publish(struct store *s, const struct digest *key)
{
	char hex[DIGEST_HEX + 1];

	if (s->segments.pending.len > 0 &&
	    lines_is_pending(&s->segments, digest_hex(key, hex)))
		(void)store_flush(s, 0, NULL); /* it stays pending: tried again */
}

int
store_flush(struct store *s, int sync, struct error *e)
{
	/* The index is a cache first: without room for it we do without. */
	if (s->index_open && lines_flush(&s->index, sync, NULL) < 0)
		s->index_open = 0;
	return flush_records(s, sync, e);
}

/* --- joining ---------------------------------------------------------------------- */

/* Mark the finished ones that were read in full; their number. */
static size_t
mark_finished(struct store *s, unsigned char *marks)
{
	size_t n = 0;

	for (size_t i = 0; i < s->segments.file_count; i++) {
		const char *path = s->segments.files[i].path;

		marks[i] = (int)i != s->segments.out_file &&
			   !s->segments.files[i].unread &&
			   segment_finished(s, path_base(path));
		n += marks[i];
	}
	return n;
}

/* Write the joined one, then remove the others. */
static void
join(struct store *s, const unsigned char *marks)
{
	char *folder = path_join(s->path, "segments"), *path;
	uint64_t r = 0;

	if (getrandom(&r, sizeof r, 0) < 0)
		r = (uint64_t)s->self.pid;
	path = xasprintf("%s/merged-%016" PRIx64, folder, r);
	/* Its name must be on the disk before those of the old ones go. */
	if (lines_rewrite(&s->segments, 0, marks, path, 1, NULL) == 0 &&
	    fs_sync_dir(folder, NULL) == 0)
		for (size_t i = 0; i < s->segments.file_count; i++)
			if (marks[i])
				unlink(s->segments.files[i].path);
	free(path);
	free(folder);
}

void
store_mend(struct store *s)
{
	/* Who may not write does without. */
	if (s->damaged_dead)
		(void)store_register(s, NULL);
}

void
segments_merge(struct store *s)
{
	unsigned char *marks;
	char *path;
	size_t n;
	int fd;

	/* Only an engine that wrote anything tidies up. */
	if (!s->segments_open || s->engine_fd < 0 ||
	    (s->segments.file_count < MANY_SEGMENTS && !s->damaged_dead))
		return;
	path = xasprintf("%s/segments/.lock", s->path);
	fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
	free(path);
	if (fd < 0)
		return;
	if (engine_lock(fd) == 0) {
		marks = xcalloc(s->segments.file_count + 1, 1);
		n = mark_finished(s, marks);
		if (n > 1 || (n == 1 && s->damaged_dead))
			join(s, marks);
		free(marks);
	}
	close(fd);
}

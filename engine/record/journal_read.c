/* SPDX-License-Identifier: Apache-2.0 */
/* Reading the journal.
 *
 * A line that is torn, filled with zeros or changed fails its checksum and is passed
 * over. Sequence numbers tell what stands in the wrong place: events are handed out in
 * their order, and one that is there twice only once. A journal in order, as it nearly
 * always is, is read in one go behind a glance at its numbers; for another the places of
 * its lines are sorted, 24 bytes a line.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/mem.h"
#include "record/journal_private.h"

enum {
	CHUNK = 256 * 1024,
	LONGEST = 16 * 1024 * 1024 /* a longer line is damage */
};

/* --- lines ------------------------------------------------------------------------ */

ssize_t
journal_pread(int fd, void *buf, size_t n, uint64_t offset)
{
	ssize_t got;

	do
		got = pread(fd, buf, n, (off_t)offset);
	while (got < 0 && errno == EINTR);
	return got;
}

int
journal_each_line(int fd, uint64_t at, journal_line_fn *fn, void *arg)
{
	size_t cap = CHUNK, n = 0;
	char *buf = xmalloc(cap + 1);
	ssize_t got;

	/* `at` is where buf begins. */
	while ((got = journal_pread(fd, buf + n, cap - n, at + n)) > 0) {
		size_t used = 0;
		char *nl;

		n += (size_t)got;
		while (used < n && (nl = memchr(buf + used, '\n', n - used))) {
			fn(arg, buf + used, (size_t)(nl - buf) - used, at + used);
			used = (size_t)(nl - buf) + 1;
		}
		at += used;
		n -= used;
		memmove(buf, buf + used, n);
		if (n == cap && cap >= LONGEST) {
			fn(arg, buf, n, at);
			at += n;
			n = 0;
		} else if (n == cap) {
			cap *= 2;
			buf = xrealloc(buf, cap + 1, 1);
		}
	}
	if (n > 0 && got == 0) {
		buf[n] = '\0'; /* every line ends in something that is no digit */
		fn(arg, buf, n, at);
	}
	free(buf);
	return got < 0 ? -1 : 0;
}

uint64_t
journal_line_seq(const char *line, size_t len)
{
	static const char start[] = "{\"seq\":";
	const char *text = line_check(line, len);

	if (!text || len - (size_t)(text - line) <= sizeof start ||
	    memcmp(text, start, sizeof start - 1) != 0)
		return 0;
	return strtoull(text + sizeof start - 1, NULL, 10);
}

/* --- events ----------------------------------------------------------------------- */

/* Where a sound line stands. One without a number goes behind the one before it. */
struct place {
	uint64_t seq, offset;
	uint32_t length;
};

struct reader {
	void (*fn)(void *arg, const js *event);
	void *arg;
	size_t damaged;
	uint64_t highest; /* number so far */
	size_t misplaced; /* lines with no higher number than one before them */
	struct place *places;
	size_t count, cap;
};

static void
read_line(void *arg, const char *line, size_t len, uint64_t offset)
{
	struct reader *r = arg;
	const char *text = line_check(line, len);
	js *event = text ? js_parse(text, len - (size_t)(text - line), NULL) : NULL;

	(void)offset;
	if (event && js_is_object(event))
		r->fn(r->arg, event);
	else
		r->damaged++;
	js_free(event);
}

/* Is the journal in order? */
static void
look_at_order(void *arg, const char *line, size_t len, uint64_t offset)
{
	struct reader *r = arg;
	uint64_t seq = journal_line_seq(line, len);

	(void)offset;
	if (seq && seq <= r->highest)
		r->misplaced++;
	else if (seq)
		r->highest = seq;
}

static void
note_place(void *arg, const char *line, size_t len, uint64_t offset)
{
	struct reader *r = arg;
	uint64_t seq = journal_line_seq(line, len);

	if (!line_check(line, len) || len > UINT32_MAX) {
		r->damaged++;
		return;
	}
	if (!seq)
		seq = r->count ? r->places[r->count - 1].seq : 0;
	GROW(r->places, r->count, r->cap);
	r->places[r->count++] =
		(struct place){.seq = seq, .offset = offset, .length = (uint32_t)len};
}

static int
by_number(const void *a, const void *b)
{
	const struct place *x = a, *y = b;

	if (x->seq != y->seq)
		return x->seq < y->seq ? -1 : 1;
	return (x->offset > y->offset) - (x->offset < y->offset);
}

/* The line at a place; NULL if it cannot be read. Caller frees. */
static char *
line_at(int fd, const struct place *p)
{
	char *line = xmalloc(p->length + 1);

	if (journal_pread(fd, line, p->length, p->offset) == (ssize_t)p->length) {
		line[p->length] = '\0';
		return line;
	}
	free(line);
	return NULL;
}

/* All lines by their numbers, each once. */
static int
read_sorted(int fd, struct reader *r)
{
	char *before = NULL;

	if (journal_each_line(fd, 0, note_place, r) < 0)
		return -1;
	if (r->count > 1)
		qsort(r->places, r->count, sizeof *r->places, by_number);
	for (size_t i = 0; i < r->count; i++) {
		char *line = line_at(fd, &r->places[i]);

		if (!line || (before && strcmp(before, line) == 0)) {
			r->damaged += !line;
			free(line);
			continue;
		}
		read_line(r, line, r->places[i].length, 0);
		free(before);
		before = line;
	}
	free(before);
	return 0;
}

static int
read_events(int fd, struct reader *r)
{
	int rc = journal_each_line(fd, 0, look_at_order, r);

	if (rc == 0 && !r->misplaced)
		return journal_each_line(fd, 0, read_line, r);
	if (rc == 0)
		rc = read_sorted(fd, r);
	free(r->places);
	r->damaged += r->misplaced;
	return rc;
}

int
journal_read(const char *path, void (*fn)(void *arg, const js *event), void *arg,
	     size_t *damaged, struct error *e)
{
	struct reader r = {.fn = fn, .arg = arg};
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY),
	    rc;
	struct stat st;

	if (damaged)
		*damaged = 0;
	if (fd < 0)
		return error_set(e, "cannot open '%s':", path);
	if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode)) {
		close(fd);
		return error_set(e, "cannot read '%s': it is not a regular file", path);
	}
	rc = read_events(fd, &r);
	if (rc < 0)
		error_set(e, "cannot read '%s':", path);
	close(fd);
	if (damaged)
		*damaged = r.damaged;
	return rc;
}

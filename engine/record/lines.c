/* SPDX-License-Identifier: Apache-2.0 */
/* Keyed line records.
 *
 * A line is 8 hex digits of the CRC-32C of the rest, a blank, KEY, a blank, TEXT, a
 * newline. KEY holds no blank, KEY and TEXT no newline. Lines are only ever
 * appended, each write ends with a newline. A line that is torn, filled with zeros
 * or changed fails its checksum and is passed over; the next newline starts afresh,
 * so damage never costs more than what it hit. Bytes behind the last newline may be
 * a line that is being written: they are looked at again at the next scan.
 *
 * Memory holds a key and 16 bytes a record; texts stay in the file and are read
 * through a small window, since records are mostly asked for in the order in which
 * they were written.
 */
#include "record/lines.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/fs.h"
#include "base/mem.h"
#include "record/lines_private.h"

enum {
	CHUNK = 256 * 1024,
	WINDOW = 32 * 1024,
	LONGEST = 64 * 1024 * 1024, /* a longer "line" is damage */
	OPEN_FILES = 64
};

void
lines_init(struct lines *l, int last_wins)
{
	*l = (struct lines){.last_wins = last_wins,
			    .out_fd = -1,
			    .out_file = -1,
			    .window_file = -1};
}

void
lines_free(struct lines *l)
{
	for (size_t i = 0; i < l->file_count; i++) {
		if (l->files[i].fd >= 0)
			close(l->files[i].fd);
		free(l->files[i].path);
	}
	if (l->out_fd >= 0)
		close(l->out_fd);
	map_free(&l->keys);
	free(l->at);
	free(l->files);
	free(l->out);
	str_free(&l->pending);
	free(l->window);
	lines_init(l, l->last_wins);
}

ssize_t
lines_pread(int fd, void *buf, size_t n, uint64_t offset)
{
	ssize_t got;

	do
		got = pread(fd, buf, n, (off_t)offset);
	while (got < 0 && errno == EINTR);
	return got;
}

/* A descriptor of a known file; many files share few descriptors. */
static int
file_fd(struct lines *l, size_t i)
{
	if (l->files[i].fd >= 0)
		return l->files[i].fd;
	if (l->file_count > OPEN_FILES)
		for (size_t k = 0; k < l->file_count; k++)
			if (l->files[k].fd >= 0 && (int)k != l->out_file) {
				close(l->files[k].fd);
				l->files[k].fd = -1;
			}
	l->files[i].fd = open(l->files[i].path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW |
							O_NONBLOCK | O_NOCTTY);
	l->files[i].unread |= l->files[i].fd < 0;
	return l->files[i].fd;
}

/* The text behind the key, or NULL. */
static const char *
text_of(const char *body, size_t len)
{
	const char *blank = memchr(body, ' ', len);

	return blank && blank > body ? blank + 1 : NULL;
}

/* Enter a sound line's key. */
static void
enter(struct lines *l, const char *key, size_t key_len, struct lines_at at)
{
	int added;
	uint64_t *index = map_put(&l->keys, key, key_len, &added);

	l->lines++;
	if (!added && !l->last_wins)
		return;
	*index = l->at_count;
	GROW(l->at, l->at_count, l->at_cap);
	l->at[l->at_count++] = at;
}

static void
scan_line(struct lines *l, size_t file, const char *line, size_t len, uint64_t offset)
{
	const char *body = len <= UINT32_MAX ? line_check(line, len) : NULL;
	const char *text = body ? text_of(body, len - (size_t)(body - line)) : NULL;

	if (!text) {
		l->files[file].damaged++;
		return;
	}
	enter(l, body, (size_t)(text - 1 - body),
	      (struct lines_at){.offset = offset,
				.length = (uint32_t)len,
				.file = (uint16_t)file});
}

/* Every whole line in buf[0..n), which stands at `offset`. Returns the bytes used. */
static size_t
scan_buffer(struct lines *l, size_t file, const char *buf, size_t n, uint64_t offset)
{
	size_t used = 0;
	const char *nl;

	while (used < n && (nl = memchr(buf + used, '\n', n - used))) {
		size_t len = (size_t)(nl - buf) - used;

		scan_line(l, file, buf + used, len, offset + used);
		used += len + 1;
	}
	return used;
}

/* From where the last scan stopped to the end. */
static int
scan(struct lines *l, size_t file)
{
	size_t cap = CHUNK, n = 0, used;
	uint64_t at = l->files[file].scanned;
	int fd = file_fd(l, file);
	ssize_t got;
	char *buf;

	if (fd < 0)
		return -1;
	buf = xmalloc(cap);
	while ((got = lines_pread(fd, buf + n, cap - n, at + n)) > 0) {
		n += (size_t)got;
		used = scan_buffer(l, file, buf, n, at);
		at += used;
		n -= used;
		memmove(buf, buf + used, n);
		if (n == cap && cap >= LONGEST) {
			/* Not a line of ours: go on behind it. */
			at += n;
			n = 0;
		} else if (n == cap) {
			cap *= 2;
			buf = xrealloc(buf, cap, 1);
		}
	}
	free(buf);
	l->files[file].scanned = at;
	l->files[file].torn = n > 0;
	l->files[file].unread |= got < 0;
	return got < 0 ? -1 : 0;
}

int
lines_new_file(struct lines *l, const char *path)
{
	if (l->file_count >= PENDING)
		return -1;
	GROW(l->files, l->file_count, l->file_cap);
	l->files[l->file_count++] =
		(struct lines_file){.path = xstrdup(path), .fd = -1};
	return (int)l->file_count - 1;
}

int
lines_add_file(struct lines *l, const char *path, int *missing, struct error *e)
{
	int file = lines_new_file(l, path), rc;
	struct stat st;

	if (missing)
		*missing = 0;
	if (file < 0)
		return error_set(e, "cannot read '%s': too many files", path);
	rc = file_fd(l, (size_t)file);
	if (rc >= 0 && fstat(rc, &st) == 0 && !S_ISREG(st.st_mode)) {
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
		rc = -1;
	} else if (rc >= 0) {
		rc = scan(l, (size_t)file);
	}
	if (rc >= 0)
		return 0;
	if (errno == ENOENT && missing)
		*missing = 1;
	if (errno != ENOENT)
		error_set(e, "cannot read '%s':", path);
	rc = errno == ENOENT ? 0 : -1;
	if (l->files[file].fd >= 0)
		close(l->files[file].fd);
	l->files[file].fd = -1;
	if (rc == 0) {
		free(l->files[file].path);
		l->file_count--;
	}
	return rc;
}

/* What was added to one file. */
static int
rescan(struct lines *l, size_t file, struct error *e)
{
	int fd = file_fd(l, file), rc = fd < 0 ? -1 : 0;
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && (uint64_t)st.st_size > l->files[file].scanned)
		rc = scan(l, file);
	return rc < 0 ? error_set(e, "cannot read '%s':", l->files[file].path) : 0;
}

int
lines_rescan(struct lines *l, struct error *e)
{
	int rc = 0;

	for (size_t i = 0; i < l->file_count; i++) {
		struct error why = {0};

		if ((int)i == l->out_file || rescan(l, i, &why) == 0 || !error_passes(&why))
			continue;
		if (rc == 0 && e)
			*e = why;
		rc = -1;
	}
	return rc;
}

/* --- reading ---------------------------------------------------------------------- */

/* Bytes [offset, +len) of a file, through the window. NULL if they are not there. */
static const char *
read_window(struct lines *l, size_t file, uint64_t offset, size_t len)
{
	size_t want = len > WINDOW ? len : WINDOW;
	int fd;
	ssize_t got;

	if (l->window_file == (int)file && offset >= l->window_at &&
	    offset + len <= l->window_at + l->window_len)
		return l->window + (offset - l->window_at);
	fd = file_fd(l, file);
	if (fd < 0)
		return NULL;
	if (want > l->window_cap) {
		l->window = xrealloc(l->window, want, 1);
		l->window_cap = want;
	}
	got = lines_pread(fd, l->window, want, offset);
	l->files[file].unread |= got < 0;
	l->window_file = got > 0 ? (int)file : -1;
	l->window_at = offset;
	l->window_len = got > 0 ? (size_t)got : 0;
	return got >= (ssize_t)len ? l->window : NULL;
}

const char *
lines_line(struct lines *l, size_t index)
{
	const struct lines_at *at = &l->at[index];

	if (at->file == PENDING)
		return l->pending.s + at->offset;
	return read_window(l, at->file, at->offset, at->length);
}

int
lines_has(const struct lines *l, const char *key)
{
	return map_gets(&l->keys, key) != NULL;
}

int
lines_is_pending(const struct lines *l, const char *key)
{
	const uint64_t *found = map_gets(&l->keys, key);

	return found && l->at[*found].file == PENDING;
}

const char *
lines_get(struct lines *l, const char *key, size_t *len)
{
	uint64_t *found = map_gets(&l->keys, key);
	const char *line, *body, *text = NULL;
	struct lines_at *at;

	errno = 0;
	if (!found)
		return NULL;
	at = &l->at[*found];
	line = lines_line(l, *found);
	body = line ? line_check(line, at->length) : NULL;
	if (body)
		text = text_of(body, at->length - (size_t)(body - line));
	/* The file may have changed since it was scanned. */
	if (!text || strlen(key) != (size_t)(text - 1 - body) ||
	    memcmp(key, body, (size_t)(text - 1 - body)) != 0)
		return NULL;
	at->used = 1;
	*len = at->length - (size_t)(text - line);
	return text;
}

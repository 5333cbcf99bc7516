/* SPDX-License-Identifier: Apache-2.0 */
/* Going through a file of line records once, in bounded memory, without keeping keys.
 * The format is in lines.c. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/mem.h"
#include "record/lines_private.h"

enum {
	CHUNK = 256 * 1024,
	LONGEST = 64 * 1024 * 1024 /* a longer "line" is damage */
};

/* What has been read and not yet handed on. */
struct buffer {
	char *p;
	size_t n, cap;
	uint64_t at; /* offset of p[0] in the file */
};

/* Hand on every whole line. What fn returned. */
static int
hand_on(struct buffer *b, lines_fn *fn, void *arg)
{
	size_t used = 0;
	int rc = 0;
	char *nl;

	while (rc == 0 && used < b->n &&
	       (nl = memchr(b->p + used, '\n', b->n - used))) {
		size_t len = (size_t)(nl - b->p) - used;

		rc = fn(arg, b->p + used, len, b->at + used, 1);
		used += len + 1;
	}
	b->n -= used;
	b->at += used;
	memmove(b->p, b->p + used, b->n);
	return rc;
}

/* More room, or the end of what cannot be a line of ours. */
static int
make_room(struct buffer *b, lines_fn *fn, void *arg)
{
	int rc;

	if (b->n < b->cap)
		return 0;
	if (b->cap < LONGEST) {
		b->cap *= 2;
		b->p = xrealloc(b->p, b->cap, 1);
		return 0;
	}
	rc = fn(arg, b->p, b->n, b->at, 1);
	b->at += b->n;
	b->n = 0;
	return rc;
}

static int
each(int fd, lines_fn *fn, void *arg)
{
	struct buffer b = {.p = xmalloc(CHUNK), .cap = CHUNK};
	ssize_t got = 0;
	int rc = 0, saved;

	while (rc == 0 &&
	       (got = lines_pread(fd, b.p + b.n, b.cap - b.n, b.at + b.n)) > 0) {
		b.n += (size_t)got;
		rc = hand_on(&b, fn, arg);
		if (rc == 0)
			rc = make_room(&b, fn, arg);
	}
	saved = errno;
	if (rc == 0 && got == 0 && b.n > 0)
		rc = fn(arg, b.p, b.n, b.at, 0);
	free(b.p);
	errno = saved;
	return rc == 0 && got < 0 ? -1 : rc;
}

int
lines_each(const char *path, lines_fn *fn, void *arg, struct error *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	int rc, saved;
	struct stat st;

	if (fd >= 0 && fstat(fd, &st) == 0 && !S_ISREG(st.st_mode)) {
		close(fd);
		fd = -1;
		errno = S_ISDIR(st.st_mode) ? EISDIR : EINVAL;
	}
	rc = fd < 0 ? -1 : each(fd, fn, arg);
	saved = errno;
	if (rc < 0)
		error_set(e, "cannot read '%s':", path);
	if (fd >= 0)
		close(fd);
	errno = saved;
	return rc;
}

int
lines_split(const char *line, size_t len, const char **key, size_t *key_len,
	    const char **text, size_t *text_len)
{
	const char *body = line_check(line, len);
	size_t n = body ? len - (size_t)(body - line) : 0;
	const char *blank = body ? memchr(body, ' ', n) : NULL;

	if (!blank || blank == body)
		return -1;
	*key = body;
	*key_len = (size_t)(blank - body);
	*text = blank + 1;
	*text_len = n - *key_len - 1;
	return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Writing a joined segment: beside its place, synced, then renamed, so that it is there
 * whole or not at all. */
#include "record/segment_write.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"

enum { BUFFER = 256 * 1024 };

int
segment_writer_begin(struct segment_writer *w, const struct store *s, struct error *e)
{
	uint64_t r = 0;

	*w = (struct segment_writer){.fd = -1};
	if (getrandom(&r, sizeof r, 0) < 0)
		return error_set(e, "cannot get random bytes:");
	w->temporary = xasprintf("%s/segments/.tmp-%016" PRIx64, s->path, r);
	w->path = xasprintf("%s/segments/merged-%016" PRIx64, s->path, r);
	w->fd = open(w->temporary,
		     O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
	if (w->fd < 0)
		return error_set(e, "cannot write '%s':", w->temporary);
	return 0;
}

static void
flush(struct segment_writer *w)
{
	if (!w->failed && fs_write_all(w->fd, w->buffer.s, w->buffer.len) < 0)
		w->failed = errno;
	str_reset(&w->buffer);
}

void
segment_writer_add(struct segment_writer *w, const char *line, size_t len)
{
	str_addn(&w->buffer, line, len);
	str_addc(&w->buffer, '\n');
	if (w->buffer.len >= BUFFER)
		flush(w);
}

int
segment_writer_commit(struct segment_writer *w, struct error *e)
{
	char *folder;
	int rc;

	flush(w);
	if (!w->failed && fdatasync(w->fd) < 0)
		w->failed = errno;
	if (close(w->fd) < 0 && !w->failed)
		w->failed = errno;
	w->fd = -1;
	if (!w->failed && rename(w->temporary, w->path) < 0)
		w->failed = errno;
	if (w->failed) {
		errno = w->failed;
		error_set(e, "cannot write '%s':", w->path);
		unlink(w->temporary);
		return -1;
	}
	folder = path_dir(w->path);
	rc = fs_sync_dir(folder, e);
	free(folder);
	return rc;
}

void
segment_writer_end(struct segment_writer *w)
{
	if (w->fd >= 0) {
		close(w->fd);
		unlink(w->temporary);
	}
	str_free(&w->buffer);
	free(w->temporary);
	free(w->path);
	*w = (struct segment_writer){.fd = -1};
}

int
segments_lock(const struct store *s)
{
	char *path = xasprintf("%s/segments/.lock", s->path);
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);

	free(path);
	if (fd >= 0 && engine_lock(fd) < 0 && errno == EAGAIN) {
		close(fd);
		return -1;
	}
	return fd;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Captured output: one pipe each for stdout and stderr, for as long as the host
 * lives. The first bytes of an attempt are kept in files of its folder, made when
 * there is something; the rest is counted.
 *
 * What is kept goes from the pipe into the file inside the kernel, in one step: bytes
 * are in the pipe, where the engine finds them, or in the file. The plugin may end this
 * process at any instant. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/secret.h"
#include "exec/proc.h"
#include "host/host.h"

enum { CHUNK = 64 * 1024, DRAIN_ROUNDS = 64 };

void
capture_init(struct capture *c, int out_read, int err_read)
{
	pthread_mutex_init(&c->lock, NULL);
	for (int i = 0; i < 2; i++) {
		struct stream *s = &c->streams[i];

		s->name = i ? "stderr" : "stdout";
		s->read_fd = i ? err_read : out_read;
		/* A copy out of the plugin's way: the pipe stays open whatever it
		 * closes. */
		s->write_fd = fcntl(i ? 2 : 1, F_DUPFD_CLOEXEC, HOST_FD_BASE);
		if (s->write_fd < 0)
			s->write_fd = fcntl(i ? 2 : 1, F_DUPFD_CLOEXEC, 10);
		s->file = -1;
	}
}

void
capture_begin(struct capture *c, const char *dir, uint64_t limit,
	      const struct words *secrets)
{
	pthread_mutex_lock(&c->lock);
	c->dir = xstrdup(dir);
	c->limit = limit;
	c->secrets = secrets;
	c->has_files = c->told = 0;
	for (int i = 0; i < 2; i++) {
		c->streams[i].kept = c->streams[i].total = 0;
		c->streams[i].tail_len = 0;
	}
	pthread_mutex_unlock(&c->lock);
}

/* A full disk loses captured text, not the attempt. */
static void
tell_loss(struct capture *c, const struct stream *s)
{
	char text[1024];

	if (c->told)
		return;
	c->told = 1;
	snprintf(text, sizeof(text), "cannot keep what it prints in '%s/%s': %m",
		 c->dir, s->name);
	host_log(host_self(), AF2_WARN, text);
}

/* No symlink is followed: somebody else may be able to write the folders of the run. */
static void
open_file(struct capture *c, struct stream *s)
{
	int fd, flags = O_RDWR | O_CREAT | O_TRUNC | O_NONBLOCK;
	char *path;

	if (!*c->dir)
		return;
	path = path_join(c->dir, s->name);
	if ((fd = fs_open_real(path, flags, 0644)) < 0 && errno == ENOENT &&
	    fs_mkdirs_real(c->dir, PROTO_ATTEMPT_DEPTH) == 0)
		fd = fs_open_real(path, flags, 0644);
	free(path);
	if (fd < 0) {
		tell_loss(c, s);
		return;
	}
	s->file = proc_fd_high(fd, HOST_FD_BASE);
	c->has_files = 1;
}

static void
add_tail(struct stream *s, const char *p, size_t n)
{
	size_t keep;

	if (n >= sizeof(s->tail)) {
		p += n - sizeof(s->tail);
		n = sizeof(s->tail);
	}
	keep = sizeof(s->tail) - n;
	if (s->tail_len > keep) {
		memmove(s->tail, s->tail + s->tail_len - keep, keep);
		s->tail_len = keep;
	}
	memcpy(s->tail + s->tail_len, p, n);
	s->tail_len += n;
}

/* Make secrets unreadable in the file from `before` on, and where one began a little
 * earlier. */
static void
mask_file(const struct capture *c, const struct stream *s, uint64_t before)
{
	size_t back = c->secrets ? secret_longest(c->secrets) : 0, n;
	uint64_t from = before > back ? before - back : 0;
	char *text;

	if (back == 0 || s->kept <= from)
		return;
	n = (size_t)(s->kept - from);
	text = xmalloc(n);
	if (pread(s->file, text, n, (off_t)from) == (ssize_t)n &&
	    secret_mask(c->secrets, text, n) > 0)
		(void)!pwrite(s->file, text, n, (off_t)from);
	free(text);
}

static int
is_empty(const struct stream *s)
{
	int n = 0;

	return ioctl(s->read_fd, FIONREAD, &n) < 0 || n == 0;
}

/* Move what there is room for into the file. Bytes moved, or -1 if they must be read:
 * no attempt, no room, no file, or a file system without splice. */
static ssize_t
keep(struct capture *c, struct stream *s)
{
	uint64_t room = s->kept < c->limit ? c->limit - s->kept : 0;
	char end[sizeof(s->tail)];
	ssize_t n, m;

	if (!c->dir || room == 0)
		return -1;
	if (s->file < 0)
		open_file(c, s);
	if (s->file < 0)
		return -1;
	n = splice(s->read_fd, NULL, s->file, NULL, room < CHUNK ? room : CHUNK,
		   SPLICE_F_NONBLOCK);
	if (n <= 0)
		return -1;
	s->kept += (uint64_t)n;
	s->total += (uint64_t)n;
	mask_file(c, s, s->kept - (uint64_t)n);
	m = n < (ssize_t)sizeof(end) ? n : (ssize_t)sizeof(end);
	m = pread(s->file, end, (size_t)m, (off_t)s->kept - m);
	if (m > 0)
		add_tail(s, end, (size_t)m);
	return n;
}

/* Read what is not moved. What finds no room counts as cut. */
static ssize_t
take(struct capture *c, struct stream *s)
{
	uint64_t room = s->kept < c->limit ? c->limit - s->kept : 0;
	char buf[CHUNK];
	ssize_t n = read(s->read_fd, buf, CHUNK);

	if (n <= 0 || !c->dir)
		return n;
	if (c->secrets)
		secret_mask(c->secrets, buf, (size_t)n);
	add_tail(s, buf, (size_t)n);
	s->total += (uint64_t)n;
	if (room > (uint64_t)n)
		room = (uint64_t)n;
	if (room > 0 && s->file >= 0) {
		if (fs_write_all(s->file, buf, (size_t)room) == 0) {
			s->kept += room;
			mask_file(c, s, s->kept - room);
		} else {
			tell_loss(c, s);
		}
	}
	return n;
}

static void
drain_locked(struct capture *c)
{
	for (int i = 0; i < 2; i++) {
		struct stream *s = &c->streams[i];
		ssize_t n = 1;

		/* A flood cannot hold us. */
		for (int k = 0; k < DRAIN_ROUNDS && n > 0 && !is_empty(s); k++)
			if ((n = keep(c, s)) < 0)
				n = take(c, s);
	}
}

void
capture_drain(struct capture *c)
{
	pthread_mutex_lock(&c->lock);
	drain_locked(c);
	pthread_mutex_unlock(&c->lock);
}

int
capture_end(struct capture *c)
{
	int has_files;

	pthread_mutex_lock(&c->lock);
	drain_locked(c);
	for (int i = 0; i < 2; i++) {
		struct stream *s = &c->streams[i];

		if (c->dir && s->total > s->kept && s->file < 0)
			open_file(c, s);
		if (s->file < 0)
			continue;
		if (s->total > s->kept)
			dprintf(s->file, "\n[af2flow: %llu bytes cut]\n",
				(unsigned long long)(s->total - s->kept));
		close(s->file);
		s->file = -1;
	}
	free(c->dir);
	c->dir = NULL;
	c->secrets = NULL;
	has_files = c->has_files;
	pthread_mutex_unlock(&c->lock);
	return has_files;
}

void
capture_mark(struct capture *c)
{
	pthread_mutex_lock(&c->lock);
	drain_locked(c);
	c->streams[0].tail_len = c->streams[1].tail_len = 0;
	/* The last program may have made its output non-blocking: the next one would
	 * lose what does not fit into the pipe. */
	for (int i = 0; i < 2; i++)
		fcntl(c->streams[i].write_fd, F_SETFL, 0);
	pthread_mutex_unlock(&c->lock);
}

void
capture_tail(struct capture *c, char *out, size_t size)
{
	struct stream *s = &c->streams[1];
	size_t n;

	pthread_mutex_lock(&c->lock);
	drain_locked(c);
	while (s->tail_len > 0 &&
	       (s->tail[s->tail_len - 1] == '\n' || s->tail[s->tail_len - 1] == '\r'))
		s->tail_len--;
	n = s->tail_len < size ? s->tail_len : size - 1;
	memcpy(out, s->tail + s->tail_len - n, n);
	out[n] = '\0';
	/* NULs would hide what follows. */
	for (size_t i = 0; i < n; i++)
		if (!out[i])
			out[i] = ' ';
	pthread_mutex_unlock(&c->lock);
}

const char *
last_line(const char *text)
{
	const char *p = strrchr(text, '\n');

	return p ? p + 1 : text;
}

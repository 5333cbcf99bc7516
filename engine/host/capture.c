/* SPDX-License-Identifier: Apache-2.0 */
/* Captured output: one pipe each for stdout and stderr, for as long as the host
 * lives. The first bytes of an attempt are kept in files of its folder, made when
 * there is something; the rest is counted. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
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
capture_begin(struct capture *c, const char *dir, uint64_t limit)
{
	pthread_mutex_lock(&c->lock);
	c->dir = xstrdup(dir);
	c->limit = limit;
	c->has_files = 0;
	for (int i = 0; i < 2; i++) {
		c->streams[i].kept = c->streams[i].total = 0;
		c->streams[i].tail_len = 0;
	}
	pthread_mutex_unlock(&c->lock);
}

static void
open_file(struct capture *c, struct stream *s)
{
	int fd, flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC;
	char *path;

	if (!*c->dir)
		return;
	path = path_join(c->dir, s->name);
	if ((fd = open(path, flags, 0644)) < 0 && errno == ENOENT &&
	    fs_mkdirs(c->dir, NULL) == 0)
		fd = open(path, flags, 0644);
	free(path);
	if (fd < 0)
		return;
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

static void
take(struct capture *c, struct stream *s, const char *p, size_t n)
{
	uint64_t room = s->kept < c->limit ? c->limit - s->kept : 0;

	if (!c->dir)
		return;
	add_tail(s, p, n);
	s->total += n;
	if (n > room)
		n = (size_t)room;
	if (n == 0)
		return;
	if (s->file < 0)
		open_file(c, s);
	/* A full disk loses captured text, not the attempt: it counts as cut. */
	if (s->file >= 0 && fs_write_all(s->file, p, n) == 0)
		s->kept += n;
}

static void
drain_locked(struct capture *c)
{
	char buf[CHUNK];

	for (int i = 0; i < 2; i++) {
		struct stream *s = &c->streams[i];
		ssize_t n = CHUNK;

		/* A pipe that was read empty is not read again; a flood cannot hold
		 * us. */
		for (int k = 0; k < DRAIN_ROUNDS && n == CHUNK; k++) {
			n = read(s->read_fd, buf, CHUNK);
			if (n > 0)
				take(c, s, buf, (size_t)n);
		}
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

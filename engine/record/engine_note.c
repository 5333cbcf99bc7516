/* SPDX-License-Identifier: Apache-2.0 */
/* Notes of engines: a JSON object with engine (its name), host, pid, start (of the
 * process, in clock ticks), boot (id) and since (Unix time).
 *
 * A process is known to be gone where we would see it: under the same boot, by pid and
 * start time, and only if nobody holds the lock on its note, since a container of this
 * machine has processes that we do not see. Nothing is concluded of other machines.
 */
#include "record/engine_note.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"

enum { LONGEST_NOTE = 4096 };

char *
engine_note_text(const struct engine_id *self)
{
	js *o = js_object();
	char *text;

	js_set_text(o, "engine", self->name);
	js_set_text(o, "host", self->host);
	js_set_int(o, "pid", self->pid);
	js_set_int(o, "start", (int64_t)self->start);
	js_set_text(o, "boot", self->boot);
	js_set_int(o, "since", (int64_t)time(NULL));
	text = js_pretty(o);
	js_free(o);
	return text;
}

int
engine_note_make(const char *path, const struct engine_id *self, int sync,
		 struct error *e)
{
	char *text;
	int fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);

	if (fd < 0)
		return error_set(e, "cannot make '%s':", path);
	text = engine_note_text(self);
	/* A file system without locks or space costs only the hint to others. */
	(void)engine_lock(fd);
	(void)fs_write_all(fd, text, strlen(text));
	if (sync)
		(void)fdatasync(fd);
	free(text);
	return fd;
}

static void
copy_text(char *to, size_t size, const char *from)
{
	if (strlen(from) < size)
		strcpy(to, from);
}

/* What the text says. */
static void
parse(const char *text, size_t len, struct engine_note *out)
{
	js *o = js_parse(text, len, NULL);
	int64_t pid = js_get_int(o, "pid", 0);

	copy_text(out->id.name, sizeof out->id.name, js_get_text(o, "engine", ""));
	copy_text(out->id.host, sizeof out->id.host, js_get_text(o, "host", ""));
	copy_text(out->id.boot, sizeof out->id.boot, js_get_text(o, "boot", ""));
	out->id.pid = pid > 0 && pid <= INT32_MAX ? (int)pid : 0;
	out->id.start = (uint64_t)js_get_int(o, "start", 0);
	out->since = js_get_int(o, "since", 0);
	js_free(o);
}

/* What can be told of its process from here. */
static void
judge(int fd, struct engine_note *n)
{
	char boot[40];
	int there;

	engine_boot(boot);
	if (!boot[0] || strcmp(boot, n->id.boot) != 0)
		return;
	there = engine_alive(n->id.host, n->id.pid, n->id.start);
	n->alive = there == 1;
	n->dead = there == 0 && engine_is_locked(fd) == 0;
}

static void
note_file(const struct stat *st, struct engine_note *out)
{
	out->stamp = (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
	out->dev = st->st_dev;
	out->ino = st->st_ino;
}

int
engine_note_read(const char *path, struct engine_note *out)
{
	/* Opened, not only looked at: NFS asks the server anew at an open. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY);
	char text[LONGEST_NOTE];
	struct stat st;
	ssize_t n;

	memset(out, 0, sizeof *out);
	if (fd < 0 && errno == ENOENT)
		return 0;
	/* The heartbeat of one that we may not read is seen all the same. */
	if ((fd < 0 ? lstat(path, &st) : fstat(fd, &st)) == 0)
		note_file(&st, out);
	if (fd < 0 || !out->ino || !S_ISREG(st.st_mode)) {
		if (fd >= 0)
			close(fd);
		return -1;
	}
	do
		n = pread(fd, text, sizeof text, 0);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		parse(text, (size_t)n, out);
	judge(fd, out);
	close(fd);
	return 1;
}

void
engine_note_beat(int fd)
{
	if (fd >= 0)
		(void)futimens(fd, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The engine's notes of its hosts (declared in exec/leftovers.h). */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "exec/leftovers.h"
#include "record/engine_id.h"

struct host_notes {
	char *path, *place;
	struct engine_id self;
	int fd; /* -1: not yet, or it cannot be written */
	int is_begun;
};

struct host_notes *
host_notes_new(const char *path, const char *place)
{
	struct host_notes *n = xcalloc(1, sizeof(*n));

	n->path = xstrdup(path);
	n->place = place ? xstrdup(place) : NULL;
	n->fd = -1;
	return n;
}

static int
begin_notes(struct host_notes *n, struct str *line)
{
	n->is_begun = 1;
	engine_self(&n->self);
	unlink(n->path);
	n->fd = open(n->path,
		     O_WRONLY | O_CREAT | O_EXCL | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
		     0644);
	if (n->place)
		str_printf(line, "place %s %s\n", n->self.host, n->place);
	return n->fd;
}

static unsigned long long
inode_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_ino : 0;
}

void
host_notes_add(struct host_notes *n, pid_t pid, const int pipes[2], const char *group)
{
	struct str line = {0};

	if (n->is_begun && n->fd < 0)
		return;
	if (n->is_begun || begin_notes(n, &line) >= 0)
		str_printf(&line, "host %s %s %d %" PRIu64 " %llu %llu %s\n",
			   n->self.host, *n->self.boot ? n->self.boot : "-", (int)pid,
			   engine_start((int)pid), inode_of(pipes[0]),
			   inode_of(pipes[1]), group ? group : "-");
	if (n->fd < 0 || fs_write_all(n->fd, line.s, line.len) < 0) {
		log_warning("cannot write '%s': %s", n->path, strerror(errno));
		if (n->fd >= 0)
			close(n->fd);
		n->fd = -1;
	}
	str_free(&line);
}

void
host_notes_free(struct host_notes *n)
{
	if (!n)
		return;
	if (n->fd >= 0)
		close(n->fd);
	if (n->is_begun)
		unlink(n->path);
	free(n->path);
	free(n->place);
	free(n);
}

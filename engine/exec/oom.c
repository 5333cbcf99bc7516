/* SPDX-License-Identifier: Apache-2.0 */
/* The kernel adds to its count before it sends the signal, so who sees a process dead
 * sees the new count. All three files have a line "oom_kill N". */
#include "exec/oom.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"
#include "exec/cgroup.h"

/* In the folder or the nearest one above it: a group without controllers of its own, such
 * as that of a host, is counted there. Frees `dir`. */
static int
open_in(char *dir, const char *file)
{
	int fd = -1;

	while (dir && *dir && fd < 0) {
		char *path = path_join(dir, file), *slash = strrchr(dir, '/');

		fd = open(path, O_RDONLY | O_CLOEXEC);
		free(path);
		*(slash ? slash : dir) = '\0';
	}
	free(dir);
	return fd;
}

static uint64_t
look(struct oom_counter *c)
{
	char text[16384];
	ssize_t n = c->fd < 0 ? -1 : pread(c->fd, text, sizeof(text) - 1, 0);
	const char *at;

	text[n > 0 ? n : 0] = '\0';
	at = strncmp(text, "oom_kill ", 9) == 0 ? text : strstr(text, "\noom_kill ");
	if (at)
		c->last = strtoull(at + (*at == '\n' ? 10 : 9), NULL, 10);
	return c->last;
}

void
oom_open(struct oom_counter *c, const char *root)
{
	char *stat = xasprintf("%s/proc/vmstat", root);

	*c = (struct oom_counter){.fd = -1};
	c->fd = open_in(cgroup_own(root, "memory"), "memory.oom_control");
	if (c->fd < 0)
		c->fd = open_in(cgroup_own(root, NULL), "memory.events");
	if (c->fd < 0) {
		c->fd = open(stat, O_RDONLY | O_CLOEXEC);
		c->is_dear = 1;
	}
	free(stat);
	look(c);
}

void
oom_close(struct oom_counter *c)
{
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
}

uint64_t
oom_mark(struct oom_counter *c)
{
	return c->is_dear ? c->last : look(c);
}

int
oom_rose(struct oom_counter *c, uint64_t mark)
{
	return look(c) > mark;
}

int
oom_said(const char *text)
{
	static const char *const words[] = {"std::bad_alloc",
					    "MemoryError",
					    "RESOURCE_EXHAUSTED",
					    "cannot allocate memory",
					    "out of memory",
					    "CUDA_ERROR_OUT_OF_MEMORY",
					    "java.lang.OutOfMemoryError"};

	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strcasestr(text, words[i]))
			return 1;
	return 0;
}

int
oom_is_near(uint64_t used, uint64_t declared)
{
	return declared > 0 && used >= declared - declared / 10;
}

char *
oom_text(uint64_t used, uint64_t declared)
{
	char a[32], b[32];

	if (!declared)
		return xasprintf("used %s, none declared", format_size(used, a));
	return xasprintf("used %s of %s declared", format_size(used, a),
			 format_size(declared, b));
}

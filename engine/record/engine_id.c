/* SPDX-License-Identifier: Apache-2.0 */
/* A process is known by its host, pid and start time: a pid alone is used again.
 * Start time and pid come from /proc/PID/stat.
 */
#include "record/engine_id.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/str.h"

/* A short file in /proc, or "" . */
static void
read_line(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, buf, size - 1) : -1;

	if (fd >= 0)
		close(fd);
	buf[n > 0 ? n : 0] = '\0';
	buf[strcspn(buf, "\n")] = '\0';
}

/* Field 22, counted from behind the command's closing bracket (it may hold
 * anything). 0: no such process, or a zombie. */
uint64_t
engine_start(int pid)
{
	char path[40], buf[1024], *p;
	uint64_t v = 0;

	snprintf(path, sizeof path, "/proc/%d/stat", pid);
	read_line(path, buf, sizeof buf);
	p = strrchr(buf, ')');
	if (!p || p[1] != ' ' || p[2] == 'Z' || p[2] == 'X')
		return 0;
	p += 2; /* at field 3 */
	for (int field = 3; field < 22 && p; field++) {
		p = strchr(p, ' ');
		if (p)
			p++;
	}
	if (p)
		v = strtoull(p, NULL, 10);
	return v;
}

void
engine_boot(char boot[40])
{
	read_line("/proc/sys/kernel/random/boot_id", boot, 40);
}

static void
own_host(char host[64])
{
	char name[256] = "", *safe;

	if (gethostname(name, sizeof name - 1) < 0 || !name[0])
		strcpy(name, "localhost");
	safe = path_component_from(name);
	snprintf(host, 64, "%s", safe);
	free(safe);
}

void
engine_self(struct engine_id *id)
{
	uint32_t r = 0;

	memset(id, 0, sizeof *id);
	own_host(id->host);
	engine_boot(id->boot);
	id->pid = (int)getpid();
	id->start = engine_start(id->pid);
	if (getrandom(&r, sizeof r, 0) < 0)
		r = (uint32_t)time(NULL);
	snprintf(id->name, sizeof id->name, "%s-%d-%" PRIu64 "-%08" PRIx32, id->host,
		 id->pid, id->start, r);
}

int
engine_alive(const char *host, int pid, uint64_t start)
{
	char own[64];

	own_host(own);
	if (strcmp(own, host) != 0)
		return -1;
	return pid > 0 && start > 0 && engine_start(pid) == start;
}

/* Cut the part behind the last '-' off. */
static char *
cut(char *name)
{
	char *dash = strrchr(name, '-');

	if (!dash || dash == name)
		return NULL;
	*dash = '\0';
	return dash + 1;
}

int
engine_parse(const char *name, struct engine_id *out)
{
	char copy[sizeof out->name], *random, *start, *pid;
	int64_t p, s;

	memset(out, 0, sizeof *out);
	if (strlen(name) >= sizeof copy)
		return -1;
	strcpy(copy, name);
	random = cut(copy);
	start = random ? cut(copy) : NULL;
	pid = start ? cut(copy) : NULL;
	if (!pid || strlen(random) != 8 || strlen(copy) >= sizeof out->host ||
	    parse_int(pid, &p) < 0 || parse_int(start, &s) < 0 || p <= 0 ||
	    p > INT32_MAX)
		return -1;
	strcpy(out->host, copy);
	strcpy(out->name, name);
	out->pid = (int)p;
	out->start = (uint64_t)s;
	return 0;
}

int
engine_lock(int fd)
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET};
	int rc = fcntl(fd, F_OFD_SETLK, &fl);

	if (rc < 0 && errno == EACCES)
		errno = EAGAIN;
	return rc;
}

int
engine_is_locked(int fd)
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET};

	if (fcntl(fd, F_OFD_GETLK, &fl) < 0)
		return -1;
	return fl.l_type != F_UNLCK;
}

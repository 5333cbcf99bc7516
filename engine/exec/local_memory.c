/* SPDX-License-Identifier: Apache-2.0 */
/* Attempts that ended for want of memory: the signs, and how that is told. What happens
 * to programs is judged in the host (host/memory.c), what happens to hosts here. */
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"
#include "exec/local_private.h"

/* Do the last bytes of the captured stderr say so? */
static int
words_say_so(const char *attempt_dir)
{
	char text[2048] = "", *path = path_join(attempt_dir, "stderr");
	int fd = *attempt_dir ? open(path, O_RDONLY | O_CLOEXEC) : -1;
	off_t size;
	ssize_t n;

	free(path);
	if (fd < 0)
		return 0;
	size = lseek(fd, 0, SEEK_END);
	n = pread(fd, text, sizeof(text) - 1,
		  size >= (off_t)sizeof(text) ? size - (off_t)sizeof(text) + 1 : 0);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	return oom_said(text);
}

/* Killed by others, it counts how much it used; dead by itself, what it said. */
static int
looks_like_it(struct attempt *a, uint64_t used)
{
	if (a->signal != SIGKILL)
		return words_say_so(a->attempt_dir);
	return oom_rose(&a->pool->oom, a->oom_kills) || oom_is_near(used, a->memory);
}

void
attempt_judge_memory(const struct conn *c, struct attempt *a)
{
	uint64_t used = a->peak > a->max_rss ? a->peak : a->max_rss;
	char *how, *what;

	if (c->is_killed || !looks_like_it(a, used))
		return;
	a->problem_class = AF2_CLASS_MEMORY;
	how = a->problem;
	what = oom_text(used, a->memory);
	a->problem = xasprintf("out of memory (%s): %s", what, how);
	free(what);
	free(how);
}

char *
attempt_over_memory(const struct attempt *a)
{
	char *what = oom_text(a->over, a->memory), *text;

	text = xasprintf("%s; give it more by memory, or \"retry.memory\"=\"2x\"",
			 what);
	free(what);
	return text;
}

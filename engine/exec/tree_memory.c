/* SPDX-License-Identifier: Apache-2.0 */
/* By /proc/PID/status ("RssAnon:	    1234 kB") and, by shares, /proc/PID/smaps_rollup. */
#include "exec/tree_memory.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A line "NAME:   1234 kB" in bytes; -1 if there is none. */
static int64_t
bytes_of(const char *text, const char *name)
{
	const char *at = strstr(text, name);

	return at ? (int64_t)strtoull(at + strlen(name), NULL, 10) * 1024 : -1;
}

/* The sum of two lines of a file in /proc; -1 if it has not got the first. */
static int64_t
sum_of(pid_t pid, const char *file, const char *first, const char *second)
{
	char path[64], text[4096];
	int64_t a, b;
	ssize_t n;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -1;
	n = read(fd, text, sizeof(text) - 1);
	close(fd);
	text[n > 0 ? n : 0] = '\0';
	a = bytes_of(text, first);
	b = bytes_of(text, second);
	return a < 0 ? -1 : a + (b > 0 ? b : 0);
}

uint64_t
tree_memory(const struct proc_list *l, uint64_t exact_above)
{
	uint64_t sum = 0, exact = 0;

	for (size_t i = 0; i < l->count; i++) {
		int64_t n = sum_of(l->v[i], "status", "\nRssAnon:", "\nVmSwap:");

		sum += n > 0 ? (uint64_t)n : 0;
	}
	if (sum <= exact_above)
		return sum;
	for (size_t i = 0; i < l->count; i++) {
		int64_t n =
			sum_of(l->v[i], "smaps_rollup", "\nPss_Anon:", "\nSwapPss:");

		/* Older kernels, or somebody else's process. */
		if (n < 0)
			n = sum_of(l->v[i], "status", "\nRssAnon:", "\nVmSwap:");
		exact += n > 0 ? (uint64_t)n : 0;
	}
	return exact;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* oom: signs that memory ran out: the kernel's count of processes that it killed for
 * want of it, and what programs say. */
#ifndef EXEC_OOM_H
#define EXEC_OOM_H

#include <stdint.h>

/* Where the kernel counts: the memory cgroup of this process (memory.events in version
 * 2, memory.oom_control in version 1), else the whole machine (/proc/vmstat). */
struct oom_counter {
	int fd;      /* -1: nowhere */
	int is_dear; /* the whole machine's: a look costs more than a spawn may */
	uint64_t last;
};
/* `root` stands before all paths, "" but in tests. */
void oom_open(struct oom_counter *c, const char *root);
void oom_close(struct oom_counter *c);
/* How many were killed so far: what to compare with later. If looking is dear, what the
 * last look said. */
uint64_t oom_mark(struct oom_counter *c);
/* Was any killed since? Looks. */
int oom_rose(struct oom_counter *c, uint64_t mark);

/* Do these last words of a program say that memory ran out? */
int oom_said(const char *text);
/* Is `used` so much of what was declared (0: nothing was) that a SIGKILL which we did
 * not send was for want of memory? */
int oom_is_near(uint64_t used, uint64_t declared);

/* "used 3.1G of 2G declared", or "used 3.1G, none declared". Caller frees. */
char *oom_text(uint64_t used, uint64_t declared);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * engine_id: who an engine is, and whether it, or another process, still lives.
 */
#ifndef RECORD_ENGINE_ID_H
#define RECORD_ENGINE_ID_H

#include <stdint.h>

struct engine_id {
	char host[64];  /* safe as part of a file name */
	char boot[40];  /* boot id, "" if unknown */
	char name[160]; /* HOST-PID-STARTTIME-RANDOM */
	int pid;
	uint64_t start; /* of the process, in clock ticks since boot */
};
/* This process; `name` is another one at each call. */
void engine_self(struct engine_id *id);
/* The boot id of this machine. */
void engine_boot(char boot[40]);
/* When a process of this machine was started, in clock ticks since boot; 0: it is not
 * there, or dead and not reaped. */
uint64_t engine_start(int pid);
/* Is that process there? 1, 0, or -1: it is of another host. */
int engine_alive(const char *host, int pid, uint64_t start);
/* Split a name; 0, or -1 if it is none. */
int engine_parse(const char *name, struct engine_id *out);
/* Take an exclusive OFD lock without waiting: 0, or -1 with errno (EAGAIN: another
 * has it). */
int engine_lock(int fd);
/* Does another open file description hold that lock? 1, 0, or -1 with errno. */
int engine_is_locked(int fd);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* leftovers: processes of an engine and hosts that died at the same instant, so that
 * neither could end what the other had started; and their end by the next engine.
 *
 * While there are hosts, a file in the run directory says what to look for, a line each
 * (one that is torn or strange is passed over):
 *
 *     place HOST PATH                  a folder of the store's tmp/, this engine's alone
 *     host HOST BOOT PID START OUT ERR GROUP    a host process
 *
 * HOST is the machine, BOOT its boot id, START the time of the process's start, OUT and
 * ERR are the inodes of its capture pipes, GROUP is its cgroup ("-": none). The file is
 * gone when all of them have ended.
 */
#ifndef EXEC_LEFTOVERS_H
#define EXEC_LEFTOVERS_H

#include <stddef.h>
#include <sys/types.h>

/* --- the engine's notes ----------------------------------------------------------- */

struct host_notes;
/* Begin the file `path`, in the place of an older one, when the first host is noted.
 * `place` may be NULL. */
struct host_notes *host_notes_new(const char *path, const char *place);
/* Note a host. A file that cannot be written is told once: the mark is left. */
void host_notes_add(struct host_notes *n, pid_t pid, const int pipes[2],
		    const char *group);
/* All hosts are gone: so is the file. `n` may be NULL. */
void host_notes_free(struct host_notes *n);

/* --- the next engine -------------------------------------------------------------- */

typedef void leftovers_tell(void *arg, const char *text);

/* Kill (SIGKILL) what an engine left that wrote `path`, and wait until it is gone. Only
 * for the one who holds the lock of its run. That is every process of this machine
 *
 *     - that has `mark` ("NAME=value") in its environment,
 *     - that is a noted host, or is in a noted cgroup,
 *     - that is an orphan with its current folder or an open file in a noted place, or
 *       with a noted pipe open,
 *     - that descends from one of these.
 *
 * What does not die within `patience` seconds waits for a device: it executes nothing
 * any more. Says so by `tell`, as it does when it has to wait, or when the notes are of
 * another machine, which cannot be looked at from here. Costs a look at all of /proc.
 * Returns how many were found. */
size_t leftovers_end(const char *path, const char *mark, double patience,
		     leftovers_tell *tell, void *arg);

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup: control groups. Where this process is in them, and groups of our own (version
 * 2), in which hosts live where that is allowed: whatever a host starts, a daemon that
 * cleaned its environment and left every session included, is ended with its group.
 *
 * A group is a folder af2flow-PID-START-N below the one of the engine, which that engine
 * (process PID, started START ticks after boot) made as its Nth.
 */
#ifndef EXEC_CGROUP_H
#define EXEC_CGROUP_H

#include <sys/types.h>

#include "exec/proc.h"

/* The folder of this process in the hierarchy of a version 1 controller ("memory"), or
 * in version 2 (NULL). `root` stands before /proc and all mount points, "" but in tests.
 * NULL if there is none. Caller frees. */
char *cgroup_own(const char *root, const char *controller);

/* The folder below which this process may make groups: its own one in version 2, if it
 * may write there and no service manager keeps it for itself. NULL if it may not.
 * Caller frees. */
char *cgroup_home(void);
/* Make the group number `n`. Its folder, NULL with errno. Caller frees. */
char *cgroup_make(const char *home, unsigned n);
/* Put a process into it, with all its threads. 0 or -1 with errno. */
int cgroup_enter(const char *group, pid_t pid);
/* Add the pids of all that are in it and in groups below it. */
void cgroup_pids(const char *group, struct proc_list *out);
/* Kill (SIGKILL) all of them. Does nothing to folders that are no groups of ours by
 * name and file system. 0, or -1 with errno. */
int cgroup_kill(const char *group);
/* Remove it and the groups below it, which must be empty (the dead count until they are
 * reaped). 0, also if it is gone already, or -1 with errno. */
int cgroup_remove(const char *group);
/* Remove the empty groups below `home` whose engines are dead. */
void cgroup_tidy(const char *home);

#endif

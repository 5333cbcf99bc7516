/* SPDX-License-Identifier: Apache-2.0 */
/* proc: starting processes without forking, and ending whole trees of them.
 *
 * A child is made by clone(VM|VFORK): the caller's thread waits until exec, whatever
 * its size, and learns the errno of an exec that failed. Every child gets a
 * parent-death signal (which fires when the spawning THREAD ends: spawn from threads
 * that live as long as the process), a process group of its own, default SIGPIPE, no
 * blocked signals, and only the descriptors named.
 */
#ifndef EXEC_PROC_H
#define EXEC_PROC_H

#include <stddef.h>
#include <sys/resource.h>
#include <sys/types.h>

/* A descriptor of the child. `from` must be above every `to`, or equal to its own. */
struct proc_fd {
	int from, to;
};

/* What to start. Zero-initialise. */
struct proc_spec {
	const char *path; /* of the program; no search */
	char *const *argv, *const *env;
	const char *dir;           /* NULL: the caller's */
	const struct proc_fd *fds; /* 0, 1, 2 are inherited as they are if not named */
	size_t fd_count;
	int death_signal; /* sent to the child when the spawning thread ends; 0 none */
};

/* Start it. The pid, which leads its own group; or -1 with errno (of chdir, exec,
 * ...). */
pid_t proc_spawn(const struct proc_spec *spec);
/* pidfd_open(2), close-on-exec; -1 with errno. */
int proc_pidfd(pid_t pid);
/* The same descriptor moved to `least` or above, close-on-exec; the old one is
 * closed. Falls back to lower numbers where the limit forbids. -1 with errno. */
int proc_fd_high(int fd, int least);

/* Call fn for each child (zombies included) of any thread of `pid`. Returns how
 * many. */
size_t proc_children(pid_t pid, void (*fn)(void *arg, pid_t child), void *arg);

/* The parent of a process, 0 if it is gone. */
pid_t proc_parent(pid_t pid);
/* Does this kernel list the children of a process? Else the trees below cost a look at
 * all of /proc. */
int proc_knows_children(void);
/* A list of processes; free(v). */
struct proc_list {
	pid_t *v;
	size_t count, cap;
};
void proc_list_add(struct proc_list *l, pid_t pid);
int proc_list_has(const struct proc_list *l, pid_t pid);
/* Add the descendants of all that are in the list, each once, zombies included. */
void proc_tree(struct proc_list *l);

/* Kill (SIGKILL) and reap children of this process, those that arrive meanwhile
 * included (the process must be a subreaper for grandchildren to arrive), until only
 * those are left for which keep() is true, or `patience` seconds passed (< 0: one
 * round without waiting). Reaped usage is not reported. Returns how many unwanted
 * ones are left. keep may be NULL. */
size_t proc_sweep(int (*keep)(void *arg, pid_t child), void *arg, double patience);

/* Has a process `mark` ("NAME=value") in its environment? A zombie has none. */
int proc_has_mark(pid_t pid, const char *mark);
/* The environment of this process with `extra` ("NAME=value"..., NULL-terminated,
 * may be NULL) in place of its namesakes; "NAME" takes one out. Free the array, not the texts, which are
 * borrowed. */
char **proc_environ(const char *const *extra);
/* Be the one whom orphaned descendants fall to. 0 or -1 with errno. */
int proc_subreaper(void);
/* This thread does little and others wait for it: ask for short turns, which come soon,
 * beside programs that compute (Linux 6.12; older ones do not mind). What it starts gets
 * the usual ones. */
void proc_prompt(void);
/* "SIGSEGV", or "signal 77"; `buf` holds at least 24 bytes. */
const char *proc_signal_name(int signo, char *buf);

#endif

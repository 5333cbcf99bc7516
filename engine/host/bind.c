/* SPDX-License-Identifier: Apache-2.0 */
/* Binding this process to the cores of its slot and its memory to their NUMA nodes.
 * The engine chose the cores with hwloc; here they are plain numbers, and loading a
 * topology for each host would cost 10 ms, so the kernel is asked directly.
 *
 * A CPU list is "0-3,8"; /sys/devices/system/node/nodeN/cpulist has the same form. */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <linux/mempolicy.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fs.h"
#include "host/host.h"

enum { MAX_CPUS = 16384, MAX_NODES = 1024 };

/* Read a CPU list into a set of MAX_CPUS bits. 0, or -1 if it is not one. */
static int
parse_cpu_list(const char *s, cpu_set_t *set)
{
	CPU_ZERO_S(CPU_ALLOC_SIZE(MAX_CPUS), set);
	while (*s && *s != '\n') {
		char *end;
		unsigned long a, b;

		if (!isdigit((unsigned char)*s))
			return -1;
		a = b = strtoul(s, &end, 10);
		if (*end == '-' && isdigit((unsigned char)end[1]))
			b = strtoul(end + 1, &end, 10);
		if (b < a || b >= MAX_CPUS || (*end && *end != ',' && *end != '\n'))
			return -1;
		for (; a <= b; a++)
			CPU_SET_S(a, CPU_ALLOC_SIZE(MAX_CPUS), set);
		s = *end == ',' ? end + 1 : end;
	}
	return 0;
}

/* Bind every thread of a process; new ones and children inherit. */
static int
bind_threads(pid_t pid, const cpu_set_t *set)
{
	char path[64];
	struct dirent *de;
	int rc;
	DIR *d;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	d = opendir(path);
	rc = d ? 0 : -1;
	while (d && (de = readdir(d))) {
		pid_t tid = (pid_t)strtol(de->d_name, NULL, 10);

		if (tid > 0 &&
		    sched_setaffinity(tid, CPU_ALLOC_SIZE(MAX_CPUS), set) < 0 &&
		    errno != ESRCH)
			rc = -1;
	}
	if (d)
		closedir(d);
	return rc;
}

/* Workers, and what they started, move along. One that ended meanwhile needs not. */
static void
bind_tree(void *set, pid_t pid)
{
	bind_threads(pid, set);
	proc_children(pid, bind_tree, set);
}

/* The NUMA nodes that have CPUs of the set, as a bit mask; how many nodes exist. */
static size_t
nodes_of(const cpu_set_t *set, unsigned long *mask, size_t *chosen)
{
	size_t size = CPU_ALLOC_SIZE(MAX_CPUS), exist = 0;
	DIR *d = opendir("/sys/devices/system/node");
	cpu_set_t *cpus = CPU_ALLOC(MAX_CPUS);
	struct dirent *de;

	*chosen = 0;
	while (d && cpus && (de = readdir(d))) {
		unsigned long node;
		char path[320], *text;

		if (!starts_with(de->d_name, "node") ||
		    !isdigit((unsigned char)de->d_name[4]))
			continue;
		node = strtoul(de->d_name + 4, NULL, 10);
		snprintf(path, sizeof(path), "/sys/devices/system/node/%s/cpulist",
			 de->d_name);
		text = fs_read_file(path, 0, NULL, NULL);
		if (text && node < MAX_NODES && parse_cpu_list(text, cpus) == 0) {
			exist++;
			CPU_AND_S(size, cpus, cpus, set);
			if (CPU_COUNT_S(size, cpus) > 0) {
				mask[node / 64] |= 1ul << (node % 64);
				++*chosen;
			}
		}
		free(text);
	}
	if (d)
		closedir(d);
	if (cpus)
		CPU_FREE(cpus);
	return exist;
}

/* Prefer memory near the cores. On a machine with one node there is nothing to
 * prefer; a kernel that refuses leaves the default, which is the node of the running
 * core. */
static void
bind_memory(const cpu_set_t *set, int interleave)
{
	unsigned long mask[MAX_NODES / 64] = {0};
	size_t chosen;

	if (nodes_of(set, mask, &chosen) < 2 || chosen == 0)
		return;
	if (interleave)
		syscall(SYS_set_mempolicy, MPOL_INTERLEAVE, mask, MAX_NODES);
	else if (syscall(SYS_set_mempolicy, MPOL_PREFERRED_MANY, mask, MAX_NODES) < 0 &&
		 chosen == 1)
		syscall(SYS_set_mempolicy, MPOL_PREFERRED, mask, MAX_NODES);
}

int
host_bind(const char *cpu_list, int interleave, struct error *e)
{
	cpu_set_t *set = CPU_ALLOC(MAX_CPUS);
	int rc = 0;

	if (!set)
		return error_set(e, "cannot bind to cores '%s': out of memory",
				 cpu_list);
	if (parse_cpu_list(cpu_list, set) < 0)
		rc = error_set(e, "cannot bind to cores '%s': not a list", cpu_list);
	else if (bind_threads(getpid(), set) < 0)
		rc = error_set(e, "cannot bind to cores '%s':", cpu_list);
	else
		bind_memory(set, interleave);
	for (const af2_process *p = host_self()->processes; p && rc == 0; p = p->next)
		if (p->pid > 0)
			bind_tree(set, p->pid);
	CPU_FREE(set);
	return rc;
}

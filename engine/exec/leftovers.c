/* SPDX-License-Identifier: Apache-2.0 */
/* The end of what dead engines and hosts left. The notes may be those of anybody who can
 * write into the run directory, so nothing is killed for their word alone: a host
 * must be called so, a cgroup must be one of ours by its name, a place must be the
 * folder of an engine; and notes of another user's count for nothing. */
#include "exec/leftovers.h"

#include <dirent.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"
#include "exec/cgroup.h"
#include "exec/proc.h"
#include "record/engine_id.h"

/* Seconds until somebody is told that we wait. */
static const double QUIETLY = 1;
enum { NOTES_LIMIT = 4 << 20 };

/* --- reading them ----------------------------------------------------------------- */

struct noted {
	int pid;
	uint64_t start;
};

struct search {
	const char *mark;
	struct noted *hosts;
	size_t host_count, host_cap;
	struct words groups;
	struct words places;     /* folders and "pipe:[INODE]" */
	char elsewhere[64];      /* a machine that is not this one, "" none */
	struct proc_list spared; /* this process and its ancestors */
};

/* tmp/ENGINE of an engine of this machine? */
static int
is_place(const char *path)
{
	struct engine_id id;
	char *dir = path_dir(path);
	int rc = *path == '/' && engine_parse(path_base(path), &id) == 0 &&
		 strcmp(path_base(dir), "tmp") == 0;

	free(dir);
	return rc;
}

static void
take_host(struct search *s, const char *line, const struct engine_id *self)
{
	char host[64], boot[40], group[4096], pipe[40];
	unsigned long long inodes[2];
	struct noted h;

	if (sscanf(line, "host %63s %39s %d %" SCNu64 " %llu %llu %4095s", host, boot,
		   &h.pid, &h.start, &inodes[0], &inodes[1], group) != 7)
		return;
	if (strcmp(host, self->host) != 0) {
		snprintf(s->elsewhere, sizeof(s->elsewhere), "%s", host);
		return;
	}
	/* Of another boot: nothing can be left. */
	if (strcmp(boot, self->boot) != 0)
		return;
	GROW(s->hosts, s->host_count, s->host_cap);
	s->hosts[s->host_count++] = h;
	if (*group == '/')
		words_add(&s->groups, group);
	for (int i = 0; i < 2; i++) {
		snprintf(pipe, sizeof(pipe), "pipe:[%llu]", inodes[i]);
		if (inodes[i])
			words_add(&s->places, pipe);
	}
}

static void
take_place(struct search *s, const char *line, const struct engine_id *self)
{
	char host[64];
	int at = 0;

	if (sscanf(line, "place %63s %n", host, &at) == 1 && at &&
	    strcmp(host, self->host) == 0 && is_place(line + at))
		words_add(&s->places, line + at);
}

static void
read_notes(struct search *s, const char *path)
{
	struct engine_id self;
	struct stat st;
	char *text, *save = NULL;

	if (lstat(path, &st) < 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid())
		return;
	text = fs_read_file(path, NOTES_LIMIT, NULL, NULL);
	engine_self(&self);
	for (char *line = text ? strtok_r(text, "\n", &save) : NULL; line;
	     line = strtok_r(NULL, "\n", &save)) {
		take_host(s, line, &self);
		take_place(s, line, &self);
	}
	free(text);
}

/* --- looking for processes -------------------------------------------------------- */

static int
has_name(pid_t pid, const char *name)
{
	char path[64], *text;
	int rc;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	text = fs_read_file(path, 0, NULL, NULL);
	rc = text && strncmp(text, name, strlen(name)) == 0;
	free(text);
	return rc;
}

/* Does the link lead to one of the places? Its target may be deleted by now. */
static int
leads_there(const struct search *s, const char *link)
{
	char target[4200];
	ssize_t n = readlink(link, target, sizeof(target) - 1);

	if (n <= 0)
		return 0;
	target[n] = '\0';
	for (size_t i = 0; i < s->places.count; i++) {
		size_t len = strlen(s->places.v[i]);

		if (strncmp(target, s->places.v[i], len) == 0 &&
		    (target[len] == '/' || !target[len] || target[len] == ' '))
			return 1;
	}
	return 0;
}

/* Nobody's child any more: a person's shell in the same folder has a parent. */
static int
is_orphan(pid_t pid)
{
	pid_t parent = proc_parent(pid);

	return parent == 1 || (parent > 1 && has_name(parent, "systemd"));
}

static int
works_there(const struct search *s, pid_t pid)
{
	char path[300];
	struct dirent *de;
	int found;
	DIR *d;

	if (!s->places.count || !is_orphan(pid))
		return 0;
	snprintf(path, sizeof(path), "/proc/%d/cwd", (int)pid);
	found = leads_there(s, path);
	snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
	d = found ? NULL : opendir(path);
	while (d && !found && (de = readdir(d))) {
		snprintf(path, sizeof(path), "/proc/%d/fd/%s", (int)pid, de->d_name);
		found = leads_there(s, path);
	}
	if (d)
		closedir(d);
	return found;
}

/* All that is left, descendants included. */
static void
find(const struct search *s, struct proc_list *l)
{
	DIR *d = opendir("/proc");
	struct dirent *de;

	for (size_t i = 0; i < s->host_count; i++)
		if (engine_start(s->hosts[i].pid) == s->hosts[i].start &&
		    has_name(s->hosts[i].pid, "af2flow-host"))
			proc_list_add(l, s->hosts[i].pid);
	for (size_t i = 0; i < s->groups.count; i++)
		if (starts_with(path_base(s->groups.v[i]), "af2flow-"))
			cgroup_pids(s->groups.v[i], l);
	while (d && (de = readdir(d))) {
		pid_t pid = (pid_t)strtol(de->d_name, NULL, 10);

		if (pid > 1 && !proc_list_has(&s->spared, pid) &&
		    (proc_has_mark(pid, s->mark) || works_there(s, pid)))
			proc_list_add(l, pid);
	}
	if (d)
		closedir(d);
	proc_tree(l);
}

/* Kill all that is left once. How many there are; their pids as text. */
static size_t
end_round(const struct search *s, struct str *pids)
{
	struct proc_list l = {0};
	size_t n = 0;

	for (size_t i = 0; i < s->groups.count; i++)
		cgroup_kill(s->groups.v[i]);
	find(s, &l);
	str_reset(pids);
	for (size_t i = 0; i < l.count; i++) {
		/* The dead wait for whoever reaps them. */
		if (proc_list_has(&s->spared, l.v[i]) || !engine_start(l.v[i]) ||
		    kill(l.v[i], SIGKILL) < 0)
			continue;
		str_printf(pids, "%s%d", n++ ? ", " : "", (int)l.v[i]);
	}
	free(l.v);
	return n;
}

/* --- the end ---------------------------------------------------------------------- */

static double
now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static void
say(leftovers_tell *tell, void *arg, const char *format, const char *what)
{
	struct str text = {0};

	str_add(&text, format);
	str_add(&text, what);
	if (tell)
		tell(arg, text.s);
	str_free(&text);
}

/* Until nothing is left. How many there were at most at one time. */
static size_t
end_all(const struct search *s, double patience, leftovers_tell *tell, void *arg)
{
	struct timespec pause = {0, 2 * 1000 * 1000};
	double begun = now();
	struct str pids = {0};
	size_t n, most = 0;
	int told = 0;

	/* Those that were born meanwhile, and those that die slowly, come up again. */
	while ((n = end_round(s, &pids)) > 0) {
		double waited = now() - begun;

		if (n > most)
			most = n;
		if (waited >= patience) {
			say(tell, arg,
			    "these processes of an earlier run are killed, but have "
			    "not ended; they do nothing any more: ",
			    pids.s);
			break;
		}
		if (waited >= QUIETLY && !told++)
			say(tell, arg,
			    "waiting for processes of an earlier run to end: ", pids.s);
		nanosleep(&pause, NULL);
		if (pause.tv_nsec < 100 * 1000 * 1000)
			pause.tv_nsec *= 2;
	}
	str_free(&pids);
	return most;
}

static void
spare_ancestors(struct proc_list *l)
{
	for (pid_t p = getpid(); p > 0 && !proc_list_has(l, p); p = proc_parent(p))
		proc_list_add(l, p);
}

size_t
leftovers_end(const char *path, const char *mark, double patience, leftovers_tell *tell,
	      void *arg)
{
	struct search s = {.mark = mark};
	size_t n;

	spare_ancestors(&s.spared);
	read_notes(&s, path);
	if (*s.elsewhere)
		say(tell, arg,
		    "what an earlier run may have left cannot be ended from here; it "
		    "died on ",
		    s.elsewhere);
	n = end_all(&s, patience, tell, arg);
	for (size_t i = 0; i < s.groups.count; i++)
		cgroup_remove(s.groups.v[i]);
	unlink(path);
	free(s.hosts);
	free(s.spared.v);
	words_free(&s.groups);
	words_free(&s.places);
	return n;
}

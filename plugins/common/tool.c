/* SPDX-License-Identifier: Apache-2.0
 *
 * Running a search tool: its file, its version, and what its failure means.
 */
#include "tool.h"

#include <ctype.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void
tool_add(struct tool *tool, const char *word)
{
	if (tool->count < TOOL_ARGS - 1)
		tool->argv[tool->count++] = word;
}

void
tool_option(struct tool *tool, const char *flag, const char *value)
{
	if (*value) {
		tool_add(tool, flag);
		tool_add(tool, value);
	}
}

void
tool_cpus(struct tool *tool, const af2_host *host, af2_task *task, const char *flag)
{
	unsigned cpus = host->cpus(task);
	snprintf(tool->cpus, sizeof(tool->cpus), "%u", cpus > 0 ? cpus : 1);
	tool_option(tool, flag, tool->cpus);
}

static int
mentions(const char *text, const char *const *words)
{
	for (; *words; words++)
		if (strcasestr(text, *words))
			return 1;
	return 0;
}

/* The last line of what the tool said, for a message. */
static const char *
last_line(const char *tail)
{
	const char *line = strrchr(tail, '\n');
	return line ? line + 1 : tail;
}

af2_outcome
tool_judge(const af2_host *host, af2_task *task, const char *what, const af2_exit *how)
{
	static const char *const memory[] = {"out of memory",          "bad_alloc",
					     "cannot allocate memory", "malloc of size",
					     "realloc for size",       NULL};
	static const char *const full[] = {"no space left on device", "disk full",
					   "disk quota exceeded", "write failed", NULL};
	const char *line = last_line(how->stderr_tail);
	if (how->spawn_errno == 0 && how->status == 0)
		return AF2_OK;
	/* Neither a status nor a signal: it was ended with the task. */
	if (how->spawn_errno == 0 && how->status < 0 && how->signal == 0)
		return host->fail(task, AF2_CLASS_CANCELLED, "cancelled while %s ran",
				  what);
	if (mentions(how->stderr_tail, memory))
		return host->fail(task, AF2_CLASS_MEMORY, "%s ran out of memory: %s",
				  what, line);
	if (mentions(how->stderr_tail, full))
		return host->retry(task, "%s could not write: %s", what, line);
	if (how->signal == 0 && how->status > 128 && how->status <= 128 + SIGSYS)
		return host->fail(task, AF2_CLASS_SIGNAL,
				  "%s was killed by signal %d (%s)", what,
				  how->status - 128, strsignal(how->status - 128));
	return host->check_exit(task, how, what);
}

static void
measure(const af2_host *host, af2_task *task, const char *what, const af2_exit *how)
{
	char name[128];
	snprintf(name, sizeof(name), "%s.seconds", what);
	host->measure(task, name, how->seconds);
	snprintf(name, sizeof(name), "%s.cpu_seconds", what);
	host->measure(task, name, how->cpu_seconds);
	snprintf(name, sizeof(name), "%s.max_rss", what);
	host->measure(task, name, (double)how->max_rss);
}

int
tool_execute(const af2_host *host, af2_task *task, const struct tool *tool,
	     const char *what, af2_exit *how)
{
	af2_program program = {.struct_size = sizeof(program),
			       .argv = tool->argv,
			       .env = tool->env[0] ? tool->env : NULL};
	*how = (af2_exit){.struct_size = sizeof(*how)};
	int rc = host->run_program(task, &program, how);
	if (rc == 0) {
		measure(host, task, what, how);
	} else if (how->spawn_errno == 0) {
		how->status = -1;
		how->signal = 0;
	}
	return rc;
}

af2_outcome
tool_run(const af2_host *host, af2_task *task, const struct tool *tool,
	 const char *what)
{
	af2_exit how;
	tool_execute(host, task, tool, what, &how);
	return tool_judge(host, task, what, &how);
}

/* --- HH-suite ------------------------------------------------------------ */

static int
is_script(const char *path)
{
	char mark[2] = {0};
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(mark, 1, 2, f) : 0;
	if (f)
		fclose(f);
	return n == 2 && mark[0] == '#' && mark[1] == '!';
}

/* 1 if the first "flags" line of /proc/cpuinfo has the word. */
static int
cpu_has(const char *word)
{
	char *line = NULL;
	size_t room = 0, n = strlen(word);
	int found = 0;
	FILE *f = fopen("/proc/cpuinfo", "re");
	while (f && getline(&line, &room, f) > 0) {
		if (strncmp(line, "flags", 5) != 0)
			continue;
		for (char *p = line; !found && (p = strstr(p, word)); p += n)
			found = isspace((unsigned char)p[-1]) &&
				isspace((unsigned char)p[n]);
		break;
	}
	free(line);
	if (f)
		fclose(f);
	return found;
}

const char *
tool_hhsuite(const af2_host *host, const char *name, char *path, struct fault *fault)
{
	/* Suffix of the file, and the kernel's word for the instruction set, in the
	 * dispatcher's own order. */
	static const char *const simd[][2] = {{"avx2", "avx2"},     {"avx", "avx"},
					      {"sse4.1", "sse4_1"}, {"ssse3", "ssse3"},
					      {"sse3", "pni"},      {"plain", ""}};
	const char *found = host->find_program(name);
	if (!found) {
		fault_set(fault, AF2_CLASS_SPAWN, "cannot find the program '%s'", name);
		return NULL;
	}
	const char *base = strrchr(found, '/');
	base = base ? base + 1 : found;
	for (size_t i = 0; is_script(found) && i < sizeof(simd) / sizeof(*simd); i++) {
		snprintf(path, PATH_MAX, "/usr/libexec/hhsuite/%s-%s", base,
			 simd[i][0]);
		if ((!*simd[i][1] || cpu_has(simd[i][1])) && access(path, X_OK) == 0)
			return path;
	}
	snprintf(path, PATH_MAX, "%s", found);
	return path;
}

const char *
tool_hhlib(const char *path, char *text)
{
	static const char *const debian[] = {"/usr/lib/hhsuite", "/usr/share/hhsuite"};
	char dir[PATH_MAX], probe[PATH_MAX + 64];
	const char *own = getenv("HHLIB");
	if (own && *own && snprintf(text, PATH_MAX, "HHLIB=%s", own) < PATH_MAX)
		return text;
	/* A name alone is looked up inside a container, which knows its own. */
	if (!strchr(path, '/'))
		return NULL;
	/* As built from source: PREFIX/bin/hhblits beside PREFIX/data. */
	snprintf(dir, sizeof(dir), "%s", path);
	for (int up = 0; up < 2 && strrchr(dir, '/'); up++)
		*strrchr(dir, '/') = '\0';
	for (size_t i = 0; i < 3; i++) {
		const char *candidate = i == 0 ? dir : debian[i - 1];
		snprintf(probe, sizeof(probe), "%s/data/context_data.crf", candidate);
		if (access(probe, R_OK) == 0 &&
		    snprintf(text, PATH_MAX, "HHLIB=%s", candidate) < PATH_MAX)
			return text;
	}
	return NULL;
}

/* --- fingerprint ----------------------------------------------------------- */

/* The first word with a digit, a dot and a digit in it, in the file's first 4 KiB. */
static int
find_version(const char *path, char *version, size_t size)
{
	char head[4097];
	FILE *f = fopen(path, "re");
	size_t n = f ? fread(head, 1, sizeof(head) - 1, f) : 0;
	if (f)
		fclose(f);
	head[n] = '\0';
	char *save = NULL;
	for (char *w = strtok_r(head, " \t\r\n", &save); w;
	     w = strtok_r(NULL, " \t\r\n", &save)) {
		char *p = strchr(w, '.');
		if (!p || p == w || !isdigit((unsigned char)p[-1]) ||
		    !isdigit((unsigned char)p[1]))
			continue;
		w[strcspn(w, ":;,)")] = '\0';
		snprintf(version, size, "%s", w);
		return 0;
	}
	return -1;
}

af2_outcome
tool_fingerprint(const af2_host *host, af2_task *task, const char *name,
		 const char *program)
{
	char out[PATH_MAX], err[PATH_MAX], key[64], version[64], lib[PATH_MAX];
	const char *argv[] = {program, "-h", NULL};
	const char *env[] = {tool_hhlib(program, lib), NULL};
	if (snprintf(out, sizeof(out), "%s/%s.help", host->work_dir(task), name) >=
		    (int)sizeof(out) ||
	    snprintf(err, sizeof(err), "%s/%s.help2", host->work_dir(task), name) >=
		    (int)sizeof(err))
		return host->fail(task, AF2_CLASS_PERMANENT,
				  "the work directory's path is too long");
	af2_program p = {.struct_size = sizeof(p),
			 .argv = argv,
			 .env = env,
			 .stdout_path = out,
			 .stderr_path = err};
	af2_exit how = {.struct_size = sizeof(how)};
	if (host->run_program(task, &p, &how) != 0)
		return how.spawn_errno
			       ? host->check_exit(task, &how, name)
			       : host->fail(task, AF2_CLASS_CANCELLED, "cancelled");
	/* Some tools end their help with a status that is not 0: only the text counts.
	 */
	if (find_version(out, version, sizeof(version)) != 0 &&
	    find_version(err, version, sizeof(version)) != 0)
		return host->fail(task, AF2_CLASS_PERMANENT,
				  "cannot find a version in what '%s -h' prints",
				  program);
	unlink(out);
	unlink(err);
	snprintf(key, sizeof(key), "%s.version", name);
	host->fingerprint_add(task, key, version);
	host->fingerprint_file(task, program);
	return AF2_OK;
}

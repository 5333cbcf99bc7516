/* SPDX-License-Identifier: Apache-2.0
 *
 * Running a search tool: its file, its version, and what its failure means.
 */
#ifndef PLUGINS_COMMON_TOOL_H
#define PLUGINS_COMMON_TOOL_H

#include <af2flow/plugin.h>

#include "fault.h"

/* Most words of a tool's command line, the closing NULL counted. */
#define TOOL_ARGS 64

/* A command line being put together; words are borrowed, numbers are kept in `numbers`.
 * Zero-initialise. */
struct tool {
	const char *argv[TOOL_ARGS];
	size_t count;
	char cpus[16];
	const char *env[2]; /* NULL-terminated */
};

void tool_add(struct tool *tool, const char *word);
/* A flag and its value; nothing if the value is "". */
void tool_option(struct tool *tool, const char *flag, const char *value);
/* "--cpu N" with the slot's cores. */
void tool_cpus(struct tool *tool, const af2_host *host, af2_task *task,
	       const char *flag);

/* Run it: output goes to the attempt's stdout and stderr. Measures: "<what>.seconds",
 * "<what>.cpu_seconds", "<what>.max_rss" (bytes). 0: it ended, see *how; -1: not
 * started (how->spawn_errno) or cancelled. */
int tool_execute(const af2_host *host, af2_task *task, const struct tool *tool,
		 const char *what, af2_exit *how);
/* What its end means: AF2_OK for status 0. Failures that a user can act on get their
 * class: memory (out of memory, bad_alloc), transient (no space left), signal (also a
 * status above 128 that a dispatcher script passed on); the rest as check_exit(). */
af2_outcome tool_judge(const af2_host *host, af2_task *task, const char *what,
		       const af2_exit *how);
/* Both. */
af2_outcome tool_run(const af2_host *host, af2_task *task, const struct tool *tool,
		     const char *what);

/* The real file of a program of HH-suite. In Debian `hhblits` is a script that chooses
 * a binary by the CPU and runs it as a child: one process more, and one that a signal
 * to the script's pid leaves behind. So a script is replaced by the binary it would
 * choose, /usr/libexec/hhsuite/NAME-SIMD. Otherwise `name` as find_program() has it.
 * Returns `path` (size PATH_MAX), or NULL with the fault set if there is no such
 * program. */
const char *tool_hhsuite(const af2_host *host, const char *name, char *path,
			 struct fault *fault);
/* "HHLIB=..." for the program at `path`, in `text` (size PATH_MAX): the environment's
 * own, else a folder near the program or Debian's that has data/context_data.crf. NULL:
 * none. */
const char *tool_hhlib(const char *path, char *text);

/* Add "<name>.version" and the program's file to the fingerprint: the first word with a
 * digit and a dot that `program -h` prints. */
af2_outcome tool_fingerprint(const af2_host *host, af2_task *task, const char *name,
			     const char *program);

#endif

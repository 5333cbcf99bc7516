/* SPDX-License-Identifier: Apache-2.0
 *
 * Stages with a Python worker. `af2flow_worker.py --versions SCRIPT` prints one line
 * "name<TAB>version<TAB>file..." for each library that the script uses.
 */
#include "python_stage.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WORKER "af2flow_worker.py"
#define MOST_WORDS 8

/* Write the path of one of our own files. 0, or -1 if it is too long. */
static int
own_file(const af2_host *host, const char *name, char path[PATH_MAX])
{
	int n = snprintf(path, PATH_MAX, "%s/%s", host->data_dir(), name);

	return n < 0 || n >= PATH_MAX ? -1 : 0;
}

af2_outcome
python_stage_start(const af2_host *host, af2_worker *worker, const char *script,
		   const char *const *words, const char *const *env,
		   af2_process **process)
{
	char runner[PATH_MAX], stage[PATH_MAX];
	const char *wanted = host->worker_param(worker, "python");
	const char *python = host->find_program(wanted);
	/* -B: the data folder may not be ours to write byte code into. */
	const char *argv[MOST_WORDS + 5] = {python, "-B", runner, stage};

	if (!python)
		return host->setup_fail(worker, AF2_CLASS_UNAVAILABLE,
					"there is no program '%s'", wanted);
	if (own_file(host, WORKER, runner) || own_file(host, script, stage))
		return host->setup_fail(worker, AF2_CLASS_PERMANENT,
					"the path of '%s' is too long", script);
	for (size_t i = 0; i < MOST_WORDS && words[i]; i++)
		argv[4 + i] = words[i];
	*process = host->start_worker(worker, argv, env);
	/* Without a worker setup is marked failed already, with its own words. */
	return *process ? AF2_OK : AF2_FAIL;
}

/* Add the lines of a version report to the fingerprint. */
static void
add_versions(const af2_host *host, af2_task *task, FILE *f)
{
	char *line = NULL, *path;
	size_t room = 0;

	while (getline(&line, &room, f) > 0) {
		line[strcspn(line, "\n")] = '\0';
		char *rest = line, *name = strsep(&rest, "\t");
		char *version = strsep(&rest, "\t");
		if (!version)
			continue;
		host->fingerprint_add(task, name, version);
		while ((path = strsep(&rest, "\t")))
			if (*path)
				host->fingerprint_file(task, path);
	}
	free(line);
}

af2_outcome
python_stage_fingerprint(const af2_host *host, af2_task *task, const char *script)
{
	char runner[PATH_MAX], stage[PATH_MAX], report[PATH_MAX];
	const char *argv[] = {
		host->param(task, "python"), "-B", runner, "--versions", stage, NULL};
	af2_program program = {
		.struct_size = sizeof(program), .argv = argv, .stdout_path = report};
	af2_exit how = {.struct_size = sizeof(how)};
	int n = snprintf(report, sizeof(report), "%s/versions.txt",
			 host->work_dir(task));

	if (n < 0 || n >= PATH_MAX || own_file(host, WORKER, runner) ||
	    own_file(host, script, stage))
		return host->fail(task, AF2_CLASS_PERMANENT,
				  "the path of '%s' is too long", script);
	host->run_program(task, &program, &how);
	/* Missing libraries show here first: the class that setup would give. The last
	 * line of a traceback says what is wrong. */
	if (!how.spawn_errno && how.status > 0) {
		const char *last = strrchr(how.stderr_tail, '\n');
		return host->fail(task, AF2_CLASS_UNAVAILABLE,
				  "'%s' cannot be used by '%s': %s", script, argv[0],
				  last ? last + 1 : how.stderr_tail);
	}
	af2_outcome outcome = host->check_exit(task, &how, "python");
	if (outcome)
		return outcome;
	FILE *f = fopen(report, "re");
	if (!f)
		return host->retry(task, "cannot open '%s': %s", report,
				   strerror(errno));
	add_versions(host, task, f);
	fclose(f);
	unlink(report);
	return AF2_OK;
}

/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 of files; see sha256sum.h.
 */
#include "sha256sum.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

/* What sha256sum printed: a line a file. One whose path has strange characters begins
 * with '\'. */
static int
read_report(const char *report, const char *const *paths, size_t count,
	    sha256_text *digests, struct fault *fault)
{
	struct line_reader lines = {0};
	int rc = line_open(&lines, report, fault);

	for (size_t i = 0; rc == 0 && i < count; i++) {
		int got = line_next(&lines, fault);
		const char *hex = got == 1 ? lines.line + (*lines.line == '\\') : "";
		if (got < 0)
			rc = -1;
		else if (strspn(hex, "0123456789abcdef") != SHA256_HEX)
			rc = fault_set(fault, AF2_CLASS_TRANSIENT,
				       "sha256sum said nothing of '%s'", paths[i]);
		else
			*stpncpy(digests[i], hex, SHA256_HEX) = '\0';
	}
	line_close(&lines);
	return rc;
}

static af2_outcome
run_sha256sum(const af2_host *host, af2_task *task, const char *const *paths,
	      size_t count, const char *report)
{
	const char **argv = calloc(count + 3, sizeof(*argv));
	af2_program program = {
		.struct_size = sizeof(program), .argv = argv, .stdout_path = report};
	af2_exit how = {.struct_size = sizeof(how)};

	if (!argv)
		return host->fail(task, AF2_CLASS_MEMORY, "out of memory");
	argv[0] = "sha256sum";
	argv[1] = "--";
	memcpy(argv + 2, paths, count * sizeof(*argv));
	host->run_program(task, &program, &how);
	free(argv);
	return host->check_exit(task, &how, "sha256sum");
}

af2_outcome
sha256sum_files(const af2_host *host, af2_task *task, const char *const *paths,
		size_t count, sha256_text *digests)
{
	struct fault fault = {0};
	char report[PATH_MAX];

	if (count == 0) /* it would read its standard input */
		return AF2_OK;
	if (snprintf(report, sizeof(report), "%s/sha256sums", host->work_dir(task)) >=
	    (int)sizeof(report))
		return host->fail(task, AF2_CLASS_PERMANENT, "the path '%s' is too long",
				  host->work_dir(task));
	af2_outcome outcome = run_sha256sum(host, task, paths, count, report);
	int rc = outcome ? 0 : read_report(report, paths, count, digests, &fault);
	unlink(report);
	return rc == 0 ? outcome : fault_fail(host, task, &fault);
}

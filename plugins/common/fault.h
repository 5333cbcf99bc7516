/* SPDX-License-Identifier: Apache-2.0
 *
 * What went wrong in a helper, with the class that the attempt is to fail with. A
 * helper fills it and returns -1 (or NULL); the plugin hands it to af2_host.fail().
 */
#ifndef PLUGINS_COMMON_FAULT_H
#define PLUGINS_COMMON_FAULT_H

#include <af2flow/plugin.h>

struct fault {
	af2_class cls;
	char text[1200]; /* one line, no full stop */
};

/* Set class and text; returns -1. errno is kept. */
int fault_set(struct fault *fault, af2_class cls, const char *format, ...)
	__attribute__((format(printf, 3, 4)));
/* "<verb> '<path>': <strerror(errno)>", e.g. verb "cannot open"; returns -1. A full
 * disk and the like are class transient, missing memory is memory, the rest permanent.
 */
int fault_errno(struct fault *fault, const char *verb, const char *path);
/* Class memory, "out of memory while <doing>"; returns -1. */
int fault_memory(struct fault *fault, const char *doing);

/* End the attempt with the fault; returns what host->fail() returned. */
static inline af2_outcome
fault_fail(const af2_host *host, af2_task *task, const struct fault *fault)
{
	return host->fail(task, fault->cls, "%s", fault->text);
}

#endif

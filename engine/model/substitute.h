/* SPDX-License-Identifier: Apache-2.0
 * substitute: ${name} in texts.
 *
 * It happens twice: workflow parameters when the file is loaded (what is not one
 * stays), branch variables when a task is made (what is not one is an error). "$${"
 * stands for "${"; it, and "${" in inserted values, stay escaped until the last step.
 */
#ifndef MODEL_SUBSTITUTE_H
#define MODEL_SUBSTITUTE_H

#include <stddef.h>

#include "base/error.h"
#include "base/str.h"

enum {
	/* Unknown names are errors, "$${" becomes "${". */
	SUBST_LAST = 1,
	/* ${in.X} ${out.X} ${cpus} ${gpus} ${memory} and "$${" stay for the plugin. */
	SUBST_ARGV = 2,
	/* Split by POSIX quoting first, so that no value splits. */
	SUBST_WORDS = 4
};

/* The text of a name, or NULL if there is no such name. */
typedef const char *subst_lookup(void *arg, const char *name);

/* Append `text` with its references replaced. -1 with the error set. */
int subst(struct str *out, const char *text, unsigned flags, subst_lookup *lookup,
	  void *arg, struct error *e);
/* Append `text` so that a later subst gives it back. */
void subst_escape(struct str *out, const char *text);
/* The next reference in *text that is not the plugin's, as an owned name; *text moves
 * on. NULL at the end. */
char *subst_next(const char **text, unsigned flags);
/* The SUBST_* flags for parameters of an af2_param_type. */
unsigned subst_flags(int type);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * wrap: a program's command line inside a wrapper, a container's as a rule.
 *
 *     wrap   apptainer exec --nv af2.sif
 *     argv   jackhmmer --cpu 4 q.fasta
 *     ->     apptainer exec --bind /store:/store:ro,/w:/w --nv af2.sif jackhmmer --cpu 4 q.fasta
 *
 * What a task reads and writes must be there under the same paths: its binds. apptainer and
 * singularity get them as one --bind behind the word exec or run. Any other wrapper has a place for
 * them: ${binds} in a word becomes the whole list, separated by commas; a word with ${bind} is
 * repeated for each. Without one it gets none.
 */
#ifndef MODEL_WRAP_H
#define MODEL_WRAP_H

#include "base/error.h"
#include "base/str.h"

/* A file or folder that is needed inside; once, with a right to write if anybody asked for it. */
void wrap_bind(struct words *binds, const char *path, int writable);
/* The command line. -1 with the error set if a path cannot be a bind. */
int wrap_command(const struct words *wrap, const struct words *binds, const char *const *argv,
                 struct words *out, struct error *e);
/* Why a wrapper cannot be used, NULL if it can. */
const char *wrap_problem(const struct words *wrap);
/* Does its last word name an image, whatever it looks like? */
int wrap_has_image(const struct words *wrap);

#endif

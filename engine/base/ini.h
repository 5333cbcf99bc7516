/* SPDX-License-Identifier: Apache-2.0
 * ini: reading INI files through inih, with its traps closed (see ini.c).
 */
#ifndef BASE_INI_H
#define BASE_INI_H

#include "base/error.h"

/* Called for each "name = value" in [section]. Add problems to `diags` with file and
 * line. */
typedef void ini_handler(void *arg, const char *file, int line, const char *section,
                         const char *name, const char *value, struct diags *diags);
/* Read a file. Problems (unreadable, folder, NUL, over-long line or section name, line
 * without '=', indented continuation) are added to `diags`. Returns the number of
 * errors added. */
int ini_read(const char *path, ini_handler *handler, void *arg, struct diags *diags);

#endif

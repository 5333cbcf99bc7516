/* SPDX-License-Identifier: Apache-2.0
 * lines_private: what lines.c and lines_write.c share.
 */
#ifndef RECORD_LINES_PRIVATE_H
#define RECORD_LINES_PRIVATE_H

#include <sys/types.h>

#include "record/lines.h"

enum { PENDING = UINT16_MAX }; /* as a record's file: its line is in `pending` */

/* pread(2), retrying on EINTR. */
ssize_t lines_pread(int fd, void *buf, size_t n, uint64_t offset);
/* Take a file into the list, closed. Its number, or -1: there are too many. */
int lines_new_file(struct lines *l, const char *path);
/* The whole line of a record, unchecked; NULL if it cannot be read. */
const char *lines_line(struct lines *l, size_t index);

#endif

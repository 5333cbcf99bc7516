/* SPDX-License-Identifier: Apache-2.0
 * journal_private: what journal.c and journal_read.c share.
 */
#ifndef RECORD_JOURNAL_PRIVATE_H
#define RECORD_JOURNAL_PRIVATE_H

#include <stdint.h>
#include <sys/types.h>

#include "record/journal.h"

typedef void journal_line_fn(void *arg, const char *line, size_t len, uint64_t offset);

/* pread(2), retrying on EINTR. */
ssize_t journal_pread(int fd, void *buf, size_t n, uint64_t offset);
/* Every line from `at` on, without its newline; the last one too if it has none. 0 or -1
 * with errno. */
int journal_each_line(int fd, uint64_t at, journal_line_fn *fn, void *arg);
/* The sequence number of a sound line, 0 if it has none. */
uint64_t journal_line_seq(const char *line, size_t len);

#endif

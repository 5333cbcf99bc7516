/* SPDX-License-Identifier: Apache-2.0
 * store_stamps: what the caches of the store share about the state of files.
 */
#ifndef RECORD_STORE_STAMPS_H
#define RECORD_STORE_STAMPS_H

#include <stdint.h>
#include <sys/stat.h>
#include <time.h>

#include "base/digest.h"
#include "record/store.h"

int64_t time_ns(const struct timespec *t);
/* Changed within the last two seconds (or in the future)? */
int is_recent(const struct stat *st);
/* SHA-256 of a file's size and its 64 sampled 64-KiB blocks; of all where it has no
 * more. */
int sample_file(const char *path, struct digest *out, struct error *e);
/* The same, remembered. */
int sampled_digest(struct store *s, const char *path, const struct stat *st,
		   struct digest *out, struct error *e);

#endif

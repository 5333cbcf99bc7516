/* SPDX-License-Identifier: Apache-2.0
 *
 * SHA-256 of files, by the program sha256sum (coreutils), which ends with the task.
 */
#ifndef PLUGINS_COMMON_SHA256SUM_H
#define PLUGINS_COMMON_SHA256SUM_H

#include <stddef.h>

#include <af2flow/plugin.h>

/* Digits of a digest. */
#define SHA256_HEX 64

/* A digest as text, NUL-terminated. */
typedef char sha256_text[SHA256_HEX + 1];

/* The digests of `count` files, in their order, in lower case; one process for all. The
 * paths are borrowed. AF2_OK, or the outcome of the failure that was recorded: a file
 * that cannot be read is class exit with sha256sum's own words. Its report lies in the
 * work folder and is removed. */
af2_outcome sha256sum_files(const af2_host *host, af2_task *task,
			    const char *const *paths, size_t count,
			    sha256_text *digests);

#endif

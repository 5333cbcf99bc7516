/* SPDX-License-Identifier: Apache-2.0
 * locks: how engines keep out of each other's way, by the file system they meet on.
 */
#ifndef BASE_LOCKS_H
#define BASE_LOCKS_H

#include <stdint.h>

/* LOCKS_FILE: locks of the kernel (fcntl), which end with their holder. LOCKS_LEASE:
 * files made by link(), which count as long as their owner gives signs of life.
 * LOCKS_AUTO: the one that the file system deserves. */
enum locks { LOCKS_AUTO, LOCKS_FILE, LOCKS_LEASE };

/* Are leases to be used below `path`, which exists? */
int locks_by_lease(enum locks how, const char *path);
/* Do the kernel's locks on a file system of this type (statfs) hold between machines,
 * or is it one of this machine alone? */
int locks_trusted_on(uint64_t type);

#endif

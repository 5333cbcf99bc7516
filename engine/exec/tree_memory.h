/* SPDX-License-Identifier: Apache-2.0 */
/* tree_memory: how much memory some processes use that nobody could take from them.
 *
 * Counted is what is anonymous, in memory or swapped out: heaps, stacks, private pages
 * that were written to. Mapped files are not: a database of 400 GB that a search has
 * mapped is the kernel's to drop. Nor is shared memory, since a database on a RAM disk
 * looks the same. */
#ifndef EXEC_TREE_MEMORY_H
#define EXEC_TREE_MEMORY_H

#include <stdint.h>

#include "exec/proc.h"

/* Bytes that they use together. Pages that forked processes still share count for each;
 * so if the sum is above `exact_above`, it is made again from what each one's share of
 * them is, which is slower. */
uint64_t tree_memory(const struct proc_list *processes, uint64_t exact_above);

#endif

/* SPDX-License-Identifier: Apache-2.0
 * machine_internal: what the parts of machine share: building GPUs, cutting a machine
 * down to limits, and what this system says outside hwloc.
 */
#ifndef SCHED_MACHINE_INTERNAL_H
#define SCHED_MACHINE_INTERNAL_H

#include "base/str.h"
#include "sched/machine.h"

/* --- machine_cut.c ---------------------------------------------------------------- */

/* Add a GPU at the end. The texts are copied, `cores` (core_count items) is taken
 * over. */
struct gpu *machine_add_gpu(struct machine *m, const char *id, const char *bus_id,
                            const char *name, unsigned *cores, unsigned core_count);
/* Newly allocated indexes of all cores: 0, 1, ... */
unsigned *machine_all_cores(const struct machine *m);
/* Keep what the limits allow: GPUs spread over the cores they are near, cores near the
 * kept GPUs. A machine without a GPU gets declared ones. 0, or -1 with the error
 * set. */
int machine_cut(struct machine *m, const struct machine_limits *limits,
                struct error *e);
/* Keep at most `pus` hardware threads, whole cores, at least one core. */
void machine_cut_threads(struct machine *m, unsigned pus);

/* --- machine_system.c ------------------------------------------------------------- */

/* `root` stands before every absolute path that is read: "" on a real system. */


/* The least memory limit of this process's cgroups, of either version, and of
 * SLURM_MEM_PER_NODE; 0: none. */
uint64_t system_memory_limit(const char *root);
/* SLURM_CPUS_ON_NODE: hardware threads given to the job on this node; 0: no such
 * thing. */
unsigned system_slurm_threads(void);
/* Entries of CUDA_VISIBLE_DEVICES, up to the first that CUDA takes for the end (empty,
 * "-1"). 1, or 0 if it is not set. */
int system_visible_gpus(struct words *ids);
/* Has NVIDIA's driver GPUs, and not this one ("0000:07:00.0")? It is out of reach
 * then. */
int system_gpu_hidden(const char *root, const char *bus_id);
/* "GPU-..." as the driver names the GPU at `bus_id`, newly allocated, or NULL. */
char *system_gpu_uuid(const char *root, const char *bus_id);
/* Is `path` a regular file of a sensible size that can be read? 0, or -1 with the error
 * set. */
int system_check_topology(const char *path, struct error *e);
/* Call fn(arg) in a child process. 0 if it returned 0 there and printed nothing on
 * stderr. */
int system_try(int (*fn)(const char *), const char *arg);

#endif

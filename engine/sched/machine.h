/* SPDX-License-Identifier: Apache-2.0
 * machine: cores, NUMA nodes, memory and GPUs of this machine or of a topology file, as
 * plain data. The only engine file that includes hwloc.h (the host's bind apart).
 */
#ifndef SCHED_MACHINE_H
#define SCHED_MACHINE_H

#include <stdint.h>

#include "base/error.h"

struct core {
	unsigned *pus;    /* OS indexes of its hardware threads */
	unsigned pu_count;
	unsigned numa;    /* index into numas: the nearest */
	unsigned package;
};
struct numa {
	uint64_t memory;  /* bytes */
	unsigned package;
};
struct gpu {
	char *id;         /* for CUDA_VISIBLE_DEVICES: "0", or what it said before */
	char *bus_id;     /* "0000:07:00.0", "" if declared */
	char *name;       /* "" if unknown */
	unsigned *cores;  /* nearest cores: sorted indexes; declared: all cores */
	unsigned core_count;
};
struct machine {
	struct core *cores;
	unsigned core_count;
	struct numa *numas;
	unsigned numa_count;
	unsigned package_count;
	struct gpu *gpus;
	unsigned gpu_count;
	uint64_t memory;   /* bytes that a run may use */
	int this_system;   /* 0: from a file: binding means nothing here */
	int gpus_declared; /* --gpus on a machine without one */
	char *xml;         /* the topology, for the run's topology.xml; may be NULL */
};

/* Limits from the command line or configuration; -1 / 0: as the machine has. */
struct machine_limits {
	int cpus, gpus;
	uint64_t memory;
};

/* Load the machine. `topology` is an XML file or NULL for this machine (allowed
 * cpusets, affinity masks, cgroup memory limits and CUDA_VISIBLE_DEVICES respected).
 * With fewer cores or less memory than a limit asks: error. With fewer GPUs than asked:
 * error, unless there is none at all: then that many are declared. NULL with the error
 * set. */
struct machine *machine_load(const char *topology, const struct machine_limits *limits,
                             struct error *e);
void machine_free(struct machine *m);
/* A machine by numbers, for tests: packages x cores each, gpus spread evenly. */
struct machine *machine_make(unsigned packages, unsigned cores_each, unsigned gpus,
                             uint64_t memory);

#endif

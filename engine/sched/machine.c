/* SPDX-License-Identifier: Apache-2.0 */
/* Reads the machine through hwloc, of this system or of an XML file that hwloc wrote.
 *
 * GPUs are found as PCI devices (display or 3D controllers of NVIDIA, else of AMD), not
 * as hwloc's CUDA or NVML objects, which a distribution's hwloc does not have. They are
 * numbered by PCI bus id, as CUDA does under CUDA_DEVICE_ORDER=PCI_BUS_ID.
 */
#include "sched/machine.h"

#include <hwloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "sched/machine_internal.h"

#define VENDOR_NVIDIA 0x10de
#define VENDOR_AMD 0x1002

/* --- reading a topology ----------------------------------------------------------- */

/* The affinity mask (taskset, Slurm) hides hardware threads; hwloc by itself sees only
 * cgroups. */
static void
restrict_to_affinity(hwloc_topology_t t)
{
	hwloc_bitmap_t set = hwloc_bitmap_alloc();

	if (set && hwloc_get_cpubind(t, set, HWLOC_CPUBIND_PROCESS) == 0)
		hwloc_topology_restrict(t, set, HWLOC_RESTRICT_FLAG_ADAPT_IO |
		                                HWLOC_RESTRICT_FLAG_ADAPT_MISC);
	hwloc_bitmap_free(set);
}

/* A topology of a file (NULL: of this system), or NULL. */
static hwloc_topology_t
load_topology(const char *path)
{
	hwloc_topology_t t;

	if (hwloc_topology_init(&t))
		return NULL;
	hwloc_topology_set_io_types_filter(t, HWLOC_TYPE_FILTER_KEEP_IMPORTANT);
	if ((path && hwloc_topology_set_xml(t, path)) || hwloc_topology_load(t)) {
		hwloc_topology_destroy(t);
		return NULL;
	}
	return t;
}

static int
try_file(const char *path)
{
	return load_topology(path) ? 0 : -1;
}

/* hwloc complains on stderr about a damaged file, or even crashes: try it in a child
 * first. */
static hwloc_topology_t
load_file(const char *path, struct error *e)
{
	hwloc_topology_t t = NULL;

	if (system_check_topology(path, e))
		return NULL;
	if (system_try(try_file, path) == 0)
		t = load_topology(path);
	if (!t)
		error_set(e, "topology '%s' is damaged, or no XML file of hwloc", path);
	return t;
}

static hwloc_topology_t
load_system(struct error *e)
{
	hwloc_topology_t t = load_topology(NULL);

	if (!t)
		error_set(e, "hwloc cannot read this machine");
	else if (hwloc_topology_is_thissystem(t))
		restrict_to_affinity(t);
	return t;
}

/* --- cores, NUMA nodes, memory ---------------------------------------------------- */

static unsigned
package_of(hwloc_obj_t obj)
{
	while (obj && obj->type != HWLOC_OBJ_PACKAGE)
		obj = obj->parent;
	return obj ? obj->logical_index : 0;
}

/* The NUMA node nearest to a set of threads: the one with the fewest others, of several
 * (fast and large memory) the largest. */
static unsigned
numa_of(hwloc_topology_t t, hwloc_const_cpuset_t set)
{
	hwloc_obj_t n = NULL, best = NULL;

	while ((n = hwloc_get_next_obj_by_type(t, HWLOC_OBJ_NUMANODE, n))) {
		int size, best_size;

		if (!hwloc_bitmap_isincluded(set, n->cpuset))
			continue;
		if (!best) {
			best = n;
			continue;
		}
		size = hwloc_bitmap_weight(n->cpuset);
		best_size = hwloc_bitmap_weight(best->cpuset);
		if (size < best_size ||
		    (size == best_size && n->attr->numanode.local_memory >
		                                  best->attr->numanode.local_memory))
			best = n;
	}
	return best ? best->logical_index : 0;
}

static void
read_numas(struct machine *m, hwloc_topology_t t)
{
	int count = hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_NUMANODE);
	int packages = hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_PACKAGE);

	m->package_count = packages > 0 ? (unsigned)packages : 1;
	m->numa_count = count > 0 ? (unsigned)count : 1;
	m->numas = xcalloc(m->numa_count, sizeof *m->numas);
	for (int i = 0; i < count; i++) {
		hwloc_obj_t n =
			hwloc_get_obj_by_type(t, HWLOC_OBJ_NUMANODE, (unsigned)i);

		m->numas[i].memory = n->attr->numanode.local_memory;
		m->numas[i].package = package_of(n);
		m->memory += m->numas[i].memory;
	}
	/* A file may not tell the memory: do not refuse what it may well have. */
	if (m->memory == 0)
		m->memory = INT64_MAX;
}

static void
read_core(struct core *c, hwloc_topology_t t, hwloc_obj_t obj)
{
	unsigned pu, n = 0;

	c->pu_count = (unsigned)hwloc_bitmap_weight(obj->cpuset);
	c->pus = xcalloc(c->pu_count, sizeof *c->pus);
	hwloc_bitmap_foreach_begin(pu, obj->cpuset)
		c->pus[n++] = pu;
	hwloc_bitmap_foreach_end();
	c->numa = numa_of(t, obj->cpuset);
	c->package = package_of(obj);
}

/* Where the system tells no cores (some virtual machines), a thread is one. */
static hwloc_obj_type_t
core_type(hwloc_topology_t t)
{
	int n = hwloc_get_nbobjs_by_type(t, HWLOC_OBJ_CORE);

	return n > 0 ? HWLOC_OBJ_CORE : HWLOC_OBJ_PU;
}

static void
read_cores(struct machine *m, hwloc_topology_t t)
{
	hwloc_obj_type_t type = core_type(t);
	hwloc_obj_t obj = NULL;
	unsigned cap = 0;

	while ((obj = hwloc_get_next_obj_by_type(t, type, obj))) {
		if (!obj->cpuset || hwloc_bitmap_weight(obj->cpuset) <= 0)
			continue;
		GROW(m->cores, m->core_count, cap);
		read_core(&m->cores[m->core_count++], t, obj);
	}
}

/* --- GPUs ------------------------------------------------------------------------- */

static int
is_gpu(hwloc_obj_t pci, unsigned vendor)
{
	const struct hwloc_pcidev_attr_s *a = &pci->attr->pcidev;

	return a->vendor_id == vendor &&
	       (a->class_id == 0x0300 || a->class_id == 0x0302);
}

static const char *
gpu_name(hwloc_obj_t pci)
{
	const char *name = NULL;

	for (hwloc_obj_t os = pci->io_first_child; os && !name; os = os->next_sibling)
		name = hwloc_obj_get_info_by_name(os, "GPUModel");
	if (!name)
		name = hwloc_obj_get_info_by_name(pci, "PCIDevice");
	return name ? name : "";
}

/* The cores near a device, newly allocated; all of them if it has none of its own. */
static unsigned *
near_cores(const struct machine *m, hwloc_topology_t t, hwloc_obj_t device,
           unsigned *count)
{
	hwloc_obj_t up = hwloc_get_non_io_ancestor_obj(t, device);
	unsigned *near = xcalloc(m->core_count + 1, sizeof *near);

	*count = 0;
	for (unsigned i = 0; up && up->cpuset && i < m->core_count; i++) {
		if (hwloc_bitmap_isset(up->cpuset, m->cores[i].pus[0]))
			near[(*count)++] = i;
	}
	if (*count > 0)
		return near;
	free(near);
	*count = m->core_count;
	return machine_all_cores(m);
}

static int
compare_bus(const void *a, const void *b)
{
	return strcmp(((const struct gpu *)a)->bus_id, ((const struct gpu *)b)->bus_id);
}

static void
read_gpus(struct machine *m, hwloc_topology_t t, unsigned vendor)
{
	hwloc_obj_t pci = NULL;

	while ((pci = hwloc_get_next_pcidev(t, pci))) {
		const struct hwloc_pcidev_attr_s *a = &pci->attr->pcidev;
		unsigned *cores, count;
		char bus[32];

		if (!is_gpu(pci, vendor))
			continue;
		snprintf(bus, sizeof bus, "%04x:%02x:%02x.%01x", a->domain, a->bus,
		         a->dev, a->func);
		if (m->this_system && vendor == VENDOR_NVIDIA &&
		    system_gpu_hidden("", bus))
			continue;
		cores = near_cores(m, t, pci, &count);
		machine_add_gpu(m, "", bus, gpu_name(pci), cores, count);
	}
	if (m->gpu_count > 1)
		qsort(m->gpus, m->gpu_count, sizeof *m->gpus, compare_bus);
	for (unsigned i = 0; i < m->gpu_count; i++) {
		free(m->gpus[i].id);
		m->gpus[i].id = xasprintf("%u", i);
	}
}

/* The found GPU that an entry of CUDA_VISIBLE_DEVICES (a number or a UUID, which may be
 * shortened) means, or NULL. */
static const struct gpu *
find_visible(const struct gpu *found, unsigned count, const char *entry)
{
	int64_t index;

	if (parse_int(entry, &index) == 0)
		return index >= 0 && index < count ? &found[index] : NULL;
	for (unsigned i = 0; i < count; i++) {
		char *uuid = system_gpu_uuid("", found[i].bus_id);
		int same = uuid && strncmp(uuid, entry, strlen(entry)) == 0;

		free(uuid);
		if (same)
			return &found[i];
	}
	return NULL;
}

/* Replace the GPUs by the entries of CUDA_VISIBLE_DEVICES, where that is set. */
static void
apply_visible(struct machine *m)
{
	struct machine found = *m;
	struct words ids = {0};

	if (!system_visible_gpus(&ids))
		return;
	m->gpus = NULL;
	m->gpu_count = 0;
	for (size_t i = 0; i < ids.count; i++) {
		const struct gpu *g =
			find_visible(found.gpus, found.gpu_count, ids.v[i]);
		unsigned count = g ? g->core_count : m->core_count;
		unsigned *cores = machine_all_cores(m);

		if (g)
			memcpy(cores, g->cores, count * sizeof *cores);
		machine_add_gpu(m, ids.v[i], g ? g->bus_id : "", g ? g->name : "",
		                cores, count);
	}
	for (unsigned i = 0; i < found.gpu_count; i++) {
		free(found.gpus[i].id);
		free(found.gpus[i].bus_id);
		free(found.gpus[i].name);
		free(found.gpus[i].cores);
	}
	free(found.gpus);
	words_free(&ids);
}

/* --- all of it -------------------------------------------------------------------- */

static void
read_machine(struct machine *m, hwloc_topology_t t)
{
	char *xml;
	int len;

	m->this_system = hwloc_topology_is_thissystem(t);
	read_numas(m, t);
	read_cores(m, t);
	read_gpus(m, t, VENDOR_NVIDIA);
	if (m->gpu_count == 0)
		read_gpus(m, t, VENDOR_AMD);
	if (hwloc_topology_export_xmlbuffer(t, &xml, &len, 0) == 0) {
		m->xml = xstrdup(xml);
		hwloc_free_xmlbuffer(t, xml);
	}
}

static void
apply_system(struct machine *m)
{
	uint64_t memory = system_memory_limit("");
	unsigned threads = system_slurm_threads();

	if (memory > 0 && memory < m->memory)
		m->memory = memory;
	apply_visible(m);
	if (threads > 0)
		machine_cut_threads(m, threads);
}

struct machine *
machine_load(const char *topology, const struct machine_limits *limits, struct error *e)
{
	struct machine *m;
	hwloc_topology_t t = topology ? load_file(topology, e) : load_system(e);

	if (!t)
		return NULL;
	m = xcalloc(1, sizeof *m);
	read_machine(m, t);
	hwloc_topology_destroy(t);
	if (m->core_count == 0) {
		if (topology)
			error_set(e, "topology '%s' has no cores", topology);
		else
			error_set(e, "this machine has no cores that may be used");
		goto fail;
	}
	if (m->this_system)
		apply_system(m);
	if (limits && machine_cut(m, limits, e))
		goto fail;
	return m;
fail:
	machine_free(m);
	return NULL;
}

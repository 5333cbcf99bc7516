/* SPDX-License-Identifier: Apache-2.0 */
/* Machines of topology files, of this system under limits, and files that are none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/mem.h"
#include "sched/machine_internal.h"

#define GPU_NODE FIXTURES "/topologies/gpu-2x38-8.xml"
#define CPU_NODE FIXTURES "/topologies/cpu-2x38.xml"

static const struct machine_limits no_limits = {.cpus = -1, .gpus = -1};

static void
assert_refused(const char *path, const struct machine_limits *limits, const char *text)
{
	struct error e = {0};

	assert_null(machine_load(path, limits, &e));
	if (!strstr(e.text, text))
		fail_msg("'%s' does not tell '%s'", e.text, text);
}

static struct machine *
load(const char *path, int cpus, int gpus, uint64_t memory)
{
	struct machine_limits limits = {.cpus = cpus, .gpus = gpus, .memory = memory};
	struct error e = {0};
	struct machine *m = machine_load(path, &limits, &e);

	if (!m)
		fail_msg("%s", e.text);
	return m;
}

static void
clear_environment(void)
{
	unsetenv("CUDA_VISIBLE_DEVICES");
	unsetenv("SLURM_CPUS_ON_NODE");
	unsetenv("SLURM_MEM_PER_NODE");
}

static void
bad_files(void **state)
{
	(void)state;
	assert_refused(FIXTURES "/topologies/none.xml", &no_limits,
	               "none.xml': No such file or directory");
	assert_refused(FIXTURES "/topologies", &no_limits, "is not a regular file");
	assert_refused("/dev/zero", &no_limits, "is not a regular file");
	assert_refused(FIXTURES "/topologies/empty.xml", &no_limits, "empty.xml' is empty");
	assert_refused(FIXTURES "/topologies/text.xml", &no_limits, "text.xml' is damaged");
	assert_refused(FIXTURES "/topologies/malformed.xml", &no_limits, "is damaged");
	assert_refused(FIXTURES "/topologies/truncated.xml", &no_limits, "is damaged");
	/* This one makes hwloc 2.9 itself crash. */
	assert_refused(FIXTURES "/topologies/crash.xml", &no_limits, "crash.xml' is damaged");
}

static void
limits_too_high(void **state)
{
	struct machine_limits cpus = {.cpus = 77, .gpus = -1};
	struct machine_limits gpus = {.cpus = -1, .gpus = 9};
	struct machine_limits many = {.cpus = -1, .gpus = 1000000};
	struct machine_limits memory = {.cpus = -1, .gpus = -1, .memory = UINT64_C(2) << 40};

	(void)state;
	assert_refused(GPU_NODE, &cpus, "77 cores are asked for, but there are only 76");
	assert_refused(GPU_NODE, &gpus, "9 GPUs are asked for, but there are only 8");
	assert_refused(CPU_NODE, &many, "1000000 GPUs are more than");
	assert_refused(GPU_NODE, &memory, "of memory is asked for, but there is only");
}

static void
gpu_node(void **state)
{
	struct machine *m = load(GPU_NODE, -1, -1, 0);

	(void)state;
	assert_int_equal(m->core_count, 76);
	assert_int_equal(m->package_count, 2);
	assert_int_equal(m->numa_count, 2);
	assert_int_equal(m->numas[1].package, 1);
	assert_int_equal(m->memory, UINT64_C(1) << 40);
	assert_int_equal(m->this_system, 0);
	assert_int_equal(m->gpus_declared, 0);
	assert_non_null(strstr(m->xml, "<topology"));
	assert_int_equal(m->cores[75].package, 1);
	assert_int_equal(m->cores[75].numa, 1);
	assert_int_equal(m->cores[0].pu_count, 2);
	assert_int_equal(m->cores[0].pus[0], 0);
	assert_int_equal(m->cores[0].pus[1], 76);
	assert_int_equal(m->gpu_count, 8);
	for (unsigned g = 0; g < 8; g++) {
		const struct gpu *p = &m->gpus[g];
		char id[8];

		snprintf(id, sizeof id, "%u", g);
		assert_string_equal(p->id, id);
		assert_non_null(strstr(p->name, "A100"));
		assert_int_equal(p->core_count, 38);
		assert_int_equal(p->cores[0], g < 4 ? 0 : 38);
		assert_int_equal(p->cores[37], g < 4 ? 37 : 75);
		if (g > 0)
			assert_true(strcmp(m->gpus[g - 1].bus_id, p->bus_id) < 0);
	}
	assert_string_equal(m->gpus[0].bus_id, "0000:11:00.0");
	machine_free(m);
}

/* A file ignores what is set for this system. */
static void
file_is_not_this_system(void **state)
{
	struct machine *m;

	(void)state;
	setenv("CUDA_VISIBLE_DEVICES", "1", 1);
	setenv("SLURM_CPUS_ON_NODE", "1", 1);
	m = load(GPU_NODE, -1, -1, 0);
	clear_environment();
	assert_int_equal(m->gpu_count, 8);
	assert_int_equal(m->core_count, 76);
	machine_free(m);
}

static void
five_gpus_are_spread(void **state)
{
	struct machine *m = load(GPU_NODE, -1, 5, 0);
	unsigned first = 0;

	(void)state;
	assert_int_equal(m->gpu_count, 5);
	for (unsigned g = 0; g < 5; g++)
		first += m->gpus[g].cores[0] == 0;
	assert_int_equal(first, 3);
	assert_string_equal(m->gpus[4].id, "5");
	machine_free(m);
}

static void
cores_are_kept_near_gpus(void **state)
{
	struct machine *m = load(GPU_NODE, 10, 2, UINT64_C(1) << 30);

	(void)state;
	assert_int_equal(m->core_count, 10);
	assert_int_equal(m->memory, UINT64_C(1) << 30);
	assert_int_equal(m->gpu_count, 2);
	for (unsigned g = 0; g < 2; g++) {
		assert_int_equal(m->gpus[g].core_count, 5);
		for (unsigned i = 0; i < 5; i++)
			assert_int_equal(m->cores[m->gpus[g].cores[i]].package, g);
	}
	machine_free(m);
}

static void
cores_without_gpus(void **state)
{
	struct machine *m = load(GPU_NODE, 40, 0, 0);

	(void)state;
	assert_int_equal(m->gpu_count, 0);
	assert_int_equal(m->gpus_declared, 0);
	assert_int_equal(m->core_count, 40);
	assert_int_equal(m->cores[37].package, 0);
	assert_int_equal(m->cores[39].package, 1);
	machine_free(m);
}

static void
declared_gpus(void **state)
{
	struct machine *m = load(CPU_NODE, 4, 5, 0);

	(void)state;
	assert_int_equal(m->gpus_declared, 1);
	assert_int_equal(m->gpu_count, 5);
	assert_string_equal(m->gpus[4].id, "4");
	assert_string_equal(m->gpus[4].bus_id, "");
	assert_int_equal(m->gpus[4].core_count, 4);
	assert_int_equal(m->gpus[4].cores[3], 3);
	machine_free(m);
}

/* The machine that runs the test, whatever it is. */
static void
this_system(void **state)
{
	struct machine *m;

	(void)state;
	clear_environment();
	m = load(NULL, -1, -1, 0);
	assert_int_equal(m->this_system, 1);
	assert_true(m->core_count >= 1);
	assert_true(m->memory > 0);
	assert_non_null(m->xml);
	machine_free(m);
}

static void
visible_devices(void **state)
{
	struct machine *m;

	(void)state;
	setenv("CUDA_VISIBLE_DEVICES", "GPU-8f2b, 6,-1,2", 1);
	m = load(NULL, -1, -1, 0);
	assert_int_equal(m->gpu_count, 2);
	assert_string_equal(m->gpus[0].id, "GPU-8f2b");
	assert_string_equal(m->gpus[1].id, "6");
	assert_true(m->gpus[1].core_count > 0);
	assert_int_equal(m->gpus_declared, 0);
	machine_free(m);
	m = load(NULL, -1, 1, 0);
	assert_int_equal(m->gpu_count, 1);
	machine_free(m);
	setenv("CUDA_VISIBLE_DEVICES", "", 1);
	m = load(NULL, -1, -1, 0);
	assert_int_equal(m->gpu_count, 0);
	machine_free(m);
	clear_environment();
}

static void
slurm_limits(void **state)
{
	struct machine *m;

	(void)state;
	setenv("SLURM_CPUS_ON_NODE", "1", 1);
	setenv("SLURM_MEM_PER_NODE", "100", 1);
	m = load(NULL, -1, -1, 0);
	clear_environment();
	assert_int_equal(m->core_count, 1);
	assert_int_equal(m->memory, 100 << 20);
	machine_free(m);
}

static void
threads_make_whole_cores(void **state)
{
	struct machine *m = load(GPU_NODE, -1, 0, 0);

	(void)state;
	machine_cut_threads(m, 21);
	assert_int_equal(m->core_count, 10);
	machine_cut_threads(m, 1);
	assert_int_equal(m->core_count, 1);
	machine_free(m);
}

static void
made_by_numbers(void **state)
{
	struct machine *m = machine_make(2, 4, 3, 1000);

	(void)state;
	assert_int_equal(m->core_count, 8);
	assert_int_equal(m->cores[4].package, 1);
	assert_int_equal(m->gpu_count, 3);
	assert_int_equal(m->gpus[0].cores[0], 0);
	assert_int_equal(m->gpus[2].cores[0], 4);
	assert_int_equal(m->numas[1].memory, 500);
	machine_free(m);
	machine_free(NULL);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bad_files),
		cmocka_unit_test(limits_too_high),
		cmocka_unit_test(gpu_node),
		cmocka_unit_test(file_is_not_this_system),
		cmocka_unit_test(five_gpus_are_spread),
		cmocka_unit_test(cores_are_kept_near_gpus),
		cmocka_unit_test(cores_without_gpus),
		cmocka_unit_test(declared_gpus),
		cmocka_unit_test(this_system),
		cmocka_unit_test(visible_devices),
		cmocka_unit_test(slurm_limits),
		cmocka_unit_test(threads_make_whole_cores),
		cmocka_unit_test(made_by_numbers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Memory limits and GPUs of a system made of files below a temporary folder. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/mem.h"
#include "sched/machine_internal.h"

static int
make_root(void **state)
{
	const char *tmp = getenv("TMPDIR");
	char *root = xasprintf("%s/af2flow-system-XXXXXX", tmp ? tmp : "/tmp");

	unsetenv("SLURM_MEM_PER_NODE");
	*state = root;
	return mkdtemp(root) ? 0 : -1;
}

static int
remove_root(void **state)
{
	int rc = fs_remove_tree(*state, NULL);

	free(*state);
	return rc;
}

static void
put_file(const char *root, const char *path, const char *text)
{
	char *full = path_join(root, path), *dir = path_dir(full);

	assert_int_equal(fs_mkdirs(dir, NULL), 0);
	assert_int_equal(fs_write_file(full, text, strlen(text), 0, NULL), 0);
	free(dir);
	free(full);
}

static void
no_limit(void **state)
{
	assert_int_equal(system_memory_limit(*state), 0);
	put_file(*state, "proc/self/cgroup", "rubbish\n\n0:\n0::/a\n");
	assert_int_equal(system_memory_limit(*state), 0);
	put_file(*state, "sys/fs/cgroup/a/memory.max", "max\n");
	assert_int_equal(system_memory_limit(*state), 0);
}

static void
version_2_takes_the_least(void **state)
{
	put_file(*state, "proc/self/cgroup", "0::/a/b\n");
	put_file(*state, "sys/fs/cgroup/a/b/memory.max", "max\n");
	put_file(*state, "sys/fs/cgroup/a/memory.max", "5000000\n");
	assert_int_equal(system_memory_limit(*state), 5000000);
	put_file(*state, "sys/fs/cgroup/memory.max", "4000000\n");
	assert_int_equal(system_memory_limit(*state), 4000000);
	put_file(*state, "sys/fs/cgroup/a/b/memory.max", "3000000\n");
	assert_int_equal(system_memory_limit(*state), 3000000);
}

static void
version_1(void **state)
{
	put_file(*state, "proc/self/cgroup",
	         "9:name=systemd:/\n8:hugetlb,memory:/job\n7:memoryx:/x\n");
	put_file(*state, "sys/fs/cgroup/memory/x/memory.limit_in_bytes", "1\n");
	put_file(*state, "sys/fs/cgroup/memory/memory.limit_in_bytes",
	         "9223372036854771712\n");
	put_file(*state, "sys/fs/cgroup/memory/job/memory.limit_in_bytes", "7000000\n");
	assert_int_equal(system_memory_limit(*state), 7000000);
}

static void
slurm_memory_counts(void **state)
{
	setenv("SLURM_MEM_PER_NODE", "2", 1);
	assert_int_equal(system_memory_limit(*state), 2 << 20);
	setenv("SLURM_MEM_PER_NODE", "lots", 1);
	assert_int_equal(system_memory_limit(*state), 0);
	unsetenv("SLURM_MEM_PER_NODE");
}

static void
assert_visible(const char *text, const char *joined)
{
	struct words ids = {0};
	struct str got = {0};

	setenv("CUDA_VISIBLE_DEVICES", text, 1);
	assert_int_equal(system_visible_gpus(&ids), 1);
	for (size_t i = 0; i < ids.count; i++)
		str_printf(&got, "[%s]", ids.v[i]);
	assert_string_equal(got.s ? got.s : "", joined);
	str_free(&got);
	words_free(&ids);
	unsetenv("CUDA_VISIBLE_DEVICES");
}

static void
visible_gpus(void **state)
{
	struct words ids = {0};

	(void)state;
	unsetenv("CUDA_VISIBLE_DEVICES");
	assert_int_equal(system_visible_gpus(&ids), 0);
	assert_visible("", "");
	assert_visible("NoDevFiles", "");
	assert_visible("-1", "");
	assert_visible("3", "[3]");
	assert_visible("3, 1 ,GPU-a", "[3][1][GPU-a]");
	assert_visible("0,,2", "[0]");
	assert_visible("0,-1,2", "[0]");
	assert_visible("0,", "[0]");
}

static void
driver_files(void **state)
{
	char *uuid;

	assert_int_equal(system_gpu_hidden(*state, "0000:07:00.0"), 0);
	assert_null(system_gpu_uuid(*state, "0000:07:00.0"));
	put_file(*state, "proc/driver/nvidia/gpus/0000:07:00.0/information",
	         "Model: \t\t NVIDIA H100\nIRQ:   1\nGPU UUID: \t GPU-12ab\n"
	         "Device Minor: \t 3\n");
	assert_int_equal(system_gpu_hidden(*state, "0000:07:00.0"), 1);
	put_file(*state, "dev/nvidia3", "");
	assert_int_equal(system_gpu_hidden(*state, "0000:07:00.0"), 0);
	assert_int_equal(system_gpu_hidden(*state, "0000:08:00.0"), 1);
	uuid = system_gpu_uuid(*state, "0000:07:00.0");
	assert_string_equal(uuid, "GPU-12ab");
	free(uuid);
}

static int
child_good(const char *arg)
{
	return strcmp(arg, "x") != 0;
}

static int
child_talks(const char *arg)
{
	fputs(arg, stderr);
	return 0;
}

static int
child_dies(const char *arg)
{
	(void)arg;
	_Exit(9);
}

static void
tries_in_a_child(void **state)
{
	(void)state;
	assert_int_equal(system_try(child_good, "y"), -1);
	assert_int_equal(system_try(child_talks, "oh"), -1);
	assert_int_equal(system_try(child_dies, ""), -1);
	assert_int_equal(system_try(child_good, "x"), 0);
}

#define WITH_ROOT(f) cmocka_unit_test_setup_teardown(f, make_root, remove_root)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_ROOT(no_limit),
		WITH_ROOT(version_2_takes_the_least),
		WITH_ROOT(version_1),
		WITH_ROOT(slurm_memory_counts),
		cmocka_unit_test(visible_gpus),
		WITH_ROOT(driver_files),
		cmocka_unit_test(tries_in_a_child),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

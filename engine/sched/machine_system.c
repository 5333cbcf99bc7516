/* SPDX-License-Identifier: Apache-2.0 */
/* What this system says outside hwloc: memory limits of cgroups and of Slurm, the GPUs
 * that CUDA_VISIBLE_DEVICES leaves, and what NVIDIA's driver shows; and a look at a
 * topology file in a child process.
 *
 * /proc/self/cgroup has a line "ID:CONTROLLERS:PATH" for each hierarchy; version 2 is
 * "0::PATH". A limit may stand in any folder from PATH up to the mount. In a container
 * PATH may lie outside what is mounted; then only the mount itself counts.
 * /proc/driver/nvidia/gpus/BUS/information has lines "Name: value", among them "GPU
 * UUID" and "Device Minor" (N of /dev/nvidiaN).
 */
#include "sched/machine_internal.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"

/* No machine has more; version 1 writes a page-rounded 2^63 for "no limit". */
#define NO_LIMIT (UINT64_C(1) << 60)
/* Larger files are no topology of one machine. */
#define XML_LIMIT (64 << 20)

static uint64_t
least(uint64_t a, uint64_t b)
{
	if (a == 0 || b == 0)
		return a ? a : b;
	return a < b ? a : b;
}

/* The number in a file; 0 if there is none ("max", no such file). */
static uint64_t
read_limit(const char *path)
{
	FILE *f = fopen(path, "re");
	unsigned long long v = 0;

	if (!f)
		return 0;
	if (fscanf(f, "%llu", &v) != 1 || v >= NO_LIMIT)
		v = 0;
	fclose(f);
	return v;
}

/* The least limit `file` of the folders from `path` up to `mount`. */
static uint64_t
limit_upwards(const char *mount, const char *path, const char *file)
{
	char *dir = xstrdup(path);
	uint64_t v = 0;

	for (;;) {
		char *full = xasprintf("%s%s/%s", mount, dir, file);
		char *slash = strrchr(dir, '/');

		v = least(v, read_limit(full));
		free(full);
		if (!slash)
			break;
		*slash = '\0';
	}
	free(dir);
	return v;
}

/* Is `name` one of the comma-separated `controllers`? */
static int
has_controller(const char *controllers, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = controllers; p; p = strchr(p, ',')) {
		p += *p == ',';
		if (strncmp(p, name, n) == 0 && (p[n] == ',' || p[n] == '\0'))
			return 1;
	}
	return 0;
}

static uint64_t
cgroup_line_limit(const char *root, char *line)
{
	char *controllers = strchr(line, ':');
	char *path = controllers ? strchr(controllers + 1, ':') : NULL;
	char *mount;
	uint64_t v = 0;

	if (!path)
		return 0;
	*path++ = '\0';
	path[strcspn(path, "\n")] = '\0';
	controllers++;
	if (*controllers == '\0') {
		mount = xasprintf("%s/sys/fs/cgroup", root);
		v = limit_upwards(mount, path, "memory.max");
		free(mount);
	} else if (has_controller(controllers, "memory")) {
		mount = xasprintf("%s/sys/fs/cgroup/memory", root);
		v = limit_upwards(mount, path, "memory.limit_in_bytes");
		free(mount);
	}
	return v;
}

static uint64_t
slurm_memory(void)
{
	const char *s = getenv("SLURM_MEM_PER_NODE"); /* MiB */
	int64_t mib;

	if (!s || parse_int(s, &mib) || mib <= 0 || (uint64_t)mib >= NO_LIMIT >> 20)
		return 0;
	return (uint64_t)mib << 20;
}

uint64_t
system_memory_limit(const char *root)
{
	char *path = xasprintf("%s/proc/self/cgroup", root);
	FILE *f = fopen(path, "re");
	uint64_t v = slurm_memory();
	char *line = NULL;
	size_t cap = 0;

	free(path);
	if (!f)
		return v;
	while (getline(&line, &cap, f) > 0)
		v = least(v, cgroup_line_limit(root, line));
	free(line);
	fclose(f);
	return v;
}

unsigned
system_slurm_threads(void)
{
	const char *s = getenv("SLURM_CPUS_ON_NODE");
	int64_t n;

	if (!s || parse_int(s, &n) || n <= 0 || n > 1 << 20)
		return 0;
	return (unsigned)n;
}

int
system_visible_gpus(struct words *ids)
{
	const char *p = getenv("CUDA_VISIBLE_DEVICES");

	if (!p)
		return 0;
	for (;;) {
		size_t n = strcspn(p, ","), skip = strspn(p, " \t");
		size_t end = n;

		while (end > skip && (p[end - 1] == ' ' || p[end - 1] == '\t'))
			end--;
		if (skip >= end || p[skip] == '-' || strncmp(p + skip, "NoDev", 5) == 0)
			break;
		words_addn(ids, p + skip, end - skip);
		if (p[n] == '\0')
			break;
		p += n + 1;
	}
	return 1;
}

/* The value of a line "NAME:   value" of a GPU's information file, newly allocated, or
 * NULL. */
static char *
gpu_information(const char *root, const char *bus_id, const char *name)
{
	char *path = xasprintf("%s/proc/driver/nvidia/gpus/%s/information", root,
	                       bus_id);
	FILE *f = fopen(path, "re");
	char *line = NULL, *value = NULL;
	size_t cap = 0, n = strlen(name);

	free(path);
	if (!f)
		return NULL;
	while (!value && getline(&line, &cap, f) > 0) {
		if (strncmp(line, name, n) != 0 || line[n] != ':')
			continue;
		char *v = line + n + 1 + strspn(line + n + 1, " \t");

		value = xstrndup(v, strcspn(v, " \t\n"));
	}
	free(line);
	fclose(f);
	return value;
}

int
system_gpu_hidden(const char *root, const char *bus_id)
{
	char *driver = xasprintf("%s/proc/driver/nvidia/gpus", root);
	char *device = NULL, *minor;
	int hidden;

	if (access(driver, F_OK)) {
		free(driver);
		return 0;
	}
	free(driver);
	minor = gpu_information(root, bus_id, "Device Minor");
	if (minor)
		device = xasprintf("%s/dev/nvidia%s", root, minor);
	hidden = !device || access(device, F_OK) != 0;
	free(device);
	free(minor);
	return hidden;
}

char *
system_gpu_uuid(const char *root, const char *bus_id)
{
	return gpu_information(root, bus_id, "GPU UUID");
}

int
system_check_topology(const char *path, struct error *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0)
		return error_set(e, "cannot open topology '%s':", path);
	if (fstat(fd, &st)) {
		error_set(e, "cannot read topology '%s':", path);
		close(fd);
		return -1;
	}
	close(fd);
	if (!S_ISREG(st.st_mode))
		return error_set(e, "topology '%s' is not a regular file", path);
	if (st.st_size == 0)
		return error_set(e, "topology '%s' is empty", path);
	if (st.st_size > XML_LIMIT)
		return error_set(e, "topology '%s' is too large (over 64M)", path);
	return 0;
}

/* In the child: a crash ends it at once, without a core file or anybody's handler. */
static void
try_in_child(int (*fn)(const char *), const char *arg, int fd)
{
	static const int fatal[] = {SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL};
	const struct rlimit none = {0, 0};

	for (size_t i = 0; i < sizeof fatal / sizeof *fatal; i++)
		signal(fatal[i], SIG_DFL);
	setrlimit(RLIMIT_CORE, &none);
	unsetenv("HWLOC_XML_VERBOSE");
	unsetenv("HWLOC_DEBUG_VERBOSE");
	if (dup2(fd, STDERR_FILENO) < 0)
		_exit(1);
	_exit(fn(arg) ? 1 : 0);
}

/* Does anything come before the end of file? */
static int
says_anything(int fd)
{
	char buf[4096];
	int said = 0;

	for (;;) {
		ssize_t n = read(fd, buf, sizeof buf);

		if (n == 0 || (n < 0 && errno != EINTR))
			return said;
		said |= n > 0;
	}
}

int
system_try(int (*fn)(const char *), const char *arg)
{
	int fds[2], status, said;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC))
		return -1;
	pid = fork();
	if (pid == 0)
		try_in_child(fn, arg, fds[1]);
	close(fds[1]);
	said = says_anything(fds[0]);
	close(fds[0]);
	if (pid < 0)
		return -1;
	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return -1;
	}
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 && !said ? 0 : -1;
}

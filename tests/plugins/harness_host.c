/* SPDX-License-Identifier: Apache-2.0
 *
 * The test host: the services of the table that are neither programs nor workers.
 */
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness_internal.h"

/* --- parameters ------------------------------------------------------- */

static const af2_param *
find_param(const struct harness *h, const char *name)
{
	for (uint32_t i = 0; i < h->plugin->param_count; i++) {
		const af2_param *p = &h->plugin->params[i];
		size_t n = strlen(p->name);
		if (strcmp(p->name, name) == 0 ||
		    (n > 2 && strcmp(p->name + n - 2, ".*") == 0 &&
		     strncmp(p->name, name, n - 1) == 0))
			return p;
	}
	return NULL;
}

/* The form plugins get: booleans "1"/"0", sizes in bytes, durations in seconds. */
static void
normalise(const af2_param *p, const char *value, char *out, size_t size)
{
	static const char *const units[] = {"", "K", "M", "G", "T"};
	char *end;
	double number = strtod(value, &end);
	snprintf(out, size, "%s", value);
	if (p->type == AF2_BOOL && *value) {
		snprintf(out, size, "%d", strchr("yYtT1", value[0]) != NULL);
	} else if (p->type == AF2_SIZE) {
		for (int i = 1; i < 5; i++)
			if (strcmp(end, units[i]) == 0)
				snprintf(out, size, "%.0f", ldexp(number, 10 * i));
	} else if (p->type == AF2_DURATION && *end) {
		double unit = *end == 'm'   ? 60
			      : *end == 'h' ? 3600
			      : *end == 'd' ? 86400
					    : 1;
		snprintf(out, size, "%.15g", number * unit);
	}
}

void
harness_param(struct harness *h, const char *name, const char *value)
{
	const af2_param *p = find_param(h, name);
	char text[8192];
	if (!p)
		harness_die("plugin '%s' has no parameter '%s'", h->plugin->id, name);
	normalise(p, value, text, sizeof(text));
	pairs_set(&h->params, name, text);
}

static const char *
get_param(const struct harness *h, const char *name)
{
	const char *value = pairs_get(&h->params, name);
	if (value)
		return value;
	const af2_param *p = find_param(h, name);
	if (!p || !p->default_value)
		return "";
	char text[8192];
	normalise(p, p->default_value, text, sizeof(text));
	pairs_set((struct pairs *)(uintptr_t)&h->params, name, text);
	return pairs_get(&h->params, name);
}

static const char *
host_param(af2_task *task, const char *name)
{
	return get_param(task->owner, name);
}

static double
host_param_number(af2_task *task, const char *name)
{
	const char *text = get_param(task->owner, name);
	return *text ? strtod(text, NULL) : 0;
}

static int
host_param_each(af2_task *task, const char *prefix, size_t i, const char **name,
		const char **value)
{
	const struct pairs *p = &task->owner->params;
	for (size_t k = 0; k < p->count; k++) {
		if (strncmp(p->list[k].name, prefix, strlen(prefix)) != 0 || i-- > 0)
			continue;
		*name = p->list[k].name + strlen(prefix);
		*value = p->list[k].text;
		return 1;
	}
	return 0;
}

static const char *
host_worker_param(af2_worker *worker, const char *name)
{
	const af2_param *p = find_param(worker->owner, name);
	if (!p || !(p->flags & AF2_PARAM_SETUP))
		harness_die("worker_param('%s') without the flag SETUP", name);
	return get_param(worker->owner, name);
}

/* --- inputs and outputs ------------------------------------------------- */

static char **
split_pairs(const char *const *list, size_t *count)
{
	size_t n = 0;
	while (list && list[n])
		n += 2;
	*count = n / 2;
	char **strings = calloc(n + 1, sizeof(*strings));
	for (size_t i = 0; i < n / 2; i++) {
		strings[i] = harness_copy(list[2 * i]);
		strings[n / 2 + i] = harness_copy(list[2 * i + 1]);
	}
	return strings;
}

void
harness_item(struct harness *h, const char *port, const char *path, const char *name,
	     const char *node, const char *const *branch, const char *const *values)
{
	char full[PATH_MAX];
	if (!realpath(path, full))
		harness_die("input '%s': %s", path, strerror(errno));
	const char *base = strrchr(full, '/') + 1;
	h->items = realloc(h->items, (h->item_count + 1) * sizeof(*h->items));
	struct slot_item *s = &h->items[h->item_count++];
	*s = (struct slot_item){.port = harness_copy(port)};
	s->item.path = harness_copy(full);
	s->item.name = harness_copy(name ? name : base);
	s->item.node = harness_copy(node ? node : "producer");
	s->strings = split_pairs(branch, &s->item.branch_count);
	s->item.branch_names = (const char *const *)s->strings;
	s->item.branch_values = (const char *const *)s->strings + s->item.branch_count;
	for (size_t i = 0; values && values[i]; i += 2)
		pairs_set(&s->values, values[i], values[i + 1]);
}

void
harness_input(struct harness *h, const char *port, const char *path)
{
	harness_item(h, port, path, NULL, NULL, NULL, NULL);
}

static struct slot_item *
nth_item(af2_task *task, const char *port, size_t i)
{
	struct harness *h = task->owner;
	for (size_t k = 0; k < h->item_count; k++)
		if (strcmp(h->items[k].port, port) == 0 && i-- == 0)
			return &h->items[k];
	return NULL;
}

static size_t
host_input_count(af2_task *task, const char *port)
{
	size_t n = 0;
	while (nth_item(task, port, n))
		n++;
	return n;
}

static const af2_item *
host_input(af2_task *task, const char *port, size_t i)
{
	struct slot_item *s = nth_item(task, port, i);
	return s ? &s->item : NULL;
}

static const char *
host_input_value(af2_task *task, const char *port, size_t i, const char *name)
{
	struct slot_item *s = nth_item(task, port, i);
	return s ? pairs_get(&s->values, name) : NULL;
}

/* The port's type and whether it is a list; from the descriptor, else from the text of
 * a parameter of type PORTS_OUT. NULL: no such port. */
static const char *
output_type(struct harness *h, const char *port, int *is_list, char *type, size_t size)
{
	for (uint32_t i = 0; i < h->plugin->output_count; i++) {
		const af2_port *p = &h->plugin->outputs[i];
		*is_list = p->cardinality == AF2_MANY;
		if (strcmp(p->name, port) == 0)
			return p->types;
	}
	for (uint32_t i = 0; i < h->plugin->param_count; i++) {
		if (h->plugin->params[i].type != AF2_PORTS_OUT)
			continue;
		const char *text = get_param(h, h->plugin->params[i].name);
		while (*(text += strspn(text, " \t\n"))) {
			size_t n = strcspn(text, " \t\n"), name = strcspn(text, ":");
			if (name < n && strlen(port) == name &&
			    !strncmp(text, port, name)) {
				size_t length = n - name - 1;
				*is_list = text[n - 1] == '*';
				snprintf(type, size, "%.*s",
					 (int)(length - (size_t)*is_list),
					 text + name + 1);
				return type;
			}
			text += n;
		}
	}
	return NULL;
}

static const char *
host_output(af2_task *task, const char *port, const char *element, const char *file)
{
	struct harness *h = task->owner;
	char type[256], dir[2 * PATH_MAX];
	int is_list = 0;
	const char *kind = output_type(h, port, &is_list, type, sizeof(type));
	if (!kind || is_list != (element != NULL) || (file && strchr(file, '/')) ||
	    (element && (!*element || strchr(element, '/')))) {
		h->is_bad_output = 1;
		harness_fail(h, AF2_FAIL, AF2_CLASS_OUTPUT_MISSING,
			     "bad call of output()");
		return NULL;
	}
	snprintf(dir, sizeof(dir), "%s/%s%s%s", h->out, port, element ? "." : "",
		 element ? element : "");
	if (mkdir(dir, 0777) != 0 && errno != EEXIST)
		harness_die("mkdir '%s': %s", dir, strerror(errno));
	h->outputs = realloc(h->outputs, (h->output_count + 1) * sizeof(*h->outputs));
	struct slot_output *o = &h->outputs[h->output_count++];
	*o = (struct slot_output){.port = harness_copy(port)};
	o->element = element ? harness_copy(element) : NULL;
	if (asprintf(&o->path, "%s/%s", dir, file ? file : port) < 0)
		harness_die("out of memory");
	if (strcmp(kind, "dir") == 0)
		mkdir(o->path, 0777);
	return o->path;
}

static void
host_value_number(af2_task *task, const char *name, double value)
{
	harness_record_number(&task->owner->values, name, value);
}

static void
host_value_text(af2_task *task, const char *name, const char *value)
{
	pairs_set(&task->owner->values, name, value);
}

static void
host_measure(af2_task *task, const char *name, double value)
{
	harness_record_number(&task->owner->measures, name, value);
}

/* --- the slot, telling, fingerprint -------------------------------------- */

static const char *
host_work_dir(af2_task *task)
{
	return task->owner->work;
}

static unsigned
host_cpus(af2_task *task)
{
	return task->owner->cpus;
}

static unsigned
host_gpus(af2_task *task)
{
	return task->owner->gpus;
}

static uint64_t
host_memory(af2_task *task)
{
	return task->owner->memory;
}

static void
append_line(char **text, const char *line)
{
	char *joined;
	if (asprintf(&joined, "%s%s\n", *text ? *text : "", line) < 0)
		harness_die("out of memory");
	free(*text);
	*text = joined;
}

void
harness_add_log(struct harness *h, af2_level level, const char *line)
{
	append_line(&h->log, line);
	if (level == AF2_WARN)
		append_line(&h->warnings, line);
}

static void
host_log(af2_level level, const char *format, ...)
{
	char line[4096];
	va_list ap;
	va_start(ap, format);
	vsnprintf(line, sizeof(line), format, ap);
	va_end(ap);
	harness_add_log(harness_current(), level, line);
}

static void
host_progress(double fraction, const char *text)
{
	if (fraction > 1)
		harness_die("progress %g", fraction);
	struct harness *h = harness_current();
	h->progress_count++;
	snprintf(h->progress, sizeof(h->progress), "%s", text ? text : "");
}

static int
host_cancelled(void)
{
	struct harness *h = harness_current();
	return h->cancel_at > 0 && harness_now() >= h->cancel_at;
}

#define FAIL_WITH(h, outcome, cls)                                                     \
	char text[4096];                                                               \
	va_list ap;                                                                    \
	va_start(ap, format);                                                          \
	vsnprintf(text, sizeof(text), format, ap);                                     \
	va_end(ap);                                                                    \
	return harness_fail(h, outcome, cls, text)

static af2_outcome
host_fail(af2_task *task, af2_class cls, const char *format, ...)
{
	FAIL_WITH(task->owner, AF2_FAIL, cls);
}

static af2_outcome
host_retry(af2_task *task, const char *format, ...)
{
	FAIL_WITH(task->owner, AF2_RETRY, AF2_CLASS_TRANSIENT);
}

static af2_outcome
host_skip(af2_task *task, const char *format, ...)
{
	FAIL_WITH(task->owner, AF2_SKIP, AF2_CLASS_NONE);
}

static af2_outcome
host_setup_fail(af2_worker *worker, af2_class cls, const char *format, ...)
{
	FAIL_WITH(worker->owner, AF2_FAIL, cls);
}

static void
host_fingerprint_add(af2_task *task, const char *name, const char *value)
{
	pairs_set(&task->owner->fingerprints, name, value);
}

static void
host_fingerprint_file(af2_task *task, const char *path)
{
	/* One that is not there is one that must not come. */
	if (access(path, F_OK) == 0)
		task->owner->fingerprint_files++;
	else if (errno != ENOENT && errno != ENOTDIR)
		harness_die("fingerprint_file('%s'): %s", path, strerror(errno));
}

static const char *
host_data_dir(void)
{
	const char *dir = getenv("HARNESS_DATA_DIR");
	return dir ? dir : HARNESS_DATA_DIR;
}

static const void *
host_get_extension(const char *id)
{
	(void)id;
	return NULL;
}

static const af2_host host_table = {
	.magic = AF2_MAGIC,
	.struct_size = sizeof(af2_host),
	.abi_major = AF2_ABI_MAJOR,
	.abi_minor = AF2_ABI_MINOR,
	.param = host_param,
	.param_number = host_param_number,
	.param_each = host_param_each,
	.worker_param = host_worker_param,
	.input_count = host_input_count,
	.input = host_input,
	.input_value = host_input_value,
	.output = host_output,
	.value_number = host_value_number,
	.value_text = host_value_text,
	.measure = host_measure,
	.work_dir = host_work_dir,
	.cpus = host_cpus,
	.gpus = host_gpus,
	.memory = host_memory,
	.log = host_log,
	.progress = host_progress,
	.cancelled = host_cancelled,
	.fail = host_fail,
	.retry = host_retry,
	.skip = host_skip,
	.setup_fail = host_setup_fail,
	.run_program = harness_run_program,
	.check_exit = harness_check_exit,
	.find_program = harness_find_program,
	.start_worker = harness_start_worker,
	.call = harness_call,
	.fingerprint_add = host_fingerprint_add,
	.fingerprint_file = host_fingerprint_file,
	.data_dir = host_data_dir,
	.get_extension = host_get_extension,
};

const af2_host *
harness_host_table(void)
{
	return &host_table;
}

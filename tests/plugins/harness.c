/* SPDX-License-Identifier: Apache-2.0
 *
 * The test host: opening, running, resetting and reading results. The services of the
 * table are in harness_host.c, programs and workers in harness_proc.c.
 */
#include <dlfcn.h>
#include <errno.h>
#include <ftw.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "harness_internal.h"

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st, (void)type, (void)ftw;
	return remove(path);
}

static void
remove_tree(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

static void
must(int ok, const af2_plugin *p, const char *what, const char *name)
{
	if (!ok)
		harness_die("descriptor of '%s': %s '%s'", p->id, what,
			    name ? name : "");
}

static void
check_ports(const af2_plugin *p, const af2_port *ports, uint32_t count)
{
	static const char known[] =
		" fasta stockholm a3m hhr features pdb mmcif table json"
		" text dir ";
	for (uint32_t i = 0; i < count; i++) {
		const af2_port *port = &ports[i];
		must(port->name && *port->name, p, "port without a name", "");
		must(port->doc && *port->doc, p, "port without a doc", port->name);
		char types[256];
		snprintf(types, sizeof(types), "%s", port->types);
		for (char *t = strtok(types, "|"); t; t = strtok(NULL, "|")) {
			char word[260];
			snprintf(word, sizeof(word), " %s ", t);
			must(strchr(t, '.') || strstr(known, word), p, "unknown type",
			     t);
		}
	}
}

/* What the real host refuses at load, and what every plugin of ours is to have. */
static void
check_descriptor(const af2_plugin *p)
{
	if (!p)
		harness_die("the entry refused the host");
	if (p->magic != AF2_MAGIC || p->struct_size != sizeof(*p) ||
	    p->abi_major != AF2_ABI_MAJOR)
		harness_die("descriptor with a wrong magic, size or ABI");
	must(p->id && *p->id, p, "no", "id");
	must(p->name && *p->name, p, "no", "name");
	must(p->version && *p->version, p, "no", "version");
	must(p->license && *p->license, p, "no", "license");
	must(p->summary && *p->summary, p, "no", "summary");
	must(p->run != NULL, p, "no", "run");
	must(p->param_size == sizeof(af2_param), p, "wrong size of", "params");
	must(p->port_size == sizeof(af2_port), p, "wrong size of", "ports");
	for (uint32_t i = 0; i < p->param_count; i++) {
		const af2_param *q = &p->params[i];
		must(q->doc && *q->doc, p, "parameter without a doc", q->name);
		must(q->type != AF2_CHOICE || q->choices, p, "choice without choices",
		     q->name);
		must(!(q->flags & AF2_PARAM_REQUIRED) || !q->default_value, p,
		     "required parameter with a default", q->name);
	}
	check_ports(p, p->inputs, p->input_count);
	check_ports(p, p->outputs, p->output_count);
}

static void
make_folders(struct harness *h)
{
	if ((mkdir(h->work, 0777) != 0 && errno != EEXIST) ||
	    (mkdir(h->out, 0777) != 0 && errno != EEXIST))
		harness_die("mkdir below '%s': %s", h->dir, strerror(errno));
}

struct harness *
harness_open(const char *so)
{
	struct harness *h = calloc(1, sizeof(*h));
	const char *tmp = getenv("TMPDIR");
	if (!h || harness_current())
		harness_die("one harness at a time");
	snprintf(h->dir, sizeof(h->dir), "%s/harness.XXXXXX",
		 tmp && *tmp ? tmp : "/tmp");
	if (!mkdtemp(h->dir))
		harness_die("mkdtemp '%s': %s", h->dir, strerror(errno));
	snprintf(h->work, sizeof(h->work), "%s/work", h->dir);
	snprintf(h->out, sizeof(h->out), "%s/out", h->dir);
	snprintf(h->stdout_path, sizeof(h->stdout_path), "%s/stdout", h->dir);
	snprintf(h->stderr_path, sizeof(h->stderr_path), "%s/stderr", h->dir);
	make_folders(h);
	h->worker.owner = h->task.owner = h;
	h->cpus = 1;
	harness_set_current(h);
	h->dso = dlopen(so, RTLD_NOW | RTLD_LOCAL);
	if (!h->dso)
		harness_die("dlopen: %s", dlerror());
	const af2_plugin *(*entry)(const af2_host *);
	void *symbol = dlsym(h->dso, "af2_plugin_entry");
	memcpy(&entry, &symbol, sizeof(entry));
	if (!symbol)
		harness_die("'%s' has no af2_plugin_entry", so);
	h->plugin = entry(harness_host_table());
	check_descriptor(h->plugin);
	return h;
}

static void
clear_task(struct harness *h)
{
	for (size_t i = 0; i < h->item_count; i++) {
		struct slot_item *s = &h->items[i];
		for (size_t k = 0; k < 2 * s->item.branch_count; k++)
			free(s->strings[k]);
		free(s->strings);
		free(s->port);
		free((char *)(uintptr_t)s->item.path);
		free((char *)(uintptr_t)s->item.name);
		free((char *)(uintptr_t)s->item.node);
		pairs_clear(&s->values);
	}
	for (size_t i = 0; i < h->output_count; i++) {
		free(h->outputs[i].port);
		free(h->outputs[i].element);
		free(h->outputs[i].path);
	}
	free(h->items);
	free(h->outputs);
	h->items = NULL;
	h->outputs = NULL;
	h->item_count = h->output_count = 0;
	pairs_clear(&h->values);
	pairs_clear(&h->measures);
	pairs_clear(&h->fingerprints);
	h->fingerprint_files = h->program_count = h->progress_count = 0;
	h->progress[0] = '\0';
	free(h->warnings);
	free(h->log);
	free(h->command_line);
	h->warnings = h->log = h->command_line = NULL;
	h->is_bad_output = 0;
	h->outcome = AF2_OK;
	h->cls = AF2_CLASS_NONE;
	h->message[0] = '\0';
	h->cancel_at = 0;
}

void
harness_close(struct harness *h)
{
	if (!h)
		return;
	if (h->is_set_up && h->setup_outcome == AF2_OK && h->plugin->teardown)
		h->plugin->teardown(&h->worker);
	for (size_t i = 0; i < h->process_count; i++)
		harness_end_worker(h->processes[i]);
	clear_task(h);
	pairs_clear(&h->params);
	pairs_clear(&h->owned);
	dlclose(h->dso);
	remove_tree(h->dir);
	harness_set_current(NULL);
	free(h);
}

void
harness_reset(struct harness *h)
{
	struct pairs old = h->params;
	h->params = (struct pairs){0};
	for (uint32_t i = 0; i < h->plugin->param_count; i++) {
		const af2_param *p = &h->plugin->params[i];
		const char *value = pairs_get(&old, p->name);
		if ((p->flags & AF2_PARAM_SETUP) && value)
			pairs_set(&h->params, p->name, value);
	}
	pairs_clear(&old);
	clear_task(h);
	remove_tree(h->work);
	remove_tree(h->out);
	remove(h->stdout_path);
	remove(h->stderr_path);
	make_folders(h);
}

af2_outcome
harness_setup(struct harness *h)
{
	if (h->is_set_up)
		return h->setup_outcome;
	h->is_set_up = 1;
	h->setup_outcome = h->plugin->setup ? h->plugin->setup(&h->worker) : AF2_OK;
	return h->setup_outcome;
}

static void
check_required(struct harness *h)
{
	for (uint32_t i = 0; i < h->plugin->param_count; i++) {
		const af2_param *p = &h->plugin->params[i];
		const char *value = pairs_get(&h->params, p->name);
		if ((p->flags & AF2_PARAM_REQUIRED) && (!value || !*value))
			harness_die("required parameter '%s' is unset", p->name);
	}
	for (uint32_t i = 0; i < h->plugin->input_count; i++) {
		const af2_port *p = &h->plugin->inputs[i];
		size_t n = harness_host_table()->input_count(&h->task, p->name);
		if (p->cardinality != AF2_MANY && n > 1)
			harness_die("%zu items on single input '%s'", n, p->name);
		if (p->cardinality == AF2_ONE && n == 0)
			harness_die("no item on input '%s'", p->name);
	}
}

af2_outcome
harness_run(struct harness *h)
{
	check_required(h);
	af2_outcome outcome = harness_setup(h);
	if (outcome != AF2_OK)
		return outcome;
	h->message[0] = '\0';
	h->cls = AF2_CLASS_NONE;
	outcome = h->plugin->run(&h->task);
	if (outcome != AF2_OK && !h->message[0])
		harness_die("outcome %d without a message", (int)outcome);
	if (outcome != AF2_OK || h->is_bad_output)
		return outcome != AF2_OK ? outcome : AF2_FAIL;
	for (size_t i = 0; i < h->output_count; i++) {
		char text[PATH_MAX + 64];
		snprintf(text, sizeof(text), "output '%s' was not made",
			 h->outputs[i].port);
		if (access(h->outputs[i].path, F_OK) != 0)
			return harness_fail(h, AF2_FAIL, AF2_CLASS_OUTPUT_MISSING,
					    text);
	}
	for (uint32_t i = 0; i < h->plugin->output_count; i++) {
		const af2_port *p = &h->plugin->outputs[i];
		if (p->cardinality == AF2_ONE && !harness_output(h, p->name, NULL))
			return harness_fail(h, AF2_FAIL, AF2_CLASS_OUTPUT_MISSING,
					    "an output was not declared");
	}
	return AF2_OK;
}

af2_outcome
harness_run_fingerprint(struct harness *h)
{
	return h->plugin->fingerprint ? h->plugin->fingerprint(&h->task) : AF2_OK;
}

/* --- what the test reads ------------------------------------------------ */

const af2_plugin *
harness_plugin(const struct harness *h)
{
	return h->plugin;
}

const char *
harness_dir(const struct harness *h)
{
	return h->dir;
}

void
harness_slot(struct harness *h, unsigned cpus, unsigned gpus, uint64_t memory)
{
	h->cpus = cpus;
	h->gpus = gpus;
	h->memory = memory;
}

void
harness_cancel_after(struct harness *h, double seconds)
{
	h->cancel_at = harness_now() + seconds;
}

const char *
harness_bytes(struct harness *h, const char *name, const void *data, size_t size)
{
	const char *path = harness_path(h, "%s/%s", h->dir, name);
	FILE *f = fopen(path, "wb");
	if (!f || fwrite(data, 1, size, f) != size || fclose(f) != 0)
		harness_die("cannot write '%s': %s", path, strerror(errno));
	return path;
}

const char *
harness_file(struct harness *h, const char *name, const char *text)
{
	return harness_bytes(h, name, text, strlen(text));
}

const char *
harness_read(struct harness *h, const char *path, size_t *size)
{
	FILE *f = path ? fopen(path, "rb") : NULL;
	struct stat st;
	if (!f || fstat(fileno(f), &st) != 0)
		harness_die("cannot read '%s': %s", path ? path : "(null)",
			    strerror(errno));
	char *text = calloc(1, (size_t)st.st_size + 1);
	size_t n = fread(text, 1, (size_t)st.st_size, f);
	fclose(f);
	if (size)
		*size = n;
	harness_own(h, text);
	return text;
}

af2_class
harness_class(const struct harness *h)
{
	return h->cls;
}

const char *
harness_message(const struct harness *h)
{
	return h->message;
}

const char *
harness_value(const struct harness *h, const char *name)
{
	return pairs_get(&h->values, name);
}

double
harness_number(const struct harness *h, const char *name)
{
	const char *text = pairs_get(&h->values, name);
	return text ? strtod(text, NULL) : harness_measure(h, name);
}

double
harness_measure(const struct harness *h, const char *name)
{
	const char *text = pairs_get(&h->measures, name);
	return text ? strtod(text, NULL) : (double)NAN;
}

const char *
harness_fingerprint(const struct harness *h, const char *name)
{
	return pairs_get(&h->fingerprints, name);
}

size_t
harness_fingerprint_files(const struct harness *h)
{
	return h->fingerprint_files;
}

const char *
harness_output(const struct harness *h, const char *port, const char *element)
{
	for (size_t i = 0; i < h->output_count; i++) {
		const struct slot_output *o = &h->outputs[i];
		if (strcmp(o->port, port) == 0 && !o->element == !element &&
		    (!element || strcmp(o->element, element) == 0))
			return o->path;
	}
	return NULL;
}

const char *
harness_element(const struct harness *h, const char *port, size_t i)
{
	for (size_t k = 0; k < h->output_count; k++)
		if (strcmp(h->outputs[k].port, port) == 0 && i-- == 0)
			return h->outputs[k].element;
	return NULL;
}

const char *
harness_warnings(const struct harness *h)
{
	return h->warnings ? h->warnings : "";
}

const char *
harness_log(const struct harness *h)
{
	return h->log ? h->log : "";
}

const char *
harness_progress(const struct harness *h, size_t *count)
{
	if (count)
		*count = h->progress_count;
	return h->progress;
}

const char *
harness_stdout(const struct harness *h)
{
	return h->stdout_path;
}

const char *
harness_stderr(const struct harness *h)
{
	return h->stderr_path;
}

size_t
harness_programs(const struct harness *h)
{
	return h->program_count;
}

const char *
harness_command_line(const struct harness *h)
{
	return h->command_line ? h->command_line : "";
}

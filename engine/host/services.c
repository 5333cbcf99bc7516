/* SPDX-License-Identifier: Apache-2.0 */
/* The table of services that plugins call: parameters, inputs, values, telling.
 * Programs, workers and outputs have files of their own. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "host/host.h"

enum { LOG_LINES = 10000 }; /* of one attempt; more are dropped, with a word */
static const double PROGRESS_EVERY = 0.05; /* seconds between two reports */

/* --- parameters ------------------------------------------------------------------- */

static const char *
service_param(af2_task *t, const char *name)
{
	return task_param(t, name);
}

static double
service_param_number(af2_task *t, const char *name)
{
	for (size_t i = 0; i < t->param_count; i++)
		if (strcmp(t->params[i].name, name) == 0)
			return t->params[i].number;
	return 0;
}

static int
service_param_each(af2_task *t, const char *prefix, size_t i, const char **name,
		   const char **value)
{
	size_t n = strlen(prefix);

	for (size_t k = 0; k < t->param_count; k++) {
		const struct param *p = &t->params[k];

		/* "env.*" itself is the rule, not a parameter. */
		if (strncmp(p->name, prefix, n) != 0 || strcmp(p->name + n, "*") == 0)
			continue;
		if (i-- > 0)
			continue;
		*name = p->name + n;
		*value = p->value;
		return 1;
	}
	return 0;
}

static const char *
service_worker_param(af2_worker *w, const char *name)
{
	for (size_t i = 0; i + 1 < w->params.count; i += 2)
		if (strcmp(w->params.v[i], name) == 0)
			return w->params.v[i + 1];
	return "";
}

/* --- inputs ----------------------------------------------------------------------- */

static struct input_port *
find_input(af2_task *t, const char *port)
{
	for (size_t i = 0; i < t->input_count; i++)
		if (strcmp(t->inputs[i].port, port) == 0)
			return &t->inputs[i];
	return NULL;
}

static size_t
service_input_count(af2_task *t, const char *port)
{
	const struct input_port *p = find_input(t, port);

	return p ? p->count : 0;
}

static const af2_item *
service_input(af2_task *t, const char *port, size_t i)
{
	const struct input_port *p = find_input(t, port);

	return p && i < p->count ? &p->items[i].item : NULL;
}

static const char *
service_input_value(af2_task *t, const char *port, size_t i, const char *name)
{
	struct input_port *p = find_input(t, port);
	const char *text;
	char *dump;
	js *v;

	if (!p || i >= p->count || !*p->items[i].values)
		return NULL;
	if (!p->items[i].parsed)
		p->items[i].parsed =
			js_parse(p->items[i].values, strlen(p->items[i].values), NULL);
	v = js_get(p->items[i].parsed, name);
	if (!v)
		return NULL;
	if (js_is_text(v))
		return js_as_text(v, "");
	dump = js_dump(v, 1);
	text = arena_strdup(&t->mem, dump);
	free(dump);
	return text;
}

/* --- values ----------------------------------------------------------------------- */

void
record_number(js **object, const char *name, double value)
{
	if (!*object)
		*object = js_object();
	if (fabs(value) < 9e15 && value == floor(value))
		js_set_int(*object, name, (int64_t)value);
	else
		js_set_real(*object, name, value);
}

static void
service_value_number(af2_task *t, const char *name, double value)
{
	record_number(&t->values, name, value);
}

static void
service_value_text(af2_task *t, const char *name, const char *value)
{
	if (!t->values)
		t->values = js_object();
	js_set_text(t->values, name, value);
}

static void
service_measure(af2_task *t, const char *name, double value)
{
	record_number(&t->measures, name, value);
}

/* --- the slot --------------------------------------------------------------------- */

static const char *
service_work_dir(af2_task *t)
{
	if (task_need_work_dir(t) < 0)
		verdict_set(&t->bad_output, AF2_FAIL, AF2_CLASS_TRANSIENT,
			    "cannot make the work directory '%s': %m", t->work_dir);
	return t->work_dir;
}

static unsigned
service_cpus(af2_task *t)
{
	return t->cpus;
}

static unsigned
service_gpus(af2_task *t)
{
	return t->gpus;
}

static uint64_t
service_memory(af2_task *t)
{
	return t->memory;
}

/* --- telling ---------------------------------------------------------------------- */

void
host_log(struct host *h, int level, const char *text)
{
	unsigned n = atomic_fetch_add(&h->log_lines, 1);
	struct verdict clean;
	struct str frame = {0};
	size_t at;

	if (n > LOG_LINES)
		return;
	if (n == LOG_LINES)
		text = "more log lines are dropped";
	/* One clean line, whatever was given. */
	verdict_set(&clean, 0, 0, "%s", text);
	if (h->socket < 0) {
		fprintf(stderr, "%s\n", clean.message);
		return;
	}
	at = proto_begin(&frame, PROTO_LOG);
	put_u32(&frame,
		level < AF2_DEBUG || level > AF2_WARN ? AF2_INFO : (uint32_t)level);
	put_text(&frame, clean.message);
	proto_end(&frame, at);
	host_send(h, &frame);
	str_free(&frame);
}

static void
service_log(af2_level level, const char *format, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof(text), format, ap);
	va_end(ap);
	host_log(host_self(), (int)level, text);
}

static void
service_progress(double fraction, const char *text)
{
	struct host *h = host_self();
	double t = host_now();
	struct verdict clean;
	struct str frame = {0};
	size_t at;

	/* A loop may report each of its million steps. */
	if (t - atomic_load(&h->last_progress) < PROGRESS_EVERY || h->socket < 0)
		return;
	atomic_store(&h->last_progress, t);
	verdict_set(&clean, 0, 0, "%s", text ? text : "");
	at = proto_begin(&frame, PROTO_PROGRESS);
	put_f64(&frame, fraction >= 0 ? fmin(fraction, 1) : -1);
	put_text(&frame, clean.message);
	proto_end(&frame, at);
	host_send(h, &frame);
	str_free(&frame);
}

static int
service_cancelled(void)
{
	return atomic_load_explicit(&host_self()->cancelled, memory_order_relaxed);
}

static af2_outcome
service_fail(af2_task *t, af2_class cls, const char *format, ...)
{
	va_list ap;

	if (cls <= AF2_CLASS_NONE || cls >= AF2_CLASS_COUNT)
		cls = AF2_CLASS_PERMANENT;
	va_start(ap, format);
	verdict_vset(&t->verdict, AF2_FAIL, (int)cls, format, ap);
	va_end(ap);
	return AF2_FAIL;
}

static af2_outcome
service_retry(af2_task *t, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	verdict_vset(&t->verdict, AF2_RETRY, AF2_CLASS_TRANSIENT, format, ap);
	va_end(ap);
	return AF2_RETRY;
}

static af2_outcome
service_skip(af2_task *t, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	verdict_vset(&t->verdict, AF2_SKIP, AF2_CLASS_NONE, format, ap);
	va_end(ap);
	return AF2_SKIP;
}

static af2_outcome
service_setup_fail(af2_worker *w, af2_class cls, const char *format, ...)
{
	va_list ap;

	if (cls <= AF2_CLASS_NONE || cls >= AF2_CLASS_COUNT)
		cls = AF2_CLASS_PERMANENT;
	va_start(ap, format);
	verdict_vset(&w->verdict, AF2_FAIL, (int)cls, format, ap);
	va_end(ap);
	return AF2_FAIL;
}

/* --- fingerprints, places --------------------------------------------------------- */

static void
service_fingerprint_add(af2_task *t, const char *name, const char *value)
{
	char *line = xasprintf("%s=%s", name, value);

	/* A line each: a value cannot pass for another one. */
	for (char *p = line; *p; p++)
		if (*p == '\n')
			*p = ' ';
	words_add(&t->prints, line);
	free(line);
}

static void
service_fingerprint_file(af2_task *t, const char *path)
{
	char *absolute = path_absolute(NULL, path);

	words_add(&t->print_files, absolute);
	free(absolute);
}

/* Beside the plugin as installed (plugins/python), or as built (plugins/.libs/x.so). */
static const char *
service_data_dir(void)
{
	static const char *const places[] = {"python", "../python"};
	struct host *h = host_self();
	const char *given = getenv("AF2FLOW_DATA_DIR");
	char *dir;

	if (h->data_dir)
		return h->data_dir;
	if (given && *given)
		return h->data_dir = xstrdup(given);
	dir = path_dir(h->plugin_path);
	for (size_t i = 0; i < sizeof(places) / sizeof(*places) && !h->data_dir; i++) {
		char *place = path_absolute(dir, places[i]);

		if (access(place, R_OK | X_OK) == 0)
			h->data_dir = place;
		else
			free(place);
	}
	if (!h->data_dir)
		h->data_dir = dir;
	else
		free(dir);
	return h->data_dir;
}

static const void *
service_get_extension(const char *id)
{
	(void)id;
	return NULL;
}

static const af2_host table = {
	.magic = AF2_MAGIC,
	.struct_size = sizeof(af2_host),
	.abi_major = AF2_ABI_MAJOR,
	.abi_minor = AF2_ABI_MINOR,
	.param = service_param,
	.param_number = service_param_number,
	.param_each = service_param_each,
	.worker_param = service_worker_param,
	.input_count = service_input_count,
	.input = service_input,
	.input_value = service_input_value,
	.output = service_output,
	.value_number = service_value_number,
	.value_text = service_value_text,
	.measure = service_measure,
	.work_dir = service_work_dir,
	.cpus = service_cpus,
	.gpus = service_gpus,
	.memory = service_memory,
	.log = service_log,
	.progress = service_progress,
	.cancelled = service_cancelled,
	.fail = service_fail,
	.retry = service_retry,
	.skip = service_skip,
	.setup_fail = service_setup_fail,
	.run_program = service_run_program,
	.check_exit = service_check_exit,
	.find_program = service_find_program,
	.start_worker = service_start_worker,
	.call = service_call,
	.fingerprint_add = service_fingerprint_add,
	.fingerprint_file = service_fingerprint_file,
	.data_dir = service_data_dir,
	.get_extension = service_get_extension,
};

const af2_host *
services_table(void)
{
	return &table;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* One attempt as the host sees it: decoded from a frame, and turned into the answer.
 * The order of fields is that of task_put and result_get in exec/local_wire.c. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/secret.h"
#include "host/host.h"

/* --- decoding --------------------------------------------------------------------- */

static void
get_params(af2_task *t, struct reader *r)
{
	t->param_count = get_count(r, 14);
	t->params = arena_alloc(&t->mem, (t->param_count + 1) * sizeof(*t->params));
	for (size_t i = 0; i < t->param_count; i++) {
		struct param *p = &t->params[i];

		p->name = get_text(r);
		p->value = get_text(r);
		p->flags = get_u32(r);
		p->number = strtod(p->value, NULL);
		if (p->flags & AF2_PARAM_SECRET)
			secret_add(&t->secrets, p->value);
	}
}

static void
get_item(af2_task *t, struct reader *r, struct input_item *it)
{
	size_t n;
	const char **names, **values;

	memset(it, 0, sizeof(*it));
	it->item.path = get_text(r);
	it->item.name = get_text(r);
	it->item.node = get_text(r);
	n = get_count(r, 10);
	names = arena_alloc(&t->mem, (2 * n + 1) * sizeof(*names));
	values = names + n;
	for (size_t i = 0; i < n; i++) {
		names[i] = get_text(r);
		values[i] = get_text(r);
	}
	it->item.branch_count = n;
	it->item.branch_names = names;
	it->item.branch_values = values;
	it->values = get_text(r);
}

static void
get_inputs(af2_task *t, struct reader *r)
{
	t->input_count = get_count(r, 9);
	t->inputs = arena_alloc(&t->mem, (t->input_count + 1) * sizeof(*t->inputs));
	for (size_t i = 0; i < t->input_count; i++) {
		struct input_port *p = &t->inputs[i];

		p->port = get_text(r);
		p->count = get_count(r, 24);
		p->items = arena_alloc(&t->mem, (p->count + 1) * sizeof(*p->items));
		for (size_t k = 0; k < p->count; k++)
			get_item(t, r, &p->items[k]);
	}
}

static void
get_outputs(af2_task *t, struct reader *r)
{
	t->port_count = get_count(r, 14);
	t->ports = arena_alloc(&t->mem, (t->port_count + 1) * sizeof(*t->ports));
	for (size_t i = 0; i < t->port_count; i++) {
		t->ports[i].name = get_text(r);
		t->ports[i].type = get_text(r);
		t->ports[i].cardinality = (int)get_u32(r);
		t->ports[i].is_declared = 0;
	}
}

static void
get_words(struct reader *r, struct words *out)
{
	size_t n = get_count(r, 5);

	for (size_t i = 0; i < n; i++)
		words_add(out, get_text(r));
}

af2_task *
task_new(struct host *h, char *payload, size_t size)
{
	struct reader r = {(unsigned char *)payload, (unsigned char *)payload + size,
			   0};
	af2_task *t = xcalloc(1, sizeof(*t));

	t->host = h;
	t->payload = payload;
	t->serial = get_u32(&r);
	t->plugin_path = get_text(&r);
	t->node = get_text(&r);
	t->label = get_text(&r);
	get_params(t, &r);
	get_inputs(t, &r);
	get_outputs(t, &r);
	get_words(&r, &t->wrap);
	get_words(&r, &t->binds);
	t->out_dir = get_text(&r);
	t->work_dir = get_text(&r);
	t->attempt_dir = get_text(&r);
	t->cpu_list = get_text(&r);
	t->cpus = get_u32(&r);
	t->gpus = get_u32(&r);
	t->bind = (int)get_u32(&r);
	t->sync_after = (int)get_u32(&r);
	t->memory = get_u64(&r);
	t->max_output = get_u64(&r);
	t->memory_limit = get_u64(&r);
	t->capture = get_u64(&r);
	t->status = -1;
	if (reader_done(&r))
		return t;
	task_free(t);
	return NULL;
}

void
task_free(af2_task *t)
{
	if (!t)
		return;
	for (size_t i = 0; i < t->input_count; i++)
		for (size_t k = 0; k < t->inputs[i].count; k++)
			js_free(t->inputs[i].items[k].parsed);
	js_free(t->values);
	js_free(t->measures);
	words_free(&t->secrets);
	words_free(&t->wrap);
	words_free(&t->binds);
	words_free(&t->prints);
	words_free(&t->print_files);
	free(t->outputs);
	arena_free(&t->mem);
	free(t->payload);
	free(t);
}

/* --- looking up ------------------------------------------------------------------- */

const char *
task_param(const af2_task *t, const char *name)
{
	for (size_t i = 0; i < t->param_count; i++)
		if (strcmp(t->params[i].name, name) == 0)
			return t->params[i].value;
	return "";
}

/* --- the answer ------------------------------------------------------------------- */

/* One clean line: control characters become blanks, bytes that are no UTF-8 '?'. */
static void
clean_line(char *s)
{
	size_t n = strlen(s);

	for (char *p = s; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	while (n > 0 && s[n - 1] == ' ')
		s[--n] = '\0';
	/* A character may have been cut at the end of the buffer. */
	for (size_t cut = 0; cut < 4 && n > 0 && !is_clean_utf8(s, n); cut++)
		if ((unsigned char)s[n - 1] >= 0x80 && is_clean_utf8(s, n - 1))
			s[--n] = '\0';
	if (!is_clean_utf8(s, n))
		for (char *p = s; *p; p++)
			if ((unsigned char)*p >= 0x80)
				*p = '?';
}

void
verdict_vset(struct verdict *v, int outcome, int cls, const char *format,
	     __builtin_va_list ap)
{
	v->outcome = outcome;
	v->cls = cls;
	vsnprintf(v->message, sizeof(v->message), format, ap);
	clean_line(v->message);
}

void
verdict_set(struct verdict *v, int outcome, int cls, const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	verdict_vset(v, outcome, cls, format, ap);
	va_end(ap);
}

static void
put_json(struct str *out, const js *object)
{
	char *text = object ? js_dump(object, 0) : NULL;

	put_text(out, text);
	free(text);
}

/* Whole microseconds: what is measured is no better, and such numbers are short. */
static double
rounded(double seconds)
{
	return (double)(int64_t)(seconds * 1e6 + 0.5) / 1e6;
}

void
task_put_result(struct str *out, const af2_task *t, const struct verdict *v,
		double seconds, double cpu_seconds, int captured)
{
	int is_ok = v->outcome == AF2_OK;
	int is_process = v->cls == AF2_CLASS_EXIT || v->cls == AF2_CLASS_SIGNAL ||
			 v->cls == AF2_CLASS_MEMORY;
	size_t n = is_ok ? t->output_count : 0;

	put_u32(out, t->serial);
	put_u32(out, (uint32_t)v->outcome);
	put_u32(out, (uint32_t)v->cls);
	put_u32(out, (uint32_t)(is_process ? t->status : -1));
	put_u32(out, (uint32_t)(is_process ? t->signal : 0));
	put_text(out, v->message);
	put_u32(out, (uint32_t)n);
	for (size_t i = 0; i < n; i++) {
		const struct output *o = &t->outputs[i];

		put_text(out, o->port->name);
		put_text(out, o->element);
		put_text(out, o->file);
		put_text(out, o->port->type);
		put_bytes(out, o->digest.b, sizeof(o->digest.b));
		put_u64(out, o->size);
		put_u32(out, (uint32_t)o->is_dir);
	}
	put_json(out, is_ok ? t->values : NULL);
	put_json(out, t->measures);
	put_f64(out, rounded(seconds));
	put_f64(out, rounded(t->host->setup_seconds));
	put_f64(out, rounded(cpu_seconds));
	put_u64(out, t->max_rss);
	put_u64(out, t->peak_memory);
	put_u32(out, (uint32_t)t->synced);
	put_u32(out, (uint32_t)captured);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* Tasks and results as frames. The other ends are in host/task.c: change both, and step
 * PROTO_VERSION. */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/secret.h"
#include "exec/local_private.h"

static void
put_item(struct str *out, const struct exec_item *it)
{
	put_text(out, it->path);
	put_text(out, it->name);
	put_text(out, it->node);
	put_u32(out, (uint32_t)it->branch_count);
	for (size_t i = 0; i < it->branch_count; i++) {
		put_text(out, it->branch_names[i]);
		put_text(out, it->branch_values[i]);
	}
	put_text(out, it->values);
}

static void
put_words(struct str *out, const struct words *w)
{
	put_u32(out, (uint32_t)w->count);
	for (size_t i = 0; i < w->count; i++)
		put_text(out, w->v[i]);
}

/* What its programs run inside, and what they need there. */
static void
put_wrap(const struct pool *p, struct str *out, const struct exec_spec *s)
{
	const struct plugin_settings *settings = pool_settings(p, s->stage->id);
	struct words binds = {0}, none = {0};

	if (settings && settings->wrap.count)
		settings_binds(p, s, &binds);
	put_words(out, settings ? &settings->wrap : &none);
	put_words(out, &binds);
	words_free(&binds);
}

int
task_put(const struct pool *p, struct str *out, enum proto_type type, unsigned serial,
	 int bind, const struct exec_spec *s)
{
	size_t at = proto_begin(out, type);

	put_u32(out, serial);
	put_text(out, s->stage->path);
	put_text(out, s->node);
	put_text(out, s->label);
	put_u32(out, (uint32_t)s->param_count);
	for (size_t i = 0; i < s->param_count; i++) {
		put_text(out, s->params[i].name);
		put_text(out, s->params[i].value);
		put_u32(out, s->params[i].flags);
	}
	put_u32(out, (uint32_t)s->input_count);
	for (size_t i = 0; i < s->input_count; i++) {
		put_text(out, s->inputs[i].port);
		put_u32(out, (uint32_t)s->inputs[i].count);
		for (size_t k = 0; k < s->inputs[i].count; k++)
			put_item(out, &s->inputs[i].items[k]);
	}
	put_u32(out, (uint32_t)s->output_count);
	for (size_t i = 0; i < s->output_count; i++) {
		const struct stage_port *port = &s->outputs[i];

		put_text(out, port->name);
		put_text(out, port->types.count ? port->types.v[0] : "");
		put_u32(out, (uint32_t)port->cardinality);
	}
	put_wrap(p, out, s);
	put_text(out, s->out_dir);
	put_text(out, s->work_dir);
	put_text(out, s->attempt_dir);
	put_text(out, s->slot.cpu_list);
	put_u32(out, s->slot.cpus);
	put_u32(out, s->slot.gpus);
	put_u32(out, (uint32_t)bind);
	put_u32(out, (uint32_t)s->sync_after);
	put_u64(out, s->slot.memory);
	put_u64(out, s->max_output);
	put_u64(out, s->memory_limit);
	put_u64(out, s->capture);
	return proto_end(out, at);
}

void
params_secrets(const struct exec_param *params, size_t count, struct words *out)
{
	for (size_t i = 0; i < count; i++)
		if (params[i].flags & AF2_PARAM_SECRET)
			secret_add(out, params[i].value);
}

static void
get_output(struct reader *r, struct exec_output *o)
{
	const void *digest;

	o->port = get_text(r);
	o->element = get_text(r);
	o->file = get_text(r);
	o->type = get_text(r);
	digest = get_bytes(r, sizeof(o->digest.b));
	if (digest)
		memcpy(o->digest.b, digest, sizeof(o->digest.b));
	o->size = get_u64(r);
	o->is_dir = get_u32(r) != 0;
	/* It becomes a path of the store, where result.json is the store's own. */
	if (!path_component_ok(o->file) || !is_clean_utf8(o->file, strlen(o->file)) ||
	    strcmp(o->file, "result.json") == 0)
		r->bad = 1;
}

/* NULL for "" (there is none). */
static const char *
get_json(struct reader *r)
{
	const char *s = get_text(r);

	return *s ? s : NULL;
}

static double
get_seconds(struct reader *r)
{
	double v = get_f64(r);

	if (!isfinite(v) || v < 0)
		r->bad = 1;
	return v;
}

int
result_get(const char *payload, size_t size, unsigned serial, struct exec_result *res)
{
	const unsigned char *p = (const unsigned char *)payload;
	struct reader r = {p, p + size, 0};
	struct exec_output *outputs;
	int serial_ok = get_u32(&r) == serial, is_bad;

	memset(res, 0, sizeof(*res));
	res->outcome = (int)get_u32(&r);
	res->cls = (int)get_u32(&r);
	res->status = (int)get_u32(&r);
	res->signal = (int)get_u32(&r);
	res->message = get_text(&r);
	res->output_count = get_count(&r, 64);
	outputs = xcalloc(res->output_count + 1, sizeof(*outputs));
	res->outputs = outputs;
	for (size_t i = 0; i < res->output_count; i++)
		get_output(&r, &outputs[i]);
	res->values = get_json(&r);
	res->measures = get_json(&r);
	res->seconds = get_seconds(&r);
	res->setup_seconds = get_seconds(&r);
	res->cpu_seconds = get_seconds(&r);
	res->max_rss = get_u64(&r);
	res->peak_memory = get_u64(&r);
	res->synced = get_u32(&r) != 0;
	res->captured = get_u32(&r) != 0;
	is_bad = res->outcome == AF2_RETRY || res->outcome == AF2_FAIL;
	if (serial_ok && reader_done(&r) && res->outcome >= AF2_OK &&
	    res->outcome <= AF2_FAIL && res->cls >= AF2_CLASS_NONE &&
	    res->cls < AF2_CLASS_COUNT && is_bad == (res->cls != AF2_CLASS_NONE))
		return 0;
	free(outputs);
	res->outputs = NULL;
	return -1;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stage as JSON, in plugin caches and on the wire:
 *
 *   {"id", "name", "version", "license", "summary", "path", "result_version", "flags",
 *    "cpus", "gpus", "memory", "cpus_cap", "has_setup", "has_fingerprint",
 *    "params": [{"name", "type", "flags", "default", "min", "max", "choices": [..],
 *                "suffixes": [..], "unit", "doc"}],
 *    "inputs":  [{"name", "types": [..], "cardinality", "flags", "min", "doc"}],
 *    "outputs": [{..., "publish"}]}
 *
 * Types and cardinalities are words. Members that are absent have their defaults.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "model/stage_parts.h"

static const char *const cardinalities[] = {"one", "optional", "many"};

/* --- writing ---------------------------------------------------------------------- */

static js *
words_json(const struct words *w)
{
	js *a = js_array();

	for (size_t i = 0; i < w->count; i++)
		js_push(a, js_text(w->v[i]));
	return a;
}

static js *
param_json(const struct stage_param *p)
{
	js *o = js_object();

	js_set_text(o, "name", p->name);
	js_set_text(o, "type", param_type_name(p->type));
	js_set_int(o, "flags", p->flags);
	js_set_text(o, "default", p->default_value);
	js_set_real(o, "min", p->min);
	js_set_real(o, "max", p->max);
	js_set(o, "choices", words_json(&p->choices));
	js_set(o, "suffixes", words_json(&p->suffixes));
	js_set_text(o, "unit", p->unit);
	js_set_text(o, "doc", p->doc);
	return o;
}

static js *
ports_json(const struct stage_port *ports, size_t count)
{
	js *a = js_array();

	for (size_t i = 0; i < count; i++) {
		js *o = js_object();

		js_set_text(o, "name", ports[i].name);
		js_set(o, "types", words_json(&ports[i].types));
		js_set_text(o, "cardinality", cardinalities[ports[i].cardinality]);
		js_set_int(o, "flags", ports[i].flags);
		js_set_int(o, "min", ports[i].min);
		js_set_text(o, "publish", ports[i].publish);
		js_set_text(o, "doc", ports[i].doc);
		js_push(a, o);
	}
	return a;
}

js *
stage_to_json(const struct stage *s)
{
	js *o = js_object(), *params = js_array();

	js_set_text(o, "id", s->id);
	js_set_text(o, "name", s->name);
	js_set_text(o, "version", s->version);
	js_set_text(o, "license", s->license);
	js_set_text(o, "summary", s->summary);
	js_set_text(o, "path", s->path);
	js_set_int(o, "result_version", s->result_version);
	js_set_int(o, "flags", s->flags);
	js_set_text(o, "cpus", s->cpus);
	js_set_text(o, "gpus", s->gpus);
	js_set_text(o, "memory", s->memory);
	js_set_int(o, "cpus_cap", s->cpus_cap);
	js_set_bool(o, "has_setup", s->has_setup);
	js_set_bool(o, "has_fingerprint", s->has_fingerprint);
	for (size_t i = 0; i < s->param_count; i++)
		js_push(params, param_json(&s->params[i]));
	js_set(o, "params", params);
	js_set(o, "inputs", ports_json(s->inputs, s->input_count));
	js_set(o, "outputs", ports_json(s->outputs, s->output_count));
	return o;
}

/* --- reading ---------------------------------------------------------------------- */

static char *
text_member(const js *o, const char *key, const char *fallback)
{
	return xstrdup(js_get_text(o, key, fallback));
}

static void
read_words(const js *o, const char *key, struct words *w)
{
	const js *a = js_get(o, key);

	for (size_t i = 0; i < js_count(a); i++)
		words_add(w, js_as_text(js_at(a, i), ""));
}

static int
find_type(const char *name)
{
	for (int i = AF2_STRING; i <= AF2_PORTS_OUT; i++)
		if (strcmp(param_type_name(i), name) == 0)
			return i;
	return -1;
}

static void
read_param(const js *o, struct stage_param *p)
{
	p->name = text_member(o, "name", "");
	p->type = find_type(js_get_text(o, "type", "string"));
	p->flags = (unsigned)js_get_int(o, "flags", 0);
	p->default_value = text_member(o, "default", "");
	p->min = js_get_real(o, "min", 0);
	p->max = js_get_real(o, "max", 0);
	read_words(o, "choices", &p->choices);
	read_words(o, "suffixes", &p->suffixes);
	p->unit = text_member(o, "unit", "");
	p->doc = text_member(o, "doc", "");
}

static void
read_port(const js *o, struct stage_port *p)
{
	const char *cardinality = js_get_text(o, "cardinality", "one");

	p->name = text_member(o, "name", "");
	read_words(o, "types", &p->types);
	p->cardinality = -1;
	for (int i = AF2_ONE; i <= AF2_MANY; i++)
		if (strcmp(cardinalities[i], cardinality) == 0)
			p->cardinality = i;
	p->flags = (unsigned)js_get_int(o, "flags", 0);
	p->min = (unsigned)js_get_int(o, "min", 0);
	p->publish = js_get(o, "publish") ? text_member(o, "publish", "") : NULL;
	p->doc = text_member(o, "doc", "");
}

static struct stage_port *
read_ports(const js *o, const char *key, size_t *count)
{
	const js *a = js_get(o, key);
	struct stage_port *ports = xcalloc(js_count(a) + 1, sizeof *ports);

	for (*count = 0; *count < js_count(a); ++*count)
		read_port(js_at(a, *count), &ports[*count]);
	return ports;
}

static void
read_head(const js *v, struct stage *s)
{
	s->id = text_member(v, "id", "");
	s->name = text_member(v, "name", s->id);
	s->version = text_member(v, "version", "0");
	s->license = text_member(v, "license", "");
	s->summary = text_member(v, "summary", "");
	s->path = text_member(v, "path", "");
	s->result_version = (unsigned)js_get_int(v, "result_version", 0);
	s->flags = (unsigned)js_get_int(v, "flags", 0);
	s->cpus = text_member(v, "cpus", "1");
	s->gpus = text_member(v, "gpus", "0");
	s->memory = text_member(v, "memory", "");
	s->cpus_cap = (unsigned)js_get_int(v, "cpus_cap", 0);
	s->has_setup = js_get_bool(v, "has_setup", 0);
	s->has_fingerprint = js_get_bool(v, "has_fingerprint", 0);
}

struct stage *
stage_from_json(const js *v, struct error *e)
{
	const js *params = js_get(v, "params");
	struct stage *s;

	if (!js_is_object(v)) {
		error_set(e, "a stage must be a JSON object");
		return NULL;
	}
	s = xcalloc(1, sizeof *s);
	read_head(v, s);
	s->params = xcalloc(js_count(params) + 1, sizeof *s->params);
	for (; s->param_count < js_count(params); s->param_count++)
		read_param(js_at(params, s->param_count), &s->params[s->param_count]);
	s->inputs = read_ports(v, "inputs", &s->input_count);
	s->outputs = read_ports(v, "outputs", &s->output_count);
	if (stage_check(s, e) < 0) {
		stage_free(s);
		return NULL;
	}
	return s;
}

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A plugin's descriptor copied out of the shared object, and the checks that every
 * stage must pass, wherever it comes from.
 */
#include "model/stage.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/secret.h"
#include "model/attributes.h"
#include "model/param_value.h"
#include "model/stage_parts.h"

const char *
param_type_name(int type)
{
	static const char *const names[] = {"string", "int",      "real",     "bool",
					    "choice", "duration", "size",     "file",
					    "files",  "dir",      "database", "program",
					    "argv",   "ports-in", "ports-out"};

	return type >= 0 && type < (int)(sizeof names / sizeof *names) ? names[type]
								       : "?";
}

void
stage_free(struct stage *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->param_count; i++) {
		struct stage_param *p = &s->params[i];

		free(p->name);
		free(p->default_value);
		words_free(&p->choices);
		words_free(&p->suffixes);
		free(p->unit);
		free(p->doc);
	}
	for (size_t i = 0; i < s->input_count; i++)
		stage_port_clear(&s->inputs[i]);
	for (size_t i = 0; i < s->output_count; i++)
		stage_port_clear(&s->outputs[i]);
	free(s->params);
	free(s->inputs);
	free(s->outputs);
	free(s->id);
	free(s->name);
	free(s->version);
	free(s->license);
	free(s->summary);
	free(s->path);
	free(s->cpus);
	free(s->gpus);
	free(s->memory);
	free(s);
}

const struct stage_param *
stage_param_find(const struct stage *s, const char *name)
{
	const struct stage_param *wild = NULL;

	for (size_t i = 0; i < s->param_count; i++) {
		const char *p = s->params[i].name;
		size_t n = strlen(p);

		if (strcmp(p, name) == 0)
			return n && p[n - 1] == '*' ? NULL : &s->params[i];
		if (n > 1 && p[n - 1] == '*' && strncmp(p, name, n - 1) == 0 &&
		    name[n - 1])
			wild = &s->params[i];
	}
	return wild;
}

/* --- checks ----------------------------------------------------------------------- */

static int
param_name_ok(const char *name)
{
	size_t n = strlen(name);
	char *stem;
	int ok;

	if (n < 3 || strcmp(name + n - 2, ".*") != 0)
		return is_name(name);
	stem = xstrndup(name, n - 2);
	ok = is_name(stem);
	free(stem);
	return ok;
}

static int
check_default(const struct stage *s, const struct stage_param *p, struct error *e)
{
	struct arena a = {0};
	struct error bad = {0};
	int ok = !*p->default_value ||
		 param_value(p, p->default_value, "/", &a, &bad) != NULL;

	arena_free(&a);
	return ok ? 0
		  : error_set(e, "plugin '%s': default of parameter '%s': %s", s->id,
			      p->name, bad.text);
}

static int
check_param(const struct stage *s, size_t i, struct error *e)
{
	const struct stage_param *p = &s->params[i];
	const char *reserved = attr_reserved(p->name);

	if (!param_name_ok(p->name))
		return error_set(e,
				 "plugin '%s': '%s' cannot be the name of a parameter",
				 s->id, p->name);
	if (reserved)
		return error_set(e, "plugin '%s': parameter '%s' is named like %s",
				 s->id, p->name, reserved);
	for (size_t k = 0; k < i; k++)
		if (strcmp(s->params[k].name, p->name) == 0)
			return error_set(e, "plugin '%s': two parameters called '%s'",
					 s->id, p->name);
	if (p->type < AF2_STRING || p->type > AF2_PORTS_OUT)
		return error_set(e, "plugin '%s': parameter '%s' has unknown type %d",
				 s->id, p->name, p->type);
	if ((p->flags & AF2_PARAM_SECRET) &&
	    (p->type != AF2_STRING ||
	     (*p->default_value && !secret_is_reference(p->default_value))))
		return error_set(e,
				 "plugin '%s': secret parameter '%s' must be a string, "
				 "its default env:NAME or file:PATH",
				 s->id, p->name);
	if (p->type == AF2_CHOICE && p->choices.count == 0)
		return error_set(e, "plugin '%s': parameter '%s' has no choices", s->id,
				 p->name);
	if (!(p->min <= p->max))
		return error_set(e, "plugin '%s': parameter '%s' has an empty range",
				 s->id, p->name);
	return check_default(s, p, e);
}

static int
check_ports(const struct stage *s, const struct stage_port *ports, size_t count,
	    int outputs, struct error *e)
{
	const char *kind = outputs ? "output" : "input";

	for (size_t i = 0; i < count; i++) {
		const struct stage_port *p = &ports[i];

		if (!is_name(p->name))
			return error_set(
				e, "plugin '%s': '%s' cannot be the name of an %s",
				s->id, p->name, kind);
		for (size_t k = 0; k < i; k++)
			if (strcmp(ports[k].name, p->name) == 0)
				return error_set(e, "plugin '%s': two %ss called '%s'",
						 s->id, kind, p->name);
		if (p->types.count == 0 || (outputs && p->types.count > 1))
			return error_set(e, "plugin '%s': %s '%s' needs %s type", s->id,
					 kind, p->name, outputs ? "one" : "a");
		for (size_t k = 0; k < p->types.count; k++)
			if (!port_type_ok(p->types.v[k]))
				return error_set(
					e, "plugin '%s': %s '%s' has unknown type '%s'",
					s->id, kind, p->name, p->types.v[k]);
		if (p->cardinality < AF2_ONE || p->cardinality > AF2_MANY)
			return error_set(
				e, "plugin '%s': %s '%s' has unknown cardinality %d",
				s->id, kind, p->name, p->cardinality);
	}
	return 0;
}

static int
plugin_id_ok(const char *id)
{
	size_t n = strspn(id, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
			      "0123456789_.-");

	return n > 0 && id[n] == '\0' && n <= 200 && id[0] != '.' && id[0] != '-';
}

int
stage_check(const struct stage *s, struct error *e)
{
	if (!s->id || !plugin_id_ok(s->id))
		return error_set(e, "'%s' cannot be the id of a plugin",
				 s->id ? s->id : "");
	for (size_t i = 0; i < s->param_count; i++)
		if (check_param(s, i, e) < 0)
			return -1;
	if (check_ports(s, s->inputs, s->input_count, 0, e) < 0)
		return -1;
	return check_ports(s, s->outputs, s->output_count, 1, e);
}

/* --- from a loaded plugin --------------------------------------------------------- */

static char *
copy(const char *text, const char *fallback)
{
	return xstrdup(text && *text ? text : fallback);
}

/* Entry i of a table with the plugin's own stride, of which at most `want` bytes are
 * read. */
static void
read_entry(void *to, size_t want, const void *table, size_t stride, size_t i)
{
	memset(to, 0, want);
	memcpy(to, (const char *)table + i * stride, stride < want ? stride : want);
}

static void
copy_param(struct stage_param *to, const af2_param *from)
{
	to->name = copy(from->name, "");
	to->type = (int)from->type;
	to->flags = from->flags;
	to->default_value = copy(from->default_value, "");
	to->min = from->min;
	to->max = from->max;
	words_split(&to->choices, from->choices ? from->choices : "");
	words_split(&to->suffixes, from->suffixes ? from->suffixes : "");
	to->unit = copy(from->unit, "");
	to->doc = copy(from->doc, "");
}

static int
copy_port(struct stage_port *to, const af2_port *from, int output, struct error *e)
{
	const char *types = from->types ? from->types : "";

	to->name = copy(from->name, "");
	to->cardinality = (int)from->cardinality;
	to->flags = from->flags;
	to->min = from->min;
	to->publish = from->publish ? xstrdup(from->publish) : NULL;
	to->doc = copy(from->doc, "");
	return port_types_parse(types, strlen(types), output, &to->types, e);
}

static int
copy_ports(struct stage_port **to, size_t *to_count, const af2_plugin *p,
	   const af2_port *from, size_t count, int output, struct error *e)
{
	*to = xcalloc(count + 1, sizeof **to);
	for (size_t i = 0; i < count; i++) {
		af2_port port;

		read_entry(&port, sizeof port, from, p->port_size, i);
		(*to_count)++;
		if (copy_port(&(*to)[i], &port, output, e) < 0)
			return -1;
	}
	return 0;
}

/* The head of the descriptor: nothing behind it is read before it is known to fit. */
static int
check_head(const af2_plugin *p, const char *path, struct error *e)
{
	if (p->magic != AF2_MAGIC)
		return error_set(e, "'%s' is no af2flow plugin: wrong magic number",
				 path);
	if (p->abi_major != AF2_ABI_MAJOR) {
		error_set(e, "'%s' was built for plugin interface %u, this is %u", path,
			  p->abi_major, AF2_ABI_MAJOR);
		return error_hint(e, "build it again with this version's header");
	}
	if (p->struct_size < offsetof(af2_plugin, get_extension))
		return error_set(e, "'%s': its descriptor is too short", path);
	return 0;
}

/* Bounds against garbage: a table this long is a wild value. */
#define TABLE_MAX 10000u

static int
check_tables(const af2_plugin *p, const char *path, struct error *e)
{
	if (p->param_count > TABLE_MAX || p->input_count > TABLE_MAX ||
	    p->output_count > TABLE_MAX)
		return error_set(e,
				 "'%s': its descriptor is damaged: a table is too long",
				 path);
	if ((p->param_count && !p->params) || (p->input_count && !p->inputs) ||
	    (p->output_count && !p->outputs))
		return error_set(
			e, "'%s': its descriptor is damaged: a table is missing", path);
	if ((p->param_count && p->param_size < offsetof(af2_param, doc)) ||
	    ((p->input_count || p->output_count) &&
	     p->port_size < offsetof(af2_port, doc)))
		return error_set(
			e, "'%s': its descriptor is damaged: entries are too short",
			path);
	if (!p->run)
		return error_set(e, "'%s': its descriptor has no run function", path);
	return 0;
}

static void
copy_head(struct stage *s, const af2_plugin *p, const char *path)
{
	s->id = copy(p->id, "");
	s->name = copy(p->name, s->id);
	s->version = copy(p->version, "0");
	s->license = copy(p->license, "");
	s->summary = copy(p->summary, "");
	s->path = copy(path, "");
	s->result_version = p->result_version;
	s->flags = p->flags;
	s->cpus = copy(p->cpus, "1");
	s->gpus = copy(p->gpus, "0");
	s->memory = copy(p->memory, "");
	s->cpus_cap = p->cpus_cap;
	s->has_setup = p->setup != NULL;
	s->has_fingerprint = p->fingerprint != NULL;
}

struct stage *
stage_from_plugin(const af2_plugin *p, const char *path, struct error *e)
{
	af2_plugin own = {0};
	struct stage *s;

	if (check_head(p, path, e) < 0)
		return NULL;
	memcpy(&own, p, p->struct_size < sizeof own ? p->struct_size : sizeof own);
	if (check_tables(&own, path, e) < 0)
		return NULL;
	s = xcalloc(1, sizeof *s);
	copy_head(s, &own, path);
	s->params = xcalloc(own.param_count + 1, sizeof *s->params);
	for (size_t i = 0; i < own.param_count; i++) {
		af2_param param;

		read_entry(&param, sizeof param, own.params, own.param_size, i);
		copy_param(&s->params[s->param_count++], &param);
	}
	if (copy_ports(&s->inputs, &s->input_count, &own, own.inputs, own.input_count,
		       0, e) < 0 ||
	    copy_ports(&s->outputs, &s->output_count, &own, own.outputs,
		       own.output_count, 1, e) < 0 ||
	    stage_check(s, e) < 0) {
		stage_free(s);
		return NULL;
	}
	return s;
}

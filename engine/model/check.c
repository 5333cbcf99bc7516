/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a workflow demands of this machine, node by node. Texts with branch variables
 * are tried with every value that is known beforehand; each parameter tells its first
 * error only.
 */
#include "model/check.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/str.h"
#include "model/check_files.h"
#include "model/config.h"
#include "model/static_values.h"
#include "model/substitute.h"
#include "model/task_param.h"
#include "model/workflow_parts.h"

struct checker {
	const struct workflow *w;
	const struct check_limits *limits;
	struct static_values *values;
	struct diags *diags;
	int node;
};

static void
say(struct checker *k, const char *attr, const struct combos *c, const struct error *e)
{
	char *where = combos_text(c);

	diags_add(k->diags, SEV_ERROR, k->w->given, k->w->nodes[k->node].line, attr,
		  e->hint, "%s%s", e->text, where);
	free(where);
}

static const struct wf_text *
find_text(const struct wf_text *list, size_t count, const char *name)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(list[i].name, name) == 0)
			return &list[i];
	return NULL;
}

/* --- switches --------------------------------------------------------------------- */

/* The variable that the node's `when` asks for, in `name`. 0 if it has none. */
static int
when_variable(const struct checker *k, char name[128])
{
	const struct wf_node *n = &k->w->nodes[k->node];
	const struct wf_text *t = find_text(n->options, n->option_count, "when");
	const char *value;
	int op;

	return t && t->vary && when_parse(t->value, name, &op, &value, NULL) == 0;
}

/* Is the task of this combination on? Only the switch is asked for. */
static int
is_on(const struct checker *k, const struct combos *c)
{
	struct task_options o;

	if (task_options_resolve(k->w, k->node, 1, combos_lookup, (void *)c, &o, NULL) <
	    0)
		return 1;
	return o.when;
}

/* --- parameters ------------------------------------------------------------------- */

static int
check_required(const struct checker *k, const struct stage_param *def, const char *name,
	       const struct wf_text *t, struct error *e)
{
	error_set(e, "parameter '%s' of '%s' is not set", name,
		  k->w->nodes[k->node].name);
	if (t && t->param >= 0)
		error_hint(e, "give -p %s=%s", k->w->params[t->param].name,
			   def->type == AF2_FILE       ? "FILE"
			   : def->type == AF2_DIR      ? "FOLDER"
			   : def->type == AF2_DATABASE ? "PATH"
						       : "VALUE");
	return -1;
}

/* One parameter with the present combination and attempt. */
static int
try_param(const struct checker *k, int index, const char *name, const struct wf_text *t,
	  int attempt, struct combos *c, struct error *e)
{
	const struct wf_node *n = &k->w->nodes[k->node];
	const struct stage_param *def = &n->stage->params[index];
	struct arena arena = {0};
	const char *value =
		task_param_value(k->w, k->node, attempt, combos_lookup, c, index, name,
				 t ? t->value : NULL, &arena, e);
	int rc = value ? 0 : -1;

	if (value && *value)
		rc = check_value(k->w, n, def, value, e);
	else if (value && (def->flags & AF2_PARAM_REQUIRED))
		rc = check_required(k, def, name, t, e);
	arena_free(&arena);
	return rc;
}

/* A path that begins with a workflow parameter that is unset is the likely mistake. */
static void
hint_unset(const struct checker *k, const struct wf_text *t, struct error *e)
{
	const struct wf_param *p = t && t->param >= 0 ? &k->w->params[t->param] : NULL;

	if (p && !*p->value && !*e->hint)
		error_hint(e, "'%s' is unset: give -p %s=...", p->name, p->name);
}

static void
check_param(struct checker *k, int index, const char *name, const struct wf_text *t)
{
	const struct wf_node *n = &k->w->nodes[k->node];
	unsigned flags = subst_flags(n->stage->params[index].type);
	const struct wf_text *retry = find_text(n->retries, n->retry_count, name);
	char *attr = retry ? xasprintf("retry.%s", name) : NULL, variable[128];
	struct combos c = {0};

	if (t)
		combos_add(&c, k->values, k->node, t->value, flags);
	if (retry)
		combos_add(&c, k->values, k->node, retry->value, flags);
	if (when_variable(k, variable))
		combos_add_name(&c, k->values, k->node, variable);
	while (combos_next(&c)) {
		struct error e = {0};

		if (!is_on(k, &c))
			continue;
		if (try_param(k, index, name, t, 1, &c, &e) < 0) {
			hint_unset(k, t, &e);
			say(k, name, &c, &e);
			break;
		}
		if (retry && try_param(k, index, name, t, 2, &c, &e) < 0) {
			say(k, attr, &c, &e);
			break;
		}
	}
	combos_free(&c);
	free(attr);
}

static void
check_params(struct checker *k)
{
	const struct wf_node *n = &k->w->nodes[k->node];
	size_t t = 0;

	for (size_t i = 0; i < n->stage->param_count; i++) {
		const struct stage_param *def = &n->stage->params[i];

		if (t >= n->param_count || n->params[t].def != (int)i) {
			if (!ends_with(def->name, ".*"))
				check_param(k, (int)i, def->name, NULL);
			continue;
		}
		for (; t < n->param_count && n->params[t].def == (int)i; t++)
			check_param(k, (int)i, n->params[t].name, &n->params[t]);
	}
}

/* --- resources -------------------------------------------------------------------- */

static int
check_limits(const struct checker *k, const struct task_options *o, const char **attr,
	     struct error *e)
{
	const struct wf_node *n = &k->w->nodes[k->node];
	char want[32], have[32];

	*attr = "cpus";
	if (o->cpus > 0 && (unsigned)o->cpus > k->limits->cpus)
		return error_set(e, "'%s' needs %d cores, a slot here has at most %u",
				 n->name, o->cpus, k->limits->cpus);
	*attr = "gpus";
	if (o->gpus > 0 && (unsigned)o->gpus > k->limits->gpus)
		return error_set(e, "'%s' needs %d GPUs, a slot here has at most %u",
				 n->name, o->gpus, k->limits->gpus);
	*attr = "memory";
	if (o->memory > k->limits->memory)
		return error_set(e,
				 "'%s' needs %s of memory, a slot here has at most %s",
				 n->name, format_size(o->memory, want),
				 format_size(k->limits->memory, have));
	return 0;
}

/* Resources that a retry names outright ("2x" ends at the machine by itself). */
static int
check_retry_limits(const struct checker *k, struct combos *c, const char **attr,
		   struct error *e)
{
	static const char *const names[] = {"cpus", "gpus", "memory"};
	const struct wf_node *n = &k->w->nodes[k->node];
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < sizeof names / sizeof *names; i++) {
		const struct wf_text *t = find_text(n->retries, n->retry_count, names[i]);
		struct task_options o, one = {0};

		if (!t || ends_with(t->value, "x") ||
		    task_options_resolve(k->w, k->node, 2, combos_lookup, c, &o, e) < 0)
			continue;
		one.cpus = i == 0 ? o.cpus : 0;
		one.gpus = i == 1 ? o.gpus : 0;
		one.memory = i == 2 ? o.memory : 0;
		rc = check_limits(k, &one, attr, e);
		if (rc < 0)
			*attr = names[i];
	}
	return rc;
}

static void
check_options(struct checker *k)
{
	const struct wf_node *n = &k->w->nodes[k->node];
	struct combos c = {0};
	char variable[128];

	for (size_t i = 0; i < n->option_count; i++)
		if (strcmp(n->options[i].name, "when") != 0)
			combos_add(&c, k->values, k->node, n->options[i].value, 0);
	if (when_variable(k, variable))
		combos_add_name(&c, k->values, k->node, variable);
	while (combos_next(&c)) {
		struct task_options o;
		struct error e = {0};
		const char *attr = NULL;

		if (task_options_resolve(k->w, k->node, 1, combos_lookup, &c, &o, &e) ==
			    0 &&
		    (!o.when || !k->limits ||
		     (check_limits(k, &o, &attr, &e) == 0 &&
		      check_retry_limits(k, &c, &attr, &e) == 0)))
			continue;
		say(k, attr, &c, &e);
		break;
	}
	combos_free(&c);
}

/* The wrapper of the node's programs is a program of this machine. */
static void
check_wrap(const struct checker *k)
{
	const struct wf_node *n = &k->w->nodes[k->node];
	const struct plugin_settings *p =
		k->w->settings ? config_plugin(k->w->settings, n->stage->id) : NULL;
	char *path = plugin_search_path(p), *found;

	if (p && p->wrap.count) {
		found = fs_find_program_in(path, p->wrap.v[0]);
		if (!found)
			diags_add(k->diags, SEV_ERROR, k->w->given, n->line, n->name, NULL,
				  "no program '%s' for 'wrap' of plugin '%s' (%s:%d)",
				  p->wrap.v[0], p->id, p->file, p->line);
		free(found);
	}
	free(path);
}

/* --- the workflow ----------------------------------------------------------------- */

/* Off in every branch, for a reason known now. */
static int
always_off(const struct checker *k)
{
	const struct wf_node *n = &k->w->nodes[k->node];
	const struct wf_text *t = find_text(n->options, n->option_count, "when");
	struct combos none = {0};

	return t && !t->vary && !is_on(k, &none);
}

static void
warn_unused(const struct checker *k)
{
	for (size_t i = 0; i < k->w->param_count; i++) {
		const struct wf_param *p = &k->w->params[i];

		if (p->from_user && !p->used)
			diags_add(k->diags, SEV_WARNING, k->w->given, 0, NULL, NULL,
				  "nothing refers to parameter '%s' (given by -p)",
				  p->name);
	}
}

int
check_workflow(const struct workflow *w, const unsigned char *need,
	       const struct check_limits *limits, struct diags *diags)
{
	struct checker k = {.w = w, .limits = limits, .diags = diags};
	size_t errors = diags->errors;

	k.values = static_values_new(w);
	for (size_t i = 0; i < w->node_count; i++) {
		k.node = (int)i;
		if (!(need ? need[i] : w->nodes[i].selected) || always_off(&k))
			continue;
		check_wrap(&k);
		check_params(&k);
		check_options(&k);
	}
	warn_unused(&k);
	static_values_free(k.values);
	dot_place(w->text, w->text_len, diags);
	return (int)(diags->errors - errors);
}

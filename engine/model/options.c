/* SPDX-License-Identifier: Apache-2.0 */
/* Engine attributes of a node, resolved for a task. */
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/str.h"
#include "model/param_value.h"
#include "model/retry_on.h"
#include "model/substitute.h"
#include "model/workflow_parts.h"

static int
bad_option(const char *name, const char *text, const char *hint, struct error *e)
{
	error_set(e, "'%s' is no value for '%s'", text, name);
	return error_hint(e, "%s", hint);
}

/* --- one setter an option --------------------------------------------------------- */

typedef int set_fn(struct task_options *o, const char *name, const char *text,
		   struct error *e);

static int
parse_count(const char *text, int64_t min, int64_t max, int *out)
{
	int64_t v;

	if (parse_int(text, &v) < 0 || v < min || v > max)
		return -1;
	*out = (int)v;
	return 0;
}

static int
set_cpus(struct task_options *o, const char *name, const char *text, struct error *e)
{
	if (strcmp(text, "auto") == 0)
		o->cpus = CPUS_AUTO;
	else if (strcmp(text, "all") == 0)
		o->cpus = CPUS_ALL;
	else if (parse_count(text, 1, 1000000, &o->cpus) < 0)
		return bad_option(name, text, "write a number from 1, auto or all", e);
	return 0;
}

static int
set_gpus(struct task_options *o, const char *name, const char *text, struct error *e)
{
	int yes;

	if (parse_count(text, 0, 10000, &o->gpus) == 0)
		return 0;
	if (strcmp(text, "auto") == 0)
		o->gpus = GPUS_AUTO;
	else if (parse_bool(text, &yes) == 0)
		o->gpus = yes ? GPUS_AUTO : 0;
	else
		return bad_option(name, text, "write a number from 0, auto (or yes), or no", e);
	return 0;
}

static int
set_memory(struct task_options *o, const char *name, const char *text, struct error *e)
{
	o->has_memory = 1;
	return parse_size(text, &o->memory) == 0
		       ? 0
		       : bad_option(name, text, "write 512M, 16G or 1T", e);
}

static int
set_max_output(struct task_options *o, const char *name, const char *text,
	       struct error *e)
{
	return parse_size(text, &o->max_output) == 0
		       ? 0
		       : bad_option(name, text, "write 512M, 16G or 1T", e);
}

static int
set_retries(struct task_options *o, const char *name, const char *text, struct error *e)
{
	return parse_count(text, 0, 1000, &o->retries) == 0
		       ? 0
		       : bad_option(name, text, "write a number from 0 to 1000", e);
}

static int
set_seconds(double *out, const char *name, const char *text, struct error *e)
{
	return parse_duration(text, out) == 0 && *out >= 0
		       ? 0
		       : bad_option(name, text, "write 90s, 15m, 6h or 2d", e);
}

static int
set_retry_delay(struct task_options *o, const char *name, const char *text,
		struct error *e)
{
	return set_seconds(&o->retry_delay, name, text, e);
}

static int
set_timeout(struct task_options *o, const char *name, const char *text, struct error *e)
{
	return set_seconds(&o->timeout, name, text, e);
}

static int
set_grace(struct task_options *o, const char *name, const char *text, struct error *e)
{
	return set_seconds(&o->grace, name, text, e);
}

static int
set_priority(struct task_options *o, const char *name, const char *text,
	     struct error *e)
{
	return parse_count(text, -1000000, 1000000, &o->priority) == 0
		       ? 0
		       : bad_option(name, text,
				    "write a whole number; larger ones go first", e);
}

/* Only equal or not counts: two texts of one number cost a better choice at most. */
static int
set_affinity(struct task_options *o, const char *name, const char *text,
	     struct error *e)
{
	(void)name;
	(void)e;
	o->affinity = hash_bytes(text, strlen(text)) | 1;
	return 0;
}

static int
set_cache(struct task_options *o, const char *name, const char *text, struct error *e)
{
	return parse_bool(text, &o->cache) == 0
		       ? 0
		       : bad_option(name, text, "write yes or no", e);
}

static int
set_on_failure(struct task_options *o, const char *name, const char *text,
	       struct error *e)
{
	static const char *const words[] = {"fail", "skip", "stop", "abort"};

	for (int i = 0; i < 4; i++)
		if (strcmp(words[i], text) == 0) {
			o->on_failure = i;
			return 0;
		}
	return bad_option(name, text, "write fail, skip, stop or abort", e);
}

static int
set_retry_on(struct task_options *o, const char *name, const char *text,
	     struct error *e)
{
	(void)name;
	return retry_on_parse(text, o, e);
}

static const struct setter {
	const char *name;
	set_fn *set;
} setters[] = {
	{"cpus", set_cpus},
	{"gpus", set_gpus},
	{"memory", set_memory},
	{"retries", set_retries},
	{"retry_delay", set_retry_delay},
	{"retry_on", set_retry_on},
	{"on_failure", set_on_failure},
	{"timeout", set_timeout},
	{"grace", set_grace},
	{"max_output", set_max_output},
	{"priority", set_priority},
	{"affinity", set_affinity},
	{"cache", set_cache},
};

static int
set_option(struct task_options *o, const char *name, const char *text, struct error *e)
{
	for (size_t i = 0; i < sizeof setters / sizeof *setters; i++)
		if (strcmp(setters[i].name, name) == 0)
			return setters[i].set(o, name, text, e);
	return error_set(e, "'%s' is no option", name);
}

/* --- values of later attempts ----------------------------------------------------- */

static double
power(double factor, int n)
{
	double v = 1;

	while (n-- > 0 && v < 1e18)
		v *= factor;
	return v;
}

/* A count or size times a factor, rounded up, at least `min`. */
static double
scaled(double value, double factor, double min, double max)
{
	double v = value * factor;

	if (v > max)
		v = max;
	if (v > (double)(uint64_t)v)
		v = (double)(uint64_t)v + 1;
	return v < min ? min : v;
}

static int
multiply_option(struct task_options *o, const char *name, double f, struct error *e)
{
	if (strcmp(name, "cpus") == 0 && o->cpus > 0)
		o->cpus = (int)scaled(o->cpus, f, 1, 1000000);
	else if (strcmp(name, "gpus") == 0 && o->gpus >= 0)
		o->gpus = (int)scaled(o->gpus, f, 0, 10000);
	else if (strcmp(name, "memory") == 0 && o->memory > 0)
		o->memory = (uint64_t)scaled((double)o->memory, f, 1, 9e18);
	else if (strcmp(name, "max_output") == 0 && o->max_output > 0)
		o->max_output = (uint64_t)scaled((double)o->max_output, f, 1, 9e18);
	else if (strcmp(name, "timeout") == 0 && o->timeout > 0)
		o->timeout *= f;
	else if (strcmp(name, "grace") == 0 && o->grace >= 0)
		o->grace *= f;
	else
		return error_set(e,
				 "'retry.%s': there is no number in '%s' to multiply",
				 name, name);
	return 0;
}

static int
retry_option(struct task_options *o, const char *name, const char *text, int attempt,
	     struct error *e)
{
	double factor;

	if (factor_parse(text, &factor) == 0)
		return multiply_option(o, name, power(factor, attempt - 1), e);
	return set_option(o, name, text, e);
}

/* --- resolving -------------------------------------------------------------------- */

struct asker {
	const struct workflow *w;
	var_lookup *lookup;
	void *arg;
};

static const char *
lookup_either(const struct asker *k, const char *name)
{
	const struct wf_param *p = workflow_param(k->w, name);

	if (p)
		return p->value;
	return k->lookup ? k->lookup(k->arg, name) : NULL;
}

static int
is_false(const char *v)
{
	int yes;

	return !*v || (parse_bool(v, &yes) == 0 && !yes);
}

static int
eval_when(const struct asker *k, const char *text, int *out, struct error *e)
{
	const char *value, *have;
	char name[128];
	int op;

	if (when_parse(text, name, &op, &value, e) < 0)
		return -1;
	have = lookup_either(k, name);
	if (!have)
		return error_set(e, "'when': '${%s}' is not set here", name);
	if (op == 0)
		*out = !is_false(have);
	else
		*out = (strcmp(have, value) == 0) == (op == '=');
	return 0;
}

static void
default_options(struct task_options *o)
{
	memset(o, 0, sizeof *o);
	o->cpus = 1;
	o->grace = -1;
	o->cache = o->when = 1;
	retry_on_default(o);
}

/* Apply one text; `attempt` > 0: a retry value. */
static int
apply(const struct asker *k, struct task_options *o, const struct wf_text *t,
      int attempt, struct error *e)
{
	const char *text = t->value;
	struct str out = {0};
	int rc = 0;

	if (strcmp(t->name, "when") == 0)
		return eval_when(k, text, &o->when, e);
	if (strchr(text, '$')) {
		if (subst(&out, text, SUBST_LAST, k->lookup, k->arg, e) < 0)
			rc = -1;
		text = out.s ? out.s : "";
	}
	if (rc == 0 && *text)
		rc = attempt ? retry_option(o, t->name, text, attempt, e)
			     : set_option(o, t->name, text, e);
	str_free(&out);
	return rc;
}

int
task_options_resolve(const struct workflow *w, int node, int attempt,
		     var_lookup *lookup, void *arg, struct task_options *out,
		     struct error *e)
{
	const struct wf_node *n = &w->nodes[node];
	struct asker k = {.w = w, .lookup = lookup, .arg = arg};

	default_options(out);
	out->cpus_cap = n->stage->cpus_cap;
	if (set_cpus(out, "cpus", n->stage->cpus, e) < 0 ||
	    set_gpus(out, "gpus", n->stage->gpus, e) < 0 ||
	    (*n->stage->memory && set_memory(out, "memory", n->stage->memory, e) < 0))
		return -1;
	out->has_memory = 0;
	for (size_t i = 0; i < n->option_count; i++)
		if (apply(&k, out, &n->options[i], 0, e) < 0)
			return -1;
	out->has_retry_values = n->retry_count > 0;
	for (size_t i = 0; i < n->retry_count && attempt > 1; i++)
		if (n->retries[i].def < 0 &&
		    apply(&k, out, &n->retries[i], attempt, e) < 0)
			return -1;
	return 0;
}

int
node_options_vary(const struct workflow *w, int node)
{
	const struct wf_node *n = &w->nodes[node];

	for (size_t i = 0; i < n->option_count; i++)
		if (n->options[i].vary)
			return 1;
	for (size_t i = 0; i < n->retry_count; i++)
		if (n->retries[i].def < 0 && n->retries[i].vary)
			return 1;
	return 0;
}

/* Try every text that does not vary, each by itself, so that each error is told. */
void
load_options(struct loader *l)
{
	for (size_t i = 0; i < l->w->node_count; i++) {
		const struct wf_node *n = &l->w->nodes[i];
		struct asker k = {.w = l->w};
		struct task_options o;
		size_t errors = l->diags->errors;

		default_options(&o);
		if (!n->stage)
			continue;
		for (size_t t = 0; t < n->option_count; t++) {
			struct error e = {0};

			if (!n->options[t].vary &&
			    apply(&k, &o, &n->options[t], 0, &e) < 0)
				load_error(l, n->line, n->options[t].name, e.hint, "%s",
					   e.text);
		}
		if (l->diags->errors > errors || node_options_vary(l->w, (int)i))
			continue;
		for (size_t t = 0; t < n->retry_count; t++) {
			struct error e = {0};
			char *attr;

			if (n->retries[t].def >= 0)
				continue;
			task_options_resolve(l->w, (int)i, 1, NULL, NULL, &o, &e);
			if (error_is_set(&e) ||
			    apply(&k, &o, &n->retries[t], 2, &e) == 0)
				continue;
			attr = xasprintf("retry.%s", n->retries[t].name);
			load_error(l, n->line, attr, e.hint, "%s", e.text);
			free(attr);
		}
	}
}

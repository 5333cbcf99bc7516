/* SPDX-License-Identifier: Apache-2.0
 * run_key: from a task to its key: parameters that change the result, contents of the files they
 * name, fingerprints (run_prints.c), inputs by port, and the variables of the node's own range or list.
 */
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "run/run_private.h"

/* Before anything runs, a file is looked at once, however many tasks name it. */
static int
file_digest(struct run *r, const char *path, struct digest *out, struct error *e)
{
	uint64_t *at = r->executing ? NULL : map_gets(&r->files, path);

	if (at) {
		*out = r->file_digests[*at];
		return 0;
	}
	if (store_file_digest(r->store, path, out, e))
		return -1;
	if (!r->executing) {
		GROW(r->file_digests, r->file_count, r->file_cap);
		*map_puts(&r->files, path, NULL) = r->file_count;
		r->file_digests[r->file_count++] = *out;
	}
	return 0;
}

static int
key_of_files(struct run *r, const char *name, const char *list, struct error *e)
{
	struct words files = {0};
	struct digest d;
	int rc = 0;

	if (words_split_posix(&files, list))
		rc = error_set(e, "parameter '%s': unfinished quote in '%s'", name, list);
	for (size_t i = 0; i < files.count && rc == 0; i++) {
		rc = file_digest(r, files.v[i], &d, e);
		if (rc == 0) {
			key_param(r->key, "file", path_base(files.v[i]));
			key_param_digest(r->key, name, &d);
			key_parts_file(r->parts, name, path_base(files.v[i]), files.v[i], &d);
		}
	}
	words_free(&files);
	return rc;
}

static int
key_of_param(struct run *r, const struct task_param *p, struct error *e)
{
	struct digest d;

	/* Even the digest of a secret could let a short one be guessed. */
	if (!*p->value || (p->def->flags & (AF2_PARAM_NO_RESULT | AF2_PARAM_SECRET)))
		return 0;
	switch (p->def->type) {
	case AF2_DIR:
	case AF2_PROGRAM:
		return 0; /* a path says nothing of the result; versions come by fingerprint */
	case AF2_FILE:
		if (file_digest(r, p->value, &d, e))
			return -1;
		break;
	case AF2_DATABASE:
		if (store_database_digest(r->store, p->value, &p->def->suffixes, &d, e))
			return -1;
		break;
	case AF2_FILES:
		return key_of_files(r, p->name, p->value, e);
	default:
		key_param(r->key, p->name, p->value);
		key_parts_param(r->parts, p->name, p->value);
		return 0;
	}
	key_param_digest(r->key, p->name, &d);
	key_parts_file(r->parts, p->name, NULL, p->value, &d);
	return 0;
}

/* Write down who made an item: "node[branch]", of a list "node[branch]/element". */
static void
note_item(struct run *r, const char *port, const struct item *it, const struct digest *values)
{
	struct str label = {0};

	graph_label(r->g, it->task, &label);
	if (*it->output->element)
		str_printf(&label, "/%s", it->output->element);
	key_parts_item(r->parts, port, label.s, &it->output->digest, values);
	str_free(&label);
}

/* What a port adds to the key is written down when its items are in. */
static void
note_port(struct run *r, const char *port, const struct items *items)
{
	struct digest all, values;

	if (!r->parts)
		return;
	key_port_end(r->key, &all);
	key_parts_port(r->parts, port, &all, items->count);
	for (size_t i = 0; key_parts_wants_item(r->parts, i) && i < items->count; i++) {
		result_values_digest(r->tasks[items->v[i].task].result, &values);
		note_item(r, port, &items->v[i], &values);
	}
}

static void
key_of_inputs(struct run *r, uint32_t task)
{
	const struct wf_node *n = &r->w->nodes[r->g->tasks[task].node];
	struct items items = {0};
	struct arena arena = {0};

	for (size_t p = 0; p < n->input_count; p++) {
		const struct stage_port *port = &n->inputs[p];
		if (port->flags & AF2_PORT_HINT)
			continue;
		items.count = 0;
		run_items(r, task, (int)p, &items);
		if (items.count == 0 && port->cardinality != AF2_MANY)
			continue;
		key_port(r->key, port->name, port->cardinality == AF2_MANY,
		         (port->flags & AF2_PORT_SET) != 0);
		for (size_t i = 0; i < items.count; i++) {
			const struct result *res = r->tasks[items.v[i].task].result;
			const char *const *names, *const *values;
			struct digest vd;
			size_t count;
			run_branch(r, items.v[i].task, &arena, &count, &names, &values);
			if (port->cardinality != AF2_MANY)
				count = 0;
			result_values_digest(res, &vd);
			key_item(r->key, &items.v[i].output->digest, res->values ? &vd : NULL,
			         count, names, values);
		}
		note_port(r, port->name, &items);
	}
	arena_free(&arena);
	free(items.v);
}

static void
key_of_variables(struct run *r, uint32_t task)
{
	const struct wf_node *n = &r->w->nodes[r->g->tasks[task].node];

	for (size_t i = 0; i < n->var_count; i++)
		if (n->vars[i].kind == VAR_RANGE || n->vars[i].kind == VAR_LIST) {
			const char *value = graph_value(r->g, task, n->vars[i].name);
			key_variable(r->key, n->vars[i].name, value);
			key_parts_variable(r->parts, n->vars[i].name, value);
		}
}

static int
key_with(struct run *r, struct active *a, const struct task_params *params, int may_ask,
         struct digest *key, struct error *e)
{
	const struct wf_node *n = &r->w->nodes[r->g->tasks[a->task].node];
	const char *print = "", *own;
	char *both = NULL;
	int known = 1;

	if (n->stage->has_fingerprint) {
		known = run_fingerprint(r, a, n->stage, params, may_ask, &print, e);
		if (known < 0 || (known == 0 && !r->parts))
			return known;
	}
	if (run_settings_print(r, n->stage, &own, e))
		return -1;
	if (*own)
		print = both = xasprintf("%s%s", print, own);
	key_begin(r->key, n->stage->id, n->stage->result_version);
	for (size_t i = 0; i < params->count; i++)
		if (key_of_param(r, &params->items[i], e)) {
			free(both);
			return -1;
		}
	key_fingerprint(r->key, print);
	key_parts_fingerprint(r->parts, known ? print : NULL);
	free(both);
	key_of_inputs(r, a->task);
	key_of_variables(r, a->task);
	if (!a->options->cache || n->output_count == 0) {
		char *branch = run_branch_text(r, a->task);
		key_private(r->key, r->dir.id ? r->dir.id : "", n->name, branch);
		key_parts_private(r->parts, r->dir.id ? r->dir.id : "");
		free(branch);
	}
	key_end(r->key, key);
	return known;
}

int
run_key(struct run *r, struct active *a, int attempt, int may_ask, struct digest *key,
        struct error *e)
{
	const struct task_params *params = run_params(r, a->task, attempt, e);

	return params ? key_with(r, a, params, may_ask, key, e) : -1;
}

int
run_key_parts(struct run *r, struct active *a, int attempt, struct digest *key, js **parts,
              struct error *e)
{
	const struct stage *s = r->w->nodes[r->g->tasks[a->task].node].stage;

	r->parts = key_parts_new(s->id, s->result_version);
	int rc = run_key(r, a, attempt, 0, key, e);
	*parts = r->parts;
	r->parts = NULL;
	return rc;
}

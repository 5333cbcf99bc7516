/* SPDX-License-Identifier: Apache-2.0
 * run_timings: AlphaFold2's timings.json, in each target's folder where a stage speaks of
 * timings (measures named "timings.NAME"), with the seconds of tasks that have no branch but
 * the target's under their node's name. Seconds are of when a result was made, by whomever.
 *
 * r->timings holds seconds as the bits of a double, by "FOLDER\nNAME"; a folder in which a
 * stage speaks of timings has an entry with an empty name, too.
 */
#include <stdlib.h>
#include <string.h>

#include "run/run_private.h"

static void
note_seconds(struct run *r, const char *folder, const char *name, double seconds)
{
	char *key = xasprintf("%s\n%s", folder, name);
	uint64_t bits;

	memcpy(&bits, &seconds, sizeof bits);
	*map_puts(&r->timings, key, NULL) = bits;
	free(key);
}

/* Has the node no variables but globs? */
static int
is_whole(const struct run *r, const struct wf_node *node)
{
	for (size_t i = 0; i < node->all_var_count; i++)
		if (run_var_kind(r, intern_text(&r->w->var_names, node->all_vars[i]))
		    != VAR_GLOB)
			return 0;
	return 1;
}

static int
has_timings(js *measures)
{
	void *it = NULL;
	const char *name;

	while (measures && js_next(measures, &it, &name))
		if (starts_with(name, "timings."))
			return 1;
	return 0;
}

void
run_timings(struct run *r, uint32_t task, const struct result *res)
{
	const struct wf_node *node = &r->w->nodes[r->g->tasks[task].node];
	/* Parsed only where it is wanted: this is called for each of many tasks. */
	js *v, *measures = result_measures(res);
	js *made = is_whole(r, node) ? result_made(res) : NULL;
	int speaks = has_timings(measures);
	const char *name, *const *names, *const *values;
	struct arena arena = {0};
	struct str path = {0};
	void *it = NULL;
	size_t count;

	if (!speaks && !made)
		return;
	run_branch(r, task, &arena, &count, &names, &values);
	run_glob_folder(r, count, names, values, &path);
	const char *folder = path.s ? path.s : "";
	while (speaks && (v = js_next(measures, &it, &name)))
		if (starts_with(name, "timings."))
			note_seconds(r, folder, name + strlen("timings."), js_as_real(v, 0));
	if (speaks)
		note_seconds(r, folder, "", 0);
	if (made)
		note_seconds(r, folder, node->name, js_get_real(made, "seconds", 0));
	str_free(&path);
	arena_free(&arena);
}

/* The entries of one folder, in the order in which they came. */
static int
write_timings_of(struct run *r, const char *folder, size_t len, struct error *e)
{
	char *path = len ? xasprintf("%.*s/timings.json", (int)len, folder)
	                 : xstrdup("timings.json");
	js *all = js_object();
	double seconds;

	for (size_t i = 0; i < r->timings.count; i++) {
		const struct map_entry *x = &r->timings.entries[i];
		if (!x->key || strncmp(x->key, folder, len + 1) || !x->key[len + 1])
			continue;
		memcpy(&seconds, &x->value, sizeof seconds);
		js_set_real(all, x->key + len + 1, seconds);
	}
	char *text = js_pretty(all);
	int rc = rundir_result_text(&r->dir, path, text, e);
	free(text);
	js_free(all);
	free(path);
	return rc;
}

int
run_write_timings(struct run *r, struct error *e)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && r->write && i < r->timings.count; i++) {
		const char *key = r->timings.entries[i].key;
		size_t len = key ? strcspn(key, "\n") : 0;
		if (key && !key[len + 1])
			rc = write_timings_of(r, key, len, e);
	}
	return rc;
}

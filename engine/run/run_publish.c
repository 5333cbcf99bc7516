/* SPDX-License-Identifier: Apache-2.0
 * run_publish: links beside the task, and files below results/.
 *
 * Below results/ a file goes to GLOBS/TEMPLATE: one folder for each glob variable of the task
 * (its stem: AlphaFold2's <target>/), then the port's `publish` template (plugin.h), or
 * NODE/BRANCH/FILE for a port without one that no other node reads.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/log.h"
#include "run/run_private.h"

int
run_var_kind(const struct run *r, const char *name)
{
	const struct workflow *w = r->w;

	for (size_t i = 0; i < w->node_count; i++)
		for (size_t k = 0; k < w->nodes[i].var_count; k++)
			if (!strcmp(w->nodes[i].vars[k].name, name))
				return w->nodes[i].vars[k].kind;
	return VAR_LIST;
}

/* Append a component made safe, with a '/' in front unless first. */
static void
add_component(struct str *path, const char *text)
{
	char *safe = path_component_from(text);

	if (path->len)
		str_addc(path, '/');
	str_add(path, safe);
	free(safe);
}

void
run_glob_folder(const struct run *r, size_t count, const char *const *names,
                const char *const *values, struct str *path)
{
	for (size_t i = 0; i < count; i++)
		if (run_var_kind(r, names[i]) == VAR_GLOB)
			add_component(path, values[i]);
}

struct naming {
	const struct wf_node *node;
	size_t count;
	const char *const *names, *const *values;
	const char *file;
};

/* The text of one {NAME} of a template. */
static void
add_field(const struct run *r, struct str *b, const struct naming *n, const char *name)
{
	int first = 1;

	if (!strcmp(name, "file"))
		str_add(b, n->file);
	else if (!strcmp(name, "node"))
		str_add(b, n->node->name);
	else if (!strcmp(name, "branch")) {
		for (size_t i = 0; i < n->count; i++)
			if (run_var_kind(r, n->names[i]) == VAR_IN && strcmp(n->values[i], "_")) {
				str_printf(b, "%s%s", first ? "" : "_", n->values[i]);
				first = 0;
			}
	} else {
		for (size_t i = 0; i < n->count; i++)
			if (!strcmp(n->names[i], name))
				str_add(b, n->values[i]);
	}
}

/* Expand one component of a template into `out`. */
static void
expand_component(const struct run *r, const struct naming *n, const char *text, size_t len,
                 struct str *out)
{
	char name[64];

	for (size_t i = 0; i < len; i++) {
		const char *end = text[i] == '{' ? memchr(text + i, '}', len - i) : NULL;
		size_t k = end ? (size_t)(end - text) - i - 1 : 0;
		if (!end || k >= sizeof name) {
			str_addc(out, text[i]);
			continue;
		}
		memcpy(name, text + i + 1, k);
		name[k] = '\0';
		add_field(r, out, n, name);
		i += k + 1;
	}
}

static void
expand_template(const struct run *r, const struct naming *n, const char *template,
                struct str *path)
{
	struct str c = {0};

	while (*template) {
		size_t len = strcspn(template, "/");
		str_reset(&c);
		expand_component(r, n, template, len, &c);
		if (c.len && strcmp(c.s, "."))
			add_component(path, c.s);
		template += len + (template[len] == '/');
	}
	str_free(&c);
}

/* Does a selected node read this output port? */
static int
is_read(const struct run *r, int node, int port)
{
	for (size_t k = 0; k < r->w->edge_count; k++) {
		const struct wf_edge *e = &r->w->edges[k];
		if (e->from == node && e->from_port == port && !e->order
		    && r->w->nodes[e->to].selected)
			return 1;
	}
	return 0;
}

/* A file whose name cannot stand below results/ (.published, control characters, no UTF-8) is
 * left out, with a word: its name is no reason to stop a run. 1 if it may. */
static int
name_is_usable(struct run *r, const struct naming *n, const char *relative)
{
	if (result_file_ok(relative) && strcmp(relative, ".published")
	    && strncmp(relative, ".published/", 11))
		return 1;
	run_tell(r, NEWS_NOTE, "%s: an output is not published: '%s' cannot be its name",
	         n->node->name, relative);
	return 0;
}

/* Merge a folder's entries into a folder of results/ ("": results/ itself). */
static int
publish_entries(struct run *r, const struct naming *n, const char *from,
                const char *relative, const struct result_output *o, struct error *e)
{
	DIR *d = opendir(from);
	int rc = d ? 0 : error_set(e, "cannot read '%s':", from);

	for (struct dirent *x; rc == 0 && d && (x = readdir(d));) {
		struct stat st;
		if (!strcmp(x->d_name, ".") || !strcmp(x->d_name, ".."))
			continue;
		char *entry = path_join(from, x->d_name), *to = path_join(relative, x->d_name);
		if (!name_is_usable(r, n, to)) {
			free(entry);
			free(to);
			continue;
		}
		rc = lstat(entry, &st) ? error_set(e, "cannot read '%s':", entry)
		                       : rundir_publish(&r->dir, entry, to, S_ISDIR(st.st_mode),
		                                        &o->digest, e);
		free(entry);
		free(to);
	}
	if (d)
		closedir(d);
	return rc;
}

static int
publish_output(struct run *r, const struct naming *n, int port, const struct result *res,
               const struct result_output *o, struct error *e)
{
	const char *template = n->node->outputs[port].publish;
	struct str path = {0};

	run_glob_folder(r, n->count, n->names, n->values, &path);
	if (template) {
		expand_template(r, n, template, &path);
	} else {
		struct str branch = {0};
		for (size_t i = 0; i < n->count; i++)
			if (run_var_kind(r, n->names[i]) != VAR_GLOB) {
				str_add(&branch, branch.len ? "," : "");
				str_add(&branch, n->names[i]);
				str_add(&branch, "=");
				str_add(&branch, n->values[i]);
			}
		add_component(&path, n->node->name);
		if (branch.len)
			add_component(&path, branch.s);
		add_component(&path, o->file);
		str_free(&branch);
	}
	char *from = path_join(res->dir, o->file);
	const char *to = path.s ? path.s : "";
	int rc = 0;
	if (o->is_dir && template && ends_with(template, "."))
		rc = publish_entries(r, n, from, to, o, e);
	else if (name_is_usable(r, n, to))
		rc = rundir_publish(&r->dir, from, to, o->is_dir, &o->digest, e);
	free(from);
	str_free(&path);
	return rc;
}

/* The task's `out`: for people, and nothing that a run could fail for. */
static int
make_link(struct run *r, uint32_t task, const struct result *res, struct error *e)
{
	char *branch = run_branch_text(r, task);
	int rc = rundir_link(&r->dir, r->w->nodes[r->g->tasks[task].node].name, branch,
	                     res->dir, e);

	free(branch);
	if (rc == 0 || error_passes(e))
		return rc;
	if (!r->link_told)
		log_warning("%s", e->text);
	r->link_told = 1;
	error_clear(e);
	return 0;
}

void
run_publish(struct run *r, uint32_t task, const struct result *res, int cached)
{
	uint32_t node = r->g->tasks[task].node;
	struct naming n = {.node = &r->w->nodes[node]};
	struct arena arena = {0};
	struct error e = {0};
	int rc = 0;

	if (!r->write || !res->dir)
		return;
	if (!cached || r->first_time || r->executing)
		rc = make_link(r, task, res, &e);
	run_branch(r, task, &arena, &n.count, &n.names, &n.values);
	for (size_t i = 0; rc == 0 && i < res->output_count; i++) {
		n.file = res->outputs[i].file;
		for (size_t p = 0; rc == 0 && p < n.node->output_count; p++)
			if (!strcmp(n.node->outputs[p].name, res->outputs[i].port)
			    && (n.node->outputs[p].publish || !is_read(r, (int)node, (int)p)))
				rc = publish_output(r, &n, (int)p, res, &res->outputs[i],
				                    &e);
	}
	if (rc && run_trouble(r, &e))
		run_pause_publish(r, task);
	arena_free(&arena);
}

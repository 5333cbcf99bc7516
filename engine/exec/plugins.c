/* SPDX-License-Identifier: Apache-2.0 */
/* The registry: which files are plugins, in order of precedence, and what was found in them.
 * Files are listed when it is opened and scanned when somebody asks. */
#include "exec/plugins.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "exec/plugins_private.h"

/* What is known of one file besides its entry. */
struct plugin_file {
	char *path, *problem;
	char *stem; /* the name without ".so": the id it should have */
	struct stage *stage;
	int known; /* looked up or scanned */
};

struct registry {
	char *host;
	struct plugin_file *files; /* by folder, then name */
	size_t count, cap;
	struct registry_entry *entries; /* made by registry_all */
	struct plugin_cache cache;
	int cache_open;
};

/* --- listing ------------------------------------------------------------------------------- */

static void
add_file(struct registry *r, const char *dir, const char *name)
{
	struct plugin_file *f;
	struct stat st;
	const char *why;

	GROW(r->files, r->count, r->cap);
	f = &r->files[r->count++];
	memset(f, 0, sizeof *f);
	f->path = path_join(dir, name);
	f->stem = xstrndup(name, strlen(name) - 3);
	if (stat(f->path, &st) < 0)
		f->problem = xasprintf("cannot read: %s", strerror(errno));
	else if (!S_ISREG(st.st_mode))
		f->problem = xstrdup("not a regular file");
	else if ((why = fs_untrusted(&st)))
		f->problem = xasprintf("not loaded: %s (chmod go-w, if it is yours)", why);
	f->known = f->problem != NULL;
}

static int
is_plugin(const struct dirent *d)
{
	return d->d_name[0] != '.' && strlen(d->d_name) > 3 && ends_with(d->d_name, ".so");
}

/* Is this folder, under any name, one of the first `count`? */
static int
seen_before(const struct words *dirs, size_t count, const struct stat *st)
{
	struct stat other;

	for (size_t i = 0; i < count; i++)
		if (stat(dirs->v[i], &other) == 0 && other.st_dev == st->st_dev &&
		    other.st_ino == st->st_ino)
			return 1;
	return 0;
}

static int
refuse_folder(struct diags *diags, const char *dir, int explicit, const char *why,
              const char *hint)
{
	return diags_add(diags, explicit ? SEV_ERROR : SEV_WARNING, "", 0, NULL, hint,
	                 "cannot use plugin folder '%s': %s", dir, why);
}

static void
add_folder(struct registry *r, const struct words *dirs, size_t i, int explicit,
           struct diags *diags)
{
	char *dir = path_absolute(NULL, dirs->v[i]);
	struct dirent **names = NULL;
	const char *why;
	struct stat st;
	int n = -1;

	if (stat(dir, &st) < 0) {
		if (explicit || errno != ENOENT)
			refuse_folder(diags, dir, explicit, strerror(errno), NULL);
	} else if (seen_before(dirs, i, &st)) {
		/* the first mention decides its place */
	} else if ((why = fs_untrusted(&st))) {
		refuse_folder(diags, dir, explicit, why,
		              "chmod go-w, if what it holds is yours");
	} else if ((n = scandir(dir, &names, is_plugin, alphasort)) < 0) {
		refuse_folder(diags, dir, explicit, strerror(errno), NULL);
	}
	for (int k = 0; k < n; k++) {
		add_file(r, dir, names[k]->d_name);
		free(names[k]);
	}
	free(names);
	free(dir);
}

/* Whatever is wrong with a workflow then comes of this. (A folder that is refused has had
 * its line.) */
static void
tell_none(const struct words *dirs, struct diags *diags)
{
	struct str where = {0};

	for (size_t i = 0; i < dirs->count; i++)
		str_printf(&where, "%s'%s'", i ? ", " : " in ", dirs->v[i]);
	diags_add(diags, SEV_WARNING, "", 0, NULL,
	          "AF2FLOW_PLUGIN_PATH or --plugin-dir says where they are",
	          "no plugins found%s", where.s ? where.s : "");
	str_free(&where);
}

struct registry *
registry_open(const struct words *dirs, size_t explicit_count, const char *host_program,
              struct diags *diags)
{
	struct registry *r = xcalloc(1, sizeof *r);

	r->host = xstrdup(host_program);
	for (size_t i = 0; i < dirs->count; i++)
		if (*dirs->v[i])
			add_folder(r, dirs, i, i < explicit_count, diags);
	if (!r->count && !diags->count)
		tell_none(dirs, diags);
	return r;
}

void
registry_free(struct registry *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->count; i++) {
		free(r->files[i].path);
		free(r->files[i].stem);
		free(r->files[i].problem);
		stage_free(r->files[i].stage);
	}
	if (r->cache_open)
		plugin_cache_free(&r->cache);
	free(r->files);
	free(r->entries);
	free(r->host);
	free(r);
}

/* --- looking into files -------------------------------------------------------------------- */

/* The descriptor's path is where the file was found now, whatever the scan called it. */
static void
set_stage(struct plugin_file *f, struct stage *s)
{
	f->stage = s;
	f->known = 1;
	free(s->path);
	s->path = xstrdup(f->path);
}

/* Take what the cache knows about a file. */
static void
look_up(struct registry *r, struct plugin_file *f)
{
	struct stage *s = NULL;
	struct stamp stamp;

	if (!r->cache_open) {
		plugin_cache_open(&r->cache, r->host);
		r->cache_open = 1;
	}
	if (fs_stamp(f->path, &stamp) == 0)
		s = plugin_cache_get(&r->cache, f->path, &stamp);
	if (s)
		set_stage(f, s);
}

static void
take_result(struct registry *r, struct plugin_file *f, struct scan_job *job,
            const struct stamp *before)
{
	struct stamp after;

	f->known = 1;
	f->problem = job->problem;
	if (!job->stage)
		return;
	set_stage(f, job->stage);
	/* A file that was replaced meanwhile is not what was looked at. */
	if (fs_stamp(f->path, &after) == 0 && stamp_equal(before, &after))
		plugin_cache_put(&r->cache, f->path, before, f->stage);
}

/* Learn all about `count` files: from the cache, else by scanning them side by side. */
static void
learn(struct registry *r, struct plugin_file *files, size_t count)
{
	struct plugin_file **todo = xcalloc(count + 1, sizeof *todo);
	struct scan_job *jobs = xcalloc(count + 1, sizeof *jobs);
	struct stamp *stamps = xcalloc(count + 1, sizeof *stamps);
	size_t n = 0;

	for (size_t i = 0; i < count; i++) {
		if (!files[i].known)
			look_up(r, &files[i]);
		if (files[i].known)
			continue;
		fs_stamp(files[i].path, &stamps[n]);
		jobs[n].path = files[i].path;
		todo[n++] = &files[i];
	}
	if (n) {
		plugins_scan(r->host, jobs, n, SCAN_PATIENCE);
		for (size_t i = 0; i < n; i++)
			take_result(r, todo[i], &jobs[i], &stamps[i]);
		plugin_cache_save(&r->cache);
	}
	free(stamps);
	free(jobs);
	free(todo);
}

/* --- questions ----------------------------------------------------------------------------- */

/* The file that decides about an id: the first of that name unless it turns out to be another
 * plugin, else the first of any name that has it. NULL if there is none. */
static struct plugin_file *
find_file(struct registry *r, const char *id)
{
	for (size_t i = 0; i < r->count; i++) {
		struct plugin_file *f = &r->files[i];

		if (strcmp(f->stem, id) != 0)
			continue;
		learn(r, f, 1);
		if (!f->stage || strcmp(f->stage->id, id) == 0)
			return f;
	}
	learn(r, r->files, r->count);
	for (size_t i = 0; i < r->count; i++)
		if (r->files[i].stage && strcmp(r->files[i].stage->id, id) == 0)
			return &r->files[i];
	return NULL;
}

const struct stage *
registry_find(struct registry *r, const char *id)
{
	const struct plugin_file *f = find_file(r, id);

	return f ? f->stage : NULL;
}

const char *
registry_problem(struct registry *r, const char *id)
{
	const struct plugin_file *f = find_file(r, id);

	return f && !f->stage ? f->problem : NULL;
}

static int
is_shadowed(const struct registry *r, size_t i)
{
	const struct stage *mine = r->files[i].stage;

	for (size_t k = 0; mine && k < i; k++)
		if (r->files[k].stage && strcmp(r->files[k].stage->id, mine->id) == 0)
			return 1;
	return 0;
}

size_t
registry_all(struct registry *r, const struct registry_entry **entries)
{
	learn(r, r->files, r->count);
	if (!r->entries) {
		r->entries = xcalloc(r->count + 1, sizeof *r->entries);
		for (size_t i = 0; i < r->count; i++)
			r->entries[i] = (struct registry_entry){
				.path = r->files[i].path,
				.stage = r->files[i].stage,
				.problem = r->files[i].problem ? r->files[i].problem : "",
				.shadowed = is_shadowed(r, i),
			};
	}
	*entries = r->entries;
	return r->count;
}

static const struct stage *
source_find(void *arg, const char *id, const char **nearest)
{
	struct registry *r = arg;
	const struct stage *s = registry_find(r, id);
	const char **ids;
	size_t n = 0;

	if (nearest)
		*nearest = NULL;
	if (s || !nearest)
		return s;
	ids = xcalloc(r->count + 1, sizeof *ids);
	for (size_t i = 0; i < r->count; i++)
		if (r->files[i].stage)
			ids[n++] = r->files[i].stage->id;
	*nearest = nearest_word(id, ids);
	free(ids);
	return NULL;
}

static const char *
source_problem(void *arg, const char *id)
{
	return registry_problem(arg, id);
}

struct stage_source
registry_source(struct registry *r)
{
	return (struct stage_source){ source_find, r, source_problem };
}

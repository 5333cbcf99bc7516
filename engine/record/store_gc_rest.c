/* SPDX-License-Identifier: Apache-2.0 */
/* store gc: what is no result: tmp and notes of dead engines, quarantined results, files
 * that were never renamed to their place, notes of runs that are gone, and what the
 * caches hold twice. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "record/store_gc_private.h"

/* Count it, and remove it unless this is a dry run. */
static void
drop(struct gc *g, const char *path, struct gc_count *count)
{
	struct disk_use use = {0};

	walk_disk(path, NULL, &use);
	if (g->o->remove && fs_remove_tree(path, NULL) < 0)
		return;
	count->count++;
	count->bytes += use.bytes - use.shared;
	g->out->size -= use.bytes < g->out->size ? use.bytes : g->out->size;
}

static int
is_a_day_old(const struct gc *g, const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 &&
	       (int64_t)st.st_mtim.tv_sec <= g->now - GC_YOUNG;
}

static int
gc_tmp(struct gc *g, struct error *e)
{
	struct words names = {0};
	struct engine_id id;
	int rc = walk_names(g->s, "tmp", &names, e);

	for (size_t i = 0; i < names.count; i++) {
		char *path = xasprintf("%s/tmp/%s", g->s->path, names.v[i]);

		if (strcmp(names.v[i], g->s->self.name) == 0)
			;
		else if (starts_with(names.v[i], "damaged-") && is_a_day_old(g, path))
			drop(g, path, &g->out->damaged);
		else if (engine_parse(names.v[i], &id) == 0 &&
			 gc_engine_dead(g, names.v[i]))
			drop(g, path, &g->out->tmp);
		free(path);
	}
	words_free(&names);
	return rc;
}

/* After tmp: without its note an engine's tmp would say nothing of its death. */
static int
gc_engines(struct gc *g, struct error *e)
{
	struct words names = {0};
	struct engine_id id;
	int rc = walk_names(g->s, "engines", &names, e);

	for (size_t i = 0; i < names.count; i++) {
		char *path = xasprintf("%s/engines/%s", g->s->path, names.v[i]);

		if (strcmp(names.v[i], g->s->self.name) != 0 &&
		    engine_parse(names.v[i], &id) == 0 &&
		    gc_engine_dead(g, names.v[i]) &&
		    (!g->o->remove || unlink(path) == 0))
			g->out->engines++;
		free(path);
	}
	words_free(&names);
	return rc;
}

/* ".tmp-..." of fs_write_file, left by a crash. */
static int
gc_temporaries(struct gc *g, const char *part, struct error *e)
{
	struct words names = {0};
	int rc = walk_names(g->s, part, &names, e);

	for (size_t i = 0; i < names.count; i++) {
		char *path = xasprintf("%s/%s/%s", g->s->path, part, names.v[i]);

		if (starts_with(names.v[i], ".tmp-") && is_a_day_old(g, path))
			drop(g, path, &g->out->tmp);
		free(path);
	}
	words_free(&names);
	return rc;
}

/* --- runs ------------------------------------------------------------------------- */

/* Does a folder with a run's id stand there? */
static int
has_run(const char *path)
{
	char *id = path_join(path, "id");
	int there = access(id, F_OK) == 0;

	free(id);
	return there;
}

/* The note of a run that is gone. A run that is made there just now may have looked at
 * the note before we removed it, and found it good: it is written back. */
static void
drop_note(struct gc *g, const struct store_run *r)
{
	char *path = xasprintf("%s/runs/%s", g->s->path, r->note);
	int before = has_run(r->path);
	size_t len = 0;
	char *text = fs_read_file(path, 0, &len, NULL);

	if (!g->o->remove || unlink(path) == 0) {
		g->out->notes++;
		if (g->o->remove && text && !before && has_run(r->path))
			(void)fs_write_file(path, text, len, 1, NULL);
	}
	free(text);
	free(path);
}

static void
gc_notes(struct gc *g)
{
	const struct store_runs *runs = &g->out->runs;

	for (size_t i = 0; i < runs->count; i++)
		if (runs->v[i].state == RUN_GONE)
			drop_note(g, &runs->v[i]);
}

/* --- caches ----------------------------------------------------------------------- */

/* Lines that a later one replaces, and damaged ones. An engine that appends meanwhile
 * loses what it appends: it is a cache. */
static int
gc_cache(struct gc *g, const char *name, struct error *e)
{
	char *path = xasprintf("%s/cache/%s", g->s->path, name);
	struct lines l;
	size_t dead = 0;
	int rc, missing;

	lines_init(&l, 1);
	rc = lines_add_file(&l, path, &missing, e);
	if (rc == 0 && !missing)
		dead = l.lines - l.keys.live + l.files[0].damaged +
		       (size_t)l.files[0].torn;
	if (rc == 0 && dead > 0 && g->o->remove)
		rc = lines_rewrite(&l, 0, NULL, path, 0, e);
	if (rc == 0)
		g->out->cache_lines += dead;
	lines_free(&l);
	free(path);
	return rc;
}

int
gc_rest(struct gc *g, struct error *e)
{
	static const char *const parts[] = {"runs", "segments", "cache", NULL};

	if (gc_tmp(g, e) < 0 || gc_engines(g, e) < 0)
		return -1;
	for (int i = 0; parts[i]; i++)
		if (gc_temporaries(g, parts[i], e) < 0)
			return -1;
	gc_notes(g);
	if (gc_cache(g, "digests", e) < 0 || gc_cache(g, "fingerprints", e) < 0)
		return -1;
	return 0;
}

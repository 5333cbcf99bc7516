/* SPDX-License-Identifier: Apache-2.0 */
/* store gc: what stays, what goes, and how it goes while engines run on any host.
 *
 * A result stays if a registered run names it (run_names.c), if it was used within the
 * last day, or since six hours before the start of the oldest engine that lives or may
 * live. If a registered run cannot be seen (store_runs.c), nobody knows what it names:
 * all results stay until it is seen again or forgotten. Of the others those go that were
 * last used longer ago than asked for; and, if the store is larger than asked for, those
 * used longest ago, until it fits.
 *
 * The last use of an object is the mtime of its folder: publishing sets it, and an engine
 * sets it again (a stamp) before it relies on an object that it found by look-up, if the
 * stamp is older than six hours. It does not where its run's index names the object and
 * the run was registered before: gc reads that index. So a run that is done is recognised
 * without a write. A record of a result without files is written anew, with the time of
 * now, into the engine's own segment.
 *
 * The race is between an engine that stamps and gc that takes away what looked old:
 *     engine: lock shared, stamp, unlock       gc: lock alone, look at the stamp,
 *             gone? then it counts as absent       rename into tmp/, unlock
 * Either gc sees the stamp, or the engine finds nothing to stamp. The lock (gc.lock, held
 * for one rename) is waited for 2 s at most. Where locks do nothing (some network file
 * systems), or gc was stopped while it held it, gc looks again after the rename: a stamp
 * travels with the folder, so one that was set meanwhile is seen, and the object is put
 * back. It was away for an instant then; an attempt that fails for that is tried again
 * like any other.
 *
 * An object that is being published is not there before its rename and young afterwards.
 * An engine that starts after gc read the runs finds its run registered, with an index
 * that names nothing younger than what gc read but what was stamped or made since; or it
 * registers it now and stamps all that it uses. Clocks of hosts may differ by hours.
 *
 * Whatever ends gc at whatever point, the store is sound: what was renamed is in the tmp
 * of a dead engine. Segments are written beside, synced and renamed before the old ones
 * go; a record that stands twice is harmless. One gc works at a time.
 */
#include "record/store_gc.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "record/run_names.h"
#include "record/store_gc_private.h"

#define BEFORE_START ((int64_t)6 * 3600) /* how old a stamp may be that an engine trusts */
#define SILENCE ((int64_t)30 * 24 * 3600)

int
gc_is_old(const struct gc *g, const struct digest *key, int64_t used)
{
	return used <= g->young && used <= g->old && g->out->runs.in_doubt == 0 &&
	       !keys_get(&g->named, key);
}

/* --- engines ---------------------------------------------------------------------- */

/* When did the file or folder change last? 0: it is not there. */
static int64_t
changed_at(const struct gc *g, const char *part, const char *name)
{
	char *path = xasprintf("%s/%s/%s", g->s->path, part, name);
	struct stat st;
	int64_t at = lstat(path, &st) == 0 ? (int64_t)st.st_mtim.tv_sec : 0;

	free(path);
	return at;
}

int
gc_engine_dead(const struct gc *g, const char *name)
{
	int dead = store_engine_dead(g->s, name);

	if (dead >= 0)
		return dead;
	return changed_at(g, "engines", name) <= g->now - SILENCE &&
	       changed_at(g, "tmp", name) <= g->now - SILENCE;
}

/* When was the engine of that note started? */
static int64_t
started_at(const struct gc *g, const char *name)
{
	char *path = xasprintf("%s/engines/%s", g->s->path, name);
	size_t len = 0;
	char *text = fs_read_file(path, 4096, &len, NULL);
	js *o = text ? js_parse(text, len, NULL) : NULL;
	int64_t since = js_get_int(o, "since", 0);

	js_free(o);
	free(text);
	free(path);
	return since > 0 ? since : changed_at(g, "engines", name);
}

/* What living engines may have found since they started is young. */
static int
find_living(struct gc *g, struct error *e)
{
	struct words names = {0};
	int rc = walk_names(g->s, "engines", &names, e);

	for (size_t i = 0; i < names.count; i++) {
		struct engine_id id;
		int64_t limit;

		if (strcmp(names.v[i], g->s->self.name) == 0 ||
		    engine_parse(names.v[i], &id) < 0 || gc_engine_dead(g, names.v[i]))
			continue;
		limit = started_at(g, names.v[i]) - BEFORE_START;
		if (limit < g->young)
			g->young = limit;
	}
	words_free(&names);
	return rc;
}

/* --- names ------------------------------------------------------------------------ */

static void
add_name(void *arg, const struct digest *key)
{
	keys_put(arg, key, NULL);
}

/* Is the path DIR, with or without a slash behind it, or below it? */
static int
is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	while (n > 1 && dir[n - 1] == '/')
		n--;
	return strncmp(path, dir, n) == 0 && (path[n] == '\0' || path[n] == '/');
}

static int
forget(struct gc *g, const char *dir, struct error *e)
{
	struct store_runs *runs = &g->out->runs;
	char *path = path_absolute(NULL, dir);
	size_t found = 0;

	for (size_t i = 0; i < runs->count; i++) {
		/* A damaged note names no path but its own. */
		char *note = xasprintf("%s/runs/%s", g->s->path, runs->v[i].note);

		if (runs->v[i].state == RUN_IN_DOUBT &&
		    (is_below(runs->v[i].path, path) || strcmp(note, path) == 0)) {
			runs->v[i].state = RUN_GONE;
			runs->in_doubt--;
			found++;
		}
		free(note);
	}
	if (!found)
		error_set(e, "cannot forget '%s': no run that is in doubt is there", dir);
	free(path);
	return found ? 0 : -1;
}

static int
find_names(struct gc *g, struct error *e)
{
	struct store_runs *runs = &g->out->runs;

	if (store_runs_read(g->s, runs, e) < 0)
		return -1;
	for (size_t i = 0; g->o->forget && i < g->o->forget->count; i++)
		if (forget(g, g->o->forget->v[i], e) < 0)
			return -1;
	for (size_t i = 0; i < runs->count; i++) {
		struct error why = {0};

		if (runs->v[i].state == RUN_SEEN &&
		    run_names(runs->v[i].path, add_name, &g->named, &why) < 0)
			store_runs_doubt(runs, i, why.text);
	}
	return 0;
}

/* --- taking away ------------------------------------------------------------------ */

/* Seconds of an object's last use; -1: it is gone, or no folder. */
static int64_t
last_use(const struct gc *g, const char *name)
{
	struct stat st;

	if (fstatat(g->s->objects_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISDIR(st.st_mode))
		return -1;
	return (int64_t)st.st_mtim.tv_sec;
}

/* Rename it away unless it has been used. The new path, or NULL. */
static char *
move_away(struct gc *g, const char *name)
{
	struct store *s = g->s;
	char *to = xasprintf("%s/tmp/%s/gc-%u", s->path, s->self.name, ++g->moved);
	int64_t used;
	int rc = -1;

	gc_lock(s, 1);
	used = last_use(g, name);
	if (used >= 0 && used <= g->young)
		rc = renameat(s->objects_fd, name, AT_FDCWD, to);
	gc_unlock(s);
	if (rc == 0)
		return to;
	free(to);
	g->out->used_meanwhile += used > g->young;
	return NULL;
}

/* Used between our look and the rename (only where the lock does nothing)? */
static int
put_back(struct gc *g, const char *name, const char *from)
{
	struct stat st;
	char *place;
	int back;

	if (lstat(from, &st) < 0 || (int64_t)st.st_mtim.tv_sec <= g->young)
		return 0;
	place = path_join(g->s->objects, name);
	back = fs_rename_noreplace(from, place) == 0;
	free(place);
	g->out->used_meanwhile += (size_t)back;
	return back;
}

static void
take_object(struct gc *g, const char *name, const struct disk_use *use)
{
	char *away;

	if (g->o->remove) {
		away = move_away(g, name);
		if (!away || put_back(g, name, away)) {
			free(away);
			return;
		}
		fs_remove_tree(away, NULL);
		free(away);
	}
	g->out->objects.count++;
	g->out->objects.bytes += use->bytes - use->shared;
	g->out->size -= use->bytes < g->out->size ? use->bytes : g->out->size;
}

/* --- objects ---------------------------------------------------------------------- */

static void
keep_for_size(struct gc *g, const struct digest *key, int64_t used,
	      const struct disk_use *use)
{
	GROW(g->candidates, g->count, g->cap);
	g->candidates[g->count++] = (struct gc_candidate){*key, used, *use};
}

static int
gc_object(void *arg, const char *name, const struct digest *key)
{
	struct gc *g = arg;
	int64_t used = last_use(g, name);
	struct disk_use use = {0};
	char *path;

	if (used < 0)
		return 0;
	if (keys_get(&g->named, key)) {
		g->out->named++;
		return 0;
	}
	if (g->out->runs.in_doubt) {
		g->out->in_doubt++;
		return 0;
	}
	if (used > g->young || (used > g->old && !g->o->max_size)) {
		g->out->young++;
		return 0;
	}
	path = path_join(g->s->objects, name);
	walk_disk(path, NULL, &use);
	free(path);
	if (used > g->old)
		keep_for_size(g, key, used, &use);
	else
		take_object(g, name, &use);
	return 0;
}

static int
by_use(const void *a, const void *b)
{
	const struct gc_candidate *x = a, *y = b;

	if (x->used != y->used)
		return x->used < y->used ? -1 : 1;
	return memcmp(x->key.b, y->key.b, sizeof x->key.b);
}

/* Those used longest ago, until the store fits. */
static void
fit_size(struct gc *g)
{
	char name[OBJECT_NAME];
	size_t i = 0;

	if (g->count > 1)
		qsort(g->candidates, g->count, sizeof *g->candidates, by_use);
	for (; i < g->count && g->out->size > g->o->max_size; i++) {
		object_name(&g->candidates[i].key, name);
		take_object(g, name, &g->candidates[i].use);
	}
	g->out->young += g->count - i;
}

static int
gc_objects(struct gc *g, struct error *e)
{
	struct map seen = {0};
	struct disk_use use = {0};

	if (g->o->max_size) {
		walk_disk(g->s->path, &seen, &use);
		g->out->size = use.bytes;
		map_free(&seen);
	}
	if (walk_objects(g->s, gc_object, NULL, g, e) < 0)
		return -1;
	fit_size(g);
	return 0;
}

/* --- the whole -------------------------------------------------------------------- */

/* One gc at a time, known as an engine while it works: its tmp is its own. */
static int
begin(struct gc *g, struct error *e)
{
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 1,
			   .l_len = 1};
	char *tmp;
	int rc;

	if (!g->o->remove)
		return 0;
	if (store_register(g->s, e) < 0)
		return -1;
	if (gc_lock(g->s, 0))
		gc_unlock(g->s);
	if (g->s->gc_lock >= 0 && fcntl(g->s->gc_lock, F_OFD_SETLK, &fl) < 0 &&
	    (errno == EAGAIN || errno == EACCES))
		return error_set(e, "another 'store gc' is at work in '%s'", g->s->path);
	tmp = xasprintf("%s/tmp/%s", g->s->path, g->s->self.name);
	rc = fs_mkdirs(tmp, e);
	free(tmp);
	return rc;
}

static void
set_ages(struct gc *g)
{
	double age = g->o->older_than;

	g->now = (int64_t)time(NULL);
	g->young = g->now - GC_YOUNG;
	if (age < 0 && g->o->max_size)
		g->old = INT64_MIN; /* by size alone */
	else
		g->old = g->now - (int64_t)(age > GC_YOUNG ? age : GC_YOUNG);
}

int
store_gc(struct store *s, const struct gc_options *o, struct gc_report *out,
	 struct error *e)
{
	struct gc g = {.s = s, .o = o, .out = out};
	int rc = -1;

	*out = (struct gc_report){0};
	set_ages(&g);
	if (begin(&g, e) == 0 && find_living(&g, e) == 0 && find_names(&g, e) == 0 &&
	    gc_objects(&g, e) == 0 && gc_segments(&g, e) == 0 && gc_rest(&g, e) == 0)
		rc = 0;
	map_free(&g.named);
	free(g.candidates);
	if (s->gc_lock >= 0)
		close(s->gc_lock);
	s->gc_lock = -1;
	return rc;
}

void
gc_report_free(struct gc_report *r)
{
	store_runs_free(&r->runs);
}

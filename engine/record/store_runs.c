/* SPDX-License-Identifier: Apache-2.0 */
/* Which run directories use a store: runs/HEX, one note each (store_note.c), HEX the first
 * 16 digits of a digest over its path and id.
 *
 * A run that cannot be seen is not a run that was deleted. It is gone only if the folder
 * that held it can be looked into and has no such run, on the file system where it was:
 * the store's, or on the same host one mounted at the same place. Anything else leaves it
 * in doubt. If the store was moved or copied, together with its runs, they are looked for
 * where they stand to it now, too. A run that was renamed is found among the folders
 * beside its old place by its id; one that was moved elsewhere is noted when it is started
 * there.
 */
#include "record/store_runs.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "record/store_note.h"
#include "record/store_private.h"

enum { ID_LENGTH = 16, LONGEST_NOTE = 64 * 1024 };

/* --- where things are ------------------------------------------------------------- */

/* The file `id` of a run directory: 0 with *id (NULL: it has none), or -1 with errno. */
static int
read_id(const char *run, char **id)
{
	char *path = path_join(run, "id"), buf[ID_LENGTH];
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK), rc = 0;
	ssize_t n = fd >= 0 ? read(fd, buf, sizeof buf) : 0;

	*id = NULL;
	if (fd < 0 && errno != ENOENT)
		rc = -1;
	else if (n < 0)
		rc = -1;
	else if (n == ID_LENGTH)
		*id = xstrndup(buf, ID_LENGTH);
	if (fd >= 0)
		close(fd);
	free(path);
	return rc;
}

/* The folder where the file system of `path` is mounted, or NULL. */
static char *
mount_of(const char *path)
{
	char *here = xstrdup(path), *up;
	struct stat st, above;

	if (stat(here, &st) < 0) {
		free(here);
		return NULL;
	}
	for (;;) {
		up = path_dir(here);
		if (strcmp(up, here) == 0 || stat(up, &above) < 0 ||
		    above.st_dev != st.st_dev) {
			free(up);
			return here;
		}
		free(here);
		here = up;
	}
}

static int
on_store_device(const struct store *s, const char *path)
{
	struct stat st, own;

	return stat(path, &st) == 0 && stat(s->path, &own) == 0 &&
	       st.st_dev == own.st_dev;
}

/* --- the engine's side ------------------------------------------------------------ */

static void
describe_run(const struct store *s, char *real, struct note *n)
{
	*n = (struct note){.path = real,
			   .host = xstrdup(s->self.host),
			   .store = xstrdup(s->path),
			   .mount = mount_of(real)};
	if (on_store_device(s, real))
		n->beside = xstrdup("yes");
	(void)read_id(real, &n->id);
}

/* Is there a note of that name that names this run? */
static int
is_noted(const char *file, const struct note *n)
{
	size_t len = 0;
	char *text = fs_read_file(file, LONGEST_NOTE, &len, NULL);
	struct note old = {0};
	int same = text && note_parse(&old, text, len) == 0 && old.store &&
		   strcmp(old.path, n->path) == 0 && strcmp(old.store, n->store) == 0;

	note_free(&old);
	free(text);
	return same;
}

void
store_register_run(struct store *s, const char *run_dir)
{
	char *real = realpath(run_dir, NULL), *file, *folder, hex[DIGEST_HEX + 1];
	struct str text = {0};
	struct digest d;
	struct note n;

	if (!real)
		return;
	describe_run(s, real, &n);
	str_printf(&text, "%s\n%s", n.path, n.id ? n.id : "");
	digest_bytes(text.s, text.len, &d);
	str_reset(&text);
	folder = path_join(s->path, "runs");
	file = xasprintf("%s/%.16s", folder, digest_hex(&d, hex));
	s->relies = RELIES_ON_INDEX;
	if (!is_noted(file, &n)) {
		/* A gc that is under way does not know us: what we use is stamped. */
		s->relies = RELIES_ON_STAMPS;
		note_write(&n, &text);
		/* For store gc; not worth failing a run. */
		if (fs_write_file(file, text.s, text.len, 1, NULL) == 0) {
			(void)fs_sync_dir(folder, NULL);
			free(s->new_note);
			s->new_note = xstrdup(file);
		}
	}
	str_free(&text);
	free(folder);
	free(file);
	note_free(&n);
}

void
store_unregister_run(struct store *s)
{
	if (s->new_note)
		unlink(s->new_note);
	free(s->new_note);
	s->new_note = NULL;
}

/* --- gc's side -------------------------------------------------------------------- */

/* The same place beside a store that was moved: what both store paths end in stays. NULL
 * if the store stands where it stood, or the run was not beside it. */
static char *
moved_path(const struct store *s, const struct note *n)
{
	size_t a, b;

	if (!n->store || strcmp(n->store, s->path) == 0)
		return NULL;
	a = strlen(n->store);
	b = strlen(s->path);
	while (a > 0 && b > 0 && n->store[a - 1] == s->path[b - 1]) {
		a--;
		b--;
	}
	while (n->store[a] && n->store[a] != '/') {
		a++;
		b++;
	}
	if (strncmp(n->path, n->store, a) != 0 || n->path[a] != '/')
		return NULL;
	return xasprintf("%.*s%s", (int)b, s->path, n->path + a);
}

/* Can it be believed that there is nothing at n->path? NULL, or the cause of doubt. */
static char *
doubt_absence(const struct store *s, const struct note *n)
{
	char *parent = path_dir(n->path), *mount, *why = NULL;
	struct stat st;

	if (stat(parent, &st) < 0)
		why = xasprintf("its folder '%s': %s", parent, strerror(errno));
	else if (!n->host || n->beside)
		why = on_store_device(s, parent)
			      ? NULL
			      : xasprintf("its folder '%s' is on another file system "
					  "than the store now",
					  parent);
	else if (strcmp(n->host, s->self.host) != 0)
		why = xasprintf("it was made on host '%s'", n->host);
	else if ((mount = mount_of(parent)) && n->mount &&
		 strcmp(mount, n->mount) == 0)
		free(mount);
	else {
		why = xasprintf("nothing is mounted on '%s' now",
				n->mount ? n->mount : "");
		free(mount);
	}
	free(parent);
	return why;
}

/* Look for it at one place. *why is set if in doubt. */
static enum run_state
look_at(const struct store *s, const struct note *n, const char *path, char **why)
{
	int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	char *id = NULL;
	int rc;

	*why = NULL;
	if (fd >= 0) {
		close(fd);
		rc = read_id(path, &id);
		if (rc < 0)
			*why = xasprintf("its file 'id': %s", strerror(errno));
		/* Another run at the same place has a note of its own. */
		rc = rc == 0 && n->id && id && strcmp(n->id, id) != 0;
		free(id);
		return *why ? RUN_IN_DOUBT : rc ? RUN_GONE : RUN_SEEN;
	}
	if (errno != ENOENT && errno != ENOTDIR)
		*why = xstrdup(strerror(errno));
	else
		*why = doubt_absence(s, n);
	return *why ? RUN_IN_DOUBT : RUN_GONE;
}

static void
add_run(struct store_runs *runs, const char *note, const char *path,
	enum run_state state, char *why)
{
	GROW(runs->v, runs->count, runs->cap);
	runs->v[runs->count++] = (struct store_run){.note = xstrdup(note),
						    .path = xstrdup(path),
						    .state = state,
						    .why = why ? why : xstrdup("")};
	runs->in_doubt += state == RUN_IN_DOUBT;
}

/* A folder beside the run's old place that has its id. Caller frees; NULL: none. */
static char *
renamed_path(const struct note *n)
{
	char *parent = path_dir(n->path), *found = NULL, *path, *id;
	DIR *d = n->id ? opendir(parent) : NULL;
	struct dirent *entry;

	while (d && !found && (entry = readdir(d))) {
		if (entry->d_name[0] == '.')
			continue;
		path = path_join(parent, entry->d_name);
		if (read_id(path, &id) == 0 && id && strcmp(id, n->id) == 0)
			found = path;
		else
			free(path);
		free(id);
	}
	if (d)
		closedir(d);
	free(parent);
	return found;
}

static void
find_run(const struct store *s, struct store_runs *runs, const char *name,
	 const struct note *n)
{
	char *moved = moved_path(s, n), *why, *why_moved = NULL;
	enum run_state state = look_at(s, n, n->path, &why);
	int beside = moved && look_at(s, n, moved, &why_moved) == RUN_SEEN;

	if (!beside && state == RUN_GONE) {
		free(moved);
		moved = renamed_path(n);
		beside = moved != NULL;
	}
	if (beside)
		add_run(runs, name, moved, RUN_SEEN, NULL);
	if (!beside || state == RUN_SEEN)
		add_run(runs, name, n->path, state, why);
	else
		free(why);
	free(why_moved);
	free(moved);
}

static void
read_note(const struct store *s, struct store_runs *runs, const char *name)
{
	char *file = xasprintf("%s/runs/%s", s->path, name);
	struct error e = {0};
	struct note n = {0};
	size_t len = 0;
	char *text = fs_read_file(file, LONGEST_NOTE, &len, &e);

	if (!text)
		add_run(runs, name, "", RUN_IN_DOUBT, xstrdup(e.text));
	else if (note_parse(&n, text, len) < 0)
		add_run(runs, name, "", RUN_IN_DOUBT,
			xasprintf("its note '%s' is damaged", file));
	else
		find_run(s, runs, name, &n);
	note_free(&n);
	free(text);
	free(file);
}

int
store_runs_read(const struct store *s, struct store_runs *out, struct error *e)
{
	char *folder = path_join(s->path, "runs");
	DIR *d = opendir(folder);
	struct dirent *entry;
	int rc = 0;

	*out = (struct store_runs){0};
	while (d && (errno = 0, entry = readdir(d)))
		if (entry->d_name[0] != '.')
			read_note(s, out, entry->d_name);
	if (!d || errno) {
		rc = error_set(e, "cannot read folder '%s':", folder);
		store_runs_free(out);
	}
	if (d)
		closedir(d);
	free(folder);
	return rc;
}

void
store_runs_free(struct store_runs *runs)
{
	for (size_t i = 0; i < runs->count; i++) {
		free(runs->v[i].note);
		free(runs->v[i].path);
		free(runs->v[i].why);
	}
	free(runs->v);
	*runs = (struct store_runs){0};
}

void
store_runs_doubt(struct store_runs *runs, size_t i, const char *why)
{
	struct store_run *r = &runs->v[i];

	runs->in_doubt += r->state != RUN_IN_DOUBT;
	r->state = RUN_IN_DOUBT;
	free(r->why);
	r->why = xstrdup(why);
}

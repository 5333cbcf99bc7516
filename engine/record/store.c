/* SPDX-License-Identifier: Apache-2.0 */
/* The store: opening, closing, who uses it.
 *
 *     objects/ab/cdef.../  a result with files: its outputs and result.json (see
 *                          result_read.c); ab and cdef... are the first 2 and the
 *                          other 62 hex digits of the key
 *     segments/ENGINE      results without files, a line record each: CRC KEY {...};
 *                          also merged-RANDOM: segments of dead engines, joined
 *     tmp/ENGINE/          what running attempts write; renamed into objects/ when
 *                          published
 *     tmp/damaged-...      objects and segments that were found damaged and moved aside
 *     engines/ENGINE       locked as long as that engine lives; its heartbeat
 *     locks/               of keys (key_lock.c): keys, or one file each
 *     runs/HEX             a run directory that uses the store (store_runs.c)
 *     cache/digests, cache/fingerprints
 *                          line records, the last one wins; may be deleted at any time
 *     gc.lock              for moments, between noting a use and taking away
 *                          (store_gc.c)
 * ENGINE is HOST-PID-STARTTIME-RANDOM.
 *
 * Promises. A result is there whole or not at all: an object by one rename, a record
 * by its checksum. The first publisher wins. Nothing is changed in place. No symlink
 * inside is followed.
 */
#include "record/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "record/engine_note.h"
#include "record/store_private.h"

/* --- names and small things ------------------------------------------------------- */

void
object_name(const struct digest *key, char out[OBJECT_NAME])
{
	char hex[DIGEST_HEX + 1];

	digest_hex(key, hex);
	out[0] = hex[0];
	out[1] = hex[1];
	out[2] = '/';
	memcpy(out + 3, hex + 2, DIGEST_HEX - 1);
}

int
object_open(const struct store *s, const char *name, int flags)
{
	/* O_PATH bears few other flags; without it, opening a FIFO must not hang. */
	int more =
		O_CLOEXEC | O_NOFOLLOW | (flags & O_PATH ? 0 : O_NONBLOCK | O_NOCTTY);
	struct open_how how = {
		.flags = (uint64_t)(unsigned)(flags | more),
		.resolve =
			RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, s->objects_fd, name, &how, sizeof how);

	/* Old kernels, and sandboxes that do not know the call. */
	if (fd < 0 && (errno == ENOSYS || errno == EPERM))
		return openat(s->objects_fd, name, (int)how.flags);
	return (int)fd;
}

int
store_first_report(struct store *s, const char *subject)
{
	int added;

	map_puts(&s->reported, subject, &added);
	return added;
}

time_t
store_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return now.tv_sec;
}

const char *
store_path(const struct store *s)
{
	return s->path;
}

/* --- opening and closing ---------------------------------------------------------- */

/* One folder of the store: made if missing, no symlink. */
static int
make_part(const char *store, const char *name, struct error *e)
{
	char *path = path_join(store, name);
	struct stat st;
	int rc = 0;

	if (lstat(path, &st) == 0) {
		if (!S_ISDIR(st.st_mode))
			rc = error_set(e,
				       "cannot use store '%s': '%s' in it is no folder",
				       store, name);
	} else if (mkdir(path, 0755) < 0 && errno != EEXIST) {
		rc = error_set(e, "cannot make folder '%s':", path);
	}
	free(path);
	return rc;
}

static int
make_store(const char *path, struct error *e)
{
	static const char *const parts[] = {"objects", "segments", "tmp", "runs",
					    "engines", "cache",    "locks", NULL};

	if (fs_mkdirs(path, e) < 0)
		return -1;
	for (int i = 0; parts[i]; i++)
		if (make_part(path, parts[i], e) < 0)
			return -1;
	return 0;
}

/* Results are believed: whoever can write here decides what comes out of a run. */
static void
warn_if_open_to_all(const char *path)
{
	struct stat st;

	if (stat(path, &st) == 0 && (st.st_mode & S_IWOTH) && !(st.st_mode & S_ISVTX))
		log_warning("store '%s': everybody can write it (chmod o-w)", path);
}

struct store *
store_open(const char *path, struct error *e)
{
	struct store *s;
	char *real;

	if (!path || !path[0]) {
		error_set(e, "cannot open the store: its path is empty");
		return NULL;
	}
	if (make_store(path, e) < 0)
		return NULL;
	real = realpath(path, NULL);
	if (!real) {
		error_set(e, "cannot open store '%s':", path);
		return NULL;
	}
	warn_if_open_to_all(real);
	s = xcalloc(1, sizeof *s);
	s->path = real;
	s->objects = path_join(real, "objects");
	s->engine_fd = s->gc_lock = -1;
	lines_init(&s->segments, 0);
	lines_init(&s->index, 1);
	lines_init(&s->digests, 1);
	lines_init(&s->fingerprints, 1);
	engine_self(&s->self);
	s->objects_fd =
		open(s->objects, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (s->objects_fd < 0) {
		error_set(e, "cannot open folder '%s':", s->objects);
		store_close(s);
		return NULL;
	}
	return s;
}

struct store *
store_open_existing(const char *path, struct error *e)
{
	char *objects = path_join(path, "objects");
	struct store *s = NULL;
	struct stat st;

	if (lstat(objects, &st) == 0 && S_ISDIR(st.st_mode)) {
		s = store_open(path, e);
	} else {
		if (errno == ENOENT || errno == ENOTDIR)
			error_set(e, "there is no store at '%s'", path);
		else
			error_set(e, "cannot open store '%s':", path);
		error_hint(e, "give it with --store, or go to the folder that has it");
	}
	free(objects);
	return s;
}

struct store *
store_nowhere(void)
{
	struct store *s = xcalloc(1, sizeof *s);

	s->path = xstrdup("");
	s->objects = xstrdup("");
	s->objects_fd = s->engine_fd = -1;
	s->caches_open = s->segments_open = 1; /* there is nothing to open */
	lines_init(&s->segments, 0);
	lines_init(&s->index, 1);
	lines_init(&s->digests, 1);
	lines_init(&s->fingerprints, 1);
	engine_self(&s->self);
	return s;
}

/* Take this engine's traces away. */
static void
unregister(struct store *s)
{
	char *tmp, *note;

	if (s->engine_fd < 0)
		return;
	tmp = xasprintf("%s/tmp/%s", s->path, s->self.name);
	note = xasprintf("%s/engines/%s", s->path, s->self.name);
	fs_remove_tree(tmp, NULL);
	unlink(note);
	close(s->engine_fd);
	free(tmp);
	free(note);
}

void
store_close(struct store *s)
{
	struct error e = {0};

	if (!s)
		return;
	if (store_flush(s, 0, &e) < 0)
		log_error_object(&e);
	segments_merge(s);
	caches_close(s);
	unregister(s);
	if (s->objects_fd >= 0)
		close(s->objects_fd);
	if (s->gc_lock >= 0)
		close(s->gc_lock);
	lines_free(&s->segments);
	lines_free(&s->index);
	map_free(&s->segment_names);
	map_free(&s->fingerprint_seen);
	map_free(&s->reported);
	free(s->new_note);
	free(s->objects);
	free(s->path);
	free(s);
}

/* --- who is alive ----------------------------------------------------------------- */

/* Dead: of this host, no such process, its file not locked (a process of another
 * container has a pid that we do not see). */
int
store_engine_dead(const struct store *s, const char *name)
{
	struct engine_id id;
	char *note;
	int fd, locked = 0, alive;

	if (engine_parse(name, &id) < 0)
		return 0;
	alive = engine_alive(id.host, id.pid, id.start);
	if (alive == 1)
		return 0;
	note = xasprintf("%s/engines/%s", s->path, name);
	fd = open(note, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0) {
		locked = engine_is_locked(fd);
		close(fd);
	} else if (errno != ENOENT) {
		locked = 1;
	}
	free(note);
	if (locked)
		return 0;
	return alive == 0 ? 1 : -1;
}

/* Remove the entries of dead engines from tmp/ or engines/. */
static void
sweep(struct store *s, const char *part)
{
	char *folder = path_join(s->path, part);
	DIR *d = opendir(folder);
	struct dirent *entry;

	while (d && (entry = readdir(d))) {
		char *path;

		if (strcmp(entry->d_name, s->self.name) == 0 ||
		    store_engine_dead(s, entry->d_name) != 1)
			continue;
		path = path_join(folder, entry->d_name);
		fs_remove_tree(path, NULL);
		free(path);
	}
	if (d)
		closedir(d);
	free(folder);
}

int
store_register(struct store *s, struct error *e)
{
	char *note;

	if (s->engine_fd >= 0)
		return 0;
	note = xasprintf("%s/engines/%s", s->path, s->self.name);
	s->engine_fd = engine_note_make(note, &s->self, 0, NULL);
	if (s->engine_fd < 0)
		error_set(e, "cannot write to store '%s': cannot make '%s':", s->path,
			  note);
	free(note);
	if (s->engine_fd < 0)
		return -1;
	sweep(s, "tmp");
	sweep(s, "engines");
	return 0;
}

char *
store_own_tmp(const struct store *s)
{
	char *real = realpath(s->path, NULL), *tmp;

	tmp = xasprintf("%s/tmp/%s", real ? real : s->path, s->self.name);
	free(real);
	return tmp;
}

int
store_attempt_dirs(struct store *s, int want_out, char **out_dir, char **work_dir,
		   struct error *e)
{
	unsigned n = ++s->attempts;
	char *tmp = xasprintf("%s/tmp/%s", s->path, s->self.name);
	int rc = store_register(s, e);

	*out_dir = *work_dir = NULL;
	if (rc == 0 && !s->tmp_made) {
		rc = fs_mkdirs(tmp, e);
		s->tmp_made = rc == 0;
	}
	if (rc == 0) {
		*work_dir = xasprintf("%s/%u.work", tmp, n);
		*out_dir = xasprintf("%s/%u.out", tmp, n);
	}
	if (rc == 0 && want_out && mkdir(*out_dir, 0755) < 0) {
		rc = error_set(e, "cannot make folder '%s':", *out_dir);
		free(*out_dir);
		free(*work_dir);
		*out_dir = *work_dir = NULL;
	}
	free(tmp);
	return rc;
}

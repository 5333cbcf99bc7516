/* SPDX-License-Identifier: Apache-2.0 */
/* Looking results up.
 *
 * Whatever says that a result is there, its outputs are looked at (lstat) before it
 * is believed: they exist, are of the right kind, have the size and the mtime that
 * were noted (a folder: the sum of its files, and the newest of all in it). Then, by the source:
 *   the run's index   nothing more. It holds the texts of results that were checked
 *                     in full, and "-" for a record: that one is in a segment.
 *   an object         result.json's own digest; outputs are hashed where their mtime
 *                     changed, and where they were not synced and made under another
 *                     boot: a power loss can leave files of the right size full of
 *                     zeros.
 *   a record          the line's checksum and the record's own digest.
 * An index line carries the mtimes and the boot id of that check, so a copied store,
 * or one after a reboot, is hashed once and not at every run.
 *
 * The index is never right where the store is wrong: every output it speaks for is
 * looked at.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "record/own_file.h"
#include "record/store_private.h"
#include "record/tree.h"

enum { LONGEST_RESULT = 256 * 1024 * 1024 };

static int64_t
mtime_of(const struct stat *st)
{
	return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

/* Must it be hashed whatever its mtime says? */
static int
is_doubtful(const struct store *s, const struct result *r)
{
	return !r->synced && (!r->boot || strcmp(r->boot, s->self.boot) != 0);
}

/* --- the index -------------------------------------------------------------------- */

void
store_use_index(struct store *s, const char *file)
{
	struct error e = {0};

	lines_free(&s->index);
	lines_init(&s->index, 1);
	/* A cache: what cannot be read is made again. */
	own_clear(file);
	s->index_open = lines_add_file(&s->index, file, NULL, &e) == 0;
	if (s->index_open)
		lines_append_to(&s->index, file);
	else
		log_warning("%s: going on without this index", e.text);
}

static void
index_line(struct store *s, const struct digest *key, const char *text, size_t len)
{
	enum { BUFFER = 256 * 1024 };
	char hex[DIGEST_HEX + 1];

	lines_put(&s->index, digest_hex(key, hex), text, len);
	/* Without room for the cache we do without it. */
	if (s->index.pending.len > BUFFER && lines_flush(&s->index, 0, NULL) < 0)
		s->index_open = 0;
}

void
store_only_looks(struct store *s)
{
	s->only_looks = 1;
}

void
index_put(struct store *s, const struct result *r)
{
	struct str text = {0};

	if (!s->index_open || s->only_looks)
		return;
	result_write(r, &text);
	index_line(s, &r->key, text.s, text.len);
	str_free(&text);
}

void
index_put_record(struct store *s, const struct digest *key)
{
	if (s->index_open && !s->only_looks && !index_names(s, key))
		index_line(s, key, "-", 1);
}

int
index_names(const struct store *s, const struct digest *key)
{
	char hex[DIGEST_HEX + 1];

	return s->index_open && lines_has(&s->index, digest_hex(key, hex));
}

void
store_index_complete(struct store *s)
{
	s->index_complete = 1;
}

/* The size and the newest mtime of what is in a folder are those noted. */
static int
tree_unchanged(const struct store *s, const char *path, const struct result_output *o)
{
	char *full = path_join(s->objects, path);
	uint64_t size;
	int64_t newest;
	int same = tree_state(full, &size, &newest) == 0 && size == o->size &&
		   newest == o->mtime_ns;

	free(full);
	return same;
}

/* Does an output look as noted? One lstat, of a folder one for each entry. */
static int
output_unchanged(const struct store *s, const char *path, const struct result_output *o)
{
	struct stat st;

	if (fstatat(s->objects_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !(st.st_mode & S_IRUSR))
		return 0;
	if (o->is_dir)
		return S_ISDIR(st.st_mode) && tree_unchanged(s, path, o);
	return S_ISREG(st.st_mode) && (uint64_t)st.st_size == o->size &&
	       mtime_of(&st) == o->mtime_ns;
}

static int
looks_unchanged(const struct store *s, const struct result *r, const char *name)
{
	char path[OBJECT_NAME + 1024];
	struct stat st;

	for (size_t i = 0; i < r->output_count; i++) {
		const struct result_output *o = &r->outputs[i];
		int n = snprintf(path, sizeof path, "%s/%s", name, o->file);

		if (n >= (int)sizeof path || !output_unchanged(s, path, o))
			return 0;
	}
	return r->output_count > 0 ||
	       (fstatat(s->objects_fd, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
		S_ISDIR(st.st_mode));
}

/* "STORE/objects/ab/cdef..." */
static char *
object_dir(const struct store *s, const char *name)
{
	return path_join(s->objects, name);
}

static struct result *
index_lookup(struct store *s, const struct digest *key, const char *name)
{
	char hex[DIGEST_HEX + 1], *dir;
	struct result *r;
	const char *text;
	size_t len;

	if (!s->index_open)
		return NULL;
	text = lines_get(&s->index, digest_hex(key, hex), &len);
	if (!text || (len == 1 && *text == '-'))
		return NULL;
	dir = object_dir(s, name);
	r = result_parse(text, len, dir, NULL);
	free(dir);
	if (r && digest_equal(&r->key, key) && !is_doubtful(s, r) &&
	    looks_unchanged(s, r, name))
		return r;
	result_free(r);
	return NULL;
}

/* --- objects ---------------------------------------------------------------------- */

char *
object_text(const struct store *s, const char *name, size_t *len,
	    enum finding *finding, struct error *why)
{
	char path[OBJECT_NAME + 16], *text = NULL;
	struct stat st;
	ssize_t got = -1;
	int fd;

	snprintf(path, sizeof path, "%s/result.json", name);
	fd = object_open(s, path, O_RDONLY);
	if (fd < 0) {
		int err = errno;

		*finding = UNREADABLE;
		if (err == ENOENT &&
		    fstatat(s->objects_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
			*finding = SOUND;
		else if (err == ENOENT || err == ENOTDIR || err == ELOOP)
			*finding = DAMAGED;
		errno = err;
		error_set(why, err == ELOOP ? "it is or holds a symlink"
					    : "cannot open its result.json:");
		return NULL;
	}
	*finding = UNREADABLE;
	if (fstat(fd, &st) < 0) {
		error_set(why, "cannot read its result.json:");
	} else if (!S_ISREG(st.st_mode) || st.st_size > LONGEST_RESULT) {
		*finding = DAMAGED;
		error_set(why, "its result.json is no file of a sensible size");
	} else {
		text = xmalloc((size_t)st.st_size + 1);
		do
			got = read(fd, text, (size_t)st.st_size);
		while (got < 0 && errno == EINTR);
		if (got < 0)
			error_set(why, "cannot read its result.json:");
	}
	close(fd);
	if (got < 0) {
		free(text);
		return NULL;
	}
	*len = (size_t)got;
	return text;
}

/* Hash an output again. */
static enum finding
check_content(const struct result_output *o, const char *path, struct error *why)
{
	struct digest d;
	uint64_t size;

	if (digest_tree(path, &d, &size, why) < 0)
		return UNREADABLE;
	if (digest_equal(&d, &o->digest))
		return SOUND;
	error_set(why, "the content of output '%s' has changed", o->file);
	return DAMAGED;
}

/* stat() of an output, no symlink on the way. */
static enum finding
stat_output(struct store *s, const char *name, const struct result_output *o,
	    struct stat *st, struct error *why)
{
	char *path = path_join(name, o->file);
	int fd = object_open(s, path, O_PATH), rc = fd < 0 ? -1 : fstat(fd, st),
	    err = errno;

	if (fd >= 0)
		close(fd);
	free(path);
	if (rc == 0)
		return SOUND;
	errno = err;
	if (err == ENOENT || err == ENOTDIR || err == ELOOP) {
		error_set(why, "its output '%s' is missing", o->file);
		return DAMAGED;
	}
	error_set(why, "cannot look at its output '%s':", o->file);
	return UNREADABLE;
}

static enum finding
check_output(struct store *s, const char *name, struct result_output *o,
	     const char *dir, int doubtful, struct error *why)
{
	struct stat st;
	enum finding f = stat_output(s, name, o, &st, why);
	uint64_t size;
	int64_t mtime;
	char *path;

	if (f != SOUND)
		return f;
	if (o->is_dir ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode)) {
		error_set(why, "its output '%s' is no %s", o->file,
			  o->is_dir ? "folder" : "file");
		return DAMAGED;
	}
	if (!(st.st_mode & S_IRUSR)) {
		error_set(why, "its output '%s' lost its read permission", o->file);
		return DAMAGED;
	}
	path = path_join(dir, o->file);
	size = (uint64_t)st.st_size;
	mtime = mtime_of(&st);
	if (o->is_dir && tree_state(path, &size, &mtime) < 0) {
		error_set(why, "cannot look at its output '%s':", o->file);
		f = UNREADABLE;
	} else if (size != o->size) {
		error_set(why,
			  "its output '%s' has %" PRIu64 " bytes instead of %" PRIu64,
			  o->file, size, o->size);
		f = DAMAGED;
	} else if (doubtful || mtime != o->mtime_ns) {
		f = check_content(o, path, why);
		o->mtime_ns = mtime;
	}
	free(path);
	return f;
}

/* Parse result.json's text. */
static void
check_result(struct object_state *o, const struct digest *key, const char *text,
	     size_t len, const char *dir)
{
	o->result = result_read(text, len, dir, &o->why);
	o->finding = o->result ? SOUND : DAMAGED;
	if (!o->result || digest_equal(&o->result->key, key))
		return;
	error_set(&o->why, "it is the result of another key");
	o->finding = DAMAGED;
	result_free(o->result);
	o->result = NULL;
}

void
object_check(struct store *s, const struct digest *key, const char *name, int hash,
	     struct object_state *o)
{
	size_t len = 0;
	char *text, *dir;
	int doubtful;

	*o = (struct object_state){.file = "result.json"};
	text = object_text(s, name, &len, &o->finding, &o->why);
	o->absent = !text && o->finding == SOUND;
	if (!text)
		return;
	dir = object_dir(s, name);
	check_result(o, key, text, len, dir);
	free(text);
	doubtful = o->result && is_doubtful(s, o->result);
	for (size_t i = 0; o->finding == SOUND && i < o->result->output_count; i++) {
		o->file = o->result->outputs[i].file;
		o->finding = check_output(s, name, &o->result->outputs[i], dir,
					  doubtful || hash, &o->why);
	}
	free(dir);
	if (o->finding == SOUND && doubtful) {
		/* Checked under this boot: what the index is told. */
		free(o->result->boot);
		o->result->boot = xstrdup(s->self.boot);
	}
}

int
object_move_aside(struct store *s, const char *name, ino_t was, char **to)
{
	char shard[3] = {name[0], name[1], '\0'}, *from;
	uint64_t r = 0;
	struct stat st;
	int rc = -1;

	if (getrandom(&r, sizeof r, 0) < 0)
		r = (uint64_t)s->self.pid;
	*to = xasprintf("%s/tmp/damaged-%.2s%.10s-%016" PRIx64, s->path, name, name + 3,
			r);
	from = object_dir(s, name);
	/* A shard that is a symlink is not ours to move things in. */
	if (fstatat(s->objects_fd, shard, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    S_ISDIR(st.st_mode))
		rc = rename(from, *to) == 0 ? 0 : errno == ENOENT ? 1 : -1;
	if (rc == 0 && lstat(*to, &st) == 0 && st.st_ino != was) {
		rc = 1;
		if (fs_rename_noreplace(*to, from) < 0)
			fs_remove_tree(*to, NULL); /* and there is one more */
	}
	/* So that gc leaves it there for a while. */
	if (rc == 0)
		(void)utimensat(AT_FDCWD, *to, NULL, AT_SYMLINK_NOFOLLOW);
	free(from);
	if (rc == 0)
		return 0;
	free(*to);
	*to = NULL;
	return rc;
}

ino_t
object_inode(const struct store *s, const char *name)
{
	struct stat st;

	return fstatat(s->objects_fd, name, &st, AT_SYMLINK_NOFOLLOW) < 0 ? 0 : st.st_ino;
}

/* One that seems damaged or unreadable may have come, gone, or been replaced by another
 * engine, while we looked. It is if it is once we know which one (*was) we look at. */
static void
check_twice(struct store *s, const struct digest *key, const char *name,
	    struct object_state *o, ino_t *was)
{
	object_check(s, key, name, 0, o);
	if (o->finding == SOUND)
		return;
	result_free(o->result);
	o->result = NULL;
	*was = object_inode(s, name);
	if (*was)
		object_check(s, key, name, 0, o);
	else if (o->finding == UNREADABLE && error_passes(&o->why))
		return; /* nobody can tell */
	else
		*o = (struct object_state){.finding = SOUND, .absent = 1};
}

int
object_set_aside(struct store *s, const struct digest *key)
{
	char name[OBJECT_NAME], *to;
	int rc;

	object_name(key, name);
	rc = object_move_aside(s, name, object_inode(s, name), &to);
	free(to);
	return rc;
}

/* Nobody can look just now. */
static int
unreadable_now(const struct store *s, const char *name, const struct error *why,
	       struct error *e)
{
	error_set(e, "cannot look up result '%s/%s': %s", s->objects, name, why->text);
	e->number = why->number;
	return UNREADABLE_NOW;
}

int
object_lookup(struct store *s, const struct digest *key, struct result **out,
	      struct error *e)
{
	enum { TRIES = 4 };
	char name[OBJECT_NAME], *to;
	struct object_state o;
	ino_t was = 0;
	int moved = 1;

	object_name(key, name);
	for (int i = 0; i < TRIES && moved == 1; i++) {
		check_twice(s, key, name, &o, &was);
		if (o.finding == SOUND) {
			*out = o.result;
			return !o.absent;
		}
		result_free(o.result);
		if (o.finding == UNREADABLE && error_passes(&o.why))
			return unreadable_now(s, name, &o.why, e);
		if (o.finding == DAMAGED)
			moved = object_move_aside(s, name, was, &to);
		else
			moved = object_inode(s, name) == was ? -1 : 1;
	}
	if (moved == 0) {
		log_warning("result '%s/%s' is damaged: %s; counted as absent, moved "
			    "to '%s'",
			    s->objects, name, o.why.text, to);
		free(to);
		return 0;
	}
	if (store_first_report(s, name))
		log_warning("result '%s/%s' is %s: %s; counted as absent", s->objects,
			    name, o.finding == DAMAGED ? "damaged" : "unreadable",
			    o.why.text);
	return UNREADABLE_FOR_GOOD;
}

/* Found on its own: is it there to stay? Notes it in the index. */
static struct result *
rely_on(struct store *s, const char *name, struct result *r)
{
	if (!r->dir) {
		stamp_record(s, r);
		index_put_record(s, &r->key);
		return r;
	}
	if (stamp_object(s, name)) {
		index_put(s, r);
		return r;
	}
	result_free(r);
	return NULL;
}

int
store_lookup(struct store *s, const struct digest *key, struct result **out, struct error *e)
{
	char name[OBJECT_NAME];
	struct error unseen = {0};
	struct result *r;

	object_name(key, name);
	r = index_lookup(s, key, name);
	if (r && s->relies == RELIES_ON_STAMPS && !stamp_object(s, name)) {
		result_free(r);
		r = NULL;
	} else if (!r) {
		r = segments_lookup(s, key, &unseen);
		if (r || object_lookup(s, key, &r, &unseen) == 1)
			r = rely_on(s, name, r);
	}
	if (out)
		*out = r;
	else
		result_free(r);
	if (!r && error_is_set(&unseen)) {
		if (e)
			*e = unseen;
		return -1;
	}
	return r != NULL;
}

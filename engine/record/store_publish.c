/* SPDX-License-Identifier: Apache-2.0 */
/* Publishing results.
 *
 * An object: outputs are checked, made read-only, result.json is written beside
 * them, all is synced if asked for, and the folder is renamed to its place, never
 * over another. Until that rename nothing of it is visible. Where another was first,
 * its result is taken.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "record/store_private.h"
#include "record/tree.h"

/* --- making a folder ready -------------------------------------------------------- */

/* What prepare() needs to know about one folder. */
struct preparation {
	int sync;
	struct error *e;
};

static int
sync_path(const char *path, int folder, struct error *e)
{
	int fd = open(path,
		      O_RDONLY | O_CLOEXEC | O_NOFOLLOW | (folder ? O_DIRECTORY : 0));
	int rc = fd < 0 ? -1 : fsync(fd);

	/* The kernel forgets what it could not write, so this must not be tried again as
	 * if it were a matter of the store alone: no number. */
	if (rc < 0)
		error_set(e, "cannot sync '%s': %s", path, strerror(errno));
	if (fd >= 0)
		close(fd);
	return rc;
}

static int
check_link(const char *path, const char *relative, struct error *e)
{
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof target - 1);

	if (n < 0)
		return error_set(e, "cannot read link '%s':", path);
	target[n] = '\0';
	if (link_stays_inside(relative, target))
		return 0;
	return error_set(
		e, "cannot publish '%s': it is a symlink that leads out of its folder",
		path);
}

/* Modes, kinds, syncs, for each file and folder. */
static int
prepare(void *arg, const char *path, const char *relative, const struct stat *st,
	int after)
{
	struct preparation *p = arg;
	mode_t mode = S_ISDIR(st->st_mode) ? 0755 : 0444;

	if (after)
		return p->sync ? sync_path(path, 1, p->e) : 0;
	if (S_ISLNK(st->st_mode))
		return check_link(path, relative, p->e);
	if (!S_ISDIR(st->st_mode) && !S_ISREG(st->st_mode))
		return error_set(
			p->e, "cannot publish '%s': it is neither a file nor a folder",
			path);
	/* The executable bit is part of a tree's digest. */
	if (S_ISREG(st->st_mode) && (st->st_mode & S_IXUSR))
		mode = 0555;
	if ((st->st_mode & 07777) != mode && chmod(path, mode) < 0)
		return error_set(p->e, "cannot publish '%s':", path);
	if (p->sync && S_ISREG(st->st_mode))
		return sync_path(path, 0, p->e);
	return 0;
}

/* Does an output stand where the result says, and as large? Notes its mtime. */
static int
check_output(struct result_output *o, const char *out_dir, struct error *e)
{
	char *path;
	struct stat st;
	uint64_t size = 0;
	int64_t newest = 0;
	int rc = 0;

	if (!o->file || !o->port || !o->type || !result_file_ok(o->file) ||
	    strcmp(o->file, "result.json") == 0)
		return error_set(e,
				 "cannot publish output '%s': not a usable file name",
				 o->file ? o->file : "");
	path = path_join(out_dir, o->file);
	if (lstat(path, &st) < 0)
		rc = error_set(e, "cannot publish output '%s':", path);
	else if (o->is_dir ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode))
		rc = error_set(e, "cannot publish output '%s': it is no %s", path,
			       o->is_dir ? "folder" : "file");
	else if (o->is_dir && tree_state(path, &size, &newest) < 0)
		rc = error_set(e, "cannot publish output '%s':", path);
	else if ((o->is_dir ? size : (uint64_t)st.st_size) != o->size)
		rc = error_set(e,
			       "cannot publish output '%s': it has changed since it "
			       "was hashed",
			       path);
	else
		o->mtime_ns = o->is_dir ? newest
				       : (int64_t)st.st_mtim.tv_sec * 1000000000 +
						 st.st_mtim.tv_nsec;
	free(path);
	return rc;
}

static int
write_result(const struct result *r, const char *out_dir, struct error *e)
{
	enum { FLAGS = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW };
	char *path = path_join(out_dir, "result.json");
	struct str text = {0};
	int fd, ok;

	result_write(r, &text);
	str_addc(&text, '\n');
	fd = open(path, FLAGS, 0644);
	/* A stage's own file of this name is no output. */
	if (fd < 0 && errno == EEXIST && unlink(path) == 0)
		fd = open(path, FLAGS, 0644);
	ok = fd >= 0 && fs_write_all(fd, text.s, text.len) == 0 &&
	     fchmod(fd, 0444) == 0;
	if (fd >= 0 && close(fd) < 0)
		ok = 0;
	if (!ok)
		error_set(e, "cannot write '%s':", path);
	str_free(&text);
	free(path);
	return ok ? 0 : -1;
}

static int
make_ready(struct result *r, const char *out_dir, int sync, struct error *e)
{
	struct preparation p = {.sync = sync, .e = e};
	struct stat st;

	if (lstat(out_dir, &st) < 0)
		return error_set(e, "cannot publish '%s':", out_dir);
	if (!S_ISDIR(st.st_mode))
		return error_set(e, "cannot publish '%s': it is no folder any more",
				 out_dir);
	if (chmod(out_dir, 0755) < 0)
		return error_set(e, "cannot publish '%s':", out_dir);
	for (size_t i = 0; i < r->output_count; i++)
		if (check_output(&r->outputs[i], out_dir, e) < 0)
			return -1;
	if (write_result(r, out_dir, e) < 0)
		return -1;
	if (tree_walk(out_dir, prepare, &p) != 0)
		return error_set(e, "cannot publish '%s':", out_dir);
	return 0;
}

/* --- putting it in its place ------------------------------------------------------ */

/* objects/ab, made if missing. */
static int
make_shard(struct store *s, const char *name, struct error *e)
{
	char shard[3] = {name[0], name[1], '\0'};
	struct stat st;

	if (mkdirat(s->objects_fd, shard, 0755) == 0)
		return 0;
	if (errno != EEXIST)
		return error_set(
			e, "cannot write to store '%s': cannot make 'objects/%s':",
			s->path, shard);
	if (fstatat(s->objects_fd, shard, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
	    !S_ISDIR(st.st_mode))
		return error_set(
			e, "cannot write to store '%s': 'objects/%s' is no folder",
			s->path, shard);
	return 0;
}

/* The result stands; without this its name may be lost with the power, no more. */
static void
sync_names(struct store *s, const char *name)
{
	struct error e = {0};

	if (store_sync_object(s, name, &e) < 0 && store_first_report(s, e.text))
		log_warning("%s", e.text);
}

/* Rename. 1: ours stands there; 0: another's does, *theirs; -1 with the error set. */
static int
put_in_place(struct store *s, struct result *r, const char *out_dir, const char *place,
	     struct result **theirs, struct error *e)
{
	enum { TRIES = 4 };
	int found;

	for (int i = 0; i < TRIES; i++) {
		if (fs_rename_noreplace(out_dir, place) == 0)
			return 1;
		if (errno != EEXIST)
			return error_set(e, "cannot publish '%s':", place);
		/* A damaged one is moved aside by the look-up: try again. */
		found = object_lookup(s, &r->key, theirs, e);
		if (found == 1)
			return 0;
		if (found == UNREADABLE_NOW)
			return -1;
		/* One that nobody can read is of no use: ours takes its place. */
		if (found < 0 && object_set_aside(s, &r->key) < 0)
			return error_set(e,
					 "cannot publish '%s': one that is damaged or "
					 "unreadable is in its place",
					 place);
	}
	return error_set(e, "cannot publish '%s': others change it all the time",
			 place);
}

static struct result *
publish_object(struct store *s, struct result *r, const char *out_dir, int sync,
	       struct error *e)
{
	char name[OBJECT_NAME], *place;
	struct result *theirs = NULL;
	int rc;

	object_name(&r->key, name);
	place = path_join(s->objects, name);
	rc = make_ready(r, out_dir, sync, e);
	if (rc == 0)
		rc = make_shard(s, name, e);
	if (rc == 0)
		rc = put_in_place(s, r, out_dir, place, &theirs, e);
	if (rc == 1 && sync)
		sync_names(s, name);
	if (rc == 1) {
		free(r->dir);
		r->dir = place;
		return r;
	}
	free(place);
	result_free(r);
	if (rc == 0)
		fs_remove_tree(out_dir, NULL);
	return rc == 0 ? theirs : NULL;
}

static struct result *
publish_record(struct store *s, struct result *r, int sync, struct error *e)
{
	struct error unseen = {0}; /* then it stands twice, which harms nobody */
	struct result *there = segments_lookup(s, &r->key, &unseen);
	struct str text = {0};
	int rc;

	if (there) {
		result_free(r);
		return there;
	}
	result_write(r, &text);
	rc = segments_put(s, &r->key, &text, sync, e);
	str_free(&text);
	if (rc == 0) {
		index_put_record(s, &r->key);
		return r;
	}
	result_free(r);
	return NULL;
}

struct result *
store_publish(struct store *s, struct result *r, const char *out_dir, int sync,
	      struct error *e)
{
	if (!out_dir && r->output_count > 0) {
		error_set(e, "cannot publish a result with files as a record");
		result_free(r);
		return NULL;
	}
	free(r->boot);
	r->boot = xstrdup(s->self.boot);
	r->synced = sync != 0;
	r->time = (int64_t)time(NULL);
	if (!out_dir)
		return publish_record(s, r, sync, e);
	r = publish_object(s, r, out_dir, sync, e);
	if (r) { /* the index has no use for its story */
		js_free(r->from);
		r->from = NULL;
		index_put(s, r);
	}
	return r;
}

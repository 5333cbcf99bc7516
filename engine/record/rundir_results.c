/* SPDX-License-Identifier: Apache-2.0 */
/* Published results.
 *
 * results/.published holds line records, "CRC DIGEST SIZE STATE BOOT PATH\n": what was
 * put where. What it notes with the wanted digest, and stands there as it was put (see
 * rundir_stands.c; BOOT are 8 hex digits of the boot's id), is not touched again.
 * Damaged lines only mean that something is published once more.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/fs.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/str.h"
#include "record/engine_id.h"
#include "record/own_file.h"
#include "record/rundir_private.h"
#include "record/tree.h"

#define LINK_FROM ((off_t)64 * 1024 * 1024) /* larger files are hard links */

enum { STAMP = 27 }; /* " STATE BOOT " */

struct note {
	struct digest digest;
	uint64_t size, state;
	uint32_t boot;
	int kept; /* published or confirmed since the run was opened */
};

struct rundir_published {
	struct map by_path; /* -> index into notes */
	struct note *notes;
	size_t count, cap;
	int fd; /* results/, -1: it was not there */
	uint32_t boot;
	int changed;  /* results */
	int restamped; /* notes alone */
};

/* --- notes ------------------------------------------------------------------------ */

void
rundir_published_free(struct rundir_published *p)
{
	if (!p)
		return;
	if (p->fd >= 0)
		close(p->fd);
	map_free(&p->by_path);
	free(p->notes);
	free(p);
}

static void
set_note(struct rundir_published *p, const char *path, const struct note *note)
{
	int added;
	uint64_t *index = map_puts(&p->by_path, path, &added);

	if (added) {
		*index = p->count;
		GROW(p->notes, p->count, p->cap);
		p->count++;
	}
	p->notes[*index] = *note;
}

/* "DIGEST SIZE STATE BOOT PATH" of one sound line. */
static void
read_note(struct rundir_published *p, const char *text, size_t len)
{
	char *copy = xstrndup(text, len), *end;
	struct note note = {0};

	if (len > DIGEST_HEX + 1 && copy[DIGEST_HEX] == ' ') {
		copy[DIGEST_HEX] = '\0';
		note.size = strtoull(copy + DIGEST_HEX + 1, &end, 10);
		if (digest_parse(copy, &note.digest) == 0 && *end == ' ' &&
		    strlen(end) > STAMP && end[17] == ' ' && end[26] == ' ') {
			note.state = strtoull(end + 1, NULL, 16);
			note.boot = (uint32_t)strtoul(end + 18, NULL, 16);
			set_note(p, end + STAMP, &note);
		}
	}
	free(copy);
}

static char *
results_path(const struct rundir *d, const char *relative)
{
	return xasprintf("%s/results/%s", d->path, relative);
}

/* Was anything put, or looked at, since this machine was started? */
static int
knows_boot(const struct rundir_published *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (p->notes[i].boot == p->boot)
			return 1;
	return 0;
}

static struct rundir_published *
notes_of(struct rundir *d)
{
	char *path, *text, boot[40];
	size_t len = 0;

	if (d->published)
		return d->published;
	d->published = xcalloc(1, sizeof *d->published);
	path = results_path(d, "");
	d->published->fd = open(path, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	free(path);
	engine_boot(boot);
	d->published->boot = crc32c(boot, strlen(boot));
	path = results_path(d, ".published");
	text = own_read(path, 0, &len);
	for (const char *p = text; p && p < text + len;) {
		const char *nl = memchr(p, '\n', (size_t)(text + len - p));
		const char *end = nl ? nl : text + len;
		const char *body = line_check(p, (size_t)(end - p));

		if (body)
			read_note(d->published, body, (size_t)(end - body));
		p = end + 1;
	}
	free(text);
	free(path);
	if (!knows_boot(d->published))
		rundir_sweep(d); /* names may have come back that were gone */
	return d->published;
}

int
rundir_changed(const struct rundir *d)
{
	return d->published && d->published->changed;
}

int
rundir_flush(struct rundir *d, struct error *e)
{
	struct rundir_published *p = d->published;
	struct str all = {0};
	char *path;
	int rc;

	if (!p || (!p->changed && !p->restamped))
		return 0;
	for (size_t i = 0; i < p->by_path.count; i++) {
		const struct map_entry *entry = &p->by_path.entries[i];
		const struct note *note = &p->notes[entry->value];
		char hex[DIGEST_HEX + 1], *line;

		if (!entry->key)
			continue;
		line = xasprintf("%s %" PRIu64 " %016" PRIx64 " %08" PRIx32 " %s",
				 digest_hex(&note->digest, hex), note->size,
				 note->state, note->boot, entry->key);
		line_seal(&all, line, strlen(line));
		free(line);
	}
	path = results_path(d, ".published");
	rc = own_write(path, all.s, all.len, 0, e);
	if (rc == 0)
		p->changed = p->restamped = 0;
	free(path);
	str_free(&all);
	return rc;
}

/* --- publishing ------------------------------------------------------------------- */

/* Folders above a removed file that are empty now, up to results/. */
static void
remove_empty_parents(const struct rundir *d, const char *relative)
{
	char *path = path_dir(relative);

	while (strcmp(path, ".") != 0) {
		char *full = results_path(d, path), *up;
		int rc = rmdir(full);

		free(full);
		if (rc < 0)
			break;
		up = path_dir(path);
		free(path);
		path = up;
	}
	free(path);
}

size_t
rundir_prune(struct rundir *d)
{
	struct rundir_published *p = notes_of(d);
	size_t removed = 0;

	for (size_t i = 0; i < p->by_path.count; i++) {
		struct map_entry *entry = &p->by_path.entries[i];
		const struct note *note = entry->key ? &p->notes[entry->value] : NULL;
		char *path, *relative;
		struct stat st;

		if (!note || note->kept)
			continue;
		relative = xstrdup(entry->key);
		path = results_path(d, relative);
		if (lstat(path, &st) == 0 && S_ISREG(st.st_mode) &&
		    (uint64_t)st.st_size == note->size && unlink(path) == 0) {
			remove_empty_parents(d, relative);
			removed++;
		}
		map_del(&p->by_path, relative, strlen(relative));
		p->changed = 1;
		free(path);
		free(relative);
	}
	return removed;
}

/* Is this what the notes say stands there? */
static int
is_published(struct rundir *d, const char *from, const char *relative, int is_dir,
	     const struct digest *digest)
{
	struct rundir_published *p = notes_of(d);
	uint64_t *index = map_gets(&p->by_path, relative), state;
	struct note *note = index ? &p->notes[*index] : NULL;
	char *path = NULL;
	int stands;

	if (!note || !digest_equal(&note->digest, digest))
		return 0;
	/* One short path for the kernel to walk: there may be very many. */
	if (!is_dir && p->fd >= 0) {
		stands = published_state(from, p->fd, relative, 0, &state) == 0;
	} else {
		path = results_path(d, relative);
		stands = published_state(from, AT_FDCWD, path, is_dir, &state) == 0;
	}
	if (stands && (state != note->state || p->boot != note->boot)) {
		path = path ? path : results_path(d, relative);
		stands = published_equals(from, path);
		if (stands) {
			note->state = state;
			note->boot = p->boot;
			p->restamped = 1;
		}
	}
	note->kept |= stands;
	free(path);
	return stands;
}

static int
is_folder(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

/* A hard link where the file is large, else, or where that cannot be, a copy. */
static int
put_file(const char *from, const char *to, const struct stat *st, struct error *e)
{
	if (is_folder(to))
		own_clear(to);
	if (st->st_size > LINK_FROM) {
		char *temporary = rundir_temporary(to);
		int linked = link(from, temporary) == 0;
		int rc = linked ? rundir_replace(temporary, to, e) : 0;

		free(temporary);
		if (linked)
			return rc;
	}
	if (fs_copy_file(from, to, e) < 0)
		return -1;
	if ((st->st_mode & S_IXUSR) && chmod(to, 0755) < 0)
		return error_set(e, "cannot make '%s' executable:", to);
	return 0;
}

struct copying {
	const char *to;
	struct error *error;
};

static int
put_link(const char *from, const char *relative, const char *to, struct error *e)
{
	char target[PATH_MAX];
	ssize_t n = readlink(from, target, sizeof target - 1);

	if (n < 0)
		return error_set(e, "cannot read link '%s':", from);
	target[n] = '\0';
	if (!link_stays_inside(relative, target))
		return error_set(e,
				 "cannot publish '%s': it is a symlink that leads out "
				 "of its folder",
				 from);
	return rundir_make_link(to, target, e);
}

static int
put_entry(void *arg, const char *path, const char *relative, const struct stat *st,
	  int after)
{
	struct copying *c = arg;
	char *to;
	int rc = 0;

	if (after)
		return 0;
	to = path_join(c->to, relative);
	if (S_ISDIR(st->st_mode)) {
		own_clear_folder(to, 0);
		if (mkdir(to, 0755) < 0 && !(errno == EEXIST && is_folder(to)))
			rc = error_set(c->error, "cannot make folder '%s':", to);
	} else if (S_ISREG(st->st_mode)) {
		rc = put_file(path, to, st, c->error);
	} else if (S_ISLNK(st->st_mode)) {
		rc = put_link(path, relative, to, c->error);
	} else {
		rc = error_set(c->error, "cannot publish '%s': it is no file or folder",
			       path);
	}
	free(to);
	return rc;
}

/* The folders above results/RELATIVE. */
static int
make_parents(const struct rundir *d, const char *relative, struct error *e)
{
	char *below = xasprintf("results/%s", relative);
	int rc;

	*strrchr(below, '/') = '\0';
	rc = rundir_make_below(d->path, below, e);
	free(below);
	return rc;
}

int
rundir_publish(struct rundir *d, const char *from, const char *relative, int is_dir,
	       const struct digest *digest, struct error *e)
{
	struct copying c = {.error = e};
	struct note note = {.digest = *digest, .kept = 1};
	struct stat st;
	char *to;
	int rc = 0;

	if (!result_file_ok(relative) || strcmp(relative, ".published") == 0)
		return error_set(e,
				 "cannot publish '%s': not a usable path below results",
				 relative);
	if (is_published(d, from, relative, is_dir, digest))
		return 0;
	c.to = to = results_path(d, relative);
	if (lstat(from, &st) < 0)
		rc = error_set(e, "cannot publish '%s':", from);
	else if (is_dir ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode))
		rc = error_set(e, "cannot publish '%s': it is no %s", from,
			       is_dir ? "folder" : "file");
	if (rc == 0)
		rc = make_parents(d, relative, e);
	if (rc == 0 && is_dir)
		rc = tree_walk(from, put_entry, &c) == 0
			     ? 0
			     : error_set(e, "cannot publish '%s':", from);
	else if (rc == 0)
		rc = put_file(from, to, &st, e);
	if (rc == 0) {
		note.size = is_dir ? 0 : (uint64_t)st.st_size;
		note.boot = d->published->boot;
		if (published_state(from, AT_FDCWD, to, is_dir, &note.state) < 0)
			note.state = 0; /* looked at again next time */
		set_note(d->published, relative, &note);
		d->published->changed = 1;
	}
	free(to);
	return rc;
}

int
rundir_result_text(struct rundir *d, const char *name, const char *text,
		   struct error *e)
{
	char *path;
	int rc;

	if (!result_file_ok(name) || strcmp(name, ".published") == 0)
		return error_set(e, "cannot write result '%s': not a usable name",
				 name);
	path = results_path(d, name);
	rc = make_parents(d, name, e);
	if (rc == 0)
		rc = write_if_differs(path, text, strlen(text), e);
	free(path);
	return rc;
}

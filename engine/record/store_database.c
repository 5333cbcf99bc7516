/* SPDX-License-Identifier: Apache-2.0 */
/* Digests of databases, which are never read whole.
 *
 * SHA-256 over fields. With PREFIX.sha256 beside it (lines "HEX  NAME" as sha256sum
 * writes):
 *     "af2flow-database/1", "declared", then for each line, sorted, its digest and base
 *     name
 * else
 *     "af2flow-database/1", "sampled", then for each file its name (the suffix; in a
 *     folder the path from there), its size in decimal, and the digest of its samples
 * So neither where it lies nor when it was written counts.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "record/store_private.h"
#include "record/store_stamps.h"
#include "record/tree.h"

enum {
	BLOCK = 64 * 1024,
	BLOCKS = 64,
	LINK_DEPTH = 8,
	LONGEST_LIST = 64 * 1024 * 1024
};

/* Add one block; a short one only where the file ends. */
static int
add_block(struct hash *h, int fd, char *buf, uint64_t offset, size_t want)
{
	size_t n = 0;

	while (n < want) {
		ssize_t got = pread(fd, buf + n, want - n, (off_t)(offset + n));

		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return -1;
		if (got == 0)
			break;
		n += (size_t)got;
	}
	hash_add(h, buf, n);
	return 0;
}

/* The blocks lie evenly over the file, the first and the last among them. */
static int
add_samples(struct hash *h, int fd, uint64_t size)
{
	char *buf = xmalloc(BLOCK);
	int rc = 0;

	if (size <= (uint64_t)BLOCK * BLOCKS) {
		for (uint64_t at = 0; rc == 0 && at < size; at += BLOCK)
			rc = add_block(h, fd, buf, at, BLOCK);
	} else {
		uint64_t room = size - BLOCK, step = room / (BLOCKS - 1);

		for (uint64_t i = 0; rc == 0 && i < BLOCKS; i++)
			rc = add_block(h, fd, buf, i == BLOCKS - 1 ? room : i * step,
				       BLOCK);
	}
	free(buf);
	return rc;
}

int
sample_file(const char *path, struct digest *out, struct error *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY), rc = -1;
	char text[24];
	struct hash *h;
	struct stat st;

	if (fd < 0)
		return error_set(e, "cannot open '%s':", path);
	h = hash_new();
	if (fstat(fd, &st) == 0) {
		snprintf(text, sizeof text, "%" PRIu64, (uint64_t)st.st_size);
		hash_add_field(h, text);
		rc = add_samples(h, fd, (uint64_t)st.st_size);
	}
	if (rc < 0)
		error_set(e, "cannot read '%s':", path);
	close(fd);
	hash_end(h, out);
	return rc;
}

/* --- files of a database ---------------------------------------------------------- */

struct database {
	struct store *store;
	struct hash *hash;
	const char *prefix; /* of relative names: inside linked folders */
	int links;          /* linked folders on the way here */
	size_t files;
	struct error *error;
};

static int
add_file(struct database *db, const char *name, const char *path, const struct stat *st)
{
	char hex[DIGEST_HEX + 1], size[24];
	struct digest d;

	if (!S_ISREG(st->st_mode))
		return error_set(db->error,
				 "cannot read database '%s': it is no regular file",
				 path);
	if (sampled_digest(db->store, path, st, &d, db->error) < 0)
		return -1;
	snprintf(size, sizeof size, "%" PRIu64, (uint64_t)st->st_size);
	hash_add_field(db->hash, name);
	hash_add_field(db->hash, size);
	hash_add_field(db->hash, digest_hex(&d, hex));
	db->files++;
	return 0;
}

static int add_entry(void *arg, const char *path, const char *relative,
		     const struct stat *st, int after);

/* A link to a folder: what is in it counts under the link's name. */
static int
add_linked_folder(struct database *db, const char *path, const char *name)
{
	struct database inner = *db;
	char *real = realpath(path, NULL);
	int rc;

	if (!real || db->links >= LINK_DEPTH) {
		free(real);
		return error_set(db->error,
				 "cannot read database '%s': a link that leads nowhere",
				 path);
	}
	inner.prefix = name;
	inner.links++;
	rc = tree_walk(real, add_entry, &inner);
	db->files = inner.files;
	free(real);
	return rc;
}

static int
add_entry(void *arg, const char *path, const char *relative, const struct stat *st,
	  int after)
{
	struct database *db = arg;
	struct stat target;
	char *name;
	int rc;

	if (after || S_ISDIR(st->st_mode))
		return 0;
	name = path_join(db->prefix, relative);
	if (!S_ISLNK(st->st_mode))
		rc = add_file(db, name, path, st);
	else if (stat(path, &target) < 0)
		rc = error_set(db->error, "cannot read database '%s':", path);
	else if (S_ISDIR(target.st_mode))
		rc = add_linked_folder(db, path, name);
	else
		rc = add_file(db, name, path, &target);
	free(name);
	return rc;
}

/* The whole path: a file, or all files of a folder. */
static int
add_path(struct database *db, const char *path)
{
	char *real = realpath(path, NULL);
	struct stat st;
	int rc;

	if (!real || stat(real, &st) < 0)
		rc = error_set(db->error, "cannot read database '%s':", path);
	else if (!S_ISDIR(st.st_mode))
		rc = add_file(db, "", real, &st);
	else if ((rc = tree_walk(real, add_entry, db)) < 0)
		error_set(db->error, "cannot read database '%s':", path);
	free(real);
	if (rc == 0 && db->files == 0)
		rc = error_set(db->error,
			       "cannot read database '%s': it is an empty folder",
			       path);
	return rc;
}

static int
add_suffixes(struct database *db, const char *prefix, const struct words *suffixes)
{
	int rc = 0;

	for (size_t i = 0; rc == 0 && i < suffixes->count; i++) {
		char *path = xasprintf("%s%s", prefix, suffixes->v[i]);
		struct stat st;

		if (stat(path, &st) < 0)
			rc = error_set(db->error, "cannot read database '%s':", path);
		else
			rc = add_file(db, suffixes->v[i], path, &st);
		free(path);
	}
	return rc;
}

/* --- what a .sha256 declares ------------------------------------------------------ */

static int
by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* "HEX  NAME" or "HEX *NAME" or "HEX" as "HEX BASENAME". -1 if it is none. */
static int
add_declared(struct words *out, const char *line, size_t len)
{
	char *copy = xstrndup(line, len), *name, *entry;
	struct digest d;
	int rc = -1;

	while (len > 0 && isspace((unsigned char)copy[len - 1]))
		copy[--len] = '\0';
	if (len == 0) {
		rc = 0;
	} else if (len >= DIGEST_HEX) {
		name = copy + DIGEST_HEX;
		if (*name)
			*name++ = '\0';
		name += strspn(name, " *");
		for (char *p = copy; *p; p++)
			*p = (char)tolower((unsigned char)*p);
		if (digest_parse(copy, &d) == 0) {
			entry = xasprintf("%s %s", copy, path_base(name));
			words_add(out, entry);
			free(entry);
			rc = 0;
		}
	}
	free(copy);
	return rc;
}

static int
read_declared(const char *path, struct words *out, struct error *e)
{
	size_t len, line = 1;
	char *text = fs_read_file(path, LONGEST_LIST, &len, e);
	int rc = 0;

	if (!text)
		return -1;
	for (const char *p = text; rc == 0 && *p; line++) {
		size_t n = strcspn(p, "\n");

		if (add_declared(out, p, n) < 0)
			rc = error_set(e, "cannot use '%s': line %zu holds no SHA-256",
				       path, line);
		p += n + (p[n] == '\n');
	}
	free(text);
	if (rc == 0 && out->count == 0)
		rc = error_set(e, "cannot use '%s': it holds no SHA-256", path);
	return rc;
}

static int
declared_digest(const char *path, struct hash *h, struct error *e)
{
	struct words entries = {0};
	int rc = read_declared(path, &entries, e);

	hash_add_field(h, "declared");
	if (entries.count > 1)
		qsort(entries.v, entries.count, sizeof *entries.v, by_text);
	for (size_t i = 0; i < entries.count; i++)
		hash_add_field(h, entries.v[i]);
	words_free(&entries);
	return rc;
}

int
store_database_digest(struct store *s, const char *prefix, const struct words *suffixes,
		      struct digest *out, struct error *e)
{
	struct database db = {.store = s, .prefix = "", .error = e};
	size_t n = strlen(prefix);
	char *path, *declared;
	int rc;

	while (n > 1 && prefix[n - 1] == '/' && (!suffixes || suffixes->count == 0))
		n--;
	path = xstrndup(prefix, n);
	declared = xasprintf("%s.sha256", path);
	db.hash = hash_new();
	hash_add_field(db.hash, "af2flow-database/1");
	if (access(declared, F_OK) == 0) {
		rc = declared_digest(declared, db.hash, e);
	} else {
		hash_add_field(db.hash, "sampled");
		rc = suffixes && suffixes->count > 0 ? add_suffixes(&db, path, suffixes)
						     : add_path(&db, path);
	}
	hash_end(db.hash, out);
	free(declared);
	free(path);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* The digest of a folder (declared in base/digest.h).
 *
 * SHA-256 over fields (hash_add_field): "tree/1", then for each entry, a folder before
 * what is in it and the names of a folder in byte order: its kind ("d" folder, "f"
 * file, "x" executable file, "l" symlink), its path from the root, and for a file the
 * hex digest of its content, for a symlink its target. Owner, times and other mode bits
 * do not count. Anything else (a FIFO, a socket, a device) is an error.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/fs.h"
#include "base/str.h"

struct walk {
	struct hash *hash;
	uint64_t size;
	struct error *error;
};

static int add_folder(struct walk *w, const char *path, const char *relative);

static int
compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The sorted names in a folder, "." and ".." left out. */
static int
list_names(const char *path, struct words *names, struct error *e)
{
	DIR *dir = opendir(path);
	struct dirent *d;

	if (!dir)
		return error_set(e, "cannot open folder '%s':", path);
	while (errno = 0, (d = readdir(dir)))
		if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
			words_add(names, d->d_name);
	if (errno) {
		error_set(e, "cannot read folder '%s':", path);
		closedir(dir);
		return -1;
	}
	closedir(dir);
	if (names->count > 1)
		qsort(names->v, names->count, sizeof *names->v, compare_names);
	return 0;
}

static void
add_head(struct walk *w, const char *kind, const char *relative)
{
	hash_add_field(w->hash, kind);
	hash_add_field(w->hash, relative);
}

static int
add_file(struct walk *w, const char *path, const char *relative, mode_t mode)
{
	char hex[DIGEST_HEX + 1];
	struct digest content;
	uint64_t size;

	if (digest_file(path, &content, &size, w->error) < 0)
		return -1;
	add_head(w, mode & S_IXUSR ? "x" : "f", relative);
	hash_add_field(w->hash, digest_hex(&content, hex));
	w->size += size;
	return 0;
}

static int
add_link(struct walk *w, const char *path, const char *relative)
{
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof target - 1);

	if (n < 0)
		return error_set(w->error, "cannot read link '%s':", path);
	target[n] = '\0';
	add_head(w, "l", relative);
	hash_add_field(w->hash, target);
	return 0;
}

static int
add_entry(struct walk *w, const char *path, const char *relative)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return error_set(w->error, "cannot read '%s':", path);
	if (S_ISREG(st.st_mode))
		return add_file(w, path, relative, st.st_mode);
	if (S_ISLNK(st.st_mode))
		return add_link(w, path, relative);
	if (!S_ISDIR(st.st_mode))
		return error_set(
			w->error,
			"cannot hash '%s': it is not a file, folder or symlink", path);
	add_head(w, "d", relative);
	return add_folder(w, path, relative);
}

static int
add_folder(struct walk *w, const char *path, const char *relative)
{
	struct words names = {0};
	int rc = list_names(path, &names, w->error);

	for (size_t i = 0; rc == 0 && i < names.count; i++) {
		char *child = path_join(path, names.v[i]);
		char *child_relative = path_join(relative, names.v[i]);

		rc = add_entry(w, child, child_relative);
		free(child);
		free(child_relative);
	}
	words_free(&names);
	return rc;
}

int
digest_tree(const char *path, struct digest *out, uint64_t *size, struct error *e)
{
	struct walk w = {.error = e};
	struct stat st;
	int rc;

	if (stat(path, &st) < 0)
		return error_set(e, "cannot open '%s':", path);
	if (!S_ISDIR(st.st_mode))
		return digest_file(path, out, size, e);
	w.hash = hash_new();
	hash_add_field(w.hash, "tree/1");
	rc = add_folder(&w, path, "");
	hash_end(w.hash, out);
	if (rc == 0 && size)
		*size = w.size;
	return rc;
}

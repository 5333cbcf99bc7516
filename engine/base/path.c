/* SPDX-License-Identifier: Apache-2.0 */
/* Paths as texts (declared in base/fs.h): nothing here reads the disk, but
 * fs_find_program and the current folder in path_absolute. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/digest.h"
#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"

char *
path_join(const char *a, const char *b)
{
	if (!*a || *b == '/')
		return xstrdup(b);
	if (!*b)
		return xstrdup(a);
	return xasprintf("%s%s%s", a, ends_with(a, "/") ? "" : "/", b);
}

const char *
path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

char *
path_dir(const char *path)
{
	const char *end = path_base(path);

	if (end == path)
		return xstrdup(".");
	while (end > path + 1 && end[-1] == '/')
		end--;
	return xstrndup(path, (size_t)(end - path));
}

/* Append the components of `path` to an absolute, clean path ("" is the root). */
static void
add_components(struct str *out, const char *path)
{
	while (*path) {
		size_t n = strcspn(path, "/");

		if (n == 2 && memcmp(path, "..", 2) == 0) {
			while (out->len > 0 && out->s[--out->len] != '/')
				continue;
			if (out->s)
				out->s[out->len] = '\0';
		} else if (n > 0 && !(n == 1 && *path == '.')) {
			str_addc(out, '/');
			str_addn(out, path, n);
		}
		path += n;
		while (*path == '/')
			path++;
	}
}

char *
path_absolute(const char *base, const char *path)
{
	struct str out = {0};

	if (*path != '/') {
		if (!base || *base != '/') {
			char *cwd = getcwd(NULL, 0);

			add_components(&out, cwd ? cwd : "/");
			free(cwd);
		}
		if (base)
			add_components(&out, base);
	}
	add_components(&out, path);
	if (out.len == 0)
		str_addc(&out, '/');
	return str_take(&out);
}

int
path_component_ok(const char *name)
{
	size_t n = strlen(name);

	if (n == 0 || n > 255 || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
		return 0;
	for (; *name; name++)
		if (*name == '/' || (unsigned char)*name < 0x20 || *name == 0x7f)
			return 0;
	return 1;
}

char *
path_component_from(const char *text)
{
	static const char plain[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789._=,+@-";
	enum { MAX = 200 };
	struct str out = {0};
	size_t n = strlen(text);
	int changed = n > MAX || n == 0;

	for (size_t i = 0; i < n && i < MAX; i++) {
		/* Hidden files are the engine's own, and a dash begins an option. */
		int ok = strchr(plain, text[i]) != NULL &&
			 (i > 0 || (text[i] != '.' && text[i] != '-'));

		changed |= !ok;
		str_addc(&out, ok ? text[i] : '_');
	}
	/* A CRC is the same on every machine and in every release. */
	if (changed)
		str_printf(&out, "~%08x", (unsigned)crc32c(text, n));
	return str_take(&out);
}

/* Is it a regular file that this process may execute? */
static int
is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
	       faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

char *
fs_find_program(const char *name)
{
	const char *path = getenv("PATH");

	return fs_find_program_in(path ? path : "/usr/local/bin:/usr/bin:/bin", name);
}

char *
fs_find_program_in(const char *path, const char *name)
{
	if (!*name)
		return NULL;
	if (strchr(name, '/'))
		return is_program(name) ? path_absolute(NULL, name) : NULL;
	for (;;) {
		size_t n = strcspn(path, ":");
		/* An empty item is the current folder, as for the shell. */
		char *dir = n ? xstrndup(path, n) : xstrdup(".");
		char *file = path_join(dir, name);
		char *found = is_program(file) ? path_absolute(NULL, file) : NULL;

		free(dir);
		free(file);
		if (found || !path[n])
			return found;
		path += n + 1;
	}
}

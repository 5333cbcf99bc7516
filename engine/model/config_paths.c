/* SPDX-License-Identifier: Apache-2.0 */
/* Paths in settings. */
#include "model/config_paths.h"

#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"

char *
config_absolute_paths(const char *file, const char *value)
{
	char *dir = path_dir(file), *path;
	struct str out = {0};

	for (const char *p = value; *p;) {
		size_t n = strcspn(p, ":");
		char *one = xstrndup(p, n);

		if (*one) {
			char *base = path_absolute(NULL, dir);

			path = path_absolute(base, one);
			str_printf(&out, "%s%s", out.len ? ":" : "", path);
			free(path);
			free(base);
		}
		free(one);
		p += n + (p[n] == ':');
	}
	free(dir);
	return str_take(&out);
}

char *
config_absolute_path(const char *file, const char *value)
{
	char *dir = path_dir(file), *base = path_absolute(NULL, dir);
	char *path = *value ? path_absolute(base, value) : xstrdup("");

	free(base);
	free(dir);
	return path;
}

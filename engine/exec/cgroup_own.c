/* SPDX-License-Identifier: Apache-2.0 */
/* Which control group this process is in (declared in exec/cgroup.h). /proc/self/cgroup
 * says so, one hierarchy a line ("4:memory:/path"; version 2 is "0::/path"), and
 * /proc/self/mountinfo where that hierarchy is mounted:
 *
 *     31 23 0:28 ROOT MOUNT-POINT rw - FSTYPE SOURCE OPTIONS
 *
 * A container may see a part of the hierarchy only: ROOT is then cut off our path. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/str.h"
#include "exec/cgroup.h"

enum { LINE = 4096 };

/* Is `name` one of the comma-separated words? */
static int
has_word(const char *words, const char *name)
{
	size_t n = strlen(name);

	for (const char *p = words; p; p = strchr(p, ',')) {
		p += *p == ',';
		if (strncmp(p, name, n) == 0 && (p[n] == ',' || p[n] == '\0'))
			return 1;
	}
	return 0;
}

/* Our path in the hierarchy; NULL if there is none. Caller frees. */
static char *
own_path(const char *root, const char *controller)
{
	char *file = xasprintf("%s/proc/self/cgroup", root), *found = NULL;
	char line[LINE];
	FILE *f = fopen(file, "re");

	free(file);
	while (f && !found && fgets(line, sizeof(line), f)) {
		char *names = strchr(line, ':');
		char *path = names ? strchr(names + 1, ':') : NULL;

		if (!path)
			continue;
		*path++ = '\0';
		names++;
		path[strcspn(path, "\n")] = '\0';
		if (controller ? has_word(names, controller)
			       : !*names && strncmp(line, "0:", 2) == 0)
			found = xstrdup(path);
	}
	if (f)
		fclose(f);
	return found;
}

/* Blanks and the like are written as \040. */
static void
unescape(char *s)
{
	char *to = s;

	for (; *s; s++, to++) {
		*to = *s;
		if (*s == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3]) {
			*to = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 + s[3] - '0');
			s += 3;
		}
	}
	*to = '\0';
}

/* The folder, if this line of mountinfo is of that hierarchy; else NULL. */
static char *
folder_of(const char *root, char *line, const char *controller, const char *path)
{
	char *dash = strstr(line, " - "), *top, *point, *type, *options, *save = NULL;
	size_t n;

	if (!dash)
		return NULL;
	*dash = '\0';
	for (int i = 0; i < 3; i++)
		if (!strtok_r(i ? NULL : line, " ", &save))
			return NULL;
	top = strtok_r(NULL, " ", &save);
	point = strtok_r(NULL, " ", &save);
	save = NULL;
	type = strtok_r(dash + 3, " \n", &save);
	strtok_r(NULL, " \n", &save);
	options = strtok_r(NULL, " \n", &save);
	if (!top || !point || !type || !options)
		return NULL;
	if (controller ? strcmp(type, "cgroup") != 0 || !has_word(options, controller)
		       : strcmp(type, "cgroup2") != 0)
		return NULL;
	unescape(top);
	unescape(point);
	n = strcmp(top, "/") == 0 ? 0 : strlen(top);
	if (strncmp(path, top, n) != 0 || (path[n] && path[n] != '/'))
		return NULL;
	path += n;
	return xasprintf("%s%s%s", root, point, strcmp(path, "/") == 0 ? "" : path);
}

char *
cgroup_own(const char *root, const char *controller)
{
	char *path = own_path(root, controller), *found = NULL;
	char *file = xasprintf("%s/proc/self/mountinfo", root);
	FILE *f = path ? fopen(file, "re") : NULL;
	char line[2 * LINE];

	while (f && !found && fgets(line, sizeof(line), f))
		found = folder_of(root, line, controller, path);
	if (f)
		fclose(f);
	free(file);
	free(path);
	return found;
}

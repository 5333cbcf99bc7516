/* SPDX-License-Identifier: Apache-2.0 */
/* Who may write a file (declared in base/fs.h).
 *
 * Plugins run with the user's rights, and settings say which plugins: so nobody may be
 * able to write them who could not run code as this user anyway. Those are root, the
 * user, a group that is the user's alone, and whoever owns the program itself: where a
 * site installs software under an account or group of its own, its plugins are as good
 * as its program.
 */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"

/* The program that runs; all zero (root's) where that is not to be known. */
static struct stat
own_program(void)
{
	struct stat st = {0};

	if (stat("/proc/self/exe", &st) < 0)
		memset(&st, 0, sizeof st);
	return st;
}

/* Is a group only this user's own, as where everybody has a group of the same name? */
static int
group_is_private(gid_t gid)
{
	const struct passwd *user = getpwuid(geteuid());
	const struct group *g = user ? getgrgid(gid) : NULL;

	if (!g || gid != user->pw_gid || strcmp(g->gr_name, user->pw_name) != 0)
		return 0;
	for (char **m = g->gr_mem; *m; m++)
		if (strcmp(*m, user->pw_name) != 0)
			return 0;
	return 1;
}

static int
group_is_trusted(gid_t gid)
{
	struct stat program = own_program();

	return gid == 0 || ((program.st_mode & S_IWGRP) && program.st_gid == gid) ||
	       group_is_private(gid);
}

int
fs_owner_is_trusted(const struct stat *st)
{
	return st->st_uid == 0 || st->st_uid == geteuid() ||
	       st->st_uid == own_program().st_uid;
}

const char *
fs_untrusted(const struct stat *st)
{
	if (!fs_owner_is_trusted(st))
		return "it belongs to another user";
	if (st->st_mode & S_IWOTH)
		return "everybody can write it";
	if ((st->st_mode & S_IWGRP) && !group_is_trusted(st->st_gid))
		return "its group can write it";
	return NULL;
}

/* In a sticky folder nobody can replace what belongs to another. */
static const char *
untrusted_folder(const struct stat *st)
{
	return st->st_mode & S_ISVTX ? NULL : fs_untrusted(st);
}

int
fs_check_trust(const char *path, const char *what, struct error *e)
{
	char *real = realpath(path, NULL), *dir = real ? path_dir(real) : NULL;
	const char *why = NULL, *where = real;
	struct stat st;

	if (!real || stat(real, &st) < 0) {
		error_set(e, "cannot look at %s '%s':", what, path);
		free(real);
		free(dir);
		return -1;
	}
	why = fs_untrusted(&st);
	if (!why && stat(dir, &st) == 0 && (why = untrusted_folder(&st)))
		where = dir;
	if (why) {
		error_set(e, "cannot use %s '%s': %s%s%s%s", what, path,
			  where == dir ? "its folder '" : "", where == dir ? dir : "",
			  where == dir ? "': " : "", why);
		error_hint(e, "chmod go-w '%s', if what it says is yours", where);
	}
	free(dir);
	free(real);
	return why ? -1 : 0;
}

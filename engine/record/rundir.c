/* SPDX-License-Identifier: Apache-2.0 */
/* The run directory: opening, locking, what it says of itself.
 *
 *     id                    16 random hex digits; part of the keys of unshared tasks
 *     lock, lock.holder     locked while an engine runs (rundir_lock.c); which one
 *     workflow.dot, params.ini, topology.xml, meta.json
 *     journal               journal.c
 *     index                 of the store's look-ups; a cache
 *     tasks/NODE/BRANCH/    attempt-N/, and out, a symlink to the object in the store
 *     results/              published files; .published notes what stands there
 * A task without variables has no BRANCH folder.
 */
#include "record/rundir.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/str.h"
#include "record/own_file.h"
#include "record/rundir_private.h"

enum { ID_LENGTH = 16, SMALL_FILE = 64 * 1024, LONG_VALUE = 4000, DEFAULT_PATIENCE = 60 };

char *
rundir_name(const char *workflow_name, const char *workflow_path,
	    const struct name_value *params, size_t count)
{
	char hex[DIGEST_HEX + 1], *safe = path_component_from(workflow_name), *out;
	struct hash *h = hash_new();
	struct digest d;

	hash_add_field(h, workflow_path);
	for (size_t i = 0; i < count; i++) {
		hash_add_field(h, params[i].name);
		hash_add_field(h, params[i].value);
	}
	hash_end(h, &d);
	out = xasprintf("%s-%.8s", safe, digest_hex(&d, hex));
	free(safe);
	return out;
}

/* --- opening ---------------------------------------------------------------------- */

/* The id in the file, or NULL. */
static char *
read_id(const struct rundir *d)
{
	char *path = path_join(d->path, "id");
	size_t len = 0;
	char *text = own_read(path, SMALL_FILE, &len);
	int ok = text && len >= ID_LENGTH &&
		 (len == ID_LENGTH || text[ID_LENGTH] == '\n');

	free(path);
	for (int i = 0; ok && i < ID_LENGTH; i++)
		ok = isxdigit((unsigned char)text[i]) != 0;
	if (!ok) {
		free(text);
		return NULL;
	}
	text[ID_LENGTH] = '\0';
	return text;
}

/* A new one: results kept for this run alone are made again. */
static int
make_id(struct rundir *d, struct error *e)
{
	char *path = path_join(d->path, "id"), text[ID_LENGTH + 2];
	struct stat st;
	uint64_t r;
	int rc;

	if (getrandom(&r, sizeof r, 0) != (ssize_t)sizeof r) {
		free(path);
		return error_set(e, "cannot get random bytes:");
	}
	snprintf(text, sizeof text, "%016" PRIx64 "\n", r);
	if (lstat(path, &st) == 0 && S_ISREG(st.st_mode))
		log_warning("'%s' is damaged: results of this run alone are made again",
			    path);
	rc = own_write(path, text, strlen(text), 1, e);
	text[ID_LENGTH] = '\0';
	d->id = xstrdup(text);
	free(path);
	return rc;
}

static int
resolve(struct rundir *d, const char *path, struct error *e)
{
	d->path = realpath(path, NULL);
	return d->path ? 0 : error_set(e, "cannot open run '%s':", path);
}

/* The folders that a run writes below. A run follows no symlink: in a folder that others
 * can write it could lead anywhere. */
static int
check_folders(const struct rundir *d, struct error *e)
{
	static const char *const names[] = {"tasks", "results"};
	struct stat st;
	int rc = 0;

	for (int i = 0; rc == 0 && i < 2; i++) {
		char *path = path_join(d->path, names[i]);

		own_clear_folder(path, 1); /* it may be the user's wish */
		if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode)) {
			rc = error_set(e, "cannot use run '%s': '%s' in it is a symlink",
				       d->path, names[i]);
			error_hint(e, "remove it; --run-dir puts a whole run elsewhere");
		}
		free(path);
	}
	if (rc == 0 && stat(d->path, &st) == 0 && (st.st_mode & S_IWOTH) &&
	    !(st.st_mode & S_ISVTX))
		log_warning("run '%s': everybody can write it (chmod o-w)", d->path);
	return rc;
}

int
rundir_open(struct rundir *d, const char *path, struct error *e)
{
	return rundir_open_locked(d, path, LOCKS_AUTO, DEFAULT_PATIENCE, e);
}

int
rundir_open_locked(struct rundir *d, const char *path, enum locks how, double patience,
		   struct error *e)
{
	int crashed;

	*d = (struct rundir){.lock_fd = -1};
	if (!path[0])
		return error_set(e, "cannot open the run: its path is empty");
	if (fs_mkdirs(path, e) < 0 || resolve(d, path, e) < 0)
		goto error;
	crashed = rundir_has_crashed(d);
	if (rundir_take_lock(d, how, patience, e) < 0 || check_folders(d, e) < 0)
		goto error;
	if (crashed)
		rundir_sweep(d);
	d->id = read_id(d);
	if (!d->id && make_id(d, e) < 0)
		goto error;
	return 0;
error:
	rundir_close(d);
	return -1;
}

int
rundir_open_read(struct rundir *d, const char *path, struct error *e)
{
	char *journal;
	int known;

	*d = (struct rundir){.lock_fd = -1};
	if (resolve(d, path, e) < 0)
		return -1;
	journal = path_join(d->path, "journal");
	d->id = read_id(d);
	known = d->id || access(journal, F_OK) == 0;
	free(journal);
	if (known) {
		if (!d->id)
			d->id = xstrdup("");
		return 0;
	}
	error_set(e, "cannot open run '%s': it is no run directory", path);
	rundir_close(d);
	return -1;
}

void
rundir_close(struct rundir *d)
{
	int saved = errno;

	rundir_drop_lock(d);
	rundir_published_free(d->published);
	free(d->path);
	free(d->id);
	*d = (struct rundir){.lock_fd = -1};
	errno = saved;
}

/* --- what it says of itself ------------------------------------------------------- */

int
write_if_differs(const char *path, const char *data, size_t len, struct error *e)
{
	size_t there = 0;
	char *old = own_read(path, len + 1, &there);
	int same = old && there == len && memcmp(old, data, len) == 0;

	free(old);
	return same ? 0 : own_write(path, data, len, 0, e);
}

static int
describe_file(const struct rundir *d, const char *name, const char *data, size_t len,
	      struct error *e)
{
	char *path = path_join(d->path, name);
	int rc = write_if_differs(path, data, len, e);

	free(path);
	return rc;
}

/* Would a reader of INI files take `value` for something else? */
static int
needs_quotes(const char *value)
{
	size_t n = strlen(value);

	if (n == 0)
		return 0;
	return n > LONG_VALUE || value[0] == '"' || isspace((unsigned char)value[0]) ||
	       isspace((unsigned char)value[n - 1]) || strchr(value, ';') ||
	       strpbrk(value, "\n\r\t\v\f\b") || !is_clean_utf8(value, n);
}

/* As a JSON string without ';', which starts a comment. */
static void
add_quoted(struct str *out, const char *value)
{
	js *list = js_array();
	char *text;

	js_push(list, js_text(value));
	text = js_dump(list, 0); /* ["..."] */
	for (const char *p = text + 1; p[1]; p++)
		if (*p == ';')
			str_add(out, "\\u003b");
		else
			str_addc(out, *p);
	free(text);
	js_free(list);
}

static char *
params_ini(const struct name_value *params, size_t count)
{
	struct str out = {0};

	str_add(&out, "[params]\n");
	for (size_t i = 0; i < count; i++) {
		str_printf(&out, "%s = ", params[i].name);
		if (needs_quotes(params[i].value))
			add_quoted(&out, params[i].value);
		else
			str_add(&out, params[i].value);
		str_addc(&out, '\n');
	}
	return str_take(&out);
}

int
rundir_describe(struct rundir *d, const char *dot_text, size_t dot_len,
		const char *workflow_path, const char *workflow_name,
		const char *store_path, const struct name_value *params, size_t count,
		const char *xml, struct error *e)
{
	char *ini = params_ini(params, count), *meta_text;
	js *meta = js_object(), *values = js_object();
	int rc;

	js_set_int(meta, "format", 1);
	js_set_text(meta, "name", workflow_name);
	js_set_text(meta, "workflow", workflow_path);
	js_set_text(meta, "store", store_path);
	for (size_t i = 0; i < count; i++)
		if (params[i].given)
			js_set_text(values, params[i].name, params[i].value);
	js_set(meta, "params", values);
	char *here = path_absolute(NULL, ".");
	js_set_text(meta, "cwd", here); /* relative ones are against it */
	free(here);
	meta_text = js_pretty(meta);
	rc = describe_file(d, "workflow.dot", dot_text, dot_len, e);
	if (rc == 0)
		rc = describe_file(d, "params.ini", ini, strlen(ini), e);
	if (rc == 0 && xml)
		rc = describe_file(d, "topology.xml", xml, strlen(xml), e);
	if (rc == 0)
		rc = describe_file(d, "meta.json", meta_text, strlen(meta_text), e);
	free(ini);
	free(meta_text);
	js_free(meta);
	return rc;
}

js *
rundir_meta(const struct rundir *d)
{
	char *path = path_join(d->path, "meta.json");
	size_t len = 0;
	char *text = own_read(path, SMALL_FILE, &len);
	js *meta = text ? js_parse(text, len, NULL) : NULL;

	free(text);
	free(path);
	return meta;
}

char *
rundir_task(const struct rundir *d, const char *node, const char *branch)
{
	char *n = path_component_from(node), *b = NULL, *out;

	if (branch[0])
		b = path_component_from(branch);
	out = xasprintf("%s/tasks/%s%s%s", d->path, n, b ? "/" : "", b ? b : "");
	free(n);
	free(b);
	return out;
}

char *
rundir_attempt(const struct rundir *d, const char *node, const char *branch, int n)
{
	char *task = rundir_task(d, node, branch);
	char *out = xasprintf("%s/attempt-%d", task, n);

	free(task);
	return out;
}

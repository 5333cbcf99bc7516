/* SPDX-License-Identifier: Apache-2.0 */
/* What a run directory relies on is told by
 *     index               the keys of all that was looked up or made, written with every
 *                         group commit, and cut to what was asked for when a run is
 *                         complete
 *     tasks/.../out       links to objects
 *     journal             `end` events with keys, since the engine was started last: it
 *                         may have been killed before it wrote its index. Without an
 *                         index, of all starts
 * Their union is taken. A file that is not there names nothing; one that cannot be read
 * leaves the whole run in doubt.
 */
#include "record/run_names.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "record/journal.h"
#include "record/lines.h"
#include "record/tree.h"

struct naming {
	run_names_fn *fn;
	void *arg;
	int has_index;
	struct digest *keys; /* of `end` events */
	size_t count, cap;
};

/* --- the index -------------------------------------------------------------------- */

static int
index_line(void *arg, const char *line, size_t len, uint64_t offset, int whole)
{
	struct naming *n = arg;
	const char *key, *text;
	size_t key_len, text_len;
	char hex[DIGEST_HEX + 1];
	struct digest d;

	(void)offset;
	(void)whole;
	if (lines_split(line, len, &key, &key_len, &text, &text_len) < 0 ||
	    key_len != DIGEST_HEX)
		return 0;
	memcpy(hex, key, DIGEST_HEX);
	hex[DIGEST_HEX] = '\0';
	if (digest_parse(hex, &d) == 0)
		n->fn(n->arg, &d);
	return 0;
}

static int
read_index(struct naming *n, const char *run, struct error *e)
{
	char *path = path_join(run, "index");
	struct error why = {0};
	int rc = lines_each(path, index_line, n, &why);

	n->has_index = rc == 0;
	if (rc < 0 && errno == ENOENT)
		rc = 0;
	if (rc < 0)
		error_set(e, "%s", why.text);
	free(path);
	return rc;
}

/* --- links ------------------------------------------------------------------------ */

/* ".../ab/cdef..." */
static void
name_target(struct naming *n, const char *target)
{
	size_t len = strlen(target);
	char hex[DIGEST_HEX + 1];
	struct digest d;

	if (len < DIGEST_HEX + 2 || target[len - DIGEST_HEX + 1] != '/')
		return;
	memcpy(hex, target + len - DIGEST_HEX - 1, 2);
	memcpy(hex + 2, target + len - DIGEST_HEX + 2, DIGEST_HEX - 1);
	if (digest_parse(hex, &d) == 0)
		n->fn(n->arg, &d);
}

static int
task_entry(void *arg, const char *path, const char *relative, const struct stat *st,
	   int after)
{
	char target[PATH_MAX];
	ssize_t len;

	(void)relative;
	if (after || !S_ISLNK(st->st_mode) || strcmp(path_base(path), "out") != 0)
		return 0;
	len = readlink(path, target, sizeof target - 1);
	if (len < 0)
		return errno == ENOENT ? 0 : -1;
	target[len] = '\0';
	name_target(arg, target);
	return 0;
}

static int
read_links(struct naming *n, const char *run, struct error *e)
{
	char *tasks = path_join(run, "tasks");
	int rc = tree_walk(tasks, task_entry, n);

	/* An engine may be changing it. */
	for (int again = 0; rc < 0 && errno == ENOENT && again < 3; again++)
		rc = access(tasks, F_OK) < 0 ? 0 : tree_walk(tasks, task_entry, n);
	if (rc < 0)
		error_set(e, "cannot read '%s':", tasks);
	free(tasks);
	return rc;
}

/* --- the journal ------------------------------------------------------------------ */

static void
journal_event(void *arg, const js *event)
{
	struct naming *n = arg;
	const char *name = js_get_text(event, "event", "");
	const char *hex = js_get_text(event, "key", NULL);
	struct digest d;

	if (strcmp(name, "run-start") == 0 && n->has_index) {
		n->count = 0;
	} else if (hex && digest_parse(hex, &d) == 0) {
		GROW(n->keys, n->count, n->cap);
		n->keys[n->count++] = d;
	}
}

static int
read_journal(struct naming *n, const char *run, struct error *e)
{
	char *path = path_join(run, "journal");
	struct error why = {0};
	int rc = journal_read(path, journal_event, n, NULL, &why);

	if (rc < 0 && access(path, F_OK) < 0 && errno == ENOENT)
		rc = 0;
	if (rc < 0)
		error_set(e, "%s", why.text);
	for (size_t i = 0; rc == 0 && i < n->count; i++)
		n->fn(n->arg, &n->keys[i]);
	free(path);
	return rc;
}

int
run_names(const char *run, run_names_fn *fn, void *arg, struct error *e)
{
	struct naming n = {.fn = fn, .arg = arg};
	int rc = read_index(&n, run, e);

	if (rc == 0)
		rc = read_links(&n, run, e);
	if (rc == 0)
		rc = read_journal(&n, run, e);
	free(n.keys);
	return rc;
}

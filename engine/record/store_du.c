/* SPDX-License-Identifier: Apache-2.0 */
/* store du: first what each run names, then the size of each result, then the sums.
 * Memory holds an entry for each key that a run names, and a number for each naming. */
#include "record/store_du.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/mem.h"
#include "record/run_names.h"
#include "record/store_walk.h"

struct named {
	uint64_t bytes; /* 0: it is not there */
	uint32_t namers, last; /* number of runs, and the last one of them, from 1 */
};

struct members {
	uint32_t *v;
	size_t count, cap;
};

struct du {
	struct store *s;
	struct du_report *out;
	struct map keys; /* short key -> index into named */
	struct named *named;
	size_t named_count, named_cap;
	struct members *members; /* by run, indexes into named */
	struct map plugins;      /* name -> index */
	size_t plugin_cap;
	struct map links;        /* files with several names, seen */
	uint32_t run;            /* whose names are read */
};

static void
add(struct du_sum *sum, uint64_t bytes)
{
	sum->count++;
	sum->bytes += bytes;
}

/* --- names ------------------------------------------------------------------------ */

static void
add_name(void *arg, const struct digest *key)
{
	struct du *u = arg;
	struct members *m = &u->members[u->run];
	int added;
	uint64_t *index = keys_put(&u->keys, key, &added);
	struct named *n;

	if (added) {
		*index = u->named_count;
		GROW(u->named, u->named_count, u->named_cap);
		u->named[u->named_count++] = (struct named){0};
	}
	n = &u->named[*index];
	if (n->last == u->run + 1)
		return;
	n->last = u->run + 1;
	n->namers++;
	GROW(m->v, m->count, m->cap);
	m->v[m->count++] = (uint32_t)*index;
}

static int
read_names(struct du *u, struct error *e)
{
	struct store_runs *runs = &u->out->runs;

	if (store_runs_read(u->s, runs, e) < 0)
		return -1;
	u->members = xcalloc(runs->count + 1, sizeof *u->members);
	for (size_t i = 0; i < runs->count; i++) {
		struct error why = {0};

		u->run = (uint32_t)i;
		if (runs->v[i].state == RUN_SEEN &&
		    run_names(runs->v[i].path, add_name, u, &why) < 0)
			store_runs_doubt(runs, i, why.text);
	}
	return 0;
}

/* --- results ---------------------------------------------------------------------- */

static void
add_plugin(struct du *u, const char *name, uint64_t bytes)
{
	struct du_report *out = u->out;
	int added;
	uint64_t *index = map_puts(&u->plugins, name, &added);

	if (added) {
		*index = out->plugin_count;
		GROW(out->plugins, out->plugin_count, u->plugin_cap);
		out->plugins[out->plugin_count++] =
			(struct du_plugin){.name = xstrdup(name)};
	}
	add(&out->plugins[*index].results, bytes);
}

static void
add_result(struct du *u, const struct digest *key, const struct result *r,
	   uint64_t bytes)
{
	uint64_t *index = keys_get(&u->keys, key);

	add_plugin(u, r ? js_get_text(result_made(r), "plugin", "?") : "?", bytes);
	if (index)
		u->named[*index].bytes = bytes;
	else
		add(&u->out->unnamed, bytes);
}

static int
du_object(void *arg, const char *name, const struct digest *key)
{
	struct du *u = arg;
	char *path = path_join(u->s->objects, name), *text;
	struct disk_use use = {0};
	struct result *r = NULL;
	enum finding finding;
	size_t len;

	walk_disk(path, &u->links, &use);
	text = object_text(u->s, name, &len, &finding, NULL);
	if (text)
		r = result_parse(text, len, NULL, NULL);
	if (use.files > 0) {
		add(&u->out->objects, use.bytes);
		add_result(u, key, r, use.bytes);
	}
	result_free(r);
	free(text);
	free(path);
	return 0;
}

static int
du_line(void *arg, const struct segment_line *l)
{
	struct du *u = arg;

	if (!l->result)
		return 0;
	add(&u->out->records, l->len + 1);
	add_result(u, &l->key, l->result, l->len + 1);
	return 0;
}

static int
du_segments(struct du *u, struct error *e)
{
	struct words names = {0};
	int rc = walk_names(u->s, "segments", &names, e);

	for (size_t i = 0; i < names.count; i++)
		/* One that vanishes is in another one then. */
		if (names.v[i][0] != '.')
			(void)walk_segment(u->s, names.v[i], du_line, u, NULL);
	words_free(&names);
	return rc;
}

/* --- the rest --------------------------------------------------------------------- */

static int
du_folder(struct du *u, const char *part, const char *prefix, struct du_sum *matching,
	  struct du_sum *others, struct error *e)
{
	struct words names = {0};
	int rc = walk_names(u->s, part, &names, e);

	for (size_t i = 0; i < names.count; i++) {
		char *path = xasprintf("%s/%s/%s", u->s->path, part, names.v[i]);
		struct disk_use use = {0};

		walk_disk(path, &u->links, &use);
		add(starts_with(names.v[i], prefix) ? matching : others, use.bytes);
		free(path);
	}
	words_free(&names);
	return rc;
}

static int
by_bytes(const void *a, const void *b)
{
	const struct du_plugin *x = a, *y = b;

	if (x->results.bytes != y->results.bytes)
		return x->results.bytes < y->results.bytes ? 1 : -1;
	return strcmp(x->name, y->name);
}

static void
sum_runs(struct du *u)
{
	struct du_report *out = u->out;

	out->by_run = xcalloc(out->runs.count + 1, sizeof *out->by_run);
	for (size_t i = 0; i < out->runs.count; i++) {
		struct du_run *r = &out->by_run[out->run_count];

		if (out->runs.v[i].state != RUN_SEEN)
			continue;
		out->run_count++;
		r->run = i;
		for (size_t k = 0; k < u->members[i].count; k++) {
			const struct named *n = &u->named[u->members[i].v[k]];

			if (n->bytes == 0)
				continue;
			add(&r->results, n->bytes);
			if (n->namers == 1)
				add(&r->alone, n->bytes);
		}
	}
}

int
store_du(struct store *s, struct du_report *out, struct error *e)
{
	struct du u = {.s = s, .out = out};
	int rc = -1;

	*out = (struct du_report){0};
	if (read_names(&u, e) == 0 && walk_objects(s, du_object, NULL, &u, e) == 0 &&
	    du_segments(&u, e) == 0 &&
	    du_folder(&u, "tmp", "damaged-", &out->damaged, &out->tmp, e) == 0 &&
	    du_folder(&u, "cache", "", &out->caches, &out->caches, e) == 0)
		rc = 0;
	if (rc == 0)
		sum_runs(&u);
	if (out->plugin_count > 1)
		qsort(out->plugins, out->plugin_count, sizeof *out->plugins, by_bytes);
	for (size_t i = 0; u.members && i < out->runs.count; i++)
		free(u.members[i].v);
	free(u.members);
	free(u.named);
	map_free(&u.keys);
	map_free(&u.plugins);
	map_free(&u.links);
	return rc;
}

void
du_report_free(struct du_report *r)
{
	for (size_t i = 0; i < r->plugin_count; i++)
		free(r->plugins[i].name);
	free(r->plugins);
	free(r->by_run);
	store_runs_free(&r->runs);
}

/* SPDX-License-Identifier: Apache-2.0
 * af2flow store gc.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/log.h"
#include "cli/cmd_store.h"
#include "record/store_gc.h"

static js *
count_json(const struct gc_count *c)
{
	js *v = js_object();

	js_set_int(v, "count", (int64_t)c->count);
	js_set_int(v, "bytes", (int64_t)c->bytes);
	return v;
}

static js *
runs_json(const struct store_runs *runs, enum run_state state)
{
	js *list = js_array();

	for (size_t i = 0; i < runs->count; i++) {
		js *one;
		if (runs->v[i].state != state)
			continue;
		one = js_object();
		js_set_text(one, "run", runs->v[i].path);
		if (*runs->v[i].why)
			js_set_text(one, "why", runs->v[i].why);
		js_push(list, one);
	}
	return list;
}

static void
print_json(struct store *s, const struct cli *o, const struct gc_report *r)
{
	js *all = js_object(), *kept = js_object(), *removed = js_object();

	js_set_int(kept, "named", (int64_t)r->named);
	js_set_int(kept, "young", (int64_t)(r->young + r->used_meanwhile));
	js_set_int(kept, "in_doubt", (int64_t)r->in_doubt);
	js_set_int(kept, "records", (int64_t)r->records);
	js_set(removed, "objects", count_json(&r->objects));
	js_set_int(removed, "records", (int64_t)r->records_dropped);
	js_set_int(removed, "record_lines", (int64_t)r->records_damaged);
	js_set(removed, "tmp", count_json(&r->tmp));
	js_set(removed, "damaged", count_json(&r->damaged));
	js_set_int(removed, "engines", (int64_t)r->engines);
	js_set_int(removed, "runs", (int64_t)r->notes);
	js_set_int(removed, "cache_lines", (int64_t)r->cache_lines);
	js_set_text(all, "store", store_path(s));
	js_set_bool(all, "dry_run", !o->remove);
	js_set(all, "kept", kept);
	js_set(all, "removed", removed);
	if (o->max_size)
		js_set_int(all, "size", (int64_t)r->size);
	js_set_bool(all, "segments_busy", r->segments_busy);
	js_set(all, "gone", runs_json(&r->runs, RUN_GONE));
	js_set(all, "in_doubt", runs_json(&r->runs, RUN_IN_DOUBT));
	print_js(all);
}

/* "  removed   3 results, 1.5G" where there is something. */
static void
line(const char *verb, size_t n, const char *word, const char *rest,
     const struct gc_count *size)
{
	char count[64], bytes[32];

	if (!n)
		return;
	printf("  %-14s %s%s", verb, counted(n, word, count), rest);
	if (size)
		printf(", %s", format_size(size->bytes, bytes));
	putchar('\n');
}

static void
print_doubts(const struct store_runs *runs)
{
	for (size_t i = 0; i < runs->count; i++) {
		const struct store_run *r = &runs->v[i];
		struct error e = {0};
		if (r->state != RUN_IN_DOUBT)
			continue;
		error_set(&e, "run '%s' cannot be seen: %s; every result is kept",
		          *r->path ? r->path : r->note, r->why);
		if (*r->path)
			error_hint(&e, "make it visible, or --forget it if it is gone for good");
		else
			error_hint(&e, "run it once more, or --forget that file");
		log_error_object(&e);
	}
}

static void
print_text(struct store *s, const struct cli *o, const struct gc_report *r)
{
	const char *verb = o->remove ? "removed" : "would remove";
	char size[32], most[32];

	printf("%s:\n", store_path(s));
	for (size_t i = 0; i < r->runs.count; i++)
		if (r->runs.v[i].state == RUN_GONE)
			printf("  run '%s' is gone: nothing stays for it\n",
			       *r->runs.v[i].path ? r->runs.v[i].path : r->runs.v[i].note);
	line("stay", r->named, "result", " that a run relies on", NULL);
	line("stay", r->young + r->used_meanwhile, "result",
	     o->max_size ? " that were used lately, or fit" : " that were used lately", NULL);
	line("stay", r->in_doubt, "result", " that a run which cannot be seen may rely on",
	     NULL);
	line("stay", r->records, "result", " without files", NULL);
	line(verb, r->objects.count, "result", "", &r->objects);
	line(verb, r->records_dropped, "result", " without files", NULL);
	line(verb, r->records_damaged, "record", " that are damaged or stand twice", NULL);
	line(verb, r->tmp.count, "leftover", " of engines that died", &r->tmp);
	line(verb, r->damaged.count, "damaged result", "", &r->damaged);
	line(verb, r->engines, "note", " of engines that died", NULL);
	line(verb, r->notes, "note", " of runs that are gone", NULL);
	line(verb, r->cache_lines, "line", " of caches that are dead", NULL);
	if (r->segments_busy)
		printf("  an engine is joining segments: they were left alone\n");
	if (o->max_size && r->size > o->max_size)
		printf("  the store takes %s, not the %s asked for: the rest is in use or "
		       "young\n", format_size(r->size, size), format_size(o->max_size, most));
	if (!o->remove)
		printf("nothing was changed: --delete does it\n");
}

/* What the store said no to, or what was asked for: another gc is at work, say. */
static int
exit_of(const struct error *e)
{
	return e->number ? EXIT_FAILED : EXIT_USAGE;
}

int
store_gc_command(struct store *s, const struct cli *o)
{
	struct gc_options g = {.older_than = o->older_than, .max_size = o->max_size,
	                       .remove = o->remove, .forget = &o->forget};
	struct gc_report r;
	struct error e = {0};
	int rc = store_gc(s, &g, &r, &e) < 0 ? exit_of(&e) : EXIT_DONE;

	if (rc == EXIT_DONE && o->json)
		print_json(s, o, &r);
	else if (rc == EXIT_DONE)
		print_text(s, o, &r);
	else
		log_error_object(&e);
	if (rc == EXIT_DONE)
		print_doubts(&r.runs);
	gc_report_free(&r);
	return rc;
}

/* SPDX-License-Identifier: Apache-2.0
 * af2flow store du.
 */
#include <stdio.h>
#include <stdlib.h>

#include "base/json.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/cmd_store.h"
#include "record/store_du.h"

static js *
sum_json(const struct du_sum *d)
{
	js *v = js_object();

	js_set_int(v, "count", (int64_t)d->count);
	js_set_int(v, "bytes", (int64_t)d->bytes);
	return v;
}

static js *
run_json(const struct store_run *run, const struct du_run *sums)
{
	static const char *const states[] = {"seen", "gone", "in doubt"};
	js *v = js_object();

	js_set_text(v, "run", run->path);
	js_set_text(v, "state", states[run->state]);
	if (run->state == RUN_IN_DOUBT)
		js_set_text(v, "why", run->why);
	if (sums) {
		js_set(v, "results", sum_json(&sums->results));
		js_set(v, "alone", sum_json(&sums->alone));
	}
	return v;
}

static void
print_json(struct store *s, const struct du_report *r)
{
	js *all = js_object(), *plugins = js_array(), *runs = js_array();
	size_t next = 0;

	js_set_text(all, "store", store_path(s));
	js_set(all, "objects", sum_json(&r->objects));
	js_set(all, "records", sum_json(&r->records));
	js_set(all, "unnamed", sum_json(&r->unnamed));
	js_set(all, "tmp", sum_json(&r->tmp));
	js_set(all, "damaged", sum_json(&r->damaged));
	js_set(all, "caches", sum_json(&r->caches));
	for (size_t i = 0; i < r->plugin_count; i++) {
		js *one = js_object();
		js_set_text(one, "plugin", r->plugins[i].name);
		js_set(one, "results", sum_json(&r->plugins[i].results));
		js_push(plugins, one);
	}
	for (size_t i = 0; i < r->runs.count; i++) {
		const struct du_run *sums = NULL;
		if (next < r->run_count && r->by_run[next].run == i)
			sums = &r->by_run[next++];
		js_push(runs, run_json(&r->runs.v[i], sums));
	}
	js_set(all, "plugins", plugins);
	js_set(all, "runs", runs);
	print_js(all);
}

static void
row(const char *name, const struct du_sum *d, const char *rest)
{
	char size[32];

	printf("  %8s  %8zu  %s%s\n", format_size(d->bytes, size), d->count, name, rest);
}

static void
print_text(struct store *s, const struct du_report *r)
{
	char size[32];

	printf("%s:\n", store_path(s));
	row("results with files", &r->objects, "");
	row("results without files", &r->records, "");
	row("of these, results that no run relies on", &r->unnamed, "");
	row("temporary folders", &r->tmp, "");
	row("damaged, moved aside", &r->damaged, "");
	row("caches", &r->caches, "");
	if (r->plugin_count)
		printf("by plugin:\n");
	for (size_t i = 0; i < r->plugin_count; i++)
		row(r->plugins[i].name, &r->plugins[i].results, "");
	if (r->run_count)
		printf("by run (a shared result counts for each of its runs):\n");
	for (size_t i = 0; i < r->run_count; i++) {
		char *alone = xasprintf("  (%s for it alone)",
		                        format_size(r->by_run[i].alone.bytes, size));
		row(r->runs.v[r->by_run[i].run].path, &r->by_run[i].results, alone);
		free(alone);
	}
	for (size_t i = 0; i < r->runs.count; i++)
		if (r->runs.v[i].state == RUN_IN_DOUBT)
			printf("  %8s  %8s  %s cannot be seen: %s\n", "?", "?",
			       *r->runs.v[i].path ? r->runs.v[i].path : r->runs.v[i].note,
			       r->runs.v[i].why);
}

int
store_du_command(struct store *s, const struct cli *o)
{
	struct du_report r;
	struct error e = {0};
	int rc = store_du(s, &r, &e) < 0 ? EXIT_FAILED : EXIT_DONE;

	if (rc != EXIT_DONE)
		log_error_object(&e);
	else if (o->json)
		print_json(s, &r);
	else
		print_text(s, &r);
	du_report_free(&r);
	return rc;
}

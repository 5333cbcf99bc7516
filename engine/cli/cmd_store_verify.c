/* SPDX-License-Identifier: Apache-2.0
 * af2flow store verify.
 */
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/json.h"
#include "base/log.h"
#include "base/loop.h"
#include "cli/cmd_store.h"
#include "record/store_verify.h"

#define LINE_EVERY 60 /* seconds between lines of progress where there is no terminal */

struct printing {
	js *findings; /* NULL: lines of text */
	int terminal; /* a line of progress stands on stderr */
	double started, said;
};

static const char *
kind_name(enum verify_kind kind)
{
	static const char *const names[] = {"damaged", "unreadable", "stray"};

	return names[kind];
}

static void
clear_progress(const struct printing *p)
{
	if (p->terminal)
		fputs("\r\033[K", stderr);
}

static void
found(void *arg, const struct verify_finding *f)
{
	struct printing *p = arg;
	js *one;

	if (p->findings) {
		one = js_object();
		js_set_text(one, "kind", kind_name(f->kind));
		js_set_text(one, "key", f->key);
		js_set_text(one, "plugin", f->plugin);
		js_set_text(one, "path", f->path);
		js_set_text(one, "file", f->file);
		js_set_text(one, "what", f->what);
		js_set_text(one, "moved", f->moved);
		js_push(p->findings, one);
		return;
	}
	clear_progress(p);
	printf("%s: ", kind_name(f->kind));
	if (*f->key)
		printf("%.12s%s%s%s, %s: ", f->key, *f->plugin ? " (" : "", f->plugin,
		       *f->plugin ? ")" : "", f->file);
	else
		printf("%s: ", f->path);
	printf("%s%s%s\n", f->what, *f->moved ? "; moved to " : "", f->moved);
	fflush(stdout);
}

static void
progress(void *arg, const struct verify_report *r, size_t all)
{
	struct printing *p = arg;
	double now = loop_now();
	char size[32];

	if (!p->terminal && now - p->said < LINE_EVERY)
		return;
	p->said = now;
	clear_progress(p);
	fprintf(stderr, "%zu of %zu results, %s read, %zu damaged%s", r->objects, all,
	        format_size(r->bytes, size), r->damaged, p->terminal ? "" : "\n");
	fflush(stderr);
}

static unsigned
core_count(void)
{
	cpu_set_t set;
	int n = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;

	return n > 0 ? (unsigned)n : 1;
}

static void
print_json(struct store *s, const struct verify_report *r, js *findings, double seconds)
{
	js *all = js_object();

	js_set_text(all, "store", store_path(s));
	js_set_int(all, "objects", (int64_t)r->objects);
	js_set_int(all, "records", (int64_t)r->records);
	js_set_int(all, "bytes", (int64_t)r->bytes);
	js_set_int(all, "damaged", (int64_t)r->damaged);
	js_set_int(all, "unreadable", (int64_t)r->unreadable);
	js_set_int(all, "stray", (int64_t)r->strays);
	js_set_real(all, "seconds", seconds);
	js_set(all, "findings", findings);
	print_js(all);
}

static void
print_sum(struct store *s, const struct verify_report *r, double seconds)
{
	char results[64], records[64], size[32], took[32];

	printf("%s: %s with files (%s), %s without, read in %s: ", store_path(s),
	       counted(r->objects, "result", results), format_size(r->bytes, size),
	       counted(r->records, "result", records), format_duration(seconds, took));
	if (!r->damaged && !r->unreadable)
		printf("all sound\n");
	else
		printf("%zu damaged, %zu unreadable\n", r->damaged, r->unreadable);
}

int
store_verify_command(struct store *s, const struct cli *o)
{
	struct printing p = {.findings = o->json ? js_array() : NULL,
	                     .terminal = !o->json && isatty(STDERR_FILENO),
	                     .started = loop_now(), .said = loop_now()};
	struct verify_options v = {.threads = o->c.cpus > 0 ? (unsigned)o->c.cpus : core_count(),
	                           .found = found, .progress = progress, .arg = &p};
	struct verify_report r;
	struct error e = {0};
	int rc = store_verify(s, &v, &r, &e);
	double seconds = loop_now() - p.started;

	clear_progress(&p);
	if (o->json)
		print_json(s, &r, p.findings, seconds);
	else if (rc == 0)
		print_sum(s, &r, seconds);
	if (rc < 0)
		log_error_object(&e);
	return rc < 0 || r.damaged || r.unreadable ? EXIT_FAILED : EXIT_DONE;
}

/* SPDX-License-Identifier: Apache-2.0
 * store_fill STORE COUNT [RUN_DIR]: put COUNT small results into a store through its own
 * functions, four of five with a file. With RUN_DIR, a run directory that is made and
 * registered and that relies on every second one of them. For tests/bench/store.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/fs.h"
#include "base/mem.h"
#include "record/store.h"

static void
die(const struct error *e)
{
	fprintf(stderr, "store_fill: %s\n", e->text);
	exit(1);
}

/* One with a file of some hundred bytes. */
static char *
make_file(struct store *s, struct result *r, int i)
{
	struct error e = {0};
	char *out, *work, *path, *text = xasprintf("result %d\n%0300d\n", i, i);

	if (store_attempt_dirs(s, 1, &out, &work, &e) < 0)
		die(&e);
	path = path_join(out, "out.txt");
	r->output_count = 1;
	r->outputs = xcalloc(1, sizeof *r->outputs);
	r->outputs[0] = (struct result_output){.port = xstrdup("out"),
					       .element = xstrdup(""),
					       .file = xstrdup("out.txt"),
					       .type = xstrdup("text"),
					       .size = strlen(text)};
	digest_bytes(text, strlen(text), &r->outputs[0].digest);
	FILE *f = fopen(path, "w");
	if (!f || fputs(text, f) < 0 || fclose(f) || chmod(path, 0444) < 0) {
		error_set(&e, "cannot write '%s':", path);
		die(&e);
	}
	free(text);
	free(path);
	free(work);
	return out;
}

static void
put(struct store *s, int i)
{
	struct result *r = xcalloc(1, sizeof *r);
	char text[32], *out = NULL;
	struct error e = {0};

	snprintf(text, sizeof text, "result %d", i);
	digest_bytes(text, strlen(text), &r->key);
	r->values = js_object();
	js_set_int(r->values, "n", i);
	r->made = js_object();
	js_set_text(r->made, "plugin", i % 3 ? "command" : "noop");
	if (i % 5)
		out = make_file(s, r, i);
	r = store_publish(s, r, out, 0, &e);
	if (!r)
		die(&e);
	result_free(r);
	free(out);
}

/* A run that finds every second result. */
static void
use(const char *path, const char *run, int count)
{
	char *id = path_join(run, "id"), *index = path_join(run, "index"), text[32];
	struct error e = {0};
	struct store *s;
	struct digest key;

	if (fs_mkdirs(run, &e) < 0 ||
	    fs_write_file(id, "0123456789abcdef\n", 17, 0, &e) < 0 ||
	    !(s = store_open(path, &e)))
		die(&e);
	store_use_index(s, index);
	store_register_run(s, run);
	for (int i = 0; i < count; i += 2) {
		snprintf(text, sizeof text, "result %d", i);
		digest_bytes(text, strlen(text), &key);
		if (store_lookup(s, &key, NULL, NULL) != 1)
			fprintf(stderr, "store_fill: result %d is not there\n", i);
	}
	store_index_complete(s);
	store_close(s);
	free(index);
	free(id);
}

int
main(int argc, char **argv)
{
	struct error e = {0};
	struct store *s;
	int count;

	if (argc < 3 || argc > 4 || (count = atoi(argv[2])) < 1) {
		fprintf(stderr, "usage: store_fill STORE COUNT [RUN_DIR]\n");
		return 2;
	}
	s = store_open(argv[1], &e);
	if (!s)
		die(&e);
	for (int i = 0; i < count; i++)
		put(s, i);
	store_close(s);
	if (argc == 4)
		use(argv[1], argv[3], count);
	return 0;
}

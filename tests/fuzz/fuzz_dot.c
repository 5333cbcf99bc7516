/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Damaged workflow files: fuzz_dot [COUNT [SEED]].
 *
 * Takes the fixtures, changes some bytes or tokens of each, and loads and checks what
 * comes out. Whatever it is, the loader must answer with a workflow or with errors, and
 * must read a good file afterwards. Equal seeds make equal files; the seed of a crash
 * is on stderr.
 */
#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/check.h"
#include "stages.h"

struct random {
	uint64_t state;
};

/* xorshift64*: good enough, and the same everywhere. */
static uint32_t
below(struct random *r, size_t n)
{
	r->state ^= r->state >> 12;
	r->state ^= r->state << 25;
	r->state ^= r->state >> 27;
	return n ? (uint32_t)((r->state * 2685821657736338717ull >> 33) % n) : 0;
}

static const char *const tokens[] = {
	"{",          "}",          "[",           "]",       "->",
	";",          "=",          ",",           "\"",      "<",
	">",          "subgraph",   "node",        "strict",  "graph",
	"edge",       "a",          "${model}",    "${",      "}",
	"$${",        "expand",     "=\"v=1..3\"", "in",      "s.chains",
	"gather=all", "order=true", "retry.cpus",  "2x",      "when",
	"\\",         "/*",         "//",          "\n#",     "\xef\xbb\xbf",
	"1.5",        "plugin",     "types",       "command", "inputs=\"x:text*\"",
	"-> a",
};

/* One change to the text. */
static void
mutate(struct random *r, struct str *s, const struct words *files)
{
	struct str out = {0};
	size_t at = below(r, s->len + 1), n = below(r, 20), from;
	struct error e = {0};
	size_t len = 0;
	char *other;

	if (at + n > s->len)
		n = s->len - at;
	str_addn(&out, s->s ? s->s : "", at);
	switch (below(r, 5)) {
	case 0: /* drop */
		break;
	case 1: /* another byte */
		str_addc(&out, (char)below(r, 256));
		n = n > 1;
		break;
	case 2: /* a token */
		str_add(&out, tokens[below(r, sizeof tokens / sizeof *tokens)]);
		n = 0;
		break;
	case 3: /* twice */
		str_addn(&out, s->s + at, n);
		n = 0;
		break;
	default: /* a piece of another file */
		other = fs_read_file(files->v[below(r, files->count)], 0, &len, &e);
		from = below(r, len);
		str_addn(&out, other + from, below(r, len - from + 1));
		free(other);
	}
	str_addn(&out, s->s + at + n, s->len - at - n);
	str_free(s);
	*s = out;
}

static void
use_workflow(struct workflow *w, struct diags *d)
{
	const struct check_limits limits = {4, 0, 1u << 30};

	check_workflow(w, NULL, &limits, d);
	for (size_t i = 0; i < w->node_count; i++) {
		struct task_options o;
		struct task_params p;

		task_options_resolve(w, (int)i, 2, NULL, NULL, &o, NULL);
		if (task_params_resolve(w, (int)i, 2, NULL, NULL, &p, NULL) == 0)
			task_params_free(&p);
	}
}

/* 1 if it loads; -1 if the loader says neither yes nor no. */
static int
load_file(const char *path, struct stages *s)
{
	struct stage_source source = {.find = stages_find, .arg = s};
	struct diags d = {0};
	struct workflow *w = workflow_load(path, NULL, 0, &source, NULL, &d);
	int rc = (w == NULL) == (d.errors > 0) ? w != NULL : -1;

	if (w)
		use_workflow(w, &d);
	workflow_free(w);
	diags_free(&d);
	return rc;
}

static void
list_files(const char *folder, struct words *files)
{
	DIR *dir = opendir(folder);
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (ends_with(entry->d_name, ".dot")) {
			char *path = path_join(folder, entry->d_name);

			words_add(files, path);
			free(path);
		}
	if (dir)
		closedir(dir);
}

static int
run(size_t count, uint64_t seed, const char *folder, const struct words *files,
    size_t good, struct stages *s, size_t *loaded)
{
	char *path = path_join(folder, "fuzz.dot");
	struct random r = {.state = seed * 2 + 1};
	int rc = 0;

	for (size_t i = 0; i < count && rc == 0; i++) {
		struct error e = {0};
		struct str text = {0};
		size_t len = 0, changes = below(&r, 4);
		/* Good files come first in the list: most start from one of them. */
		size_t from = below(&r, below(&r, 4) ? good : files->count);
		char *start = fs_read_file(files->v[from], 0, &len, &e);

		str_addn(&text, start, len);
		free(start);
		do
			mutate(&r, &text, files);
		while (changes-- > 0);
		rc = fs_write_file(path, text.s ? text.s : "", text.len, 0, &e);
		str_free(&text);
		switch (rc == 0 ? load_file(path, s) : -1) {
		case 1:
			++*loaded;
			break;
		case -1:
			fprintf(stderr, "fuzz_dot: seed %ju, file %zu: no answer\n",
				(uintmax_t)seed, i);
			rc = -1;
		}
	}
	free(path);
	return rc;
}

int
main(int argc, char **argv)
{
	size_t count = argc > 1 ? strtoul(argv[1], NULL, 10) : 2000, loaded = 0, good;
	uint64_t seed = argc > 2 ? strtoull(argv[2], NULL, 10) : 1;
	const char *tmp = getenv("TMPDIR");
	char *folder = path_join(tmp && *tmp ? tmp : "/tmp", "af2flow-fuzz-XXXXXX");
	struct words files = {0};
	struct stages s;
	struct error e = {0};
	int rc;

	list_files(FIXTURES "/dot", &files);
	list_files(FIXTURES "/dot/good", &files);
	good = files.count;
	list_files(FIXTURES "/dot/bad", &files);
	if (good == 0 || stages_load(&s) < 0 || !mkdtemp(folder)) {
		fprintf(stderr, "fuzz_dot: no fixtures in %s\n", FIXTURES);
		return 1;
	}
	fprintf(stderr, "fuzz_dot: %zu files, seed %ju\n", count, (uintmax_t)seed);
	rc = run(count, seed, folder, &files, good, &s, &loaded);
	/* Nothing that was read before may spoil what comes now. */
	if (rc == 0 && load_file(FIXTURES "/dot/alphafold2.dot", &s) != 1) {
		fprintf(stderr, "fuzz_dot: a good file is refused after bad ones\n");
		rc = -1;
	}
	fs_remove_tree(folder, &e);
	free(folder);
	stages_free(&s);
	words_free(&files);
	printf("1..1\n%sok 1 - %zu damaged files, %zu of them load\n",
	       rc < 0 ? "not " : "", count, loaded);
	return rc < 0;
}

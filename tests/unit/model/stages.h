/* SPDX-License-Identifier: Apache-2.0
 * stages: the fake stages of tests/fixtures/dot/stages.json, and what tests of the
 * model share.
 */
#ifndef TEST_STAGES_H
#define TEST_STAGES_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/fs.h"
#include "model/workflow.h"

#define STAGES_MAX 32

struct stages {
	struct stage *v[STAGES_MAX];
	size_t count;
};

static inline const struct stage *
stages_find(void *arg, const char *id, const char **near)
{
	const struct stages *s = arg;
	const char *names[STAGES_MAX + 1] = {0};

	for (size_t i = 0; i < s->count; i++) {
		names[i] = s->v[i]->id;
		if (strcmp(s->v[i]->id, id) == 0)
			return s->v[i];
	}
	*near = nearest_word(id, names);
	return NULL;
}

static inline int
stages_load(struct stages *s)
{
	struct error e = {0};
	size_t len = 0;
	char *text = fs_read_file(FIXTURES "/dot/stages.json", 0, &len, &e);
	js *list = text ? js_parse(text, len, &e) : NULL;

	memset(s, 0, sizeof *s);
	for (size_t i = 0; i < js_count(list) && s->count < STAGES_MAX; i++)
		if ((s->v[s->count] = stage_from_json(js_at(list, i), &e)))
			s->count++;
	js_free(list);
	free(text);
	return error_is_set(&e) ? -1 : 0;
}

static inline void
stages_free(struct stages *s)
{
	for (size_t i = 0; i < s->count; i++)
		stage_free(s->v[i]);
	s->count = 0;
}

/* The diagnostic that contains `text`, or NULL. */
static inline const struct diag *
find_diag(const struct diags *d, const char *text)
{
	for (size_t i = 0; i < d->count; i++)
		if (strstr(d->items[i].text, text))
			return &d->items[i];
	return NULL;
}

/* A folder of this test's own; the caller frees the name and removes the folder. */
static inline char *
make_folder(void)
{
	const char *tmp = getenv("TMPDIR");
	char *path = path_join(tmp && *tmp ? tmp : "/tmp", "af2flow-test-XXXXXX");

	assert_non_null(mkdtemp(path));
	return path;
}

static inline void
write_text(const char *folder, const char *name, const char *text)
{
	char *path = path_join(folder, name);
	struct error e = {0};

	assert_int_equal(fs_write_file(path, text, strlen(text), 0, &e), 0);
	free(path);
}

#endif

/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every file of tests/fixtures/dot/bad gives exactly the errors that its own comments
 * tell:
 *
 *   // expect LINE: part of the message
 *
 * LINE 0 stands for a message that is about no line. Files of tests/fixtures/dot/good
 * load without any message.
 */
#include <dirent.h>
#include <stdio.h>

#include "base/mem.h"
#include "base/str.h"
#include "stages.h"

struct expected {
	int line;
	char *text;
};

static int
take_expected(const char **p, const char *end, struct expected *x)
{
	static const char mark[] = "// expect ";
	const char *at = memmem(*p, (size_t)(end - *p), mark, sizeof mark - 1), *colon,
		   *nl;

	if (!at)
		return 0;
	x->line = atoi(at + sizeof mark - 1);
	colon = memchr(at, ':', (size_t)(end - at));
	nl = memchr(at, '\n', (size_t)(end - at));
	x->text = xstrndup(colon + 2, (size_t)((nl ? nl : end) - colon - 2));
	*p = nl ? nl : end;
	return 1;
}

static size_t
check_messages(const char *path, const struct diags *d)
{
	struct error e = {0};
	size_t len = 0, count = 0, bad = 0;
	char *text = fs_read_file(path, 0, &len, &e);
	const char *p = text;
	struct expected x;

	assert_non_null(text);
	while (take_expected(&p, text + len, &x)) {
		size_t found = 0;

		count++;
		for (size_t i = 0; i < d->count; i++)
			found += d->items[i].severity == SEV_ERROR &&
				 d->items[i].line == x.line &&
				 strstr(d->items[i].text, x.text) != NULL;
		if (found == 0) {
			print_error("%s: missing: %d: %s\n", path, x.line, x.text);
			bad++;
		}
		free(x.text);
	}
	if (count != d->errors)
		bad++;
	for (size_t i = 0; bad && i < d->count; i++)
		print_error("%s: got: %d:%d: %s\n", path, d->items[i].line,
			    d->items[i].column, d->items[i].text);
	free(text);
	return bad;
}

static size_t
run_folder(const char *folder, size_t *files)
{
	struct stages s;
	struct stage_source source = {.find = stages_find, .arg = &s};
	DIR *dir = opendir(folder);
	struct dirent *entry;
	size_t bad = 0;

	assert_non_null(dir);
	assert_int_equal(stages_load(&s), 0);
	while ((entry = readdir(dir))) {
		char *path = path_join(folder, entry->d_name);
		struct diags d = {0};
		struct workflow *w;

		if (ends_with(entry->d_name, ".dot")) {
			++*files;
			w = workflow_load(path, NULL, 0, &source, NULL, &d);
			bad += check_messages(path, &d);
			bad += (w == NULL) != (d.errors > 0);
			workflow_free(w);
		}
		diags_free(&d);
		free(path);
	}
	closedir(dir);
	stages_free(&s);
	return bad;
}

static void
test_bad(void **state)
{
	size_t files = 0;

	(void)state;
	assert_int_equal(run_folder(FIXTURES "/dot/bad", &files), 0);
	assert_true(files >= 30);
}

static void
test_good(void **state)
{
	size_t files = 0;

	(void)state;
	assert_int_equal(run_folder(FIXTURES "/dot/good", &files), 0);
	assert_true(files >= 3);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad),
		cmocka_unit_test(test_good),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

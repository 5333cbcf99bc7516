/* SPDX-License-Identifier: Apache-2.0 */
/* Paths as texts, and looking programs up. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/mem.h"
#include "base/str.h"

/* Compare and free. */
static void
expect(char *got, const char *want)
{
	assert_string_equal(got, want);
	free(got);
}

static void
test_join(void **state)
{
	(void)state;
	expect(path_join("", ""), "");
	expect(path_join("a", ""), "a");
	expect(path_join("", "b"), "b");
	expect(path_join("a", "b"), "a/b");
	expect(path_join("a/", "b"), "a/b");
	expect(path_join("/", "b"), "/b");
	expect(path_join("a", "/b"), "/b");
}

static void
test_parts(void **state)
{
	(void)state;
	assert_string_equal(path_base("a"), "a");
	assert_string_equal(path_base("/x/a"), "a");
	assert_string_equal(path_base("a/"), "");
	expect(path_dir(""), ".");
	expect(path_dir("a"), ".");
	expect(path_dir("/a"), "/");
	expect(path_dir("//a"), "/");
	expect(path_dir("a//b"), "a");
	expect(path_dir("/a/b/c"), "/a/b");
}

static void
test_absolute(void **state)
{
	char *cwd = getcwd(NULL, 0), *want;

	(void)state;
	assert_non_null(cwd);
	expect(path_absolute(NULL, ""), cwd);
	expect(path_absolute(NULL, "."), cwd);
	expect(path_absolute("/", ""), "/");
	expect(path_absolute("/x", "/a//b/./c/../d/"), "/a/b/d");
	expect(path_absolute("/x/y", "../z"), "/x/z");
	expect(path_absolute("/x", "../../../.."), "/");
	expect(path_absolute("/x", "../..a/...b"), "/..a/...b");
	want = xasprintf("%s/b/c", strcmp(cwd, "/") ? cwd : "");
	expect(path_absolute("b", "c"), want);
	free(want);
	free(cwd);
}

static void
test_component_ok(void **state)
{
	static const char *const bad[] = {"",  ".",    "..",   "a/b",
					  "/", "a\nb", "\x7f", "a\t"};
	static const char *const good[] = {"a", "...", ".a", "a b", "-", "\xc3\xa4"};
	char name[300];

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
		assert_false(path_component_ok(bad[i]));
	for (size_t i = 0; i < sizeof good / sizeof *good; i++)
		assert_true(path_component_ok(good[i]));
	memset(name, 'x', sizeof name);
	name[256] = '\0';
	assert_false(path_component_ok(name));
	name[255] = '\0';
	assert_true(path_component_ok(name));
}

static void
test_component_from(void **state)
{
	static const char *const odd[] = {"",         ".",    "..",   "a/b",
					  "a b",      "a_b/", "a\nb", "a*b",
					  "\xc3\xa4", "a:b",  "/",  "-rf",
					  ".a",       "...",  "a~b"};
	enum { N = sizeof odd / sizeof *odd };
	char *names[N], name[600], *a, *b;

	(void)state;
	expect(path_component_from("model=3,seed=1"), "model=3,seed=1");
	expect(path_component_from("a_b"), "a_b");
	for (int i = 0; i < N; i++) {
		names[i] = path_component_from(odd[i]);
		assert_true(path_component_ok(names[i]));
		assert_string_not_equal(names[i], odd[i]);
		for (int j = 0; j < i; j++)
			assert_string_not_equal(names[i], names[j]);
	}
	for (int i = 0; i < N; i++)
		free(names[i]);
	/* One that looks like a changed one is changed, too. */
	a = path_component_from("a b");
	b = path_component_from(a);
	assert_string_not_equal(a, b);
	free(a);
	free(b);
	/* The same in every release: it names folders. */
	expect(path_component_from("a b"), "a_b~1c724a5e");
	/* Long ones differ where they are cut off. */
	memset(name, 'x', sizeof name);
	name[500] = '\0';
	a = path_component_from(name);
	name[499] = 'y';
	b = path_component_from(name);
	assert_int_equal(strlen(a), 209);
	assert_string_not_equal(a, b);
	free(a);
	free(b);
	name[200] = '\0';
	expect(path_component_from(name), name);
}

static void
test_find_program(void **state)
{
	char *saved = xstrdup(getenv("PATH") ? getenv("PATH") : ""), *found;

	(void)state;
	assert_null(fs_find_program(""));
	assert_null(fs_find_program("/nonexistent/sh"));
	assert_null(fs_find_program("/"));
	assert_null(fs_find_program("/etc/passwd"));
	expect(fs_find_program("/bin/sh"), "/bin/sh");
	assert_null(fs_find_program("no-such-program-at-all"));
	setenv("PATH", "/nonexistent:/bin/sh:/bin", 1);
	expect(fs_find_program("sh"), "/bin/sh");
	setenv("PATH", "/nonexistent", 1);
	assert_null(fs_find_program("sh"));
	/* A folder is not a program, and an empty item is the current folder. */
	setenv("PATH", "/", 1);
	assert_null(fs_find_program("bin"));
	setenv("PATH", "", 1);
	assert_null(fs_find_program("bin"));
	assert_int_equal(chdir("/bin"), 0);
	found = fs_find_program("sh");
	assert_non_null(found);
	assert_true(found[0] == '/' && ends_with(found, "/sh"));
	free(found);
	unsetenv("PATH");
	found = fs_find_program("sh");
	assert_non_null(found);
	free(found);
	setenv("PATH", saved, 1);
	free(saved);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_join),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_absolute),
		cmocka_unit_test(test_component_ok),
		cmocka_unit_test(test_component_from),
		cmocka_unit_test(test_find_program),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* INI files: each trap of inih, and what a good file gives. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fs.h"
#include "base/ini.h"
#include "base/mem.h"
#include "base/str.h"

static char *scratch;

static int
setup(void **state)
{
	const char *tmp = getenv("TMPDIR");

	(void)state;
	scratch = xasprintf("%s/af2-ini-XXXXXX", tmp ? tmp : "/tmp");
	return mkdtemp(scratch) && chdir(scratch) == 0 ? 0 : -1;
}

static int
teardown(void **state)
{
	int rc;

	(void)state;
	rc = chdir("/") < 0 ? -1 : fs_remove_tree(scratch, NULL);
	free(scratch);
	return rc;
}

/* Collects "LINE[SECTION]NAME=VALUE;" of each pair; a pair named "refuse" is an
 * error. */
static void
collect(void *arg, const char *file, int line, const char *section, const char *name,
	const char *value, struct diags *diags)
{
	str_printf(arg, "%d[%s]%s=%s;", line, section, name, value);
	if (strcmp(name, "refuse") == 0)
		diags_add(diags, SEV_ERROR, file, line, name, NULL, "refused");
	if (strcmp(name, "doubt") == 0)
		diags_add(diags, SEV_WARNING, file, line, name, NULL, "doubtful");
}

/* Read `n` bytes of text: the pairs it gives, and "LINE:MESSAGE;" of each
 * diagnostic. */
static void
expect_n(const char *text, size_t n, const char *pairs, const char *messages)
{
	struct str got = {0}, said = {0};
	struct diags d = {0};
	int errors;

	assert_int_equal(fs_write_file("f.ini", text, n, 0, NULL), 0);
	errors = ini_read("f.ini", collect, &got, &d);
	assert_int_equal(errors, d.errors);
	for (size_t i = 0; i < d.count; i++) {
		assert_string_equal(d.items[i].file, "f.ini");
		str_printf(&said, "%d:%s;", d.items[i].line, d.items[i].text);
	}
	assert_string_equal(said.s ? said.s : "", messages);
	assert_string_equal(got.s ? got.s : "", pairs);
	str_free(&got);
	str_free(&said);
	diags_free(&d);
}

static void
expect(const char *text, const char *pairs, const char *messages)
{
	expect_n(text, strlen(text), pairs, messages);
}

static void
expect_unreadable(const char *path, const char *message)
{
	struct str got = {0};
	struct diags d = {0};

	assert_int_equal(ini_read(path, collect, &got, &d), 1);
	assert_int_equal(d.count, 1);
	assert_string_equal(d.items[0].text, message);
	assert_int_equal(got.len, 0);
	diags_free(&d);
}

static void
test_unreadable(void **state)
{
	char *big = xcalloc(1, 1024 * 1024 + 2);

	(void)state;
	expect_unreadable("absent", "cannot open 'absent': No such file or directory");
	expect_unreadable(".", "cannot read '.': it is a folder");
	memset(big, ';', 1024 * 1024 + 1);
	assert_int_equal(fs_write_file("big", big, 1024 * 1024 + 1, 0, NULL), 0);
	expect_unreadable("big", "cannot read 'big': it has more than 1048576 bytes");
	free(big);
}

static void
test_empty(void **state)
{
	(void)state;
	expect("", "", "");
	expect("\n\n", "", "");
	expect("\xef\xbb\xbf", "", "");
	expect("; only\n# comments\n  ; indented\n\t# too", "", "");
	expect("[section]\n", "", "");
}

static void
test_good(void **state)
{
	(void)state;
	expect("a=1\n[s]\n\n b = \n", "1[]a=1;", "4:indented line;");
	expect("a=1\n[s]\n\nb = \nc=x = y", "1[]a=1;4[s]b=;5[s]c=x = y;", "");
	expect("\xef\xbb\xbf[s]\r\nname =  some value \r\n", "2[s]name=some value;",
	       "");
	expect("[plugin.a b]\nenv.X = a;b ; comment\n", "2[plugin.a b]env.X=a;b;", "");
	expect("[s] ; comment\nk = \"q\" # not a comment\n",
	       "2[s]k=\"q\" # not a comment;", "");
	expect("[s]\nk = \xc3\xa4:\t=\n", "2[s]k=\xc3\xa4:\t=;", "");
	expect("[s]\nk=1\nk=2\n", "2[s]k=1;3[s]k=2;", "");
}

static void
test_bad_lines(void **state)
{
	(void)state;
	expect("[s]\nword\nk=1\n", "3[s]k=1;", "2:line without '=';");
	expect("k ; = 1\n", "", "1:line without '=';");
	expect("= 1\n", "", "1:nothing before '=';");
	expect("a: 1\n", "", "1:line without '=';");
	expect("a:b = 1\n", "", "1:':' before '=';");
	expect("[s]\nk=1\n  j = 2\n", "2[s]k=1;", "3:indented line;");
	expect("[s]\nk=1\n\tmore\n", "2[s]k=1;", "3:indented line;");
	/* The pairs below it would be taken for another section's. */
	expect("[s\nk=1\n[t]\nk=2\n", "4[t]k=2;", "1:section without ']';");
	expect("[s ;]\nk=1\n", "", "1:section without ']';");
	expect("[s] k=1\n", "", "1:text after ']';");
	expect("k = \xff\n", "", "1:line that is not UTF-8 text;");
	expect("k = \x1b[0m\n", "", "1:line that is not UTF-8 text;");
	expect_n("[s]\nk = a\0b\nl=1\n", 16, "3[s]l=1;", "2:line with a NUL byte;");
	expect_n("; a\0b\n", 6, "", "1:line with a NUL byte;");
}

/* All of a file's errors are told, those of the handler in their places. */
static void
test_all_errors(void **state)
{
	(void)state;
	expect("x\ndoubt=1\nrefuse=1\ny\nz=1\n", "2[]doubt=1;3[]refuse=1;5[]z=1;",
	       "1:line without '=';2:doubtful;3:refused;4:line without '=';");
}

/* The longest line that inih can take, with each kind of end, and one byte more. */
static void
test_long_lines(void **state)
{
	char line[400], want[500];

	(void)state;
	for (int i = 0; i < 4; i++) {
		static const char *const ends[] = {"\n", "\r\n", "", "\nj=2\n"};
		struct str text = {0};

		memset(line, 'v', sizeof line);
		memcpy(line, "k=", 2);
		line[198] = '\0';
		str_printf(&text, "%s%s", line, ends[i]);
		snprintf(want, sizeof want, "1[]%s;%s", line, i == 3 ? "2[]j=2;" : "");
		expect(text.s, want, "");
		str_free(&text);
		/* Its tail would be a pair of its own. */
		line[198] = 'v';
		memcpy(line + 199, "x=1", 4);
		str_printf(&text, "%s%s", line, ends[i]);
		expect(text.s, i == 3 ? "2[]j=2;" : "",
		       "1:line of 202 bytes, more than 198;");
		str_free(&text);
	}
	/* A comment may be as long as it likes. */
	memset(line, 'c', sizeof line);
	line[0] = ';';
	line[399] = '\0';
	expect(line, "", "");
}

static void
test_long_sections(void **state)
{
	char text[200], want[200], name[51];

	(void)state;
	memset(name, 's', sizeof name);
	name[50] = '\0';
	snprintf(text, sizeof text, "[%s]\nk=1\n", name);
	expect(text, "", "1:section name of more than 49 bytes;");
	name[49] = '\0';
	snprintf(text, sizeof text, "[%s]\nk=1\n", name);
	snprintf(want, sizeof want, "2[%s]k=1;", name);
	expect(text, want, "");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unreadable),    cmocka_unit_test(test_empty),
		cmocka_unit_test(test_good),          cmocka_unit_test(test_bad_lines),
		cmocka_unit_test(test_all_errors),    cmocka_unit_test(test_long_lines),
		cmocka_unit_test(test_long_sections),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

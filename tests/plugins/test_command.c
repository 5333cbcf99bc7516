/* SPDX-License-Identifier: Apache-2.0
 *
 * command: words, substitution, ports, exit statuses.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "harness.h"

static struct harness *h;

static int
open_plugin(void **state)
{
	(void)state;
	h = harness_open(PLUGIN_DIR "/command.so");
	return 0;
}

static int
close_plugin(void **state)
{
	(void)state;
	harness_close(h);
	return 0;
}

static void
give(const char *argv, const char *inputs, const char *outputs)
{
	harness_reset(h);
	harness_param(h, "argv", argv);
	harness_param(h, "inputs", inputs);
	harness_param(h, "outputs", outputs);
}

static const char *
printed(void)
{
	return harness_read(h, harness_stdout(h), NULL);
}

static void
refuses_bad_command_lines(void **state)
{
	(void)state;
	static const struct {
		const char *argv, *inputs, *outputs, *says;
	} cases[] = {
		{"echo 'open", "", "", "a quote is not closed in argv"},
		{"echo \"open", "", "", "a quote is not closed in argv"},
		{"echo \\", "", "", "argv ends with a backslash"},
		{" \t", "", "", "argv names no program"},
		{"'' x", "", "", "argv names no program"},
		{"echo ${in.x}", "y:text", "", "no such port in inputs=\"y:text\""},
		{"echo ${out.x}", "", "y:text", "no such port in outputs=\"y:text\""},
		{"echo ${nothing}", "", "", "unknown '${nothing}'"},
		{"echo ${in.x", "x:text", "", "without a '}'"},
		{"echo a${in.x}", "x:text?", "",
		 "needs exactly one file, the port has 0"},
		{"true", "x", "", "'x' is no port"},
		{"true", ":text", "", "':text' is no port"},
		{"true", "x:*", "", "'x:*' is no port"},
		{"true", "x:text? x:a3m?", "", "the port 'x' stands twice"},
	};
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		give(cases[i].argv, cases[i].inputs, cases[i].outputs);
		assert_fails(h, AF2_CLASS_PERMANENT, cases[i].says);
		assert_int_equal(harness_programs(h), 0);
	}
	give("true", "", "");
	harness_param(h, "ok_exit", "0,x");
	assert_fails(h, AF2_CLASS_PERMANENT, "ok_exit='0,x'");
	harness_param(h, "ok_exit", "0");
	harness_param(h, "stdin", "x");
	assert_fails(h, AF2_CLASS_PERMANENT, "stdin='x' is no port");
	harness_param(h, "stdin", "");
	harness_param(h, "stdout", "x");
	assert_fails(h, AF2_CLASS_PERMANENT, "stdout='x' is no single file");
}

static void
splits_as_a_shell_quotes(void **state)
{
	(void)state;
	give("printf '[%s]' a  'b c' \"d \\\"e\\\" \\x\" f\\ g '' h'i'\"j\" '*' $$ "
	     "$HOME",
	     "", "");
	assert_ok(h);
	assert_string_equal(printed(),
			    "[a][b c][d \"e\" \\x][f g][][hij][*][$$][$HOME]");
}

static void
substitutes_the_slot_and_literals(void **state)
{
	(void)state;
	give("echo ${cpus} x${gpus}y ${memory} $${cpus} '$${in.x}' a$${", "", "");
	harness_slot(h, 3, 2, 4096);
	assert_ok(h);
	assert_string_equal(printed(), "3 x2y 4096 ${cpus} ${in.x} a${\n");
	harness_slot(h, 1, 0, 0);
}

static void
copies_input_to_output(void **state)
{
	(void)state;
	give("cp ${in.a} ${out.b}", "a:text", "b:text");
	harness_input(h, "a", harness_file(h, "a b.txt", "hello\n"));
	assert_ok(h);
	const char *out = harness_output(h, "b", NULL);
	assert_string_equal(harness_read(h, out, NULL), "hello\n");
	assert_string_equal(strrchr(out, '/'), "/b");
}

static void
gives_one_word_a_file(void **state)
{
	(void)state;
	give("printf '(%s)' x ${in.many} ${in.none} y", "many:text* none:text*", "");
	const char *a = harness_file(h, "one 1", ""), *b = harness_file(h, "two", "");
	harness_input(h, "many", a);
	harness_input(h, "many", b);
	assert_ok(h);
	assert_string_equal(printed(), harness_path(h, "(x)(%s)(%s)(y)", a, b));
	give("echo z${in.many}", "many:text*", "");
	harness_input(h, "many", a);
	harness_input(h, "many", b);
	assert_fails(h, AF2_CLASS_PERMANENT, "the port has 2");
	give("echo --in=${in.many}", "many:text*", "");
	harness_input(h, "many", b);
	assert_ok(h);
	assert_string_equal(printed(), harness_path(h, "--in=%s\n", b));
}

static void
joins_stdin_and_stdout(void **state)
{
	(void)state;
	give("sort", "lines:text?", "sorted:text");
	harness_input(h, "lines", harness_file(h, "lines", "b\na\n"));
	harness_param(h, "stdin", "lines");
	harness_param(h, "stdout", "sorted");
	assert_ok(h);
	assert_string_equal(harness_read(h, harness_output(h, "sorted", NULL), NULL),
			    "a\nb\n");
	/* An optional port without a file reads as empty. */
	give("sort", "lines:text?", "sorted:text");
	harness_param(h, "stdin", "lines");
	harness_param(h, "stdout", "sorted");
	assert_ok(h);
	assert_string_equal(harness_read(h, harness_output(h, "sorted", NULL), NULL),
			    "");
}

static void
sets_the_environment(void **state)
{
	(void)state;
	give("sh -c 'echo \"$A|$B\"'", "x:text", "");
	const char *x = harness_file(h, "x", "");
	harness_input(h, "x", x);
	harness_param(h, "env.A", "a  b");
	harness_param(h, "env.B", "${in.x}:${cpus}");
	assert_ok(h);
	assert_string_equal(printed(), harness_path(h, "a  b|%s:1\n", x));
}

static void
judges_exit_statuses(void **state)
{
	(void)state;
	give("sh -c 'echo oops >&2; exit 3'", "", "");
	assert_fails(h, AF2_CLASS_EXIT, "oops");
	harness_param(h, "ok_exit", "0,3");
	assert_ok(h);
	harness_param(h, "ok_exit", "33, 30");
	assert_fails(h, AF2_CLASS_EXIT, "3");
	give("true", "", "");
	harness_param(h, "ok_exit", "1");
	assert_fails(h, AF2_CLASS_EXIT, "status 0, which ok_exit does not list");
	give("sh -c 'kill -9 $$'", "", "");
	assert_fails(h, AF2_CLASS_SIGNAL, "signal 9");
	give("/no/such/program", "", "");
	assert_fails(h, AF2_CLASS_SPAWN, "No such file");
}

static void
misses_an_output(void **state)
{
	(void)state;
	give("true", "", "x:text");
	assert_fails(h, AF2_CLASS_OUTPUT_MISSING, "'x'");
}

static void
links_files(void **state)
{
	(void)state;
	const char *script = harness_file(h, "my script.sh", "echo from $1\n");
	give("sh 'my script.sh' here", "", "");
	harness_param(h, "files", harness_path(h, "'%s'", script));
	assert_ok(h);
	assert_string_equal(printed(), "from here\n");
	give("true", "", "");
	harness_param(h, "files", harness_path(h, "'%s' '%s'", script, script));
	assert_fails(h, AF2_CLASS_PERMANENT,
		     "two of `files` have the name 'my script.sh'");
}

static void
makes_a_folder(void **state)
{
	(void)state;
	give("touch ${out.d}/inside", "", "d:dir");
	assert_ok(h);
	assert_int_equal(
		access(harness_path(h, "%s/inside", harness_output(h, "d", NULL)),
		       F_OK),
		0);
}

static void
collects_a_list(void **state)
{
	(void)state;
	give("sh -c 'cd \"$1\"; echo 2 >b.x.txt; echo 1 >Z.txt; echo 0 >a; echo h "
	     ">.hidden' "
	     "sh ${out.parts}",
	     "", "parts:text*");
	assert_ok(h);
	assert_string_equal(harness_element(h, "parts", 0), "Z");
	assert_string_equal(harness_element(h, "parts", 1), "a");
	assert_string_equal(harness_element(h, "parts", 2), "b.x");
	assert_null(harness_element(h, "parts", 3));
	const char *path = harness_output(h, "parts", "b.x");
	assert_string_equal(harness_read(h, path, NULL), "2\n");
	assert_string_equal(strrchr(path, '/'), "/b.x.txt");
}

static void
judges_lists(void **state)
{
	(void)state;
	give("true", "", "parts:text*");
	assert_ok(h);
	assert_null(harness_element(h, "parts", 0));
	give("true", "", "parts:text+");
	assert_fails(h, AF2_CLASS_OUTPUT_MISSING, "no file in the list output 'parts'");
	give("mkdir ${out.parts}/sub", "", "parts:text*");
	assert_fails(h, AF2_CLASS_OUTPUT_MISSING, "'sub' in the list output 'parts'");
	give("mkdir ${out.parts}/sub", "", "parts:dir*");
	assert_ok(h);
	assert_string_equal(harness_element(h, "parts", 0), "sub");
	give("ln -s /etc/passwd ${out.parts}/link", "", "parts:text*");
	assert_fails(h, AF2_CLASS_OUTPUT_MISSING, "no regular file");
}

static void
ends_when_cancelled(void **state)
{
	(void)state;
	give("sleep 30", "", "");
	harness_cancel_after(h, 0.05);
	assert_fails(h, AF2_CLASS_CANCELLED, "cancelled");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refuses_bad_command_lines),
		cmocka_unit_test(splits_as_a_shell_quotes),
		cmocka_unit_test(substitutes_the_slot_and_literals),
		cmocka_unit_test(copies_input_to_output),
		cmocka_unit_test(gives_one_word_a_file),
		cmocka_unit_test(joins_stdin_and_stdout),
		cmocka_unit_test(sets_the_environment),
		cmocka_unit_test(judges_exit_statuses),
		cmocka_unit_test(misses_an_output),
		cmocka_unit_test(links_files),
		cmocka_unit_test(makes_a_folder),
		cmocka_unit_test(collects_a_list),
		cmocka_unit_test(judges_lists),
		cmocka_unit_test(ends_when_cancelled),
	};
	return cmocka_run_group_tests(tests, open_plugin, close_plugin);
}

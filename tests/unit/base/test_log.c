/* SPDX-License-Identifier: Apache-2.0 */
/* Messages on stderr, and diagnostics with places. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/str.h"

/* What `fn` writes to stderr. */
static void
expect_stderr(void (*fn)(void), const char *want)
{
	int fds[2], saved = dup(STDERR_FILENO);
	char text[2000];
	ssize_t n;

	assert_int_equal(pipe(fds), 0);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	fn();
	dup2(saved, STDERR_FILENO);
	close(saved);
	n = read(fds[0], text, sizeof text - 1);
	close(fds[0]);
	assert_true(n >= 0);
	text[n] = '\0';
	assert_string_equal(text, want);
}

static void
say_all(void)
{
	struct error e = {0}, none = {0};

	log_error("bad %d", 1);
	log_warning("odd %s", "x");
	log_info("fine");
	log_error("escape \033[2J\r");
	error_set(&e, "cannot do it");
	log_error_object(&e);
	error_hint(&e, "try again");
	log_error_object(&e);
	log_error_object(&none);
	log_error_object(NULL);
}

static void
test_lines(void **state)
{
	(void)state;
	expect_stderr(say_all, "af2flow: bad 1\n"
			       "af2flow: warning: odd x\n"
			       "af2flow: fine\n"
			       "af2flow: escape ?[2J?\n"
			       "af2flow: cannot do it\n"
			       "af2flow: cannot do it\n"
			       "  hint: try again\n"
			       "af2flow: unknown error\n"
			       "af2flow: unknown error\n");
}

static void
say_program(void)
{
	log_program("af2flow-host");
	log_error("x");
	log_program("af2flow");
}

static void
test_program(void **state)
{
	(void)state;
	expect_stderr(say_program, "af2flow-host: x\n");
}

/* Nobody listens: no crash, no endless loop. */
static void
say_closed(void)
{
	close(STDERR_FILENO);
	log_error("lost");
}

static void
test_closed(void **state)
{
	(void)state;
	expect_stderr(say_closed, "");
}

static void
fill(struct diags *d)
{
	diags_add(d, SEV_ERROR, "b.dot", 7, "cpu", "did you mean 'cpus'?",
		  "unknown attribute");
	diags_add(d, SEV_ERROR, "a.dot", 12, NULL, NULL, "second in line %d", 12);
	diags_add(d, SEV_WARNING, "a.dot", 3, NULL, NULL, "parameter 'x' is not used");
	diags_add(d, SEV_ERROR, NULL, 0, NULL, NULL, "no file");
	diags_add(d, SEV_ERROR, "a.dot", 12, NULL, NULL, "first in line");
	d->items[d->count - 1].column = 4;
	diags_add(d, SEV_ERROR, "a.dot", 12, "]", NULL, "same place");
	d->items[d->count - 1].column = 4;
	diags_add(d, SEV_ERROR, "a.dot", 0, NULL, NULL, "whole file");
}

static const char sorted[] = "af2flow: no file\n"
			     "af2flow: a.dot: whole file\n"
			     "af2flow: a.dot:3: warning: parameter 'x' is not used\n"
			     "af2flow: a.dot:12: second in line 12\n"
			     "af2flow: a.dot:12:4: first in line\n"
			     "af2flow: a.dot:12:4: same place near ']'\n"
			     "af2flow: b.dot:7: unknown attribute near 'cpu'\n"
			     "  hint: did you mean 'cpus'?\n";

static void
say_diags(void)
{
	struct diags d = {0};

	log_diags(&d);
	fill(&d);
	log_diags(&d);
	diags_free(&d);
}

static void
test_diags(void **state)
{
	struct str out = {0};
	struct diags d = {0};

	(void)state;
	diags_format(&out, &d);
	assert_int_equal(out.len, 0);
	fill(&d);
	str_add(&out, "before\n");
	diags_format(&out, &d);
	assert_true(starts_with(out.s, "before\n"));
	assert_string_equal(out.s + 7, sorted);
	str_free(&out);
	diags_free(&d);
	expect_stderr(say_diags, sorted);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lines),
		cmocka_unit_test(test_program),
		cmocka_unit_test(test_closed),
		cmocka_unit_test(test_diags),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

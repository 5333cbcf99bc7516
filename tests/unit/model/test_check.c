/* SPDX-License-Identifier: Apache-2.0 */
/* check: what a workflow demands of the machine. */
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "model/check.h"
#include "stages.h"

struct fixture {
	struct stages stages;
	struct stage_source source;
	struct diags diags;
	struct workflow *w;
	char *folder;
};

static const struct check_limits machine = {.cpus = 4, .gpus = 1, .memory = 8ull << 30};

static int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof *f);

	if (stages_load(&f->stages) < 0)
		return -1;
	f->source = (struct stage_source){.find = stages_find, .arg = &f->stages};
	f->folder = make_folder();
	write_text(f->folder, "a.txt", "a");
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	struct error e = {0};

	workflow_free(f->w);
	diags_free(&f->diags);
	stages_free(&f->stages);
	fs_remove_tree(f->folder, &e);
	free(f->folder);
	free(f);
	return 0;
}

/* Load and check; the number of errors. */
static int
check(struct fixture *f, const char *text, const struct param_setting *set,
      const unsigned char *need)
{
	char *path = path_join(f->folder, "w.dot");

	workflow_free(f->w);
	diags_free(&f->diags);
	write_text(f->folder, "w.dot", text);
	f->w = workflow_load(path, set, set ? 1 : 0, &f->source, f->folder, &f->diags);
	free(path);
	assert_non_null(f->w);
	return check_workflow(f->w, need, &machine, &f->diags);
}

static void
check_refused(struct fixture *f, const char *attrs, const char *message)
{
	char *text = xasprintf("digraph {\n a [plugin=types, %s] }", attrs);

	assert_int_equal(check(f, text, NULL, NULL), 1);
	if (!find_diag(&f->diags, message))
		print_error("%s: %s\n", attrs, f->diags.items[0].text);
	assert_non_null(find_diag(&f->diags, message));
	assert_int_equal(find_diag(&f->diags, message)->line, 2);
	assert_true(find_diag(&f->diags, message)->column > 1);
	free(text);
}

static void
test_refused(void **state)
{
	struct fixture *f = *state;

	check_refused(f, "whole=x", "type int");
	check_refused(f, "whole=900", "range");
	check_refused(f, "file=none", "No such file");
	check_refused(f, "file=\".\"", "is a folder");
	check_refused(f, "files=\"a.txt none\"", "none");
	check_refused(f, "folder=none", "cannot find folder");
	check_refused(f, "folder=\"a.txt\"", "is no folder");
	check_refused(f, "program=\"no-such-program-x\"", "in PATH");
	check_refused(f, "program=\"./a.txt\"", "no program");
	check_refused(f, "cpus=5", "needs 5 cores, a slot here has at most 4");
	check_refused(f, "gpus=2", "needs 2 GPUs");
	check_refused(f, "memory=\"9G\"", "of memory");
	check_refused(f, "whole=3, \"retry.whole\"=y", "type int");
	check_refused(f, "text=a, \"retry.text\"=\"2x\"", "cannot be multiplied");
	check_refused(f, "expand=\"i=499..501\", whole=\"${i}\"", "(i=501)");
	check_refused(f, "expand=\"i=3..5\", cpus=\"${i}\"", "(i=5)");
}

static void
test_required(void **state)
{
	struct fixture *f = *state;
	static const char text[] =
		"digraph { q=\"\"; s [plugin=instance, fasta=\"${q}\"] }";
	const struct param_setting good = {"q", "a.txt"}, missing = {"q", "b.txt"};

	assert_int_equal(check(f, text, NULL, NULL), 1);
	assert_string_equal(f->diags.items[0].text,
			    "parameter 'fasta' of 's' is not set");
	assert_string_equal(f->diags.items[0].hint, "give -p q=FILE");
	assert_int_equal(check(f, text, &missing, NULL), 1);
	assert_int_equal(check(f, text, &good, NULL), 0);
	assert_int_equal(f->diags.count, 0);
	assert_int_equal(check(f, "digraph { s [plugin=instance] }", NULL, NULL), 1);
}

static void
test_database(void **state)
{
	struct fixture *f = *state;
	static const char text[] =
		"digraph { s [plugin=instance, fasta=\"a.txt\"]\n"
		"m [plugin=msa_hhblits, database=db] s -> m [output=sequence]\n"
		"j [plugin=msa_jackhmmer, database=db2] s -> j [output=sequence] }";

	assert_int_equal(check(f, text, NULL, NULL), 2);
	write_text(f->folder, "db_a3m.ffdata", "");
	assert_int_equal(check(f, text, NULL, NULL), 2);
	assert_non_null(find_diag(&f->diags, "db_a3m.ffindex"));
	write_text(f->folder, "db_a3m.ffindex", "");
	write_text(f->folder, "db2", "");
	assert_int_equal(check(f, text, NULL, NULL), 0);
}

static void
test_need(void **state)
{
	struct fixture *f = *state;
	static const char text[] = "digraph { node [plugin=types]; edge [order=yes]\n"
				   "a [cpus=9] a -> b [order=yes] b [file=none] }";
	const unsigned char none[] = {0, 0}, second[] = {0, 1};
	const char *const until[] = {"a"};

	assert_int_equal(check(f, text, NULL, none), 0);
	assert_int_equal(check(f, text, NULL, second), 1);
	assert_int_equal(check(f, text, NULL, NULL), 2);
	workflow_select(f->w, until, 1, &f->diags);
	assert_int_equal(check_workflow(f->w, NULL, &machine, &f->diags), 1);
	assert_int_equal(check_workflow(f->w, NULL, NULL, &f->diags), 0);
}

/* What is switched off asks for nothing. */
static void
test_switches(void **state)
{
	struct fixture *f = *state;
	static const char text[] =
		"digraph { big=no\n node [plugin=types]\n"
		"a [when=\"${big}\", file=none, cpus=99]\n"
		"b [expand=\"i=1..3\", when=\"${i} == 2\", whole=\"${i}00\"]\n"
		"c [expand=\"j=1..9\", when=\"${j} != 9\", whole=\"${j}0\", cpus=1] }";
	const struct param_setting on = {"big", "yes"};

	assert_int_equal(check(f, text, NULL, NULL), 0);
	assert_int_equal(check(f, text, &on, NULL), 2);
}

static void
test_command(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(check(f,
			       "digraph { node [plugin=command]\n"
			       "a [argv=\"sh ${in.x} ${out.o} $${in.literal}\", "
			       "inputs=\"x:text?\","
			       " outputs=\"o:text\", stdout=o]\n"
			       "b [argv=\"./local ${cpus}\"] }",
			       NULL, NULL),
			 0);
	assert_int_equal(check(f,
			       "digraph { node [plugin=command]\n"
			       "a [argv=\"sh ${in.y}\", inputs=\"x:text?\"]\n"
			       "b [argv=\"sh ${out.y}\"]\n"
			       "c [argv=\"no-such-program-x\"]\n"
			       "d [argv=\"sh\", stdout=o]\n"
			       "e []\n f [argv=\"''\"] }",
			       NULL, NULL),
			 6);
	assert_non_null(find_diag(&f->diags, "'a' has no input 'y'"));
	assert_non_null(find_diag(&f->diags, "'b' has no output 'y'"));
	assert_non_null(find_diag(&f->diags, "no program 'no-such-program-x'"));
	assert_non_null(find_diag(&f->diags, "'d' has no output 'o'"));
	assert_non_null(find_diag(&f->diags, "'argv' of 'e' is not set"));
	assert_non_null(find_diag(&f->diags, "without a program"));
}

static void
test_unused(void **state)
{
	struct fixture *f = *state;
	const struct param_setting set = {"x", "1"};

	assert_int_equal(check(f, "digraph { x=2; y=3; a [plugin=types] }", &set, NULL),
			 0);
	assert_int_equal(f->diags.count, 1);
	assert_int_equal(f->diags.items[0].severity, SEV_WARNING);
	assert_non_null(find_diag(&f->diags, "nothing refers to parameter 'x'"));
}

/* Variables that several nodes introduce meet on equal values; lists are known
 * later. */
static void
test_variables(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(check(f,
			       "digraph { node [plugin=types]; edge [order=yes]\n"
			       "a [expand=\"i=499..501\"] b [expand=\"i=300..500\"]\n"
			       "{a b} -> c c [whole=\"${i}\"] }",
			       NULL, NULL),
			 0);
	assert_int_equal(check(f,
			       "digraph { s [plugin=instance, fasta=\"a.txt\"]\n"
			       "m [plugin=command, expand=\"c in s.chains\", "
			       "inputs=\"i:fasta\",\n"
			       " argv=\"sh ${c}\", \"env.X\"=\"${c}\"] s -> m }",
			       NULL, NULL),
			 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_refused), TEST(test_required),  TEST(test_database),
		TEST(test_need),    TEST(test_switches),  TEST(test_command),
		TEST(test_unused),  TEST(test_variables),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

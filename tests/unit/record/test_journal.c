/* SPDX-License-Identifier: Apache-2.0 */
/* journal: appending, reading, damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <signal.h>
#include <sys/resource.h>

#include "helpers.h"
#include "record/journal.h"

struct seen {
	int count;
	int64_t last_seq;
	int n[64];
	int ordered;
	double last_time;
};

static void
see(void *arg, const js *event)
{
	struct seen *s = arg;
	int64_t seq = js_get_int(event, "seq", -1);

	s->ordered &= seq > s->last_seq;
	s->last_seq = seq;
	s->last_time = js_get_real(event, "time", 0);
	if (s->count < 64)
		s->n[s->count] = (int)js_get_int(event, "n", -1);
	s->count++;
}

static struct seen
read_all(const char *path, size_t *damaged)
{
	struct seen s = {.ordered = 1};

	assert_int_equal(journal_read(path, see, &s, damaged, NULL), 0);
	return s;
}

static void
add(struct journal *j, int n)
{
	js *event = js_object();

	js_set_text(event, "event", "note");
	js_set_int(event, "n", n);
	journal_add(j, event);
}

static char *
journal_of_ten(const char *folder)
{
	char *path = path_join(folder, "journal");
	struct error e = {0};
	struct journal *j = journal_open(path, &e);

	assert_non_null(j);
	for (int i = 0; i < 10; i++)
		add(j, i);
	assert_int_equal(journal_flush(j, 0, &e), 0);
	journal_close(j);
	return path;
}

static void
refuses_what_is_no_journal(void **state)
{
	struct error e = {0};
	char *none = path_join(*state, "none/journal"),
	     *link = path_join(*state, "link");

	assert_null(journal_open(*state, &e));
	assert_string_not_equal(e.text, "");
	error_clear(&e);
	assert_null(journal_open(none, &e));
	assert_non_null(strstr(e.text, none));
	error_clear(&e);
	assert_int_equal(journal_read(none, see, NULL, NULL, &e), -1);
	assert_int_equal(journal_read(*state, see, NULL, NULL, NULL), -1);
	assert_int_equal(symlink("/dev/null", link), 0);
	assert_null(journal_open(link, NULL));
	free(link);
	free(none);
}

static void
events_come_back(void **state)
{
	char *path = journal_of_ten(*state);
	size_t damaged;
	struct seen s = read_all(path, &damaged);

	assert_int_equal(s.count, 10);
	assert_int_equal(damaged, 0);
	assert_int_equal(s.n[9], 9);
	assert_int_equal(s.last_seq, 10);
	assert_true(s.ordered);
	assert_true(s.last_time > 1.7e9);
	free(path);
}

static void
an_empty_event_is_one(void **state)
{
	char *path = path_join(*state, "journal");
	struct journal *j = journal_open(path, NULL);
	size_t damaged;
	struct seen s;

	journal_add(j, js_object());
	journal_close(j);
	s = read_all(path, &damaged);
	assert_int_equal(s.count, 1);
	assert_int_equal(damaged, 0);
	free(path);
}

static void
dirty_until_synced(void **state)
{
	char *path = path_join(*state, "journal");
	struct journal *j = journal_open(path, NULL);
	size_t damaged;

	assert_false(journal_dirty(j));
	add(j, 1);
	assert_true(journal_dirty(j));
	assert_int_equal(journal_flush(j, 0, NULL), 0);
	assert_int_equal(read_all(path, &damaged).count, 1);
	assert_true(journal_dirty(j));
	assert_int_equal(journal_flush(j, 1, NULL), 0);
	assert_false(journal_dirty(j));
	journal_close(j);
	free(path);
}

static void
numbers_go_on(void **state)
{
	char *path = journal_of_ten(*state);
	struct journal *j = journal_open(path, NULL);
	struct seen s;
	size_t damaged;

	add(j, 10);
	journal_close(j);
	s = read_all(path, &damaged);
	assert_int_equal(s.count, 11);
	assert_int_equal(s.last_seq, 11);
	assert_true(s.ordered);
	/* Behind a tail without a sound line. */
	zero_fill(path, 400);
	assert_int_equal(truncate(path, 200000), 0);
	j = journal_open(path, NULL);
	add(j, 99);
	journal_close(j);
	s = read_all(path, &damaged);
	assert_true(s.ordered);
	assert_int_equal(s.n[s.count - 1], 99);
	assert_int_equal(damaged, 1);
	free(path);
}

static void
damaged_lines_are_passed_over(void **state)
{
	char *path = journal_of_ten(*state);
	size_t damaged;
	struct stat st;
	struct seen s;
	struct journal *j;

	flip_bit(path, 30);
	s = read_all(path, &damaged);
	assert_int_equal(s.count, 9);
	assert_int_equal(damaged, 1);
	assert_int_equal(s.n[0], 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - 5), 0);
	s = read_all(path, &damaged);
	assert_int_equal(s.count, 8);
	assert_int_equal(damaged, 2);
	/* The torn line does not swallow the next event. */
	j = journal_open(path, NULL);
	add(j, 77);
	journal_close(j);
	s = read_all(path, &damaged);
	assert_int_equal(s.count, 9);
	assert_int_equal(s.n[8], 77);
	assert_int_equal(damaged, 2);
	zero_fill(path, 0);
	s = read_all(path, &damaged);
	assert_int_equal(s.count, 0);
	assert_int_equal(damaged, 1);
	assert_int_equal(truncate(path, 0), 0);
	s = read_all(path, &damaged);
	assert_int_equal(s.count, 0);
	assert_int_equal(damaged, 0);
	free(path);
}

static void
sound_text_that_is_no_event(void **state)
{
	char *path = path_join(*state, "journal");
	struct str lines = {0};
	size_t damaged;
	struct seen s;

	line_seal(&lines, "[1]", 3);
	line_seal(&lines, "{\"seq\":5", 8);
	line_seal(&lines, "{\"seq\":6,\"n\":6}", 15);
	write_text(path, lines.s);
	s = read_all(path, &damaged);
	assert_int_equal(s.count, 1);
	assert_int_equal(damaged, 2);
	str_free(&lines);
	free(path);
}

/* A file size limit stands for a full disk; the write stops within a line. */
static int
write_to_the_limit(const char *folder)
{
	char *path = path_join(folder, "journal");
	struct rlimit limit = {.rlim_cur = 300, .rlim_max = 100000};
	struct error e = {0};
	struct journal *j = journal_open(path, &e);

	signal(SIGXFSZ, SIG_IGN);
	setrlimit(RLIMIT_FSIZE, &limit);
	for (int i = 0; i < 10; i++)
		add(j, i);
	if (journal_flush(j, 0, &e) == 0 || !strstr(e.text, path) || !journal_dirty(j))
		return 1;
	limit.rlim_cur = 100000;
	setrlimit(RLIMIT_FSIZE, &limit);
	if (journal_flush(j, 0, NULL) < 0)
		return 2;
	journal_close(j);
	free(path);
	return 0;
}

static void
what_cannot_be_written_stays(void **state)
{
	char *path = path_join(*state, "journal");
	size_t damaged;
	pid_t pid = fork();
	int status;

	if (pid == 0)
		_exit(write_to_the_limit(*state));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(read_all(path, &damaged).count, 10);
	assert_int_equal(damaged, 0);
	free(path);
}

/* Write the lines of a journal back in another order. */
static void
rewrite(const char *path, const char *text, const int *order, size_t count)
{
	struct str out = {0};
	const char *starts[64], *p = text;
	size_t n = 0;

	for (; *p; p = strchr(p, '\n') + 1)
		starts[n++] = p;
	starts[n] = p;
	for (size_t i = 0; i < count; i++)
		str_addn(&out, starts[order[i]],
			 (size_t)(starts[order[i] + 1] - starts[order[i]]));
	write_text(path, out.s);
	str_free(&out);
}

/* Lines in a wrong place, and lines twice: each event once, by its number. */
static void
events_come_in_order(void **state)
{
	static const struct {
		int order[20];
		size_t count, damaged;
	} cases[] = {
		{{9, 8, 7, 6, 5, 4, 3, 2, 1, 0}, 10, 9},
		{{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9}, 20, 10},
		{{0, 1, 1, 2, 3, 5, 4, 6, 7, 8, 9, 9}, 12, 3},
	};
	char *path = journal_of_ten(*state), *text = read_text(path);
	struct journal *j;
	struct seen s;
	size_t damaged;

	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		rewrite(path, text, cases[i].order, cases[i].count);
		s = read_all(path, &damaged);
		assert_int_equal(s.count, 10);
		assert_true(s.ordered);
		for (int k = 0; k < 10; k++)
			assert_int_equal(s.n[k], k);
		assert_int_equal(damaged, cases[i].damaged);
	}
	/* Numbers go on behind the highest, wherever it stands. */
	rewrite(path, text, cases[0].order, 10);
	j = journal_open(path, NULL);
	journal_resume(j, 100);
	journal_resume(j, 5);
	add(j, 10);
	journal_close(j);
	s = read_all(path, NULL);
	assert_int_equal(s.count, 11);
	assert_int_equal(s.last_seq, 101);
	free(text);
	free(path);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(refuses_what_is_no_journal),
		TEST(events_come_back),
		TEST(an_empty_event_is_one),
		TEST(dirty_until_synced),
		TEST(numbers_go_on),
		TEST(damaged_lines_are_passed_over),
		TEST(sound_text_that_is_no_event),
		TEST(what_cannot_be_written_stays),
		TEST(events_come_in_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

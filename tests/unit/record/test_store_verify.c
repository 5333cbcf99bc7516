/* SPDX-License-Identifier: Apache-2.0 */
/* store verify: every damage is found once, and what is sound is left alone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "helpers.h"
#include "record/store_verify.h"

/* What was found, a line each: "KIND FILE|WHAT|moved or stays". */
struct findings {
	struct str text;
	size_t count, progress;
};

static void
found(void *arg, const struct verify_finding *f)
{
	static const char *const kinds[] = {"damaged", "unreadable", "stray"};
	struct findings *all = arg;

	all->count++;
	str_printf(&all->text, "%s %s|%s|%s|%s\n", kinds[f->kind], f->plugin, f->file,
		   f->what, *f->moved ? "moved" : "stays");
	if (*f->moved)
		assert_int_equal(access(f->moved, F_OK), 0);
}

static void
progress(void *arg, const struct verify_report *r, size_t all)
{
	struct findings *f = arg;

	assert_true(r->objects <= all);
	f->progress++;
}

static struct verify_report
verify(const char *folder, struct findings *all)
{
	const struct verify_options o = {.threads = 3, .found = found,
					 .progress = progress, .arg = all};
	struct store *s = open_store(folder);
	struct verify_report r;
	struct error e = {0};

	*all = (struct findings){0};
	assert_int_equal(store_verify(s, &o, &r, &e), 0);
	assert_int_equal(r.damaged + r.unreadable + r.strays, all->count);
	store_close(s);
	return r;
}

/* One finding that says `want`; then the store is sound. */
static void
assert_one(const char *folder, const char *want)
{
	struct findings all;

	verify(folder, &all);
	assert_int_equal(all.count, 1);
	if (!strstr(all.text.s, want))
		fail_msg("'%s' does not say '%s'", all.text.s, want);
	str_free(&all.text);
	verify(folder, &all);
	assert_int_equal(all.count, 0);
	str_free(&all.text);
}

static void
a_sound_store(void **state)
{
	struct store *s = open_store(*state);
	struct findings all;
	struct verify_report r;

	for (int i = 0; i < 1000; i++)
		if (i % 10)
			publish_file(s, i, "four", 0);
		else
			publish_record(s, i);
	store_close(s);
	r = verify(*state, &all);
	assert_int_equal(all.count, 0);
	assert_int_equal(r.objects, 900);
	assert_int_equal(r.records, 100);
	assert_int_equal(r.bytes, 3600);
}

static void
an_empty_store(void **state)
{
	struct findings all;
	struct verify_report r;

	store_close(open_store(*state));
	r = verify(*state, &all);
	assert_int_equal(all.count + r.objects + r.records, 0);
}

/* Same size, same mtime, same boot: what a look-up does not see. */
static void
a_flipped_bit(void **state)
{
	struct store *s = open_store(*state);
	char *object = object_path(store_path(s), 1), *out = path_join(object, "out.txt");
	struct stat st;

	publish_file(s, 1, "some text", 1);
	publish_file(s, 2, "some text", 1);
	assert_int_equal(stat(out, &st), 0);
	flip_bit(out, 3);
	set_mtime(out, &st);
	assert_int_equal(has_result(s, 1), 1);
	store_close(s);
	assert_one(*state, "damaged |out.txt|the content of output 'out.txt' has "
			   "changed|moved");
	s = open_store(*state);
	assert_int_equal(has_result(s, 1), 0);
	assert_int_equal(has_result(s, 2), 1);
	publish_file(s, 1, "some text", 1);
	store_close(s);
	free(out);
	free(object);
}

static void
check_damage(const char *folder, const char *command, const char *want)
{
	struct store *s = open_store(folder);
	char *object = object_path(store_path(s), 1);
	char *line = xasprintf("cd '%s' && chmod u+w * && %s", object, command);

	publish_file(s, 1, "some text", 0);
	publish_file(s, 2, "some text", 0);
	store_close(s);
	assert_int_equal(system(line), 0);
	assert_one(folder, want);
	free(line);
	free(object);
}

static void
each_damage(void **state)
{
	static const char *const damages[][2] = {
		{"rm out.txt", "|out.txt|its output 'out.txt' is missing|moved"},
		{"echo more >>out.txt", "|out.txt|its output 'out.txt' has 14 bytes"},
		{"rm out.txt && mkdir out.txt", "|out.txt|its output 'out.txt' is no file"},
		{"mv out.txt o && ln -s o out.txt", "|out.txt|"},
		{"rm result.json", "damaged |result.json|cannot open its result.json"},
		{": >result.json", "damaged |result.json|it is empty|moved"},
		{"truncate -s 50 result.json", "damaged |result.json|it is torn"},
		{"sed -i s/out.txt/xut.txt/ result.json", "damaged |result.json|it is torn"},
		{"rm -r ../*/*", "|result.json|cannot open its result.json"},
	};

	for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
		char *folder = xasprintf("%s/%zu", (char *)*state, i);

		assert_int_equal(mkdir(folder, 0755), 0);
		check_damage(folder, damages[i][0], damages[i][1]);
		free(folder);
	}
}

static void
the_result_of_another_key(void **state)
{
	char *store = path_join(*state, "store"), *other = object_path(store, 2);
	char *command = xasprintf("cp -f '%s/result.json' .", other);

	check_damage(*state, command, "|result.json|it is the result of another key|moved");
	free(command);
	free(other);
	free(store);
}

static int
nobody_verifies(const char *folder)
{
	const struct verify_options o = {.threads = 1};
	char *path = path_join(folder, "store");
	struct store *s = store_open(path, NULL);
	struct verify_report r;

	return s && store_verify(s, &o, &r, NULL) == 0 && r.unreadable == 1 &&
			       r.damaged == 0
		       ? 0
		       : 1;
}

static void
what_cannot_be_read_is_not_moved(void **state)
{
	struct store *s = open_store(*state);
	char *object = object_path(store_path(s), 1);

	publish_file(s, 1, "text", 0);
	publish_file(s, 2, "text", 0);
	store_close(s);
	assert_int_equal(chmod(*state, 0755), 0);
	assert_int_equal(chmod(object, 0), 0);
	assert_int_equal(as_nobody(nobody_verifies, *state), 0);
	assert_int_equal(access(object, F_OK), 0);
	assert_int_equal(chmod(object, 0755), 0);
	free(object);
}

/* A flipped bit and a torn end in segments of engines that are gone. */
static void
damaged_records(void **state)
{
	struct store *s = open_store(*state);
	char *path = path_join(*state, "store/segments/merged-a");
	struct str text = {0};
	struct findings all;
	struct verify_report r;

	for (int i = 0; i < 5; i++)
		add_record_line(&text, i, 0);
	text.len -= 10;
	text.s[text.len] = '\0';
	write_segment(store_path(s), "merged-a", &text);
	store_close(s);
	flip_bit(path, 150);
	r = verify(*state, &all);
	assert_int_equal(r.damaged, 2);
	assert_non_null(strstr(all.text.s, "line 1: its checksum does not match|moved"));
	assert_non_null(strstr(all.text.s, "line 5: it is torn|moved"));
	assert_int_equal(access(path, F_OK), -1);
	str_free(&all.text);
	r = verify(*state, &all);
	assert_int_equal(all.count, 0);
	assert_int_equal(r.records, 3);
	s = open_store(*state);
	for (int i = 0; i < 5; i++)
		assert_int_equal(has_result(s, i), i > 0 && i < 4);
	store_close(s);
	str_free(&text);
	free(path);
}

/* What a living engine writes just now is neither damaged nor moved. */
static void
living_engines_are_left_alone(void **state)
{
	struct store *living = open_store(*state);
	char *out, *command;
	struct findings all;
	struct verify_report r;

	result_free(file_result(living, 1, "half", &out));
	publish_record(living, 2);
	assert_int_equal(store_flush(living, 0, NULL), 0);
	command = xasprintf("printf 'half a line' >>\"$(echo '%s'/segments/*)\"",
			    store_path(living));
	assert_int_equal(system(command), 0);
	r = verify(*state, &all);
	assert_int_equal(all.count, 0);
	assert_int_equal(r.records, 1);
	assert_int_equal(access(out, F_OK), 0);
	/* A whole line that is damaged is told, and stays. */
	free(command);
	command = xasprintf("echo >>\"$(echo '%s'/segments/*)\"", store_path(living));
	assert_int_equal(system(command), 0);
	verify(*state, &all);
	assert_int_equal(all.count, 1);
	assert_non_null(strstr(all.text.s, "line 2: its checksum does not match|stays"));
	str_free(&all.text);
	store_close(living);
	free(command);
	free(out);
}

static void
strays(void **state)
{
	char *store = path_join(*state, "store");
	char *command = xasprintf("cd '%s' && mkdir objects/zz objects/ab tmp/what && "
				  "echo x >objects/ab/x && echo x >objects/cd",
				  store);
	struct findings all;
	struct verify_report r;
	pid_t pid;
	int status;

	store_close(open_store(*state));
	assert_int_equal(system(command), 0);
	pid = fork();
	if (pid == 0) {
		char *out;

		file_result(open_store(*state), 1, "half", &out);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	r = verify(*state, &all);
	assert_int_equal(r.strays, 5);
	assert_int_equal(r.damaged + r.unreadable, 0);
	assert_non_null(strstr(all.text.s, "left by an engine that died"));
	str_free(&all.text);
	free(command);
	free(store);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(an_empty_store, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(a_sound_store, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(a_flipped_bit, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(each_damage, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(the_result_of_another_key, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(what_cannot_be_read_is_not_moved,
						make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(damaged_records, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(living_engines_are_left_alone,
						make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(strays, make_folder, remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* store: whatever is damaged counts as absent, is reported once, and can be made
 * again. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "helpers.h"

/* The file of an object with task 1's result. */
static char *
object_file(struct store *s, const char *name)
{
	char *object = object_path(store_path(s), 1), *file = path_join(object, name);

	free(object);
	return file;
}

typedef void harm_fn(const char *json, const char *out);

static void
json_flipped(const char *json, const char *out)
{
	(void)out;
	flip_bit(json, 120);
}

static void
json_torn(const char *json, const char *out)
{
	(void)out;
	assert_int_equal(chmod(json, 0644), 0);
	assert_int_equal(truncate(json, 100), 0);
}

static void
json_empty(const char *json, const char *out)
{
	(void)out;
	assert_int_equal(chmod(json, 0644), 0);
	assert_int_equal(truncate(json, 0), 0);
}

static void
json_zeros(const char *json, const char *out)
{
	(void)out;
	zero_fill(json, 0);
}

static void
json_missing(const char *json, const char *out)
{
	(void)out;
	assert_int_equal(unlink(json), 0);
}

static void
json_a_folder(const char *json, const char *out)
{
	(void)out;
	assert_int_equal(unlink(json), 0);
	assert_int_equal(mkdir(json, 0755), 0);
}

static void
json_a_link(const char *json, const char *out)
{
	char *aside = xasprintf("%s.real", json);

	(void)out;
	assert_int_equal(rename(json, aside), 0);
	assert_int_equal(symlink("result.json.real", json), 0);
	free(aside);
}

static void
output_missing(const char *json, const char *out)
{
	(void)json;
	assert_int_equal(unlink(out), 0);
}

static void
output_short(const char *json, const char *out)
{
	(void)json;
	assert_int_equal(chmod(out, 0644), 0);
	assert_int_equal(truncate(out, 2), 0);
}

static void
output_changed(const char *json, const char *out)
{
	(void)json;
	flip_bit(out, 1);
}

static void
output_a_link(const char *json, const char *out)
{
	char *aside = xasprintf("%s.real", out);

	(void)json;
	assert_int_equal(rename(out, aside), 0);
	assert_int_equal(symlink("out.txt.real", out), 0);
	free(aside);
}

static void
object_a_link(const char *json, const char *out)
{
	char *object = path_dir(json), *aside = xasprintf("%s.real", object);

	(void)out;
	assert_int_equal(rename(object, aside), 0);
	assert_int_equal(symlink(aside, object), 0);
	free(aside);
	free(object);
}

static void
object_a_file(const char *json, const char *out)
{
	char *object = path_dir(json);

	(void)out;
	assert_int_equal(fs_remove_tree(object, NULL), 0);
	write_text(object, "x");
	free(object);
}

/* Publish, harm, look: absent, one warning; publish again: there. */
static void
check_harm(const char *folder, harm_fn *harm, int with_index)
{
	char *index = path_join(folder, "index"), *log = path_join(folder, "log");
	struct store *s = open_store(folder);
	char *json = object_file(s, "result.json"), *out = object_file(s, "out.txt"),
	     *text;
	int saved;

	publish_file(s, 1, "hello", 0);
	store_close(s);
	if (with_index) {
		s = open_store(folder);
		store_use_index(s, index);
		assert_int_equal(has_result(s, 1), 1);
		store_close(s);
	}
	harm(json, out);
	s = open_store(folder);
	if (with_index)
		store_use_index(s, index);
	saved = catch_stderr(log);
	assert_int_equal(has_result(s, 1), 0);
	assert_int_equal(has_result(s, 1), 0);
	text = caught_stderr(log, saved);
	assert_int_equal(count_lines(text), 1);
	assert_non_null(strstr(text, "damaged"));
	free(text);
	publish_file(s, 1, "hello", 0);
	assert_int_equal(has_result(s, 1), 1);
	assert_content(out, "hello");
	store_close(s);
	free(out);
	free(json);
	free(log);
	free(index);
}

static void
damaged_objects_are_made_again(void **state)
{
	static harm_fn *const harms[] = {
		json_flipped,  json_torn,      json_empty,    json_zeros,
		json_missing,  json_a_folder,  json_a_link,   output_missing,
		output_short,  output_changed, output_a_link, object_a_link,
		object_a_file,
	};

	for (size_t i = 0; i < sizeof harms / sizeof harms[0]; i++) {
		char *folder = xasprintf("%s/%zu", (char *)*state, i);

		assert_int_equal(mkdir(folder, 0755), 0);
		check_harm(folder, harms[i], 0);
		free(folder);
	}
}

/* The index must not hide what happened to an output. */
static void
the_index_hides_no_damage(void **state)
{
	static harm_fn *const harms[] = {output_missing, output_short, output_changed,
					 output_a_link, object_a_file};

	for (size_t i = 0; i < sizeof harms / sizeof harms[0]; i++) {
		char *folder = xasprintf("%s/%zu", (char *)*state, i);

		assert_int_equal(mkdir(folder, 0755), 0);
		check_harm(folder, harms[i], 1);
		free(folder);
	}
}

/* A result with a folder "d" that holds the file "f". */
static void
publish_folder(struct store *s, int i, const char *text)
{
	struct error e = {0};
	struct result *r = record_result(i);
	char *out, *work, *dir, *file;

	assert_int_equal(store_attempt_dirs(s, 1, &out, &work, &e), 0);
	dir = path_join(out, "d");
	file = path_join(dir, "f");
	assert_int_equal(mkdir(dir, 0755), 0);
	write_text(file, text);
	r->outputs = xcalloc(1, sizeof *r->outputs);
	r->output_count = 1;
	r->outputs[0] = (struct result_output){.port = xstrdup("d"),
					       .element = xstrdup(""),
					       .file = xstrdup("d"),
					       .type = xstrdup("dir"),
					       .is_dir = 1};
	assert_int_equal(
		digest_tree(dir, &r->outputs[0].digest, &r->outputs[0].size, &e), 0);
	r = store_publish(s, r, out, 0, &e);
	assert_string_equal(e.text, "");
	result_free(r);
	free(file);
	free(dir);
	free(work);
	free(out);
}

/* What happens to a file deep in an output changes neither size nor mtime of the output
 * itself. */
static void
a_file_in_a_folder_is_looked_at(void **state)
{
	for (int kind = 0; kind < 4; kind++) {
		char *folder = xasprintf("%s/%d", (char *)*state, kind);
		char *index = path_join(folder, "index"), *log = path_join(folder, "log"),
		     *file, *text;
		struct store *s;
		int saved;

		assert_int_equal(mkdir(folder, 0755), 0);
		s = open_store(folder);
		file = object_file(s, "d/f");
		publish_folder(s, 1, "hello");
		store_use_index(s, index);
		assert_int_equal(has_result(s, 1), 1);
		store_close(s);
		s = open_store(folder);
		if (kind < 3)
			store_use_index(s, index);
		assert_int_equal(chmod(file, 0644), 0);
		if (kind == 0)
			assert_int_equal(truncate(file, 2), 0);
		else if (kind == 1)
			zero_fill(file, 0);
		else
			flip_bit(file, 1);
		saved = catch_stderr(log);
		assert_int_equal(has_result(s, 1), 0);
		text = caught_stderr(log, saved);
		assert_int_equal(count_lines(text), 1);
		free(text);
		publish_folder(s, 1, "hello");
		assert_int_equal(has_result(s, 1), 1);
		store_close(s);
		free(file);
		free(log);
		free(index);
		free(folder);
	}
}

/* In a child without root's rights: one that cannot be read does not stop a new one. */
static int
publish_over_unreadable(const char *folder)
{
	struct store *s = open_store(folder);
	char *object = object_path(store_path(s), 1), *out, *json;
	struct error e = {0};
	struct result *r;
	int ok;

	publish_file(s, 1, "old", 0);
	json = path_join(object, "result.json");
	ok = chmod(json, 0) == 0 && has_result(s, 1) == 0;
	r = file_result(s, 1, "new", &out);
	r = store_publish(s, r, out, 0, &e);
	ok = ok && r && has_result(s, 1) == 1;
	result_free(r);
	free(out);
	free(json);
	free(object);
	store_close(s);
	return ok ? 0 : 1;
}

static void
an_unreadable_object_gives_way(void **state)
{
	char *log = path_join(*state, "log"), *text;
	int saved, rc;

	assert_int_equal(chmod(*state, 0777), 0);
	saved = catch_stderr(log);
	rc = as_nobody(publish_over_unreadable, *state);
	text = caught_stderr(log, saved);
	assert_int_equal(rc, 0);
	assert_int_equal(count_lines(text), 1);
	assert_non_null(strstr(text, "is unreadable"));
	free(text);
	free(log);
}

static void
a_removed_object_is_absent(void **state)
{
	char *index = path_join(*state, "index");
	struct store *s = open_store(*state);
	char *object = object_path(store_path(s), 1), *log = path_join(*state, "log"),
	     *text;
	int saved;

	store_use_index(s, index);
	publish_file(s, 1, "x", 0);
	assert_int_equal(has_result(s, 1), 1);
	assert_int_equal(fs_remove_tree(object, NULL), 0);
	saved = catch_stderr(log);
	assert_int_equal(has_result(s, 1), 0);
	text = caught_stderr(log, saved);
	assert_string_equal(text, "");
	free(text);
	publish_file(s, 1, "y", 0);
	assert_int_equal(has_result(s, 1), 1);
	store_close(s);
	free(log);
	free(object);
	free(index);
}

/* A publisher that meets a damaged object in its place. */
static void
publishing_over_a_damaged_one(void **state)
{
	struct store *s = open_store(*state);
	char *json = object_file(s, "result.json"), *out = object_file(s, "out.txt");
	char *tmp = path_join(store_path(s), "tmp"), *log = path_join(*state, "log"),
	     *text;
	int saved;

	publish_file(s, 1, "old", 0);
	flip_bit(json, 150);
	saved = catch_stderr(log);
	publish_file(s, 1, "new", 0);
	text = caught_stderr(log, saved);
	assert_int_equal(count_lines(text), 1);
	assert_content(out, "new");
	store_close(s);
	/* The damaged one, moved aside. */
	assert_int_equal(count_entries(tmp), 1);
	free(text);
	free(log);
	free(tmp);
	free(out);
	free(json);
}

/* An mtime that changed means hashing, not damage. */
static void
a_touched_output_is_hashed(void **state)
{
	char *index = path_join(*state, "index");
	struct store *s = open_store(*state);
	char *out = object_file(s, "out.txt");

	publish_file(s, 1, "x", 1);
	make_old(out);
	assert_int_equal(has_result(s, 1), 1);
	store_use_index(s, index);
	assert_int_equal(has_result(s, 1), 1);
	store_close(s);
	/* The index knows the new mtime: result.json is not even read. */
	s = open_store(*state);
	store_use_index(s, index);
	free(out);
	out = object_file(s, "result.json");
	flip_bit(out, 100);
	assert_int_equal(has_result(s, 1), 1);
	store_close(s);
	free(out);
	free(index);
}

/* Change an object's result.json so that it was made under another boot. */
static void
pretend_reboot(struct store *s, int synced)
{
	char *json = object_file(s, "result.json"), *text = read_text(json);
	struct result *r = result_read(text, strlen(text), NULL, NULL);
	struct str again = {0};

	assert_non_null(r);
	free(r->boot);
	r->boot = xstrdup("00000000-0000-0000-0000-000000000000");
	r->synced = synced;
	result_write(r, &again);
	assert_int_equal(unlink(json), 0);
	write_text(json, again.s);
	str_free(&again);
	result_free(r);
	free(text);
	free(json);
}

/* Zeros of the right size and mtime, as a power loss leaves them. */
static void
zeros_after_a_power_loss(void **state)
{
	for (int synced = 0; synced < 2; synced++) {
		struct store *s = open_store(*state);
		char *out = object_file(s, "out.txt"), *log = path_join(*state, "log");
		struct stat st;
		int saved, found;

		publish_file(s, 1, "hello", synced);
		pretend_reboot(s, synced);
		assert_int_equal(has_result(s, 1), 1);
		assert_int_equal(stat(out, &st), 0);
		zero_fill(out, 0);
		set_mtime(out, &st);
		saved = catch_stderr(log);
		found = has_result(s, 1);
		free(caught_stderr(log, saved));
		/* What was synced is believed by its size and mtime. */
		assert_int_equal(found, synced);
		store_close(s);
		free(log);
		free(out);
	}
}

/* Checked once after a reboot, then the index says so. */
static void
hashed_once_after_a_reboot(void **state)
{
	char *index = path_join(*state, "index"), *text;
	struct store *s = open_store(*state);

	publish_file(s, 1, "hello", 0);
	pretend_reboot(s, 0);
	store_use_index(s, index);
	assert_int_equal(has_result(s, 1), 1);
	assert_int_equal(has_result(s, 1), 1);
	store_close(s);
	text = read_text(index);
	assert_int_equal(count_lines(text), 1);
	assert_null(strstr(text, "00000000-0000"));
	free(text);
	free(index);
}

static void
a_damaged_index_is_only_slower(void **state)
{
	char *index = path_join(*state, "index");

	for (int kind = 0; kind < 5; kind++) {
		struct store *s = open_store(*state);

		for (int i = 0; kind == 0 && i < 10; i++)
			publish_file(s, i, "x", 0);
		store_use_index(s, index);
		for (int i = 0; i < 10; i++)
			assert_int_equal(has_result(s, i), 1);
		assert_int_equal(has_result(s, 10), 0);
		store_close(s);
		if (kind == 0)
			flip_bit(index, 200);
		else if (kind == 1)
			zero_fill(index, 500);
		else if (kind == 2)
			assert_int_equal(truncate(index, 777), 0);
		else if (kind == 3)
			write_text(index, "\n\n\377\377 rubbish\n");
	}
	free(index);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(damaged_objects_are_made_again),
		TEST(the_index_hides_no_damage),
		TEST(a_file_in_a_folder_is_looked_at),
		TEST(an_unreadable_object_gives_way),
		TEST(a_removed_object_is_absent),
		TEST(publishing_over_a_damaged_one),
		TEST(a_touched_output_is_hashed),
		TEST(zeros_after_a_power_loss),
		TEST(hashed_once_after_a_reboot),
		TEST(a_damaged_index_is_only_slower),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

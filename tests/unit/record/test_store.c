/* SPDX-License-Identifier: Apache-2.0 */
/* store: publishing and finding results, races between publishers, engines that
 * died. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "helpers.h"

static void
refuses_bad_arguments(void **state)
{
	struct error e = {0};
	char *file = path_join(*state, "file"), *out;
	struct result *r;
	struct store *s;

	assert_null(store_open("", &e));
	assert_string_not_equal(e.text, "");
	error_clear(&e);
	write_text(file, "x");
	assert_null(store_open(file, &e));
	assert_non_null(strstr(e.text, file));
	s = open_store(*state);
	/* A result with files needs its folder. */
	error_clear(&e);
	r = file_result(s, 1, "x", &out);
	assert_null(store_publish(s, r, NULL, 0, &e));
	assert_string_not_equal(e.text, "");
	store_close(s);
	free(out);
	free(file);
}

static void
an_object_is_published(void **state)
{
	struct store *s = open_store(*state);
	char *object = object_path(store_path(s), 1), *file, *json, *tmp;
	struct digest key;
	struct result *r;
	struct stat st;

	assert_int_equal(has_result(s, 1), 0);
	publish_file(s, 1, "hello\n", 0);
	file = path_join(object, "out.txt");
	json = path_join(object, "result.json");
	assert_content(file, "hello\n");
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0444);
	assert_int_equal(stat(json, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0444);
	assert_int_equal(stat(object, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0755);
	number_key(1, &key);
	assert_int_equal(store_lookup(s, &key, &r, NULL), 1);
	assert_string_equal(r->dir, object);
	assert_string_equal(r->outputs[0].file, "out.txt");
	assert_int_equal(r->outputs[0].size, 6);
	assert_int_equal(js_get_int(r->values, "n", 0), 1);
	assert_int_equal(r->synced, 0);
	assert_string_equal(js_get_text(result_made(r), "host", ""), "here");
	result_free(r);
	tmp = path_join(store_path(s), "tmp");
	assert_int_equal(count_entries(tmp), 1);
	store_close(s);
	assert_int_equal(count_entries(tmp), 0);
	s = open_store(*state);
	assert_int_equal(has_result(s, 1), 1);
	assert_int_equal(has_result(s, 2), 0);
	store_close(s);
	free(tmp);
	free(json);
	free(file);
	free(object);
}

/* The modes hold whatever the umask. */
static void
modes_under_a_strict_umask(void **state)
{
	mode_t old = umask(077);
	struct store *s = open_store(*state);
	char *object = object_path(store_path(s), 1),
	     *file = path_join(object, "out.txt");
	struct stat st;

	publish_file(s, 1, "x", 0);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0444);
	assert_int_equal(stat(object, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0755);
	store_close(s);
	umask(old);
	free(file);
	free(object);
}

static void
a_record_is_published(void **state)
{
	struct store *s = open_store(*state), *other;
	struct error e = {0};
	struct digest key;
	struct result *r;
	char *segments = path_join(store_path(s), "segments");

	assert_int_equal(has_result(s, 5), 0);
	publish_record(s, 5);
	/* Found before it is written, after it is written, and by the next engine. */
	assert_int_equal(has_result(s, 5), 1);
	assert_int_equal(store_flush(s, 1, &e), 0);
	assert_int_equal(has_result(s, 5), 1);
	assert_int_equal(count_entries(segments), 1);
	other = open_store(*state);
	number_key(5, &key);
	assert_int_equal(store_lookup(other, &key, &r, NULL), 1);
	assert_null(r->dir);
	assert_int_equal(js_get_int(r->values, "n", 0), 5);
	result_free(r);
	/* Again: what stands is handed back, nothing is written. */
	publish_record(other, 5);
	store_close(other);
	assert_int_equal(count_entries(segments), 1);
	store_close(s);
	free(segments);
}

static void
the_first_publisher_wins(void **state)
{
	struct store *a = open_store(*state), *b = open_store(*state);
	struct error e = {0};
	char *out_a, *out_b, *object = object_path(store_path(a), 3), *file;
	struct result *ra = file_result(a, 3, "first", &out_a);
	struct result *rb = file_result(b, 3, "other text", &out_b);

	ra = store_publish(a, ra, out_a, 1, &e);
	assert_non_null(ra);
	assert_int_equal(ra->synced, 1);
	rb = store_publish(b, rb, out_b, 0, &e);
	assert_non_null(rb);
	assert_true(digest_equal(&ra->outputs[0].digest, &rb->outputs[0].digest));
	assert_string_equal(rb->dir, object);
	assert_int_equal(rb->synced, 1);
	assert_int_equal(access(out_b, F_OK), -1);
	file = path_join(object, "out.txt");
	assert_content(file, "first");
	result_free(ra);
	result_free(rb);
	store_close(a);
	store_close(b);
	free(file);
	free(object);
	free(out_a);
	free(out_b);
}

static void
wrong_outputs_are_refused(void **state)
{
	struct store *s = open_store(*state);
	char *outside = path_join(*state, "outside");

	write_text(outside, "secret");
	for (int kind = 0; kind < 7; kind++) {
		struct error e = {0};
		char *out, *file;
		struct result *r = file_result(s, kind, "text", &out);

		file = path_join(out, "out.txt");
		if (kind == 0) { /* missing */
			unlink(file);
		} else if (kind == 1) { /* changed since it was hashed */
			write_text(file, "longer text");
		} else if (kind == 2) { /* a link out */
			unlink(file);
			assert_int_equal(symlink(outside, file), 0);
		} else if (kind == 3) { /* a folder */
			unlink(file);
			assert_int_equal(mkdir(file, 0755), 0);
		} else if (kind == 4) {
			free(r->outputs[0].file);
			r->outputs[0].file = xstrdup("../../../outside");
		} else if (kind == 5) { /* an undeclared link out of the folder */
			char *link = path_join(out, "more");

			assert_int_equal(symlink("../../..", link), 0);
			free(link);
		} else { /* the name of our own file */
			free(r->outputs[0].file);
			r->outputs[0].file = xstrdup("result.json");
		}
		assert_null(store_publish(s, r, out, 0, &e));
		assert_non_null(strstr(e.text, "cannot publish"));
		assert_int_equal(has_result(s, kind), 0);
		free(file);
		free(out);
	}
	assert_content(outside, "secret");
	store_close(s);
	free(outside);
}

static void
a_folder_is_an_output(void **state)
{
	struct store *s = open_store(*state);
	struct error e = {0};
	char *out, *work, *sub, *file, *program, *link,
		*object = object_path(store_path(s), 1);
	struct result *r = record_result(1);
	struct stat st;

	assert_int_equal(store_attempt_dirs(s, 1, &out, &work, &e), 0);
	sub = path_join(out, "models");
	file = path_join(sub, "a.pdb");
	program = path_join(sub, "tool");
	link = path_join(sub, "latest");
	assert_int_equal(mkdir(sub, 0700), 0);
	write_text(file, "ATOM");
	write_text(program, "#!/bin/sh\n");
	assert_int_equal(chmod(program, 0755), 0);
	assert_int_equal(symlink("a.pdb", link), 0);
	r->outputs = xcalloc(1, sizeof *r->outputs);
	r->output_count = 1;
	r->outputs[0] = (struct result_output){.port = xstrdup("models"),
					       .file = xstrdup("models"),
					       .type = xstrdup("dir"),
					       .is_dir = 1};
	assert_int_equal(
		digest_tree(sub, &r->outputs[0].digest, &r->outputs[0].size, &e), 0);
	r = store_publish(s, r, out, 1, &e);
	assert_string_equal(e.text, "");
	assert_non_null(r);
	result_free(r);
	assert_int_equal(has_result(s, 1), 1);
	free(sub);
	free(file);
	sub = path_join(object, "models");
	file = path_join(sub, "a.pdb");
	assert_int_equal(stat(sub, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0755);
	assert_int_equal(stat(file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0444);
	/* A file that is gone from inside is missed. */
	unlink(file);
	assert_int_equal(has_result(s, 1), 0);
	store_close(s);
	free(object);
	free(out);
	free(work);
	free(sub);
	free(file);
	free(program);
	free(link);
}

static void
runs_are_noted(void **state)
{
	struct store *s = open_store(*state);
	char *runs = path_join(store_path(s), "runs");

	store_register_run(s, *state);
	store_register_run(s, *state);
	store_register_run(s, "/does/not/exist");
	assert_int_equal(count_entries(runs), 1);
	store_close(s);
	free(runs);
}

/* Ten thousand, half of them objects, with and without the index. */
static void
ten_thousand_look_ups(void **state)
{
	enum { EACH = 5000 };
	char *index = path_join(*state, "index");
	struct store *s = open_store(*state);

	store_use_index(s, index);
	for (int i = 0; i < EACH; i++) {
		char text[16];

		snprintf(text, sizeof text, "%d", i);
		publish_file(s, i, text, 0);
		publish_record(s, EACH + i);
	}
	store_close(s);
	for (int round = 0; round < 3; round++) {
		s = open_store(*state);
		if (round > 0)
			store_use_index(s, index);
		if (round == 1)
			unlink(index);
		for (int i = 0; i < 2 * EACH; i++) {
			struct digest key;
			struct result *r;

			number_key(i, &key);
			assert_int_equal(store_lookup(s, &key, &r, NULL), 1);
			assert_true(digest_equal(&r->key, &key));
			assert_int_equal(js_get_int(r->values, "n", -1), i);
			assert_int_equal(r->output_count, i < EACH);
			result_free(r);
		}
		assert_int_equal(has_result(s, 2 * EACH), 0);
		store_close(s);
	}
	free(index);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, make_folder, remove_folder)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(refuses_bad_arguments),
		TEST(wrong_outputs_are_refused),
		TEST(an_object_is_published),
		TEST(modes_under_a_strict_umask),
		TEST(a_record_is_published),
		TEST(a_folder_is_an_output),
		TEST(the_first_publisher_wins),
		TEST(runs_are_noted),
		TEST(ten_thousand_look_ups),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

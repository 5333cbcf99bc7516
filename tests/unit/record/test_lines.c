/* SPDX-License-Identifier: Apache-2.0 */
/* lines: keyed line records under damage. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <sys/syscall.h>

#include "helpers.h"
#include "record/lines.h"

enum { MANY = 2000 };

/* The engine's own write and ftruncate come here. */
static ssize_t room = -1;  /* bytes that still fit, -1: no end */
static int may_cut = 1;

ssize_t
write(int fd, const void *buf, size_t n)
{
	if (room == 0) {
		errno = ENOSPC;
		return -1;
	}
	if (room > 0 && n > (size_t)room)
		n = (size_t)room;
	if (room > 0)
		room -= (ssize_t)n;
	return syscall(SYS_write, fd, buf, n);
}

int
ftruncate(int fd, off_t size)
{
	if (may_cut)
		return (int)syscall(SYS_ftruncate, fd, size);
	errno = EIO;
	return -1;
}

static char *
write_many(const char *folder)
{
	char *path = path_join(folder, "lines");
	struct lines l;

	lines_init(&l, 1);
	lines_append_to(&l, path);
	for (int i = 0; i < MANY; i++) {
		char key[16], text[64];

		snprintf(key, sizeof key, "k%d", i);
		snprintf(text, sizeof text, "text of %d with blanks", i);
		lines_put(&l, key, text, strlen(text));
	}
	assert_int_equal(lines_flush(&l, 1, NULL), 0);
	lines_free(&l);
	return path;
}

/* How many of the many are there, each with its own text? */
static int
count_right(struct lines *l)
{
	int right = 0;

	for (int i = 0; i < MANY; i++) {
		char key[16], want[64];
		const char *text;
		size_t len;

		snprintf(key, sizeof key, "k%d", i);
		snprintf(want, sizeof want, "text of %d with blanks", i);
		text = lines_get(l, key, &len);
		if (!text)
			continue;
		assert_int_equal(len, strlen(want));
		assert_memory_equal(text, want, len);
		right++;
	}
	return right;
}

static int
count_in(const char *path, size_t *damaged, int *torn)
{
	struct lines l;
	int right;

	lines_init(&l, 1);
	assert_int_equal(lines_add_file(&l, path, NULL, NULL), 0);
	right = count_right(&l);
	*damaged = l.files[0].damaged;
	*torn = l.files[0].torn;
	lines_free(&l);
	return right;
}

static void
missing_and_odd_files(void **state)
{
	struct error e = {0};
	struct lines l;
	int missing;
	char *path = path_join(*state, "none");

	lines_init(&l, 0);
	assert_int_equal(lines_add_file(&l, path, &missing, &e), 0);
	assert_int_equal(missing, 1);
	assert_int_equal(l.file_count, 0);
	assert_int_equal(lines_add_file(&l, *state, &missing, &e), -1);
	assert_non_null(strstr(e.text, "directory"));
	lines_free(&l);
	free(path);
}

static void
all_come_back(void **state)
{
	char *path = write_many(*state);
	size_t damaged;
	int torn;

	assert_int_equal(count_in(path, &damaged, &torn), MANY);
	assert_int_equal(damaged, 0);
	assert_int_equal(torn, 0);
	free(path);
}

static void
damage_costs_only_what_it_hit(void **state)
{
	char *path = write_many(*state);
	size_t damaged;
	int torn;
	struct stat st;

	flip_bit(path, 0);
	flip_bit(path, 5000);
	assert_int_equal(count_in(path, &damaged, &torn), MANY - 2);
	assert_int_equal(damaged, 2);
	assert_int_equal(stat(path, &st), 0);
	/* Torn within the last line. */
	assert_int_equal(truncate(path, st.st_size - 3), 0);
	assert_int_equal(count_in(path, &damaged, &torn), MANY - 3);
	assert_int_equal(torn, 1);
	/* A zero-filled tail, as after a power loss. */
	zero_fill(path, st.st_size / 2);
	assert_in_range(count_in(path, &damaged, &torn), MANY / 2 - 100,
			MANY / 2 + 100);
	assert_int_equal(torn, 1);
	assert_int_equal(truncate(path, 0), 0);
	assert_int_equal(count_in(path, &damaged, &torn), 0);
	free(path);
}

/* A newline closes the torn line, so that the next record is whole. */
static void
appending_behind_damage(void **state)
{
	char *path = write_many(*state);
	struct lines l;
	struct stat st;
	size_t len, damaged;
	int torn;

	assert_int_equal(stat(path, &st), 0);
	zero_fill(path, st.st_size - 100);
	lines_init(&l, 1);
	assert_int_equal(lines_add_file(&l, path, NULL, NULL), 0);
	lines_append_to(&l, path);
	lines_put(&l, "new", "x", 1);
	lines_put(&l, "k0", "changed", 7);
	assert_memory_equal(lines_get(&l, "new", &len), "x", 1);
	assert_true(lines_is_pending(&l, "new") && lines_is_pending(&l, "k0"));
	assert_false(lines_is_pending(&l, "k1") || lines_is_pending(&l, "none"));
	assert_int_equal(lines_flush(&l, 0, NULL), 0);
	assert_false(lines_is_pending(&l, "new") || lines_is_pending(&l, "k0"));
	assert_memory_equal(lines_get(&l, "new", &len), "x", 1);
	lines_free(&l);
	lines_init(&l, 1);
	assert_int_equal(lines_add_file(&l, path, NULL, NULL), 0);
	assert_true(lines_has(&l, "new"));
	assert_memory_equal(lines_get(&l, "k0", &len), "changed", 7);
	lines_free(&l);
	/* Where the first wins, it stands. */
	lines_init(&l, 0);
	assert_int_equal(lines_add_file(&l, path, NULL, NULL), 0);
	assert_int_equal(l.files[0].damaged, 1);
	assert_memory_equal(lines_get(&l, "k0", &len), "text of 0 ", 10);
	/* Rewritten, nothing of the damage is left. */
	assert_int_equal(lines_rewrite(&l, 0, NULL, path, 0, NULL), 0);
	lines_free(&l);
	count_in(path, &damaged, &torn);
	assert_int_equal(damaged, 0);
	assert_int_equal(torn, 0);
	free(path);
}

/* Two writers of one file, as two engines with one cache. */
static void
others_may_append_too(void **state)
{
	char *path = path_join(*state, "shared");
	struct lines a, b;
	size_t len;

	lines_init(&a, 1);
	lines_init(&b, 1);
	lines_append_to(&a, path);
	lines_append_to(&b, path);
	for (int i = 0; i < 20; i++) {
		char key[16];

		snprintf(key, sizeof key, "a%d", i);
		lines_put(&a, key, key, strlen(key));
		key[0] = 'b';
		lines_put(&b, key, key, strlen(key));
		assert_int_equal(lines_flush(&a, 0, NULL), 0);
		assert_int_equal(lines_flush(&b, 0, NULL), 0);
	}
	assert_memory_equal(lines_get(&a, "a19", &len), "a19", 3);
	assert_memory_equal(lines_get(&b, "b19", &len), "b19", 3);
	assert_false(lines_has(&a, "b19"));
	lines_free(&a);
	lines_init(&a, 1);
	assert_int_equal(lines_add_file(&a, path, NULL, NULL), 0);
	assert_true(lines_has(&a, "a7") && lines_has(&a, "b7"));
	assert_int_equal(a.files[0].damaged, 0);
	lines_put(&b, "late", "y", 1);
	assert_int_equal(lines_flush(&b, 0, NULL), 0);
	assert_int_equal(lines_rescan(&a, NULL), 0);
	assert_memory_equal(lines_get(&a, "late", &len), "y", 1);
	lines_free(&a);
	lines_free(&b);
	free(path);
}

/* On a full disk a line may be written in part. Cut off or not, it costs no other one. */
static void
half_a_line(void **state)
{
	char *path = path_join(*state, "half");
	struct lines l, seen;
	struct error e = {0};
	size_t len;

	for (may_cut = 0; may_cut <= 1; may_cut++) {
		lines_init(&l, 0);
		lines_append_to(&l, path);
		lines_put(&l, "before", "1", 1);
		assert_int_equal(lines_flush(&l, 0, NULL), 0);
		lines_put(&l, "now", "2", 1);
		room = 5;
		assert_int_equal(lines_flush(&l, 0, &e), -1);
		assert_int_equal(e.number, ENOSPC);
		error_clear(&e);
		assert_int_equal(lines_flush(&l, 0, NULL), -1);
		room = -1;
		assert_int_equal(lines_flush(&l, 0, NULL), 0);
		lines_put(&l, "after", "3", 1);
		assert_int_equal(lines_flush(&l, 0, NULL), 0);
		assert_memory_equal(lines_get(&l, "now", &len), "2", 1);
		lines_free(&l);
		lines_init(&seen, 0);
		assert_int_equal(lines_add_file(&seen, path, NULL, NULL), 0);
		assert_true(lines_has(&seen, "before") && lines_has(&seen, "now"));
		assert_true(lines_has(&seen, "after"));
		assert_int_equal(seen.files[0].damaged, may_cut ? 0 : 1);
		assert_int_equal(seen.files[0].torn, 0);
		lines_free(&seen);
		unlink(path);
	}
	may_cut = 1;
	free(path);
}

static void
a_long_text_comes_back(void **state)
{
	enum { LONG = 3 * 1024 * 1024 };
	char *path = path_join(*state, "long"), *text = xmalloc(LONG);
	struct lines l;
	size_t len;

	memset(text, 'x', LONG);
	lines_init(&l, 1);
	lines_append_to(&l, path);
	lines_put(&l, "a", "1", 1);
	lines_put(&l, "long", text, LONG);
	lines_put(&l, "z", "2", 1);
	assert_int_equal(lines_flush(&l, 0, NULL), 0);
	lines_free(&l);
	lines_init(&l, 1);
	assert_int_equal(lines_add_file(&l, path, NULL, NULL), 0);
	assert_non_null(lines_get(&l, "long", &len));
	assert_int_equal(len, LONG);
	assert_memory_equal(lines_get(&l, "z", &len), "2", 1);
	assert_memory_equal(lines_get(&l, "a", &len), "1", 1);
	lines_free(&l);
	free(text);
	free(path);
}

/* What lines_each is called with. */
struct seen {
	size_t sound, damaged, torn, bytes;
	size_t stop_at;
};

static int
see(void *arg, const char *line, size_t len, uint64_t offset, int whole)
{
	struct seen *s = arg;
	const char *key, *text;
	size_t key_len, text_len;

	assert_true(offset >= s->bytes);
	s->bytes = offset + len + (size_t)whole;
	if (!whole)
		s->torn++;
	else if (lines_split(line, len, &key, &key_len, &text, &text_len) < 0)
		s->damaged++;
	else {
		assert_true(key_len >= 2 && key[0] == 'k');
		s->sound++;
	}
	return s->stop_at && s->sound == s->stop_at ? 7 : 0;
}

static void
each_line_is_seen_once(void **state)
{
	enum { COUNT = 20000 };
	char *path = path_join(*state, "f"), *command;
	struct seen s = {0};
	struct lines l;
	struct stat st;

	lines_init(&l, 1);
	lines_append_to(&l, path);
	for (int i = 0; i < COUNT; i++) {
		char key[32];

		snprintf(key, sizeof key, "k%d", i);
		lines_put(&l, key, "some text", 9);
	}
	assert_int_equal(lines_flush(&l, 0, NULL), 0);
	lines_free(&l);
	/* More than one buffer; then damage in the middle and a torn end. */
	flip_bit(path, 300000);
	command = xasprintf("printf 'torn' >>'%s'", path);
	assert_int_equal(system(command), 0);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(lines_each(path, see, &s, NULL), 0);
	assert_int_equal(s.sound, COUNT - 1);
	assert_int_equal(s.damaged, 1);
	assert_int_equal(s.torn, 1);
	assert_int_equal(s.bytes, st.st_size);
	/* What fn returns ends it, and is handed on. */
	s = (struct seen){.stop_at = 100};
	assert_int_equal(lines_each(path, see, &s, NULL), 7);
	assert_int_equal(s.sound, 100);
	free(command);
	free(path);
}

static void
each_line_of_odd_files(void **state)
{
	struct error e = {0};
	struct seen s = {0};
	char *path = path_join(*state, "f");

	assert_int_equal(lines_each(path, see, &s, &e), -1);
	assert_int_equal(errno, ENOENT);
	assert_non_null(strstr(e.text, "No such file"));
	error_clear(&e);
	assert_int_equal(lines_each(*state, see, &s, &e), -1);
	assert_non_null(strstr(e.text, "Is a directory"));
	write_text(path, "");
	assert_int_equal(lines_each(path, see, &s, &e), 0);
	/* Zeros without an end. */
	assert_int_equal(truncate(path, 3000000), 0);
	assert_int_equal(lines_each(path, see, &s, &e), 0);
	assert_int_equal(s.sound + s.damaged, 0);
	assert_int_equal(s.torn, 1);
	free(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(missing_and_odd_files, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(all_come_back, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(damage_costs_only_what_it_hit,
						make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(appending_behind_damage, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(others_may_append_too, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(half_a_line, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(a_long_text_comes_back, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(each_line_is_seen_once, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(each_line_of_odd_files, make_folder,
						remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* store gc: what stays and what goes. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "helpers.h"
#include <sys/syscall.h>

#include "record/journal.h"
#include "record/store_gc.h"

/* In the place of libc's: an engine that comes just before gc's rename, where gc.lock does
 * nothing. */
static int stamp_before_rename;

int
renameat(int from_fd, const char *from, int to_fd, const char *to)
{
	if (stamp_before_rename)
		assert_int_equal(utimensat(from_fd, from, NULL, 0), 0);
	return (int)syscall(SYS_renameat2, from_fd, from, to_fd, to, 0);
}

static const struct gc_options dry = {.older_than = -1};
static const struct gc_options real = {.older_than = -1, .remove = 1};

/* gc as a process of its own would do it. */
static struct gc_report
collect(const char *folder, const struct gc_options *o)
{
	struct store *s = open_store(folder);
	struct gc_report r;
	struct error e = {0};
	int rc = store_gc(s, o, &r, &e);

	assert_string_equal(e.text, "");
	assert_int_equal(rc, 0);
	store_close(s);
	return r;
}

/* Objects and records of tasks 0..15 that are there, "1 2 5 ". Caller frees. */
static char *
standing(const char *folder)
{
	struct store *s = open_store(folder);
	struct str out = {0};

	for (int i = 0; i < 16; i++)
		if (has_result(s, i))
			str_printf(&out, "%d ", i);
	store_close(s);
	return str_take(&out);
}

static void
assert_standing(const char *folder, const char *want)
{
	char *text = standing(folder);

	assert_string_equal(text, want);
	free(text);
}

/* Everything about every file of the store, as a text. Caller frees. */
static char *
listing(const char *folder)
{
	char *file = path_join(folder, "listing"), *text;
	char *command = xasprintf("find '%s/store' -printf '%%p %%m %%s %%T@ %%i\\n' | "
				  "sort >'%s'",
				  folder, file);

	assert_int_equal(system(command), 0);
	text = read_text(file);
	unlink(file);
	free(command);
	free(file);
	return text;
}

/* Tasks 1..3 of a run that is gone from memory, 4 and 5 of none; 3 and 5 young. */
static char *
fill(const char *folder)
{
	char *run = make_run(folder, "r");
	struct store *s = open_for_run(folder, run);

	for (int i = 1; i <= 3; i++)
		publish_file(s, i, "x", 0);
	store_close(s);
	s = open_store(folder);
	publish_file(s, 4, "xx", 0);
	publish_file(s, 5, "xxx", 0);
	age_object(s, 1, 40);
	age_object(s, 2, 40);
	age_object(s, 4, 40);
	store_close(s);
	return run;
}

static void
what_runs_name_stays(void **state)
{
	char *run = fill(*state);
	struct gc_report r = collect(*state, &real);

	assert_int_equal(r.named, 3);
	assert_int_equal(r.young, 1);
	assert_int_equal(r.objects.count, 1);
	assert_standing(*state, "1 2 3 5 ");
	gc_report_free(&r);
	/* The run goes: so do its old results, and its note. */
	assert_int_equal(fs_remove_tree(run, NULL), 0);
	r = collect(*state, &real);
	assert_int_equal(r.objects.count, 2);
	assert_int_equal(r.notes, 1);
	assert_standing(*state, "3 5 ");
	gc_report_free(&r);
	free(run);
}

static void
a_dry_run_changes_nothing(void **state)
{
	char *run = fill(*state), *store = path_join(*state, "store"), *before, *after;
	char *damaged = path_join(store, "tmp/damaged-x");
	struct str text = {0};
	struct gc_report r;

	add_record_line(&text, 7, 40);
	write_segment(store, "merged-a", &text);
	assert_int_equal(mkdir(damaged, 0755), 0);
	make_days_old(damaged, 9);
	before = listing(*state);
	r = collect(*state, &dry);
	after = listing(*state);
	assert_int_equal(r.objects.count, 1);
	assert_int_equal(r.records_dropped, 1);
	assert_int_equal(r.damaged.count, 1);
	assert_string_equal(before, after);
	gc_report_free(&r);
	str_free(&text);
	free(damaged);
	free(store);
	free(before);
	free(after);
	free(run);
}

/* By age: what was used within that time stays, too. */
static void
older_than(void **state)
{
	const struct gc_options o = {.older_than = 30 * 86400.0, .remove = 1};
	struct store *s = open_store(*state);
	struct gc_report r;

	for (int i = 1; i <= 3; i++) {
		publish_file(s, i, "x", 0);
		age_object(s, i, 10 * i + 5);
	}
	store_close(s);
	r = collect(*state, &o);
	assert_int_equal(r.objects.count, 1);
	assert_int_equal(r.young, 2);
	assert_standing(*state, "1 2 ");
	gc_report_free(&r);
}

/* By size: what was used longest ago goes first, and no more than needed; what is named
 * or young stays however large the store is. */
static void
max_size(void **state)
{
	struct gc_options o = {.older_than = -1, .max_size = UINT64_MAX, .remove = 1};
	char *run = fill(*state);
	struct store *s = open_store(*state);
	struct gc_report r;

	publish_file(s, 6, "x", 0);
	publish_file(s, 7, "x", 0);
	publish_file(s, 8, "x", 0);
	age_object(s, 6, 5);
	age_object(s, 7, 50);
	age_object(s, 8, 20);
	store_close(s);
	r = collect(*state, &o);
	assert_int_equal(r.objects.count, 0);
	o.max_size = r.size - 1;
	gc_report_free(&r);
	r = collect(*state, &o); /* one more byte than one result */
	assert_int_equal(r.objects.count, 1);
	assert_standing(*state, "1 2 3 4 5 6 8 ");
	o.max_size = r.size - 1;
	gc_report_free(&r);
	r = collect(*state, &o);
	assert_standing(*state, "1 2 3 5 6 8 ");
	o.max_size = 1;
	gc_report_free(&r);
	r = collect(*state, &o);
	assert_true(r.size > o.max_size);
	assert_standing(*state, "1 2 3 5 ");
	gc_report_free(&r);
	free(run);
}

static void
records(void **state)
{
	char *run = make_run(*state, "r"), *segments = path_join(*state, "store/segments");
	struct store *s = open_store(*state);
	struct str text = {0}, more = {0};
	struct gc_report r;

	add_record_line(&text, 1, 0);
	write_segment(store_path(s), "merged-a", &text);
	store_close(s);
	s = open_for_run(*state, run);
	assert_int_equal(has_result(s, 1), 1);
	/* 1: named, 2: old, 3: young, 4: twice, 5: old, but used again lately. */
	str_reset(&text);
	add_record_line(&text, 1, 40);
	add_record_line(&text, 2, 40);
	add_record_line(&text, 3, 0);
	add_record_line(&text, 4, 0);
	add_record_line(&text, 5, 40);
	str_add(&text, "this line is damaged\n");
	add_record_line(&more, 4, 0);
	add_record_line(&more, 5, 0);
	write_segment(store_path(s), "merged-a", &text);
	write_segment(store_path(s), "merged-b", &more);
	store_close(s);
	r = collect(*state, &dry);
	assert_int_equal(r.records_dropped, 2);
	assert_int_equal(count_entries(segments), 2);
	gc_report_free(&r);
	r = collect(*state, &real);
	assert_int_equal(r.records_dropped, 2);
	assert_int_equal(r.records_damaged, 2);
	/* The joined one, and the lock. */
	assert_int_equal(count_entries(segments), 2);
	gc_report_free(&r);
	assert_standing(*state, "1 3 4 5 ");
	str_free(&text);
	str_free(&more);
	free(segments);
	free(run);
}

/* Killed before its index was written: its journal counts. */
static void
an_interrupted_run_keeps_what_it_made(void **state)
{
	char *run = make_run(*state, "r"), *path = path_join(run, "journal");
	struct store *s = open_store(*state);
	struct journal *j = journal_open(path, NULL);
	char hex[DIGEST_HEX + 1];
	struct gc_report r;
	struct digest d;
	js *event = js_object();

	store_register_run(s, run);
	publish_file(s, 1, "x", 0);
	publish_file(s, 2, "x", 0);
	age_object(s, 1, 40);
	age_object(s, 2, 40);
	number_key(1, &d);
	js_set_text(event, "event", "end");
	js_set_text(event, "key", digest_hex(&d, hex));
	journal_add(j, event);
	journal_close(j);
	store_close(s);
	r = collect(*state, &real);
	assert_standing(*state, "1 ");
	gc_report_free(&r);
	free(path);
	free(run);
}

static void
in_doubt_all_stays(void **state)
{
	char *parent = path_join(*state, "mnt"), *run = make_run(parent, "r");
	struct words forget = {0};
	struct gc_options o = {.older_than = -1, .remove = 1, .forget = &forget};
	struct store *s = open_for_run(*state, run);
	struct gc_report r;
	struct error e = {0};

	store_close(s);
	s = open_store(*state);
	publish_file(s, 1, "x", 0);
	age_object(s, 1, 40);
	store_close(s);
	assert_int_equal(fs_remove_tree(parent, NULL), 0);
	r = collect(*state, &real);
	assert_int_equal(r.in_doubt, 1);
	assert_int_equal(r.runs.in_doubt, 1);
	assert_int_equal(r.notes, 0);
	assert_standing(*state, "1 ");
	gc_report_free(&r);
	/* Somebody who knows says that it is gone. */
	words_add(&forget, "/no/such/place");
	s = open_store(*state);
	assert_int_equal(store_gc(s, &o, &r, &e), -1);
	assert_non_null(strstr(e.text, "cannot forget '/no/such/place'"));
	gc_report_free(&r);
	store_close(s);
	words_free(&forget);
	words_add(&forget, parent);
	r = collect(*state, &o);
	assert_int_equal(r.objects.count, 1);
	assert_int_equal(r.notes, 1);
	assert_standing(*state, "");
	gc_report_free(&r);
	words_free(&forget);
	free(parent);
	free(run);
}

/* A living engine, started some days ago by its note, may rely on what was used since. */
static void
a_living_engine_keeps_what_was_used_since(void **state)
{
	struct store *s = open_store(*state), *living = open_store(*state);
	char *engines = path_join(*state, "store/engines"), *out, *work, *command, *tmp;
	struct gc_report r;

	assert_int_equal(store_attempt_dirs(living, 1, &out, &work, NULL), 0);
	command = xasprintf("printf '{\"since\":%lld}' >\"$(echo '%s'/*)\"",
			    (long long)time(NULL) - 10 * 86400, engines);
	assert_int_equal(system(command), 0);
	publish_file(s, 1, "x", 0);
	publish_file(s, 2, "x", 0);
	age_object(s, 1, 8);
	age_object(s, 2, 12);
	store_close(s);
	r = collect(*state, &real);
	assert_int_equal(r.objects.count, 1);
	assert_int_equal(r.engines, 0);
	gc_report_free(&r);
	assert_int_equal(access(out, F_OK), 0);
	store_close(living);
	tmp = standing(*state);
	assert_string_equal(tmp, "1 ");
	free(tmp);
	free(command);
	free(out);
	free(work);
	free(engines);
}

static void
leftovers(void **state)
{
	char *store = path_join(*state, "store"), *tmp = path_join(store, "tmp");
	char *engines = path_join(store, "engines"), *path, *command;
	struct store *s = open_store(*state);
	struct gc_report r;
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		char *out;
		struct store *child = open_store(*state);

		file_result(child, 1, "half", &out);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	command = xasprintf(
		"cd '%s' && mkdir tmp/damaged-old tmp/damaged-new tmp/elsewhere-1-1-00000000 "
		"tmp/silent-1-1-00000000 && echo x >runs/.tmp-0 && "
		"touch -d '3 days ago' tmp/damaged-old runs/.tmp-0 && "
		"touch -d '40 days ago' tmp/silent-1-1-00000000 && "
		"printf 'damaged\\n' >cache/digests",
		store);
	assert_int_equal(system(command), 0);
	store_close(s);
	r = collect(*state, &dry);
	assert_int_equal(r.tmp.count, 3);
	gc_report_free(&r);
	s = open_store(*state);
	assert_int_equal(store_gc(s, &real, &r, NULL), 0);
	/* Registering swept the dead one of this host. */
	assert_int_equal(r.tmp.count, 2);
	assert_int_equal(r.damaged.count, 1);
	assert_int_equal(r.cache_lines, 1);
	gc_report_free(&r);
	store_close(s);
	assert_int_equal(count_entries(tmp), 2);
	assert_int_equal(count_entries(engines), 0);
	path = path_join(tmp, "damaged-new");
	assert_int_equal(access(path, F_OK), 0);
	free(path);
	free(command);
	free(engines);
	free(tmp);
	free(store);
}

static void
one_at_a_time(void **state)
{
	struct store *a = open_store(*state), *b = open_store(*state);
	struct flock fl = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 1,
			   .l_len = 1};
	char *path = path_join(*state, "store/gc.lock");
	struct gc_report r;
	struct error e = {0};
	int fd;

	assert_int_equal(store_gc(a, &real, &r, NULL), 0);
	gc_report_free(&r);
	store_close(a);
	fd = open(path, O_RDWR);
	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &fl), 0);
	assert_int_equal(store_gc(b, &real, &r, &e), -1);
	assert_non_null(strstr(e.text, "another 'store gc' is at work"));
	gc_report_free(&r);
	/* Looking is free. */
	assert_int_equal(store_gc(b, &dry, &r, NULL), 0);
	gc_report_free(&r);
	store_close(b);
	close(fd);
	free(path);
}

static void
what_was_used_meanwhile_is_put_back(void **state)
{
	struct store *s = open_store(*state);
	struct gc_report r;

	publish_file(s, 1, "x", 0);
	age_object(s, 1, 9);
	store_close(s);
	stamp_before_rename = 1;
	r = collect(*state, &real);
	stamp_before_rename = 0;
	assert_int_equal(r.used_meanwhile, 1);
	assert_int_equal(r.objects.count, 0);
	assert_standing(*state, "1 ");
	gc_report_free(&r);
}

/* An engine that was stopped while it held gc.lock holds nobody up. */
static void
a_stuck_lock_is_passed_over(void **state)
{
	struct store *s = open_store(*state);
	struct flock fl = {.l_type = F_RDLCK, .l_whence = SEEK_SET, .l_len = 1};
	char *path = path_join(*state, "store/gc.lock");
	int fd = open(path, O_RDWR | O_CREAT, 0644);
	struct gc_report r;

	assert_true(fd >= 0);
	assert_int_equal(fcntl(fd, F_OFD_SETLK, &fl), 0);
	for (int i = 0; i < 5; i++) {
		publish_file(s, i, "x", 0);
		age_object(s, i, 9);
	}
	store_close(s);
	r = collect(*state, &real);
	assert_int_equal(r.objects.count, 5);
	gc_report_free(&r);
	close(fd);
	free(path);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_runs_name_stays, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(a_dry_run_changes_nothing, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(older_than, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(max_size, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(records, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(an_interrupted_run_keeps_what_it_made,
						make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(in_doubt_all_stays, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(
			a_living_engine_keeps_what_was_used_since, make_folder,
			remove_folder),
		cmocka_unit_test_setup_teardown(leftovers, make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(one_at_a_time, make_folder,
						remove_folder),
		cmocka_unit_test_setup_teardown(what_was_used_meanwhile_is_put_back,
						make_folder, remove_folder),
		cmocka_unit_test_setup_teardown(a_stuck_lock_is_passed_over, make_folder,
						remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

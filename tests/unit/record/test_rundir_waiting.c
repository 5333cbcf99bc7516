/* SPDX-License-Identifier: Apache-2.0 */
/* rundir: the file `waiting`, and the key that a task's link leads to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "helpers.h"
#include "record/rundir.h"

static struct rundir
open_run(const char *folder)
{
	struct error e = {0};
	struct rundir d;
	char *path = path_join(folder, "run");

	assert_int_equal(rundir_open(&d, path, &e), 0);
	free(path);
	return d;
}

static void
waiting_is_of_one_engine(void **state)
{
	struct rundir d = open_run(*state);
	char *path = path_join(d.path, "waiting");
	js *v = js_object(), *back;

	assert_null(rundir_waiting(&d, 7));
	rundir_write_waiting(&d, NULL);
	js_set_int(v, "pid", 7);
	rundir_write_waiting(&d, v);
	back = rundir_waiting(&d, 7);
	assert_int_equal(js_get_int(back, "pid", 0), 7);
	js_free(back);
	assert_null(rundir_waiting(&d, 8));
	write_text(path, "{\"pid\":7");
	assert_null(rundir_waiting(&d, 7));
	rundir_write_waiting(&d, NULL);
	assert_int_equal(access(path, F_OK), -1);
	js_free(v);
	free(path);
	rundir_close(&d);
}

static void
a_link_tells_its_key(void **state)
{
	struct error e = {0};
	struct store *s = open_store(*state);
	struct rundir d = open_run(*state);
	char *object = object_path(store_path(s), 5), *task = rundir_task(&d, "a", "m=1");
	char *link = path_join(task, "out");
	struct digest key, want;

	number_key(5, &want);
	assert_int_equal(rundir_linked(&d, "a", "m=1", &key), -1);
	assert_int_equal(rundir_link(&d, "a", "m=1", object, &e), 0);
	assert_int_equal(rundir_linked(&d, "a", "m=1", &key), 0);
	assert_true(digest_equal(&key, &want));
	/* links of other kinds */
	assert_int_equal(unlink(link), 0);
	assert_int_equal(symlink("elsewhere", link), 0);
	assert_int_equal(rundir_linked(&d, "a", "m=1", &key), -1);
	assert_int_equal(unlink(link), 0);
	for (size_t n = 58; n < 70; n++) {
		char *target = xcalloc(n + 1, 1);
		memset(target, 'z', n);
		assert_int_equal(symlink(target, link), 0);
		assert_int_equal(rundir_linked(&d, "a", "m=1", &key), -1);
		assert_int_equal(unlink(link), 0);
		free(target);
	}
	free(link);
	free(task);
	free(object);
	rundir_close(&d);
	store_close(s);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(waiting_is_of_one_engine, make_folder,
		                                remove_folder),
		cmocka_unit_test_setup_teardown(a_link_tells_its_key, make_folder,
		                                remove_folder),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

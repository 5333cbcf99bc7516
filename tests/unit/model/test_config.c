/* SPDX-License-Identifier: Apache-2.0 */
/* config: settings from the user's file and --config. */
#include "base/mem.h"
#include "base/str.h"
#include "model/config.h"
#include "stages.h"

struct fixture {
	char *folder, *extra;
	struct diags diags;
	struct config c;
};

static int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof *f);
	char *user;
	struct error e = {0};

	f->folder = make_folder();
	f->extra = path_join(f->folder, "x.ini");
	user = path_join(f->folder, "af2flow");
	fs_mkdirs(user, &e);
	free(user);
	setenv("XDG_CONFIG_HOME", f->folder, 1);
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	struct error e = {0};

	config_free(&f->c);
	diags_free(&f->diags);
	fs_remove_tree(f->folder, &e);
	free(f->folder);
	free(f->extra);
	free(f);
	return 0;
}

static void
refused(struct fixture *f, const char *text, int line, const char *message,
	const char *hint)
{
	write_text(f->folder, "x.ini", text);
	config_free(&f->c);
	diags_free(&f->diags);
	assert_int_equal(config_load(&f->c, f->extra, &f->diags), 1);
	assert_non_null(strstr(f->diags.items[0].text, message));
	assert_int_equal(f->diags.items[0].line, line);
	if (hint)
		assert_non_null(strstr(f->diags.items[0].hint, hint));
}

static void
test_refused(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(config_load(&f->c, f->extra, &f->diags),
			 1); /* asked for, not there */
	refused(f, "[engin]\ngrace=1\n", 2, "unknown section [engin]", "'engine'");
	refused(f, "[engine]\n\ngrase=1\n", 3, "unknown key 'grase' in [engine]",
		"'grace'");
	refused(f, "[engine]\npath=/x\n", 2, "unknown key 'path'", NULL);
	refused(f, "[engine]\ngrace=soon\n", 2, "'soon' is no value for 'grace'",
		"90s");
	refused(f, "[engine]\nmemory_limit=2G\n", 2, "'2G' is no value", "number");
	refused(f, "[engine]\ncapture=much\n", 2, "'much' is no value", "512M");
	refused(f, "[store]\nlocks=flock\n", 2, "'flock' is no value for 'locks'",
		"auto, file or lease");
	refused(f, "[store]\npatience=0.5s\n", 2, "'0.5s' is no value", "1s or more");
	refused(f, "[resources]\ncpus=-1\n", 2, "'-1' is no value", "whole number");
	refused(f, "[plugin.predict]\npath=/x\n", 2, "not in this version", NULL);
	refused(f, "[executor.slurm]\npath=/x\n", 2, "not in this version", NULL);
	refused(f, "grace=1\n", 1, "a setting before the first section", "[engine]");
}

static void
test_defaults(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(config_load(&f->c, NULL, &f->diags), 0);
	assert_string_equal(f->c.plugin_path, "");
	assert_string_equal(f->c.store_path, "");
	assert_true(f->c.grace == 10);
	assert_true(f->c.pause == 3600);
	assert_int_equal(f->c.capture, 8 << 20);
	assert_int_equal(f->c.locks, LOCKS_AUTO);
	assert_true(f->c.patience == 60);
	assert_int_equal(f->c.memory_limit, 110);
	assert_int_equal(f->c.cgroups, 1);
	assert_int_equal(f->c.cpus, -1);
	assert_int_equal(f->c.gpus, -1);
	assert_int_equal(f->c.memory, 0);
}

static void
test_layers(void **state)
{
	struct fixture *f = *state;
	char *store = path_join(f->folder, "store"), *plugins;

	plugins = xasprintf("/abs:%s/rel", f->folder);
	write_text(f->folder, "af2flow/af2flow.ini",
		   "[engine]\ngrace = 1m\npause = 0s\ncapture = 1K\nmemory_limit = 0\n"
		   "cgroups = 0\n[resources]\ncpus=2\nmemory=3G\n");
	write_text(
		f->folder, "x.ini",
		"[engine]\ngrace = 2m\nplugin_path = /abs:rel\n[store]\npath = store\n"
		"locks = lease\npatience = 2m\n"
		"[resources]\ngpus = 0\n");
	assert_int_equal(config_load(&f->c, f->extra, &f->diags), 0);
	assert_true(f->c.grace == 120);
	assert_true(f->c.pause == 0);
	assert_int_equal(f->c.capture, 1024);
	assert_int_equal(f->c.locks, LOCKS_LEASE);
	assert_true(f->c.patience == 120);
	assert_int_equal(f->c.memory_limit, 0);
	assert_int_equal(f->c.cgroups, 0);
	assert_int_equal(f->c.cpus, 2);
	assert_int_equal(f->c.gpus, 0);
	assert_int_equal(f->c.memory, 3ull << 30);
	assert_string_equal(f->c.store_path, store); /* against the file's folder */
	assert_string_equal(f->c.plugin_path, plugins);
	free(plugins);
	free(store);
}

/* Settings say which code runs: nobody else may write them. */
static void
test_trusted(void **state)
{
	struct fixture *f = *state;

	write_text(f->folder, "x.ini", "[engine]\n");
	assert_int_equal(config_load(&f->c, f->extra, &f->diags), 0);
	config_free(&f->c);
	assert_int_equal(chmod(f->extra, 0646), 0);
	assert_int_equal(config_load(&f->c, f->extra, &f->diags), 1);
	assert_non_null(strstr(f->diags.items[0].text, f->extra));
	assert_non_null(strstr(f->diags.items[0].text, "everybody can write it"));
	assert_non_null(strstr(f->diags.items[0].hint, "chmod go-w"));
	config_free(&f->c);
	diags_free(&f->diags);
	f->diags = (struct diags){0};
	assert_int_equal(chmod(f->extra, 0644), 0);
	assert_int_equal(chmod(f->folder, 0777), 0);
	assert_int_equal(config_load(&f->c, f->extra, &f->diags), 1);
	assert_non_null(strstr(f->diags.items[0].text, "its folder"));
	config_free(&f->c);
	assert_int_equal(chmod(f->folder, 01777), 0);
	assert_int_equal(config_load(&f->c, f->extra, &f->diags), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_refused),
		TEST(test_defaults),
		TEST(test_layers),
		TEST(test_trusted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

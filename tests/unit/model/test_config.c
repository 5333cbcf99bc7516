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
	refused(f, "[plugin.]\npath=/x\n", 2, "unknown section [plugin.]", NULL);
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

static void
test_plugins_refused(void **state)
{
	struct fixture *f = *state;

	refused(f, "[plugin.x]\n\npaths=/x\n", 3, "unknown key 'paths' in [plugin.x]",
		"'path'");
	refused(f, "[plugin.x]\nenv.A B=1\n", 2, "cannot take 'env.A B'", "letters");
	refused(f, "[plugin.x]\nenv.=1\n", 2, "cannot take 'env.'", "letters");
	refused(f, "[plugin.x]\nenv.PATH=/x\n", 2, "cannot take 'env.PATH'", "'path'");
	refused(f, "[plugin.x]\nenv.OMP_NUM_THREADS=1\n", 2, "OMP_NUM_THREADS", "slot");
	refused(f, "[plugin.x]\nenv.AF2FLOW_RUN=1\n", 2, "AF2FLOW_RUN", "own");
	refused(f, "[plugin.x]\nwrap='a\n", 2, "cannot take 'wrap' in [plugin.x]", "quote");
	refused(f, "[plugin.x]\nwrap=apptainer image.sif\n", 2, "'wrap'",
		"apptainer exec IMAGE");
	refused(f, "[plugin.x]\nwrap=/usr/bin/docker run image\n", 2, "'wrap'", "podman");
	refused(f, "[plugin.x]\nwrap=podman run image\n", 2, "'wrap'", "${bind}");
}

static void
assert_words(const struct words *w, const char *want)
{
	struct str all = {0};

	for (size_t i = 0; i < w->count; i++)
		str_printf(&all, "%s|", w->v[i]);
	assert_string_equal(all.s ? all.s : "", want);
	str_free(&all);
}

static void
test_plugins(void **state)
{
	struct fixture *f = *state;
	const struct plugin_settings *p;
	char *path, *wrap, *found;

	write_text(f->folder, "af2flow/af2flow.ini",
		   "[plugin.predict]\npath = /site\nenv.A = 1\nenv.B=2\nwrap = nice -n 5\n"
		   "[plugin.relax]\nwrap = \"nice -n 5\"\n");
	write_text(f->folder, "image.sif", "an image");
	write_text(f->folder, "x.ini",
		   "[plugin.predict]\npath = rel:/abs\nenv.B=\nenv.C = x = y\n"
		   "wrap = apptainer exec --nv 'image.sif'\nversion = 7\n");
	assert_int_equal(config_load(&f->c, f->extra, &f->diags), 0);
	assert_null(config_plugin(&f->c, "rank"));
	p = config_plugin(&f->c, "predict");
	path = xasprintf("%s/rel:/abs", f->folder);
	wrap = xasprintf("apptainer|exec|--nv|%s/image.sif|", f->folder);
	assert_string_equal(p->path, path);
	assert_words(&p->env, "A=1|B|C=x = y|");
	assert_words(&p->wrap, wrap);
	assert_string_equal(p->version, "7");
	assert_int_equal(p->line, 6);
	assert_words(&config_plugin(&f->c, "relax")->wrap, "nice|-n|5|");
	/* where programs are looked for: inside a wrapper nobody knows */
	found = plugin_find_program(p, "no such program");
	assert_string_equal(found, "no such program");
	free(found);
	free(wrap);
	wrap = path;
	setenv("PATH", "/usr/bin", 1);
	path = plugin_search_path(p);
	assert_true(starts_with(path, wrap));
	assert_true(ends_with(path, ":/abs:/usr/bin"));
	free(path);
	free(wrap);
}

static void
test_programs(void **state)
{
	struct fixture *f = *state;
	char *dir = path_join(f->folder, "bin"), *tool = path_join(dir, "some-tool");
	char *text = xasprintf("[plugin.x]\npath = bin\n"), *found;
	struct error e = {0};

	fs_mkdirs(dir, &e);
	write_text(dir, "some-tool", "#!/bin/sh\n");
	assert_int_equal(chmod(tool, 0755), 0);
	write_text(f->folder, "x.ini", text);
	assert_int_equal(config_load(&f->c, f->extra, &f->diags), 0);
	found = plugin_find_program(config_plugin(&f->c, "x"), "some-tool");
	assert_string_equal(found, tool);
	free(found);
	assert_null(plugin_find_program(config_plugin(&f->c, "y"), "some-tool"));
	free(text);
	free(tool);
	free(dir);
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
		TEST(test_plugins),
		TEST(test_plugins_refused),
		TEST(test_programs),
		TEST(test_trusted),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

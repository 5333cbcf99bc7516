/* SPDX-License-Identifier: Apache-2.0
 * options: the command line. One table of options; each command names the groups it takes, so
 * help, parsing and the manual's check read the same list.
 */
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/fs.h"
#include "base/log.h"
#include "base/mem.h"
#include "cli/cli.h"
#include "record/store_gc.h"

enum option_id {
	O_PARAM = 'p', O_HELP = 'h', O_QUIET = 'q',
	O_UNTIL = 256, O_RUN_DIR, O_STORE, O_CPUS, O_GPUS, O_MEMORY, O_TOPOLOGY, O_PLUGIN_DIR,
	O_CONFIG, O_KEEP_GOING, O_JSON, O_ATTEMPT, O_STDOUT, O_STDERR, O_SVG, O_DOT,
	O_OLDER_THAN, O_MAX_SIZE, O_DELETE, O_FORGET, O_VERSION
};

static const struct option_row {
	const char *name, *value; /* value NULL: takes none */
	int id;
	unsigned group;           /* 0: every command */
	const char *help;
} rows[] = {
	{"param", "NAME=VALUE", O_PARAM, OPT_WORKFLOW, "-p: set a workflow parameter"},
	{"until", "NODE[,NODE]", O_UNTIL, OPT_WORKFLOW, "only these nodes and what they need"},
	{"run-dir", "DIR", O_RUN_DIR, OPT_WORKFLOW, "the run's directory (default runs/NAME)"},
	{"store", "DIR", O_STORE, OPT_WORKFLOW | OPT_STORE, "where results are kept (default .af2flow/store)"},
	{"cpus", "N", O_CPUS, OPT_MACHINE | OPT_STORE, "use at most N cores"},
	{"gpus", "N", O_GPUS, OPT_MACHINE, "use N GPUs (declares them where there is none)"},
	{"memory", "SIZE", O_MEMORY, OPT_MACHINE, "use at most this much memory, e.g. 64G"},
	{"topology", "FILE", O_TOPOLOGY, OPT_MACHINE, "an hwloc XML file instead of this machine"},
	{"plugin-dir", "DIR", O_PLUGIN_DIR, OPT_PLUGINS, "look for plugins here first"},
	{"config", "FILE", O_CONFIG, OPT_PLUGINS | OPT_STORE, "one more configuration file"},
	{"keep-going", NULL, O_KEEP_GOING, OPT_RUN, "go on after a failure (the default)"},
	{"quiet", NULL, O_QUIET, OPT_RUN, "-q: only the summary and failures"},
	{"json", NULL, O_JSON, OPT_JSON, "print JSON"},
	{"attempt", "N", O_ATTEMPT, OPT_ATTEMPT, "this attempt (default: the last)"},
	{"stdout", NULL, O_STDOUT, OPT_ATTEMPT, "only its standard output"},
	{"stderr", NULL, O_STDERR, OPT_ATTEMPT, "only its standard error"},
	{"svg", "FILE", O_SVG, OPT_PICTURE, "draw it as SVG into FILE"},
	{"dot", NULL, O_DOT, OPT_PICTURE, "print it as DOT (the default)"},
	{"older-than", "AGE", O_OLDER_THAN, OPT_STORE, "gc: only what was not used for so long, e.g. 30d"},
	{"max-size", "SIZE", O_MAX_SIZE, OPT_STORE, "gc: what was used longest ago, until it fits"},
	{"delete", NULL, O_DELETE, OPT_STORE, "gc: do it (else it tells what would go)"},
	{"forget", "DIR", O_FORGET, OPT_STORE, "gc: run directories there are gone for good"},
	{"help", NULL, O_HELP, 0, "-h: this text"},
	{"version", NULL, O_VERSION, 0, "the version"},
};
#define ROWS (sizeof rows / sizeof *rows)

int
usage_error(const struct command *c, const char *format, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, format);
	vsnprintf(text, sizeof text, format, ap);
	va_end(ap);
	log_error("%s", text);
	fprintf(stderr, "  hint: af2flow %s%s--help\n", c ? c->name : "", c ? " " : "");
	return EXIT_USAGE;
}

static void
print_help(const struct command *c)
{
	printf("usage: af2flow %s %s\n\n%s\n\noptions:\n", c->name, c->usage, c->help);
	for (size_t i = 0; i < ROWS; i++) {
		char left[64];
		if (rows[i].group && !(rows[i].group & c->options))
			continue;
		snprintf(left, sizeof left, "--%s%s%s", rows[i].name, rows[i].value ? " " : "",
		         rows[i].value ? rows[i].value : "");
		printf("  %-24s %s\n", left, rows[i].help);
	}
}

static int
add_setting(const struct command *c, struct cli *o, const char *text)
{
	const char *eq = strchr(text, '=');

	if (!eq || eq == text)
		return usage_error(c, "-p wants NAME=VALUE, not '%s'", text);
	o->settings = xrealloc(o->settings, o->setting_count + 1, sizeof *o->settings);
	o->settings[o->setting_count++] =
		(struct param_setting){xstrndup(text, (size_t)(eq - text)), eq + 1};
	return -1;
}

static int
parse_count(const struct command *c, const char *name, const char *text, int least, int *out)
{
	int64_t n;

	if (parse_int(text, &n) || n < least || n > 1000000)
		return usage_error(c, "--%s wants a whole number from %d on, not '%s'", name,
		                   least, text);
	*out = (int)n;
	return -1;
}

static void
add_until(struct cli *o, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, ",");
		if (n)
			words_addn(&o->c.until, text, n);
		text += n + (text[n] == ',');
	}
}

/* One option. -1: go on. */
static int
take(const struct command *c, struct cli *o, int id, const char *arg)
{
	switch (id) {
	case O_PARAM: return add_setting(c, o, arg);
	case O_UNTIL: add_until(o, arg); break;
	case O_RUN_DIR: o->c.run_dir = arg; break;
	case O_STORE: o->c.store = arg; break;
	case O_CPUS: return parse_count(c, "cpus", arg, 1, &o->c.cpus);
	case O_GPUS: return parse_count(c, "gpus", arg, 0, &o->c.gpus);
	case O_MEMORY:
		if (parse_size(arg, &o->c.memory) || !o->c.memory)
			return usage_error(c, "--memory wants a size such as 64G, not '%s'", arg);
		break;
	case O_TOPOLOGY: o->c.topology = arg; break;
	case O_PLUGIN_DIR: words_add(&o->c.plugin_dirs, arg); break;
	case O_CONFIG: o->c.config = arg; break;
	case O_KEEP_GOING: break;
	case O_QUIET: o->quiet = 1; break;
	case O_JSON: o->json = 1; break;
	case O_ATTEMPT: return parse_count(c, "attempt", arg, 1, &o->attempt);
	case O_STDOUT: o->only_stdout = 1; break;
	case O_STDERR: o->only_stderr = 1; break;
	case O_SVG: o->svg = arg; break;
	case O_DOT: o->dot = 1; break;
	case O_OLDER_THAN:
		if (parse_duration(arg, &o->older_than) || o->older_than < GC_YOUNG)
			return usage_error(c, "--older-than wants an age from 1d on, not '%s': "
			                   "what is younger always stays", arg);
		break;
	case O_MAX_SIZE:
		if (parse_size(arg, &o->max_size) || !o->max_size)
			return usage_error(c, "--max-size wants a size such as 500G, not '%s'",
			                   arg);
		break;
	case O_DELETE: o->remove = 1; break;
	case O_FORGET: words_add(&o->forget, arg); break;
	}
	return -1;
}

static void
note_command_line(struct cli *o, int argc, char **argv)
{
	struct str b = {0};

	for (int i = 0; i < argc; i++) {
		if (i)
			str_addc(&b, ' ');
		str_add_quoted(&b, i ? argv[i] : "af2flow");
	}
	o->command_line = str_take(&b);
	o->c.command_line = o->command_line;
}

static const struct option_row *
row_of(int id)
{
	for (size_t i = 0; i < ROWS; i++)
		if (rows[i].id == id)
			return &rows[i];
	return NULL;
}

int
cli_parse(const struct command *c, int argc, char **argv, struct cli *o)
{
	struct option longs[ROWS + 1];
	int id, rc = -1;

	*o = (struct cli){.c = {.cpus = -1, .gpus = -1}, .older_than = -1};
	memset(longs, 0, sizeof longs);
	for (size_t i = 0; i < ROWS; i++)
		longs[i] = (struct option){rows[i].name,
		                           rows[i].value ? required_argument : no_argument, NULL,
		                           rows[i].id};
	note_command_line(o, argc, argv);
	opterr = 0;
	optind = 2;
	while (rc == -1 && (id = getopt_long(argc, argv, ":p:hq", longs, NULL)) != -1) {
		const struct option_row *row = row_of(id);
		if (id == ':')
			rc = usage_error(c, "option '%s' needs a value", argv[optind - 1]);
		else if (!row)
			rc = usage_error(c, "unknown option '%s'", argv[optind - 1]);
		else if (row->group && !(row->group & c->options))
			rc = usage_error(c, "'af2flow %s' takes no option --%s", c->name, row->name);
		else if (id == O_HELP)
			print_help(c), rc = EXIT_DONE;
		else if (id == O_VERSION)
			printf("af2flow %s\n", PACKAGE_VERSION), rc = EXIT_DONE;
		else
			rc = take(c, o, id, optarg);
	}
	o->c.settings = o->settings;
	o->c.setting_count = o->setting_count;
	o->args = (const char **)argv + optind;
	o->arg_count = (size_t)(argc - optind);
	return rc;
}

void
cli_free(struct cli *o)
{
	for (size_t i = 0; i < o->setting_count; i++)
		free((char *)o->settings[i].name);
	free(o->settings);
	words_free(&o->c.until);
	words_free(&o->c.plugin_dirs);
	words_free(&o->forget);
	free(o->command_line);
}

int
cli_report(struct diags *d)
{
	int bad = d->errors > 0;

	log_diags(d);
	diags_free(d);
	return bad;
}

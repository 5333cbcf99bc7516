/* SPDX-License-Identifier: Apache-2.0
 * af2flow: the program. Finds the command and hands over.
 */
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "cli/cli.h"
#include "view/graph_draw.h"

static const struct command *const commands[] = {
	&command_run, &command_check, &command_plan, &command_status, &command_explain,
	&command_log, &command_graph, &command_plugins, &command_store,
};
#define COMMANDS (sizeof commands / sizeof *commands)

/* Commands of the design that this version does not have: refused by name. */
static const char *const later[] = {"simulate", "top", "cancel", "report",
                                    "trace", "tune", "machine", "submit", NULL};

static int
help(FILE *out)
{
	fputs("af2flow runs workflows of scientific stages, AlphaFold2's first of all\n\n"
	      "usage: af2flow COMMAND [options]\n\ncommands:\n", out);
	for (size_t i = 0; i < COMMANDS; i++)
		fprintf(out, "  %-10s %s\n", commands[i]->name, commands[i]->summary);
	fputs("\noptions:\n  --help     this text\n  --version  the version\n"
	      "\n`af2flow COMMAND --help` tells about each; `man af2flow` about all.\n", out);
	return 0;
}

static int
unknown(const char *name)
{
	const char *names[COMMANDS + 1] = {0};

	for (size_t i = 0; later[i]; i++)
		if (!strcmp(later[i], name))
			return usage_error(NULL, "command '%s' is not in this version", name);
	for (size_t i = 0; i < COMMANDS; i++)
		names[i] = commands[i]->name;
	const char *near = nearest_word(name, names);
	if (near)
		return usage_error(NULL, "unknown command '%s'; did you mean '%s'?", name, near);
	return usage_error(NULL, "unknown command '%s'", name);
}

int
main(int argc, char **argv)
{
	setlocale(LC_CTYPE, ""); /* bars and truncation in the terminal; numbers stay C */
	signal(SIGPIPE, SIG_IGN);
	log_program("af2flow");
	if (argc < 2) {
		help(stderr);
		return EXIT_USAGE;
	}
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h") || !strcmp(argv[1], "help"))
		return help(stdout);
	if (!strcmp(argv[1], "--version")) {
		printf("af2flow %s\n", PACKAGE_VERSION);
		return 0;
	}
	if (!strcmp(argv[1], "graph-draw") && argc == 4) /* the layout process of `graph --svg` */
		return graph_draw_main(argv[2], argv[3]);
	for (size_t i = 0; i < COMMANDS; i++) {
		struct cli o;
		if (strcmp(commands[i]->name, argv[1]))
			continue;
		int rc = cli_parse(commands[i], argc, argv, &o);
		if (rc == -1)
			rc = commands[i]->run(commands[i], &o);
		cli_free(&o);
		return rc;
	}
	return unknown(argv[1]);
}

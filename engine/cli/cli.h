/* SPDX-License-Identifier: Apache-2.0
 * cli: the commands of the program `af2flow`. One file a command, each ending in its entry.
 */
#ifndef CLI_CLI_H
#define CLI_CLI_H

#include "base/error.h"
#include "base/json.h"
#include "run/run.h"

struct cli;

struct command {
	const char *name;
	const char *summary; /* one line for `af2flow --help` */
	const char *usage;   /* "FILE [options]" */
	const char *help;    /* what it does, and its own options; common ones are added */
	unsigned options;    /* OPT_* groups it takes */
	/* Gets what follows the options. Returns the exit code. */
	int (*run)(const struct command *c, struct cli *o);
};

/* Groups of options. */
enum {
	OPT_WORKFLOW = 1,  /* -p, --until, --run-dir, --store */
	OPT_MACHINE = 2,   /* --cpus, --gpus, --memory, --topology */
	OPT_PLUGINS = 4,   /* --plugin-dir, --config */
	OPT_RUN = 8,       /* --keep-going, --quiet */
	OPT_JSON = 16,     /* --json */
	OPT_ATTEMPT = 32,  /* --attempt, --stdout, --stderr */
	OPT_PICTURE = 64,  /* --svg, --dot */
	OPT_STORE = 128    /* --store, --config, --cpus; --older-than, ... */
};

/* Parsed command line. */
struct cli {
	struct run_config c;
	struct param_setting *settings;
	size_t setting_count;
	int quiet, json;
	int attempt;            /* 0: the last */
	int only_stdout, only_stderr;
	const char *svg;        /* file to write; NULL */
	int dot;
	double older_than;      /* seconds, -1: not given */
	uint64_t max_size;
	int remove;             /* --delete */
	struct words forget;
	const char **args;      /* operands */
	size_t arg_count;
	char *command_line;
};

extern const struct command command_run, command_check, command_plan, command_status,
	command_explain, command_log, command_graph, command_plugins,
	command_store;

/* Print "af2flow: text" and a pointer to --help; returns EXIT_USAGE. */
int usage_error(const struct command *c, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* Make the settings of a run's meta.json those of the command line, as if its `run` had been
 * typed again; `copy` is the run's workflow.dot, for where the file itself is gone. `meta` must
 * outlive what uses them. */
void cli_settings_of_run(struct cli *o, const js *meta, const char *copy);
/* Parse argv[1..] for a command. -1: go on; else the exit code (help, error). */
int cli_parse(const struct command *c, int argc, char **argv, struct cli *o);
void cli_free(struct cli *o);
/* Print and free diagnostics; 1 if there was an error. */
int cli_report(struct diags *d);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * What the files of the plugin `command` share: command.c (ports, files, running) and
 * command_words.c (the command line and its substitution).
 */
#ifndef PLUGINS_COMMAND_H
#define PLUGINS_COMMAND_H

#include "common/fault.h"
#include "common/ports.h"
#include "common/words.h"

/* One attempt, from its parameters to its end. */
struct command {
	const af2_host *host;
	af2_task *task;
	struct fault *fault;
	struct port_list inputs, outputs;
	struct words argv, env;
};

/* A fault about what the workflow says; -1. */
#define permanent(c, ...) fault_set((c)->fault, AF2_CLASS_PERMANENT, __VA_ARGS__)

/* Put argv together from the parameter `argv`; outputs must have been declared. 0 or -1
 * with the fault set. */
int command_build_argv(struct command *c);
/* The same for the environment, from "env.*" and "secret.*". */
int command_build_env(struct command *c);

#endif

/* SPDX-License-Identifier: Apache-2.0
 *
 * command: the words of the command line and the values of the environment, with their
 * ${...} replaced. What is replaced by what is said at the top of command.c.
 */
#include <stdio.h>
#include <string.h>

#include "command.h"
#include "common/text.h"

static int
add_input(struct command *c, struct text *word, const char *port)
{
	const struct port *p = port_find(&c->inputs, port);
	if (!p)
		return permanent(c,
				 "'${in.%s}': there is no such port in inputs=\"%s\"",
				 port, c->host->param(c->task, "inputs"));
	size_t count = c->host->input_count(c->task, port);
	if (count != 1)
		return permanent(
			c,
			"'${in.%s}' inside a longer word needs exactly one file, the "
			"port has %zu",
			port, count);
	return text_add_string(word, c->host->input(c->task, port, 0)->path);
}

static int
add_output(struct command *c, struct text *word, const char *port)
{
	const struct port *p = port_find(&c->outputs, port);
	if (!p)
		return permanent(c,
				 "'${out.%s}': there is no such port in outputs=\"%s\"",
				 port, c->host->param(c->task, "outputs"));
	return text_add_string(word, p->path);
}

static int
add_slot(struct command *c, struct text *word, const char *name)
{
	char number[32];
	if (strcmp(name, "cpus") == 0)
		snprintf(number, sizeof(number), "%u", c->host->cpus(c->task));
	else if (strcmp(name, "gpus") == 0)
		snprintf(number, sizeof(number), "%u", c->host->gpus(c->task));
	else if (strcmp(name, "memory") == 0)
		snprintf(number, sizeof(number), "%llu",
			 (unsigned long long)c->host->memory(c->task));
	else
		return permanent(
			c,
			"unknown '${%s}': known are in.PORT, out.PORT, cpus, gpus and "
			"memory",
			name);
	return text_add_string(word, number);
}

/* Append `from` to `word` with its ${...} replaced. */
static int
substitute(struct command *c, struct text *word, const char *from)
{
	int rc = 0;
	text_add(word, "", 0);
	while (*from) {
		size_t plain = strcspn(from, "$");
		text_add(word, from, plain);
		from += plain;
		if (strncmp(from, "$${", 3) == 0) {
			text_add(word, "${", 2);
			from += 3;
		} else if (strncmp(from, "${", 2) == 0) {
			char name[256];
			const char *end = strchr(from, '}');
			if (!end || (size_t)(end - from) >= sizeof(name))
				return permanent(c, "'${' without a '}' near '%s'",
						 from);
			snprintf(name, sizeof(name), "%.*s", (int)(end - from - 2),
				 from + 2);
			if (strncmp(name, "in.", 3) == 0)
				rc = add_input(c, word, name + 3);
			else if (strncmp(name, "out.", 4) == 0)
				rc = add_output(c, word, name + 4);
			else
				rc = add_slot(c, word, name);
			if (rc != 0)
				break;
			from = end + 1;
		} else if (*from) {
			text_add_char(word, *from++);
		}
	}
	return word->failed ? fault_memory(c->fault, "putting a command together") : rc;
}

/* The port if the word is just ${in.PORT}. */
static const struct port *
whole_input(const struct command *c, const char *word)
{
	char name[256];
	size_t n = strlen(word);
	if (strncmp(word, "${in.", 5) != 0 || strchr(word, '}') != word + n - 1 ||
	    n - 6 >= sizeof(name))
		return NULL;
	snprintf(name, sizeof(name), "%.*s", (int)(n - 6), word + 5);
	return port_find(&c->inputs, name);
}

int
command_build_argv(struct command *c)
{
	struct words raw = {0};
	struct text word = {0};
	int rc = words_split(&raw, c->host->param(c->task, "argv"), "argv", c->fault);
	for (size_t i = 0; rc == 0 && i < raw.count; i++) {
		const struct port *p = whole_input(c, raw.list[i]);
		if (p) {
			size_t count = c->host->input_count(c->task, p->name);
			for (size_t k = 0; rc == 0 && k < count; k++)
				rc = words_add(
					&c->argv,
					c->host->input(c->task, p->name, k)->path);
		} else {
			text_clear(&word);
			rc = substitute(c, &word, raw.list[i]);
			if (rc == 0)
				rc = words_add(&c->argv, word.data);
		}
	}
	/* words_add() alone says nothing about itself. */
	if (rc != 0 && c->fault->cls == AF2_CLASS_NONE)
		fault_memory(c->fault, "putting a command together");
	if (rc == 0 && (c->argv.count == 0 || !*c->argv.list[0]))
		rc = permanent(c, "argv names no program");
	words_free(&raw);
	text_free(&word);
	return rc;
}

/* "NAME=value" for each parameter that begins with `prefix`. */
static int
add_variables(struct command *c, struct text *entry, const char *prefix, int is_plain)
{
	const char *name, *value;
	int rc = 0;
	for (size_t i = 0; rc == 0; i++) {
		if (!c->host->param_each(c->task, prefix, i, &name, &value))
			break;
		text_clear(entry);
		text_add_string(entry, name);
		text_add_char(entry, '=');
		if (!*name || strchr(name, '='))
			rc = permanent(c, "'%s%s' is no name of a variable", prefix,
				       name);
		if (rc == 0)
			rc = is_plain ? text_add_string(entry, value)
				      : substitute(c, entry, value);
		if (rc == 0 && words_add(&c->env, entry->data) != 0)
			rc = fault_memory(c->fault, "putting a command together");
	}
	return rc;
}

int
command_build_env(struct command *c)
{
	struct text entry = {0};
	int rc = add_variables(c, &entry, "env.", 0);
	if (rc == 0)
		rc = add_variables(c, &entry, "secret.", 1);
	text_free(&entry);
	return rc;
}

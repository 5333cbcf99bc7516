/* SPDX-License-Identifier: Apache-2.0
 *
 * command: any program as a stage.
 *
 * `argv` is split into words by POSIX quoting; then, in each word:
 *     ${in.PORT}   the path of the port's file. A word that is just this becomes one
 *                  word a file, none if the port is empty; inside a longer word the
 *                  port must hold exactly one file.
 *     ${out.PORT}  the path to write; of a port of type dir, a folder that exists; of a
 *                  list port ("name:type*"), an empty folder: each file that the program
 *                  leaves in it becomes an element named by its stem, in order of names
 *                  (each folder, for "name:dir*"). Names that begin with a dot are left
 *                  out.
 *     ${cpus} ${gpus} ${memory}  the slot; memory in bytes, 0 if none is reserved.
 *     $${          a literal "${".
 * So a value never splits, and no shell sees it. The values of "env.NAME" know the same
 * names, those of "secret.NAME" are taken as they are. The program runs in the work
 * directory, where `files` are linked by base name.
 *
 * Thousands of tiny tasks go through here: nothing is asked of the system but what the
 * task itself names.
 */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <af2flow/plugin.h>

#include "command.h"

static const af2_host *host;

/* --- files and lists --------------------------------------------------------- */

static int
join(struct command *c, char *path, const char *dir, const char *name)
{
	if (snprintf(path, PATH_MAX, "%s/%s", dir, name) < PATH_MAX)
		return 0;
	return permanent(c, "the path of '%s' is too long", name);
}

static int
link_files(struct command *c)
{
	const char *files = host->param(c->task, "files");
	struct words list = {0};
	int rc = *files ? words_split(&list, files, "files", c->fault) : 0;
	for (size_t i = 0; rc == 0 && i < list.count; i++) {
		char path[PATH_MAX];
		const char *base = strrchr(list.list[i], '/');
		base = base ? base + 1 : list.list[i];
		rc = join(c, path, host->work_dir(c->task), base);
		if (rc == 0 && symlink(list.list[i], path) != 0)
			rc = errno == EEXIST
				     ? permanent(c, "two of `files` have the name '%s'",
						 base)
				     : fault_errno(c->fault, "cannot link", path);
	}
	words_free(&list);
	return rc;
}

/* Declare every output; a list gets a folder in the work directory instead. */
static int
declare_outputs(struct command *c)
{
	for (size_t i = 0; i < c->outputs.count; i++) {
		struct port *p = &c->outputs.list[i];
		if (p->mark == '*' || p->mark == '+') {
			char path[PATH_MAX], base[300];
			snprintf(base, sizeof(base), "out.%s", p->name);
			if (join(c, path, host->work_dir(c->task), base) != 0)
				return -1;
			if (mkdir(path, 0777) != 0)
				return fault_errno(c->fault, "cannot make the folder",
						   path);
			p->path = p->own_path = strdup(path);
			if (!p->path)
				return fault_memory(c->fault, "declaring outputs");
		} else {
			p->path = host->output(c->task, p->name, NULL, NULL);
			if (!p->path)
				return fault_set(c->fault, AF2_CLASS_OUTPUT_MISSING,
						 "cannot declare the output '%s'",
						 p->name);
		}
	}
	return 0;
}

/* The output's folder may be in another file system than the work directory. */
static int
move_element(struct command *c, const char *from, const char *to)
{
	if (rename(from, to) == 0)
		return 0;
	if (errno != EXDEV)
		return fault_errno(c->fault, "cannot move", from);
	const char *argv[] = {"cp", "-a", "-T", "--", from, to, NULL};
	af2_program copy = {.struct_size = sizeof(copy), .argv = argv};
	af2_exit how = {.struct_size = sizeof(how)};
	if (host->run_program(c->task, &copy, &how) != 0 || how.status != 0)
		return fault_set(c->fault, AF2_CLASS_TRANSIENT, "cannot copy '%s': %s",
				 from, how.stderr_tail);
	return 0;
}

static int
take_element(struct command *c, const struct port *p, const char *file)
{
	char from[PATH_MAX], stem[NAME_MAX + 1];
	struct stat st;
	if (join(c, from, p->path, file) != 0)
		return -1;
	if (lstat(from, &st) != 0)
		return fault_errno(c->fault, "cannot look at", from);
	int want_dir = strcmp(p->type, "dir") == 0;
	if (want_dir ? !S_ISDIR(st.st_mode) : !S_ISREG(st.st_mode))
		return fault_set(c->fault, AF2_CLASS_OUTPUT_MISSING,
				 "'%s' in the list output '%s' is no %s", file, p->name,
				 want_dir ? "folder" : "regular file");
	snprintf(stem, sizeof(stem), "%s", file);
	char *dot = strrchr(stem, '.');
	if (dot && !want_dir)
		*dot = '\0';
	const char *to = host->output(c->task, p->name, stem, file);
	if (!to)
		return fault_set(
			c->fault, AF2_CLASS_OUTPUT_MISSING,
			"cannot declare '%s' in the list output '%s' (two files with "
			"one stem?)",
			file, p->name);
	return move_element(c, from, to);
}

/* No dot files; "." and ".." are of them. */
static int
is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* By bytes: the order must not depend on the locale, as alphasort() does. */
static int
by_name(const struct dirent **a, const struct dirent **b)
{
	return strcmp((*a)->d_name, (*b)->d_name);
}

static int
collect_list(struct command *c, const struct port *p)
{
	struct dirent **entries;
	int n = scandir(p->path, &entries, is_visible, by_name), rc = 0;
	if (n < 0)
		return fault_errno(c->fault, "cannot list the folder", p->path);
	if (n == 0 && p->mark == '+')
		rc = fault_set(c->fault, AF2_CLASS_OUTPUT_MISSING,
			       "the program left no file in the list output '%s'",
			       p->name);
	for (int i = 0; i < n; i++) {
		if (rc == 0)
			rc = take_element(c, p, entries[i]->d_name);
		free(entries[i]);
	}
	free(entries);
	return rc;
}

/* --- running ---------------------------------------------------------------- */

static int
is_ok_status(const char *list, int status)
{
	while (*list) {
		char *end;
		long value = strtol(list, &end, 10);
		if (end != list && value == status)
			return 1;
		list = end == list ? list + 1 : end;
	}
	return 0;
}

static int
check_ok_exit(struct command *c)
{
	const char *list = host->param(c->task, "ok_exit");
	if (!*list || list[strspn(list, "0123456789, ")] ||
	    !strpbrk(list, "0123456789"))
		return permanent(c, "ok_exit='%s': give numbers such as \"0,2\"", list);
	return 0;
}

/* `stdin` and `stdout` name ports: their paths, NULL if unset. */
static int
find_redirects(struct command *c, af2_program *program)
{
	const char *in = host->param(c->task, "stdin"),
		   *out = host->param(c->task, "stdout");
	if (*in) {
		if (!port_find(&c->inputs, in))
			return permanent(c, "stdin='%s' is no port of inputs=\"%s\"",
					 in, host->param(c->task, "inputs"));
		size_t count = host->input_count(c->task, in);
		if (count > 1)
			return permanent(c, "stdin='%s' holds more than one file", in);
		/* An optional port without a file: /dev/null. */
		if (count == 1)
			program->stdin_path = host->input(c->task, in, 0)->path;
	}
	if (*out) {
		const struct port *p = port_find(&c->outputs, out);
		if (!p || p->own_path || strcmp(p->type, "dir") == 0)
			return permanent(
				c, "stdout='%s' is no single file of outputs=\"%s\"",
				out, host->param(c->task, "outputs"));
		program->stdout_path = p->path;
	}
	return 0;
}

static int
prepare(struct command *c, af2_program *program)
{
	if (ports_parse(&c->inputs, host->param(c->task, "inputs"), c->fault) != 0 ||
	    ports_parse(&c->outputs, host->param(c->task, "outputs"), c->fault) != 0 ||
	    check_ok_exit(c) != 0 || declare_outputs(c) != 0 || link_files(c) != 0 ||
	    command_build_argv(c) != 0 || command_build_env(c) != 0 ||
	    find_redirects(c, program) != 0)
		return -1;
	program->argv = (const char *const *)c->argv.list;
	program->env = (const char *const *)c->env.list;
	return 0;
}

static af2_outcome
execute(struct command *c, const af2_program *program)
{
	af2_exit how = {.struct_size = sizeof(how)};
	const char *base = strrchr(c->argv.list[0], '/');
	base = base ? base + 1 : c->argv.list[0];
	if (host->run_program(c->task, program, &how) != 0 && how.spawn_errno == 0)
		return host->fail(c->task, AF2_CLASS_CANCELLED,
				  "cancelled while %s ran", base);
	if (how.spawn_errno || how.signal ||
	    !is_ok_status(host->param(c->task, "ok_exit"), how.status)) {
		if (!how.spawn_errno && !how.signal && how.status == 0)
			return host->fail(
				c->task, AF2_CLASS_EXIT,
				"'%s' ended with status 0, which ok_exit does not "
				"list",
				base);
		return host->check_exit(c->task, &how, base);
	}
	for (size_t i = 0; i < c->outputs.count; i++)
		if (c->outputs.list[i].own_path &&
		    collect_list(c, &c->outputs.list[i]) != 0)
			return fault_fail(host, c->task, c->fault);
	return AF2_OK;
}

static af2_outcome
run(af2_task *task)
{
	struct fault fault = {0};
	struct command c = {.host = host, .task = task, .fault = &fault};
	af2_program program = {.struct_size = sizeof(program)};
	af2_outcome outcome = prepare(&c, &program) == 0
				      ? execute(&c, &program)
				      : fault_fail(host, task, &fault);
	ports_free(&c.inputs);
	ports_free(&c.outputs);
	words_free(&c.argv);
	words_free(&c.env);
	return outcome;
}

static const af2_param params[] = {
	{.name = "argv",
	 .type = AF2_ARGV,
	 .flags = AF2_PARAM_REQUIRED,
	 .doc = "the program and its words, e.g. \"sort -o ${out.sorted} "
		"${in.lines}\""},
	{.name = "inputs",
	 .type = AF2_PORTS_IN,
	 .doc = "input ports, e.g. \"lines:text reads:fasta* tmpl:hhr?\""},
	{.name = "outputs",
	 .type = AF2_PORTS_OUT,
	 .doc = "output ports, e.g. \"sorted:text parts:fasta*\""},
	{.name = "stdin",
	 .type = AF2_STRING,
	 .doc = "input port that the program reads on standard input"},
	{.name = "stdout",
	 .type = AF2_STRING,
	 .doc = "output port that takes the program's standard output"},
	{.name = "env.*",
	 .type = AF2_STRING,
	 .doc = "environment variable of the program"},
	{.name = "secret.*",
	 .type = AF2_STRING,
	 .flags = AF2_PARAM_SECRET,
	 .doc = "environment variable of the program with a value that is kept secret: "
		"env:NAME or file:PATH"},
	{.name = "ok_exit",
	 .type = AF2_STRING,
	 .default_value = "0",
	 .doc = "exit statuses that mean success, e.g. \"0,2\""},
	{.name = "files",
	 .type = AF2_FILES,
	 .doc = "files (scripts, say) that count by content and are linked by base "
		"name "
		"into the work directory"},
	{.name = "version",
	 .type = AF2_STRING,
	 .doc = "the program's version or any text: a new one repeats the work"},
};

static const af2_plugin plugin = {
	.magic = AF2_MAGIC,
	.struct_size = sizeof(plugin),
	.abi_major = AF2_ABI_MAJOR,
	.abi_minor = AF2_ABI_MINOR,
	.id = "command",
	.name = "Command",
	.version = "1.0.0",
	.result_version = 1,
	.license = "Apache-2.0",
	.summary = "runs any program as a stage",
	.param_size = sizeof(af2_param),
	.param_count = sizeof(params) / sizeof(*params),
	.params = params,
	.port_size = sizeof(af2_port),
	.cpus = "1",
	.gpus = "0",
	.memory = "",
	.run = run,
};

const af2_plugin *
af2_plugin_entry(const af2_host *h)
{
	host = h;
	return &plugin;
}

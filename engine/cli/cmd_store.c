/* SPDX-License-Identifier: Apache-2.0
 * af2flow store: looks after the store: verify, gc, du.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "cli/cmd_store.h"

static const struct part {
	const char *name;
	int (*run)(struct store *s, const struct cli *o);
	int takes_cpus, takes_gc;
} parts[] = {
	{"verify", store_verify_command, 1, 0},
	{"gc", store_gc_command, 0, 1},
	{"du", store_du_command, 0, 0},
};
#define PARTS (sizeof parts / sizeof *parts)

char *
counted(size_t n, const char *word, char buf[64])
{
	snprintf(buf, 64, "%zu %s%s", n, word, n == 1 ? "" : "s");
	return buf;
}

void
print_js(js *v)
{
	char *text = js_pretty(v);

	fputs(text, stdout);
	free(text);
	js_free(v);
}

static const struct part *
find_part(const char *name)
{
	for (size_t i = 0; i < PARTS; i++)
		if (!strcmp(parts[i].name, name))
			return &parts[i];
	return NULL;
}

static int
unknown_part(const struct command *c, const char *name)
{
	const char *names[PARTS + 1] = {0};
	const char *near;

	for (size_t i = 0; i < PARTS; i++)
		names[i] = parts[i].name;
	near = nearest_word(name, names);
	if (near)
		return usage_error(c, "unknown command 'store %s'; did you mean '%s'?", name,
		                   near);
	return usage_error(c, "unknown command 'store %s': store wants 'verify', 'gc' or 'du'",
	                   name);
}

/* The store of the options, the environment, the configuration or the nearest one. */
static struct store *
open_store(const struct cli *o, struct diags *d, struct error *e)
{
	struct session session = {.c = o->c};
	struct store *s = NULL;
	char *path;

	if (config_load(&session.settings, o->c.config, d) == 0) {
		path = session_store_path(&session);
		s = store_open_existing(path, e);
		free(path);
	}
	config_free(&session.settings);
	return s;
}

static int
run(const struct command *c, struct cli *o)
{
	const struct part *p;
	struct diags d = {0};
	struct error e = {0};
	struct store *s;
	int rc = EXIT_USAGE;

	if (o->arg_count < 1)
		return usage_error(c, "store wants 'verify', 'gc' or 'du'");
	p = find_part(o->args[0]);
	if (!p)
		return unknown_part(c, o->args[0]);
	if (o->arg_count > 1)
		return usage_error(c, "store %s wants no more words, not '%s'", p->name,
		                   o->args[1]);
	if (o->c.cpus > 0 && !p->takes_cpus)
		return usage_error(c, "store %s takes no option --cpus", p->name);
	if ((o->older_than >= 0 || o->max_size || o->remove || o->forget.count)
	    && !p->takes_gc)
		return usage_error(c, "--older-than, --max-size, --delete and --forget are "
		                   "of 'store gc', not of 'store %s'", p->name);
	s = open_store(o, &d, &e);
	if (s)
		rc = p->run(s, o);
	else if (error_is_set(&e))
		log_error_object(&e);
	fflush(stdout);
	store_close(s);
	cli_report(&d);
	return rc;
}

const struct command command_store = {
	"store", "check the results that are kept, clean up, tell what takes the space",
	"verify | gc | du [options]",
	"verify: read everything in the store and compare digests. What is damaged is moved\n"
	"        aside, so that the next run makes it again. Exit 0: sound; 1: something was not.\n"
	"gc:     tell what no run needs, or with --delete remove it. Stays: what a run directory\n"
	"        that uses the store relies on, and what was used within the last day. Of the\n"
	"        rest goes what was not used for --older-than AGE, or, with --max-size, what was\n"
	"        used longest ago. Runs may go on meanwhile.\n"
	"du:     tell what takes the space: by kind, by plugin and by run.",
	OPT_STORE | OPT_JSON, run,
};

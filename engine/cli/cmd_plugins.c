/* SPDX-License-Identifier: Apache-2.0
 * af2flow plugins: what stages there are, and what one takes, gives and does.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json.h"
#include "base/log.h"
#include "cli/cli.h"
#include "exec/plugins.h"

static int
list(struct session *s, int json)
{
	const struct registry_entry *all;
	size_t n = registry_all(s->registry, &all);
	js *array = js_array();
	int bad = 0;

	for (size_t i = 0; i < n; i++) {
		js *one = all[i].stage ? stage_to_json(all[i].stage) : js_object();
		js_set_text(one, "path", all[i].path);
		js_set_text(one, "problem", all[i].problem);
		js_set_bool(one, "shadowed", all[i].shadowed);
		js_push(array, one);
		bad |= !all[i].stage;
		if (json)
			continue;
		if (all[i].stage)
			printf("%-16s %-8s %s%s\n", all[i].stage->id, all[i].stage->version,
			       all[i].stage->summary,
			       all[i].shadowed ? " (hidden by an earlier folder)" : "");
		else
			log_error("plugin '%s': %s", all[i].path, all[i].problem);
	}
	char *text = js_pretty(array);
	if (json)
		fputs(text, stdout);
	free(text);
	js_free(array);
	return bad ? EXIT_FAILED : EXIT_DONE;
}

static void
print_words(const struct words *w, const char *between)
{
	for (size_t i = 0; i < w->count; i++)
		printf("%s%s", i ? between : "", w->v[i]);
}

static void
print_ports(const char *title, const struct stage_port *ports, size_t count)
{
	static const char *const many[] = {"", "?", "*"};

	if (count)
		printf("\n%s:\n", title);
	for (size_t i = 0; i < count; i++) {
		printf("  %-16s ", ports[i].name);
		print_words(&ports[i].types, "|");
		printf("%s%s%s", ports[i].min ? "+" : many[ports[i].cardinality],
		       ports[i].flags & AF2_PORT_SET ? " (set)" : "",
		       ports[i].flags & AF2_PORT_HINT ? " (hint)" : "");
		if (*ports[i].doc)
			printf("  %s", ports[i].doc);
		if (ports[i].publish)
			printf("  [results/%s]", ports[i].publish);
		putchar('\n');
	}
}

static void
print_param(const struct stage_param *p)
{
	printf("  %-16s %s", p->name, param_type_name(p->type));
	if (p->choices.count) {
		printf(" (");
		print_words(&p->choices, "|");
		putchar(')');
	}
	if (p->min < p->max)
		printf(" %g..%g", p->min, p->max);
	if (*p->unit)
		printf(" %s", p->unit);
	if (*p->default_value)
		printf(", default %s", p->default_value);
	printf("%s%s%s\n", p->flags & AF2_PARAM_REQUIRED ? ", required" : "",
	       p->flags & AF2_PARAM_NO_RESULT ? ", does not change the result" : "",
	       p->flags & AF2_PARAM_SECRET ? ", secret" : "");
	if (*p->doc)
		printf("  %-16s   %s\n", "", p->doc);
}

static int
info(struct session *s, const char *id, int json)
{
	const struct stage *st = registry_find(s->registry, id);
	const char *near = NULL;

	if (!st) {
		const char *problem = registry_problem(s->registry, id);
		struct stage_source source = registry_source(s->registry);
		source.find(source.arg, id, &near);
		if (problem)
			log_error("plugin '%s': %s", id, problem);
		else if (near)
			log_error("no plugin '%s'; did you mean '%s'?", id, near);
		else
			log_error("no plugin '%s'", id);
		return EXIT_USAGE;
	}
	if (json) {
		js *v = stage_to_json(st);
		char *text = js_pretty(v);
		fputs(text, stdout);
		free(text);
		js_free(v);
		return EXIT_DONE;
	}
	printf("%s - %s\n%s\n\nversion  %s (results %u), licence %s\nfile     %s\n"
	       "asks for cpus=%s gpus=%s%s%s\n",
	       st->id, st->name, st->summary, st->version, st->result_version, st->license,
	       st->path, st->cpus, st->gpus, *st->memory ? " memory=" : "", st->memory);
	print_ports("inputs", st->inputs, st->input_count);
	print_ports("outputs", st->outputs, st->output_count);
	if (st->param_count)
		printf("\nparameters:\n");
	for (size_t i = 0; i < st->param_count; i++)
		print_param(&st->params[i]);
	return EXIT_DONE;
}

static int
run(const struct command *c, struct cli *o)
{
	struct session s;
	struct diags d = {0};
	int rc;

	if (o->arg_count < 1)
		return usage_error(c, "plugins wants 'list' or 'info ID'");
	const char *what = o->args[0];
	int is_list = !strcmp(what, "list"), is_info = !strcmp(what, "info");
	if (!strcmp(what, "new") || !strcmp(what, "test"))
		return usage_error(c, "'plugins %s' is not in this version", what);
	if ((!is_list && !is_info) || o->arg_count != (is_list ? 1u : 2u))
		return usage_error(c, "plugins wants 'list' or 'info ID'");
	if (session_open(&s, &o->c, &d))
		rc = EXIT_USAGE;
	else
		rc = is_list ? list(&s, o->json) : info(&s, o->args[1], o->json);
	cli_report(&d);
	session_close(&s);
	return rc;
}

const struct command command_plugins = {
	"plugins", "list stage plugins, or tell about one", "list | info ID [options]",
	"List every plugin that is found, with the reason for each that cannot be used; or print\n"
	"one plugin's ports, parameters and default resources.",
	OPT_PLUGINS | OPT_JSON, run,
};

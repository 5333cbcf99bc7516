/* SPDX-License-Identifier: Apache-2.0 */
/* workflow: loading, joining, parameters and options of tasks. Bad files:
 * test_fixtures. */
#include <unistd.h>

#include "base/mem.h"
#include "base/str.h"
#include "stages.h"

struct fixture {
	struct stages stages;
	struct stage_source source;
	struct diags diags;
	struct workflow *w;
	char *folder;
};

static int
setup(void **state)
{
	struct fixture *f = xcalloc(1, sizeof *f);

	if (stages_load(&f->stages) < 0)
		return -1;
	f->source = (struct stage_source){.find = stages_find, .arg = &f->stages};
	f->folder = make_folder();
	*state = f;
	return 0;
}

static int
teardown(void **state)
{
	struct fixture *f = *state;
	struct error e = {0};

	workflow_free(f->w);
	diags_free(&f->diags);
	stages_free(&f->stages);
	fs_remove_tree(f->folder, &e);
	free(f->folder);
	free(f);
	return 0;
}

/* Load a text as FOLDER/w.dot; settings: name, value, ..., NULL. */
static struct workflow *
load(struct fixture *f, const char *text, const char *const *settings)
{
	char *path = path_join(f->folder, "w.dot");
	struct param_setting set[8];
	size_t n = 0;

	for (; settings && settings[2 * n]; n++)
		set[n] = (struct param_setting){settings[2 * n], settings[2 * n + 1]};
	workflow_free(f->w);
	diags_free(&f->diags);
	write_text(f->folder, "w.dot", text);
	f->w = workflow_load(path, set, n, &f->source, "/cwd", &f->diags);
	for (size_t i = 0; i < f->diags.count && !f->w; i++)
		print_message("%d: %s\n", f->diags.items[i].line,
			      f->diags.items[i].text);
	free(path);
	return f->w;
}

/* Branch variables as name, value, ..., NULL. */
static const char *
lookup(void *arg, const char *name)
{
	for (const char *const *v = arg; v && v[0]; v += 2)
		if (strcmp(v[0], name) == 0)
			return v[1];
	return NULL;
}

static const char *
find_value(const struct task_params *p, const char *name)
{
	for (size_t i = 0; i < p->count; i++)
		if (strcmp(p->items[i].name, name) == 0)
			return p->items[i].value;
	return NULL;
}

static void
check_param(struct fixture *f, const char *node, int attempt, const char *const *vars,
	    const char *name, const char *value)
{
	struct task_params p;
	struct error e = {0};

	assert_int_equal(task_params_resolve(f->w, workflow_node(f->w, node), attempt,
					     lookup, (void *)vars, &p, &e),
			 0);
	assert_non_null(find_value(&p, name));
	assert_string_equal(find_value(&p, name), value);
	task_params_free(&p);
}

static void
check_options(struct fixture *f, const char *node, int attempt, const char *const *vars,
	      struct task_options *o)
{
	struct error e = {0};

	assert_int_equal(task_options_resolve(f->w, workflow_node(f->w, node), attempt,
					      lookup, (void *)vars, o, &e),
			 0);
}

static void
check_edge(const struct workflow *w, size_t i, const char *text)
{
	const struct wf_edge *e = &w->edges[i];
	const struct wf_node *a = &w->nodes[e->from], *b = &w->nodes[e->to];
	char *is = xasprintf("%s.%s %s.%s", a->name, a->outputs[e->from_port].name,
			     b->name, b->inputs[e->to_port].name);

	assert_string_equal(is, text);
	free(is);
}

/* --- the file --------------------------------------------------------------------- */

static void
test_unknown_setting(void **state)
{
	struct fixture *f = *state;
	const char *const set[] = {"fast", "x", NULL};

	assert_null(load(f, "digraph { fasta=\"\"; types [text=\"${fasta}\"] }", set));
	assert_int_equal(f->diags.errors, 1);
	assert_non_null(find_diag(&f->diags, "no parameter 'fast'"));
	assert_string_equal(f->diags.items[0].hint, "did you mean 'fasta'?");
}

static void
test_params(void **state)
{
	struct fixture *f = *state;
	const char *const set[] = {"name", "${literal}", "top", "rel", NULL};

	assert_non_null(
		load(f,
		     "digraph w {\n"
		     "  graph [top=\"/d\", data=\"${top}/db\", name=\"\", unused=1, "
		     "rankdir=LR]\n"
		     "  a [plugin=types, text=\"${name} $${x} $5\"]\n"
		     "  b [plugin=types, folder=\"${data}/x\", file=\"${name}\"]\n"
		     "  c [plugin=types, folder=\"data/../x\", program=\"bin/tool\"]\n"
		     "  d [plugin=types, program=tool, files=\"a 'b c' ${top}/d "
		     "${unset}\"]\n"
		     "  unset=\"\"\n}\n",
		     set));
	assert_string_equal(f->w->name, "w");
	assert_int_equal(f->w->param_count, 5);
	assert_int_equal(f->w->params[3].used, 0);
	assert_int_equal(f->w->params[1].from_user, 0);
	assert_int_equal(f->w->params[0].from_user, 1);
	/* A value from -p is no template; "$${" is the way to write "${". */
	check_param(f, "a", 1, NULL, "text", "${literal} ${x} $5");
	/* What begins with a value from -p is relative to the current folder. */
	check_param(f, "b", 1, NULL, "folder", "/cwd/rel/db/x");
	check_param(f, "b", 1, NULL, "file", "/cwd/${literal}");
	check_param(f, "d", 1, NULL, "program", "tool");
	{
		char *x = path_join(f->folder, "x"),
		     *tool = path_join(f->folder, "bin/tool");
		char *files =
			xasprintf("%s/a '%s/b c' /cwd/rel/d", f->folder, f->folder);

		check_param(f, "c", 1, NULL, "folder", x);
		check_param(f, "c", 1, NULL, "program", tool);
		check_param(f, "d", 1, NULL, "files", files);
		free(files);
		free(tool);
		free(x);
	}
}

static void
test_joins(void **state)
{
	struct fixture *f = *state;
	struct workflow *w = load(
		f,
		"digraph {\n"
		"  s [plugin=instance, fasta=x]\n"
		"  each [plugin=msa_hhblits, database=d, expand=\"chain in "
		"s.chains\"]\n"
		"  m [plugin=command, argv=x, inputs=\"any:text|a3m* one:fasta\"]\n"
		"  s -> each -> m\n"
		"  s -> m [output=sequence]\n"
		"  p [plugin=command, argv=x, outputs=\"a:text b:text c:pdb\"]\n"
		"  q [plugin=command, argv=x, inputs=\"b:text pdb:pdb\"]\n"
		"  r [plugin=command, argv=x, inputs=\"one:text two:text?\"]\n"
		"  p -> q\n"
		"  p -> r [output=b, input=one]\n"
		"  p -> r [output=a, input=two]\n"
		"  p -> m\n"
		"  q -> r [order=true]\n"
		"}",
		NULL);

	assert_non_null(w);
	assert_int_equal(w->edge_count, 10);
	check_edge(w, 0, "s.chains each.query");
	check_edge(w, 1, "each.hits m.any");
	check_edge(w, 2, "s.sequence m.one");
	check_edge(w, 3, "p.b q.b");
	check_edge(w, 4, "p.c q.pdb");
	check_edge(w, 5, "p.b r.one");
	check_edge(w, 6, "p.a r.two");
	check_edge(w, 7, "p.a m.any");
	check_edge(w, 8, "p.b m.any");
	assert_int_equal(w->edges[9].order, 1);
	assert_int_equal(w->edges[9].from_port, -1);
	assert_int_equal(w->edges[9].line, 14);
}

static void
test_named_inputs(void **state)
{
	struct fixture *f = *state;
	struct workflow *w;
	char *path = xstrdup(FIXTURES "/dot/alphafold2.dot");

	w = f->w = workflow_load(path, NULL, 0, &f->source, NULL, &f->diags);
	free(path);
	assert_non_null(w);
	assert_int_equal(f->diags.count, 0);
	assert_int_equal(w->edge_count, 12);
	check_edge(w, 3, "uniref90.hits features.uniref90");
	check_edge(w, 4, "mgnify.hits features.mgnify");
	check_edge(w, 5, "bfd.hits features.bfd");
	check_edge(w, 10, "predict.unrelaxed rank.unrelaxed");
	check_edge(w, 11, "relax.relaxed rank.relaxed");
	assert_string_equal(w->nodes[w->topo[0]].name, "instance");
	assert_string_equal(w->nodes[w->topo[8]].name, "rank");
}

static void
test_select(void **state)
{
	struct fixture *f = *state;
	const char *const until[] = {"b", "d"}, *const bad[] = {"bb"};

	assert_non_null(load(f,
			     "digraph { node [plugin=types]; edge [order=true];\n"
			     "a -> b -> c; x -> c; d }",
			     NULL));
	assert_int_equal(workflow_select(f->w, until, 2, &f->diags), 0);
	assert_int_equal(f->w->nodes[workflow_node(f->w, "a")].selected, 1);
	assert_int_equal(f->w->nodes[workflow_node(f->w, "b")].selected, 1);
	assert_int_equal(f->w->nodes[workflow_node(f->w, "c")].selected, 0);
	assert_int_equal(f->w->nodes[workflow_node(f->w, "x")].selected, 0);
	assert_int_equal(f->w->nodes[workflow_node(f->w, "d")].selected, 1);
	assert_int_equal(workflow_select(f->w, bad, 1, &f->diags), -1);
	assert_non_null(find_diag(&f->diags, "no node 'bb'"));
	assert_int_equal(workflow_select(f->w, NULL, 0, &f->diags), 0);
	assert_int_equal(f->w->nodes[workflow_node(f->w, "x")].selected, 1);
	assert_int_equal(workflow_node(f->w, "none"), -1);
}

/* --- expansion -------------------------------------------------------------------- */

static void
check_words(const struct words *w, const char *joined)
{
	struct str s = {0};

	for (size_t i = 0; i < w->count; i++)
		str_printf(&s, "%s%s", i ? " " : "", w->v[i]);
	assert_string_equal(s.s ? s.s : "", joined);
	str_free(&s);
}

static void
test_expand(void **state)
{
	struct fixture *f = *state;
	struct workflow *w = load(f,
				  "digraph { graph [models=\"1..3\", kind=\"a,b\"]\n"
				  "  node [plugin=command, argv=true]\n"
				  "  a [outputs=\"o:text\", expand=\"model=${models} "
				  "seed=-1..1 v=x,3..4 kinds=${kind}\"]\n"
				  "  b [inputs=\"m:text*\", gather=\"model seed\"]\n"
				  "  a -> b }",
				  NULL);
	const struct wf_node *a;

	assert_non_null(w);
	a = &w->nodes[0];
	assert_int_equal(a->var_count, 4);
	assert_int_equal(a->vars[0].kind, VAR_RANGE);
	check_words(&a->vars[0].values, "1 2 3");
	check_words(&a->vars[1].values, "-1 0 1");
	assert_int_equal(a->vars[2].kind, VAR_LIST);
	check_words(&a->vars[2].values, "x 3 4");
	check_words(&a->vars[3].names, "a b");
	check_words(&w->nodes[1].gather, "model seed");
	assert_int_equal(intern_find(&w->var_names, "seed"), 1);
}

static void
test_globs(void **state)
{
	struct fixture *f = *state;
	struct error e = {0};
	const char *const user[] = {"where", f->folder, NULL};
	const struct wf_var *v;
	char *sub = path_join(f->folder, "t[1]/x"), *other = path_join(f->folder, "u");

	fs_mkdirs(sub, &e);
	write_text(f->folder, "t[1]/b.fasta", "");
	write_text(f->folder, "t[1]/a.fasta", "");
	write_text(f->folder, "t[1]/a.fa", "");
	write_text(f->folder, "t[1]/x/b.fasta", "");
	assert_non_null(load(f,
			     "digraph { where=none; a [plugin=types, "
			     "expand=\"t=@${where}/t?1?/*.f*a\"] }",
			     user));
	v = &f->w->nodes[0].vars[0];
	assert_int_equal(v->kind, VAR_GLOB);
	check_words(&v->names, "a.fa a.fasta b");
	assert_true(starts_with(v->values.v[0], f->folder));
	assert_true(ends_with(v->values.v[2], "/t[1]/b.fasta"));
	/* Equal names: told apart by their folders. */
	write_text(f->folder, "t[1]/x/b.fasta", "");
	fs_mkdirs(other, &e);
	write_text(f->folder, "u/b.fasta", "");
	assert_non_null(
		load(f, "digraph { a [plugin=types, expand=\"t=@*/b.fasta\"] }", NULL));
	check_words(&f->w->nodes[0].vars[0].names, "t[1]/b.fasta u/b.fasta");
	free(other);
	free(sub);
}

/* Load one node whose files are `list`, given by -p. */
static struct workflow *
load_files(struct fixture *f, const char *list)
{
	const char *const user[] = {"files", list, NULL};

	return load(f,
		    "digraph { files=\"\"; a [plugin=types, expand=\"t=@${files}\"] }",
		    *list ? user : NULL);
}

static void
test_lists_of_files(void **state)
{
	struct fixture *f = *state;
	struct error e = {0};
	char *sub = path_join(f->folder, "l");
	char *list = xasprintf("%s/z[1].fa,%s/?.fa,%s/c\\,d.fa", sub, sub, sub);
	const struct wf_var *v;

	fs_mkdirs(sub, &e);
	write_text(f->folder, "l/z[1].fa", "");
	write_text(f->folder, "l/b.fa", "");
	write_text(f->folder, "l/a.fa", "");
	write_text(f->folder, "l/c,d.fa", "");
	/* In the order given; a name may look like a pattern. */
	assert_non_null(load_files(f, list));
	v = &f->w->nodes[0].vars[0];
	assert_int_equal(v->kind, VAR_GLOB);
	check_words(&v->names, "z[1] a b c,d");
	assert_true(ends_with(v->values.v[3], "/l/c,d.fa"));
	free(list);
	list = xasprintf("%s/a.fa,%s/?.fa", sub, sub);
	assert_null(load_files(f, list));
	assert_non_null(find_diag(&f->diags, "twice"));
	free(list);
	list = xasprintf("%s/a.fa,,%s/b.fa", sub, sub);
	assert_null(load_files(f, list));
	assert_non_null(find_diag(&f->diags, "'t' has an empty item"));
	free(list);
	list = xasprintf("%s/a.fa,%s/none.fa", sub, sub);
	assert_null(load_files(f, list));
	assert_non_null(find_diag(&f->diags, "no file matches"));
	free(list);
	assert_null(load_files(f, ""));
	assert_non_null(find_diag(&f->diags, "'t' has no file"));
	free(sub);
}

static void
test_scope(void **state)
{
	struct fixture *f = *state;
	const char *const vars[] = {"model", "4", "seed", "7", NULL};

	assert_non_null(load(f,
			     "digraph { node [plugin=types]; edge [order=true]\n"
			     "  a [expand=\"model=1..5\"]\n"
			     "  b [expand=\"seed=1..9\", whole=\"${model}${seed}\"]\n"
			     "  c [text=\"m${model} $${model}\", "
			     "folder=\"${model}/x\", cpus=\"${seed}\"]\n"
			     "  a -> b -> c }",
			     NULL));
	assert_false(node_params_vary(f->w, 0));
	assert_true(node_params_vary(f->w, 1));
	assert_false(node_options_vary(f->w, 1));
	assert_true(node_options_vary(f->w, 2));
	check_param(f, "b", 1, vars, "whole", "47");
	check_param(f, "c", 1, vars, "text", "m4 ${model}");
	{
		char *path = path_join(f->folder, "4/x");
		struct task_options o;

		check_param(f, "c", 1, vars, "folder", path);
		check_options(f, "c", 1, vars, &o);
		assert_int_equal(o.cpus, 7);
		free(path);
	}
}

/* --- values ----------------------------------------------------------------------- */

static void
refused_value(struct fixture *f, const char *name, const char *value,
	      const char *message)
{
	char *text = xasprintf("digraph { a [plugin=types, %s=\"%s\"] }", name, value);
	struct task_params p;
	struct error e = {0};

	assert_non_null(load(f, text, NULL));
	assert_int_equal(task_params_resolve(f->w, 0, 1, NULL, NULL, &p, &e), -1);
	assert_non_null(strstr(e.text, message));
	free(text);
}

static void
test_values(void **state)
{
	struct fixture *f = *state;

	refused_value(f, "whole", "3.5", "type int");
	refused_value(f, "whole", "501", "-5 to 500");
	refused_value(f, "number", "nan", "type real");
	refused_value(f, "flag", "perhaps", "type bool");
	refused_value(f, "wait", "3 weeks", "type duration");
	refused_value(f, "space", "1 bag", "type size");
}

static void
test_value_forms(void **state)
{
	struct fixture *f = *state;

	assert_non_null(
		load(f,
		     "digraph { a [plugin=types, whole=\"+007\", number=\"1.50e1\", "
		     "flag=yes, wait=\"1h30m\", space=\"2K\"]\n"
		     "b [plugin=predict]; b [platform=\"\"]\n"
		     "c [plugin=command, argv=x, outputs=\"f:features\"] c -> b }",
		     NULL));
	check_param(f, "a", 1, NULL, "whole", "7");
	check_param(f, "a", 1, NULL, "number", "15");
	check_param(f, "a", 1, NULL, "flag", "1");
	check_param(f, "a", 1, NULL, "wait", "5400");
	check_param(f, "a", 1, NULL, "space", "2048");
	check_param(f, "a", 1, NULL, "text", "");
	check_param(f, "b", 1, NULL, "platform", "auto");
	check_param(f, "b", 1, NULL, "index", "1");
}

static void
test_argv(void **state)
{
	struct fixture *f = *state;
	const char *const set[] = {"name", "two words ${in.x}", NULL};
	const char *const vars[] = {"v", "it's", NULL};
	struct words words = {0};
	struct task_params p;
	struct error e = {0};

	assert_non_null(load(f,
			     "digraph { name=\"\"\n"
			     "a [plugin=command, expand=\"v=1\", inputs=\"x:text?\",\n"
			     " argv=\"sort -o ${out.o} ${in.x} '${name}' ${name}.txt "
			     "${cpus} $${cpus} ${v}\",\n"
			     " outputs=\"o:text\", \"env.B\"=2, \"env.A\"=\"${v}\"] }",
			     set));
	assert_int_equal(task_params_resolve(f->w, 0, 1, lookup, (void *)vars, &p, &e),
			 0);
	assert_int_equal(words_split_posix(&words, find_value(&p, "argv")), 0);
	assert_int_equal(words.count, 9);
	assert_string_equal(words.v[2], "${out.o}");
	assert_string_equal(words.v[3], "${in.x}");
	assert_string_equal(words.v[4],
			    "two words $${in.x}"); /* the plugin gives it back */
	assert_string_equal(words.v[5], "two words $${in.x}.txt");
	assert_string_equal(words.v[6], "${cpus}");
	assert_string_equal(words.v[7], "$${cpus}");
	assert_string_equal(words.v[8], "it's");
	assert_string_equal(find_value(&p, "env.A"), "it's");
	assert_string_equal(p.items[5].name, "env.A");
	assert_string_equal(p.items[6].name, "env.B");
	assert_int_equal(p.count, 10);
	words_free(&words);
	task_params_free(&p);
}

/* --- options and retries ---------------------------------------------------------- */

static void
test_options(void **state)
{
	struct fixture *f = *state;
	struct task_options o;

	assert_non_null(load(
		f,
		"digraph { graph [off=no]\n"
		"a [plugin=types]\n"
		"b [plugin=types, cpus=all, gpus=auto, memory=\"1.5G\", retries=2,\n"
		"   retry_delay=\"3s\", on_failure=skip, timeout=\"1h30m\", "
		"grace=\"5s\",\n"
		"   max_output=\"1M\", priority=-3, cache=no, when=\"${off} != no\"]\n"
		"c [plugin=types, when=\"${off}\"]; d [plugin=types, when=\"${off} == "
		"no\"]\n"
		"e [plugin=msa_jackhmmer, database=x]; s [plugin=instance, fasta=x]\n"
		"s -> e [output=sequence] }",
		NULL));
	check_options(f, "a", 1, NULL, &o);
	assert_int_equal(o.cpus, 1);
	assert_int_equal(o.gpus, 0);
	assert_int_equal(o.retries, 0);
	assert_int_equal(o.cache, 1);
	assert_int_equal(o.when, 1);
	assert_true(o.grace < 0);
	assert_int_equal(o.on_failure, FAIL_FAIL);
	check_options(f, "b", 1, NULL, &o);
	assert_int_equal(o.cpus, CPUS_ALL);
	assert_int_equal(o.gpus, GPUS_AUTO);
	assert_int_equal(o.memory, 3ull << 29);
	assert_int_equal(o.retries, 2);
	assert_true(o.retry_delay == 3 && o.timeout == 5400 && o.grace == 5);
	assert_int_equal(o.on_failure, FAIL_SKIP);
	assert_int_equal(o.max_output, 1 << 20);
	assert_int_equal(o.priority, -3);
	assert_int_equal(o.cache, 0);
	assert_int_equal(o.when, 0);
	check_options(f, "c", 1, NULL, &o);
	assert_int_equal(o.when, 0);
	check_options(f, "d", 1, NULL, &o);
	assert_int_equal(o.when, 1);
	check_options(f, "e", 1, NULL, &o);
	assert_int_equal(o.cpus, CPUS_AUTO);
	assert_int_equal(o.cpus_cap, 8);
}

static void
test_retry_values(void **state)
{
	struct fixture *f = *state;
	struct task_options o;

	assert_non_null(load(f,
			     "digraph {\n"
			     "a [plugin=types, retries=3, memory=\"2G\", cpus=3, "
			     "whole=100, text=x,\n"
			     "   \"retry.memory\"=\"2x\", \"retry.cpus\"=\"1.5x\", "
			     "\"retry.whole\"=\"2x\",\n"
			     "   \"retry.text\"=y, \"retry.timeout\"=\"9s\"] }",
			     NULL));
	check_options(f, "a", 1, NULL, &o);
	assert_int_equal(o.memory, 2ull << 30);
	assert_int_equal(o.cpus, 3);
	assert_int_equal(o.has_retry_values, 1);
	assert_true(o.timeout == 0);
	check_options(f, "a", 2, NULL, &o);
	assert_int_equal(o.memory, 4ull << 30);
	assert_int_equal(o.cpus, 5);
	assert_true(o.timeout == 9);
	check_options(f, "a", 3, NULL, &o);
	assert_int_equal(o.memory, 8ull << 30);
	check_param(f, "a", 1, NULL, "text", "x");
	check_param(f, "a", 2, NULL, "text", "y");
	check_param(f, "a", 1, NULL, "whole", "100");
	check_param(f, "a", 2, NULL, "whole", "200");
	check_param(f, "a", 3, NULL, "whole", "400");
	check_param(f, "a", 4, NULL, "whole", "500"); /* as far as the range goes */
}

static void
test_retry_on(void **state)
{
	struct fixture *f = *state;
	struct task_options o;

	assert_non_null(load(f,
			     "digraph { a [plugin=types]\n"
			     "b [plugin=types, retry_on=\"timeout, exit:75 signal:SEGV "
			     "unavailable\"]\n"
			     "c [plugin=types, \"retry.text\"=x, retry_on=\"any\"] }",
			     NULL));
	check_options(f, "a", 1, NULL, &o);
	assert_true(retry_wanted(&o, AF2_CLASS_EXIT, 1, 0));
	assert_true(retry_wanted(&o, AF2_CLASS_SIGNAL, -1, 9));
	assert_true(retry_wanted(&o, AF2_CLASS_TRANSIENT, 0, 0));
	assert_false(retry_wanted(&o, AF2_CLASS_PERMANENT, 0, 0));
	assert_false(retry_wanted(&o, AF2_CLASS_CANCELLED, 0, 0));
	assert_false(retry_wanted(&o, AF2_CLASS_NONE, 0, 0));
	assert_false(retry_wanted(&o, AF2_CLASS_COUNT, 0, 0));
	assert_false(retry_wanted(&o, AF2_CLASS_UNAVAILABLE, 0, 0));
	check_options(f, "b", 1, NULL, &o);
	assert_true(retry_wanted(&o, AF2_CLASS_TIMEOUT, 0, 0));
	assert_true(retry_wanted(&o, AF2_CLASS_EXIT, 75, 0));
	assert_false(retry_wanted(&o, AF2_CLASS_EXIT, 1, 0));
	assert_true(retry_wanted(&o, AF2_CLASS_SIGNAL, -1, 11));
	assert_false(retry_wanted(&o, AF2_CLASS_SIGNAL, -1, 9));
	assert_false(retry_wanted(&o, AF2_CLASS_UNAVAILABLE, 0, 0));
	check_options(f, "c", 1, NULL, &o);
	assert_true(retry_wanted(&o, AF2_CLASS_UNAVAILABLE, 0, 0));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_unknown_setting), TEST(test_params),   TEST(test_joins),
		TEST(test_named_inputs),    TEST(test_select),   TEST(test_expand),
		TEST(test_globs),  TEST(test_lists_of_files),
		         TEST(test_scope),    TEST(test_values),
		TEST(test_value_forms),     TEST(test_argv),     TEST(test_options),
		TEST(test_retry_values),    TEST(test_retry_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0
 * Expansion and readiness: workflows are loaded from text, then run by hand: each ready task is
 * settled at once, with the fate and the lists the test gives it, and the order is compared.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/fs.h"
#include "base/json.h"
#include "base/log.h"
#include "model/expand.h"
#include "model/graph.h"
#include "model/workflow.h"

/* A stage whose ports come from its parameters, as those of `command` do. */
static const char stage_text[] =
	"{\"id\":\"command\",\"name\":\"c\",\"version\":\"1\",\"license\":\"x\",\"summary\":\"x\","
	"\"path\":\"/x\",\"result_version\":1,\"params\":["
	"{\"name\":\"inputs\",\"type\":\"ports-in\"},{\"name\":\"outputs\",\"type\":\"ports-out\"},"
	"{\"name\":\"v\",\"type\":\"string\"}]}";

static struct stage *command;

static const struct stage *
find_stage(void *arg, const char *id, const char **nearest)
{
	(void)arg;
	if (nearest)
		*nearest = NULL;
	return strcmp(id, "command") ? NULL : command;
}

/* What becomes of a task, by label; a list by "label:port". Default: done, lists empty. */
struct fate {
	const char *label;
	int state;
	const char *list; /* blank-separated element names of its list port */
};

struct world {
	struct workflow *w;
	struct graph *g;
	struct str log;
	struct diags diags;
};

static struct workflow *
load(const char *body, struct diags *diags)
{
	struct stage_source source = {.find = find_stage, .arg = NULL};
	char path[] = "/tmp/test_expandXXXXXX.dot";
	int fd = mkstemps(path, 4);
	char *text = xasprintf("digraph t { node [plugin=command];\n%s\n}\n", body);

	assert_true(fd >= 0);
	assert_int_equal(fs_write_all(fd, text, strlen(text)), 0);
	close(fd);
	struct workflow *w = workflow_load(path, NULL, 0, &source, NULL, diags);
	if (w && workflow_select(w, NULL, 0, diags)) {
		workflow_free(w);
		w = NULL;
	}
	unlink(path);
	free(text);
	return w;
}

static void
give_list(struct world *x, uint32_t t, const char *list)
{
	const struct wf_node *n = &x->w->nodes[x->g->tasks[t].node];
	struct words names = {0};

	if (list)
		words_split(&names, list);
	for (size_t p = 0; p < n->output_count; p++)
		if (n->outputs[p].cardinality == AF2_MANY)
			expand_list(x->g, t, (int)p, (const char *const *)names.v, names.count);
	words_free(&names);
}

static void
run_task(struct world *x, uint32_t t, const struct fate *fates)
{
	struct str label = {0};
	const struct fate *f = fates;

	graph_label(x->g, t, &label);
	str_printf(&x->log, "%s ", label.s);
	while (f && f->label && strcmp(f->label, label.s))
		f++;
	if (f && !f->label)
		f = NULL;
	if (!f || f->state == T_DONE)
		give_list(x, t, f ? f->list : NULL);
	graph_settle(x->g, t, f ? f->state : T_DONE);
	str_free(&label);
}

/* Run until nothing moves. */
static void
run_all(struct world *x, const struct fate *fates)
{
	struct graph *g = x->g;
	size_t fresh = 0, ready = 0;

	while (fresh < g->fresh.count || ready < g->ready.count) {
		if (fresh < g->fresh.count)
			graph_release(g, g->fresh.v[fresh++]);
		else
			run_task(x, g->ready.v[ready++], fates);
	}
}

static struct world
world(const char *body, const struct fate *fates)
{
	struct world x = {0};

	x.w = load(body, &x.diags);
	if (!x.w)
		log_diags(&x.diags);
	assert_non_null(x.w);
	x.g = graph_new(x.w);
	expand_start(x.g);
	run_all(&x, fates);
	return x;
}

static void
end(struct world *x)
{
	graph_free(x->g);
	workflow_free(x->w);
	str_free(&x->log);
	diags_free(&x->diags);
}

static void
check_state(struct world *x, const char *label, int state)
{
	uint32_t t = graph_by_label(x->g, label);

	if (t == NONE)
		fail_msg("no task '%s'", label);
	assert_string_equal(task_state_name(x->g->tasks[t].state), task_state_name(state));
}

/* Labels of the done producers on the edges of a task, joined by blanks. */
static void
check_producers(struct world *x, const char *label, const char *want)
{
	uint32_t t = graph_by_label(x->g, label);
	struct str got = {0};
	struct u32s list = {0};
	size_t count;

	assert_int_not_equal(t, NONE);
	const int *in = graph_in_edges(x->g, x->g->tasks[t].node, &count);
	for (size_t k = 0; k < count; k++)
		graph_producers(x->g, t, in[k], 1, &list);
	for (size_t i = 0; i < list.count; i++) {
		if (i)
			str_addc(&got, ' ');
		graph_label(x->g, list.v[i], &got);
	}
	assert_string_equal(got.s ? got.s : "", want);
	str_free(&got);
	free(list.v);
}

#define A "a [outputs=\"o:text\"]"
#define MAP(n, more) n " [inputs=\"i:text\", outputs=\"o:text\"" more "]"
#define GATHER(n, more) n " [inputs=\"m:text*\", outputs=\"o:text\"" more "]"

static void
test_chain(void **state)
{
	(void)state;
	struct world x = world(A ";" MAP("b", "") ";" MAP("c", "") "; a->b->c", NULL);
	assert_string_equal(x.log.s, "a b c ");
	end(&x);
}

static void
test_range_gathers(void **state)
{
	(void)state;
	struct world x = world(A ";" MAP("p", ", expand=\"model=1..3\"") ";" MAP("r", "") ";"
	                       GATHER("g", "") "; a->p->r->g", NULL);
	assert_string_equal(x.log.s, "a p[model=1] p[model=2] p[model=3] r[model=1] r[model=2] "
	                             "r[model=3] g ");
	check_producers(&x, "g", "r[model=1] r[model=2] r[model=3]");
	check_producers(&x, "r[model=2]", "p[model=2]");
	end(&x);
}

static void
test_two_variables(void **state)
{
	(void)state;
	struct world x = world(A ";" MAP("p", ", expand=\"seed=0..1 model=a,b\"") ";"
	                       GATHER("g", "") ";" GATHER("all", ", gather=all") "; a->p->g; p->all",
	                       NULL);
	check_producers(&x, "g[seed=1]", "p[seed=1,model=a] p[seed=1,model=b]");
	check_producers(&x, "all", "p[seed=0,model=a] p[seed=0,model=b] p[seed=1,model=a] "
	                           "p[seed=1,model=b]");
	assert_int_equal(x.g->task_count, 1 + 4 + 2 + 1);
	end(&x);
}

static void
test_gather_named_outer(void **state)
{
	(void)state;
	struct world x = world(A ";" MAP("p", ", expand=\"seed=0..1 model=a,b\"") ";"
	                       GATHER("g", ", gather=seed") "; a->p->g", NULL);
	check_producers(&x, "g[model=b]", "p[seed=0,model=b] p[seed=1,model=b]");
	end(&x);
}

static void
test_join_on_equal_values(void **state)
{
	(void)state;
	struct world x = world(
		A ";" MAP("p", ", expand=\"m=1..3\"") ";" MAP("q", ", expand=\"m=2..5\"") ";"
		"j [inputs=\"x:text y:text\", outputs=\"o:text\"]; a->p; a->q;"
		"p->j [input=x]; q->j [input=y]", NULL);
	assert_int_equal(graph_by_label(x.g, "j[m=1]"), NONE);
	assert_int_equal(graph_by_label(x.g, "j[m=4]"), NONE);
	check_producers(&x, "j[m=3]", "p[m=3] q[m=3]");
	end(&x);
}

static void
test_different_variables_multiply(void **state)
{
	(void)state;
	struct world x = world(
		A ";" MAP("p", ", expand=\"m=1..3\"") ";" MAP("q", ", expand=\"s=1..4\"") ";"
		"j [inputs=\"x:text y:text\", outputs=\"o:text\"]; a->p; a->q;"
		"p->j [input=x]; q->j [input=y]", NULL);
	check_state(&x, "j[m=3,s=4]", T_DONE);
	assert_int_equal(x.g->task_count, 1 + 3 + 4 + 12);
	end(&x);
}

static void
test_run_time_list(void **state)
{
	(void)state;
	static const struct fate fates[] = {{"a", T_DONE, "B A"}, {NULL, 0, NULL}};
	struct world x = world("a [outputs=\"o:text*\"];" MAP("p", ", expand=\"c in a.o\"") ";"
	                       MAP("r", "") ";" GATHER("g", "") "; a->p->r->g", fates);
	assert_string_equal(x.log.s, "a p[c=B] p[c=A] r[c=B] r[c=A] g ");
	check_producers(&x, "g", "r[c=B] r[c=A]");
	end(&x);
}

/* Which nodes have branches that are not known yet, and whose list they wait for. */
static void
test_open_walks(void **state)
{
	(void)state;
	struct diags diags = {0};
	struct workflow *w = load("a [outputs=\"o:text*\"];" MAP("p", ", expand=\"c in a.o\"") ";"
	                          MAP("r", "") "; a->p->r", &diags);
	struct graph *g = graph_new(w);
	uint32_t source, a;

	expand_start(g);
	a = graph_by_label(g, "a");
	assert_int_equal(expand_open(g, (uint32_t)workflow_node(w, "a"), &source), 0);
	assert_int_equal(source, NONE);
	for (int i = 0; i < 2; i++) {
		uint32_t node = (uint32_t)workflow_node(w, i ? "r" : "p");
		assert_int_equal(expand_open(g, node, &source), 1);
		assert_int_equal(source, a);
	}
	expand_list(g, a, 0, (const char *const[]){"x"}, 1);
	graph_settle(g, a, T_DONE);
	assert_int_equal(expand_open(g, (uint32_t)workflow_node(w, "p"), &source), 0);
	assert_int_equal(expand_open(g, (uint32_t)workflow_node(w, "r"), &source), 0);
	graph_free(g);
	workflow_free(w);
	diags_free(&diags);
}

static void
test_empty_list_still_gathers(void **state)
{
	(void)state;
	struct world x = world("a [outputs=\"o:text*\"];" MAP("p", ", expand=\"c in a.o\"") ";"
	                       GATHER("g", "") "; a->p->g", NULL);
	assert_string_equal(x.log.s, "a g ");
	end(&x);
}

static void
test_list_of_failed_source_blocks(void **state)
{
	(void)state;
	static const struct fate bad[] = {{"a", T_FAILED, NULL}, {NULL, 0, NULL}};
	static const struct fate skip[] = {{"a", T_SKIPPED, NULL}, {NULL, 0, NULL}};
	const char *body = "a [outputs=\"o:text*\"];" MAP("p", ", expand=\"c in a.o\"") ";"
	                   GATHER("g", "") "; a->p->g";
	struct world x = world(body, bad);
	check_state(&x, "g", T_BLOCKED);
	end(&x);
	x = world(body, skip);
	check_state(&x, "g", T_DONE);
	end(&x);
}

static void
test_nested_lists(void **state)
{
	(void)state;
	static const struct fate fates[] = {
		{"a[t=1]", T_DONE, "x y"}, {"a[t=2]", T_DONE, "z"},
		{"b[t=1,c=x]", T_DONE, "1 2"}, {"b[t=1,c=y]", T_DONE, ""},
		{"b[t=2,c=z]", T_DONE, "3"}, {NULL, 0, NULL}};
	struct world x = world(
		"a [outputs=\"o:text*\", expand=\"t=1..2\"];"
		"b [inputs=\"i:text\", outputs=\"o:text*\", expand=\"c in a.o\"];"
		MAP("d", ", expand=\"h in b.o\"") ";" GATHER("g", ", gather=\"h c\"") ";"
		GATHER("k", "") "; a->b->d->g; d->k", fates);
	check_producers(&x, "g[t=1]", "d[t=1,c=x,h=1] d[t=1,c=x,h=2]");
	check_producers(&x, "g[t=2]", "d[t=2,c=z,h=3]");
	check_producers(&x, "k[t=1,c=x]", "d[t=1,c=x,h=1] d[t=1,c=x,h=2]");
	check_producers(&x, "k[t=1,c=y]", "");
	end(&x);
}

/* The chains of target 2 go on although target 1's list is still open. */
static void
test_lists_do_not_wait_for_each_other(void **state)
{
	(void)state;
	struct world x = {0};
	static const struct fate fates[] = {{"a[t=2]", T_DONE, "z"}, {NULL, 0, NULL}};

	x.w = load("a [outputs=\"o:text*\", expand=\"t=1..2\"];"
	           MAP("p", ", expand=\"c in a.o\"") ";" GATHER("g", "") "; a->p->g", &x.diags);
	assert_non_null(x.w);
	x.g = graph_new(x.w);
	expand_start(x.g);
	while (x.g->fresh.count)
		graph_release(x.g, x.g->fresh.v[--x.g->fresh.count]);
	x.g->ready.count = 0;
	run_task(&x, graph_by_label(x.g, "a[t=2]"), fates);
	run_all(&x, fates);
	check_state(&x, "g[t=2]", T_DONE);
	check_state(&x, "g[t=1]", T_WAITING);
	check_state(&x, "p[t=2,c=z]", T_DONE);
	end(&x);
}

static void
test_survivors(void **state)
{
	(void)state;
	static const struct fate skip[] = {{"p[m=2]", T_SKIPPED, NULL}, {NULL, 0, NULL}};
	static const struct fate bad[] = {{"p[m=2]", T_FAILED, NULL}, {NULL, 0, NULL}};
	const char *body = A ";" MAP("p", ", expand=\"m=1..3\"") ";" MAP("r", "") ";"
	                   GATHER("g", "") "; a->p->r->g";
	struct world x = world(body, skip);
	check_state(&x, "r[m=2]", T_SKIPPED);
	check_producers(&x, "g", "r[m=1] r[m=3]");
	check_state(&x, "g", T_DONE);
	end(&x);
	x = world(body, bad);
	check_state(&x, "r[m=2]", T_BLOCKED);
	check_state(&x, "r[m=3]", T_DONE);
	check_state(&x, "g", T_BLOCKED);
	end(&x);
}

/* A gather over two nodes waits for every branch of both, whichever ends first and how. */
static void
test_gather_waits_for_all(void **state)
{
	(void)state;
	static const struct fate none[] = {{NULL, 0, NULL}};
	struct world x = {0};

	x.w = load(A ";" MAP("p", ", expand=\"m=1..3\"") ";" MAP("r", "") ";"
	           "g [inputs=\"u:text* v:text*\", outputs=\"o:text\"]; a->p->r;"
	           "p->g [input=u]; r->g [input=v]", &x.diags);
	assert_non_null(x.w);
	x.g = graph_new(x.w);
	expand_start(x.g);
	for (size_t i = 0; i < x.g->fresh.count; i++)
		graph_release(x.g, x.g->fresh.v[i]);
	run_task(&x, graph_by_label(x.g, "a"), none);
	for (int m = 1; m <= 3; m++) {
		char label[16];
		snprintf(label, sizeof label, "p[m=%d]", m);
		run_task(&x, graph_by_label(x.g, label), none);
	}
	graph_settle(x.g, graph_by_label(x.g, "r[m=2]"), T_SKIPPED);
	check_state(&x, "g", T_WAITING);
	run_task(&x, graph_by_label(x.g, "r[m=1]"), none);
	check_state(&x, "g", T_WAITING);
	run_task(&x, graph_by_label(x.g, "r[m=3]"), none);
	check_state(&x, "g", T_READY);
	end(&x);
}

static void
test_optional_and_order(void **state)
{
	(void)state;
	static const struct fate skip[] = {{"p", T_SKIPPED, NULL}, {NULL, 0, NULL}};
	static const struct fate bad[] = {{"p", T_FAILED, NULL}, {NULL, 0, NULL}};
	const char *body = A ";" MAP("p", "") "; a->p;"
	                   "q [inputs=\"i:text?\", outputs=\"o:text\"]; p->q;"
	                   "s [outputs=\"o:text\"]; p->s [order=true]";
	struct world x = world(body, skip);
	check_state(&x, "q", T_DONE);
	check_producers(&x, "q", "");
	check_state(&x, "s", T_SKIPPED);
	end(&x);
	x = world(body, bad);
	check_state(&x, "q", T_BLOCKED);
	check_state(&x, "s", T_BLOCKED);
	end(&x);
}

static void
test_off_is_absent(void **state)
{
	(void)state;
	static const struct fate off[] = {{"p[m=1]", T_OFF, NULL}, {NULL, 0, NULL}};
	struct world x = world(A ";" MAP("p", ", expand=\"m=1..2\"") ";" MAP("r", "") ";"
	                       GATHER("g", "") "; a->p->r->g", off);
	check_state(&x, "r[m=1]", T_OFF);
	check_producers(&x, "g", "r[m=2]");
	end(&x);
}

static void
check_refused(const char *body, const char *text)
{
	struct diags d = {0};
	struct workflow *w = load(body, &d);
	int found = 0;

	assert_null(w);
	for (size_t i = 0; i < d.count; i++)
		found |= strstr(d.items[i].text, text) != NULL;
	if (!found)
		fail_msg("no error with '%s', first is '%s'", text,
		         d.count ? d.items[0].text : "none");
	diags_free(&d);
}

static void
test_refusals(void **state)
{
	(void)state;
	check_refused(A ";" MAP("p", ", expand=\"m=1..2\"") ";"
	              "g [inputs=\"m:text* i:text\"]; a->p; p->g [input=m]; p->g [input=i]",
	              "keeps it elsewhere");
	check_refused(A ";" MAP("p", ", expand=\"m=1..2\"") ";" GATHER("x", "") ";"
	              MAP("q", ", expand=\"s=1..2\"") ";" GATHER("g", ", gather=m")
	              "; a->p->x->q->g", "cannot gather 'm'");
	check_refused("a [outputs=\"o:text*\", expand=\"t=1..2\"];"
	              MAP("p", ", expand=\"c in a.o\"") ";" GATHER("g", ", gather=t") "; a->p->g",
	              "which comes from a list");
}

/* A sink with 100,000 inputs is one counter; a million tasks stay small. */
static void
test_wide_is_linear(void **state)
{
	(void)state;
	struct world x = world(A ";" MAP("p", ", expand=\"m=1..100000\"") ";" GATHER("g", "")
	                       "; a->p->g", NULL);
	assert_int_equal(x.g->counts[T_DONE], 100002);
	struct u32s list = {0};
	size_t n;
	uint32_t g = graph_by_label(x.g, "g");
	graph_producers(x.g, g, graph_in_edges(x.g, x.g->tasks[g].node, &n)[0], 1, &list);
	assert_int_equal(list.count, 100000);
	free(list.v);
	end(&x);
}

static int
setup(void **state)
{
	struct error e = {0};
	js *v = js_parse(stage_text, strlen(stage_text), &e);

	(void)state;
	command = stage_from_json(v, &e);
	js_free(v);
	if (!command)
		fprintf(stderr, "%s\n", e.text);
	return command ? 0 : -1;
}

static int
teardown(void **state)
{
	(void)state;
	stage_free(command);
	return 0;
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_range_gathers),
		cmocka_unit_test(test_two_variables),
		cmocka_unit_test(test_gather_named_outer),
		cmocka_unit_test(test_join_on_equal_values),
		cmocka_unit_test(test_different_variables_multiply),
		cmocka_unit_test(test_run_time_list),
		cmocka_unit_test(test_open_walks),
		cmocka_unit_test(test_empty_list_still_gathers),
		cmocka_unit_test(test_list_of_failed_source_blocks),
		cmocka_unit_test(test_nested_lists),
		cmocka_unit_test(test_lists_do_not_wait_for_each_other),
		cmocka_unit_test(test_survivors),
		cmocka_unit_test(test_gather_waits_for_all),
		cmocka_unit_test(test_optional_and_order),
		cmocka_unit_test(test_off_is_absent),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_wide_is_linear),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}

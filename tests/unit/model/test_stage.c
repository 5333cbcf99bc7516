/* SPDX-License-Identifier: Apache-2.0 */
/* stage: descriptors of loaded plugins, their checks, JSON, and computed ports. */
#include "base/mem.h"
#include "base/str.h"
#include "stages.h"

static af2_outcome
run_nothing(af2_task *task)
{
	(void)task;
	return AF2_OK;
}

static const af2_param params[] = {
	{"database", AF2_DATABASE, AF2_PARAM_REQUIRED, NULL, 0, 0, NULL, "_a _b", NULL,
	 "where"},
	{"hits", AF2_INT, 0, "10", 1, 100, NULL, NULL, "rows", "how many"},
	{"platform", AF2_CHOICE, AF2_PARAM_SETUP, "auto", 0, 0, "auto CPU", NULL, NULL,
	 NULL},
	{"env.*", AF2_STRING, 0, NULL, 0, 0, NULL, NULL, NULL, NULL},
};
static const af2_port inputs[] = {
	{"msa", "stockholm|a3m", AF2_MANY, AF2_PORT_SET, 2, NULL, "searches"},
};
static const af2_port outputs[] = {
	{"hits", "hhr", AF2_ONE, 0, 0, "msas/{file}", NULL},
};

static af2_plugin
plugin(void)
{
	af2_plugin p = {
		.magic = AF2_MAGIC,
		.struct_size = sizeof p,
		.abi_major = AF2_ABI_MAJOR,
		.id = "search",
		.name = "Search",
		.version = "1.2.3",
		.result_version = 4,
		.license = "Apache-2.0",
		.summary = "finds",
		.flags = AF2_PLUGIN_INTERLEAVE,
		.param_size = sizeof(af2_param),
		.param_count = 4,
		.params = params,
		.port_size = sizeof(af2_port),
		.input_count = 1,
		.inputs = inputs,
		.output_count = 1,
		.outputs = outputs,
		.cpus = "auto",
		.cpus_cap = 8,
		.run = run_nothing,
	};

	return p;
}

static void
refused(const af2_plugin *p, const char *message)
{
	struct error e = {0};

	assert_null(stage_from_plugin(p, "/x.so", &e));
	assert_non_null(strstr(e.text, message));
}

static void
test_refused_head(void **state)
{
	af2_plugin p = plugin();

	(void)state;
	p.magic = 1;
	refused(&p, "magic");
	p = plugin();
	p.abi_major = 9;
	refused(&p, "interface 9");
	p = plugin();
	p.struct_size = 32;
	refused(&p, "too short");
	p = plugin();
	p.run = NULL;
	refused(&p, "no run function");
	p = plugin();
	p.params = NULL;
	refused(&p, "missing");
	p = plugin();
	p.input_count = 0x40000000;
	refused(&p, "too long");
	p = plugin();
	p.port_size = 4;
	refused(&p, "too short");
	p = plugin();
	p.id = "a b";
	refused(&p, "cannot be the id");
	p.id = NULL;
	refused(&p, "cannot be the id");
}

static void
refused_param(af2_param bad, const char *message)
{
	af2_plugin p = plugin();

	p.params = &bad;
	p.param_count = 1;
	refused(&p, message);
}

static void
refused_input(af2_port bad, const char *message)
{
	af2_plugin p = plugin();

	p.inputs = &bad;
	refused(&p, message);
}

static void
test_refused_tables(void **state)
{
	af2_plugin p = plugin();
	const af2_param twice[] = {params[1], params[1]};

	(void)state;
	refused_param((af2_param){.name = "label"}, "attribute of Graphviz");
	refused_param((af2_param){.name = "cpus"}, "attribute of the engine");
	refused_param((af2_param){.name = "executor"}, "attribute of the engine");
	refused_param((af2_param){.name = "x_a"}, "private");
	refused_param((af2_param){.name = "a-b"}, "cannot be the name");
	refused_param((af2_param){.name = NULL}, "cannot be the name");
	refused_param((af2_param){.name = "a", .type = (af2_param_type)99},
		      "unknown type 99");
	refused_param((af2_param){.name = "a", .type = AF2_CHOICE}, "no choices");
	refused_param((af2_param){.name = "a", .type = AF2_INT, .default_value = "x"},
		      "default");
	refused_param((af2_param){.name = "a", .type = AF2_INT, .min = 2, .max = 1},
		      "range");
	refused_input((af2_port){.name = "a b", .types = "text"}, "cannot be the name");
	refused_input((af2_port){.name = "a", .types = "txt"},
		      "unknown port type 'txt'");
	refused_input((af2_port){.name = "a", .types = NULL}, "unknown port type");
	refused_input((af2_port){.name = "a",
				 .types = "text",
				 .cardinality = (af2_cardinality)7},
		      "cardinality");
	p.params = twice;
	p.param_count = 2;
	refused(&p, "two parameters");
	p = plugin();
	p.outputs = inputs;
	refused(&p, "one type");
}

static void
check_stage(const struct stage *s)
{
	assert_string_equal(s->id, "search");
	assert_string_equal(s->version, "1.2.3");
	assert_int_equal(s->result_version, 4);
	assert_int_equal(s->flags, AF2_PLUGIN_INTERLEAVE);
	assert_string_equal(s->cpus, "auto");
	assert_string_equal(s->gpus, "0");
	assert_string_equal(s->memory, "");
	assert_int_equal(s->cpus_cap, 8);
	assert_int_equal(s->has_setup, 0);
	assert_string_equal(s->path, "/x.so");
	assert_int_equal(s->param_count, 4);
	assert_int_equal(s->params[0].suffixes.count, 2);
	assert_string_equal(s->params[1].unit, "rows");
	assert_true(s->params[1].max == 100);
	assert_string_equal(s->params[2].choices.v[1], "CPU");
	assert_int_equal(s->params[2].flags, AF2_PARAM_SETUP);
	assert_int_equal(s->inputs[0].types.count, 2);
	assert_int_equal(s->inputs[0].cardinality, AF2_MANY);
	assert_int_equal(s->inputs[0].flags, AF2_PORT_SET);
	assert_int_equal(s->inputs[0].min, 2);
	assert_null(s->inputs[0].publish);
	assert_string_equal(s->outputs[0].publish, "msas/{file}");
	assert_ptr_equal(stage_param_find(s, "env.PATH"), &s->params[3]);
	assert_ptr_equal(stage_param_find(s, "hits"), &s->params[1]);
	assert_null(stage_param_find(s, "env."));
	assert_null(stage_param_find(s, "env.*"));
	assert_null(stage_param_find(s, "hit"));
	assert_true(port_accepts(&s->inputs[0], "a3m"));
	assert_false(port_accepts(&s->inputs[0], "hhr"));
}

static void
test_copy(void **state)
{
	af2_plugin p = plugin();
	struct error e = {0};
	struct stage *s = stage_from_plugin(&p, "/x.so", &e), *again;
	js *json;
	char *text;

	(void)state;
	assert_non_null(s);
	check_stage(s);
	json = stage_to_json(s);
	text = js_dump(json, 0);
	js_free(json);
	stage_free(s);
	json = js_parse(text, strlen(text), &e);
	again = stage_from_json(json, &e);
	assert_non_null(again);
	check_stage(again);
	js_free(json);
	free(text);
	stage_free(again);
	stage_free(NULL);
}

/* A plugin of another minor version: longer entries, a shorter descriptor. */
static void
test_strides(void **state)
{
	struct {
		af2_param p;
		char more[24];
	} longer[2] = {{.p = {.name = "one", .doc = "d"}}, {.p = {.name = "two"}}};
	af2_plugin p = plugin();
	struct error e = {0};
	struct stage *s;

	(void)state;
	memset(longer[0].more, 0x5a, sizeof longer[0].more);
	p.params = &longer[0].p;
	p.param_size = sizeof longer[0];
	p.param_count = 2;
	p.struct_size = offsetof(af2_plugin, get_extension);
	s = stage_from_plugin(&p, "/x.so", &e);
	assert_non_null(s);
	assert_string_equal(s->params[0].doc, "d");
	assert_string_equal(s->params[1].name, "two");
	stage_free(s);
}

static void
test_json_refused(void **state)
{
	static const char *const bad[] = {
		"[]",
		"{}",
		"{\"id\":\"a\",\"params\":[{}]}",
		"{\"id\":\"a\",\"params\":[{\"name\":\"p\",\"type\":\"word\"}]}",
		"{\"id\":\"a\",\"inputs\":[{\"name\":\"p\"}]}",
		"{\"id\":\"a\",\"inputs\":[{\"name\":\"p\",\"types\":[\"text\"],"
		"\"cardinality\":\"few\"}]}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		struct error e = {0};
		js *v = js_parse(bad[i], strlen(bad[i]), &e);

		assert_non_null(v);
		assert_null(stage_from_json(v, &e));
		assert_true(error_is_set(&e));
		js_free(v);
	}
	assert_null(stage_from_json(NULL, NULL));
}

static void
test_ports(void **state)
{
	struct stage_port *ports = NULL;
	size_t count = 0;
	struct error e = {0};

	(void)state;
	assert_int_equal(ports_parse("a", 0, &ports, &count, &e), -1);
	assert_int_equal(ports_parse("a:", 0, &ports, &count, NULL), -1);
	assert_int_equal(ports_parse(":text", 0, &ports, &count, NULL), -1);
	assert_int_equal(ports_parse("a:text**", 0, &ports, &count, NULL), -1);
	assert_int_equal(ports_parse("a:text|pdb", 1, &ports, &count, NULL), -1);
	assert_int_equal(count, 0);
	assert_int_equal(ports_parse("", 0, &ports, &count, NULL), 0);
	assert_int_equal(count, 0);
	assert_int_equal(
		ports_parse("a:text|my.type b:fasta* c:hhr+", 0, &ports, &count, NULL),
		0);
	assert_int_equal(ports_parse(" d:dir? ", 0, &ports, &count, NULL), 0);
	assert_int_equal(ports_parse("a:text", 0, &ports, &count, NULL), -1);
	assert_int_equal(count, 4);
	assert_string_equal(ports[0].types.v[1], "my.type");
	assert_int_equal(ports[0].cardinality, AF2_ONE);
	assert_int_equal(ports[1].cardinality, AF2_MANY);
	assert_int_equal(ports[1].min, 0);
	assert_int_equal(ports[2].min, 1);
	assert_int_equal(ports[3].cardinality, AF2_OPTIONAL);
	for (size_t i = 0; i < count; i++)
		stage_port_clear(&ports[i]);
	free(ports);
	assert_string_equal(param_type_name(AF2_PORTS_OUT), "ports-out");
	assert_string_equal(param_type_name(-1), "?");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_refused_head),
		cmocka_unit_test(test_refused_tables),
		cmocka_unit_test(test_copy),
		cmocka_unit_test(test_strides),
		cmocka_unit_test(test_json_refused),
		cmocka_unit_test(test_ports),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The installed program as somebody who writes a plugin outside the tree sees it.
# once
load helper

@test "a plugin built against the installed header and af2flow.pc is found, listed and runs" {
    env -u MAKEFLAGS -u MAKELEVEL -u MFLAGS make -s -C "$AF2_BUILDDIR" install DESTDIR="$ROOM/stage" \
        >install.log 2>&1 || { tail install.log; false; }
    PKG_CONFIG_PATH=$(dirname "$(find stage -name af2flow.pc)")
    export PKG_CONFIG_PATH PKG_CONFIG_SYSROOT_DIR=$ROOM/stage
    mkdir mine
    cat >count.c <<'C'
#include <stdio.h>
#include <af2flow/plugin.h>

static const af2_host *host;

static af2_outcome
run(af2_task *task)
{
	const char *out = host->output(task, "count", NULL, "count.txt");
	const af2_item *in = host->input(task, "text", 0);
	FILE *f = in ? fopen(in->path, "r") : NULL, *o = out ? fopen(out, "w") : NULL;
	long lines = 0;

	if (!f || !o)
		return host->fail(task, AF2_CLASS_TRANSIENT, "cannot open the files");
	for (int c; (c = getc(f)) != EOF;)
		lines += c == '\n';
	fprintf(o, "%s %ld\n", host->param(task, "word"), lines);
	fclose(f);
	host->value_number(task, "lines", (double)lines);
	return fclose(o) ? host->retry(task, "cannot write") : AF2_OK;
}

static const af2_param params[] = {{
	.name = "word", .type = AF2_STRING, .default_value = "lines:", .doc = "put in front"}};
static const af2_port inputs[] = {{.name = "text", .types = "text", .doc = "any text"}};
static const af2_port outputs[] = {{.name = "count", .types = "text", .doc = "the number"}};
static const af2_plugin plugin = {
	.magic = AF2_MAGIC, .struct_size = sizeof plugin, .abi_major = AF2_ABI_MAJOR,
	.abi_minor = AF2_ABI_MINOR, .id = "count_lines", .name = "Line counter", .version = "0.1",
	.result_version = 1, .license = "Apache-2.0", .summary = "counts the lines of a text",
	.param_size = sizeof *params, .param_count = 1, .params = params,
	.port_size = sizeof *inputs, .input_count = 1, .inputs = inputs,
	.output_count = 1, .outputs = outputs, .run = run};

const af2_plugin *
af2_plugin_entry(const af2_host *h)
{
	host = h;
	return h->abi_major == AF2_ABI_MAJOR ? &plugin : NULL;
}
C
    # shellcheck disable=SC2046 # flags are words
    ${AF2_CC:-cc} -shared -fPIC -Wall -Werror $(pkg-config --cflags af2flow) -o mine/count_lines.so count.c
    [[ $(pkg-config --variable=plugindir af2flow) == */plugins ]]
    expect 0 af2flow plugins info count_lines --plugin-dir mine
    said "counts the lines of a text"
    said "word"
    expect 0 af2flow plugins list --plugin-dir mine
    said "count_lines"
    workflow w <<'DOT'
digraph w {
  a [plugin=command, argv="printf '1\n2\n3\n'", stdout=o, outputs="o:text"]
  b [plugin=count_lines, word="n"]
  a -> b
}
DOT
    expect 2 af2flow check w.dot
    said "count_lines"
    expect 0 af2flow run w.dot --plugin-dir mine --run-dir r
    [ "$(cat r/results/b/count.txt)" = "n 3" ]
    # the current folder by itself is never searched
    cd mine
    expect 2 af2flow plugins info count_lines
}

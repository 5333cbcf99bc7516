#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What runs again, and what does not. Each task leaves a mark outside the store when it runs.
load helper

bats_require_minimum_version 1.5.0

# A stage with a set, a value, parameters that do and do not count; $STAGES is its folder.
stages() {
    STAGES=$BATS_FILE_TMPDIR/stages
    [ ! -e "$STAGES/stage.so" ] || return 0
    mkdir -p "$STAGES"
    cat >"$STAGES/stage.c" <<'C'
#include <stdio.h>
#include <string.h>

#include <fixture.h>

static const af2_host *af2;

static af2_outcome
run(af2_task *task)
{
	FILE *f = fopen(af2->param(task, "mark"), "a");

	if (!f)
		return AF2_FAIL;
	fprintf(f, "%s\n", af2->param(task, "name"));
	fclose(f);
	if (*af2->param(task, "value"))
		af2->value_text(task, "value", af2->param(task, "value"));
	f = fopen(af2->output(task, "o", NULL, "o"), "w");
	if (!f)
		return AF2_FAIL;
	fprintf(f, "%zu items\n", af2->input_count(task, "set"));
	fclose(f);
	return AF2_OK;
}

const af2_plugin *
af2_plugin_entry(const af2_host *host)
{
	static const af2_param params[] = {
		{.name = "mark", .flags = AF2_PARAM_NO_RESULT},
		{.name = "name", .flags = AF2_PARAM_NO_RESULT},
		{.name = "counts"},
		{.name = "value"},
		{.name = "file", .type = AF2_FILE},
		{.name = "db", .type = AF2_DATABASE},
		{.name = "dir", .type = AF2_DIR},
	};
	static const af2_port in[] = {{.name = "set", .types = "text",
				       .cardinality = AF2_MANY, .flags = AF2_PORT_SET}};
	static const af2_port out[] = {{.name = "o", .types = "text"}};
	static const af2_plugin plugin = {FIXTURE_HEAD("stage"),
					  .params = params,
					  .param_count = FIXTURE_COUNT(params),
					  .inputs = in,
					  .input_count = FIXTURE_COUNT(in),
					  .outputs = out,
					  .output_count = FIXTURE_COUNT(out),
					  .run = run};

	af2 = host;
	return &plugin;
}
C
    compile "$STAGES/stage.c"
}

# compile FILE.c [FLAGS]: into FILE.so
compile() {
    local source=$1
    shift
    "${CC:-cc}" "$@" -I"$AF2_SRCDIR/engine/include" -I"$FIX/plugins" -D_GNU_SOURCE -fPIC \
        -shared -o "${source%.c}.so" "$source"
}

# ran [ARGS]: run w.dot (or $FILE) and list what was executed, in the order of names.
ran() {
    : >"$ROOM/mark"
    run --separate-stderr af2flow run "${FILE:-w.dot}" --run-dir "${RUN:-r}" --store "${STORE:-st}" \
        -p mark="$ROOM/mark" "$@"
    if [ "$status" != 0 ]; then
        echo "exit $status: $output $stderr" >&2
        return 1
    fi
    sort "$ROOM/mark" | paste -sd' ' -
}

# Runs exactly these, none if there are no names.
runs() {
    local want=$1 got
    shift
    got=$(ran "$@") || return 1
    if [ "$got" != "$want" ]; then
        echo "ran '$got' instead of '$want'"
        return 1
    fi
}

# Programs that mark, read a file, and depend on each other: one -> two -> three.
chain() {
    cat >"$ROOM/do.sh" <<'SH'
# do.sh MARK NAME: say so, and give the input's letters in upper case
echo "$2" >>"$1"
tr a-z A-Z
SH
    echo text >input
    workflow w <<'DOT'
digraph w {
  graph [mark="", input="input", script="do.sh"]
  node [plugin=command, outputs="o:text", stdout=o, files="${script}"]
  one   [argv="sh do.sh ${mark} one", files="${script} ${input}", "env.X"=1]
  two   [argv="sh do.sh ${mark} two", inputs="i:text", stdin=i]
  three [argv="sh do.sh ${mark} three", inputs="i:text", stdin=i]
  one -> two -> three
}
DOT
    # `one` reads the file that it is given
    # shellcheck disable=SC2016 # the workflow's
    sed -i 's|argv="sh do.sh ${mark} one"|argv="sh -c '"'"'sh do.sh $0 one <input'"'"' ${mark}"|' w.dot
    runs "one three two"
    runs ""
}

@test "early cut-off: the same bytes make no follower run" {
    chain
    echo TEXT >input # upper case already: `one` runs, and makes what it made
    runs "one"
    runs ""
    echo other >input
    runs "one three two"
    # a program that is another, as far as anybody can tell, but does the same
    echo "# a comment" >>do.sh
    runs "one three two"
    # back: everything is still there
    echo text >input
    sed -i '$d' do.sh
    runs ""
}

@test "early cut-off below a list: only branches whose element changed" {
    workflow w <<'DOT'
digraph w {
  graph [mark="", n="1"]
  node [plugin=command, outputs="o:text", stdout=o]
  split [argv="sh -c 'echo split >>$0; echo $1 >$2/a.txt; echo b >$2/b.txt' ${mark} ${n} ${out.parts}", outputs="parts:text*", stdout=""]
  each [argv="sh -c 'echo each-$1 >>$0; cat $2' ${mark} ${p} ${in.i}", inputs="i:text", expand="p in split.parts"]
  all  [argv="sh -c 'echo all >>$0; cat $@' ${mark} ${in.i}", inputs="i:text+"]
  split -> each -> all
}
DOT
    runs "all each-a each-b split"
    runs "all each-a split" -p n=2
    runs "" -p n=1
}

@test "a value that changes makes its readers run, the same value does not" {
    stages
    workflow w <<'DOT'
digraph w {
  graph [mark="", v="1", x=""]
  node [plugin=stage, mark="${mark}"]
  a [name=a, value="${v}", counts="${x}"]
  b [name=b]
  a -> b
}
DOT
    runs "a b" --plugin-dir "$STAGES"
    runs "a" --plugin-dir "$STAGES" -p x=other
    runs "a b" --plugin-dir "$STAGES" -p v=2
}

@test "the order of inputs that are a set" {
    stages
    workflow w <<'DOT'
digraph w {
  graph [mark=""]
  node [plugin=stage, mark="${mark}"]
  a [name=a, counts=a]
  b [name=b, counts=b, value=v]
  all [name=all]
  a -> all
  b -> all
}
DOT
    runs "a all b" --plugin-dir "$STAGES"
    sed -i '/a -> all/d; s/b -> all/b -> all; a -> all/' w.dot
    runs "" --plugin-dir "$STAGES"
    # a list that is none of a set counts by its order
    workflow v <<'DOT'
digraph v {
  graph [mark=""]
  node [plugin=command, outputs="o:text", stdout=o]
  a [argv="echo a"]
  b [argv="echo b"]
  all [argv="sh -c 'echo all >>$0; cat $@' ${mark} ${in.i}", inputs="i:text+"]
  a -> all
  b -> all
}
DOT
    FILE=v.dot runs "all"
    sed -i '/a -> all/d; s/b -> all/b -> all; a -> all/' v.dot
    FILE=v.dot runs "all"
}

@test "mtimes alone: of files, of databases, of folders, of the workflow" {
    stages
    mkdir -p db dir targets
    for f in db/x.a db/x.b file dir/y targets/t.txt; do echo "$f" >$f; done
    workflow w <<'DOT'
digraph w {
  graph [mark=""]
  node [plugin=stage, mark="${mark}"]
  a [name=a, file="file", db="db", dir="dir"]
  t [name=t, file="${target}", expand="target=@targets/*.txt"]
}
DOT
    runs "a t" --plugin-dir "$STAGES"
    touch -d "1 day ago" db/x.a db file dir/y dir targets/t.txt w.dot
    runs "" --plugin-dir "$STAGES"
    touch db/x.a db/x.b db file dir/y dir targets/t.txt w.dot
    runs "" --plugin-dir "$STAGES"
    cp file copy && mv copy file # another inode
    runs "" --plugin-dir "$STAGES"
    echo more >>db/x.b
    runs "a" --plugin-dir "$STAGES"
    echo more >>targets/t.txt
    runs "t" --plugin-dir "$STAGES"
    # a folder's content does not count, as plugin.h says
    echo more >>dir/y
    runs "" --plugin-dir "$STAGES"
}

@test "a database, or a file, that moved" {
    stages
    mkdir db
    echo 1 >db/x.a
    echo file >file
    workflow w <<'DOT'
digraph w {
  graph [mark="", db="db", file="file"]
  a [plugin=stage, mark="${mark}", name=a, db="${db}", file="${file}"]
}
DOT
    runs "a" --plugin-dir "$STAGES"
    mkdir -p far/away
    mv db far/away/other
    mv file far/away/renamed
    runs "" --plugin-dir "$STAGES" -p db=far/away/other -p file=far/away/renamed
    # named inside: that counts
    mv far/away/other/x.a far/away/other/y.a
    runs "a" --plugin-dir "$STAGES" -p db=far/away/other -p file=far/away/renamed
}

@test "a project that moved: workflow, runs and store" {
    mkdir project
    cd project
    echo text >input
    cat >w.dot <<'DOT'
digraph w {
  graph [input="input"]
  node [plugin=command, outputs="o:text", stdout=o]
  a [argv="sh -c 'echo a >>/dev/fd/2; cat input'", files="${input}"]
  own [argv="echo own", cache=no]
  none [argv="true", outputs="", stdout=""]
  a -> none [order=true]
}
DOT
    expect 0 af2flow run w.dot -p input=input
    said "3 done (0 of them stood already)"
    ls runs >../names
    cd ..
    mkdir -p some/where
    mv project some/where/else
    cd some/where/else
    expect 0 af2flow run w.dot -p input=input
    said "nothing to do: all 3 tasks"
    ls runs | diff ../../../names -
    # nothing stands where it was
    [ ! -e "$ROOM/project" ]
    [ "$(cat runs/*/tasks/a/out/o)" = text ]
}

@test "comments, layout and the order of attributes in the file" {
    chain
    cat >w.dot <<'DOT'
// other layout
/* the same workflow */ digraph w { graph [script="do.sh", input="input" mark="", rankdir=LR];
  one -> two  -> three;
  node [files="${script}", stdout=o outputs="o:text", plugin="command", shape=box]
  one [label="ONE", "env.X"=1, files="${script} ${input}",
       argv="sh -c 'sh do.sh $0 one <input' ${mark}"  # note
  ]
  two [stdin=i, inputs="i:text", argv="sh do.sh ${mark} two", x_note="mine"]
  subgraph cluster_a { three [inputs="i:text" argv="sh   do.sh  ${mark} \
three", stdin=i, color=red] }
}
DOT
    sed -i '/# note/s/  # note//' w.dot
    # nodes first mentioned by an edge do not get later defaults: say them first
    sed -i '/^  one -> two/d; s/^}$/  one -> two -> three\n}/' w.dot
    runs ""
}

@test "a node that is renamed, and a workflow" {
    chain
    sed 's/\<one\b *\[/first [/; s/one -> two/first -> two/; s/digraph w/digraph other/' w.dot >v.dot
    FILE=v.dot runs ""
    FILE=v.dot RUN=r2 runs ""
    [ "$(cat r2/tasks/first/out/o)" = TEXT ]
}

@test "cores, memory, GPUs, retries, timeouts, priorities, policies" {
    chain
    sed -i 's/node \[/node [cpus=2, memory="10M", gpus=1, retries=3, retry_delay=1, retry_on=exit, timeout="1h", grace="1s", max_output="1G", priority=7, on_failure=skip, "retry.memory"="2x", /' w.dot
    runs "" --cpus 2 --gpus 2
    runs "" --memory 1G --cpus 2 --gpus 1
}

@test "another run directory, another umask, another folder, another environment" {
    chain
    RUN=r2 runs ""
    mask=$(umask)
    umask 077
    RUN=r3 runs ""
    umask 000
    RUN=r4 runs ""
    umask "$mask"
    mkdir sub
    cd sub
    FILE=../w.dot RUN=../r5 STORE=../st runs ""
    cd ..
    HOME=/nowhere LANG=de_DE.UTF-8 TZ=Asia/Tokyo OTHER=x RUN=r6 runs ""
}

@test "results made under a strict umask are the same as others" {
    mask=$(umask)
    workflow w <<'DOT'
digraph w {
  graph [mark=""]
  node [plugin=command]
  d [argv="sh -c 'mkdir $1/s; echo x >$1/s/f; cp /bin/true $1/p; echo d >>$0' ${mark} ${out.d}", outputs="d:dir"]
  r [argv="sh -c 'ls -R $1 >$2; echo r >>$0' ${mark} ${in.d} ${out.o}", inputs="d:dir", outputs="o:text"]
  d -> r
}
DOT
    umask 077
    runs "d r"
    umask 000
    mv st st-077
    RUN=r2 runs "d r"
    umask "$mask"
    # the digests are equal, so each could have been the other's
    sum() {
        grep -rho '"sha256":"[0-9a-f]*","size"' "$1/objects" --include=result.json | sort
    }
    diff <(sum st-077) <(sum st)
}

@test "what must run again: parameters, scripts, commands, versions, replicates" {
    chain
    sed -i 's/"env.X"=1/"env.X"=2/' w.dot
    runs "one"
    sed -i 's/do.sh ${mark} three"/do.sh ${mark} three", version=2/' w.dot
    runs "three"
    sed -i 's/sh do.sh ${mark} two/sh -e do.sh ${mark} two/' w.dot
    runs "two"
    sed -i 's/version=2/version=2, ok_exit="0,3"/' w.dot
    runs "three"
    # a range is a replicate, whatever its command says
    sed -i 's/version=2/version=2, expand="k=1..2"/' w.dot
    runs "three three"
}

@test "what must run again: a stage's parameter, its result version" {
    stages
    workflow w <<'DOT'
digraph w { graph [mark="", c=1] a [plugin=stage, mark="${mark}", name=a, counts="${c}"] }
DOT
    runs "a" --plugin-dir "$STAGES"
    runs "a" --plugin-dir "$STAGES" -p c=2
    runs "" --plugin-dir "$STAGES" -p c=1
    # built anew, as it was: nothing. Another result version: again.
    mkdir new
    cp "$STAGES/stage.c" new
    compile new/stage.c -O1
    runs "" --plugin-dir new
    sed -i 's/FIXTURE_HEAD("stage")/&, .result_version = 2/' new/stage.c
    compile new/stage.c
    runs "a" --plugin-dir new
}

@test "tasks of their run alone: once in each run directory, whatever changes around them" {
    workflow w <<'DOT'
digraph w {
  graph [mark=""]
  node [plugin=command]
  own  [argv="sh -c 'echo own >>$0' ${mark}", cache=no]
  none [argv="sh -c 'echo none >>$0' ${mark}"]
}
DOT
    runs "none own"
    runs "" --cpus 1
    RUN=r2 runs "none own"
    mv r moved
    RUN=moved runs ""
}

@test "a new run that finds a part of its results in the store says nothing of damage" {
    workflow part <<'DOT'
digraph part {
  graph [more=no]
  node [plugin=command, outputs="o:text", stdout=o]
  a [argv="echo 1"]
  b [argv="cat ${in.o}", inputs="o:text", outputs="p:text", stdout=p, when="${more}"]
  a -> b
}
DOT
    expect 0 af2flow run part.dot --store s --run-dir r1
    expect 0 af2flow run part.dot --store s --run-dir r2 -p more=yes
    said "b: done"
    not_said "damaged"
}

@test "a look-up that cannot look pauses the run, and makes nothing again" {
    local faults=$AF2_BUILDDIR/tests/chaos/faults.so what pid status
    [ -e "$faults" ] || skip "tests/chaos/faults.so is not made: make check makes it"
    workflow l <<'DOT'
digraph l {
  graph [room=""]
  node [plugin=command]
  a [argv="sh -c 'echo a >>$0/mark; echo a' ${room}", outputs="o:text", stdout=o]
  b [argv="sh -c 'echo b >>$0/mark' ${room}", outputs="l:text*"]
}
DOT
    expect 0 af2flow run l.dot --store s --run-dir first -p room="$ROOM"
    for what in objects segments; do
        truncate -s 0 state
        truncate -s 4096 state
        AF2_FAULTS="state=$ROOM/state below=$ROOM/s only=/$what who=engine call=open errno=24 at=2 how=ever" \
            LD_PRELOAD=$faults af2flow run l.dot --store s --run-dir "$what" -p room="$ROOM" \
            >log 2>&1 3>&- &
        pid=$!
        wait_for 30 grep -qs '"event":"paused"' "$what/journal"
        kill -TERM $pid
        status=0
        wait $pid || status=$?
        [ "$status" = 143 ]
        grep -q "paused: cannot .*Too many open files" log
        [ "$(grep -c "counted as absent" log)" = 0 ]
        [ "$(sort mark | paste -sd' ')" = "a b" ]
        expect 0 af2flow run l.dot --store s --run-dir "$what" -p room="$ROOM"
        [ "$(sort mark | paste -sd' ')" = "a b" ]
    done
}

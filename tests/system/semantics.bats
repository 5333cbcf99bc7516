#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The rules of a run where they are easily broken: natural joins over lists, shared keys, hints,
# fingerprints that fail, attempts lost with the engine, limits, and what a check may not touch.
load helper

# A plugin whose fingerprint and run do what its parameters say; $STAGES is its folder.
stages() {
    STAGES=$BATS_FILE_TMPDIR/stages
    [ ! -e "$STAGES/semantics.so" ] || return 0
    mkdir -p "$STAGES"
    cat >"$STAGES/semantics.c" <<'C'
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <fixture.h>

static const af2_host *af2;

static void
note(const char *path, const char *text)
{
	FILE *f = *path ? fopen(path, "a") : NULL;

	if (!f)
		return;
	fprintf(f, "%s\n", text);
	fclose(f);
}

static af2_outcome
fingerprint(af2_task *task)
{
	const char *print = af2->param(task, "print");

	note(af2->param(task, "mark"), "fingerprint");
	if (!strcmp(print, "unavailable"))
		return af2->fail(task, AF2_CLASS_UNAVAILABLE, "not on this machine");
	if (!strcmp(print, "slow"))
		sleep(20);
	if (!strcmp(print, "dies") && mkdir(af2->param(task, "once"), 0755) == 0)
		raise(SIGKILL);
	af2->fingerprint_add(task, "print", print);
	return AF2_OK;
}

static af2_outcome
run(af2_task *task)
{
	const char *what = af2->param(task, "what");
	FILE *f;

	note(af2->param(task, "mark"), "run");
	if (!strcmp(what, "skip")) {
		usleep(300000);
		return af2->skip(task, "nothing to do");
	}
	f = fopen(af2->output(task, "o", NULL, "o"), "w");
	if (!f)
		return AF2_FAIL;
	fprintf(f, "%s %s\n", af2->param(task, "print"), what);
	fclose(f);
	return AF2_OK;
}

const af2_plugin *
af2_plugin_entry(const af2_host *host)
{
	static const af2_param params[] = {
		{.name = "what"},
		{.name = "print"},
		{.name = "mark", .flags = AF2_PARAM_NO_RESULT},
		{.name = "once", .flags = AF2_PARAM_NO_RESULT},
	};
	static const af2_port in[] = {{.name = "hint", .types = "table",
				       .cardinality = AF2_MANY, .flags = AF2_PORT_HINT}};
	static const af2_port out[] = {{.name = "o", .types = "text"}};
	static const af2_plugin plugin = {FIXTURE_HEAD("semantics"),
					  .params = params,
					  .param_count = FIXTURE_COUNT(params),
					  .inputs = in,
					  .input_count = FIXTURE_COUNT(in),
					  .outputs = out,
					  .output_count = FIXTURE_COUNT(out),
					  .fingerprint = fingerprint,
					  .run = run};

	af2 = host;
	return &plugin;
}
C
    "${CC:-cc}" -I"$AF2_SRCDIR/engine/include" -I"$FIX/plugins" -D_GNU_SOURCE -fPIC -shared \
        -o "$STAGES/semantics.so" "$STAGES/semantics.c"
}

@test "a check that fails removes nothing from a folder that was there before" {
    mkdir d
    echo precious >d/file
    workflow a <<'DOT'
digraph a { a [plugin=command, argv="true", cpus=100000] }
DOT
    expect 2 af2flow run a.dot --run-dir d
    [ "$(cat d/file)" = precious ]
    expect 2 af2flow run a.dot --run-dir e
    [ ! -e e ]
}

@test "a natural join of two lists waits for the slower one and loses no branch" {
    workflow j <<'DOT'
digraph j {
  node [plugin=command, stdout=o, outputs="o:text"]
  s [argv="sh -c 'echo x >$0/a.txt; echo y >$0/b.txt' ${out.parts}", stdout="", outputs="parts:text+"]
  u [argv="sh -c 'sleep 1; echo 1 >$0/c.txt; echo 2 >$0/d.txt' ${out.parts}", stdout="", outputs="parts:text+"]
  a [argv="cat ${in.i}", inputs="i:text", expand="y in s.parts"]
  q [argv="cat ${in.i}", inputs="i:text", expand="z in u.parts"]
  p [argv="cat ${in.i} ${in.j}", inputs="i:text j:text"]
  c [argv="cat ${in.i} ${in.j}", inputs="i:text j:text"]
  g [argv="cat ${in.all}", inputs="all:text+", gather=all]
  s -> a
  u -> q
  a -> p [input=i]
  q -> p [input=j]
  q -> c [input=i]
  p -> c [input=j]
  c -> g
}
DOT
    expect 0 af2flow run j.dot --run-dir r --cpus 2
    said " 0 off"
    # z y z of each branch; the order of the two variables is not what is tested
    [ "$(paste -sd' ' r/results/g/o | wc -w)" = 12 ]
    said "15 done"
}

@test "single inputs count by content: branches that came to be equal share what follows" {
    workflow e <<'DOT'
digraph e {
  graph [mark=""]
  node [plugin=command]
  s [argv="sh -c 'echo x >$0/a.txt; echo x >$0/b.txt' ${out.parts}", outputs="parts:text+"]
  n [argv="cat ${in.i}", inputs="i:text", stdout=o, outputs="o:text", expand="p in s.parts"]
  m [argv="sh -c 'echo m >>$0; cat $1' ${mark} ${in.i}", inputs="i:text", stdout=o, outputs="o:text"]
  s -> n -> m
}
DOT
    expect 0 af2flow run e.dot -p mark="$ROOM/mark" --run-dir r
    [ "$(wc -l <mark)" = 1 ]
    [ "$(cat r/results/m/p=b/o)" = x ]
}

@test "a fingerprint that fails and is retried with other values never lends its key" {
    stages
    workflow f <<'DOT'
digraph f {
  node [plugin=semantics, print=unavailable, retries=1, "retry.print"=ok]
  a [what=first]
  b [what=second]
}
DOT
    expect 0 af2flow run f.dot --plugin-dir "$STAGES" --run-dir r
    not_said "attempt 0"
    [ "$(cat r/results/a/o)" = "ok first" ]
    [ "$(cat r/results/b/o)" = "ok second" ]
    if grep -q '"key":"0000000000000000' r/journal; then return 1; fi
    # results of other values stand under the key of those values
    sed 's/print=unavailable, retries=1, "retry.print"=ok/print=ok/' f.dot >plain.dot
    expect 0 af2flow run plain.dot --plugin-dir "$STAGES" --run-dir r2
    said "nothing to do"
}

@test "a fingerprint of the retry's values that fails does not fail the first attempt" {
    stages
    workflow f <<'DOT'
digraph f { a [plugin=semantics, what=x, print=ok, retries=1, "retry.print"=unavailable] }
DOT
    expect 0 af2flow run f.dot --plugin-dir "$STAGES" --run-dir r
    not_said "tried again"
    expect 0 af2flow run f.dot --plugin-dir "$STAGES" --run-dir r
}

@test "a retry asks for a fingerprint again that failed, once for all that want it" {
    stages
    workflow f <<'DOT'
digraph f {
  graph [once="", mark=""]
  l [plugin=command, argv="touch ${out.o}/x", outputs="o:text+"]
  m [plugin=command, argv="true", inputs="o:text", expand="v in l.o"]
  a [plugin=semantics, what="${v}", print=dies, once="${once}", mark="${mark}",
     expand="i=1..2", retries=1, retry_delay="0.2s"]
  l -> m
  m -> a [order=true]
}
DOT
    expect 0 af2flow run f.dot -p once="$ROOM/once" -p mark="$ROOM/mark" --plugin-dir "$STAGES" \
        --run-dir r
    said "tried again"
    [ "$(cat r/results/a/v=x,i=2/o)" = "dies x" ]
    [ "$(grep -c fingerprint mark)" = 2 ]
}

@test "Ctrl-C ends a fingerprint that takes long" {
    stages
    workflow f <<'DOT'
digraph f { graph [mark=""] a [plugin=semantics, print=slow, mark="${mark}"] }
DOT
    af2flow run f.dot -p mark="$ROOM/mark" --plugin-dir "$STAGES" --run-dir r >log 2>&1 3>&- &
    pid=$!
    wait_for 10 grep -q fingerprint mark
    start=$SECONDS
    kill -TERM $pid
    wait $pid && rc=0 || rc=$?
    [ "$rc" = 143 ]
    [ $((SECONDS - start)) -lt 12 ]
}

@test "tasks that share a key with one that skips are skipped too" {
    stages
    workflow s <<'DOT'
digraph s {
  a [plugin=semantics, what=skip]
  b [plugin=semantics, what=skip]
  node [plugin=command, argv="cat ${in.i}", inputs="i:text", stdout=o, outputs="o:text"]
  after_a after_b
  a -> after_a
  b -> after_b
}
DOT
    expect 3 af2flow run s.dot --plugin-dir "$STAGES" --run-dir r --cpus 2
    said "4 skipped, 0 off, 0 not run"
}

@test "a task that shares a key keeps its own retries and values" {
    workflow k <<'DOT'
digraph k {
  node [plugin=command, stdout=o, outputs="o:text", argv="sh -c 'sleep 0.3; false'"]
  a
  b [retries=1, "retry.argv"="echo b"]
}
DOT
    expect 1 af2flow run k.dot --run-dir r --cpus 2
    said "a: exit"
    [ "$(cat r/results/b/o)" = b ]
}

@test "a result of other values is not given to a task that never asked for them" {
    workflow k <<'DOT'
digraph k {
  node [plugin=command, stdout=o, outputs="o:text", argv="sh -c 'sleep 0.3; false'"]
  b [retries=1, "retry.argv"="echo b", priority=10]
  c
}
DOT
    expect 1 af2flow run k.dot --run-dir r --cpus 2
    [ "$(cat r/results/b/o)" = b ]
    [ ! -e r/results/c ]
}

@test "below a many port's minimum: permanent, names the branches, obeys on_failure" {
    workflow m <<'DOT'
digraph m {
  graph [policy="fail"]
  node [plugin=command]
  a [argv="sh -c 'exit 1' ${k}", expand="k=1..3", on_failure=skip, outputs="o:text"]
  g [argv="cat ${in.m}", inputs="m:text+", stdout=o, outputs="o:text", on_failure="${policy}"]
  a -> g
}
DOT
    expect 1 af2flow run m.dot --run-dir r
    said "g: permanent"
    [[ $output =~ "g: permanent"[^$'\n']*"k=2" ]]
    # shellcheck disable=SC2016 # the workflow's parameter, not ours
    sed -i 's/, on_failure="${policy}"/, on_failure=skip/; /policy/d' m.dot
    expect 3 af2flow run m.dot --run-dir r2
    said "4 skipped"
}

@test "an empty list is told as such, not as skipped branches" {
    workflow l <<'DOT'
digraph l {
  node [plugin=command]
  s [argv="true", outputs="parts:text*"]
  n [argv="cat ${in.i}", inputs="i:text", stdout=o, outputs="o:text", expand="p in s.parts"]
  g [argv="cat ${in.i}", inputs="i:text+", stdout=o, outputs="o:text"]
  s -> n -> g
}
DOT
    expect 1 af2flow run l.dot --run-dir r
    said "g: permanent"
    not_said "were skipped"
}

@test "a hint that fails costs a warning, and its producer does not run for tasks that are done" {
    stages
    workflow h <<'DOT'
digraph h {
  graph [mark=""]
  h [plugin=command, argv="sh -c 'echo h >>$0; exit 1' ${mark}", stdout=o, outputs="o:table", on_failure=skip]
  a [plugin=semantics, what=x]
  h -> a
}
DOT
    expect 3 af2flow run h.dot -p mark="$ROOM/mark" --plugin-dir "$STAGES" --run-dir r
    grep '"event":"note"' r/journal | grep -q '"task":"a"'
    expect 0 af2flow run h.dot -p mark="$ROOM/mark" --plugin-dir "$STAGES" --run-dir r
    said "nothing to do"
    [ "$(wc -l <mark)" = 1 ]
}

@test "an attempt lost with the engine three times in a row is a failure, once" {
    workflow l <<'DOT'
digraph l { graph [gate=""] a [plugin=command, argv="sh -c 'test -e $0 || sleep 60' ${gate}"] }
DOT
    for i in 1 2 3; do
        af2flow run l.dot -p gate="$ROOM/gate" --run-dir r >log 2>&1 3>&- &
        pid=$!
        wait_for 10 grep -q "a: started" log
        sleep 1 # the journal's group commit
        kill -KILL $pid
        wait $pid || true
    done
    touch gate
    expect 1 af2flow run l.dot -p gate="$ROOM/gate" --run-dir r
    said "lost together with the engine"
    expect 0 af2flow run l.dot -p gate="$ROOM/gate" --run-dir r
}

@test "retry.memory=2x multiplies up to the machine, not beyond" {
    workflow m <<'DOT'
digraph m { a [plugin=command, argv="false", memory="300M", retries=2, "retry.memory"="2x"] }
DOT
    expect 1 af2flow run m.dot --run-dir r --memory 500M
    said "a: exit"
    [ "$(grep -c '"event":"start"' r/journal)" = 3 ]
    grep -q '"attempt":3.*"memory":524288000' r/journal
}

@test "a retry's resources that no slot can give are found by check" {
    workflow m <<'DOT'
digraph m { a [plugin=command, argv="false", memory="1M", retries=1, "retry.memory"="500T"] }
DOT
    expect 2 af2flow check m.dot
    said "500T"
}

@test "too many branch variables, or tasks, are an error of the file" {
    {
        printf 'digraph v { a [plugin=command, argv="true", expand="'
        for i in $(seq 70); do printf 'v%d=1 ' "$i"; done
        printf '"] }\n'
    } >v.dot
    expect 2 af2flow check v.dot
    said "v.dot:1"
    workflow t <<'DOT'
digraph t { a [plugin=command, argv="true", expand="k=1..1000000 l=1..1000000"] }
DOT
    expect 2 timeout 20 af2flow check t.dot
    said "t.dot:1"
}

@test "two nodes that expand one name over many values join in no time" {
    workflow w <<'DOT'
digraph w {
  node [plugin=command, stdout=o, outputs="o:text"]
  s [argv="echo s ${k}", expand="k=1..100000"]
  u [argv="echo u ${k}", expand="k=1..100000"]
  n [argv="cat ${in.i} ${in.j}", inputs="i:text j:text"]
  s -> n [input=i]
  u -> n [input=j]
}
DOT
    limit=8
    if with_asan; then limit=30; fi
    expect 0 timeout $limit af2flow check w.dot
    said "300000 tasks"
}

@test "what is not a run is an error of status" {
    expect 2 af2flow status nowhere
    said "nowhere"
    mkdir empty
    expect 2 af2flow status empty --json
}

@test "the picture of a run shows what is done behind a skipped branch" {
    workflow p <<'DOT'
digraph p {
  node [plugin=command, stdout=o, outputs="o:text"]
  a [argv="sh -c 'test $0 != 2 && echo $0' ${k}", expand="k=1..3", on_failure=skip]
  g [argv="cat ${in.m}", inputs="m:text+"]
  a -> g
}
DOT
    expect 3 af2flow run p.dot --run-dir r
    expect 0 af2flow graph r
    said 'g: done'
    said 'a[k=2]: skipped'
}

@test "the picture of a run does not depend on the current folder or the file's fate" {
    mkdir sub
    echo text >sub/in
    cat >sub/w.dot <<'DOT'
digraph w { graph [f=""] a [plugin=command, argv="cat ${f}", files="${f}", stdout=o, outputs="o:text"] }
DOT
    (cd sub && expect 0 af2flow run w.dot -p f=in --run-dir ../r)
    expect 0 af2flow graph r
    said 'a: done'
    mv sub/w.dot sub/elsewhere.dot
    expect 0 af2flow graph r
    said 'a: done'
}

@test "a run leaves its picture" {
    workflow b <<'DOT'
digraph b { a [plugin=command, argv="true"] }
DOT
    expect 0 af2flow run b.dot --run-dir r
    [ -e r/graph.svg ]
}

@test "results/ and status have nothing of branches that are gone" {
    workflow b <<'DOT'
digraph b {
  graph [n="3"]
  a [plugin=command, argv="echo ${k}", stdout=o, outputs="o:text", expand="k=1..${n}"]
}
DOT
    expect 0 af2flow run b.dot --run-dir r
    expect 0 af2flow run b.dot --run-dir r -p n=2
    [ -e r/results/a/k=2/o ]
    [ ! -e r/results/a/k=3 ]
    expect 0 af2flow status r
    said " 2 "
    not_said " 3 done"
    # and comes back
    expect 0 af2flow run b.dot --run-dir r
    expect 0 af2flow status r
    said "1 cached"
}

@test "every error of a file is listed, those of gather too" {
    workflow g <<'DOT'
digraph g {
  node [plugin=command, stdout=o, outputs="o:text"]
  a [argv="echo ${x}", expand="x=1..3"]
  b [argv="cat ${in.i} ${in.j}", inputs="i:text* j:text"]
  c [argv="echo c", colour=red]
  a -> b [input=i]
  a -> b [input=j]
}
DOT
    expect 2 af2flow check g.dot
    said "colour"
    said "gathers variable 'x'"
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Fingerprints are asked by `check`, and by `run` before anything runs: what is missing is told
# before hours of searches.
load helper

# Plugins whose fingerprint does what their parameters say, and notes in `mark` that it was asked.
stages() {
    STAGES=$BATS_FILE_TMPDIR/stages
    [ ! -e "$STAGES/asked2.so" ] || return 0
    mkdir -p "$STAGES"
    cat >"$STAGES/asked.c" <<'C'
#include <stdio.h>
#include <stdlib.h>
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
	char left[4096];

	note(af2->param(task, "mark"), print);
	snprintf(left, sizeof(left), "%s/left", af2->work_dir(task));
	note(left, "a file that is left");
	if (!strcmp(print, "no weights"))
		return af2->fail(task, AF2_CLASS_UNAVAILABLE,
				 "no 'params_model_1.npz' in '/data/params'");
	if (!strcmp(print, "wrong"))
		return af2->fail(task, AF2_CLASS_PERMANENT, "no such model");
	if (!strcmp(print, "later"))
		return af2->retry(task, "the licence server is away");
	if (!strcmp(print, "crash"))
		abort();
	if (!strcmp(print, "crash once") && mkdir(af2->param(task, "once"), 0755) == 0)
		abort();
	if (!strcmp(print, "slow"))
		sleep(30);
	af2->fingerprint_add(task, "print", print);
	return AF2_OK;
}

static af2_outcome
run(af2_task *task)
{
	FILE *f = fopen(af2->output(task, "o", NULL, "o"), "w");

	note(af2->param(task, "mark"), "run");
	return f && fclose(f) == 0 ? AF2_OK : AF2_FAIL;
}

const af2_plugin *
af2_plugin_entry(const af2_host *host)
{
	static const af2_param params[] = {
		{.name = "print"},
		{.name = "of"},
		{.name = "mark", .flags = AF2_PARAM_NO_RESULT},
		{.name = "once", .flags = AF2_PARAM_NO_RESULT},
	};
	static const af2_port in[] = {{.name = "i", .types = "text",
				       .cardinality = AF2_OPTIONAL}};
	static const af2_port out[] = {{.name = "o", .types = "text"}};
	static const af2_plugin plugin = {FIXTURE_HEAD(ID),
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
    for id in asked asked2; do
        "${CC:-cc}" -I"$AF2_SRCDIR/engine/include" -I"$FIX/plugins" -D_GNU_SOURCE -fPIC -shared \
            -DID="\"$id\"" -o "$STAGES/$id.so" "$STAGES/asked.c"
    done
}

setup() {
    room_setup
    stages
    export AF2FLOW_PLUGIN_PATH=$AF2_BUILDDIR/plugins/.libs:$STAGES
}

asked() { # how often
    if [ -e mark ]; then wc -l <mark; else echo 0; fi
}

# A search, and what depends on it.
predict() {
    workflow p <<DOT
digraph p {
  graph [print="no weights", mark="$ROOM/mark"]
  search  [plugin=command, argv="touch $ROOM/searched", outputs="o:text", stdout=o]
  predict [plugin=asked, print="\${print}", mark="\${mark}"${1:+, $1}]
  search -> predict
}
DOT
}

@test "missing weights are told before the searches, by check and by run" {
    predict
    expect 2 af2flow check p.dot
    said "p.dot:4:"
    said "'predict': unavailable: fingerprint of plugin 'asked': no 'params_model_1.npz' in '/data/params'"
    # a check makes nothing, and leaves nothing in the temporary folder, which is this one
    [ "$(asked)" = 1 ]
    ls -A >left
    [ "$(sort left | paste -sd' ')" = "home left mark p.dot" ]
    expect 2 af2flow run p.dot
    said "'predict': unavailable: "
    [ ! -e searched ]
    [ ! -e runs ]
    expect 2 af2flow check p.dot --json
    python3 -c 'import json, sys; d = json.load(sys.stdin); assert [x["line"] for x in d if x["severity"] == "error"] == [4], d' <<<"$output"
    expect 0 af2flow run p.dot --until search
    expect 0 af2flow run p.dot -p print=ok
}

@test "each class is told" {
    predict
    expect 2 af2flow check p.dot -p print=wrong
    said "'predict': permanent: fingerprint of plugin 'asked': no such model"
    expect 2 af2flow check p.dot -p print=crash
    said "'predict': plugin-crash: fingerprint of plugin 'asked': plugin crashed"
    # what passes by itself is no error
    expect 0 af2flow check p.dot -p print=later
    said "'predict': transient: fingerprint of plugin 'asked': the licence server is away"
    said "sound"
}

@test "what may have been chance is asked twice where the node has retries" {
    predict "retries=1, once=\"$ROOM/once\""
    expect 0 af2flow check p.dot -p print="crash once"
    said "sound"
    [ "$(asked)" = 2 ]
    expect 2 af2flow check p.dot -p print=crash
    said "'predict': plugin-crash: "
    [ "$(asked)" = 4 ]
    expect 2 af2flow check p.dot
    [ "$(asked)" = 5 ]
}

@test "where no host can be started just now, the run pauses until one can" {
    local faults=$AF2_BUILDDIR/tests/chaos/faults.so
    [ -e "$faults" ] || skip "tests/chaos/faults.so is not made: make check makes it"
    workflow p <<DOT
digraph p {
  node [plugin=asked, print=ok]
  a [expand="i=1..3"]
}
DOT
    expect 0 af2flow check p.dot # so that no host is started to look at plugins
    truncate -s 4096 state
    export AF2_FAULTS="state=$ROOM/state below=$ROOM who=engine call=spawn errno=24 at=1 how=short"
    LD_PRELOAD=$faults expect 0 af2flow run p.dot --run-dir r
    said "'a': spawn: fingerprint of plugin 'asked': cannot start '$AF2_BUILDDIR/af2flow-host': Too many open files"
    said "paused: fingerprint of plugin 'asked': cannot start '"
    [ "$(grep -c '"event":"paused"' r/journal)" = 1 ]
    [ "$(grep -c '"event":"resumed"' r/journal)" = 1 ]
    [ "$(grep -c '"event":"end".*"outcome":"ok"' r/journal)" = 3 ]
}

@test "where no host can be started for long, it pauses once, and ends when its time is over" {
    local faults=$AF2_BUILDDIR/tests/chaos/faults.so
    [ -e "$faults" ] || skip "tests/chaos/faults.so is not made: make check makes it"
    predict
    printf '[engine]\npause = 4s\n' >short.ini
    expect 0 af2flow check p.dot -p print=ok
    truncate -s 4096 state
    export AF2_FAULTS="state=$ROOM/state below=$ROOM who=engine call=spawn errno=12 at=1 how=ever"
    expect 0 af2flow run p.dot --until search --run-dir r -p print=ok
    LD_PRELOAD=$faults expect 1 af2flow run p.dot --run-dir r --config short.ini -p print=ok
    said "af2flow-host': Cannot allocate memory (still so after 4.0s)"
    [ "$(grep -c '"event":"paused"' r/journal)" = 1 ]
    unset AF2_FAULTS
    expect 0 af2flow run p.dot --run-dir r -p print=ok
}

@test "a node whose failure is tolerated is warned of" {
    predict on_failure=skip
    expect 0 af2flow check p.dot
    said "'predict': unavailable: "
    said "sound"
    expect 3 af2flow run p.dot --run-dir r
    [ -e searched ]
    predict 'retries=1, "retry.print"=ok'
    expect 0 af2flow run p.dot --run-dir r2
}

@test "one question is asked once, and an answer is remembered" {
    workflow q <<DOT
digraph q {
  node [plugin=asked, print=ok, mark="$ROOM/mark"]
  a [expand="i=1..5"]
  b
  c [print=other]
  d [plugin=asked2]
  a -> b
}
DOT
    expect 0 af2flow check q.dot
    [ "$(sort mark | paste -sd' ')" = "ok ok other" ] # of asked, asked2, asked
    rm mark
    expect 0 af2flow run q.dot --run-dir r
    # four executions: a and d, b with a's result, c; the questions are not asked twice
    [ "$(grep -vc run mark)" = 3 ]
    rm mark
    expect 0 af2flow check q.dot
    expect 0 af2flow run q.dot --run-dir r2
    [ "$(asked)" = 0 ]
}

@test "what will not run is not asked" {
    predict 'when="${print}"'
    expect 0 af2flow check p.dot -p print=
    [ "$(asked)" = 0 ]
    # a plan asks nobody
    expect 0 af2flow plan p.dot
    [ "$(asked)" = 0 ]
}

@test "behind a list that is not known yet, parameters that do not need it are known" {
    workflow l <<DOT
digraph l {
  graph [print=""]
  models  [plugin=command, argv="sh -c 'echo 1 >\$0/m1; echo 2 >\$0/m2; touch $ROOM/searched' \${out.models}", outputs="models:text+"]
  predict [plugin=asked, expand="model in models.models", print="\${print}", mark="$ROOM/mark"]
  other   [plugin=asked2, expand="model in models.models", print="wrong", of="\${model}", mark="$ROOM/mark2"]
  off     [plugin=asked2, expand="model in models.models", print="wrong", when="\${print} == x", mark="$ROOM/mark2"]
  models -> {predict other off}
}
DOT
    expect 2 af2flow run l.dot -p print="no weights"
    said "'predict': unavailable: "
    not_said "'other'"
    [ ! -e searched ]
    # only a task can tell the rest
    [ ! -e mark2 ]
    expect 1 af2flow run l.dot -p print=fine --run-dir r
    said "permanent"
}

@test "branches whose parameters vary: the first ones are asked" {
    workflow v <<DOT
digraph v {
  a [plugin=asked, print="p\${i}", mark="$ROOM/mark", expand="i=1..20"]
}
DOT
    expect 0 af2flow check v.dot
    [ "$(asked)" = 8 ]
}

@test "Ctrl-C while tools are asked leaves nothing behind" {
    predict
    for command in check run; do
        rm -f mark
        af2flow $command p.dot -p print=slow >log 2>&1 3>&- &
        pid=$!
        wait_for 10 test -e mark
        start=$SECONDS
        kill -TERM $pid
        wait $pid && rc=0 || rc=$?
        [ "$rc" = 143 ]
        [ $((SECONDS - start)) -le 8 ]
        [ -z "$(room_processes)" ]
        [ ! -e runs ]
        [ -z "$(find . -name 'af2flow-check-*')" ]
    done
}

@test "whoever waits is told what for" {
    predict
    af2flow check p.dot -p print=slow >log 2>&1 3>&- &
    pid=$!
    wait_for 10 grep -q "asking the tools of 1 stage for their versions" log
    kill -INT $pid
    wait $pid && rc=0 || rc=$?
    [ "$rc" = 130 ]
}

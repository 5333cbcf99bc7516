#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# [plugin.NAME] of the configuration: path, env.NAME and wrap. No container runtime is needed:
# `apptainer` is a script here that takes apptainer's command line, refuses what apptainer would
# refuse, and refuses every absolute path that is not bound into the container, before it runs the
# program with a PATH of its own. Real search tools and a real worker run inside it.
load helper

# $ROOM/site/apptainer; what it was told is in apptainer.log, `inside` is PATH in the container.
stand_in() {
    mkdir -p site inside
    echo "first build" >image.sif
    cat >site/apptainer <<'SH'
#!/bin/bash
room=$(dirname "$(dirname "$0")")
printf '%s\n' "$*" >>"$room/apptainer.log"
fatal() {
    echo "FATAL:   $*" >&2
    exit 255
}
[ "$1" = exec ] || fatal "unknown command $1"
shift
binds=/usr:/bin:/lib:/dev:/proc
while [ $# -gt 0 ]; do
    case $1 in
    --nv) shift ;;
    --bind)
        IFS=, read -ra list <<<"$2"
        for b in "${list[@]}"; do
            IFS=: read -r from to options <<<"$b"
            [ -e "$from" ] || fatal "mount source $from doesn't exist"
            [ "$from" = "$to" ] || fatal "odd bind $b"
            case $options in '' | ro) ;; *) fatal "odd options $options" ;; esac
            binds+=:$to
        done
        shift 2 ;;
    -*) fatal "unknown flag: $1" ;;
    *) break ;;
    esac
done
[ -f "$1" ] || fatal "could not open image $1"
shift
for word; do
    [ "${word:0:1}" = / ] || continue
    there=
    IFS=: read -ra list <<<"$binds"
    for b in "${list[@]}"; do
        case $word in "$b" | "$b"/*) there=yes ;; esac
    done
    [ -n "$there" ] || fatal "$word is not there"
done
PATH=$room/inside:/usr/bin:/bin
command -v "$1" >/dev/null || fatal "\"$1\": executable file not found in \$PATH"
# not exec: the wrapper stays, as a container's own processes do
"$@" &
child=$!
trap 'kill -TERM $child' TERM
wait $child
SH
    chmod 755 site/apptainer
}

settings() {
    cat >af2.ini
}

@test "real jackhmmer in a container: its name, its version, its files, its image" {
    stand_in
    ln -s "$(command -v jackhmmer)" inside/jackhmmer-of-the-image
    settings <<'INI'
[plugin.msa_jackhmmer]
path = site
wrap = apptainer exec --nv image.sif
INI
    mkdir db
    cp "$FIX/proteins/proteins.fasta" db/small.fasta
    cp "$FIX/proteins/rnase.fasta" .
    workflow s <<'DOT'
digraph s {
  instance [fasta="rnase.fasta"]
  uniref90 [plugin=msa_jackhmmer, database="db/small.fasta", program="jackhmmer-of-the-image"]
  instance -> uniref90 [output=query]
}
DOT
    # without the settings the program is missing, and check says so; with them the image has it
    expect 2 af2flow check s.dot
    said "no program 'jackhmmer-of-the-image'"
    expect 0 af2flow check s.dot --config af2.ini
    expect 0 af2flow run s.dot --config af2.ini --run-dir r
    [ -s r/results/msas/uniref90_hits.sto ]
    grep -q "^exec --bind .*$ROOM/db/small.fasta:$ROOM/db/small.fasta:ro.* --nv $ROOM/image.sif jackhmmer-of-the-image -o /dev/null" apptainer.log
    grep -q "^exec .*--nv $ROOM/image.sif jackhmmer-of-the-image -h" apptainer.log
    # the store can be read, and written only where attempts write
    grep -q "$ROOM/.af2flow/store:$ROOM/.af2flow/store:ro,$ROOM/.af2flow/store/tmp/[^:,]*:$ROOM/.af2flow/store/tmp/[^:,]*," apptainer.log
    # the same without a container gives the same alignment, of another key
    sed 's/, program="[^"]*"//' s.dot >plain.dot
    expect 0 af2flow run plain.dot --run-dir plain
    said "2 done (1 of them stood already)"
    cmp plain/results/msas/uniref90_hits.sto r/results/msas/uniref90_hits.sto

    # another time or place of the image changes nothing, another image does
    touch -d '2001-01-01' image.sif
    expect 0 af2flow run s.dot --config af2.ini --run-dir r
    said "nothing to do"
    mkdir images
    mv image.sif images/
    sed -i 's,image.sif,images/image.sif,' af2.ini
    expect 0 af2flow run s.dot --config af2.ini --run-dir r
    said "2 done (2 of them stood already)"
    echo "second build" >images/image.sif
    expect 0 af2flow plan s.dot --config af2.ini --run-dir r
    said "1 done, 1 run"
    expect 0 af2flow run s.dot --config af2.ini --run-dir r
    grep -q '"why":"fingerprint changed: wrap.image ' r/journal
    # a version that the user declares stands for the image
    echo "version = 2026a" >>af2.ini
    expect 0 af2flow run s.dot --config af2.ini --run-dir r
    echo "third build" >images/image.sif
    expect 0 af2flow run s.dot --config af2.ini --run-dir r
    said "nothing to do"
}

# A stage whose setup starts the Python worker of its parameter `script`.
stages() {
    STAGES=$BATS_FILE_TMPDIR/stages
    [ ! -e "$STAGES/snake.so" ] || return 0
    mkdir -p "$STAGES"
    cat >"$STAGES/snake.c" <<'C'
#include <stdio.h>
#include <stdlib.h>

#include <fixture.h>

static const af2_host *af2;
static af2_process *process;

static af2_outcome
setup(af2_worker *w)
{
	char runner[4096];

	snprintf(runner, sizeof(runner), "%s/af2flow_worker.py", af2->data_dir());
	process = af2->start_worker(w, (const char *const[]){"python3", "-B", runner,
				    af2->worker_param(w, "script"), NULL}, NULL);
	return process ? AF2_OK : AF2_FAIL;
}

static af2_outcome
run(af2_task *task)
{
	const char *host = getenv("SNAKE_HOUSE");

	af2->value_text(task, "host_env", host ? host : "unset");
	return af2->call(task, process, "tell", (const char *const[]){
		"output", af2->output(task, "o", NULL, "o.json"),
		"data", af2->param(task, "data"), NULL});
}

const af2_plugin *
af2_plugin_entry(const af2_host *host)
{
	static const af2_param params[] = {
		{.name = "script", .type = AF2_FILE, .flags = AF2_PARAM_SETUP},
		{.name = "data", .type = AF2_FILE},
	};
	static const af2_port out[] = {{.name = "o", .types = "json"}};
	static const af2_plugin plugin = {FIXTURE_HEAD("snake"),
					  .params = params,
					  .param_count = FIXTURE_COUNT(params),
					  .outputs = out,
					  .output_count = FIXTURE_COUNT(out),
					  .setup = setup,
					  .run = run};

	af2 = host;
	return &plugin;
}
C
    cat >"$STAGES/snake.py" <<'PY'
import json
import os
import sys
import time


def tell(request):
    print("a stray print")
    data = open(request.args["data"]).read().strip()
    if data == "slow":
        open(os.path.join(os.environ["ROOM"], "begun"), "w").close()
        time.sleep(1000)
    with open(request.args["output"], "w") as out:
        json.dump({"data": data, "house": os.environ.get("SNAKE_HOUSE", "unset"),
                   "lang": os.environ.get("SNAKE_LANG", "unset"),
                   "threads": os.environ.get("OMP_NUM_THREADS"),
                   "gpus": os.environ.get("CUDA_VISIBLE_DEVICES"),
                   "mark": os.environ.get("AF2FLOW_RUN", "") != "",
                   "pid": os.getpid(), "path": os.environ["PATH"]}, out)


METHODS = {"tell": tell}
PY
    "${CC:-cc}" -I"$AF2_SRCDIR/engine/include" -I"$FIX/plugins" -D_GNU_SOURCE -fPIC -shared \
        -o "$STAGES/snake.so" "$STAGES/snake.c"
}

field() { # NAME FILE
    python3 -c 'import json, sys; print(json.load(open(sys.argv[2]))[sys.argv[1]])' "$1" "$2"
}

@test "a Python worker in a container: descriptors 3 and 4, environment, one warm worker" {
    stand_in
    stages
    settings <<'INI'
[plugin.snake]
path = site
wrap = "apptainer exec image.sif"
env.SNAKE_HOUSE = reptiles
env.SNAKE_LANG =
INI
    cp "$STAGES/snake.py" .
    echo one >data
    workflow p <<'DOT'
digraph p {
  a [plugin=snake, script="snake.py", data="data", cpus=1, expand="i=1..3"]
}
DOT
    export SNAKE_LANG=C
    expect 0 af2flow run p.dot --plugin-dir "$STAGES" --config af2.ini --run-dir r --cpus 1
    for i in 1 2 3; do
        o=r/results/a/i=$i/o.json
        [ "$(field house $o)" = reptiles ]
        [ "$(field lang $o)" = unset ]
        [ "$(field threads $o)" = 1 ]
        [ "$(field mark $o)" = True ]
        [ "$(field path $o)" = "$ROOM/inside:/usr/bin:/bin" ]
    done
    # one worker for three tasks; two programs were wrapped: there is no fingerprint
    [ "$(wc -l <apptainer.log)" = 1 ]
    grep -q "$ROOM/snake.py:$ROOM/snake.py:ro" apptainer.log
    grep -q "$AF2FLOW_DATA_DIR:$AF2FLOW_DATA_DIR:ro" apptainer.log
    expect 0 af2flow status r --json
    # the environment is no part of a result
    sed -i 's/reptiles/birds/' af2.ini
    expect 0 af2flow run p.dot --plugin-dir "$STAGES" --config af2.ini --run-dir r
    said "nothing to do"
}

@test "what another task needs in the container is another worker's" {
    stand_in
    stages
    settings <<'INI'
[plugin.snake]
path = site
wrap = apptainer exec image.sif
INI
    cp "$STAGES/snake.py" .
    mkdir d1 d2
    echo one >d1/data
    echo two >d2/data
    workflow p <<'DOT'
digraph p { a [plugin=snake, script="snake.py", data="d${i}/data", cpus=1, expand="i=1..2"] }
DOT
    expect 0 af2flow run p.dot --plugin-dir "$STAGES" --config af2.ini --run-dir r --cpus 1
    [ "$(field data r/results/a/i=1/o.json)" = one ]
    [ "$(field data r/results/a/i=2/o.json)" = two ]
    [ "$(wc -l <apptainer.log)" = 2 ]
}

@test "a wrapped worker and a wrapped program end with their task" {
    stand_in
    stages
    settings <<'INI'
[plugin.snake]
path = site
wrap = apptainer exec image.sif
[plugin.command]
path = site
wrap = apptainer exec image.sif
INI
    cp "$STAGES/snake.py" .
    echo slow >data
    workflow k <<'DOT'
digraph k {
  a [plugin=snake, script="snake.py", data="data", cpus=1]
  b [plugin=command, argv="sh -c 'setsid sleep 1000 & sleep 1000'", cpus=1, timeout="1s", grace="1s"]
}
DOT
    af2flow run k.dot --plugin-dir "$STAGES" --config af2.ini --run-dir r --cpus 2 >log 2>&1 3>&- &
    pid=$!
    wait_for 20 test -e begun
    wait_for 20 grep -q "b: timeout: timed out" log
    start=$SECONDS
    kill -TERM $pid
    wait $pid && rc=0 || rc=$?
    [ "$rc" = 143 ]
    [ $((SECONDS - start)) -le 15 ]
    [ -z "$(room_processes)" ]

    # and with the engine, killed
    rm begun
    af2flow run k.dot --plugin-dir "$STAGES" --config af2.ini --run-dir r --until a >log 2>&1 3>&- &
    pid=$!
    wait_for 20 test -e begun
    kill -KILL $pid
    wait $pid || true
    gone() { [ -z "$(room_processes)" ]; }
    wait_for 10 gone
}

@test "path: check and run find the same program" {
    mkdir -p tools
    printf '#!/bin/sh\necho mine\n' >tools/wc
    cp tools/wc tools/only-here
    chmod 755 tools/*
    workflow c <<'DOT'
digraph c {
  node [plugin=command, stdout=o, outputs="o:text"]
  a [argv="wc -l"]
  b [argv="only-here"]
}
DOT
    expect 2 af2flow run c.dot
    said "no program 'only-here' in PATH"
    settings <<'INI'
[plugin.command]
path = tools
INI
    expect 0 af2flow run c.dot --config af2.ini --run-dir r
    [ "$(cat r/results/a/o)" = mine ]
    [ "$(cat r/results/b/o)" = mine ]
}

@test "settings that cannot be right are told" {
    workflow c <<'DOT'
digraph c { a [plugin=command, argv="true"] }
DOT
    settings <<'INI'
[plugin.comand]
path = /x
INI
    expect 0 af2flow check c.dot --config af2.ini
    said "af2.ini:2:"
    said "there is no plugin 'comand'"
    said "did you mean 'command'?"
    settings <<'INI'
[plugin.command]
wrap = apptainer exec image.sif
INI
    PATH=$AF2_BUILDDIR:/nowhere expect 2 "$AF2_BUILDDIR/af2flow" check c.dot --config af2.ini
    said "no program 'apptainer' for 'wrap' of plugin 'command'"
    settings <<'INI'
[plugin.command]
wraps = apptainer exec image.sif
INI
    expect 2 af2flow run c.dot --config af2.ini
    said "unknown key 'wraps' in [plugin.command]"
}

@test "what goes wrong in a container is told with its own words" {
    stand_in
    settings <<'INI'
[plugin.command]
path = site
wrap = apptainer exec gone.sif
INI
    workflow c <<'DOT'
digraph c { a [plugin=command, argv="true"] }
DOT
    expect 1 af2flow run c.dot --config af2.ini --run-dir r
    said "a: exit: 'true' ended with status 255: FATAL:   could not open image gone.sif"
    sed -i 's/gone.sif/image.sif/' af2.ini
    mkdir 'a:b'
    echo x >'a:b/f'
    workflow c <<'DOT'
digraph c { a [plugin=command, argv="true", files="'a:b/f'"] }
DOT
    expect 1 af2flow run c.dot --config af2.ini --run-dir r2
    said "cannot bind '$ROOM/a:b/f' into a container"
}

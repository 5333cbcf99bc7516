#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The attribute `affinity`: what shares something goes on where it was.
load helper

# Tasks in the order in which they were started.
started() { # RUN
    python3 - "$1/journal" <<'PY'
import json
import sys
events = [json.loads(line.split(" ", 1)[1]) for line in open(sys.argv[1])]
print(" ".join(e["task"] for e in events if e["event"] == "start"))
PY
}

# Two targets, three models; one slot, or a GPU each.
predict() {
    workflow p <<DOT
digraph p {
  a [plugin=command, expand="target=x,y model=1..3", argv="echo \${target} \${model}", outputs="o:text",
     stdout=o, cpus=1, gpus=$1${2:+, $2}]
}
DOT
}

@test "of equal tasks the one goes first that shares something with the last" {
    predict 0
    expect 0 af2flow run p.dot --run-dir r --cpus 1
    [ "$(started r)" = "a[target=x,model=1] a[target=x,model=2] a[target=x,model=3] a[target=y,model=1] a[target=y,model=2] a[target=y,model=3]" ]
    predict 0 'affinity="${model}"'
    # it is no part of a result
    expect 0 af2flow run p.dot --run-dir r --cpus 1
    said "nothing to do"
    rm -r .af2flow
    expect 0 af2flow run p.dot --run-dir r2 --cpus 1
    [ "$(started r2)" = "a[target=x,model=1] a[target=y,model=1] a[target=x,model=2] a[target=y,model=2] a[target=x,model=3] a[target=y,model=3]" ]
}

@test "on GPUs, each model stays on its own" {
    workflow p <<'DOT'
digraph p {
  a [plugin=command, expand="target=x,y model=1..3", argv="sh -c 'case $1 in x) sleep $((4 - $0)) ;; y) sleep 3 ;; esac; echo $1 $CUDA_VISIBLE_DEVICES' ${model} ${target}",
     outputs="o:text", stdout=o, cpus=1, gpus=1, affinity="${model}"]
}
DOT
    # target x ends in the order 3 2 1, before any of y: by order of arrival, model 1 would
    # follow model 3
    expect 0 af2flow run p.dot --run-dir r --gpus 3 --topology "$FIX/topologies/gpu-2x38-8.xml"
    for m in 1 2 3; do
        [ "$(cut -d' ' -f2 r/results/a/target=x,model=$m/o)" = "$(cut -d' ' -f2 r/results/a/target=y,model=$m/o)" ]
    done
    [ "$(cat r/results/a/target=x,model=?/o | cut -d' ' -f2 | sort -u | wc -l)" = 3 ]
}

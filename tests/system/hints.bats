#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What hints tell the scheduler: which tasks belong together, and how much memory they need.
load helper

setup() {
    room_setup
    mkdir "$ROOM/stages"
    "${CC:-cc}" -I"$AF2_SRCDIR/engine/include" -I"$FIX/plugins" -D_GNU_SOURCE -fPIC -shared \
        -o "$ROOM/stages/teller.so" "$FIX/stages/teller.c"
}

# start_of RUN TASK FIELD: of the journal's start events.
start_of() {
    python3 - "$1/journal" "$2" "$3" <<'PY'
import json
import sys
events = [json.loads(line.split(" ", 1)[1]) for line in open(sys.argv[1])]
print(" ".join(str(e[sys.argv[3]]) for e in events
               if e["event"] == "start" and e["task"].startswith(sys.argv[2])))
PY
}

@test "of tasks with one affinity, those with equal hints follow each other" {
    # what a hint holds counts, not who made it: targets 1 and 3 have equal ones
    targets() {
        workflow t <<DOT
digraph t {
  h [plugin=command, expand="target=1..4", argv="expr \${target} % 2", ok_exit="0,1", outputs="o:table", stdout=o]
  a [plugin=teller, expand="target=1..4", what="\${target}"$1]
  h -> a
}
DOT
    }
    targets ""
    expect 0 af2flow run t.dot --run-dir r --cpus 1 --plugin-dir stages
    [ "$(start_of r a task)" = "a[target=1] a[target=2] a[target=3] a[target=4]" ]
    rm -r .af2flow
    targets ', affinity=model'
    expect 0 af2flow run t.dot --run-dir q --cpus 1 --plugin-dir stages
    [ "$(start_of q a task)" = "a[target=1] a[target=3] a[target=2] a[target=4]" ]
}

@test "a hint tells how much memory its reader needs, unless the workflow does" {
    workflow m <<'DOT'
digraph m {
  h [plugin=teller, expand="i=1..2", what="${i}", reader_memory="${i}00M"]
  most [plugin=teller, what=most, reader_memory="900T"]
  a [plugin=teller, expand="j=1..2", what="${j}"]
  said [plugin=teller, what=said, memory="1M"]
  alone [plugin=teller, what=alone]
  h -> {a said}
  most -> alone
}
DOT
    expect 0 af2flow run m.dot --run-dir r --memory 300M --cpus 2 --plugin-dir stages
    # the largest of all hints; what no machine has is all that this one has
    [ "$(start_of r 'a[' memory)" = "$((200 << 20)) $((200 << 20))" ]
    [ "$(start_of r said memory)" = "$((1 << 20))" ]
    [ "$(start_of r alone memory)" = "$((300 << 20))" ]
    # it is in no key
    expect 0 af2flow run m.dot --run-dir r --plugin-dir stages
    said "nothing to do"
}

# waits NAME DATA MEMORY: run three readers that do not fit beside each other; what `explain` says of
# them while one runs.
waits() {
    workflow m <<'DOT'
digraph m {
  graph [name="", data="", bytes=""]
  h [plugin=teller, what="${name}", reader_memory="${bytes}"]
  a [plugin=teller, expand="j=1..3", what="${name}${j}", go="${name}", data="${data}"]
  h -> a
}
DOT
    af2flow run m.dot -p name="$ROOM/$1" -p data="$2" -p bytes="$3" --run-dir "$1.run" --memory 300M --cpus 2 \
        --plugin-dir stages >log 2>&1 3>&- &
    pid=$!
    wait_for 20 grep -qs 'head":"a' "$1.run/waiting"
    for j in 1 2 3; do
        af2flow explain "$1.run" "a[j=$j]" --plugin-dir stages
    done
    touch "$1"
    wait $pid
}

@test "tasks that do not fit beside each other by their hints wait, with a reason" {
    # Whatever `explain` cannot know of fingerprints, the engine told who is first in its queue.
    waits unknown "" 200M >told
    cat told
    grep -q 'waits for a slot since .*: needs 200M of memory, 100M is free' told
    # One that is remembered at once is known to whoever asks while the run goes on.
    waits known "$FIX/stages/teller.c" 200M >told
    cat told
    grep -q 'waits for a slot since .*: needs 200M of memory, 100M is free' told
    grep -q 'waits for a slot: 2 tasks ask for as much; the first, a\[j=.\], needs 200M' told
    # What no machine has is all that this one has, which is told of all, too.
    waits huge "$FIX/stages/teller.c" 900T >told
    cat told
    grep -q 'waits for a slot: 2 tasks ask for as much; the first, a\[j=.\], needs 300M' told
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# af2flow explain: why a task waits, ran again or did not run, with a test for each reason that it
# can give (those for which a task runs are in plan.bats).
load helper
load reasons

# A task that runs until the file `go` is there, and what waits for it and beside it.
live() {
    workflow w <<'DOT'
digraph w {
  graph [go=""]
  node [plugin=command, outputs="o:text", stdout=o]
  hold [argv="sh -c 'while [ ! -e $0 ]; do sleep 0.02; done' ${go}", priority=9]
  same [argv="sh -c 'while [ ! -e $0 ]; do sleep 0.02; done' ${go}"]
  queued [argv="echo queued", priority=5]
  third [argv="echo third"]
  after [argv="cat ${in.i}", inputs="i:text"]
  later [argv="cat ${in.i}", inputs="i:text"]
  last [argv="echo last"]
  s [argv="sh -c 'echo x >$0/a.txt' ${out.parts}", outputs="parts:text+", stdout=""]
  l [argv="cat ${in.t}", inputs="t:text", expand="k in s.parts"]
  g [argv="cat ${in.n}", inputs="n:text+"]
  hold -> after -> later
  later -> last [order=true]
  hold -> s [order=true]
  s -> l -> g
}
DOT
    start w.dot --run-dir r -p go="$ROOM/go" --topology "$FIX/topologies/cpu-2x38.xml" --cpus 1
    wait_for 20 grep -qs '"event":"start","task":"hold"' r/journal
}

@test "a task waits: for a slot, an input, a list, equal work; then for somebody to run it" {
    live
    explains running r hold
    said "attempt 1 runs since"
    said "on 1 core"
    wait_for 20 test -s r/waiting
    explains waits-slot r queued
    said "waits for a slot since 20"
    said "needs 1 core, 0 are free"
    explains waits-slot r third
    said "tasks ask for as much; the first, queued, needs 1 core"
    explains waits-shared r same
    said "hold does the same work, and is running since 20"
    explains waits-input r after
    said "waits for input 'i': hold, which is running since 20"
    explains waits-input r last
    said "waits for later, which waits for after, which waits for hold, which is running"
    explains waits-list r l
    said "the branches of l come from a list that is not known yet: s, which waits for hold"
    explains waits-list r g
    stop
    [ ! -e r/waiting ]
    explains not-running r after
    said "it ended at 20"
    said "with exit 130, Interrupt"
    said "waits for input 'i': hold, which is cancelled"
    explains cancelled r hold
    said "the run ended it: Interrupt"
    explains not-running r queued
    said "next: the same \`af2flow run\` goes on with it"
    touch go
    expect 0 af2flow run w.dot --run-dir r -p go="$ROOM/go"
    explains ended-early r hold
    explains made-by-other r same
    said "hold of this run did the same work"
    explains first-time r s
}

@test "another engine does the same work" {
    workflow w <<'DOT'
digraph w {
  graph [go=""]
  a [plugin=command, argv="sh -c 'while [ ! -e $0 ]; do sleep 0.02; done' ${go}", outputs="o:text",
     stdout=o]
}
DOT
    start w.dot --run-dir one -p go="$ROOM/go"
    first=$engine
    wait_for 20 grep -qs '"event":"start","task":"a"' one/journal
    start w.dot --run-dir two -p go="$ROOM/go"
    soon_explains waits-engine two a
    said "another run, pid $first on $(uname -n), is at this work"
    touch go
    finish 0
    engine=$first
    finish 0
    explains cached two a
    said "by a of $ROOM/one"
}

@test "the next attempt is delayed" {
    workflow d <<'DOT'
digraph d { a [plugin=command, argv="sh -c 'echo no >&2; exit 3'", retries=1, retry_delay="5m"] }
DOT
    start d.dot --run-dir r
    soon_explains waits-retry r a
    said "attempt 2 after 5m00s: it starts at 20"
    said "attempt 1: failed, exit: 'sh' ended with status 3: no (exit status 3)"
    said "      | no"
    stop
    explains not-running r a
}

@test "nothing new is started" {
    workflow e <<'DOT'
digraph e {
  graph [go=""]
  node [plugin=command]
  hold [argv="sh -c 'while [ ! -e $0 ]; do sleep 0.02; done' ${go}", priority=9]
  bad [argv="false", priority=8, on_failure=stop]
  queued [argv="echo queued"]
}
DOT
    start e.dot --run-dir r -p go="$ROOM/go" --topology "$FIX/topologies/cpu-2x38.xml" --cpus 2
    soon_explains stopping r queued
    touch go
    finish 1
    explains not-running r queued
}

@test "the run is paused, and what for" {
    local faults=$AF2_BUILDDIR/tests/chaos/faults.so
    [ -e "$faults" ] || skip "tests/chaos/faults.so is not made: make check makes it"
    workflow p <<'DOT'
digraph p {
  node [plugin=command, outputs="o:text", stdout=o]
  a [argv="echo a"]
  b [argv="cat ${in.i}", inputs="i:text"]
  a -> b
}
DOT
    truncate -s 4096 state
    export AF2_FAULTS="state=$ROOM/state below=$ROOM/s only=/objects/ who=engine call=mkdir errno=28 at=1 how=ever"
    LD_PRELOAD=$faults start p.dot --run-dir r --store s
    wait_for 20 grep -qs '"event":"paused"' r/journal
    explains paused r a
    said "the run is paused since 20"
    said "No space left on device"
    explains paused r b
    said "waits for input 'i': a"
    expect 0 af2flow status r
    said "paused since 20"
    expect 0 af2flow status r --json
    said '"paused": "cannot write to store'
    kill -KILL $engine
    wait $engine || true
    explains not-running r b
    said "ended without a word, while it was paused: cannot write to store"
    unset AF2_FAULTS
    expect 0 af2flow run p.dot --run-dir r --store s
    expect 0 af2flow status r
    not_said "paused"
}

@test "the tools of a task are being looked at" {
    teller 1
    workflow t <<'DOT'
digraph t {
  graph [look=""]
  s [plugin=command, argv="sh -c 'echo x >$0/x.txt' ${out.list}", outputs="list:text+"]
  m [plugin=command, expand="p in s.list", argv="cat ${in.t}", inputs="t:text", outputs="o:text", stdout=o]
  a [plugin=teller, what="${p}", look="${look}"]
  s -> m
  m -> a [order=true]
}
DOT
    # what could be asked before the run began was asked then: this is known from a list only
    start t.dot --run-dir r -p look="$ROOM/look" "${teller[@]}"
    wait_for 20 grep -qs '"event":"end","task":"m' r/journal
    expect 0 af2flow explain r 'a[p=x]' --json "${teller[@]}"
    has_word waits-tools "$(reasons_of 'a[p=x]' <<<"$output")"
    touch look
    finish 0
}

@test "an engine that was killed" {
    live
    kill -KILL "$engine"
    wait "$engine" || true
    explains lost r hold
    said "the engine ended while it ran"
    explains not-running r after
    said "ended without a word"
    wait_for 20 no_processes
}

no_processes() {
    [ -z "$(room_processes)" ]
}

@test "failures: the attempts, the end of what they printed, and what to do" {
    workflow f <<'DOT'
digraph f {
  graph [mark=""]
  node [plugin=command, outputs="o:text", stdout=o]
  bad [argv="sh -c 'for i in 1 2 3 4 5 6 7; do echo line $i >&2; done; printf \"\\033[1mx\" >&2; exit 4'", retries=1]
  killed [argv="sh -c 'kill -SEGV $$'"]
  none [argv="true", stdout=""]
  missing [argv="no-such-program-anywhere"]
  slow [argv="sleep 60", timeout="0.1s", grace="0.1s"]
  needs [argv="cat ${in.i}", inputs="i:text"]
  behind [argv="cat ${in.i}", inputs="i:text"]
  twice [argv="sh -c 'test -e $0 || { touch $0; exit 1; }' ${mark}", retries=1]
  bad -> needs -> behind
}
DOT
    expect 2 af2flow run f.dot --run-dir r -p mark="$ROOM/mark" # missing: the check knows
    sed -i '/missing/d' f.dot
    expect 1 af2flow run f.dot --run-dir r -p mark="$ROOM/mark"
    explains failed r bad
    said "bad: failed since 20"
    said "attempt 2: failed, exit: 'sh' ended with status 4"
    said "      | line 4"
    said "      | ?[1mx"
    not_said "| line 3"
    said "next: read what it printed; a status that is no failure goes into ok_exit"
    said "af2flow log $ROOM/r bad"
    explains failed r killed
    said "signal 11, Segmentation fault"
    explains failed r none
    said "next: compare the node's outputs with the files that it writes"
    explains failed r slow
    said "next: give it more time or cores"
    explains blocked r behind
    said "its input needs is blocked, because its input bad is failed ('sh' ended with status 4"
    said "next: see to that one: af2flow explain $ROOM/r bad"
    explains retry r twice
    said "it ran because: it has no result, and had none before"
    said "tried 2 times: an attempt failed"
    expect 0 af2flow explain r bad --json
    said '"stderr": "line 4\nline 5'
    said '"status": 4'
    expect 1 af2flow run f.dot --run-dir r -p mark="$ROOM/mark"
    expect 0 af2flow explain r bad
    said "attempt 4: failed"
    said "because: attempt 2 failed: exit; failures are not kept"
}

@test "failures before any attempt" {
    workflow n <<'DOT'
digraph n {
  graph [on=no]
  node [plugin=command, outputs="o:text", stdout=o]
  a [argv="echo a", when="${on}"]
  c [argv="cat ${in.i}", inputs="i:text+"]
  a -> c
}
DOT
    expect 1 af2flow run n.dot --run-dir r
    explains not-started r c
    said "permanent: input 'i' has 0 items, it takes at least 1"
    said "next: correct the input or the parameters"
}

@test "what was skipped, and what is off" {
    teller 1
    workflow s <<'DOT'
digraph s {
  graph [on=no]
  subgraph commands {
    node [plugin=command, outputs="o:text", stdout=o]
    tolerated [argv="sh -c 'exit 6'", on_failure=skip]
    after [argv="cat ${in.i}", inputs="i:text"]
    behind [argv="cat ${in.i}", inputs="i:text"]
    off [argv="echo off", when="${on}"]
    without [argv="cat ${in.i}", inputs="i:text"]
  }
  itself [plugin=teller, what=skip]
  tolerated -> after -> behind
  off -> without
}
DOT
    expect 3 af2flow run s.dot --run-dir r "${teller[@]}"
    af2flow() { command af2flow "$@" "${teller[@]}"; }
    explains failed-skipped r tolerated
    said "exit: 'sh' ended with status 6; on_failure=skip"
    explains input-skipped r behind
    said "its input after is skipped, because its input tolerated is skipped"
    explains skipped r itself
    said "its plugin skipped it: nothing to do"
    explains off r off
    explains input-off r without
    said "its input off is off"
}

@test "a task that only helps those that are done" {
    teller 1
    workflow h <<'DOT'
digraph h {
  c [plugin=command, argv="echo c", outputs="t:table", stdout=t]
  a [plugin=teller, what=a]
  c -> a
}
DOT
    af2flow() { command af2flow "$@" "${teller[@]}"; }
    expect 0 af2flow run h.dot --run-dir r
    c=$(readlink -f r/tasks/c/out)
    chmod -R u+w "$c"
    rm -r "$c"
    expect 0 af2flow run h.dot --run-dir q
    explains only-a-hint q c
    expect 0 af2flow plan h.dot
    said "c: off: only tasks that are done would want it, and as a hint"
}

@test "results of other runs; the run that made one is named" {
    workflow c <<'DOT'
digraph c { node [plugin=command]
  a [argv="echo a", outputs="o:text", stdout=o] }
DOT
    expect 0 af2flow run c.dot --run-dir one
    expect 0 af2flow run c.dot --run-dir two
    explains cached two a
    said "its result stood in the store already: made at 20"
    said " by a of $ROOM/one"
}

@test "a task that ran again, and would again" {
    workflow p <<'DOT'
digraph p { graph [v=1]
  node [plugin=command, outputs="o:text", stdout=o]
  a [argv="echo ${v}"]
  b [argv="cat ${in.i}", inputs="i:text"]
  a -> b }
DOT
    expect 0 af2flow run p.dot --run-dir r
    explains first-time r a
    expect 0 af2flow run p.dot --run-dir r -p v=2
    explains parameter r a
    said "it ran because: parameter 'argv' changed: echo 1 -> echo 2"
    explains input r b
    said "it ran because: input 'i' from a changed"
    said "attempt 2: ok"
    # and what the next run would do, by the file as it is now
    sed -i 's/argv="cat ${in.i}"/&, version=3/' p.dot
    explains parameter r b
    said "the next run does it again: parameter 'version' set: 3"
    chmod -R u+w .af2flow/store/objects
    rm -rf .af2flow/store/objects/*
    explains result-gone r a
    sed -i '/^  a \[/d; s/^  a -> b//; s/, inputs="i:text"//; s/cat ${in.i}/echo b/' p.dot
    expect 0 af2flow run p.dot --run-dir r
    explains gone r a
}

@test "which task: a name that is not there, a node of several, one that is not known yet" {
    workflow m <<'DOT'
digraph m { node [plugin=command, outputs="o:text", stdout=o]
  many [expand="i=1..7", argv="echo ${i}"]
  one [expand="k=a", argv="echo ${k}"] }
DOT
    expect 0 af2flow run m.dot --run-dir r
    expect 2 af2flow explain r "many[i=77]"
    said "no task 'many[i=77]' in this run; did you mean 'many[i=7]'?"
    expect 2 af2flow explain r mny
    said "no task 'mny' in this run; did you mean 'many'?"
    expect 0 af2flow explain r many
    said "many: 7 tasks; name one of them"
    said "  7 done: many[i=1], many[i=2], many[i=3], many[i=4], many[i=5], ..."
    expect 0 af2flow explain r one
    said "one[k=a]: done"
    expect 2 af2flow explain r
    expect 2 af2flow explain r one two
    expect 2 af2flow explain nowhere one
    said "cannot open run 'nowhere'"
}

@test "without the workflow the journal tells what it can" {
    workflow g <<'DOT'
digraph g { a [plugin=command, argv="false"] }
DOT
    expect 1 af2flow run g.dot --run-dir r
    rm g.dot # the run has a copy
    explains failed r a
    echo "digraph g { a [plugin=vanished] }" >r/workflow.dot
    expect 0 af2flow explain r a
    said "only the journal can be asked: the workflow cannot be loaded"
    said "attempt 1: failed"
    rm r/meta.json
    expect 0 af2flow explain r a
    said "attempt 1: failed"
}

@test "a run that never began" {
    mkdir d
    workflow n <<'DOT'
digraph n { a [plugin=command, argv="true", cpus=100000] }
DOT
    expect 2 af2flow run n.dot --run-dir d
    explains not-running d a
    said "no engine works on this run, and none did"
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# af2flow plan: what a run would do, and why, with a test for each reason that it can give.
load helper
load reasons

chain() {
    workflow c <<'DOT'
digraph c {
  graph [e=1, n=2]
  node [plugin=command]
  a [expand="i=1..${n}", argv="echo ${i} ${e}", outputs="o:text", stdout=o]
  b [argv="cat ${in.o}", inputs="o:text", outputs="p:text", stdout=p]
  s [argv="sh -c 'echo x >$0/a.txt; echo y >$0/b.txt' ${out.parts}", outputs="parts:text+"]
  l [expand="k in s.parts", argv="wc -c ${in.t}", inputs="t:text", outputs="n:text", stdout=n]
  g [argv="cat ${in.n}", inputs="n:text+", outputs="all:text", stdout=all]
  a -> b
  s -> l -> g
}
DOT
}

@test "a plan makes nothing and says what is first, what follows, and what is not known yet" {
    chain
    plans first-time "a[i=1]" c.dot
    said "6 tasks known so far: 3 run, 3 may run"
    said "a: 2 tasks (i=1; i=2): run: first time"
    plans producer "b[i=2]" c.dot
    said "a[i=1] runs first"
    said "branches by a list of s, which is not known yet"
    plans waits-list g c.dot
    plans first-time s c.dot --run-dir r --store st
    [ "$(ls)" = "$(printf '%s\n' c.dot home)" ]
    expect 0 af2flow run c.dot --run-dir r
    expect 0 af2flow plan c.dot --run-dir r
    said "8 tasks: 8 done"
    not_said " run"
    said "saved: 8 of 8 executions"
}

@test "a part of the workflow is planned with --until; errors are those of check" {
    chain
    expect 0 af2flow plan c.dot --until b
    not_said " s "
    said "4 tasks: 2 run, 2 may run"
    expect 2 af2flow plan c.dot -p nothing=1
    said "nothing"
    workflow big <<'DOT'
digraph big { a [plugin=command, argv="true", cpus=100000] }
DOT
    expect 2 af2flow plan big.dot
    expect 2 af2flow plan
    expect 2 af2flow plan c.dot c.dot
}

@test "a parameter that changed is told with its old and new value" {
    chain
    expect 0 af2flow run c.dot --run-dir r
    find r .af2flow -type f -exec sha256sum {} + | grep -v /cache/ | sort >before
    plans parameter "a[i=2]" c.dot --run-dir r -p e=0.0001
    find r .af2flow -type f -exec sha256sum {} + | grep -v /cache/ | sort | cmp before -
    said "parameter 'argv' changed: echo 1 1 -> echo 1 0.0001"
    said "8 tasks: 4 done, 2 run, 2 may run"
    expect 0 af2flow plan c.dot --run-dir r --json -p e=0.0001
    said '"then": "echo 2 1"'
    said '"now": "echo 2 0.0001"'
    # a parameter that is set for the first time, and one that is no more
    sed -i 's/argv="cat ${in.o}"/&, version=7/' c.dot
    plans parameter "b[i=1]" c.dot --run-dir r
    said "parameter 'version' set: 7"
    expect 0 af2flow run c.dot --run-dir r
    sed -i 's/, version=7//' c.dot
    expect 0 af2flow plan c.dot --run-dir r
    said "8 done"
}

@test "long values are shown around what differs" {
    local a b
    a=$(printf 'x%.0s' {1..1500}) b=$(printf 'y%.0s' {1..900})
    workflow l <<'DOT'
digraph l { graph [v=""]; a [plugin=command, argv="echo ${v}", outputs="o:text", stdout=o] }
DOT
    expect 0 af2flow run l.dot --run-dir r -p v="$b-1-$b"
    plans parameter a l.dot --run-dir r -p v="$b-2-$b"
    said "yy-1-yy"
    said "yy-2-yy"
    expect 0 af2flow run l.dot --run-dir r -p v="$a-1"
    plans parameter a l.dot --run-dir r -p v="$a-2" # behind what is kept
    [ "${#output}" -lt 1000 ]
}

@test "a file that counts is told by its name, whatever its path" {
    echo 1 >x.py
    echo 1 >y.py
    workflow f <<'DOT'
digraph f { a [plugin=command, argv="cat x.py", files="x.py y.py", outputs="o:text", stdout=o] }
DOT
    expect 0 af2flow run f.dot --run-dir r
    echo 2 >x.py
    plans file a f.dot --run-dir r
    said "file 'x.py' of parameter 'files' changed (content)"
    not_said "y.py"
    echo 1 >x.py
    mkdir moved
    mv x.py y.py moved
    sed -i 's,x.py y.py,moved/x.py moved/y.py,' f.dot
    expect 0 af2flow plan f.dot --run-dir r
    said "1 done"
    sed -i 's, moved/y.py,,' f.dot
    plans file a f.dot --run-dir r
    said "file 'y.py' of parameter 'files' is no longer there"
}

@test "an input is told by its port and who made it" {
    chain
    expect 0 af2flow run c.dot --run-dir r
    expect 0 af2flow run c.dot --run-dir r --until a -p e=5
    plans input "b[i=1]" c.dot --run-dir r -p e=5
    said "input 'o' from a[i=1] changed"
    workflow g <<'DOT'
digraph g { graph [n=3]
  node [plugin=command, outputs="o:text", stdout=o]
  a [expand="i=1..${n}", argv="echo ${i}"]
  b [argv="cat ${in.i}", inputs="i:text*"]
  a -> b }
DOT
    expect 0 af2flow run g.dot --run-dir q
    expect 0 af2flow run g.dot --run-dir q --until a -p n=4
    plans input b g.dot --run-dir q -p n=4
    said "input 'i' has 4 items, it had 3"
}

@test "results that are equal again leave what follows as it is" {
    workflow e <<'DOT'
digraph e { graph [v=1]
  node [plugin=command, outputs="o:text", stdout=o]
  a [argv="sh -c 'echo same' ${v}"]
  b [argv="cat ${in.i}", inputs="i:text"]
  a -> b }
DOT
    expect 0 af2flow run e.dot --run-dir r
    plans producer b e.dot --run-dir r -p v=2
    said "may run"
    expect 0 af2flow run e.dot --run-dir r -p v=2
    said "2 done (1 of them stood already)"
}

@test "plugin, result version, fingerprint and secret" {
    workflow t <<'DOT'
digraph t { graph [print=3.3, token="env:TOKEN"]
  a [plugin=teller, what=a, print="${print}", token="${token}"] }
DOT
    teller 1
    export TOKEN=Xyzzy123
    plans tools a t.dot --run-dir r "${teller[@]}"
    said "first time; its tools or databases must be looked at first"
    expect 0 af2flow run t.dot --run-dir r "${teller[@]}"
    # a secret is no reason to run again, and is never told
    export TOKEN=Plugh456
    expect 0 af2flow plan t.dot --run-dir r "${teller[@]}" --json
    said '"run": 0'
    not_said Xyzzy123
    not_said Plugh456
    expect 1 grep -r Xyzzy123 .af2flow/store/objects
    # the fingerprint must be asked of the plugin: the run knows
    plans tools a t.dot --run-dir r "${teller[@]}" -p print=3.4
    said "a: may run: its tools or databases must be looked at first (fingerprint)"
    expect 0 af2flow run t.dot --run-dir r "${teller[@]}" -p print=3.4
    grep -q '"reason":"fingerprint","why":"fingerprint changed: tool 3.3 -> 3.4"' r/journal
    teller 2
    expect 0 af2flow run t.dot --run-dir r "${teller[@]}" -p print=3.4
    grep -q "\"reason\":\"result-version\",\"why\":\"plugin 'teller' result version 1 -> 2\"" r/journal
    workflow t <<'DOT'
digraph t { a [plugin=command, argv="echo a", outputs="o:text", stdout=o] }
DOT
    plans plugin a t.dot --run-dir r
    said "plugin changed: teller -> command"
}

@test "a variable of the own expand counts where its values come from a range" {
    mkdir in
    touch in/1
    workflow v <<'DOT'
digraph v { a [plugin=command, expand="i=@in/*", argv="echo a", outputs="o:text", stdout=o] }
DOT
    expect 0 af2flow run v.dot --run-dir r
    sed -i 's/@in.\*/1..1/' v.dot
    plans variable "a[i=1]" v.dot --run-dir r
    said "variable 'i' set: 1"
}

@test "a result for one run directory alone, in another" {
    workflow o <<'DOT'
digraph o { a [plugin=command, argv="true"] }
DOT
    expect 0 af2flow run o.dot --run-dir r
    expect 0 af2flow plan o.dot --run-dir r
    said "1 done"
    echo 0123456789abcdef >r/id
    plans own-run a o.dot --run-dir r
}

@test "a result that was removed, and one that cannot be compared with" {
    chain
    expect 0 af2flow run c.dot --run-dir r --until a
    chmod -R u+w .af2flow/store/objects
    rm -rf .af2flow/store/objects/*
    plans result-gone "a[i=1]" c.dot --run-dir r --until a
    said "its result was removed from the store, or is damaged"
    plans unrecorded "a[i=1]" c.dot --run-dir r --until a -p e=2
    said "its earlier result is gone"
}

# Make a result.json one of a version that did not write "from".
forget_from() {
    local text body
    text=$(<"$1")
    body=${text#*,}
    [[ $body == *',"from":{'* ]]
    body="${body%%,\"from\":*}}"
    chmod u+w "$1"
    printf '{"sha256":"%s",%s\n' "$(printf %s "$body" | sha256sum | cut -d' ' -f1)" "$body" >"$1"
}

@test "results that do not tell what they were made of are results all the same" {
    chain
    expect 0 af2flow run c.dot --run-dir r --until a
    for f in .af2flow/store/objects/*/*/result.json; do
        forget_from "$f"
    done
    rm r/index
    expect 0 af2flow plan c.dot --run-dir r --until a
    said "2 done"
    plans unrecorded "a[i=1]" c.dot --run-dir r --until a -p e=2
    said "its earlier result does not tell what it was made of"
    [ -z "$(ls .af2flow/store/tmp)" ]
}

@test "tasks that were tried before" {
    workflow t <<'DOT'
digraph t { graph [go=""]
  node [plugin=command, outputs="o:text", stdout=o]
  bad [argv="sh -c 'exit 5'"]
  slow [argv="sh -c 'touch here; while :; do sleep 1; done'"]
}
DOT
    expect 1 af2flow run t.dot --run-dir r --until bad
    plans failed-before bad t.dot --run-dir r
    said "attempt 1 failed: exit"
    start t.dot --run-dir r --until slow
    wait_for 20 grep -q '"event":"start","task":"slow"' r/journal
    plans first-time slow t.dot --run-dir q
    stop
    plans ended-early slow t.dot --run-dir r
    said "attempt 1 was interrupted before it ended"
}

@test "equal work is planned once" {
    workflow s <<'DOT'
digraph s {
  node [plugin=command, argv="echo same", outputs="o:text", stdout=o]
  a; b; c
}
DOT
    plans shared b s.dot
    said "3 tasks: 1 run, 2 shared"
    said "the same work as a: done once"
    said "saved: 2 of 3 executions (0 by results that stand, 2 by equal work)"
}

@test "what is off, or cannot run, is in the plan, too" {
    workflow o <<'DOT'
digraph o { graph [on=no]
  node [plugin=command, outputs="o:text", stdout=o]
  a [argv="echo a", when="${on}"]
  b [argv="cat ${in.i}", inputs="i:text"]
  c [argv="cat ${in.i}", inputs="i:text+"]
  a -> {b c}
}
DOT
    plans off a o.dot
    plans input-off b o.dot
    plans not-started c o.dot
    said "input 'i' has 0 items"
    expect 1 af2flow run o.dot
}

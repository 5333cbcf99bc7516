#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What `graph` and `explain` show of a run that has ended is what it did, also where the keys of
# its results cannot be made again or have become others since.
load helper
load reasons

# A list, another one from each of its parts, what is made of those, and of all: 9 tasks. The
# fingerprint of the first two names a file.
lists() {
    workflow l <<'DOT'
digraph l {
  graph [parts="x y", note="", go=""]
  s [plugin=teller, what=s, go="${go}", note="${note}", parts="${parts}", data="weights"]
  l [plugin=teller, what="${k}", parts="${k}1 ${k}2", expand="k in s.parts", data="weights"]
  m [plugin=command, expand="n in l.parts", inputs="p:teller.part", argv="cat ${in.p}",
     outputs="o:text", stdout=o]
  g [plugin=command, inputs="p:text+", argv="cat ${in.p}", outputs="o:text", stdout=o]
  s -> l -> m -> g
}
DOT
    teller 1
    echo v1 >weights
}

setup() {
    room_setup
    lists
    export AF2FLOW_PLUGIN_PATH=$AF2FLOW_PLUGIN_PATH:${teller[1]}
}

# The tasks that `af2flow graph` draws of the run as done, and the edges between tasks.
drawn() {
    expect 0 af2flow graph "$1" --dot || return 1
    sed -n 's/^\t"\([^"]*\)" \[label="[^"\\]*\\ndone.*/\1/p' <<<"$output" | sort | paste -sd' '
    grep -c -- ' -> ' <<<"$output" || true
}

all="g[k=x] g[k=y] l[k=x] l[k=y] m[k=x,n=x1] m[k=x,n=x2] m[k=y,n=y1] m[k=y,n=y2] s"

draws_all() {
    drawn "$1" >is || return 1
    printf '%s\n10\n' "$all" | diff - is
}

@test "a fingerprint that is not remembered: branches are drawn and explained, and plan is unsure" {
    expect 0 af2flow run l.dot --run-dir r # too soon after `weights` was made
    find r -type f -exec sha256sum {} + | sort >before
    draws_all r
    explains tools r s
    said "s: done since 20"
    said "the next run looks at it again: its tools or databases must be looked at first"
    explains tools r 'l[k=y]'
    explains producer r 'm[k=y,n=y2]'
    said "m[k=y,n=y2]: done since 20"
    said "it ran because: it has no result"
    said "the next run looks at it again: l[k=y] comes first; with the same bytes again it need not run"
    explains producer r 'g[k=y]'
    find r -type f -exec sha256sum {} + | sort | cmp before -
    # what a run would do, nobody knows without asking
    plans tools s l.dot --run-dir r
    said "1 tasks known so far: 1 may run"
    said "branches by a list of s, which is not known yet"
    # and a run asks
    expect 0 af2flow run l.dot --run-dir r
    said "9 done (9 of them stood already)"
}

@test "a run asks for a fingerprint that changed, whatever a view of it shows" {
    expect 0 af2flow run l.dot --run-dir r
    echo v2 >weights
    draws_all r
    expect 0 af2flow run l.dot --run-dir r
    said "9 done (6 of them stood already)"
    grep -q '"why":"fingerprint changed: data v1 -> v2"' r/journal
    draws_all r
    # the same with a plugin that would give other results
    teller 2
    export AF2FLOW_PLUGIN_PATH=$AF2_BUILDDIR/plugins/.libs:${teller[1]}
    draws_all r
    explains result-version r s
}

@test "the caches of the store are deleted" {
    sleep 2.1
    expect 0 af2flow run l.dot --run-dir r
    expect 0 af2flow plan l.dot --run-dir r
    said "9 tasks: 9 done"
    explains first-time r s
    not_said "next run"
    rm -r .af2flow/store/cache
    draws_all r
    expect 0 af2flow run l.dot --run-dir r
    said "9 done (9 of them stood already)"
    # of results that came from the store there is no key in the journal
    expect 0 af2flow run l.dot --run-dir q
    said "all 9 tasks have their results"
    expect 1 grep '"key"' q/journal
    rm -r .af2flow/store/cache
    draws_all q
    explains tools q 'l[k=x]'
    said "l[k=x]: cached since"
}

@test "a file, or a tool for another run, has changed since" {
    echo one >note
    expect 0 af2flow run l.dot --run-dir r -p note=note
    echo two >note
    draws_all r
    explains file r s
    said "the next run looks at it again: file 'note' of parameter 'note' changed (content)"
    # what the tool is now is known from another run, whose result of that is gone
    echo v2 >weights
    sleep 2.1
    expect 0 af2flow run l.dot --run-dir q -p note=note
    chmod -R u+w .af2flow/store/objects
    rm -r "$(readlink -f q/tasks/s/out)"
    draws_all r
    explains fingerprint r s
    said "the next run does it again: fingerprint changed: data v1 -> v2"
}

@test "a run that came to other results: those count that its settings name, or none" {
    expect 0 af2flow run l.dot --run-dir r
    expect 0 af2flow run l.dot --run-dir r -p parts="x"
    drawn r >is
    printf '%s\n5\n' "g[k=x] l[k=x] m[k=x,n=x1] m[k=x,n=x2] s" | diff - is
    # the settings are the first ones again, and what is linked is of the second ones
    expect 0 af2flow run l.dot --run-dir q -p parts="x"
    rm -rf r
    expect 0 af2flow run l.dot --run-dir r -p parts="x"
    python3 - r/meta.json <<'PY'
import json, sys
meta = json.load(open(sys.argv[1]))
meta["params"]["parts"] = "x y"
json.dump(meta, open(sys.argv[1], "w"))
PY
    drawn r >is # boxes that count, no branches
    printf 'g l m s\n0\n' | diff - is
    said '"m" [label="m (2)\ndone"'
}

@test "another file that a parameter names is another setting" {
    echo one >note
    echo one >other
    expect 0 af2flow run l.dot --run-dir r -p note=note
    expect 0 af2flow run l.dot --run-dir q -p note=other
    # a run whose settings are no longer those of what its directory has
    python3 - r/meta.json "$PWD/other2" <<'PY'
import json, sys
meta = json.load(open(sys.argv[1]))
meta["params"]["note"] = sys.argv[2]
json.dump(meta, open(sys.argv[1], "w"))
PY
    echo three >other2
    drawn r >is
    printf 'g l m s\n0\n' | diff - is
}

@test "a task that did not come to its end is not drawn by what it had before" {
    expect 0 af2flow run l.dot --run-dir r
    echo v2 >weights
    start l.dot --run-dir r -p go="$ROOM/go"
    wait_for 20 grep -qs '"event":"start","task":"s","attempt":2' r/journal
    expect 0 af2flow graph r --dot
    said '"s" [label="s\nrunning'
    stop
    expect 0 af2flow graph r --dot
    said '"s" [label="s\ncancelled'
}

@test "results that are gone from the store, or damaged: what is left is drawn, and no more" {
    sleep 2.1
    expect 0 af2flow run l.dot --run-dir r
    chmod -R u+w .af2flow/store/objects
    # of one part
    echo x >>"$(readlink -f 'r/tasks/l/k=x/out')/x1"
    drawn r >is
    printf '%s\n6\n' "g[k=x] g[k=y] l[k=x] l[k=y] m[k=y,n=y1] m[k=y,n=y2] s" | diff - is
    explains first-time r 'm[k=x,n=x2]'
    explains result-gone r 'l[k=x]'
    # of the first list: what came from it is counted
    rm -r "$(readlink -f r/tasks/s/out)"
    expect 0 af2flow graph r --dot
    said '"s" [label="s\ndone"'
    said '"l" [label="l (2)\ndone"'
    said '"m" [label="m (4)\ndone"'
    said '"g" [label="g (2)\ndone"'
    explains result-gone r s
    said "the next run does it again: its result was removed from the store, or is damaged"
    # the same where a key cannot be made
    rm -r .af2flow/store/cache
    expect 0 af2flow graph r --dot
    said '"m" [label="m (4)\ndone"'
    explains tools r s
    # of a list that is made again the branches are not known
    start l.dot --run-dir r -p go="$ROOM/go"
    wait_for 20 grep -qs '"event":"start","task":"s","attempt":2' r/journal
    expect 0 af2flow graph r --dot
    said '"s" [label="s\nrunning'
    said '"m" [label="m",'
    stop
}

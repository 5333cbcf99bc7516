#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `af2flow store`: verify, gc, du.
load helper

STORE=.af2flow/store

# Each execution leaves a line in $ROOM/marks; n gives an empty list, a result without files.
chain() {
    workflow chain <<DOT
digraph chain {
  graph [word="hello"]
  node  [plugin=command]
  a [argv="sh -c 'echo a >>$ROOM/marks; echo \${word}'", stdout=o, outputs="o:text"]
  b [argv="sh -c 'echo b >>$ROOM/marks; tr a-z A-Z'", stdin=i, inputs="i:text", stdout=o, outputs="o:text"]
  d [argv="sh -c 'echo d >>$ROOM/marks; mkdir \$0; cat >\$0/x' \${out.o}", stdin=i, inputs="i:text", outputs="o:dir"]
  n [argv="sh -c 'echo n >>$ROOM/marks'", outputs="p:text*"]
  a -> b -> d
}
DOT
}

executed() {
    [ "$(sort "$ROOM/marks" 2>/dev/null | tr -d '\n')" = "$1" ] || {
        echo "executed: $(tr '\n' ' ' <"$ROOM/marks"), not $1"
        return 1
    }
}

# Last used so long ago: every object, and what was moved aside.
age() {
    find $STORE/objects $STORE/tmp -mindepth 1 -maxdepth 2 -type d -exec touch -c -d "$1" {} + 2>/dev/null || true
}

objects() {
    find $STORE/objects -mindepth 2 -maxdepth 2 | wc -l
}

# Folder of the object behind a task of run r.
object() {
    readlink -f "r/tasks/$1/out"
}

listing() {
    find $STORE -printf '%p %m %s %T@ %i\n' | sort
}

@test "store alone, an unknown word or a misplaced option is a usage error" {
    expect 2 af2flow store
    said "store wants 'verify', 'gc' or 'du'"
    expect 2 af2flow store verfy
    said "did you mean 'verify'"
    expect 2 af2flow store clean
    said "unknown command 'store clean'"
    expect 2 af2flow store gc now
    said "no more words"
    expect 2 af2flow store verify --delete
    said "of 'store gc', not of 'store verify'"
    expect 2 af2flow store du --cpus 2
    said "takes no option --cpus"
    expect 2 af2flow store gc --older-than 12h
    said "from 1d on"
    expect 2 af2flow store gc --max-size many
    said "--max-size wants a size"
}

@test "where there is no store none is made" {
    for part in verify gc du; do
        expect 2 af2flow store $part
        said "there is no store at '$ROOM/.af2flow/store'"
        expect 2 af2flow store $part --store "$ROOM/x"
        said "there is no store at '$ROOM/x'"
    done
    [ ! -e .af2flow ] && [ ! -e x ]
}

@test "the store is found as run finds it: option, environment, configuration, upwards" {
    chain
    expect 0 af2flow run chain.dot --run-dir r
    mkdir -p deep/er
    (cd deep/er && expect 0 af2flow store verify && said "$ROOM/.af2flow/store: 3 results with files")
    expect 0 af2flow run chain.dot --run-dir r2 --store other
    AF2FLOW_STORE=$ROOM/other expect 0 af2flow store du
    said "$ROOM/other:"
    printf '[store]\npath=other\n' >c.ini
    expect 0 af2flow store verify --config c.ini
    said "$ROOM/other:"
}

@test "verify: a sound store" {
    chain
    expect 0 af2flow run chain.dot --run-dir r
    expect 0 af2flow store verify
    said "3 results with files"
    said "1 result without"
    said "all sound"
    expect 0 af2flow store verify --cpus 1 --json
    echo "$output" | python3 -c 'import json,sys; v=json.load(sys.stdin); assert v["objects"]==3 and v["records"]==1 and v["damaged"]==0 and v["findings"]==[], v'
}

# verify_finds NODE SCRIPT TEXT: harm the object of NODE, see TEXT once, heal.
verify_finds() {
    local node=$1 script=$2 text=$3
    rm -rf r .af2flow marks
    chain
    expect 0 af2flow run chain.dot --run-dir r
    (
        cd "$(object "$node")" || exit
        chmod -R u+w .
        eval "$script"
    )
    expect 1 af2flow store verify
    [ "$(grep -c '^damaged' <<<"$output")" = 1 ]
    said "(command), "
    said "$text"
    said "moved to"
    : >marks
    expect 0 af2flow run chain.dot --run-dir r
    executed "$node"
    [ "$(cat r/results/d/o/x)" = HELLO ]
    expect 0 af2flow store verify
}

@test "verify: damage of each kind is found, and the next run heals" {
    # Unchanged size and mtime, the same boot: a look-up cannot see it.
    verify_finds a "touch -r o t; printf j | dd of=o bs=1 conv=notrunc status=none; touch -r t o; rm t" \
        "o: the content of output 'o' has changed"
    verify_finds b "echo more >>o" "has 11 bytes instead of 6"
    verify_finds b "rm o" "its output 'o' is missing"
    verify_finds d "touch -r o t; mv o/x o/y; touch -r t o; rm t" "the content of output 'o' has changed"
    verify_finds d "rm -r o; echo x >o" "its output 'o' is no folder"
}

@test "verify: a damaged result.json is found, and the next run heals" {
    chain
    for harm in ": >result.json" "truncate -s 99 result.json" "sed -i s/text/tixt/ result.json" "rm result.json"; do
        rm -rf r .af2flow marks
        expect 0 af2flow run chain.dot --run-dir r
        (
            cd "$(object b)" || exit
            chmod u+w . result.json
            eval "$harm"
        )
        expect 1 af2flow store verify
        [ "$(grep -c '^damaged.* result.json: ' <<<"$output")" = 1 ]
        : >marks
        expect 0 af2flow run chain.dot --run-dir r
        executed b
        expect 0 af2flow store verify
    done
}

@test "verify: a damaged record is found and cut out, and the next run heals" {
    chain
    expect 0 af2flow run chain.dot --run-dir r
    segment=$(echo $STORE/segments/*-*)
    sed -i 's/"made"/"mbde"/' "$segment"
    expect 1 af2flow store verify
    said "line 1: its checksum does not match"
    : >marks
    expect 0 af2flow run chain.dot --run-dir r
    not_said "damaged"
    executed n
    expect 0 af2flow store verify
}

@test "verify names what does not belong there, and ends with 0" {
    chain
    expect 0 af2flow run chain.dot --run-dir r
    mkdir $STORE/objects/ab $STORE/tmp/mine
    echo x >$STORE/objects/ab/x
    expect 0 af2flow store verify
    [ "$(grep -c '^stray: ' <<<"$output")" = 2 ]
}

@test "gc: a dry run tells, and changes nothing" {
    chain
    expect 0 af2flow run chain.dot --run-dir r
    rm -r r
    age '40 days ago'
    before=$(listing)
    expect 0 af2flow store gc
    said "would remove   3 results"
    said "note of runs that are gone"
    said "nothing was changed"
    expect 0 af2flow store gc --json
    echo "$output" | python3 -c 'import json,sys; v=json.load(sys.stdin); assert v["dry_run"] and v["removed"]["objects"]["count"]==3, v'
    [ "$(listing)" = "$before" ]
}

@test "gc: what a run relies on stays, what nobody needs goes" {
    chain
    expect 0 af2flow run chain.dot --run-dir r
    expect 0 af2flow run chain.dot --run-dir r2 -p word=other
    [ "$(objects)" = 6 ]
    age '40 days ago'
    expect 0 af2flow store gc --delete
    said "stay           6 results"
    rm -r r2
    expect 0 af2flow store gc --delete --older-than 50d
    said "stay           3 results that were used lately"
    expect 0 af2flow store gc --delete --older-than 30d
    said "removed        3 results"
    [ "$(objects)" = 3 ]
    : >marks
    expect 0 af2flow run chain.dot --run-dir r
    executed ""
    said "nothing to do"
}

@test "gc: what was made or used within a day stays" {
    chain
    expect 0 af2flow run chain.dot --run-dir r
    rm -r r
    expect 0 af2flow store gc --delete
    [ "$(objects)" = 3 ]
    age '40 days ago'
    # Found there by a run that is gone again.
    expect 0 af2flow run chain.dot --run-dir r2
    said "nothing to do"
    rm -r r2
    expect 0 af2flow store gc --delete
    [ "$(objects)" = 3 ]
}

@test "gc: a run that executed nothing keeps what it found, records too" {
    chain
    expect 0 af2flow run chain.dot --run-dir r
    expect 0 af2flow run chain.dot --run-dir r2
    said "nothing to do"
    rm -r r
    age '40 days ago'
    expect 0 af2flow store gc --delete
    said "stay           3 results that a run relies on"
    said "note of runs that are gone"
    : >marks
    expect 0 af2flow run chain.dot --run-dir r2
    executed ""
}

@test "gc: an edited workflow lets go of what it does not need any more" {
    chain
    expect 0 af2flow run chain.dot --run-dir r
    sed -i 's/tr a-z A-Z/tr a-z 0-9/' chain.dot
    expect 0 af2flow run chain.dot --run-dir r
    [ "$(objects)" = 5 ]
    age '40 days ago'
    expect 0 af2flow store gc --delete
    said "removed        2 results"
    : >marks
    expect 0 af2flow run chain.dot --run-dir r
    executed ""
}

@test "gc: --until does not let go of the rest" {
    chain
    expect 0 af2flow run chain.dot --run-dir r
    expect 0 af2flow run chain.dot --run-dir r --until a
    age '40 days ago'
    expect 0 af2flow store gc --delete
    : >marks
    expect 0 af2flow run chain.dot --run-dir r
    executed ""
}

@test "gc: what an interrupted run had made stays" {
    workflow slow <<DOT
digraph slow {
  node [plugin=command]
  a [argv="sh -c 'echo a >>$ROOM/marks; echo x'", stdout=o, outputs="o:text"]
  n [argv="sh -c 'echo n >>$ROOM/marks'", inputs="i:text"]
  b [argv="sh -c 'echo b >>$ROOM/marks; [ -e $ROOM/go ] || sleep 60'", inputs="i:text"]
  a -> {n b}
}
DOT
    af2flow run slow.dot --run-dir r >log 2>&1 3>&- &
    pid=$!
    wait_for 20 grep -q b marks
    wait_for 20 grep -q 'n: done' log
    kill -KILL $pid
    wait $pid || true
    age '40 days ago'
    expect 0 af2flow store gc --delete
    [ "$(objects)" = 1 ]
    : >marks
    touch go
    expect 0 af2flow run slow.dot --run-dir r
    [ "$(grep -c a marks)" = 0 ]
    [ "$(grep -c b marks)" = 1 ]
}

@test "gc: a run that cannot be seen keeps everything until it is forgotten" {
    chain
    mkdir disk
    expect 0 af2flow run chain.dot --run-dir disk/r
    expect 0 af2flow run chain.dot --run-dir r2 -p word=other
    rm -r r2
    mv disk unmounted
    age '40 days ago'
    expect 0 af2flow store gc --delete
    said "run '$ROOM/disk/r' cannot be seen"
    said "every result is kept"
    said "--forget"
    [ "$(objects)" = 6 ]
    mv unmounted disk
    expect 0 af2flow store gc --delete
    not_said "cannot be seen"
    [ "$(objects)" = 3 ]
    rm -r disk
    expect 2 af2flow store gc --forget nowhere
    said "cannot forget 'nowhere'"
    expect 0 af2flow store gc --delete --forget disk
    [ "$(objects)" = 0 ]
    [ -z "$(ls $STORE/runs)" ]
}

@test "gc: a run directory that was renamed is found beside its old name" {
    chain
    expect 0 af2flow run chain.dot --run-dir runs/r
    mv runs/r runs/better
    age '40 days ago'
    expect 0 af2flow store gc --delete
    not_said "is gone"
    [ "$(objects)" = 3 ]
    mkdir elsewhere
    mv runs/better elsewhere
    expect 0 af2flow store gc
    said "run '$ROOM/runs/r' is gone"
    # Registered anew by its next start, which does nothing twice.
    : >marks
    expect 0 af2flow run chain.dot --run-dir elsewhere/better
    executed ""
    expect 0 af2flow store gc --delete
    [ "$(objects)" = 3 ]
}

@test "gc: --max-size takes what was used longest ago" {
    workflow sizes <<'DOT'
digraph sizes {
  graph [n=""]
  node [plugin=command]
  a [argv="sh -c 'head -c 1000000 /dev/zero; echo ${n}'", stdout=o, outputs="o:text"]
}
DOT
    for n in 1 2 3 4; do
        expect 0 af2flow run sizes.dot --run-dir "r$n" -p n=$n
        touch -d "$((10 + (n * 7) % 5)) days ago" "$(readlink -f r$n/tasks/a/out)"
    done
    # days ago: 1: 12, 2: 14, 3: 11, 4: 13
    rm -r r2 r3 r4
    expect 0 af2flow store gc --max-size 3500K
    said "would remove   1 result"
    expect 0 af2flow store gc --max-size 3500K --delete
    said "removed        1 result"
    [ "$(cat $STORE/objects/*/*/o | tr -d '\0' | sort | tr -d '\n')" = 134 ]
    expect 0 af2flow store gc --max-size 2500K --delete
    [ "$(cat $STORE/objects/*/*/o | tr -d '\0' | sort | tr -d '\n')" = 13 ]
    # What a run relies on is not taken for it.
    expect 0 af2flow store gc --max-size 1K --delete
    said "not the 1K asked for"
    [ "$(cat $STORE/objects/*/*/o | tr -d '\0')" = 1 ]
}

@test "gc: quarantined results and leftovers go after a day" {
    chain
    expect 0 af2flow run chain.dot --run-dir r
    (cd "$(object b)" && chmod u+w o && echo more >>o)
    expect 1 af2flow store verify
    expect 0 af2flow store gc --delete
    [ "$(ls $STORE/tmp | wc -l)" = 1 ]
    age '3 days ago'
    expect 0 af2flow store gc --delete
    said "removed        1 damaged result"
    [ -z "$(ls $STORE/tmp)" ]
}

@test "a store that cannot be read is a failure of verify and gc, not of how they are used" {
    local faults=$AF2_BUILDDIR/tests/chaos/faults.so what
    [ -e "$faults" ] || skip "tests/chaos/faults.so is not made: make check makes it"
    chain
    expect 0 af2flow run chain.dot
    for what in objects segments; do
        truncate -s 4096 state
        export AF2_FAULTS="state=$ROOM/state below=$ROOM/$STORE only=/$what/ who=engine call=open errno=5 at=1 how=ever"
        LD_PRELOAD=$faults expect 1 af2flow store verify
        said "Input/output error"
        LD_PRELOAD=$faults expect 1 af2flow store gc
        said "Input/output error"
        said "$STORE/$what"
        LD_PRELOAD=$faults expect 1 af2flow store gc --delete
        said "Input/output error"
    done
}

@test "gc while runs go on loses nothing" {
    workflow many <<DOT
digraph many {
  node [plugin=command]
  a [expand="i=1..12", argv="echo \${i}", stdout=o, outputs="o:text"]
  b [argv="sed p", stdin=i, inputs="i:text", stdout=o, outputs="o:text"]
  all [argv="cat \${in.t}", inputs="t:text+", stdout=o, outputs="o:text"]
  n [expand="k=1..5", argv="true \${k}"]
  a -> b -> all
}
DOT
    expect 0 af2flow run many.dot --run-dir first
    cp first/results/all/o want
    rm -r first
    (
        while [ ! -e stop ]; do
            af2flow store gc --delete >>gc.log 2>&1 || echo "gc ended with $?" >>gc.bad
        done
    ) 3>&- &
    gc=$!
    end=$((SECONDS + 8)) round=0
    while [ $SECONDS -lt $end ] && [ $round -lt 60 ]; do
        round=$((round + 1))
        # Nobody needs anything now; a moment later the next run needs all of it.
        rm -rf r
        age '40 days ago'
        expect 0 af2flow run many.dot --run-dir r
        cmp r/results/all/o want
        age '40 days ago'
        expect 0 af2flow run many.dot --run-dir r
        said "nothing to do"
    done
    touch stop
    wait $gc
    [ ! -e gc.bad ] || {
        cat gc.bad gc.log
        return 1
    }
    # It did take things away.
    grep -q 'removed .* result' gc.log
    expect 0 af2flow store verify
}

@test "du: by kind, by plugin and by run" {
    chain
    expect 0 af2flow run chain.dot --run-dir r
    expect 0 af2flow run chain.dot --run-dir r2
    expect 0 af2flow run chain.dot --run-dir r3 -p word=other
    rm -r r3
    expect 0 af2flow store du
    said "command"
    said "$ROOM/r  (0B for it alone)"
    expect 0 af2flow store du --json
    echo "$output" | python3 -c '
import json, sys
v = json.load(sys.stdin)
assert v["objects"]["count"] == 6 and v["records"]["count"] == 1, v
assert v["unnamed"]["count"] == 3, v
assert [p["plugin"] for p in v["plugins"]] == ["command"], v
assert sorted(r["state"] for r in v["runs"]) == ["gone", "seen", "seen"], v
for r in v["runs"]:
    if r["state"] == "seen":
        assert r["results"]["count"] == 4 and r["alone"]["count"] == 0, r
'
}

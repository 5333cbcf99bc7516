#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Every file of a run and of its store, damaged in every way: the next run starts, says at most one
# line of it, ends well, and its results are those of a run that nothing happened to.
load helper

bats_require_minimum_version 1.5.0

# Kinds of damage. As a user without rights, only what differs there.
kinds() {
    if [ -n "${AF2_TEST_UMASK:-}" ]; then
        echo "folder link locked"
    else
        echo "torn cut empty zeros zero_tail flip_first flip_middle flip_last twice backwards" \
            "junk gone folder link fifo locked"
    fi
}

size() {
    stat -c %s "$1"
}

# flip FILE OFFSET: one bit of one byte
flip() {
    local byte
    byte=$(od -An -tu1 -j "$2" -N 1 "$1")
    # shellcheck disable=SC2059 # the format is the byte
    printf "\\x$(printf %x $((byte ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}

# harm KIND FILE
harm() {
    local n
    [ -L "$2" ] || chmod u+rw "$2"
    n=$(size "$2")
    case $1 in
    torn) truncate -s $((n / 2)) "$2" ;;
    cut) truncate -s -1 "$2" ;;
    empty) truncate -s 0 "$2" ;;
    zeros) truncate -s 0 "$2" && truncate -s "$n" "$2" ;;
    zero_tail) truncate -s $((n / 2)) "$2" && truncate -s "$n" "$2" ;;
    flip_first) flip "$2" 0 ;;
    flip_middle) flip "$2" $((n / 2)) ;;
    flip_last) flip "$2" $((n > 1 ? n - 2 : 0)) ;;
    twice) cp "$2" copy && cat copy copy >"$2" ;;
    backwards) tac "$2" >copy && cat copy >"$2" ;;
    junk) printf '\377\0 rubbish\n{}\n' >"$2" ;;
    gone) rm "$2" ;;
    folder) rm "$2" && mkdir "$2" && echo x >"$2/x" ;;
    link) cp -P "$2" elsewhere && rm "$2" && ln -s "$ROOM/elsewhere" "$2" ;;
    fifo) rm "$2" && mkfifo "$2" ;;
    locked) chmod 000 "$2" ;;
    esac
}

template() {
    cat >"$ROOM/w.dot" <<'DOT'
digraph w {
  graph [gate="", input="input"]
  node [plugin=command]
  file   [argv="sh -c 'cat input; echo file' -", files="${input} /etc/passwd", outputs="o:text", stdout=o]
  folder [argv="sh -c 'mkdir $0/sub; echo one >$0/a; echo two >$0/sub/b' ${out.d}", outputs="d:dir"]
  list   [argv="sh -c 'echo x >$0/x.txt; echo y >$0/y.txt' ${out.parts}", outputs="parts:text*"]
  each   [argv="cat ${in.i}", inputs="i:text", outputs="o:text", stdout=o, expand="p in list.parts"]
  record [argv="true"]
  own    [argv="echo own", outputs="o:text", stdout=o, cache=no]
  wait   [argv="sh -c 'test -z $0 || test -e $0 || sleep 1000; echo waited' '${gate}'", outputs="o:text", stdout=o]
  all    [argv="cat ${in.i} ${in.j} ${in.k}", inputs="i:text+ j:text k:text", outputs="o:text", stdout=o]
  list -> each
  each -> all [input=i]
  file -> all [input=j]
  wait -> all [input=k]
}
DOT
    echo input >"$ROOM/input"
}

again() {
    run --separate-stderr af2flow run w.dot --run-dir r --store st --cpus 2
}

# Restore the run and the store from what was kept.
restore() {
    rm -rf r st elsewhere copy
    cp -a kept/r r
    cp -a kept/st st
}

# The last `again` ended well, and everything is as in a run that nothing happened to.
is_well() {
    local lines
    if [ "$status" != 0 ]; then
        echo "$1: exit $status: $output $stderr"
        return 1
    fi
    lines=$(printf '%s' "$stderr" | grep -c . || true)
    if [ "$lines" -gt 1 ]; then
        echo "$1: more than one line: $stderr"
        return 1
    fi
    diff -r --no-dereference -x .published -x '*.damaged-*' good/results r/results || {
        echo "$1: other results"
        return 1
    }
    objects_are_good || {
        echo "$1: other objects"
        return 1
    }
}

# Each result of the store whose key a good run has, too, holds the same bytes. (Those with
# cache=no have keys of their own run's id.)
objects_are_good() {
    (cd st/objects && find . -type f ! -path '*/result.json*' -exec sha256sum {} + | sort) >here
    grep -vxFf good/objects here >strange || true
    # `own` may have been made again under a new id
    ! grep -v "^$(echo own | sha256sum | cut -c1-64) " strange
}

# Every kind of damage to each of these files. $1: what to call the state.
each_damage() {
    local state=$1 file kind
    shift
    for file in "$@"; do
        for kind in $(kinds); do
            restore
            harm "$kind" "$file"
            again
            is_well "$state, $file, $kind"
            # told once: the next run has nothing to say
            again
            if [ "$status" != 0 ] || [ -n "$stderr" ]; then
                echo "$state, $file, $kind: said again: $stderr"
                return 1
            fi
        done
    done
}

# The object with the result of a node, as st/objects/ab/cdef.
object_of() {
    realpath --relative-to=. "$(readlink -e "r/tasks/$1/out")"
}

# A whole run, kept for restore.
finished() {
    template
    again
    [ "$status" = 0 ]
    mkdir good kept
    cp -a r/results good/results
    (cd st/objects && find . -type f ! -path '*/result.json*' -exec sha256sum {} + | sort) >good/objects
    cp -a r st kept
}

most_is_done() {
    [ -e r/journal ] && [ "$(grep -c '"outcome":"ok"' r/journal)" = 7 ] &&
        [ "$(cat st/segments/* 2>/dev/null | wc -l)" = 1 ]
}

# A run whose engine was killed, with everything that it had started, while `wait` waited.
half_done() {
    finished
    rm -rf kept r st
    mkdir kept
    af2flow run w.dot --run-dir r --store st --cpus 2 -p gate="$ROOM/gate" >log 2>&1 3>&- &
    pid=$!
    wait_for 20 most_is_done
    kill -STOP $pid
    # shellcheck disable=SC2046 # a list of numbers
    kill -KILL $pid $(room_processes)
    wait $pid || true
    cp -a r st kept
}

@test "a finished run: the files that describe it" {
    finished
    each_damage finished r/id r/lock r/meta.json r/params.ini r/workflow.dot r/topology.xml \
        r/graph.svg
}

@test "a finished run: journal, index, what is published" {
    finished
    each_damage finished r/journal r/index r/results/.published r/results/all/o \
        r/results/folder/d/sub/b
}

@test "a finished run: results in the store" {
    finished
    each_damage finished "$(object_of file)/result.json" "$(object_of file)/o" \
        "$(object_of folder)/result.json" "$(object_of folder)/d/sub/b" \
        "$(object_of list)/y.txt"
}

@test "a finished run: records, caches, registrations" {
    finished
    each_damage finished st/segments/* st/cache/digests st/runs/*
}

@test "a run that was killed: the files that describe it, journal, index" {
    half_done
    each_damage killed r/id r/lock r/lock.holder r/meta.json r/workflow.dot r/journal
}

@test "a run that was killed: results in the store" {
    half_done
    each_damage killed "$(object_of file)/result.json" "$(object_of file)/o" \
        "$(object_of folder)/d/sub/b" st/segments/* st/engines/*
}

@test "links to results: whatever stands in their place" {
    finished
    for kind in folder fifo gone; do
        restore
        object=$(object_of file)
        rm -rf "$object" # so that something runs
        harm "$kind" r/tasks/file/out
        again
        is_well "link, $kind"
        [ "$(object_of file)" = "$object" ]
    done
}

@test "files in the place of folders of the run" {
    finished
    for folder in r/tasks r/tasks/file r/results r/results/all r/results/folder/d; do
        restore
        rm -rf "$folder" "$(object_of file)"
        echo x >"$folder"
        again
        is_well "file in the place of $folder"
        [ -d "$folder" ]
    done
}

@test "damage in the journal is told once, by run; status goes on telling" {
    finished
    restore
    flip r/journal 20
    rm -rf "$(object_of file)"
    again
    is_well journal
    [[ $stderr == *"r/journal': 1 line damaged or out of place: passed over" ]]
    rm -rf "$(object_of file)"
    again
    [ "$status" = 0 ]
    [ -z "$stderr" ]
    expect 0 af2flow status r
    said "1 damaged"
    # something new is told again
    flip r/journal 20
    size=$(size r/journal)
    truncate -s $((size - 3)) r/journal
    rm -rf "$(object_of file)"
    again
    [ "$status" = 0 ]
}

@test "an engine that was killed over its first look-up has damaged nothing" {
    local faults=$AF2_BUILDDIR/tests/chaos/faults.so
    [ -e "$faults" ] || skip "tests/chaos/faults.so is not made: make check makes it"
    workflow k <<'DOT'
digraph k {
  graph [word="one"]
  node [plugin=command, outputs="o:text", stdout=o]
  a [argv="echo a"]
  b [argv="echo ${word}", cache=no]
}
DOT
    af2flow run k.dot --run-dir other --store st
    # The first event takes 5 s to be written.
    truncate -s 4096 state
    AF2_FAULTS="state=$ROOM/state below=$ROOM/k/journal who=engine delay=5000" LD_PRELOAD=$faults \
        af2flow run k.dot --run-dir k --store st >log 2>&1 3>&- &
    pid=$!
    wait_for 30 test -L k/tasks/a/out
    kill -KILL $pid
    wait $pid || true
    [ ! -s k/journal ]
    run --separate-stderr af2flow run k.dot --run-dir k --store st
    [ "$status" = 0 ]
    [ -z "$stderr" ]
    # Emptied later it is damaged: an attempt had run.
    : >k/journal
    run --separate-stderr af2flow run k.dot --run-dir k --store st -p word=two
    [ "$status" = 0 ]
    [[ $stderr == *"/journal' is damaged: what it told is lost"* ]]
}

@test "a journal in the wrong order, or there twice, tells the same story" {
    finished
    af2flow status r >before
    for kind in backwards twice; do
        restore
        harm $kind r/journal
        af2flow status r >after 2>said
        diff before after
        [ "$(wc -l <said)" = 1 ]
        rm -rf "$(object_of file)"
        again
        is_well "$kind"
        # attempt numbers go on
        [ "$(af2flow log r file | head -1)" = "file, attempt 2: ok" ]
    done
}

@test "a result that the run's index vouches for is checked in full without it" {
    finished
    for kind in $(kinds); do
        restore
        harm "$kind" "$(object_of file)/result.json"
        rm r/index
        again
        is_well "result.json, $kind"
        case $kind in
        cut | backwards) [ -z "$stderr" ] ;; # one line, less its newline: nothing is lost
        gone) [[ $stderr == *" is damaged: cannot open its result.json: No such file"* ]] ;;
        locked) [ -z "$stderr" ] || [[ $stderr == *" is unreadable: "* ]] ;;
        *) [[ $stderr == *" is damaged: "*"counted as absent, moved to "* ]] ;;
        esac
    done
}

# One bit, with size and mtime as they were: nothing but the content tells. It is read again
# where the result was made under another boot and not synced.
@test "a changed bit that size and mtime hide is found under another boot" {
    finished
    restore
    object=$(object_of file)
    touch -r "$object/o" stamp
    chmod u+w "$object/o"
    flip "$object/o" 1
    touch -r stamp "$object/o"
    again
    [ "$status" = 0 ]
    [ -z "$stderr" ]
    unshare -m true 2>/dev/null || skip "no right to give this machine another boot id"
    uuidgen >boot 2>/dev/null || echo 01234567-89ab-4cde-8f01-23456789abcd >boot
    run --separate-stderr unshare -m sh -c 'mount --bind boot /proc/sys/kernel/random/boot_id &&
        exec af2flow run w.dot --run-dir r --store st --cpus 2'
    is_well "another boot"
    [[ $stderr == *"content of output 'o' has changed"* ]]
}

@test "a new run that finds a part of its results in the store complains of nothing" {
    workflow n <<'DOT'
digraph n {
  graph [word="one"]
  node [plugin=command, stdout=o, outputs="o:text"]
  a [argv="echo a"]
  b [argv="echo ${word}"]
}
DOT
    expect 0 af2flow run n.dot --run-dir r --store s
    run --separate-stderr af2flow run n.dot --run-dir r2 --store s -p word=two
    [ "$status" = 0 ]
    [ -z "$stderr" ]
    [[ $output == *"2 done (1 of them stood already)"* ]]
    # of a run that knows of nothing, though its tasks have left something, it is told
    rm r2/journal
    run --separate-stderr af2flow run n.dot --run-dir r2 --store s -p word=three
    [[ $stderr == *"/journal' is damaged: what it told is lost"* ]]
}

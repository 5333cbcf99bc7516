#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# `af2flow run` with command stages: results, reruns, keys, branches.
load helper

chain() {
    workflow chain <<'DOT'
digraph chain {
  graph [word="hello"]
  node  [plugin=command]
  a [argv="echo ${word}", stdout=o, outputs="o:text"]
  b [argv="tr a-z A-Z", stdin=i, inputs="i:text", stdout=o, outputs="o:text"]
  c [argv="wc -c", stdin=i, inputs="i:text", stdout=o, outputs="o:text"]
  a -> b -> c
  other [argv="echo other", stdout=o, outputs="o:text"]
}
DOT
}

@test "a chain runs and its last outputs stand in results/" {
    chain
    expect 0 af2flow run chain.dot --run-dir r
    [ "$(cat r/results/c/o)" = 6 ]
    [ "$(cat r/results/other/o)" = other ]
    [ ! -e r/results/a ]
    [ "$(cat r/tasks/b/out/o)" = HELLO ]
    said "4 done (0 of them stood already)"
}

@test "the same command again does nothing" {
    chain
    expect 0 af2flow run chain.dot
    expect 0 af2flow run chain.dot
    said "nothing to do: all 4 tasks"
    [ "$(ls runs | wc -l)" = 1 ]
}

@test "changing a parameter reruns just what depends on it" {
    chain
    expect 0 af2flow run chain.dot
    expect 0 af2flow run chain.dot -p word=world
    said "b: done"
    not_said "other: done"
    # five letters again: c's input differs, so it runs
    said "c: done"
    expect 0 af2flow run chain.dot -p word=hello
    said "nothing to do"
}

@test "a stage that made the same bytes does not make its followers run" {
    chain
    expect 0 af2flow run chain.dot --run-dir r
    sed 's/tr a-z A-Z/tr [:lower:] [:upper:]/' chain.dot >same.dot
    expect 0 af2flow run same.dot --run-dir r2
    said "b: done"
    not_said "c: done"
}

@test "comments, layout, node names and thread counts rerun nothing" {
    chain
    expect 0 af2flow run chain.dot --run-dir r
    sed -e 's/other/another/' -e 's/echo another/echo other/' -e 's/c \[/c [cpus=1, retries=3, color=red, /' \
        -e '1a // a comment' chain.dot >moved.dot
    expect 0 af2flow run moved.dot --run-dir r2
    said "nothing to do"
}

@test "equal tasks of one run are executed once" {
    workflow twins <<'DOT'
digraph twins {
  node [plugin=command, argv="sh -c 'echo x >>$0; sleep 0.2; echo done' ${mark}", stdout=o, outputs="o:text"]
  graph [mark=""]
  a b c d
}
DOT
    expect 0 af2flow run twins.dot -p mark="$ROOM/mark"
    [ "$(wc -l <mark)" = 1 ]
    said "4 done"
    [ "$(cat runs/*/results/d/o)" = "done" ]
}

@test "cache=no holds for its run directory only" {
    workflow once <<'DOT'
digraph once {
  graph [mark=""]
  a [plugin=command, cache=no, argv="sh -c 'echo x >>$0; echo y' ${mark}", stdout=o, outputs="o:text"]
  b [plugin=command, argv="sh -c 'echo z >>$0' ${mark}"]
}
DOT
    expect 0 af2flow run once.dot -p mark="$ROOM/mark" --run-dir r1
    expect 0 af2flow run once.dot -p mark="$ROOM/mark" --run-dir r1
    [ "$(sort mark | tr -d '\n')" = xz ]
    expect 0 af2flow run once.dot -p mark="$ROOM/mark" --run-dir r2
    [ "$(sort mark | tr -d '\n')" = xxzz ]
    mv r2 moved
    expect 0 af2flow run once.dot -p mark="$ROOM/mark" --run-dir moved
    [ "$(sort mark | tr -d '\n')" = xxzz ]
}

@test "ranges expand, branches gather in order" {
    workflow wide <<'DOT'
digraph wide {
  graph [n="11"]
  node [plugin=command]
  a [argv="echo a", stdout=o, outputs="o:text"]
  b [argv="echo ${k}", inputs="i:text", stdout=o, outputs="o:text", expand="k=1..${n}"]
  c [argv="cat ${in.m}", inputs="m:text+", stdout=o, outputs="o:text"]
  a -> b -> c
}
DOT
    expect 0 af2flow run wide.dot --run-dir r
    [ "$(tr '\n' ' ' <r/results/c/o)" = "1 2 3 4 5 6 7 8 9 10 11 " ]
    expect 0 af2flow run wide.dot --run-dir r2 -p n=12
    said "c: done"
    not_said "b[k=3]: done"
    said "b[k=12]: done"
}

@test "a list known at run time expands, and its elements key by content" {
    workflow lists <<'DOT'
digraph lists {
  graph [names="x y z"]
  node [plugin=command]
  split [argv="sh -c 'for n in $1; do echo body-$n >$0/$n.txt; done' ${out.parts} '${names}'", outputs="parts:text+"]
  work  [argv="cat ${in.i}", inputs="i:text", stdout=o, outputs="o:text", expand="part in split.parts"]
  join  [argv="cat ${in.m}", inputs="m:text*", stdout=o, outputs="o:text"]
  split -> work -> join
}
DOT
    expect 0 af2flow run lists.dot --run-dir r
    [ "$(tr '\n' ' ' <r/results/join/o)" = "body-x body-y body-z " ]
    expect 0 af2flow run lists.dot --run-dir r2 -p names="w x y"
    said "work[part=w]: done"
    not_said "work[part=x]: done"
    [ "$(tr '\n' ' ' <r2/results/join/o)" = "body-w body-x body-y " ]
}

@test "globs make one branch a file, named by its stem, keyed by content" {
    mkdir targets
    echo one >targets/a.txt
    echo two >targets/b.txt
    workflow globs <<'DOT'
digraph globs {
  node [plugin=command]
  n [argv="cat ${t}", files="${t}", expand="t=@targets/*.txt", stdout=o, outputs="o:text"]
}
DOT
    expect 0 af2flow run globs.dot --run-dir r
    [ "$(cat r/results/b/n/o)" = two ]
}

@test "a list of files: branches in the order given" {
    printf 'one\n' >a.txt
    printf 'two\n' >b.txt
    workflow files <<'DOT'
digraph files {
  graph [files=""]
  node [plugin=command]
  split [argv="cp ${t} ${out.part}/_", files="${t}", expand="t=@${files}", outputs="part:text*"]
  use   [argv="cat ${in.x}", inputs="x:text", outputs="o:text", stdout=o, expand="p in split.part"]
  all   [argv="cat ${in.x}", inputs="x:text*", outputs="o:text", stdout=o, gather="t p"]
  split -> use -> all
}
DOT
    expect 2 af2flow run files.dot --run-dir r
    said "give -p files=FILE"
    expect 0 af2flow run files.dot --run-dir r -p files=b.txt,a.txt
    [ "$(tr '\n' ' ' <r/results/all/o)" = "two one " ]
    said "use[t=b,p=_]: done"
}

@test "when switches branches and alternatives" {
    workflow switch <<'DOT'
digraph switch {
  graph [preset="full"]
  node [plugin=command]
  big   [when="${preset} == full", argv="echo big", stdout=o, outputs="o:text"]
  small [when="${preset} != full", argv="echo small", stdout=o, outputs="o:text"]
  use   [argv="cat ${in.db}", inputs="db:text", stdout=o, outputs="o:text"]
  {big small} -> use
}
DOT
    expect 0 af2flow run switch.dot --run-dir r
    [ "$(cat r/results/use/o)" = big ]
    expect 0 af2flow run switch.dot --run-dir r2 -p preset=reduced
    [ "$(cat r2/results/use/o)" = small ]
    said "1 off"
}

@test "values with blanks, quotes and dollars never split or run" {
    workflow quotes <<'DOT'
digraph quotes {
  graph [v=""]
  a [plugin=command, argv="printf '%s|' ${v} \"x ${v}\" $${v}", stdout=o, outputs="o:text"]
}
DOT
    expect 0 af2flow run quotes.dot --run-dir r -p v="a b; \$(touch hacked) '\"\`"
    [ "$(cat r/results/a/o)" = "a b; \$(touch hacked) '\"\`|x a b; \$(touch hacked) '\"\`|\${v}|" ]
    [ ! -e hacked ]
}

@test "--until runs nodes and what they need" {
    chain
    expect 0 af2flow run chain.dot --until b --run-dir r
    said "2 done"
    [ "$(cat r/results/b/o)" = HELLO ]
    expect 0 af2flow run chain.dot --run-dir r
    not_said "a: done"
    said "c: done"
}

@test "a damaged or deleted result is made again" {
    chain
    expect 0 af2flow run chain.dot --run-dir r
    object=$(readlink -f r/tasks/b/out)
    chmod -R u+w "$object"
    printf 'H' >"$object/o"
    expect 0 af2flow run chain.dot --run-dir r
    said "b: done"
    not_said "a: done"
    object=$(readlink -f r/tasks/c/out)
    chmod -R u+w "$object"
    rm -r "$object"
    expect 0 af2flow run chain.dot --run-dir r
    said "c: done"
    [ "$(cat r/results/c/o)" = 6 ]
}

@test "results are read-only files, whatever the umask" {
    chain
    expect 0 af2flow run chain.dot --run-dir r
    object=$(readlink -f r/tasks/b/out)
    [ "$(stat -c %a "$object")" = 755 ]
    [ "$(stat -c %a "$object/o")" = 444 ]
}

@test "two runs of one directory at once: the second is told who holds it" {
    workflow slow <<'DOT'
digraph slow { a [plugin=command, argv="sleep 30"] }
DOT
    af2flow run slow.dot --run-dir r >log1 2>&1 3>&- &
    pid=$!
    wait_for 10 grep -q "a: started" log1
    expect 2 af2flow run slow.dot --run-dir r
    said "$pid"
    kill -TERM $pid
    wait $pid && rc=0 || rc=$?
    [ "$rc" = 143 ]
}

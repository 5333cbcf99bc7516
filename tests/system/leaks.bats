#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# valgrind finds no leak and no bad access in check, run, rerun, status and graph.
# once
load helper

checked() {
    valgrind -q --leak-check=full --errors-for-leak-kinds=definite,indirect --show-leak-kinds=definite,indirect \
        --error-exitcode=99 --log-file=valgrind.log --child-silent-after-fork=yes "$AF2_BUILDDIR/af2flow" "$@" ||
        { rc=$?; cat valgrind.log; return $rc; }
}

setup() {
    room_setup
    workflow small <<'DOT'
digraph small {
  graph [n="3"]
  node [plugin=command]
  a [argv="printf '1\n2\n'", stdout=o, outputs="o:text"]
  b [argv="cat ${in.i}", inputs="i:text", stdout=o, outputs="o:text", expand="k=1..${n}"]
  c [argv="sh -c 'test ${k} != 2'", inputs="i:text", retries=1, on_failure=skip]
  d [argv="cat ${in.m}", inputs="m:text+", stdout=o, outputs="o:text"]
  b -> {c d}
  a -> b
}
DOT
}

@test "check, run, run again, status, log and graph leak nothing" {
    ! with_asan || skip "valgrind does not go with sanitizers"
    run checked check small.dot
    [ "$status" = 0 ] || { echo "$output"; false; }
    run checked run small.dot --run-dir r
    [ "$status" = 3 ] || { echo "$output"; false; }
    run checked run small.dot --run-dir r
    [ "$status" = 3 ] || { echo "$output"; false; }
    for words in "status r" "status r --json" "log r c[k=2]" "graph r" "graph small.dot" \
        "check small.dot --json" "plugins info command"; do
        # shellcheck disable=SC2086 # words of a command
        run checked $words
        [ "$status" = 0 ] || { echo "$words: $output"; false; }
    done
}

@test "bad workflows leak nothing" {
    ! with_asan || skip "valgrind does not go with sanitizers"
    for f in "$FIX"/dot/bad/{cycle,fit,attribute,syntax,reference,plugin}.dot; do
        run checked check "$f"
        [ "$status" = 2 ] || { echo "$f: $output"; false; }
    done
}

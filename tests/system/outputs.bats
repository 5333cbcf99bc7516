#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# max_output: watched while it grows, wherever and however it grows.
load helper

# Runs one task $1 with max_output=20M: it must be ended, long before its own end.
ended() {
    workflow o <<DOT
digraph o { a [plugin=command, max_output="20M", grace="100s", argv="$1", outputs="$2"] }
DOT
    rm -rf r
    expect 1 af2flow run o.dot --run-dir r
    said "a: output-limit: wrote "
    said "more than max_output 20M; if it should, raise max_output"
    [ -z "$(find .af2flow/store/tmp -type f)" ]
}

@test "a file in the work folder, an output, an output folder" {
    ended "sh -c 'exec cat /dev/zero >big'" ""
    ended "sh -c 'exec cat /dev/zero >\$0' \${out.o}" "o:text"
    ended "sh -c 'mkdir \$0/a; exec cat /dev/zero >\$0/a/b' \${out.o}" "o:dir"
}

@test "work folder and outputs count together" {
    ended "sh -c 'head -c 15000000 /dev/zero >big; head -c 15000000 /dev/zero >\$0; sleep 1000' \${out.o}" "o:text"
}

@test "a program that does not hear that it should end" {
    ended "sh -c 'trap \\\"\\\" TERM; exec cat /dev/zero >big'" ""
}

@test "many small files, and a deep tree" {
    cat >small.py <<'PY'
import itertools
for i in itertools.count():
    with open("f%d" % i, "wb") as f:
        f.write(bytes(10000))
PY
    # 40 levels of 200 letters: paths longer than a system call takes
    cat >deep.py <<'PY'
import itertools, os
for i in itertools.count():
    with open("f%d" % i, "wb") as f:
        f.write(bytes(100000))
    if i < 40:
        os.mkdir("d" * 200)
        os.chdir("d" * 200)
PY
    ended "python3 $ROOM/small.py" ""
    ended "python3 $ROOM/deep.py" ""
}

@test "files count by their length, also sparse ones, and at the end of a quick task" {
    ended "truncate -s 30M big" ""
    ended "sh -c 'truncate -s 30M big; sleep 1000'" ""
}

@test "what is deleted does not count, links are not followed" {
    workflow o <<'DOT'
digraph o {
  node [plugin=command, max_output="3M"]
  turnover [argv="sh -c 'for i in $(seq 300); do mkdir d$i; head -c 1000000 /dev/zero >d$i/f; rm -r d$i; done'"]
  links    [argv="sh -c 'ln -s / root; ln -s . self; head -c 2000000 /dev/zero >f'"]
  exactly  [argv="sh -c 'head -c 3145728 /dev/zero >f'"]
}
DOT
    expect 0 af2flow run o.dot --run-dir r
    said "3 done"
}

@test "captured output is capped, and says what was cut" {
    printf '[engine]\ncapture = 10K\n' >small.ini
    workflow o <<'DOT'
digraph o {
  node [plugin=command]
  out [argv="sh -c 'yes | head -c 50000; exit 1'"]
  err [argv="sh -c 'yes | head -c 50000 >&2; exit 1'"]
  fit [argv="sh -c 'yes | head -c 10240; exit 1'"]
}
DOT
    expect 1 af2flow run o.dot --run-dir r --config small.ini
    for f in out/attempt-1/stdout err/attempt-1/stderr; do
        tail -n 1 r/tasks/$f
        [ "$(tail -n 1 r/tasks/$f)" = "[af2flow: 39760 bytes cut]" ]
        [ "$(head -c 10240 r/tasks/$f | tr -d 'y\n' | wc -c)" = 0 ]
    done
    [ "$(stat -c %s r/tasks/fit/attempt-1/stdout)" = 10240 ]
}

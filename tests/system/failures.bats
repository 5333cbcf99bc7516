#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# What failures cost, how they are told, and what is tried again.
load helper

@test "a failure blocks what needs it and nothing else: exit 1" {
    workflow f <<'DOT'
digraph f {
  node [plugin=command]
  bad   [argv="sh -c 'echo the reason >&2; exit 7'", outputs="o:text"]
  after [argv="cat ${in.i}", inputs="i:text", stdout=o, outputs="o:text"]
  fine  [argv="echo fine", stdout=o, outputs="o:text"]
  bad -> after
}
DOT
    expect 1 af2flow run f.dot --run-dir r
    said "bad: exit:"
    said "the reason"
    [ "$(cat r/results/fine/o)" = fine ]
    expect 0 af2flow status r
    said "after"
    said "blocked"
    expect 0 af2flow log r bad
    said "the reason"
    expect 0 af2flow log r bad --stderr
    [ "$output" = "the reason" ]
    expect 2 af2flow log r bat
    said "did you mean 'bad'"
}

@test "status tells of what went wrong; what is switched off is counted alone" {
    workflow o <<'DOT'
digraph o {
  node [plugin=command, expand="n=1..3"]
  idle [argv="true", cache=no, when="${n} == 4"]
  bad  [argv="false", cache=no]
}
DOT
    expect 1 af2flow run o.dot --run-dir r
    expect 0 af2flow status r
    said "3 off"
    said "bad[n=2]: failed"
    not_said "idle[n="
    expect 0 af2flow explain r 'idle[n=2]'
    said "its when is false"
}

branches() {
    workflow b <<DOT
digraph b {
  node [plugin=command]
  p [argv="echo \${m}", stdout=o, outputs="o:text", expand="m=1..5"]
  r [argv="sh -c 'test \$0 != 3 && cat \$1' \${m} \${in.i}", inputs="i:text", stdout=o, outputs="o:text", $1]
  g [argv="cat \${in.all}", inputs="all:text+", stdout=o, outputs="o:text"]
  p -> r -> g
}
DOT
}

@test "on_failure=skip: the gather goes on with the survivors, exit 3" {
    branches "on_failure=skip"
    expect 3 af2flow run b.dot --run-dir r
    [ "$(tr '\n' ' ' <r/results/g/o)" = "1 2 4 5 " ]
    said "r[m=3]"
    expect 0 af2flow status r --json
    said '"state": "skipped"'
}

@test "on_failure=fail: the gather does not run, exit 1" {
    branches "on_failure=fail"
    expect 1 af2flow run b.dot --run-dir r
    [ ! -e r/results/g/o ]
    expect 0 af2flow status r
    said "blocked"
}

@test "on_failure=stop starts nothing new, and run again continues" {
    workflow s <<'DOT'
digraph s {
  node [plugin=command, cpus=all]
  a [argv="false", on_failure=stop, priority=10]
  b [argv="echo b", stdout=o, outputs="o:text"]
}
DOT
    expect 1 af2flow run s.dot --run-dir r
    [ ! -e r/results/b/o ]
    expect 1 af2flow run s.dot --run-dir r
}

@test "on_failure=abort kills what runs" {
    workflow s <<'DOT'
digraph s {
  node [plugin=command]
  a [argv="sh -c 'sleep 0.5; exit 1'", on_failure=abort]
  b [argv="sleep 60"]
}
DOT
    start=$SECONDS
    expect 1 af2flow run s.dot --run-dir r --cpus 2
    [ $((SECONDS - start)) -lt 20 ]
}

@test "retries: attempts, then success; attempt numbers go on" {
    workflow r <<'DOT'
digraph r {
  graph [dir=""]
  a [plugin=command, retries=2, argv="sh -c 'echo x >>$0/n; test $(wc -l <$0/n) -ge 3' ${dir}"]
}
DOT
    expect 0 af2flow run r.dot -p dir="$ROOM" --run-dir r
    said "attempt 1 failed: exit"
    said "attempt 2 failed: exit"
    said "a: done"
    expect 0 af2flow status r
    said "attempt 3  ok"
}

@test "retry_on: only named classes, exit statuses and signals" {
    workflow r <<'DOT'
digraph r {
  node [plugin=command, retries=1]
  a [argv="sh -c 'exit 4'", retry_on="exit:4"]
  b [argv="sh -c 'exit 5'", retry_on="exit:4"]
  c [argv="sh -c 'kill -SEGV $$'", retry_on="signal:SEGV"]
  d [argv="sh -c 'kill -KILL $$'", retry_on="timeout"]
}
DOT
    expect 1 af2flow run r.dot --run-dir r
    [ "$(grep -c '"event":"retry"' r/journal)" = 2 ]
    said "c: signal:"
    said "d: signal:"
    said "b: exit:"
}

@test "retry.NAME: other values from the second attempt on, and their key" {
    workflow v <<'DOT'
digraph v {
  graph [mark=""]
  a [plugin=command, retries=1, argv="sh -c 'echo $0 >>$1; test $0 = CPU && echo $0' ${platform} ${mark}", stdout=o, outputs="o:text",
     x_note=1, "retry.argv"="sh -c 'echo CPU'"]
}
DOT
    sed -i 's/\${platform}/CUDA/' v.dot
    expect 0 af2flow run v.dot -p mark="$ROOM/mark" --run-dir r
    [ "$(cat r/results/a/o)" = CPU ]
    expect 0 af2flow run v.dot -p mark="$ROOM/mark" --run-dir r
    said "nothing to do"
    [ "$(wc -l <mark)" = 1 ]
}

@test "failures are never cached: run again tries again, with full retries" {
    workflow a <<'DOT'
digraph a { graph [gate=""] a [plugin=command, retries=1, argv="test -e ${gate}"] }
DOT
    expect 1 af2flow run a.dot -p gate="$ROOM/gate" --run-dir r
    touch gate
    expect 0 af2flow run a.dot -p gate="$ROOM/gate" --run-dir r
    expect 0 af2flow status r
    said "attempt 3  ok"
}

@test "timeout: TERM, grace, KILL, and its class" {
    workflow t <<'DOT'
digraph t {
  node [plugin=command, timeout="0.3s", grace="0.3s"]
  polite [argv="sleep 30"]
  rude   [argv="sh -c 'trap \"\" TERM; while :; do sleep 1; done'"]
}
DOT
    start=$SECONDS
    expect 1 af2flow run t.dot --run-dir r
    [ $((SECONDS - start)) -lt 20 ]
    said "polite: timeout"
    said "rude: timeout"
}

@test "a missing output and a flood of output have their classes" {
    workflow o <<'DOT'
digraph o {
  node [plugin=command]
  none  [argv="true", outputs="o:text"]
  flood [argv="sh -c 'while :; do head -c 1000000 /dev/zero; done >big'", max_output="20M"]
  spam  [argv="sh -c 'yes | head -c 20000000; exit 1'"]
}
DOT
    expect 1 af2flow run o.dot --run-dir r
    said "none: output-missing"
    said "flood: output-limit"
    spam=$(stat -c %s r/tasks/spam/attempt-1/stdout)
    [ "$spam" -lt 9000000 ]
    grep -q "bytes cut" r/tasks/spam/attempt-1/stdout
}

@test "a program that is not there, killed by a signal, or ended by us" {
    workflow p <<'DOT'
digraph p {
  node [plugin=command]
  gone   [argv="./no-such-program"]
  killed [argv="sh -c 'kill -9 $$'"]
}
DOT
    expect 1 af2flow run p.dot --run-dir r
    said "gone: spawn"
    said "no-such-program"
    said "killed: signal"
    said "SIGKILL"
}

@test "Ctrl-C and SIGTERM end everything, with all descendants, and run again continues" {
    for sig in INT TERM; do
        nap=$((100000 + RANDOM)) # tells our sleeps from those of other tests
        workflow i <<'DOT'
digraph i {
  graph [flag="", nap=""]
  node [plugin=command]
  quick [argv="echo q", stdout=o, outputs="o:text"]
  slow  [argv="sh -c 'test -e $0 || { setsid sleep $1 & sleep $1; }; echo s' ${flag} ${nap}", stdout=o, outputs="o:text"]
  late  [argv="cat ${in.i}", inputs="i:text", stdout=o, outputs="o:text"]
  slow -> late
}
DOT
        rm -f flag
        setsid af2flow run i.dot -p flag="$ROOM/flag" -p nap=$nap --run-dir "r$sig" >log 2>&1 3>&- &
        pid=$!
        wait_for 10 grep -q "slow: started" log
        wait_for 10 pgrep -f "sleep $nap"
        kill "-$sig" "$pid"
        wait $pid && rc=0 || rc=$?
        case $sig in INT) want=130 ;; TERM) want=143 ;; esac
        [ "$rc" = "$want" ] || { cat log; echo "rc $rc, not $want"; return 1; }
        run pgrep -f "sleep $nap"
        [ -z "$output" ] || { echo "left: $output"; return 1; }
        grep -q '"event":"run-end"' "r$sig/journal"
        touch flag
        expect 0 af2flow run i.dot -p flag="$ROOM/flag" -p nap=$nap --run-dir "r$sig"
        [ "$(cat "r$sig/results/late/o")" = s ]
    done
}

@test "an unwritable place for the run is one clear line" {
    workflow a <<'DOT'
digraph a { a [plugin=command, argv="true"] }
DOT
    touch file
    expect 2 af2flow run a.dot --run-dir file/r
    said "file"
    expect 2 af2flow run a.dot --store file/s
    said "file"
}

@test "a full disk fails with its cause, and the run continues with space" {
    [ "$(id -u)" = 0 ] || skip "only root can mount a small file system"
    mkdir small
    mount -t tmpfs -o size=2M none small || skip "no tmpfs can be mounted here"
    workflow d <<'DOT'
digraph d {
  node [plugin=command]
  a [argv="sh -c 'head -c 500000 /dev/zero >$0' ${out.o}", outputs="o:text"]
  b [argv="sh -c 'cat $1 $1 $1 $1 $1 >$0' ${out.o} ${in.i}", inputs="i:text", outputs="o:text"]
  a -> b
}
DOT
    run af2flow run d.dot --run-dir small/r --store small/s
    first=$status out=$output
    mount -o remount,size=64M small
    run af2flow run d.dot --run-dir small/r --store small/s
    second=$status
    bytes=$(stat -c %s small/r/results/b/o 2>/dev/null || true)
    umount -l small
    echo "first $first second $second: $out"
    [ "$first" = 1 ]
    [[ $out == *"No space left"* ]]
    [ "$second" = 0 ]
    [ "$bytes" = 2500000 ]
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Several engines: one a run, and each piece of work once, by the kernel's locks and by leases.
load helper

# Configuration with that kind of lock: $ROOM/KIND.ini; PATIENCE at most once in a test.
settings() {
    printf '[store]\nlocks = %s\npatience = %s\n' "$1" "${2:-1h}" >"$1.ini"
}

# A task that marks $ROOM/log; the first execution of all goes on when $ROOM/go is there.
slow_workflow() {
    workflow slow <<'DOT'
digraph slow {
  graph [room=""]
  node [plugin=command, outputs="o:text"]
  x [argv="sh -c 'echo x >>$1/log; mkdir $1/first 2>/dev/null && until [ -e $1/go ]; do sleep 0.05; done; echo x >$0' ${out.o} ${room}"]
}
DOT
}

# start NAME KIND [OPTION...]: an engine in the background with the run directory NAME.
# Its pid is in $NAME, what it says in NAME.out.
start() {
    local name=$1 kind=$2
    shift 2
    af2flow run slow.dot --store s --run-dir "$name" --config "$kind.ini" -p "room=$ROOM" \
        "$@" >"$name.out" 2>&1 3>&- &
    printf -v "$name" %s $!
}

# ended NAME STATUS: it ends by itself with that status.
ended() {
    local status=0
    wait "${!1}" || status=$?
    if [ "$status" != "$2" ]; then
        echo "$1 ended with $status, not $2; it said:"
        cat "$1.out"
        return 1
    fi
}

waits() {
    grep -q '"event":"wait"' "$1/journal" 2>/dev/null
}

# Does x run in a host of engine A, which holds the lock then?
works() {
    [ -e first ]
}

executions() {
    wc -l <log
}

same_results() {
    cmp "$1/results/x/o" "$2/results/x/o" 2>/dev/null || diff -r -x .published "$1/results" "$2/results"
}

# --- one engine a run -------------------------------------------------------------------------

second_is_told() {
    settings "$1"
    slow_workflow
    start A "$1"
    wait_for 30 works
    expect 2 af2flow run slow.dot --store s --run-dir A --config "$1.ini" -p "room=$ROOM"
    said "is in use by pid $A on $(uname -n) since 20"
    said "give another --run-dir"
    # Whoever only looks is let in.
    expect 0 af2flow status A
    said "x: running"
    touch go
    ended A 0
    expect 0 af2flow run slow.dot --store s --run-dir A --config "$1.ini" -p "room=$ROOM"
    [ "$(executions)" = 1 ]
}

@test "a second engine for a run is told who holds it, and exits with 2" {
    second_is_told file
}

@test "a second engine is told, where the lock is a lease" {
    second_is_told lease
}

killed_engine_blocks_nobody() {
    settings "$1"
    slow_workflow
    start A "$1"
    wait_for 30 works
    kill -KILL "$A"
    ended A 137
    touch go
    expect 0 af2flow run slow.dot --store s --run-dir A --config "$1.ini" -p "room=$ROOM"
    not_said "is in use by"
    not_said "sign of life"
    # Nothing of it is left to be removed by hand.
    [ -z "$(ls s/engines)" ]
    [ -z "$(find s/locks A -name '*lock-*' -o -name '*-[0-3]')" ]
}

@test "a killed engine blocks nobody: its run goes on at once" {
    killed_engine_blocks_nobody file
}

@test "a killed engine blocks nobody, with leases" {
    killed_engine_blocks_nobody lease
}

# --- two engines, one store -------------------------------------------------------------------

# Two engines race through the same work ROUNDS times; each round's keys are new. Where the whole
# suite runs once more as somebody else, fewer do.
race() {
    local kind=$1 rounds=$2 n
    [ -z "${AF2_TEST_UMASK:-}" ] || rounds=15
    settings "$kind"
    workflow race <<'DOT'
digraph race {
  graph [n="0", log=""]
  node [plugin=command, outputs="o:text"]
  a [argv="sh -c 'echo a$1-$2 >>$3; sleep 0.02; echo $1 $2 >$0' ${out.o} ${n} ${i} ${log}", expand="i=1..3"]
  l [argv="sh -c 'echo l$1 >>$2' ${out.o} ${n} ${log}", outputs="o:text*"]
  b [argv="sh -c 'echo b$1 >>$2; shift 2; cat $* >$0' ${out.o} ${n} ${log} ${in.i}", inputs="i:text*", gather=all]
  a -> b
  l -> b
}
DOT
    for ((n = 0; n < rounds; n++)); do
        for name in A B; do
            af2flow run race.dot --store s --run-dir "$name$n" --config "$kind.ini" \
                -p "n=$n" -p "log=$ROOM/log" >"$name.out" 2>&1 3>&- &
            printf -v "$name" %s $!
            # The second comes at another moment in each round.
            sleep "0.0$((n % 10))"
        done
        ended A 0
        ended B 0
        diff -r -x .published "A$n/results" "B$n/results"
    done
    [ "$(executions)" = $((rounds * 5)) ]
    [ -z "$(sort log | uniq -d)" ]
    [ -z "$(find s/engines s/tmp -mindepth 1)" ]
}

@test "two engines on one store, 200 rounds: each key is executed once" {
    race file 200
}

@test "two engines on one store, 100 rounds with leases" {
    race lease 100
    [ -z "$(ls s/locks)" ]
}

holder_killed() {
    settings "$1"
    slow_workflow
    start A "$1"
    wait_for 30 works
    start B "$1"
    wait_for 30 waits B
    expect 0 af2flow status B
    said "x: waiting: another run, pid $A on $(uname -n), is at this work"
    kill -KILL "$A"
    ended A 137
    # Nobody comes to an end of its patience here, which is an hour.
    ended B 0
    [ "$(executions)" = 2 ]
    touch go
    start A "$1"
    ended A 0
    [ "$(executions)" = 2 ]
}

@test "the holder is killed: the other goes on" {
    holder_killed file
}

@test "the holder is killed: the other goes on, with leases" {
    holder_killed lease
}

holder_stopped() {
    settings "$1" 1s
    slow_workflow
    start A "$1"
    wait_for 30 works
    kill -STOP "$A"
    start B "$1"
    wait_for 30 waits B
    ended B 0
    grep -q "pid $A on .* gave no sign of life for 1.* going on here" B.out
    [ "$(executions)" = 2 ]
    # It wakes up, publishes second, and takes what stands.
    touch go
    kill -CONT "$A"
    ended A 0
    same_results A B
    [ "$(readlink -f A/tasks/x/out)" = "$(readlink -f B/tasks/x/out)" ]
    [ "$(executions)" = 2 ]
    [ -z "$(ls s/engines)" ]
}

@test "the holder is stopped: after the patience the other goes on; results stay right" {
    holder_stopped file
}

@test "the holder is stopped: the other goes on, with leases" {
    holder_stopped lease
    [ -z "$(ls s/locks)" ]
}

long_holder() {
    settings "$1" 4s
    slow_workflow
    start A "$1"
    wait_for 30 works
    start B "$1"
    wait_for 30 waits B
    sleep 6 # longer than the patience: what is tested is that time alone does nothing
    [ "$(executions)" = 1 ]
    touch go
    ended A 0
    ended B 0
    grep -q "x: made by another run" B.out
    grep -q "1 done (0 of them stood already, 1 made by other runs meanwhile)" B.out
    [ "$(executions)" = 1 ]
    expect 0 af2flow status B --json
    said '"why": "made by another run"'
}

@test "a holder that works longer than the patience is waited for: its heart beats" {
    long_holder file
}

@test "a holder that works on is waited for, with leases" {
    long_holder lease
}

@test "a run that is done, but waits for room to write the last of it, gives signs of life" {
    local faults=$AF2_BUILDDIR/tests/chaos/faults.so stamp
    [ -e "$faults" ] || skip "tests/chaos/faults.so is not made: make check makes it"
    settings lease 1s
    slow_workflow
    touch go
    truncate -s 4096 state
    export AF2_FAULTS="state=$ROOM/state below=$ROOM only=/results/.tmp- who=engine call=write errno=28 at=1 how=ever"
    LD_PRELOAD=$faults start one lease
    wait_for 20 grep -qs "^paused: .*/results/.published" one.out
    stamp=$(stat -c %y one/lock-0)
    sleep 1.5
    [ "$(stat -c %y one/lock-0)" != "$stamp" ]
    kill -TERM "$one"
    ended one 143
}

@test "who could not start an attempt at first, and holds no lock any more, gives no signs of life" {
    local faults=$AF2_BUILDDIR/tests/chaos/faults.so stamp
    [ -e "$faults" ] || skip "tests/chaos/faults.so is not made: make check makes it"
    settings file 1s
    workflow slow <<'DOT'
digraph slow {
  graph [room=""]
  node [plugin=command, outputs="o:text", stdout=o]
  a [argv="sh -c 'until [ -e $0/go ]; do sleep 0.05; done' ${room}", priority=9]
  b [argv="sh -c 'echo b >$0/second' ${room}"]
  c [argv="sh -c 'echo c >$0/third; until [ -e $0/end ]; do sleep 0.05; done' ${room}", cache=no]
  {a b} -> c [order=true]
}
DOT
    af2flow check slow.dot -p "room=$ROOM" # so that no host is started to look at plugins
    truncate -s 4096 state
    export AF2_FAULTS="state=$ROOM/state below=$ROOM who=engine call=spawn errno=11 at=2 how=once"
    LD_PRELOAD=$faults start A file --cpus 2
    wait_for 30 grep -qs "goes on with fewer attempts at a time" A.out
    touch go
    wait_for 30 test -e third
    [ -e second ]
    stamp=$(stat -c %y s/engines/*)
    sleep 1.5
    [ "$(stat -c %y s/engines/*)" = "$stamp" ]
    touch end
    ended A 0
}

@test "a task that waits for another engine holds no slot" {
    settings file
    slow_workflow
    start A file
    wait_for 30 works
    sed 's/^}/  y [argv="sh -c \x27echo y >$1\/y; echo y >$0\x27 ${out.o} ${room}", priority=-1]\n}/' \
        slow.dot >two.dot
    mv two.dot slow.dot
    start B file --cpus 1
    wait_for 30 waits B
    wait_for 30 test -e y
    [ "$(executions)" = 1 ]
    touch go
    ended A 0
    ended B 0
    [ "$(executions)" = 1 ]
}

@test "an interrupt ends who waits at once, with 130, and disturbs nobody" {
    settings file
    slow_workflow
    start A file
    wait_for 30 works
    start B file
    wait_for 30 waits B
    kill -INT "$B"
    ended B 130
    [ "$(executions)" = 1 ]
    kill -0 "$A"
    touch go
    ended A 0
    start B file
    ended B 0
    [ "$(executions)" = 1 ]
}

@test "work that is not shared is not waited for" {
    settings file
    workflow slow <<'DOT'
digraph slow {
  graph [room=""]
  node [plugin=command, inputs="i:text?"]
  x [argv="sh -c 'echo x >>$1/log; mkdir $1/first 2>/dev/null && until [ -e $1/go ]; do sleep 0.05; done; echo x >$0' ${out.o} ${room}", outputs="o:text", cache=no]
  y [argv="sh -c 'echo y >>$0/log; if mkdir $0/second 2>/dev/null; then until [ -e $0/go ]; do sleep 0.05; done; fi' ${room}"]
}
DOT
    start A file --cpus 2
    wait_for 30 test -e first
    wait_for 30 test -e second
    start B file --cpus 2
    ended B 0
    not_waited=$(grep -c '"event":"wait"' B/journal || true)
    [ "$not_waited" = 0 ]
    touch go
    ended A 0
    [ "$(executions)" = 4 ]
}

@test "many tasks of one run with one key wait once, and take one result" {
    settings file
    slow_workflow
    start A file
    wait_for 30 works
    local line
    line=$(grep ' x \[' slow.dot)
    { sed '/^}/d' slow.dot; for n in y z; do echo "${line/ x / $n }"; done; echo '}'; } >many.dot
    mv many.dot slow.dot
    start B file
    wait_for 30 waits B
    touch go
    ended A 0
    ended B 0
    [ "$(executions)" = 1 ]
    [ "$(grep -c '"event":"wait"' B/journal)" = 1 ]
    [ "$(readlink -f B/tasks/y/out)" = "$(readlink -f A/tasks/x/out)" ]
    [ "$(readlink -f B/tasks/z/out)" = "$(readlink -f A/tasks/x/out)" ]
}

@test "an attempt that fails lets the other engine in; the retry takes what that has made" {
    settings file
    workflow slow <<'DOT'
digraph slow {
  graph [room=""]
  x [plugin=command, retries=1, retry_delay="0.2s", outputs="o:text", argv="sh -c 'echo x >>$1/log; if mkdir $1/first 2>/dev/null; then until [ -e $1/go ]; do sleep 0.05; done; exit 1; fi; echo x >$0' ${out.o} ${room}"]
}
DOT
    start A file
    wait_for 30 works
    start B file
    wait_for 30 waits B
    touch go
    ended A 0
    ended B 0
    [ "$(executions)" = 2 ]
    same_results A B
}

@test "unknown kinds of locks and too little patience are refused" {
    slow_workflow
    printf '[store]\nlocks = flock\npatience = 0.5s\n' >bad.ini
    expect 2 af2flow run slow.dot --config bad.ini
    said "bad.ini:2"
    said "auto, file or lease"
    said "bad.ini:3"
    said "1s or more"
}

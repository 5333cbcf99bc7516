#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Programs that hide: they leave their session, clean their environment, leave their folder, close
# what they have open. Whichever process is killed, they end; if engine and hosts die at the same
# instant, they end before the next start runs anything.
load helper

setup() {
    room_setup
    nap=$((300000 + RANDOM)) # tells our sleeps from those of other tests
    # Each way of hiding, then "ready" and a long sleep. What they start is called "sleep $nap".
    cat >hide <<'SH'
flag=$1 nap=$2
shift 2
[ ! -e "$flag.any" ] || exit 0
[ ! -e "$flag" ] || { ! pgrep -f "^sleep $nap" >/dev/null; exit; } # nothing of the old run is left
for way; do
    case $way in
    child) sleep $nap & ;;
    session) setsid sleep $nap & ;;
    daemon) (setsid sh -c "sleep $nap & exit" &) ;;
    clean) env -i setsid sleep $nap & ;;
    moved) (cd / && env -i setsid sleep $nap &) ;;
    gone) (cd / && env -i setsid sleep $nap </dev/null >/dev/null 2>&1 &) ;;
    esac
done
exec sleep $nap
SH
    workflow hide <<'DOT'
digraph hide {
  graph [flag="", nap="", ways="", script=""]
  a [plugin=command, argv="sh ${script} ${flag} ${nap} ${ways}"]
}
DOT
    sed -i "s/ \${ways}/ $all/" hide.dot
    printf '[engine]\ncgroups = 0\n' >plain.ini
}

teardown() {
    # What nobody found has no environment to be found by.
    pkill -KILL -f "^sleep $nap" || true
    room_teardown
}

all="child session daemon clean moved gone"

# Start it with these ways of hiding: $engine and $host are its processes.
start_hiding() {
    local ways=$1 n
    shift
    # shellcheck disable=SC2086 # words
    set -- $ways -- "$@"
    n=$(($(echo "$ways" | wc -w) + 1))
    while [ "$1" != -- ]; do shift; done
    shift
    rm -rf r flag
    sed -i "s/\${nap} .*\"\]/\${nap} $ways\"]/" hide.dot
    setsid af2flow run hide.dot -p flag="$ROOM/flag" -p nap="$nap" -p script="$ROOM/hide" \
        --run-dir r "$@" >log 2>&1 3>&- &
    engine=$!
    wait_for 20 sleeping "$n"
    host=$(pgrep -P "$engine" -x af2flow-host)
}

sleeping() {
    [ "$(pgrep -fc "^sleep $nap")" -ge "$1" ]
}

is_stopped() {
    grep -q '^State:.T' "/proc/$1/status"
}

none_left() {
    ! pgrep -f "^sleep $nap" >/dev/null && [ -z "$(room_processes)" ]
}

continues() {
    touch flag
    expect 0 af2flow run hide.dot -p flag="$ROOM/flag" -p nap="$nap" -p script="$ROOM/hide" \
        --run-dir r "$@"
    none_left
    [ ! -e r/hosts ]
}

# Both at once: stopped first, so that neither sees the other's end.
kill_both() {
    kill -STOP "$host" "$engine"
    wait_for 10 is_stopped "$host"
    wait_for 10 is_stopped "$engine"
    kill -KILL "$host" "$engine"
    wait "$engine" || true
}

# Does a host get a cgroup of its own here?
with_groups() {
    [[ $(tail -n 1 r/hosts) == *" /"*/af2flow-* ]]
}

@test "the engine killed: all that hides ends, with cgroups and without" {
    for how in "" "--config plain.ini"; do
        # shellcheck disable=SC2086 # words
        start_hiding "$all" $how
        kill -KILL "$engine"
        wait "$engine" || true
        wait_for 10 none_left
        continues
    done
}

@test "the host killed: all that hides ends before the attempt does" {
    for how in "" "--config plain.ini"; do
        # shellcheck disable=SC2086
        start_hiding "$all" $how
        kill -KILL "$host"
        wait "$engine" && rc=0 || rc=$?
        [ "$rc" = 1 ]
        grep -q "plugin-crash.*SIGKILL" log
        none_left
        continues
    done
}

@test "the tool killed: all that hides ends before the attempt does" {
    for how in "" "--config plain.ini"; do
        # shellcheck disable=SC2086
        start_hiding "$all" $how
        kill -KILL "$(pgrep -o -P "$host")" # what it started first
        wait "$engine" && rc=0 || rc=$?
        [ "$rc" = 1 ]
        grep -q "signal.*SIGKILL" log
        none_left
        continues
    done
}

@test "a dispatcher killed, as those of HH-suite: what it dispatched to ends" {
    printf '#!/bin/sh\nsh -c "sleep %s; :"\n' "$nap" >hhblits
    chmod +x hhblits
    workflow d <<DOT
digraph d { a [plugin=command, argv="$ROOM/hhblits"] }
DOT
    setsid af2flow run d.dot --run-dir r >log 2>&1 3>&- &
    engine=$!
    wait_for 20 sleeping 1
    kill -KILL "$(pgrep -P "$(pgrep -P "$engine" -x af2flow-host)")"
    wait "$engine" && rc=0 || rc=$?
    [ "$rc" = 1 ]
    grep -q "signal.*SIGKILL" log
    none_left
}

@test "a Python worker killed: what it started ends, and a retry gets a new worker" {
    cat >worker.py <<'PY'
import json, os, struct, subprocess, sys
def send(reply):
    body = json.dumps(reply).encode()
    os.write(4, struct.pack("<I", len(body)) + body)
nap = sys.argv[0].rsplit("-", 1)[1]
send({"ready": True})
while True:
    head = os.read(3, 4)
    if len(head) < 4:
        sys.exit(0)
    os.read(3, struct.unpack("<I", head)[0])
    if os.path.exists(os.path.dirname(sys.argv[0]) + "/flag"):
        send({"skip": "enough"})
        continue
    subprocess.Popen(["setsid", "sleep", nap], env={}, cwd="/")
    subprocess.run(["sleep", nap])
PY
    cp worker.py "worker-$nap"
    workflow w <<DOT
digraph w { a [plugin=probe, what=call, text=x, worker="$ROOM/worker-$nap", retries=1] }
DOT
    setsid af2flow run w.dot --plugin-dir "$AF2_BUILDDIR/tests/fixtures/plugins" --run-dir r \
        >log 2>&1 3>&- &
    engine=$!
    wait_for 20 sleeping 2
    touch flag
    kill -KILL "$(pgrep -f "^python3 .*/worker-$nap")"
    wait "$engine" && rc=0 || rc=$?
    cat log
    [ "$rc" = 3 ]
    grep -q "attempt 1 failed: signal.*SIGKILL" log
    none_left
}

@test "engine and host killed at once: what hides ends before the next start runs anything" {
    start_hiding "child session daemon clean moved" --config plain.ini
    kill_both
    sleeping 5 # they are left, the host's own program not
    continues --config plain.ini
    not_said "waiting for"
}

@test "the same with all that a daemon does: by the cgroup" {
    start_hiding "$all"
    if ! with_groups; then
        kill -TERM "$engine"
        wait "$engine" || true
        skip "no cgroup of version 2 can be written here"
    fi
    group=$(sed -n 's/.* \(\/.*af2flow-.*\)$/\1/p' r/hosts)
    [ -d "$group" ]
    kill_both
    sleeping 6
    continues
    [ ! -e "$group" ]
}

@test "engine and host killed at once: a start that finds all done ends what is left, too" {
    sed -i 's/argv=/outputs="o:text", stdout=o, argv=/' hide.dot
    start_hiding "session clean"
    kill_both
    sleeping 2
    # Another run makes the result meanwhile.
    touch flag flag.any
    expect 0 af2flow run hide.dot -p flag="$ROOM/flag" -p nap="$nap" -p script="$ROOM/hide" \
        --run-dir other
    sleeping 2
    continues
    said "nothing to do"
}

@test "the engine killed while its host is stopped: it wakes up and ends all" {
    start_hiding "$all" --config plain.ini
    kill -STOP "$host"
    wait_for 10 is_stopped "$host"
    kill -KILL "$engine"
    wait "$engine" || true
    wait_for 10 none_left
    continues --config plain.ini
}

@test "a person's shell in a work folder of a dead engine is left alone" {
    start_hiding "clean" --config plain.ini
    place=$(sed -n 's/^place [^ ]* //p' r/hosts)
    (cd "$place" && exec env -i tail -f /dev/null) 3>&- &
    shell=$!
    kill_both
    continues --config plain.ini
    kill -0 "$shell"
    kill "$shell"
    wait "$shell" || true
}

@test "notes of hosts that others wrote, or that are no notes, end nobody" {
    start_hiding "child"
    kill -TERM "$engine"
    wait "$engine" || true
    none_left
    env -i sleep 1000 3>&- &
    victim=$!
    start=$(awk '{print $22}' "/proc/$victim/stat")
    boot=$(cat /proc/sys/kernel/random/boot_id)
    printf 'place %s /\nhost %s %s %s %s 0 0 /sys/fs/cgroup\nhost\n\0\377' "$(hostname)" \
        "$(hostname)" "$boot" "$victim" "$start" >r/hosts
    continues
    kill -0 "$victim"
    rm -rf r/hosts
    mkdir r/hosts
    expect 0 af2flow run hide.dot -p flag="$ROOM/flag" -p nap="$nap" -p script="$ROOM/hide" --run-dir r
    kill "$victim"
    wait "$victim" || true
}

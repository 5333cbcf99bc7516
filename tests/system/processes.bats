#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Processes: whoever is killed, in whatever order, nothing is left, and run again continues.
load helper

# Tasks that leave a daemon of their own session behind, named by the number $nap.
daemons() {
    nap=$((100000 + RANDOM))
    workflow daemons <<'DOT'
digraph daemons {
  graph [flag="", nap="", n=2]
  node [plugin=command]
  a [expand="i=1..${n}", argv="sh -c 'test -e $0 || { setsid sh -c \"sleep $1 & sleep $1\" & sleep $1; }' ${flag} ${nap} ${i}"]
  b [argv="true"]
  a -> b [order=true]
}
DOT
    rm -f flag
}

# Start it in the background: $engine is its pid.
start_daemons() {
    setsid af2flow run daemons.dot -p flag="$ROOM/flag" -p nap="$nap" --run-dir r "$@" >log 2>&1 3>&- &
    engine=$!
    wait_for 20 naps_run
}

naps_run() {
    [ "$(pgrep -fc "sleep $nap")" -ge 2 ]
}

hosts() {
    pgrep -P "$engine" -x af2flow-host
}

nothing_left() {
    ! pgrep -f "sleep $nap" >/dev/null && [ -z "$(room_processes)" ]
}

run_continues() {
    touch flag
    expect 0 af2flow run daemons.dot -p flag="$ROOM/flag" -p nap="$nap" --run-dir r
}

@test "the engine killed: hosts, programs and daemons are gone, and run again continues" {
    daemons
    start_daemons
    kill -KILL "$engine"
    wait "$engine" || true
    wait_for 10 nothing_left
    run_continues
}

@test "the engine killed at any moment leaves nothing" {
    daemons
    for delay in 0.00 0.03 0.06 0.1 0.2 0.3; do
        rm -rf r # what is lost three times in a row is a failure
        setsid af2flow run daemons.dot -p flag="$ROOM/flag" -p nap="$nap" --run-dir r >log 2>&1 3>&- &
        engine=$!
        sleep "$delay"
        kill -KILL "$engine"
        wait "$engine" || true
        wait_for 10 nothing_left
    done
}

@test "a host that a user kills fails its task alone" {
    daemons
    for sig in KILL TERM; do
        rm -rf r flag
        start_daemons -p n=1
        # shellcheck disable=SC2046 # one of them
        kill -$sig $(hosts)
        wait "$engine" && rc=0 || rc=$?
        cat log
        [ "$rc" = 1 ]
        grep -q "plugin-crash.*SIG$sig" log
        nothing_left
    done
    run_continues
}

@test "hosts killed one after the other are retried and leave nothing" {
    daemons
    sed -i 's/node \[/node [retries=3, /' daemons.dot
    start_daemons
    for _ in 1 2 3; do
        # shellcheck disable=SC2046 # some numbers
        kill -KILL $(hosts) 2>/dev/null || true
        sleep 0.3
    done
    touch flag
    # shellcheck disable=SC2046
    kill -KILL $(hosts) 2>/dev/null || true
    wait "$engine" && rc=0 || rc=$?
    cat log
    [ "$rc" = 0 ] || [ "$rc" = 1 ]
    nothing_left
}

@test "the tool killed is a signal" {
    daemons
    start_daemons -p n=1
    pkill -KILL -f "^sh -c test -e .* $nap"
    wait "$engine" && rc=0 || rc=$?
    [ "$rc" = 1 ]
    grep -q "signal.*SIGKILL" log
    nothing_left
}

@test "a scan by itself prints a descriptor or one line, and leaves nothing" {
    expect 0 "$AF2FLOW_HOST" --scan "$AF2FLOW_PLUGIN_PATH/command.so"
    [ "$(echo "$output" | "${PYTHON3:-python3}" -c 'import json, sys; print(json.load(sys.stdin)["id"])')" = command ]
    expect 1 "$AF2FLOW_HOST" --scan /nonexistent.so
    said "cannot load '/nonexistent.so'"
    [ "${#lines[@]}" = 1 ]
    touch empty.so
    expect 1 "$AF2FLOW_HOST" --scan empty.so
    said "cannot load '$ROOM/empty.so'"
    expect 2 "$AF2FLOW_HOST" --scan
    said "usage:"
    expect 2 "$AF2FLOW_HOST"
    expect 2 "$AF2FLOW_HOST" --serve </dev/null 3>&-
    said "descriptor 3 is not the engine's socket"
}

@test "a host whose engine never speaks ends with it" {
    "${PYTHON3:-python3}" - "$AF2FLOW_HOST" <<'PY'
import os, socket, subprocess, sys
ours, theirs = socket.socketpair()
out, err = os.pipe(), os.pipe()
for fd in out[0], err[0]:
    os.set_blocking(fd, False)
def child():
    spare = [os.dup(fd) for fd in (theirs.fileno(), out[0], err[0], out[1], err[1])]
    high = [__import__("fcntl").fcntl(fd, 0, 40) for fd in spare]
    for fd, to in zip(high, (3, 4, 5, 1, 2)):
        os.dup2(fd, to)
p = subprocess.Popen([sys.argv[1], "--serve"], stdin=subprocess.DEVNULL, close_fds=False, preexec_fn=child)
theirs.close()
for noise in (b"", b"\xff" * 8, b"\x04\0\0\0\1\0\3\0\1\2\3\4"):
    assert p.poll() is None
    ours.send(noise[:1])
    break
ours.close()
assert p.wait(10) == 0, p.returncode
PY
}

@test "thousands of quick programs end as they should" {
    workflow many <<'DOT'
digraph many {
  a [plugin=command, expand="i=1..3000", cpus=1, argv="sh -c 'exit 0' ${i}"]
}
DOT
    expect 0 af2flow run many.dot --run-dir r
    said "3000 done"
}

@test "few descriptors are enough" {
    daemons
    touch flag
    expect 0 bash -c 'ulimit -n 64; exec "$@"' - af2flow run daemons.dot -p n=50 -p flag="$ROOM/flag" -p nap="$nap" --run-dir r
    said "100 done"
}

@test "engine and hosts killed at once: the next start ends what they left" {
    nap=$((200000 + RANDOM))
    workflow left <<'DOT'
digraph left {
  graph [nap="", flag=""]
  a [plugin=command, argv="sh -c 'test -e $1 || { setsid sleep $0 & sleep $0; }' ${nap} ${flag}"]
}
DOT
    af2flow run left.dot -p nap=$nap -p flag="$ROOM/flag" --run-dir r >log 2>&1 3>&- &
    engine=$!
    wait_for 10 pgrep -f "sleep $nap"
    # hosts and engine stopped first, so that neither sees the other's end
    hosts=$(pgrep -P $engine)
    # shellcheck disable=SC2086 # a list of pids
    kill -STOP $hosts $engine
    # shellcheck disable=SC2086
    kill -KILL $hosts $engine
    wait $engine || true
    touch flag
    expect 0 af2flow run left.dot -p nap=$nap -p flag="$ROOM/flag" --run-dir r
    run pgrep -f "sleep $nap"
    [ -z "$output" ] || { echo "left: $output"; false; }
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Tasks that want more memory than they declared, or than there is.
load helper

# A program that takes $1 MiB and stays for $2 seconds, or, given $3, for ever if $3 bytes are less
# than that.
setup() {
    room_setup
    cat >take.py <<'PY'
import sys, time
mib, seconds = int(sys.argv[1]), float(sys.argv[2])
x = bytearray(mib << 20)
if len(sys.argv) > 3 and int(sys.argv[3]) < mib << 20:
    seconds = 1000
time.sleep(seconds)
PY
}

teardown() {
    [ -z "$group" ] || wait_for 10 rmdir "$group"
    room_teardown
}

# Value of a member of the only task's attempt $1 in status --json.
of_attempt() {
    af2flow status r --json | "${PYTHON3:-python3}" -c '
import json, sys
print(json.load(sys.stdin)["tasks"][0]["attempts"][int(sys.argv[1]) - 1][sys.argv[2]])' "$1" "$2"
}

@test "more than declared: class memory with a hint; retry.memory gives more" {
    workflow m <<DOT
digraph m {
  a [plugin=command, argv="python3 $ROOM/take.py 300 0 \${memory}", memory="128M", retries=1,
     "retry.memory"="4x"]
}
DOT
    expect 0 af2flow run m.dot --run-dir r --memory 1G
    said "attempt 1 failed: memory: used "
    said "of 128M declared"
    said '"retry.memory"="2x"'
    said "a: done"
    [ "$(of_attempt 1 class)" = memory ]
    [ "$(of_attempt 1 peak_memory)" -ge 134217728 ] # seen while it grew
    [ "$(of_attempt 2 outcome)" = ok ]
    grep -q '"attempt":2.*"memory":536870912' r/journal
}

@test "memory_limit=0 in [engine] ends nobody, and says who used how much" {
    printf '[engine]\nmemory_limit = 0\n' >no.ini
    workflow m <<DOT
digraph m { a [plugin=command, argv="python3 $ROOM/take.py 200 1", memory="64M"] }
DOT
    expect 0 af2flow run m.dot --run-dir r --config no.ini
    [ "$(of_attempt 1 max_rss)" -ge 209715200 ]
    printf '[engine]\nmemory_limit = much\n' >no.ini
    expect 2 af2flow run m.dot --run-dir r --config no.ini
    said "memory_limit"
}

@test "what a program says of its memory is its class" {
    workflow m <<'DOT'
digraph m {
  node [plugin=command]
  py  [argv="python3 -c 'raise MemoryError(\"no 5 GB\")'"]
  cpp [argv="sh -c 'echo \"  what():  std::bad_alloc\" >&2; kill -ABRT $$'"]
  jax [argv="sh -c 'echo RESOURCE_EXHAUSTED: Out of memory >&2; exit 1'"]
  fine [argv="sh -c 'echo std::bad_alloc >&2'"]
}
DOT
    expect 1 af2flow run m.dot --run-dir r
    said "py: memory: 'python3' ran out of memory: MemoryError: no 5 GB"
    said "cpp: memory: 'sh' ran out of memory:   what():  std::bad_alloc"
    said "jax: memory: 'sh' ran out of memory: RESOURCE_EXHAUSTED"
    said "1 done"
}

@test "a SIGKILL near what was declared is memory; retry_on knows both" {
    workflow m <<DOT
digraph m {
  node [plugin=command, retries=1, argv="python3 -c 'x = bytearray(100 << 20); import os; os.kill(os.getpid(), 9)'"]
  near [memory="110M", retry_on="memory"]
  sig  [memory="110M", retry_on="signal:KILL"]
  far  [memory="1000M", retry_on="memory"]
}
DOT
    expect 1 af2flow run m.dot --run-dir r --memory 2G
    said "near: memory: out of memory (used 1"
    said "sig: memory: out of memory (used 1"
    said "far: signal: 'python3' was killed by SIGKILL"
    grep -q '"task":"near","attempt":2' r/journal
    grep -q '"task":"sig","attempt":2' r/journal
    ! grep -q '"task":"far","attempt":2' r/journal
}

# A memory cgroup of 100 MiB for what this shell starts: $group.
small_group() {
    local path
    if [ "$(id -u)" != 0 ]; then
        skip "only root can limit a memory cgroup"
    fi
    path=$(sed -n 's/^[0-9]*:memory:\(.*\)/\1/p' /proc/self/cgroup)
    if [ -n "$path" ] && [ -d "/sys/fs/cgroup/memory$path" ]; then
        group=/sys/fs/cgroup/memory$path/af2flow-test-$$
        mkdir "$group" 2>/dev/null || { group=; skip "no memory cgroup can be made here"; }
        echo 100M >"$group/memory.limit_in_bytes"
        echo 0 >"$group/memory.swappiness" || true
        return
    fi
    path=/sys/fs/cgroup$(sed -n 's/^0:://p' /proc/self/cgroup)
    if ! grep -qw memory "$path/cgroup.subtree_control" 2>/dev/null; then
        skip "the memory controller is not delegated here"
    fi
    group=$path/af2flow-test-$$
    mkdir "$group" 2>/dev/null || { group=; skip "no memory cgroup can be made here"; }
    echo 100M >"$group/memory.max"
    echo 0 >"$group/memory.swap.max" || true
}

@test "the kernel's OOM killer is told from other signals, whatever was declared" {
    with_asan && skip "sanitizers take more than the group has"
    small_group
    workflow m <<DOT
digraph m {
  node [plugin=command]
  big   [argv="python3 $ROOM/take.py 400 1000"]
  shell [argv="sh -c 'python3 $ROOM/take.py 400 1000; exit \$?'"]
  other [argv="sh -c 'kill -KILL \$\$'"]
}
DOT
    # shellcheck disable=SC2016 # for the inner shell
    expect 1 sh -c 'echo $$ >"$0/cgroup.procs"; exec "$@"' "$group" af2flow run m.dot --run-dir r --cpus 1
    said "big: memory: out of memory (used"
    said "none declared"
    said "shell: memory: out of memory (used"
    said "other: signal: 'sh' was killed by SIGKILL"
}

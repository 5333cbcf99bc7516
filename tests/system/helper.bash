# SPDX-License-Identifier: Apache-2.0
# Loaded by every *.bats here (`load helper`): a room of its own for each test, and the programs
# of the build folder. Works from `make check` and as `bats tests/system/run.bats` alone.
#
#   $ROOM     the test's folder and its current one; gone afterwards
#   $FIX      tests/fixtures
#   af2flow   the program of the build folder
#   workflow NAME <<EOF   write $ROOM/NAME.dot
#   expect STATUS COMMAND...   run it; show what it said if it ends with another status
#   said TEXT, not_said TEXT   is TEXT in the $output of the last `run` or `expect`?
#   wait_for SECONDS COMMAND... until it succeeds

AF2_SRCDIR=${AF2_SRCDIR:-$(cd "$(dirname "${BASH_SOURCE[0]}")/../.." && pwd)}
AF2_BUILDDIR=${AF2_BUILDDIR:-$AF2_SRCDIR/build}
FIX=$AF2_SRCDIR/tests/fixtures
export AF2_SRCDIR AF2_BUILDDIR FIX
export AF2FLOW_HOST=$AF2_BUILDDIR/af2flow-host
export AF2FLOW_PLUGIN_PATH=$AF2_BUILDDIR/plugins/.libs
export AF2FLOW_DATA_DIR=$AF2_SRCDIR/plugins/python
export LC_ALL=C.UTF-8
PATH=$AF2_BUILDDIR:/usr/bin:/bin:$PATH

# One cache of descriptors for all tests of a file, nothing of the person's own settings.
setup_file() {
    export XDG_CACHE_HOME=$BATS_FILE_TMPDIR/cache XDG_CONFIG_HOME=$BATS_FILE_TMPDIR/config
    unset AF2FLOW_STORE CUDA_VISIBLE_DEVICES SLURM_JOB_ID
}

setup() {
    room_setup
}

teardown() {
    room_teardown
}

# For a test file with a setup() or teardown() of its own to call.
room_setup() {
    ROOM=$BATS_TEST_TMPDIR/room
    mkdir -p "$ROOM/home"
    export ROOM HOME=$ROOM/home TMPDIR=$ROOM
    cd "$ROOM" || return 1
    # Tests of masks set their own; a variant of the whole suite gives one.
    umask "${AF2_TEST_UMASK:-022}"
}

# Nothing that a test started may outlive it: what does is killed, and the test fails.
room_teardown() {
    cd /
    local left
    left=$(room_processes)
    if [ -n "$left" ]; then
        echo "left running: $(ps -o pid=,args= -p "${left//$'\n'/,}")"
        # shellcheck disable=SC2086 # a list of numbers
        kill -KILL $left 2>/dev/null || true
        return 1
    fi
    chmod -R u+rwX "$ROOM" 2>/dev/null || true
    rm -rf "$ROOM"
}

# Pids of the processes that were started with this test's room in their environment.
room_processes() {
    local p pid
    for p in /proc/[0-9]*/environ; do
        pid=${p#/proc/}
        pid=${pid%/environ}
        { grep -qazF "TMPDIR=$ROOM" "$p"; } 2>/dev/null || continue
        case $(ps -o comm= -p "$pid" 2>/dev/null) in
        '' | grep | ps) continue ;;
        esac
        echo "$pid"
    done
}

workflow() {
    cat >"$ROOM/$1.dot"
}

expect() {
    local want=$1
    shift
    run "$@"
    if [ "$status" != "$want" ]; then
        echo "'$*' ended with $status, not $want; it said:"
        echo "$output"
        return 1
    fi
}

said() {
    if [[ $output != *"$1"* ]]; then
        echo "nothing says '$1' in:"
        echo "$output"
        return 1
    fi
}

not_said() {
    if [[ $output == *"$1"* ]]; then
        echo "'$1' should not be in:"
        echo "$output"
        return 1
    fi
}

wait_for() {
    local end=$((SECONDS + $1))
    shift
    until "$@"; do
        if [ "$SECONDS" -ge "$end" ]; then
            echo "waited in vain for: $*"
            return 1
        fi
        sleep 0.05
    done
}

# Is the program built with sanitizers? (valgrind and limits of memory do not go with them)
with_asan() {
    [ -n "${AF2_ASAN:-}" ]
}

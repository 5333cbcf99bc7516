# SPDX-License-Identifier: Apache-2.0
# For the tests of `plan` and `explain` (`load reasons`).
#
#   teller VERSION        compile the stage `teller` with that result version; options for
#                         af2flow that find it are in the array $teller
#   plans REASON TASK ARG...      does `af2flow plan ARG...` give that reason for TASK?
#   explains REASON RUN TASK      does `af2flow explain` give that reason?
#   soon_explains REASON RUN TASK   the same, within a while
#   start ARG...          `af2flow run ARG...` in the background: $engine; it is ended by stop
#   stop                  end it, and wait for it
#   finish STATUS         wait for it to end by itself with that status

# shellcheck disable=SC2034 # used by the tests
teller() {
    local dir=$BATS_FILE_TMPDIR/teller-$1
    teller=(--plugin-dir "$dir")
    [ ! -e "$dir/teller.so" ] || return 0
    mkdir -p "$dir"
    "${CC:-cc}" -I"$AF2_SRCDIR/engine/include" -I"$FIX/plugins" -D_GNU_SOURCE -DRESULTS="$1" \
        -fPIC -shared -o "$dir/teller.so" "$FIX/stages/teller.c"
}

# Words of the reasons of one task, from JSON on standard input: of `plan` or of `explain`.
reasons_of() {
    python3 -c '
import json, sys
said = json.load(sys.stdin)
tasks = said["tasks"] if "tasks" in said else [said]
print(*[w["reason"] for t in tasks if t["task"] == sys.argv[1] for w in t["why"]])' "$1"
}

has_word() {
    case " $2 " in
    *" $1 "*) ;;
    *)
        echo "the reason is not '$1' but '$2'; it said:"
        echo "$output"
        return 1
        ;;
    esac
}

plans() {
    local want=$1 task=$2
    shift 2
    expect 0 af2flow plan --json "$@" &&
        has_word "$want" "$(reasons_of "$task" <<<"$output")" &&
        expect 0 af2flow plan "$@"
}

explains() {
    expect 0 af2flow explain --json "$2" "$3" &&
        has_word "$1" "$(reasons_of "$3" <<<"$output")" &&
        expect 0 af2flow explain "$2" "$3"
}

start() {
    af2flow run "$@" >log 2>&1 3>&- &
    engine=$!
}

stop() {
    kill -INT "$engine"
    wait "$engine" || true
}

finish() {
    local rc=0
    wait "$engine" || rc=$?
    if [ "$rc" != "$1" ]; then
        echo "it ended with $rc, not $1; it said:"
        cat log
        return 1
    fi
}

# The same within 20 seconds.
soon_explains() {
    wait_for 20 explains "$@" >soon 2>&1 || { cat soon; return 1; }
    explains "$@"
}

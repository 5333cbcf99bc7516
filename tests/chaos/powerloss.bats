#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Some states of what `make chaos` does at length; the promises are listed in `powerloss`.
load ../system/helper

@test "the power gone at 120 moments: every state of the disk recovers" {
    ! with_asan || skip "the recorder is preloaded, and AddressSanitizer must be the first"
    expect 0 "${PYTHON3:-python3}" -B "$AF2_SRCDIR/tests/chaos/powerloss" --states 120
    said "states of the disk"
    echo "$output" >&3
}

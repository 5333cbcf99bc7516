#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Some rounds of what `make chaos` does at length; the promises are listed in `kills`.
load ../system/helper

@test "killed 50 times, anywhere: nothing is lost, made twice or left running" {
    expect 0 "${PYTHON3:-python3}" -B "$AF2_SRCDIR/tests/chaos/kills" --kills 50
    said "50 kills"
    echo "$output" >&3
}

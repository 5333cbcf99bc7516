#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Bad plugins cost themselves only.
load helper

bad=$AF2_BUILDDIR/tests/fixtures/plugins

@test "where no plugins are found, that is said first" {
    workflow a <<'DOT'
digraph a { a [plugin=command, argv="true"] }
DOT
    mkdir none
    AF2FLOW_PLUGIN_PATH=$ROOM/none expect 0 af2flow plugins list
    said "no plugins found in '$ROOM/none', '"
    AF2FLOW_PLUGIN_PATH=$ROOM/none expect 2 af2flow check a.dot
    said "no plugins found in '$ROOM/none', '"
    said "AF2FLOW_PLUGIN_PATH"
    expect 0 af2flow check a.dot
    not_said "no plugins found"
}

@test "wrong ABI, no entry symbol, a crash on load, not a shared object: each is listed with its reason" {
    mkdir bad
    cp "$bad"/.libs/{wrong_abi,no_entry,crash_load}.so bad/ 2>/dev/null ||
        cp "$bad"/{wrong_abi,no_entry,crash_load}.so bad/
    echo "not a plugin" >bad/text.so
    run af2flow plugins list --plugin-dir bad
    [ "$status" = 1 ]
    said "built for plugin interface 9"
    said "af2_plugin_entry"
    said "SIGSEGV"
    said "text.so"
    # the good ones are there all the same
    said "msa_hhblits"
    workflow w <<'DOT'
digraph w { a [plugin=crash_load] }
DOT
    expect 2 af2flow check w.dot --plugin-dir bad
    said "crash"
}

@test "plugins that misbehave while they run cost themselves only" {
    mkdir bad
    cp "$bad"/.libs/bad.so bad/ 2>/dev/null || cp "$bad"/bad.so bad/
    workflow w <<'DOT'
digraph w {
  node [plugin=bad]
  crashes [how=daemon_crash]
  exits   [how=exit]
  aborts  [how=abort]
  hangs   [how=hang, timeout="0.5s", grace="0.5s"]
  good    [plugin=command, argv="echo good", stdout=o, outputs="o:text"]
}
DOT
    expect 1 af2flow run w.dot --plugin-dir bad --run-dir r
    said "crashes: plugin-crash"
    said "exits: plugin-crash"
    said "aborts: plugin-crash"
    said "hangs: timeout"
    [ "$(cat r/results/good/o)" = good ]
}

@test "a plugin folder that others can write is refused with a word" {
    mkdir open
    cp "$AF2FLOW_PLUGIN_PATH/command.so" open/
    command chmod 777 open
    expect 2 af2flow plugins list --plugin-dir open
    said "open"
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Settings and plugins that others can write are refused with a word; stores and runs that all can
# write are warned of; a store of somebody else is not found by chance.
load helper

bats_require_minimum_version 1.5.0

setup() {
    room_setup
    workflow w <<'DOT'
digraph w { a [plugin=command, argv="true"] }
DOT
    mkdir etc
    echo "[resources]" >etc/my.ini
    chmod 755 etc
    chmod 644 etc/my.ini
}

@test "settings that everybody can write: the file, or the folder that it lies in" {
    expect 0 af2flow check w.dot --config etc/my.ini
    chmod o+w etc/my.ini
    expect 2 af2flow check w.dot --config etc/my.ini
    said "cannot use the settings 'etc/my.ini': everybody can write it"
    said "chmod go-w '$PWD/etc/my.ini'"
    [ "$(grep -c '^af2flow: ' <<<"$output")" = 1 ]
    chmod o-w etc/my.ini
    chmod 777 etc
    expect 2 af2flow check w.dot --config etc/my.ini
    said "its folder '$PWD/etc': everybody can write it"
    chmod +t etc # as /tmp: nobody can replace what is mine
    expect 0 af2flow check w.dot --config etc/my.ini
}

@test "a user's settings that everybody can write" {
    mkdir -p config/af2flow
    export XDG_CONFIG_HOME=$PWD/config
    echo "[resources]" >config/af2flow/af2flow.ini
    chmod 755 config/af2flow
    chmod 646 config/af2flow/af2flow.ini
    expect 2 af2flow check w.dot
    said "everybody can write it"
    chmod 600 config/af2flow/af2flow.ini
    expect 0 af2flow check w.dot
}

@test "a symlink to settings counts by what it leads to" {
    mkdir open
    ln -s ../open/my.ini etc/link.ini
    cp etc/my.ini open
    chmod 777 open
    expect 2 af2flow check w.dot --config etc/link.ini
    said "its folder '$PWD/open': everybody can write it"
}

@test "settings of a group: one that is the user's own, or shared" {
    chmod 664 etc/my.ini
    if [ "$(id -u)" = 0 ]; then
        expect 0 af2flow check w.dot --config etc/my.ini # root's own group
        chgrp 12345 etc/my.ini
        expect 2 af2flow check w.dot --config etc/my.ini
        said "its group can write it"
    else
        run af2flow check w.dot --config etc/my.ini
        # a group with the user's name and no other members, or not
        [ "$status" = 0 ] || said "its group can write it"
    fi
}

@test "settings and plugins of another user, but for the owner of the program itself" {
    [ "$(id -u)" = 0 ] || skip "only root can give files away"
    chown 12345 etc/my.ini
    expect 2 af2flow check w.dot --config etc/my.ini
    said "it belongs to another user"
    # software that is installed under an account of its own
    mkdir bin
    cp "$AF2_BUILDDIR/af2flow" bin
    chown 12345 bin/af2flow
    expect 0 bin/af2flow check w.dot --config etc/my.ini
    mkdir plugins
    cp "$AF2_BUILDDIR/plugins/.libs/command.so" plugins
    chown -R 12345 plugins
    expect 2 af2flow check w.dot --plugin-dir plugins
    said "it belongs to another user"
    expect 0 bin/af2flow check w.dot --plugin-dir plugins
}

@test "plugins that everybody can write: the folder, or the file" {
    mkdir plugins
    cp "$AF2_BUILDDIR/plugins/.libs/command.so" plugins
    chmod 755 plugins plugins/command.so
    expect 0 af2flow check w.dot --plugin-dir plugins
    chmod 777 plugins
    expect 2 af2flow check w.dot --plugin-dir plugins
    said "cannot use plugin folder '$PWD/plugins': everybody can write it"
    said "chmod go-w"
    chmod 755 plugins
    chmod o+w plugins/command.so
    expect 2 af2flow plugins info command --plugin-dir plugins
    said "everybody can write it (chmod go-w"
}

@test "a store and a run that everybody can write: a warning, and on it goes" {
    mkdir r st
    chmod 777 r st
    run --separate-stderr af2flow run w.dot --run-dir r --store st
    [ "$status" = 0 ]
    [[ $stderr == *"store '$PWD/st': everybody can write it"* ]]
    [[ $stderr == *"run '$PWD/r': everybody can write it"* ]]
    [ "$(wc -l <<<"$stderr")" = 2 ]
    chmod 1777 st
    chmod 775 r
    run --separate-stderr af2flow run w.dot --run-dir r --store st
    [ "$status" = 0 ]
    [ -z "$stderr" ]
}

@test "a store of another user on the way up is used only if it is named" {
    [ "$(id -u)" = 0 ] || skip "only root can give files away"
    mkdir -p .af2flow/store sub/folder
    chown -R 12345 .af2flow
    cp w.dot sub/folder
    cd sub/folder
    run --separate-stderr af2flow run w.dot --run-dir r
    [ "$status" = 0 ]
    [[ $stderr == *"'$ROOM/.af2flow' belongs to another user and is not used: --store DIR"* ]]
    [ -d .af2flow/store ]
    [ -z "$(ls -A "$ROOM/.af2flow/store")" ]
    run --separate-stderr af2flow run w.dot --run-dir r2 --store "$ROOM/.af2flow/store"
    [ "$status" = 0 ]
    [ -z "$stderr" ]
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# build-aux/alphafold-env: AlphaFold2's packages in an environment of their own, with the pinned
# hashes or not at all. A small wheel of the same name stands in for the real ones.
load helper

PLACES="model/model model/data data/pipeline data/pipeline_multimer data/feature_processing
    data/templates"

setup() {
    room_setup
    /usr/bin/python3 -c 'import ensurepip' 2>/dev/null || skip "no python3-venv"
    mkdir -p tree/build-aux tree/plugins/python wheels
    cp "$AF2_SRCDIR/build-aux/alphafold-env" tree/build-aux
    : >tree/plugins/python/alphafold-requirements-gpu.txt
    env=$ROOM/tree/build-aux/alphafold-env
    unset AF2FLOW_ALPHAFOLD_ENV AF2_ALPHAFOLD_PYTHON PYTHON3
    export XDG_CACHE_HOME=$ROOM/cache PIP_CONFIG_FILE=/dev/null PIP_NO_INDEX=1 \
        PIP_FIND_LINKS=$ROOM/wheels PIP_RETRIES=0
    # shellcheck disable=SC2086
    wheel 1.0 $PLACES
}

# wheel VERSION MODULES...: a wheel of alphafold, the only one in wheels/, and pins for it.
wheel() {
    rm -f wheels/*
    /usr/bin/python3 - "$@" <<'END'
import hashlib, sys, zipfile
version, *modules = sys.argv[1:]
path = "wheels/alphafold-%s-py3-none-any.whl" % version
with zipfile.ZipFile(path, "w") as out:
    info = "alphafold-%s.dist-info/" % version
    for folder in "", "model/", "data/":
        out.writestr("alphafold/%s__init__.py" % folder, "")
    for module in modules:
        out.writestr("alphafold/%s.py" % module, "")
    out.writestr(info + "METADATA", "Metadata-Version: 2.1\nName: alphafold\nVersion: %s\n" % version)
    out.writestr(info + "WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
    out.writestr(info + "RECORD", "")
with open(path, "rb") as file, open("tree/plugins/python/alphafold-requirements.txt", "w") as pins:
    pins.write("# pins\nalphafold==%s --hash=sha256:%s\n"
               % (version, hashlib.sha256(file.read()).hexdigest()))
END
}

@test "installed once, found afterwards, imports" {
    [ -z "$("$env" find)" ]
    expect 0 "$env" make
    python=$(tail -n 1 <<<"$output")
    [[ $python == "$ROOM"/cache/af2flow/alphafold-3.*/bin/python ]]
    "$python" -c 'import alphafold.model.model'
    [ "$("$env" find)" = "$python" ]
    rm wheels/*
    expect 0 "$env" make
    [ "$output" = "$python" ]
    [ "$("$env" find /usr/bin/other)" = /usr/bin/other ]
    # another comment is no other environment, other pins are
    echo '# more' >>tree/plugins/python/alphafold-requirements.txt
    [ "$("$env" find)" = "$python" ]
    # shellcheck disable=SC2086
    wheel 1.1 $PLACES
    [ -z "$("$env" find)" ]
    [ -x "$python" ]
}

@test "the one for GPUs serves without one, too, but not the other way round" {
    cp tree/plugins/python/alphafold-requirements.txt tree/plugins/python/alphafold-requirements-gpu.txt
    expect 0 "$env" make
    cpu=$(tail -n 1 <<<"$output")
    expect 0 "$env" make --gpu
    gpu=$(tail -n 1 <<<"$output")
    [ "$cpu" != "$gpu" ]
    [ "$("$env" find)" = "$gpu" ]
    expect 0 "$env" make
    [ "$output" = "$gpu" ]
}

@test "an installation that was cut off is done again" {
    expect 0 "$env" make
    python=$(tail -n 1 <<<"$output")
    rm "$(dirname "$python")/../complete" "$python"
    [ -z "$("$env" find)" ]
    expect 0 "$env" make
    [ "$("$env" find)" = "$python" ]
}

@test "other bytes than the pinned ones are not installed" {
    sed -i 's/sha256:..../sha256:0000/' tree/plugins/python/alphafold-requirements.txt
    expect 1 "$env" make
    said "could not install AlphaFold2's packages"
    [ -z "$("$env" find)" ]
}

@test "without an index it says so" {
    rm wheels/*
    unset PIP_NO_INDEX
    export PIP_INDEX_URL=http://127.0.0.1:9/simple
    expect 1 "$env" make
    said "reaches no package index"
    [ -z "$("$env" find)" ]
}

@test "a package that does not import is not taken" {
    wheel 2.0 model/model model/data
    expect 1 "$env" make
    said "alphafold.data.pipeline does not import"
    [ -z "$("$env" find)" ]
}

@test "a folder that is something else stays as it is" {
    mkdir -p mine/bin
    echo x >mine/bin/python
    export AF2FLOW_ALPHAFOLD_ENV=$ROOM/mine
    expect 1 "$env" make
    said "in use for something else"
    [ "$(cat mine/bin/python)" = x ]
    export AF2FLOW_ALPHAFOLD_ENV=$ROOM/own
    expect 0 "$env" make
    said "$ROOM/own/bin/python"
}

@test "everything is pinned, with hashes" {
    for file in "$AF2_SRCDIR"/plugins/python/alphafold-requirements*.txt; do
        sed -e '/^#/d' -e ':a' -e '/\\$/{N;ba' -e '}' "$file" | tr -d '\n\\' |
            sed 's/\([a-z0-9]\{64\}\)\([A-Za-z]\)/\1\n\2/g' >lines
        [ "$(wc -l <lines)" -ge 12 ]
        ! grep -v -E '^[A-Za-z0-9._-]+==[0-9.]+( +--hash=sha256:[0-9a-f]{64})+$' lines
    done
}

@test "a test that needs the packages is skipped, with the reason, where they are not" {
    printf 'INTERPRETER = "AF2_ALPHAFOLD_PYTHON"\nimport nothing_like_this\n' >test_it.py
    expect 0 env AF2_ALPHAFOLD_PYTHON= /usr/bin/python3 "$AF2_SRCDIR/tests/unittest_tap.py" test_it.py
    [[ $output == "1..0 # SKIP AF2_ALPHAFOLD_PYTHON is not set"* ]]
    expect 1 env AF2_ALPHAFOLD_PYTHON="$ROOM/none" /usr/bin/python3 \
        "$AF2_SRCDIR/tests/unittest_tap.py" test_it.py
    said "cannot run '$ROOM/none'"
    printf '#!/bin/sh\necho "ran $*"\n' >python
    chmod +x python
    expect 0 env AF2_ALPHAFOLD_PYTHON="$ROOM/python" /usr/bin/python3 \
        "$AF2_SRCDIR/tests/unittest_tap.py" test_it.py
    said "ran $AF2_SRCDIR/tests/unittest_tap.py test_it.py"
}

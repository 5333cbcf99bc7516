#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Every bad input gets one clear line, exit 2, and leaves nothing behind.
load helper

refused() { # TEXT COMMAND...: exit 2, says TEXT, leaves no run and no store
    local text=$1
    shift
    expect 2 "$@"
    said "$text"
    [ ! -e runs ]
    [ ! -e .af2flow/store/objects/00 ]
}

@test "DOT files that are none: missing, folder, empty, binary, huge, unreadable" {
    refused "nowhere.dot" af2flow run nowhere.dot
    mkdir folder.dot
    refused "folder" af2flow run folder.dot
    : >empty.dot
    refused "empty" af2flow run empty.dot
    head -c 4096 /bin/sh >binary.dot
    refused "binary.dot" af2flow run binary.dot
    { echo 'digraph h {'; yes 'a -> b;' | head -c 70000000; echo '}'; } >huge.dot
    refused "huge.dot" af2flow run huge.dot
    if [ "$(id -u)" != 0 ]; then
        echo 'digraph a {}' >closed.dot
        chmod 000 closed.dot
        refused "Permission denied" af2flow run closed.dot
    fi
}

@test "errors have file, line, column and a hint, and all are listed" {
    workflow many <<'DOT'
digraph many {
  node [plugin=command]
  a [argv="true", retires=2]
  b [argv="true", max_output=2]
  c [argv="true", retries=many]
  d [argv="true", cpus=0.5]
  e [argv="echo ${nme}"]
  graph [name="x"]
}
DOT
    refused "many.dot:3:19: " af2flow check many.dot
    said "retires"
    said "did you mean 'retries'"
    said "many.dot:5:"
    said "many.dot:6:"
    said "many.dot:7:"
    said "did you mean 'name'"
    sed -i 's/plugin=command/plugin=comand/' many.dot
    refused "did you mean 'command'" af2flow check many.dot
}

@test "a cycle is named" {
    workflow cycle <<'DOT'
digraph cycle {
  node [plugin=command, argv="true", inputs="i:text", outputs="o:text"]
  a -> b -> c -> a
}
DOT
    refused "cycle" af2flow check cycle.dot
    said "a"
    said "b"
    said "c"
}

@test "ports that do not fit are listed" {
    workflow fit <<'DOT'
digraph fit {
  node [plugin=command, argv="true"]
  a [outputs="o:pdb"]
  b [inputs="i:fasta"]
  a -> b
}
DOT
    refused "fit.dot:5" af2flow check fit.dot
    said "pdb"
    said "fasta"
}

@test "attributes and commands of later versions are refused by name" {
    workflow later <<'DOT'
digraph later { a [plugin=command, argv="true", exclusive=yes, gpu_memory="8G"] }
DOT
    refused "not in this version" af2flow check later.dot
    refused "not in this version" af2flow simulate later.dot
    refused "did you mean 'status'" af2flow statsu x
    refused "unknown option" af2flow run later.dot --frob
    refused "NAME=VALUE" af2flow run later.dot -p x
}

@test "parameters: unknown, unset, wrong type, missing file, database, program" {
    workflow p <<'DOT'
digraph p {
  graph [fasta="", db="/nowhere/db.fasta"]
  instance [fasta="${fasta}"]
  uniref90 [plugin=msa_jackhmmer, database="${db}", max_hits=lots]
  instance -> uniref90
}
DOT
    refused "max_hits" af2flow check p.dot -p fasta=x.fasta
    sed -i 's/lots/10/' p.dot
    refused "fast" af2flow check p.dot -p fsta=x.fasta
    said "did you mean 'fasta'"
    refused "fasta" af2flow check p.dot
    said "-p fasta="
    refused "x.fasta" af2flow check p.dot -p fasta=x.fasta
    said "/nowhere/db.fasta"
    workflow q <<'DOT'
digraph q {
  graph [fasta="x.fasta", db="x.fasta"]
  instance [fasta="${fasta}"]
  uniref90 [plugin=msa_jackhmmer, database="${db}", program="no-jackhmmer"]
  instance -> uniref90
}
DOT
    printf '>x\nMKV\n' >x.fasta
    refused "no-jackhmmer" af2flow check q.dot
    sed -i 's/program="no-jackhmmer"//' q.dot
    expect 0 af2flow check q.dot
}

@test "FASTA that is not protein: class permanent, with the line" {
    workflow f <<'DOT'
digraph f { graph [fasta=""] instance [fasta="${fasta}", retries=3] }
DOT
    printf '>dna\nACGTACGTACGTACGTACGTACGTACGTACGTACGTACGTACGTACGTACGT\n' >dna.fasta
    printf '>p\nMKV1LA\n' >digit.fasta
    printf 'MKVLA\n' >headless.fasta
    : >empty.fasta
    for f in dna digit headless empty; do
        expect 1 af2flow run f.dot -p fasta=$f.fasta --run-dir $f
        said "permanent"
        said "$f.fasta"
        [ "$(grep -c '"event":"start"' $f/journal)" = 1 ]
    done
}

@test "configuration: unknown keys, bad values and long lines are errors" {
    workflow a <<'DOT'
digraph a { a [plugin=command, argv="true"] }
DOT
    printf '[engine]\ngarce = 3s\n' >bad.ini
    refused "bad.ini:2" af2flow check a.dot --config bad.ini
    said "did you mean 'grace'"
    printf '[resources]\ncpus = many\n' >bad.ini
    refused "bad.ini:2" af2flow check a.dot --config bad.ini
    { echo '[store]'; printf 'path = '; head -c 500 /dev/zero | tr '\0' x; echo; } >bad.ini
    refused "bad.ini:2" af2flow check a.dot --config bad.ini
    refused "nowhere.ini" af2flow check a.dot --config nowhere.ini
    printf '[engine]\ngrace = 3s\n[resources]\ncpus = 1\n' >good.ini
    expect 0 af2flow check a.dot --config good.ini
}

@test "names cannot leave the run directory" {
    mkdir t
    workflow n <<'DOT'
digraph n {
  a [plugin=command, argv="echo ${x}", stdout=o, outputs="o:text", expand="x=../../evil,/abs,."]
}
DOT
    expect 0 af2flow run n.dot --run-dir r
    [ "$(find . -name '*evil*' -not -path './r/*' -not -path './.af2flow/*' | wc -l)" = 0 ]
    [ "$(find r/results/a -type f | wc -l)" = 3 ]
}

@test "check --json lists what check prints" {
    workflow j <<'DOT'
digraph j { a [plugin=command, argv="true", retires=2] }
DOT
    run af2flow check j.dot --json
    [ "$status" = 2 ]
    echo "$output" | /usr/bin/python3 -c 'import json,sys; d=json.load(sys.stdin); assert d[0]["line"]==1 and "retires" in d[0]["text"], d'
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# The demo for real: databases from packages, searches, models, relaxation, ranking; and what
# relaxation does when its worker dies, always fails, or asks for a device that is not there.
# One set of databases and one store for all tests of this file.
# once
load helper

setup_file() {
    export XDG_CACHE_HOME=$BATS_FILE_TMPDIR/cache XDG_CONFIG_HOME=$BATS_FILE_TMPDIR/config
    export SHARED=$BATS_FILE_TMPDIR/shared AF2FLOW_STORE=$BATS_FILE_TMPDIR/store
    unset CUDA_VISIBLE_DEVICES SLURM_JOB_ID
    mkdir -p "$SHARED"
    cp -r "$AF2_SRCDIR/workflows" "$SHARED/workflows"
    chmod -R u+w "$SHARED/workflows"
    local doc=(-p examples="${AF2_DEMO_EXAMPLES:-/usr/share/doc/mmseqs2/example-data/DB.fasta.gz}"
        -p calibration="${AF2_DEMO_CALIBRATION:-/usr/share/doc/pftools/examples/Calibration}")
    "$AF2_BUILDDIR/af2flow" run "$SHARED/workflows/demo_databases.dot" "${doc[@]}" \
        --run-dir "$SHARED/db" >"$SHARED/db.log" 2>&1 || { cat "$SHARED/db.log"; return 1; }
    "$AF2_BUILDDIR/af2flow" run "$SHARED/workflows/demo.dot" -p data_dir="$SHARED/db/results" \
        --run-dir "$SHARED/run" >"$SHARED/run.log" 2>&1 || { cat "$SHARED/run.log"; return 1; }
}

# demo.dot with another line for relax, so that relax runs anew and the rest is found.
relax_with() {
    sed "s|^\trelax  *\[.*|\trelax $1|" "$SHARED/workflows/demo.dot" >"$SHARED/workflows/$2.dot"
}

@test "five relaxed, ranked models in AlphaFold2's layout; the best is close to the truth" {
    cd "$SHARED/run/results/zucchini"
    for m in 1 2 3 4 5; do
        [ -s unrelaxed_model_${m}_pred_0.pdb ]
        [ -s relaxed_model_${m}_pred_0.pdb ]
        [ -s ranked_$((m - 1)).pdb ]
    done
    for f in features.npz ranking_debug.json relax_metrics.json timings.json \
        msas/uniref90_hits.sto msas/mgnify_hits.sto msas/bfd_uniref_hits.a3m msas/pdb_hits.hhr; do
        [ -s "$f" ]
    done
    best=0
    for m in ranked_?.pdb; do
        tm=$(TMalign "$m" "$SHARED/db/results/native/native" | awk '/^TM-score/ { t = $2 } END { print t }')
        best=$(echo "$tm $best" | awk '{ print ($1 > $2 ? $1 : $2) }')
    done
    echo "best TM-score $best"
    awk "BEGIN { exit !($best >= 0.7) }"
    /usr/bin/python3 - <<'PY'
import json
debug = json.load(open("ranking_debug.json"))
assert len(debug["order"]) == 5 and "plddts" not in debug, debug
metrics = json.load(open("relax_metrics.json"))
assert set(metrics) == set(debug["order"]), metrics
timings = json.load(open("timings.json"))
for m in debug["order"]:
    assert timings["relax_" + m] > 0 and timings["predict_and_compile_" + m] > 0, timings
PY
    grep -q "HOMOLOGY MODEL" ranked_0.pdb
}

@test "the second call does nothing" {
    expect 0 af2flow run "$SHARED/workflows/demo.dot" -p data_dir="$SHARED/db/results" --run-dir "$SHARED/run"
    said "nothing to do"
    expect 0 af2flow graph "$SHARED/run" --svg run.svg
    grep -q "relax" run.svg
}

@test "a relax worker killed by SIGKILL is retried" {
    relax_with '[ph=7.1, retries=2]' killed
    af2flow run "$SHARED/workflows/killed.dot" -p data_dir="$SHARED/db/results" --run-dir killed >log 2>&1 3>&- &
    pid=$!
    wait_for 60 grep -q "relax.*started" log
    victim() { victim=$(pgrep -f relax_openmm.py | while read -r p; do
        tr '\0' '\n' <"/proc/$p/environ" 2>/dev/null | grep -qx "TMPDIR=$ROOM" && echo "$p" && break; done); [ -n "$victim" ]; }
    wait_for 30 victim
    sleep 1
    kill -KILL "$victim"
    wait $pid && rc=0 || rc=$?
    [ "$rc" = 0 ] || { cat log; false; }
    grep -q "tried again" log
    expect 0 af2flow status killed
    said "signal:"
    said "attempt 2  ok"
    [ "$(ls killed/results/zucchini/relaxed_*.pdb | wc -l)" = 5 ]
}

@test "a relax that always fails costs its branch only: exit 3, four relaxed, five ranked" {
    mkdir py
    for m in 1 2 4 5; do printf '#!/bin/sh\nexec /usr/bin/python3 "$@"\n' >py/python-$m; done
    printf '#!/bin/sh\nkill -9 $$\n' >py/python-3
    chmod +x py/*
    relax_with "[ph=7.2, retries=1, on_failure=skip, python=\"$ROOM/py/python-\${model}\"]" broken
    expect 3 af2flow run "$SHARED/workflows/broken.dot" -p data_dir="$SHARED/db/results" --run-dir r
    said "relax[target=zucchini,model=3]"
    [ "$(ls r/results/zucchini/relaxed_*.pdb | wc -l)" = 4 ]
    [ "$(ls r/results/zucchini/ranked_*.pdb | wc -l)" = 5 ]
    [ ! -e r/results/zucchini/relaxed_model_3_pred_0.pdb ]
    /usr/bin/python3 -c '
import json
assert len(json.load(open("r/results/zucchini/relax_metrics.json"))) == 4
assert len(json.load(open("r/results/zucchini/ranking_debug.json"))["order"]) == 5'
}

@test "platform=CUDA without CUDA is unavailable; retry.platform=CPU rescues all five" {
    relax_with '[ph=7.3, platform=CUDA, retries=1, "retry.platform"=CPU]' cuda
    expect 0 af2flow run "$SHARED/workflows/cuda.dot" -p data_dir="$SHARED/db/results" --run-dir r
    [ "$(ls r/results/zucchini/relaxed_*.pdb | wc -l)" = 5 ]
    expect 0 af2flow status r
    [ "$(grep -c 'attempt 1  failed  unavailable: platform CUDA' <<<"$output")" = 5 ]
    [ "$(grep -c 'attempt 2  ok' <<<"$output")" = 5 ]
    # without another value there is nothing to try again
    relax_with '[ph=7.4, platform=CUDA, retries=3, on_failure=skip]' cuda2
    expect 3 af2flow run "$SHARED/workflows/cuda2.dot" -p data_dir="$SHARED/db/results" --run-dir r2
    [ "$(grep -c '"event":"retry"' r2/journal)" = 0 ]
    [ "$(ls r2/results/zucchini/ranked_*.pdb | wc -l)" = 5 ]
}

@test "prepared on a CPU node, predicted on a GPU node: the searches are not repeated" {
    export AF2FLOW_STORE=$ROOM/store
    sed 's/gpus=auto/gpus=1, structure_db="${structures}"/; s/effort="fast"/effort="fast", structures=""/' \
        "$SHARED/workflows/demo.dot" >"$SHARED/workflows/nodes.dot"
    flow=("$SHARED/workflows/nodes.dot" -p data_dir="$SHARED/db/results")
    expect 0 af2flow check "${flow[@]}" -p structures=/nowhere/structure_db.dat --until features \
        --topology "$FIX/topologies/cpu-2x38.xml"
    expect 2 af2flow check "${flow[@]}" -p structures=/nowhere/structure_db.dat \
        --topology "$FIX/topologies/cpu-2x38.xml"
    said "/nowhere/structure_db.dat"
    said "GPU"
    expect 0 af2flow run "${flow[@]}" --until features --topology "$FIX/topologies/cpu-2x38.xml" --cpus 4 --run-dir r
    said "bfd[target=zucchini]: done"
    expect 0 af2flow run "${flow[@]}" --topology "$FIX/topologies/gpu-2x38-8.xml" --until predict --run-dir r
    not_said "bfd[target=zucchini]: done"
    not_said "features[target=zucchini]: done"
    said "predict[target=zucchini,model=5]: done"
    af2flow status r --json | /usr/bin/python3 -c '
import json, sys
ids = [t["attempts"][-1]["gpu_ids"] for t in json.load(sys.stdin)["tasks"] if t["node"] == "predict"]
assert len(set(ids)) == 5, ids'
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# Four of five models of AlphaFold2's network fail, each in its own way; the fifth is ranked, and
# when the causes are gone the same command predicts the four.
# once
load helper
load alphafold

setup_file() {
    alphafold_data monomer
}

broken() {
    /usr/bin/python3 "$AF2_SRCDIR/tests/system/alphafold_broken.py" "$@"
}

# The workflow with a node of its own for model_4, which alone has ${memory_4} to run in: what a
# workflow says of memory is a limit, and the engine ends what goes beyond.
with_a_limit() {
    local dot=$AF2_SRCDIR/workflows/alphafold2.dot
    sed '$d' "$dot"
    echo '    graph [memory_4="600M"]'
    echo '    predict [when="${model} != model_4_pred_0"]'
    sed -n '/^\tpredict *\[/,/]$/p' "$dot" | sed 's/predict *\[/predict_4 [/'
    echo '    predict_4 [plugin=predict, memory="${memory_4}", when="${model} == model_4_pred_0"]'
    echo '    {models features compile} -> predict_4 -> rank'
    echo '}'
}

# The order of models in ranking_debug.json, sorted.
ranked() {
    /usr/bin/python3 -c 'import json, sys
print(*sorted(json.load(open(sys.argv[1]))["order"]))' r/results/mono/ranking_debug.json
}

# told MODEL TEXT: what explain says of its prediction.
told() {
    expect 0 af2flow explain r "$1"
    said "$2"
}

@test "four models fail, each in its own way: the fifth is ranked; mended, the four alone run" {
    need_alphafold
    with_a_limit >limited.dot
    export ALPHAFOLD2=$ROOM/limited.dot
    mv "$DATA/params" good
    mkdir "$DATA/params"
    cp good/params_model_[345].npz "$DATA/params"
    head -c 100000 good/params_model_1.npz >"$DATA/params/params_model_1.npz"
    broken huge good/params_model_2.npz "$DATA/params/params_model_2.npz"

    broken kill r 'predict[target=mono,model=model_3_pred_0]' 3 >killed 2>&1 3>&- &
    killer=$!
    run alphafold2 run "$DATA/mono.fasta" -p models_to_relax=none --run-dir r
    kill "$killer" 2>/dev/null || true
    cat killed
    echo "$output"
    [ "$status" = 3 ]
    [ "$(wc -l <killed)" = 3 ]
    [ "$(ranked)" = model_5_pred_0 ]
    [ -s r/results/mono/ranked_0.pdb ]
    [ ! -e r/results/mono/ranked_1.pdb ]

    # Each by its class; a broken file is not tried again.
    run broken attempts r
    diff - <(echo "$output") <<'END'
predict[target=mono,model=model_1_pred_0] permanent
predict[target=mono,model=model_2_pred_0] exit exit exit
predict[target=mono,model=model_3_pred_0] signal signal signal
predict[target=mono,model=model_5_pred_0] ok
predict_4[target=mono,model=model_4_pred_0] memory memory memory
END
    told 'predict[target=mono,model=model_1_pred_0]' "cannot read parameters '$DATA/params/params_model_1.npz'"
    told 'predict[target=mono,model=model_2_pred_0]' "no finite numbers"
    told 'predict[target=mono,model=model_3_pred_0]' "was killed by SIGKILL"
    told 'predict_4[target=mono,model=model_4_pred_0]' "memory"
    expect 0 af2flow status r --json
    for class in permanent exit signal memory; do
        said "\"class\": \"$class\""
    done

    # Good files, no killer, more memory: the four that have no result, and all are ranked. Each
    # has a GPU of its own by now, with cores near it, though JAX cannot use one here.
    cp good/params_model_[12].npz "$DATA/params"
    expect 0 alphafold2 run "$DATA/mono.fasta" -p models_to_relax=none -p memory_4=6G --run-dir r \
        --topology "$FIX/topologies/gpu-2x38-8.xml" --gpus 5
    said "a GPU is reserved, but JAX computes on the CPU"
    [ "$(broken slots r)" = 4 ]
    for i in 1 2 3; do
        said "predict[target=mono,model=model_${i}_pred_0]: done"
    done
    said "predict_4[target=mono,model=model_4_pred_0]: done"
    not_said "model_5_pred_0]: started"
    [ "$(ranked)" = "$(echo model_{1..5}_pred_0)" ]
    [ -s r/results/mono/ranked_4.pdb ]
}

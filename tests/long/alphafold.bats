#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# All five models of a monomer and of a complex, from FASTA through alphafold2.dot, against the
# package called directly, each in a process of its own: same features, seeds and numerics. Part
# of `make check-long`. 30 residues, or 80 in three chains; 16 + 16 MSA rows; 1 recycle.
load ../system/helper
load ../system/alphafold

setup_file() {
    alphafold_data monomer multimer
}

# five PRESET FASTA OPTIONS...: run the workflow, then compare with the package.
five() {
    local preset=$1 fasta=$2
    shift 2
    need_alphafold
    expect 0 alphafold2 run "$DATA/$fasta.fasta" -p model_preset="$preset" -p num_recycle=1 \
        -p models_to_relax=none --run-dir "$preset" "$@"
    expect 0 "$AF2_ALPHAFOLD_PYTHON" "$AF2_SRCDIR/tests/long/alphafold_equal.py" \
        "$preset/results/$fasta" "$DATA" 5 '{"num_recycle":1,"max_msa":16,"max_extra_msa":16}'
    echo "# $preset: ${output##*$'\n'}" >&3
    [ "$(grep -c '^ok ' <<<"$output")" = 5 ]
}

@test "five models of a monomer are those of the package" {
    five monomer mono
    for i in 0 1 2 3 4; do
        [ -s "monomer/results/mono/ranked_$i.pdb" ]
    done
}

@test "five models of a complex of three chains are those of the package" {
    five multimer pair -p num_multimer_predictions_per_model=1
    for i in 0 1 2 3 4; do
        [ -s "multimer/results/pair/ranked_$i.pdb" ]
    done
}

#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# workflows/alphafold2.dot for real: searches in tiny databases, and, where the Python of
# AF2_ALPHAFOLD_PYTHON has AlphaFold2, its network with random parameters, relaxation, ranking
# and every file that run_alphafold.py writes. One data folder and one store for all.
# once
load helper
load alphafold

setup_file() {
    alphafold_data model_1 model_2 model_1_multimer_v3
}

layout() {
    "$AF2_ALPHAFOLD_PYTHON" "$AF2_SRCDIR/tests/system/alphafold_layout.py" "$@"
}

@test "the workflow is sound, and drawn by dot without a word" {
    expect 0 alphafold2 check "$DATA/mono.fasta" --until hhsearch,bfd,small_bfd,mgnify
    expect 0 alphafold2 check "$DATA/pair.fasta" -p model_preset=multimer --until hmmsearch,uniprot
    expect 2 alphafold2 check "$DATA/mono.fasta" -p db_preset=small_dbs
    said "'small_dbs' is no choice of 'db_preset'"
    expect 2 alphafold2 check "$DATA/mono.fasta" -p model_preset= --until chain_features
    said "model_preset"
    expect 2 alphafold2 check "$DATA/mono.fasta" -p db_preset= --until chain_features
    said "parameter 'db_preset' of 'chain_features' is not set"
    dot -Tsvg "$AF2_SRCDIR/workflows/alphafold2.dot" -o drawn.svg 2>said
    [ ! -s said ]
    grep -q relax_best drawn.svg
}

@test "a monomer's alignments lie in msas, a complex's by chain; equal chains are searched once" {
    until=(--until "hhsearch,hmmsearch,bfd,small_bfd,mgnify,uniprot")
    expect 0 alphafold2 run "$DATA/mono.fasta,$DATA/second.fasta" "${until[@]}" --run-dir m
    for t in mono second; do
        for f in uniref90_hits.sto mgnify_hits.sto small_bfd_hits.sto pdb_hits.hhr; do
            [ -s "m/results/$t/msas/$f" ]
        done
        [ "$(find m/results/$t/msas -type d | wc -l)" = 1 ]
    done
    expect 0 alphafold2 run "$DATA/mono.fasta" "${until[@]}" -p db_preset=full_dbs --run-dir full
    [ -s full/results/mono/msas/bfd_uniref_hits.a3m ]
    [ ! -e full/results/mono/msas/small_bfd_hits.sto ]
    expect 0 alphafold2 run "$DATA/pair.fasta" -p model_preset=multimer "${until[@]}" --run-dir x
    for c in A C; do
        for f in uniref90_hits.sto mgnify_hits.sto small_bfd_hits.sto uniprot_hits.sto pdb_hits.sto; do
            [ -s "x/results/pair/msas/$c/$f" ]
        done
    done
    [ ! -e x/results/pair/msas/B ]
    [ -s x/results/pair/msas/chain_id_map.json ]
    # The chains are those of the monomers above.
    said "uniprot[target=pair,chain=C]: done"
    not_said "uniref90[target=pair,chain=A]: started"
    expect 1 alphafold2 run "$DATA/pair.fasta" "${until[@]}" --run-dir y
    said "has 3 sequences, model_preset=monomer takes one"
}

@test "missing weights are named, with the place where they belong" {
    expect 2 alphafold2 run "$DATA/mono.fasta" -p model_preset=monomer_ptm -p models=4 \
        --until models --run-dir r
    said "params/params_model_4_ptm.npz': No such file"
    said "put AlphaFold2's parameter files into '$DATA/params'"
}

@test "targets of one bucket are traced once, in one run and in the next" {
    need_alphafold
    programs() { alphafold2 run "$1" -p models=1 --until programs --run-dir "$2" "${@:3}"; }
    expect 0 programs "$DATA/mono.fasta,$DATA/second.fasta" both -p bucket=32
    [ "$(grep -c 'programs\[.*: started' <<<"$output")" = 1 ]
    # other seeds are other models, but not other networks
    expect 0 programs "$DATA/second.fasta" one -p bucket=32,64 -p random_seed=5
    said "models: started"
    not_said "programs[target=second]: started"
}

@test "AlphaFold2's network: every file of a monomer is as run_alphafold.py writes it" {
    need_alphafold
    mono() { alphafold2 run "$DATA/mono.fasta" -p models=1..2 -p random_seed=3 "$@"; }
    expect 0 mono --run-dir best
    layout best/results/mono 30 monomer best model_1_pred_0 model_2_pred_0
    expect 0 mono --run-dir best
    said "nothing to do"
    # With other ways to relax, nothing is predicted again.
    expect 0 mono -p models_to_relax=all --run-dir all
    not_said "predict[target=mono,model=model_1_pred_0]: started"
    layout all/results/mono 30 monomer all model_1_pred_0 model_2_pred_0
    expect 0 mono -p models_to_relax=none -p result_pickle=no --run-dir none
    [ ! -e none/results/mono/relax_metrics.json ]
    [ ! -e none/results/mono/result_model_1_pred_0.pkl ]
    [ -s none/results/mono/scores_model_1_pred_0.npz ]
    # A model has its seed whatever runs beside it.
    expect 0 alphafold2 run "$DATA/mono.fasta" -p models=2 -p random_seed=3 --run-dir two
    not_said "predict[target=mono,model=model_2_pred_0]: started"
}

@test "AlphaFold2's network: every file of a complex, two predictions of one model" {
    need_alphafold
    expect 0 alphafold2 run "$DATA/pair.fasta" -p model_preset=multimer -p models=1 \
        -p num_multimer_predictions_per_model=2 --run-dir x
    layout x/results/pair 80 multimer best model_1_multimer_v3_pred_0 \
        model_1_multimer_v3_pred_1
    # Another seed gives another structure.
    if cmp -s x/results/pair/unrelaxed_model_1_multimer_v3_pred_{0,1}.pdb; then false; fi
}

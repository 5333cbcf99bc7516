#!/usr/bin/env bats
# SPDX-License-Identifier: Apache-2.0
# workflows/alphafold2.dot with use_precomputed_msas: alignments of an earlier run in place of the
# searches.
# once
load helper
load alphafold

# The alignments and hits of a run, all but what AlphaFold2's Python makes.
UNTIL=(--until "hhsearch,hmmsearch,mgnify,bfd,small_bfd,uniprot,precomputed_msas")

setup_file() {
    AF2_ALPHAFOLD_PYTHON='' alphafold_data # no weights: nothing is predicted
    export EARLIER=$BATS_FILE_TMPDIR/earlier
    alphafold2 run "$DATA/mono.fasta,$DATA/second.fasta" "${UNTIL[@]}" --run-dir "$EARLIER/small"
    alphafold2 run "$DATA/mono.fasta" "${UNTIL[@]}" -p db_preset=full_dbs --run-dir "$EARLIER/full"
    alphafold2 run "$DATA/pair.fasta" "${UNTIL[@]}" -p model_preset=multimer --run-dir "$EARLIER/pair"
}

# Without the programs and databases of the searches, and in another store: what is there was taken.
taken() {
    local dir=$1 fasta=$2
    shift 2
    alphafold2 run "$fasta" -p use_precomputed_msas=yes -p precomputed_msas_dir="$dir" \
        -p jackhmmer_binary_path=no-jackhmmer -p hhblits_binary_path=no-hhblits \
        -p uniref90_database_path=no/db -p mgnify_database_path=no/db -p bfd_database_path=no/db \
        -p small_bfd_database_path=no/db -p uniprot_database_path=no/db --store "$ROOM/store" "$@"
}

@test "all alignments are taken as they are, of monomers and of each chain of a complex" {
    expect 0 taken "$EARLIER/small/results" "$DATA/mono.fasta,$DATA/second.fasta" "${UNTIL[@]}" \
        --run-dir small
    diff -r -x .published "$EARLIER/small/results" small/results
    not_said "uniref90[target=mono,chain=_]: started"
    expect 0 taken "$EARLIER/full/results" "$DATA/mono.fasta" "${UNTIL[@]}" \
        -p db_preset=full_dbs --run-dir full
    [ -s full/results/mono/msas/bfd_uniref_hits.a3m ]
    diff -r -x .published "$EARLIER/full/results" full/results
    expect 0 taken "$EARLIER/pair/results" "$DATA/pair.fasta" "${UNTIL[@]}" \
        -p model_preset=multimer --run-dir pair
    [ -s pair/results/pair/msas/C/uniprot_hits.sto ]
    diff -r -x .published "$EARLIER/pair/results" pair/results
}

@test "the contents count: what is moved is the same work, what is edited is not" {
    cp -r "$EARLIER/small/results" moved
    expect 0 taken "$EARLIER/small/results" "$DATA/mono.fasta" "${UNTIL[@]}" --run-dir r
    expect 0 taken moved "$DATA/mono.fasta" "${UNTIL[@]}" --run-dir s
    said "precomputed_msas[target=mono,chain=_]: result stands in the store"
    said "hhsearch[target=mono,chain=_]: result stands in the store"
    # A row less in one of them: it is taken again, and what does not read it stands.
    sed -i '/R00002/d' moved/mono/msas/mgnify_hits.sto
    expect 0 taken moved "$DATA/mono.fasta" "${UNTIL[@]}" --run-dir s
    said "precomputed_msas[target=mono,chain=_]: started"
    not_said "hhsearch[target=mono,chain=_]: started"
    cmp moved/mono/msas/mgnify_hits.sto s/results/mono/msas/mgnify_hits.sto
    # In the folder of the run itself, as AlphaFold2 has it.
    expect 0 taken s/results "$DATA/mono.fasta" "${UNTIL[@]}" --run-dir s
    cmp moved/mono/msas/mgnify_hits.sto s/results/mono/msas/mgnify_hits.sto
}

@test "features are the same bytes, and what follows them is done already" {
    need_alphafold
    expect 0 alphafold2 run "$DATA/mono.fasta" --until features --run-dir "$EARLIER/small"
    expect 0 taken "$EARLIER/small/results" "$DATA/mono.fasta" --until features --run-dir mono
    cmp "$EARLIER/small/results/mono/features.pkl" mono/results/mono/features.pkl
    expect 0 alphafold2 run "$DATA/pair.fasta" -p model_preset=multimer --until features \
        --run-dir "$EARLIER/pair"
    expect 0 taken "$EARLIER/pair/results" "$DATA/pair.fasta" -p model_preset=multimer \
        --until features --run-dir pair
    cmp "$EARLIER/pair/results/pair/features.pkl" pair/results/pair/features.pkl
    # In the store of the earlier run the features of the target stand.
    expect 0 taken "$EARLIER/pair/results" "$DATA/pair.fasta" -p model_preset=multimer \
        --until features --run-dir again --store "$AF2FLOW_STORE"
    said "chain_features[target=pair,chain=A]: started"
    said "
features[target=pair]: result stands in the store"
}

@test "alignments of another sequence, missing, cut and unwanted ones are refused in one line" {
    # The file's name is the same, the protein is not.
    mkdir other
    sed 's/H$/W/' "$DATA/mono.fasta" >other/mono.fasta
    expect 1 taken "$EARLIER/small/results" other/mono.fasta "${UNTIL[@]}" --run-dir r
    said "permanent: '$EARLIER/small/results/mono/msas/uniref90_hits.sto' is an alignment of another sequence: its first row has H as residue 30, the chain W"
    cp -r "$EARLIER/pair/results" moved
    sed -i '$d' moved/pair/msas/A/mgnify_hits.sto
    expect 1 taken moved "$DATA/pair.fasta" "${UNTIL[@]}" -p model_preset=multimer --run-dir x
    said "permanent: $PWD/moved/pair/msas/A/mgnify_hits.sto:"
    said "it is truncated"
    said "precomputed_msas[target=pair,chain=C]: done"
    rm moved/pair/msas/C/uniprot_hits.sto
    expect 2 taken moved "$DATA/pair.fasta" "${UNTIL[@]}" -p model_preset=multimer --run-dir x
    said "no alignment '$PWD/moved/pair/msas/C/uniprot_hits.sto': No such file or directory; put"
    expect 2 taken nowhere "$DATA/mono.fasta" "${UNTIL[@]}" --run-dir z
    said "nowhere"
    # A folder that is given, but not to be used.
    expect 2 taken "$EARLIER/small/results" "$DATA/mono.fasta" -p use_precomputed_msas=no \
        "${UNTIL[@]}" --run-dir z
    said "'no' is no choice of 'use_precomputed_msas'"
    # A folder's name is no switch.
    ln -s "$EARLIER/small/results" no
    expect 0 taken no "$DATA/mono.fasta" -p use_precomputed_msas=True "${UNTIL[@]}" --run-dir n
    said "precomputed_msas[target=mono,chain=_]: done"
}

@test "use_precomputed_msas without a folder leaves it to the store" {
    cp "$DATA/second.fasta" third.fasta
    expect 0 alphafold2 run third.fasta "${UNTIL[@]}" -p use_precomputed_msas=True --run-dir r
    said "nothing to do: all 5 tasks have their results"
    cmp r/results/third/msas/uniref90_hits.sto "$EARLIER/small/results/second/msas/uniref90_hits.sto"
}

# SPDX-License-Identifier: Apache-2.0
# For tests of workflows/alphafold2.dot (`load alphafold`, after `load helper`): tiny databases,
# AlphaFold2's network with random parameters.
#
#   alphafold_data MODEL...      in setup_file: $DATA, as alphafold_data.py makes it, with the
#                                parameters of these models, and one store for all tests
#   need_alphafold               skip the test where no Python has AlphaFold2
#   alphafold2 COMMAND FASTA...  af2flow COMMAND of $ALPHAFOLD2 (else the workflow as it is) on
#                                these data, small enough for a test

alphafold_data() {
    export XDG_CACHE_HOME=$BATS_FILE_TMPDIR/cache XDG_CONFIG_HOME=$BATS_FILE_TMPDIR/config
    export DATA=$BATS_FILE_TMPDIR/data AF2FLOW_STORE=$BATS_FILE_TMPDIR/store
    unset CUDA_VISIBLE_DEVICES SLURM_JOB_ID
    /usr/bin/python3 "$AF2_SRCDIR/tests/system/alphafold_data.py" \
        "$AF2_SRCDIR/workflows/demo" "$DATA"
    [ -z "${AF2_ALPHAFOLD_PYTHON:-}" ] ||
        "$AF2_ALPHAFOLD_PYTHON" "$AF2_SRCDIR/workflows/demo/random_params.py" "$DATA" "$@" \
            >"$BATS_FILE_TMPDIR/params.log" 2>&1
}

need_alphafold() {
    [ -n "${AF2_ALPHAFOLD_PYTHON:-}" ] || skip "AF2_ALPHAFOLD_PYTHON names no Python with AlphaFold2"
}

alphafold2() {
    local command=$1 fasta=$2
    shift 2
    af2flow "$command" "${ALPHAFOLD2:-$AF2_SRCDIR/workflows/alphafold2.dot}" \
        -p fasta_paths="$fasta" -p data_dir="$DATA" -p db_preset=reduced_dbs \
        -p max_template_date=2022-01-01 -p python="${AF2_ALPHAFOLD_PYTHON:-/usr/bin/python3}" \
        -p max_msa=16 -p max_extra_msa=16 -p num_recycle=0 "$@"
}

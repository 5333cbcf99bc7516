# SPDX-License-Identifier: Apache-2.0
"""One cold prediction, the naive way: a fresh process that loads, compiles and predicts one model.

    alphafold_cold.py features LENGTH ROWS SEED OUT.pkl OUT.fasta
    alphafold_cold.py predict FEATURES.pkl DATA_DIR NAME SEED OUT_DIR OPTIONS

`features` makes a random protein with an alignment of its mutants, through AlphaFold2's own
functions. `predict` calls the package as run_alphafold.py does for each model, and nothing of
af2flow: config, get_model_haiku_params, RunModel, process_features, the passes of recycling,
result_NAME.pkl, unrelaxed_NAME.pdb; NAME is model_1_pred_0 and the like. OPTIONS is JSON:
num_recycle, max_msa, max_extra_msa. Numerics are DeepMind's, as af2flow's are: float32 for
monomers, and float32 between recycles.
Prints one line of JSON: seconds of each part, and the process's peak memory.
"""
import json
import os
import pickle
import resource
import sys
import time

import numpy as np

LETTERS = "ACDEFGHIKLMNPQRSTVWY"


def mutants(length, rows, seed):
    """(sequence, alignment in A3M): `rows` relatives at 30 to 90 % identity."""
    draw = np.random.default_rng(seed)
    query = draw.integers(0, 20, length)
    text = ">query\n%s\n" % "".join(LETTERS[i] for i in query)
    for row in range(1, rows):
        changed = draw.random(length) > draw.uniform(0.3, 0.9)
        other = np.where(changed, draw.integers(0, 20, length), query)
        text += ">relative%d\n%s\n" % (row, "".join(LETTERS[i] for i in other))
    return "".join(LETTERS[i] for i in query), text


def make_features(length, rows, seed, out, fasta):
    from alphafold.data import parsers, pipeline
    sequence, alignment = mutants(length, rows, seed)
    features = dict(pipeline.make_sequence_features(sequence, "bench", length))
    features.update(pipeline.make_msa_features([parsers.parse_a3m(alignment)]))
    features.update(
        template_aatype=np.zeros((0, length, 22), np.float32),
        template_all_atom_masks=np.zeros((0, length, 37), np.float32),
        template_all_atom_positions=np.zeros((0, length, 37, 3), np.float32),
        template_domain_names=np.zeros(0, object), template_sequence=np.zeros(0, object),
        template_sum_probs=np.zeros((0, 1), np.float32))
    with open(out, "wb") as file:
        pickle.dump(features, file, protocol=4)
    with open(fasta, "w", encoding="ascii") as file:
        file.write(">bench%d\n%s\n" % (seed, sequence))


def configured(model, options):
    """AlphaFold2's configuration with the benchmark's sizes, in DeepMind's precision."""
    from alphafold.model import config
    cfg = config.model_config(model)
    cfg.model.num_recycle = options["num_recycle"]
    if cfg.model.global_config.multimer_mode:
        rows = cfg.model.embeddings_and_evoformer
        rows.num_msa = options["max_msa"] or rows.num_msa
        rows.num_extra_msa = options["max_extra_msa"] or rows.num_extra_msa
        return cfg
    cfg.model.global_config.bfloat16 = False
    common, sizes = cfg.data.common, cfg.data.eval
    common.num_recycle = options["num_recycle"]
    sizes.max_msa_clusters = options["max_msa"] or sizes.max_msa_clusters
    common.max_extra_msa = options["max_extra_msa"] or common.max_extra_msa
    return cfg


def passes(runner, params, features, seed):
    """All recycles; what is handed on is float32, as in DeepMind's code."""
    import jax
    n = features["aatype"].shape[-1]
    prev = {"prev_pos": np.zeros((n, 37, 3), np.float32),
            "prev_msa_first_row": np.zeros((n, 256), np.float32),
            "prev_pair": np.zeros((n, n, 128), np.float32)}
    key = jax.random.PRNGKey(seed)
    for sample in range(runner.config.model.num_recycle + 1):
        key, now = jax.random.split(key)
        batch = features if runner.multimer_mode else {
            name: array[sample:sample + 1] for name, array in features.items()}
        result = runner.apply(params, now, {**batch, "prev": prev})
        prev = result.pop("prev")
        if sample and result["tol"] < runner.config.model.recycle_early_stop_tolerance:
            break
    return jax.tree_util.tree_map(np.asarray, jax.device_get(result))


def write(result, features, name, folder):
    from alphafold.common import confidence, protein
    plddt = confidence.compute_plddt(result["predicted_lddt"]["logits"])
    multimer = "iptm" in result
    score = 0.8 * result["iptm"] + 0.2 * result["ptm"] if multimer else plddt.mean()
    result = {**result, "plddt": plddt, "ranking_confidence": float(score)}
    model = protein.from_prediction(features, result, remove_leading_feature_dimension=not multimer,
                                    b_factors=np.repeat(plddt[:, None], 37, axis=1))
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, "result_%s.pkl" % name), "wb") as file:
        pickle.dump(result, file, protocol=4)
    with open(os.path.join(folder, "unrelaxed_%s.pdb" % name), "w", encoding="ascii") as file:
        file.write(protein.to_pdb(model))


def predict(features_path, data_dir, name, seed, folder, options):
    model = name.partition("_pred_")[0]
    times, last = {}, time.monotonic()

    def lap(name):
        nonlocal last
        times[name], last = round(time.monotonic() - last, 2), time.monotonic()

    from alphafold.model import data
    from alphafold.model import model as network
    network._cast_result = lambda result: result
    lap("import")
    params = data.get_model_haiku_params(model, data_dir)
    runner = network.RunModel(configured(model, options), params)
    lap("load_params")
    with open(features_path, "rb") as file:
        features = runner.process_features(pickle.load(file), random_seed=seed)
    features = {k: v for k, v in features.items() if np.asarray(v).dtype != object}
    lap("process_features")
    result = passes(runner, params, features, seed)
    lap("predict_and_compile")
    write(result, features, name, folder)
    lap("write")
    times["peak_memory"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(json.dumps(times), flush=True)


def main():
    command, *words = sys.argv[1:]
    if command == "features":
        make_features(int(words[0]), int(words[1]), int(words[2]), words[3], words[4])
    else:
        predict(words[0], words[1], words[2], int(words[3]), words[4], json.loads(words[5]))


if __name__ == "__main__":
    main()

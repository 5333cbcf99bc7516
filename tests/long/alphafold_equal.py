# SPDX-License-Identifier: Apache-2.0
"""Are the models of a result folder those that the package makes when it is called directly?

    alphafold_equal.py RESULTS DATA_DIR RUNNERS OPTIONS

For each result_NAME.pkl in RESULTS, tests/bench/alphafold_cold.py predicts NAME again in a fresh
process, from RESULTS/features.pkl, with AlphaFold2's seed of it. One line a model:
"ok NAME: ..." or "not ok NAME: ...", with the largest differences, then one for all; the
status is 1 if any is not ok. RUNNERS is how many models AlphaFold2 would run (its seeds count
them), OPTIONS as of alphafold_cold.py.

Each process has one core, as a prediction has in the workflow where there is no GPU: how XLA splits
sums on a CPU, and so their last bits, depends on the number of threads. With as many, equal
programs give equal bits; with others a monomer (float32) stays equal to 0.001 A, but a
multimer (bfloat16), whose random parameters multiply every rounding, is another structure.
"""
import glob
import os
import pickle
import re
import subprocess
import sys
import tempfile

import numpy as np

HERE = os.path.dirname(os.path.abspath(__file__))
COLD = os.path.join(os.path.dirname(HERE), "bench", "alphafold_cold.py")
# What is compared, and how far it may be off: angstrom, pLDDT of 100, its logits, scores of 1.
LIMITS = {"coordinates": 2e-3, "plddt": 2e-3, "logits": 2e-4, "ranking_confidence": 2e-3}


def seed_of(name, runners):
    """AlphaFold2's index of a model runner, which is its seed for random_seed 0."""
    model, prediction = re.fullmatch(r"model_(\d)\w*_pred_(\d+)", name).groups()
    return (int(model) - 1) * (runners // 5) + int(prediction)


def load(folder, name):
    """What is compared of a model's pickle."""
    with open(os.path.join(folder, "result_%s.pkl" % name), "rb") as file:
        result = pickle.load(file)
    return {"coordinates": np.asarray(result["structure_module"]["final_atom_positions"]),
            "plddt": np.asarray(result["plddt"]),
            "logits": np.asarray(result["predicted_lddt"]["logits"]),
            "ranking_confidence": np.asarray(result["ranking_confidence"])}


def compare(results, data_dir, name, runners, options):
    """{what: largest difference} of one model, of the package's own shapes."""
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run([sys.executable, COLD, "predict", os.path.join(results, "features.pkl"),
                        data_dir, name, str(seed_of(name, runners)), folder, options],
                       check=True, stdout=subprocess.DEVNULL)
        mine, theirs = load(results, name), load(folder, name)
    for what, array in mine.items():
        if array.shape != theirs[what].shape or not np.isfinite(array).all():
            sys.exit("not ok %s: %s: %s and %s" % (name, what, array.shape, theirs[what].shape))
    return {what: float(abs(array - theirs[what]).max()) for what, array in mine.items()}


def main():
    results, data_dir, runners, options = sys.argv[1:]
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})  # the processes inherit it
    names = sorted(os.path.basename(path)[len("result_"):-len(".pkl")]
                   for path in glob.glob(os.path.join(results, "result_*.pkl")))
    good, most = bool(names), {}
    for name in names:
        found = compare(results, data_dir, name, int(runners), options)
        fine = all(found[what] <= LIMITS[what] for what in LIMITS)
        print("%s %s: %s" % ("ok" if fine else "not ok", name, found), flush=True)
        good = good and fine
        most = {what: max(found[what], most.get(what, 0)) for what in found}
    print("%d models; at most apart: %s" % (
        len(names), ", ".join("%s %.2g" % pair for pair in most.items())))
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()

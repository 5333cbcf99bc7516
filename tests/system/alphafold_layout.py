# SPDX-License-Identifier: Apache-2.0
"""Compare one target's results with what run_alphafold.py 2.3.2 writes for it.

    python alphafold_layout.py FOLDER RESIDUES PRESET RELAXED MODEL...

RELAXED: best, all or none. Names, keys, shapes and types are those of docs/alphafold2.md.
Runs in the Python that has AlphaFold2 (NumPy, Biopython).
"""
import json
import math
import os
import pickle
import sys

import numpy as np

# Name: (kind, shape); L residues, N rows, T templates.
MONOMER = {
    "aatype": ("i", ("L", 21)), "between_segment_residues": ("i", ("L",)),
    "domain_name": ("O", (1,)), "residue_index": ("i", ("L",)),
    "seq_length": ("i", ("L",)), "sequence": ("O", (1,)),
    "deletion_matrix_int": ("i", ("N", "L")), "msa": ("i", ("N", "L")),
    "num_alignments": ("i", ("L",)), "msa_species_identifiers": ("O", ("N",)),
    "template_aatype": ("f", ("T", "L", 22)),
    "template_all_atom_masks": ("f", ("T", "L", 37)),
    "template_all_atom_positions": ("f", ("T", "L", 37, 3)),
    "template_domain_names": ("O", ("T",)), "template_sequence": ("O", ("T",)),
    "template_sum_probs": ("f", ("T", 1)),
}
MULTIMER = {
    "aatype": ("i", ("L",)), "residue_index": ("i", ("L",)), "seq_length": ("i", ()),
    "msa": ("i", ("N", "L")), "num_alignments": ("i", ()),
    "template_aatype": ("i", ("T", "L")),
    "template_all_atom_mask": ("f", ("T", "L", 37)),
    "template_all_atom_positions": ("f", ("T", "L", 37, 3)),
    "asym_id": ("f", ("L",)), "sym_id": ("f", ("L",)), "entity_id": ("f", ("L",)),
    "deletion_matrix": ("f", ("N", "L")), "deletion_mean": ("f", ("L",)),
    "all_atom_mask": ("i", ("L", 37)), "all_atom_positions": ("f", ("L", 37, 3)),
    "assembly_num_chains": ("i", ()), "entity_mask": ("i", ("L",)),
    "num_templates": ("i", ()), "cluster_bias_mask": ("f", ("N",)),
    "bert_mask": ("f", ("N", "L")), "seq_mask": ("f", ("L",)), "msa_mask": ("f", ("N", "L")),
}
RESULT = {
    "plddt": ("L",), "structure_module.final_atom_positions": ("L", 37, 3),
    "structure_module.final_atom_mask": ("L", 37), "distogram.bin_edges": (63,),
    "distogram.logits": ("L", "L", 64), "predicted_lddt.logits": ("L", 50),
    "experimentally_resolved.logits": ("L", 37), "masked_msa.logits": (None, "L", None),
    "ranking_confidence": (),
}
WITH_PTM = {"predicted_aligned_error": ("L", "L"), "max_predicted_aligned_error": (),
            "aligned_confidence_probs": ("L", "L", 64), "ptm": ()}
WITH_IPTM = {"iptm": (), "num_recycles": ()}


def fits(shape, wanted, sizes):
    """Is `shape` that of `wanted`, whose letters stand for equal sizes?"""
    if len(shape) != len(wanted):
        return False
    return all(w is None or n == (w if isinstance(w, int) else sizes.setdefault(w, n))
               for n, w in zip(shape, wanted))


def check_features(path, residues, multimer):
    with open(path, "rb") as file:
        features = pickle.load(file)
    table, sizes = (MULTIMER if multimer else MONOMER), {"L": residues}
    assert set(features) == set(table), set(features) ^ set(table)
    for name, (kind, shape) in table.items():
        array = np.asarray(features[name])
        if not multimer and name.startswith("template_") and array.shape == (0,):
            continue  # as AlphaFold2 has it where there is no template
        assert fits(array.shape, shape, sizes), (name, array.shape, sizes)
        if array.size:
            assert array.dtype.kind == kind, (name, array.dtype)


def flat(result, prefix=""):
    for key, value in result.items():
        if isinstance(value, dict):
            yield from flat(value, prefix + key + ".")
        else:
            yield prefix + key, np.asarray(value)


def check_result(path, residues, table):
    with open(path, "rb") as file:
        result = pickle.load(file)
    arrays, sizes = dict(flat(result)), {"L": residues}
    missing = set(table) - set(arrays)
    assert not missing, (path, missing)
    tops = {name.split(".")[0] for name in table}
    assert set(result) == tops, set(result) ^ tops
    for name, shape in table.items():
        assert fits(arrays[name].shape, shape, sizes), (name, arrays[name].shape)
    assert (result["plddt"] >= 0).all() and (result["plddt"] <= 100).all()
    return result


def check_structure(path, residues, plddt=None):
    """Read it as everybody does; B factors are the pLDDT of each residue."""
    from Bio import PDB
    model = next(PDB.PDBParser(QUIET=True).get_structure("m", path).get_models())
    found = [r for chain in model for r in chain]
    assert len(found) == residues, (path, len(found))
    for residue, score in zip(found, plddt if plddt is not None else []):
        for atom in residue:
            assert abs(atom.get_bfactor() - score) < 0.006, (path, residue, atom, score)


def load(*parts):
    with open(os.path.join(*parts), encoding="utf-8") as file:
        return json.load(file)


def check_jsons(folder, models, results, label, relaxed):
    debug = load(folder, "ranking_debug.json")
    assert set(debug) == {label, "order"}, debug
    assert set(debug[label]) == set(models) == set(debug["order"]), debug
    for model, result in results.items():
        assert math.isclose(debug[label][model], float(result["ranking_confidence"]),
                            rel_tol=1e-6), (model, debug)
    scores = [debug[label][m] for m in debug["order"]]
    assert scores == sorted(scores, reverse=True), debug
    timings = load(folder, "timings.json")
    for key in ["features"] + ["%s_%s" % (kind, m) for m in models for kind in
                               ("process_features", "predict_and_compile")]:
        assert timings[key] >= 0, key
    chosen = {"best": debug["order"][:1], "all": debug["order"], "none": []}[relaxed]
    assert (relaxed != "none") == os.path.exists(os.path.join(folder, "relax_metrics.json"))
    for model in chosen:
        metrics = load(folder, "relax_metrics.json")[model]
        assert set(metrics) == {"remaining_violations", "remaining_violations_count"}
        assert metrics["remaining_violations_count"] == sum(metrics["remaining_violations"])
        assert timings["relax_" + model] > 0
    return debug["order"], chosen


def main(folder, residues, preset, relaxed, *models):
    residues, multimer = int(residues), preset == "multimer"
    check_features(os.path.join(folder, "features.pkl"), residues, multimer)
    table = dict(RESULT)
    table.update(WITH_PTM if multimer or preset == "monomer_ptm" else {})
    table.update(WITH_IPTM if multimer else {})
    results = {}
    for model in models:
        results[model] = check_result(os.path.join(folder, "result_%s.pkl" % model),
                                      residues, table)
        check_structure(os.path.join(folder, "unrelaxed_%s.pdb" % model), residues,
                        results[model]["plddt"])
    order, chosen = check_jsons(folder, models, results,
                                "iptm+ptm" if multimer else "plddts", relaxed)
    for model in models:
        path = os.path.join(folder, "relaxed_%s.pdb" % model)
        assert os.path.exists(path) == (model in chosen), path
    for i, model in enumerate(order):
        source = "%s_%s.pdb" % ("relaxed" if model in chosen else "unrelaxed", model)
        ranked = os.path.join(folder, "ranked_%d.pdb" % i)
        check_structure(ranked, residues, results[model]["plddt"])
        with open(ranked, "rb") as a, open(os.path.join(folder, source), "rb") as b:
            assert a.read() == b.read(), (ranked, source)
    assert not os.path.exists(os.path.join(folder, "ranked_%d.pdb" % len(models)))


if __name__ == "__main__":
    main(*sys.argv[1:])

# SPDX-License-Identifier: Apache-2.0
"""What AlphaFold2 writes for one model, from the network's result.

    result = confidences(network_result, multimer, recycles)
    write(paths, result, target)

The result has the keys, shapes and types of run_alphafold.py's result_<M>.pkl (v2.3.2);
confidences and PAE as JSON are those of its later versions. scores_<M>.npz is ours: what
is needed after a prediction, in a thousandth of the pickle's size.
"""

import inspect
import json
import pickle

from af2flow_worker import Failure

# What a result holds for every model, then what heads and multimers add; the rest that a
# network may hand out (its own means, a tolerance) is dropped.
_KEYS = ("distogram", "experimentally_resolved", "masked_msa", "predicted_lddt",
         "structure_module", "plddt", "aligned_confidence_probs",
         "max_predicted_aligned_error", "predicted_aligned_error", "ptm", "iptm",
         "num_recycles", "ranking_confidence")
_ATOMS = 37  # AlphaFold2's atom types of a residue


def _from_logits(head, multimer):
    """PAE, pTM and ipTM from the logits of a network that leaves them to us."""
    import numpy
    from alphafold.common import confidence
    logits, breaks = numpy.asarray(head["logits"]), numpy.asarray(head["breaks"])
    scores = confidence.compute_predicted_aligned_error(logits, breaks)
    scores["ptm"] = confidence.predicted_tm_score(logits, breaks)
    if multimer:
        parameters = inspect.signature(confidence.predicted_tm_score).parameters
        more = {"interface": True} if "interface" in parameters else {}
        scores["iptm"] = confidence.predicted_tm_score(
            logits, breaks, asym_id=numpy.asarray(head["asym_id"]), **more)
    return scores


def confidences(result, multimer, recycles):
    """AlphaFold2's result: the network's with pLDDT (0..100, a residue), PAE (Angstrom),
    pTM, ipTM and the confidence that models are ranked by."""
    import numpy
    from alphafold.common import confidence
    result = dict(result)
    head = result.get("predicted_aligned_error")
    if isinstance(head, dict):
        result.update(_from_logits(head, multimer))
    result["plddt"] = confidence.compute_plddt(result["predicted_lddt"]["logits"])
    for name in ("ptm", "iptm"):
        if name in result:
            result[name] = numpy.asarray(result[name], numpy.float64)
    if multimer:
        result["num_recycles"] = numpy.asarray(recycles, numpy.int32)
        result["ranking_confidence"] = numpy.float64(
            0.8 * result["iptm"] + 0.2 * result["ptm"])
    else:
        result["ranking_confidence"] = numpy.mean(result["plddt"])
    return {k: result[k] for k in _KEYS if k in result}


def check_finite(result):
    """Refuse coordinates or confidences that are not numbers."""
    import numpy
    for name, array in (("coordinates", result["structure_module"]["final_atom_positions"]),
                        ("confidences", result["plddt"])):
        if not numpy.isfinite(array).all():
            raise Failure("exit", "the network returned %s that are no finite numbers"
                          % name)


def _category(score):
    """AlphaFold2's letter for a pLDDT: disordered, low, medium, high."""
    return "D" if score < 50 else "L" if score < 70 else "M" if score < 90 else "H"


def confidence_json(plddt):
    """confidence_<M>.json."""
    return {"residueNumber": list(range(1, len(plddt) + 1)),
            "confidenceScore": [round(float(score), 2) for score in plddt],
            "confidenceCategory": [_category(score) for score in plddt]}


def pae_json(result):
    """pae_<M>.json."""
    import numpy
    pae = numpy.round(result["predicted_aligned_error"].astype(numpy.float64), 1)
    return [{"predicted_aligned_error": pae.tolist(),
             "max_predicted_aligned_error": float(result["max_predicted_aligned_error"])}]


def structure(result, target):
    """The model as PDB text, its B factors the pLDDT."""
    import numpy
    from alphafold.common import protein
    b_factors = numpy.repeat(result["plddt"][:, None], _ATOMS, axis=-1)
    model = protein.from_prediction(
        features=target.features, result=result, b_factors=b_factors,
        remove_leading_feature_dimension=not target.multimer)
    return protein.to_pdb(model)


def scores(result):
    """The arrays of scores_<M>.npz: plddt (L), pae (L, L; rows: aligned on), max_pae, ptm,
    iptm where the model has them, ranking_confidence."""
    import numpy
    arrays = {"plddt": result["plddt"].astype(numpy.float32),
              "ranking_confidence": numpy.float64(result["ranking_confidence"])}
    if "predicted_aligned_error" in result:
        arrays["pae"] = result["predicted_aligned_error"].astype(numpy.float16)
        arrays["max_pae"] = numpy.float32(result["max_predicted_aligned_error"])
    arrays.update({name: result[name] for name in ("ptm", "iptm") if name in result})
    return arrays


def _write_json(path, value):
    with open(path, "w", encoding="ascii") as file:
        json.dump(value, file, separators=(",", ":"), allow_nan=False)


def write(paths, result, target):
    """Write the files whose paths {port: path} are given."""
    import numpy
    with open(paths["unrelaxed"], "w", encoding="ascii") as file:
        file.write(structure(result, target))
    with open(paths["scores"], "wb") as file:
        numpy.savez_compressed(file, **scores(result))
    _write_json(paths["confidence"], confidence_json(result["plddt"]))
    if paths.get("pae"):
        _write_json(paths["pae"], pae_json(result))
    if paths.get("result"):
        with open(paths["result"], "wb") as file:
            pickle.dump(result, file, protocol=4)


def summary(result, multimer):
    """The values that go with a model: what ranks it, and its scores."""
    values = {"ranking": "iptm+ptm" if multimer else "plddts",
              "ranking_confidence": float(result["ranking_confidence"]),
              "mean_plddt": float(result["plddt"].mean()),
              "residues": len(result["plddt"])}
    values.update({name: float(result[name]) for name in ("ptm", "iptm")
                   if name in result})
    return values

# SPDX-License-Identifier: Apache-2.0
"""plugins/python/alphafold_outputs.py, and what alphafold_config.py finds out about the
installed code: on small stand-ins of both kinds of AlphaFold2's code."""

import contextlib
import os
import sys
import tempfile
import types
import unittest
from unittest import mock

SOURCE = os.environ.get("AF2_SRCDIR") or os.path.join(os.path.dirname(__file__), "..", "..")
sys.path.insert(0, os.path.join(os.path.abspath(SOURCE), "plugins", "python"))

import numpy  # noqa: E402

import alphafold_config as config  # noqa: E402
import alphafold_outputs as outputs  # noqa: E402

# What tells the two codes apart: who recycles, who samples a multimer's MSA.
INSIDE = """class AlphaFold:
    def __call__(self, batch):
        prev = {}
        prev['prev_pos'] = batch['aatype']
"""
OUTSIDE = """class AlphaFold:
    def __call__(self, batch):
        prev = batch.pop(%sprev%s)
"""


@contextlib.contextmanager
def installed(**modules):
    """Have `alphafold.model` be these modules, {name: source}, and nothing else."""
    with tempfile.TemporaryDirectory() as folder:
        model = os.path.join(folder, "alphafold", "model")
        os.makedirs(model)
        for name, source in {**modules, "__init__": "", "../__init__": ""}.items():
            with open(os.path.join(model, name + ".py"), "w", encoding="ascii") as file:
                file.write(source)
        others = {name: module for name, module in sys.modules.items()
                  if name.split(".")[0] != "alphafold"}
        with mock.patch.dict(sys.modules, others, clear=True), \
                mock.patch.object(sys, "path", [folder] + sys.path):
            config.recycles_outside.cache_clear()
            try:
                yield
            finally:
                config.recycles_outside.cache_clear()


class WhichCode(unittest.TestCase):
    def test_recycles(self):
        for source, outside in ((INSIDE, False), (OUTSIDE % ("'", "'"), True),
                                (OUTSIDE % ('"', '"'), True)):
            with self.subTest(source=source), installed(modules=source):
                self.assertEqual(config.recycles_outside(), outside)

    def test_samples(self):
        def cfg(ensemble):
            return types.SimpleNamespace(
                model=types.SimpleNamespace(num_ensemble_eval=ensemble))
        with installed(modules=INSIDE):
            self.assertIsNone(config.samples_outside(cfg(1)))
        with installed(modules=OUTSIDE, msa_sampling="NAME = 1\n"):
            self.assertEqual(config.samples_outside(cfg(1)).NAME, 1)
            self.assertIsNone(config.samples_outside(cfg(2)))


def confidence(interface):
    """A stand-in of alphafold.common.confidence that tells how it was called."""
    found = types.ModuleType("alphafold.common.confidence")
    found.compute_plddt = lambda logits: logits.sum(-1)
    found.compute_predicted_aligned_error = lambda logits, breaks: {
        "predicted_aligned_error": logits.mean(-1),
        "max_predicted_aligned_error": breaks[-1]}
    if interface:
        def score(logits, breaks, residue_weights=None, asym_id=None, interface=False):
            return numpy.float32(0.5 if asym_id is not None and interface else 0.25)
    else:
        def score(logits, breaks, residue_weights=None, asym_id=None):
            return numpy.float32(0.25 if asym_id is None else 0.5)
    found.predicted_tm_score = score
    return found


class Confidences(unittest.TestCase):
    """Of a network that leaves PAE and pTM to us (DeepMind's), and of one that does not."""

    def confidences(self, result, multimer, interface=True):
        common = types.ModuleType("alphafold.common")
        common.confidence = confidence(interface)
        package = types.ModuleType("alphafold")
        package.common = common
        with mock.patch.dict(sys.modules, {
                "alphafold": package, "alphafold.common": common,
                "alphafold.common.confidence": common.confidence}):
            return outputs.confidences(result, multimer, 2)

    def network(self, length=3):
        return {"predicted_lddt": {"logits": numpy.full((length, 4), 15.0)},
                "structure_module": {}, "representations": {},
                "predicted_aligned_error": {
                    "logits": numpy.ones((length, length, 5)),
                    "breaks": numpy.arange(4.0), "asym_id": numpy.ones(length)}}

    def test_from_logits(self):
        for interface in (True, False):
            found = self.confidences(self.network(), True, interface)
            self.assertEqual(found["predicted_aligned_error"].shape, (3, 3))
            self.assertEqual((found["ptm"], found["iptm"]), (0.25, 0.5))
            self.assertEqual(found["ptm"].dtype, numpy.float64)
            self.assertEqual(found["ranking_confidence"], 0.8 * 0.5 + 0.2 * 0.25)
            self.assertEqual(found["num_recycles"], 2)
            self.assertNotIn("representations", found)

    def test_monomers(self):
        found = self.confidences(self.network(), False)
        self.assertEqual(found["ranking_confidence"], 60)
        self.assertEqual(found["ptm"], 0.25)
        self.assertFalse({"iptm", "num_recycles"} & set(found))
        network = self.network()
        del network["predicted_aligned_error"]
        found = self.confidences(network, False)
        self.assertFalse({"ptm", "predicted_aligned_error"} & set(found))

    def test_finished_by_the_network(self):
        network = {**self.network(), "predicted_aligned_error": numpy.eye(3),
                   "ptm": numpy.float32(0.75), "iptm": numpy.float32(0.5)}
        found = self.confidences(network, True)
        self.assertTrue((found["predicted_aligned_error"] == numpy.eye(3)).all())
        self.assertAlmostEqual(found["ranking_confidence"], 0.8 * 0.5 + 0.2 * 0.75)


if __name__ == "__main__":
    unittest.main()

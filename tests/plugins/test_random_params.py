# SPDX-License-Identifier: Apache-2.0
"""workflows/demo/random_params.py: files that the real network takes for its own."""

import contextlib
import io
import os
import sys
import tempfile
import unittest

INTERPRETER = "AF2_ALPHAFOLD_PYTHON"
SOURCE = os.environ.get("AF2_SRCDIR") or os.path.join(os.path.dirname(__file__), "..", "..")
sys.path.insert(0, os.path.join(os.path.abspath(SOURCE), "workflows", "demo"))
os.environ["JAX_PLATFORMS"] = "cpu"

import numpy as np  # noqa: E402
import random_params  # noqa: E402
from alphafold.model import config, data  # noqa: E402
from alphafold.model import model as network  # noqa: E402

WEIGHTS = "alphafold/alphafold_iteration/structure_module/single_activations//weights"


def wanted(model):
    """{scope: {name: shape}} that the network of a model, as it is configured, asks for."""
    import jax
    cfg = config.model_config(model)
    if cfg.model.global_config.multimer_mode:
        cfg.model.embeddings_and_evoformer.num_msa = 8
        batch = random_params.multimer_batch()
    else:
        batch = random_params.monomer_batch(cfg)
    tree = jax.eval_shape(network.RunModel(cfg).init, jax.random.PRNGKey(0), batch)
    return jax.tree_util.tree_map(lambda array: array.shape, tree)


class Files(unittest.TestCase):
    def loads(self, model):
        with tempfile.TemporaryDirectory() as folder:
            path = random_params.write(folder, model)
            self.assertEqual(path, os.path.join(folder, "params", "params_%s.npz" % model))
            self.assertLess(os.path.getsize(path), 5e6)
            loaded = data.get_model_haiku_params(model, folder, to_jnp=False)
            with open(os.path.join(folder, "params", "RANDOM-PARAMETERS.txt")) as note:
                self.assertIn("mean nothing", note.read())
        got = {scope: {name: array.shape for name, array in arrays.items()}
               for scope, arrays in loaded.items()}
        self.assertEqual(got, wanted(model))
        for scope, arrays in loaded.items():
            for name, array in arrays.items():
                self.assertEqual(array.dtype, np.float32, (scope, name))
                self.assertTrue(np.isfinite(array).all(), (scope, name))
        self.assertGreater(sum(a.size for s in loaded.values() for a in s.values()), 92e6)

    def test_monomer(self):
        self.loads("model_1_ptm")

    def test_multimer(self):
        self.loads("model_4_multimer_v3")

    def test_apart(self):
        """The files of monomers have the left and right projections apart."""
        keys = [k for k in random_params.shapes("model_3") if "triangle_multiplication" in k]
        self.assertTrue(any("/left_projection//weights" in k for k in keys))
        self.assertEqual(len(random_params.shapes("model_3")), 265)


class Numbers(unittest.TestCase):
    def test_seeded(self):
        def first(model, seed):
            return random_params.array_of(model, WEIGHTS, (384, 384), seed)[0, 0]
        self.assertEqual(first("model_1", 0), first("model_1", 0))
        self.assertEqual(len({first(m, s) for m in ("model_1", "model_2") for s in (0, 1)}), 4)

    def test_full(self):
        small = random_params.array_of("m", WEIGHTS, (384, 384))
        full = random_params.array_of("m", WEIGHTS, (384, 384), full=True)
        self.assertLessEqual(len(np.unique(small)), random_params.PATTERN)
        self.assertGreater(len(np.unique(full)), 140000)
        for array in small, full:
            self.assertAlmostEqual(float(array.std()) * 384 ** 0.5, 1, delta=0.1)

    def test_neutral(self):
        for name, value in (("scale", 1), ("gating_b", 1), ("offset", 0), ("output_b", 0)):
            array = random_params.array_of("m", "scope//" + name, (4,))
            self.assertEqual(array.tolist(), [value] * 4)


class Command(unittest.TestCase):
    def test_names(self):
        self.assertEqual(random_params.models_of(["model_2", "monomer"]),
                         ["model_2", "model_1", "model_3", "model_4", "model_5"])
        with self.assertRaisesRegex(SystemExit, "unknown model 'model_9'"):
            random_params.main(["/nowhere", "model_9"])

    def test_missing(self):
        with tempfile.TemporaryDirectory() as folder:
            path = random_params.path_of(folder, "model_3")
            os.mkdir(os.path.dirname(path))
            with open(path, "w") as file:
                file.write("mine")
            with contextlib.redirect_stdout(io.StringIO()) as said:
                random_params.main(["--missing", folder, "model_3"])
            self.assertIn("mean nothing", said.getvalue())
            with open(path) as file:
                self.assertEqual(file.read(), "mine")
            self.assertEqual(os.listdir(os.path.dirname(path)), ["params_model_3.npz"])


if __name__ == "__main__":
    unittest.main()

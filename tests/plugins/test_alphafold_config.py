# SPDX-License-Identifier: Apache-2.0
"""plugins/python/alphafold_config.py: options, lengths and shapes, without weights."""

import os
import sys
import unittest

INTERPRETER = "AF2_ALPHAFOLD_PYTHON"
SOURCE = os.environ.get("AF2_SRCDIR") or os.path.join(os.path.dirname(__file__), "..", "..")
sys.path.insert(0, os.path.join(os.path.abspath(SOURCE), "plugins", "python"))
os.environ["JAX_PLATFORMS"] = "cpu"

import alphafold_batches as batches  # noqa: E402
import alphafold_config as config  # noqa: E402
from af2flow_worker import Failure  # noqa: E402


class Config(unittest.TestCase):
    def test_lengths(self):
        for bucket, want in (("", 70), ("0", 70), ("64", 128), ("35", 70),
                             ("64 96 256", 96), ("256,64", 256), ("16 32", 70)):
            self.assertEqual(config.padded_length(70, bucket), want, bucket)
        for bucket in ("x", "-4", "64 x"):
            with self.assertRaises(Failure):
                config.padded_length(70, bucket)

    def test_options(self):
        self.assertEqual(config.options({}), config.STOCK)
        self.assertEqual(config.options({"num_recycle": "0"}).num_recycle, 0)
        cfg = config.model_config("model_1")
        self.assertEqual(cfg.model.num_recycle, 3)
        self.assertFalse(cfg.model.global_config.get("bfloat16"))
        cfg = config.model_config("model_1_multimer_v3", config.options({"max_msa": "9"}))
        self.assertEqual(cfg.model.embeddings_and_evoformer.num_msa, 9)
        self.assertTrue(cfg.model.global_config.bfloat16)
        for model, args, text in (("model_9", {}, "no such model"),
                                  ("model_3", {"max_msa": "4"}, "'max_msa' must be over")):
            with self.assertRaisesRegex(Failure, text):
                config.model_config(model, config.options(args))

    def test_texts(self):
        def text(model, **more):
            return config.config_text(config.model_config(model, config.options(more)))
        self.assertEqual(text("model_3"), text("model_4"))
        self.assertEqual(text("model_1_multimer_v3"), text("model_3_multimer_v3"))
        self.assertNotEqual(text("model_4_multimer_v3"), text("model_3_multimer_v3"))
        self.assertNotEqual(text("model_3"), text("model_5"))
        self.assertNotEqual(text("model_3"), text("model_3_ptm"))
        self.assertNotEqual(text("model_3"), text("model_3", num_ensemble="2"))

    def test_a_network_leaves_its_configuration(self):
        cfg = config.model_config("model_3")
        before = config.config_text(cfg)
        config.network(cfg)
        self.assertEqual(config.config_text(cfg), before)

    def test_shapes_are_those_of_features(self):
        small = config.options({"max_msa": "8", "max_extra_msa": "16", "num_ensemble": "2"})
        cfg = config.model_config("model_1", small)
        target = batches.Target(cfg, config.toy_features(11), 0, "16")
        batch, shapes = target.batch(1, None), config.batch_shapes(cfg, 16)
        outside = config.recycles_outside()
        prev = {"prev": None} if outside else {}
        self.assertEqual({**batch, **prev}.keys(), shapes.keys())
        for name, array in batch.items():
            self.assertEqual((array.shape, array.dtype),
                             (shapes[name].shape, shapes[name].dtype), name)
        self.assertEqual(shapes["msa_feat"].shape, (2 if outside else 2 * 4, 4, 16, 49))
        self.assertEqual(config.prev_shapes(16)["prev_pair"].shape, (16, 16, 128))

    def test_rows(self):
        cfg = config.model_config("model_1_multimer_v3")
        least = 508 + 2048
        for depth, rows in ((1, least), (least, least), (least + 1, 4096), (5000, 8192)):
            self.assertEqual(config.msa_rows(cfg, depth), rows)
        # Where each pass averages several samples, the network draws them itself.
        cfg = config.model_config("model_1_multimer_v3", config.options({"num_ensemble": "2"}))
        self.assertIsNone(config.samples_outside(cfg))
        self.assertEqual(config.batch_shapes(cfg, 9, 3000)["msa"].shape, (4096, 9))


if __name__ == "__main__":
    unittest.main()

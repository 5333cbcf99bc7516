# SPDX-License-Identifier: Apache-2.0
"""plugins/python/predict_alphafold.py: the real network with random parameters.

The reference is the installed package called as run_alphafold.py calls it, with DeepMind's
numerics: nothing that it gives is cast to half precision.
"""

import json
import os
import pickle
import shutil
import sys
import tempfile
import types
import unittest
import unittest.mock

INTERPRETER = "AF2_ALPHAFOLD_PYTHON"
SOURCE = os.environ.get("AF2_SRCDIR") or os.path.join(os.path.dirname(__file__), "..", "..")
for folder in (("plugins", "python"), ("workflows", "demo")):
    sys.path.insert(0, os.path.join(os.path.abspath(SOURCE), *folder))
os.environ["JAX_PLATFORMS"] = "cpu"

import jax  # noqa: E402
import numpy  # noqa: E402

import af2flow_worker as worker  # noqa: E402
import alphafold_batches as batches  # noqa: E402
import alphafold_config as config  # noqa: E402
import alphafold_memory as memory  # noqa: E402
import alphafold_network as networks  # noqa: E402
import alphafold_outputs as outputs  # noqa: E402
import alphafold_programs as programs  # noqa: E402
import predict_alphafold as stage  # noqa: E402
import random_params  # noqa: E402
from af2flow_worker import Failure, Request  # noqa: E402

MODELS = ("model_1_ptm", "model_3", "model_4", "model_1_multimer_v3")
SMALL = {"num_recycle": "1", "max_msa": "8", "max_extra_msa": "8"}
LENGTH, ROWS = 14, 30


def setUpModule():
    """Parameters and features that all tests read."""
    global DATA, WARM
    DATA = tempfile.mkdtemp()
    for model in MODELS:
        random_params.write(DATA, model)
    save(monomer(), "monomer.pkl")
    save(multimer(), "multimer.pkl")
    stage.setup([])
    WARM = stage.NETWORK[0]


def tearDownModule():
    shutil.rmtree(DATA)


def save(raw, name):
    with open(os.path.join(DATA, name), "wb") as file:
        pickle.dump(raw, file, protocol=4)


def monomer(length=LENGTH):
    """Raw features: a random MSA with deletions and one template."""
    random = numpy.random.default_rng(7)
    raw = config.toy_features(length)
    raw["msa"] = random.integers(0, 21, (ROWS, length)).astype("int32")
    raw["msa"][0] %= 20
    raw["deletion_matrix_int"] = random.poisson(0.2, (ROWS, length)).astype("int32")
    raw["num_alignments"] = numpy.full(length, ROWS, "int32")
    raw["aatype"] = numpy.eye(21, dtype="int32")[raw["msa"][0]]
    raw["template_aatype"] = numpy.eye(22, dtype="float32")[raw["msa"][None, 0]]
    raw["template_all_atom_masks"] = numpy.ones((1, length, 37), "float32")
    raw["template_all_atom_positions"] = random.normal(
        0, 9, (1, length, 37, 3)).astype("float32")
    raw["template_domain_names"] = numpy.array([b"1abc_A"], object)
    raw["template_sequence"] = numpy.array([b"A" * length], object)
    raw["template_sum_probs"] = numpy.ones((1, 1), "float32")
    return raw


def multimer(first=8, second=6):
    """Raw features of two different chains, as AlphaFold2's pipeline merges them."""
    random = numpy.random.default_rng(8)
    length = first + second
    chain = numpy.repeat([1.0, 2.0], [first, second])
    ones = numpy.ones((ROWS, length), "float32")
    msa = random.integers(0, 21, (ROWS, length)).astype("int32")
    return {
        "aatype": msa[0] % 20, "msa": msa, "msa_mask": ones, "bert_mask": ones,
        "deletion_matrix": random.poisson(0.2, (ROWS, length)).astype("float32"),
        "cluster_bias_mask": numpy.eye(ROWS)[0], "num_alignments": numpy.array(ROWS),
        "residue_index": numpy.r_[:first, :second].astype("int32"),
        "seq_mask": ones[0], "seq_length": numpy.array(length), "asym_id": chain,
        "entity_id": chain, "sym_id": numpy.ones(length),
        "all_atom_mask": numpy.ones((length, 37), "int32"),
        "all_atom_positions": numpy.zeros((length, 37, 3)),
        "template_aatype": numpy.zeros((4, length), "int64"),
        "template_all_atom_mask": numpy.zeros((4, length, 37), "float32"),
        "template_all_atom_positions": numpy.zeros((4, length, 37, 3), "float32")}


def reference(model, raw, seed):
    """The package's own predict(), handing on float32."""
    from alphafold.model import data
    from alphafold.model import model as package
    cfg = config.model_config(model, config.options(SMALL))
    runner = package.RunModel(cfg, data.get_model_haiku_params(model, DATA))
    features = runner.process_features(raw, random_seed=seed)
    numbers = types.SimpleNamespace(zeros=jax.numpy.zeros, float16=jax.numpy.float32)
    if not hasattr(package, "_cast_result"):
        return runner.predict(features, random_seed=seed)
    with unittest.mock.patch.object(package, "jnp", numbers):
        result, _ = runner.predict(features, random_seed=seed)
    return result


class Case(unittest.TestCase):
    """Asks the stage as its host does, in a folder of its own."""

    def setUp(self):
        self.folder = tempfile.mkdtemp()

    def tearDown(self):
        shutil.rmtree(self.folder)

    def path(self, port, name):
        return os.path.join(self.folder, "%s_%s" % (port, name))

    def ask(self, model, features="monomer.pkl", **more):
        """The reply, and the result that was pickled."""
        name = model + "_pred_0"
        args = {"features": os.path.join(DATA, features), "name": name, "model": model,
                "seed": "3", "data_dir": DATA, "frugal": "1", **SMALL}
        args.update({port: self.path(port, name) for port in stage.OUTPUTS})
        if not ("_ptm" in model or config.is_multimer(model)):
            args["pae"] = ""
        args.update(more)
        frame = {"method": "predict", "args": args, "work_dir": self.folder}
        reply = worker.answer(stage.METHODS, json.dumps(frame))
        if not reply.get("ok"):
            return reply, None
        with open(args["result"], "rb") as file:
            return reply, pickle.load(file)

    def fails(self, cls, text, model, **more):
        reply, _ = self.ask(model, **more)
        self.assertEqual(reply.get("fail"), cls, reply)
        self.assertIn(text, reply["message"])
        return reply

    def alike(self, got, want, distance, degree=1e-3):
        """Equal to a tolerance: Angstrom, and pLDDT of 0 to 100."""
        there = want["structure_module"]
        self.assertTrue((got["structure_module"]["final_atom_mask"]
                         == there["final_atom_mask"]).all())
        self.assertLess(numpy.abs(got["structure_module"]["final_atom_positions"]
                                  - there["final_atom_positions"]).max(), distance)
        self.assertLess(numpy.abs(got["plddt"] - want["plddt"]).max(), degree)
        self.assertEqual(got["distogram"]["logits"].shape, want["distogram"]["logits"].shape)


class Monomer(Case):
    def test_equals_the_package(self):
        WARM.clear()  # other tests use these programs, too
        reply, got = self.ask("model_3")
        want = reference("model_3", monomer(), 3)
        self.alike(got, want, 1e-3)
        self.assertEqual(reply["measures"]["compiled"], 1)
        self.assertIn("compiled the network", reply["log"][0])
        self.assertAlmostEqual(reply["values"]["ranking_confidence"],
                               float(want["plddt"].mean()), 3)
        # Another seed is another sample of the MSA.
        _, other = self.ask("model_3", seed="4")
        self.assertGreater(numpy.abs(other["plddt"] - got["plddt"]).max(), 1e-3)
        # Once more, for its time alone.
        timing = "timings.predict_benchmark_model_3_pred_0"
        self.assertNotIn(timing, reply["measures"])
        reply, again = self.ask("model_3", benchmark="1")
        self.alike(again, got, 1e-6)
        self.assertGreater(reply["measures"][timing], 0)
        # Another model of the group finds the program compiled; another bucket does not.
        reply, fourth = self.ask("model_4")
        self.assertEqual(reply["measures"]["compiled"], 0)
        self.assertGreater(numpy.abs(fourth["plddt"] - got["plddt"]).max(), 1e-3)
        # Padded to a bucket: equal inside.
        reply, padded = self.ask("model_3", bucket="24")
        self.assertEqual(reply["measures"]["compiled"], 1)
        self.assertIn("padded to 24", reply["log"][-1])
        self.alike(padded, got, 5e-3)
        # A target of another length in that bucket compiles nothing.
        save(monomer(20), "longer.pkl")
        reply, longer = self.ask("model_3", features="longer.pkl", bucket="24")
        self.assertEqual(reply["measures"]["compiled"], 0)
        self.assertEqual(longer["plddt"].shape, (20,))

    def test_ptm_equals_the_package(self):
        reply, got = self.ask("model_1_ptm")
        want = reference("model_1_ptm", monomer(), 3)
        self.alike(got, want, 1e-3)
        self.assertLess(numpy.abs(got["predicted_aligned_error"]
                                  - want["predicted_aligned_error"]).max(), 1e-3)
        self.assertAlmostEqual(float(got["ptm"]), float(want["ptm"]), 6)
        self.assertEqual(reply["values"]["ranking"], "plddts")
        self.check_files(got)
        self.check_result(got)

    def check_result(self, got):
        """Keys, types and shapes of result_<M>.pkl as run_alphafold.py v2.3.2 has them."""
        leaves = {jax.tree_util.keystr(k, simple=True, separator="/"):
                  (str(v.dtype), numpy.shape(v))
                  for k, v in jax.tree_util.tree_leaves_with_path(got)}
        n, f4, f8 = LENGTH, "float32", "float64"
        self.assertEqual(leaves, {
            "distogram/bin_edges": (f4, (63,)), "distogram/logits": (f4, (n, n, 64)),
            "experimentally_resolved/logits": (f4, (n, 37)),
            "masked_msa/logits": (f4, (4, n, 23)), "predicted_lddt/logits": (f4, (n, 50)),
            "structure_module/final_atom_mask": (f4, (n, 37)),
            "structure_module/final_atom_positions": (f4, (n, 37, 3)),
            "aligned_confidence_probs": (f4, (n, n, 64)),
            "max_predicted_aligned_error": (f4, ()),
            "predicted_aligned_error": (f4, (n, n)), "plddt": (f8, (n,)),
            "ptm": (f8, ()), "ranking_confidence": (f8, ())})

    def check_files(self, got):
        """What other programs read."""
        name = "model_1_ptm_pred_0"
        with open(self.path("confidence", name), encoding="ascii") as file:
            confidence = json.load(file)
        self.assertEqual(list(confidence), ["residueNumber", "confidenceScore",
                                            "confidenceCategory"])
        self.assertEqual(confidence["confidenceScore"][0], round(got["plddt"][0], 2))
        self.assertEqual(confidence["confidenceCategory"],
                         ["D" if plddt < 50 else "L" for plddt in got["plddt"]])
        with open(self.path("pae", name), encoding="ascii") as file:
            pae = json.load(file)
        self.assertEqual(list(pae[0]), ["predicted_aligned_error",
                                        "max_predicted_aligned_error"])
        self.assertEqual(pae[0]["max_predicted_aligned_error"], 31.75)
        self.assertEqual(numpy.shape(pae[0]["predicted_aligned_error"]), (LENGTH, LENGTH))
        scores = numpy.load(self.path("scores", name))
        self.assertEqual(set(scores), {"plddt", "pae", "max_pae", "ptm",
                                       "ranking_confidence"})
        self.assertLess(os.path.getsize(self.path("scores", name)),
                        os.path.getsize(self.path("result", name)) / 20)
        self.check_structure(self.path("unrelaxed", name), got)

    def check_structure(self, path, got):
        from Bio.PDB import PDBParser
        chains = list(PDBParser(QUIET=True).get_structure("x", path)[0])
        residues = list(chains[0])
        self.assertEqual((len(chains), len(residues)), (1, LENGTH))
        for residue, plddt, xyz in zip(
                residues, got["plddt"], got["structure_module"]["final_atom_positions"]):
            self.assertAlmostEqual(residue["CA"].bfactor, plddt, 2)
            self.assertLess(numpy.abs(residue["CA"].coord - xyz[1]).max(), 1e-2)


class Multimer(Case):
    MODEL = "model_1_multimer_v3"

    def test_equals_the_package(self):
        reply, got = self.ask(self.MODEL, features="multimer.pkl")
        raw = batches.Target(config.model_config(self.MODEL, config.options(SMALL)),
                             multimer(), 0).features
        want = reference(self.MODEL, raw, 3)
        self.alike(got, want, 1e-3)
        self.assertEqual(reply["values"]["ranking"], "iptm+ptm")
        # The package's own is of 0 to 100, DeepMind's of 0 to 1.
        package = config.recycles_outside()
        self.assertAlmostEqual(reply["values"]["ranking_confidence"],
                               float(want["ranking_confidence"]) / (100 if package else 1), 5)
        self.assertEqual((str(got["iptm"].dtype), got["iptm"].shape), ("float64", ()))
        self.assertEqual(int(got["num_recycles"]), 1)
        # The depth of the MSA is no part of the program, if it is sampled outside.
        deep = multimer()
        for name in ("msa", "msa_mask", "bert_mask", "deletion_matrix"):
            deep[name] = numpy.concatenate([deep[name]] * 2)
        deep["cluster_bias_mask"] = numpy.eye(2 * ROWS)[0]
        save(deep, "deep.pkl")
        reply, _ = self.ask(self.MODEL, features="deep.pkl")
        self.assertEqual(reply["measures"]["compiled"], 0 if package else 1)
        with open(self.path("unrelaxed", self.MODEL + "_pred_0"), encoding="ascii") as file:
            # AlphaFold2 counts chains from 1 here, and from 0 where it names them.
            self.assertEqual({line[21] for line in file if line.startswith("ATOM")},
                             {"B", "C"})

    def test_padded_samples_are_equal(self):
        # The network computes in bfloat16, so that padding changes its rounding. What it
        # is given is equal to the bit.
        cfg = config.model_config(self.MODEL, config.options(SMALL))
        if not config.samples_outside(cfg):
            self.skipTest("this AlphaFold2 samples inside the network")
        sample, key = batches.make_sampler(cfg), jax.random.PRNGKey(5)
        short = batches.Target(cfg, multimer(), 0, "0", sample).batch(0, key)
        long = batches.Target(cfg, multimer(), 0, "24", sample).batch(0, key)
        self.assertEqual(set(short), set(long))
        live = numpy.asarray(short["msa_mask"]).any(axis=1)
        for name in ("msa", "msa_mask", "cluster_profile", "cluster_deletion_mean",
                     "bert_mask", "true_msa"):
            a = numpy.asarray(short[name])[live]
            b = numpy.asarray(long[name])[live]
            self.assertTrue((a == b[:, :LENGTH]).all(), name)
            self.assertFalse(b[:, LENGTH:].any(), name)


class Broken(Case):
    """What is wrong costs one task, in words that say what to do."""

    def params(self, change, model="model_3"):
        """data_dir with a model's parameters changed by change({name: array})."""
        with numpy.load(networks.params_path(DATA, model)) as file:
            arrays = {name: file[name] for name in file.files}
        change(arrays)
        os.makedirs(os.path.join(self.folder, "params"))
        numpy.savez(networks.params_path(self.folder, model), **arrays)
        return self.folder

    def test_missing(self):
        self.fails("unavailable", "there are no parameters '%s/params/params_model_3.npz'"
                   % self.folder, "model_3", data_dir=self.folder)

    def test_cannot_be_opened(self):
        """That is not the file's fault, and may pass."""
        path = networks.params_path(self.folder, "model_3")
        os.makedirs(path)  # a folder
        self.fails("transient", "Is a directory", "model_3", data_dir=self.folder)

    def test_no_archive(self):
        os.makedirs(os.path.join(self.folder, "params"))
        path = networks.params_path(self.folder, "model_3")
        for body in (b"", b"text", b"<html>404</html>", b"PK\3\4 broken"):
            with open(path, "wb") as file:
                file.write(body)
            self.fails("permanent", "cannot read parameters '%s': it is no .npz archive, or cut "
                       "off: download it again" % path, "model_3", data_dir=self.folder)

    def test_nan(self):
        def change(arrays):
            arrays[sorted(arrays)[9]].flat[5] = numpy.nan
        self.fails("permanent", "are broken", "model_3", data_dir=self.params(change))

    def test_of_another_model(self):
        self.params(lambda arrays: None)
        os.rename(networks.params_path(self.folder, "model_3"),
                  networks.params_path(self.folder, "model_1"))
        self.fails("permanent", "are not of this model: they lack '", "model_1",
                   data_dir=self.folder)

    def test_other_shape(self):
        def change(arrays):
            name = next(n for n in arrays if "evoformer/preprocess_1d//weights" in n)
            arrays[name] = arrays[name][:-1]
        self.fails("permanent", "preprocess_1d//weights' as [21, 256], the network needs "
                   "[22, 256]", "model_3", data_dir=self.params(change))

    def test_fewer_layers(self):
        def change(arrays):
            name = next(n for n in arrays if "evoformer_iteration/pair_transition/" in n)
            arrays[name] = arrays[name][:3]
        self.fails("permanent", "are not of this model: they have '", "model_3",
                   data_dir=self.params(change))

    def test_features(self):
        raw = monomer()
        raw["template_all_atom_positions"][0, 1] = numpy.nan
        save(raw, "nan.pkl")
        self.fails("permanent", "NaN or infinity in 'template_all_atom_positions'",
                   "model_1_ptm", features="nan.pkl")
        del raw["template_all_atom_positions"], raw["msa"]
        save(raw, "lacking.pkl")
        self.fails("permanent", "features lack", "model_3", features="lacking.pkl")
        raw = multimer()
        del raw["asym_id"]
        save(raw, "lacking.pkl")
        self.fails("permanent", "features lack 'asym_id'", Multimer.MODEL,
                   features="lacking.pkl")

    def test_features_that_are_a_program(self):
        save(os.system, "evil.pkl")
        self.fails("permanent", "cannot read features", "model_3", features="evil.pkl")

    def test_no_such_model(self):
        self.params(lambda arrays: None)
        os.rename(networks.params_path(self.folder, "model_3"),
                  networks.params_path(self.folder, "model_9"))
        self.fails("permanent", "no such model: 'model_9'", "model_9", data_dir=self.folder)

    def test_not_a_number(self):
        result = {"structure_module": {"final_atom_positions": numpy.zeros((2, 37, 3))},
                  "plddt": numpy.array([50, numpy.nan])}
        with self.assertRaises(Failure) as caught:
            outputs.check_finite(result)
        self.assertEqual(caught.exception.cls, "exit")

    def test_out_of_memory(self):
        error = RuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 9 bytes.")
        with unittest.mock.patch.object(WARM, "predict", side_effect=error):
            self.fails("memory", "RESOURCE_EXHAUSTED", "model_3")

    def test_too_big(self):
        # Told before it runs: what the compiler planned is more than what is left.
        with unittest.mock.patch.object(memory, "room", return_value=(1 << 20, "the GPU")), \
                unittest.mock.patch.object(programs.Program, "__call__") as call:
            self.fails("memory", "beside its parameters for %d residues, the GPU has 0.00 GiB "
                       "left" % LENGTH, "model_3")
            call.assert_not_called()
        reply, _ = self.ask("model_3")
        need = reply["measures"]["memory_estimate"]
        weights = memory.bytes_of(WARM.parameters(networks.params_path(DATA, "model_3")))
        self.assertGreater(need, weights)
        self.assertLess(need, 2 * weights)

    def test_goes_on(self):
        self.test_missing()
        self.assertTrue(self.ask("model_3")[0]["ok"])


class Caches(Case):
    def test_a_copy_is_used(self):
        cache = os.path.join(self.folder, "cache")
        os.makedirs(cache)
        WARM.clear()
        programs.enable_cache(cache)
        cfg = config.model_config("model_3", config.options(SMALL))
        batch = config.batch_shapes(cfg, LENGTH)
        programs.Programs().program(cfg, batch).compile()
        WARM.clear()
        before = programs.entries(cache)
        reply, _ = self.ask("model_3", caches=[cache])
        self.assertEqual(reply["measures"]["compiled"], 0)
        self.assertGreater(reply["measures"]["cache_hits"], 0)
        self.assertEqual(reply["warnings"], [])
        self.assertEqual(programs.entries(cache), before)
        # One that holds nothing of use: compiled all the same, and said.
        WARM.clear()
        empty = os.path.join(self.folder, "empty")
        os.makedirs(empty)
        shutil.rmtree(os.path.join(self.folder, "jax_cache"))
        reply, _ = self.ask("model_3", caches=[empty])
        self.assertEqual(reply["measures"]["compiled"], 1)
        self.assertIn("though caches were given", reply["warnings"][0])
        self.assertEqual(programs.entries(empty), [])


class Requests(unittest.TestCase):
    def element(self, **more):
        element = {"name": "model_3_pred_0", "model": "model_3", "random_seed": 7,
                   "params": {"file": "params_model_3.npz"}, **more}
        path = os.path.join(DATA, "element.json")
        with open(path, "w", encoding="ascii") as file:
            json.dump(element, file)
        return Request({"args": {"name": "model_3_pred_0", "element": path,
                                 "data_dir": "/data"}})

    def test_element(self):
        request = self.element(num_ensemble=8)
        element = stage.Element(request)
        self.assertEqual((element.model, element.seed, element.params),
                         ("model_3", 7, "/data/params/params_model_3.npz"))
        self.assertEqual(stage.configure(request, element).data.eval.num_ensemble, 8)
        request.args["frugal"] = "4"
        self.assertEqual(
            stage.configure(request, element).model.global_config.subbatch_size, 1)
        for broken in ({"name": "model_4_pred_0"}, {"params": None}, {"random_seed": "x"}):
            with self.subTest(broken=broken), self.assertRaisesRegex(Failure, "model_3_pred_0"):
                stage.Element(self.element(**broken))

    def test_categories(self):
        plddt = numpy.array([0, 49.99, 50, 70, 89.99, 90, 100.0])
        self.assertEqual("".join(outputs.confidence_json(plddt)["confidenceCategory"]),
                         "DDLMMHH")


if __name__ == "__main__":
    unittest.main()

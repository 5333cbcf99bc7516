# SPDX-License-Identifier: Apache-2.0
"""plugins/python/alphafold_programs.py and the stages on it: what shares a program, and that
a compiled one is found again in another folder, by another process, for another model."""

import json
import os
import pickle
import shutil
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

INTERPRETER = "AF2_ALPHAFOLD_PYTHON"
SOURCE = os.environ.get("AF2_SRCDIR") or os.path.join(os.path.dirname(__file__), "..", "..")
PYTHON = os.path.join(os.path.abspath(SOURCE), "plugins", "python")
sys.path.insert(0, PYTHON)
os.environ["JAX_PLATFORMS"] = "cpu"

import jax  # noqa: E402
import numpy  # noqa: E402
import alphafold_batches  # noqa: E402
import alphafold_config as config  # noqa: E402
import alphafold_programs as programs  # noqa: E402
import compile_alphafold  # noqa: E402
import programs_alphafold  # noqa: E402
from af2flow_worker import Failure, Request  # noqa: E402

SMALL = {"max_msa": "8", "max_extra_msa": "8"}

# One program in a process of its own: MODEL LENGTH [FOLDER [CORES]]. With a folder it is run, on
# zeros, and the shapes are those of arrays, as predict has them.
CHILD = """
import json, os, sys
sys.path.insert(0, %r)
if len(sys.argv) > 4:
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:int(sys.argv[4])])
import alphafold_config, alphafold_programs as programs, jax, numpy
cfg = alphafold_config.model_config(sys.argv[1], alphafold_config.options(%r))
batch = alphafold_config.batch_shapes(cfg, int(sys.argv[2]))
if len(sys.argv) <= 3:
    print(json.dumps({"digest": programs.Programs().program(cfg, batch).digest}))
    sys.exit()
programs.enable_cache(sys.argv[3])
batch, params = jax.tree_util.tree_map(
    lambda x: numpy.zeros(x.shape, x.dtype), (batch, alphafold_config.param_shapes(cfg)))
program = programs.Programs().program(cfg, *programs.shapes_of((batch, params)))
result = program(params, jax.random.PRNGKey(0), batch)
print(json.dumps({"digest": program.digest, "need": program.need.total,
                  **program.counts._asdict(),
                  "atoms": result["structure_module"]["final_atom_positions"].shape}))
""" % (PYTHON, SMALL)


def child(*words):
    """What a process of its own says."""
    done = subprocess.run([sys.executable, "-B", "-c", CHILD] + [str(w) for w in words],
                          stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


class Folder(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.folder)

    def path(self, *names):
        return os.path.join(self.folder, *names)

    def make(self, name):
        os.mkdir(self.path(name))
        return self.path(name)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def networks(self, models, ensemble=1):
        return self.write("networks.json", json.dumps(
            [{"model": name, "num_ensemble": ensemble} for name in models]))

    def length(self, length):
        return self.write("length.json", json.dumps({"length": length}))

    def ask(self, models, output, ensemble=1, length=8, **args):
        """The elements {file: bytes} of the stage `programs`."""
        request = Request({"args": {
            "networks": self.networks(models, ensemble),
            "length": self.length(length), "output": self.make(output), **args}})
        programs_alphafold.programs(request)
        found = {}
        for name in os.listdir(self.path(output)):
            with open(self.path(output, name), "rb") as file:
                found[name] = file.read()
        return found


class Text(unittest.TestCase):
    TEXT = ('module @jit_f attributes {mhlo.num_partitions = 1 : i32} {\n'
            '  func.func public @main(%arg0: tensor<2xf32>) -> (tensor<2xf32> '
            '{jax.result_info = "result[\'x\']"}) {\n'
            '    %0 = call @_where_7(%arg0) : (tensor<2xf32>) -> tensor<2xf32>\n'
            '    %1 = stablehlo.custom_call @Sharding(%0) : tensor<2xf32>\n'
            '    return %1 : tensor<2xf32>\n  }\n'
            '  func.func private @_where_7(%arg0: tensor<2xf32>) -> tensor<2xf32> {\n'
            '    return %arg0 : tensor<2xf32>\n  }\n}\n')

    def same(self, old, new):
        self.assertIn(old, self.TEXT)
        return programs.digest_of(self.TEXT) == programs.digest_of(self.TEXT.replace(old, new))

    def test_names_do_not_count(self):
        for old, new in (("@jit_f", "@jit__lambda"), ("_where_7", "relu"), ("'x'", "'y'"),
                         ("@main", "@other"),
                         ("return %1 : tensor<2xf32>", "return %1 : tensor<2xf32> loc(#loc2)"),
                         ("@jit_f", "@jit_f loc(\"a b\"(\"f (1).py\":3:4))")):
            self.assertTrue(self.same(old, new), (old, new))

    def test_the_program_counts(self):
        for old, new in (("@Sharding", "@Other"), ("2xf32", "3xf32"),
                         ("partitions = 1", "partitions = 2"), ("(%0)", "(%arg0)")):
            self.assertFalse(self.same(old, new), (old, new))

    def test_locations_of_a_real_one(self):
        lowered = jax.jit(lambda x: {"a": jax.nn.relu(x) @ x}).lower(
            jax.ShapeDtypeStruct((3, 3), "float32"))
        plain, located = lowered.as_text(), lowered.as_text(debug_info=True)
        self.assertIn("loc(", located)
        self.assertEqual(programs.digest_of(plain), programs.digest_of(located))


class Held(unittest.TestCase):
    """A worker holds no more than it is told to, and what it holds is not made again."""

    def test_the_last_are_held(self):
        lowered = []

        def lower(_self, cfg, _batch, _params):
            lowered.append(cfg["number"])
            return object()

        held = programs.Programs(3)
        with unittest.mock.patch.object(programs.Programs, "_lower", lower):
            for number in (0, 1, 2, 2, 0, 1, 3, 3, 3, 0):
                held.program({"number": number}, {})
        self.assertEqual(lowered, [0, 1, 2, 3, 0])


class Groups(Folder):
    """At AlphaFold2's own sizes, which decide who shares; the length does not."""

    def groups(self, models):
        elements = self.ask(models, "groups")
        return sorted(json.loads(text)["models"] for text in elements.values())

    def test_monomer(self):
        self.assertEqual(self.groups(["model_%d" % i for i in (1, 2, 3, 4, 5)]),
                         [["model_1"], ["model_2"], ["model_3", "model_4"], ["model_5"]])

    def test_multimer(self):
        names = ["model_%d_multimer_v3" % i for i in (1, 2, 3, 4, 5)]
        self.assertEqual(self.groups(names), [names[:3], names[3:]])


class Elements(Folder):
    def test_an_element(self):
        """It tells of the length and of all models alike, not of those asked for."""
        first = self.ask(["model_3"], "first", length=16, **SMALL)
        again = self.ask(["model_4", "model_3"], "again", length=16, num_recycle="1", **SMALL)
        self.assertEqual(first, again)
        (name, text), = first.items()
        element = json.loads(text)
        self.assertEqual(name, element["digest"][:16] + ".json")
        self.assertEqual(element["length"], 16)
        self.assertEqual(element["models"], ["model_3", "model_4", "model_5"])
        self.assertEqual(element["shapes"]["msa_feat"], ["float32", 1, 8, 16, 49])
        arrays = [shape for scope in element["params"].values() for shape in scope.values()]
        # As many numbers as DeepMind's file of these models has.
        self.assertEqual(sum(int(numpy.prod(shape[1:])) for shape in arrays) // 10**6, 92)
        self.assertTrue(all(shape[0] == "float32" for shape in arrays))
        longer = self.ask(["model_3"], "longer", length=32, **SMALL)
        self.assertNotEqual(list(longer), list(first))

    def test_ensemble(self):
        """The model's, unless the task says another."""
        one = self.ask(["model_3"], "one", **SMALL)
        two = self.ask(["model_3"], "two", 2, **SMALL)
        (text,) = two.values()
        self.assertEqual(json.loads(text)["shapes"]["msa_feat"], ["float32", 2, 8, 8, 49])
        self.assertNotEqual(list(two), list(one))
        self.assertEqual(
            self.ask(["model_3"], "own", 2, num_ensemble="1", **SMALL), one)

    def test_rows_of_features(self):
        """As the stage assemble_features writes them; a complex's, where they matter."""
        with open(self.path("features.pkl"), "wb") as file:
            pickle.dump(config.toy_features(8), file)
        self.assertEqual(programs_alphafold.msa_rows({"features": self.path("features.pkl")}), 1)
        self.assertIsNone(programs_alphafold.msa_rows({"features": ""}))

    def test_digest_in_another_process(self):
        name, = self.ask(["model_3"], "one", **SMALL)
        self.assertEqual(child("model_4", 8)["digest"][:16] + ".json", name)

    def refused(self, text, **args):
        with self.assertRaises(Failure) as caught:
            self.ask(["model_3"], "none", **args)
        self.assertEqual(caught.exception.cls, "permanent")
        self.assertIn(text, str(caught.exception))
        os.rmdir(self.path("none"))

    def test_refused(self):
        self.refused("cannot read a length", length="long")
        self.refused("cannot read features", features=self.write("x", "no pickle"))
        for text in ("", "{}", "[1]", "[]", '[{"model": "model_3"}]'):
            with self.assertRaises(Failure) as caught:
                programs_alphafold.read_networks(self.write("x", text))
            self.assertEqual(caught.exception.cls, "permanent")

    def test_network_that_samples(self):
        """Where it samples the MSA itself, and its depth is not known, predict compiles."""
        request = Request({"args": {
            "networks": self.networks(["model_1_multimer_v3"]), "length": self.length(9),
            "num_ensemble": "2", "output": self.make("none")}})
        programs_alphafold.programs(request)
        self.assertEqual(os.listdir(os.path.join(self.folder, "none")), [])
        self.assertIn("not compiled beforehand", request.lines[0])


class Compiled(Folder):
    def compile(self, element, output):
        request = Request({"args": {"program": element, "output": self.make(output),
                                    "device": "auto"}})
        compile_alphafold.compile_program(request)
        return request

    def test_moved_and_hit(self):
        """Compiled as a stage; used by other processes, in a copy of the folder, for another
        model of the group, with another number of threads."""
        name, = self.ask(["model_3"], "one", **SMALL)
        request = self.compile(self.path("one", name), "cache")
        self.assertEqual(request.values["digest"][:16] + ".json", name)
        entries = programs.entries(self.path("cache"))
        self.assertEqual(request.measures["entries"], len(entries))
        self.assertGreater(request.measures["compile_s"], 0.5)
        self.assertGreater(request.measures["bytes"], 100000)
        self.assertEqual(sorted(os.listdir(self.path("cache"))), entries)
        self.assertEqual(programs.use_caches([self.path("cache")], self.path("moved")),
                         len(entries))
        shutil.rmtree(self.path("cache"))
        self.assertEqual(programs.entries(self.path("cache")), [])
        for cores in (1, len(os.sched_getaffinity(0))):
            counts = child("model_4", 8, self.path("moved"), cores)
            self.assertEqual((counts["compiled"], counts["hits"]), (0, 1), counts)
            self.assertEqual(counts["atoms"], [8, 37, 3])
            # Its memory is known of one from a cache, too: 0.37 GB of it are weights.
            self.assertEqual(counts["need"], request.measures["memory_estimate"])
            self.assertGreater(counts["need"], 370e6)

    def test_sampler(self):
        """What samples a complex's MSA, found again for arrays of a small and a deep one."""
        cfg = config.model_config("model_1_multimer_v3", config.options(SMALL))
        programs.enable_cache(self.make("cache"))
        compile_alphafold.compile_samplers(cfg, 8)
        self.assertEqual(sum("sample" in name for name in os.listdir(self.path("cache"))), 2)
        for depth in (9, 2048):
            jax.clear_caches()
            sizes = {"L": 8, "M": config.msa_rows(cfg, depth)}
            arrays = {name: numpy.zeros([sizes[axis] for axis in axes], kind)
                      for name, (kind, axes) in config.MULTIMER_MSA.items()}
            key = jax.random.PRNGKey(0)
            before = programs.meter().read()
            alphafold_batches.make_sampler(cfg)(arrays, key)
            counts = programs.meter().since(before)
            self.assertEqual((counts.compiled, counts.hits), (0, 1), depth)

    def test_broken_program(self):
        for text in ("", "[]", '{"model": "model_1"}',
                     '{"model": "model_1", "options": {"x": 1}, "shapes": {}, "params": {}}',
                     '{"model": "model_1", "options": {}, "shapes": {}, "length": 8}'):
            with self.assertRaises(Failure) as caught:
                compile_alphafold.read_program(self.write("x", text))
            self.assertEqual(caught.exception.cls, "permanent")
            self.assertIn("cannot read the program", str(caught.exception))

    def test_no_such_device(self):
        with self.assertRaises(Failure) as caught:
            compile_alphafold.demand_device("gpu")
        self.assertEqual(caught.exception.cls, "unavailable")
        self.assertIn("set device=cpu", str(caught.exception))
        compile_alphafold.demand_device("cpu")


class Cache(Folder):
    """What happens to entries, by a program that takes no time to compile."""

    def compile(self, folder, size=3):
        jax.clear_caches()
        programs.enable_cache(folder)
        lowered = jax.jit(lambda x: jax.numpy.sin(x) * 2).lower(
            jax.ShapeDtypeStruct((size,), "float32"))
        program = programs.Program(lowered, 0.0)
        programs.meter()
        counts = program.compile()
        self.assertIs(program.compile(), counts)
        result = program._executable(jax.numpy.zeros(size))  # it works, too
        self.assertEqual(result.tolist(), [0.0] * size)
        return counts.compiled, counts.hits

    def test_counts(self):
        folder = self.make("a")
        self.assertEqual(self.compile(folder), (1, 0))
        self.assertEqual(self.compile(folder), (0, 1))
        self.assertEqual(self.compile(self.make("b")), (1, 0))

    def test_names(self):
        """Entries of newer and older versions of JAX; not what is half written."""
        digest = "0123456789abcdef" * 4
        names = ["jit_f-%s" % digest, "jit_f-%s-cache" % digest]
        for name in names + ["jit_f-%s-atime" % digest, "_temp_jit_f-%s" % digest,
                             "tmpx_1y2z", ".lockfile"]:
            self.write(name, "x")
        self.assertEqual(programs.entries(self.folder), names)

    def test_merged(self):
        self.compile(self.make("a"), 3)
        self.compile(self.make("b"), 4)
        for name in "ab":
            for entry in programs.entries(self.path(name)):
                os.chmod(self.path(name, entry), 0o444)
        private = self.path("private")
        both = [self.path("a"), self.path("b"), self.path("none")]
        self.assertEqual(programs.use_caches(both[:1], private),
                         len(programs.entries(self.path("a"))))
        more = programs.use_caches(both, private)
        self.assertEqual(more, len(set(programs.entries(self.path("b"))) -
                                   set(programs.entries(self.path("a")))))
        self.assertEqual(programs.use_caches(both, private), 0)
        self.assertEqual([self.compile(private, size) for size in (3, 4, 5)],
                         [(0, 1), (0, 1), (1, 0)])

    def test_corrupted(self):
        """An entry that cannot be read is compiled again; nothing ends by it."""
        folder = self.make("a")
        self.compile(folder)
        for body in (b"", b"no archive", None):
            for entry in programs.entries(folder):
                path = os.path.join(folder, entry)
                with open(path, "rb") as file:
                    text = file.read()
                with open(path, "wb") as file:
                    file.write(text[:len(text) // 2] if body is None else body)
            with self.assertWarns(UserWarning):
                self.assertEqual(self.compile(folder), (1, 0))


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""plugins/python/alphafold_versions.py: what the key of a compiled program says of the device."""

import os
import shutil
import sys
import tempfile
import unittest
from unittest import mock

SOURCE = os.environ.get("AF2_SRCDIR") or os.path.join(os.path.dirname(__file__), "..", "..")
sys.path.insert(0, os.path.join(os.path.abspath(SOURCE), "plugins", "python"))

import alphafold_versions as versions  # noqa: E402
from af2flow_worker import Request  # noqa: E402

CPU = "processor\t: %d\nmodel name\t: Some CPU  9\nflags\t\t: sse %s\ncpu MHz\t\t: %d\n\n"
GPU = "Model: \t\t NVIDIA %s\nIRQ:   \t\t 18\nGPU UUID: \t GPU-%d\n"
DRIVER = ("NVRM version: NVIDIA UNIX x86_64 Kernel Module  535.104.05  Sat Aug 19\n"
          "GCC version:  gcc version 12.2.0\n")


class Machine(unittest.TestCase):
    def setUp(self):
        self.root = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.root)

    def write(self, name, text):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)

    def cpu(self, flags, mhz=1000):
        self.write("cpuinfo", CPU % (0, flags, mhz) + CPU % (1, flags, mhz + 1))
        return versions.cpu(self.root)

    def gpu(self, bus, kind):
        self.write("driver/nvidia/version", DRIVER)
        self.write("driver/nvidia/gpus/%s/information" % bus, GPU % (kind, len(bus)))

    def test_cpu(self):
        first = self.cpu("avx avx2")
        self.assertIn("Some CPU 9", first)
        self.assertEqual(self.cpu("avx2 avx", 2000), first)
        self.assertNotEqual(self.cpu("avx avx2 amx"), first)

    def test_gpus(self):
        self.assertEqual(versions.gpus(self.root), "")
        self.gpu("0000:01:00.0", "A100")
        self.gpu("0000:02:00.0", "A100")
        self.assertEqual(versions.gpus(self.root), "NVIDIA A100; driver 535.104.05")
        self.gpu("0000:03:00.0", "H100")
        self.assertEqual(versions.gpus(self.root),
                         "NVIDIA A100, NVIDIA H100; driver 535.104.05")

    def test_idle_gpu(self):
        """Reserved, but not what JAX computes on: so it is told."""
        for gpus, kind, count in ((1, "cpu", 1), (1, "gpu", 0), (0, "cpu", 0)):
            request = Request({"gpus": gpus})
            with mock.patch.object(versions, "backend", lambda: kind):
                versions.warn_of_idle_gpu(request)
            self.assertEqual(len(request.warnings), count)
            self.assertTrue(all("computes on the CPU" in text for text in request.warnings))

    def test_device(self):
        self.cpu("avx")
        self.gpu("0000:01:00.0", "A100")
        for cuda, kind in ((False, "cpu"), (True, "gpu")):
            with mock.patch.object(versions, "jax_has_cuda", lambda: cuda):
                self.assertEqual(versions.device(self.root)[0], kind)
        shutil.rmtree(os.path.join(self.root, "driver"))
        with mock.patch.object(versions, "jax_has_cuda", lambda: True):
            self.assertEqual(versions.device(self.root)[0], "cpu")

    def test_this_one(self):
        self.assertIn(os.uname().machine, versions.cpu())
        self.assertTrue(os.path.exists(versions.BOOT))


class Packages(unittest.TestCase):
    """With packages that are made here: name, version and files."""

    def setUp(self):
        self.root = tempfile.mkdtemp()
        self.addCleanup(shutil.rmtree, self.root)
        sys.path.insert(0, self.root)
        self.addCleanup(sys.path.remove, self.root)

    def package(self, module, name=None, version="1"):
        folder = os.path.join(self.root, module, "model")
        os.makedirs(folder)
        for path in (os.path.join(self.root, module), folder):
            with open(os.path.join(path, "__init__.py"), "w", encoding="ascii"):
                pass
        if name:
            info = "%s-%s.dist-info" % (name.replace("-", "_"), version)
            os.mkdir(os.path.join(self.root, info))
            with open(os.path.join(self.root, info, "METADATA"), "w", encoding="ascii") as file:
                file.write("Metadata-Version: 2.1\nName: %s\nVersion: %s\n" % (name, version))
            with open(os.path.join(self.root, info, "RECORD"), "w", encoding="ascii") as file:
                file.write(info + "/METADATA,,\n")

    def test_missing(self):
        with mock.patch.object(versions.importlib.util, "find_spec", lambda name: None), \
                self.assertRaises(ModuleNotFoundError) as caught:
            versions.packages()
        self.assertIn("No module named 'jax'", str(caught.exception))

    def test_installed(self):
        self.package("jax", "jax", "77.1")
        self.package("haiku", "dm-haiku")
        self.package("alphafold", "alphafold-colabfold", "88.2")
        found = versions.packages(("jax", "alphafold-colabfold", "no-such-package"))
        self.assertEqual(sorted(found), ["alphafold-colabfold", "jax"])
        self.assertEqual(found["jax"][0], "77.1")
        self.assertTrue(found["jax"][1].endswith("jax-77.1.dist-info/METADATA"))
        self.assertTrue(os.path.exists(found["jax"][1]))

    def source(self, body, *path):
        path = os.path.join(self.root, "alphafold", *path)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="ascii") as file:
            file.write(body)
        return path

    def test_source_tree(self):
        """DeepMind's own has no version: its files count, but not all of them."""
        for module in ("jax", "haiku", "alphafold"):
            self.package(module)
        constants = self.source("a = 1\n", "common", "constants.py")
        self.source("a = 1\n", "common", "constants_test.py")
        self.source("a = 1\n", "data", "pipeline.py")
        found = versions.packages(())
        self.assertEqual(sorted(found), ["alphafold/common/constants.py",
                                         "alphafold/model/__init__.py"])
        self.assertEqual(found["alphafold/common/constants.py"][1], constants)
        self.assertEqual(sorted(versions.alphafold(("data",))), ["alphafold/data/pipeline.py"])
        self.source("a = 2\n", "common", "constants.py")
        self.assertNotEqual(versions.packages(())["alphafold/common/constants.py"],
                            found["alphafold/common/constants.py"])
        self.source("a = 1\n", "common", "constants.py")
        self.assertEqual(versions.packages(()), found)

    def test_a_tree_before_a_package(self):
        """What is imported counts, not what is installed."""
        self.package("jax")
        self.package("haiku")
        self.package("alphafold", "alphafold-colabfold", "88.2")
        self.assertEqual(versions.packages(())["alphafold-colabfold"][0], "88.2")
        first = os.path.join(self.root, "first")
        os.mkdir(first)
        sys.path.insert(0, first)
        self.addCleanup(sys.path.remove, first)
        installed, self.root = self.root, first
        self.package("alphafold")
        self.root = installed
        self.assertEqual(sorted(versions.packages(())), ["alphafold/model/__init__.py"])


if __name__ == "__main__":
    unittest.main()

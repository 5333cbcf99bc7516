# SPDX-License-Identifier: Apache-2.0
"""plugins/python/alphafold_memory.py: what a program needs, what there is, and the words where
that is too little. The compiler's own numbers are in test_alphafold_programs.py."""

import os
import sys
import tempfile
import types
import unittest
from unittest import mock

SOURCE = os.environ.get("AF2_SRCDIR") or os.path.join(os.path.dirname(__file__), "..", "..")
sys.path.insert(0, os.path.join(os.path.abspath(SOURCE), "plugins", "python"))

import alphafold_memory as memory  # noqa: E402
from af2flow_worker import Failure  # noqa: E402

GIB = memory.GIB
PLAN = types.SimpleNamespace(argument_size_in_bytes=5 * GIB, output_size_in_bytes=3 * GIB,
                             alias_size_in_bytes=GIB, temp_size_in_bytes=GIB // 2)


def executable(plan):
    return types.SimpleNamespace(memory_analysis=lambda: plan)


def device(platform, **stats):
    return types.SimpleNamespace(platform=platform, memory_stats=lambda: stats or None)


class Estimate(unittest.TestCase):
    def test_adds_up(self):
        need = memory.estimate(executable(PLAN))
        self.assertEqual(need, (5 * GIB, 2 * GIB, GIB // 2))
        self.assertEqual(need.total, 7.5 * GIB)

    def test_not_known(self):
        def fails():
            raise NotImplementedError("not for this back-end")
        for silent in (executable(None), types.SimpleNamespace(memory_analysis=fails),
                       types.SimpleNamespace()):
            self.assertIsNone(memory.estimate(silent))


class MainMemory(unittest.TestCase):
    def of(self, backend, need):
        with mock.patch.object(memory.alphafold_versions, "backend", lambda: backend):
            return memory.main_memory(need)

    def test_worker_and_program(self):
        need = memory.Need(5 * GIB, 2 * GIB, GIB // 2)
        self.assertEqual(self.of("cpu", need), 8.5 * GIB)
        self.assertIsNone(self.of("gpu", need))
        self.assertIsNone(self.of("cpu", None))


class Room(unittest.TestCase):
    def meminfo(self, text):
        with tempfile.NamedTemporaryFile("w", suffix="meminfo") as file:
            file.write(text)
            file.flush()
            return memory.available(file.name)

    def test_machine(self):
        text = "MemTotal:  900 kB\nMemAvailable:   500 kB\nHugePages_Total:  0\n"
        self.assertEqual(self.meminfo(text), 500 << 10)
        self.assertEqual(self.meminfo(text + "SwapFree:  70 kB\n"), 570 << 10)
        for bad in ("", "MemTotal: 900 kB\n", "MemAvailable:\n", "MemAvailable: x kB\n"):
            self.assertIsNone(self.meminfo(bad))
        self.assertIsNone(memory.available("/nowhere"))
        self.assertGreater(memory.room(device("cpu"))[0], 0)

    def test_gpu(self):
        gpu = device("gpu", bytes_limit=60, bytes_in_use=25)
        with mock.patch.dict(os.environ):
            os.environ.pop("TF_FORCE_UNIFIED_MEMORY", None)
            self.assertEqual(memory.room(gpu), (35, "the GPU"))
            self.assertEqual(memory.room(device("gpu", bytes_limit=60))[0], 60)
            self.assertIsNone(memory.room(device("gpu"))[0])
            # What the GPU has does not bind; a CPU stays what it is.
            os.environ["TF_FORCE_UNIFIED_MEMORY"] = "1"
            self.assertIsNone(memory.room(gpu)[0])
            self.assertIsNotNone(memory.room(device("cpu"))[0])


class Demand(unittest.TestCase):
    NEED = memory.Need(5 * GIB, 2 * GIB, GIB // 2)

    def demand(self, left, need=NEED, params=4 * GIB):
        jax = types.SimpleNamespace(local_devices=lambda: ["device"])
        with mock.patch.dict(sys.modules, jax=jax), \
                mock.patch.object(memory, "bytes_of", lambda params: params), \
                mock.patch.object(memory, "room", lambda device: (left, "the GPU")):
            memory.demand(need, params, 700)

    def test_fits(self):
        self.demand(3.5 * GIB)  # the parameters are there already
        self.demand(None)
        self.demand(0, need=None)

    def test_does_not(self):
        with self.assertRaises(Failure) as caught:
            self.demand(3 * GIB)
        self.assertEqual(caught.exception.cls, "memory")
        self.assertIn("needs 3.50 GiB beside its parameters for 700 residues, "
                      "the GPU has 3.00 GiB left", str(caught.exception))


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""plugins/python/relax_openmm.py and relax_violations.py: everything but the physics."""

import os
import sys
import unittest
from unittest import mock

import numpy

SOURCE = os.environ.get("AF2_SRCDIR") or os.path.join(os.path.dirname(__file__), "..", "..")
sys.path.insert(0, os.path.join(os.path.abspath(SOURCE), "plugins", "python"))

import openmm  # noqa: E402
from relax_models import FRAGMENT, fragment, read  # noqa: E402
import relax_openmm as stage  # noqa: E402
import relax_violations as violations  # noqa: E402
from af2flow_worker import Failure, Request  # noqa: E402

class Violations(unittest.TestCase):
    def test_none_in_a_model(self):
        self.assertEqual(violations.violating(fragment()), [])

    def test_broken_bond(self):
        atoms = fragment()
        atoms.positions[atoms.residue_of >= 10] += 40.0
        self.assertEqual(violations.violating(atoms), [9, 10])

    def test_gap_is_no_bond(self):
        atoms = fragment()
        atoms.positions[atoms.residue_of >= 10] += 40.0
        atoms.residues = [(c, n + (i >= 10), name)
                          for i, (c, n, name) in enumerate(atoms.residues)]
        self.assertEqual(violations.violating(atoms), [])

    def test_clash(self):
        atoms = fragment()
        one = numpy.flatnonzero((atoms.residue_of == 2) & (atoms.names == "CB"))[0]
        other = numpy.flatnonzero((atoms.residue_of == 15) & (atoms.names == "CB"))[0]
        atoms.positions[one] = atoms.positions[other] + [1.0, 0, 0]
        self.assertTrue({2, 15} <= set(violations.violating(atoms)))

    def test_clash_limits(self):
        def pair(names, gap):
            return violations.Atoms([("A", 1, "CYS"), ("A", 9, "CYS")], [0, 1], names,
                                    [n[0] for n in names], [[0, 0, 0], [gap, 0, 0]])
        limit = 1.7 + 1.52 - 1.5
        self.assertEqual(violations.violating(pair(["CB", "O"], limit - 0.01)), [0, 1])
        self.assertEqual(violations.violating(pair(["CB", "O"], limit + 0.01)), [])
        self.assertEqual(violations.violating(pair(["SG", "SG"], 1.9)), [])

    def test_second_oxygen_is_no_clash(self):
        pair = violations.Atoms([("A", 1, "GLY"), ("A", 9, "GLY")], [0, 1], ["OXT", "O"],
                                ["O", "O"], [[0, 0, 0], [0.5, 0, 0]])
        self.assertEqual(violations.violating(pair), [])

    def test_bent_peptide(self):
        """AlphaFold2 allows the cosine of CA-C-N 12 * 0.014 to either side of -0.4473."""
        for cosine, bad in ((-0.4473 + 0.15, []), (-0.4473 + 0.18, [0, 1])):
            sine = (1 - cosine ** 2) ** 0.5
            at = [[1.52, 0, 0], [0, 0, 0], [1.329 * cosine, 1.329 * sine, 0]]
            atoms = violations.Atoms([("A", 1, "ALA"), ("A", 2, "ALA")], [0, 0, 1],
                                     ["CA", "C", "N"], ["C", "C", "N"], at)
            self.assertEqual(violations.violating(atoms), bad)

    def test_pairs_like_brute_force(self):
        points = numpy.random.RandomState(1).rand(200, 3) * 8
        got = {tuple(sorted(map(int, p))) for p in violations.close_pairs(points, 1.5)}
        want = {(i, j) for i in range(200) for j in range(i + 1, 200)
                if numpy.linalg.norm(points[i] - points[j]) < 1.5}
        self.assertEqual(got, want)


class Rounds(unittest.TestCase):
    """Which restraints a round has, with a minimiser that moves nothing."""

    ARGS = {"ph": "7", "random_seed": "0", "stiffness": "10", "max_outer_iterations": "3"}

    def run_with(self, *verdicts):
        """(model, free residues of each round); `verdicts`: who violates, at first and
        after each round."""
        verdicts, free, test = iter(verdicts), [], self

        class Minimiser:
            def run(self, system, positions):
                force = system.getForce(system.getNumForces() - 1)
                test.assertIsInstance(force, openmm.CustomExternalForce)
                held = {force.getParticleParameters(k)[0]
                        for k in range(force.getNumParticles())}
                atoms = stage.heavy_atoms(model.topology)
                gone = {a.residue.index for a in atoms if a.index not in held}
                test.assertEqual(held, {a.index for a in atoms
                                        if a.residue.index not in gone})
                free.append(sorted(gone))
                return 2.0 - len(free), 1.0 - len(free), positions + 0.0101

        with mock.patch.object(stage, "violating", lambda *args: next(verdicts)):
            model = stage.Relaxed(read(FRAGMENT), Request({"args": self.ARGS}),
                                  Minimiser(), None)
            model.run()
        self.assertEqual(list(verdicts), [])
        return model, free

    def test_nothing_violates(self):
        model, free = self.run_with([1, 2], [])
        self.assertEqual((free, model.at_first, model.bad), ([[]], [1, 2], []))

    def test_freed_for_good(self):
        model, free = self.run_with([], [3], [4, 5], [6])
        self.assertEqual((free, model.bad), ([[], [3], [3, 4, 5]], [6]))
        self.assertEqual((model.first_energy, model.energy), (1.0, -2.0))

    def test_ends_early(self):
        model, free = self.run_with([], [3, 0], [])
        self.assertEqual((free, model.bad, model.rounds), ([[], [0, 3]], [], 2))

    def test_goes_on_from_what_was_reached(self):
        """As from the file: three decimals; heavy atoms stay the same ones."""
        model, _ = self.run_with([], [3], [4], [5])
        self.assertAlmostEqual(model.rmsd(), 3 * 0.101 * 3 ** 0.5, places=3)
        before = model.heavy_positions()
        names = [a.name for a in stage.heavy_atoms(model.topology)]
        model.prepare(stage.without_hydrogens(model.topology, model.positions))
        self.assertEqual([a.name for a in stage.heavy_atoms(model.topology)], names)
        numpy.testing.assert_allclose(model.heavy_positions(), before.round(3), atol=1e-6)


class Text(unittest.TestCase):
    LINES = [
        "REMARK   6 HOMOLOGY MODEL\n", "REMARK   1 OTHER\n",
        "ATOM      1  N   GLY A   5A      1.000   2.000   3.000  1.00 11.00           N\n",
        "ATOM      2  CA  GLY A   5A      1.000   2.000   3.000  1.00 12.50           C\n",
        "ATOM      3  N   GLY B   5       1.000   2.000   3.000  1.00 77.00           N\n",
    ]

    def test_b_factors(self):
        self.assertEqual(stage.b_factors(self.LINES),
                         {("A", "   5A"): " 12.50", ("B", "   5 "): " 77.00"})

    def test_header(self):
        self.assertEqual(stage.header_of(self.LINES), ["REMARK   6 HOMOLOGY MODEL"])

    def test_with_b_factors(self):
        text = "REMARK   1 CREATED TODAY\n" + "".join(self.LINES[2:]).replace("11.00", " 0.00")
        got = stage.with_b_factors(text, ["EXPDTA"], stage.b_factors(self.LINES))
        self.assertNotIn("TODAY", got)
        lines = got.splitlines()
        self.assertEqual(lines[0], "EXPDTA")
        self.assertEqual([x[60:66] for x in lines[1:]], [" 12.50", " 12.50", " 77.00"])


class Platforms(unittest.TestCase):
    @staticmethod
    def only(*names):
        return lambda name, cpus: None if name in names else "not here"

    def test_wanted_is_absent(self):
        with self.assertRaises(Failure) as caught:
            stage.pick_platform("CUDA", 1, 0, self.only("CPU"))
        self.assertEqual(caught.exception.cls, "unavailable")
        self.assertEqual(str(caught.exception), "platform CUDA is not available: not here")

    def test_auto(self):
        everything = self.only("CUDA", "OpenCL", "CPU", "Reference")
        self.assertEqual(stage.pick_platform("auto", 1, 0, everything), "CPU")
        self.assertEqual(stage.pick_platform("auto", 1, 1, everything), "CUDA")
        self.assertEqual(stage.pick_platform("auto", 1, 1, self.only("OpenCL", "CPU")),
                         "OpenCL")
        self.assertEqual(stage.pick_platform("auto", 1, 1, self.only("Reference")),
                         "Reference")

    def test_really(self):
        self.assertIsNone(stage.try_platform("Reference", 1))
        self.assertIn("nonsense", stage.try_platform("nonsense", 1))


class Failures(unittest.TestCase):
    def test_classes(self):
        for error, cls in (
                (ValueError("No template found for residue 7 (CYS)"), "permanent"),
                (openmm.OpenMMException("Particle coordinate is NaN"), "transient"),
                (openmm.OpenMMException("CUDA_ERROR_OUT_OF_MEMORY (2)"), "memory")):
            with self.subTest(error=error):
                self.assertEqual(stage.failure_of(error).cls, cls)
        self.assertIsNone(stage.failure_of(KeyError("x")))

    def test_raised_energy(self):
        """It is told, and the next round begins there; no number ends it."""
        at, lines = numpy.zeros((2, 3)), []
        for energies, says in (((1.0, 2.0), ["minimisation raised the energy from 1.0 to 2.0 "
                                             "kcal/mol"]), ((2.0, 1.0), [])):
            states = iter([(e, at, at) for e in energies])
            one = stage.Minimiser("Reference", 1, 2.39, "nocutoff", lines.append)
            one.context, one.state = mock.Mock(), lambda context: next(states)
            with mock.patch.object(openmm.LocalEnergyMinimizer, "minimize"):
                self.assertEqual(one.run(None, at)[:2], energies)
            self.assertEqual(lines, says)
            lines.clear()
        one.state = lambda context: (float("nan"), at, at)
        with mock.patch.object(openmm.LocalEnergyMinimizer, "minimize"), \
                self.assertRaises(Failure):
            one.run(None, at)

    def test_forces(self):
        a = numpy.zeros((2, 3))
        a[0, 0] = 1e5
        self.assertTrue(stage.same_forces(a, a + 90))
        self.assertFalse(stage.same_forces(a, a + 110))
        self.assertFalse(stage.same_forces(a, a * numpy.nan))

    def test_span(self):
        self.assertAlmostEqual(stage.span(numpy.array([[0, 0, 0], [3.0, 4.0, 0]])), 5.0)


if __name__ == "__main__":
    unittest.main()

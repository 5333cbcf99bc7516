# SPDX-License-Identifier: Apache-2.0
"""plugins/python/relax_bounds.py: where the table is, what is refused, which bounds follow."""

import math
import os
import tempfile
import unittest

import numpy
from relax_models import fragment, violations

import relax_bounds as bounds
from af2flow_worker import Failure

BONDS = (("N-CA", 1.45, 0.02), ("CA-C", 1.55, 0.03), ("C-O", 1.25, 0.01))
ANGLES = (("N-CA-C", 110.0, 2.0), ("CA-C-O", 120.0, 3.0))


def table(bonds=BONDS, angles=ANGLES, residues=bounds.RESIDUES):
    """Text of a file with made-up values, the same for all residues."""
    def rows(heading, entries):
        lines = ["%s\tResidue\tMean\tStdDev" % heading]
        lines += ["%s\t\t%s\t%s %s" % (name, residue, mean, deviation)
                  for residue in residues for name, mean, deviation in entries]
        return "\n".join(lines + ["-", "", ""])
    return rows("Bond", bonds) + rows("Angle", angles) + "Non-bonded\nC-C 3.4 1.5\n-\n"


def made(text):
    return bounds.Bounds("some/file", text.encode())


def backbone(name="ALA", **at):
    """One residue with some atoms: N=(x, y, z)."""
    return violations.Atoms([("A", 1, name)], [0] * len(at), list(at),
                            [atom[0] for atom in at], list(at.values()))


class Bound(unittest.TestCase):
    def broken(self, *args, **at):
        return sorted(made(table()).broken(backbone(*args, **at)))

    def limits(self, first, second, low, high):
        """These are the bounds of two atoms."""
        for distance, bad in ((low - 0.002, [0]), (low + 0.002, []), (high - 0.002, []),
                              (high + 0.002, [0])):
            if math.isfinite(distance):
                with self.subTest(pair=(first, second), distance=distance):
                    at = {first: (1, 1, 1), second: (1, 1 - distance, 1)}
                    self.assertEqual(self.broken(**at), bad)

    def test_bonds(self):
        self.limits("N", "CA", 1.45 - 0.24, 1.45 + 0.24)
        self.limits("O", "C", 1.25 - 0.12, 1.25 + 0.12)

    def test_angles(self):
        """N and C by differences of the law of cosines, an independent way."""
        def distance(a, b, gamma):
            return math.sqrt(a * a + b * b - 2 * a * b * math.cos(math.radians(gamma)))
        ideal, step = (1.45, 1.55, 110.0), 1e-5
        mean, square = distance(*ideal), 0.0
        for i, deviation in enumerate((0.02, 0.03, 2.0)):
            further = [x + step * (i == k) for k, x in enumerate(ideal)]
            square += ((distance(*further) - mean) / step * deviation) ** 2
        self.limits("N", "C", mean - 12 * math.sqrt(square), mean + 12 * math.sqrt(square))
        self.assertAlmostEqual(bounds.opposite((3, 0), (4, 0), (90, 0))[0], 5)

    def test_others(self):
        self.limits("N", "O", 1.55 + 1.52 - 1.5, math.inf)

    def test_not_judged(self):
        far = (50, 0, 0)
        self.assertEqual(self.broken(N=(0, 0, 0), OXT=(0, 0, 0.1)), [])
        self.assertEqual(self.broken("UNK", N=(0, 0, 0), CA=far), [])
        self.assertEqual(self.broken(N=(0, 0, 0), O=far), [])
        self.assertEqual(self.broken("ALA", N=(0, 0, 0), CA=far), [0])

    def test_which(self):
        atoms = fragment()
        atoms.positions[(atoms.residue_of == 7) & (atoms.names == "CA")] += 5
        self.assertIn(7, made(table()).broken(atoms))
        self.assertNotIn(6, made(table()).broken(atoms))


class Real(unittest.TestCase):
    """The file that OpenStructure or AlphaFold2 has here."""

    def setUp(self):
        self.bounds = bounds.load()
        if self.bounds is None:
            self.skipTest("neither OpenStructure nor AlphaFold2 is installed")

    def test_model(self):
        self.assertEqual(violations.violating(fragment(), self.bounds), [])

    def test_every_atom_is_held(self):
        """Any atom but those of the backbone, moved by 1.5 A, breaks its residue alone."""
        for i, name in enumerate(fragment().names):
            atoms = fragment()
            if name in ("N", "CA", "C", "O"):
                continue
            residue = atoms.residue_of[i]
            ca = atoms.find("CA")[residue]
            out = atoms.positions[i] - ca
            atoms.positions[i] += 1.5 * out / numpy.linalg.norm(out)
            with self.subTest(residue=residue, atom=name):
                self.assertIn(residue, violations.violating(atoms, self.bounds))
                self.assertNotIn(residue, violations.bad_peptides(atoms))

    def test_versions(self):
        found = bounds.versions()["stereo_chemical_props"]
        self.assertEqual(found[0], self.bounds.sha256)
        self.assertIn(bounds.find(), found[1:])


class Files(unittest.TestCase):
    def setUp(self):
        self.room = tempfile.TemporaryDirectory()
        self.addCleanup(self.room.cleanup)

    def file(self, name, text=None):
        path = os.path.join(self.room.name, name)
        with open(path, "w", encoding="ascii") as out:
            out.write(table() if text is None else text)
        return path

    def test_first_place_counts(self):
        one, two = self.file("one"), self.file("two")
        absent = os.path.join(self.room.name, "absent")
        self.assertEqual(bounds.find("", lambda: [absent, one, two]), one)
        self.assertEqual(bounds.find(two, lambda: [one]), two)
        self.assertEqual(bounds.find("", lambda: [absent, self.room.name]), "")

    def test_places(self):
        found = bounds.places()
        self.assertTrue(all(os.path.isabs(p) and p.endswith(bounds.NAME) for p in found))
        self.assertEqual(len(found), len(set(found)))
        alphafold = [i for i, p in enumerate(found) if "/alphafold/common/" in p]
        ost = [i for i, p in enumerate(found) if "/share/openstructure/" in p]
        self.assertLess(max(alphafold), min(ost))
        self.assertIn("/usr/share/openstructure/" + bounds.NAME, found)

    def test_named(self):
        self.assertEqual(len(bounds.load(self.file("named")).sha256), 64)

    def test_refused(self):
        good = table()
        for text, says in (
                ("", "ends too early"),
                ("<html>\n", "line 1 of 'some/file': no table that begins with 'Bond'"),
                (good[:200], "ends too early"),
                (good.split("Angle")[0], "ends too early"),
                (good.replace("Angle", "Dihedral"), "no table that begins with 'Angle'"),
                (good.replace("N-CA\t", "N-CA-C\t", 1), "line 2 of 'some/file': not 2 atoms"),
                (good.replace("N-CA\t", "CA-CA\t", 1), "not 2 atoms"),
                (good.replace("N-CA-C\t", "N-CA\t", 1), "not 3 atoms"),
                (good.replace("1.45 0.02", "1.45", 1), "not 2 atoms"),
                (good.replace("1.45", "x", 1), "no number: 'x 0.02'"),
                (good.replace("1.45", "nan", 1), "no such mean"),
                (good.replace("1.45", "-1.45", 1), "no such mean"),
                (good.replace("0.02", "inf", 1), "no such mean"),
                (good.replace("110.0", "180.0", 1), "no such mean"),
                (table(bonds=BONDS + (("CA-N", 1, 1),)), "'CA-N' of ALA stands there twice"),
                (table(bonds=BONDS[1:]), "no bonds for the angle N-CA-C of ALA"),
                (table(residues=bounds.RESIDUES[:-1]), "VAL is not in both tables"),
                (good.replace("\t\t", "\x00"), "not 2 atoms")):
            with self.subTest(says=says), self.assertRaises(Failure) as caught:
                made(text)
            self.assertEqual(caught.exception.cls, "permanent")
            self.assertIn(says, str(caught.exception))
            self.assertIn("'some/file'", str(caught.exception))
            self.assertNotIn("\n", str(caught.exception))


if __name__ == "__main__":
    unittest.main()

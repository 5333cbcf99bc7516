# SPDX-License-Identifier: Apache-2.0
"""relax_violations.py and relax_bounds.py against AlphaFold2's own functions: the same
residues, in crystal structures, relaxed models, and these with atoms moved or taken away."""

import functools
import os
import subprocess
import tempfile
import unittest

import numpy

INTERPRETER = "AF2_ALPHAFOLD_PYTHON"

import relax_models as models  # noqa: E402
from relax_models import violations  # noqa: E402

import jax  # noqa: E402
import ml_collections  # noqa: E402
import relax_bounds  # noqa: E402
from alphafold.common import protein, residue_constants  # noqa: E402
from alphafold.model import folding  # noqa: E402

CONFIG = ml_collections.ConfigDict({"violation_tolerance_factor": 12,
                                    "clash_overlap_tolerance": 1.5})
NAMES = [residue_constants.restype_1to3[r] for r in residue_constants.restypes]
# The atoms of each residue, and where AlphaFold2's 37 columns have them.
ATOMS14 = [residue_constants.restype_name_to_atom14_names[n] for n in NAMES]
COLUMNS = numpy.array([[residue_constants.atom_order[a] if a else 0 for a in names]
                       for names in ATOMS14])
EXISTS = numpy.array([[bool(a) for a in names] for names in ATOMS14])

RELAX = """
import sys
sys.path.insert(0, sys.argv[1])
import relax_openmm as stage
from af2flow_worker import Request
request = Request({"args": dict(zip(sys.argv[2::2], sys.argv[3::2])), "cpus": 1})
stage.relax(request)
"""


def relaxed(text, **more):
    """The stage's relaxed model of a PDB text, without hydrogens."""
    with tempfile.TemporaryDirectory() as room:
        source, output = os.path.join(room, "in.pdb"), os.path.join(room, "out.pdb")
        with open(source, "w", encoding="ascii") as file:
            file.write(text)
        args = {"unrelaxed": source, "output": output, "model": "m", "platform": "CPU",
                "nonbonded": "wide", "stiffness": "10", "tolerance": "2.39", "ph": "7",
                "max_outer_iterations": "3", "random_seed": "0",
                "stereo_chemical_props": "", **more}
        subprocess.run(["/usr/bin/python3", "-B", "-c", RELAX,
                        os.path.join(models.SOURCE, "plugins", "python"),
                        *sum(args.items(), ())], check=True)
        return "".join(line + "\n" for line in models.read(output).splitlines()
                       if line.startswith("ATOM") and line[76:78].strip() != "H")


@functools.partial(jax.jit, static_argnames="config")
def judge(batch, positions, config):
    found = folding.find_structural_violations(batch, positions, config)
    return (found["total_per_residue_violations_mask"],
            found["within_residues"]["per_atom_violations"].max(-1))


def alphafolds(text):
    """(all, within) residues that AlphaFold2 names. It judges the atoms that are there: its
    own relaxation refuses models without some."""
    model = protein.from_pdb_string(text)
    aatype, columns = model.aatype, COLUMNS[model.aatype]
    there = EXISTS[aatype] * numpy.take_along_axis(model.atom_mask, columns, axis=1)
    at = numpy.take_along_axis(model.atom_positions, columns[..., None], axis=1)
    batch = {"aatype": aatype, "residx_atom14_to_atom37": columns,
             "atom14_atom_exists": there.astype(numpy.float32),
             "residue_index": model.residue_index}
    every, within = judge(batch, (there[..., None] * at).astype(numpy.float32),
                          ml_collections.FrozenConfigDict(CONFIG))
    return list(numpy.flatnonzero(every)), list(numpy.flatnonzero(within))


class Compared(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.bounds = relax_bounds.load()
        if cls.bounds is None:
            raise unittest.SkipTest("AlphaFold2's stereo_chemical_props.txt is not there")

    def same(self, text):
        """Compare; the number of residues of either kind."""
        atoms = models.model(text)
        wanted = alphafolds(text)
        self.assertEqual(violations.violating(atoms, self.bounds), wanted[0])
        self.assertEqual(sorted(self.bounds.broken(atoms)), wanted[1])
        return numpy.array([len(w) for w in wanted])

    def perturbed(self, text, seeds, most=3):
        """Compare with a few atoms of each seed moved by 0.1 to 1.5 A."""
        atoms, found = models.model(text), numpy.zeros(2, dtype=int)
        for seed in range(seeds):
            random = numpy.random.RandomState(seed)
            at = atoms.positions.copy()
            which = random.choice(len(at), random.randint(1, most + 1), replace=False)
            step = random.randn(len(which), 3)
            step *= random.uniform(0.1, 1.5, (len(which), 1)) / \
                numpy.linalg.norm(step, axis=1, keepdims=True)
            at[which] += step
            with self.subTest(seed=seed):
                found += self.same(models.moved(text, at))
        return found


class Bounds(Compared):
    def test_numbers(self):
        """All bounds of all residues, and the atoms that have them."""
        theirs = residue_constants.make_atom14_dists_bounds(1.5, 12)
        for i, name in enumerate(NAMES):
            ours = self.bounds.residues[name]
            self.assertEqual(set(ours.slots), set(ATOMS14[i]) - {""})
            at = [ours.slots[a] for a in ATOMS14[i] if a]
            n = len(at)
            numpy.testing.assert_allclose(ours.lower[numpy.ix_(at, at)],
                                          theirs["lower_bound"][i, :n, :n], atol=1e-6)
            off = ~numpy.eye(n, dtype=bool)
            numpy.testing.assert_allclose(
                numpy.minimum(ours.upper[numpy.ix_(at, at)], 1e10)[off],
                theirs["upper_bound"][i, :n, :n][off], rtol=1e-6)

    def test_atoms_at_place_of_sg(self):
        place = ATOMS14[NAMES.index("CYS")].index("SG")
        self.assertEqual({names[place] for names in ATOMS14} - {""},
                         set(violations.AT_PLACE_OF_SG))


class Fragment(Compared):
    def test_model(self):
        self.assertEqual(list(self.same(models.read(models.FRAGMENT))), [0, 0])

    def test_perturbed(self):
        found = self.perturbed(models.read(models.FRAGMENT), 150)
        self.assertGreater(found[1], 100)
        self.assertGreater(found[0], found[1])

    def test_relaxed(self):
        text = relaxed(models.read(models.FRAGMENT))
        self.assertEqual(list(self.same(text)), [0, 0])
        self.perturbed(text, 50)

    def test_alike_atoms_renamed(self):
        """Names that say the same of an atom change nothing, others do."""
        text = models.read(models.FRAGMENT)
        for pairs, residues, bad in (
                ([("OD1", "OD2"), ("OE1", "OE2")], ("ASP", "GLU"), 0),
                ([("CD1", "CD2"), ("CE1", "CE2")], ("TYR",), 0),
                ([("CG1", "CG2")], ("ILE",), 3)):
            swap = dict(pairs + [pair[::-1] for pair in pairs])
            lines = [line[:13] + swap[line[13:16]] + line[16:]
                     if line[13:16] in swap and line[17:20] in residues else line
                     for line in text.splitlines() if line.startswith("ATOM")]
            with self.subTest(residues=residues):
                self.assertNotIn("\n".join(lines), text)
                self.assertEqual(list(self.same("\n".join(lines))), [bad, bad])


class Crystal(Compared):
    def setUp(self):
        if not os.path.exists(models.CRYSTAL):
            self.skipTest("there is no '%s' (Debian: python3-pdbfixer)" % models.CRYSTAL)

    def test_perturbed(self):
        """34 residues with all 20 amino acids."""
        text = models.piece("A", 2083, 2116)
        self.assertEqual({r[2] for r in models.model(text).residues}, set(NAMES))
        self.assertGreater(self.perturbed(text, 150)[1], 100)

    def test_relaxed(self):
        """A model broken and relaxed, with rounds that help and without."""
        text = models.piece("A", 2083, 2116)
        at = models.model(text).positions
        at[::9] += numpy.random.RandomState(1).randn(*at[::9].shape)
        broken = models.moved(text, at)
        self.assertGreater(self.same(broken)[1], 10)
        stiff = {"stiffness": "1e5", "max_outer_iterations": "1"}
        self.assertGreater(self.same(relaxed(broken, **stiff))[1], 5)
        self.assertLess(self.same(relaxed(broken))[0], 5)

    def test_atoms_absent(self):
        lines = models.piece("A", 2083, 2116).splitlines()
        for seed in range(20):
            random = numpy.random.RandomState(seed)
            text = "\n".join(line for line in lines if random.rand() > 0.1)
            self.perturbed(text, 2, most=20)

    def test_chains_in_each_other(self):
        """Two chains with the same numbers, from apart to one in the other."""
        one, other = models.piece("C", 185, 228), models.piece("D", 185, 228)
        there = models.model(one).positions
        here = models.model(other).positions
        for seed in range(30):
            random = numpy.random.RandomState(seed)
            shift = here.mean(0) - there.mean(0) + random.randn(3) * seed / 3
            with self.subTest(seed=seed):
                self.same(one + models.moved(other, here - shift))
        self.assertGreater(self.same(one + models.moved(other, here - shift))[0], 0)

    def test_whole_chain(self):
        self.perturbed("".join(models.piece("C", 1, 999)), 5, most=60)


if __name__ == "__main__":
    unittest.main()

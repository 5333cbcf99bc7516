# SPDX-License-Identifier: Apache-2.0
"""Which residues of a relaxed model still break stereochemistry.

AlphaFold2's structural violations, with its tolerances, on heavy atoms:
  - peptide bonds: length C-N, angles CA-C-N and C-N-CA, further than 12 standard
    deviations from the ideal (both residues count);
  - clashes between residues: closer than the sum of the van-der-Waals radii minus 1.5 A,
    but for peptide bonds, disulfides, and the second oxygen of a chain's end;
  - distances inside a residue (relax_bounds.py).
What it counts decides whose restraints are dropped, so its peculiarities are kept: the
deviation of CA-C-N (below), and pairs of atoms that never clash. Those are atoms of residues
with one number in two chains, C of a residue and N of the next number in any chain, and, where
it means SG, any two atoms at SG's place in a residue (CG, CG1, OG, OG1).
"""

import numpy

DEVIATIONS = 12.0
OVERLAP = 1.5  # Angstrom

# Ideal values and standard deviations (Engh and Huber); bonds in Angstrom, angles as
# cosines. Proline's nitrogen has its own bond length. For the cosine of CA-C-N AlphaFold2
# takes the deviation of the bond (0.014 instead of 0.0311), and so do we.
BOND_C_N = (1.329, 0.014)
BOND_C_N_PRO = (1.341, 0.016)
COS_CA_C_N = (-0.4473, 0.014)
COS_C_N_CA = (-0.5203, 0.0353)

# Added below each root of a bond length or an error, so that atoms may coincide.
UNDER_ROOT = 1e-6

AT_PLACE_OF_SG = ("SG", "CG", "CG1", "OG", "OG1")

RADII = {"C": 1.7, "N": 1.55, "O": 1.52, "S": 1.8}


class Atoms:
    """Heavy atoms of a model as arrays; `residues` are (chain, number, name)."""

    def __init__(self, residues, residue_of, names, elements, positions):
        self.residues = residues
        self.residue_of = numpy.asarray(residue_of, dtype=int)
        self.names = numpy.asarray(names, dtype="U4")
        self.radii = numpy.array([RADII.get(e, 1.7) for e in elements])
        self.positions = numpy.asarray(positions, dtype=float).reshape(-1, 3)

    def find(self, name):
        """Position of this atom in each residue, NaN where it is absent."""
        out = numpy.full((len(self.residues), 3), numpy.nan)
        at = numpy.flatnonzero(self.names == name)
        out[self.residue_of[at]] = self.positions[at]
        return out


def length(vectors):
    """Lengths of vectors, as AlphaFold2 takes those of bonds."""
    return numpy.sqrt(UNDER_ROOT + (vectors ** 2).sum(1))


def cosine(a, b, c):
    """Cosine of the angle at b."""
    u, v = a - b, c - b
    return (u * v).sum(1) / (length(u) * length(v))


def off(value, ideal, deviation):
    """Where a value is too far from its ideal; NaN (an atom is absent) is not."""
    with numpy.errstate(invalid="ignore"):
        return numpy.sqrt(UNDER_ROOT + (value - ideal) ** 2) > DEVIATIONS * deviation


def joined(residues):
    """Indices i where residue i + 1 follows residue i in its chain."""
    return numpy.array([i for i, (a, b) in enumerate(zip(residues, residues[1:]))
                        if a[0] == b[0] and b[1] == a[1] + 1], dtype=int)


def bad_peptides(atoms):
    """Residues on either side of a broken peptide bond."""
    first = joined(atoms.residues)
    if first.size == 0:
        return set()
    ca, c, n = atoms.find("CA"), atoms.find("C"), atoms.find("N")
    here, there = first, first + 1
    peptide = length(c[here] - n[there])
    proline = numpy.array([atoms.residues[i][2] == "PRO" for i in there])
    bad = numpy.where(proline, off(peptide, *BOND_C_N_PRO), off(peptide, *BOND_C_N))
    bad |= off(cosine(ca[here], c[here], n[there]), *COS_CA_C_N)
    bad |= off(cosine(c[here], n[there], ca[there]), *COS_C_N_CA)
    return set(first[bad]) | set(first[bad] + 1)


def close_pairs(positions, limit):
    """Index pairs closer than `limit`, (n, 2): a sweep along x, one shift at a time."""
    order = numpy.argsort(positions[:, 0], kind="stable")
    ordered, found = positions[order], [numpy.empty((0, 2), dtype=int)]
    for shift in range(1, len(order)):
        near = numpy.flatnonzero(ordered[shift:, 0] - ordered[:-shift, 0] < limit)
        if near.size == 0:
            break
        gap = ordered[near + shift] - ordered[near]
        hit = near[(gap * gap).sum(1) < limit * limit]
        found.append(numpy.stack([order[hit], order[hit + shift]], axis=1))
    return numpy.concatenate(found)


def clashing(atoms):
    """Residues with an atom too close to one of another residue."""
    pairs = close_pairs(atoms.positions, 2 * max(RADII.values()) - OVERLAP)
    numbers = numpy.array([r[1] for r in atoms.residues], dtype=int)[atoms.residue_of]
    swap = numbers[pairs[:, 0]] > numbers[pairs[:, 1]]
    a, b = numpy.where(swap[:, None], pairs[:, ::-1], pairs).T
    gap = atoms.positions[a] - atoms.positions[b]
    bad = numpy.sqrt((gap * gap).sum(1)) < atoms.radii[a] + atoms.radii[b] - OVERLAP
    names = atoms.names
    bad &= (numbers[a] < numbers[b]) & (names[a] != "OXT") & (names[b] != "OXT")
    bad &= ~((numbers[a] + 1 == numbers[b]) & (names[a] == "C") & (names[b] == "N"))
    bad &= ~(numpy.isin(names[a], AT_PLACE_OF_SG) & numpy.isin(names[b], AT_PLACE_OF_SG))
    return set(atoms.residue_of[a[bad]]) | set(atoms.residue_of[b[bad]])


def violating(atoms, bounds=None):
    """Sorted indices of all residues with a violation. Distances inside residues are judged
    by `bounds` (relax_bounds.Bounds), None: not."""
    bad = bad_peptides(atoms) | clashing(atoms)
    if bounds is not None:
        bad |= bounds.broken(atoms)
    return sorted(int(i) for i in bad)

# SPDX-License-Identifier: Apache-2.0
"""Which residues of a relaxed model still break stereochemistry.

The essentials of AlphaFold2's structural violations, with its tolerances, on heavy atoms:
  - peptide bonds: length C-N, angles CA-C-N and C-N-CA, further than 12 standard
    deviations from the ideal (both residues count);
  - clashes between residues: closer than the sum of the van-der-Waals radii minus 1.5 A,
    but for peptide bonds, pairs of SG, and the second oxygen of a chain's end.
Bounds inside a residue are left out: the force field holds them.
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


def cosine(a, b, c):
    """Cosine of the angle at b."""
    u, v = a - b, c - b
    with numpy.errstate(invalid="ignore", divide="ignore"):
        return (u * v).sum(1) / numpy.sqrt((u * u).sum(1) * (v * v).sum(1))


def off(value, ideal, deviation):
    """Where a value is too far from its ideal; NaN (an atom is absent) is not."""
    with numpy.errstate(invalid="ignore"):
        return numpy.abs(value - ideal) > DEVIATIONS * deviation


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
    length = numpy.sqrt(((c[here] - n[there]) ** 2).sum(1))
    proline = numpy.array([atoms.residues[i][2] == "PRO" for i in there])
    bad = numpy.where(proline, off(length, *BOND_C_N_PRO), off(length, *BOND_C_N))
    bad |= off(cosine(ca[here], c[here], n[there]), *COS_CA_C_N)
    bad |= off(cosine(c[here], n[there], ca[there]), *COS_C_N_CA)
    return set(first[bad]) | set(first[bad] + 1)


def close_pairs(positions, limit):
    """Index pairs (i, j) closer than `limit`: a sweep along x, one shift at a time."""
    order = numpy.argsort(positions[:, 0], kind="stable")
    sorted_positions = positions[order]
    for shift in range(1, len(order)):
        near = numpy.flatnonzero(
            sorted_positions[shift:, 0] - sorted_positions[:-shift, 0] < limit)
        if near.size == 0:
            return
        gap = sorted_positions[near + shift] - sorted_positions[near]
        hit = near[(gap * gap).sum(1) < limit * limit]
        yield from zip(order[hit], order[hit + shift])


def clashing(atoms):
    """Residues with an atom too close to one of another residue."""
    bad = set()
    following = {(i, i + 1) for i in joined(atoms.residues)}
    for i, j in close_pairs(atoms.positions, 2 * max(RADII.values()) - OVERLAP):
        a, b = sorted((i, j), key=lambda k: atoms.residue_of[k])
        ra, rb = atoms.residue_of[a], atoms.residue_of[b]
        names = atoms.names[a], atoms.names[b]
        if ra == rb or "OXT" in names:
            continue
        if (ra, rb) in following and names == ("C", "N") or names == ("SG", "SG"):
            continue
        distance = numpy.linalg.norm(atoms.positions[a] - atoms.positions[b])
        if distance < atoms.radii[a] + atoms.radii[b] - OVERLAP:
            bad |= {ra, rb}
    return bad


def violating(atoms):
    """Sorted indices of all residues with a violation."""
    return sorted(int(i) for i in bad_peptides(atoms) | clashing(atoms))

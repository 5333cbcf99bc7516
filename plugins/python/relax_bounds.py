# SPDX-License-Identifier: Apache-2.0
"""Bounds on the distances between the atoms of one residue, as AlphaFold2 has them.

Atoms that are bonded, or two bonds apart, are within 12 standard deviations of their ideal
distance; all others further apart than the sum of their van-der-Waals radii minus 1.5 A.
Distances over two bonds follow from both bonds and the angle by the law of cosines, their
deviations from those of the three to first order, as if these were independent.

The ideal bonds and angles (Engh and Huber) are those of the file stereo_chemical_props.txt,
which is not ours: it is looked for beside AlphaFold2's package, where AlphaFold2's own
instructions put it, then where OpenStructure has it (Debian: openstructure). OpenStructure's
2.3.1 and AlphaFold2's 2.3.2 are the same, byte by byte.
"""

import hashlib
import importlib.util
import math
import os
import pathlib
import sys

import numpy

from af2flow_worker import Failure
from relax_violations import DEVIATIONS, OVERLAP, RADII

NAME = "stereo_chemical_props.txt"
RESIDUES = ("ALA ARG ASN ASP CYS GLN GLU GLY HIS ILE LEU LYS MET PHE PRO SER THR TRP TYR "
            "VAL").split()
HEADINGS = (("Bond", 2), ("Angle", 3))  # first word of a table, atoms of an entry


def folders_of(package):
    """Folder of an installed package, in a list, without importing it; none: empty."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        return []
    return list(spec.submodule_search_locations or []) if spec else []


def places():
    """Paths where the file may be, the first that exists counts. Those of a package that is
    not installed yet are among them, so that its coming is noticed."""
    path = [p for p in sys.path if os.path.isabs(p) and os.path.isdir(p)]
    packages = folders_of("alphafold") + [os.path.join(p, "alphafold") for p in path]
    found = [os.path.join(p, "common", NAME) for p in packages]
    # OpenStructure's module is somewhere below the prefix that has its share/.
    above = [str(p) for folder in folders_of("ost") for p in pathlib.Path(folder).parents]
    found += [os.path.join(p, "share", "openstructure", NAME)
              for p in above + [sys.prefix, "/usr/local", "/usr"]]
    return list(dict.fromkeys(found))


def find(named="", where=places):
    """Path of the file: `named`, else the first of the places; "" where there is none."""
    return named or next((path for path in where() if os.path.isfile(path)), "")


class Reader:
    """The tables of one file.

    There are three, of bonds, of angles, and of atoms that are not bonded, which is not
    read. Each begins with a line of headings, whose first word is Bond or Angle, and ends
    with a line "-". A line between is an entry of four fields, separated by blanks: atoms
    joined by "-" (the middle one is the angle's), residue, mean and standard deviation, in
    Angstrom or degrees. Empty lines mean nothing.
    """

    def __init__(self, path, text):
        self.path, self.number = path, 0
        self.lines = enumerate(text.splitlines(), 1)

    def fail(self, what):
        place = "line %d of '%s'" % (self.number, self.path) if self.number else \
            "'%s'" % self.path
        raise Failure("permanent", "%s: %s; give `stereo_chemical_props` an undamaged table"
                      % (place, what))

    def line(self):
        """Fields of the next line that is not empty."""
        for self.number, line in self.lines:
            if line.strip():
                return line.split()
        return self.fail("the file ends too early")

    def entry(self, fields, count):
        """(residue, atoms, mean, deviation) of an entry with so many atoms."""
        atoms = fields[0].split("-")
        if len(fields) != 4 or len(atoms) != count or not all(atoms) or \
                len(set(atoms)) < count:
            self.fail("not %d atoms, residue, mean and deviation" % count)
        try:
            mean, deviation = float(fields[2]), float(fields[3])
        except ValueError:
            self.fail("no number: '%s %s'" % tuple(fields[2:]))
        if not 0 < mean < (math.inf, 180)[count - 2] or not 0 <= deviation < math.inf:
            self.fail("no such mean and deviation: '%s %s'" % tuple(fields[2:]))
        return fields[1], tuple(atoms), mean, deviation

    def table(self, heading, count):
        """{residue: {atoms: (mean, deviation)}} of the next table."""
        found = {}
        if self.line()[0] != heading:
            self.fail("no table that begins with '%s'" % heading)
        fields = self.line()
        while fields != ["-"]:
            residue, atoms, mean, deviation = self.entry(fields, count)
            of_residue = found.setdefault(residue, {})
            if atoms in of_residue or atoms[::-1] in of_residue:
                self.fail("'%s' of %s stands there twice" % (fields[0], residue))
            of_residue[atoms] = of_residue[atoms[::-1]] = mean, deviation
            fields = self.line()
        return found

    def tables(self):
        """(bonds, angles); all 20 amino acids are in both, and all bonds of an angle."""
        bonds, angles = [self.table(*heading) for heading in HEADINGS]
        self.number = 0
        for residue in RESIDUES:
            if residue not in bonds or residue not in angles:
                self.fail("%s is not in both tables" % residue)
            for a, b, c in angles[residue]:
                if (a, b) not in bonds[residue] or (b, c) not in bonds[residue]:
                    self.fail("no bonds for the angle %s-%s-%s of %s" % (a, b, c, residue))
        return bonds, angles


def opposite(first, second, angle):
    """(distance, deviation) of the ends of two bonds with this angle (degrees) between;
    each is a pair (mean, deviation)."""
    (a, da), (b, db) = first, second
    gamma, dgamma = (math.radians(x) for x in angle)
    c = math.sqrt(a * a + b * b - 2 * a * b * math.cos(gamma))
    parts = ((a - b * math.cos(gamma)) * da, (b - a * math.cos(gamma)) * db,
             a * b * math.sin(gamma) * dgamma)
    return c, math.sqrt(sum(x * x for x in parts)) / c


class Residue:
    """Bounds of one amino acid: `slots` {atom: index}, `lower` and `upper` (n, n)."""

    def __init__(self, bonds, angles):
        names = list(dict.fromkeys(name for pair in bonds for name in pair))
        self.slots = {name: i for i, name in enumerate(names)}
        radii = numpy.array([RADII.get(name[0], 1.7) for name in names])
        self.lower = radii[:, None] + radii - OVERLAP
        self.upper = numpy.full(self.lower.shape, numpy.inf)
        for (a, b), value in bonds.items():
            self.bound(a, b, *value)
        for (a, b, c), angle in angles.items():
            self.bound(a, c, *opposite(bonds[a, b], bonds[b, c], angle))
        numpy.fill_diagonal(self.lower, 0)

    def bound(self, a, b, mean, deviation):
        """The bounds of two atoms; once in each order."""
        at = self.slots[a], self.slots[b]
        self.lower[at] = mean - DEVIATIONS * deviation
        self.upper[at] = mean + DEVIATIONS * deviation


class Bounds:
    """The bounds of all residues that a file has."""

    def __init__(self, path, content):
        self.sha256 = hashlib.sha256(content).hexdigest()
        bonds, angles = Reader(path, content.decode("ascii", "replace")).tables()
        self.residues = {name: Residue(bonds[name], angles[name]) for name in RESIDUES}

    def broken(self, atoms):
        """Indices of residues with two atoms out of bounds; `atoms` as relax_violations
        has them. Atoms that are absent, or that the file does not know (the second oxygen
        of a chain's end), and other residues are not judged."""
        names = numpy.array([r[2] for r in atoms.residues], dtype="U4")
        bad = set()
        for name, residue in self.residues.items():
            which = numpy.flatnonzero(names == name)
            at = numpy.stack([atoms.find(a)[which] for a in residue.slots], axis=1)
            distance = numpy.sqrt(((at[:, :, None] - at[:, None]) ** 2).sum(-1))
            with numpy.errstate(invalid="ignore"):
                out = (distance < residue.lower) | (distance > residue.upper)
            bad.update(which[out.any(axis=(1, 2))])
        return bad


def load(named=""):
    """The Bounds of the file that is named, else found; None where there is none."""
    path = find(named)
    if not path:
        return None
    with open(path, "rb") as file:
        return Bounds(path, file.read())


def versions():
    """Digest of the file that is found, with all places, any of which may get one."""
    path = find()
    digest = "none"
    if path:
        with open(path, "rb") as file:
            digest = hashlib.sha256(file.read()).hexdigest()
    return {"stereo_chemical_props": (digest, *places())}

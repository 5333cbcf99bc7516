# SPDX-License-Identifier: Apache-2.0
"""Models for the tests of relaxation: as PDB texts, and as relax_violations has them."""

import os
import sys

SOURCE = os.path.abspath(os.environ.get("AF2_SRCDIR") or
                         os.path.join(os.path.dirname(__file__), "..", ".."))
sys.path.insert(0, os.path.join(SOURCE, "plugins", "python"))

import relax_violations as violations  # noqa: E402

# 20 residues of a model.
FRAGMENT = os.path.join(SOURCE, "tests", "fixtures", "models", "unrelaxed_fragment.pdb")
# Chains of 1,058 and 317 residues, a crystal structure of low resolution (Debian:
# python3-pdbfixer).
CRYSTAL = "/usr/lib/python3/dist-packages/pdbfixer/tests/data/4JSV.pdb"


def read(path):
    """A text."""
    with open(path, encoding="ascii") as file:
        return file.read()


def model(text):
    """The heavy atoms of a PDB text."""
    residues, residue_of, names, elements, positions = [], [], [], [], []
    for line in text.splitlines():
        if not line.startswith("ATOM") or line[76:78].strip() == "H":
            continue
        key = (line[21], int(line[22:26]), line[17:20])
        if not residues or residues[-1] != key:
            residues.append(key)
        residue_of.append(len(residues) - 1)
        names.append(line[12:16].strip())
        elements.append(line[76:78].strip())
        positions.append([float(line[c:c + 8]) for c in (30, 38, 46)])
    return violations.Atoms(residues, residue_of, names, elements, positions)


def fragment():
    """The heavy atoms of the fixture."""
    return model(read(FRAGMENT))


def piece(chain, first, last):
    """Some residues of the crystal structure, as a PDB text."""
    return "".join(line + "\n" for line in read(CRYSTAL).splitlines()
                   if line.startswith("ATOM") and line[21] == chain
                   and first <= int(line[22:26]) <= last)


def moved(text, positions):
    """A PDB text with other coordinates (atoms, 3) and without other lines."""
    lines = [line for line in text.splitlines() if line.startswith("ATOM")]
    return "".join(line[:30] + "%8.3f%8.3f%8.3f" % tuple(at) + line[54:] + "\n"
                   for line, at in zip(lines, positions))

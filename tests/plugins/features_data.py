# SPDX-License-Identifier: Apache-2.0
"""What tests of features are made from: proteins with relatives, search databases for the
real tools, and structures as mmCIF files with what AlphaFold2 reads of them. All of it
follows from seeds."""

import math
import os
import random

LETTERS = "ACDEFGHIKLMNPQRSTVWY"
NAMES = dict(zip(LETTERS, (
    "ALA CYS ASP GLU PHE GLY HIS ILE LYS LEU MET ASN PRO GLN ARG SER THR VAL TRP "
    "TYR").split()))
SPECIES = ("HUMAN", "MOUSE", "YEAST", "ECOLI", "9BACT", "ARATH")


def protein(length, seed):
    """A random sequence."""
    return "".join(random.Random(seed).choices(LETTERS, k=length))


def relative(sequence, seed, part=0.2):
    """The sequence with a part of its residues replaced, and one piece left out or
    put in."""
    rng = random.Random(seed)
    out = [rng.choice(LETTERS) if rng.random() < part else letter for letter in sequence]
    at = rng.randrange(5, len(out) - 5)
    if seed % 3 == 0:
        del out[at:at + 2]
    elif seed % 3 == 1:
        out[at:at] = list(protein(3, seed))
    return "".join(out)


def relatives(sequence, count, seed):
    """[(UniProt-like name, sequence)]: relatives, some of them twice."""
    found = []
    for i in range(count):
        name = "tr|A%dB%02d0|A%dB%02d0_%s" % (seed % 10, i, seed % 10, i,
                                             SPECIES[(i + seed) % len(SPECIES)])
        found.append((name, relative(sequence, seed + i - (i % 4 == 3))))
    return found


def write_fasta(path, records):
    """Write [(name, sequence)]."""
    with open(path, "w", encoding="ascii") as out:
        for name, sequence in records:
            out.write(">%s\n%s\n" % (name, sequence))
    return path


def loop(category, fields, rows):
    """A loop of an mmCIF file."""
    head = "".join("%s.%s\n" % (category, field) for field in fields.split())
    return "loop_\n" + head + "".join(" ".join(map(str, row)) + "\n" for row in rows) + "#\n"


def backbone(index, seed):
    """{atom: (x, y, z)} in Angstrom of residue `index` on a helix of its own size."""
    atoms = {}
    for k, atom in enumerate(("N", "CA", "C", "O", "CB")):
        turn = math.radians(100 * index + 25 * k)
        radius = 2.3 + 0.4 * (k > 2) + 0.01 * (seed % 50)
        atoms[atom] = (radius * math.cos(turn), radius * math.sin(turn),
                       1.5 * index + 0.5 * k)
    return atoms


def residue_name(letter):
    """Name of a residue; 'm' is selenomethionine."""
    return "MSE" if letter == "m" else NAMES[letter]


def atom_rows(chains, absent):
    """Rows of _atom_site: chains are (label id, author id, entity, sequence)."""
    rows = []
    for label, author, entity, sequence in chains:
        for i, letter in enumerate(sequence):
            if i in absent:
                continue
            for atom, (x, y, z) in backbone(i, len(sequence) + entity).items():
                if letter == "G" and atom == "CB":
                    continue
                rows.append(("HETATM" if letter == "m" else "ATOM", len(rows) + 1, atom[0],
                             atom, ".", residue_name(letter), label, entity, i + 1, "?",
                             "%.3f" % x, "%.3f" % y, "%.3f" % z, "1.00", "20.00", i + 11,
                             residue_name(letter), author, atom, 1))
    return rows


def mmcif(pdb_id, chains, date="2000-01-02", absent=()):
    """Text of an mmCIF file: chains is {author id: sequence}; residues `absent` (from 0)
    have no atoms."""
    named = [(chr(ord("A") + i), author, i + 1, sequence)
             for i, (author, sequence) in enumerate(chains.items())]
    used = sorted({letter for sequence in chains.values() for letter in sequence})
    text = "data_%s\n_entry.id %s\n_exptl.method 'X-RAY DIFFRACTION'\n" % (pdb_id, pdb_id)
    text += "_refine.ls_d_res_high 1.90\n#\n"
    text += loop("_pdbx_audit_revision_history", "ordinal revision_date",
                 [(1, date), (2, "2024-05-06")])
    text += loop("_chem_comp", "id type",
                 [(residue_name(letter), "'L-peptide linking'") for letter in used])
    text += loop("_struct_asym", "id entity_id", [(row[0], row[2]) for row in named])
    text += loop("_entity_poly_seq", "entity_id num mon_id",
                 [(entity, i + 1, residue_name(letter))
                  for _, _, entity, sequence in named for i, letter in enumerate(sequence)])
    return text + loop(
        "_atom_site", "group_PDB id type_symbol label_atom_id label_alt_id label_comp_id "
        "label_asym_id label_entity_id label_seq_id pdbx_PDB_ins_code Cartn_x Cartn_y "
        "Cartn_z occupancy B_iso_or_equiv auth_seq_id auth_comp_id auth_asym_id "
        "auth_atom_id pdbx_PDB_model_num", atom_rows(named, absent))


def write_mmcif(folder, pdb_id, chains, **options):
    """Write ID.cif into a folder."""
    os.makedirs(folder, exist_ok=True)
    path = os.path.join(folder, pdb_id + ".cif")
    with open(path, "w", encoding="ascii") as out:
        out.write(mmcif(pdb_id, chains, **options))
    return path

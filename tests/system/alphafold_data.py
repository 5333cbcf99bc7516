# SPDX-License-Identifier: Apache-2.0
"""A data_dir as AlphaFold2's download scripts leave it, with next to nothing in it.

    python3 alphafold_data.py WORKFLOWS/demo DATA_DIR

Every database has two dozen relatives of the sequences below, made up from a fixed seed,
so that each search finds some. Beside it stand mono.fasta (30 residues), pair.fasta (the
same chain twice and another one) and second.fasta. params/ is left to random_params.py.
"""
import os
import random
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "plugins"))
import features_data  # noqa: E402

FIRST = "MKVLAERTGHSDWYNPQICFMKELVRTAGH"
SECOND = "GSHMAETRKLDVWQYIPNCF"
LETTERS = "ACDEFGHIKLMNPQRSTVWY"
RELATIVES = 24
BFD = "bfd/bfd_metaclust_clu_complete_id30_c90_final_seq.sorted_opt"
SPECIES = ("HUMAN", "MOUSE", "YEAST", "ECOLI")


def relative(sequence, rng):
    """The sequence with about one residue in six replaced."""
    return "".join(rng.choice(LETTERS) if rng.random() < 0.16 else c for c in sequence)


def records(name, rng):
    """(name, sequence) of all entries of one database."""
    for i in range(RELATIVES):
        for k, sequence in enumerate((FIRST, SECOND)):
            yield name % (2 * i + k, SPECIES[i % len(SPECIES)]), relative(sequence, rng)


def write_fasta(path, entries):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="ascii") as out:
        out.writelines(">%s\n%s\n" % entry for entry in entries)


def write_hhsuite(prefix, entries):
    """An HH-suite database with one sequence an entry."""
    import hhsuite_db
    os.makedirs(os.path.dirname(prefix), exist_ok=True)
    hhsuite_db.write(prefix, {name: (">%s\n%s\n" % (name, sequence)).encode()
                              for name, sequence in entries})


def main(demo, data):
    sys.path.insert(0, demo)
    rng = random.Random(7)
    for path in ("uniref90/uniref90.fasta", "mgnify/mgy_clusters_2022_05.fa",
                 "small_bfd/bfd-first_non_consensus_sequences.fasta"):
        write_fasta(os.path.join(data, path), records("R%05d_%s", rng))
    write_fasta(os.path.join(data, "uniprot/uniprot.fasta"),
                records("tr|A0A%05d|A0A_%s", rng))
    write_hhsuite(os.path.join(data, BFD), records("B%05d_%s", rng))
    write_hhsuite(os.path.join(data, "uniref30/UniRef30_2021_03"), records("U%05d_%s", rng))
    known = [(name[:4], s) for name, s in records("%04d_%s", rng)]
    write_hhsuite(os.path.join(data, "pdb70/pdb70"), ((name + "_A", s) for name, s in known))
    write_fasta(os.path.join(data, "pdb_seqres/pdb_seqres.txt"),
                ((name + "_A mol:protein length:%d" % len(s), s) for name, s in known))
    for name, sequence in known:
        features_data.write_mmcif(os.path.join(data, "pdb_mmcif/mmcif_files"), name,
                                  {"A": sequence})
    with open(os.path.join(data, "pdb_mmcif/obsolete.dat"), "w", encoding="ascii"):
        pass
    write_fasta(os.path.join(data, "mono.fasta"), [("first", FIRST)])
    write_fasta(os.path.join(data, "second.fasta"), [("second", SECOND)])
    write_fasta(os.path.join(data, "pair.fasta"),
                [("a", FIRST), ("b", FIRST), ("c", SECOND)])


if __name__ == "__main__":
    main(*sys.argv[1:])

# SPDX-License-Identifier: Apache-2.0
"""structures.py hhsuite PREFIX | pdb ID CHAIN OUT: known structures from ProMod3's
structure database (Debian's promod3-data: 21,119 chain segments of the PDB).

`hhsuite` writes a template database with entries named like 4GEL_A_14154: PDB id, chain,
number of the segment. `pdb` writes the backbone of one chain and prints its sequence.
"""

import sys

import hhsuite_db


def segments(database):
    """(number, PDB id, chain name, sequence) of every segment."""
    from promod3 import loop
    for number in range(database.GetNumCoords()):
        info = database.GetCoordInfo(number)
        fragment = loop.FragmentInfo(number, 0, info.size)
        yield number, info.id, info.chain_name, database.GetSequence(fragment)


def entry(number, pdb_id, chain, sequence):
    """(name, a3m) of a template."""
    name = "%s_%s_%d" % (pdb_id, chain, number)
    return name, (">%s\n%s\n" % (name, sequence)).encode()


def main(argv):
    from promod3 import loop
    database = loop.LoadStructureDB()
    if argv[1] == "hhsuite":
        hhsuite_db.write(argv[2], dict(entry(*x) for x in segments(database)))
        return
    from ost import io
    pdb_id, chain, out = argv[2:]
    for number in database.GetCoordIndex(pdb_id, chain):
        fragment = loop.FragmentInfo(number, 0, database.GetCoordInfo(number).size)
        sequence = database.GetSequence(fragment)
        io.SavePDB(database.GetBackboneList(fragment, sequence).ToEntity(), out)
        print(sequence)
        return
    sys.exit("no structure %s chain %s in the structure database" % (pdb_id, chain))


if __name__ == "__main__":
    main(sys.argv)

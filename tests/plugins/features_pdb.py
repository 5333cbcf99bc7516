# SPDX-License-Identifier: Apache-2.0
"""What tests of features on entries of the PDB share: the entries (tests/fixtures/mmcif), a
world of them, and the atoms of templates looked up in their files."""

import collections
import glob
import gzip
import io
import os

import features_world
from features_world import SOURCE, alphafold2, data, np, stage, templates
from alphafold.common import residue_constants
from Bio.PDB.MMCIF2Dict import MMCIF2Dict
from af2flow_worker import Request

OLD = ("1lcd", "3jqh", "4zhl")  # their dates are where they were until 2017
LETTERS = {"MSE": "M", **{residue: letter for letter, residue in data.NAMES.items()}}
# Names that an atom may have in the file; AlphaFold2 puts NH1 and NH2 right.
ATOMS = {"SD": {"SD", "SE"}, "NH1": {"NH1", "NH2"}, "NH2": {"NH1", "NH2"}}


class Entry:
    """A file of the PDB."""

    def __init__(self, path):
        self.id = os.path.basename(path)[:4]
        with gzip.open(path, "rt", encoding="ascii") as file:
            self.text = file.read()
        self.table = MMCIF2Dict(io.StringIO(self.text))

    def rows(self, category, names):
        """Rows of some columns of a category."""
        return list(zip(*(self.table["_%s.%s" % (category, name)] for name in names.split())))

    def chains(self):
        """{id_chain: sequence} of the proteins, as in the PDB's own list of sequences."""
        return {"%s_%s" % (self.id, chain): "".join(sequence.split())
                for kind, sequence, names in self.rows(
                    "entity_poly", "type pdbx_seq_one_letter_code_can pdbx_strand_id")
                if "peptide" in kind for chain in names.split(",")}

    def atoms(self, chain):
        """{(x, y, z): (number in the sequence, residue, atom)} of the first model, without
        alternates that others exceed in occupancy."""
        rows = [row for row in self.rows(
            "atom_site", "auth_asym_id pdbx_PDB_model_num label_seq_id label_comp_id "
            "label_atom_id occupancy Cartn_x Cartn_y Cartn_z")
                if row[:2] == (chain, "1") and row[2] != "."]
        most = collections.defaultdict(float)
        for row in rows:
            most[row[2:5]] = max(most[row[2:5]], float(row[5]))
        return {tuple(map(float, row[6:])): (int(row[2]), *row[3:5])
                for row in rows if float(row[5]) == most[row[2:5]]}

    def polymer(self, chain):
        """The residues of a chain's sequence, all kinds of each."""
        entity = next(entity for name, entity, number in self.rows(
            "atom_site", "auth_asym_id label_entity_id label_seq_id")
                      if name == chain and number != ".")
        return [residue for name, residue in self.rows("entity_poly_seq", "entity_id mon_id")
                if name == entity]

    def dated(self):
        """The text with dates where they are today."""
        if self.id not in OLD:
            return self.text
        return self.text + data.loop("_pdbx_audit_revision_history", "ordinal revision_date",
                                     self.rows("database_PDB_rev", "num date"))


ENTRIES = {entry.id: entry for entry in map(Entry, sorted(glob.glob(
    os.path.join(SOURCE, "tests", "fixtures", "mmcif", "*.cif.gz"))))}
CHAINS = {name: sequence for entry in ENTRIES.values()
          for name, sequence in entry.chains().items()}
# Relatives of the chains: a fifth of the residues is another, some are left out or put in.
PAR3, NRBF2, LAC, BINDER, METAL, NECK = (
    data.relative(CHAINS[name], seed) for name, seed in (
        ("3zee_A", 21), ("4zey_A", 22), ("1lcd_A", 24), ("2q2k_A", 25), ("3u8v_A", 28),
        ("3jqh_A", 31)))


class World(features_world.World):
    """Databases of relatives, and the entries with their chains."""

    proteins = (PAR3, NRBF2, BINDER, LAC)

    def structures(self):
        os.mkdir(self.path("mmcif"))
        for entry in ENTRIES.values():
            self.write_entry(entry.id, entry.dated())
        self.write_chains(CHAINS)

    def write_entry(self, pdb_id, text):
        """The structure of an entry."""
        with open(self.path("mmcif", pdb_id + ".cif"), "w", encoding="ascii") as out:
            out.write(text)


class PdbCase(features_world.Case):
    kind = World

    def search(self, sequence, multimer):
        """The hits of a search with one sequence, in a file and as the package reads them."""
        searcher = self.world.searcher(multimer)
        query = "# STOCKHOLM 1.0\n\nquery %s\n#=GC RF %s\n//\n" % (
            sequence, "x" * len(sequence)) if multimer else ">query\n%s\n" % sequence
        hits = searcher.query(query)
        path = self.world.path("hits")
        with open(path, "w", encoding="ascii") as out:
            out.write(hits)
        return path, searcher.get_template_hits(hits, sequence)

    def ours(self, sequence, path, multimer):
        """(template features, request)."""
        request = Request({"args": {
            "hits": path, "model_preset": "multimer" if multimer else "monomer",
            "use_templates": "1", "template_mmcif_dir": self.world.path("mmcif"),
            "max_template_date": self.world.date, "max_template_hits": "20",
            "kalign_binary_path": "kalign"}})
        return stage.template_features(request, sequence), request

    def theirs(self, sequence, hits, multimer):
        """The package's template features, with AlphaFold2's rules."""
        kind = templates.HmmsearchHitFeaturizer if multimer else \
            templates.HhsearchHitFeaturizer
        with alphafold2():
            return self.world.featurizer(kind).get_templates(sequence, hits).features

    def check(self, sequence, multimer):
        """(features, request) of a sequence's hits: as the package has them, with the atoms
        of the files."""
        path, hits = self.search(sequence, multimer)
        found, request = self.ours(sequence, path, multimer)
        self.assert_equal(found, self.theirs(sequence, hits, multimer))
        self.check_atoms(found)
        return found, request

    def each(self, sequence):
        """`check` with each of the searches: (multimer, features, request)."""
        for multimer in (False, True):
            yield (multimer, *self.check(sequence, multimer))

    def names(self, found):
        """Names of the templates."""
        return [name.decode() for name in found["template_domain_names"] if name]

    def placed(self, found, name):
        """[{atom: (number, residue, atom) in the file}] of the query's residues in the best
        template of a chain; all atoms are where the file has one."""
        i = self.names(found).index(name)
        atoms = ENTRIES[name[:4]].atoms(name[5:])
        return [{residue_constants.atom_types[k]: atoms[tuple(
            round(float(x), 3) for x in found["template_all_atom_positions"][i, q, k])]
                 for k in np.flatnonzero(mask)}
                for q, mask in enumerate(found["template_all_atom_masks"][i])]

    def check_atoms(self, found):
        """The atoms of a residue are those of one in the file, of its kind, in order."""
        for name in set(self.names(found)):
            letters = found["template_sequence"][self.names(found).index(name)].decode()
            polymer = ENTRIES[name[:4]].polymer(name[5:])
            last = 0
            for letter, here in zip(letters, self.placed(found, name)):
                if here:
                    (number, residue), = {place[:2] for place in here.values()}
                    self.assertGreater(number, last)
                    last = number
                    counted = polymer[number - 1]
                    self.assertEqual(letter, LETTERS[counted])
                    # Of 3JQH's residues 4 and 18 there are two and three kinds.
                    self.assertTrue(residue == counted or name == "3jqh_A")
                for atom, (_, _, there) in here.items():
                    self.assertIn(there, ATOMS.get(atom, {atom}))

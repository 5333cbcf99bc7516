# SPDX-License-Identifier: Apache-2.0
"""plugins/python/features_*.py on entries of the PDB (tests/fixtures/mmcif): features are
AlphaFold2's own, and the atoms of templates are those of the files."""

import collections
import glob
import gzip
import io
import os
import unittest
from unittest import mock

INTERPRETER = "AF2_ALPHAFOLD_PYTHON"

import features_world  # noqa: E402
from features_world import (SOURCE, alphafold2, data, mmcif_parsing, np, stage,  # noqa: E402
                            templates)
from alphafold.common import residue_constants  # noqa: E402
from Bio.PDB.MMCIF2Dict import MMCIF2Dict  # noqa: E402
from af2flow_worker import Request  # noqa: E402
import features_rules  # noqa: E402

RELEASED = {"1lcd": "1994-01-31", "2q2k": "2008-02-05", "3jqh": "2009-11-10",
            "3u8v": "2011-11-09", "3zee": "2013-10-16", "4i6p": "2013-07-17",
            "4zey": "2015-05-06", "4zhl": "2015-09-16"}
OLD = ("1lcd", "3jqh", "4zhl")  # their dates are where they were until 2017
LETTERS = {"MSE": "M", **{residue: letter for letter, residue in data.NAMES.items()}}
# Names that an atom may have in the file; AlphaFold2 puts NH1 and NH2 right.
ATOMS = {"SD": {"SD", "SE"}, "NH1": {"NH1", "NH2"}, "NH2": {"NH1", "NH2"}}
# Bovine trypsin (PDB entry 1GBT), a far relative of 4ZHL's urokinase.
TRYPSIN = ("IVGGYTCGANTVPYQVSLNSGYHFCGGSLINSQWVVSAAHCYKSGIQVRLGEDNINVVEGNEQFISASKSIVHPSYNSNT"
           "LNNDIMLIKLKSAASLNSRVASISLPTSCASAGTQCLISGWGNTKSSGTSYPDVLKCLKAPILSDSSCKSAYPGQITSNM"
           "FCAGYLEGGKDSCQGDSGGPVVCSGKLQGIVSWGSGCAQKNKPGVYTKVCNYVSWIKQTIASN")


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


class Structures(PdbCase):
    """What real files have, by both searches."""

    def test_release_dates(self):
        self.assertEqual(set(ENTRIES), set(RELEASED))
        for name, entry in ENTRIES.items():
            self.assertEqual(features_rules.release_date(entry.dated()), RELEASED[name])
            self.assertEqual(mmcif_parsing.parse(
                file_id=name, mmcif_string=entry.dated()).mmcif_object.header["release_date"],
                             RELEASED[name])
            self.assertEqual(features_rules.release_date(entry.text) is None, name in OLD)

    def test_one_protein_twice(self):
        """By electron microscopy, and by X-rays as two chains."""
        for multimer, found, _ in self.each(PAR3):
            # hmmsearch's hits are templates only if their aligned residues differ.
            self.assertLessEqual({"3zee_A"} if multimer else {"3zee_A", "4i6p_A", "4i6p_B"},
                                 set(self.names(found)))

    def test_selenomethionine(self):
        for _, found, _ in self.each(NRBF2):
            places = [here["SD"] for here in self.placed(found, "4zey_A") if "SD" in here]
            self.assertLessEqual({("MSE", "SE")}, {place[1:] for place in places})

    def test_models_and_dna(self):
        for _, found, _ in self.each(LAC):
            self.assertEqual(self.names(found), ["1lcd_A"])
            self.assertGreater(sum("CA" in here for here in self.placed(found, "1lcd_A")), 40)

    def test_two_chains_and_dna(self):
        for multimer, found, _ in self.each(BINDER):
            self.assertIn("2q2k_A", self.names(found))
            self.assertEqual("2q2k_B" in self.names(found), not multimer)

    def test_a_gap(self):
        """Residues 45 to 49 and the last ones have no atoms, but are aligned."""
        for _, found, _ in self.each(METAL):
            letters = found["template_sequence"][self.names(found).index("3u8v_A")].decode()
            places = self.placed(found, "3u8v_A")
            numbers = {place[0] for here in places for place in here.values()}
            self.assertFalse(numbers & set(range(45, 50)))
            self.assertLess(min(numbers), 45)
            self.assertGreater(max(numbers), 49)
            self.assertGreater(sum(letter != "-" and not here
                                   for letter, here in zip(letters, places)), 3)

    def test_insertion_codes(self):
        inserted = {int(number) for code, chain, number in ENTRIES["4zhl"].rows(
            "atom_site", "pdbx_PDB_ins_code auth_asym_id label_seq_id")
                    if code != "?" and chain == "U"}
        for _, found, _ in self.each(TRYPSIN):
            self.assertEqual(self.names(found), ["4zhl_U"])
            numbers = {place[0] for here in self.placed(found, "4zhl_U")
                       for place in here.values()}
            self.assertGreater(len(numbers & inserted), 3)

    def test_kinds_of_a_residue(self):
        """AlphaFold2 counts each kind, so that letters and atoms part behind them."""
        for _, found, _ in self.each(NECK):
            letters = found["template_sequence"][self.names(found).index("3jqh_A")].decode()
            seen = [(letter, *sorted(here.values())[0][:2])
                    for letter, here in zip(letters, self.placed(found, "3jqh_A")) if here]
            self.assertEqual([one for one in seen if one[1] in (4, 6, 22)],
                             [("P", 4, "SER"), ("E", 6, "LYS"), ("L", 22, "ALA")])

    def test_max_template_date(self):
        for date, monomer, multimer in (
                ("2013-07-16", set(), set()),
                ("2013-07-17", {"4i6p_A", "4i6p_B"}, {"4i6p_A"}),
                ("2013-10-15", {"4i6p_A", "4i6p_B"}, {"4i6p_A"}),
                ("2013-10-16", {"3zee_A", "4i6p_A", "4i6p_B"}, {"3zee_A"})):
            with self.subTest(date=date), mock.patch.object(self.world, "date", date):
                for is_multimer, found, request in self.each(PAR3):
                    self.assertEqual({name for name in self.names(found)
                                      if name[:4] in ("3zee", "4i6p")},
                                     multimer if is_multimer else monomer)
                    self.assertEqual(any("4I6P_A: it is newer" in line or "4i6p_A: it is newer"
                                         in line for line in request.lines),
                                     date == "2013-07-16")

    def test_chains_themselves(self):
        """What is left of the query's own structure is 95 % of it at most: repeats, and 2Q2K
        without its tag of histidines."""
        for name in ("1lcd_A", "2q2k_A", "3jqh_A", "3u8v_A", "3zee_A", "4i6p_A", "4zey_A",
                     "4zhl_U"):
            sequence = CHAINS[name]
            for multimer, found, request in self.each(sequence):
                with self.subTest(chain=name, multimer=multimer):
                    pieces = [len(row) - row.count(b"-") for row, there in
                              zip(found["template_sequence"], found["template_domain_names"])
                              if there.decode()[:4] == name[:4]]
                    self.assertTrue(all(n <= 0.95 * len(sequence) for n in pieces))
                    self.assertEqual(bool(pieces), not multimer and name[:4] not in
                                     ("1lcd", "3zee", "4i6p"))
                    own = [line.lower() for line in request.lines if
                           "the query itself" in line or "exact subsequence" in line]
                    self.assertEqual(any(name.lower() in line for line in own),
                                     multimer or name != "2q2k_A", request.lines)

    def test_old_files(self):
        """AlphaFold2 ends the target for a file without a release date."""
        for name in OLD:
            self.world.write_entry(name, ENTRIES[name].text)
            self.addCleanup(self.world.write_entry, name, ENTRIES[name].dated())
        path, hits = self.search(NECK, False)
        with self.assertRaises(KeyError):
            self.theirs(NECK, hits, False)
        found, request = self.ours(NECK, path, False)
        self.assert_equal(found, self.theirs(NECK, [
            hit for hit in hits if hit.name[:4].lower() not in OLD], False))
        self.assertIn("2q2k_A", self.names(found))
        self.assertIn("no template: 3JQH_A: its file has no release date "
                      "(_pdbx_audit_revision_history)", request.lines)


class Targets(PdbCase):
    """The whole pipeline."""

    def monomer(self, name, sequence, small=False):
        wanted, msas = self.world.reference(name, [("query", sequence)], small=small)
        found, _ = self.chain(sequence, msas)
        self.assert_equal(found, wanted)
        self.check_atoms(found)
        return set(self.names(found))

    def multimer(self, name, *sequences):
        records = [("chain %d" % i, sequence) for i, sequence in enumerate(sequences)]
        wanted, msas = self.world.reference(name, records, multimer=True, small=True)
        found, _ = self.target(records, msas)
        self.assert_equal(found, wanted)
        return found

    def test_monomer(self):
        self.assertLessEqual({"3zee_A", "4i6p_A", "4i6p_B"}, self.monomer("full", PAR3))

    def test_selenomethionine(self):
        self.assertIn("4zey_A", self.monomer("reduced", NRBF2, small=True))

    def test_before_a_release(self):
        with mock.patch.object(self.world, "date", "2015-05-05"):
            self.assertNotIn("4zey_A", self.monomer("before", NRBF2, small=True))

    def test_the_chain_itself(self):
        # 3ZEE's is the same with four residues less.
        names = self.monomer("itself", CHAINS["4i6p_A"], small=True)
        self.assertFalse({name for name in names if name[:4] in ("3zee", "4i6p")})

    def test_homomer(self):
        found = self.multimer("homomer", BINDER, BINDER)
        masks = found["template_all_atom_mask"]
        self.assertEqual(masks.shape[1], 2 * len(BINDER))
        self.assertGreater(masks[:, :len(BINDER)].sum(), 100)

    def test_heteromer(self):
        for date, seen in (("2013-07-16", False), ("2013-07-17", True)):
            with self.subTest(date=date), mock.patch.object(self.world, "date", date):
                found = self.multimer("heteromer" + date, PAR3, LAC, PAR3)
                lac = found["entity_id"] == 2
                self.assertEqual(lac.sum(), len(LAC))
                masks = found["template_all_atom_mask"]
                self.assertGreater(masks[:, lac].sum(), 100)
                self.assertEqual(masks[:, ~lac].sum() > 500, seen)

    def test_chains_themselves(self):
        """Neither chain of the complex has a template."""
        found = self.multimer("own", CHAINS["1lcd_A"], CHAINS["3u8v_A"])
        self.assertEqual(found["template_all_atom_mask"].sum(), 0)


if __name__ == "__main__":
    unittest.main()

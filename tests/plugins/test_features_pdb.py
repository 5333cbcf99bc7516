# SPDX-License-Identifier: Apache-2.0
"""plugins/python/features_*.py on entries of the PDB (tests/fixtures/mmcif): features are
AlphaFold2's own, and the atoms of templates are those of the files."""

import unittest
from unittest import mock

INTERPRETER = "AF2_ALPHAFOLD_PYTHON"

from features_pdb import (BINDER, CHAINS, ENTRIES, LAC, METAL, NECK, NRBF2, OLD,  # noqa: E402
                          PAR3, PdbCase)
from features_world import mmcif_parsing  # noqa: E402
import features_rules  # noqa: E402

RELEASED = {"1lcd": "1994-01-31", "2q2k": "2008-02-05", "3jqh": "2009-11-10",
            "3u8v": "2011-11-09", "3zee": "2013-10-16", "4i6p": "2013-07-17",
            "4zey": "2015-05-06", "4zhl": "2015-09-16"}
# Bovine trypsin (PDB entry 1GBT), a far relative of 4ZHL's urokinase.
TRYPSIN = ("IVGGYTCGANTVPYQVSLNSGYHFCGGSLINSQWVVSAAHCYKSGIQVRLGEDNINVVEGNEQFISASKSIVHPSYNSNT"
           "LNNDIMLIKLKSAASLNSRVASISLPTSCASAGTQCLISGWGNTKSSGTSYPDVLKCLKAPILSDSSCKSAYPGQITSNM"
           "FCAGYLEGGKDSCQGDSGGPVVCSGKLQGIVSWGSGCAQKNKPGVYTKVCNYVSWIKQTIASN")


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

    def test_another_version(self):
        """The database has another sequence than the file, to which it is then aligned."""
        sequence = CHAINS["4zey_A"]
        self.world.write_chains({**CHAINS, "4zey_A": sequence[:30] + "W" + sequence[32:]})
        self.addCleanup(self.world.write_chains, CHAINS)
        for _, found, _ in self.each(NRBF2):
            places = [here["SD"] for here in self.placed(found, "4zey_A") if "SD" in here]
            self.assertLessEqual({("MSE", "SE")}, {place[1:] for place in places})
            aligned = found["template_sequence"][self.names(found).index("4zey_A")].decode()
            self.assertEqual(aligned.count("W"), sequence.count("W"))

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

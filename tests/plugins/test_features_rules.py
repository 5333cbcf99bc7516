# SPDX-License-Identifier: Apache-2.0
"""plugins/python/features_rules.py: which hits become templates, and what they cost."""

import os
import unittest
import unittest.mock

INTERPRETER = "AF2_ALPHAFOLD_PYTHON"

from features_world import (A, DATE, Case, alphafold2, data, hhsearch,  # noqa: E402
                            hhsuite_db, hmmsearch, mmcif_parsing, np, parsers, stage, templates)
from af2flow_worker import Failure, Request  # noqa: E402
import features_rules  # noqa: E402

R1, R2 = data.relative(A, 602), data.relative(A, 605)  # as long as A


class Rules(unittest.TestCase):
    def hit(self, sequence, columns):
        return parsers.TemplateHit(
            index=1, name="1ABC_A", aligned_cols=columns, sum_probs=1.0, query=sequence,
            hit_sequence=sequence, indices_query=[], indices_hit=[])

    def test_refusals(self):
        query = A + data.protein(40, 9)
        for sequence, columns, error in (
                (query, 100, "DuplicateError"), (query[:96], 96, "DuplicateError"),
                (query[:95], 95, None), (query[:50] + "-" + query[50:], 100, "DuplicateError"),
                (query[:95] + "W", 95, None), (query[:10], 11, None),
                (query[:10], 10, "AlignRatioError"), (query[:9], 11, "LengthError")):
            with self.subTest(sequence=len(sequence), columns=columns):
                found = features_rules.refusal(self.hit(sequence, columns), query)
                self.assertEqual(found and found[0], error)

    def test_unique_rows(self):
        def msa(*rows):
            return parsers.Msa(sequences=list(rows), deletion_matrix=[[i] for i, _ in
                                                                      enumerate(rows)],
                               descriptions=["%s%d" % (x, i) for i, x in enumerate(rows)])
        found = features_rules.unique_rows([msa("AC", "A-", "AC"), msa("AC"), msa("CC", "A-")])
        self.assertEqual([m.descriptions for m in found], [["AC0", "A-1"], ["CC0"]])
        self.assertEqual([m.deletion_matrix for m in found], [[[0], [1]], [[0]]])


    def test_release_dates(self):
        audit = features_rules.AUDIT
        one = "%sordinal 1\n%srevision_date 2001-02-03\n#\n" % (audit, audit)
        for body, date in (
                (data.loop(audit[:-1], "ordinal revision_date",
                           [(1, "2003-01-01"), (2, "2001-01-01"), (3, "2002-01-01")]),
                 "2001-01-01"),
                (data.loop(audit[:-1], "revision_date note", [("2001-01-01", "'a #b'")]),
                 "2001-01-01"),
                (one, "2001-02-03"), (one.replace("#", ""), None),
                (one.replace("2001-02-03", "?"), None), ("#\n", None),
                (one.replace("revision_date", "day"), None)):
            with self.subTest(body=body):
                self.assertEqual(features_rules.release_date("data_x\n#\n" + body), date)
        whole = data.mmcif("1abc", {"A": A}, date="2010-11-12")
        self.assertEqual(features_rules.release_date(whole), mmcif_parsing.parse(
            file_id="1abc", mmcif_string=whole).mmcif_object.header["release_date"])


class Templates(Case):
    """Hits of real searches, structures made for the purpose."""

    def setUp(self):
        self.folder = self.world.path("own_%s" % self._testMethodName)
        os.mkdir(self.folder)

    def search(self, entries, multimer=False):
        """File of the hits of A among {name: sequence}."""
        path = os.path.join(self.folder, "hits")
        if multimer:
            database = os.path.join(self.folder, "pdb_seqres.txt")
            data.write_fasta(database, [(name + " mol:protein length:%d  X" % len(s), s)
                                        for name, s in entries.items()])
            tool = hmmsearch.Hmmsearch(binary_path="hmmsearch", database_path=database,
                                       hmmbuild_binary_path="hmmbuild")
            found = tool.query("# STOCKHOLM 1.0\n\nquery %s\n#=GC RF %s\n//\n"
                               % (A, "x" * len(A)))
        else:
            hhsuite_db.write(os.path.join(self.folder, "pdb70"), {
                name.upper(): (">%s\n%s\n" % (name.upper(), s)).encode()
                for name, s in entries.items()})
            found = hhsearch.HHSearch(
                binary_path="hhsearch",
                databases=[os.path.join(self.folder, "pdb70")]).query(">query\n%s\n" % A)
        with open(path, "w", encoding="ascii") as out:
            out.write(found)
        return path

    def structure(self, pdb_id, chains, **options):
        return data.write_mmcif(self.folder, pdb_id, chains, **options)

    def make(self, hits, multimer=False, **more):
        """(features, request) of the hits."""
        request = Request({"args": {
            "hits": hits, "model_preset": "multimer" if multimer else "monomer",
            "use_templates": "1", "template_mmcif_dir": self.folder,
            "max_template_date": DATE, "max_template_hits": "20",
            "kalign_binary_path": "kalign", **more}})
        return stage.template_features(request, A), request

    def names(self, hits, **more):
        return sorted(self.make(hits, **more)[0]["template_domain_names"])

    def refused(self, text, hits, **more):
        with self.assertRaises(Failure) as caught:
            self.make(hits, **more)
        self.assertEqual(caught.exception.cls, "permanent")
        self.assertIn(text, str(caught.exception))

    def test_max_template_date(self):
        self.structure("1old", {"A": R1}, date=DATE)
        self.structure("2new", {"A": R2}, date="2020-06-02")
        for multimer in (False, True):
            with self.subTest(multimer=multimer):
                hits = self.search({"1old_A": R1, "2new_A": R2}, multimer)
                # The newer one is not even parsed.
                with unittest.mock.patch.object(mmcif_parsing.PDB, "MMCIFParser",
                                                wraps=mmcif_parsing.PDB.MMCIFParser) as parser:
                    self.assertEqual(self.names(hits, multimer=multimer), [b"1old_A"])
                self.assertEqual(parser.call_count, 1)
                self.assertEqual(self.names(hits, multimer=multimer,
                                            max_template_date="2020-06-02"),
                                 [b"1old_A", b"2new_A"])

    def test_the_query_itself(self):
        entries = {"1own_A": A, "2cut_A": A[:-2], "3cut_A": A[:-3], "4rel_A": R1}
        for name, sequence in entries.items():
            self.structure(name[:4], {"A": sequence})
        for multimer in (False, True):
            with self.subTest(multimer=multimer):
                self.assertEqual(
                    self.names(self.search(entries, multimer), multimer=multimer),
                    [b"3cut_A", b"4rel_A"])

    def test_obsolete_entries(self):
        self.structure("2new", {"A": R1})
        obsolete = os.path.join(self.folder, "obsolete.dat")
        with open(obsolete, "w", encoding="ascii") as out:
            out.write(" LIST OF OBSOLETE COORDINATE ENTRIES AND SUCCESSORS\n"
                      "OBSLTE    31-JUL-94 1OLD     2NEW\n"
                      "OBSLTE    06-NOV-19 3OUT\n")
        hits = self.search({"1old_A": R1, "3out_A": R2})
        features, request = self.make(hits, obsolete_pdbs_path=obsolete)
        self.assertEqual(list(features["template_domain_names"]), [b"2new_A"])
        self.assertTrue(any("3out is obsolete" in line for line in request.lines))
        self.refused("there is no", hits)

    def test_realignment(self):
        # The file has more residues in front, one within, and a modified one.
        at = R1.index("M") if "M" in R1 else 7
        actual = R1[:at] + "m" + R1[at + 1:]
        actual = "WGSH" + actual[:30] + "K" + actual[30:]
        expected = R1[:at] + "M" + R1[at + 1:]
        self.structure("1abc", {"A": actual, "B": data.protein(50, 8)})
        hits = self.search({"1abc_A": R1})
        features, request = self.make(hits)
        wanted = self.reference(hits)
        for name in wanted:
            self.assertTrue(np.array_equal(features[name], wanted[name]), name)
        found = features["template_sequence"][0].decode()
        self.assertEqual(found, expected)
        CA = 1
        for query, residue in ((0, 4), (20, 24), (40, 45)):
            x, y, z = data.backbone(residue, len(actual) + 1)["CA"]
            position = features["template_all_atom_positions"][0, query, CA]
            self.assertTrue(np.allclose(position, (x, y, z), atol=1e-3))
        self.assertEqual(request.values["templates"], 1)

    def reference(self, hits):
        """The package's template features, with AlphaFold2's rules."""
        with open(hits, encoding="ascii") as file:
            found = parsers.parse_hhr(file.read())
        with alphafold2():
            return templates.HhsearchHitFeaturizer(
                mmcif_dir=self.folder, max_template_date=DATE, max_hits=20,
                kalign_binary_path="kalign", release_dates_path=None,
                obsolete_pdbs_path=None).get_templates(A, found).features

    def test_another_sequence(self):
        self.structure("1abc", {"A": data.protein(60, 77)})
        self.structure("2abc", {"A": R2})
        for multimer in (False, True):
            with self.subTest(multimer=multimer):
                hits = self.search({"1abc_A": R1, "2abc_A": R2}, multimer)
                features, request = self.make(hits, multimer)
                self.assertEqual(list(features["template_domain_names"]), [b"2abc_A"])
                self.assertTrue(any("1abc_a" in line.lower() and "similarity" in line
                                    for line in request.lines), request.lines)

    def test_use_templates_no(self):
        hits = self.search({"1abc_A": R1})
        none = templates.HhsearchHitFeaturizer.get_templates
        monomer, request = self.make(hits, use_templates="0", template_mmcif_dir="")
        with alphafold2():
            wanted = none(self.world.featurizer(templates.HhsearchHitFeaturizer), A, [])
        for name, value in wanted.features.items():
            self.assertEqual((monomer[name].dtype, monomer[name].shape), (value.dtype, (0,)))
        self.assertEqual(request.values["templates"], 0)
        multimer, request = self.make(hits, True, use_templates="0", template_mmcif_dir="")
        self.assertEqual(multimer["template_aatype"].shape, (1, len(A), 22))
        self.assertEqual(multimer["template_all_atom_masks"].sum(), 0)
        self.assertEqual(request.values["templates"], 0)

    def test_missing_structures(self):
        self.structure("1abc", {"A": R1})
        hits = self.search({"1abc_A": R1, "2abc_A": R2})
        features, request = self.make(hits)
        self.assertEqual(list(features["template_domain_names"]), [b"1abc_A"])
        self.assertEqual(request.values["templates_missing"], 1)
        self.assertTrue(any("2abc.cif" in line for line in request.lines))
        os.unlink(os.path.join(self.folder, "1abc.cif"))
        self.refused("none of the 2 template structures is in the folder", hits)

    def test_broken_structures(self):
        self.structure("1abc", {"A": R1})
        good = self.structure("2abc", {"A": R2})
        with open(good, encoding="ascii") as file:
            whole = file.read()
        hits = self.search({"1abc_A": R1, "2abc_A": R2})
        undated = whole.replace("revision_date", "revision_day")
        for name, text in (("empty", ""), ("cut", whole[:len(whole) // 2]),
                           ("undated", undated), ("binary", "\0\1\2"),
                           ("no chains", data.mmcif("2abc", {}))):
            with self.subTest(name):
                with open(good, "w", encoding="ascii") as out:
                    out.write(text)
                features, request = self.make(hits)
                self.assertEqual(list(features["template_domain_names"]), [b"1abc_A"])
                says = "2ABC_A: its file has no release date" if name == "undated" \
                    else "2ABC_A"
                self.assertTrue(any(says in line for line in request.lines), request.lines)
        # The same worker sees a file that was replaced.
        with open(good, "w", encoding="ascii") as out:
            out.write(whole)
        self.assertEqual(self.names(hits), [b"1abc_A", b"2abc_A"])

    def test_most_templates(self):
        self.structure("1abc", {"A": R1})
        self.structure("2abc", {"A": R2})
        hits = self.search({"1abc_A": R1, "2abc_A": R2})
        self.assertEqual(len(self.names(hits, max_template_hits="1")), 1)

    def test_no_listing(self):
        # Structures may be reachable where their folder cannot be listed.
        self.structure("1abc", {"A": R1})
        hits = self.search({"1abc_A": R1})
        with unittest.mock.patch("os.scandir", side_effect=AssertionError("listed")):
            self.assertEqual(self.names(hits), [b"1abc_A"])

    def test_bad_hits(self):
        for text, multimer, says in (
                ("no hits", False, "cannot read"), ("# STOCKHOLM 1.0\n//\n", False, "hmmsearch"),
                ("No 1\n>1ABC_A\nProbab=1\n", True, "hhsearch"),
                ("No 1\n>1ABC_A\nProbab=1\n", False, "cannot read"),
                ("# STOCKHOLM 1.0\nx/1-2 AA\n#=GS x/1-2 DE mol:protein\n//\n", True,
                 "cannot read")):
            with self.subTest(text=text, multimer=multimer):
                path = os.path.join(self.folder, "bad")
                with open(path, "w", encoding="ascii") as out:
                    out.write(text)
                self.refused(says, path, multimer=multimer)


if __name__ == "__main__":
    unittest.main()

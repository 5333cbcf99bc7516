# SPDX-License-Identifier: Apache-2.0
"""plugins/python/predict_promod3.py: choosing and aligning templates (without ProMod3)."""

import os
import sys
import tempfile
import unittest

import numpy

SOURCE = os.environ.get("AF2_SRCDIR") or os.path.join(os.path.dirname(__file__), "..", "..")
sys.path.insert(0, os.path.join(os.path.abspath(SOURCE), "plugins", "python"))

import predict_promod3 as stage  # noqa: E402
from af2flow_worker import Failure, Request  # noqa: E402

FIXTURE = os.path.join(SOURCE, "tests", "fixtures", "features", "zucchini.npz")


def template(name="1ABC_A_7", probability=90.0, columns=4, query="ACDE", hit="ACDF",
             query_start=1, hit_start=1):
    return stage.Template(name, probability, columns, query, hit, query_start, hit_start)


class Features(unittest.TestCase):
    def save(self, **arrays):
        path = os.path.join(self.folder.name, "features.npz")
        numpy.savez(path, **arrays)
        return path

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()

    def tearDown(self):
        self.folder.cleanup()

    def refused(self, path, text):
        with self.assertRaises(Failure) as caught:
            stage.read_features(path)
        self.assertEqual(caught.exception.cls, "permanent")
        self.assertIn(text, str(caught.exception))

    def test_not_an_archive(self):
        path = os.path.join(self.folder.name, "x.npz")
        with open(path, "w", encoding="ascii") as file:
            file.write("no zip")
        self.refused(path, "cannot read features")

    def test_missing_array(self):
        self.refused(self.save(sequence=numpy.array([b"ACDE"])), "template_")

    def test_unequal_arrays(self):
        arrays = {"template_" + f: numpy.zeros(1) for f in stage.FIELDS}
        arrays["template_query_row"] = numpy.array([b"A", b"C"])
        self.refused(self.save(sequence=numpy.array([b"ACDE"]), **arrays), "length")

    def test_no_templates(self):
        arrays = {"template_" + f: numpy.zeros(0) for f in stage.FIELDS}
        self.assertEqual(
            stage.read_features(self.save(sequence=numpy.array([b"acde"]), **arrays)),
            ("ACDE", []))

    def test_real_ones(self):
        sequence, templates = stage.read_features(FIXTURE)
        self.assertEqual(len(sequence), 170)
        names = [t.name for t in stage.usable(templates, 170, 50, 0.4)]
        # By coverage and probability, where hhsearch has the short 4GGJ first.
        self.assertEqual(names, ["1BYR_A_214", "6EHI_B_21034", "5LZK_B_19520",
                                 "4GGJ_A_14164", "5BPD_A_17730"])
        for one in templates[:5]:
            query, hit = stage.rows(sequence, one)
            self.assertEqual(len(query), len(hit))
            self.assertEqual(query.replace("-", ""), sequence)


class Templates(unittest.TestCase):
    def test_limits(self):
        weak, short = template(probability=49.9), template(columns=1)
        self.assertEqual(stage.usable([weak, short], 4, 50, 0.4), [])
        self.assertEqual(len(stage.usable([template(probability=50)], 10, 50, 0.4)), 1)

    def test_each_domain_once(self):
        better = template(columns=8)
        self.assertEqual(stage.usable([template(), better, template()], 10, 0, 0), [better])

    def test_ties_by_name(self):
        names = [t.name for t in stage.usable([template("2B_A"), template("1A_A")], 4, 0, 0)]
        self.assertEqual(names, ["1A_A", "2B_A"])

    def test_choice(self):
        self.assertEqual([stage.choose("ab", k) for k in (1, 2, 3, 4, 5)],
                         [("a", 0), ("b", 0), ("a", 1), ("b", 1), ("a", 2)])

    def test_identity_and_coverage(self):
        one = template(query="AC-DE", hit="ACWD-", columns=3)
        self.assertEqual(one.identity(), 1.0)
        self.assertEqual(one.coverage(6), 0.5)
        self.assertEqual(template(columns=0).identity(), 0.0)


class Alignments(unittest.TestCase):
    def test_refused(self):
        for one in (template(query="ACD"), template(query="AAAA"), template(query_start=0),
                    template(query_start=2)):
            with self.subTest(query=one.query_row), self.assertRaises(Failure):
                stage.rows("ACDEFG", one)

    def test_rows(self):
        one = template(query="CD-E", hit="C-WE", query_start=2)
        self.assertEqual(stage.rows("ACDEFG", one), ("ACD-EFG", "-C-WE--"))

    def test_place(self):
        self.assertEqual(stage.place("XXACDE", "ACDE", 3), 2)
        self.assertEqual(stage.place("XXACDE", "ACDE", 9), 2)
        self.assertEqual(stage.place("XXACDE", "ACDF", 3), -1)

    def test_chain_of(self):
        self.assertEqual(stage.chain_of("4ggj_A_14164"), ("4GGJ", "A"))
        self.assertEqual(stage.chain_of("4GGJ_a"), ("4GGJ", "a"))
        self.assertIsNone(stage.chain_of("4GGJ"))

    def test_stand_ins(self):
        self.assertEqual(stage.buildable("AXU-BZ"), "AAC-DE")


class Words(unittest.TestCase):
    def test_remarks(self):
        text = stage.remarks("model_1_pred_0", template(), "ACXE", "fast", 2)
        self.assertIn("NOT AN ALPHAFOLD PREDICTION", text)
        self.assertIn("1ABC_A_7", text)
        self.assertIn("X-A", text)
        for line in text.splitlines():
            self.assertLessEqual(len(line), 80)

    def test_none_usable(self):
        request = Request({"args": {"min_probability": "50", "min_coverage": "0.4"}})
        self.assertIn("found none", stage.none_usable([], [], request))
        self.assertIn("none of 1 has", stage.none_usable([template()], [], request))
        self.assertIn("holds none", stage.none_usable([template()], [template()], request))


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""plugins/python/features_read.py: every bad input is one clear line, class permanent."""

import os
import pickle
import unittest

INTERPRETER = "AF2_ALPHAFOLD_PYTHON"

from features_world import A, B, Case, parsers  # noqa: E402
from af2flow_worker import Failure  # noqa: E402
import features_read as read  # noqa: E402

QUERY = "MKVLAW"


def stockholm(*rows, end="//\n"):
    """Text of a Stockholm file."""
    return "# STOCKHOLM 1.0\n\n" + "".join("r%d  %s\n" % row for row in
                                           enumerate(rows)) + end


class Files(Case):
    def file(self, text):
        path = self.world.path("input")
        with open(path, "wb") as out:
            out.write(text if isinstance(text, bytes) else text.encode())
        return path

    def refused(self, says, call, *args):
        with self.assertRaises(Failure) as caught:
            call(*args)
        self.assertEqual(caught.exception.cls, "permanent")
        self.assertIn(says, str(caught.exception))
        self.assertNotIn("\n", str(caught.exception))

    def test_queries(self):
        for text, says in (("", "no FASTA file"), ("MKV", "no FASTA file"),
                           (">a\nMKV\n>b\nMKV\n", "holds 2 sequences"),
                           (">a\n", "is empty"), (">a\nmkv\n", "other characters"),
                           (">a\nM-V\n", "other characters"), (b"\xff\xfe", "no text file")):
            with self.subTest(text=text):
                self.refused(says, read.query, self.file(text))
        self.assertEqual(read.query(self.file(">a b\nMKV\nLA\n")), ("MKVLA", "a b"))

    def test_stockholm(self):
        for text, says in (
                ("", "does not start with"), (">a\nMKVLAW\n", "does not start with"),
                (stockholm(QUERY, end=""), "truncated"), (stockholm(), "without rows"),
                (stockholm("MKVLA"), "the first row has 5 residues, the query 6"),
                (stockholm("MKVLAY"), "residue 6 is Y, not W"),
                (stockholm(QUERY, "MKVLA"), "rows differ in length"),
                (stockholm(QUERY, "MKVL*W"), "the letter '*' is no amino acid"),
                (stockholm(QUERY, "MKVL.W"), "the letter '.' is no amino acid"),
                (stockholm(QUERY + " x"), "neither a row"),
                (b"# STOCKHOLM 1.0\n\xff\n", "no text file")):
            for rows in (0, 10):
                with self.subTest(text=text, rows=rows):
                    self.refused(says, read.alignment, "mgnify", self.file(text),
                                 "stockholm", QUERY, rows)

    def test_a3m(self):
        for text, says in (
                ("", "without rows"), ("MKVLAW\n", "does not start with '>'"),
                (">q\nMKVLA\n", "the first row has 5 residues"),
                (">q\nMKVLAW\n>r\nMKV\n", "row 'r' has 3 columns, the query has 6"),
                (">q\nMKVLAW\n>r\nMKVL1W\n", "the letter '1'")):
            with self.subTest(text=text):
                self.refused(says, read.alignment, "bfd", self.file(text), "a3m", QUERY, 0)

    def test_rows_taken(self):
        path = self.file(stockholm("MK-VLAW", "MKAVLAW", "M--VLAW"))
        whole = read.alignment("x", path, "stockholm", QUERY, 0)
        self.assertEqual(whole.sequences, [QUERY, QUERY, "M-VLAW"])
        self.assertEqual(list(whole.deletion_matrix[1]), [0, 0, 1, 0, 0, 0])
        self.assertEqual(len(read.alignment("x", path, "stockholm", QUERY, 2)), 2)
        self.assertEqual(parsers.parse_stockholm(stockholm("MU")).sequences, ["MU"])
        # A search tool may replace a letter that is none of the 20.
        self.assertEqual(len(read.alignment("x", self.file(stockholm("MXV")), "stockholm",
                                            "MUV", 0)), 1)

    def test_features(self):
        class Strange:
            def __reduce__(self):
                return os.getcwd, ()
        for content, says in ((b"", "no file of AlphaFold2's features"),
                              (b"PK\3\4", "no file of"), (pickle.dumps([1]), "no file of"),
                              (pickle.dumps({"x": Strange()}), "it holds 'posix.getcwd'")):
            with self.subTest(content=content):
                self.refused(says, read.features, self.file(content))
        self.refused("holds no features of a chain", read.sequence_of, {}, "x")

    def test_chains(self):
        paths = {}
        for name, sequence in (("a", A), ("b", B)):
            msas = self.world.path("searches_" + name)
            os.mkdir(msas)
            for file in ("uniref90_hits.sto", "mgnify_hits.sto"):
                with open(os.path.join(msas, file), "w", encoding="ascii") as out:
                    out.write(stockholm(sequence))
            paths[name] = self.chain(sequence, msas, "multimer")[1].args["output"]
        one, two = {"A": {"sequence": A}}, {"A": {"sequence": A}, "B": {"sequence": B}}
        broken = self.file(b"PK\3\4")
        for chains, files, preset, says in (
                (two, ["a", "b"], "monomer", "predicts one chain, the input has 2"),
                (one, ["a", "b"], "multimer", "no chain of the target"),
                (two, ["a"], "multimer", "chain 'B' has no features among the 1 given"),
                (two, ["a", "b"], "multimer", "chain 'A' have no rows of UniProt"),
                ({}, ["a"], "multimer", "names no chain"),
                ({"A": "x"}, ["a"], "multimer", "no map of chains"),
                (one, [None], "multimer", "no file of AlphaFold2's features"),
                (one, [None], "monomer", "no file of AlphaFold2's features")):
            with self.subTest(says=says):
                self.refused(says, self.assemble, chains,
                             [paths.get(name, broken) for name in files], preset)

    def test_versions(self):
        found = read.versions()
        self.assertTrue({"alphafold-colabfold", "alphafold/data/pipeline.py"} & found.keys())
        self.assertTrue(all(os.path.exists(path) for _, path in found.values()))


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""plugins/python/features_alphafold.py: feature by feature what AlphaFold2's own pipeline
makes, which runs beside it with real jackhmmer, hhblits, hhsearch and hmmsearch on small
databases."""

import json
import os
import subprocess
import sys
import unittest
from unittest import mock

INTERPRETER = "AF2_ALPHAFOLD_PYTHON"

from features_world import A, B, LONELY, PYTHON_FILES, SOURCE, Case  # noqa: E402
from alphafold.data import parsers  # noqa: E402


class Monomers(Case):
    def test_with_templates(self):
        wanted, msas = self.world.reference("full", [("query", A)])
        found, request = self.chain(A, msas)
        self.assert_equal(found, wanted)
        # The case is what it should be: duplicates, deletions, templates that were
        # refused (the query itself, one that is too new).
        self.assertGreater(request.values["duplicates"], 5)
        self.assertGreater(found["deletion_matrix_int"].max(), 0)
        names = set(found["template_domain_names"])
        self.assertLessEqual({b"2abc_B", b"3abc_A"}, names)
        self.assertFalse({b"1abc_A", b"4abc_B"} & names)
        self.assertEqual(request.values["templates"], len(names))
        # The one is told by us, the other by DeepMind's code.
        self.assertTrue(any("1ABC_A" in line and
                            ("the query itself" in line or "exact subsequence" in line)
                            for line in request.lines), request.lines)
        self.assertTrue(any("4ABC_B" in line and "newer" in line for line in request.lines))

    def test_with_the_small_bfd(self):
        wanted, msas = self.world.reference("reduced", [("query", B)], small=True)
        found, _ = self.chain(B, msas)
        self.assert_equal(found, wanted)
        self.assertGreater(found["msa"].shape[0], 20)

    def test_without_hits(self):
        wanted, msas = self.world.reference("lonely", [("query", LONELY)])
        found, _ = self.chain(LONELY, msas)
        self.assert_equal(found, wanted)
        self.assertEqual(found["msa"].shape[0], 1)

    def test_real_proteins(self):
        proteins = os.path.join(SOURCE, "tests", "fixtures", "proteins")
        with open(os.path.join(proteins, "rnase.fasta"), encoding="ascii") as file:
            sequence = parsers.parse_fasta(file.read())[0][0]
        original = self.world.path
        with mock.patch.object(
                self.world, "path", lambda *names: os.path.join(proteins, "proteins.fasta")
                if names in (("uniref90.fasta",), ("mgnify.fasta",)) else original(*names)):
            wanted, msas = self.world.reference("rnase", [("query", sequence)])
        found, _ = self.chain(sequence, msas)
        self.assert_equal(found, wanted)
        self.assertGreater(found["msa"].shape[0], 10)
        self.assertIn(b"9RHOB", list(found["msa_species_identifiers"]))

    def test_equal_bytes(self):
        _, msas = self.world.reference("bytes", [("query", A)])
        paths = [self.chain(A, msas)[1].args["output"] for _ in range(2)]
        request = self.chain(A, msas)[1]
        fresh = dict(request.args, output=self.world.path("fresh.pkl"))
        code = ("import sys, json; sys.path.insert(0, sys.argv[1])\n"
                "import features_alphafold, af2flow_worker\n"
                "features_alphafold.chain(af2flow_worker.Request("
                "{'args': json.loads(sys.argv[2])}))")
        subprocess.run([sys.executable, "-B", "-c", code, PYTHON_FILES, json.dumps(fresh)],
                       check=True)
        contents = set()
        for path in (*paths, fresh["output"]):
            with open(path, "rb") as file:
                contents.add(file.read())
        self.assertEqual(len(contents), 1)

    def test_handed_on(self):
        _, msas = self.world.reference("alone", [("query", A)])
        found, request = self.chain(A, msas)
        self.assert_equal(
            self.assemble({"A": {"sequence": A}}, [request.args["output"]], "monomer_ptm")[0],
            found)


class Multimers(Case):
    def check(self, name, *sequences):
        records = [("chain %d" % i, sequence) for i, sequence in enumerate(sequences)]
        wanted, msas = self.world.reference(name, records, multimer=True)
        found, _ = self.target(records, msas)
        self.assert_equal(found, wanted)
        return found

    def test_homomer(self):
        found = self.check("homomer", A, A)
        self.assertEqual(sorted(set(found["sym_id"])), [1, 2])
        self.assertEqual(set(found["entity_id"]), {1})

    def test_heteromer(self):
        found = self.check("heteromer", A, B)
        self.assertEqual(sorted(set(found["entity_id"])), [1, 2])
        # Rows were paired by species: more than the query has residues of both chains.
        paired = (found["msa"][1:, :60] != 21).any(1) & (found["msa"][1:, 60:] != 21).any(1)
        self.assertGreater(paired[found["msa_mask"][1:, 0] > 0].sum(), 3)
        self.assertGreater(found["template_all_atom_mask"].sum(), 100)

    def test_two_and_one(self):
        found = self.check("two_and_one", A, B, A)
        self.assertEqual(len(found["aatype"]), 2 * len(A) + len(B))

    def test_single_chain(self):
        found = self.check("single", A)
        self.assertEqual(set(found["asym_id"]), {1})

    def test_without_hits(self):
        found = self.check("lonely_pair", LONELY, A)
        self.assertEqual(found["msa"].shape[0], 512)


if __name__ == "__main__":
    unittest.main()

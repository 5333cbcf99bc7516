# SPDX-License-Identifier: Apache-2.0
"""chain_features, assemble_features, templates_hmmsearch and the searches in a workflow:
from a FASTA file to features.pkl, equal to AlphaFold2's own pipeline on the same files."""

import glob
import os
import pickle
import subprocess
import sys
import tempfile
import unittest

INTERPRETER = "AF2_ALPHAFOLD_PYTHON"

from features_world import A, B, DATE, Case, World, data  # noqa: E402

SEARCH = """
    %(name)s [plugin=msa_jackhmmer, expand="chain in instance.chains", max_hits=%(cap)d,
              database="%(folder)s/%(name)s.fasta"]
    instance -> %(name)s
    %(name)s -> chain_features [input=%(name)s]
"""
BFD = """
    bfd      [plugin=msa_hhblits, expand="chain in instance.chains",
              database="%(folder)s/bfd", database2="%(folder)s/bfd"]
    instance -> bfd
    bfd -> chain_features [input=bfd]
"""
EARLIER = """
    uniref90 [plugin=precomputed_msas, expand="chain in instance.chains", chain="${chain}",
              fasta="%(folder)s/target.fasta", precomputed_msas_dir="%(folder)s/earlier",
              model_preset=%(preset)s, db_preset=full_dbs]
    instance -> uniref90 -> chain_features
"""
WORKFLOW = """
digraph features {
    instance [fasta="%(folder)s/target.fasta", model_preset=%(preset)s]
    hits     [%(search)s]
    chain_features [expand="chain in instance.chains", python="%(python)s",
              model_preset=%(preset)s, template_mmcif_dir="%(folder)s/mmcif",
              db_preset=full_dbs, max_template_date="%(date)s"]
    features [plugin=assemble_features, python="%(python)s", model_preset=%(preset)s]
    instance -> chain_features
    %(searches)s
    uniref90 -> hits [output=%(output)s]
    hits -> chain_features [output=hits]
    chain_features -> features
    instance -> features
}
"""


class Workflow(Case):
    @classmethod
    def setUpClass(cls):
        pass

    @classmethod
    def tearDownClass(cls):
        pass

    def setUp(self):
        # Each test has databases of its own: their paths differ, their contents do not.
        self.own = World(self.enterContext(tempfile.TemporaryDirectory()))
        self.run_dir = self.own.path("run")

    def write(self, preset, records, earlier=False):
        """The workflow: with searches, or with the alignments below `earlier`."""
        multimer = preset == "multimer"
        names = (("uniref90", 10000), ("mgnify", 501), ("uniprot", 0))[:3 if multimer else 2]
        searches = "".join(SEARCH % {"name": name, "cap": cap, "folder": self.own.folder}
                           for name, cap in names) + BFD % {"folder": self.own.folder}
        if earlier:
            searches = EARLIER % {"folder": self.own.folder, "preset": preset}
        search = 'plugin=templates, database="%s"' % self.own.path("pdb70")
        if multimer:
            search = 'plugin=templates_hmmsearch, database="%s"' \
                % self.own.path("pdb_seqres.txt")
        data.write_fasta(self.own.path("target.fasta"), records)
        with open(self.own.path("features.dot"), "w", encoding="ascii") as out:
            out.write(WORKFLOW % {
                "folder": self.own.folder, "preset": preset, "date": DATE,
                "python": sys.executable, "search": search, "searches": searches,
                "output": "uniref90" if earlier else "hits"})

    def run_it(self):
        """What `run` printed."""
        program = os.path.join(os.environ["AF2_BUILDDIR"], "af2flow")
        done = subprocess.run(
            [program, "run", self.own.path("features.dot"), "--run-dir", self.run_dir,
             "--store", self.own.path("store")],
            capture_output=True, text=True, check=False, cwd=self.own.folder)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return done.stdout + done.stderr

    def features(self):
        with open(os.path.join(self.run_dir, "results", "features.pkl"), "rb") as file:
            return pickle.load(file)

    def test_monomer(self):
        self.write("monomer_ptm", [("query", A)])
        self.run_it()
        wanted, msas = self.own.reference("wanted", [("query", A)])
        self.assert_equal(self.features(), wanted)
        self.assertTrue(glob.glob(os.path.join(self.run_dir, "results", "msas",
                                               "**", "pdb_hits.hhr"), recursive=True))

    def test_multimer(self):
        records = [("first", A), ("second", B), ("third", A)]
        self.write("multimer", records)
        self.run_it()
        wanted, msas = self.own.reference("wanted", records, multimer=True)
        self.assert_equal(self.features(), wanted)
        for chain in "AB":
            with open(os.path.join(msas, chain, "pdb_hits.sto"), "rb") as file:
                hits = file.read()
            with open(os.path.join(self.run_dir, "results", "msas", chain, "pdb_hits.sto"),
                      "rb") as file:
                self.assertEqual(file.read(), hits)

    def check_earlier(self, preset, records):
        """The alignments that the package's pipeline left give the features that it made."""
        multimer = preset == "multimer"
        wanted, msas = self.own.reference("wanted", records, multimer=multimer)
        os.makedirs(self.own.path("earlier", "target"))
        os.symlink(msas, self.own.path("earlier", "target", "msas"))
        self.write(preset, records, earlier=True)
        self.run_it()
        self.assert_equal(self.features(), wanted)
        return msas

    def test_earlier_monomer(self):
        self.check_earlier("monomer", [("query", A)])

    def test_earlier_multimer(self):
        msas = self.check_earlier("multimer", [("first", A), ("second", A), ("third", B)])
        self.assertEqual(sorted(glob.glob(os.path.join(msas, "*/uniprot_hits.sto"))),
                         [os.path.join(msas, chain, "uniprot_hits.sto") for chain in "AC"])

    def test_earlier_equal_chains(self):
        """The pipeline searches UniProt for no homomer."""
        msas = self.check_earlier("multimer", [("first", A), ("second", A)])
        self.assertFalse(os.path.exists(os.path.join(msas, "A", "uniprot_hits.sto")))

    def test_structures_count(self):
        self.write("monomer", [("query", A)])
        self.run_it()
        before = self.features()
        # A new entry that nothing uses: the chain is looked at again, no more.
        data.write_mmcif(self.own.path("mmcif"), "9xyz", {"A": B})
        said = self.run_it()
        self.assert_equal(self.features(), before)
        self.assertIn("chain_features", said)
        # A used one is replaced, as a mirror of the PDB does it.
        new = data.write_mmcif(self.own.path("incoming"), "3abc",
                               {"A": data.relative(A, 602, 0.3)}, absent=range(20))
        os.replace(new, self.own.path("mmcif", "3abc.cif"))
        self.run_it()
        after = self.features()
        names = list(after["template_domain_names"])
        self.assertIn(b"3abc_A", names)
        self.assertLess(after["template_all_atom_masks"][names.index(b"3abc_A")].sum(),
                        before["template_all_atom_masks"][names.index(b"3abc_A")].sum())


if __name__ == "__main__":
    unittest.main()

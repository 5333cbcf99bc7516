# SPDX-License-Identifier: Apache-2.0
"""What tests of features share: databases and structures in a folder, AlphaFold2's own
pipeline run on them with the real tools, and the stage run on the files that it left.

The package from PyPI keeps duplicate rows and unwanted templates; here it is given
AlphaFold2's rules once more, in the tests' own words."""

import contextlib
import json
import os
import pickle
import sys
import tempfile
import unittest
from unittest import mock

SOURCE = os.path.abspath(os.environ.get("AF2_SRCDIR") or
                         os.path.join(os.path.dirname(__file__), "..", ".."))
PYTHON_FILES = os.path.join(SOURCE, "plugins", "python")
sys.path[:0] = [PYTHON_FILES, os.path.join(SOURCE, "workflows", "demo")]

import hhsuite_db  # noqa: E402
import numpy as np  # noqa: E402
from alphafold.data import (mmcif_parsing, parsers, pipeline,  # noqa: E402
                            pipeline_multimer, templates)
from alphafold.data.tools import hhsearch, hmmsearch  # noqa: E402

import alphafold_versions  # noqa: E402
import features_alphafold as stage  # noqa: E402
import features_data as data  # noqa: E402
from af2flow_worker import Request  # noqa: E402

A, B, LONELY = (data.protein(length, seed) for length, seed in ((60, 1), (48, 2), (40, 3)))
DATE = "2020-06-01"


class World:
    """Databases for some proteins, and structures, in one folder."""

    proteins = (A, B)
    date = DATE     # no template is newer

    def __init__(self, folder):
        self.folder = folder
        for name, count, seed in (("uniref90", 30, 100), ("mgnify", 12, 200),
                                  ("small_bfd", 12, 300), ("uniprot", 40, 400)):
            data.write_fasta(self.path(name + ".fasta"), self.relatives(count, seed))
        self.write_hhsuite("bfd", self.relatives(15, 500))
        self.structures()

    def relatives(self, count, seed):
        """[(name, sequence)]: `count` relatives of each protein."""
        return [one for i, sequence in enumerate(self.proteins)
                for one in data.relatives(sequence, count, seed + 50 * i + i // 2)]

    def write_hhsuite(self, name, records):
        """An HH-suite database of [(name, sequence)]."""
        hhsuite_db.write(self.path(name), {
            name: (">%s\n%s\n" % (name, sequence)).encode() for name, sequence in records})

    def structures(self):
        """A and B themselves, relatives of them; one is new, one lacks residues."""
        chains = {}
        for i, sequence in enumerate((A, data.relative(A, 601), data.relative(A, 602, 0.3),
                                      data.relative(A, 604, 0.1), B, data.relative(B, 605),
                                      data.relative(B, 606, 0.3))):
            pdb_id, chain = "%dabc" % (i + 1), "AB"[i % 2]
            chains[pdb_id + "_" + chain] = sequence
            data.write_mmcif(self.path("mmcif"), pdb_id,
                             {chain: sequence, "X": data.protein(30, 700 + i)},
                             date="2021-01-01" if i == 3 else "2000-01-02",
                             absent={2, 3, 10} if i == 2 else ())
        self.write_chains(chains)

    def write_chains(self, chains):
        """What the searches for templates read, of {PDB id_chain: sequence}."""
        self.write_hhsuite("pdb70", [(name.upper(), sequence)
                                     for name, sequence in chains.items()])
        with open(self.path("pdb_seqres.txt"), "w", encoding="ascii") as out:
            for name, sequence in chains.items():
                out.write(">%s mol:protein length:%d  PROTEIN\n%s\n"
                          % (name, len(sequence), sequence))

    def path(self, *names):
        """A path in the folder."""
        return os.path.join(self.folder, *names)

    def featurizer(self, kind):
        return kind(mmcif_dir=self.path("mmcif"), max_template_date=self.date, max_hits=20,
                    kalign_binary_path="kalign", release_dates_path=None,
                    obsolete_pdbs_path=None)

    def searcher(self, multimer=False):
        """The package's search for templates."""
        return hmmsearch.Hmmsearch(
            binary_path="hmmsearch", hmmbuild_binary_path="hmmbuild",
            database_path=self.path("pdb_seqres.txt")) if multimer else \
            hhsearch.HHSearch(binary_path="hhsearch", databases=[self.path("pdb70")])

    def monomer_pipeline(self, multimer=False, small=False):
        """The package's pipeline on these databases."""
        kind = templates.HmmsearchHitFeaturizer if multimer else \
            templates.HhsearchHitFeaturizer
        return pipeline.DataPipeline(
            jackhmmer_binary_path="jackhmmer", hhblits_binary_path="hhblits",
            uniref90_database_path=self.path("uniref90.fasta"),
            mgnify_database_path=self.path("mgnify.fasta"),
            bfd_database_path=self.path("bfd"), uniref30_database_path=self.path("bfd"),
            small_bfd_database_path=self.path("small_bfd.fasta"),
            template_searcher=self.searcher(multimer),
            template_featurizer=self.featurizer(kind), use_small_bfd=small)

    def reference(self, name, records, multimer=False, small=False):
        """(features, folder of the searches) by the package, with AlphaFold2's rules."""
        fasta = data.write_fasta(self.path(name + ".fasta"), records)
        msas = self.path(name)
        os.mkdir(msas)
        run = self.monomer_pipeline(multimer, small)
        if multimer:
            run = pipeline_multimer.DataPipeline(
                run, jackhmmer_binary_path="jackhmmer",
                uniprot_database_path=self.path("uniprot.fasta"))
        with alphafold2():
            return run.process(fasta, msas), msas


def make_unique(original):
    """make_msa_features that leaves out rows it has seen."""
    def make(msas):
        seen, kept = set(), []
        for msa in msas:
            rows = []
            for row in zip(msa.sequences, msa.deletion_matrix, msa.descriptions):
                if row[0] not in seen:
                    seen.add(row[0])
                    rows.append(row)
            if rows:
                kept.append(parsers.Msa(*[list(column) for column in zip(*rows)]))
        return original(kept)
    return make


def assess(hit, query_sequence, **_):
    """DeepMind's three rules for hits."""
    sequence = hit.hit_sequence.replace("-", "")
    if hit.aligned_cols / len(query_sequence) <= 0.1:
        raise templates.AlignRatioError()
    if sequence in query_sequence and len(sequence) / len(query_sequence) > 0.95:
        raise templates.DuplicateError()
    if len(sequence) < 10:
        raise templates.LengthError()
    return True


@contextlib.contextmanager
def alphafold2():
    """The package as DeepMind has it; nothing to do for DeepMind's own code."""
    if "alphafold-colabfold" not in alphafold_versions.alphafold(("data",)):
        yield
        return
    letters = getattr(mmcif_parsing, "PDBData", None)
    with contextlib.ExitStack() as stack:
        stack.enter_context(mock.patch.object(
            pipeline, "make_msa_features", make_unique(pipeline.make_msa_features)))
        stack.enter_context(mock.patch.object(templates, "_assess_hhsearch_hit", assess))
        if letters:
            stack.enter_context(mock.patch.dict(letters.protein_letters_3to1, MSE="M"))
        mmcif_parsing.parse.cache_clear()
        yield


class Case(unittest.TestCase):
    """Tests that share one world."""

    kind = World

    @classmethod
    def setUpClass(cls):
        cls.temporary = tempfile.TemporaryDirectory()
        cls.world = cls.kind(cls.temporary.name)

    @classmethod
    def tearDownClass(cls):
        cls.temporary.cleanup()

    def chain(self, sequence, msas, preset="monomer", **more):
        """(features, request) of one chain from the files in `msas`."""
        files = {"uniref90": "uniref90_hits.sto", "mgnify": "mgnify_hits.sto",
                 "bfd": "bfd_uniref_hits.a3m", "small_bfd": "small_bfd_hits.sto",
                 "uniprot": "uniprot_hits.sto",
                 "hits": "pdb_hits.sto" if preset == "multimer" else "pdb_hits.hhr"}
        args = {port: os.path.join(msas, file) for port, file in files.items()
                if os.path.exists(os.path.join(msas, file))}
        args.update({
            "query": data.write_fasta(self.world.path("query.fasta"), [("query", sequence)]),
            "output": self.world.path("chain_%d.pkl" % len(os.listdir(self.world.folder))),
            "model_preset": preset, "use_templates": "1",
            "template_mmcif_dir": self.world.path("mmcif"),
            "max_template_date": self.world.date, "max_template_hits": "20",
            "kalign_binary_path": "kalign", "uniref_max_hits": "10000",
            "mgnify_max_hits": "501", "uniprot_max_hits": "50000"})
        args.update(more)
        request = Request({"args": args})
        stage.chain(request)
        with open(args["output"], "rb") as file:
            return pickle.load(file), request

    def target(self, records, msas):
        """Features of a multimer from the package's searches."""
        chains, paths = {}, {}
        for name, (_, sequence) in zip("ABCDEF", records):
            chains[name] = {"sequence": sequence}
            if sequence not in paths:
                request = self.chain(sequence, os.path.join(msas, name), "multimer")[1]
                paths[sequence] = request.args["output"]
        return self.assemble(chains, list(paths.values())[::-1], "multimer")

    def assemble(self, chains, paths, preset):
        map_path = self.world.path("chain_id_map.json")
        with open(map_path, "w", encoding="ascii") as file:
            json.dump(chains, file)
        request = Request({"args": {
            "features": paths, "chain_map": map_path, "model_preset": preset,
            "output": self.world.path("features.pkl")}})
        stage.assemble(request)
        with open(request.args["output"], "rb") as file:
            return pickle.load(file), request

    def assert_equal(self, found, wanted):
        """Names in their order, dtypes, shapes and values are equal."""
        self.assertEqual(list(found), list(wanted))
        for name, value in wanted.items():
            with self.subTest(feature=name):
                self.assertEqual(found[name].dtype, value.dtype)
                self.assertEqual(found[name].shape, value.shape)
                self.assertTrue(np.array_equal(found[name], value))

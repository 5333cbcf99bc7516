# SPDX-License-Identifier: Apache-2.0
"""Reading what features are made of, by AlphaFold2's own parsers: every file that is not
what it should be is one clear line, class permanent."""

import importlib.metadata
import importlib.util
import pickle

import alphafold_versions
from af2flow_worker import Failure

AMINO_ACIDS = frozenset("ACDEFGHIKLMNPQRSTVWY")
# What the results depend on, beside AlphaFold2 itself.
PACKAGES = (("biopython", "Bio"), ("numpy", "numpy"), ("pandas", "pandas"),
            ("scipy", "scipy"))


def text(path, what):
    """The text of a file."""
    try:
        with open(path, encoding="utf-8") as file:
            return file.read()
    except UnicodeDecodeError:
        raise Failure("permanent", "%s: '%s' is no text file" % (what, path)) from None


def query(path):
    """(sequence, description) of a FASTA file with one record."""
    from alphafold.data import parsers
    body = text(path, "query")
    if not body.lstrip().startswith(">"):
        raise Failure("permanent", "query: '%s' is no FASTA file" % path)
    sequences, descriptions = parsers.parse_fasta(body)
    if len(sequences) != 1:
        raise Failure("permanent", "query: '%s' holds %d sequences, one was expected"
                      % (path, len(sequences)))
    sequence = sequences[0]
    if not sequence or not all("A" <= letter <= "Z" for letter in sequence):
        raise Failure("permanent", "query: the sequence of '%s' is empty or holds other "
                      "characters than A-Z" % path)
    return sequence, descriptions[0]


def stockholm(path, name, rows):
    """parsers.Msa of a Stockholm file's first `rows` rows (0: all)."""
    from alphafold.data import parsers
    body = parsers.truncate_stockholm_msa(path, rows) if rows else text(path, name)
    if not body.startswith("# STOCKHOLM"):
        raise ValueError("it does not start with '# STOCKHOLM 1.0'")
    if not body.rstrip().endswith("//"):
        raise ValueError("it ends without '//': it is truncated")
    try:
        return parsers.parse_stockholm(body)
    except IndexError:
        raise ValueError("its rows differ in length") from None
    except ValueError:
        raise ValueError("a line is neither a row (name, letters) nor an annotation") \
            from None


def a3m(path, name):
    """parsers.Msa of an a3m file."""
    from alphafold.data import parsers
    try:
        return parsers.parse_a3m(text(path, name))
    except IndexError:
        raise ValueError("it does not start with '>'") from None


def check_rows(name, msa, sequence):
    """The rows are of this query, which is the first of them."""
    from alphafold.common import residue_constants
    if not msa.sequences:
        raise ValueError("an alignment without rows")
    first, known = msa.sequences[0], residue_constants.HHBLITS_AA_TO_ID
    if len(first) != len(sequence):
        raise ValueError("the first row has %d residues, the query %d: they are not of one "
                         "query" % (len(first), len(sequence)))
    # Search tools replace unusual letters, but never one of the 20.
    for i, (a, b) in enumerate(zip(first, sequence), start=1):
        if a != b and {a, b} <= AMINO_ACIDS:
            raise ValueError("the first row is not the query: residue %d is %s, not %s"
                             % (i, a, b))
    for row, description in zip(msa.sequences, msa.descriptions):
        if len(row) != len(first):
            raise ValueError("row '%s' has %d columns, the query has %d"
                             % (description[:60], len(row), len(first)))
    for letter in sorted(set().union(*msa.sequences)):
        if letter not in known:
            raise ValueError("the letter '%s' is no amino acid" % letter)


def alignment(name, path, kind, sequence, rows):
    """parsers.Msa of an alignment (`kind` stockholm or a3m) of the query `sequence`."""
    try:
        msa = stockholm(path, name, rows) if kind == "stockholm" else a3m(path, name)
        check_rows(name, msa, sequence)
    except UnicodeDecodeError:
        raise Failure("permanent", "%s: '%s' is no text file" % (name, path)) from None
    except ValueError as error:
        raise Failure("permanent", "%s: '%s': %s" % (name, path, error)) from None
    return msa


def hits(path, multimer, sequence):
    """[parsers.TemplateHit] of hhsearch's .hhr or, for multimers, hmmsearch's Stockholm
    file (empty where nothing was found)."""
    from alphafold.data import parsers
    body = text(path, "hits")
    is_stockholm = not body.strip() or body.startswith("# STOCKHOLM")
    if is_stockholm != multimer:
        raise Failure("permanent", "hits: '%s' is of %s, model_preset=%s takes hits of %s"
                      % (path, *(("hmmsearch", "monomer", "hhsearch") if is_stockholm
                                 else ("hhsearch", "multimer", "hmmsearch"))))
    try:
        if not multimer:
            if not body.startswith("Query"):
                raise ValueError("it does not start with 'Query'")
            return parsers.parse_hhr(body)
        a3m = parsers.convert_stockholm_to_a3m(body, remove_first_row_gaps=False)
        return parsers.parse_hmmsearch_a3m(query_sequence=sequence, a3m_string=a3m,
                                           skip_first=False)
    except (ValueError, IndexError, RuntimeError, AssertionError) as error:
        raise Failure("permanent", "hits: cannot read '%s': %s"
                      % (path, error or type(error).__name__)) from None


class ArraysOnly(pickle.Unpickler):
    """Features are dictionaries of numpy arrays: a pickle of anything else is refused."""

    def find_class(self, module, name):
        if module.split(".")[0] != "numpy":
            raise pickle.UnpicklingError("it holds '%s.%s'" % (module, name))
        return super().find_class(module, name)


def features(path):
    """The dictionary of a file of features."""
    try:
        with open(path, "rb") as file:
            found = ArraysOnly(file).load()
    except (pickle.UnpicklingError, EOFError, ValueError, KeyError, IndexError,
            AttributeError, ImportError) as error:
        raise Failure("permanent", "'%s' is no file of AlphaFold2's features: %s"
                      % (path, " ".join(str(error).split()))) from None
    if not isinstance(found, dict):
        raise Failure("permanent", "'%s' is no file of AlphaFold2's features" % path)
    return found


def sequence_of(found, path):
    """The sequence of a chain's features."""
    try:
        return found["sequence"][0].decode("utf-8")
    except (KeyError, IndexError, AttributeError, TypeError):
        raise Failure("permanent", "'%s' holds no features of a chain" % path) from None


def versions():
    """{package: (version, file)} of what the results depend on; nothing is imported."""
    if importlib.util.find_spec("alphafold") is None:
        raise ImportError("no module named 'alphafold': give `python` an interpreter with "
                          "AlphaFold2's packages")
    known = alphafold_versions.alphafold(("data", "common"))
    for package, module in PACKAGES:
        try:
            version = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
        spec = importlib.util.find_spec(module)
        known[package] = (version, spec.origin or "" if spec else "")
    return known

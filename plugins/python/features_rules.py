# SPDX-License-Identifier: Apache-2.0
"""AlphaFold2's own rules for features, whichever package of its code is installed.

The work is done by the installed `alphafold.data` (DeepMind's, or alphafold-colabfold
from PyPI). The latter differs from AlphaFold2 v2.3.2 in what goes into the features:

1. it keeps duplicate rows of alignments; AlphaFold2 drops them (`unique_rows`);
2. it takes every template hit; AlphaFold2 leaves out hits that cover a tenth of the
   query or less, have less than ten residues, or are a piece of the query itself longer
   than 95 % of it (so that a structure is not its own template);
3. it knows the letters of the 20 amino acids alone in an mmCIF file; AlphaFold2 knows
   modified ones, too (MSE is M). Biopython's extended table stands in for SCOP's, which
   newer Biopythons lack; some rare residues are missing there.

`alphafold2_rules` sets 2 and 3 for as long as it is entered; with DeepMind's own code
they change nothing. It changes three more things, without influence on good results: the
folder of structures is not listed (it holds 200,000 files); a structure that is newer than
allowed is told by its dates alone, as parsing it takes seconds; and a template that cannot
be used costs itself and not the target, with the reason kept.
"""

import contextlib
import io
import re
import types
from unittest import mock

LEAST_COVER = 0.1       # part of the query that a template's alignment must exceed
OWN_COVER = 0.95        # a piece of the query longer than this part is the query itself
LEAST_RESIDUES = 10
AUDIT = "_pdbx_audit_revision_history."


def unique_rows(msas):
    """The alignments (parsers.Msa) without rows that are equal to an earlier one of any
    of them. Alignments that become empty vanish; the first never does."""
    from alphafold.data import parsers
    seen, kept = set(), []
    for msa in msas:
        rows = [i for i, row in enumerate(msa.sequences)
                if not (row in seen or seen.add(row))]
        if len(rows) == len(msa.sequences):
            kept.append(msa)
        elif rows:
            kept.append(parsers.Msa(
                sequences=[msa.sequences[i] for i in rows],
                deletion_matrix=[msa.deletion_matrix[i] for i in rows],
                descriptions=[msa.descriptions[i] for i in rows]))
    return kept


def refusal(hit, query):
    """(name of AlphaFold2's error, why) if the hit may not be a template, else None."""
    residues = hit.hit_sequence.replace("-", "")
    cover = hit.aligned_cols / len(query)
    if cover <= LEAST_COVER:
        return "AlignRatioError", "it covers %.3f of the query" % cover
    if len(residues) > OWN_COVER * len(query) and residues in query:
        return "DuplicateError", "it is the query itself or a large piece of it"
    if len(residues) < LEAST_RESIDUES:
        return "LengthError", "it has %d residues" % len(residues)
    return None


class TemplateLog:
    """What became of the hits: reasons by hit, and structures that are not there."""

    def __init__(self):
        self.reasons = []   # (hit name, why), in the order of the hits
        self.found = 0      # structures that were there
        self.missing = []   # paths of those that were not

    def note(self, hit, why):
        """Keep why a hit is no template."""
        self.reasons.append((hit.name, " ".join(str(why).split())))


def checked_assessment(templates, log):
    """The package's check of a hit, with AlphaFold2's rules behind it."""
    original = templates._assess_hhsearch_hit

    def assess(hit, hit_pdb_code, query_sequence, release_dates, release_date_cutoff,
               **_):
        try:
            original(hit=hit, hit_pdb_code=hit_pdb_code, query_sequence=query_sequence,
                     release_dates=release_dates,
                     release_date_cutoff=release_date_cutoff)
            found = refusal(hit, query_sequence)
            if found:
                raise getattr(templates, found[0])(found[1])
        except templates.PrefilterError as error:
            log.note(hit, error)
            raise
        return True
    return assess


def unreadable(error):
    """Why a structure cannot be read, by what that raised."""
    cause = error.__context__ or error
    if isinstance(cause, KeyError) and cause.args == ("release_date",):
        return "its file has no release date (%s)" % AUDIT[:-1]
    return "%s: %s" % (type(cause).__name__, cause)


def forgiving_hits(templates, log):
    """The package's work on one hit, which ends a target for a structure that is missing
    or cannot be read; here that costs the template."""
    original = templates._process_single_hit

    def process(query_sequence, hit, **options):
        before = len(log.reasons)
        try:
            result = original(query_sequence=query_sequence, hit=hit, **options)
        except FileNotFoundError as error:
            result = templates.SingleHitResult(
                features=None, error="there is no '%s'" % error.filename, warning=None)
        except (MemoryError, OSError):
            raise       # about this machine, not about the template
        except Exception as error:  # whatever a file of other people makes it raise
            result = templates.SingleHitResult(
                features=None, error=unreadable(error), warning=None)
        if result.features is None and len(log.reasons) == before:
            log.note(hit, result.error or result.warning or "it is newer than allowed")
        return result
    return process


def counted_files(templates, log):
    """The package's reader of structures, which then counts them."""
    original = templates._read_file

    def read(path):
        try:
            content = original(path)
        except FileNotFoundError:
            log.missing.append(path)
            raise
        log.found += 1
        return content
    return read


def release_date(text):
    """The earliest revision (YYYY-MM-DD) in an mmCIF file's text, by its audit category
    alone; None where that is not plain to see."""
    from Bio.PDB.MMCIF2Dict import MMCIF2Dict
    begin = text.find("\n" + AUDIT)
    end = text.find("\n#", begin)
    if begin < 0 or end < 0:
        return None
    loop = "\nloop_" if text[:begin].rstrip().endswith("\nloop_") else ""
    try:
        found = MMCIF2Dict(io.StringIO("data_x" + loop + text[begin:end] + "\n"))
        dates = found[AUDIT + "revision_date"]
    except Exception:  # the whole file is parsed then, and says what is wrong
        return None
    plain = dates and all(re.fullmatch(r"\d{4}-\d\d-\d\d", date) for date in dates)
    return min(dates) if plain else None


def dated_parser(mmcif_parsing, latest):
    """The package's parser of structures, for those that are not newer than `latest`; of
    the others it tells the date."""
    original = mmcif_parsing.parse

    def parse(*, mmcif_string, **options):
        date = release_date(mmcif_string)
        if date and date > latest:
            dated = types.SimpleNamespace(header={"release_date": date})
            return mmcif_parsing.ParsingResult(mmcif_object=dated, errors={})
        return original(mmcif_string=mmcif_string, **options)
    return parse


@contextlib.contextmanager
def alphafold2_rules(latest):
    """Give `alphafold.data` AlphaFold2's rules, with templates not newer than `latest`
    (YYYY-MM-DD); yields the TemplateLog."""
    from alphafold.data import mmcif_parsing, templates
    log = TemplateLog()
    # Both remember files by path or name only: another task may have other ones.
    for remembered in (templates._read_file, mmcif_parsing.parse):
        getattr(remembered, "cache_clear", lambda: None)()
    with contextlib.ExitStack() as stack:
        def replace(module, name, value):
            stack.enter_context(mock.patch.object(module, name, value))
        replace(templates, "glob", types.SimpleNamespace(glob=lambda pattern: [pattern]))
        replace(templates, "_read_file", counted_files(templates, log))
        replace(templates, "_assess_hhsearch_hit", checked_assessment(templates, log))
        replace(templates, "_process_single_hit", forgiving_hits(templates, log))
        replace(mmcif_parsing, "parse", dated_parser(mmcif_parsing, latest))
        letters = getattr(mmcif_parsing, "PDBData", None)
        extended = getattr(letters, "protein_letters_3to1_extended", None)
        if extended:
            replace(mmcif_parsing, "PDBData",
                    types.SimpleNamespace(protein_letters_3to1=extended))
        yield log

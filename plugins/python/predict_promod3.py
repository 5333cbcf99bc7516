# SPDX-License-Identifier: Apache-2.0
"""Stage `predict`, back-end promod3: homology modelling with ProMod3.

This is not AlphaFold: each model copies the backbone of one known structure where the
template search aligned it, and samples loops and termini. No confidence comes with it.

Templates are ordered by probability of homology times aligned columns, the number of
query residues that they can be expected to place: hhsearch's own order is by probability
alone, so a short sure hit comes before a long one, and what no template covers is mere
sampling. Model k uses the k-th template; where there are fewer templates than models,
the list is used again with another seed of the loop sampler.
"""

import contextlib
import hashlib
import os
import time

from af2flow_worker import Failure

DEFAULT_DB = "/usr/share/promod3/loop_data/structure_db.dat"

METHOD = "homology modelling (ProMod3), not AlphaFold"

# Letters that sequences may hold and ProMod3 cannot build, and what is built instead.
STAND_INS = {"U": "C", "O": "K", "B": "D", "Z": "E", "J": "L", "X": "A"}

# Monte Carlo effort. `full` is ProMod3's own; `fast` takes a third of the time and may
# cost up to 0.04 of TM-score.
EFFORT = {
    "full": {"loops": {}, "termini": {}},
    "fast": {"loops": {"max_loops_to_search": 2, "max_extension": 6, "mc_num_loops": 2,
                       "mc_steps": 1000},
             "termini": {"mc_num_loops": 4, "mc_steps": 1000}},
}

FIELDS = ("domain_names", "probability", "aligned_cols", "query_row", "hit_row",
          "query_start", "hit_start")


class Template:
    """One aligned template of the features."""

    def __init__(self, name, probability, aligned_cols, query_row, hit_row, query_start,
                 hit_start):
        self.name = name
        self.probability = round(float(probability), 4)  # stored in single precision
        self.columns = int(aligned_cols)
        self.query_row, self.hit_row = query_row.upper(), hit_row.upper()
        self.query_start, self.hit_start = int(query_start), int(hit_start)

    def coverage(self, length):
        """Fraction of the query's residues that are aligned."""
        return self.columns / length

    def expected(self):
        """Aligned residues, weighted by the probability that they mean anything."""
        return self.probability / 100 * self.columns

    def identity(self):
        """Fraction of aligned columns with the same residue."""
        same = sum(a == b != "-" for a, b in zip(self.query_row, self.hit_row))
        return same / self.columns if self.columns else 0.0


def text_of(value):
    """A numpy string element as str."""
    return value.decode("ascii") if isinstance(value, bytes) else str(value)


def read_features(path):
    """(query sequence, [Template]) of a features file."""
    import numpy
    try:
        with numpy.load(path, allow_pickle=False) as arrays:
            sequence = text_of(arrays["sequence"].ravel()[0]).upper()
            columns = [arrays["template_" + field].ravel() for field in FIELDS]
    except KeyError as error:
        raise Failure("permanent", "features lack an array: %s" % error.args[0]) from None
    except (ValueError, IndexError) as error:
        raise Failure("permanent", "cannot read features '%s': %s" % (path, error)) from None
    if len({len(column) for column in columns}) != 1:
        raise Failure("permanent", "template arrays of '%s' differ in length" % path)
    rows = [[text_of(x) if x.dtype.kind in "SU" else x for x in row]
            for row in zip(*columns)]
    return sequence, [Template(*row) for row in rows]


def usable(templates, length, min_probability, min_coverage):
    """Templates worth modelling on, best first, each domain once."""
    best = {}
    for template in templates:
        if template.probability < min_probability or \
                template.coverage(length) < min_coverage:
            continue
        known = best.get(template.name)
        if known is None or template.expected() > known.expected():
            best[template.name] = template
    # Names break ties, so that the order never depends on the file's.
    return sorted(best.values(), key=lambda t: (-t.expected(), t.name))


def choose(templates, index):
    """(template, round) of model `index`, counted from 1: round 0 uses each template
    once, later rounds use them again with other seeds."""
    return templates[(index - 1) % len(templates)], (index - 1) // len(templates)


def rows(sequence, template):
    """The alignment over the whole query: (query row, template row)."""
    first = template.query_start - 1
    last = first + len(template.query_row.replace("-", ""))
    if len(template.query_row) != len(template.hit_row):
        raise Failure("permanent", "alignment rows of template '%s' differ in length"
                      % template.name)
    if first < 0 or sequence[first:last] != template.query_row.replace("-", ""):
        raise Failure("permanent", "the alignment of template '%s' is not of this query"
                      % template.name)
    query = sequence[:first] + template.query_row + sequence[last:]
    hit = "-" * first + template.hit_row + "-" * (len(sequence) - last)
    return query, hit


def buildable(row):
    """The row with letters that ProMod3 can build."""
    return "".join(STAND_INS.get(letter, letter) for letter in row)


def chain_of(name):
    """(PDB id, chain) of a template name: '4GGJ_A' or '4GGJ_A_14164'; None of others."""
    parts = name.split("_")
    return (parts[0].upper(), parts[1]) if len(parts) > 1 and parts[1] else None


def place(sequence, residues, start):
    """Where the aligned residues stand in a structure's sequence (from 0): at `start`
    (from 1) if they are there, else where they are found first; -1: nowhere. Templates
    of other databases count residues that the structure lacks."""
    if sequence[start - 1:start - 1 + len(residues)] == residues:
        return start - 1
    return sequence.find(residues)


def remarks(model, template, sequence, effort, seed):
    """Header lines that say what this file is."""
    lines = [
        "HOMOLOGY MODEL BY PROMOD3. THIS IS NOT AN ALPHAFOLD PREDICTION.",
        "MODEL %s EFFORT %s SEED %d" % (model.upper(), effort.upper(), seed),
        "TEMPLATE %s PROBABILITY %.2f" % (template.name, template.probability),
        "IDENTITY %.3f COVERAGE %.3f" % (template.identity(),
                                         template.coverage(len(sequence))),
        "THE B-FACTOR COLUMN OF THIS FILE HOLDS NO CONFIDENCE.",
    ]
    strange = sorted(set(sequence) & set(STAND_INS))
    if strange:
        lines.append("STAND-INS FOR UNUSUAL RESIDUES: "
                     + " ".join("%s-%s" % (x, STAND_INS[x]) for x in strange))
    return "EXPDTA    THEORETICAL MODEL\n" + "".join("REMARK   6 %s\n" % x for x in lines)


class Library:
    """ProMod3 and its data, loaded once."""

    def __init__(self, structure_db):
        fragments = os.path.join(os.path.dirname(structure_db), "frag_db.dat")
        for path in (structure_db, fragments):
            if not os.path.exists(path):
                raise Failure("unavailable", "ProMod3's data is missing: '%s'" % path)
        import ost
        from promod3 import loop, sidechain
        ost.PushVerbosityLevel(1)
        self.structures = loop.StructureDB.Load(structure_db)
        self.fragments = loop.FragDB.Load(fragments)
        self.rotamers = sidechain.LoadBBDepLib()

    def find(self, template):
        """(fragment, sequence, offset) of a template's structure; None if this database
        has not all its aligned residues."""
        from promod3 import loop
        chain = chain_of(template.name)
        residues = template.hit_row.replace("-", "")
        for index in self.structures.GetCoordIndex(*chain) if chain and residues else ():
            fragment = loop.FragmentInfo(index, 0, self.structures.GetCoordInfo(index).size)
            sequence = self.structures.GetSequence(fragment)
            offset = place(sequence, residues, template.hit_start)
            if offset >= 0:
                return fragment, sequence, offset
        return None

    def backbone(self, fragment, sequence):
        """The backbone as an OpenStructure entity."""
        return self.structures.GetBackboneList(fragment, sequence).ToEntity()


LIBRARY = []  # filled by setup, one element


def setup(words):
    """words: the path of the structure database; "": Debian's."""
    LIBRARY[:] = [Library(words[0] if words and words[0] else DEFAULT_DB)]


@contextlib.contextmanager
def sampler_seed(seed):
    """Give ProMod3's loop samplers another seed; it has no parameter for it."""
    import promod3.modelling._closegaps as closegaps
    original = closegaps.PhiPsiSampler

    def seeded(*args, **keywords):
        keywords["seed"] = seed
        return original(*args, **keywords)

    if seed:
        closegaps.PhiPsiSampler = seeded
    try:
        yield
    finally:
        closegaps.PhiPsiSampler = original


def close_gaps(handle, library, torsions, effort):
    """ProMod3's own pipeline for loops, with our Monte Carlo effort."""
    from promod3 import modelling
    sampler = {"torsion_sampler": torsions}
    fill = (handle, library.fragments, library.structures)
    modelling.CloseSmallDeletions(handle)
    for distance in range(4):
        modelling.MergeGapsByDistance(handle, distance)
        modelling.FillLoopsByDatabase(*fill, min_loops_required=-1, max_res_extension=6,
                                      clash_thresh=10, **sampler)
    modelling.FillLoopsByDatabase(*fill, min_loops_required=-1, clash_thresh=10, **sampler)
    modelling.FillLoopsByDatabase(*fill, **sampler)
    modelling.FillLoopsByMonteCarlo(handle, **sampler, **EFFORT[effort]["loops"])
    modelling.CloseLargeDeletions(handle, library.structures)


def build(library, query, hit, backbone, offset, effort, seed):
    """The model as an OpenStructure entity."""
    from ost import mol, seq
    from promod3 import loop, modelling
    alignment = seq.CreateAlignment(seq.CreateSequence("target", query),
                                    seq.CreateSequence("template", hit))
    alignment.SetSequenceOffset(1, offset)
    alignment.AttachView(1, backbone.CreateFullView())
    mol.alg.AssignSecStruct(alignment.GetSequence(1).GetAttachedView())
    handle = modelling.BuildRawModel(alignment)
    if handle.model.residue_count == 0:
        raise Failure("permanent", "no residue of the template could be used")
    # A torsion sampler draws on from where it was: with a new one, a model does not
    # depend on those that this worker built before.
    torsions = loop.LoadTorsionSamplerCoil(seed)
    with sampler_seed(seed):
        close_gaps(handle, library, torsions, effort)
        modelling.ModelTermini(handle, torsions, **EFFORT[effort]["termini"])
        modelling.RemoveTerminalGaps(handle)
        modelling.BuildSidechains(handle, 4, library.fragments, library.structures,
                                  torsions, library.rotamers)
    modelling.MinimizeModelEnergy(handle)
    modelling.CheckFinalModel(handle)
    return handle.model


def none_usable(templates, likely, request):
    """Why there is no template: one line."""
    if not templates:
        return "no usable template: the search found none"
    if likely:
        return ("no usable template: the structure database holds none of the %d that are "
                "good enough, such as '%s'" % (len(likely), likely[0].name))
    return ("no usable template: none of %d has probability >= %g %% and coverage >= %g"
            % (len(templates), request.real("min_probability"),
               request.real("min_coverage")))


def predict(request):
    """args: features, output, model, index, effort, min_probability, min_coverage,
    random_seed."""
    from ost import io
    started = time.monotonic()
    index, model = request.integer("index"), request.text("model")
    sequence, templates = read_features(request.text("features"))
    likely = usable(templates, len(sequence), request.real("min_probability"),
                    request.real("min_coverage"))
    good = [t for t in likely if LIBRARY[0].find(t)]
    if not good:
        raise Failure("permanent", none_usable(templates, likely, request))
    template, cycle = choose(good, index)
    # Rounds of one template must differ for every base seed.
    seed = request.integer("random_seed") + cycle
    effort = request.text("effort")
    query, hit = rows(sequence, template)
    fragment, known, offset = LIBRARY[0].find(template)
    backbone = LIBRARY[0].backbone(fragment, known)
    prepared = time.monotonic()
    entity = build(LIBRARY[0], buildable(query), hit, backbone, offset, effort,
                   seed)
    if entity.residue_count < len(sequence):
        request.log("only %d of %d residues could be built" % (entity.residue_count,
                                                               len(sequence)))
    with open(request.text("output"), "w", encoding="ascii") as out:
        out.write(remarks(model, template, sequence, effort, seed))
        out.write(io.EntityToPDBStr(entity))
    request.log("%s: template %s, probability %.1f, coverage %.2f, seed %d"
                % (model, template.name, template.probability,
                   template.coverage(len(sequence)), seed))
    request.values.update({
        "model": model, "method": METHOD, "template": template.name,
        "probability": template.probability, "identity": round(template.identity(), 4),
        "coverage": round(template.coverage(len(sequence)), 4),
        "residues": entity.residue_count, "templates": len(good)})
    request.measures.update({
        "timings.process_features_" + model: prepared - started,
        "timings.predict_and_compile_" + model: time.monotonic() - prepared})


METHODS = {"predict": predict}


def sampled(path):
    """A digest of a large file's size and of 64 of its blocks."""
    size = os.path.getsize(path)
    sha = hashlib.sha256(b"%d" % size)
    with open(path, "rb") as file:
        for i in range(64):
            file.seek(size * i // 64)
            sha.update(file.read(65536))
    return sha.hexdigest()


def versions():
    import ost
    import promod3
    found = {"promod3": (promod3.__version__, promod3.__file__)}
    if hasattr(ost, "VERSION"):
        found["openstructure"] = (ost.VERSION, ost.__file__)
    for path in (DEFAULT_DB, os.path.join(os.path.dirname(DEFAULT_DB), "frag_db.dat")):
        if os.path.exists(path):
            found[os.path.basename(path)] = (sampled(path), path)
    return found

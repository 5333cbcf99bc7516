# SPDX-License-Identifier: Apache-2.0
"""Stages `chain_features` and `assemble_features`: AlphaFold2's features of a target.

`chain` makes the features of one chain as AlphaFold2's monomer pipeline does, from
finished alignments and template hits; `assemble` makes those of the whole target. For L
residues, N alignment rows and T templates a chain's features are
    aatype f4 (L,21)  between_segment_residues i4 (L)  domain_name O (1)
    residue_index i4 (L)  seq_length i4 (L)  sequence O (1)
    msa i4 (N,L)  deletion_matrix_int i4 (N,L)  num_alignments i4 (L)
    msa_species_identifiers O (N)
    template_aatype f4 (T,L,22)  template_all_atom_masks f4 (T,L,37)
    template_all_atom_positions f4 (T,L,37,3) in Angstrom  template_sum_probs f4 (T,1)
    template_domain_names O (T)  template_sequence O (T)
and, from UniProt, for pairing chains by species: msa_all_seq, deletion_matrix_int_all_seq
and msa_species_identifiers_all_seq. Where nothing is a template, monomers have T = 0 (the
arrays are flat then) and multimers one template of zeros: AlphaFold2's own ways.

Files are pickles of protocol 4, as AlphaFold2 writes features.pkl.
"""

import copy
import json
import pickle
import shutil
import time

from af2flow_worker import Failure
import features_read
import features_rules

# Alignments of a chain in the order of their rows: argument, its cap, its format.
SOURCES = (("uniref90", "uniref_max_hits", "stockholm"), ("bfd", None, "a3m"),
           ("small_bfd", None, "stockholm"), ("mgnify", "mgnify_max_hits", "stockholm"))
MOST_LINES = 20     # of the log about templates
NO_DATE = "9999-12-31"
MULTIMER_ROWS = 512  # fewest alignment rows of a multimer


def alignments(request, sequence):
    """[parsers.Msa] of the request, checked against the query."""
    msas = []
    for name, cap, kind in SOURCES:
        path = request.args.get(name)
        if path:
            rows = request.integer(cap) if cap else 0
            msa = features_read.alignment(name, path, kind, sequence, rows)
            request.values["rows_" + name] = len(msa.sequences)
            msas.append(msa)
    return msas


def msa_features(request, msas):
    """AlphaFold2's MSA features of the alignments, each row once."""
    from alphafold.data import pipeline
    total = sum(len(msa.sequences) for msa in msas)
    features = pipeline.make_msa_features(features_rules.unique_rows(msas))
    request.values["rows"] = int(features["num_alignments"][0])
    request.values["duplicates"] = total - request.values["rows"]
    return features


def pairing_features(request, sequence):
    """Rows of UniProt for pairing, under AlphaFold2's names; {} without them."""
    from alphafold.data import msa_pairing, pipeline
    path = request.args.get("uniprot")
    if not path:
        return {}
    msa = features_read.alignment("uniprot", path, "stockholm", sequence, 0)
    cap = request.integer("uniprot_max_hits")
    msa = msa.truncate(max_seqs=cap) if cap else msa
    request.values["rows_uniprot"] = len(msa.sequences)
    made = pipeline.make_msa_features(features_rules.unique_rows([msa]))
    wanted = msa_pairing.MSA_FEATURES + ("msa_species_identifiers",)
    return {name + "_all_seq": value for name, value in made.items() if name in wanted}


def featurizer(request, latest):
    """The package's maker of template features, for this preset, with structures not newer
    than `latest`."""
    from alphafold.data import templates
    multimer = request.text("model_preset") == "multimer"
    make = templates.HmmsearchHitFeaturizer if multimer else templates.HhsearchHitFeaturizer
    try:
        return make(mmcif_dir=request.args.get("template_mmcif_dir", ""),
                    max_template_date=latest,
                    max_hits=request.integer("max_template_hits"),
                    kalign_binary_path=request.args.get("kalign_binary_path", ""),
                    release_dates_path=None,
                    obsolete_pdbs_path=request.args.get("obsolete_pdbs_path") or None)
    except (ValueError, UnicodeDecodeError) as error:
        raise Failure("permanent", "cannot look for templates: %s" % error) from None


def report_templates(request, log, count, hits):
    """Say what became of the hits; a folder without any wanted structure is refused."""
    if log.missing and not log.found:
        raise Failure("permanent", "none of the %d template structures is in the folder: "
                      "there is no '%s' (template_mmcif_dir?)"
                      % (len(log.missing), log.missing[0]))
    for name, why in log.reasons[:MOST_LINES]:
        request.log("no template: %s: %s" % (name, why))
    if len(log.reasons) > MOST_LINES:
        request.log("and %d other hits" % (len(log.reasons) - MOST_LINES))
    request.values.update({"template_hits": hits, "templates": count,
                           "templates_missing": len(log.missing)})


def template_features(request, sequence):
    """AlphaFold2's template features of the hits, or those of no hits."""
    path = request.args.get("hits") if request.integer("use_templates") else None
    multimer = request.text("model_preset") == "multimer"
    latest = request.args.get("max_template_date") or NO_DATE
    with features_rules.alphafold2_rules(latest) as log:
        hits = features_read.hits(path, multimer, sequence) if path else []
        result = featurizer(request, latest).get_templates(query_sequence=sequence, hits=hits)
    # A multimer without templates has one that is named by nothing.
    count = sum(bool(name) for name in result.features["template_domain_names"])
    report_templates(request, log, count, len(hits))
    return result.features


def write(features, path):
    """Write features as AlphaFold2 does."""
    with open(path, "wb") as out:
        pickle.dump(features, out, protocol=4)


def chain(request):
    """args: query, uniref90, mgnify, bfd, small_bfd, uniprot, hits, output, model_preset,
    use_templates, template_mmcif_dir, max_template_date, obsolete_pdbs_path,
    kalign_binary_path, max_template_hits, uniref_max_hits, mgnify_max_hits,
    uniprot_max_hits. Files that are not given are absent or empty."""
    from alphafold.data import pipeline
    started = time.monotonic()
    sequence, description = features_read.query(request.text("query"))
    features = pipeline.make_sequence_features(
        sequence=sequence, description=description, num_res=len(sequence))
    features.update(msa_features(request, alignments(request, sequence)))
    pairing = pairing_features(request, sequence)
    read = time.monotonic()
    features.update(template_features(request, sequence))
    request.measures.update({"alignments_s": read - started,
                             "templates_s": time.monotonic() - read})
    features.update(pairing)
    request.values["residues"] = len(sequence)
    write(features, request.text("output"))


def chain_map(request):
    """{chain id: sequence} of the target, in order."""
    path = request.text("chain_map")
    try:
        with open(path, encoding="utf-8") as file:
            found = {name: str(one["sequence"]) for name, one in json.load(file).items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise Failure("permanent", "'%s' is no map of chains: %s" % (path, error)) from None
    if not found:
        raise Failure("permanent", "'%s' names no chain" % path)
    return found


def multimer(chains, by_sequence):
    """The features of a multimer: chains converted, copies added, paired, merged."""
    from alphafold.data import feature_processing, pipeline_multimer
    converted, found = {}, {}
    alone = len(by_sequence) == 1
    for name, sequence in chains.items():
        if sequence in converted:
            found[name] = copy.deepcopy(converted[sequence])
            continue
        features = {key: value for key, value in by_sequence[sequence].items()
                    if not (alone and key.endswith("_all_seq"))}
        found[name] = pipeline_multimer.convert_monomer_features(features, chain_id=name)
        converted[sequence] = found[name]
    merged = feature_processing.pair_and_merge(
        all_chain_features=pipeline_multimer.add_assembly_features(found))
    return pipeline_multimer.pad_msa(merged, MULTIMER_ROWS)


def check_chains(chains, by_sequence):
    """Each chain must have features, and all of them must be wanted."""
    wanted = set(chains.values())
    for name, sequence in chains.items():
        if sequence not in by_sequence:
            raise Failure("permanent", "chain '%s' has no features among the %d given"
                          % (name, len(by_sequence)))
    for name, sequence in chains.items():
        if len(wanted) > 1 and "msa_all_seq" not in by_sequence[sequence]:
            raise Failure("permanent", "the features of chain '%s' have no rows of UniProt "
                          "to pair with other chains: give chain_features a search of it"
                          % name)
    if set(by_sequence) != wanted:
        raise Failure("permanent", "features of a sequence that is no chain of the target")


def assemble(request):
    """args: features (list), chain_map, output, model_preset."""
    paths, chains = request.text("features"), chain_map(request)
    preset = request.text("model_preset")
    request.values["chains"] = len(chains)
    if preset != "multimer" and (len(chains) != 1 or len(paths) != 1):
        raise Failure("permanent", "model_preset=%s predicts one chain, the input has %d: "
                      "use model_preset=multimer" % (preset, len(chains)))
    by_sequence = {}
    for path in paths:
        features = features_read.features(path)
        by_sequence[features_read.sequence_of(features, path)] = features
    if preset != "multimer":
        shutil.copyfile(paths[0], request.text("output"))
        return
    check_chains(chains, by_sequence)
    features = multimer(chains, by_sequence)
    request.values.update({"residues": int(features["aatype"].shape[0]),
                           "rows": int(features["num_alignments"])})
    write(features, request.text("output"))


METHODS = {"chain": chain, "assemble": assemble}


def versions():
    return features_read.versions()

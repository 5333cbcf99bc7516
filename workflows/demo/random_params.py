#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Parameter files for AlphaFold2's real network, with random numbers instead of trained ones.

    python random_params.py [--seed N] [--full] [--missing] DATA_DIR MODEL|PRESET...

STRUCTURES MADE WITH THEM MEAN NOTHING. They are for tests, demonstrations and timing where the
trained parameters cannot be had: the names and shapes of the arrays, and so the network that runs,
its time and its memory, are the true ones.

Writes DATA_DIR/params/params_MODEL.npz as the files that DeepMind gives away: keys are
"alphafold/alphafold_iteration/.../SCOPE//NAME", all float32, so
alphafold.model.data.get_model_haiku_params reads both alike. A preset (monomer, monomer_ptm,
multimer) stands for its five models. Names and shapes come from tracing the installed network
(jax.eval_shape): nothing is compiled, and they follow the package.

A true file has 93 million numbers, 373 MB. By default each array repeats a short random pattern and
the file is deflated to about 3 MB; --full draws every number, for the true size on disk.
Needs the Python that has AlphaFold2 (./quickstart alphafold).
"""

import argparse
import os
import sys
import time
import warnings
import zlib

import numpy as np

MEANS_NOTHING = ("random parameters, made by random_params.py: "
                 "structures that are predicted with them mean nothing")
PATTERN = 1021  # a prime: no row of a matrix, all of them powers of two or so, repeats the last
RESIDUES = 16   # of the toy protein; no parameter's shape depends on it


def models_of(names):
    """The models that names, of models or of presets, stand for."""
    from alphafold.model import config
    found = []
    for name in names:
        models = config.MODEL_PRESETS.get(name, (name,))
        unknown = [m for m in models if m not in config.CONFIG_DIFFS]
        if unknown:
            raise ValueError("unknown model '%s': give model_1, model_3_ptm, "
                             "model_5_multimer_v3, monomer, multimer and the like" % unknown[0])
        found += [m for m in models if m not in found]
    return found


def small_config(model):
    """The configuration of a model that is traced fast: few rows, and, of a monomer, triangle
    multiplications with the left and right projections apart, as DeepMind's files have them."""
    from alphafold.model import config
    cfg = config.model_config(model)
    embedding = cfg.model.embeddings_and_evoformer
    if cfg.model.global_config.multimer_mode:
        embedding.num_msa = embedding.num_extra_msa = 8
        return cfg
    cfg.data.eval.max_msa_clusters = cfg.data.common.max_extra_msa = 8
    for stack in (embedding.evoformer, embedding.template.template_pair_stack):
        stack.triangle_multiplication_outgoing.fuse_projection_weights = False
        stack.triangle_multiplication_incoming.fuse_projection_weights = False
    return cfg


def monomer_batch(cfg):
    """Processed features of a toy protein: by the package's own pipeline, without templates."""
    from alphafold.data import parsers, pipeline
    from alphafold.model import features
    sequence = "ACDEFGHIKLMNPQRS"[:RESIDUES]
    raw = dict(pipeline.make_sequence_features(sequence, "toy", RESIDUES))
    raw.update(pipeline.make_msa_features([parsers.parse_a3m(">toy\n%s\n" % sequence)]))
    raw.update(
        template_aatype=np.zeros((0, RESIDUES, 22), np.float32),
        template_all_atom_masks=np.zeros((0, RESIDUES, 37), np.float32),
        template_all_atom_positions=np.zeros((0, RESIDUES, 37, 3), np.float32),
        template_domain_names=np.zeros(0, object),
        template_sum_probs=np.zeros((0, 1), np.float32))
    return features.np_example_to_features(raw, cfg, random_seed=0)


def multimer_batch():
    """What the multimer network reads, all zero: it samples the MSA itself, so rows must be more
    than num_msa of small_config()."""
    rows, n, templates = 16, RESIDUES, 4
    whole = {"aatype": (n,), "residue_index": (n,), "msa": (rows, n), "seq_length": (),
             "num_alignments": (), "num_templates": (), "assembly_num_chains": (),
             "template_aatype": (templates, n)}
    real = {"seq_mask": (n,), "asym_id": (n,), "entity_id": (n,), "sym_id": (n,),
            "entity_mask": (n,), "deletion_mean": (n,), "deletion_matrix": (rows, n),
            "msa_mask": (rows, n), "bert_mask": (rows, n), "cluster_bias_mask": (rows,),
            "all_atom_mask": (n, 37), "all_atom_positions": (n, 37, 3),
            "template_all_atom_mask": (templates, n, 37),
            "template_all_atom_positions": (templates, n, 37, 3)}
    batch = {name: np.zeros(shape, np.int32) for name, shape in whole.items()}
    batch.update((name, np.zeros(shape, np.float32)) for name, shape in real.items())
    batch["prev"] = {"prev_pos": np.zeros((n, 37, 3), np.float32),
                     "prev_msa_first_row": np.zeros((n, 256), np.float32),
                     "prev_pair": np.zeros((n, n, 128), np.float32)}
    return batch


def shapes(model):
    """{key of the file: shape} of every array of a model."""
    import jax
    from alphafold.model import model as network
    cfg = small_config(model)
    multimer = cfg.model.global_config.multimer_mode
    batch = multimer_batch() if multimer else monomer_batch(cfg)
    init = network.RunModel(cfg).init
    tree = jax.eval_shape(init, jax.random.PRNGKey(0), batch)
    return {"%s//%s" % (scope, name): tuple(array.shape)
            for scope, arrays in tree.items() for name, array in arrays.items()}


def fan_in(name, shape):
    """How many numbers of the input one number of the output is a sum of."""
    if name in ("query_w", "key_w", "value_w", "gating_w"):
        return shape[-3]  # (..., channels, heads, channels of a head)
    return shape[-2] if len(shape) > 1 else 1


def array_of(model, key, shape, seed=0, full=False):
    """One array. Norms are the identity, gates open, biases 0; weights are normal with variance
    1/fan_in, so that nothing overflows or dies out, however deep the network. Its numbers depend
    on the seed, the model and the key alone."""
    name = key.rsplit("//", 1)[1]
    if name in ("scale", "gating_b"):
        return np.ones(shape, np.float32)
    if name in ("offset", "bias") or name.endswith("_b"):
        return np.zeros(shape, np.float32)
    draw = np.random.default_rng([seed, zlib.crc32(("%s %s" % (model, key)).encode())])
    size = int(np.prod(shape, dtype=np.int64))
    numbers = draw.standard_normal(size if full else min(size, PATTERN), np.float32)
    numbers /= np.float32(np.sqrt(fan_in(name, shape)))
    return np.resize(numbers, shape)


def path_of(data_dir, model):
    return os.path.join(data_dir, "params", "params_%s.npz" % model)


def write(data_dir, model, seed=0, full=False):
    """Make the file of one model, replacing an old one in one step; its path is returned."""
    arrays = {key: array_of(model, key, shape, seed, full)
              for key, shape in shapes(model).items()}
    path = path_of(data_dir, model)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    # Whoever finds the files later must be told, too.
    with open(os.path.join(os.path.dirname(path), "RANDOM-PARAMETERS.txt"), "w",
              encoding="ascii") as note:
        note.write(MEANS_NOTHING + "\n")
    temporary = "%s.%d" % (path, os.getpid())
    try:
        with open(temporary, "wb") as file:
            (np.savez if full else np.savez_compressed)(file, **arrays)
        os.replace(temporary, path)
    except BaseException:
        if os.path.exists(temporary):
            os.unlink(temporary)
        raise
    return path


def main(argv=None):
    parser = argparse.ArgumentParser(
        description="Write random parameters for AlphaFold2's network. Structures that are "
        "predicted with them mean nothing.")
    parser.add_argument("data_dir", metavar="DATA_DIR")
    parser.add_argument("models", metavar="MODEL|PRESET", nargs="+")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--full", action="store_true", help="true sizes on disk: 373 MB a model")
    parser.add_argument("--missing", action="store_true", help="leave files that are there alone")
    options = parser.parse_args(argv)
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    warnings.simplefilter("ignore")  # of jax, about 64-bit numbers
    try:
        models = models_of(options.models)
    except ImportError as error:
        sys.exit("random_params.py: %s: run it with the Python that has AlphaFold2 "
                 "(./quickstart alphafold)" % error)
    except ValueError as error:
        sys.exit("random_params.py: %s" % error)
    for model in models:
        if options.missing and os.path.exists(path_of(options.data_dir, model)):
            continue
        start = time.monotonic()
        path = write(options.data_dir, model, options.seed, options.full)
        print("%s: %.1f MB, %.0f s" % (path, os.path.getsize(path) / 1e6,
                                       time.monotonic() - start), flush=True)
    print("These are " + MEANS_NOTHING + ".")


if __name__ == "__main__":
    main()

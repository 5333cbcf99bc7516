# SPDX-License-Identifier: Apache-2.0
"""Which network AlphaFold2 runs: its configuration, its numerics, its shapes.

    numerics()                              once, before anything is traced
    cfg = model_config("model_1_ptm", options({"num_recycle": "3", "bucket": "64"}))
    length = padded_length(residues, "64")
    batch = batch_shapes(cfg, length)       what the network takes, without features
    params = param_shapes(cfg)              ... and without weights
    network(cfg).lower(params, key_shape(), batch)

Works on the package alphafold-colabfold (recycling is a loop around the compiled
function) and on DeepMind's own installation (recycling is inside it); which one it is, is
found by looking at the code that is installed.

Numerics are DeepMind's: monomers compute in float32, multimers in bfloat16, and what
comes out, or is handed from one recycle to the next, is float32. alphafold-colabfold by
itself runs monomers in bfloat16 and hands on float16.
"""

import collections
import copy
import functools
import inspect
import json

from af2flow_worker import Failure

# What changes a network beside the model's name. 0 or -1: as AlphaFold2 has it.
Options = collections.namedtuple("Options", (
    "num_recycle",    # recycles after the first pass; -1: AlphaFold2's
    "num_ensemble",   # MSA samples averaged; 0: AlphaFold2's
    "max_msa",        # MSA rows of the Evoformer (clusters, templates included)
    "max_extra_msa",  # rows of the extra MSA
    "subbatch_size"))  # rows a chunk; smaller takes less memory

STOCK = Options(-1, 0, 0, 0, 0)

# Features of a multimer that the network takes, by (type, axes): L residues, T templates,
# M rows of the MSA, a number its size.
MULTIMER_FEATURES = {
    "aatype": ("int32", "L"), "residue_index": ("int32", "L"),
    "seq_mask": ("float32", "L"), "asym_id": ("float32", "L"),
    "entity_id": ("float32", "L"), "sym_id": ("float32", "L"),
    "all_atom_mask": ("float32", ("L", 37)),
    "all_atom_positions": ("float32", ("L", 37, 3)),
    "template_aatype": ("int32", "TL"),
    "template_all_atom_mask": ("float32", ("T", "L", 37)),
    "template_all_atom_positions": ("float32", ("T", "L", 37, 3)),
}
MULTIMER_MSA = {
    "msa": ("int32", "ML"), "msa_mask": ("float32", "ML"),
    "deletion_matrix": ("float32", "ML"), "bert_mask": ("float32", "ML"),
    "cluster_bias_mask": ("float32", "M"),
}


def is_multimer(model):
    """Whether a model's name is that of a multimer's."""
    return "multimer" in model


def options(args):
    """Options from texts by name; what is absent or empty is AlphaFold2's."""
    values = {}
    for name, stock in STOCK._asdict().items():
        try:
            values[name] = int(args.get(name) or stock)
        except ValueError:
            raise Failure("permanent", "'%s' is no whole number: '%s'"
                          % (name, args[name])) from None
    return Options(**values)


def padded_length(length, bucket):
    """Residues that `length` residues are padded to. `bucket`: "0" or "", none; "64", the
    next multiple; "128 256 512", the first that holds it (beyond the last: none)."""
    try:
        sizes = sorted(int(word) for word in str(bucket).replace(",", " ").split())
    except ValueError:
        sizes = [-1]
    if any(size < 0 for size in sizes):
        raise Failure("permanent", "'bucket' is no list of lengths: '%s'" % bucket)
    if len(sizes) == 1 and sizes[0]:
        return -(-length // sizes[0]) * sizes[0]
    return next((size for size in sizes if size >= length), length)


def _limit_monomer(cfg, chosen):
    """Write the options into a monomer's configuration."""
    evaluation, common = cfg.data.eval, cfg.data.common
    if chosen.max_msa:
        if chosen.max_msa <= evaluation.max_templates:
            raise Failure("permanent", "'max_msa' must be over %d, the rows of templates: "
                          "%d" % (evaluation.max_templates, chosen.max_msa))
        evaluation.max_msa_clusters = chosen.max_msa
    common.max_extra_msa = chosen.max_extra_msa or common.max_extra_msa
    evaluation.num_ensemble = chosen.num_ensemble or evaluation.num_ensemble
    if chosen.num_recycle >= 0:
        common.num_recycle = chosen.num_recycle


def _limit_multimer(cfg, chosen):
    """Write the options into a multimer's configuration."""
    embeddings = cfg.model.embeddings_and_evoformer
    embeddings.num_msa = chosen.max_msa or embeddings.num_msa
    embeddings.num_extra_msa = chosen.max_extra_msa or embeddings.num_extra_msa
    cfg.model.num_ensemble_eval = chosen.num_ensemble or cfg.model.num_ensemble_eval


def model_config(model, chosen=STOCK):
    """AlphaFold2's configuration of `model` ("model_3", "model_1_ptm",
    "model_5_multimer_v3") with DeepMind's precision and the options."""
    from alphafold.model import config
    try:
        cfg = config.model_config(model)
    except (ValueError, KeyError):
        raise Failure("permanent", "no such model: '%s'" % model) from None
    shared = cfg.model.global_config
    if is_multimer(model):
        _limit_multimer(cfg, chosen)
    else:
        _limit_monomer(cfg, chosen)
        if hasattr(shared, "bfloat16"):  # DeepMind's have it for multimers alone
            shared.bfloat16 = False
    if chosen.num_recycle >= 0:
        cfg.model.num_recycle = chosen.num_recycle
    shared.subbatch_size = chosen.subbatch_size or shared.subbatch_size
    return cfg


def config_text(cfg):
    """A configuration as one text, the same for equal configurations."""
    if hasattr(cfg, "to_json_best_effort"):
        return cfg.to_json_best_effort(sort_keys=True)
    return json.dumps(cfg, sort_keys=True, default=vars)


@functools.lru_cache(maxsize=None)
def numerics():
    """Have alphafold-colabfold hand on and return float32, as DeepMind's code does. To be
    called before a network is traced; nothing to do for DeepMind's own."""
    from alphafold.model import model
    if hasattr(model, "_cast_result"):
        model._cast_result = lambda result: result


@functools.lru_cache(maxsize=None)
def recycles_outside():
    """Whether the compiled function makes one pass, with `prev` among its inputs and
    outputs (alphafold-colabfold), or all recycles (DeepMind)."""
    from alphafold.model import modules
    return "\"prev\"" in inspect.getsource(modules.AlphaFold.__call__).replace("'", "\"")


def samples_outside(cfg):
    """The module that samples a multimer's MSA outside the network with the same random
    keys, or None: then the network's shapes depend on the depth of the MSA."""
    if cfg.model.num_ensemble_eval != 1:  # it draws the first sample of an ensemble only
        return None
    try:
        from alphafold.model import msa_sampling
    except ImportError:
        return None
    return msa_sampling


def _runner(cfg):
    """The installed code's runner of a configuration; of a copy, for it writes into it,
    and then the text of the configuration would be another."""
    from alphafold.model import model
    numerics()
    return model.RunModel(copy.deepcopy(cfg))


def network(cfg):
    """The jitted function (params, key, batch) -> result of a configuration."""
    return _runner(cfg).apply


def msa_rows(cfg, depth):
    """Rows that a multimer's MSA is padded to before it is sampled: all that the network
    can take, or for deeper ones a power of two."""
    embeddings = cfg.model.embeddings_and_evoformer
    least = embeddings.num_msa + embeddings.num_extra_msa
    return least if depth <= least else 1 << (depth - 1).bit_length()


def _shape(kind, axes, sizes):
    """A ShapeDtypeStruct from a table's entry."""
    import jax
    return jax.ShapeDtypeStruct([sizes.get(axis, axis) for axis in axes], kind)


def _multimer_shapes(cfg, length, rows):
    """Shapes of one pass's features of a multimer."""
    import jax
    templates = cfg.model.embeddings_and_evoformer.template.max_templates
    sizes = {"L": length, "T": templates, "M": msa_rows(cfg, rows)}
    features = {k: _shape(*v, sizes) for k, v in MULTIMER_FEATURES.items()}
    msa = {k: _shape(*v, sizes) for k, v in MULTIMER_MSA.items()}
    sampling = samples_outside(cfg)
    if sampling:
        sampler = sampling.make_sampler(cfg.model.embeddings_and_evoformer)
        msa = jax.eval_shape(sampler, msa, key_shape())
    return {**features, **msa}


def toy_features(length):
    """The smallest raw features of a monomer: one sequence, no template."""
    import numpy
    one, zeros = numpy.ones(length, "int32"), numpy.zeros
    aatype = zeros((length, 21), "int32")
    aatype[:, 0] = 1
    return {
        "aatype": aatype, "between_segment_residues": 0 * one,
        "domain_name": numpy.array([b"toy"], object),
        "sequence": numpy.array([b"A" * length], object),
        "residue_index": numpy.arange(length, dtype="int32"), "seq_length": length * one,
        "num_alignments": one, "msa": zeros((1, length), "int32"),
        "deletion_matrix_int": zeros((1, length), "int32"),
        "template_aatype": zeros((0, length, 22), "float32"),
        "template_all_atom_masks": zeros((0, length, 37), "float32"),
        "template_all_atom_positions": zeros((0, length, 37, 3), "float32"),
        "template_domain_names": zeros(0, object),
        "template_sequence": zeros(0, object),
        "template_sum_probs": zeros((0, 1), "float32")}


def length_axes(cfg, name):
    """Which axes of a monomer's processed feature are the residues, after the first,
    which counts MSA samples."""
    from alphafold.model import config
    axes = cfg.data.eval.feat.get(name) or ()
    return [i + 1 for i, axis in enumerate(axes) if axis == config.NUM_RES]


def _monomer_shapes(cfg, length):
    """Shapes of one pass's features of a monomer, from those of a toy of 8 residues."""
    import jax
    from alphafold.model import features
    shapes = {}
    for name, array in features.np_example_to_features(toy_features(8), cfg, 0).items():
        shape = list(array.shape)
        for axis in length_axes(cfg, name):
            shape[axis] = length
        if recycles_outside():
            shape[0] = cfg.data.eval.num_ensemble
        kind = jax.dtypes.canonicalize_dtype(array.dtype)
        shapes[name] = jax.ShapeDtypeStruct(shape, kind)
    return shapes


def prev_shapes(length):
    """Shapes of what one recycle hands to the next."""
    import jax
    sizes = {"prev_msa_first_row": (length, 256), "prev_pair": (length, length, 128),
             "prev_pos": (length, 37, 3)}
    return {k: jax.ShapeDtypeStruct(v, "float32") for k, v in sizes.items()}


def batch_shapes(cfg, length, rows=1):
    """Shapes of what the network takes for `length` residues, padding included. `rows`,
    the depth of a multimer's MSA, matters only where the network samples it itself."""
    multimer = cfg.model.global_config.multimer_mode
    shapes = _multimer_shapes(cfg, length, rows) if multimer else _monomer_shapes(cfg, length)
    return {**shapes, "prev": prev_shapes(length)} if recycles_outside() else shapes


def key_shape():
    """Shape of a random key."""
    import jax
    return jax.ShapeDtypeStruct((2,), "uint32")


def param_shapes(cfg):
    """Shapes of the network's parameters {scope: {name: shape}}; nothing is compiled."""
    import jax
    # They depend on no length.
    return jax.eval_shape(_runner(cfg).init, key_shape(), batch_shapes(cfg, 16))

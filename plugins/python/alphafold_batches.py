# SPDX-License-Identifier: Apache-2.0
"""From a target's features to what the network takes, pass by pass, and back.

    raw = read_features("features.pkl")         as AlphaFold2's data pipeline makes them
    target = Target(cfg, raw, seed, bucket, make_sampler(cfg))
                                                padded to the bucket
    target.batch(r, key)                        features of pass r
    cut(result, target.length)                  the network's result without padding

Padding: residues are zeros with masks of zero, so that inside the mask a padded run is
equal to an unpadded one to rounding. A monomer's MSA is sampled by AlphaFold2's own
pipeline, at the true length, before padding. A multimer's is sampled before each pass
with random numbers that do not depend on how much is padded (AlphaFold2's
padding_consistent_rng): by alphafold-colabfold's function outside the network, so that
the compiled network does not depend on the depth of the MSA, or by the network itself.
"""

import io
import pickle

import alphafold_config as config
from af2flow_worker import Failure


class _Unpickler(pickle.Unpickler):
    """Reads arrays and plain values; a features file is no program."""

    def find_class(self, module, name):
        if module.split(".")[0] == "numpy" and name in (
                "_reconstruct", "ndarray", "dtype", "scalar", "_frombuffer") \
                or (module, name) == ("_codecs", "encode"):
            return super().find_class(module, name)
        raise pickle.UnpicklingError("it holds '%s.%s'" % (module, name))


def read_features(path):
    """The arrays of a features.pkl."""
    try:
        with open(path, "rb") as file:
            raw = _Unpickler(io.BytesIO(file.read())).load()
        if not isinstance(raw, dict):
            raise ValueError("it holds no dictionary")
    except OSError:
        raise
    except Exception as error:  # a pickle can fail in any way
        raise Failure("permanent", "cannot read features '%s': %s"
                      % (path, error)) from None
    return raw


def _feature(raw, name):
    """A feature; one that is missing or not finite is the features' fault."""
    import numpy
    if name not in raw:
        raise Failure("permanent", "features lack '%s'" % name)
    array = numpy.asarray(raw[name])
    if array.dtype.kind == "f" and not numpy.isfinite(array).all():
        raise Failure("permanent", "features hold NaN or infinity in '%s'" % name)
    return array


def length_of(raw):
    """Residues of a target."""
    return int(_feature(raw, "seq_length").ravel()[0])


def _pad(array, axes, size):
    """Zeros behind `array` along `axes`, up to `size`."""
    import numpy
    widths = [(0, size - n if i in axes else 0) for i, n in enumerate(array.shape)]
    return numpy.pad(array, widths) if any(w for _, w in widths) else array


def _process_monomer(cfg, raw, seed):
    """Processed features (samples, ...), as RunModel.process_features makes them."""
    from alphafold.model import features
    for name in raw:
        if name not in ("domain_name", "sequence"):
            _feature(raw, name)
    try:
        return features.np_example_to_features(raw, cfg, seed)
    except KeyError as error:
        raise Failure("permanent", "features lack %s" % error) from None


def _process_multimer(cfg, raw):
    """The features that the network takes, with its types and number of templates."""
    templates = cfg.model.embeddings_and_evoformer.template.max_templates
    features = {}
    for name, (kind, axes) in {**config.MULTIMER_FEATURES, **config.MULTIMER_MSA}.items():
        array = _feature(raw, name).astype(kind)
        if axes[0] == "T":
            array = _pad(array, (0,), max(templates, len(array)))[:templates]
        features[name] = array
    return features


def make_sampler(cfg):
    """The jitted function (MSA, key) -> sampled MSA of a multimer; None for a monomer, or
    where the network samples."""
    multimer = cfg.model.global_config.multimer_mode
    sampling = config.samples_outside(cfg) if multimer else None
    return sampling.make_sampler(cfg.model.embeddings_and_evoformer) if sampling else None


class Target:
    """A target's features for one model and seed.

    length, padded: residues, without and with padding. features: what AlphaFold2 calls
    processed features, at true length (monomer: a first axis of samples)."""

    def __init__(self, cfg, raw, seed, bucket="0", sampler=None):
        self.cfg, self.sampler = cfg, sampler
        self.multimer = bool(cfg.model.global_config.multimer_mode)
        self.length = length_of(raw)
        self.padded = config.padded_length(self.length, bucket)
        if self.multimer:
            self.features = _process_multimer(cfg, raw)
            self._batch = self._pad_multimer()
        else:
            self.features = _process_monomer(cfg, raw, seed)
            self._batch = {k: _pad(v, config.length_axes(cfg, k), self.padded)
                           for k, v in self.features.items()}

    def _pad_multimer(self):
        """Features padded in residues and rows."""
        batch = {}
        rows = config.msa_rows(self.cfg, len(self.features["msa"]))
        tables = {**config.MULTIMER_FEATURES, **config.MULTIMER_MSA}
        for name, array in self.features.items():
            axes = [i for i, axis in enumerate(tables[name][1]) if axis == "L"]
            array = _pad(array, axes, self.padded)
            batch[name] = _pad(array, (0,), rows) if name in config.MULTIMER_MSA else array
        return batch

    def batch(self, number, key):
        """What the network takes in pass `number`, whose random key is `key`, but for
        what the pass before hands on."""
        if self.multimer:
            if not self.sampler:
                return self._batch
            msa = {k: self._batch[k] for k in config.MULTIMER_MSA}
            rest = {k: v for k, v in self._batch.items() if k not in msa}
            return {**rest, **self.sampler(msa, key)}
        if not config.recycles_outside():
            return self._batch
        count = self.cfg.data.eval.num_ensemble
        return {k: v[number * count:(number + 1) * count] for k, v in self._batch.items()}

    def prev(self):
        """What the first pass gets instead of a pass before: zeros."""
        import numpy
        return {k: numpy.zeros(v.shape, v.dtype)
                for k, v in config.prev_shapes(self.padded).items()}


# Which axes of a result are residues: by name, since 64 bins look like 64 residues.
LENGTH_AXES = {
    "distogram/logits": (0, 1), "experimentally_resolved/logits": (0,),
    "masked_msa/logits": (1,), "predicted_lddt/logits": (0,),
    "structure_module/final_atom_positions": (0,),
    "structure_module/final_atom_mask": (0,), "plddt": (0,),
    "aligned_confidence_probs": (0, 1), "predicted_aligned_error": (0, 1),
    "predicted_aligned_error/logits": (0, 1), "predicted_aligned_error/asym_id": (0,),
}


def cut(result, length, path=""):
    """The result without padding."""
    if isinstance(result, dict):
        return {k: cut(v, length, path + "/" + k if path else k)
                for k, v in result.items()}
    axes = LENGTH_AXES.get(path)
    if not axes:
        return result
    return result[tuple(slice(length) if i in axes else slice(None)
                        for i in range(result.ndim))]

# SPDX-License-Identifier: Apache-2.0
"""AlphaFold2's network, kept warm: parameters, compiled programs, recycling.

    network = Network()
    params = network.parameters("/data/params/params_model_1.npz")
    result, recycles = network.predict(cfg, params, target, seed)

One model's parameters (0.37 GB) are held, and freed before the next are read. Programs
are held by configuration and shapes, so that models of one kind, and targets of one
bucket, compile once.
"""

import os
import zipfile

import alphafold_batches as batches
import alphafold_config as config
import alphafold_memory
import alphafold_programs
from af2flow_worker import Failure

# Programs that are held at once: targets without buckets would bring one each.
MOST_PROGRAMS = 8


def params_path(data_dir, model):
    """Where AlphaFold2 has the parameters of a model."""
    return os.path.join(data_dir, "params", "params_%s.npz" % model)


def check_params_file(path):
    """Refuse parameters that are not there, with what to do about it."""
    if not os.path.exists(path):
        raise Failure("unavailable", "there are no parameters '%s': download AlphaFold2's "
                      "into that folder" % path)


def read_params(path):
    """The network's parameters {scope: {name: array}} from AlphaFold2's file."""
    import numpy
    from alphafold.model import utils
    check_params_file(path)
    with open(path, "rb") as file:
        is_archive = zipfile.is_zipfile(file)
    if not is_archive:  # numpy would take it for a pickle, and say how to trust it
        raise Failure("permanent", "cannot read parameters '%s': it is no .npz archive, or cut "
                      "off: download it again" % path)
    try:
        with numpy.load(path, allow_pickle=False) as file:
            flat = {name: file[name] for name in file.files}
    except (ValueError, zipfile.BadZipFile, EOFError, zipfile.zlib.error) as error:
        raise Failure("permanent", "cannot read parameters '%s': %s"
                      % (path, error)) from None
    for name, array in flat.items():
        if name.count("//") != 1:
            raise Failure("permanent", "'%s' holds no AlphaFold2 parameters: array '%s'"
                          % (path, name))
        if array.dtype.kind != "f" or not numpy.isfinite(array).all():
            raise Failure("permanent", "parameters '%s' are broken: '%s' holds what is no "
                          "finite number" % (path, name))
    try:
        return utils.flat_params_to_haiku(flat)
    except KeyError as error:  # pairs of arrays that are joined
        raise Failure("permanent", "parameters '%s' lack %s" % (path, error)) from None


def _leaves(tree):
    """{"scope//name": shape} of parameters."""
    return {scope + "//" + name: tuple(leaf.shape)
            for scope, sub in tree.items() for name, leaf in sub.items()}


def check_params(params, cfg, path):
    """Refuse parameters that are not those of the network: the first difference."""
    wanted, found = _leaves(config.param_shapes(cfg)), _leaves(params)
    for name in sorted(set(wanted) | set(found)):
        have, want = found.get(name), wanted.get(name)
        if have == want:
            continue
        text = "lack '%s'" % name if have is None else \
            "hold '%s', which the network has not" % name if want is None else \
            "have '%s' as %s, the network needs %s" % (name, list(have), list(want))
        raise Failure("permanent", "parameters '%s' are not of this model: they %s"
                      % (path, text))


class Network:
    """What a worker keeps between tasks."""

    def __init__(self):
        config.numerics()
        self._file = self._params = None
        self._programs, self._samplers = alphafold_programs.Programs(MOST_PROGRAMS), {}
        self.compiled = 0  # programs that no cache had, so far
        self.need = None   # memory of the last prediction's program

    def clear(self):
        """Forget parameters and programs."""
        self._file = self._params = None
        self._samplers.clear()
        self._programs.forget()

    def parameters(self, path):
        """The parameters of a file; kept until another file, or another version of it,
        is asked for."""
        check_params_file(path)
        status = os.stat(path)
        file = (path, status.st_ino, status.st_size, status.st_mtime_ns)
        if file != self._file:
            self._file = self._params = None
            self._params, self._file = read_params(path), file
        return self._params

    def sampler(self, cfg):
        """A multimer's sampler of MSAs."""
        text = config.config_text(cfg.model)
        if text not in self._samplers:
            self._samplers[text] = batches.make_sampler(cfg)
        return self._samplers[text]

    def program(self, cfg, params, batch):
        """The compiled network of a configuration and shapes. haiku looks at parameters
        when it is traced; their fault is told by comparing all of them, which takes as
        long as tracing."""
        shapes = alphafold_programs.shapes_of((batch, params))
        try:
            program = self._programs.program(cfg, *shapes)
        except (ValueError, KeyError, AssertionError):  # of haiku's, and of a stack of layers
            check_params(params, cfg, self._file[0])
            raise
        if program.counts is None:
            self.compiled += bool(program.compile().compiled)
        return program

    def fitting(self, cfg, params, batch, residues):
        """The compiled network, if there is memory for a call of it."""
        program = self.program(cfg, params, batch)
        self.need = program.need
        alphafold_memory.demand(program.need, params, residues)
        return program

    def target(self, cfg, raw, seed, bucket):
        """A target's features, sampled and padded for this network."""
        return batches.Target(cfg, raw, seed, bucket, self.sampler(cfg))

    def predict(self, cfg, params, target, seed):
        """The network's result, without padding, and how often it recycled."""
        import jax
        run = self._outside if config.recycles_outside() else self._inside
        result, recycles = run(cfg, params, target, jax.random.PRNGKey(seed))
        return batches.cut(jax.device_get(result), target.length), recycles

    def _outside(self, cfg, params, target, key):
        """A loop of passes, each with its own sample of the MSA and random key."""
        import jax
        prev, model = target.prev(), cfg.model
        for number in range(model.num_recycle + 1):
            key, now = jax.random.split(key)
            batch = {**target.batch(number, now), "prev": prev}
            if not number:
                program = self.fitting(cfg, params, batch, target.padded)
            result = program(params, now, batch)
            prev = result.pop("prev")
            if number and float(result["tol"]) < model.recycle_early_stop_tolerance:
                break
        return result, number

    def _inside(self, cfg, params, target, key):
        """One call: the network recycles by itself."""
        batch = target.batch(0, key)
        program = self.fitting(cfg, params, batch, target.padded)
        result = program(params, key, batch)
        return result, int(result.get("num_recycles", cfg.model.num_recycle))

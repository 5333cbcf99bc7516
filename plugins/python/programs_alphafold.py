# SPDX-License-Identifier: Apache-2.0
"""Stage `programs`: the distinct programs of models at a length.

Each configuration is lowered for the padded length (padded_length.py) and its text
hashed; models with one hash are a group. A group is written as HASH.json, 16 digits:
{"digest", "model" (to compile it by), "models" (all that the configuration belongs to),
"length", "options", "shapes" and "params" (of what it takes)}. `models` counts all models
of AlphaFold2 with that configuration, wanted or not, so that a run of a single model and
one of all five have equal elements.
"""

import json
import os

import alphafold_batches
import alphafold_config
import alphafold_programs
import alphafold_versions
import padded_length
from af2flow_worker import Failure


def read_networks(path):
    """The models [(name, ensemble)] that the stage `models` names."""
    try:
        with open(path, encoding="utf-8") as file:
            found = [(network["model"], int(network["num_ensemble"]))
                     for network in json.load(file)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Failure("permanent", "cannot read models '%s': %r" % (path, error)) from None
    if not found:
        raise Failure("permanent", "there are no models in '%s'" % path)
    return found


def msa_rows(args):
    """Rows of the target's MSA; None where they are not known."""
    if args.get("features"):
        return len(alphafold_batches.read_features(args["features"])["msa"])
    return None


def write_shapes(batch):
    """Shapes as JSON: {name: [type, size...]}, dictionaries inside as such."""
    if isinstance(batch, dict):
        return {name: write_shapes(shape) for name, shape in sorted(batch.items())}
    return [str(batch.dtype)] + list(batch.shape)


def every_model():
    """Names of AlphaFold2's models in its own order."""
    from alphafold.model import config
    return list(dict.fromkeys(
        name for names in config.MODEL_PRESETS.values() for name in names))


def depends_on_rows(cfg):
    """Whether shapes depend on the depth of the target's MSA, not only on its length."""
    return cfg.model.global_config.multimer_mode and \
        not alphafold_config.samples_outside(cfg)


class Grouping:
    """The programs of this worker and of AlphaFold2's models."""

    def __init__(self):
        self.programs = alphafold_programs.Programs()
        self._alike, self._params = {}, {}

    def alike(self, model, chosen):
        """All models with the configuration of `model`, in AlphaFold2's order."""
        if (model, chosen) not in self._alike:
            text = alphafold_config.config_text(
                alphafold_config.model_config(model, chosen))
            kind = alphafold_config.is_multimer(model)
            self._alike[model, chosen] = [
                name for name in every_model()
                if alphafold_config.is_multimer(name) == kind and text ==
                alphafold_config.config_text(alphafold_config.model_config(name, chosen))
            ] or [model]
        return self._alike[model, chosen]

    def params(self, cfg):
        """Shapes of the parameters; finding them takes as long as tracing."""
        text = alphafold_config.config_text(cfg)
        if text not in self._params:
            self._params[text] = alphafold_config.param_shapes(cfg)
        return self._params[text]

    def element(self, model, chosen, length, rows):
        """The program of one model at a padded length; None if it is not known yet, since
        it depends on the depth of an MSA that nobody has made."""
        names = self.alike(model, chosen)
        cfg = alphafold_config.model_config(names[0], chosen)
        if rows is None and depends_on_rows(cfg):
            return None
        batch = alphafold_config.batch_shapes(cfg, length, rows or 1)
        params = self.params(cfg)
        return {"digest": self.programs.program(cfg, batch, params).digest,
                "model": names[0], "models": names, "length": length,
                "options": chosen._asdict(), "shapes": write_shapes(batch),
                "params": write_shapes(params)}


def group(elements):
    """{digest: element}; the models of equal ones are put together."""
    groups = {}
    for element in elements:
        first = groups.setdefault(element["digest"], element)
        first["models"] = list(dict.fromkeys(first["models"] + element["models"]))
    return groups


GROUPING = Grouping()


def options(args, ensemble):
    """The options that decide a program, as predict reads them: a task's own ensemble comes
    before the model's. A pass is the same whatever number of them."""
    args = dict(args)
    if ensemble and not args.get("num_ensemble"):
        args["num_ensemble"] = ensemble
    chosen = alphafold_config.options(args)
    return chosen._replace(num_recycle=-1) if alphafold_config.recycles_outside() else chosen


def write(groups, folder):
    """One file an element, the same bytes for the same element."""
    for digest, element in groups.items():
        path = os.path.join(folder, digest[:16] + ".json")
        with open(path, "w", encoding="ascii") as file:
            json.dump(element, file, sort_keys=True)
            file.write("\n")


def programs(request):
    """Answer the request of the stage."""
    models = read_networks(request.text("networks"))
    length, rows = padded_length.read_length(request.text("length")), msa_rows(request.args)
    found = {model: GROUPING.element(model, options(request.args, ensemble), length, rows)
             for model, ensemble in models}
    for model in sorted(name for name, element in found.items() if not element):
        request.log("'%s' is not compiled beforehand: its program depends on the depth of the "
                    "MSA; 'features' would tell it, later" % model)
    groups = group(element for element in found.values() if element)
    write(groups, request.text("output"))
    request.measures["programs"] = len(groups)
    wanted = {model for model, _ in models}
    for digest, element in sorted(groups.items()):
        request.log("program %s at length %d: %s" % (
            digest[:16], length, " ".join(m for m in element["models"] if m in wanted)))


def versions():
    """What decides how a network is lowered."""
    return alphafold_versions.packages(alphafold_versions.TRACING + ("jaxlib",))


METHODS = {"programs": programs}

# SPDX-License-Identifier: Apache-2.0
"""Stage `predict`, back-end alphafold: AlphaFold2's network, kept warm.

A worker holds one model's parameters and all programs that it compiled. What stages
`compile` made is used by a private copy of their cache folders in the task's work folder,
so nothing is written to anybody's result and nothing is left behind. A worker that
compiles anyway says so.
"""

import json
import os
import time

import alphafold_batches
import alphafold_config
import alphafold_memory
import alphafold_network
import alphafold_outputs
import alphafold_programs
import alphafold_versions
from af2flow_worker import Failure

OUTPUTS = ("unrelaxed", "scores", "confidence", "pae", "result")
# Under this many rows a chunk takes too long for what it saves.
SMALLEST_CHUNK = 1
NETWORK = []  # filled by setup, one element


def setup(_words):
    """Import what takes time, before the first task."""
    NETWORK[:] = [alphafold_network.Network()]


class Element:
    """Which prediction this is: model ("model_1_ptm"), seed, path of the parameters."""

    def __init__(self, request):
        self.name = request.text("name")
        self.model, self.ensemble = request.args.get("model"), None
        params = None
        if request.args.get("element"):
            self.model, seed, self.ensemble, params = read_element(
                request.text("element"), self.name)
        else:
            seed = request.text("seed")
            if request.args.get("model_preset") == "monomer_casp14":
                self.ensemble = 8
        self.seed = int(seed)
        folder = request.text("data_dir")
        self.params = os.path.join(folder, "params", params) if params else \
            alphafold_network.params_path(folder, self.model)


def read_element(path, name):
    """(model, seed, ensemble, file of parameters) of an element of the stage `models`."""
    try:
        with open(path, encoding="utf-8") as file:
            element = json.load(file)
        found = (element["model"], int(element["random_seed"]),
                 element.get("num_ensemble"), os.path.basename(element["params"]["file"]))
        if element["name"] != name:
            raise ValueError("it is of '%s'" % element["name"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise Failure("permanent", "cannot read the model '%s': %s"
                      % (name, error if isinstance(error, (OSError, ValueError))
                         else "no %s" % error)) from None
    return found


def configure(request, element):
    """The model's configuration with the task's options."""
    args = dict(request.args)
    if element.ensemble and not args.get("num_ensemble"):
        args["num_ensemble"] = element.ensemble
    if int(args.get("frugal") or 1) >= 4:
        args["subbatch_size"] = SMALLEST_CHUNK
    return alphafold_config.model_config(element.model, alphafold_config.options(args))


def use_caches(request):
    """Have JAX look into copies of the caches that the task was given."""
    folders = request.args.get("caches") or []
    if folders:
        alphafold_programs.use_caches(folders, os.path.join(request.work_dir, "jax_cache"))
    else:
        alphafold_programs.disable_cache()
    return bool(folders)


class Clock:
    """Seconds between calls."""

    def __init__(self):
        self.then = time.monotonic()

    def lap(self):
        now = time.monotonic()
        now, self.then = now - self.then, now
        return now


def report(request, cached, compiled, counts):
    """What was compiled: a line and measures. `compiled` counts networks, compile_s all
    that XLA did, single operations included."""
    request.measures.update(compiled=compiled, compile_s=counts.seconds,
                            cache_hits=counts.hits)
    text = "compiled the network, in %.1f s" % counts.seconds
    if compiled and cached:
        request.warn(text + ", though caches were given: none of their entries fits")
    elif compiled:
        request.log(text)


def measure_memory(request, need):
    """What was estimated before the network ran, and what was used at most."""
    if need:
        request.measures["memory_estimate"] = need.total
    request.measures["worker_peak_memory"] = alphafold_memory.worker_peak()
    peak = alphafold_memory.device_peak()
    if peak:
        request.measures["device_peak_memory"] = peak


def measure(request, name, seconds):
    """How long it took, also as AlphaFold2's timings.json says it."""
    request.measures.update({key + "_s": value for key, value in seconds.items()})
    request.measures.update({
        "timings.process_features_" + name: seconds["process_features"],
        "timings.predict_and_compile_" + name: seconds["predict"]})


def benchmark(request, name, again):
    """Predict once more, now that nothing is left to compile, and tell how long that took,
    as run_alphafold.py's --benchmark does."""
    if request.args.get("benchmark") != "1":
        return
    clock = Clock()
    again()
    request.measures["timings.predict_benchmark_" + name] = clock.lap()


def predict(request):
    """args: features, name, element or model, model_preset and seed; data_dir, caches and
    the options of a configuration; bucket, frugal, benchmark; paths of the outputs, "" for
    none."""
    network, element = NETWORK[0], Element(request)
    if not network.need:  # its first prediction
        alphafold_versions.warn_of_idle_gpu(request)
    alphafold_network.check_params_file(element.params)
    cfg = configure(request, element)
    cached, meter = use_caches(request), alphafold_programs.meter()
    before, compiled, clock, seconds = meter.read(), network.compiled, Clock(), {}
    raw = alphafold_batches.read_features(request.text("features"))
    target = network.target(cfg, raw, element.seed, request.args.get("bucket") or "0")
    seconds["process_features"] = clock.lap()
    params = network.parameters(element.params)
    seconds["load_params"] = clock.lap()
    result, recycles = network.predict(cfg, params, target, element.seed)
    seconds["predict"] = clock.lap()
    result = alphafold_outputs.confidences(result, target.multimer, recycles)
    alphafold_outputs.check_finite(result)
    alphafold_outputs.write({port: request.args.get(port) for port in OUTPUTS},
                            result, target)
    seconds["write"] = clock.lap()
    benchmark(request, element.name,
              lambda: network.predict(cfg, params, target, element.seed))
    report(request, cached, network.compiled - compiled, meter.since(before))
    measure(request, element.name, seconds)
    measure_memory(request, network.need)
    request.values.update(alphafold_outputs.summary(result, target.multimer))
    request.values.update(model=element.name, recycles=recycles, random_seed=element.seed)
    request.log("%s: %s %.4f, %d residues%s, %d recycles, on %s" % (
        element.name, request.values["ranking"], request.values["ranking_confidence"],
        target.length, " padded to %d" % target.padded if target.padded > target.length
        else "", recycles, alphafold_versions.backend()))


METHODS = {"predict": predict}


def versions():
    """What decides numbers: the network's code and what it computes with."""
    return alphafold_versions.packages(
        alphafold_versions.TRACING + alphafold_versions.SAMPLING + ("jaxlib", "numpy"))

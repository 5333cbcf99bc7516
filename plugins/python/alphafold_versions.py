# SPDX-License-Identifier: Apache-2.0
"""What a compiled program depends on beside itself, for fingerprints.

Nothing is imported that takes time: versions come from the installed packages' own
metadata, the device from /proc. Entries are (text, file): the text enters the key, and
the question is asked again when the file changes.
"""

import functools
import glob
import hashlib
import importlib.metadata
import importlib.util
import os

# Asked again after a boot, and so on another machine, too.
BOOT = "/proc/sys/kernel/random/boot_id"

COLABFOLD = "alphafold-colabfold"
# Whatever is installed of these takes part in tracing, or in compiling.
TRACING = ("colabfold-kernels", "colabfold-cuda-kernels", "jax", "dm-haiku")
COMPILING = ("jaxlib", "jax-cuda12-plugin", "jax-cuda12-pjrt", "jax-cuda13-plugin",
             "jax-cuda13-pjrt", "nvidia-cudnn-cu12", "nvidia-cudnn-cu13",
             "nvidia-cublas-cu12", "nvidia-cublas")
# DeepMind's own code samples a monomer's MSA by TensorFlow.
SAMPLING = ("tensorflow", "tensorflow-cpu")


def _sources(folder, parts):
    """{"alphafold/PART/FILE.py": (SHA-256, path)} of the source in parts of a package, its
    tests left out: each file is looked at, for trees are edited in place."""
    found = {}
    for part in parts:
        for path in glob.glob(os.path.join(folder, part, "**", "*.py"), recursive=True):
            if not path.endswith("_test.py"):
                with open(path, "rb") as file:
                    digest = hashlib.sha256(file.read()).hexdigest()
                found["alphafold/" + os.path.relpath(path, folder)] = (digest, path)
    return found


def _installed(name):
    """(version, file that has it) of a package, or None."""
    try:
        found = importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return None
    files = [str(found.locate_file(file)) for file in found.files or ()
             if file.name in ("METADATA", "PKG-INFO")]
    return found.version, files[0] if files else ""


def _demand(module):
    """Where a module is installed; ImportError if it is not."""
    spec = importlib.util.find_spec(module)
    if spec is None:
        raise ModuleNotFoundError("No module named '%s'" % module)
    return spec


def _has(name, folder):
    """Whether it is that package whose module lies in `folder`: a source tree that comes
    first in PYTHONPATH hides an installed package, whose metadata still are found."""
    try:
        there = importlib.metadata.distribution(name).locate_file(os.path.basename(folder))
    except importlib.metadata.PackageNotFoundError:
        return False
    return os.path.realpath(there) == os.path.realpath(folder)


def alphafold(parts):
    """{name: (version, file)} of the AlphaFold2 that would be imported: alphafold-colabfold
    by its version, every other, a source tree say, by the files of `parts` of it."""
    folder = list(_demand("alphafold").submodule_search_locations or [""])[0]
    if _has(COLABFOLD, folder):
        return {COLABFOLD: _installed(COLABFOLD)}
    return _sources(folder, parts)


def packages(names=TRACING + COMPILING):
    """{package: (version, file)} of those that are installed, AlphaFold2 among them."""
    for module in ("jax", "haiku"):
        _demand(module)
    found = {name: _installed(name) for name in names}
    found.update(alphafold(("model", "common")))
    return {name: entry for name, entry in found.items() if entry}


def _lines(path):
    """Lines of a file of /proc; none if there is no such file."""
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read().splitlines()
    except OSError:
        return []


def cpu(root="/proc"):
    """Model and instruction sets of this machine's CPU: "x86_64 NAME 1f0c…"."""
    facts = {}
    for line in _lines(os.path.join(root, "cpuinfo")):
        name, _, value = line.partition(":")
        facts.setdefault(name.strip(), " ".join(value.split()))
    flags = facts.get("flags") or facts.get("Features") or ""
    sets = hashlib.sha256(" ".join(sorted(flags.split())).encode()).hexdigest()[:16]
    kind = facts.get("model name") or facts.get("CPU part") or "unknown"
    return "%s %s %s" % (os.uname().machine, kind, sets)


def gpus(root="/proc"):
    """Kinds of NVIDIA GPUs of this machine with their driver: "NVIDIA H100 …; driver
    535.104.05"; "" without any."""
    kinds = set()
    for path in glob.glob(os.path.join(root, "driver", "nvidia", "gpus", "*", "information")):
        for line in _lines(path):
            name, _, value = line.partition(":")
            if name.strip() == "Model":
                kinds.add(" ".join(value.split()))
    driver = next((line for line in _lines(os.path.join(root, "driver", "nvidia", "version"))
                   if line.startswith("NVRM")), "")
    numbers = [word for word in driver.split() if word[0].isdigit() and "." in word]
    return "%s; driver %s" % (", ".join(sorted(kinds)), numbers[0] if numbers else "unknown") \
        if kinds else ""


def jax_has_cuda():
    """Whether JAX's part for NVIDIA GPUs is installed."""
    return any(_installed("jax-cuda%d-plugin" % cuda) for cuda in (12, 13))


def device(root="/proc"):
    """("gpu" or "cpu", its kind) that JAX compiles for by itself on this machine."""
    kinds = gpus(root) if jax_has_cuda() else ""
    return ("gpu", kinds) if kinds else ("cpu", cpu(root))


@functools.lru_cache(maxsize=None)
def backend():
    """What JAX computes on in this process: "cpu", "gpu"."""
    import jax
    return jax.default_backend()


def warn_of_idle_gpu(request):
    """A GPU that is reserved for a task is of no use where JAX has no part for it; that is
    easily overlooked for hours, so it is said."""
    if request.gpus and backend() == "cpu":
        request.warn("a GPU is reserved, but JAX computes on the CPU: install its CUDA plugin "
                     "(./quickstart alphafold --gpu), or run with --gpus 0")

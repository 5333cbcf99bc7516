# SPDX-License-Identifier: Apache-2.0
"""What a compiled program depends on beside itself, for fingerprints.

Nothing is imported that takes time: versions come from the installed packages' own
metadata, the device from /proc. Entries are (text, file): the text enters the key, and
the question is asked again when the file changes.
"""

import glob
import hashlib
import importlib.metadata
import importlib.util
import os

# Asked again after a boot, and so on another machine, too.
BOOT = "/proc/sys/kernel/random/boot_id"

# Whatever is installed of these takes part in tracing, or in compiling.
TRACING = ("alphafold-colabfold", "colabfold-kernels", "colabfold-cuda-kernels", "jax",
           "dm-haiku")
COMPILING = ("jaxlib", "jax-cuda12-plugin", "jax-cuda12-pjrt", "jax-cuda13-plugin",
             "jax-cuda13-pjrt", "nvidia-cudnn-cu12", "nvidia-cudnn-cu13",
             "nvidia-cublas-cu12", "nvidia-cublas")


def _source_digest(folder):
    """SHA-256 over the Python files of a package's folder."""
    sha = hashlib.sha256()
    for path in sorted(glob.glob(os.path.join(folder, "**", "*.py"), recursive=True)):
        with open(path, "rb") as file:
            body = file.read()
        sha.update(b"%s %d\n" % (os.path.relpath(path, folder).encode(), len(body)))
        sha.update(body)
    return sha.hexdigest()


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


def packages(names=TRACING + COMPILING):
    """{package: (version, file)} of those that are installed. AlphaFold2 as a source tree,
    which has no version of its own, counts by its files."""
    for module in ("jax", "haiku"):
        _demand(module)
    found = {name: _installed(name) for name in names}
    spec = _demand("alphafold")
    if not found.get("alphafold-colabfold"):
        folder = list(spec.submodule_search_locations or [])[0]
        found["alphafold"] = (_source_digest(os.path.join(folder, "model")),
                              os.path.join(folder, "model", "modules.py"))
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

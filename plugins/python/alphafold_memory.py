# SPDX-License-Identifier: Apache-2.0
"""How much memory a compiled program takes, and whether that much is there.

    need = estimate(executable)         Need, before anything runs; None: not known
    main_memory(need)                   main memory that a worker with it takes
    demand(need, params, residues)      Failure of class `memory` where there is less

The estimate is the compiler's own plan: it lays out arguments (the weights among them),
results and temporary buffers when it compiles, so the sum is known to the byte for each
length and model. Not in it are the program's code, what a device's allocator loses to
fragments, and the process itself. By the time of demand() the parameters lie on the
device; the rest of the need has to fit into what is left.
"""

import collections
import os
import resource

import alphafold_versions
from af2flow_worker import Failure

GIB = 1 << 30
# Main memory of a worker beside what XLA plans: the interpreter, JAX and its compiler, a file
# of parameters being read. Measured on CPUs: 0.9 GiB and a little, whatever the length.
WORKER = GIB
MEMINFO = "/proc/meminfo"


class Need(collections.namedtuple("Need", "arguments results temporaries")):
    """Bytes that one call of a program takes."""

    @property
    def total(self):
        return sum(self)


def estimate(executable):
    """The Need of a compiled program; None where JAX does not tell."""
    try:
        plan = executable.memory_analysis()
        return Need(plan.argument_size_in_bytes,
                    plan.output_size_in_bytes - plan.alias_size_in_bytes,
                    plan.temp_size_in_bytes)
    except (AttributeError, TypeError, NotImplementedError, RuntimeError):
        return None


def main_memory(need):
    """Bytes of main memory that a worker takes which runs a program here; None where that
    is a GPU's, or where the program's need is not known."""
    if need is None or alphafold_versions.backend() != "cpu":
        return None
    return need.total + WORKER


def bytes_of(tree):
    """Bytes of the arrays of a tree."""
    import jax
    return sum(int(leaf.nbytes) for leaf in jax.tree_util.tree_leaves(tree))


def available(path=MEMINFO):
    """Bytes of main memory that new work may take, swap included; None: not known."""
    try:
        with open(path, encoding="ascii") as file:
            found = {line.split(":")[0]: line.split()[1] for line in file if ":" in line}
        return 1024 * (int(found["MemAvailable"]) + int(found.get("SwapFree", 0)))
    except (OSError, KeyError, ValueError, IndexError):
        return None


def unified():
    """Whether a GPU's programs may go on in the machine's memory."""
    return os.environ.get("TF_FORCE_UNIFIED_MEMORY") == "1"


def room(device):
    """(bytes that are left for a program on `device`, whose they are); bytes None where
    that is not known or does not bind."""
    if device.platform == "cpu":
        return available(), "the machine"
    stats = device.memory_stats() or {}
    if unified() or "bytes_limit" not in stats:
        return None, "the GPU"
    return stats["bytes_limit"] - stats.get("bytes_in_use", 0), "the GPU"


def demand(need, params, residues):
    """Fail at once, with class memory, where a program cannot fit beside its parameters."""
    import jax
    left, owner = room(jax.local_devices()[0])
    if need is None or left is None:
        return
    beside = need.total - bytes_of(params)
    if beside > left:
        raise Failure("memory", "the network needs %.2f GiB beside its parameters for %d "
                      "residues, %s has %.2f GiB left: retry.frugal=2x takes less of it, a "
                      "smaller bucket or max_extra_msa, too"
                      % (beside / GIB, residues, owner, left / GIB))


def worker_peak():
    """Bytes that this process had at most in main memory."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def device_peak():
    """Bytes that were used at most of the GPU; None where JAX does not tell."""
    import jax
    return (jax.local_devices()[0].memory_stats() or {}).get("peak_bytes_in_use")

# SPDX-License-Identifier: Apache-2.0
"""Stage `compile`: one program, compiled into a folder of JAX's persistent cache.

The program is an element of the stage `programs` (programs_alphafold.py). The folder
holds the entries of everything that was compiled on the way, the network's among them.
"""

import json
import os
import time

import alphafold_config
import alphafold_programs
import alphafold_versions
from af2flow_worker import Failure


def read_program(path):
    """(configuration, shapes) of an element."""
    import jax

    def shapes(value):
        if isinstance(value, dict):
            return {name: shapes(shape) for name, shape in value.items()}
        return jax.ShapeDtypeStruct(tuple(value[1:]), value[0])

    try:
        with open(path, encoding="utf-8") as file:
            element = json.load(file)
        chosen = alphafold_config.Options(**element["options"])
        batch = shapes(element["shapes"])
        model = element["model"]
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise Failure("permanent", "cannot read the program '%s': %r"
                      % (path, error)) from None
    return alphafold_config.model_config(model, chosen), batch


def demand_device(wanted):
    """Refuse to compile for another device than the key says."""
    import jax
    if wanted == "auto":
        wanted = alphafold_versions.device()[0]
    there = jax.default_backend()
    if there != wanted:
        raise Failure("unavailable", "this is to be compiled for a %s, but JAX has a %s "
                      "here: give the node a GPU (gpus=1), or set device=%s"
                      % (wanted, there, there))


def compile_into(cfg, batch, folder):
    """Compile a program with the cache in `folder`; the Program."""
    programs = alphafold_programs.Programs()
    programs.forget()  # what JAX still knows of another program would miss in the folder
    alphafold_programs.enable_cache(folder)
    program = programs.program(cfg, batch)
    before = alphafold_programs.entries(folder)  # single operations of the tracing
    program.compile()
    if alphafold_programs.entries(folder) == before:
        raise Failure("transient", "JAX kept nothing in its compilation cache '%s'" % folder)
    programs.forget()
    return program


def compile_program(request):
    """Answer the request of the stage."""
    demand_device(request.args.get("device") or "auto")
    cfg, batch = read_program(request.text("program"))
    folder = request.text("output")
    start = time.monotonic()
    program = compile_into(cfg, batch, folder)
    names = alphafold_programs.entries(folder)
    request.values["digest"] = program.digest
    request.measures.update(
        lower_s=program.lower_s,
        compile_s=time.monotonic() - start - program.lower_s,
        entries=len(names),
        bytes=sum(os.path.getsize(os.path.join(folder, name)) for name in names))


def versions():
    """What decides what a program is compiled to."""
    kind, text = alphafold_versions.device()
    found = alphafold_versions.packages()
    found["device." + kind] = (text, alphafold_versions.BOOT)
    flags = os.environ.get("XLA_FLAGS", "").split()
    if flags:
        found["XLA_FLAGS"] = (" ".join(sorted(flags)), "")
    return found


METHODS = {"compile": compile_program}

# SPDX-License-Identifier: Apache-2.0
"""Stage `compile`: one program, compiled into a folder of JAX's persistent cache.

The program is an element of the stage `programs` (programs_alphafold.py). The folder
holds the entries of everything that was compiled on the way, the network's among them.
"""

import json
import os
import time

import alphafold_batches
import alphafold_config
import alphafold_memory
import alphafold_programs
import alphafold_versions
from af2flow_worker import Failure

# Rows that AlphaFold2 crops the MSA of a complex to.
DEEPEST = 2048


def read_program(path):
    """(configuration, shapes of features, of parameters, padded length) of an element."""
    import jax

    def shapes(value):
        if isinstance(value, dict):
            return {name: shapes(shape) for name, shape in value.items()}
        return jax.ShapeDtypeStruct(tuple(value[1:]), value[0])

    try:
        with open(path, encoding="utf-8") as file:
            element = json.load(file)
        chosen = alphafold_config.Options(**element["options"])
        batch, params = shapes(element["shapes"]), shapes(element["params"])
        model, length = element["model"], int(element["length"])
    except (OSError, ValueError, KeyError, TypeError, IndexError) as error:
        raise Failure("permanent", "cannot read the program '%s': %r"
                      % (path, error)) from None
    return alphafold_config.model_config(model, chosen), batch, params, length


def demand_device(wanted):
    """Refuse to compile for another device than the key says."""
    if wanted == "auto":
        wanted = alphafold_versions.device()[0]
    there = alphafold_versions.backend()
    if there != wanted:
        raise Failure("unavailable", "this is to be compiled for a %s, but JAX has a %s "
                      "here: give the node a GPU (gpus=1), or set device=%s"
                      % (wanted, there, there))


def compile_samplers(cfg, length):
    """Compile what samples a complex's MSA before each pass, for the depths that
    AlphaFold2's features can have; there is none for a monomer."""
    import jax
    sampler = alphafold_batches.make_sampler(cfg)
    for rows in {alphafold_config.msa_rows(cfg, depth) for depth in (1, DEEPEST)} \
            if sampler else ():
        sizes = {"L": length, "M": rows}
        shapes = {name: jax.ShapeDtypeStruct([sizes[axis] for axis in axes], kind)
                  for name, (kind, axes) in alphafold_config.MULTIMER_MSA.items()}
        sampler.lower(shapes, alphafold_config.key_shape()).compile()


def compile_into(cfg, batch, params, folder):
    """Compile a program with the cache in `folder`; the Program."""
    programs = alphafold_programs.Programs()
    programs.forget()  # what JAX still knows of another program would miss in the folder
    alphafold_programs.enable_cache(folder)
    program = programs.program(cfg, batch, params)
    before = alphafold_programs.entries(folder)  # single operations of the tracing
    program.compile()
    if alphafold_programs.entries(folder) == before:
        raise Failure("transient", "JAX kept nothing in its compilation cache '%s'" % folder)
    programs.forget()
    return program


def compile_program(request):
    """Answer the request of the stage."""
    demand_device(request.args.get("device") or "auto")
    if request.args.get("device") != "cpu":
        alphafold_versions.warn_of_idle_gpu(request)
    cfg, batch, params, length = read_program(request.text("program"))
    folder = request.text("output")
    start = time.monotonic()
    program = compile_into(cfg, batch, params, folder)
    compile_samplers(cfg, length)
    names = alphafold_programs.entries(folder)
    request.values["digest"] = program.digest
    if program.need:
        request.measures["memory_estimate"] = program.need.total
        request.log("a prediction with it takes %.2f GiB of the device"
                    % (program.need.total / alphafold_memory.GIB))
    memory = alphafold_memory.main_memory(program.need)
    if memory:
        request.values["reader_memory"] = memory  # predict gets that much from the scheduler
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

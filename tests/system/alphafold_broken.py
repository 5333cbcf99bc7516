# SPDX-License-Identifier: Apache-2.0
"""What goes wrong with predictions, made on purpose.

    python3 alphafold_broken.py huge FROM.npz TO.npz       finite parameters that make NaN
    python3 alphafold_broken.py kill RUN_DIR TASK TIMES    SIGKILL for the worker of each of
                                                           that many attempts of the task
    python3 alphafold_broken.py attempts RUN_DIR           "TASK CLASS..." a line: how each
                                                           attempt of `predict` ended
    python3 alphafold_broken.py slots RUN_DIR              how many predictions of the last run
                                                           shared no GPU and no core
"""
import glob
import json
import os
import re
import signal
import sys
import time

# By then the worker has read its parameters; it is killed before the engine could take it for
# a lack of memory.
ENOUGH_KB = 300 << 10


def huge(source, target):
    """All weights times 1e30: a product of two of them is too big for a float."""
    import numpy
    with numpy.load(source) as file:
        arrays = {name: file[name] for name in file.files}
    for name in arrays:
        if name.endswith("//weights"):
            arrays[name] = arrays[name] * numpy.float32(1e30)
    assert all(numpy.isfinite(array).all() for array in arrays.values())
    numpy.savez_compressed(target, **arrays)


def events(run, task):
    """The starts and ends of a task ("": of the run, too) so far; a line that is being written
    is left out."""
    try:
        with open(os.path.join(run, "journal"), encoding="utf-8") as file:
            lines = file.read().split("\n")[:-1]
    except FileNotFoundError:
        return []
    found = [json.loads(line.split(" ", 1)[1]) for line in lines]
    return [event for event in found if event.get("task", "").startswith(task)
            and event["event"] in ("start", "end", "run-start")]


def read(path):
    """A file below /proc; empty where the process has gone."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def status(pid, name):
    """A line of /proc/PID/status; empty where there is none."""
    for line in read("/proc/%d/status" % pid).decode().split("\n"):
        if line.startswith(name + ":"):
            return line.split(":")[1].split()[0]
    return ""


def worker(cores):
    """The process that predicts on these cores, which are one task's alone: its host has work
    in hand, so there are caches in its folder in the store; 0: none."""
    busy = {re.search(r"host-(\d+)", path)[1] for path in
            glob.glob(os.path.join(os.environ["AF2FLOW_STORE"], "tmp/*/host-*/jax_cache"))}
    for name in os.listdir("/proc"):
        if name.isdigit() and b"predict_alphafold.py" in read("/proc/%s/cmdline" % name) \
                and status(int(name), "PPid") in busy \
                and status(int(name), "Cpus_allowed_list") == cores:
            return int(name)
    return 0


def kill(run, task, times):
    """Wait for each attempt's worker to be at work, and kill it."""
    killed = set()
    while len(killed) < int(times):
        last = (events(run, task) or [{"event": "none"}])[-1]
        if last["event"] == "start" and last["attempt"] not in killed:
            pid = worker(last["cpu_list"])
            if pid and int(status(pid, "RssAnon") or 0) > ENOUGH_KB:
                os.kill(pid, signal.SIGKILL)
                killed.add(last["attempt"])
                print("attempt %d: killed %d" % (last["attempt"], pid), flush=True)
        time.sleep(0.05)


def attempts(run):
    """How the attempts of each task of `predict` ended."""
    told = {}
    for event in events(run, "predict"):
        if event["event"] == "end":
            told.setdefault(event["task"], []).append(event.get("class") or event["outcome"])
    for task in sorted(told):
        print(task, *told[task])


def slots(run):
    """How many slots the last run gave to predictions; that two share nothing is demanded."""
    last = max(event["seq"] for event in events(run, "") if event["event"] == "run-start")
    given = [event for event in events(run, "predict")
             if event["event"] == "start" and event["seq"] > last]
    for what in "gpu_ids", "cpu_list":
        parts = [part for event in given for part in event[what].split(",")]
        assert len(set(parts)) == len(parts), parts
    print(len(given))


if __name__ == "__main__":
    {"huge": huge, "kill": kill, "attempts": attempts, "slots": slots}[sys.argv[1]](*sys.argv[2:])

# SPDX-License-Identifier: Apache-2.0
"""What the chaos drivers share: rooms in which a workflow runs, marks that tasks leave outside
the store, what a store holds, and processes known by a variable in their environment."""
import json
import os
import re
import subprocess
import time

SRC = os.environ.get("AF2_SRCDIR") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("AF2_BUILDDIR") or os.path.join(SRC, "build")
STEP = os.path.join(SRC, "tests/chaos/step.sh")
DONE, FAILED, SKIPPED = 0, 1, 3  # exit statuses of a run


class Failure(Exception):
    """A promise that was not kept."""


def failed_unless(true, text):
    if not true:
        raise Failure(text)


# --- a run, its store and its marks, in one folder ----------------------------------------

class Room:
    """FOLDER/{flow.dot,marks,w/store,w/runs/r}: a run directory and a store of their own."""

    def __init__(self, folder, workflow, token=""):
        self.folder = folder
        self.dot = os.path.join(folder, "flow.dot")
        self.work = os.path.join(folder, "w")
        self.store = os.path.join(self.work, "store")
        self.run = os.path.join(self.work, "runs/r")
        self.marks = os.path.join(folder, "marks")
        self.token = token
        os.makedirs(self.marks)
        with open(self.dot, "w", encoding="utf-8") as f:
            f.write(workflow)

    def environment(self, **more):
        env = {k: v for k, v in os.environ.items() if not k.startswith(("AF2", "CUDA", "SLURM"))}
        env.update(
            AF2FLOW_HOST=os.path.join(BUILD, "af2flow-host"),
            AF2FLOW_PLUGIN_PATH="%s:%s" % (os.path.join(BUILD, "plugins/.libs"),
                                           os.path.join(BUILD, "tests/fixtures/plugins")),
            AF2FLOW_DATA_DIR=os.path.join(SRC, "plugins/python"),
            AF2_MARKS=self.marks, LC_ALL="C.UTF-8", HOME=self.folder,
            XDG_CONFIG_HOME=os.path.join(self.folder, "none"),
            XDG_CACHE_HOME=os.path.join(os.path.dirname(self.folder), "cache"))
        if self.token:
            env["AF2_TOKEN"] = self.token
        env.update(more)
        return env

    def command(self, *more):
        return [os.path.join(BUILD, "af2flow"), "run", self.dot, "--quiet",
                "--store", self.store, "--run-dir", self.run, "-p", "step=" + STEP,
                "--topology", os.path.join(SRC, "tests/fixtures/topologies/cpu-2x38.xml"),
                "--cpus", "6", *more]

    def start(self, log, *more, **env):
        """The engine, in the background, in a session of its own."""
        return subprocess.Popen(self.command(*more), env=self.environment(**env),
                                stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
                                start_new_session=True)

    def finish(self, *more, timeout=300, **env):
        """Run it to its end: its exit status, and what it said."""
        done = subprocess.run(self.command(*more), env=self.environment(**env),
                              stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, timeout=timeout)
        return done.returncode, done.stdout

    def results(self):
        """Everything below results/, by path; .published is the engine's own note."""
        found = tree(os.path.join(self.run, "results"))
        found.pop(".published", None)
        return found

    def mark_size(self):
        try:
            return os.stat(os.path.join(self.marks, "log")).st_size
        except FileNotFoundError:
            return 0

    def marks_since(self, offset=0):
        """[(word, id), ...] in order; word is begin or end."""
        try:
            with open(os.path.join(self.marks, "log"), "rb") as f:
                f.seek(offset)
                lines = f.read().decode().splitlines()
        except FileNotFoundError:
            return []
        return [tuple(line.split(" ", 1)) for line in lines]

    def begun_since(self, offset):
        return {name for word, name in self.marks_since(offset) if word == "begin"}

    def journal(self):
        """The events of sound lines, as far as JSON can tell."""
        try:
            with open(os.path.join(self.run, "journal"), "rb") as f:
                lines = f.read().split(b"\n")
        except FileNotFoundError:
            return []
        return [e for e in (parse(line.partition(b" ")[2]) for line in lines) if e]

    def temporaries(self):
        """Names of half-written files that nobody will finish."""
        return sorted(os.path.join(where, name)
                      for top in (self.run, self.store)
                      for where, _, names in os.walk(top)
                      for name in names if re.fullmatch(r"\.tmp-[0-9a-f]{16}", name))


def parse(text):
    try:
        value = json.loads(text)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def tree(top):
    """Content of a folder: {path: bytes}; a link's value is its target, as text."""
    found = {}
    for where, folders, names in os.walk(top):
        for name in names + [f for f in folders if os.path.islink(os.path.join(where, f))]:
            path = os.path.join(where, name)
            relative = os.path.relpath(path, top)
            if os.path.islink(path):
                found[relative] = os.readlink(path)
            else:
                with open(path, "rb") as f:
                    found[relative] = f.read()
    return found


def differences(want, have):
    """One line for each path that differs."""
    return ["%s: %s" % (p, "missing" if p not in have else
                        "should not be there" if p not in want else "has other bytes")
            for p in sorted(set(want) | set(have)) if want.get(p) != have.get(p)]


# --- what a store holds -------------------------------------------------------------------

class Published:
    """Keys of the results that stand in a store, and the ID of the work behind each: the first
    line of its first file, or its value `id`. Looked at from outside: by names and bytes."""

    def __init__(self, store):
        self.store = store
        self.ids = {}  # key -> ID, None where the result does not tell

    def look(self):
        """The keys that are new since the last look."""
        before = set(self.ids)
        self.look_at_objects()
        self.look_at_records()
        return set(self.ids) - before

    def look_at_objects(self):
        top = os.path.join(self.store, "objects")
        for shard in os.listdir(top) if os.path.isdir(top) else []:
            for rest in os.listdir(os.path.join(top, shard)):
                if shard + rest not in self.ids:
                    folder = os.path.join(top, shard, rest)
                    with open(os.path.join(folder, "result.json"), "rb") as f:
                        self.ids[shard + rest] = id_of(parse(f.read()), folder)

    def look_at_records(self):
        top = os.path.join(self.store, "segments")
        for name in os.listdir(top) if os.path.isdir(top) else []:
            try:
                with open(os.path.join(top, name), "rb") as f:
                    lines = f.read().split(b"\n")[:-1]
            except FileNotFoundError:
                continue  # joined meanwhile
            for line in lines:
                words = line.split(b" ", 2)
                result = parse(words[2]) if len(words) == 3 else None
                if result:
                    self.ids.setdefault(words[1].decode(), id_of(result, ""))


def id_of(result, folder):
    outputs = result.get("outputs") if result else None
    if not outputs:
        return (result or {}).get("values", {}).get("id")
    path = os.path.join(folder, outputs[0]["file"])
    if outputs[0].get("dir"):
        path = os.path.join(path, "first")
    with open(path, encoding="utf-8") as f:
        return f.readline().rstrip("\n")


# --- processes ----------------------------------------------------------------------------

def read_proc(pid, name):
    try:
        with open("/proc/%s/%s" % (pid, name), "rb") as f:
            return f.read()
    except OSError:
        return b""


def start_time(pid):
    """Clock ticks since boot; 0: gone, or a zombie."""
    fields = read_proc(pid, "stat").rpartition(b")")[2].split()
    return int(fields[19]) if len(fields) > 19 and fields[0] not in (b"Z", b"X") else 0


def children(pid):
    found = []
    try:
        threads = os.listdir("/proc/%d/task" % pid)
    except OSError:
        return found
    for thread in threads:
        found += [int(w) for w in read_proc(pid, "task/%s/children" % thread).split()]
    return found


def descendants(pid):
    found = []
    for child in children(pid):
        found += [child] + descendants(child)
    return found


def identities(pids):
    """{(pid, start time)} of those that live."""
    return {(pid, started) for pid, started in ((p, start_time(p)) for p in pids) if started}


def is_host(pid):
    return read_proc(pid, "comm").strip() == b"af2flow-host"


def marked(token):
    """{(pid, start time)} of the living processes with AF2_TOKEN=token in their environment."""
    word = ("AF2_TOKEN=" + token).encode()
    return identities(int(name) for name in os.listdir("/proc")
                      if name.isdigit() and word in read_proc(name, "environ").split(b"\0"))


def still_there(processes):
    return {(pid, started) for pid, started in processes if start_time(pid) == started}


def wait_until_gone(processes, patience, also=lambda: set()):
    """Wait until they, and what also() finds then, have ended: those left, and seconds."""
    begin = time.monotonic()
    while True:
        left = still_there(processes) | also()
        waited = time.monotonic() - begin
        if not left or waited > patience:
            return left, waited
        time.sleep(0.005)


def describe(processes):
    return "; ".join("%d: %s" % (pid, read_proc(pid, "cmdline").replace(b"\0", b" ").decode(
        "utf-8", "replace").strip()) for pid, _ in sorted(processes))

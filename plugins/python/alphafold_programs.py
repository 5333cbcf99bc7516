# SPDX-License-Identifier: Apache-2.0
"""From a configuration and shapes to a compiled program, each made once.

    enable_cache(folder)                          or use_caches(folders, folder)
    programs = Programs()                         one for the life of a worker
    program = programs.program(cfg, batch)        traced, not compiled; batch: shapes
    program.digest                                what the compiler gets, as SHA-256
    program.compile()                             through JAX's persistent cache
    program.need                                  then: memory of a call, or None
    result = program(params, key, batch)          compiles first, if nobody did

Which models share a program is not known beforehand: it is read off the digest. Neither
weights nor features are needed, only their shapes. A program is remembered by the text of
its configuration and by its shapes, so that the next model of a group is not even traced.
Configurations that differ and are lowered to one text are traced each, and compiled once:
the second is found in the cache.

JAX's persistent cache names an entry by a hash of the program, the versions, the options
and the device. With its defaults the path of the cache folder is among the options (of
XLA's own autotuning cache below it), so that a folder that was moved or copied would hold
nothing: that cache is switched off here. What it holds, the choice of kernels on a GPU,
stands in each compiled program anyway. Neither the number of cores nor the number of the
GPU counts, which test_alphafold_programs.py checks for cores.
"""

import collections
import functools
import hashlib
import os
import re
import shutil
import tempfile
import time

import alphafold_config
import alphafold_memory

# Compilations that take longer are told of; what is shorter are single operations.
SLOW_S = 1.0
# NAME-HASH-cache; older versions of JAX name it without the last part.
ENTRY = re.compile(r"[a-zA-Z].*-[0-9a-f]{64}(-cache)?")

Counts = collections.namedtuple("Counts", "compiled slow seconds hits")


class Meter:
    """What JAX compiled in this process, and what it found in the cache."""

    def __init__(self):
        import jax.monitoring
        self.compiled = self.slow = self.hits = 0
        self.seconds = 0.0
        self._hit = False
        jax.monitoring.register_event_listener(self._event)
        jax.monitoring.register_event_duration_secs_listener(self._duration)

    def _event(self, event, **_):
        if event == "/jax/compilation_cache/cache_hits":
            self._hit = True

    def _duration(self, event, seconds, **_):
        if event != "/jax/core/compile/backend_compile_duration":
            return
        if self._hit:  # was told of just before, in the same thread
            self.hits += 1
        else:
            self.compiled += 1
            self.slow += seconds >= SLOW_S
            self.seconds += seconds
        self._hit = False

    def read(self):
        """The counts so far."""
        return Counts(self.compiled, self.slow, self.seconds, self.hits)

    def since(self, before):
        """The counts since a read()."""
        return Counts(*(now - then for now, then in zip(self.read(), before)))


@functools.lru_cache(maxsize=None)
def meter():
    """The meter of this process: JAX forgets no listener."""
    return Meter()


def enable_cache(folder):
    """Have JAX keep what it compiles in `folder`, however small and quick."""
    import jax
    from jax.experimental.compilation_cache import compilation_cache
    values = {
        "jax_enable_compilation_cache": True,
        "jax_compilation_cache_dir": folder,
        "jax_persistent_cache_min_compile_time_secs": 0.0,
        "jax_persistent_cache_min_entry_size_bytes": -1,
    }
    xla = "jax_persistent_cache_enable_xla_caches"
    if hasattr(jax.config, xla):  # older versions have no such caches
        values[xla] = "none"
    if jax.config.jax_compilation_cache_dir != folder:
        compilation_cache.reset_cache()  # it opens a folder once
    for name, value in values.items():
        jax.config.update(name, value)


def disable_cache():
    """Have JAX neither look for nor keep what it compiles."""
    import jax
    from jax.experimental.compilation_cache import compilation_cache
    jax.config.update("jax_compilation_cache_dir", None)
    compilation_cache.reset_cache()


def entries(folder):
    """Names of the cache entries in a folder; none if there is no such folder."""
    try:
        return sorted(name for name in os.listdir(folder) if ENTRY.fullmatch(name))
    except FileNotFoundError:
        return []


def _adopt(source, target):
    """Copy one entry, all of it or nothing."""
    descriptor, part = tempfile.mkstemp(dir=os.path.dirname(target))
    try:
        with os.fdopen(descriptor, "wb") as out, open(source, "rb") as file:
            shutil.copyfileobj(file, out)
        os.replace(part, target)
    except BaseException:
        os.unlink(part)
        raise


def use_caches(folders, private):
    """Have JAX use the folder `private`, with copies of all entries of `folders` in it;
    how many were new. To be called before anything of them is compiled; `private` is
    written to and belongs to this process alone."""
    os.makedirs(private, exist_ok=True)
    count = 0
    for folder in folders:
        for name in entries(folder):
            target = os.path.join(private, name)
            if not os.path.exists(target):
                _adopt(os.path.join(folder, name), target)
                count += 1
    enable_cache(private)
    return count


def canonical(text):
    """The text of a lowered program without what is not the program: the module's name,
    the names of functions inside it (calls of others keep theirs), of arguments and
    results, and locations."""
    word = r"[^()\"]|\"[^\"]*\""
    text = re.sub(r"^#loc.*\n|\s*loc\((?:%s|\((?:%s)*\))*\)" % (word, word), "", text,
                  flags=re.MULTILINE)
    text = re.sub(r"^module @\S+", "module @program", text)
    # Paths of results in the tree that is returned: {jax.result_info = "result['x']"}.
    text = re.sub(r"(?:, )?jax\.[a-z_]+ = \"[^\"]*\"", "", text)
    names = {}
    for name in re.findall(r"^\s*func\.func\s+(?:public |private )?(@[^\s(]+)", text,
                           flags=re.MULTILINE):
        names.setdefault(name, "@f%d" % len(names))
    return re.sub(r"@(?:\"[^\"]*\"|[\w.$-]+)", lambda m: names.get(m[0], m[0]), text)


def digest_of(text):
    """SHA-256 of a lowered program, 64 hex digits."""
    return hashlib.sha256(canonical(text).encode()).hexdigest()


class Program:
    """One lowered program and, once it is needed, its executable."""

    def __init__(self, lowered, seconds):
        self._lowered, self._executable = lowered, None
        self.lower_s = seconds
        self.digest = digest_of(lowered.as_text())
        self.counts = self.need = None  # of compile()

    def compile(self):
        """Compile, or fetch from the cache; the Counts of it. Once."""
        if self._executable is None:
            before = meter().read()
            self._executable = self._lowered.compile()
            self._lowered = None
            self.counts = meter().since(before)
            self.need = alphafold_memory.estimate(self._executable)
        return self.counts

    def __call__(self, params, key, batch):
        self.compile()
        return self._executable(params, key, batch)


def shapes_text(shapes):
    """Shapes {name: shape or such a dictionary} as one text."""
    import jax
    leaves, tree = jax.tree_util.tree_flatten(shapes)
    return "%s %s" % (tree, ["%s%s" % (x.dtype, list(x.shape)) for x in leaves])


def shapes_of(arrays):
    """Shapes of a tree of arrays."""
    import jax
    return jax.tree_util.tree_map(
        lambda x: jax.ShapeDtypeStruct(x.shape, jax.dtypes.canonicalize_dtype(x.dtype)),
        arrays)


class Programs:
    """The programs of this process. `most`: so many are held at once, then a new one begins
    anew; 0: all."""

    def __init__(self, most=0):
        self._known, self._most = {}, most

    def program(self, cfg, batch, params=None):
        """The program of a configuration for a batch and parameters of these shapes
        (params None: those that the network itself says)."""
        key = (alphafold_config.config_text(cfg), shapes_text(batch),
               shapes_text(params) if params is not None else "")
        if key not in self._known:
            if self._most and len(self._known) >= self._most:
                self.forget()
            self._known[key] = self._lower(cfg, batch, params)
        return self._known[key]

    def _lower(self, cfg, batch, params):
        start = time.monotonic()
        meter()
        if params is None:
            params = alphafold_config.param_shapes(cfg)
        lowered = alphafold_config.network(cfg).lower(
            params, alphafold_config.key_shape(), batch)
        return Program(lowered, time.monotonic() - start)

    def forget(self):
        """Let go of all programs and of what JAX remembers of them."""
        import jax
        self._known = {}
        jax.clear_caches()

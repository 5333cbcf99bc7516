# SPDX-License-Identifier: Apache-2.0
"""Run one stage module as a worker of af2flow-host.

    python3 -B af2flow_worker.py STAGE.py [WORD...]        serve requests
    python3 -B af2flow_worker.py --versions STAGE.py       print versions, end

The host writes requests to descriptor 3 and reads replies from descriptor 4. Each is a
frame: a little-endian uint32 length, then that many bytes of JSON. The first frame is
ours, a greeting {"ready": true} or {"fail": CLASS, "message": TEXT}. After that each
request {"method": NAME, "args": {...}, "cpus": N, "gpus": N, "work_dir": PATH} gets one
reply: {"ok": true, "values": {...}, "measures": {...}}, {"fail": CLASS, "message": TEXT} or
{"skip": TEXT}, each with "log": [TEXT...] and "warnings": [TEXT...], which the user sees, of
what was said before. End of file on 3 ends the worker.
Descriptors 1 and 2 stay free for whatever libraries print; both are captured.

A stage module has
    METHODS    {name: function(request) -> None}, request is a Request
    setup      (optional) function(words), called once, before the greeting
    versions   (optional) function() -> {name: (version, path...)}, the files that have it
               or would, if they were there
and says how a task failed by raising Failure(CLASS, TEXT) or Skip(TEXT). Every other
exception is classified here, so that no traceback is ever the only explanation.
"""

import ctypes
import errno
import gc
import importlib.util
import json
import os
import struct
import sys
import traceback

CLASSES = ("exit", "memory", "unavailable", "transient", "permanent")
LARGEST_FRAME = 64 << 20

# A full disk or a network file system that stumbles is about this moment, not the input.
_MEMORY_ERRNO = (errno.ENOMEM,)
_MEMORY_SIGNS = ("resource_exhausted", "bad_alloc", "out of memory", "out_of_memory",
                 "cannot allocate memory")


class Failure(Exception):
    """The task failed: a class of af2flow and one line of text."""

    def __init__(self, cls, message):
        if cls not in CLASSES:
            raise ValueError("no such class of failure: " + cls)
        super().__init__(message)
        self.cls = cls


class Skip(Exception):
    """There is nothing to do for this branch."""


class Request:
    """What a method gets, and where it leaves its results."""

    def __init__(self, frame):
        self.args = frame.get("args", {})
        self.cpus = max(1, int(frame.get("cpus", 1)))
        self.gpus = int(frame.get("gpus", 0))
        self.work_dir = frame.get("work_dir", "")
        self.values, self.measures = {}, {}
        self.lines, self.warnings = [], []

    def text(self, name):
        """An argument as text; a missing one is a fault of the plugin."""
        if name not in self.args:
            raise Failure("permanent", "argument '%s' is missing" % name)
        return self.args[name]

    def real(self, name):
        """An argument as a number."""
        try:
            return float(self.text(name))
        except ValueError:
            raise Failure("permanent", "argument '%s' is not a number: '%s'"
                          % (name, self.args[name])) from None

    def integer(self, name):
        """An argument as a whole number."""
        return int(self.real(name))

    def log(self, text):
        """A line for the attempt's log."""
        self.lines.append(one_line(text))

    def warn(self, text):
        """A line that the user should see, though the task goes on."""
        self.warnings.append(one_line(text))


def one_line(text, limit=500):
    """Text without line breaks, at most `limit` characters."""
    text = " ".join(str(text).split())
    return text if len(text) <= limit else text[: limit - 3] + "..."


def where(error):
    """Name of the exception and the innermost line it came from."""
    frames = traceback.extract_tb(error.__traceback__)
    place = " (%s:%d)" % (os.path.basename(frames[-1].filename), frames[-1].lineno) \
        if frames else ""
    text = one_line(error)
    return type(error).__name__ + (": " + text if text else "") + place


def classify(error):
    """(class, one line of text) of any exception."""
    if isinstance(error, Failure):
        return error.cls, one_line(error)
    if isinstance(error, MemoryError):
        return "memory", one_line(error) or "out of memory"
    if isinstance(error, ImportError):
        return "unavailable", "a Python module is missing: " + one_line(error)
    if isinstance(error, OSError):
        if error.errno in _MEMORY_ERRNO:
            return "memory", one_line(error)
        subject = " '%s'" % error.filename if error.filename else ""
        return "transient", "%s%s" % (error.strerror or one_line(error), subject)
    # JAX, C++ extensions and the like have exceptions of their own for it.
    text = one_line(error)
    if any(sign in text.lower() for sign in _MEMORY_SIGNS):
        return "memory", where(error)
    return "exit", where(error)


def read_exactly(source, size):
    """`size` bytes; fewer only at end of file."""
    parts = []
    while size:
        part = source.read(size)
        if not part:
            break
        parts.append(part)
        size -= len(part)
    return b"".join(parts)


def read_frame(source):
    """The next frame's bytes, or None at its end; EOFError inside a frame."""
    head = read_exactly(source, 4)
    if not head:
        return None
    size = struct.unpack("<I", head)[0] if len(head) == 4 else 0
    if len(head) < 4 or size > LARGEST_FRAME:
        raise EOFError("bad frame header")
    body = read_exactly(source, size)
    if len(body) < size:
        raise EOFError("frame ends early: %d of %d bytes" % (len(body), size))
    return body


def write_frame(sink, reply):
    """Write one reply. NaN and infinity, which JSON has not, are refused."""
    body = json.dumps(reply, allow_nan=False).encode()
    sink.write(struct.pack("<I", len(body)) + body)
    sink.flush()


def load_stage(path):
    """Import the stage module from its file, with its own folder in sys.path."""
    sys.path.insert(0, os.path.dirname(os.path.abspath(path)))
    # The stage may say `from af2flow_worker import Failure`: give it this very module.
    sys.modules.setdefault("af2flow_worker", sys.modules[__name__])
    spec = importlib.util.spec_from_file_location("af2flow_stage", path)
    if spec is None:
        raise ImportError("not a Python file: '%s'" % path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def failed(error):
    """The reply for an exception; what is no Failure leaves its traceback in stderr."""
    if isinstance(error, Skip):
        return {"skip": one_line(error)}
    if not isinstance(error, Failure):
        traceback.print_exception(type(error), error, error.__traceback__)
    cls, message = classify(error)
    return {"fail": cls, "message": message}


def answer(methods, body):
    """The reply to one request."""
    request = Request({})
    try:
        frame = json.loads(body)
        if not isinstance(frame, dict) or frame.get("method") not in methods:
            raise Failure("permanent", "no such request: %s" % one_line(body, 100))
        request = Request(frame)
        methods[frame["method"]](request)
        reply = {"ok": True, "values": request.values, "measures": request.measures}
        json.dumps(reply, allow_nan=False)
    except BaseException as error:  # SystemExit of a library included
        reply = failed(error)
    return {**reply, "log": request.lines, "warnings": request.warnings}


def release(libc=ctypes.CDLL(None)):
    """Give back what the last task had and nobody holds any more: a worker waits for its
    next task, maybe of another size, beside others that need the memory. The C library
    keeps what is freed between two blocks in use, unless it is asked (glibc alone is)."""
    gc.collect()
    if hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)


def serve(stage, words, source, sink):
    """Greet, then answer until end of file. The exit status."""
    try:
        module = load_stage(stage)
        if hasattr(module, "setup"):
            module.setup(words)
    except BaseException as error:
        write_frame(sink, failed(error))
        return 1
    write_frame(sink, {"ready": True, "python": sys.version.split()[0]})
    while True:
        body = read_frame(source)
        if body is None:
            return 0
        reply = answer(module.METHODS, body)
        # What was printed belongs to the attempt that ends with this reply.
        for stream in (sys.stdout, sys.stderr):
            try:
                stream.flush()
            except (OSError, ValueError):
                pass
        write_frame(sink, reply)
        release()


def print_versions(stage):
    """One line `name<TAB>version<TAB>file...` each, for fingerprints."""
    for name, (version, *paths) in sorted(load_stage(stage).versions().items()):
        print("\t".join([name, version, *paths]))
    return 0


def main(argv):
    if len(argv) == 3 and argv[1] == "--versions":
        return print_versions(argv[2])
    if len(argv) < 2:
        print("usage: af2flow_worker.py [--versions] STAGE.py [WORD...]", file=sys.stderr)
        return 2
    try:
        for descriptor in (3, 4):
            os.set_inheritable(descriptor, False)
        with os.fdopen(3, "rb") as source, os.fdopen(4, "wb") as sink:
            return serve(argv[1], argv[2:], source, sink)
    except (EOFError, BrokenPipeError) as error:
        print("af2flow_worker: %s" % (error or "the host is gone"), file=sys.stderr)
    except OSError as error:
        print("af2flow_worker: descriptors 3 and 4 must be open: %s" % error,
              file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main(sys.argv))

# SPDX-License-Identifier: Apache-2.0
"""plugins/python/af2flow_worker.py: framing, classes of failure, a stage end to end."""

import ctypes
import errno
import io
import json
import os
import struct
import subprocess
import sys
import tempfile
import textwrap
import unittest

SOURCE = os.environ.get("AF2_SRCDIR") or os.path.join(os.path.dirname(__file__), "..", "..")
WORKERS = os.path.join(os.path.abspath(SOURCE), "plugins", "python")
sys.path.insert(0, WORKERS)

import af2flow_worker as worker  # noqa: E402

STAGE = """
    import os, sys
    from af2flow_worker import Failure, Skip
    WORDS = []
    def setup(words):
        if words == ["broken"]:
            raise Failure("unavailable", "no licence")
        WORDS.extend(words)
    def add(request):
        print("stray on stdout")
        os.write(1, b"stray on descriptor 1\\n")
        print("stray on stderr", file=sys.stderr)
        request.values["sum"] = request.integer("a") + request.integer("b")
        request.values["words"] = " ".join(WORDS)
        request.measures["cpus"] = request.cpus
        request.log("a\\nb")
    def fail(request):
        raise {"memory": MemoryError(), "import": ImportError("No module named 'x'"),
               "value": ValueError("bad\\nvalue"), "exit": SystemExit(3),
               "permanent": Failure("permanent", "no way"),
               "skip": Skip("nothing to do"),
               "disk": OSError(28, "No space left on device", "/x")}[request.text("how")]
    def nan(request):
        request.log("before")
        request.warn("a\\nwarning")
        request.values["x"] = float("nan")
    KEPT = []
    def resident(request):
        with open("/proc/self/statm") as file:
            pages = int(file.read().split()[1])
        request.values["mib"] = pages * os.sysconf("SC_PAGE_SIZE") >> 20
    def litter(request):
        # 100 MB in a circle, with blocks in use among and behind them
        circle = [bytearray(4000) for _ in range(25000)]
        circle.append(circle)
        KEPT.extend(circle[:-1:1000])
        KEPT.append(bytearray(4000))
        resident(request)
    METHODS = {"add": add, "fail": fail, "nan": nan, "litter": litter, "resident": resident}
    def versions():
        return {"stage": ("1.2", __file__), "table": ("none", "/x", "/y")}
"""


class Framing(unittest.TestCase):
    def test_bad_frames(self):
        for data in (b"\1", b"\5\0\0\0abc", struct.pack("<I", worker.LARGEST_FRAME + 1)):
            with self.subTest(data=data), self.assertRaises(EOFError):
                worker.read_frame(io.BytesIO(data))

    def test_end(self):
        self.assertIsNone(worker.read_frame(io.BytesIO(b"")))

    def test_round_trip(self):
        sink = io.BytesIO()
        worker.write_frame(sink, {"text": "ä", "list": [1, 2.5]})
        sink.seek(0)
        self.assertEqual(json.loads(worker.read_frame(sink)), {"text": "ä",
                                                               "list": [1, 2.5]})

    def test_not_a_number_is_refused(self):
        with self.assertRaises(ValueError):
            worker.write_frame(io.BytesIO(), {"x": float("inf")})


class Classes(unittest.TestCase):
    def test_unknown_class(self):
        with self.assertRaises(ValueError):
            worker.Failure("nonsense", "text")

    def test_classify(self):
        for error, cls, text in (
                (worker.Failure("transient", "a\nb"), "transient", "a b"),
                (MemoryError(), "memory", "out of memory"),
                (OSError(errno.ENOMEM, "no memory"), "memory", "no memory"),
                (RuntimeError("RESOURCE_EXHAUSTED: Out of memory while trying to "
                              "allocate 9 bytes"), "memory", "RESOURCE_EXHAUSTED"),
                (RuntimeError("std::bad_alloc"), "memory", "RuntimeError: std::bad_alloc"),
                (ImportError("No module named 'ost'"), "unavailable", "'ost'"),
                (OSError(errno.ENOSPC, "disk full", "/x"), "transient", "disk full '/x'"),
                (ZeroDivisionError("by zero"), "exit", "ZeroDivisionError: by zero")):
            with self.subTest(error=error):
                got, message = worker.classify(error)
                self.assertEqual(got, cls)
                self.assertIn(text, message)

    def test_one_line(self):
        self.assertEqual(worker.one_line(" a\n\tb "), "a b")
        self.assertEqual(len(worker.one_line("x" * 1000)), 500)


class Requests(unittest.TestCase):
    def test_arguments(self):
        request = worker.Request({"args": {"n": "3", "x": "a"}, "cpus": 0})
        self.assertEqual((request.integer("n"), request.cpus), (3, 1))
        for name in ("x", "absent"):
            with self.subTest(name=name), self.assertRaises(worker.Failure) as caught:
                request.real(name)
            self.assertEqual(caught.exception.cls, "permanent")


class Whole(unittest.TestCase):
    """The program itself, on descriptors 3 and 4."""

    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.stage = os.path.join(self.folder.name, "stage.py")
        with open(self.stage, "w", encoding="utf-8") as file:
            file.write(textwrap.dedent(STAGE))

    def tearDown(self):
        self.folder.cleanup()

    def talk(self, frames, *words, stage=None):
        """(all replies, process) after these raw frames and the end of file."""
        data = b"".join(struct.pack("<I", len(f)) + f for f in frames)
        request, reply = os.path.join(self.folder.name, "in"), \
            os.path.join(self.folder.name, "out")
        with open(request, "wb") as file:
            file.write(data)
        command = 'exec "$@" 3<"$IN" 4>"$OUT"'
        done = subprocess.run(
            ["sh", "-c", command, "sh", sys.executable, "-B",
             os.path.join(WORKERS, "af2flow_worker.py"), stage or self.stage, *words],
            env=dict(os.environ, IN=request, OUT=reply), capture_output=True, timeout=60,
            check=False)
        with open(reply, "rb") as file:
            replies = []
            while (body := worker.read_frame(file)) is not None:
                replies.append(json.loads(body))
        return replies, done

    def test_bad_setup(self):
        replies, done = self.talk([], "broken")
        self.assertEqual(replies, [{"fail": "unavailable", "message": "no licence"}])
        self.assertEqual(done.returncode, 1)

    def test_missing_module(self):
        with open(self.stage, "w", encoding="utf-8") as file:
            file.write("import no_such_module_here\n")
        replies, _ = self.talk([])
        self.assertEqual(replies[0]["fail"], "unavailable")
        self.assertIn("no_such_module_here", replies[0]["message"])

    def test_bad_requests(self):
        replies, done = self.talk([b"{", b"[]", b'{"method": "absent"}'])
        self.assertEqual(done.returncode, 0)
        self.assertEqual(len(replies), 4)
        for reply in replies[1:]:
            self.assertIn(reply["fail"], ("exit", "permanent"))

    def test_failures_leave_it_alive(self):
        hows = ("memory", "import", "value", "exit", "permanent", "disk", "skip")
        frames = [json.dumps({"method": "fail", "args": {"how": how}}).encode()
                  for how in hows]
        frames += [b'{"method": "nan"}', b'{"method": "add", "args": {"a":"1","b":"2"}}']
        replies, done = self.talk(frames)
        self.assertEqual(done.returncode, 0)
        self.assertEqual([r.get("fail") for r in replies[1:7]],
                         ["memory", "unavailable", "exit", "exit", "permanent",
                          "transient"])
        self.assertEqual(replies[3]["message"].split(" (")[0], "ValueError: bad value")
        self.assertEqual(replies[7], {"skip": "nothing to do", "log": [], "warnings": []})
        self.assertEqual(replies[8]["fail"], "exit")
        # What was said before is not lost.
        self.assertEqual((replies[8]["log"], replies[8]["warnings"]),
                         (["before"], ["a warning"]))
        self.assertTrue(replies[9]["ok"])
        self.assertIn(b"Traceback", done.stderr)

    def test_stray_prints(self):
        frame = json.dumps({"method": "add", "args": {"a": "1", "b": "2"}, "cpus": 3})
        replies, done = self.talk([frame.encode()], "one", "two")
        self.assertTrue(replies[0]["ready"])
        self.assertEqual(replies[1], {
            "ok": True, "values": {"sum": 3, "words": "one two"}, "measures": {"cpus": 3},
            "log": ["a b"], "warnings": []})
        self.assertIn(b"stray on stdout", done.stdout)
        self.assertIn(b"stray on stderr", done.stderr)

    @unittest.skipUnless(hasattr(ctypes.CDLL(None), "malloc_trim"), "the C library is not glibc")
    def test_memory_is_given_back(self):
        replies, _ = self.talk([b'{"method": "%s"}' % name for name in
                                (b"resident", b"litter", b"resident")])
        before, most, after = (reply["values"]["mib"] for reply in replies[1:])
        self.assertGreater(most, before + 90)
        self.assertLess(after, before + 20)

    def test_cut_frame_ends_it(self):
        replies, done = self.talk([])
        self.assertEqual((len(replies), done.returncode), (1, 0))
        with open(os.path.join(self.folder.name, "cut"), "wb") as file:
            file.write(b"\x09\0\0\0abc")
        done = subprocess.run(
            ["sh", "-c", 'exec "$@" 3<"$IN" 4>/dev/null', "sh", sys.executable, "-B",
             os.path.join(WORKERS, "af2flow_worker.py"), self.stage],
            env=dict(os.environ, IN=os.path.join(self.folder.name, "cut")),
            capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"frame ends early", done.stderr)

    def test_no_descriptors(self):
        done = subprocess.run(
            ["sh", "-c", 'exec "$@" 3>&- 4>&-', "sh", sys.executable, "-B",
             os.path.join(WORKERS, "af2flow_worker.py"), self.stage],
            capture_output=True, timeout=60, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn(b"descriptors 3 and 4", done.stderr)

    def test_versions(self):
        done = subprocess.run(
            [sys.executable, "-B", os.path.join(WORKERS, "af2flow_worker.py"),
             "--versions", self.stage], capture_output=True, timeout=60, check=True)
        self.assertEqual(done.stdout.decode(),
                         "stage\t1.2\t%s\ntable\tnone\t/x\t/y\n" % self.stage)


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""Room, descriptors and folders that are gone for a while, for real.

File systems of 32 MiB that fill up, that end as read-only, folders that are taken away, few
descriptors: a run waits or fails, with the cause and the place in one line, and goes on when all is
there again, by itself or when it is started again. Root mounts, and does all once more as a user
without rights; such a user mounts in a namespace of its own, where that is allowed.
"""

import contextlib
import os
import queue
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from faults_lib import (AS_NOBODY, BUILD, NOBODY, SOURCE, can_be_nobody,  # noqa: E402
                        environment, results_of)

IN_NAMESPACE = "AF2_FAULTS_NAMESPACE"
PATIENCE = 120

# BALLAST, MARKS come by the environment: what a task is known by does not hold them.
FILL = """digraph fill {
  node [plugin=command]
  a    [argv="sh -c 'echo a >>$MARKS/log; echo a >$0' ${out.o}", outputs="o:text"]
  fill [argv="sh -c 'echo fill >>$MARKS/log; cat $1 $1 >$0; for i in 1 2 3; do cat /dev/zero >>$BALLAST; sync $BALLAST; done; true' ${out.o} ${in.i}",
        inputs="i:text", outputs="o:text"]
  b    [argv="sh -c 'echo b >>$MARKS/log; cat $1 $1 >$0; echo said' ${out.o} ${in.i}", inputs="i:text", outputs="o:text"]
  none [argv="sh -c 'echo none >>$MARKS/log'"]
  a -> fill -> b
  b -> none [order=true]
}
"""
LARGE = """digraph large {
  node [plugin=command]
  x [argv="sh -c 'head -c 3000000 /dev/zero | tr \\\\0 $1 >$0' ${out.o} ${n}", outputs="o:text", expand="n=1..3"]
}
"""
GATE = """digraph gate {
  node [plugin=command]
  a    [argv="sh -c 'echo a >>$MARKS/log; echo a >$0' ${out.o}", outputs="o:text"]
  gate [argv="sh -c 'cat $MARKS/gate >/dev/null; cat $1 $1 >$0' ${out.o} ${in.i}", inputs="i:text", outputs="o:text",
        priority=1]
  c    [argv="cat ${in.i}", inputs="i:text", stdout=o, outputs="o:text", expand="n=1..3"]
  late [argv="cp ${in.i} ${out.o}", inputs="i:text", outputs="o:text"]
  a -> gate -> c
  a -> late
}
"""
MANY = """digraph many {
  many [plugin=command, argv="sh -c 'sleep 0.3; echo $1 >$0' ${out.o} ${n}", outputs="o:text", expand="n=1..24"]
}
"""


def run(*argv):
    return subprocess.run(argv, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          check=False)


class Run:
    """`af2flow run` under way; its lines as they come."""

    def __init__(self, room, workflow, work, as_nobody=False, pause="60s", more=(), setup=None,
                 **env):
        self.room, self.lines, self.queue, self.is_over = room, [], queue.Queue(), False
        with open(os.path.join(room, "room.ini"), "w", encoding="utf-8") as file:
            file.write("[engine]\npause=%s\ngrace=1s\n" % pause)
        user = AS_NOBODY if as_nobody else {}
        # pylint: disable=subprocess-popen-preexec-fn
        self.process = subprocess.Popen(
            [os.path.join(BUILD, "af2flow"), "run", os.path.join(room, workflow),
             "--run-dir", work + "/r", "--store", work + "/s", "--config", room + "/room.ini",
             *more],
            env={**environment(room, MARKS=room + "/marks", **env),
                 "AF2FLOW_PLUGIN_PATH": room + "/plugins"}, cwd=room, text=True,
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            preexec_fn=setup, **user)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        for line in self.process.stdout:
            self.queue.put(line.rstrip("\n"))
        self.queue.put(None)

    def next(self, end):
        line = None
        if not self.is_over:
            line = self.queue.get(timeout=max(0.1, end - time.monotonic()))
            self.is_over = line is None
        if line is not None:
            self.lines.append(line)
        return line

    def wait_for(self, text):
        """The line that says so, None if the run ended before."""
        end = time.monotonic() + PATIENCE
        try:
            while True:
                line = self.next(end)
                if line is None or text in line:
                    return line
        except queue.Empty:
            self.process.kill()
            raise AssertionError("nobody said '%s' in:\n%s" % (text, self.said())) from None

    def end(self):
        self.wait_for("\0")
        code = self.process.wait(PATIENCE)
        self.process.stdout.close()
        return code

    def said(self):
        return "\n".join(self.lines)


class Room(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.users = [False, True] if can_be_nobody() else [False]
        cls.may_mount = os.geteuid() == 0

    def setUp(self):
        self.room = tempfile.mkdtemp(prefix="af2-room.")
        os.chmod(self.room, 0o755)
        self.addCleanup(shutil.rmtree, self.room, True)
        for name, text in (("fill", FILL), ("large", LARGE), ("gate", GATE), ("many", MANY)):
            with open(os.path.join(self.room, name), "w", encoding="utf-8") as file:
                file.write(text)
        for name in ("marks", "cache", "big", "small", "plugins"):
            os.mkdir(os.path.join(self.room, name))
        # In a namespace the build may belong to nobody that is known.
        shutil.copy(os.path.join(BUILD, "plugins", ".libs", "command.so"),
                    self.room + "/plugins")
        self.small = os.path.join(self.room, "small")

    # --- helpers ---------------------------------------------------------------------

    @contextlib.contextmanager
    def mounted(self, kind, as_nobody, options=""):
        """The small file system, empty; skips where there is none to be had."""
        if not self.may_mount:
            self.skipTest("file systems can be mounted by root alone, or in a user's namespace")
        self.assertIn(kind, ("tmpfs", "ext4"))
        if kind == "tmpfs":
            done = run("mount", "-t", "tmpfs", "-o", "size=32m", "none", self.small)
        else:
            image = os.path.join(self.room, "image")
            with open(image, "wb") as file:
                file.truncate(32 << 20)
            if not shutil.which("mkfs.ext4", path="/usr/sbin:/sbin:/usr/bin:/bin"):
                self.skipTest("there is no mkfs.ext4")
            env = {"PATH": "/usr/sbin:/sbin:/usr/bin:/bin"}
            subprocess.run(["mkfs.ext4", "-q", "-b", "4096", "-m", "0", image], check=True, env=env)
            done = run("mount", "-o", "loop" + options, image, self.small)
        if done.returncode:
            self.skipTest("%s cannot be mounted here: %s" % (kind, done.stdout.strip()))
        try:
            os.mkdir(self.small + "/work")
            self.hand_over(as_nobody)
            yield self.small + "/work"
        finally:
            done = run("umount", self.small)
            if done.returncode:
                run("umount", "-l", self.small)
        self.assertEqual(done.returncode, 0, done.stdout)

    def hand_over(self, as_nobody):
        owner = NOBODY if as_nobody else os.geteuid()
        for top, folders, files in os.walk(self.room):
            for name in folders + files:
                os.chown(os.path.join(top, name), owner, owner if as_nobody else os.getegid(),
                         follow_symlinks=False)

    def undisturbed(self, workflow):
        """The results of the workflow where nothing is short."""
        with open(self.room + "/marks/gate", "w", encoding="utf-8"):
            pass
        r = Run(self.room, workflow, self.room + "/big", BALLAST="/dev/null/none")
        self.assertEqual(r.end(), 0, r.said())
        with contextlib.suppress(FileNotFoundError):
            os.unlink(self.room + "/marks/log")
        os.unlink(self.room + "/marks/gate")
        return results_of(self.room + "/big")

    def log(self):
        with open(self.room + "/marks/log", encoding="utf-8") as file:
            return sorted(file.read().split())

    def assert_told(self, r, *words):
        """One line says all of these."""
        self.assertTrue(any(all(w in line for w in words) for line in r.lines),
                        "no line says %s in:\n%s" % (words, r.said()))

    def each(self, test, *kinds):
        """The test with each kind and user, in a room of its own."""
        for kind in kinds:
            for as_nobody in self.users:
                with self.subTest(kind=kind, nobody=as_nobody):
                    self.setUp()
                    test(kind, as_nobody)

    # --- a disk that fills up --------------------------------------------------------

    def goes_on(self, kind, as_nobody):
        want = self.undisturbed("fill")
        with self.mounted(kind, as_nobody) as work:
            ballast = self.small + "/work/ballast"
            r = Run(self.room, "fill", work, as_nobody, BALLAST=ballast)
            line = r.wait_for("paused: ")
            self.assertIsNotNone(line, r.said())
            self.assertIn("No space left on device", line)
            self.assertIn(self.small, line)
            os.unlink(ballast)
            self.assertEqual(r.end(), 0, r.said())
            self.assert_told(r, "goes on after")
            self.assertEqual(results_of(work), want)
            self.assertEqual(self.log(), ["a", "b", "fill", "none"])
            self.assertEqual(os.listdir(work + "/s/tmp"), [])

    def test_a_paused_run_goes_on_by_itself(self):
        self.each(self.goes_on, "tmpfs", "ext4")

    def fails(self, kind, as_nobody):
        want = self.undisturbed("fill")
        with self.mounted(kind, as_nobody) as work:
            ballast = self.small + "/work/ballast"
            r = Run(self.room, "fill", work, as_nobody, pause="1s", BALLAST=ballast)
            self.assertEqual(r.end(), 1, r.said())
            self.assert_told(r, "No space left on device", self.small, "still so after 1.0s")
            os.unlink(ballast)
            r = Run(self.room, "fill", work, as_nobody, BALLAST="/dev/null/none")
            self.assertEqual(r.end(), 0, r.said())
            self.assertEqual(results_of(work), want)
            self.assertEqual(self.log().count("a"), 1)
            self.assertEqual(os.listdir(work + "/s/tmp"), [])

    def test_a_failed_run_goes_on_when_run_again(self):
        self.each(self.fails, "tmpfs", "ext4")

    def test_ctrl_c_ends_a_pause(self):
        with self.mounted("tmpfs", False) as work:
            r = Run(self.room, "fill", work, BALLAST=self.small + "/work/ballast")
            self.assertIsNotNone(r.wait_for("paused: "), r.said())
            r.process.send_signal(2)
            self.assertEqual(r.end(), 130, r.said())

    def outgrows(self, kind, as_nobody):
        """Outputs that do not fit beside a ballast."""
        want = self.undisturbed("large")
        with self.mounted(kind, as_nobody) as work:
            ballast = self.small + "/ballast"
            with open(ballast, "wb") as file:
                file.write(bytes(16 << 20))
            r = Run(self.room, "large", work, as_nobody)
            paused = r.wait_for("paused: ")
            os.unlink(ballast)
            code = r.end()
            self.assertIn(code, (0, 1) if paused else (1,), r.said())
            self.assert_told(r, "No space left on device")
            if code:
                r = Run(self.room, "large", work, as_nobody)
                self.assertEqual(r.end(), 0, r.said())
            self.assertEqual(results_of(work), want)

    def test_outputs_that_do_not_fit(self):
        self.each(self.outgrows, "tmpfs", "ext4")

    def test_a_tool_that_fills_the_disk(self):
        """Its own failure, but told with the reason and the place."""
        with open(self.room + "/large", "w", encoding="utf-8") as file:
            file.write(LARGE.replace("3000000", "90000000"))
        with self.mounted("tmpfs", False) as work:
            r = Run(self.room, "large", work, more=("--cpus", "1"))
            self.assertEqual(r.end(), 1, r.said())
            self.assert_told(r, "x[n=1]: exit: ", "the file system of '" + self.small, "is full")

    def test_a_file_system_that_is_made_larger(self):
        """The object fits, its copy in results/ does not."""
        with open(self.room + "/large", "w", encoding="utf-8") as file:
            file.write(LARGE.replace("1..3", "1..1").replace("3000000", "20000000"))
        want = self.undisturbed("large")
        with self.mounted("tmpfs", False) as work:
            r = Run(self.room, "large", work)
            line = r.wait_for("paused: ")
            self.assertIsNotNone(line, r.said())
            self.assertIn("/r/results/", line)
            done = run("mount", "-i", "-o", "remount,size=128m", "none", self.small)
            if done.returncode:
                r.process.send_signal(2)
                r.end()
                self.skipTest("the tmpfs cannot be made larger: " + done.stdout.strip())
            self.assertEqual(r.end(), 0, r.said())
            self.assertEqual(results_of(work), want)

    # --- folders that go away --------------------------------------------------------

    @contextlib.contextmanager
    def opened(self, fifo, r):
        """Somebody reads the FIFO, and reads its end when this is left."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                fd = os.open(fifo, os.O_WRONLY | os.O_NONBLOCK)
                break
            except OSError:
                if time.monotonic() > end:
                    r.process.kill()
                    raise
                time.sleep(0.02)
        yield
        os.close(fd)

    def behind_gate(self, work, as_nobody, damage, repair, *told):
        """Damage while `gate` runs: one clear line, exit 1; after the repair `run` goes on."""
        gate = self.room + "/marks/gate"
        os.mkfifo(gate)
        os.chmod(gate, 0o666)
        r = Run(self.room, "gate", work, as_nobody, more=("--cpus", "1"))
        self.assertIsNotNone(r.wait_for("gate: started"), r.said())
        with self.opened(gate, r):
            damage()
        self.assertEqual(r.end(), 1, r.said())
        self.assert_told(r, *told)
        repair()
        os.unlink(gate)
        with open(gate, "w", encoding="utf-8"):
            pass
        r = Run(self.room, "gate", work, as_nobody)
        self.assertEqual(r.end(), 0, r.said())
        self.assertEqual(self.log(), ["a"])

    def taken_away(self, part, as_nobody):
        want = self.undisturbed("gate")
        work = self.room + "/small"
        self.hand_over(as_nobody)
        there, away = work + "/" + part, work + "/away"
        self.behind_gate(work, as_nobody, lambda: os.rename(there, away),
                         lambda: os.rename(away, there), there, "No such file or directory")
        self.assertEqual(results_of(work), want)
        self.assertFalse(os.path.exists(away))

    def test_a_store_that_is_taken_away(self):
        self.each(self.taken_away, "s")

    def test_a_run_directory_that_is_taken_away(self):
        self.each(self.taken_away, "r")

    def test_a_file_system_that_becomes_read_only(self):
        want = self.undisturbed("gate")
        with self.mounted("ext4", False, ",errors=remount-ro") as work:
            device = os.stat(work).st_dev
            name = os.path.basename(os.path.realpath(
                "/sys/dev/block/%d:%d" % (os.major(device), os.minor(device))))
            trigger = "/sys/fs/ext4/%s/trigger_fs_error" % name
            if not os.access(trigger, os.W_OK):
                self.skipTest("no error of ext4 can be made here")

            def damage():
                os.sync()  # else what was done is lost as with the power
                with open(trigger, "w", encoding="utf-8") as file:
                    file.write("1")

            def repair():
                self.assertEqual(run("umount", self.small).returncode, 0)
                self.assertEqual(run("mount", "-o", "loop", self.room + "/image",
                                     self.small).returncode, 0)

            self.behind_gate(work, False, damage, repair, "Read-only file system", self.small)
            self.assertEqual(results_of(work), want)

    # --- descriptors -----------------------------------------------------------------

    def few_descriptors(self, kind, as_nobody):
        self.assertEqual(kind, "limit")
        self.hand_over(as_nobody)
        r = Run(self.room, "many", self.small, as_nobody,
                more=("--topology", SOURCE + "/tests/fixtures/topologies/cpu-2x38.xml"),
                setup=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (40, 40)))
        self.assertEqual(r.end(), 0, r.said())
        self.assert_told(r, "Too many open files", "fewer attempts")
        self.assertEqual(len(results_of(self.small)), 1 + 2 * 24, r.said())

    def test_few_descriptors(self):
        self.each(self.few_descriptors, "limit")


if os.geteuid() != 0 and IN_NAMESPACE not in os.environ:
    if run("unshare", "-Urm", "true").returncode == 0:
        os.environ[IN_NAMESPACE] = "1"
        os.execvp("unshare", ["unshare", "-Urm", sys.executable, *sys.argv])

if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""Every kind of system call of engine and hosts fails, in turn (faults.c makes them).

A case is one run of faults.dot in which one call, or every third, or all from one on, fail with one
errno. The run must end by itself, with 0, 1 or 3, and say what went wrong with its path in one line.
What stands in the store then must be what an undisturbed run makes. An undisturbed `run` after that
must give the results and the exit code of a run that was never disturbed, and leave nothing in tmp/.

AF2_CHAOS=long makes more than two thousand cases instead of some dozens, AF2_CHAOS_SEED picks others.
"""

import concurrent.futures
import errno
import os
import random
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
import unittest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from faults_lib import (AS_NOBODY, BUILD, HERE, NOBODY, can_be_nobody,  # noqa: E402
                        environment, objects_of, results_of)

LONG = os.environ.get("AF2_CHAOS") == "long"
SEED = int(os.environ.get("AF2_CHAOS_SEED") or 1)
PATIENCE = 120  # seconds for a run that takes 2
AT_A_TIME = 4   # most of a case is waiting

CALLS = ["create", "open", "read", "write", "copy", "rename", "link", "mkdir", "unlink", "sync",
         "truncate", "chmod", "close", "pipe", "spawn"]
WITHOUT_PATH = ("pipe", "spawn")
ERRNOS = {
    "create": ["ENOSPC", "EIO", "EDQUOT", "EMFILE", "ENFILE", "ENOMEM", "EROFS", "EACCES"],
    "open": ["EIO", "EMFILE", "ENOMEM", "EACCES"],
    "read": ["EIO"],
    "write": ["ENOSPC", "EIO", "EDQUOT"],
    "copy": ["ENOSPC", "EIO", "EDQUOT"],
    "rename": ["ENOSPC", "EIO", "EROFS"],
    "link": ["ENOSPC", "EIO", "EROFS"],
    "mkdir": ["ENOSPC", "EIO", "EDQUOT", "EROFS", "EACCES"],
    "unlink": ["EIO", "EROFS"],
    "sync": ["EIO", "ENOSPC"],
    "truncate": ["EIO"],
    "chmod": ["EIO", "EROFS"],
    "close": ["EIO", "ENOSPC"],
    "pipe": ["EMFILE", "ENFILE", "ENOMEM"],
    "spawn": ["EAGAIN", "ENOMEM"],
}


class Case:
    """One fault and what came of it."""

    def __init__(self, who, call, number, at, how="once"):
        self.who, self.call, self.errno, self.at, self.how = who, call, number, at, how

    def __str__(self):
        return "%s %s %s at %d %s" % (self.who, self.call, self.errno, self.at, self.how)

    def spec(self):
        return "who=%s call=%s errno=%d at=%d how=%s" % (
            self.who, self.call, getattr(errno, self.errno), self.at, self.how)


class Faults(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.shim = os.path.join(BUILD, "tests", "chaos", "faults.so")
        if os.environ.get("AF2_ASAN"):
            raise unittest.SkipTest("a sanitizer wants to be loaded first")
        cls.root = tempfile.mkdtemp(prefix="af2-faults.")
        os.chmod(cls.root, 0o755)
        cls.plugins = os.path.join(cls.root, "plugins")
        os.mkdir(cls.plugins)
        shutil.copy(os.path.join(BUILD, "tests", "fixtures", "plugins", "copy.so"), cls.plugins)
        with open(os.path.join(cls.root, "faults.ini"), "w", encoding="utf-8") as file:
            file.write("[engine]\npause=1s\ngrace=1s\n")
        cls.nobody = can_be_nobody()
        cls.random = random.Random(SEED)
        cls.serial = 0
        cls.began = time.monotonic()
        cls.figures = {"cases": 0, "hit": 0, "exit 1": 0, "exit 0 or 3": 0, "as nobody": 0}
        cls.clean = cls("run_clean").run_clean()

    @classmethod
    def tearDownClass(cls):
        shutil.rmtree(cls.root, ignore_errors=True)
        print("faults: seed %d, %s, %.0f s" % (
            SEED, ", ".join("%s: %d" % item for item in cls.figures.items()),
            time.monotonic() - cls.began), file=sys.stderr)

    # --- one run ---------------------------------------------------------------------

    def room(self):
        type(self).serial += 1
        room = os.path.join(self.root, str(self.serial))
        for name in ("", "work", "marks"):
            os.mkdir(os.path.join(room, name))
        with open(os.path.join(room, "state"), "wb") as file:
            file.write(bytes(4096))
        return room

    def af2flow(self, room, as_nobody, faults=None):
        """Exit code and what was said."""
        work = os.path.join(room, "work")
        env = environment(room, MARKS=room + "/marks")
        if faults is not None:
            env["LD_PRELOAD"] = self.shim
            env["AF2_FAULTS"] = "state=%s/state below=%s %s" % (room, work, faults)
        user = AS_NOBODY if as_nobody else {}
        process = subprocess.Popen(
            [os.path.join(BUILD, "af2flow"), "run", os.path.join(HERE, "faults.dot"),
             "--plugin-dir", self.plugins, "--config", os.path.join(self.root, "faults.ini"),
             "--run-dir", work + "/r", "--store", work + "/s", "--cpus", "2"],
            env=env, cwd=room, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, start_new_session=True, **user)
        try:
            said = process.communicate(timeout=PATIENCE)[0]
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            said = process.communicate()[0] + b"\n(it did not end)\n"
        return process.returncode, said.decode("utf-8", "replace")

    def state(self, room):
        """({who: {call: seen}}, number of failed calls, path of the first)"""
        with open(os.path.join(room, "state"), "rb") as file:
            data = file.read()
        numbers = struct.unpack_from("%dQ" % (2 * len(CALLS) + 2), data)
        seen = {who: dict(zip(CALLS, numbers[i * len(CALLS):]))
                for i, who in enumerate(("engine", "host"))}
        path = data[8 * (2 * len(CALLS) + 2):].split(b"\0", 1)[0]
        return seen, numbers[-1], path.decode("utf-8", "replace")

    def run_clean(self):
        """A run that nothing disturbs: what all others must come to."""
        room = self.room()
        code, said = self.af2flow(room, False, "")
        self.assertEqual(code, 3, said)
        work = os.path.join(room, "work")
        clean = {"seen": self.state(room)[0], "results": results_of(work),
                 "objects": objects_of(work)}
        self.assertGreater(clean["seen"]["engine"]["rename"], 5)
        self.assertGreater(clean["seen"]["host"]["create"], 5)
        self.assertGreater(len(clean["results"]), 5)
        shutil.rmtree(room)
        return clean

    # --- judging ---------------------------------------------------------------------

    def check_said(self, case, room, code, said):
        """A run that did not come to its end says why, in one line."""
        # A plugin that cannot be looked at for lack of processes, and folders that may not be
        # made, are errors of the check.
        is_check = case.call in WITHOUT_PATH or case.errno == "EACCES"
        may = (0, 1, 2, 3) if is_check else (0, 1, 3)
        self.assertIn(code, may, said)
        if code not in (1, 2):
            return
        why = os.strerror(getattr(errno, case.errno))
        for line in said.splitlines():
            if why in line and (case.call in WITHOUT_PATH or room in line):
                return
        self.fail("no line says '%s' and where:\n%s" % (why, said))

    def check_store(self, room):
        """Nothing wrong stands in it, and nothing half."""
        for path, content in objects_of(os.path.join(room, "work")).items():
            self.assertIn(path, self.clean["objects"])
            self.assertEqual(content, self.clean["objects"][path], path)

    def check_end(self, room, code, said):
        work = os.path.join(room, "work")
        self.assertEqual(code, 3, said)
        self.assertEqual(results_of(work), self.clean["results"], said)
        self.assertEqual(objects_of(work), self.clean["objects"], said)
        for folder in ("tmp", "engines"):
            self.assertEqual(os.listdir(os.path.join(work, "s", folder)), [], said)

    def judge(self, case, room, as_nobody):
        if as_nobody:
            for name in ("", "work", "marks", "state"):
                os.chown(os.path.join(room, name), NOBODY, NOBODY)
        code, said = self.af2flow(room, as_nobody, case.spec())
        _, failed, path = self.state(room)
        self.figures["hit"] += failed > 0
        self.figures["exit 1" if code in (1, 2) else "exit 0 or 3"] += 1
        said = "(at '%s', %d times)\n%s" % (path, failed, said)
        self.check_said(case, room, code, said)
        self.check_store(room)
        if code in (0, 3):
            self.assertEqual(results_of(os.path.join(room, "work")), self.clean["results"], said)
        again, more = self.af2flow(room, as_nobody)
        self.check_end(room, again, said + "--- again:\n" + more)

    def run_case(self, case, as_nobody):
        """None, or what is wrong."""
        room = self.room()
        try:
            self.judge(case, room, as_nobody)
        except AssertionError as e:
            return "%s%s: %s" % (case, " as nobody" if as_nobody else "", e)
        finally:
            shutil.rmtree(room, ignore_errors=True)
        return None

    def run_cases(self, cases):
        with concurrent.futures.ThreadPoolExecutor(AT_A_TIME) as pool:
            wrong = list(pool.map(lambda i: self.run_case(cases[i], self.nobody and i % 2 == 1),
                                  range(len(cases))))
        self.figures["cases"] += len(cases)
        self.figures["as nobody"] += len(cases) // 2 if self.nobody else 0
        wrong = [text for text in wrong if text]
        if wrong:
            self.fail("%d of %d cases:\n%s" % (len(wrong), len(cases), "\n".join(wrong[:20])))

    # --- what is tried ---------------------------------------------------------------

    def kinds(self, who):
        """(call, errno, how often an undisturbed run makes it), in a random order."""
        seen = self.clean["seen"][who]
        found = [(call, number, seen[call]) for call in CALLS for number in ERRNOS[call]
                 if seen[call]]
        self.random.shuffle(found)
        return found

    def places(self, count, most):
        every = list(range(1, count + 1))
        return every if count <= most else sorted(self.random.sample(every, most))

    def test_one_call_of_the_engine_fails(self):
        kinds = self.kinds("engine")
        most = 40 if LONG else 1
        self.run_cases([Case("engine", call, number, at)
                        for call, number, count in (kinds if LONG else kinds[:16])
                        for at in self.places(count, most)])

    def test_one_call_of_a_host_fails(self):
        kinds = self.kinds("host")
        most = 40 if LONG else 1
        self.run_cases([Case("host", call, number, at)
                        for call, number, count in (kinds if LONG else kinds[:12])
                        for at in self.places(count, most)])

    def test_all_calls_of_a_kind_fail_from_one_on(self):
        kinds = self.kinds("engine")
        self.run_cases([Case("both", call, number, at, "ever")
                        for call, number, count in (kinds if LONG else kinds[:8])
                        for at in self.places(count, 10 if LONG else 1)])

    def test_every_third_call_fails(self):
        kinds = self.kinds("engine")
        self.run_cases([Case("both", call, number, at, "third")
                        for call, number, count in (kinds if LONG else kinds[:8])
                        for at in self.places(count, 5 if LONG else 1)])

    def test_a_write_is_cut_short(self):
        count = self.clean["seen"]["engine"]["write"]
        self.run_cases([Case("engine", "write", number, at, "short")
                        for number in ("ENOSPC", "EIO")
                        for at in self.places(count, count if LONG else 3)])

    def test_what_is_only_for_speed_or_show(self):
        """Caches, views, links, notes, what is printed: a run does without them."""
        for call, number, only in (
                ("create", "EIO", "/r/index"), ("write", "ENOSPC", "/r/index"),
                ("create", "EROFS", "/s/cache/"), ("write", "EIO", "/s/cache/"),
                ("rename", "EIO", "/topology.xml"), ("rename", "EACCES", "/graph.svg"),
                ("link", "EIO", "/tasks/"),
                ("rename", "EROFS", "/lock.holder"), ("create", "EIO", "/s/runs/"),
                ("create", "EIO", "/attempt-1/"), ("copy", "EIO", "/attempt-1/")):
            with self.subTest(call=call, only=only):
                room = self.room()
                case = Case("both", call, number, 1, "ever")
                code, said = self.af2flow(room, False, case.spec() + " only=" + only)
                self.assertGreater(self.state(room)[1], 0)
                self.assertEqual(code, 3, said)
                self.assertEqual(results_of(room + "/work"), self.clean["results"], said)
                self.check_end(room, *self.af2flow(room, False))
                shutil.rmtree(room)

    def test_slow_folders(self):
        room = self.room()
        code, said = self.af2flow(room, False, "delay=5")
        self.check_end(room, code, said)
        shutil.rmtree(room)


if __name__ == "__main__":
    unittest.main()

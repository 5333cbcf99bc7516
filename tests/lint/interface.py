#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The plugin interface: its header stands alone in C and C++, and a built plugin exports its
entry and nothing else."""
import os
import shlex
import shutil
import subprocess
import tempfile
import unittest

SRC = os.environ.get("AF2_SRCDIR") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("AF2_BUILDDIR", SRC)
USE = """#include <af2flow/plugin.h>
static const af2_plugin plugin = { AF2_MAGIC, sizeof(af2_plugin), AF2_ABI_MAJOR };
const af2_plugin *af2_plugin_entry(const af2_host *host) { return host ? &plugin : 0; }
"""


def compile_text(compiler, options, suffix, text):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "use" + suffix)
        with open(path, "w") as f:
            f.write(text)
        return subprocess.run(
            shlex.split(compiler) + options +
            ["-Wall", "-Wextra", "-Wno-missing-field-initializers", "-Werror", "-fsyntax-only",
             "-I" + os.path.join(SRC, "engine/include"), path],
            stderr=subprocess.PIPE, text=True)


class Header(unittest.TestCase):
    def accept(self, compiler, options, suffix, text=USE):
        done = compile_text(compiler, options, suffix, text)
        self.assertEqual(0, done.returncode, done.stderr)

    def test_c(self):
        cc = os.environ.get("AF2_CC") or "cc"
        for standard in ("c99", "gnu99", "c11", "gnu17"):
            self.accept(cc, ["-std=" + standard, "-Wpedantic", "-Wstrict-prototypes"], ".c")

    def test_c_twice(self):
        self.accept(os.environ.get("AF2_CC") or "cc", [], ".c",
                    "#include <af2flow/plugin.h>\n" + USE)

    def test_cplusplus(self):
        cxx = os.environ.get("AF2_CXX") or shutil.which("g++")
        if not cxx:
            self.skipTest("no C++ compiler")
        for standard in ("c++11", "c++17"):
            self.accept(cxx, ["-std=" + standard, "-Wpedantic"], ".cc")


class Symbols(unittest.TestCase):
    def test_exports(self):
        folder = os.path.join(BUILD, "plugins/.libs")
        names = sorted(n for n in os.listdir(folder) if n.endswith(".so"))
        self.assertGreaterEqual(len(names), 9, folder)
        for name in names:
            lines = subprocess.run(
                ["nm", "-D", "--defined-only", os.path.join(folder, name)],
                stdout=subprocess.PIPE, text=True, check=True).stdout.splitlines()
            symbols = [line.split()[-1] for line in lines]
            if os.environ.get("AF2_ASAN"):
                symbols = [s for s in symbols if "asan" not in s and "ubsan" not in s]
            self.assertEqual(["af2_plugin_entry"], symbols, name)


if __name__ == "__main__":
    unittest.main()

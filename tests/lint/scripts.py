#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Scripts: shell through shellcheck, Python compiled and without unused imports; workflows
through dot."""
import ast
import glob
import os
import shutil
import subprocess
import unittest

ROOT = os.environ.get("AF2_SRCDIR") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def files(*suffixes):
    for folder in ("tests", "plugins", "workflows", "build-aux", ".ci"):
        for where, folders, names in os.walk(os.path.join(ROOT, folder)):
            # fixtures may be as bad as they like; what autoreconf puts here is not ours
            folders[:] = sorted(f for f in folders
                                if f not in ("fixtures", ".libs", "__pycache__", "tmp"))
            for name in sorted(names):
                if name.endswith(suffixes):
                    yield os.path.join(where, name)


def first_line(path):
    with open(path, encoding="utf-8", errors="replace") as f:
        return f.readline()


def ours_without_suffix():
    for name in ("quickstart", ".ci/run", "build-aux/update-lists", "build-aux/coverage",
                 "tests/cmocka_tap"):
        yield os.path.join(ROOT, name)
    for path in sorted(glob.glob(os.path.join(ROOT, "tests/bench/*")) +
                       glob.glob(os.path.join(ROOT, "tests/chaos/*"))):
        name = os.path.basename(path)
        if "." not in name and os.path.isfile(path) and first_line(path).startswith("#!"):
            yield path


def unused_imports(tree):
    imported = {}
    for node in ast.walk(tree):
        if isinstance(node, (ast.Import, ast.ImportFrom)):
            for alias in node.names:
                name = (alias.asname or alias.name).split(".")[0]
                imported[name] = node.lineno
    used = {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)}
    return ["line %d: '%s' is imported and not used" % (line, name)
            for name, line in sorted(imported.items()) if name not in used]


class Shell(unittest.TestCase):
    def check(self, paths, *options):
        paths = list(paths)
        self.assertTrue(paths)
        if not shutil.which("shellcheck"):
            self.skipTest("no shellcheck")
        done = subprocess.run(["shellcheck", *options, *paths], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
        self.assertEqual(0, done.returncode, done.stdout)

    def test_scripts(self):
        shell = [p for p in list(ours_without_suffix()) + list(files(".sh"))
                 if "sh" in first_line(p) and "python" not in first_line(p)
                 and not p.endswith("tap-driver.sh") and not p.endswith("ltmain.sh")]
        self.check(shell)

    def test_bats(self):
        # run sets variables that shellcheck does not see; each test is a subshell on purpose
        self.check(files(".bats", ".bash"), "--shell=bats", "--severity=warning",
                   "--exclude=SC1010,SC2030,SC2031,SC2154")


class Python(unittest.TestCase):
    def test_compiles(self):
        for path in list(files(".py")) + [p for p in ours_without_suffix()
                                          if "python" in first_line(p)]:
            with open(path, encoding="utf-8") as f:
                tree = ast.parse(f.read(), path)
            self.assertEqual([], unused_imports(tree), path)

    def test_unused_imports_are_found(self):
        tree = ast.parse("import os, sys\nfrom a import b as c\nprint(sys.path)\n")
        self.assertEqual(2, len(unused_imports(tree)))


class Workflows(unittest.TestCase):
    def test_dot_draws_them(self):
        if not shutil.which("dot"):
            self.skipTest("no dot")
        paths = list(files(".dot"))
        self.assertGreaterEqual(len(paths), 3)
        for path in paths:
            done = subprocess.run(["dot", "-Tsvg", path], stdout=subprocess.PIPE,
                                  stderr=subprocess.PIPE, text=True)
            self.assertEqual((0, ""), (done.returncode, done.stderr), path)
            self.assertIn("</svg>", done.stdout)


if __name__ == "__main__":
    unittest.main()

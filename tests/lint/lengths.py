#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Lengths of files and functions: fails above the limits, reports the rest as comments."""
import os
import re
import statistics
import sys
import tempfile
import unittest

ROOT = os.environ.get("AF2_SRCDIR") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
FILE_LIMIT, FUNCTION_LIMIT, COLUMN_LIMIT = 600, 120, 120
NAME = re.compile(r"^([A-Za-z_]\w*)\(")


def sources(folders):
    for folder in folders:
        for where, subfolders, files in os.walk(os.path.join(ROOT, folder)):
            subfolders[:] = sorted(f for f in subfolders if not f.startswith("."))
            for name in sorted(files):
                if name.endswith((".c", ".h")):
                    yield os.path.join(where, name)


def functions(path):
    """Name and lines of each function: from the line with its name to the closing brace, both
    in the first column, as the style has them."""
    start, name, body = 0, "", False
    with open(path, encoding="utf-8") as f:
        for number, line in enumerate(f, 1):
            match = NAME.match(line)
            if match and not body:
                start, name = number, match.group(1)
            elif line.startswith("{") and name:
                body = True
            elif line.startswith("}"):
                if body:
                    yield name, number - start + 1
                name, body = "", False


def line_count(path):
    with open(path, encoding="utf-8") as f:
        return sum(1 for _ in f)


def percentile(values, p):
    return sorted(values)[min(len(values) - 1, int(len(values) * p))]


class Lengths(unittest.TestCase):
    def test_files(self):
        counts = {p: line_count(p) for p in sources(["engine", "plugins"])}
        values = list(counts.values())
        print("files: %d, lines: median %d, 95%% %d, most %d, together %d" % (
            len(values), statistics.median(values), percentile(values, 0.95), max(values),
            sum(values)), file=sys.stderr)
        long = ["%s: %d lines" % (os.path.relpath(p, ROOT), n)
                for p, n in counts.items() if n > FILE_LIMIT]
        self.assertEqual([], long)

    def test_functions(self):
        found = [(n, name, p) for p in sources(["engine", "plugins"])
                 for name, n in functions(p)]
        values = [n for n, _, _ in found]
        print("functions: %d, lines: median %d, 95%% %d, most %d" % (
            len(values), statistics.median(values), percentile(values, 0.95), max(values)),
            file=sys.stderr)
        long = ["%s: %s() has %d lines" % (os.path.relpath(p, ROOT), name, n)
                for n, name, p in found if n > FUNCTION_LIMIT]
        self.assertEqual([], long)

    def test_functions_are_found(self):
        with tempfile.NamedTemporaryFile("w", suffix=".c") as f:
            f.write("struct s {\n\tint a;\n};\n\nstatic int\nfoo(int a,\n    int b)\n{\n"
                    "\treturn a;\n}\n\nint proto(void);\n\nvoid\nbar(void)\n{\n}\n")
            f.flush()
            self.assertEqual([("foo", 5), ("bar", 3)], list(functions(f.name)))

    def test_licence_line(self):
        without = []
        for p in sources(["engine", "plugins", "tests"]):
            with open(p, encoding="utf-8") as f:
                if "SPDX-License-Identifier: Apache-2.0" not in f.readline():
                    without.append(os.path.relpath(p, ROOT))
        self.assertEqual([], without)


if __name__ == "__main__":
    unittest.main()

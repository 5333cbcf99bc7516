#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The table of reasons (engine/model/reasons.h) is the manual's, and each has a system test."""
import os
import re
import unittest

SRC = os.environ.get("AF2_SRCDIR") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def text_of(*names):
    parts = []
    for name in names:
        with open(os.path.join(SRC, name), encoding="utf-8") as f:
            parts.append(f.read())
    return "\n".join(parts)


def table():
    """(word, meaning) of each row; adjacent strings are one."""
    rows = re.findall(r'X\(\w+,\s*"([a-z-]+)",\s*((?:"[^"]*"[\s\\]*)+)\)',
                      text_of("engine/model/reasons.h"))
    return [(word, "".join(re.findall(r'"([^"]*)"', meaning))) for word, meaning in rows]


def manual():
    """(word, meaning) of the list in the manual's section on reasons."""
    section = text_of("docs/af2flow.1").split(".Sh REASONS\n", 1)[1].split("\n.Sh ", 1)[0]
    return [(word, " ".join(meaning.split()))
            for word, meaning in re.findall(r"^\.It Li (\S+)\n((?:[^.].*\n?)+)", section, re.M)]


class Reasons(unittest.TestCase):
    def test_table_is_read(self):
        self.assertGreater(len(table()), 35)
        self.assertEqual(text_of("engine/model/reasons.h").count("\tX("), len(table()))

    def test_manual(self):
        self.assertEqual(table(), manual())

    def test_each_is_tested(self):
        tests = text_of("tests/system/plan.bats", "tests/system/explain.bats",
                        "tests/system/locks.bats" if os.path.exists(
                            os.path.join(SRC, "tests/system/locks.bats"))
                        else "tests/system/explain.bats")
        asked = set(re.findall(r"(?:plans|explains|has_word)\s+([a-z-]+)", tests))
        asked |= set(re.findall(r'"reason\\*":\\*"([a-z-]+)\\*"', tests))
        self.assertEqual([], sorted({word for word, _ in table()} - asked))


if __name__ == "__main__":
    unittest.main()

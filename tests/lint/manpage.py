#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The manual page and --help say the same: every command and option of one is in the other."""
import os
import re
import shutil
import subprocess
import unittest

SRC = os.environ.get("AF2_SRCDIR") or os.path.dirname(
    os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("AF2_BUILDDIR", SRC)
PAGE = os.path.join(SRC, "docs/af2flow.1")
OPTION = re.compile(r"(?<![\w-])(--[a-z][a-z-]*|-[a-z])(?![\w-])")


def help_text(*words):
    done = subprocess.run([os.path.join(BUILD, "af2flow"), *words, "--help"],
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 0, (words, done.stderr)
    return done.stdout


def commands():
    """The words that begin an indented line of `af2flow --help`."""
    return [m for m in re.findall(r"^ {2,}([a-z]+)\b", help_text(), re.M)
            if m not in ("usage", "options")]


def page():
    with open(PAGE, encoding="utf-8") as f:
        return f.read()


def page_options(text):
    """Options as mdoc spells them: `.Fl -name`, `.Fl p`."""
    words = re.findall(r"\bFl (-?[a-z][a-z-]*)", text)
    return {"-" + w for w in words}


class ManualPage(unittest.TestCase):
    def test_commands(self):
        found = commands()
        self.assertIn("run", found)
        documented = set(re.findall(r"^\.(?:It|Ss|Nm) .*?\bCm ([a-z]+)", page(), re.M))
        self.assertEqual(set(found), documented)

    def test_options(self):
        told = set()
        for words in [()] + [(c,) for c in commands()]:
            told |= set(OPTION.findall(help_text(*words)))
        told.discard("-h")
        self.assertEqual(sorted(told), sorted(page_options(page()) - {"-h"}))

    def test_formats(self):
        for tool in (["mandoc", "-T", "lint", "-W", "warning"],
                     ["groff", "-mandoc", "-ww", "-z", "-Tascii"],
                     ["man", "--warnings", "-l", "-Tascii"]):
            if shutil.which(tool[0]):
                done = subprocess.run(tool + [PAGE], stdout=subprocess.PIPE,
                                      stderr=subprocess.PIPE, text=True)
                out = done.stderr + (done.stdout if tool[0] == "mandoc" else "")
                self.assertEqual("", out)
                return
        self.skipTest("neither mandoc, groff nor man is here")


if __name__ == "__main__":
    unittest.main()

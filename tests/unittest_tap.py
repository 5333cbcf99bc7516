#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Run the unittest cases of one file and report in TAP: unittest_tap.py FILE.

A test that needs packages which the system's Python lacks says so by a line of its own,

    INTERPRETER = "AF2_ALPHAFOLD_PYTHON"

the name of an environment variable: the file then runs with the Python named there (`make check`
sets it to the environment that `./quickstart alphafold` makes), and is skipped, with the reason,
where it is unset or empty.
"""
import importlib.util
import os
import re
import sys
import unittest


class TapResult(unittest.TestResult):
    """Prints one TAP line a test; the text of a failure as comments below it."""

    def __init__(self, out):
        super().__init__()
        self.out = out
        self.number = 0

    def line(self, test, ok, directive="", text=""):
        self.number += 1
        name = str(test).replace("#", "").replace("\n", " ")
        print("%s %d - %s%s" % ("ok" if ok else "not ok", self.number, name, directive),
              file=self.out)
        for part in text.splitlines():
            print("# " + part, file=self.out)
        self.out.flush()

    def addSuccess(self, test):
        self.line(test, True)

    def addFailure(self, test, err):
        super().addFailure(test, err)
        self.line(test, False, text=self._exc_info_to_string(err, test))

    def addError(self, test, err):
        super().addError(test, err)
        self.line(test, False, text=self._exc_info_to_string(err, test))

    def addSubTest(self, test, subtest, err):
        super().addSubTest(test, subtest, err)
        if err is not None:
            self.line(subtest, False, text=self._exc_info_to_string(err, test))

    def addSkip(self, test, reason):
        super().addSkip(test, reason)
        self.line(test, True, " # SKIP " + reason.replace("\n", " "))

    def addExpectedFailure(self, test, err):
        self.line(test, False, " # TODO expected failure")

    def addUnexpectedSuccess(self, test):
        super().addUnexpectedSuccess(test)
        self.line(test, False, text="succeeded, though a failure was expected")


def use_interpreter(path):
    """Go on with the Python that the test asks for, or skip it."""
    with open(path, encoding="utf-8") as file:
        asked = re.search(r'^INTERPRETER = "(\w+)"$', file.read(), re.MULTILINE)
    if not asked or os.environ.get("UNITTEST_TAP_INTERPRETER") == asked.group(1):
        return
    program = os.environ.get(asked.group(1), "")
    if not program:
        print("1..0 # SKIP %s is not set: the AlphaFold2 packages are not installed "
              "(./quickstart alphafold)" % asked.group(1))
        sys.exit(0)
    os.environ["UNITTEST_TAP_INTERPRETER"] = asked.group(1)
    try:
        os.execv(program, [program] + sys.argv)
    except OSError as error:
        sys.exit("unittest_tap.py: cannot run '%s' (%s): %s"
                 % (program, asked.group(1), error.strerror))


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: unittest_tap.py FILE")
    path = os.path.abspath(sys.argv[1])
    use_interpreter(path)
    # What a test prints must not be taken for TAP: it goes to stderr.
    tap = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    sys.path.insert(0, os.path.dirname(path))
    spec = importlib.util.spec_from_file_location(
        os.path.splitext(os.path.basename(path))[0], path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    result = TapResult(tap)
    unittest.defaultTestLoader.loadTestsFromModule(module).run(result)
    print("1..%d" % result.number, file=tap)
    tap.flush()
    return 0 if result.wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main())

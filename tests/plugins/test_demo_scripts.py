# SPDX-License-Identifier: Apache-2.0
"""workflows/demo/*.py: what makes the demo databases."""

import os
import sys
import tempfile
import unittest

SOURCE = os.environ.get("AF2_SRCDIR") or os.path.join(os.path.dirname(__file__), "..", "..")
sys.path.insert(0, os.path.join(os.path.abspath(SOURCE), "workflows", "demo"))

import clusters_to_hhsuite as clusters  # noqa: E402
import hhsuite_db  # noqa: E402
import structures  # noqa: E402
import swissprot  # noqa: E402


def entries(prefix, kind):
    """{name: bytes} of one kind of an HH-suite database, in the index's order."""
    with open("%s_%s.ffdata" % (prefix, kind), "rb") as file:
        data = file.read()
    found = {}
    with open("%s_%s.ffindex" % (prefix, kind), encoding="ascii") as index:
        for line in index:
            name, offset, length = line.rstrip("\n").split("\t")
            found[name] = data[int(offset):int(offset) + int(length)]
    return found


class SwissProt(unittest.TestCase):
    def test_records(self):
        self.assertEqual(list(swissprot.records([])), [])
        self.assertEqual(list(swissprot.records(["junk\n", ">a b\n", "AC\n", "DE\n", ">c\n"])),
                         [("a b", "ACDE"), ("c", "")])

    def test_restored(self):
        names = swissprot.accessions([">sp|P09052|VASA_DROME_shuffled\n", "ACDE\n"])
        self.assertEqual(names, {"VASA_DROME": "P09052"})
        self.assertEqual(
            list(swissprot.restored([("VASA_DROME_rev", "ACDE"), ("X_Y_rev", "KL")], names)),
            [">sp|P09052|VASA_DROME\nEDCA\n", ">sp|X_Y|X_Y\nLK\n"])


class HHsuite(unittest.TestCase):
    def test_first_sequence(self):
        self.assertEqual(hhsuite_db.first_sequence(b">q x\nAC\nD-E\n>t\nKK\n"), b"ACDE")

    def test_write(self):
        with tempfile.TemporaryDirectory() as folder:
            prefix = os.path.join(folder, "db")
            hhsuite_db.write(prefix, {"b": b">b\nAC\n", "B": b">B\nX\n", "a": b">a\nW\n"})
            a3m, states = entries(prefix, "a3m"), entries(prefix, "cs219")
        self.assertEqual(list(a3m), ["B", "a", "b"])
        self.assertEqual(a3m["b"], b">b\nAC\n\0")
        self.assertEqual(states, {"B": b"\xd8\0", "a": b"\x02\0", "b": b"\x0d\x01\0"})


class Clusters(unittest.TestCase):
    def test_names(self):
        self.assertEqual(clusters.entry_name("sp|P09052|VASA_DROME text"), "P09052")
        self.assertEqual(clusters.entry_name("Q9X text"), "Q9X")

    def test_alignments(self):
        one, two, empty = b"#c\n>sp|P1|A x\nAC\n\0", b">Q2\nDE\n\n\0", b"\0"
        same = b">P1 again\nWW\n\0"
        data = one + two + empty + same
        index, offset = [], 0
        for number, body in enumerate((one, two, empty, same)):
            index.append("%d\t%d\t%d\n" % (number, offset, len(body)))
            offset += len(body)
        self.assertEqual(clusters.alignments(data, index),
                         {"P1": b">sp|P1|A x\nAC\n", "Q2": b">Q2\nDE\n"})

    def test_shards(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "a3m")
            for number in (0, 2, 10):
                open(path + ".%d" % number, "wb").close()
            open(path + ".index", "wb").close()
            self.assertEqual([p.rsplit(".", 1)[1] for p in clusters.shards(path)],
                             ["0", "2", "10"])
            open(path, "wb").close()
            self.assertEqual(clusters.shards(path), [path])


class Structures(unittest.TestCase):
    def test_entry(self):
        self.assertEqual(structures.entry(7, "4GEL", "A", "ACDE"),
                         ("4GEL_A_7", b">4GEL_A_7\nACDE\n"))


if __name__ == "__main__":
    unittest.main()

# SPDX-License-Identifier: Apache-2.0
"""clusters_to_hhsuite.py MMSEQS_A3M PREFIX: an HH-suite database from the alignments
that `mmseqs result2msa --msa-format-mode 6` wrote."""

import glob
import os
import sys

import hhsuite_db


def shards(path):
    """The data files of an MMseqs2 database: one, or PATH.0, PATH.1, ... by thread.
    Offsets in its index run through them as if they were one file."""
    if os.path.exists(path):
        return [path]
    numbered = [p for p in glob.glob(glob.escape(path) + ".*")
                if p.rsplit(".", 1)[1].isdigit()]
    return sorted(numbered, key=lambda p: int(p.rsplit(".", 1)[1]))


def read(path):
    """All bytes of a file."""
    with open(path, "rb") as source:
        return source.read()


def entry_name(header):
    """'P09052' of 'sp|P09052|VASA_DROME', else the first word."""
    word = header.split()[0]
    return word.split("|")[1] if word.count("|") >= 2 else word


def alignments(data, index_lines):
    """{name: a3m}: comment lines before the first record are dropped, of entries with
    one name the first stays."""
    found = {}
    for line in index_lines:
        _, offset, length = (int(x) for x in line.split())
        body = data[offset:offset + length].rstrip(b"\0\n")
        start = body.find(b">")
        if start < 0:
            continue
        body = body[start:]
        name = entry_name(body[1:body.find(b"\n")].decode("ascii"))
        found.setdefault(name, body + b"\n")
    return found


def main(argv):
    source, prefix = argv[1:]
    data = b"".join(read(path) for path in shards(source))
    with open(source + ".index", encoding="ascii") as index:
        found = alignments(data, index)
    if not found:
        sys.exit("no alignment in '%s'" % source)
    hhsuite_db.write(prefix, found)
    print("%d alignments" % len(found))


if __name__ == "__main__":
    main(sys.argv)

# SPDX-License-Identifier: Apache-2.0
"""Writing HH-suite databases: a set of a3m alignments and their column states.

An HH-suite database is a few pairs of files NAME_KIND.ffdata and .ffindex. The index has
a line "entry<TAB>offset<TAB>length" for each entry, sorted bytewise; entries end with a
NUL byte. Kind a3m holds the alignments; kind cs219 holds one letter a column, of 219
column states, which hhblits' prefilter searches (hhsearch wants the files only).

`cstranslate` computes the states in minutes. For one sequence, with the library
cs219.lib, they depend on nothing but the residue: STATES is what cstranslate writes. For
an alignment we write the states of its first sequence. That is less than cstranslate
would find, but with the few ten thousand entries of the demo nearly all pass the
prefilter anyway. Do not make large databases like this.
"""

STATES = bytearray(256)
for _residue, _state in zip(b"ACDEFGHIKLMNPQRSTVWY",
                            (13, 1, 6, 11, 9, 0, 4, 14, 16, 10, 21, 12, 3, 18, 8, 19, 17,
                             15, 2, 7)):
    STATES[_residue] = _state
STATES[ord("X")] = 216
STATES = bytes(STATES)


def states(sequence):
    """The column states of one ungapped sequence (bytes)."""
    return sequence.translate(STATES)


def first_sequence(a3m):
    """The first sequence of an alignment (bytes), without gaps."""
    body = a3m.split(b">", 2)[1].split(b"\n", 1)[1]
    return body.replace(b"\n", b"").replace(b"-", b"").replace(b"\0", b"")


def write_kind(prefix, kind, entries):
    """Write one pair of files. entries: [(name, bytes without the NUL)], sorted."""
    offset = 0
    with open("%s_%s.ffdata" % (prefix, kind), "wb") as data, \
            open("%s_%s.ffindex" % (prefix, kind), "w", encoding="ascii") as index:
        for name, body in entries:
            data.write(body + b"\0")
            index.write("%s\t%d\t%d\n" % (name, offset, len(body) + 1))
            offset += len(body) + 1


def write(prefix, alignments):
    """Write a database from {name: a3m bytes}."""
    names = sorted(alignments, key=str.encode)
    write_kind(prefix, "a3m", ((name, alignments[name]) for name in names))
    write_kind(prefix, "cs219", ((name, states(first_sequence(alignments[name])))
                                 for name in names))

# SPDX-License-Identifier: Apache-2.0
"""swissprot.py REVERSED SHUFFLED OUT: 59,021 Swiss-Prot sequences from Debian's pftools.

The package holds each sequence back to front (reversed.seq, names ending in _rev) for
calibrating profiles: reversed again they are the real ones. Accessions stand in the
other calibration file, window20.seq.
"""

import re
import sys


def records(lines):
    """(header without '>', sequence) of each FASTA record."""
    header, parts = None, []
    for line in lines:
        if line.startswith(">"):
            if header is not None:
                yield header, "".join(parts)
            header, parts = line[1:].strip(), []
        else:
            parts.append(line.strip())
    if header is not None:
        yield header, "".join(parts)


def accessions(lines):
    """{entry name: accession} from headers like '>sp|P09052|VASA_DROME_shuffled'."""
    found = {}
    for line in lines:
        match = re.match(r">sp\|([^|]+)\|(\S+?)_shu", line)
        if match:
            found[match[2]] = match[1]
    return found


def restored(records_reversed, names):
    """FASTA text of each record, the right way round."""
    for header, sequence in records_reversed:
        name = re.sub(r"_rev\w*$", "", header.split()[0])
        yield ">sp|%s|%s\n%s\n" % (names.get(name, name), name, sequence[::-1])


def main(argv):
    reversed_path, shuffled_path, out_path = argv[1:]
    with open(shuffled_path, encoding="ascii") as shuffled:
        names = accessions(shuffled)
    with open(reversed_path, encoding="ascii") as source, \
            open(out_path, "w", encoding="ascii") as out:
        out.writelines(restored(records(source), names))


if __name__ == "__main__":
    main(sys.argv)
